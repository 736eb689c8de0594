//! Properties of the decoder and the readers, on random input.

use etherparse::{IpHeaders, Ipv4Extensions, Ipv4Header, Ipv6Extensions, Ipv6Header, PacketBuilder};
use proptest::collection::vec;
use proptest::prelude::*;
use qosguard::telemetry::packets::{DecodeOptions, Decoded, Decoder, Layer, LinkType, Packet, PacketReader};

use super::capture::{Order, Pcap, PcapNg};
use super::frame::{self, chain};
use super::oracle::{by_etherparse, network_layer};

fn decode(layer: Layer, link: LinkType, captured: &[u8], wire_bytes: u32) -> Option<Packet> {
    let mut decoder = Decoder::new(&DecodeOptions::default().with_layer(layer));
    let outcome = decoder.decode_frame(link, captured, wire_bytes, 0);
    assert_eq!(decoder.counts().packets + decoder.counts().skipped(), 1);
    match outcome {
        Decoded::Packet(packet) => {
            let above = u32::from(packet.header_bytes) + packet.payload_bytes;
            assert!(above + 20 <= packet.ip_bytes && packet.ip_bytes <= packet.frame_bytes, "{packet:?}");
            Some(packet)
        }
        Decoded::Skipped(_) => None,
    }
}

fn link() -> impl Strategy<Value = LinkType> {
    prop_oneof![
        4 => Just(LinkType::ETHERNET),
        4 => Just(LinkType::RAW),
        2 => prop::sample::select(vec![0, 9, 50, 108, 113, 276]).prop_map(LinkType),
        1 => any::<u16>().prop_map(LinkType),
    ]
}

/// Ethernet frames with TCP, UDP or ICMP in IPv4 or IPv6, with up to two VLAN tags.
fn ethernet() -> impl Strategy<Value = Vec<u8>> {
    let address = any::<[u8; 16]>();
    let numbers = any::<(u16, u16, u16, u8)>();
    (address, address, numbers, vec(any::<u8>(), 0..64), 0..4, 0..3, any::<bool>()).prop_map(
        |(source, destination, (from, to, window, hops), payload, transport, tags, is_v6)| {
            let ip = PacketBuilder::ip(if is_v6 {
                let header = Ipv6Header { source, destination, hop_limit: hops, ..Default::default() };
                IpHeaders::Ipv6(header, Ipv6Extensions::default())
            } else {
                let [source, destination] = [source, destination].map(|of| [of[0], of[1], of[2], of[3]]);
                let header = Ipv4Header { source, destination, time_to_live: hops, ..Default::default() };
                IpHeaders::Ipv4(header, Ipv4Extensions::default())
            });
            let mut bytes = Vec::new();
            match transport {
                0 => ip.udp(from, to).write(&mut bytes, &payload),
                1 if is_v6 => ip.icmpv6_echo_request(from, to).write(&mut bytes, &payload),
                1 => ip.icmpv4_echo_request(from, to).write(&mut bytes, &payload),
                2 => ip.tcp(from, to, 1, window).fin().ece().write(&mut bytes, &payload),
                _ => {
                    let tcp = ip.tcp(from, to, 1, window).psh().ack(1).urg(9).cwr();
                    tcp.options_raw(&[1; 28]).unwrap().write(&mut bytes, &payload)
                }
            }
            .unwrap();
            let mut ether_type = if is_v6 { 0x86dd } else { 0x0800_u16 };
            for tag in 0..tags {
                bytes = chain(&[&(window | 1 << tag).to_be_bytes(), &ether_type.to_be_bytes(), &bytes]);
                ether_type = if tag == 0 { 0x8100 } else { 0x88a8 };
            }
            frame::ethernet(ether_type, &bytes)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn no_frame_panics(link in link(), bytes in vec(any::<u8>(), 0..120), wire_bytes in any::<u32>()) {
        decode(Layer::Outer, link, &bytes, wire_bytes);
        decode(Layer::Inner, link, &bytes, wire_bytes);
    }

    #[test]
    fn no_tunnel_panics(
        bytes in vec(any::<u8>(), 0..160),
        first in prop::sample::select(vec![4_u8, 41, 47]),
        port in prop::sample::select(vec![2152_u16, 4789, 6081]),
        cut in 0_usize..200,
    ) {
        for outer in [frame::ipv4(first, &bytes), frame::ipv6(first, &bytes), frame::udp(port, &bytes)] {
            decode(Layer::Inner, LinkType::RAW, &outer[..outer.len().min(cut)], outer.len() as u32);
        }
    }

    #[test]
    fn frames_decode_as_etherparse_decodes_them(bytes in ethernet(), padding in 0_usize..20) {
        let bytes = [bytes, vec![0; padding]].concat();
        let (expected, _) = by_etherparse(&bytes).unwrap();
        prop_assert_eq!(decode(Layer::Outer, LinkType::ETHERNET, &bytes, bytes.len() as u32), Some(expected));
    }

    #[test]
    fn a_truncated_frame_decodes_like_the_whole_frame(bytes in ethernet(), cut in 0_usize..200) {
        let wire_bytes = bytes.len() as u32;
        let whole = decode(Layer::Outer, LinkType::ETHERNET, &bytes, wire_bytes).unwrap();
        let snapped = decode(Layer::Outer, LinkType::ETHERNET, &bytes[..cut.min(bytes.len())], wire_bytes);
        if let Some(snapped) = snapped {
            prop_assert_eq!(network_layer(snapped), network_layer(whole));
            prop_assert!(snapped.src_port == whole.src_port || snapped.src_port == 0);
        } else {
            prop_assert!(cut < 14 + 8 + 40, "an IPv6 header behind two tags ends at 62, {cut}");
        }
    }

    #[test]
    fn damaged_captures_do_not_panic(
        is_pcap in any::<bool>(),
        frames in vec(ethernet(), 1..4),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut pcap = Pcap::new(Order::Big, 0xa1b2_c3d4, 1);
        let mut pcapng = PcapNg::new(Order::Little);
        pcapng.interface(1, 0, &[(9, &[9])]);
        for (second, frame) in frames.iter().enumerate() {
            pcap.record(second as u32, 0, frame);
            pcapng.packet(0, second as u64, frame);
        }
        let mut bytes = if is_pcap { pcap.bytes } else { pcapng.bytes };
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(cut.index(bytes.len() * 2));
        let options = DecodeOptions::default();
        let memory = PacketReader::from_bytes(&bytes, "", &options);
        let stream = PacketReader::new(&bytes[..], "", &options);
        if let (Ok(mut memory), Ok(mut stream)) = (memory, stream) {
            loop {
                match (memory.next(), stream.next()) {
                    (Some(Ok(one)), Some(Ok(other))) => prop_assert_eq!(one, other),
                    (Some(Err(one)), Some(Err(other))) => prop_assert_eq!(one.to_string(), other.to_string()),
                    (None, None) => break,
                    (one, other) => panic!("{one:?} {other:?}"),
                }
            }
            let counts = memory.counts();
            prop_assert_eq!(counts, stream.counts());
            prop_assert_eq!(counts.packets + counts.skipped(), counts.records);
        }
    }
}
