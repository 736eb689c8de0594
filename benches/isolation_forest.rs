//! The isolation forest on one thread: 100 trees of 256 rows.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use qosguard::detect::{Detector, Fit, IsolationForestConfig};
use qosguard::ndarray::Array2;

/// Rows that differ in every column, from a congruential generator, so that all trees grow to the full.
fn rows(n: usize, features: usize) -> Array2<f32> {
    let mut state = 1_u32;
    Array2::from_shape_simple_fn((n, features), || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32
    })
}

fn bench(criterion: &mut Criterion) {
    qosguard::set_parallel(false);

    let mut group = criterion.benchmark_group("isolation_forest/fit");
    let (n, features) = (200_000, 42);
    let x = rows(n, features);
    group.throughput(Throughput::Elements(n as u64)).sample_size(30);
    group.bench_function(BenchmarkId::from_parameter(format!("{n}x{features}")), |bencher| {
        bencher.iter(|| IsolationForestConfig::default().fit(black_box(x.view()), None).unwrap());
    });
    group.finish();

    let mut group = criterion.benchmark_group("isolation_forest/score");
    for (n, features) in [(1, 42), (1_000, 42), (100_000, 42), (10_000, 128)] {
        let x = rows(n.max(1_000), features);
        let forest = IsolationForestConfig::default().fit(x.view(), None).unwrap();
        let x = x.slice(qosguard::ndarray::s![..n, ..]);
        let mut out = vec![0.0; n];
        group.throughput(Throughput::Elements(n as u64)).sample_size(30);
        group.bench_function(BenchmarkId::from_parameter(format!("{n}x{features}")), |bencher| {
            bencher.iter(|| forest.score_into(black_box(x), &mut out).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
