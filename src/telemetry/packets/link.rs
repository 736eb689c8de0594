//! From the link layer to the network layer.

use etherparse::ether_type;

use super::counts::Skipped;
use super::part::Part;

/// What a capture's frames begin with: a number of the tcpdump group's list of link-layer header types.
///
/// Any number may stand here; frames of other link types than the constants are counted as unsupported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LinkType(pub u16);

impl LinkType {
    /// BSD loopback: a protocol family in the byte order of the capturing host.
    pub const NULL: Self = Self(0);
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// PPP, with or without HDLC address and control bytes.
    pub const PPP: Self = Self(9);
    /// IPv4 or IPv6 without a link layer, as some BSDs number it.
    pub const RAW_BSD: Self = Self(12);
    /// IPv4 or IPv6 without a link layer, as OpenBSD numbers it.
    pub const RAW_OPENBSD: Self = Self(14);
    /// PPP in HDLC-like framing, or Cisco HDLC.
    pub const PPP_HDLC: Self = Self(50);
    /// IPv4 or IPv6 without a link layer.
    pub const RAW: Self = Self(101);
    /// OpenBSD loopback: a protocol family in network byte order.
    pub const LOOP: Self = Self(108);
    /// Linux "cooked" capture, version 1.
    pub const LINUX_SLL: Self = Self(113);
    /// IPv4 without a link layer.
    pub const IPV4: Self = Self(228);
    /// IPv6 without a link layer.
    pub const IPV6: Self = Self(229);
    /// Linux "cooked" capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);
}

pub(super) const IPV4: u16 = ether_type::IPV4.0;
pub(super) const IPV6: u16 = ether_type::IPV6.0;
const VLAN: u16 = ether_type::VLAN_TAGGED_FRAME.0;
const QINQ: u16 = ether_type::PROVIDER_BRIDGING.0;
const PPPOE_SESSION: u16 = 0x8864;
const MPLS: u16 = 0x8847;
/// MPLS with multicast labels (RFC 5332).
const MPLS_MULTICAST: u16 = 0x8848;
/// A VLAN tag of before 802.1ad, put outside another one.
const OLD_QINQ: u16 = 0x9100;
/// Ethernet frames within another protocol.
const BRIDGED_ETHERNET: u16 = 0x6558;
/// PPP within another protocol.
const PPP: u16 = 0x880b;
/// A number of at most this in the place of an Ethernet type is a length.
const LONGEST_LENGTH: u16 = 1500;
/// `sll_hatype` of netlink messages, whose protocol numbers are not those of Ethernet.
const NETLINK: u16 = 824;

/// An IP packet and where it came from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Network<'a> {
    /// The IP header and all that follows.
    pub(super) ip: Part<'a>,
    /// Outermost VLAN identifier; 0 without a tag.
    pub(super) vlan_id: u16,
}

/// Finds the IP packet in a frame.
#[inline(always)]
pub(super) fn network(link: LinkType, frame: Part<'_>) -> Result<Network<'_>, Skipped> {
    match link {
        LinkType::ETHERNET => ethernet(frame),
        LinkType::RAW | LinkType::RAW_BSD | LinkType::RAW_OPENBSD | LinkType::IPV4 | LinkType::IPV6 => {
            Ok(Network { ip: frame, vlan_id: 0 })
        }
        LinkType::LINUX_SLL if frame.u16(2)? == NETLINK => Err(Skipped::NotIp),
        LinkType::LINUX_SLL => ether_payload(frame.u16(14)?, frame.after(16)?),
        LinkType::LINUX_SLL2 if frame.u16(8)? == NETLINK => Err(Skipped::NotIp),
        LinkType::LINUX_SLL2 => ether_payload(frame.u16(0)?, frame.after(20)?),
        LinkType::NULL | LinkType::LOOP => loopback(frame),
        LinkType::PPP | LinkType::PPP_HDLC => ppp(frame),
        _ => Err(Skipped::UnsupportedLink),
    }
}

/// Finds the IP packet in an Ethernet frame.
#[inline(always)]
pub(super) fn ethernet(frame: Part<'_>) -> Result<Network<'_>, Skipped> {
    ether_payload(frame.u16(12)?, frame.after(14)?)
}

/// Finds the IP packet behind a type of Ethernet: behind VLAN tags, MPLS labels, PPPoE and SNAP.
#[inline(always)]
pub(super) fn ether_payload(ether_type: u16, mut part: Part<'_>) -> Result<Network<'_>, Skipped> {
    let mut ether_type = ether_type;
    let mut vlan_id = 0;
    // Every turn reads on in the frame, so that the loop ends with it.
    loop {
        match ether_type {
            IPV4 | IPV6 => return Ok(Network { ip: part, vlan_id }),
            VLAN | QINQ | OLD_QINQ => {
                if vlan_id == 0 {
                    vlan_id = part.u16(0)? & 0x0fff;
                }
                ether_type = part.u16(2)?;
                part = part.after(4)?;
            }
            MPLS | MPLS_MULTICAST => (ether_type, part) = mpls(part)?,
            PPPOE_SESSION => (ether_type, part) = ppp_payload(part.after(6)?)?,
            PPP => (ether_type, part) = ppp_payload(part)?,
            BRIDGED_ETHERNET => (ether_type, part) = (part.u16(12)?, part.after(14)?),
            ..=LONGEST_LENGTH => (ether_type, part) = snap(part)?,
            _ => return Err(Skipped::NotIp),
        }
    }
}

/// Behind a stack of MPLS labels: IP, told by its version, or Ethernet behind the control word of a pseudowire
/// (RFC 4385, RFC 4448).
fn mpls(mut part: Part<'_>) -> Result<(u16, Part<'_>), Skipped> {
    loop {
        let label = u32::from_be_bytes(*part.head()?);
        part = part.after(4)?;
        if label & 0x100 != 0 {
            return match part.head::<1>()?[0] >> 4 {
                4 => Ok((IPV4, part)),
                6 => Ok((IPV6, part)),
                0 => Ok((BRIDGED_ETHERNET, part.after(4)?)),
                _ => Err(Skipped::NotIp),
            };
        }
    }
}

/// Behind a PPP protocol number, which may be compressed to one byte (RFC 1661); HDLC address and control bytes
/// may stand before it.
fn ppp_payload(part: Part<'_>) -> Result<(u16, Part<'_>), Skipped> {
    let part = if part.captured.starts_with(&[0xff, 0x03]) { part.after(2)? } else { part };
    let [first] = *part.head()?;
    let (protocol, part) =
        if first & 1 == 1 { (u16::from(first), part.after(1)?) } else { (part.u16(0)?, part.after(2)?) };
    match protocol {
        0x0021 => Ok((IPV4, part)),
        0x0057 => Ok((IPV6, part)),
        0x0281 | 0x0283 => Ok((MPLS, part)),
        _ => Err(Skipped::NotIp),
    }
}

/// A PPP frame, or one of Cisco HDLC, where a type of Ethernet follows address and control bytes.
fn ppp(frame: Part<'_>) -> Result<Network<'_>, Skipped> {
    let (ether_type, part) = match *frame.head()? {
        [0x0f | 0x8f, 0x00] => (frame.u16(2)?, frame.after(4)?),
        _ => ppp_payload(frame)?,
    };
    ether_payload(ether_type, part)
}

/// Behind an 802.2 header: IP in SNAP (RFC 1042).
fn snap(part: Part<'_>) -> Result<(u16, Part<'_>), Skipped> {
    match part.head() {
        Ok([0xaa, 0xaa, 0x03, 0, 0, 0]) => Ok((part.u16(6)?, part.after(8)?)),
        _ => Err(Skipped::NotIp),
    }
}

/// Behind the protocol family of a loopback interface: `AF_INET` is 2, `AF_INET6` differs from system to system.
fn loopback(frame: Part<'_>) -> Result<Network<'_>, Skipped> {
    let family = match *frame.head()? {
        [0, 0, high, low] | [low, high, 0, 0] => u16::from_be_bytes([high, low]),
        _ => 0,
    };
    match family {
        2 | 10 | 23 | 24 | 28 | 30 => Ok(Network { ip: frame.after(4)?, vlan_id: 0 }),
        _ => Err(Skipped::NotIp),
    }
}
