//! Tunnels: IP packets within IP packets.

use etherparse::ip_number;

use super::counts::Skipped;
use super::ip::Payload;
use super::link::{self, Network};
use super::packet::Packet;
use super::part::Part;

const IPV4: u8 = ip_number::IPV4.0;
const IPV6: u8 = ip_number::IPV6.0;
const GRE: u8 = ip_number::GRE.0;
const UDP: u8 = ip_number::UDP.0;

const GTP_U_PORT: u16 = 2152;
const VXLAN_PORT: u16 = 4789;
const GENEVE_PORT: u16 = 6081;

/// GRE protocol types of mirrored Ethernet: ERSPAN types I and II, and type III.
const ERSPAN: u16 = 0x88be;
const ERSPAN_III: u16 = 0x22eb;

/// Finds the IP packet that `packet` carries in a tunnel.
///
/// # Errors
///
/// [`Skipped::NotIp`] if it is not a tunnel, or the tunnel carries another protocol than IP;
/// [`Skipped::Truncated`], [`Skipped::Malformed`].
pub(super) fn inside<'a>(packet: &Packet, payload: &Payload<'a>) -> Result<Network<'a>, Skipped> {
    let part = payload.part;
    if payload.fragment.is_some_and(|fragment| !fragment.is_first) {
        return Err(Skipped::NotIp);
    }
    match packet.protocol {
        IPV4 | IPV6 => Ok(Network { ip: part, vlan_id: 0 }),
        GRE => gre(part),
        UDP => match part.u16(2)? {
            VXLAN_PORT => vxlan(part.after(8)?),
            GENEVE_PORT => geneve(part.after(8)?),
            GTP_U_PORT => gtp_u(part.after(8)?),
            _ => Err(Skipped::NotIp),
        },
        _ => Err(Skipped::NotIp),
    }
}

/// GRE (RFC 2784, RFC 2890, and version 1 of RFC 2637), ERSPAN within it (draft-foschiano-erspan).
fn gre(part: Part<'_>) -> Result<Network<'_>, Skipped> {
    let flags = part.u16(0)?;
    let protocol = part.u16(2)?;
    let has = |flag: u16| usize::from(flags & flag != 0);
    let (checksum, routing, key, sequence) = (has(0x8000), has(0x4000), has(0x2000), has(0x1000));
    let rest = match flags & 7 {
        0 if routing == 0 => part.after(4 + 4 * (checksum + key + sequence))?,
        1 => part.after(4 + 4 * (key + sequence + has(0x0080)))?,
        _ => return Err(Skipped::NotIp),
    };
    match protocol {
        // Type I has no header, and GRE has no sequence number before it.
        ERSPAN => link::ethernet(rest.after(8 * sequence)?),
        ERSPAN_III => {
            // The last bit is set if a platform-specific subheader follows.
            let optional = usize::from(rest.u16(10)? & 1);
            link::ethernet(rest.after(12 + 8 * optional)?)
        }
        // In Ethernet these numbers are lengths. GRE does not use them.
        ..0x0600 => Err(Skipped::NotIp),
        _ => link::ether_payload(protocol, rest),
    }
}

/// VXLAN (RFC 7348).
fn vxlan(part: Part<'_>) -> Result<Network<'_>, Skipped> {
    let [flags] = *part.head()?;
    if flags & 0x08 == 0 { Err(Skipped::NotIp) } else { link::ethernet(part.after(8)?) }
}

/// Geneve (RFC 8926).
fn geneve(part: Part<'_>) -> Result<Network<'_>, Skipped> {
    let [version_and_length] = *part.head()?;
    if version_and_length >> 6 != 0 {
        return Err(Skipped::NotIp);
    }
    let options_bytes = usize::from(version_and_length & 0x3f) * 4;
    link::ether_payload(part.u16(2)?, part.after(8 + options_bytes)?)
}

/// GTP-U, version 1 (3GPP TS 29.281): a user's IP packet after any number of extension headers.
fn gtp_u(part: Part<'_>) -> Result<Network<'_>, Skipped> {
    const USER_PACKET: u8 = 255;
    let [flags, message] = *part.head()?;
    if flags & 0xf0 != 0x30 || message != USER_PACKET {
        return Err(Skipped::NotIp);
    }
    let mut rest = part.after(8)?;
    if flags & 0x07 != 0 {
        let [_, _, _, mut next] = *rest.head()?;
        rest = rest.after(4)?;
        if flags & 0x04 == 0 {
            next = 0;
        }
        while next != 0 {
            let [words] = *rest.head()?;
            let bytes = usize::from(words) * 4;
            let Some(last) = bytes.checked_sub(1) else { return Err(Skipped::Malformed) };
            let after = rest.after(bytes)?;
            next = rest.captured[last];
            rest = after;
        }
    }
    match rest.head::<1>()?[0] >> 4 {
        4 => link::ether_payload(link::IPV4, rest),
        6 => link::ether_payload(link::IPV6, rest),
        _ => Err(Skipped::NotIp),
    }
}
