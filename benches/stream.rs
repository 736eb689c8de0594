//! A stream: flows a second on one thread, with the host context and incidents; then 10^7 flows of forged sources, with the
//! time of each million and the memory of the process.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "criterion's macros and fixed inputs"
)]

use std::sync::Arc;
use std::time::Instant;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use qosguard::Guard;
use qosguard::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use qosguard::detect::{
    AnyDetectorConfig, AutoencoderConfig, BoostedTreesConfig, EnsembleConfig, IsolationForestConfig,
    MemberConfig,
};
use qosguard::features::HostContextConfig;
use qosguard::simulate::{TrafficSimulatorConfig, traffic};
use qosguard::stream::{Stream, StreamConfig};
use qosguard::telemetry::Table;

/// Rows of a batch of forged sources, and the number of their flows.
const ROWS: usize = 10_000;
const FORGED: usize = 10_000_000;

fn simulated(seed: u64) -> Table {
    traffic(&TrafficSimulatorConfig { duration_s: 3_600.0, seed, ..Default::default() }).unwrap().table
}

fn guard(detector: impl Into<AnyDetectorConfig>, flows: &Table) -> Guard {
    let windows = vec![10.0, 60.0];
    let context = HostContextConfig { windows, ..Default::default() };
    Guard::builder().context(context).detector(detector).fit(flows).unwrap()
}

fn three_detectors() -> EnsembleConfig {
    let members = vec![
        MemberConfig::new("forest", 1.0, IsolationForestConfig::default()),
        MemberConfig::new("boosted", 1.0, BoostedTreesConfig::default()),
        MemberConfig::new("autoencoder", 1.0, AutoencoderConfig::default()),
    ];
    EnsembleConfig { members, ..Default::default() }
}

fn streams(c: &mut Criterion) {
    let (yesterday, today) = (simulated(1), simulated(2));
    let rows = today.n_rows() as u64;
    let mut group = c.benchmark_group("stream");
    group.sample_size(10).throughput(Throughput::Elements(rows));
    let config = StreamConfig { warm_up: 0, ..Default::default() };
    let guards = [
        ("limits", None),
        ("forest", Some(guard(IsolationForestConfig::default(), &yesterday))),
        ("three detectors", Some(guard(three_detectors(), &yesterday))),
    ];
    for (name, guard) in guards {
        let start = || match &guard {
            Some(guard) => Stream::with_guard(guard.clone(), today.schema(), &config).unwrap(),
            None => Stream::new(today.schema(), &config).unwrap(),
        };
        let mut last = start();
        group.bench_function(name, |b| {
            b.iter_batched(
                start,
                |mut stream| {
                    let events = stream.push_table(&today).unwrap().events.len();
                    last = stream;
                    events
                },
                BatchSize::PerIteration,
            );
        });
        // The latency of records that come one by one.
        let mut stream = start();
        let one_by_one =
            today.batches().iter().flat_map(|batch| (0..batch.num_rows()).map(|row| batch.slice(row, 1)));
        for record in one_by_one.take(5_000) {
            stream.push(&record).unwrap();
        }
        println!("stream/{name}, one record at a time: {:?}", stream.latency());
    }
    group.finish();
}

/// A batch of connection attempts to one host, each from an address of its own, 10,000 per second.
fn forged(like: &RecordBatch, first: usize) -> RecordBatch {
    let rows = first..first + like.num_rows();
    let address = |at: usize| format!("{}.{}.{}.7", 11 + at % 180, at / 180 % 250, at / 45_000 % 250);
    let columns = like.schema_ref().fields().iter().zip(like.columns());
    let columns = columns.map(|(field, column)| -> ArrayRef {
        match field.name().as_str() {
            "time" => {
                Arc::new(Float64Array::from_iter_values(rows.clone().map(|at| 1.7e9 + at as f64 / 1e4)))
            }
            "src_ip" => Arc::new(StringArray::from_iter_values(rows.clone().map(address))),
            "dst_ip" => Arc::new(StringArray::from_iter_values(rows.clone().map(|_| "10.0.0.80"))),
            _ => Arc::clone(column),
        }
    });
    RecordBatch::try_new(like.schema(), columns.collect()).unwrap()
}

/// Resident memory of this process in MB.
fn resident_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1e3
}

fn forged_sources(_: &mut Criterion) {
    let flows = simulated(2);
    let whole = &flows.batches()[0];
    let like = whole.slice(0, whole.num_rows().min(ROWS));
    let mut stream = Stream::new(flows.schema(), &StreamConfig { warm_up: 0, ..Default::default() }).unwrap();
    let mut started = Instant::now();
    for first in (0..FORGED).step_by(like.num_rows()) {
        stream.push(&forged(&like, first)).unwrap();
        let million = first / 1_000_000;
        if million < (first + like.num_rows()) / 1_000_000 {
            println!(
                "million {}: {:.1} s, {:.0} MB resident",
                million + 1,
                started.elapsed().as_secs_f64(),
                resident_mb()
            );
            started = Instant::now();
        }
    }
    println!("{:?}", stream.counts());
}

criterion_group!(benches, streams, forged_sources);
criterion_main!(benches);
