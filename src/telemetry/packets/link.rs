//! The link layer: finds the IP packet in a frame.

use etherparse::ether_type;

use super::counts::Skipped;
use super::part::Part;

/// The type of a capture's link-layer headers: a number of the tcpdump group's list of `LINKTYPE_` values.
///
/// Any number is valid. Frames with another link type than the constants are counted as unsupported.
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
    /// PPPoE session packets without an Ethernet header.
    pub const PPP_ETHER: Self = Self(51);
    /// ATM with an 802.2 header (RFC 2684).
    pub const ATM_RFC1483: Self = Self(100);
    /// IPv4 or IPv6 without a link layer.
    pub const RAW: Self = Self(101);
    /// Cisco HDLC.
    pub const C_HDLC: Self = Self(104);
    /// Frame Relay, of RFC 2427 or Cisco.
    pub const FRELAY: Self = Self(107);
    /// OpenBSD loopback: a protocol family in network byte order.
    pub const LOOP: Self = Self(108);
    /// Linux "cooked" capture, version 1.
    pub const LINUX_SLL: Self = Self(113);
    /// PPP as Linux's pppd writes it, with the direction in place of the address byte.
    pub const PPP_PPPD: Self = Self(166);
    /// Per-Packet Information: a header that contains the link type of the frame after it.
    pub const PPI: Self = Self(192);
    /// PPP after a byte with the direction.
    pub const PPP_WITH_DIR: Self = Self(204);
    /// Cisco HDLC after a byte with the direction.
    pub const C_HDLC_WITH_DIR: Self = Self(205);
    /// Frame Relay after a byte with the direction.
    pub const FRELAY_WITH_DIR: Self = Self(206);
    /// IPv4 without a link layer.
    pub const IPV4: Self = Self(228);
    /// IPv6 without a link layer.
    pub const IPV6: Self = Self(229);
    /// Linux "cooked" capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);
    /// Ethernet with the tag of a Broadcom switch after the addresses.
    pub const DSA_TAG_BRCM: Self = Self(281);
    /// Ethernet with the tag of a Broadcom switch before the addresses.
    pub const DSA_TAG_BRCM_PREPEND: Self = Self(282);
    /// Ethernet with the tag of a Marvell switch after the addresses.
    pub const DSA_TAG_DSA: Self = Self(284);
    /// Ethernet with the tag of a Marvell switch after the addresses, with an Ethernet type of its own.
    pub const DSA_TAG_EDSA: Self = Self(285);
}

impl LinkType {
    /// The name of a common link type that is not decoded.
    pub(super) const fn unsupported_name(self) -> Option<&'static str> {
        Some(match self.0 {
            6 => "Token Ring",
            8 => "SLIP",
            10 => "FDDI",
            105 => "IEEE 802.11",
            109 => "OpenBSD encapsulation",
            117 => "OpenBSD packet filter log",
            119 => "IEEE 802.11 with a Prism header",
            122 => "IP over Fibre Channel",
            127 => "IEEE 802.11 with radiotap",
            147..=162 => "user-defined",
            163 => "IEEE 802.11 with an AVS header",
            187 | 201 => "Bluetooth HCI",
            189 | 220 => "USB",
            195 | 230 => "IEEE 802.15.4",
            227 => "CAN",
            239 => "netfilter log",
            242 => "IP over InfiniBand",
            247 => "InfiniBand",
            253 => "netlink",
            274 => "Ethernet with preambles",
            _ => return None,
        })
    }
}

/// An encapsulation that carries Ethernet or IP and is not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Encapsulation {
    /// IEEE 802.1AE: encrypted or authenticated Ethernet.
    Macsec,
    /// A Network Service Header (RFC 8300) that carries neither IP nor Ethernet nor MPLS.
    Nsh,
    /// The routing protocol B.A.T.M.A.N. advanced.
    BatmanAdv,
    /// The Lightweight Access Point Protocol.
    Lwapp,
}

impl Encapsulation {
    /// Its usual abbreviation.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Macsec => "MACsec",
            Self::Nsh => "NSH",
            Self::BatmanAdv => "BATMAN-adv",
            Self::Lwapp => "LWAPP",
        }
    }
}

pub(super) const IPV4: u16 = ether_type::IPV4.0;
pub(super) const IPV6: u16 = ether_type::IPV6.0;
const VLAN: u16 = ether_type::VLAN_TAGGED_FRAME.0;
const QINQ: u16 = ether_type::PROVIDER_BRIDGING.0;
const PPPOE_SESSION: u16 = 0x8864;
const MPLS: u16 = 0x8847;
/// MPLS with multicast labels (RFC 5332).
const MPLS_MULTICAST: u16 = 0x8848;
/// Outer VLAN tags from before 802.1ad.
const OLD_QINQ: u16 = 0x9100;
const OLD_QINQ_2: u16 = 0x9200;
const OLD_QINQ_3: u16 = 0x9300;
/// The port extender's tag of IEEE 802.1BR, and its predecessor by Cisco.
const E_TAG: u16 = 0x893f;
const VN_TAG: u16 = 0x8926;
/// Cisco metadata, which carries a security group.
const CISCO_METADATA: u16 = 0x8909;
/// The service tag of a provider backbone bridge (IEEE 802.1ah), before a whole Ethernet frame.
const PBB: u16 = 0x88e7;
/// Cisco `FabricPath`, or Data Center Ethernet: a tag before a whole Ethernet frame.
const FABRIC_PATH: u16 = 0x8903;
/// TRILL (RFC 6325), before a whole Ethernet frame.
const TRILL: u16 = 0x22f3;
/// The redundancy tags of HSR (IEC 62439-3) and IEEE 802.1CB.
const HSR: u16 = 0x892f;
const R_TAG: u16 = 0xf1c1;
/// Network Service Header (RFC 8300).
const NSH: u16 = 0x894f;
/// An 802.2 header in a frame whose length does not fit into the length field.
const JUMBO_LLC: u16 = 0x8870;
/// Encapsulations that are not decoded.
const MACSEC: u16 = 0x88e5;
const BATMAN_ADV: u16 = 0x4305;
const LWAPP: u16 = 0x88bb;
/// An Ethernet frame within another protocol.
const BRIDGED_ETHERNET: u16 = 0x6558;
/// PPP within another protocol.
const PPP: u16 = 0x880b;
/// The field of the Ethernet type holds a length if it is at most this.
const MAX_LENGTH: u16 = 1500;
/// `sll_hatype` of netlink messages. Their protocol numbers are not Ethernet types.
const NETLINK: u16 = 824;

/// An IP packet with the tag of its frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Network<'a> {
    /// The IP header and everything after it.
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
        _ => other_link(link, frame),
    }
}

/// Finds the IP packet in a frame of a less common link type.
fn other_link(link: LinkType, frame: Part<'_>) -> Result<Network<'_>, Skipped> {
    match link {
        LinkType::LINUX_SLL if frame.u16(2)? == NETLINK => Err(Skipped::NotIp),
        LinkType::LINUX_SLL => ether_payload(frame.u16(14)?, frame.after(16)?),
        LinkType::LINUX_SLL2 if frame.u16(8)? == NETLINK => Err(Skipped::NotIp),
        LinkType::LINUX_SLL2 => ether_payload(frame.u16(0)?, frame.after(20)?),
        LinkType::DSA_TAG_BRCM => ether_payload(frame.u16(16)?, frame.after(18)?),
        LinkType::DSA_TAG_BRCM_PREPEND => ethernet(frame.after(4)?),
        LinkType::DSA_TAG_DSA => marvell(frame, 12),
        LinkType::DSA_TAG_EDSA => marvell(frame, 16),
        LinkType::NULL | LinkType::LOOP => loopback(frame),
        LinkType::PPP | LinkType::PPP_HDLC | LinkType::C_HDLC => ppp(frame),
        LinkType::PPP_WITH_DIR | LinkType::C_HDLC_WITH_DIR => ppp(frame.after(1)?),
        LinkType::PPP_PPPD => ppp(frame.after(2)?),
        LinkType::PPP_ETHER => ether_payload(PPPOE_SESSION, frame),
        LinkType::FRELAY => frame_relay(frame),
        LinkType::FRELAY_WITH_DIR => frame_relay(frame.after(1)?),
        LinkType::ATM_RFC1483 => {
            let (ether_type, part) = llc(frame)?;
            ether_payload(ether_type, part)
        }
        LinkType::PPI => match ppi(frame)? {
            (LinkType::PPI, _) => Err(Skipped::UnsupportedLink),
            (link, frame) => network(link, frame),
        },
        _ => Err(Skipped::UnsupportedLink),
    }
}

/// The unsupported link type of a frame. For Per-Packet Information it is the link type in its header.
pub(super) fn unsupported(link: LinkType, frame: Part<'_>) -> LinkType {
    match ppi(frame) {
        Ok((inner, _)) if link == LinkType::PPI => inner,
        _ => link,
    }
}

/// The link type and the frame after Per-Packet Information, whose numbers are little-endian.
fn ppi(frame: Part<'_>) -> Result<(LinkType, Part<'_>), Skipped> {
    let &[_, _, low, high, a, b, c, d] = frame.head()?;
    let length = usize::from(u16::from_le_bytes([low, high]));
    if length < 8 {
        return Err(Skipped::Malformed);
    }
    // No link type has a greater number.
    let link = u16::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(u16::MAX);
    Ok((LinkType(link), frame.after(length)?))
}

/// Finds the IP packet in an Ethernet frame.
#[inline(always)]
pub(super) fn ethernet(frame: Part<'_>) -> Result<Network<'_>, Skipped> {
    ether_payload(frame.u16(12)?, frame.after(14)?)
}

/// Finds the IP packet after an Ethernet type: after VLAN and other tags, MPLS labels, PPPoE and 802.2 headers.
#[inline(always)]
pub(super) fn ether_payload(ether_type: u16, part: Part<'_>) -> Result<Network<'_>, Skipped> {
    match ether_type {
        IPV4 | IPV6 => Ok(Network { ip: part, vlan_id: 0 }),
        _ => tagged(ether_type, part),
    }
}

/// Finds the IP packet after tags and headers.
fn tagged(mut ether_type: u16, mut part: Part<'_>) -> Result<Network<'_>, Skipped> {
    let mut vlan_id = 0;
    // Each iteration consumes bytes of the frame, so the loop terminates.
    loop {
        match ether_type {
            IPV4 | IPV6 => return Ok(Network { ip: part, vlan_id }),
            VLAN | QINQ | OLD_QINQ | OLD_QINQ_2 | OLD_QINQ_3 => {
                if vlan_id == 0 {
                    vlan_id = part.u16(0)? & 0x0fff;
                }
                (ether_type, part) = type_after(part, 2)?;
            }
            MPLS | MPLS_MULTICAST => (ether_type, part) = mpls(part)?,
            PPPOE_SESSION => (ether_type, part) = ppp_payload(part.after(6)?)?,
            PPP => (ether_type, part) = ppp_payload(part)?,
            BRIDGED_ETHERNET => (ether_type, part) = type_after(part, 12)?,
            VN_TAG | HSR | R_TAG => (ether_type, part) = type_after(part, 4)?,
            E_TAG => (ether_type, part) = type_after(part, 6)?,
            // The second byte holds the length in units of 4 bytes.
            CISCO_METADATA => {
                (ether_type, part) = type_after(part, 2 + 4 * usize::from(part.head::<2>()?[1]))?;
            }
            PBB => (ether_type, part) = type_after(part, 4 + 12)?,
            FABRIC_PATH => (ether_type, part) = type_after(part, 2 + 12)?,
            // 5 bits hold the number of options of 4 bytes.
            TRILL => {
                (ether_type, part) = type_after(part, 6 + 4 * usize::from(part.u16(0)? >> 6 & 0x1f) + 12)?;
            }
            NSH => (ether_type, part) = nsh(part)?,
            ..=MAX_LENGTH | JUMBO_LLC => (ether_type, part) = llc(part)?,
            MACSEC => return Err(Skipped::Encapsulated(Encapsulation::Macsec)),
            BATMAN_ADV => return Err(Skipped::Encapsulated(Encapsulation::BatmanAdv)),
            LWAPP => return Err(Skipped::Encapsulated(Encapsulation::Lwapp)),
            _ => return Err(Skipped::NotIp),
        }
    }
}

/// The Ethernet type after `bytes` bytes, and what follows it.
fn type_after(part: Part<'_>, bytes: usize) -> Result<(u16, Part<'_>), Skipped> {
    Ok((part.u16(bytes)?, part.after(bytes + 2)?))
}

/// What follows a stack of MPLS labels: IP, which its version identifies, or the Ethernet frame of a pseudowire, with or
/// without a control word (RFC 4385, RFC 4448).
fn mpls(mut part: Part<'_>) -> Result<(u16, Part<'_>), Skipped> {
    loop {
        let label = u32::from_be_bytes(*part.head()?);
        part = part.after(4)?;
        if label & 0x100 != 0 {
            break;
        }
    }
    let version = part.head::<1>()?[0] >> 4;
    let frame = Likeness::of_frame(part);
    match version {
        // A hardware address may begin with the same digit as the version of IP.
        4 if frame != Likeness::Sure && (fits_ipv4(part) || frame == Likeness::None) => Ok((IPV4, part)),
        6 if frame != Likeness::Sure && (fits_ipv6(part) || frame == Likeness::None) => Ok((IPV6, part)),
        0 => {
            let word = part.after(4)?;
            Ok((BRIDGED_ETHERNET, if frame > Likeness::of_frame(word) { part } else { word }))
        }
        _ if frame > Likeness::None => Ok((BRIDGED_ETHERNET, part)),
        _ => Err(Skipped::NotIp),
    }
}

/// Maximum number of bytes of padding and check sequence after an IP packet.
const TRAILER: usize = 32;

/// Whether the length in an IPv4 header fits the length on the wire.
fn fits_ipv4(part: Part<'_>) -> bool {
    let length = part.u16(2).map_or(0, usize::from);
    let header = part.captured.first().is_some_and(|first| first & 0x0f >= 5);
    header && length >= 20 && (length..=length + TRAILER).contains(&part.wire)
}

/// Whether the length in an IPv6 header fits the length on the wire.
fn fits_ipv6(part: Part<'_>) -> bool {
    let length = part.u16(4).map_or(0, usize::from) + 40;
    (length..=length + TRAILER).contains(&part.wire)
}

/// How likely bytes are an Ethernet frame that carries IP or a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Likeness {
    None,
    /// The Ethernet type fits.
    Likely,
    /// The Ethernet type and the length of the IP packet fit.
    Sure,
}

impl Likeness {
    fn of_frame(part: Part<'_>) -> Self {
        let Ok((kind, ip)) = type_after(part, 12) else { return Self::None };
        let version = ip.captured.first().map(|first| first >> 4);
        match (kind, version) {
            (IPV4, Some(4)) if fits_ipv4(ip) => Self::Sure,
            (IPV6, Some(6)) if fits_ipv6(ip) => Self::Sure,
            (IPV4, Some(4)) | (IPV6, Some(6)) | (VLAN | QINQ | OLD_QINQ | MPLS | PPPOE_SESSION, _) => {
                Self::Likely
            }
            _ => Self::None,
        }
    }
}

/// What follows a Network Service Header, which holds its length in units of 4 bytes.
fn nsh(part: Part<'_>) -> Result<(u16, Part<'_>), Skipped> {
    let &[_, length, _, next] = part.head()?;
    let bytes = usize::from(length & 0x3f) * 4;
    if bytes < 8 {
        return Err(Skipped::Malformed);
    }
    let ether_type = match next {
        1 => IPV4,
        2 => IPV6,
        3 => BRIDGED_ETHERNET,
        4 => NSH,
        5 => MPLS,
        _ => return Err(Skipped::Encapsulated(Encapsulation::Nsh)),
    };
    Ok((ether_type, part.after(bytes)?))
}

/// What follows a PPP protocol number, which may be compressed to one byte (RFC 1661). HDLC address and control bytes
/// may precede it.
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

/// A frame with the 4-byte tag of a Marvell switch at byte `at`. If a bit of the tag is set, it replaces a VLAN tag and
/// contains its identifier.
fn marvell(frame: Part<'_>, at: usize) -> Result<Network<'_>, Skipped> {
    let &[flags, _, high, low] = frame.after(at)?.head()?;
    let network = ether_payload(frame.u16(at + 4)?, frame.after(at + 6)?)?;
    let vlan_id = if flags & 0x20 == 0 { 0 } else { u16::from_be_bytes([high, low]) & 0x0fff };
    Ok(if vlan_id == 0 { network } else { Network { vlan_id, ..network } })
}

/// A PPP frame, or a frame of Cisco HDLC, which has an Ethernet type after its address and control bytes.
fn ppp(frame: Part<'_>) -> Result<Network<'_>, Skipped> {
    let (ether_type, part) = match *frame.head()? {
        [0x0f | 0x8f, 0x00] => type_after(frame, 2)?,
        _ => ppp_payload(frame)?,
    };
    ether_payload(ether_type, part)
}

/// A Frame Relay frame. After its address of 2 to 4 bytes it has an Ethernet type (Cisco), or a control byte and a
/// protocol identifier (RFC 2427).
fn frame_relay(frame: Part<'_>) -> Result<Network<'_>, Skipped> {
    let last = frame.captured.iter().take(4).position(|byte| byte & 1 == 1).ok_or(Skipped::Malformed)?;
    let part = frame.after(last + 1)?;
    let (ether_type, part) = match *part.head()? {
        [0x03, 0x00] => protocol_identifier(part.after(2)?)?,
        [0x03, _] => protocol_identifier(part.after(1)?)?,
        _ => type_after(part, 0)?,
    };
    ether_payload(ether_type, part)
}

/// What follows a network layer protocol identifier (ISO/IEC TR 9577).
fn protocol_identifier(part: Part<'_>) -> Result<(u16, Part<'_>), Skipped> {
    let [identifier] = *part.head()?;
    let rest = part.after(1)?;
    match identifier {
        0xcc => Ok((IPV4, rest)),
        0x8e => Ok((IPV6, rest)),
        0xcf => Ok((PPP, rest)),
        0x80 => snap(rest),
        _ => Err(Skipped::NotIp),
    }
}

/// What follows an 802.2 header: IP in SNAP (RFC 1042), IP with its own service access point, or IP with a protocol
/// identifier (RFC 2684).
fn llc(part: Part<'_>) -> Result<(u16, Part<'_>), Skipped> {
    match part.head()? {
        [0xaa, 0xaa, 0x03] => snap(part.after(3)?),
        [0x06, 0x06, 0x03] => Ok((IPV4, part.after(3)?)),
        [0xfe, 0xfe, 0x03] => protocol_identifier(part.after(3)?),
        _ => Err(Skipped::NotIp),
    }
}

/// What follows a SNAP header: an Ethernet type (RFC 1042 or bridge tunnel) or a bridged frame (RFC 2427, RFC 2684).
fn snap(part: Part<'_>) -> Result<(u16, Part<'_>), Skipped> {
    match part.head()? {
        [0, 0, 0 | 0xf8] => type_after(part, 3),
        // With and without a frame check sequence; ATM pads both to 4 bytes.
        [0, 0x80, 0xc2] if matches!(part.u16(3)?, 1 | 7) => {
            let frame = part.after(5)?;
            Ok((
                BRIDGED_ETHERNET,
                if Likeness::of_frame(frame) > Likeness::None { frame } else { frame.after(2)? },
            ))
        }
        _ => Err(Skipped::NotIp),
    }
}

/// A frame of a loopback interface, after its protocol family. `AF_INET` is 2; `AF_INET6` depends on the system.
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
