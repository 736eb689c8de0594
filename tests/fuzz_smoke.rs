//! Every fuzz target on some thousand inputs: seeds, and seeds with bytes changed, cut, doubled and put in.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

#[allow(unreachable_pub, reason = "the fuzzer calls them from another crate")]
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
fn series() {
    let berlin = b"\x09\
2024-10-27 02:00,a,1,0\n2024-10-27 02:30,a,,0\n2024-10-27 02:00,a,3,1\n2024-10-27 03:10,b,nan,0\n";
    let apia =
        b"\x3f29/12/2011 12:00,a,1,0\n30/12/2011 12:00,a,2,0\n2011-12-31,a,1e300,1\n2012-01-01T00:00Z,,4,0\n";
    let numbers = b"\x90915148800,a,1,0\n915148800000,a,2,0\n1e18,b,inf,0\n-9999-01-01,b,5,0\n";
    smoke(targets::series, &[berlin, apia, numbers]);
}
