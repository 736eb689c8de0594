//! Frames of every link type and tunnel, written byte by byte.

use etherparse::PacketBuilder;
use qosguard::telemetry::packets::{
    DecodeOptions, Decoded, Decoder, Layer, LinkType, Packet, Skipped, TcpFlags,
};

use super::frame::{self, chain};

fn decoder(layer: Layer) -> Decoder {
    Decoder::new(&DecodeOptions::default().with_layer(layer))
}

fn decode(layer: Layer, link: LinkType, bytes: &[u8]) -> Decoded {
    decoder(layer).decode_frame(link, bytes, bytes.len() as u32, 7)
}

fn packet(layer: Layer, link: LinkType, bytes: &[u8]) -> Packet {
    match decode(layer, link, bytes) {
        Decoded::Packet(packet) => packet,
        Decoded::Skipped(reason) => panic!("{reason:?}: {bytes:02x?}"),
    }
}

fn skipped(link: LinkType, bytes: &[u8]) -> Skipped {
    match decode(Layer::Outer, link, bytes) {
        Decoded::Skipped(reason) => reason,
        Decoded::Packet(packet) => panic!("{packet:?}"),
    }
}

/// TCP from 10.0.0.1:1234 to 10.0.0.2:80, SYN, window 4096, 5 bytes of payload.
fn tcp4() -> Vec<u8> {
    let builder = PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 61).tcp(1234, 80, 9, 4096).syn();
    let mut bytes = Vec::new();
    builder.write(&mut bytes, b"hello").unwrap();
    bytes
}

/// UDP from `2001:db8::1` port 5353 to `2001:db8::2` port 53, 3 bytes of payload.
fn udp6() -> Vec<u8> {
    let (mut src, mut dst) = ([0; 16], [0; 16]);
    src[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
    dst[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
    (src[15], dst[15]) = (1, 2);
    let mut bytes = Vec::new();
    PacketBuilder::ipv6(src, dst, 62).udp(5353, 53).write(&mut bytes, b"abc").unwrap();
    bytes
}

fn assert_tcp4(packet: Packet) {
    let mapped = |last| [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, last];
    assert_eq!((packet.src, packet.dst), (mapped(1), mapped(2)));
    assert_eq!((packet.src_port, packet.dst_port), (1234, 80));
    assert_eq!((packet.ip_version, packet.protocol, packet.ttl, packet.window), (4, 6, 61, 4096));
    assert_eq!((packet.tcp_flags, packet.time_ns), (TcpFlags(TcpFlags::SYN), 7));
    assert_eq!((packet.ip_bytes, packet.header_bytes, packet.payload_bytes), (45, 20, 5));
}

fn assert_udp6(packet: Packet) {
    assert_eq!((packet.src[15], packet.dst[15]), (1, 2));
    assert_eq!((packet.src_port, packet.dst_port), (5353, 53));
    assert_eq!((packet.ip_version, packet.protocol, packet.ttl), (6, 17, 62));
    assert_eq!((packet.ip_bytes, packet.header_bytes, packet.payload_bytes), (51, 8, 3));
}

#[test]
fn every_link_type_is_decoded() {
    let (v4, v6) = (tcp4(), udp6());
    let sll = |kind: u16, ip: &[u8]| chain(&[&[0, 0, 0, 1, 0, 6], &[0; 8], &kind.to_be_bytes(), ip]);
    let sll2 = |kind: u16, ip: &[u8]| chain(&[&kind.to_be_bytes(), &[0; 6], &[0, 1, 0, 6], &[0; 8], ip]);
    let frames = [
        (LinkType::ETHERNET, frame::ethernet(0x0800, &v4), frame::ethernet(0x86dd, &v6)),
        (LinkType::RAW, v4.clone(), v6.clone()),
        (LinkType::RAW_BSD, v4.clone(), v6.clone()),
        (LinkType::RAW_OPENBSD, v4.clone(), v6.clone()),
        (LinkType::NULL, chain(&[&[2, 0, 0, 0], &v4]), chain(&[&[30, 0, 0, 0], &v6])),
        (LinkType::NULL, chain(&[&[0, 0, 0, 2], &v4]), chain(&[&[0, 0, 0, 24], &v6])),
        (LinkType::LOOP, chain(&[&[0, 0, 0, 2], &v4]), chain(&[&[0, 0, 0, 28], &v6])),
        (LinkType::LINUX_SLL, sll(0x0800, &v4), sll(0x86dd, &v6)),
        (LinkType::LINUX_SLL2, sll2(0x0800, &v4), sll2(0x86dd, &v6)),
        (LinkType::PPP, chain(&[&[0, 0x21], &v4]), chain(&[&[0x57], &v6])),
        (LinkType::PPP, chain(&[&[0xff, 3, 0, 0x21], &v4]), chain(&[&[0xff, 3, 0, 0x57], &v6])),
        (LinkType::PPP_HDLC, chain(&[&[0x0f, 0, 8, 0], &v4]), chain(&[&[0x8f, 0, 0x86, 0xdd], &v6])),
    ];
    for (link, v4, v6) in frames {
        assert_tcp4(packet(Layer::Outer, link, &v4));
        assert_udp6(packet(Layer::Outer, link, &v6));
        assert_eq!(packet(Layer::Outer, link, &v4).frame_bytes, v4.len() as u32);
    }
    assert_tcp4(packet(Layer::Outer, LinkType::IPV4, &v4));
    assert_udp6(packet(Layer::Outer, LinkType::IPV6, &v6));
}

#[test]
fn tags_labels_and_sessions_are_skipped() {
    let v4 = tcp4();
    let mpls = |bottom: u8, rest: &[u8]| chain(&[&[0, 1, bottom, 64], rest]);
    let pppoe = chain(&[&[0x11, 0, 0, 1, 0, 47, 0, 0x21], &v4]);
    let bridged = chain(&[&[0; 4], &frame::ethernet(0x0800, &v4)]);
    for (vlan_id, bytes) in [
        (5, frame::ethernet(0x8100, &chain(&[&[0x60, 5, 8, 0], &v4]))),
        (6, frame::ethernet(0x88a8, &chain(&[&[0, 6, 0x81, 0, 0, 5, 8, 0], &v4]))),
        (7, frame::ethernet(0x9100, &chain(&[&[0, 7, 0x81, 0, 0, 5, 8, 0], &v4]))),
        (0, frame::ethernet(0x8847, &mpls(1, &v4))),
        (0, frame::ethernet(0x8848, &mpls(0, &mpls(0, &mpls(1, &v4))))),
        (0, frame::ethernet(0x8847, &mpls(1, &bridged))),
        (0, frame::ethernet(0x8864, &pppoe)),
        (8, frame::ethernet(0x8100, &chain(&[&[0, 8, 0x88, 0x64], &pppoe]))),
        (0, frame::ethernet(53, &chain(&[&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &v4]))),
    ] {
        let packet = packet(Layer::Outer, LinkType::ETHERNET, &bytes);
        assert_tcp4(packet);
        assert_eq!(packet.vlan_id, vlan_id, "{bytes:02x?}");
    }
}

#[test]
fn tunnels_have_an_inner_packet() {
    let (v4, v6) = (tcp4(), udp6());
    let inner_frame = frame::ethernet(0x0800, &v4);
    let tagged = frame::ethernet(0x8100, &chain(&[&[0, 3, 8, 0], &v4]));
    let gre = |flags: u16, kind: u16, rest: &[&[u8]]| {
        let head = [flags.to_be_bytes(), kind.to_be_bytes()].concat();
        frame::ipv4(47, &chain(&[&head, &chain(rest)]))
    };
    let gtp = |flags: u8, rest: &[&[u8]]| {
        frame::udp(2152, &chain(&[&[flags, 255, 0, 0, 0, 0, 0, 9], &chain(rest)]))
    };
    let vxlan = [8, 0, 0, 0, 0, 0, 42, 0];
    for (name, outer) in [
        ("4in4", frame::ipv4(4, &v4)),
        ("4in6", frame::ipv6(4, &v4)),
        ("GRE", gre(0, 0x0800, &[&v4])),
        ("GRE, checksum, key and sequence", gre(0xb000, 0x0800, &[&[0; 12], &v4])),
        ("GRE, Ethernet", gre(0, 0x6558, &[&inner_frame])),
        ("GRE, MPLS", gre(0, 0x8847, &[&[0, 0, 1, 0], &v4])),
        ("GRE 1, PPP", gre(0x3081, 0x880b, &[&[0; 12], &[0xff, 3, 0, 0x21], &v4])),
        ("ERSPAN I", gre(0, 0x88be, &[&inner_frame])),
        ("ERSPAN II", gre(0x1000, 0x88be, &[&[0; 4], &[0x10; 8], &tagged])),
        ("ERSPAN III", gre(0x1000, 0x22eb, &[&[0; 4], &[0x20; 12], &inner_frame])),
        ("ERSPAN III, subheader", gre(0x1000, 0x22eb, &[&[0; 4], &[1; 12], &[0; 8], &inner_frame])),
        ("VXLAN", frame::udp(4789, &chain(&[&vxlan, &inner_frame]))),
        ("Geneve", frame::udp(6081, &chain(&[&[0, 0, 0x65, 0x58, 0, 0, 1, 0], &inner_frame]))),
        ("Geneve, options", frame::udp(6081, &chain(&[&[2, 0, 8, 0, 0, 0, 1, 0], &[9; 8], &v4]))),
        ("GTP-U", gtp(0x30, &[&v4])),
        ("GTP-U, sequence", gtp(0x32, &[&[0, 1, 0, 0], &v4])),
        ("GTP-U, extensions", gtp(0x34, &[&[0, 0, 0, 0x85], &[1, 0, 0, 0x85], &[1, 0, 0, 0], &v4])),
        ("GTP-U within VXLAN within GRE", {
            let gtp = gtp(0x30, &[&v4]);
            let vxlan = frame::udp(4789, &chain(&[&vxlan, &frame::ethernet(0x0800, &gtp)]));
            gre(0, 0x0800, &[&vxlan])
        }),
    ] {
        let bytes = frame::ethernet(if outer[0] >> 4 == 4 { 0x0800 } else { 0x86dd }, &outer);
        let inner = packet(Layer::Inner, LinkType::ETHERNET, &bytes);
        let outer_packet = packet(Layer::Outer, LinkType::ETHERNET, &bytes);
        assert_tcp4(inner);
        assert_eq!(inner.frame_bytes, bytes.len() as u32, "{name}");
        assert_eq!(outer_packet.ip_bytes, outer.len() as u32, "{name}");
        assert_ne!(outer_packet.src, inner.src, "{name}");
    }
    assert_udp6(packet(Layer::Inner, LinkType::RAW, &frame::ipv4(41, &v6)));
    assert_udp6(packet(Layer::Inner, LinkType::RAW, &frame::ipv6(41, &v6)));
    assert_udp6(packet(
        Layer::Inner,
        LinkType::RAW,
        &frame::udp(2152, &chain(&[&[0x30, 255, 0, 0, 0, 0, 0, 9], &v6])),
    ));
}

#[test]
fn a_packet_that_is_not_a_tunnel_keeps_its_outer_header() {
    let v4 = tcp4();
    for outer in [
        frame::udp(2152, &chain(&[&[0x30, 1, 0, 0, 0, 0, 0, 0], &v4])), // GTP-U echo
        frame::udp(2152, &[0x34, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x85, 0, 0, 0, 0]), // extension of no length
        frame::udp(4789, &chain(&[&[0; 8], &frame::ethernet(0x0800, &v4)])), // VXLAN without its flag
        frame::udp(6081, &chain(&[&[0x40, 0, 8, 0, 0, 0, 0, 0], &v4])), // another version of Geneve
        frame::udp(4789, &chain(&[&[8, 0, 0, 0, 0, 0, 0, 0], &frame::ethernet(0x0806, &[0; 28])])), // ARP
        frame::ipv4(47, &chain(&[&[0, 7, 8, 0], &v4])),                 // GRE of version 7
        frame::ipv4(4, &v4[..19]),
        frame::ipv4(4, &[]),
    ] {
        let inner = packet(Layer::Inner, LinkType::RAW, &outer);
        assert_eq!(inner, packet(Layer::Outer, LinkType::RAW, &outer));
        assert_eq!(inner.ip_bytes, outer.len() as u32);
    }
}

#[test]
fn nested_tunnels_are_decoded_to_a_limit() {
    let mut bytes = tcp4();
    for _ in 0..200 {
        bytes = frame::ipv4(4, &bytes);
    }
    let packet = packet(Layer::Inner, LinkType::RAW, &bytes);
    assert_eq!((packet.protocol, packet.ip_bytes), (4, bytes.len() as u32 - 8 * 20));
}

#[test]
fn extension_headers_are_skipped() {
    let udp = &frame::udp(53, b"abc")[20..];
    let authentication = chain(&[&[17, 4], &[0; 22]]);
    for (first, extensions) in [
        (0, chain(&[&[60, 0], &[0; 6], &[43, 1], &[0; 14], &[17, 0], &[0; 6]])),
        (51, authentication.clone()),
        (44, vec![17, 0, 0, 0, 0, 0, 0, 9]), // a fragment header on a whole datagram
        (135, chain(&[&[17, 0], &[0; 6]])),
    ] {
        let bytes = frame::ipv6(first, &chain(&[&extensions, udp]));
        let packet = packet(Layer::Outer, LinkType::RAW, &bytes);
        assert_eq!((packet.protocol, packet.dst_port, packet.payload_bytes), (17, 53, 3), "{first}");
    }
    let authenticated =
        packet(Layer::Outer, LinkType::RAW, &frame::ipv4(51, &chain(&[&authentication, udp])));
    assert_eq!((authenticated.protocol, authenticated.dst_port), (17, 53));
    let cut = packet(Layer::Outer, LinkType::RAW, &frame::ipv6(0, &[60, 200, 0, 0, 0, 0, 0, 0]));
    assert_eq!((cut.protocol, cut.payload_bytes), (0, 8), "an extension that does not fit is payload");
}

#[test]
fn other_transports_have_ports_or_types() {
    let raw = |protocol, payload: &[u8]| packet(Layer::Outer, LinkType::RAW, &frame::ipv4(protocol, payload));
    let sctp = raw(132, &chain(&[&[0x0b, 0x59, 0x0b, 0x5a], &[0; 8], &[1; 20]]));
    assert_eq!((sctp.src_port, sctp.dst_port), (2905, 2906));
    assert_eq!((sctp.header_bytes, sctp.payload_bytes), (12, 20));
    let dccp = raw(33, &chain(&[&[0, 1, 0, 2, 4], &[0; 11], &[1; 3]]));
    assert_eq!((dccp.src_port, dccp.dst_port, dccp.header_bytes, dccp.payload_bytes), (1, 2, 16, 3));
    let echo = raw(1, &chain(&[&[8, 0], &[0; 6], &[1; 56]]));
    assert_eq!((echo.icmp_type, echo.icmp_code, echo.header_bytes, echo.payload_bytes), (8, 0, 8, 56));
    let neighbor = packet(Layer::Outer, LinkType::RAW, &frame::ipv6(58, &chain(&[&[135, 1], &[0; 30]])));
    assert_eq!((neighbor.icmp_type, neighbor.icmp_code, neighbor.payload_bytes), (135, 1, 24));
    let ospf = raw(89, &[9; 44]);
    assert_eq!((ospf.src_port, ospf.header_bytes, ospf.payload_bytes), (0, 0, 44));
}

#[test]
fn sizes_are_sizes_on_the_wire() {
    let v4 = tcp4();
    // Ethernet pads frames to 60 bytes. The padding is not payload.
    let padded = frame::ethernet(0x0800, &chain(&[&v4[..40], &[0; 6]]));
    let mut ack = padded.clone();
    ack[17] = 40;
    let ack = packet(Layer::Outer, LinkType::ETHERNET, &ack);
    assert_eq!((ack.frame_bytes, ack.ip_bytes, ack.payload_bytes), (60, 40, 0));
    // A truncated packet: addresses, ports and sizes come from the captured headers.
    let frame = frame::ethernet(0x0800, &frame::ipv4(6, &chain(&[&v4[20..40], &[0; 1400]])));
    for captured in [38, 47, 48, 54, 60, 200] {
        let decoded = decoder(Layer::Outer).decode_frame(LinkType::ETHERNET, &frame[..captured], 1454, 0);
        let Decoded::Packet(packet) = decoded else { panic!("{decoded:?}") };
        assert_eq!((packet.src_port, packet.dst_port, packet.ip_bytes), (1234, 80, 1440), "{captured}");
        let is_known = captured >= 14 + 20 + 14;
        assert_eq!(packet.header_bytes, if is_known { 20 } else { 0 }, "{captured}");
        assert_eq!(packet.payload_bytes, if is_known { 1400 } else { 1420 }, "{captured}");
    }
    // Segmentation offload: the header has no length, so the length of the frame is used.
    let mut whole = v4.clone();
    whole[2..4].fill(0);
    assert_tcp4(packet(Layer::Outer, LinkType::RAW, &whole));
    let mut whole = udp6();
    whole[4..6].fill(0);
    assert_udp6(packet(Layer::Outer, LinkType::RAW, &whole));
    // The length in the header exceeds the frame, so the length of the frame is used.
    let mut lying = v4.clone();
    lying[2..4].fill(0xff);
    assert_tcp4(packet(Layer::Outer, LinkType::RAW, &lying));
    // More bytes are captured than the length on the wire.
    let Decoded::Packet(long) = decoder(Layer::Outer).decode_frame(LinkType::RAW, &v4, 0, 7) else {
        panic!()
    };
    assert_tcp4(long);
    assert_eq!(long.frame_bytes, 45);
}

#[test]
fn a_wrong_tcp_header_length_counts_as_unknown() {
    for (offset, header, payload) in [(0x40, 0, 25), (0x50, 20, 5), (0x60, 24, 1), (0xf0, 25, 0)] {
        let mut bytes = tcp4();
        bytes[32] = offset;
        let packet = packet(Layer::Outer, LinkType::RAW, &bytes);
        assert_eq!((packet.header_bytes, packet.payload_bytes), (header, payload), "{offset:x}");
    }
}

#[test]
fn fragments_get_the_ports_of_the_first() {
    let piece = |id: u16, offset: u16, more: bool, payload: &[u8]| {
        let mut bytes = frame::ipv4(17, payload);
        bytes[4..6].copy_from_slice(&id.to_be_bytes());
        bytes[6..8].copy_from_slice(&(offset / 8 + (u16::from(more) << 13)).to_be_bytes());
        bytes
    };
    let piece6 = |offset: u16, more: bool, payload: &[u8]| {
        let header = [17, 0, (offset >> 8) as u8, offset as u8 | u8::from(more), 0, 1, 2, 3];
        frame::ipv6(44, &chain(&[&header, payload]))
    };
    let head = chain(&[&[0, 53, 0, 99], &[0; 20]]);
    let mut decoder = decoder(Layer::Outer);
    let mut ports =
        |bytes: &[u8], time_ns| match decoder.decode_frame(LinkType::RAW, bytes, bytes.len() as u32, time_ns)
        {
            Decoded::Packet(packet) => (packet.src_port, packet.header_bytes, packet.payload_bytes),
            Decoded::Skipped(reason) => panic!("{reason:?}"),
        };
    assert_eq!(ports(&piece(1, 24, true, &[0; 24]), 0), (0, 0, 24), "before its first");
    assert_eq!(ports(&piece(1, 0, true, &head), 0), (53, 8, 16));
    assert_eq!(ports(&piece(1, 24, true, &[0; 24]), 1), (53, 0, 24));
    assert_eq!(ports(&piece(1, 48, false, &[0; 9]), 2), (53, 0, 9));
    assert_eq!(ports(&piece(2, 48, false, &[0; 9]), 2), (0, 0, 9), "of another datagram");
    assert_eq!(ports(&piece(1, 48, false, &[0; 9]), 61_000_000_000), (0, 0, 9), "long after");
    assert_eq!(ports(&piece(1, 48, false, &[0; 9]), -1), (53, 0, 9), "a clock may step back");
    assert_eq!(ports(&piece6(0, true, &head), 0), (53, 8, 16));
    assert_eq!(ports(&piece6(24, false, &[0; 9]), 0), (53, 0, 9));
    assert_eq!((decoder.counts().fragments, decoder.counts().fragments_without_first), (9, 3));
}

#[test]
fn frames_without_an_ip_packet_are_counted() {
    let v4 = tcp4();
    let ethernet = LinkType::ETHERNET;
    assert_eq!(skipped(ethernet, &frame::ethernet(0x0806, &[0; 46])), Skipped::NotIp);
    assert_eq!(skipped(ethernet, &frame::ethernet(38, &[0x42, 0x42, 3, 0, 0, 0, 0, 0])), Skipped::NotIp);
    assert_eq!(skipped(ethernet, &frame::ethernet(0x8863, &[0; 46])), Skipped::NotIp);
    assert_eq!(skipped(LinkType::NULL, &chain(&[&[7, 0, 0, 0], &v4])), Skipped::NotIp);
    let netlink = chain(&[&[0, 0, 0x03, 0x38], &[0; 10], &[8, 0], &v4]);
    assert_eq!(skipped(LinkType::LINUX_SLL, &netlink), Skipped::NotIp);
    assert_eq!(skipped(LinkType(105), &v4), Skipped::UnsupportedLink);
    assert_eq!(skipped(ethernet, &[]), Skipped::Malformed);
    assert_eq!(skipped(ethernet, &frame::ethernet(0x0800, &v4[..19])), Skipped::Malformed);
    assert_eq!(skipped(LinkType::RAW, &[0x15; 60]), Skipped::Malformed);
    for (at, value) in [(0, 0x44), (0, 0x4f), (3, 19)] {
        let mut bytes = v4.clone();
        bytes[at] = value;
        assert_eq!(skipped(LinkType::RAW, &bytes), Skipped::Malformed, "{at} {value:x}");
    }
    let mut decoder = decoder(Layer::Outer);
    let snapped = decoder.decode_frame(LinkType::RAW, &v4[..19], 45, 0);
    assert_eq!(snapped, Decoded::Skipped(Skipped::Truncated));
    assert_eq!((decoder.counts().records, decoder.counts().skipped(), decoder.counts().truncated), (1, 1, 1));
    assert_eq!((decoder.counts().frame_bytes, decoder.counts().captured_bytes), (45, 19));
}
