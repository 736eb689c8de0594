//! Tests of every network on every device.

use std::collections::BTreeMap;

use candle_core::DType;

use crate::detect::autoencoder::tests::{rows, small, with_task};
use crate::detect::{
    AutoencoderConfig, Detector, ExpertConfig, Fit, FitContext, IsolationForestConfig,
    MixtureOfExpertsConfig, NeuralClassifierConfig, PretrainingConfig,
};
use crate::error::Result;
use crate::nn::TrainingConfig;
use crate::nn::config::{Device, Precision};
use crate::nn::networks;
use crate::nn::networks::tests::{Small, timing};
use crate::nn::pass::Pass;
use crate::nn::place::{Place, numbers};
use crate::nn::train::{Task, train};

/// Trains, differentiates and scores at a place; `device` is the same place in settings.
fn on_device(device: Device, place: &Place) {
    with_task(Place::default(), |ours| with_task(place.clone(), |task| alike(ours, task)));
    for architecture in networks::tests::small() {
        for guesses in [false, true] {
            if !guesses || architecture.has_tokens() {
                let at = |place| Small::on(place, &architecture, guesses);
                alike(&at(Place::default()), &at(place.clone()));
            }
        }
    }
    let x = rows(300, 1);
    let training = TrainingConfig { epochs: 3, device, ..small().training };
    let config = AutoencoderConfig { training: training.clone(), batch_norm: true, skip: true, ..small() };
    let model = config.fit(x.view(), FitContext::default()).unwrap().model;
    falls(&model.history().epochs);
    close(&model.score_at(x.view(), place.clone()).unwrap(), &model.score(x.view()).unwrap(), 1e-4);
    let half = model.score_on(x.view(), device, Precision::Half).unwrap();
    close(&half, &model.score(x.view()).unwrap(), 0.02);

    let x = ndarray::Array2::from_shape_fn((300, 8), |(i, j)| (i * (j + 1) % 40) as f32);
    let labels: Vec<bool> = x.column(0).iter().map(|&v| v >= 20.0).collect();
    for architecture in networks::tests::small() {
        // On the CPU, so that the weights move to a device that is another.
        let first = TrainingConfig { device: Device::Cpu, ..training.clone() };
        let pretraining = architecture
            .has_tokens()
            .then(|| PretrainingConfig { training: first, ..PretrainingConfig::default() });
        let config = NeuralClassifierConfig {
            architecture,
            columns: Some(timing()),
            pretraining,
            training: training.clone(),
            ..Default::default()
        };
        let model = config.fit(x.view(), FitContext::labelled(&labels)).unwrap().model;
        falls(&model.history().epochs);
        close(&model.score_at(x.view(), place.clone()).unwrap(), &model.score(x.view()).unwrap(), 1e-4);
        let half = model.score_on(x.view(), device, Precision::Half).unwrap();
        close(&half, &model.score(x.view()).unwrap(), 0.02);
    }
}

/// Two tasks that differ only in their place have the same slopes and learn the same.
fn alike(ours: &dyn Task, task: &dyn Task) {
    let (expected, found) = (slopes(ours), slopes(task));
    assert!(!expected.is_empty() && expected.keys().eq(found.keys()));
    for (name, expected) in expected {
        close(&found[&name], &expected, 1e-4);
    }
    let config = TrainingConfig { epochs: 12, batch_rows: 64, learning_rate: 1e-2, ..Default::default() };
    let [expected, found] =
        [ours, task].map(|task| train(&config, task, 128, 1, "test", None).unwrap().epochs);
    falls(&found);
    for (expected, found) in expected.iter().zip(&found) {
        let (expected, found) = (expected.training_loss, found.training_loss);
        assert!((found - expected).abs() < 1e-3 * expected.abs(), "{found}, expected {expected}");
    }
}

fn slopes(task: &dyn Task) -> BTreeMap<String, Vec<f32>> {
    let rows: Vec<usize> = (0..64).collect();
    let slopes = task.loss(&rows, &mut Pass::training(3, 5)).unwrap().backward().unwrap();
    let of = |(name, var): (&String, &candle_core::Var)| {
        slopes.get(var).map(|slopes| (name.clone(), numbers(slopes).unwrap()))
    };
    task.weights().trained().iter().filter_map(of).collect()
}

fn falls(epochs: &[crate::progress::EpochRecord]) {
    let losses: Vec<f64> = epochs.iter().map(|epoch| epoch.training_loss).collect();
    assert!(losses.last() < losses.first(), "{losses:?}");
}

/// Within `tolerance` of the larger of 1 and what is expected.
#[track_caller]
fn close(found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len());
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let off = (found - expected).abs();
        assert!(off <= tolerance * expected.abs().max(1.0), "{i}: {found}, expected {expected}");
    }
}

#[test]
fn on_the_cpu_by_our_operations() {
    on_device(Device::Cpu, &Place::default());
}

/// In double precision, which ours do not take.
#[test]
fn on_the_cpu_by_candles_operations() {
    let double = candle_core::Tensor::zeros(1, DType::F64, &candle_core::Device::Cpu).unwrap();
    on_device(Device::Cpu, &Place::of(&double));
}

#[cfg(feature = "cuda")]
#[test]
fn on_the_first_gpu() {
    match Device::Cuda(0).open("device", Precision::Single) {
        Ok(place) => on_device(Device::Cuda(0), &place),
        Err(error) => eprintln!("SKIPPED without a GPU: {error}"),
    }
}

#[test]
fn devices_are_read_and_written_as_text() {
    for (text, device) in [("cpu", Device::Cpu), ("cuda:0", Device::Cuda(0)), ("cuda:12", Device::Cuda(12))] {
        assert_eq!(serde_json::from_value::<Device>(text.into()).unwrap(), device);
        assert_eq!(serde_json::to_value(device).unwrap(), text);
    }
    for text in
        ["", "CPU", "gpu", "cuda", "cuda:", "cuda:-1", "cuda:+1", "cuda:01", "cuda:99999999999999999999"]
    {
        let message = serde_json::from_value::<Device>(text.into()).unwrap_err().to_string();
        assert!(message.ends_with(&format!(", got {text:?}")), "{message}");
    }
    let config = TrainingConfig::default();
    assert!(!serde_json::to_string(&config).unwrap().contains("device"), "files stay as they are");
    let config = TrainingConfig { device: Device::Cuda(1), ..config };
    assert!(serde_json::to_string(&config).unwrap().contains(r#""device":"cuda:1""#));
}

/// No machine has a GPU of this number.
#[test]
fn a_device_that_does_not_exist_is_rejected() {
    let device = Device::Cuda(9999);
    let x = rows(60, 1);
    let refused = |result: Result<()>, name: &str| {
        let message = result.unwrap_err().to_string();
        assert!(message.contains(&format!("`{name}` must be")) && message.contains("cuda:9999"), "{message}");
    };
    let training = TrainingConfig { device, epochs: 1, ..Default::default() };
    let config = AutoencoderConfig { training: training.clone(), ..small() };
    refused(config.fit(x.view(), FitContext::default()).map(drop), "training.device");
    let labels: Vec<bool> = (0..60).map(|i| i % 2 == 0).collect();
    let config = NeuralClassifierConfig { training: training.clone(), ..Default::default() };
    refused(config.fit(x.view(), FitContext::labelled(&labels)).map(drop), "training.device");
    let config = NeuralClassifierConfig {
        architecture: networks::tests::small()[1].clone(),
        pretraining: Some(PretrainingConfig { training, ..Default::default() }),
        ..Default::default()
    };
    refused(config.fit(x.view(), FitContext::labelled(&labels)).map(drop), "pretraining.training.device");
    let expert = |name: &str| ExpertConfig::new(name, IsolationForestConfig::default());
    let config = MixtureOfExpertsConfig {
        experts: vec![expert("a"), expert("b")],
        training: TrainingConfig { device, ..Default::default() },
        ..Default::default()
    };
    refused(config.fit(x.view(), FitContext::labelled(&labels)).map(drop), "training.device");
    let model = small().fit(x.view(), FitContext::default()).unwrap().model;
    refused(model.score_on(x.view(), device, Precision::Single).map(drop), "device");
}

#[test]
fn numbers_that_half_precision_cannot_hold_are_rejected() {
    let mut parts = small().fit(rows(60, 1).view(), FitContext::default()).unwrap().model.to_parts();
    for bias in [1e5, -1e5] {
        parts.weights.get_mut("encoder.0.linear.bias").unwrap()[0] = bias;
        let model = crate::detect::Autoencoder::from_parts(&parts).unwrap();
        assert!(model.score_on(rows(5, 1).view(), Device::Cpu, Precision::Single).is_ok());
        let error = model.score_on(rows(5, 1).view(), Device::Cpu, Precision::Half).unwrap_err();
        assert!(error.to_string().contains("`precision` must be single"), "{error}");
    }
}
