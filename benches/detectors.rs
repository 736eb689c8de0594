//! Logistic regression, half-space trees, Kitsune and the Gaussian mixture on one thread, at 42 features.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use qosguard::detect::{
    Covariance, Detector, Fit, FitContext, GaussianMixtureConfig, HalfSpaceTreesConfig, KitsuneConfig,
    LogisticRegressionConfig,
};
use qosguard::ndarray::{Array2, s};

const FEATURES: usize = 42;

/// Rows of eight groups whose columns depend on each other, from a congruential generator.
fn rows(n: usize) -> Array2<f32> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    };
    let mut x = Array2::zeros((n, FEATURES));
    for mut row in x.rows_mut() {
        let group = (next() * 8.0).floor();
        let common = next();
        for (j, value) in row.iter_mut().enumerate() {
            *value = (group * (j % 5) as f32).sin() + common * (j % 3) as f32 + 0.3 * next();
        }
    }
    x
}

fn fit<C: Fit>(criterion: &mut Criterion, name: &str, config: &C, x: &Array2<f32>, labels: Option<&[bool]>) {
    let mut group = criterion.benchmark_group(format!("{name}/fit"));
    group.throughput(Throughput::Elements(x.nrows() as u64)).sample_size(10);
    group.bench_function(BenchmarkId::from_parameter(format!("{}x{FEATURES}", x.nrows())), |bencher| {
        bencher.iter(|| {
            config
                .fit(black_box(x.view()), labels.map_or_else(FitContext::default, FitContext::labelled))
                .unwrap()
        });
    });
    group.finish();
}

fn score(criterion: &mut Criterion, name: &str, model: &dyn Detector, x: &Array2<f32>) {
    let mut group = criterion.benchmark_group(format!("{name}/score"));
    for n in [1, 1_000, x.nrows()] {
        let x = x.slice(s![..n, ..]);
        let mut out = vec![0.0; n];
        group.throughput(Throughput::Elements(n as u64)).sample_size(20);
        group.bench_function(BenchmarkId::from_parameter(format!("{n}x{FEATURES}")), |bencher| {
            bencher.iter(|| model.score_into(black_box(x), &mut out).unwrap());
        });
    }
    group.finish();
}

fn bench(criterion: &mut Criterion) {
    qosguard::set_parallel(false);
    let x = rows(100_000);

    let labels: Vec<bool> = x.rows().into_iter().map(|row| row[1] + row[7] + row[9] > 1.5).collect();
    let config = LogisticRegressionConfig::default();
    fit(criterion, "logistic_regression", &config, &x, Some(&labels));
    score(
        criterion,
        "logistic_regression",
        &config.fit(x.view(), FitContext::labelled(&labels)).unwrap().model,
        &x,
    );

    let config = HalfSpaceTreesConfig::default();
    // Half-space trees are fitted row by row, so this is the speed of learning from a stream.
    fit(criterion, "half_space_trees", &config, &x, None);
    score(criterion, "half_space_trees", &config.fit(x.view(), FitContext::default()).unwrap().model, &x);

    let config = KitsuneConfig::default();
    fit(criterion, "kitsune", &config, &x, None);
    score(criterion, "kitsune", &config.fit(x.view(), FitContext::default()).unwrap().model, &x);

    let few = x.slice(s![..20_000, ..]).to_owned();
    for (name, covariance, components) in [
        ("gaussian_mixture", Covariance::Full, 16),
        ("gaussian_mixture_default", Covariance::Full, GaussianMixtureConfig::default().components),
        ("gaussian_mixture_diagonal", Covariance::Diagonal, 16),
    ] {
        let config = GaussianMixtureConfig { covariance, components, ..Default::default() };
        fit(criterion, name, &config, &few, None);
        score(criterion, name, &config.fit(few.view(), FitContext::default()).unwrap().model, &few);
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
