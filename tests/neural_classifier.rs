//! What neural classifiers promise: they learn, they say what they know not, and every bit comes back.
#![cfg(feature = "train")]
#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

mod classes;

use std::ops::ControlFlow;
use std::sync::mpsc;

use qosguard::detect::{
    Architecture, ClassWeight, Classifier, Columns, Detector, ExpertNetworkConfig, Fit, FitContext,
    FtTransformerConfig, GateConfig, MixtureNetworkConfig, MlpConfig, NeuralClassifier,
    NeuralClassifierConfig, NeuralClassifierParts, PretrainingConfig, Stopped, TemporalCnnConfig,
    TimingChannel, TrainingConfig,
};
use qosguard::ndarray::{Array2, Axis, s};
use qosguard::{Error, ErrorKind, Monitor};

use classes::FitClasses as _;

/// Uniform in [0, 1), the same for the same place.
fn noise(i: usize, j: usize) -> f32 {
    let mut bits = ((i * 31 + j + 1) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (bits >> 40) as f32 / (1_u32 << 24) as f32
}

/// Four numbers, the last of them constant, and a category of the codes 2, 5 and 7. An attack is where the first two
/// numbers fall on the same side of their middles, or the category is 7.
fn rows(n: usize) -> (Array2<f32>, Vec<bool>) {
    let x = Array2::from_shape_fn((n, 5), |(i, j)| match j {
        3 => 4.0,
        4 => [2.0, 5.0, 2.0, 5.0, 7.0][(noise(i, 4) * 5.0) as usize],
        j => noise(i, j) * [1.0, 1e4, 1e-3][j],
    });
    let attack =
        |row: qosguard::ndarray::ArrayView1<'_, f32>| ((row[0] > 0.5) == (row[1] > 5e3)) || row[4] == 7.0;
    let labels = x.rows().into_iter().map(attack).collect();
    (x, labels)
}

fn columns() -> Columns {
    let channel = |name: &str, columns: [Option<usize>; 2]| TimingChannel {
        name: name.into(),
        columns: columns.into(),
    };
    Columns {
        categorical: vec![4],
        timing: vec![channel("both", [Some(0), Some(1)]), channel("back", [Some(2), None])],
    }
}

fn quick(architecture: Architecture) -> NeuralClassifierConfig {
    let training = TrainingConfig { epochs: 25, batch_rows: 64, learning_rate: 5e-3, ..Default::default() };
    NeuralClassifierConfig { architecture, columns: Some(columns()), training, ..Default::default() }
}

fn mlp() -> NeuralClassifierConfig {
    quick(Architecture::Mlp(MlpConfig { hidden: vec![24, 12], dropout: 0.0 }))
}

fn transformer() -> FtTransformerConfig {
    FtTransformerConfig { width: 12, layers: 1, heads: 2, feed_forward: 16, dropout: 0.0 }
}

fn mixture(top_k: Option<usize>) -> Architecture {
    let expert = |name: &str, network| ExpertNetworkConfig {
        name: name.into(),
        network,
        exclude_timing: false,
        head: Some(8),
    };
    let cnn = TemporalCnnConfig { channels: vec![8], width: 12, ..Default::default() };
    Architecture::Mixture(MixtureNetworkConfig {
        experts: vec![
            expert("tabular", Architecture::FtTransformer(transformer())),
            expert("temporal", Architecture::TemporalCnn(cnn)),
        ],
        gate: GateConfig { hidden: vec![8], top_k, ..Default::default() },
        hidden: 12,
        auxiliary_loss_weight: 0.2,
        ..Default::default()
    })
}

/// Share of the rows on the right side of even odds.
fn hits(model: &NeuralClassifier, x: &Array2<f32>, labels: &[bool]) -> f64 {
    let scores = model.score(x.view()).unwrap();
    scores.iter().zip(labels).filter(|(score, label)| (**score > 0.0) == **label).count() as f64
        / labels.len() as f64
}

fn bits(model: &NeuralClassifier, x: &Array2<f32>) -> Vec<u32> {
    model.score(x.view()).unwrap().iter().map(|score| score.to_bits()).collect()
}

#[test]
fn a_perceptron_learns_what_no_line_parts_and_scores_are_log_odds() {
    let (x, labels) = rows(900);
    let model = mlp().fit(x.view(), FitContext::labelled(&labels)).unwrap().model;
    let (fresh, truth) = rows(1400);
    let (fresh, truth) = (fresh.slice(s![900.., ..]).to_owned(), &truth[900..]);
    assert!(hits(&model, &fresh, truth) > 0.93, "{}", hits(&model, &fresh, truth));
    assert_eq!(model.classes(), ["clean", "attack"]);
    let p = model.probabilities(fresh.view()).unwrap();
    for (score, p) in model.score(fresh.view()).unwrap().iter().zip(p.rows()) {
        assert!((p.sum() - 1.0).abs() < 1e-12);
        assert!(((p[1] / p[0]).ln() - f64::from(*score)).abs() < 1e-4);
    }
    assert!(model.history().epochs.len() <= 25 && model.experts().is_empty());
}

#[test]
fn a_transformer_and_a_mixture_learn_too() {
    let (x, labels) = rows(700);
    let config = quick(Architecture::FtTransformer(transformer()));
    let model = config.fit(x.view(), FitContext::labelled(&labels)).unwrap().model;
    assert!(hits(&model, &x, &labels) > 0.9, "transformer: {}", hits(&model, &x, &labels));
    for top_k in [None, Some(1)] {
        let model = quick(mixture(top_k)).fit(x.view(), FitContext::labelled(&labels)).unwrap().model;
        assert!(hits(&model, &x, &labels) > 0.85, "mixture, {top_k:?}: {}", hits(&model, &x, &labels));
        let weights = model.gate_weights(x.view()).unwrap();
        assert_eq!((weights.dim(), model.experts()), ((700, 2), vec!["tabular", "temporal"]));
        for row in weights.rows() {
            assert!((row.sum() - 1.0).abs() < 1e-6);
            assert!(top_k.is_none() || row.iter().all(|&weight| weight == 0.0 || weight == 1.0), "{row}");
        }
    }
}

#[test]
fn more_classes_and_row_weights() {
    let (x, _) = rows(600);
    let classes = ["clean", "scan", "flood"].map(String::from);
    let labels: Vec<u32> = x.column(0).iter().map(|&v| (v * 3.0) as u32).collect();
    let model = mlp().fit_classes(x.view(), &labels, &classes, None).unwrap();
    let p = model.probabilities(x.view()).unwrap();
    let best = |row: qosguard::ndarray::ArrayView1<'_, f64>| {
        (0..3).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap() as u32
    };
    let right = p.rows().into_iter().zip(&labels).filter(|(row, label)| best(*row) == **label).count();
    assert!(right > 540, "{right} of 600");
    for (score, p) in model.score(x.view()).unwrap().iter().zip(p.rows()) {
        assert!((((p[1] + p[2]) / p[0]).ln() - f64::from(*score)).abs() < 1e-4);
    }

    // Rows without weight are as if they were not there.
    let wrong: Vec<u32> =
        labels.iter().enumerate().map(|(i, &of)| if i % 3 == 0 { 2 - of } else { of }).collect();
    let weights: Vec<f32> = (0..600).map(|i| if i % 3 == 0 { 0.0 } else { 1.0 }).collect();
    let weighted = mlp().fit_classes(x.view(), &wrong, &classes, Some(&weights)).unwrap();
    let p = weighted.probabilities(x.view()).unwrap();
    let right = p.rows().into_iter().zip(&labels).filter(|(row, label)| best(*row) == **label).count();
    assert!(right > 520, "{right} of 600");
}

/// With one attack in 20 rows that looks like every other row, even odds are for balanced classes only.
#[test]
fn balanced_classes_weigh_the_same() {
    let x = Array2::from_shape_fn((800, 2), |(i, j)| noise(i, j));
    let labels: Vec<bool> = (0..800).map(|i| i % 20 == 0).collect();
    let mean = |class_weight| {
        let training =
            TrainingConfig { epochs: 8, batch_rows: 64, learning_rate: 1e-2, ..Default::default() };
        let config = NeuralClassifierConfig { class_weight, training, ..Default::default() };
        let model = config.fit(x.view(), FitContext::labelled(&labels)).unwrap().model;
        model.probabilities(x.view()).unwrap().column(1).mean().unwrap()
    };
    let (plain, balanced) = (mean(ClassWeight::None), mean(ClassWeight::Balanced));
    assert!((plain - 0.05).abs() < 0.04 && (balanced - 0.5).abs() < 0.08, "{plain}, {balanced}");
}

#[test]
fn codes_that_training_did_not_see_are_all_the_same_unknown_one() {
    let (x, labels) = rows(500);
    let model = mlp().fit(x.view(), FitContext::labelled(&labels)).unwrap().model;
    let with = |code: f32| {
        let mut x = x.slice(s![..50, ..]).to_owned();
        x.column_mut(4).fill(code);
        bits(&model, &x)
    };
    assert_eq!(with(3.0), with(60_000.0));
    assert_eq!(with(3.0), with(2.5));
    assert_eq!(with(3.0), with(-1e9));
    assert_ne!(with(3.0), with(7.0));
}

#[test]
fn contributions_sum_to_the_score_and_go_to_what_matters() {
    let (x, labels) = rows(500);
    for architecture in [mlp().architecture, mixture(None)] {
        let mut config = quick(architecture);
        config.training.epochs = 8;
        let model = config.fit(x.view(), FitContext::labelled(&labels)).unwrap().model;
        let x = x.slice(s![..20, ..]);
        let explanation = model.explain(x).unwrap();
        explanation.check().unwrap();
        for (explained, score) in explanation.scores.iter().zip(model.score(x).unwrap()) {
            assert!((explained - f64::from(score)).abs() < 1e-4);
        }
        let size = explanation.contributions.map_axis(Axis(0), |column| column.mapv(f64::abs).sum());
        assert_eq!(size[3], 0.0, "a constant column");
        assert!(size[0] > 0.0 && size[4] > 0.0, "{size}");
    }
}

#[test]
fn a_model_comes_back_from_its_parts_and_from_text_bit_for_bit() {
    let (x, labels) = rows(300);
    let mut config = quick(mixture(Some(1)));
    config.training.epochs = 2;
    config.pretraining = Some(PretrainingConfig { training: config.training.clone(), ..Default::default() });
    let model = config.fit(x.view(), FitContext::labelled(&labels)).unwrap().model;
    let text = serde_json::to_string(&model.to_parts()).unwrap();
    let parts: NeuralClassifierParts = serde_json::from_str(&text).unwrap();
    assert_eq!(parts, model.to_parts());
    let again = NeuralClassifier::from_parts(&parts).unwrap();
    assert_eq!(bits(&again, &x), bits(&model, &x));
    assert_eq!(again.n_parameters(), model.n_parameters());

    let refused = |change: &dyn Fn(&mut NeuralClassifierParts)| {
        let mut parts = parts.clone();
        change(&mut parts);
        NeuralClassifier::from_parts(&parts).unwrap_err().to_string()
    };
    let name = "classifier.linear2.bias";
    assert!(refused(&|p| drop(p.weights.remove(name))).contains(name));
    assert!(refused(&|p| p.weights.get_mut(name).unwrap().push(0.0)).contains("an array of 2"));
    assert!(
        refused(&|p| p.weights.get_mut(name).unwrap()[1] = f32::NAN).contains("classifier.linear2.bias[1]")
    );
    assert!(refused(&|p| drop(p.weights.insert("more".into(), vec![1.0]))).contains("`more`"));
    assert!(refused(&|p| p.classes.truncate(1)).contains("classes"));
    assert!(refused(&|p| p.config.pretraining = None).contains("a weight of the network"));
}

#[test]
fn the_same_seed_gives_the_same_bits_for_any_number_of_threads() {
    let (x, labels) = rows(600);
    let mut config = quick(mixture(None));
    config.training.epochs = 2;
    config.pretraining = Some(PretrainingConfig { training: config.training.clone(), ..Default::default() });
    let fit =
        |config: &NeuralClassifierConfig| config.fit(x.view(), FitContext::labelled(&labels)).unwrap().model;
    let model = fit(&config);
    qosguard::set_parallel(false);
    let alone = fit(&config);
    let alone_bits = bits(&alone, &x);
    qosguard::set_parallel(true);
    assert_eq!(model.to_parts(), alone.to_parts());
    assert_eq!(bits(&model, &x), alone_bits);
    let other = fit(&NeuralClassifierConfig { seed: 1, ..config });
    assert_ne!(bits(&other, &x), alone_bits);
}

#[test]
fn rows_without_labels_serve_pretraining_and_one_row_is_enough_for_a_batch() {
    let (x, truth) = rows(401);
    let labels: Vec<Option<u32>> =
        truth.iter().enumerate().map(|(i, &attack)| (i % 10 == 0).then_some(u32::from(attack))).collect();
    let mut config = quick(Architecture::FtTransformer(transformer()));
    config.training.epochs = 3;
    config.training.batch_rows = 6;
    config.pretraining = Some(PretrainingConfig {
        training: TrainingConfig { epochs: 6, batch_rows: 32, learning_rate: 5e-3, ..Default::default() },
        ..Default::default()
    });
    let classes = ["clean", "attack"].map(String::from);
    let (send, stages) = mpsc::channel();
    let monitor = Monitor::new(move |progress| {
        send.send(progress.stage.to_owned()).unwrap();
        ControlFlow::Continue(())
    });
    let context = FitContext { monitor: Some(&monitor), ..FitContext::classes(&labels, &classes) };
    let model = config.fit(x.view(), context).unwrap().model;
    let mut stages: Vec<String> = stages.try_iter().collect();
    stages.dedup();
    assert_eq!(stages, ["pretraining", "classifier"]);
    let losses: Vec<f64> =
        model.pretraining_history().unwrap().epochs.iter().map(|epoch| epoch.training_loss).collect();
    // A guess of the mean has a loss of 1 for numbers, of ln 3 or less for the category.
    assert!(losses.last() < losses.first(), "{losses:?}");
    assert!(model.score(x.view()).unwrap().iter().all(|score| score.is_finite()));
}

#[test]
fn a_training_that_is_cancelled_gives_the_best_so_far() {
    let (x, labels) = rows(300);
    let monitor =
        Monitor::new(
            |progress| {
                if progress.done == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            },
        );
    let context = FitContext { monitor: Some(&monitor), ..FitContext::labelled(&labels) };
    let model = mlp().fit(x.view(), context).unwrap().model;
    assert_eq!((model.history().stopped, model.history().epochs.len()), (Stopped::Cancelled, 3));
    assert!(model.score(x.view()).unwrap().iter().all(|score| score.is_finite()));
}

#[test]
fn training_data_that_cannot_be_used_is_rejected_by_name() {
    let (x, labels) = rows(60);
    let error = mlp().fit(x.view(), FitContext::default()).unwrap_err();
    assert_eq!(error.to_string(), "labels: needs at least 60, got 0");
    let error = mlp().fit(x.view(), FitContext::labelled(&[true; 60])).unwrap_err();
    assert!(error.to_string().contains("class `clean`"), "{error}");
    let error = mlp().fit(x.view(), FitContext::labelled(&labels[..59])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ShapeMismatch);
    let classes = ["clean", "attack"].map(String::from);
    let error = mlp().fit_classes(x.view(), &[7; 60], &classes, None).unwrap_err();
    assert_eq!(error.to_string(), "`labels[0]` must be a class below 2, got 7");
    let mut infinite = x.clone();
    infinite[[4, 2]] = f32::INFINITY;
    let error = mlp().fit(infinite.view(), FitContext::labelled(&labels)).unwrap_err();
    assert!(matches!(error, Error::NotFinite { row: 4, .. }), "{error}");
    let mut half = x.clone();
    half[[4, 4]] = 2.5;
    let error = mlp().fit(half.view(), FitContext::labelled(&labels)).unwrap_err();
    assert!(error.to_string().contains("a whole number in 0..65536, got 2.5"), "{error}");

    let mut config = mlp();
    config.pretraining = Some(PretrainingConfig::default());
    let error = config.fit(x.view(), FitContext::labelled(&labels)).unwrap_err();
    assert!(error.to_string().contains("`pretraining` must be none"), "{error}");
    let mut config = quick(Architecture::FtTransformer(transformer()));
    let training = TrainingConfig { epochs: 0, ..Default::default() };
    config.pretraining = Some(PretrainingConfig { training, ..Default::default() });
    let error = config.fit(x.view(), FitContext::labelled(&labels)).unwrap_err();
    assert!(error.to_string().contains("pretraining.training.epochs"), "{error}");
    let config = NeuralClassifierConfig { category_dropout: 1.0, ..mlp() };
    assert!(
        config
            .fit(x.view(), FitContext::labelled(&labels))
            .unwrap_err()
            .to_string()
            .contains("category_dropout")
    );
    let config = NeuralClassifierConfig {
        columns: None,
        ..quick(Architecture::TemporalCnn(TemporalCnnConfig::default()))
    };
    assert!(
        config
            .fit(x.view(), FitContext::labelled(&labels))
            .unwrap_err()
            .to_string()
            .contains("`columns.timing`")
    );

    let model = mlp().fit(x.view(), FitContext::labelled(&labels)).unwrap().model;
    assert_eq!(model.score(x.slice(s![.., 1..])).unwrap_err().kind(), ErrorKind::ShapeMismatch);
    assert_eq!(model.probabilities(infinite.view()).unwrap_err().kind(), ErrorKind::NotFinite);
    assert_eq!(model.score(x.slice(s![..0, ..])).unwrap(), Vec::<f32>::new());
    assert_eq!(model.gate_weights(x.view()).unwrap().dim(), (60, 0));
}
