//! Less common link types, tags and headers before the IP packet, and encapsulations that are counted by name.

use qosguard::telemetry::packets::{
    DecodeOptions, Decoded, Decoder, Encapsulation, LinkType, Packet, Skipped,
};

use super::frame::{self, chain};

fn decode(link: LinkType, bytes: &[u8]) -> (Decoded, Vec<(String, u64)>) {
    let mut decoder = Decoder::new(&DecodeOptions::default());
    let outcome = decoder.decode_frame(link, bytes, bytes.len() as u32, 0);
    let counts = decoder.counts();
    assert_eq!((counts.records, counts.packets + counts.skipped()), (1, 1));
    (outcome, decoder.unsupported().collect())
}

fn packet(link: LinkType, bytes: &[u8]) -> Packet {
    match decode(link, bytes).0 {
        Decoded::Packet(packet) => packet,
        Decoded::Skipped(reason) => panic!("{reason:?}: {bytes:02x?}"),
    }
}

/// UDP to port 53, in IPv4 and in IPv6.
fn datagrams() -> [(u16, Vec<u8>); 2] {
    let v4 = frame::udp(53, b"12345");
    let v6 = frame::ipv6(17, &v4[20..]);
    [(0x0800, v4), (0x86dd, v6)]
}

fn assert_udp(packet: Packet, ip: &[u8], what: &str) {
    assert_eq!((packet.protocol, packet.src_port, packet.dst_port), (17, 40_000, 53), "{what}");
    assert_eq!((packet.ip_bytes, packet.payload_bytes), (ip.len() as u32, 5), "{what}");
}

#[test]
fn tags_before_an_ethernet_type_are_skipped() {
    for (kind, ip) in datagrams() {
        let typed = |tag: &[u8]| chain(&[tag, &kind.to_be_bytes(), &ip]);
        let tagged = typed(&[0, 5]);
        let inner = frame::ethernet(kind, &ip);
        let inner_tagged = frame::ethernet(0x8100, &tagged);
        for (name, vlan_id, bytes) in [
            ("802.1BR", 0, frame::ethernet(0x893f, &typed(&[0; 6]))),
            (
                "802.1BR, VLAN",
                5,
                frame::ethernet(0x893f, &chain(&[&[0x20, 1, 0, 2, 0, 0, 0x81, 0], &tagged])),
            ),
            ("VN-tag", 0, frame::ethernet(0x8926, &typed(&[0x80, 1, 0, 2]))),
            ("VN-tag, VLAN", 5, frame::ethernet(0x8926, &chain(&[&[0, 1, 0, 2, 0x81, 0], &tagged]))),
            ("0x9200", 7, frame::ethernet(0x9200, &chain(&[&[0, 7, 0x81, 0], &tagged]))),
            ("0x9300", 7, frame::ethernet(0x9300, &chain(&[&[0, 7, 0x88, 0xa8], &tagged]))),
            ("802.1ah", 0, frame::ethernet(0x88e7, &chain(&[&[0, 0, 0, 9], &inner]))),
            ("802.1ah, VLAN", 5, frame::ethernet(0x88e7, &chain(&[&[0, 0, 0, 9], &inner_tagged]))),
            ("FabricPath", 0, frame::ethernet(0x8903, &chain(&[&[0, 0x40], &inner]))),
            ("FabricPath, VLAN", 5, frame::ethernet(0x8903, &chain(&[&[0, 0x40], &inner_tagged]))),
            ("TRILL", 0, frame::ethernet(0x22f3, &chain(&[&[0, 0x3f, 0, 1, 0, 2], &inner]))),
            (
                "TRILL, options",
                0,
                frame::ethernet(0x22f3, &chain(&[&[0, 0x7f, 0, 1, 0, 2], &[0; 4], &inner])),
            ),
            ("Cisco MetaData", 0, frame::ethernet(0x8909, &typed(&[1, 1, 0, 1, 0, 0]))),
            ("HSR", 0, frame::ethernet(0x892f, &typed(&[0, 60, 0, 1]))),
            ("802.1CB", 0, frame::ethernet(0xf1c1, &typed(&[0, 0, 0, 1]))),
            ("jumbo SNAP", 0, frame::ethernet(0x8870, &typed(&[0xaa, 0xaa, 3, 0, 0, 0]))),
            ("bridge tunnel", 0, frame::ethernet(60, &typed(&[0xaa, 0xaa, 3, 0, 0, 0xf8]))),
            ("NSH, Ethernet", 0, frame::ethernet(0x894f, &chain(&[&[0, 2, 2, 3], &[0; 4], &inner]))),
            ("NSH in NSH", 0, {
                let nsh = chain(&[&[0, 2, 2, 3], &[0; 4], &inner]);
                frame::ethernet(0x894f, &chain(&[&[0, 6, 1, 4], &[0; 20], &nsh]))
            }),
        ] {
            let packet = packet(LinkType::ETHERNET, &bytes);
            assert_udp(packet, &ip, name);
            assert_eq!(packet.vlan_id, vlan_id, "{name}");
        }
        let next = if kind == 0x0800 { 1 } else { 2 };
        let nsh = frame::ethernet(0x894f, &chain(&[&[0, 6, 1, next], &[0; 20], &ip]));
        assert_udp(packet(LinkType::ETHERNET, &nsh), &ip, "NSH");
    }
}

#[test]
fn pseudowires_are_decoded_with_and_without_a_control_word() {
    for (kind, ip) in datagrams() {
        // Hardware addresses may begin like an IP header or a control word.
        for first in [0x00, 0x02, 0x45, 0x60, 0x6c, 0x4a, 0xa8] {
            let mut frame = frame::ethernet(kind, &ip);
            frame[0] = first;
            for word in [&[][..], &[0, 0, 0, 0], &[0, 0, 0x12, 0x34]] {
                let bytes = frame::ethernet(0x8847, &chain(&[&[0, 1, 0x01, 64], word, &frame]));
                assert_udp(packet(LinkType::ETHERNET, &bytes), &ip, &format!("{first:x} {word:x?}"));
            }
        }
        let plain = frame::ethernet(0x8847, &chain(&[&[0, 1, 0x01, 64], &ip]));
        assert_udp(packet(LinkType::ETHERNET, &plain), &ip, "IP");
    }
    // An associated channel carries no traffic.
    let channel = frame::ethernet(0x8847, &chain(&[&[0, 1, 1, 64, 0x10, 0, 0, 7], &[0; 40]]));
    assert_eq!(decode(LinkType::ETHERNET, &channel).0, Decoded::Skipped(Skipped::NotIp));
}

#[test]
fn less_common_link_types_are_decoded() {
    for (kind, ip) in datagrams() {
        let protocol: [u8; 2] = if kind == 0x0800 { [0, 0x21] } else { [0, 0x57] };
        let identifier = if kind == 0x0800 { 0xcc } else { 0x8e };
        let typed = |head: &[u8]| chain(&[head, &kind.to_be_bytes(), &ip]);
        let ppi = |link: u8, frame: &[u8]| chain(&[&[0, 0, 12, 0, link, 0, 0, 0, 9, 9, 9, 9], frame]);
        let bridged = frame::ethernet(kind, &ip);
        for (link, bytes) in [
            (LinkType::C_HDLC, typed(&[0x0f, 0])),
            (LinkType::C_HDLC, typed(&[0x8f, 0])),
            (LinkType::C_HDLC_WITH_DIR, typed(&[1, 0x0f, 0])),
            (LinkType::PPP_WITH_DIR, chain(&[&[0, 0xff, 3], &protocol, &ip])),
            (LinkType::PPP_PPPD, chain(&[&[1, 3], &protocol, &ip])),
            (LinkType::PPP_ETHER, chain(&[&[0x11, 0, 0, 1, 0, 40], &protocol, &ip])),
            (LinkType::FRELAY, typed(&[0x18, 0x41])),
            (LinkType::FRELAY, typed(&[0x18, 0x40, 0x02, 0x01])),
            (LinkType::FRELAY, chain(&[&[0x18, 0x41, 3, identifier], &ip])),
            (LinkType::FRELAY, typed(&[0x18, 0x41, 3, 0, 0x80, 0, 0, 0])),
            (LinkType::FRELAY, chain(&[&[0x18, 0x41, 3, 0, 0x80, 0, 0x80, 0xc2, 0, 7], &bridged])),
            (LinkType::FRELAY_WITH_DIR, typed(&[1, 0x18, 0x41])),
            (LinkType::ATM_RFC1483, typed(&[0xaa, 0xaa, 3, 0, 0, 0])),
            (LinkType::ATM_RFC1483, chain(&[&[0xaa, 0xaa, 3, 0, 0x80, 0xc2, 0, 7, 0, 0], &bridged])),
            (LinkType::ATM_RFC1483, chain(&[&[0xfe, 0xfe, 3, identifier], &ip])),
            (LinkType::PPI, ppi(1, &bridged)),
            (LinkType::PPI, ppi(101, &ip)),
            (LinkType::PPI, ppi(104, &typed(&[0x0f, 0]))),
        ] {
            assert_udp(packet(link, &bytes), &ip, &format!("{link:?}"));
        }
    }
    let llc = frame::ethernet(60, &chain(&[&[6, 6, 3], &datagrams()[0].1]));
    assert_udp(packet(LinkType::ETHERNET, &llc), &datagrams()[0].1, "service access point 6");
}

#[test]
fn tags_of_switches_are_skipped_and_may_contain_a_vlan() {
    for (kind, ip) in datagrams() {
        let ethernet = frame::ethernet(kind, &ip);
        let tagged = |tag: &[u8]| chain(&[&ethernet[..12], tag, &ethernet[12..]]);
        let vlan = frame::ethernet(0x8100, &chain(&[&[0, 9], &kind.to_be_bytes(), &ip]));
        for (link, bytes, vlan_id) in [
            (LinkType::DSA_TAG_BRCM, tagged(&[0x20, 0, 0, 5]), 0),
            (LinkType::DSA_TAG_BRCM_PREPEND, chain(&[&[0x20, 0, 0, 5], &ethernet]), 0),
            (LinkType::DSA_TAG_BRCM_PREPEND, chain(&[&[0x20, 0, 0, 5], &vlan]), 9),
            (LinkType::DSA_TAG_DSA, tagged(&[0xc0, 0x18, 0, 7]), 0),
            (LinkType::DSA_TAG_DSA, tagged(&[0xe0, 0x18, 0x10, 7]), 7),
            (LinkType::DSA_TAG_EDSA, tagged(&[0xda, 0xda, 0, 0, 0xe0, 0x18, 0x60, 7]), 7),
            (LinkType::DSA_TAG_EDSA, tagged(&[0xda, 0xda, 0, 0, 0xc0, 0x18, 0, 7]), 0),
        ] {
            let packet = packet(link, &bytes);
            assert_eq!(packet.vlan_id, vlan_id, "{link:?}");
            assert_udp(packet, &ip, &format!("{link:?}"));
        }
    }
}

#[test]
fn frames_that_are_not_decoded_are_counted_by_name() {
    let ip = frame::udp(53, b"12345");
    let ppi = |link: u8| chain(&[&[0, 0, 8, 0, link, 0, 0, 0], &ip]);
    for (link, bytes, name) in [
        (LinkType(105), ip.clone(), "unsupported_link 105 (IEEE 802.11)"),
        (LinkType(127), ip.clone(), "unsupported_link 127 (IEEE 802.11 with radiotap)"),
        (LinkType(999), ip.clone(), "unsupported_link 999"),
        (LinkType::PPI, ppi(105), "unsupported_link 105 (IEEE 802.11)"),
        (LinkType::PPI, ppi(192), "unsupported_link 192"),
    ] {
        let (decoded, names) = decode(link, &bytes);
        assert_eq!(decoded, Decoded::Skipped(Skipped::UnsupportedLink), "{name}");
        assert_eq!(names, [(name.to_owned(), 1)]);
    }
    for (kind, payload, encapsulation, name) in [
        (0x88e5, vec![0x2c; 60], Encapsulation::Macsec, "encapsulated MACsec"),
        (0x4305, vec![0; 60], Encapsulation::BatmanAdv, "encapsulated BATMAN-adv"),
        (0x88bb, vec![0; 60], Encapsulation::Lwapp, "encapsulated LWAPP"),
        (0x894f, chain(&[&[0, 6, 1, 200], &[0; 60]]), Encapsulation::Nsh, "encapsulated NSH"),
    ] {
        for bytes in [frame::ethernet(kind, &payload), {
            frame::ethernet(0x8100, &chain(&[&[0, 5], &kind.to_be_bytes(), &payload]))
        }] {
            let (decoded, names) = decode(LinkType::ETHERNET, &bytes);
            assert_eq!(decoded, Decoded::Skipped(Skipped::Encapsulated(encapsulation)));
            assert_eq!(names, [(name.to_owned(), 1)]);
        }
    }
    // The number of names is bounded for a hostile capture.
    let mut decoder = Decoder::new(&DecodeOptions::default());
    for link in 1_000..2_000 {
        decoder.decode_frame(LinkType(link), &ip, ip.len() as u32, 0);
    }
    assert_eq!((decoder.unsupported().count(), decoder.counts().unsupported_link), (32, 1_000));
}

#[test]
fn truncated_and_contradictory_headers_do_not_panic() {
    let ip = frame::udp(53, b"12345");
    let inner = frame::ethernet(0x0800, &ip);
    for bytes in [
        chain(&[&[0, 0, 7, 0, 1, 0, 0, 0], &inner]),
        chain(&[&[0, 0, 0xff, 0xff, 1, 0, 0, 0], &inner]),
        vec![0, 0, 8],
    ] {
        let decoded = decode(LinkType::PPI, &bytes).0;
        assert_eq!(decoded, Decoded::Skipped(Skipped::Malformed), "{bytes:x?}");
    }
    assert_eq!(decode(LinkType::FRELAY, &[0x18; 60]).0, Decoded::Skipped(Skipped::Malformed));
    for kind in [0x893f_u16, 0x8926, 0x894f, 0x8903, 0x88e7, 0x22f3, 0x8909, 0x892f, 0xf1c1, 0x8847, 0x8870] {
        let whole = frame::ethernet(kind, &chain(&[&[0xff; 3], &inner]));
        for length in 0..whole.len() {
            decode(LinkType::ETHERNET, &whole[..length]);
        }
    }
}
