//! The whole pipeline on one thread: Arrow table → features → score → p-value → action, and loading a guard.
#![allow(missing_docs, clippy::unwrap_used, reason = "criterion's macros and fixed inputs")]

#[path = "../tests/public_data/mod.rs"]
mod public_data;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use qosguard::Guard;
use qosguard::simulate::{self, FlowSimulatorConfig};
use qosguard::telemetry::{self, Table};

/// Simulated flows, and UNSW-NB15 (42 features before encoding) if `QOSGUARD_DATA` has it.
fn tables() -> Vec<(&'static str, Table)> {
    let config = FlowSimulatorConfig { rows: 100_000, ..Default::default() };
    let mut tables = vec![("simulated", simulate::table(&config).unwrap())];
    if let Some(path) = public_data::find("flows/unsw-nb15/UNSW_NB15_82332.csv") {
        tables.push(("unsw", telemetry::read_csv(path).unwrap()));
    }
    tables
}

fn pipeline(c: &mut Criterion) {
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    for (name, table) in tables() {
        let guard = Guard::builder().fit(&table).unwrap();
        let mut group = c.benchmark_group("pipeline/assess");
        group.sample_size(20).throughput(Throughput::Elements(table.n_rows() as u64));
        group.bench_function(name, |b| {
            one_thread.install(|| b.iter(|| guard.assess(black_box(&table)).unwrap()));
        });
        group.finish();

        let one = table.take(&[0]).unwrap();
        let mut group = c.benchmark_group("pipeline/assess_one_record");
        group.bench_function(name, |b| b.iter(|| guard.assess(black_box(&one)).unwrap()));
        group.finish();

        let mut group = c.benchmark_group("pipeline/assess_one_bound_record");
        group.bench_function(name, |b| {
            let mut assessor = guard.bind(table.schema()).unwrap();
            b.iter(|| assessor.assess(black_box(&one.batches()[0])).unwrap());
        });
        group.finish();

        let path =
            std::env::temp_dir().join(format!("qosguard-bench-{}-{name}.qosguard", std::process::id()));
        guard.save(&path).unwrap();
        let mut group = c.benchmark_group("pipeline/load_guard");
        group.bench_function(name, |b| b.iter(|| Guard::load(black_box(&path)).unwrap()));
        group.finish();
        std::fs::remove_file(&path).unwrap();
    }
}

criterion_group!(benches, pipeline);
criterion_main!(benches);
