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
fn columnar_readers() {
    use qosguard::telemetry::{IpcWriter, ParquetWriter, Schema};

    let schema = Schema::preset("flow_detail").unwrap();
    let config = qosguard::simulate::FlowSimulatorConfig { rows: 8, ..Default::default() };
    let batches: Vec<_> = qosguard::simulate::flows(&config).unwrap().map(Result::unwrap).collect();
    let mut file = IpcWriter::file(Vec::new(), &schema).unwrap();
    let mut stream = IpcWriter::stream(Vec::new(), &schema).unwrap();
    let mut parquet = ParquetWriter::new(Vec::new(), &schema).unwrap();
    for batch in &batches {
        file.write(batch).unwrap();
        stream.write(batch).unwrap();
        parquet.write(batch).unwrap();
    }
    smoke(targets::ipc, &[&file.finish().unwrap(), &stream.finish().unwrap()]);
    smoke(targets::parquet, &[&parquet.finish().unwrap()]);
}
