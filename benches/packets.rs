//! Decoding the packets of a capture in memory on one thread; `QOSGUARD_DATA` adds public captures.

#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot read its data may stop")]

#[path = "../tests/public_data/mod.rs"]
mod public_data;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use etherparse::{LaxSlicedPacket, PacketBuilder};
use pcap_parser::parse_pcap_frame;
use qosguard::telemetry::packets::{DecodeOptions, Layer, PacketReader};

/// Packets of a capture.
const PACKETS: usize = 1_000_000;

/// A pcap file of one link type.
fn pcap_header() -> Vec<u8> {
    [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 262_144, 1].map(u32::to_le_bytes).concat()
}

fn record(capture: &mut Vec<u8>, number: usize, frame: &[u8]) {
    let length = frame.len() as u32;
    let words = [number as u32 / 1_000_000, number as u32 % 1_000_000, length, length];
    capture.extend(words.map(u32::to_le_bytes).concat());
    capture.extend(frame);
}

/// TCP and UDP packets between some thousand addresses, with payloads of 0 to 1,400 bytes.
fn synthetic() -> Vec<u8> {
    let mut state = 1_u32;
    let mut random = move |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % below
    };
    let mut capture = pcap_header();
    let mut frame = Vec::new();
    for number in 0..PACKETS {
        frame.clear();
        let client = [10, 0, random(16) as u8, random(256) as u8];
        let ethernet = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4(client, [192, 0, 2, 1], 64);
        let payload = [0, 0, 0, 100, 500, 1_400][random(6) as usize];
        let port = 1_024 + random(60_000) as u16;
        match random(4) {
            0 => ethernet.udp(port, 53).write(&mut frame, &vec![0; payload]).unwrap(),
            _ => ethernet.tcp(port, 443, 1, 512).ack(1).write(&mut frame, &vec![0; payload]).unwrap(),
        }
        record(&mut capture, number, &frame);
    }
    capture
}

/// The public Ethernet captures in one, repeated; `None` without the data.
fn public() -> Option<Vec<u8>> {
    let mut frames = Vec::new();
    for folder in ["attack", "benign"] {
        let paths = public_data::files(&format!("packets/{folder}"));
        if paths.is_empty() {
            return None;
        }
        for bytes in paths.iter().map(|path| std::fs::read(path).unwrap()) {
            if bytes.starts_with(&pcap_header()[..4]) && bytes[20] == 1 {
                let mut rest = &bytes[24..];
                while let Some((header, body)) = rest.split_first_chunk::<16>() {
                    let length = u32::from_le_bytes(*header[8..].first_chunk().unwrap()) as usize;
                    frames.push(body[..length].to_vec());
                    rest = &body[length..];
                }
            }
        }
    }
    let mut capture = pcap_header();
    for (number, frame) in frames.iter().cycle().take(PACKETS).enumerate() {
        record(&mut capture, number, frame);
    }
    Some(capture)
}

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("packets/decode");
    group.sample_size(20).throughput(Throughput::Elements(PACKETS as u64));
    for (name, capture) in [("synthetic", Some(synthetic())), ("public", public())] {
        let Some(capture) = capture else { continue };
        for (layer, label) in [(Layer::Outer, "outer"), (Layer::Inner, "inner")] {
            let options = DecodeOptions::default().with_layer(layer);
            group.bench_function(format!("{name}/{label}"), |bencher| {
                bencher.iter(|| {
                    let mut reader =
                        PacketReader::from_bytes(black_box(&capture), "bench", &options).unwrap();
                    for packet in &mut reader {
                        black_box(packet.unwrap());
                    }
                    assert_eq!(reader.counts().records, PACKETS as u64);
                });
            });
        }
        group.bench_function(format!("{name}/pcap-parser and etherparse"), |bencher| {
            bencher.iter(|| {
                let mut rest = &black_box(&capture)[24..];
                while let Ok((after, block)) = parse_pcap_frame(rest) {
                    black_box(LaxSlicedPacket::from_ethernet(block.data).unwrap());
                    rest = after;
                }
                assert!(rest.is_empty());
            });
        });
        group.bench_function(format!("{name}/stream"), |bencher| {
            bencher.iter(|| {
                let options = DecodeOptions::default();
                let reader = PacketReader::new(black_box(&capture[..]), "bench", &options).unwrap();
                for packet in reader {
                    black_box(packet.unwrap());
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, decode);
criterion_main!(benches);
