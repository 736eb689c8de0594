//! One flow with consistent counters.

use std::net::Ipv4Addr;

use crate::rng::Stream;

/// Maximum size of a packet with its headers, bytes.
pub(super) const MTU: u64 = 1500;

/// Transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Tcp,
    Udp,
    Icmp,
}

impl Protocol {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
        }
    }

    /// Bytes of the IP and transport headers without options.
    pub(super) const fn header(self) -> u64 {
        match self {
            Self::Tcp => 40,
            Self::Udp | Self::Icmp => 28,
        }
    }
}

/// The two hosts of a flow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    pub(super) src: Ipv4Addr,
    pub(super) dst: Ipv4Addr,
}

/// Numbers of TCP flags in both directions.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flags {
    pub(super) syn: u64,
    pub(super) fin: u64,
    pub(super) rst: u64,
}

/// The packets of one side.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Half {
    pub(super) packets: u64,
    /// Bytes after the transport headers.
    pub(super) payload: f64,
}

/// The packets of two hosts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exchange {
    pub(super) protocol: Protocol,
    pub(super) service: &'static str,
    pub(super) dst_port: u16,
    pub(super) fwd: Half,
    pub(super) bwd: Half,
    pub(super) flags: Flags,
    /// Seconds from the first to the last packet.
    pub(super) duration: f64,
    /// Standard deviation of the gaps between packets, divided by their mean.
    pub(super) variation: f64,
}

impl Exchange {
    /// A complete TCP session that carries `up` and `down` payload bytes.
    pub(super) fn tcp(service: &'static str, dst_port: u16, up: f64, down: f64) -> Self {
        let segment = (MTU - Protocol::Tcp.header()) as f64;
        let (sent, received) = ((up / segment).ceil() as u64, (down / segment).ceil() as u64);
        Self {
            protocol: Protocol::Tcp,
            service,
            dst_port,
            // The sender adds SYN, ACK and FIN, the receiver SYN-ACK and FIN; every other segment is acknowledged.
            fwd: Half { packets: sent + received.div_ceil(2) + 3, payload: up },
            bwd: Half { packets: received + sent.div_ceil(2) + 2, payload: down },
            flags: Flags { syn: 2, fin: 2, rst: 0 },
            duration: 0.0,
            variation: 1.0,
        }
    }

    /// Datagrams of UDP: packets and payload bytes of each side.
    pub(super) fn udp(service: &'static str, dst_port: u16, fwd: Half, bwd: Half) -> Self {
        Self {
            protocol: Protocol::Udp,
            service,
            dst_port,
            fwd,
            bwd,
            flags: Flags::default(),
            duration: 0.0,
            variation: 1.0,
        }
    }

    /// The UDP flow of `up` and `down` payload bytes in full packets (QUIC).
    pub(super) fn quic(service: &'static str, up: f64, down: f64) -> Self {
        let (sent, received) = ((up / 1200.0).ceil() as u64, (down / 1200.0).ceil() as u64);
        let fwd = Half { packets: sent + received.div_ceil(4) + 2, payload: up };
        Self::udp(service, 443, fwd, Half { packets: received + sent.div_ceil(4) + 2, payload: down })
    }

    /// Echo requests and their replies.
    pub(super) fn ping(service: &'static str, sent: u64, answered: u64) -> Self {
        let half = |packets: u64| Half { packets, payload: 56.0 * packets as f64 };
        Self { protocol: Protocol::Icmp, ..Self::udp(service, 0, half(sent), half(answered)) }
    }

    /// A connection that the server resets or never answers.
    pub(super) fn unanswered(service: &'static str, dst_port: u16, syns: u64, is_reset: bool) -> Self {
        let resets = u64::from(is_reset);
        Self {
            fwd: Half { packets: syns, payload: 0.0 },
            bwd: Half { packets: resets, payload: 0.0 },
            flags: Flags { syn: syns, fin: 0, rst: resets },
            ..Self::tcp(service, dst_port, 0.0, 0.0)
        }
    }

    /// Sets the duration and the variation of the gaps.
    pub(super) fn timed(self, duration: f64, variation: f64) -> Self {
        Self { duration, variation, ..self }
    }

    /// Packets of both sides.
    pub(super) fn packets(&self) -> u64 {
        self.fwd.packets + self.bwd.packets
    }

    /// Bytes of one side with headers, at most the size of full packets.
    fn bytes(&self, half: Half) -> f64 {
        let headers = half.packets * self.protocol.header();
        (headers as f64 + half.payload.round()).min((half.packets * MTU) as f64)
    }

    /// The flow record.
    pub(super) fn into_flow(self, rng: &mut Stream, ends: Ends, family: Option<&'static str>) -> Flow {
        let ephemeral = 32_768 + rng.below(28_232) as u16;
        let src_port = if self.protocol == Protocol::Icmp { 0 } else { ephemeral };
        self.measured(ends, src_port, family)
    }

    /// The flow record with a given source port.
    pub(super) fn measured(self, ends: Ends, src_port: u16, family: Option<&'static str>) -> Flow {
        let gaps = self.packets().saturating_sub(1);
        let duration = if gaps == 0 { 0.0 } else { micro(self.duration).max(1e-6) };
        let iat_mean_ms = if gaps == 0 { 0.0 } else { micro(duration / gaps as f64 * 1e3) };
        // The variation is maximal if one gap takes all the time.
        let max_variation = (gaps.saturating_sub(1) as f64).sqrt();
        Flow {
            ends,
            src_port,
            fwd_bytes: self.bytes(self.fwd),
            bwd_bytes: self.bytes(self.bwd),
            duration,
            iat_mean_ms,
            iat_std_ms: micro(iat_mean_ms * self.variation.min(max_variation)),
            exchange: self,
            family,
        }
    }
}

/// One flow record without its start time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flow {
    pub(super) ends: Ends,
    pub(super) src_port: u16,
    pub(super) exchange: Exchange,
    pub(super) fwd_bytes: f64,
    pub(super) bwd_bytes: f64,
    pub(super) duration: f64,
    pub(super) iat_mean_ms: f64,
    pub(super) iat_std_ms: f64,
    /// Name of the attack; `None` for a clean flow.
    pub(super) family: Option<&'static str>,
}

/// Rounds to six decimals, the microseconds of a flow meter.
pub(super) fn micro(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finish(exchange: Exchange) -> Flow {
        let ends = Ends { src: Ipv4Addr::LOCALHOST, dst: Ipv4Addr::LOCALHOST };
        exchange.into_flow(&mut Stream::new(0, 0), ends, None)
    }

    #[test]
    fn a_tcp_session_counts_its_segments_and_acknowledgements() {
        let flow = finish(Exchange::tcp("web", 443, 1_000.0, 3_000.0).timed(1.1, 0.5));
        // Up: 1 segment, 2 acknowledgements of 3 segments, 3 of its own; down: 3 + 1 + 2.
        assert_eq!((flow.exchange.fwd.packets, flow.exchange.bwd.packets), (6, 6));
        assert_eq!((flow.fwd_bytes, flow.bwd_bytes), (6.0 * 40.0 + 1_000.0, 6.0 * 40.0 + 3_000.0));
        assert_eq!((flow.iat_mean_ms, flow.iat_std_ms), (100.0, 50.0));
    }

    #[test]
    fn one_packet_has_no_duration_and_two_have_no_variation() {
        let one = finish(Exchange::unanswered("other", 9, 1, false).timed(5.0, 2.0));
        assert_eq!((one.duration, one.iat_mean_ms, one.iat_std_ms), (0.0, 0.0, 0.0));
        let two = finish(Exchange::unanswered("other", 9, 1, true).timed(5.0, 2.0));
        assert_eq!((two.duration, two.iat_mean_ms, two.iat_std_ms), (5.0, 5_000.0, 0.0));
        // The standard deviation of two gaps is at most their mean, for gaps of 0 and 2 * mean.
        let three = finish(Exchange::unanswered("other", 9, 3, false).timed(4.0, 9.0));
        assert_eq!((three.iat_mean_ms, three.iat_std_ms), (2_000.0, 2_000.0));
    }

    #[test]
    fn bytes_fit_into_the_packets() {
        let half = Half { packets: 2, payload: 1e9 };
        let flow = finish(Exchange::udp("video", 443, half, half));
        assert_eq!((flow.fwd_bytes, flow.bwd_bytes), (3_000.0, 3_000.0));
    }
}
