//! Networks on one thread: training steps and scores of an autoencoder 42-64-16-64-42 and of the reference mixture.
//!
//! `neural_peers.py` measures the same in torch; `RAYON_NUM_THREADS=1` keeps candle's own loops on one thread too.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::hint::black_box;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use qosguard::Monitor;
use qosguard::detect::{
    AnyDetectorConfig, Architecture, AutoencoderConfig, Columns, Detector, Fit, FitContext,
    MixtureNetworkConfig, NeuralClassifierConfig, ScoreTransform, TimingChannel, TrainingConfig,
};
use qosguard::ndarray::{Array2, s};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 256;
const TABULAR: usize = 47;
const TIMING: usize = 25;

/// Uniform numbers from a congruential generator.
fn rows(n: usize, width: usize) -> Array2<f32> {
    let mut state = 1_u32;
    Array2::from_shape_simple_fn((n, width), || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    })
}

/// Training by steps of [`BATCH`] rows, with nothing held out.
fn training(epochs: usize) -> TrainingConfig {
    TrainingConfig { epochs, batch_rows: BATCH, validation_share: 0.0, patience: None, ..Default::default() }
}

fn autoencoder(epochs: usize) -> AutoencoderConfig {
    let (widths, batch_norm) = (vec![64], false);
    AutoencoderConfig { widths, latent: 16, batch_norm, training: training(epochs), ..Default::default() }
}

fn mixture(epochs: usize) -> NeuralClassifierConfig {
    let columns = (TABULAR..TABULAR + TIMING).map(Some).collect();
    let timing = vec![TimingChannel { name: "both".into(), columns }];
    NeuralClassifierConfig {
        architecture: Architecture::Mixture(MixtureNetworkConfig::reference()),
        columns: Some(Columns { categorical: Vec::new(), timing }),
        training: training(epochs),
        ..Default::default()
    }
}

/// What epochs after the first take.
fn train(
    criterion: &mut Criterion,
    name: &str,
    x: &Array2<f32>,
    config: impl Fn(usize) -> AnyDetectorConfig,
) {
    let labels: Vec<bool> = (0..x.nrows()).map(|i| i % 2 == 1).collect();
    let mut group = criterion.benchmark_group(format!("{name}/train"));
    group.throughput(Throughput::Elements(x.nrows() as u64)).sample_size(10);
    group.bench_function(BenchmarkId::from_parameter(BATCH), |bencher| {
        bencher.iter_custom(|iterations| {
            let taken = Arc::new(Mutex::new(Duration::ZERO));
            let (mut started, since) = (None, Arc::clone(&taken));
            let monitor = Monitor::new(move |_| {
                *since.lock().unwrap() = started.get_or_insert_with(Instant::now).elapsed();
                ControlFlow::Continue(())
            });
            let context = FitContext { monitor: Some(&monitor), ..FitContext::labelled(&labels) };
            config(iterations as usize + 1).fit(x.view(), context).unwrap();
            *taken.lock().unwrap()
        });
    });
    group.finish();
}

fn score(criterion: &mut Criterion, name: &str, model: &dyn Detector, x: &Array2<f32>, sizes: &[usize]) {
    let mut group = criterion.benchmark_group(format!("{name}/score"));
    for &n in sizes {
        let x = x.slice(s![..n, ..]);
        let mut out = vec![0.0; n];
        group.throughput(Throughput::Elements(n as u64)).sample_size(20);
        group.bench_function(BenchmarkId::from_parameter(n), |bencher| {
            bencher.iter(|| model.score_into(black_box(x), &mut out).unwrap());
        });
    }
    group.finish();
}

fn bench(criterion: &mut Criterion) {
    qosguard::set_parallel(false);

    let x = rows(8192, 42);
    train(criterion, "autoencoder", &x, |epochs| autoencoder(epochs).into());
    for (name, score_transform) in
        [("autoencoder", ScoreTransform::Plain), ("autoencoder_log", ScoreTransform::Logarithmic)]
    {
        let model = AutoencoderConfig { score_transform, ..autoencoder(1) }
            .fit(x.view(), FitContext::default())
            .unwrap()
            .model;
        score(criterion, name, &model, &x, &[8192, 256, 1]);
    }

    let x = rows(2 * BATCH, TABULAR + TIMING);
    train(criterion, "reference_mixture", &x, |epochs| mixture(epochs).into());
    let labels: Vec<bool> = (0..x.nrows()).map(|i| i % 2 == 1).collect();
    let model = mixture(1).fit(x.view(), FitContext::labelled(&labels)).unwrap().model;
    score(criterion, "reference_mixture", &model, &x, &[256, 1]);
}

criterion_group!(benches, bench);
criterion_main!(benches);
