//! The components of a `FlowSpec` rule: what traffic it matches.

use std::net::IpAddr;

use crate::qos::Prefix;

/// How a number is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operator {
    /// Equal.
    Equal,
    /// Not equal.
    NotEqual,
    /// Less.
    Less,
    /// Less or equal.
    AtMost,
    /// Greater.
    Greater,
    /// Greater or equal.
    AtLeast,
}

impl Operator {
    /// The bits of the operator: 0x04 less, 0x02 greater, 0x01 equal.
    const fn bits(self) -> u8 {
        match self {
            Self::Equal => 0x01,
            Self::Greater => 0x02,
            Self::AtLeast => 0x03,
            Self::Less => 0x04,
            Self::AtMost => 0x05,
            Self::NotEqual => 0x06,
        }
    }
}

/// One comparison of a numeric component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Term {
    /// How the number is compared.
    pub operator: Operator,
    /// With which number.
    pub value: u64,
    /// Whether the comparison before it must hold too; otherwise one of the two is enough.
    pub and: bool,
}

/// A component of a rule (RFC 8955, section 4.2.2). All components of a rule must match.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Component {
    /// The destination address.
    Destination(Prefix),
    /// The source address.
    Source(Prefix),
    /// The protocol; the next header of IPv6.
    Protocol(Vec<Term>),
    /// The source or the destination port.
    Port(Vec<Term>),
    /// The destination port.
    DestinationPort(Vec<Term>),
    /// The source port.
    SourcePort(Vec<Term>),
    /// Length of the IP packet in bytes.
    PacketLength(Vec<Term>),
    /// The code point.
    Dscp(Vec<Term>),
    /// Fragments: bits 1 don't fragment, 2 is a fragment, 4 first, 8 last; one of the bits must be set.
    Fragment(u8),
}

impl Component {
    /// The number of the component, which gives its place in the NLRI.
    pub const fn code(&self) -> u8 {
        match self {
            Self::Destination(_) => 1,
            Self::Source(_) => 2,
            Self::Protocol(_) => 3,
            Self::Port(_) => 4,
            Self::DestinationPort(_) => 5,
            Self::SourcePort(_) => 6,
            Self::PacketLength(_) => 10,
            Self::Dscp(_) => 11,
            Self::Fragment(_) => 12,
        }
    }

    /// Appends the bytes of the component.
    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        bytes.push(self.code());
        match self {
            Self::Destination(prefix) | Self::Source(prefix) => write_prefix(prefix, bytes),
            Self::Protocol(terms)
            | Self::Port(terms)
            | Self::DestinationPort(terms)
            | Self::SourcePort(terms)
            | Self::PacketLength(terms)
            | Self::Dscp(terms) => write_terms(terms, bytes),
            Self::Fragment(bits) => bytes.extend([0x80, *bits]),
        }
    }
}

/// Length and address; IPv6 has the number of leading bits that do not count in between (RFC 8956, section 3.1).
fn write_prefix(prefix: &Prefix, bytes: &mut Vec<u8>) {
    let length = prefix.length();
    let used = usize::from(length.div_ceil(8));
    bytes.push(length);
    match prefix.address() {
        IpAddr::V4(address) => bytes.extend(address.octets().iter().take(used)),
        IpAddr::V6(address) => {
            bytes.push(0);
            bytes.extend(address.octets().iter().take(used));
        }
    }
}

/// Operator and value of each comparison: 0x80 the last one, 0x40 AND with the one before it, 0x30 the length of the value.
fn write_terms(terms: &[Term], bytes: &mut Vec<u8>) {
    for (at, term) in terms.iter().enumerate() {
        let all = term.value.to_be_bytes();
        let (size, length) = match term.value {
            0..=0xff => (0x00, 1),
            0x100..=0xffff => (0x10, 2),
            0x1_0000..=0xffff_ffff => (0x20, 4),
            _ => (0x30, 8),
        };
        let last = if at + 1 == terms.len() { 0x80 } else { 0 };
        // The first comparison has none before it.
        let and = if term.and && at > 0 { 0x40 } else { 0 };
        bytes.push(last | and | size | term.operator.bits());
        bytes.extend(all.iter().skip(8 - length));
    }
}
