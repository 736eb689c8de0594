//! Ports, flags and sizes of the transport layer.

use etherparse::ip_number;

use super::packet::{Packet, TcpFlags};
use super::part::Part;

const TCP: u8 = ip_number::TCP.0;
const UDP: u8 = ip_number::UDP.0;
const ICMP: u8 = ip_number::ICMP.0;
const ICMPV6: u8 = ip_number::IPV6_ICMP.0;
const SCTP: u8 = ip_number::SCTP.0;
const UDP_LITE: u8 = ip_number::UDP_LITE.0;
const DCCP: u8 = ip_number::DCCP.0;

/// Decodes the captured part of the transport header into `packet`.
#[inline(always)]
pub(super) fn read(part: Part<'_>, packet: &mut Packet) {
    let bytes = part.captured;
    let header_bytes = match packet.protocol {
        TCP => tcp(bytes, packet),
        UDP | UDP_LITE => {
            ports(bytes, packet);
            8
        }
        ICMP | ICMPV6 => {
            if let Some(&[kind, code]) = bytes.first_chunk() {
                (packet.icmp_type, packet.icmp_code) = (kind, code);
            }
            8
        }
        SCTP => {
            ports(bytes, packet);
            12
        }
        DCCP => {
            ports(bytes, packet);
            bytes.get(4).map_or(0, |&words| usize::from(words) * 4)
        }
        _ => 0,
    };
    let header_bytes = header_bytes.min(part.wire);
    packet.header_bytes = header_bytes as u16;
    packet.payload_bytes = (part.wire - header_bytes) as u32;
}

/// Decodes source and destination port. Every protocol with ports has them first.
#[inline(always)]
fn ports(bytes: &[u8], packet: &mut Packet) {
    if let Some(&[a, b, c, d]) = bytes.first_chunk() {
        packet.src_port = u16::from_be_bytes([a, b]);
        packet.dst_port = u16::from_be_bytes([c, d]);
    }
}

/// Returns the length of the header; 0 if the length is less than 20 or was not captured.
#[inline(always)]
fn tcp(bytes: &[u8], packet: &mut Packet) -> usize {
    ports(bytes, packet);
    let Some(&[offset, flags]) = bytes.get(12..).and_then(<[u8]>::first_chunk) else { return 0 };
    packet.tcp_flags = TcpFlags(flags);
    if let Some(&window) = bytes.get(14..).and_then(<[u8]>::first_chunk) {
        packet.window = u16::from_be_bytes(window);
    }
    match usize::from(offset >> 4) * 4 {
        header_bytes @ 20.. => header_bytes,
        _ => 0,
    }
}
