use std::ops::ControlFlow;

use candle_core::{Device, Tensor};
use ndarray::{Array2, array, s};

use super::loss::{divergence, errors, reconstruction};
use super::network::{Code, Network, Output, clamp_log_variance};
use super::noise::noise;
use super::scoring::embedding_width;
use super::train::Reconstruct;
use super::*;
use crate::artifact::Tensors;
use crate::detect::stored::Stored;
use crate::detect::{Columns, Detector, Fit, FitContext, Stopped, TrainingConfig};
use crate::nn::batch::Batch;
use crate::nn::inputs::{CategoryInput, Inputs, NumberInput};
use crate::nn::pass::Pass;
use crate::nn::place::Place;
use crate::nn::testing::every_weight_gets_a_gradient;
use crate::nn::train::Task;
use crate::nn::weights::Weights;
use crate::rng::Stream;

/// Numbers in columns 0, 1 and 2 and a category in column 3. The third number is the sum of the first two, and
/// the category is 7 where the first is positive, else 3.
pub(crate) fn rows(n: usize, seed: u64) -> Array2<f32> {
    let mut random = Stream::new(seed, 0);
    let mut x = Array2::zeros((n, 4));
    for mut row in x.rows_mut() {
        let (a, b) = (random.normal() as f32, random.normal() as f32);
        row.assign(&array![a, b, a + b, if a > 0.0 { 7.0 } else { 3.0 }]);
    }
    x
}

pub(crate) fn small() -> AutoencoderConfig {
    AutoencoderConfig {
        columns: Some(Columns { categorical: vec![3], ..Default::default() }),
        widths: vec![16],
        latent: 2,
        batch_norm: false,
        score_transform: ScoreTransform::Logarithmic,
        training: TrainingConfig { epochs: 20, batch_rows: 64, learning_rate: 5e-3, ..Default::default() },
        ..Default::default()
    }
}

/// A network with all options, and its training task on 256 rows.
pub(crate) fn with_task<T>(place: Place, f: impl FnOnce(&dyn Task) -> T) -> T {
    let config = AutoencoderConfig {
        batch_norm: true,
        skip: true,
        dropout: 0.2,
        category_dropout: 0.1,
        variational: Some(Variational::default()),
        ..small()
    };
    let x = rows(256, 1);
    let inputs = Inputs::fit(&x.view(), config.columns.as_ref()).unwrap();
    let network = Network::new(Weights::new(3).on(place), &config, &inputs).unwrap();
    let training = inputs.encode(&x.view());
    f(&Reconstruct { network: &network, config: &config, validation: training.clone(), training })
}

fn inputs(numbers: usize, codes: &[u32]) -> Inputs {
    let number = |feature| NumberInput { feature, centre: 0.0, scale: 1.0 };
    let category =
        |(i, &codes): (usize, &u32)| CategoryInput { feature: numbers + i, codes: (0..codes - 1).collect() };
    Inputs {
        n_features: numbers + codes.len(),
        numbers: (0..numbers).map(number).collect(),
        categories: codes.iter().enumerate().map(category).collect(),
    }
}

fn tensor(values: &[f32], shape: (usize, usize)) -> Tensor {
    Tensor::from_slice(values, shape, &Device::Cpu).unwrap()
}

#[test]
fn the_reference_networks_have_their_sizes() {
    let count = |config: &AutoencoderConfig, inputs: &Inputs| {
        Network::new(Weights::new(0), config, inputs).unwrap().weights().count()
    };
    let config = AutoencoderConfig { widths: vec![9], latent: 4, batch_norm: false, ..Default::default() };
    assert_eq!(count(&config, &inputs(19, &[])), 455);
    // 87 numbers and categories of 8 and 34 codes, as 4 and 16 numbers: 107 go in. The skip counts, running
    // statistics do not.
    let inputs = inputs(87, &[8, 34]);
    assert_eq!(inputs.categories.iter().map(embedding_width).collect::<Vec<_>>(), [4, 16]);
    let config = AutoencoderConfig { skip: true, ..Default::default() };
    assert_eq!(count(&config, &inputs), 52_226);
}

#[test]
fn embeddings_are_half_as_wide_as_there_are_codes() {
    let width = |codes: u32| embedding_width(&CategoryInput { feature: 0, codes: (0..codes - 1).collect() });
    for (codes, expected) in [(2, 4), (8, 4), (9, 4), (10, 5), (31, 15), (33, 16), (2000, 16)] {
        assert_eq!(width(codes), expected, "{codes}");
    }
}

#[test]
fn loss_and_errors_by_hand() {
    let batch = Batch {
        numbers: tensor(&[1.0, 2.0, 0.0, -1.0], (2, 2)),
        codes: Tensor::from_slice(&[1_u32, 0], (2, 1), &Device::Cpu).unwrap(),
    };
    // Odds of 1 : 3 and of 1 : 1.
    let output = Output {
        numbers: Some(tensor(&[1.5, 2.0, 0.0, 1.0], (2, 2))),
        logits: vec![tensor(&[0.0, 3_f32.ln(), 5.0, 5.0], (2, 2))],
    };
    let loss = |weight| reconstruction(&output, &batch, weight).unwrap().to_scalar::<f32>().unwrap();
    let mse = (0.25 + 4.0) / 4.0;
    let ce = f32::midpoint((4.0_f32 / 3.0).ln(), 2_f32.ln());
    assert!((loss(0.5) - (mse + 0.5 * ce) / 1.5).abs() < 1e-6);
    assert!((loss(0.0) - mse).abs() < 1e-6);
    let expected = [0.25, 0.0, (4.0_f32 / 3.0).ln(), 0.0, 4.0, 2_f32.ln()];
    for (got, expected) in errors(&output, &batch).unwrap().into_iter().zip(expected) {
        assert!((got - expected).abs() < 1e-6, "{got} {expected}");
    }
}

#[test]
fn the_divergence_by_hand() {
    let code = |mean: [f32; 4]| Code { mean: tensor(&mean, (2, 2)), log_variance: None };
    let of =
        |mean, v: [f32; 4]| divergence(&code(mean), &tensor(&v, (2, 2))).unwrap().to_scalar::<f32>().unwrap();
    assert_eq!(of([0.0; 4], [0.0; 4]), 0.0, "the standard normal distribution itself");
    // ½ (μ² = 4) in one row of two; ½ (e^v − 1 − v) with e^v = 2 in the other.
    let expected = f32::midpoint(2.0, 0.5 * (1.0 - 2_f32.ln()));
    assert!((of([2.0, 0.0, 0.0, 0.0], [0.0, 0.0, 2_f32.ln(), 0.0]) - expected).abs() < 1e-6);
    let clamped = clamp_log_variance(&tensor(&[-50.0, -20.0, 19.0, 1e9], (2, 2))).unwrap();
    assert_eq!(clamped.flatten_all().unwrap().to_vec1::<f32>().unwrap(), [-20.0, -20.0, 19.0, 20.0]);
}

#[test]
fn every_weight_of_every_option_gets_a_gradient() {
    let x = rows(64, 1);
    let inputs = Inputs::fit(&x.view(), small().columns.as_ref()).unwrap();
    for (batch_norm, skip, variational) in
        [(false, false, None), (true, true, None), (true, true, Some(Variational::default()))]
    {
        // Tanh has no flat side that could hide a weight.
        let activation = crate::detect::Activation::Tanh;
        let config = AutoencoderConfig { activation, batch_norm, skip, variational, ..small() };
        let network = Network::new(Weights::new(3), &config, &inputs).unwrap();
        let training = inputs.encode(&x.view());
        let task = Reconstruct { network: &network, config: &config, validation: training.clone(), training };
        every_weight_gets_a_gradient(&task, 64);
        assert!(task.validation_loss().unwrap().unwrap() > 0.0);
    }
}

#[test]
fn the_divergence_is_warmed_up() {
    let x = rows(32, 1);
    let inputs = Inputs::fit(&x.view(), small().columns.as_ref()).unwrap();
    let loss = |beta: f32, step: u64| {
        let variational = Some(Variational { beta, warmup_steps: 10, samples: 0 });
        let config = AutoencoderConfig { variational, ..small() };
        let network = Network::new(Weights::new(3), &config, &inputs).unwrap();
        let (training, validation) = (inputs.encode(&x.view()), inputs.encode(&x.view()));
        let task = Reconstruct { network: &network, config: &config, training, validation };
        let mut pass = Pass { step, ..Pass::training(1, 0) };
        f64::from(task.loss(&[0, 1, 2, 3], &mut pass).unwrap().to_scalar::<f32>().unwrap())
    };
    let extra = |step| loss(100.0, step) - loss(0.0, step);
    let full = extra(9);
    assert!(full > 0.0);
    assert!((extra(0) - full / 10.0).abs() < 1e-3 * full, "{} {full}", extra(0));
    assert!((extra(4) - full / 2.0).abs() < 1e-3 * full);
    assert_eq!(extra(1000), full);
}

#[test]
fn noise_is_normal() {
    let values = noise(2.0, 100_001, &mut Stream::new(5, 0));
    assert_eq!(values.len(), 100_001);
    let n = values.len() as f64;
    let moment = |power| values.iter().map(|&v| f64::from(v).powi(power)).sum::<f64>() / n;
    assert!(moment(1).abs() < 0.03, "{}", moment(1));
    assert!((moment(2) - 4.0).abs() < 0.08, "{}", moment(2));
    assert!((moment(4) - 48.0).abs() < 3.0, "{}", moment(4));
}

#[test]
fn what_breaks_the_pattern_scores_high_and_is_blamed() {
    let model = small().fit(rows(2000, 1).view(), FitContext::default()).unwrap().model;
    let first = &model.history().epochs[0];
    let last = model.history().epochs.last().unwrap();
    assert!(last.validation_loss.unwrap() < 0.5 * first.validation_loss.unwrap());
    let clean = model.score(rows(500, 2).view()).unwrap();
    // The sum does not hold, or the category does not fit, or was never seen; each value alone is usual.
    let odd = array![[1.0, 1.0, -2.0, 7.0], [1.5, 0.0, 1.5, 3.0], [1.5, 0.0, 1.5, 9.0]];
    let scores = model.score(odd.view()).unwrap();
    for (i, &score) in scores.iter().enumerate() {
        let higher = clean.iter().filter(|&&clean| clean >= score).count();
        assert!(higher <= 15, "row {i}: {higher} of 500 clean rows score higher");
    }
    let explanation = model.explain(odd.view()).unwrap();
    assert_eq!(explanation.top(1, 1)[0].0, 3);
    assert_eq!(explanation.top(2, 1)[0].0, 3);
}

#[test]
fn contributions_sum_to_the_score() {
    let x = rows(300, 1);
    let training = TrainingConfig { epochs: 1, ..Default::default() };
    for score_transform in [ScoreTransform::Plain, ScoreTransform::Relative, ScoreTransform::Logarithmic] {
        let config = AutoencoderConfig { score_transform, training: training.clone(), ..small() };
        let model = config.fit(x.view(), FitContext::default()).unwrap().model;
        let explanation = model.explain(x.view()).unwrap();
        explanation.check().unwrap();
        assert_eq!(explanation.base, 0.0);
        assert!(explanation.contributions.iter().all(|&share| share >= 0.0));
        for (exact, score) in explanation.scores.iter().zip(model.score(x.view()).unwrap()) {
            assert!((exact - f64::from(score)).abs() <= 1e-5 * exact.max(1.0));
        }
    }
}

#[test]
fn rows_score_alike_alone_and_together_for_any_number_of_threads() {
    let (x, config) = (rows(3000, 1), small());
    let training = TrainingConfig { epochs: 2, ..config.training.clone() };
    let config = AutoencoderConfig { training, batch_norm: true, dropout: 0.1, skip: true, ..config };
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let model = config.fit(x.view(), FitContext::labelled(&[true; 3000])).unwrap().model;
            (model.to_parts(), model.score(x.view()).unwrap())
        })
    };
    let (one, four) = (run(1), run(4));
    assert_eq!(one, four);
    let model = Autoencoder::from_parts(&one.0).unwrap();
    for row in [0, 1, 1500, 2999] {
        let alone = model.score(x.slice(s![row..=row, ..])).unwrap()[0];
        assert!((alone - one.1[row]).abs() <= 1e-5 * alone.max(1.0), "{alone} {}", one.1[row]);
    }
    let other = AutoencoderConfig { seed: 1, ..config }.fit(x.view(), FitContext::default()).unwrap().model;
    assert_ne!(other.to_parts().weights, one.0.weights);
}

#[test]
fn a_variational_score_is_not_random() {
    let (x, training) = (rows(300, 1), TrainingConfig { epochs: 2, ..Default::default() });
    let fit = |samples| {
        let variational = Some(Variational { samples, ..Default::default() });
        AutoencoderConfig { variational, training: training.clone(), ..small() }
            .fit(x.view(), FitContext::default())
            .unwrap()
            .model
    };
    let (mean, drawn) = (fit(0), fit(3));
    assert_eq!(mean.to_parts().weights, drawn.to_parts().weights);
    assert_eq!(mean.score(x.view()).unwrap(), mean.score(x.view()).unwrap());
    assert_eq!(drawn.score(x.view()).unwrap(), drawn.score(x.view()).unwrap());
    assert_ne!(mean.score(x.view()).unwrap(), drawn.score(x.view()).unwrap());
    let alone = drawn.score(x.slice(s![7..8, ..])).unwrap()[0];
    assert!((alone - drawn.score(x.view()).unwrap()[7]).abs() < 1e-5);
}

fn fitted() -> Autoencoder {
    let training = TrainingConfig { epochs: 1, ..Default::default() };
    let config = AutoencoderConfig { training, batch_norm: true, skip: true, ..small() };
    config.fit(rows(300, 1).view(), FitContext::default()).unwrap().model
}

#[test]
fn parts_make_the_model_again_bit_for_bit() {
    let model = fitted();
    let parts = model.to_parts();
    let text = serde_json::to_string(&parts).unwrap();
    assert_eq!(serde_json::from_str::<AutoencoderParts>(&text).unwrap(), parts);
    let mut tensors = Tensors::default();
    let header = parts.clone().store("detector", &mut tensors);
    let header = serde_json::from_str(&serde_json::to_string(&header).unwrap()).unwrap();
    let again = AutoencoderParts::restore(header, "detector", &mut tensors).unwrap();
    assert_eq!(again, parts);
    assert_eq!(tensors.left_over(), None);
    let x = rows(50, 3);
    let again = Autoencoder::from_parts(&again).unwrap();
    assert_eq!(again.score(x.view()).unwrap(), model.score(x.view()).unwrap());
    assert_eq!(again.n_parameters(), model.n_parameters());
}

#[test]
fn parts_that_do_not_hold_are_named() {
    let good = fitted().to_parts();
    Autoencoder::from_parts(&good).unwrap();
    let refused = |change: &dyn Fn(&mut AutoencoderParts), name: &str| {
        let mut parts = good.clone();
        change(&mut parts);
        let message = Autoencoder::from_parts(&parts).unwrap_err().to_string();
        assert!(message.contains(name), "{message}: {name}");
    };
    refused(&|p| p.config.latent = 0, "latent");
    refused(&|p| p.config.latent = 3, "latent.weight");
    refused(&|p| p.config.widths = vec![1; 17], "widths");
    refused(&|p| p.config.widths = vec![8, 5000], "widths[1]");
    refused(&|p| p.config.dropout = 1.0, "dropout");
    refused(&|p| p.config.noise = f32::NAN, "noise");
    refused(&|p| p.config.category_weight = -1.0, "category_weight");
    refused(&|p| p.config.skip = false, "skip");
    refused(&|p| p.error_scales.truncate(1), "error_scales");
    refused(&|p| p.error_scales[2] = 0.0, "error_scales[2]");
    refused(&|p| p.usual_score = 0.0, "usual_score");
    refused(&|p| p.inputs.numbers[1].scale = 0.0, "inputs.numbers[1]");
    refused(&|p| p.inputs.numbers[1].feature = 3, "inputs.numbers");
    refused(&|p| p.inputs.categories[0].codes = vec![5, 4], "inputs.categories[0].codes");
    refused(&|p| p.inputs.n_features = 3, "inputs.categories");
    refused(&|p| p.weights.get_mut("latent.bias").unwrap()[1] = f32::INFINITY, "latent.bias[1]");
    refused(&|p| drop(p.weights.remove("encoder.0.norm.running_var")), "encoder.0.norm.running_var");
    refused(&|p| p.weights.get_mut("numbers.weight").unwrap().truncate(3), "numbers.weight");
    refused(&|p| drop(p.weights.insert("more".into(), vec![1.0])), "more");
}

#[test]
fn bad_input_gives_typed_errors() {
    use crate::error::ErrorKind;
    let refused = |config: &AutoencoderConfig, x: &Array2<f32>, kind: ErrorKind, words: &str| {
        let error = config.fit(x.view(), FitContext::default()).unwrap_err();
        assert_eq!((error.kind(), error.to_string().contains(words)), (kind, true), "{error}");
    };
    let good = rows(40, 1);
    small().fit(good.view(), FitContext::default()).unwrap();
    let mut x = good.clone();
    x[[3, 1]] = f32::NAN;
    refused(&small(), &x, ErrorKind::NotFinite, "row 3, column `1`");
    let mut x = good.clone();
    x[[3, 3]] = 0.5;
    refused(&small(), &x, ErrorKind::InvalidArgument, "0.5");
    refused(&small(), &Array2::zeros((0, 4)), ErrorKind::InsufficientData, "rows");
    refused(&small(), &rows(1, 1), ErrorKind::InsufficientData, "rows");
    let training = TrainingConfig { batch_rows: 1, ..Default::default() };
    refused(&AutoencoderConfig { training, ..small() }, &good, ErrorKind::InvalidArgument, "batch_rows");
    let training = TrainingConfig { learning_rate: 1e30, ..Default::default() };
    refused(&AutoencoderConfig { training, ..small() }, &good, ErrorKind::Training, "step 1");
    refused(&small(), &Array2::zeros((9, 0)), ErrorKind::InsufficientData, "columns");
    let columns = Some(Columns { categorical: vec![0, 1], ..Default::default() });
    let config = AutoencoderConfig { columns, category_weight: 0.0, ..small() };
    refused(&config, &Array2::ones((9, 2)), ErrorKind::InvalidArgument, "category_weight");
    let variational = Some(Variational { samples: 1000, ..Default::default() });
    refused(&AutoencoderConfig { variational, ..small() }, &good, ErrorKind::InvalidArgument, "samples");

    let model = fitted();
    let mut x = rows(5, 1);
    assert!(model.score(x.slice(s![.., ..3])).is_err());
    x[[2, 0]] = f32::INFINITY;
    let error = model.score(x.view()).unwrap_err().to_string();
    assert!(error.contains("row 2, column `0`"), "{error}");
    assert!(model.explain(x.view()).is_err());
    assert!(model.score(x.slice(s![..0, ..])).unwrap().is_empty());
}

#[test]
fn constant_columns_and_tables_of_categories_can_be_fitted() {
    let training = TrainingConfig { epochs: 30, learning_rate: 1e-2, ..Default::default() };
    let numbers = AutoencoderConfig { columns: None, training: training.clone(), ..small() };
    let x = Array2::from_elem((200, 3), 5.0);
    let model = numbers.fit(x.view(), FitContext::default()).unwrap().model;
    let scores = model.score(array![[5.0, 5.0, 5.0], [5.0, 8.0, 5.0]].view()).unwrap();
    assert!(scores[1] > scores[0] + 1.0, "{scores:?}");

    let columns = Some(Columns { categorical: vec![0, 1], ..Default::default() });
    let x = Array2::from_shape_fn((400, 2), |(i, _)| (i % 3) as f32);
    let model = AutoencoderConfig { columns, training, ..small() }
        .fit(x.view(), FitContext::default())
        .unwrap()
        .model;
    let odd = array![[1.0, 1.0], [1.0, 2.0], [1.0, 9.0], [1.0, 1e9], [1.0, -0.5]];
    let scores = model.score(odd.view()).unwrap();
    assert!(scores[1..].iter().all(|&score| score > scores[0] + 0.5), "{scores:?}");
}

#[test]
fn a_cancelled_training_returns_the_model_so_far() {
    let monitor = crate::Monitor::new(|progress| {
        assert_eq!(progress.stage, "autoencoder");
        if progress.done == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let x = rows(200, 1);
    let context = FitContext { monitor: Some(&monitor), ..FitContext::default() };
    let model = small().fit(x.view(), context).unwrap().model;
    assert_eq!(model.history().stopped, Stopped::Cancelled);
    assert_eq!(model.history().epochs.len(), 2);
    assert!(model.score(x.view()).unwrap().iter().all(|score| score.is_finite()));
}

#[test]
fn settings_are_read_by_name() {
    let text = r#"{"widths": [128, 64], "skip": true, "variational": {"beta": 0.5}, "activation": "gelu"}"#;
    let config: AutoencoderConfig = serde_json::from_str(text).unwrap();
    assert_eq!((config.latent, config.skip, config.widths.len()), (16, true, 2));
    assert_eq!(config.variational, Some(Variational { beta: 0.5, ..Default::default() }));
    assert!(serde_json::from_str::<AutoencoderConfig>(r#"{"width": 3}"#).is_err());
}
