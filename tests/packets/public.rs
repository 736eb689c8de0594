//! Public captures from `QOSGUARD_DATA`, compared with tshark if it is installed.

use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;
use std::process::Command;

use qosguard::ErrorKind;
use qosguard::telemetry::packets::{
    CaptureCounts, DecodeOptions, Decoded, Decoder, Layer, LinkType, Packet, PacketReader, Skipped,
};

use super::oracle::{by_etherparse, by_pcap_parser, network_layer};
use super::public_data;

const ALL: [&str; 4] = ["packets/attack", "packets/benign", "packets/encapsulation", "packets/malformed"];

/// All packets up to the end or the first error, which must have an offset.
fn read(path: &Path, layer: Layer) -> (Vec<Packet>, CaptureCounts, bool) {
    let options = DecodeOptions::default().with_layer(layer);
    let mut reader = PacketReader::open(path, &options).unwrap();
    let mut packets = Vec::new();
    let mut is_whole = true;
    for packet in &mut reader {
        match packet {
            Ok(packet) => packets.push(packet),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::BadRecord);
                assert!(error.to_string().contains(", byte "), "{error}");
                is_whole = false;
            }
        }
    }
    let counts = *reader.counts();
    assert_eq!(counts.packets, packets.len() as u64, "{}", path.display());
    assert_eq!(counts.packets + counts.skipped(), counts.records, "{}", path.display());
    (packets, counts, is_whole)
}

/// The fields that tshark prints for a frame and for its outermost IP packet, unless it reports the packet as bogus.
struct Row {
    frame_bytes: u64,
    captured_bytes: u64,
    ip: Option<(Ipv6Addr, Ipv6Addr)>,
    ip_bytes: u32,
    /// Of IPv4.
    protocol: Option<u8>,
    ports: Option<(u16, u16)>,
}

fn tshark(path: &Path) -> Vec<Row> {
    let fields = [
        "frame.len",
        "frame.cap_len",
        "frame.protocols",
        "ip.src",
        "ip.dst",
        "ip.len",
        "ip.proto",
        "ipv6.src",
        "ipv6.dst",
        "ipv6.plen",
        "tcp.srcport",
        "tcp.dstport",
        "udp.srcport",
        "udp.dstport",
    ];
    let mut command = Command::new("tshark");
    command.args(["-n", "-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE", "-T", "fields"]);
    command.args(["-E", "occurrence=f", "-E", "separator=;"]);
    command.args(fields.iter().flat_map(|field| ["-e", field])).arg("-r").arg(path);
    let output = command.output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(row).collect()
}

fn row(line: &str) -> Row {
    let cells: Vec<&str> = line.split(';').collect();
    let protocols: Vec<&str> = cells[2].split(':').collect();
    let outermost = protocols.iter().position(|&name| name == "ip" || name == "ipv6");
    let version = outermost.map_or("", |at| protocols[at]);
    let has_addresses = !cells[3].is_empty() || !cells[7].is_empty();
    let above = outermost.and_then(|at| protocols[at + 1..].iter().find(|name| !name.starts_with("ipv6.")));
    let address = |cell: &str| match cell.parse().unwrap() {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    let ports = |at: usize| Some((cells[at].parse().ok()?, cells[at + 1].parse().ok()?));
    let number = |at: usize| cells[at].parse::<u32>().unwrap_or(0);
    Row {
        frame_bytes: cells[0].parse().unwrap(),
        captured_bytes: cells[1].parse().unwrap(),
        ip: match version {
            "ip" if has_addresses => Some((address(cells[3]), address(cells[4]))),
            "ipv6" if has_addresses => Some((address(cells[7]), address(cells[8]))),
            _ => None,
        },
        ip_bytes: if version == "ip" { number(5) } else { number(9) + 40 },
        protocol: (version == "ip").then_some(number(6) as u8),
        ports: match above {
            Some(&"tcp") => ports(10),
            Some(&"udp") => ports(12),
            _ => None,
        },
    }
}

#[test]
fn intact_captures_are_read_to_their_end() {
    for path in
        ["packets/attack", "packets/benign", "packets/encapsulation"].into_iter().flat_map(public_data::files)
    {
        for layer in [Layer::Outer, Layer::Inner] {
            let (packets, counts, is_whole) = read(&path, layer);
            assert!(is_whole && !packets.is_empty(), "{}", path.display());
            let lost = counts.cut_off + counts.unknown_interface + counts.malformed + counts.truncated;
            assert_eq!((lost, counts.unsupported_link), (0, 0), "{}", path.display());
        }
    }
}

#[test]
fn malformed_captures_are_read_or_rejected_with_an_offset() {
    for path in public_data::files("packets/malformed") {
        for layer in [Layer::Outer, Layer::Inner] {
            read(&path, layer);
        }
    }
}

#[test]
fn tunnels_contain_other_packets() {
    for (name, changed) in [("ndpi_4in6.pcap", 4), ("ndpi_gtp.pcap", 2), ("suri_erspan2.pcap", 4)] {
        for path in public_data::files("packets/encapsulation").iter().filter(|path| path.ends_with(name)) {
            let (outer, ..) = read(path, Layer::Outer);
            let (inner, ..) = read(path, Layer::Inner);
            let differ = outer.iter().zip(&inner).filter(|(outer, inner)| outer.src != inner.src).count();
            assert_eq!((differ, outer.len()), (changed, inner.len()), "{name}");
        }
    }
}

#[test]
fn files_streams_and_memory_give_the_same_packets() {
    for path in ["packets/attack", "packets/malformed"].into_iter().flat_map(public_data::files) {
        let bytes = std::fs::read(&path).unwrap();
        let (packets, counts, _) = read(&path, Layer::Outer);
        let mut memory = PacketReader::from_bytes(&bytes, "memory", &DecodeOptions::default()).unwrap();
        assert!(memory.by_ref().map_while(Result::ok).eq(packets), "{}", path.display());
        assert_eq!(memory.counts(), &counts, "{}", path.display());
    }
}

/// Frames and bytes of every capture, and addresses, protocol, ports and sizes of every packet.
#[test]
fn packets_equal_the_output_of_tshark() {
    if Command::new("tshark").arg("--version").output().is_err() {
        eprintln!("SKIPPED: tshark is not installed (Debian: apt-get install tshark)");
        return;
    }
    for path in ALL.into_iter().flat_map(public_data::files) {
        let name = path.display();
        let (packets, counts, _) = read(&path, Layer::Outer);
        let rows = tshark(&path);
        assert_eq!(counts.records - counts.cut_off, rows.len() as u64, "{name}");
        // An impossible length on the wire is counted as malformed here.
        let rows: Vec<_> = rows.into_iter().filter(|row| row.frame_bytes < 1 << 20).collect();
        assert_eq!(counts.frame_bytes, rows.iter().map(|row| row.frame_bytes).sum::<u64>(), "{name}");
        assert_eq!(counts.captured_bytes, rows.iter().map(|row| row.captured_bytes).sum::<u64>(), "{name}");
        let rows: Vec<_> = rows.into_iter().filter(|row| row.ip.is_some()).collect();
        assert_eq!(packets.len(), rows.len(), "{name}");
        for (packet, row) in packets.iter().zip(rows) {
            assert_eq!(Some((packet.src.into(), packet.dst.into())), row.ip, "{name}: {packet:?}");
            assert_eq!(packet.protocol, row.protocol.unwrap_or(packet.protocol), "{name}: {packet:?}");
            let ports = (packet.src_port, packet.dst_port);
            assert_eq!(ports, row.ports.unwrap_or(ports), "{name}: {packet:?}");
            // tshark uses the length in the header even if it exceeds the frame.
            let is_believed = u64::from(row.ip_bytes) > row.frame_bytes - 14;
            assert!(is_believed || packet.ip_bytes == row.ip_bytes, "{name}: {packet:?} {}", row.ip_bytes);
        }
    }
}

#[test]
fn packets_equal_the_output_of_the_oracles() {
    for path in ALL.into_iter().flat_map(public_data::files) {
        let name = path.display();
        let mut decoder = Decoder::new(&DecodeOptions::default());
        let mut twins = Vec::new();
        for frame in by_pcap_parser(&path) {
            let outcome = decoder.decode_frame(frame.link, &frame.captured, frame.wire_bytes, frame.time_ns);
            let is_whole = frame.wire_bytes as usize == frame.captured.len();
            if frame.wire_bytes > 1 << 20 {
                continue;
            }
            if frame.link == LinkType::ETHERNET && is_whole {
                match (outcome, by_etherparse(&frame.captured)) {
                    (Decoded::Packet(mut packet), Some((mut twin, is_complete))) => {
                        packet.time_ns = 0;
                        if !is_complete {
                            (packet, twin) = (network_layer(packet), network_layer(twin));
                        }
                        assert_eq!(packet, twin, "{name}");
                    }
                    (Decoded::Skipped(reason), Some(_)) => assert_eq!(reason, Skipped::Malformed, "{name}"),
                    (_, None) => {}
                }
            }
            if let Decoded::Packet(packet) = outcome {
                twins.push(packet);
            }
        }
        let (packets, ..) = read(&path, Layer::Outer);
        assert_eq!(packets.len(), twins.len(), "{name}");
        assert!(packets == twins, "{name}");
    }
}
