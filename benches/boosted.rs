//! Training boosted trees on one thread: 100 trees of 31 leaves.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use qosguard::detect::{BoostedTreesConfig, Fit, FitContext};
use qosguard::ndarray::Array2;

/// Uniform numbers from a congruential generator, and labels that depend on four of them and on chance.
fn rows(n: usize, features: usize) -> (Array2<f32>, Vec<bool>) {
    let mut state = 1_u32;
    let mut draw = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    };
    let x = Array2::from_shape_simple_fn((n, features), &mut draw);
    let labels = x.outer_iter().map(|row| row[0] + (row[1] - row[2]).abs() * row[3] + draw() > 1.2);
    let labels = labels.collect();
    (x, labels)
}

fn bench(criterion: &mut Criterion) {
    qosguard::set_parallel(false);
    let mut group = criterion.benchmark_group("boosted/fit");
    for (n, features) in [(10_000, 42), (200_000, 42)] {
        let (x, labels) = rows(n, features);
        group.throughput(Throughput::Elements(n as u64)).sample_size(10);
        group.bench_function(BenchmarkId::from_parameter(format!("{n}x{features}")), |bencher| {
            let config = BoostedTreesConfig::default();
            bencher.iter(|| config.fit(black_box(x.view()), FitContext::labelled(&labels)).unwrap().model);
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
