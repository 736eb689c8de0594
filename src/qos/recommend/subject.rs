//! The values that a rule can compare.

use std::net::IpAddr;

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
}
