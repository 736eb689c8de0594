//! Decoding export datagrams on one thread: records per second of NetFlow v5, NetFlow v9, IPFIX and sFlow.

#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot read its data may stop")]

use std::net::{IpAddr, Ipv4Addr};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use qosguard::telemetry::netflow::{Exporters, NetflowConfig};

/// Datagrams per run, each of about 1,400 bytes.
const DATAGRAMS: u32 = 4_000;

/// Elements of a typical template of NetFlow v9: addresses, ports, interfaces, counts, times, flags, masks, systems.
const NETFLOW9: [(u16, u16); 18] = [
    (8, 4),
    (12, 4),
    (15, 4),
    (10, 4),
    (14, 4),
    (2, 4),
    (1, 4),
    (22, 4),
    (21, 4),
    (7, 2),
    (11, 2),
    (6, 1),
    (4, 1),
    (5, 1),
    (16, 4),
    (17, 4),
    (9, 1),
    (13, 1),
];

/// The same for IPFIX, with longer counts and times.
const IPFIX: [(u16, u16); 14] = [
    (8, 4),
    (12, 4),
    (10, 4),
    (14, 4),
    (2, 8),
    (1, 8),
    (152, 8),
    (153, 8),
    (7, 2),
    (11, 2),
    (6, 2),
    (4, 1),
    (5, 1),
    (136, 1),
];

/// Pseudo-random numbers.
struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// A record of some elements with realistic values.
fn record(fields: &[(u16, u16)], v6: bool, random: &mut Random) -> Vec<u8> {
    let mut record = Vec::new();
    for &(element, len) in fields {
        let value = match element {
            8 | 12 if v6 => {
                record.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0]);
                random.next(1 << 31)
            }
            8 | 12 => 0x0a00_0000 + random.next(1 << 24),
            2 => 1 + random.next(1_000),
            1 => 40 + random.next(1_000_000),
            4 => [6, 17, 1][random.next(3) as usize],
            22 => 3_500_000,
            21 => 3_500_000 + random.next(60_000),
            152 => 1_700_000_000_000,
            153 => 1_700_000_000_000 + random.next(60_000),
            6 => random.next(64),
            _ => random.next(1 << 16),
        };
        let len = if v6 && [8, 12].contains(&element) { 8 } else { usize::from(len) };
        record.extend(&value.to_be_bytes()[8 - len..]);
    }
    record
}

fn words(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

fn set(id: u16, body: &[u8]) -> Vec<u8> {
    [&id.to_be_bytes()[..], &(body.len() as u16 + 4).to_be_bytes(), body].concat()
}

fn template(fields: &[(u16, u16)]) -> Vec<u8> {
    let numbers =
        [256, fields.len() as u16].into_iter().chain(fields.iter().flat_map(|&(id, len)| [id, len]));
    numbers.flat_map(u16::to_be_bytes).collect()
}

/// Datagrams of a format, and their number of records.
fn datagrams(format: &str) -> (Vec<Vec<u8>>, u64) {
    let mut random = Random(1);
    let (seconds, uptime) = (1_700_000_000, 3_600_000);
    let mut datagrams = Vec::new();
    let mut records = 0;
    let mut sequence = 0;
    let v6: Vec<(u16, u16)> = IPFIX
        .iter()
        .map(|&(id, len)| match id {
            8 => (27, 16),
            12 => (28, 16),
            _ => (id, len),
        })
        .collect();
    match format {
        "netflow9" => datagrams.push(
            [[&[0, 9, 0, 1][..], &words(&[uptime, seconds, 0, 1])].concat(), set(0, &template(&NETFLOW9))]
                .concat(),
        ),
        "ipfix" | "ipfix/ipv6" => {
            let template = set(2, &template(if format == "ipfix" { &IPFIX } else { &v6 }));
            let len = template.len() as u16 + 16;
            datagrams.push([&[0, 10][..], &len.to_be_bytes(), &words(&[seconds, 0, 1]), &template].concat());
        }
        _ => {}
    }
    for number in 0..DATAGRAMS {
        let (fields, count): (&[(u16, u16)], u32) = match format {
            "netflow5" => (&[], 30),
            "netflow9" => (&NETFLOW9, 26),
            "ipfix" => (&IPFIX, 24),
            "ipfix/ipv6" => (&IPFIX, 16),
            _ => (&[], 8),
        };
        let body: Vec<u8> =
            (0..count).flat_map(|_| record(fields, format == "ipfix/ipv6", &mut random)).collect();
        datagrams.push(match format {
            "netflow5" => {
                let header = words(&[5 << 16 | count, uptime, seconds, 0, sequence, 0]);
                let record = |random: &mut Random| {
                    let hosts = [
                        0x0a00_0000 + random.next(1 << 24) as u32,
                        0x0a00_0000 + random.next(1 << 24) as u32,
                    ];
                    let counts = [1 + random.next(1_000) as u32, 40 + random.next(1_000_000) as u32];
                    let ports = (random.next(1 << 16) << 16 | random.next(1 << 16)) as u32;
                    let flags = (random.next(64) << 16 | [6, 17, 1][random.next(3) as usize] << 8) as u32;
                    words(&[
                        hosts[0],
                        hosts[1],
                        0,
                        1 << 16 | 2,
                        counts[0],
                        counts[1],
                        3_500_000,
                        3_560_000,
                        ports,
                        flags,
                        0,
                        0,
                    ])
                };
                [header, (0..count).flat_map(|_| record(&mut random)).collect()].concat()
            }
            "netflow9" => {
                [&[0, 9, 0, 26][..], &words(&[uptime, seconds, number + 1, 1]), &set(256, &body)].concat()
            }
            "sflow5" => {
                let header = words(&[5, 1, 0xc000_0201, 0, number, uptime, count]);
                [header, (0..count).flat_map(|_| sample(&mut random)).collect()].concat()
            }
            _ => {
                let data = set(256, &body);
                let len = data.len() as u16 + 16;
                [&[0, 10][..], &len.to_be_bytes(), &words(&[seconds, sequence, 1]), &data].concat()
            }
        });
        sequence += count;
        records += u64::from(count);
    }
    (datagrams, records)
}

/// An sFlow sample with the first bytes of an Ethernet frame.
fn sample(random: &mut Random) -> Vec<u8> {
    let mut frame = vec![2; 12];
    frame.extend([8, 0, 0x45, 0, 5, 0xdc, 0, 0, 0x40, 0, 64, 6, 0, 0]);
    frame.extend(words(&[
        0x0a00_0000 + random.next(1 << 24) as u32,
        0x0a00_0000 + random.next(1 << 24) as u32,
    ]));
    frame.extend(words(&[random.next(1 << 31) as u32, 1, 2, 0x5010_1000, 0]));
    frame.resize(128, 0);
    let raw = [words(&[1, 16 + 128, 1, 1_514, 4, 128]), frame].concat();
    [words(&[1, 32 + raw.len() as u32, 1, 1, 512, 0, 0, 1, 2, 1]), raw].concat()
}

/// Decodes all datagrams into batches.
fn read(c: &mut Criterion) {
    let exporter = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    let mut group = c.benchmark_group("netflow");
    for format in ["netflow5", "netflow9", "ipfix", "ipfix/ipv6", "sflow5"] {
        let (datagrams, records) = datagrams(format);
        group.throughput(Throughput::Elements(records));
        group.bench_function(format, |b| {
            b.iter(|| {
                let mut exporters = Exporters::new(&NetflowConfig::default()).unwrap();
                let mut rows = 0;
                for datagram in &datagrams {
                    exporters.push(exporter, Some(1_700_000_000.0), datagram);
                    if exporters.rows() >= 65_536 {
                        rows += exporters.take_batch().unwrap().map_or(0, |batch| batch.num_rows());
                    }
                }
                rows += exporters.take_batch().unwrap().map_or(0, |batch| batch.num_rows());
                assert_eq!(rows as u64, records);
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = read
}
criterion_main!(benches);
