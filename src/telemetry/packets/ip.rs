//! IPv4 and IPv6 headers and extension headers.

use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice, ip_number};

use super::counts::Skipped;
use super::packet::Packet;
use super::part::Part;

/// The payload of an IP packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Payload<'a> {
    /// The bytes after the IP header and its extension headers.
    pub(super) part: Part<'a>,
    /// Which fragment this is, if the datagram is fragmented.
    pub(super) fragment: Option<Fragment>,
}

/// A fragment of an IP datagram.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fragment {
    /// Identification: 16 bits in IPv4, 32 bits in IPv6.
    pub(super) id: u32,
    /// The protocol number in the header of the fragment.
    pub(super) protocol: u8,
    /// Whether this is the first fragment.
    pub(super) is_first: bool,
}

/// Reads an IP header of either version into `packet`: addresses, sizes, protocol.
///
/// # Errors
///
/// [`Skipped::Truncated`]; [`Skipped::Malformed`], also for an IP version other than 4 and 6.
#[inline(always)]
pub(super) fn read<'a>(part: Part<'a>, packet: &mut Packet) -> Result<Payload<'a>, Skipped> {
    match part.head::<1>()?[0] >> 4 {
        4 => ipv4(part, packet),
        6 => ipv6(part, packet),
        _ => Err(Skipped::Malformed),
    }
}

#[inline(always)]
fn ipv4<'a>(part: Part<'a>, packet: &mut Packet) -> Result<Payload<'a>, Skipped> {
    let first = part.head::<20>()?[0];
    let header_bytes = usize::from(first & 0x0f) * 4;
    let header = Ipv4HeaderSlice::from_slice(part.captured).map_err(|_| match header_bytes {
        20.. => part.too_short(header_bytes),
        _ => Skipped::Malformed,
    })?;
    let part = match usize::from(header.total_len()) {
        // Segmentation offload: the host captured the packet before its network card split it and wrote the lengths.
        0 => part,
        total if total < header_bytes => return Err(Skipped::Malformed),
        total => part.up_to(total),
    };
    packet.ip_version = 4;
    packet.src = mapped(header.source());
    packet.dst = mapped(header.destination());
    packet.protocol = header.protocol().0;
    packet.ttl = header.ttl();
    packet.tos = part.captured[1];
    packet.ip_bytes = part.wire as u32;
    let fragment = header.is_fragmenting_payload().then(|| Fragment {
        id: u32::from(header.identification()),
        protocol: packet.protocol,
        is_first: header.fragments_offset().value() == 0,
    });
    extensions(part.after(header_bytes)?, fragment, packet)
}

#[inline(always)]
fn ipv6<'a>(part: Part<'a>, packet: &mut Packet) -> Result<Payload<'a>, Skipped> {
    part.head::<40>()?;
    let header = Ipv6HeaderSlice::from_slice(part.captured).map_err(|_| Skipped::Malformed)?;
    packet.protocol = header.next_header().0;
    let part = match usize::from(header.payload_length()) {
        // A jumbogram, or a packet before segmentation offload.
        0 if packet.protocol != ip_number::IPV6_NO_NEXT_HEADER.0 => part,
        payload => part.up_to(payload + 40),
    };
    packet.ip_version = 6;
    packet.src = header.source();
    packet.dst = header.destination();
    packet.ttl = header.hop_limit();
    packet.tos = header.traffic_class();
    packet.ip_bytes = part.wire as u32;
    extensions(part.after(40)?, None, packet)
}

/// Skips the authentication header (IPv4 and IPv6) and the extension headers of IPv6 (RFC 8200).
///
/// Stops at the first header that the capture does not hold; `protocol` is then the number of that header.
#[inline(always)]
fn extensions<'a>(
    mut part: Part<'a>,
    mut fragment: Option<Fragment>,
    packet: &mut Packet,
) -> Result<Payload<'a>, Skipped> {
    const HOP_BY_HOP: u8 = ip_number::IPV6_HEADER_HOP_BY_HOP.0;
    const ROUTING: u8 = ip_number::IPV6_ROUTE_HEADER.0;
    const FRAGMENT: u8 = ip_number::IPV6_FRAGMENTATION_HEADER.0;
    const AUTHENTICATION: u8 = ip_number::AUTHENTICATION_HEADER.0;
    const DESTINATION: u8 = ip_number::IPV6_DESTINATION_OPTIONS.0;
    const MOBILITY: u8 = ip_number::MOBILITY_HEADER.0;
    const HIP: u8 = ip_number::HIP.0;
    const SHIM6: u8 = ip_number::SHIM6.0;

    // Each iteration consumes bytes of the packet, so the loop terminates.
    while fragment.is_none_or(|fragment| fragment.is_first) {
        let Ok(&[next, length]) = part.head() else { break };
        let header_bytes = match packet.protocol {
            AUTHENTICATION => (usize::from(length) + 2) * 4,
            FRAGMENT if packet.ip_version == 6 => 8,
            HOP_BY_HOP | ROUTING | DESTINATION | MOBILITY | HIP | SHIM6 if packet.ip_version == 6 => {
                (usize::from(length) + 1) * 8
            }
            _ => break,
        };
        let Ok(rest) = part.after(header_bytes) else { break };
        if packet.protocol == FRAGMENT && packet.ip_version == 6 {
            let &[_, _, high, low, a, b, c, d] = part.head()?;
            let offset_and_more = u16::from_be_bytes([high, low]) & 0xfff9;
            // Offset 0 without more fragments: the datagram is complete (RFC 6946).
            if offset_and_more != 0 {
                let id = u32::from_be_bytes([a, b, c, d]);
                fragment = Some(Fragment { id, protocol: next, is_first: offset_and_more & 0xfff8 == 0 });
            }
        }
        packet.protocol = next;
        part = rest;
    }
    Ok(Payload { part, fragment })
}

/// An IPv4 address as `::ffff:a.b.c.d`.
#[inline(always)]
fn mapped(address: [u8; 4]) -> [u8; 16] {
    let [a, b, c, d] = address;
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d]
}
