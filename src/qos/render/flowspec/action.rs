//! Extended communities: what a router does with the traffic of a `FlowSpec` route.

/// What a router does with the traffic of a route (RFC 8955, section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrafficAction {
    /// Discard what goes beyond a rate; 0 discards everything.
    RateBytes {
        /// Autonomous system that sets the rate; 0 for none.
        local_as: u16,
        /// Bytes per second.
        bytes_per_second: u64,
    },
    /// Discard what goes beyond a number of packets per second.
    RatePackets {
        /// Autonomous system that sets the rate; 0 for none.
        local_as: u16,
        /// Packets per second.
        packets_per_second: u64,
    },
    /// How filtering goes on.
    Filter {
        /// Whether the router also applies the rules after this one (the terminal bit is set).
        go_on: bool,
        /// Whether the router samples the traffic.
        sample: bool,
    },
    /// Send the traffic to a VRF with this route target.
    Redirect {
        /// Autonomous system of the route target.
        target_as: u16,
        /// Number of the route target.
        number: u32,
    },
    /// Mark the traffic with a code point.
    Mark {
        /// `DiffServ` code point, 0 to 63; the two high bits are ignored.
        dscp: u8,
    },
}

impl TrafficAction {
    /// The extended community.
    ///
    /// A rate is a 32-bit floating-point number, rounded down, so a router never lets more pass than the rate. It is never
    /// negative, infinite or NaN, and 0 only for 0.
    ///
    /// ```
    /// use qosguard::qos::flowspec::TrafficAction;
    ///
    /// let limit = TrafficAction::RateBytes { local_as: 64_500, bytes_per_second: 1_000_000 };
    /// assert_eq!(limit.bytes(), [0x80, 0x06, 0xfb, 0xf4, 0x49, 0x74, 0x24, 0x00]);
    /// ```
    pub fn bytes(&self) -> [u8; 8] {
        let rate = |kind, local_as: u16, rate| community(kind, local_as, round_down(rate).to_bits());
        match *self {
            Self::RateBytes { local_as, bytes_per_second } => rate(0x06, local_as, bytes_per_second),
            Self::RatePackets { local_as, packets_per_second } => rate(0x0c, local_as, packets_per_second),
            Self::Filter { go_on, sample } => {
                [0x80, 0x07, 0, 0, 0, 0, 0, u8::from(sample) << 1 | u8::from(go_on)]
            }
            Self::Redirect { target_as, number } => community(0x08, target_as, number),
            Self::Mark { dscp } => [0x80, 0x09, 0, 0, 0, 0, 0, dscp & 0x3f],
        }
    }
}

/// A community of a kind, a number of 16 bits, and one of 32 bits.
fn community(kind: u8, high: u16, low: u32) -> [u8; 8] {
    (0x80 << 56 | u64::from(kind) << 48 | u64::from(high) << 32 | u64::from(low)).to_be_bytes()
}

/// The greatest 32-bit floating-point number that is at most a whole number.
fn round_down(value: u64) -> f32 {
    let rounded = value as f32;
    // A float of 2^64 is above every whole number of 64 bits, and `as` would bring it back to the largest.
    if rounded >= 18_446_744_073_709_551_616.0 || rounded as u64 > value {
        rounded.next_down()
    } else {
        rounded
    }
}
