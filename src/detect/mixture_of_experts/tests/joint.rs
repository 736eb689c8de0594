//! Networks that are trained together with the gate.

use std::ops::ControlFlow;

use super::super::scorer::GateScorer;
use super::super::train::{GateTraining, cluster_rows, cross_fit, draw};
use super::*;
use crate::detect::training_rows::TrainingRows;
use crate::detect::{
    AnyDetector, Architecture, AutoencoderConfig, ClassWeight, Columns, ExpertNetworkConfig,
    MixtureNetworkConfig, MlpConfig, NeuralClassifierConfig, PretrainingConfig,
};
use crate::nn::Checkpoint;
use crate::nn::ops::gradient_norm;
use crate::nn::pass::Pass;
use crate::nn::train::{Task, train};

fn network() -> NeuralClassifierConfig {
    let architecture = Architecture::Mlp(MlpConfig { hidden: vec![8], ..Default::default() });
    NeuralClassifierConfig { architecture, seed: 5, ..Default::default() }
}

/// Boosted trees and a forest as they are, and a network that learns with the gate, in the middle.
fn with_network() -> MixtureOfExpertsConfig {
    let mut config = config();
    config.experts[1] = ExpertConfig::joint("network", network());
    config.experts[2] = config_of("forest");
    (config.training.epochs, config.training.batch_rows) = (20, 64);
    config.training.learning_rate = 1e-2;
    config
}

fn config_of(name: &str) -> ExpertConfig {
    config().experts.into_iter().find(|expert| expert.name == name).unwrap()
}

fn labelled(n: usize) -> (Array2<f32>, Vec<bool>) {
    let (x, classes) = rows(n);
    (x, classes.iter().map(|&class| class > 0).collect())
}

#[test]
fn a_joint_network_learns_from_the_loss_of_the_mixture_and_scores_as_it_was_trained() {
    let (x, attacks) = labelled(600);
    // A mixture of networks has losses of its own.
    let expert = |name: &str| ExpertNetworkConfig {
        name: name.into(),
        network: network().architecture,
        exclude_timing: false,
        head: Some(4),
    };
    let inner = MixtureNetworkConfig {
        experts: vec![expert("a"), expert("b")],
        gate: GateConfig { hidden: vec![4], ..Default::default() },
        hidden: 4,
        auxiliary_loss_weight: 0.5,
        ..Default::default()
    };
    let inner = NeuralClassifierConfig { architecture: Architecture::Mixture(inner), ..network() };
    let columns = Some(Columns { categorical: vec![2], ..Default::default() });
    let x = {
        let mut x = x;
        x.column_mut(2).mapv_inplace(|v| v.round().max(0.0));
        x
    };
    let mut config = with_network();
    config.experts.push(ExpertConfig::joint("inner", NeuralClassifierConfig { columns, ..inner }));
    config.gate.hidden = vec![6];
    let kinds = cluster_rows(x.view(), |row| attacks[row], 3, 0).unwrap();
    let rows = TrainingRows { x: x.view(), attacks, classes: None, learn_classes: false };
    let held_out = config.hold_out(&rows, &kinds).unwrap();
    let (frozen, scores) = cross_fit(&rows, &config.experts, &held_out, 3).unwrap();
    assert_eq!(frozen.len(), 2);
    let training = GateTraining { config: &config, rows: &rows, held_out: &held_out, scores: &scores };
    let all: Vec<usize> = (0..held_out.len()).collect();
    let (calibrations, task) = training.task(&all).unwrap();
    let samples: Vec<usize> = (0..task.labels.dim(0).unwrap()).collect();

    let gradients = task.loss(&samples, &mut Pass::training(1, 0)).unwrap().backward().unwrap();
    assert!(gradient_norm(&task.weights, &gradients).unwrap() > 0.0);
    for (name, var) in task.weights.trained() {
        let gradient = gradients.get(var).unwrap_or_else(|| panic!("`{name}` has no gradient"));
        let size = gradient.abs().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap();
        assert!(size > 0.0, "the gradient of `{name}` is 0");
    }
    let names = task.weights.values().unwrap();
    assert!(names.keys().any(|name| name == "experts.1.head.out.weight"), "{:?}", names.keys());
    let history = train(&config.training, &task, samples.len(), 0, "gate", None).unwrap();
    let last = history.epochs.last().unwrap().training_loss;
    assert!(last < 0.9 * history.epochs[0].training_loss, "{history:?}");
    for (name, values) in task.weights.values().unwrap() {
        assert_ne!(values, names[&name], "`{name}` did not move");
    }

    // In samples that are not masked, frozen experts and networks score the row itself.
    let drawn = draw(&config, &held_out, &all);
    let seen: Vec<usize> = (0..drawn.len()).filter(|&sample| drawn[sample].masked_by.is_none()).collect();
    let labels = task.labels_of(&seen).unwrap();
    let mixed = task.forward(&seen, &labels, &mut Pass::scoring()).unwrap();
    let (expected, shares): (Vec<f32>, Vec<Vec<f32>>) =
        (mixed.log_odds.to_vec1().unwrap(), mixed.shares.to_vec2().unwrap());
    let gate = task.gate_weights.values().unwrap();
    let networks: Vec<_> = task
        .joint_experts
        .into_iter()
        .map(|joint_expert| {
            (joint_expert.expert_index, joint_expert.finish(&config.training, &history).unwrap())
        })
        .collect();
    let here: Vec<usize> = seen.iter().map(|&sample| drawn[sample].held_out).collect();
    let mut scores = scores.select(Axis(0), &here);
    training.add_joint(&networks, &here, &mut scores).unwrap();
    let gate_scorer = GateScorer::new(&config, calibrations, gate).unwrap();
    let evidence: Vec<f64> = scores
        .iter()
        .zip(gate_scorer.calibrations.iter().cycle())
        .map(|(&s, calibration)| calibration.evidence(s))
        .collect();
    let (mut weights, mut log_odds) = (vec![0.0; evidence.len()], vec![0.0; seen.len()]);
    gate_scorer.combine(&evidence, &mut weights, &mut log_odds);
    for (row, (&expected, shares)) in expected.iter().zip(shares).enumerate() {
        let (got, size) = (log_odds[row], f64::from(expected.abs().max(1.0)));
        assert!((got - f64::from(expected)).abs() < 1e-5 * size, "{got} {expected}");
        for (a, b) in weights[row * 4..][..4].iter().zip(shares) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
    }
}

#[test]
fn it_is_one_of_the_experts_and_weights_sum_to_1() {
    let (mixture, x) = fitted(&with_network());
    assert_eq!(mixture.experts(), ["boosted", "network", "forest"]);
    let AnyDetector::NeuralClassifier(network) = &mixture.detectors()[1] else {
        panic!("{:?}", mixture.detectors()[1])
    };
    assert_eq!(network.config().training, mixture.config().training);
    assert_eq!(network.history(), mixture.history());
    let (scores, weights) = (mixture.score(x.view()).unwrap(), mixture.gate_weights(x.view()).unwrap());
    let alone = |name: &str| {
        let alone = mixture.clone().with_choice(MixtureOutput::Expert(name.into())).unwrap();
        alone.score(x.view()).unwrap()
    };
    let log_odds = ["boosted", "network", "forest"].map(alone);
    assert_eq!(log_odds[1], network.score(x.view()).unwrap());
    for (row, weights) in weights.rows().into_iter().enumerate() {
        assert!((weights.sum() - 1.0).abs() < 1e-5);
        let sum: f32 = (0..3).map(|i| weights[i] * log_odds[i][row]).sum();
        assert!((sum - scores[row]).abs() < 1e-4 * sum.abs().max(1.0), "{sum} {}", scores[row]);
    }
}

#[test]
fn explanations_sum_to_the_score() {
    let (mixture, x) = fitted(&with_network());
    let x = x.slice(ndarray::s![..40, ..]);
    for chosen in [MixtureOutput::Mixture, MixtureOutput::Expert("network".into())] {
        let mixture = mixture.clone().with_choice(chosen).unwrap();
        let explanation = Detector::explain(&mixture, x).unwrap();
        explanation.check().unwrap();
        for (score, explained) in mixture.score(x).unwrap().iter().zip(&explanation.scores) {
            let size = f64::from(score.abs().max(1.0));
            assert!((f64::from(*score) - explained).abs() < 1e-4 * size, "{score} {explained}");
        }
    }
}

#[test]
fn seed_threads_and_checkpoints_give_the_same_bits() {
    let (x, attacks) = labelled(600);
    let config = with_network();
    let bits = |mixture: MixtureOfExperts| {
        let mixture = mixture.with_choice(MixtureOutput::Mixture).unwrap();
        (mixture.score(x.view()).unwrap(), mixture.report().clone())
    };
    let fit = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| bits(config.fit(x.view(), FitContext::labelled(&attacks)).unwrap().model))
    };
    let whole = fit(1);
    assert_eq!(whole, fit(2));
    let (send, checkpoints) = std::sync::mpsc::channel();
    let monitor = crate::Monitor::new(move |progress| {
        let Some(epoch) = progress.epoch else { return ControlFlow::Continue(()) };
        send.send(progress.checkpoint().unwrap()).unwrap();
        if epoch.epoch < 5 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    let context = FitContext { monitor: Some(&monitor), ..FitContext::labelled(&attacks) };
    let cancelled = config.fit(x.view(), context).unwrap().model;
    assert_eq!(cancelled.history().epochs.len(), 5);
    let checkpoint = Checkpoint::from_bytes(&checkpoints.try_iter().last().unwrap()).unwrap();
    let context = FitContext { resume: Some(&checkpoint), ..FitContext::labelled(&attacks) };
    assert_eq!(bits(config.fit(x.view(), context).unwrap().model), whole);
}

#[test]
fn it_is_validated_on_rows_and_kinds_that_it_was_not_trained_on() {
    let (x, attacks) = labelled(900);
    let mixture = with_network().fit(x.view(), FitContext::labelled(&attacks)).unwrap().model;
    let network = &mixture.report().experts[1];
    let (known, novel) = (network.known.unwrap(), network.novel.unwrap());
    assert!(known.roc_auc > 0.9 && known.roc_auc > novel.roc_auc + 0.1, "{network:?}");
    assert!(network.mean_weight > 0.1, "{network:?}");
}

/// Attacks inside the range of clean rows, which only a network detects; their two classes are alike.
#[test]
fn the_output_of_the_best_joint_network_is_chosen() {
    let mut random = Stream::new(8, 0);
    let x = Array2::from_shape_fn((800, 2), |_| random.normal() as f32);
    let class = |(i, attack): (usize, bool)| if attack { 1 + (i % 2) as u32 } else { 0 };
    let attacks = x.rows().into_iter().map(|row| row[0] * row[1] > 0.0);
    let labels: Vec<u32> = attacks.enumerate().map(class).collect();
    let forest = ExpertConfig::new("forest", IsolationForestConfig { trees: 5, ..Default::default() });
    let experts = vec![forest, ExpertConfig::joint("network", network())];
    let gate = GateConfig { hidden: Vec::new(), ..Default::default() };
    let mut config =
        MixtureOfExpertsConfig { experts, gate, uniform_weight: 1.0, masked_fraction: 0.0, ..with_network() };
    config.training.epochs = 40;
    let names = ["clean", "even", "odd"].map(String::from);
    let mixture = config.fit_classes(x.view(), &labels, &names, None).unwrap();
    assert_eq!(mixture.report().chosen, MixtureOutput::Expert("network".into()), "{:?}", mixture.report());
    assert_eq!(mixture.score(x.view()).unwrap(), mixture.detectors()[1].score(x.view()).unwrap());
}

#[test]
fn a_file_gives_the_same_bits_and_missing_parts_are_named() {
    let (mixture, x) = fitted(&with_network());
    let mut tensors = Tensors::default();
    let header = serde_json::to_value(mixture.store("m", &mut tensors)).unwrap();
    let restore = |header: &serde_json::Value, mut tensors: Tensors| {
        let header = serde_json::from_value(header.clone()).map_err(|e| e.to_string())?;
        MixtureOfExperts::restore(header, "m", &mut tensors)
    };
    let again = restore(&header, tensors.clone()).unwrap();
    assert_eq!(again.score(x.view()).unwrap(), mixture.score(x.view()).unwrap());
    assert_eq!(again.config(), mixture.config());
    assert!(header["experts"][1].get("conformal").is_none());
    assert!(header["config"]["experts"][0].get("joint").is_none());
    let refused = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut header = header.clone();
        change(&mut header);
        restore(&header, tensors.clone()).unwrap_err()
    };
    let at = |i: usize| format!("expert {i} must have");
    assert!(
        refused(&|h| h["experts"][1]["probability"] = h["experts"][0]["probability"].clone())
            .contains(&at(1))
    );
    assert!(
        refused(&|h| drop(h["experts"][0].as_object_mut().unwrap().remove("conformal"))).contains(&at(0))
    );
    assert!(refused(&|h| h["config"]["experts"][1]["joint"] = false.into()).contains(&at(1)));
    assert!(refused(&|h| h["config"]["experts"][0]["joint"] = true.into()).contains("experts[0].joint"));
    let mut swapped = mixture.clone();
    swapped.detectors.swap(1, 2);
    let mut others = Tensors::default();
    let swapped = serde_json::to_value(swapped.store("m", &mut others)).unwrap();
    assert!(
        restore(&swapped, others).unwrap_err().contains("expert 1 is joint, but not a neural classifier")
    );
    let mut short = tensors.clone();
    short.take::<f32>("m/1/weights/head.out.bias").unwrap();
    assert!(restore(&header, short).unwrap_err().contains("head.out.bias"));
}

#[test]
fn as_text_an_expert_is_one_object() {
    let text = r#"{"name": "network", "joint": true, "kind": "neural_classifier", "seed": 5}"#;
    let expert: ExpertConfig = serde_json::from_str(text).unwrap();
    let same = NeuralClassifierConfig { seed: 5, ..Default::default() };
    assert_eq!(expert, ExpertConfig::joint("network", same));
    assert_eq!(serde_json::to_value(&expert).unwrap()["joint"], true);
    assert!(serde_json::from_str::<ExpertConfig>(&text.replace("joint", "joined")).is_err());
}

#[test]
fn what_cannot_be_joint_is_named() {
    let (x, attacks) = labelled(200);
    let refused = |change: &dyn Fn(&mut Vec<ExpertConfig>)| {
        let mut config = with_network();
        change(&mut config.experts);
        match config.fit(x.view(), FitContext::labelled(&attacks)).unwrap_err() {
            error @ Error::InvalidArgument { .. } => error.to_string(),
            other => panic!("{other}"),
        }
    };
    let with = |network: NeuralClassifierConfig| ExpertConfig::joint("network", network);
    assert!(refused(&|e| e[2].joint = true).contains("`experts[2].joint` must be false for any kind but"));
    let autoencoder = ExpertConfig::new("a", AutoencoderConfig::default());
    assert!(
        refused(&|e| e[0] = ExpertConfig { joint: true, ..autoencoder.clone() }).contains("experts[0].joint")
    );
    assert!(
        refused(&|e| e[1] = with(NeuralClassifierConfig {
            architecture: Architecture::FtTransformer(crate::detect::FtTransformerConfig::default()),
            pretraining: Some(PretrainingConfig::default()),
            ..network()
        }))
        .contains("`experts[1].joint` must be false for a network with pretraining")
    );
    assert!(
        refused(&|e| e[1] = with(NeuralClassifierConfig { class_weight: ClassWeight::Balanced, ..network() }))
            .contains("`experts[1].joint` must be false for a network with class weights")
    );
    let training = TrainingConfig { epochs: 3, ..Default::default() };
    assert!(
        refused(&|e| e[1] = with(NeuralClassifierConfig { training: training.clone(), ..network() }))
            .contains("`experts[1].joint` must be false for a network with a training of its own")
    );
    assert!(
        refused(&|e| *e = vec![with(network()), ExpertConfig::joint("b", network())]).contains("not joint")
    );
    assert!(
        refused(&|e| e[1] = with(NeuralClassifierConfig { category_dropout: 1.0, ..network() }))
            .contains("category_dropout")
    );
    let columns = Some(Columns { categorical: vec![3], ..Default::default() });
    assert!(
        refused(&|e| e[1] = with(NeuralClassifierConfig { columns: columns.clone(), ..network() }))
            .contains("columns")
    );
}
