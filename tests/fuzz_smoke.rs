//! Every fuzz target on some thousand inputs: seeds, and seeds with bytes changed, cut, doubled and put in.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

#[path = "fuzz/src/lib.rs"]
mod targets;

/// Inputs that are made of each seed.
const INPUTS: usize = 2_000;

/// Runs a target on each seed and on inputs made of it.
fn smoke(target: fn(&[u8]), seeds: &[&[u8]]) {
    for (number, seed) in seeds.iter().enumerate() {
        target(seed);
        let mut rng = ChaCha8Rng::seed_from_u64(number as u64);
        for _ in 0..INPUTS {
            target(&mutate(seed, &mut rng));
        }
    }
}

/// One to four changes to the bytes of a seed.
fn mutate(seed: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    const TELLING: [u8; 8] = [0, 1, 0x7f, 0x80, 0xff, b'"', b'\n', b','];
    let mut bytes = seed.to_vec();
    for _ in 0..=rng.next_u32() % 4 {
        let mut below = |n: usize| rng.next_u32() as usize % n.max(1);
        let at = below(bytes.len());
        match below(5) {
            _ if bytes.is_empty() => bytes.push(0),
            0 => bytes[at] ^= 1 << below(8),
            1 => bytes[at] = TELLING[below(TELLING.len())],
            2 => bytes.truncate(at),
            3 => bytes.insert(at, TELLING[below(TELLING.len())]),
            _ => {
                let part = bytes[at..(at + below(64)).min(bytes.len())].to_vec();
                bytes.splice(at..at, part);
            }
        }
    }
    bytes
}

#[test]
fn csv_reader() {
    let flow = b"src_ip,dst_port,protocol,packet_count,byte_count,duration\n10.0.0.1,53,17,2,164,0.03\n";
    let quoted = b"dst_port,protocol,packet_count,byte_count,duration\r\n443,\"t\"\"cp\",1e3,0x10,inf\r\n";
    smoke(targets::csv, &[flow, quoted]);
}

#[test]
fn json_reader() {
    let flow =
        br#"{"dst_port": 443, "protocol": "TCP", "packet_count": 12, "byte_count": 1024, "duration": 3.4}
{"dst_port": null, "protocol": "UDP", "packet_count": "1", "byte_count": 1, "duration": "Infinity"}
"#;
    smoke(targets::json, &[flow]);
}

#[test]
fn export_datagrams() {
    let netflow5 = [&[0, 5, 0, 1, 0, 0, 9, 9, 0x65, 0, 0, 0][..], &[0; 12], &[10; 48]].concat();
    // A template of addresses and counts with a record, and options that tell a sampling interval.
    let netflow9 = b"\0\x09\0\x03\0\0\x09\x09\x65\0\0\0\0\0\0\x01\0\0\0\x01\
        \0\0\0\x18\x01\0\0\x04\0\x08\0\x04\0\x0c\0\x04\0\x02\0\x04\0\x01\0\x04\
        \0\x01\0\x12\x01\x01\0\x04\0\x04\0\x01\0\x04\0\x22\0\x04\
        \x01\x01\0\x0c\0\0\0\0\0\0\0\x64\
        \x01\0\0\x14\x0a\0\0\x01\x0a\0\0\x02\0\0\0\x03\0\0\0\xb4";
    // A variable field, an enterprise field and a reverse count; a withdrawal.
    let ipfix = b"\0\x0a\0\x4a\x65\0\0\0\0\0\0\0\0\0\0\x01\
        \0\x02\0\x20\x01\0\0\x04\0\x08\0\x04\0\x60\xff\xff\x80\x01\0\x02\0\0\x72\x79\x80\x07\0\x01\0\0\x09\x09\
        \x01\0\0\x12\x0a\0\0\x01\x02ok\0\x09\x07\0\0\0\0\
        \0\x02\0\x08\x01\0\0\0";
    smoke(targets::netflow, &[&netflow5, netflow9, ipfix]);

    // An IPv4 agent, and a flow sample with addresses and with the first bytes of a packet.
    let words = |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<u8>>();
    let addresses = words(&[3, 32, 60, 6, 0x0a00_0001, 0x0a00_0002, 40_000, 443, 2, 0]);
    let packet =
        words(&[0x4500_0028, 0, 0x4006_0000, 0x0a00_0001, 0x0a00_0002, 0x9c40_01bb, 1, 2, 0x5010_0400, 0]);
    let raw = [words(&[1, 56, 11, 40, 0, 40]), packet].concat();
    let sample = [words(&[1, 32, 1, 7, 512, 0, 0, 1, 2, 2]), addresses, raw].concat();
    let mut datagram = [words(&[1, 0xc000_0201, 0, 1, 1_000, 1]), sample].concat();
    let sample_bytes = (datagram.len() - 32) as u32;
    datagram[28..32].copy_from_slice(&sample_bytes.to_be_bytes());
    smoke(targets::sflow, &[&datagram]);
}
