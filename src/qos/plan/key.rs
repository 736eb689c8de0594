//! What one entry of a plan is about: a source, and the service if the plan is per service.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::qos::Prefix;

/// The traffic that one entry of a plan is about.
///
/// ```
/// use qosguard::qos::{PlanKey, Prefix};
///
/// let network = PlanKey::from("203.0.113.0/24".parse::<Prefix>()?);
/// let web = PlanKey { protocol: Some(6), dst_port: Some(443), ..PlanKey::from("203.0.113.7".parse::<Prefix>()?) };
/// assert!(network.contains(&web) && !web.contains(&network));
/// assert_eq!(web.to_string(), "203.0.113.7/32 tcp 443");
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PlanKey {
    /// Host or prefix that sends the traffic.
    pub source: Prefix,
    /// IANA protocol number; `None` for all traffic of the source.
    pub protocol: Option<u8>,
    /// Destination port; `None` for all ports, and for protocols without ports.
    pub dst_port: Option<u16>,
}

impl PlanKey {
    /// Whether all traffic of the other key is traffic of this key.
    pub fn contains(&self, other: &Self) -> bool {
        let is_wider = |own: Option<u16>, other: Option<u16>| own.is_none() || own == other;
        self.source.contains_prefix(&other.source)
            && is_wider(self.protocol.map(u16::from), other.protocol.map(u16::from))
            && is_wider(self.dst_port, other.dst_port)
    }

    /// Whether the key is about one service and not about all traffic of the source.
    pub const fn has_service(&self) -> bool {
        self.protocol.is_some() || self.dst_port.is_some()
    }

    /// The order of entries: IPv4 first, then by address, wide prefixes before narrow ones, then by service.
    pub(super) fn rank(&self) -> (bool, u128, u8, Option<u8>, Option<u16>) {
        let (is_v6, bits) = self.source.bits();
        (is_v6, bits, self.source.length(), self.protocol, self.dst_port)
    }
}

impl From<Prefix> for PlanKey {
    fn from(source: Prefix) -> Self {
        Self { source, protocol: None, dst_port: None }
    }
}

impl Ord for PlanKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl PartialOrd for PlanKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for PlanKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.source)?;
        match self.protocol {
            Some(6) => f.write_str(" tcp")?,
            Some(17) => f.write_str(" udp")?,
            Some(number) => write!(f, " protocol {number}")?,
            None => {}
        }
        self.dst_port.map_or(Ok(()), |port| write!(f, " {port}"))
    }
}
