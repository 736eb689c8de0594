//! Public captures from `QOSGUARD_DATA`, held against tshark where that is installed.

use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use qosguard::ErrorKind;
use qosguard::telemetry::packets::{CaptureCounts, DecodeOptions, Layer, Packet, PacketReader};

/// All captures of a folder; none, loudly, where the data is not there.
fn captures(folder: &str) -> Vec<PathBuf> {
    let data = std::env::var("QOSGUARD_DATA").unwrap_or_else(|_| "../shared/data".into());
    let folder = Path::new(&data).join("packets").join(folder);
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("SKIPPED: no captures in {}; set QOSGUARD_DATA", folder.display());
        return Vec::new();
    };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "no captures in {}", folder.display());
    paths
}

/// All packets up to the end or the first error, which must say where it is.
fn read(path: &Path, options: &DecodeOptions) -> (Vec<Packet>, CaptureCounts, bool) {
    let mut reader = PacketReader::open(path, options).unwrap();
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

/// What tshark says of a frame.
struct Row {
    frame_bytes: u64,
    captured_bytes: u64,
    ip: Option<(Ipv6Addr, Ipv6Addr)>,
    ip_bytes: u32,
    protocol: u8,
    ports: Option<(u16, u16)>,
}

fn tshark(path: &Path) -> Option<Vec<Row>> {
    let fields = [
        "frame.len", "frame.cap_len", "frame.protocols", "ip.src", "ip.dst", "ip.len", "ip.proto", "ipv6.src",
        "ipv6.dst", "ipv6.plen", "tcp.srcport", "tcp.dstport", "udp.srcport", "udp.dstport",
    ];
    let mut command = Command::new("tshark");
    command.args(["-n", "-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE", "-T", "fields"]);
    command.args(["-E", "occurrence=f", "-E", "separator=;"]);
    command.args(fields.iter().flat_map(|field| ["-e", field])).arg("-r").arg(path);
    let output = command.output().ok()?;
    Some(String::from_utf8(output.stdout).unwrap().lines().map(row).collect())
}

fn row(line: &str) -> Row {
    let cells: Vec<&str> = line.split(';').collect();
    let protocols: Vec<&str> = cells[2].split(':').collect();
    let outermost = protocols.iter().position(|&name| name == "ip" || name == "ipv6");
    let version = outermost.map_or("", |at| protocols[at]);
    let above = outermost.and_then(|at| protocols[at + 1..].iter().find(|name| !name.starts_with("ipv6.")));
    let address = |cell: &str| match cell.parse() {
        Ok(std::net::IpAddr::V4(address)) => address.to_ipv6_mapped(),
        Ok(std::net::IpAddr::V6(address)) => address,
        Err(_) => panic!("{line}"),
    };
    let ports = |at: usize| Some((cells[at].parse().ok()?, cells[at + 1].parse().ok()?));
    let number = |at: usize| cells[at].parse::<u32>().unwrap_or(0);
    Row {
        frame_bytes: cells[0].parse().unwrap(),
        captured_bytes: cells[1].parse().unwrap(),
        ip: match version {
            "ip" => Some((address(cells[3]), address(cells[4]))),
            "ipv6" => Some((address(cells[7]), address(cells[8]))),
            _ => None,
        },
        ip_bytes: if version == "ip" { number(5) } else { number(9) + 40 },
        protocol: if version == "ip" { number(6) as u8 } else { 0 },
        ports: match above {
            Some(&"tcp") => ports(10),
            Some(&"udp") => ports(12),
            _ => None,
        },
    }
}

#[test]
fn explore() {
    for folder in ["attack", "benign", "encapsulation", "malformed"] {
        for path in captures(folder) {
            let (packets, counts, is_whole) = read(&path, &DecodeOptions::default());
            let (inner, _, _) = read(&path, &DecodeOptions::default().with_layer(Layer::Inner));
            let rows = tshark(&path).unwrap();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let n = inner.iter().zip(&packets).filter(|(a, b)| a != b).count();
            println!("{name} whole {is_whole} inner {n} {counts:?}");
            let frame_bytes: u64 = rows.iter().map(|r| r.frame_bytes).sum();
            let cap: u64 = rows.iter().map(|r| r.captured_bytes).sum();
            let ips: Vec<_> = rows.iter().filter(|r| r.ip.is_some()).collect();
            println!("   tshark {} rows {} bytes {} cap {} ip", rows.len(), frame_bytes, cap, ips.len());
            let mut shown = 0;
            for (i, (packet, row)) in packets.iter().zip(&ips).enumerate() {
                let (src, dst) = row.ip.unwrap();
                if shown < 8
                    && ((Ipv6Addr::from(packet.src), Ipv6Addr::from(packet.dst)) != (src, dst)
                        || packet.ip_bytes != row.ip_bytes
                        || (packet.ip_version == 4 && packet.protocol != row.protocol)
                        || row.ports.is_some_and(|p| p != (packet.src_port, packet.dst_port)))
                {
                    println!("   {i} {packet:?} {src} {dst} {} {} {:?}", row.ip_bytes, row.protocol, row.ports);
                    shown += 1;
                }
            }
        }
    }
}
