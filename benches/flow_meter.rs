//! A capture in memory to flow records, one thread, each profile; `QOSGUARD_DATA` adds public captures.

#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot read its data may stop")]

#[path = "../tests/public_data/mod.rs"]
mod public_data;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use etherparse::PacketBuilder;
use qosguard::telemetry::packets::{FlowMeter, FlowMeterConfig, FlowTable, Packet, Profile, TcpFlags};

/// Packets of a capture.
const PACKETS: usize = 1_000_000;

/// Bytes of a frame that a capture keeps.
const KEPT: usize = 256;

/// A frame, its bytes on the wire and its time in microseconds.
type Frame = (u64, u32, Vec<u8>);

/// A pcap file of Ethernet frames.
fn capture(frames: impl Iterator<Item = Frame>) -> Vec<u8> {
    let mut capture = [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 262_144, 1].map(u32::to_le_bytes).concat();
    for (time, wire, frame) in frames {
        let kept = frame.len().min(KEPT);
        let words = [(time / 1_000_000) as u32, (time % 1_000_000) as u32, kept as u32, wire];
        capture.extend(words.map(u32::to_le_bytes).concat());
        capture.extend(&frame[..kept]);
    }
    capture
}

/// 20,000 packets a second in TCP and UDP flows of 1 to 40 packets, some hundred at a time.
fn synthetic() -> Vec<u8> {
    let mut state = 1_u32;
    let mut random = move |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % below
    };
    let mut flows: Vec<(u16, u32)> = vec![(0, 0); 500];
    let mut next_port = 0_u16;
    capture((0..PACKETS).map(|number| {
        let which = random(500) as usize;
        let (port, left) = &mut flows[which];
        if *left == 0 {
            next_port = next_port.wrapping_add(1);
            (*port, *left) = (next_port, 1 + random(40));
        }
        *left -= 1;
        let (client, server) = ([10, 0, (which / 250) as u8, (which % 250) as u8], [192, 0, 2, 1]);
        let payload = vec![0; [0, 0, 100, 1_400][random(4) as usize]];
        let back = random(2) == 1;
        let (from, to) = if back { (server, client) } else { (client, server) };
        let ethernet = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4(from, to, 64);
        let mut frame = Vec::new();
        if which.is_multiple_of(3) {
            let (from, to) = if back { (53, *port) } else { (*port, 53) };
            ethernet.udp(from, to).write(&mut frame, &payload).unwrap();
        } else {
            let (from, to) = if back { (443, *port) } else { (*port, 443) };
            let tcp = ethernet.tcp(from, to, 1, 512).ack(1);
            let tcp = if *left < 2 { tcp.fin() } else { tcp };
            tcp.write(&mut frame, &payload).unwrap();
        }
        (number as u64 * 50, frame.len() as u32, frame)
    }))
}

/// The frames of a capture file, with times from its first; empty for a file that is not a plain Ethernet pcap.
fn frames(bytes: &[u8]) -> Vec<Frame> {
    let word = |at: &[u8]| u32::from_le_bytes(*at.first_chunk().unwrap());
    let mut frames = Vec::new();
    if word(bytes) == 0xa1b2_c3d4 && bytes[20] == 1 {
        let mut rest = &bytes[24..];
        let mut start = None;
        while let Some((header, body)) = rest.split_first_chunk::<16>() {
            let time = u64::from(word(header)) * 1_000_000 + u64::from(word(&header[4..]));
            let start = *start.get_or_insert(time);
            let length = word(&header[8..]) as usize;
            let frame = body[..length.min(KEPT)].to_vec();
            frames.push((time.saturating_sub(start), word(&header[12..]), frame));
            rest = &body[length..];
        }
    }
    frames
}

/// The public captures merged by time, and that again every 20 s with other IPv4 addresses.
fn public() -> Option<Vec<u8>> {
    let mut all = Vec::new();
    for folder in ["attack", "benign"] {
        let paths = public_data::files(&format!("packets/{folder}"));
        if paths.is_empty() {
            return None;
        }
        all.extend(paths.iter().flat_map(|path| frames(&std::fs::read(path).unwrap())));
    }
    let copies = PACKETS.div_ceil(all.len());
    let mut merged = Vec::with_capacity(copies * all.len());
    for copy in 0..copies {
        for (time, wire, frame) in &all {
            let mut frame = frame.clone();
            if frame.get(12..15) == Some(&[8, 0, 0x45]) && frame.len() >= 34 {
                frame[27] ^= copy as u8;
                frame[31] ^= copy as u8;
            }
            merged.push((1_700_000_000_000_000 + time + copy as u64 * 20_000_000, *wire, frame));
        }
    }
    merged.sort_by_key(|(time, ..)| *time);
    merged.truncate(PACKETS);
    Some(capture(merged.into_iter()))
}

fn meter(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("packets/meter");
    group.sample_size(10).throughput(Throughput::Elements(PACKETS as u64));
    for (name, capture) in [("synthetic", Some(synthetic())), ("public", public())] {
        let Some(capture) = capture else { continue };
        for profile in Profile::ALL {
            let config = FlowMeterConfig { profile, ..FlowMeterConfig::default() };
            let mut counts = None;
            group.bench_function(format!("{name}/{}", profile.as_str()), |bencher| {
                bencher.iter(|| {
                    let mut meter = FlowMeter::from_bytes(black_box(&capture), "bench", &config).unwrap();
                    for batch in &mut meter {
                        black_box(batch.unwrap());
                    }
                    assert_eq!(meter.capture_counts().records, PACKETS as u64);
                    counts = Some(*meter.flow_counts());
                });
            });
            eprintln!("{counts:?}");
        }
    }
    group.finish();
}

/// Kilobytes of memory that the process holds, where the system reports it.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().trim_end_matches(" kB").parse().ok()
}

/// An hour of 10 million TCP flows of two packets, in a table of 100,000: what it holds must not grow.
fn churn(criterion: &mut Criterion) {
    const FLOWS: u64 = 10_000_000;
    let mut group = criterion.benchmark_group("packets/churn");
    group.sample_size(10).throughput(Throughput::Elements(FLOWS * 2));
    for profile in [Profile::Cic, Profile::Nfstream] {
        let config = FlowMeterConfig { profile, max_flows: 100_000, ..FlowMeterConfig::default() };
        let (mut counts, mut memory) = (None, Vec::new());
        group.bench_function(profile.as_str(), |bencher| {
            bencher.iter(|| {
                let mut table = FlowTable::new(&config).unwrap();
                let mut rows = 0;
                memory.clear();
                for flow in 0..FLOWS {
                    let mut packet = Packet::default();
                    packet.time_ns = flow.cast_signed() * 360_000;
                    packet.src[8..].copy_from_slice(&flow.to_be_bytes());
                    (packet.src_port, packet.dst_port) = (40_000, 443);
                    (packet.ip_version, packet.protocol, packet.tcp_flags) = (6, 6, TcpFlags(TcpFlags::SYN));
                    (packet.frame_bytes, packet.header_bytes) = (74, 40);
                    table.push(&packet);
                    packet.tcp_flags = TcpFlags(TcpFlags::ACK);
                    packet.time_ns += 1_000;
                    table.push(&packet);
                    while let Some(batch) = table.take_batch().unwrap() {
                        rows += batch.num_rows() as u64;
                    }
                    if (flow + 1) % (FLOWS / 10) == 0 {
                        memory.push(resident().unwrap_or(0) / 1_024);
                    }
                }
                table.finish();
                while let Some(batch) = table.take_batch().unwrap() {
                    rows += batch.num_rows() as u64;
                }
                assert_eq!((rows, table.counts().started), (FLOWS, FLOWS));
                counts = Some(*table.counts());
            });
        });
        eprintln!("{counts:?}, resident MiB at each million: {memory:?}");
    }
    group.finish();
}

criterion_group!(benches, meter, churn);
criterion_main!(benches);
