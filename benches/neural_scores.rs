//! Scores of an autoencoder and of the reference mixture on one thread; `neural_peers.py` measures the same in torch.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use qosguard::detect::{
    Architecture, AutoencoderConfig, Columns, Detector, ErrorForm, Fit, MixtureNetworkConfig,
    NeuralClassifierConfig, TimingChannel, TrainingConfig,
};
use qosguard::ndarray::{Array2, s};

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
    let training = TrainingConfig { epochs: 1, ..Default::default() };

    let x = rows(8192, 42);
    for (name, error_form) in [("squares", ErrorForm::Plain), ("logarithms", ErrorForm::Logarithmic)] {
        let config = AutoencoderConfig { error_form, training: training.clone(), ..Default::default() };
        let model = config.fit(x.view(), None).unwrap();
        score(criterion, &format!("autoencoder_{name}"), &model, &x, &[8192, 256, 1]);
    }

    let x = rows(256, TABULAR + TIMING);
    let columns = (TABULAR..TABULAR + TIMING).map(Some).collect();
    let timing = vec![TimingChannel { name: "both".into(), columns }];
    let config = NeuralClassifierConfig {
        architecture: Architecture::Mixture(MixtureNetworkConfig::reference()),
        columns: Some(Columns { categorical: Vec::new(), timing }),
        training,
        ..Default::default()
    };
    let labels: Vec<bool> = (0..256).map(|i| i % 2 == 1).collect();
    let model = config.fit(x.view(), Some(&labels)).unwrap();
    score(criterion, "reference_mixture", &model, &x, &[256, 1]);
}

criterion_group!(benches, bench);
criterion_main!(benches);
