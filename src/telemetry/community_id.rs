//! Community ID: one identifier of a flow that all network monitors compute alike.

use std::fmt;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha1::{Digest as _, Sha1};

/// Protocol numbers (IANA).
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;
const SCTP: u8 = 132;

/// Types of ICMP requests and of their answers.
const ICMP_PAIRS: [(u8, u8); 5] = [(8, 0), (13, 14), (15, 16), (17, 18), (10, 9)];

/// Types of `ICMPv6` requests and of their answers.
const ICMPV6_PAIRS: [(u8, u8); 6] = [(128, 129), (130, 131), (133, 134), (135, 136), (139, 140), (144, 145)];

/// The values that identify a flow: addresses, protocol and ports.
///
/// # Examples
///
/// ```
/// use qosguard::telemetry::FlowTuple;
///
/// let flow = FlowTuple {
///     src_ip: "128.232.110.120".parse()?,
///     dst_ip: "66.35.250.204".parse()?,
///     protocol: 6,
///     src_port: Some(34855),
///     dst_port: Some(80),
/// };
/// let id = flow.community_id(0).expect("TCP with ports");
/// assert_eq!(id.to_string(), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
/// assert_eq!(flow.reversed().community_id(0), Some(id));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowTuple {
    /// Source address. An IPv4-mapped IPv6 address counts as the IPv4 address.
    pub src_ip: IpAddr,
    /// Destination address, likewise.
    pub dst_ip: IpAddr,
    /// Transport protocol, IANA number.
    pub protocol: u8,
    /// Source port; for ICMP and `ICMPv6` the type.
    pub src_port: Option<u16>,
    /// Destination port; for ICMP and `ICMPv6` the code.
    pub dst_port: Option<u16>,
}

impl FlowTuple {
    /// The same flow with source and destination exchanged. For ICMP this is not the tuple of the answer.
    #[must_use]
    pub const fn reversed(&self) -> Self {
        Self {
            src_ip: self.dst_ip,
            dst_ip: self.src_ip,
            protocol: self.protocol,
            src_port: self.dst_port,
            dst_port: self.src_port,
        }
    }

    /// The Community ID of the flow, version 1, with the seed of the site (0 by default).
    ///
    /// SHA-1 of, in network byte order: seed (2 bytes), lower address, higher address, protocol, a 0, lower port, higher
    /// port. The end with the lower address, or for equal addresses the lower port, comes first, so both directions of a
    /// flow have the same identifier. TCP, UDP and SCTP have ports; any other protocol is hashed without them. For ICMP and
    /// `ICMPv6`, the type takes the place of the source port and the type of the answer the place of the destination
    /// port, so a request and its answer have the same identifier. A type without an answer is hashed with its code and
    /// keeps its direction. Ports of other protocols are ignored.
    ///
    /// `None` for addresses of two IP versions, for TCP, UDP or SCTP without both ports, and for ICMP without a type, or
    /// without a code if the type has no answer.
    ///
    /// Source: <https://github.com/corelight/community-id-spec>.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::telemetry::FlowTuple;
    ///
    /// let (client, server) = ("192.168.0.89".parse()?, "192.168.0.1".parse()?);
    /// let icmp = |src_ip, dst_ip, kind| FlowTuple {
    ///     src_ip,
    ///     dst_ip,
    ///     protocol: 1,
    ///     src_port: Some(kind),
    ///     dst_port: Some(0),
    /// };
    /// let (request, answer) = (icmp(client, server, 8), icmp(server, client, 0));
    /// let id = request.community_id(0).expect("a type");
    /// assert_eq!(id.to_string(), "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
    /// assert_eq!(answer.community_id(0), Some(id));
    /// assert_ne!(request.community_id(1), Some(id));
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    pub fn community_id(&self, seed: u16) -> Option<CommunityId> {
        let (src, dst) = (self.src_ip.to_canonical(), self.dst_ip.to_canonical());
        if src.is_ipv4() != dst.is_ipv4() {
            return None;
        }
        let (ports, is_one_way) = match self.protocol {
            TCP | UDP | SCTP => (Some((self.src_port?, self.dst_port?)), false),
            ICMP => self.icmp_ports(&ICMP_PAIRS)?,
            ICMPV6 => self.icmp_ports(&ICMPV6_PAIRS)?,
            _ => (None, false),
        };
        let (from, to) = ports.unwrap_or_default();
        let is_ordered = is_one_way || (src, from) <= (dst, to);
        let (ends, ports) =
            if is_ordered { ([src, dst], ports) } else { ([dst, src], ports.map(|(from, to)| (to, from))) };
        let mut hash = Sha1::new();
        hash.update(seed.to_be_bytes());
        for address in ends {
            match address {
                IpAddr::V4(address) => hash.update(address.octets()),
                IpAddr::V6(address) => hash.update(address.octets()),
            }
        }
        hash.update([self.protocol, 0]);
        if let Some((first, second)) = ports {
            hash.update(first.to_be_bytes());
            hash.update(second.to_be_bytes());
        }
        Some(CommunityId(hash.finalize().into()))
    }

    /// What takes the place of the ports for ICMP, and whether its type has no answer.
    fn icmp_ports(&self, pairs: &[(u8, u8)]) -> Option<(Option<(u16, u16)>, bool)> {
        let kind = self.src_port?;
        let answer = pairs.iter().find_map(|&(request, answer)| match (request.into(), answer.into()) {
            (request, answer) if request == kind => Some(answer),
            (request, answer) if answer == kind => Some(request),
            _ => None,
        });
        Some(match answer {
            Some(answer) => (Some((kind, answer)), false),
            None => (Some((kind, self.dst_port?)), true),
        })
    }
}

/// A Community ID of version 1. Its text is `1:` and the hash in Base64.
///
/// # Examples
///
/// ```
/// use qosguard::telemetry::FlowTuple;
///
/// let flow = FlowTuple {
///     src_ip: "10.1.12.1".parse()?,
///     dst_ip: "10.1.12.2".parse()?,
///     protocol: 46,
///     src_port: None,
///     dst_port: None,
/// };
/// let id = flow.community_id(0).expect("RSVP has no ports");
/// assert_eq!(id.to_string(), "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw=");
/// assert_eq!(id.to_hex(), "1:28794b920a095bb89f513c934a0c957e4147ccac");
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommunityId([u8; 20]);

impl CommunityId {
    /// The 20 bytes of the hash.
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// `1:` and the hash in 40 hexadecimal digits: the form of monitors that do not use Base64.
    pub fn to_hex(&self) -> String {
        let digits: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("1:{digits}")
    }
}

impl fmt::Display for CommunityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1:{}", STANDARD.encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tuple(protocol: u8, from: Option<u16>, to: Option<u16>) -> FlowTuple {
        let (src_ip, dst_ip) = ([10, 0, 0, 2].into(), [10, 0, 0, 1].into());
        FlowTuple { src_ip, dst_ip, protocol, src_port: from, dst_port: to }
    }

    #[test]
    fn both_directions_have_one_identifier_and_a_one_way_type_has_two() {
        for protocol in [TCP, UDP, SCTP, 46] {
            let flow = tuple(protocol, Some(7), Some(9));
            assert!(flow.community_id(0).is_some());
            assert_eq!(flow.community_id(0), flow.reversed().community_id(0));
        }
        let one_way = tuple(ICMP, Some(3), Some(1));
        let back = FlowTuple { src_ip: one_way.dst_ip, dst_ip: one_way.src_ip, ..one_way };
        assert_ne!(one_way.community_id(0), back.community_id(0));
        for (protocol, pairs) in [(ICMP, &ICMP_PAIRS[..]), (ICMPV6, &ICMPV6_PAIRS)] {
            for &(request, answer) in pairs {
                let request = tuple(protocol, Some(request.into()), Some(0));
                let answer = FlowTuple {
                    src_ip: request.dst_ip,
                    dst_ip: request.src_ip,
                    src_port: Some(answer.into()),
                    dst_port: None,
                    protocol,
                };
                assert!(request.community_id(0).is_some());
                assert_eq!(request.community_id(0), answer.community_id(0));
            }
        }
    }

    #[test]
    fn a_flow_without_the_values_that_are_hashed_has_none() {
        for (protocol, from, to) in [
            (TCP, None, Some(80)),
            (UDP, Some(53), None),
            (SCTP, None, None),
            (ICMP, None, Some(0)),
            (ICMP, Some(3), None),
            (ICMPV6, Some(1), None),
        ] {
            assert_eq!(tuple(protocol, from, to).community_id(0), None, "{protocol}");
        }
        let mixed = FlowTuple { dst_ip: [0, 0, 0, 0, 0, 0, 0, 1].into(), ..tuple(TCP, Some(1), Some(2)) };
        assert_eq!(mixed.community_id(0), None);
    }

    #[test]
    fn a_mapped_address_is_the_ipv4_address() {
        let flow = tuple(TCP, Some(1), Some(2));
        let mapped: IpAddr = "::ffff:10.0.0.2".parse().unwrap();
        assert_eq!(FlowTuple { src_ip: mapped, ..flow }.community_id(0), flow.community_id(0));
    }

    #[test]
    fn ports_of_a_protocol_without_ports_do_not_count() {
        assert_eq!(tuple(47, Some(1), Some(2)).community_id(0), tuple(47, None, None).community_id(0));
    }
}
