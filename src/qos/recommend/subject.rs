//! The values that a rule can compare.

use std::net::IpAddr;

use crate::telemetry::{FlowTuple, protocol_number};

/// A transport protocol, as the source gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol<'a> {
    /// A name such as `tcp`, in any case, or a number as text such as `6`.
    Name(&'a str),
    /// An IANA protocol number.
    Number(u8),
}

/// The flow that a verdict is about, borrowed from a table's row.
///
/// A value that the source does not give is `None`, and no condition on it matches.
///
/// ```
/// use qosguard::qos::{Protocol, Subject};
///
/// let subject = Subject { dst_port: Some(53), protocol: Some(Protocol::Name("udp")), ..Subject::default() };
/// assert_eq!(subject.src_ip, None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Subject<'a> {
    /// Source address. Without any address the flow is allowed, unless the policy's allow-list is empty. An IPv4-mapped IPv6 address counts as the IPv4 address.
    pub src_ip: Option<IpAddr>,
    /// Destination address; an IPv4-mapped IPv6 address counts as the IPv4 address.
    pub dst_ip: Option<IpAddr>,
    /// Source port.
    pub src_port: Option<u16>,
    /// Destination port.
    pub dst_port: Option<u16>,
    /// Transport protocol.
    pub protocol: Option<Protocol<'a>>,
    /// Application service, such as `dns`.
    pub service: Option<&'a str>,
    /// Attack class that a classifier gave.
    pub family: Option<&'a str>,
    /// Whether the source gives an address that cannot be read: it could be one of the allow-list, so nothing is done
    /// about the flow.
    pub unread_address: bool,
    /// ICMP type of the first packet, ignored for other protocols; no rule compares it.
    pub icmp_type: Option<u8>,
    /// ICMP code of the first packet, likewise.
    pub icmp_code: Option<u8>,
    /// Time of the record, in whole seconds since the epoch.
    pub time_s: Option<i64>,
    /// `DiffServ` code point of the packets, 0 to 63.
    pub dscp: Option<u8>,
    /// Mean size of the packets in bytes.
    pub mean_packet_bytes: Option<u32>,
    /// How irregular the packets arrive: standard deviation of the time between packets in percent of its mean; 0 for a fixed interval.
    pub interval_variation: Option<u16>,
    /// How congested the link of the flow is, in percent of its capacity, where the caller gives it.
    pub congestion: Option<u8>,
}

/// Protocol numbers (IANA).
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
/// TCP, UDP and SCTP: the protocols whose ports a Community ID contains.
const WITH_PORTS: [u8; 3] = [6, 17, 132];

impl Subject<'_> {
    /// The values that identify the flow, with its ICMP type and code in place of the ports; `None` without both addresses
    /// or without a known protocol.
    ///
    /// The name `icmp` means `ICMPv6` between IPv6 addresses, as in the logs of Zeek. Two ports that are both 0 count as
    /// unknown: flow meters give them to fragments whose first part they did not see.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::qos::{Protocol, Subject};
    ///
    /// let ping = Subject {
    ///     src_ip: Some("192.168.0.89".parse()?),
    ///     dst_ip: Some("192.168.0.1".parse()?),
    ///     protocol: Some(Protocol::Name("icmp")),
    ///     icmp_type: Some(8),
    ///     ..Subject::default()
    /// };
    /// let id = ping.flow_tuple().and_then(|flow| flow.community_id(0)).expect("a type");
    /// assert_eq!(id.to_string(), "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
    /// assert_eq!(Subject { dst_ip: None, ..ping }.flow_tuple(), None);
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    pub fn flow_tuple(&self) -> Option<FlowTuple> {
        let (src_ip, dst_ip) = (self.src_ip?, self.dst_ip?);
        let protocol = match self.protocol? {
            Protocol::Number(number) => number,
            Protocol::Name(name) => {
                let name = name.trim();
                let is_v6 = src_ip.to_canonical().is_ipv6();
                match protocol_number(name) {
                    Some(ICMP) if is_v6 && name.eq_ignore_ascii_case("icmp") => ICMPV6,
                    Some(number) => number,
                    None if name.eq_ignore_ascii_case("icmpv6") => ICMPV6,
                    None => return None,
                }
            }
        };
        let is_unknown =
            WITH_PORTS.contains(&protocol) && self.src_port == Some(0) && self.dst_port == Some(0);
        let (src_port, dst_port) = match protocol {
            ICMP | ICMPV6 => (self.icmp_type.map(u16::from), self.icmp_code.map(u16::from)),
            _ if is_unknown => (None, None),
            _ => (self.src_port, self.dst_port),
        };
        Some(FlowTuple { src_ip, dst_ip, protocol, src_port, dst_port })
    }
}
