//! The oracles: etherparse for frames, pcap-parser for captures.

use std::fs::File;
use std::path::Path;

use etherparse::{LaxNetSlice, LaxSlicedPacket, TransportSlice};
use pcap_parser::{Block, PcapBlockOwned, PcapError, create_reader};
use qosguard::telemetry::packets::{LinkType, Packet, TcpFlags};

/// A frame of a capture.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) link: LinkType,
    pub(crate) captured: Vec<u8>,
    pub(crate) wire_bytes: u32,
    pub(crate) time_ns: i64,
}

/// The packet that etherparse decodes from a whole Ethernet frame, and whether it decodes the transport header; `None`
/// without IP.
pub(crate) fn by_etherparse(frame: &[u8]) -> Option<(Packet, bool)> {
    let sliced = LaxSlicedPacket::from_ethernet(frame).ok()?;
    let mut packet = Packet::default();
    packet.frame_bytes = frame.len() as u32;
    packet.vlan_id = sliced.vlan_ids().first().map_or(0, |id| id.value());
    let header = match sliced.net.as_ref()? {
        LaxNetSlice::Ipv4(ip) => {
            let header = ip.header();
            packet.ip_version = 4;
            packet.src = header.source_addr().to_ipv6_mapped().octets();
            packet.dst = header.destination_addr().to_ipv6_mapped().octets();
            packet.ttl = header.ttl();
            packet.tos = header.dcp().value() << 2 | header.ecn().value();
            header.slice().as_ptr()
        }
        LaxNetSlice::Ipv6(ip) => {
            let header = ip.header();
            packet.ip_version = 6;
            packet.src = header.source();
            packet.dst = header.destination();
            packet.ttl = header.hop_limit();
            packet.tos = header.traffic_class();
            header.slice().as_ptr()
        }
        LaxNetSlice::Arp(_) => return None,
    };
    let payload = sliced.ip_payload()?;
    packet.protocol = payload.ip_number.0;
    packet.ip_bytes = (payload.payload.as_ptr().addr() - header.addr() + payload.payload.len()) as u32;
    let header_bytes = match &sliced.transport {
        Some(TransportSlice::Tcp(tcp)) => {
            (packet.src_port, packet.dst_port) = (tcp.source_port(), tcp.destination_port());
            packet.window = tcp.window_size();
            let flags = [
                (tcp.fin(), TcpFlags::FIN),
                (tcp.syn(), TcpFlags::SYN),
                (tcp.rst(), TcpFlags::RST),
                (tcp.psh(), TcpFlags::PSH),
                (tcp.ack(), TcpFlags::ACK),
                (tcp.urg(), TcpFlags::URG),
                (tcp.ece(), TcpFlags::ECE),
                (tcp.cwr(), TcpFlags::CWR),
            ];
            packet.tcp_flags = TcpFlags(flags.iter().map(|&(is_set, flag)| u8::from(is_set) * flag).sum());
            tcp.header_slice().len()
        }
        Some(TransportSlice::Udp(udp)) => {
            (packet.src_port, packet.dst_port) = (udp.source_port(), udp.destination_port());
            8
        }
        Some(TransportSlice::Icmpv4(icmp)) => {
            (packet.icmp_type, packet.icmp_code) = (icmp.type_u8(), icmp.code_u8());
            8
        }
        Some(TransportSlice::Icmpv6(icmp)) => {
            (packet.icmp_type, packet.icmp_code) = (icmp.type_u8(), icmp.code_u8());
            8
        }
        _ => 0,
    };
    packet.header_bytes = header_bytes as u16;
    packet.payload_bytes = (payload.payload.len() - header_bytes) as u32;
    Some((packet, header_bytes > 0))
}

/// A packet without the fields of its transport header.
pub(crate) fn network_layer(packet: Packet) -> Packet {
    let mut rest = Packet::default();
    (rest.time_ns, rest.frame_bytes, rest.vlan_id) = (packet.time_ns, packet.frame_bytes, packet.vlan_id);
    (rest.src, rest.dst, rest.ip_version) = (packet.src, packet.dst, packet.ip_version);
    (rest.ttl, rest.tos, rest.ip_bytes) = (packet.ttl, packet.tos, packet.ip_bytes);
    rest
}

/// All frames that pcap-parser reads, up to the end or the first error.
pub(crate) fn by_pcap_parser(path: &Path) -> Vec<Frame> {
    let mut reader = create_reader(1 << 20, File::open(path).unwrap()).unwrap();
    let mut frames = Vec::new();
    let mut interfaces = Vec::new();
    let mut unit_ns = 1_000;
    let mut waited = false;
    loop {
        match reader.next() {
            Ok((bytes, block)) => {
                waited = false;
                match block {
                    PcapBlockOwned::LegacyHeader(header) => {
                        interfaces.push((header.network.0 as u16, 1));
                        unit_ns = if header.is_nanosecond_precision() { 1 } else { 1_000 };
                    }
                    PcapBlockOwned::Legacy(block) => frames.push(Frame {
                        link: LinkType(interfaces[0].0),
                        captured: block.data.to_vec(),
                        wire_bytes: block.origlen,
                        time_ns: i64::from(block.ts_sec) * 1_000_000_000 + i64::from(block.ts_usec) * unit_ns,
                    }),
                    PcapBlockOwned::NG(Block::SectionHeader(_)) => interfaces.clear(),
                    PcapBlockOwned::NG(Block::InterfaceDescription(block)) => {
                        interfaces.push((block.linktype.0 as u16, block.ts_resolution().unwrap()));
                    }
                    PcapBlockOwned::NG(Block::EnhancedPacket(block)) => {
                        let (link, resolution) = interfaces[block.if_id as usize];
                        let (seconds, fraction) = block.decode_ts(0, resolution);
                        frames.push(Frame {
                            link: LinkType(link),
                            captured: block.data[..block.caplen as usize].to_vec(),
                            wire_bytes: block.origlen,
                            time_ns: i64::from(seconds) * 1_000_000_000
                                + i64::from(fraction) * (1_000_000_000 / i64::try_from(resolution).unwrap()),
                        });
                    }
                    PcapBlockOwned::NG(_) => {}
                }
                reader.consume(bytes);
            }
            Err(PcapError::Incomplete(_)) if !waited => {
                waited = true;
                reader.refill().unwrap();
            }
            Err(_) => return frames,
        }
    }
}
