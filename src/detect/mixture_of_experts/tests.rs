mod joint;

use ndarray::{Array2, Axis};

use super::*;
use crate::artifact::Tensors;
use crate::detect::{
    AnyDetector, BoostedTreesConfig, Classifier, Detector, Fit, FitContext, GateConfig,
    GaussianMixtureConfig, IsolationForestConfig, TrainingConfig,
};
use crate::error::Error;
use crate::rng::Stream;

/// Three features: clean rows around 0, and three kinds of attack, each far out in a feature of its own.
fn rows(n: usize) -> (Array2<f32>, Vec<u32>) {
    let mut random = Stream::new(3, 0);
    let mut x = Array2::zeros((n, 3));
    let mut classes = Vec::new();
    for (i, mut row) in x.rows_mut().into_iter().enumerate() {
        row.mapv_inplace(|_: f32| random.normal() as f32);
        let class = if i % 2 == 0 { 0 } else { i / 2 % 3 + 1 };
        if class > 0 {
            row[class - 1] += 6.0;
        }
        classes.push(class as u32);
    }
    (x, classes)
}

fn config() -> MixtureOfExpertsConfig {
    let boosted = BoostedTreesConfig { trees: 10, leaves: 4, ..Default::default() };
    let forest = IsolationForestConfig { trees: 30, ..Default::default() };
    let gaussian = GaussianMixtureConfig { components: 1, ..Default::default() };
    MixtureOfExpertsConfig {
        experts: vec![
            ExpertConfig::new("boosted", boosted),
            ExpertConfig::new("forest", forest),
            ExpertConfig::new("gaussian", gaussian),
        ],
        training: TrainingConfig { epochs: 2, ..MixtureOfExpertsConfig::default().training },
        ..Default::default()
    }
}

fn fitted(config: &MixtureOfExpertsConfig) -> (MixtureOfExperts, Array2<f32>) {
    let (x, classes) = rows(900);
    let labels: Vec<bool> = classes.iter().map(|&class| class > 0).collect();
    let mixture = config
        .fit(x.view(), FitContext::labelled(&labels))
        .unwrap()
        .model
        .with_choice(MixtureOutput::Mixture)
        .unwrap();
    (mixture, x)
}

#[test]
fn the_score_is_the_weighted_log_odds_and_no_weight_is_below_its_uniform_part() {
    let (mixture, x) = fitted(&MixtureOfExpertsConfig { uniform_weight: 0.4, ..config() });
    let x = x.slice(ndarray::s![..300, ..]);
    let (scores, weights) = (mixture.score(x).unwrap(), mixture.gate_weights(x).unwrap());
    assert_eq!(mixture.experts(), ["boosted", "forest", "gaussian"]);
    for (row, &score) in scores.iter().enumerate() {
        let mut sum = 0.0;
        for (i, name) in mixture.experts().iter().enumerate() {
            let alone = mixture.clone().with_choice(MixtureOutput::Expert(name.clone())).unwrap();
            let x = x.slice(ndarray::s![row..=row, ..]);
            if row < 5 {
                sum += f64::from(weights[[row, i]]) * f64::from(alone.score(x).unwrap()[0]);
            }
            assert!(weights[[row, i]] >= 0.4 / 3.0 - 1e-6);
        }
        assert!(row >= 5 || (sum - f64::from(score)).abs() < 1e-4, "{sum} {score}");
        assert!((weights.row(row).sum() - 1.0).abs() < 1e-5);
    }
    let (attacks, clean): (Vec<usize>, Vec<usize>) = (0..300).partition(|row| row % 2 == 1);
    let mean = |rows: &[usize]| rows.iter().map(|&row| scores[row]).sum::<f32>() / rows.len() as f32;
    assert!(mean(&attacks) > 0.0 && mean(&clean) < 0.0 && mean(&attacks) - mean(&clean) > 1.0);
}

#[test]
fn top_1_weights_are_exactly_0_or_1() {
    let gate = GateConfig { top_k: Some(1), hidden: vec![4], ..Default::default() };
    let (mixture, x) = fitted(&MixtureOfExpertsConfig { gate, ..config() });
    let weights = mixture.gate_weights(x.view()).unwrap();
    assert!(
        weights.iter().all(|&w| w == 0.0 || w == 1.0) && weights.rows().into_iter().all(|r| r.sum() == 1.0)
    );
}

/// The gate for scoring returns the weights of candle's gate, which was trained.
#[test]
fn the_gate_scores_as_it_was_trained() {
    use candle_core::{Device, Tensor};

    use crate::nn::gate::Gate;
    use crate::nn::pass::Pass;
    use crate::nn::weights::Weights;

    for top_k in [None, Some(2)] {
        let gate = GateConfig { top_k, temperature: 0.7, hidden: vec![5, 4], ..Default::default() };
        let config = MixtureOfExpertsConfig { gate, log_odds_weight: 0.0, uniform_weight: 0.0, ..config() };
        let (mixture, x) = fitted(&config);
        let scores = [0, 1, 2].map(|i| mixture.detectors()[i].score(x.view()).unwrap());
        let input = |row: usize, i: usize| {
            let calibration = &mixture.scorer.calibrations[i];
            calibration.gate_input(calibration.evidence(scores[i][row]))
        };
        let inputs: Vec<f32> = (0..3 * x.nrows()).map(|at| input(at / 3, at % 3)).collect();
        let mut weights = Weights::stored(mixture.scorer.weights.clone());
        let gate = Gate::new(&mut weights, scorer::GATE, 3, 3, &config.gate).unwrap();
        let inputs = Tensor::from_vec(inputs, (x.nrows(), 3), &Device::Cpu).unwrap();
        let expected: Vec<Vec<f32>> = gate.forward(&inputs, &mut Pass::scoring()).unwrap().to_vec2().unwrap();
        for (row, expected) in mixture.gate_weights(x.view()).unwrap().rows().into_iter().zip(expected) {
            assert!(row.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5), "{row} {expected:?}");
        }
    }
}

#[test]
fn explanations_sum_to_the_score_and_name_the_feature_of_the_attack() {
    let (mixture, x) = fitted(&config());
    let x = x.slice(ndarray::s![..60, ..]);
    for chosen in [MixtureOutput::Mixture, MixtureOutput::Expert("forest".into())] {
        let mixture = mixture.clone().with_choice(chosen).unwrap();
        let explanation = Detector::explain(&mixture, x).unwrap();
        explanation.check().unwrap();
        for (row, (score, explained)) in mixture.score(x).unwrap().iter().zip(&explanation.scores).enumerate()
        {
            assert!(
                (f64::from(*score) - explained).abs() < 1e-4 * f64::from(score.abs().max(1.0)),
                "{score} {explained}"
            );
            if row % 2 == 1 {
                assert_eq!(explanation.top_raising(row, 1)[0].0, row / 2 % 3);
            }
        }
    }
}

#[test]
fn a_file_gives_the_same_bits_and_a_wrong_one_is_rejected() {
    let (mixture, x) = fitted(&config());
    let mut tensors = Tensors::default();
    let header = serde_json::to_value(mixture.store("m", &mut tensors)).unwrap();
    let restore = |header: &serde_json::Value, mut tensors: Tensors| {
        MixtureOfExperts::restore(serde_json::from_value(header.clone()).unwrap(), "m", &mut tensors)
    };
    let again = restore(&header, tensors.clone()).unwrap();
    assert_eq!(again.score(x.view()).unwrap(), mixture.score(x.view()).unwrap());
    assert_eq!((again.report(), again.history()), (mixture.report(), mixture.history()));
    let mut short = tensors.clone();
    short.take::<f32>("m/weights/gate.out.bias").unwrap();
    assert!(restore(&header, short).unwrap_err().contains("gate.out.bias"));
    let mut stranger = tensors.clone();
    stranger.put("m/weights/other", &[1.0_f32]);
    assert!(restore(&header, stranger).unwrap_err().contains("other"));
    let mut bad = tensors.clone();
    bad.put("m/weights/gate.out.bias", &[1.0, f32::NAN, 0.0]);
    assert!(restore(&header, bad).unwrap_err().contains("gate.out.bias"));
    let mut fewer = header.clone();
    fewer["experts"].as_array_mut().unwrap().pop();
    assert!(restore(&fewer, tensors.clone()).is_err());
    let mut chosen = header.clone();
    chosen["report"]["chosen"] = serde_json::json!({"expert": "nobody"});
    assert!(restore(&chosen, tensors).unwrap_err().contains("nobody"));
}

#[test]
fn the_same_seed_gives_the_same_bits_for_any_thread_count() {
    let fit = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let (mixture, x) = fitted(&config());
            (mixture.score(x.view()).unwrap(), mixture.report().clone())
        })
    };
    assert_eq!(fit(1), fit(3));
}

#[test]
fn experts_are_validated_on_rows_that_they_were_not_fitted_on() {
    let (x, classes) = rows(900);
    let labels: Vec<bool> = classes.iter().map(|&class| class > 0).collect();
    let mixture = config().fit(x.view(), FitContext::labelled(&labels)).unwrap().model;
    let report = mixture.report();
    assert!(report.novel.is_some() && report.known.is_some());
    let boosted = &report.experts[0];
    // A supervised expert detects attacks that it was fitted on better than new ones.
    assert!(boosted.known.unwrap().roc_auc > boosted.novel.unwrap().roc_auc + 0.1, "{report:?}");
    assert!((report.experts.iter().map(|e| e.mean_weight).sum::<f64>() - 1.0).abs() < 1e-6);
}

#[test]
fn experts_that_were_trained_on_classes_of_attack_separate_them() {
    let (x, classes) = rows(900);
    let names = ["clean", "a", "b", "c"].map(String::from);
    let config = config();
    let mixture = config.fit_classes(x.view(), &classes, &names, None).unwrap();
    let mixture = mixture.with_choice(MixtureOutput::Mixture).unwrap();
    let p = mixture.probabilities(x.view()).unwrap();
    let scores = mixture.score(x.view()).unwrap();
    let mut right = 0;
    for (row, p) in p.axis_iter(Axis(0)).enumerate() {
        assert!((p.sum() - 1.0).abs() < 1e-9);
        assert!((p[0] - 1.0 / (1.0 + f64::from(scores[row]).exp())).abs() < 1e-6);
        let best = (0..4).fold(0, |best, class| if p[class] > p[best] { class } else { best });
        right += usize::from(best == classes[row] as usize);
    }
    assert!(right > 850, "{right}");
    // Without classes from the expert, the frequencies of the classes are used.
    let forest = mixture.with_choice(MixtureOutput::Expert("forest".into())).unwrap();
    let p = forest.probabilities(x.view()).unwrap();
    assert!((p[[0, 1]] - p[[0, 2]]).abs() < 1e-9 && p[[0, 1]] > 0.0);
}

#[test]
fn two_classes_give_the_bits_of_labels() {
    let (x, classes) = rows(900);
    let labels: Vec<bool> = classes.iter().map(|&class| class > 0).collect();
    let codes: Vec<Option<u32>> = labels.iter().map(|&attack| Some(u32::from(attack))).collect();
    let names = ["clean", "attack"].map(String::from);
    let of = |context: FitContext<'_>| {
        let mixture = config().fit(x.view(), context).unwrap().model;
        let report = mixture.report().clone();
        (mixture.with_choice(MixtureOutput::Mixture).unwrap().score(x.view()).unwrap(), report)
    };
    assert_eq!(of(FitContext::classes(&codes, &names)), of(FitContext::labelled(&labels)));
}

#[test]
fn classes_may_be_kinds_of_attacks_that_no_expert_learns() {
    let (x, classes) = rows(900);
    let names = ["clean", "a", "b", "c"].map(String::from);
    let config = MixtureOfExpertsConfig { learn_classes: false, ..config() };
    let mixture = config.fit_classes(x.view(), &classes, &names, None).unwrap();
    assert_eq!(mixture.classes(), names);
    let known = |detector: &AnyDetector| detector.as_classifier().map(|c| c.classes().len());
    assert_eq!(mixture.detectors().iter().map(known).collect::<Vec<_>>(), [Some(2), None, None]);
    let p = mixture.probabilities(x.view()).unwrap();
    assert!((p[[0, 1]] - p[[0, 2]]).abs() < 1e-9 && p[[0, 1]] > 0.0);
}

#[test]
fn bad_settings_and_bad_rows_are_named() {
    let (x, classes) = rows(300);
    let labels: Vec<bool> = classes.iter().map(|&class| class > 0).collect();
    let refused = |change: fn(&mut MixtureOfExpertsConfig)| {
        let mut config = config();
        change(&mut config);
        config.fit(x.view(), FitContext::labelled(&labels)).unwrap_err().to_string()
    };
    assert!(refused(|c| c.experts.truncate(1)).contains("`experts`"));
    assert!(refused(|c| c.experts[1].name = "boosted".into()).contains("experts[1]"));
    assert!(refused(|c| c.folds = 1).contains("folds"));
    assert!(refused(|c| c.attack_clusters = 0).contains("`attack_clusters`"));
    assert!(refused(|c| c.clean_clusters = 0).contains("`clean_clusters`"));
    assert!(refused(|c| c.uniform_weight = 1.5).contains("uniform_weight"));
    assert!(refused(|c| c.held_out_fraction = f64::NAN).contains("held_out_fraction"));
    assert!(refused(|c| c.masked_fraction = 1.0).contains("masked_fraction"));
    assert!(refused(|c| c.log_odds_weight = -1.0).contains("log_odds_weight"));
    assert!(refused(|c| c.gate.min_load = 0.5).contains("gate.min_load"));
    assert!(refused(|c| c.training.epochs = 0).contains("epochs"));
    let config = config();
    assert!(matches!(config.fit(x.view(), FitContext::default()), Err(Error::InsufficientData { .. })));
    assert!(matches!(
        config.fit(x.view(), FitContext::labelled(&[true; 300])),
        Err(Error::InsufficientData { .. })
    ));
    assert!(matches!(
        config.fit(x.view(), FitContext::labelled(&labels[1..])),
        Err(Error::ShapeMismatch { .. })
    ));
    let mut bad = x.clone();
    bad[[7, 1]] = f32::NAN;
    assert!(matches!(
        config.fit(bad.view(), FitContext::labelled(&labels)),
        Err(Error::NotFinite { row: 7, .. })
    ));
    let mixture = config.fit(x.view(), FitContext::labelled(&labels)).unwrap().model;
    assert!(matches!(mixture.score(bad.view()), Err(Error::NotFinite { row: 7, .. })));
    assert!(matches!(mixture.score(x.slice(ndarray::s![.., ..2])), Err(Error::ShapeMismatch { .. })));
    assert!(mixture.with_choice(MixtureOutput::Expert("nobody".into())).is_err());
    let names = ["clean".to_owned(), "attack".to_owned()];
    assert!(matches!(
        config.fit_classes(x.view(), &classes, &names, None),
        Err(Error::InvalidArgument { .. })
    ));
}

#[test]
fn missing_settings_of_gate_and_training_are_the_defaults_of_a_mixture() {
    let given = r#"{"gate": {"top_k": 1}, "training": {"epochs": 3}}"#;
    let mut expected = MixtureOfExpertsConfig::default();
    (expected.gate.top_k, expected.training.epochs) = (Some(1), 3);
    assert_eq!(serde_json::from_str::<MixtureOfExpertsConfig>(given).unwrap(), expected);
}
