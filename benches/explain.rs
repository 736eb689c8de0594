//! Exact contributions of 42 features on one thread.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use qosguard::detect::{BoostedTreesConfig, Fit, FitContext, IsolationForestConfig};
use qosguard::ndarray::{Array2, s};

/// Rows that differ in every column, from a congruential generator.
fn rows(n: usize) -> Array2<f32> {
    let mut state = 1_u32;
    Array2::from_shape_simple_fn((n, 42), || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 16_777_216.0
    })
}

fn bench(criterion: &mut Criterion) {
    qosguard::set_parallel(false);
    let x = rows(20_000);
    // Ten features matter, in pairs.
    let labels: Vec<bool> = x
        .rows()
        .into_iter()
        .map(|row| (0..5).map(|j| row[j] * row[j + 5] + 0.3 * row[j]).sum::<f32>() > 2.2)
        .collect();

    let mut group = criterion.benchmark_group("explain/boosted");
    let config = BoostedTreesConfig { trees: 100, leaves: 31, early_stopping: None, ..Default::default() };
    let model = config.fit(x.view(), FitContext::labelled(&labels)).unwrap().model;
    for n in [1, 2_000] {
        let x = x.slice(s![..n, ..]);
        group.throughput(Throughput::Elements(n as u64)).sample_size(20);
        group.bench_function(BenchmarkId::from_parameter(n), |bencher| {
            bencher.iter(|| model.explain(black_box(x)).unwrap());
        });
    }
    group.finish();

    let mut group = criterion.benchmark_group("explain/isolation_forest");
    let forest = IsolationForestConfig::default().fit(x.view(), FitContext::default()).unwrap().model;
    for n in [1, 2_000] {
        let x = x.slice(s![..n, ..]);
        group.throughput(Throughput::Elements(n as u64)).sample_size(20);
        group.bench_function(BenchmarkId::from_parameter(n), |bencher| {
            bencher.iter(|| forest.explain(black_box(x)).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
