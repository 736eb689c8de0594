//! The isolation forest on one thread: 100 trees of 256 rows.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use qosguard::detect::{
    Detector, Fit, FitContext, IsolationForestConfig, IsolationMissing, IsolationScoring, IsolationSplits,
};
use qosguard::ndarray::{Array2, s};

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
        bencher.iter(|| {
            IsolationForestConfig::default().fit(black_box(x.view()), FitContext::default()).unwrap().model
        });
    });
    group.finish();

    let mut group = criterion.benchmark_group("isolation_forest/score");
    for (n, features) in [(1, 42), (1_000, 42), (100_000, 42), (10_000, 128)] {
        let x = rows(n.max(1_000), features);
        let forest = IsolationForestConfig::default().fit(x.view(), FitContext::default()).unwrap().model;
        let x = x.slice(s![..n, ..]);
        let mut out = vec![0.0; n];
        group.throughput(Throughput::Elements(n as u64)).sample_size(30);
        group.bench_function(BenchmarkId::from_parameter(format!("{n}x{features}")), |bencher| {
            bencher.iter(|| forest.score_into(black_box(x), &mut out).unwrap());
        });
    }
    group.finish();
}

/// The variants, on 100,000 rows of 42 features, ten of them categories where there are any; one in five
/// values is missing for the last.
fn variants(criterion: &mut Criterion) {
    qosguard::set_parallel(false);
    let base = IsolationForestConfig::default;
    let extended = |features| IsolationSplits::Extended { features };
    let pooled = |features| IsolationSplits::PooledGain { features, tries: 1, share: 1.0 };
    let categorical: Vec<usize> = (0..10).collect();
    let missing = IsolationMissing::Learn;
    let n = 100_000;
    let x = rows(n, 42);
    let mut categories = x.clone();
    categories.slice_mut(s![.., ..10]).mapv_inplace(|value| value % 50.0);
    let mut gaps = categories.clone();
    gaps.iter_mut().step_by(5).for_each(|value| *value = f32::NAN);
    let mut group = criterion.benchmark_group("isolation_forest/variants");
    for (name, x, config) in [
        ("extended_2", &x, IsolationForestConfig { splits: extended(2), ..base() }),
        ("extended_3", &x, IsolationForestConfig { splits: extended(3), ..base() }),
        ("pooled_gain", &x, IsolationForestConfig { splits: pooled(1), ..base() }),
        ("fair_cut", &x, IsolationForestConfig { splits: pooled(2), ..base() }),
        ("density", &x, IsolationForestConfig { scoring: IsolationScoring::Density, ..base() }),
        ("categories", &categories, IsolationForestConfig { categorical: categorical.clone(), ..base() }),
        ("missing", &gaps, IsolationForestConfig { missing, categorical, ..base() }),
    ] {
        let forest = config.fit(x.view(), FitContext::default()).unwrap().model;
        let mut out = vec![0.0; n];
        group.throughput(Throughput::Elements(n as u64)).sample_size(10);
        group.bench_function(BenchmarkId::new("fit", name), |bencher| {
            bencher.iter(|| config.fit(black_box(x.view()), FitContext::default()).unwrap().model);
        });
        group.bench_function(BenchmarkId::new("score", name), |bencher| {
            bencher.iter(|| forest.score_into(black_box(x.view()), &mut out).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, bench, variants);
criterion_main!(benches);
