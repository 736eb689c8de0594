use ndarray::{Array2, Axis, concatenate, s};

use super::*;
use crate::detect::tree::{Node, Test};
use crate::detect::{ClassWeight, Classifier, Detector};
use crate::error::ErrorKind;

fn names(classes: usize) -> Vec<String> {
    (0..classes).map(|class| format!("class {class}")).collect()
}

/// Rows of normal numbers, and labels that depend on the first three features and on chance.
fn rows(n: usize, features: usize, seed: u64) -> (Array2<f32>, Vec<bool>) {
    let mut rng = Stream::new(seed, 99);
    let x = Array2::from_shape_simple_fn((n, features), || rng.normal() as f32);
    let labels = x.outer_iter().map(|row| {
        let noise = rng.normal() as f32;
        row[0] + row[1] * row[2] + 0.5 * noise > 0.3
    });
    let labels = labels.collect();
    (x, labels)
}

fn quick() -> BoostedTreesConfig {
    BoostedTreesConfig { trees: 20, leaves: 8, ..Default::default() }
}

fn nodes(model: &TreeEnsemble) -> Vec<Vec<Node>> {
    model.outputs().flat_map(|(_, trees, _)| trees.iter().map(<[Node]>::to_vec).collect::<Vec<_>>()).collect()
}

fn log_loss(model: &TreeEnsemble, x: ArrayView2<'_, f32>, labels: &[bool]) -> f64 {
    let p = model.probabilities(x).unwrap();
    let of = |(row, &attack): (usize, &bool)| -p[[row, usize::from(attack)]].ln();
    labels.iter().enumerate().map(of).sum::<f64>() / labels.len() as f64
}

#[test]
fn one_tree_has_the_leaf_values_of_the_formula() {
    let x = ndarray::array![[0.0_f32], [1.0], [2.0], [3.0], [4.0]];
    let labels = [false, false, true, true, true];
    let stump = BoostedTreesConfig { trees: 1, leaves: 2, min_rows_per_leaf: 1, ..Default::default() };
    let config = BoostedTreesConfig { learning_rate: 0.5, l2: 0.5, ..stump };
    let model = config.fit(x.view(), FitContext::labelled(&labels)).unwrap().model;
    // p = 3/5: gradients .6 and -.4, hessians .24.
    let [left, right] = [-0.5 * 1.2 / (0.48 + 0.5), 0.5 * 1.2 / (0.72 + 0.5)];
    let found = nodes(&model);
    let [Node::Split { feature: 0, test, missing_left: false, right: 2, cover: 5.0 }, a, b] = found[0][..]
    else {
        panic!("{found:?}");
    };
    assert_eq!(test, Test::AtMost(1.5));
    for (node, value, rows) in [(a, left, 2.0), (b, right, 3.0)] {
        let Node::Leaf { value: got, cover } = node else { panic!("{node:?}") };
        assert!((got - value).abs() < 1e-7 && cover == rows, "{node:?} is not {value}");
    }
    let base = 1.5_f64.ln();
    for (row, score) in model.score(x.view()).unwrap().into_iter().enumerate() {
        let wanted = base + if row < 2 { left } else { right };
        assert!((f64::from(score) - wanted).abs() < 1e-6);
    }
}

#[test]
fn softmax_leaves_have_the_hessian_of_k_classes() {
    let x = Array2::from_shape_fn((30, 1), |(i, _)| (i / 10) as f32);
    let labels: Vec<u32> = (0..30).map(|i| i / 10).collect();
    let config = BoostedTreesConfig {
        trees: 1,
        leaves: 2,
        min_rows_per_leaf: 1,
        learning_rate: 1.0,
        l2: 0.0,
        ..Default::default()
    };
    let model = config.fit_rows(x.view(), &labels, &names(3), None).unwrap();
    // p = 1/3 for every class; class 0 is the ten rows at 0: G = -20/3, H = 10 · 3/2 · 2/9.
    let found = nodes(&model);
    let Node::Leaf { value, .. } = found[0][1] else { panic!("{found:?}") };
    assert!((value - 2.0).abs() < 1e-6, "{value}");
    let sums = model.probabilities(x.view()).unwrap().sum_axis(Axis(1));
    assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 1e-12));
}

#[test]
fn without_a_split_the_prediction_is_the_share_of_each_class() {
    let x = Array2::zeros((40, 2));
    let labels: Vec<u32> = (0..40).map(|i| [0, 1, 1, 2][i % 4]).collect();
    let model = quick().fit_rows(x.view(), &labels, &names(3), None).unwrap();
    let p = model.probabilities(x.slice(s![..1, ..])).unwrap();
    for (got, wanted) in p.iter().zip([0.25, 0.5, 0.25]) {
        assert!((got - wanted).abs() < 1e-9, "{p}");
    }
}

#[test]
fn the_direction_of_missing_values_is_fitted() {
    for attack_is_missing in [false, true] {
        let x = Array2::from_shape_fn((400, 1), |(i, _)| if i % 2 == 0 { f32::NAN } else { (i % 7) as f32 });
        let labels: Vec<bool> = (0..400).map(|i| (i % 2 == 0) == attack_is_missing).collect();
        let model = quick().fit(x.view(), FitContext::labelled(&labels)).unwrap().model;
        assert!(log_loss(&model, x.view(), &labels) < 0.2);
    }
    // Missing values are like the great numbers here.
    let x = Array2::from_shape_fn((600, 1), |(i, _)| if i % 3 == 2 { f32::NAN } else { (i % 3) as f32 });
    let labels: Vec<bool> = (0..600).map(|i| i % 3 > 0).collect();
    let found = nodes(
        &BoostedTreesConfig { leaves: 2, ..quick() }
            .fit(x.view(), FitContext::labelled(&labels))
            .unwrap()
            .model,
    );
    assert!(
        matches!(found[0][0], Node::Split { missing_left: false, test: Test::AtMost(0.5), .. }),
        "{found:?}"
    );
    let labels: Vec<bool> = (0..600).map(|i| i % 3 == 1).collect();
    let found = nodes(
        &BoostedTreesConfig { leaves: 2, ..quick() }
            .fit(x.view(), FitContext::labelled(&labels))
            .unwrap()
            .model,
    );
    assert!(
        matches!(found[0][0], Node::Split { missing_left: true, test: Test::AtMost(0.5), .. }),
        "{found:?}"
    );
}

#[test]
fn constant_and_missing_columns_are_never_split() {
    let (mut x, labels) = rows(600, 5, 3);
    x.column_mut(3).fill(f32::NAN);
    x.column_mut(4).fill(-7.5);
    let model = quick().fit(x.view(), FitContext::labelled(&labels)).unwrap().model;
    let mut splits = 0;
    for node in nodes(&model).concat() {
        if let Node::Split { feature, .. } = node {
            assert!(feature < 3);
            splits += 1;
        }
    }
    assert!(splits > 20);
}

#[test]
fn leaves_rows_and_depth_stay_within_their_limits() {
    let (x, labels) = rows(3000, 4, 4);
    let config = BoostedTreesConfig { leaves: 12, max_depth: Some(4), min_rows_per_leaf: 70, ..quick() };
    let model = config.fit(x.view(), FitContext::labelled(&labels)).unwrap().model;
    for tree in nodes(&model) {
        let covers: Vec<f32> =
            tree.iter().filter(|node| matches!(node, Node::Leaf { .. })).map(Node::cover).collect();
        assert!((2..=12).contains(&covers.len()) && covers.iter().all(|&cover| cover >= 70.0));
        assert_eq!(covers.iter().sum::<f32>(), 3000.0);
    }
    assert!(model.outputs().all(|(_, trees, _)| trees.depth() <= 4));
}

#[test]
fn monotone_constraints_hold() {
    let (x, _) = rows(4000, 3, 5);
    // It rises, but for a dent; the other way round for the second feature.
    let mut rng = Stream::new(5, 0);
    let curve = |v: f32| f64::from(v) + if v.abs() < 0.4 { -2.0 * f64::from(v.signum()) } else { 0.0 };
    let labels: Vec<bool> =
        x.outer_iter().map(|row| curve(row[0]) - curve(row[1]) + 0.5 * rng.normal() > 0.0).collect();
    let free = BoostedTreesConfig { leaves: 16, ..quick() };
    let bound = BoostedTreesConfig { monotone: vec![1, -1, 0], ..free.clone() };
    let falls = |config: &BoostedTreesConfig| {
        let model = config.fit(x.view(), FitContext::labelled(&labels)).unwrap().model;
        let mut falls = 0;
        for (feature, sign) in [(0, 1.0), (1, -1.0)] {
            for start in x.outer_iter().take(20) {
                let line = Array2::from_shape_fn((200, 3), |(i, j)| {
                    if j == feature { sign * (i as f32 / 40.0 - 2.5) } else { start[j] }
                });
                let scores = model.score(line.view()).unwrap();
                falls += scores.windows(2).filter(|pair| pair[1] < pair[0]).count();
            }
        }
        falls
    };
    assert!(falls(&free) > 0);
    assert_eq!(falls(&bound), 0);
}

#[test]
fn a_weight_of_two_is_a_row_twice() {
    let (x, labels) = rows(1500, 3, 6);
    let labels: Vec<u32> = labels.into_iter().map(u32::from).collect();
    let weights: Vec<f32> = (0..1500).map(|i| if i % 3 == 0 { 2.0 } else { 1.0 }).collect();
    let twice: Vec<usize> = (0..1500).chain((0..1500).step_by(3)).collect();
    // Bins are found on rows, whatever their weight: with one for each value they are the same.
    let x = x.mapv(|v| (v * 20.0).round());
    let doubled_x = x.select(Axis(0), &twice);
    let doubled_labels: Vec<u32> = twice.iter().map(|&row| labels[row]).collect();
    for class_weight in [ClassWeight::None, ClassWeight::Balanced] {
        let config = BoostedTreesConfig { min_rows_per_leaf: 1, min_hessian: 5.0, class_weight, ..quick() };
        let weighted = config.fit_rows(x.view(), &labels, &names(2), Some(&weights)).unwrap();
        let doubled = config.fit_rows(doubled_x.view(), &doubled_labels, &names(2), None).unwrap();
        let [a, b] = [weighted, doubled].map(|model| model.probabilities(x.view()).unwrap());
        let furthest = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(furthest < 1e-5, "{class_weight:?}: {furthest}");
    }
}

#[test]
fn balanced_classes_are_weights_and_raise_the_rarer_one() {
    let (x, labels) = rows(1200, 3, 7);
    let labels: Vec<u32> = (0..1200).map(|i| u32::from(labels[i] && i % 4 == 0)).collect();
    let attacks = labels.iter().filter(|&&label| label == 1).count();
    let factor = |count: usize| (1200.0 / (2 * count) as f64) as f32;
    let weights: Vec<f32> =
        labels.iter().map(|&label| factor(if label == 1 { attacks } else { 1200 - attacks })).collect();
    let balanced = BoostedTreesConfig { class_weight: ClassWeight::Balanced, ..quick() };
    let balanced = balanced.fit_rows(x.view(), &labels, &names(2), None).unwrap();
    let weighted = quick().fit_rows(x.view(), &labels, &names(2), Some(&weights)).unwrap();
    assert_eq!(nodes(&balanced), nodes(&weighted));
    let plain = quick().fit_rows(x.view(), &labels, &names(2), None).unwrap();
    let mean = |model: &TreeEnsemble| model.probabilities(x.view()).unwrap().column(1).mean().unwrap();
    assert!(mean(&balanced) > mean(&plain) + 0.1);
}

#[test]
fn the_order_of_columns_is_nothing_but_names() {
    let (x, labels) = rows(2000, 10, 8);
    let order = [9, 3, 0, 7, 1, 5, 2, 8, 6, 4];
    let turned = x.select(Axis(1), &order);
    let scores = quick().fit(x.view(), FitContext::labelled(&labels)).unwrap().model.score(x.view()).unwrap();
    let others = quick()
        .fit(turned.view(), FitContext::labelled(&labels))
        .unwrap()
        .model
        .score(turned.view())
        .unwrap();
    assert_eq!(scores, others);
}

#[test]
fn early_stopping_keeps_the_best_round() {
    let (x, labels) = rows(800, 3, 9);
    let stop = Some(EarlyStopping { share: 0.3, patience: 5 });
    let config = BoostedTreesConfig {
        trees: 300,
        learning_rate: 0.5,
        early_stopping: stop,
        subsample: 0.8,
        ..quick()
    };
    let classes: Vec<u32> = labels.iter().map(|&label| u32::from(label)).collect();
    let held: Vec<usize> = config.rows(&classes).validation.iter().map(|&row| row as usize).collect();
    let held_x = x.select(Axis(0), &held);
    let held_labels: Vec<bool> = held.iter().map(|&row| labels[row]).collect();
    let fit = |trees: usize, patience: usize| {
        let stop = Some(EarlyStopping { share: 0.3, patience });
        BoostedTreesConfig { trees, early_stopping: stop, ..config.clone() }
            .fit(x.view(), FitContext::labelled(&labels))
            .unwrap()
            .model
    };
    let stopped = fit(300, 5);
    let rounds = nodes(&stopped).len();
    assert!((2..100).contains(&rounds), "{rounds}");
    // So many rounds are all kept, and the next five are not.
    assert_eq!(nodes(&fit(rounds, 1000)), nodes(&stopped));
    assert_eq!(nodes(&fit(rounds + 5, 1000)), nodes(&stopped));
    let losses: Vec<f64> =
        (1..=rounds).map(|trees| log_loss(&fit(trees, 1000), held_x.view(), &held_labels)).collect();
    assert!(losses.iter().all(|&loss| loss >= losses[rounds - 1]), "{losses:?}");
}

#[test]
fn held_out_rows_do_not_change_the_trees() {
    let (mut x, labels) = rows(500, 3, 10);
    let stop = Some(EarlyStopping { share: 0.2, patience: 100 });
    let config = BoostedTreesConfig { early_stopping: stop, trees: 3, ..quick() };
    let before = nodes(&config.fit(x.view(), FitContext::labelled(&labels)).unwrap().model);
    let classes: Vec<u32> = labels.iter().map(|&label| u32::from(label)).collect();
    for row in config.rows(&classes).validation {
        // Still in order, so that the same round is the best.
        x.row_mut(row as usize).mapv_inplace(|v| v + 1e-4);
    }
    assert_eq!(nodes(&config.fit(x.view(), FitContext::labelled(&labels)).unwrap().model), before);
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let (x, labels) = rows(80_000, 9, 11);
    let config = BoostedTreesConfig {
        trees: 3,
        subsample: 0.95,
        feature_fraction: 0.7,
        seed: 5,
        ..Default::default()
    };
    let classes: Vec<u32> =
        x.outer_iter().map(|row| u32::from(row[0] > 0.0) + u32::from(row[1] > 1.0)).collect();
    let fit = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let two = config.fit(x.view(), FitContext::labelled(&labels)).unwrap().model;
            let three = config.fit_rows(x.view(), &classes, &names(3), None).unwrap();
            [nodes(&two), nodes(&three)]
        })
    };
    assert_eq!(fit(1), fit(3));
}

#[test]
fn the_seed_decides_which_rows_and_features_are_drawn() {
    let (x, labels) = rows(1000, 6, 12);
    let fit = |seed: u64, subsample: f64, feature_fraction: f64| {
        nodes(
            &BoostedTreesConfig { subsample, feature_fraction, seed, ..quick() }
                .fit(x.view(), FitContext::labelled(&labels))
                .unwrap()
                .model,
        )
    };
    assert_eq!(fit(1, 0.5, 0.5), fit(1, 0.5, 0.5));
    assert_ne!(fit(1, 0.5, 1.0), fit(2, 0.5, 1.0));
    assert_ne!(fit(1, 1.0, 0.5), fit(2, 1.0, 0.5));
    assert_eq!(fit(1, 1.0, 1.0), fit(2, 1.0, 1.0));
    for tree in fit(3, 0.3, 0.5) {
        assert_eq!(tree[0].cover(), 300.0);
        let mut features: Vec<u32> = tree
            .iter()
            .filter_map(|node| if let Node::Split { feature, .. } = node { Some(*feature) } else { None })
            .collect();
        features.sort_unstable();
        features.dedup();
        assert!(features.len() <= 3);
    }
}

#[test]
fn categories_are_parted_by_sets() {
    let codes = 30_usize;
    let attack = |code: usize| code % 3 == 1;
    let x = Array2::from_shape_fn((6000, 2), |(i, j)| {
        let code = (i * 17) % codes;
        if j == 1 {
            (i % 5) as f32
        } else if code == 29 {
            f32::NAN
        } else {
            (2 * code) as f32
        }
    });
    let labels: Vec<bool> = (0..6000).map(|i| attack((i * 17) % codes)).collect();
    let config = BoostedTreesConfig { categorical: vec![0], leaves: 3, ..quick() };
    let model = config.fit(x.view(), FitContext::labelled(&labels)).unwrap().model;
    let plain = BoostedTreesConfig { leaves: 3, ..quick() }
        .fit(x.view(), FitContext::labelled(&labels))
        .unwrap()
        .model;
    let [by_set, by_order] = [&model, &plain].map(|model| log_loss(model, x.view(), &labels));
    assert!(by_set < 0.15 && by_set < 0.3 * by_order, "{by_set} {by_order}");
    let Node::Split { test: Test::OneOf(0), .. } = nodes(&model)[0][0] else { panic!("not a set") };
    // Codes that training did not see are in no set.
    let score = |code: f32| model.score(ndarray::array![[code, 0.0]].view()).unwrap()[0];
    assert_eq!(score(1.0), score(60_000.0));
    // Two codes: either alone.
    let x = Array2::from_shape_fn((200, 1), |(i, _)| (i % 2) as f32);
    let labels: Vec<bool> = (0..200).map(|i| i % 2 == 0).collect();
    let model = config.fit(x.view(), FitContext::labelled(&labels)).unwrap().model;
    assert!(log_loss(&model, x.view(), &labels) < 0.2);
}

#[test]
fn column_major_input_gives_the_same_model() {
    let (x, labels) = rows(300, 3, 13);
    let columns = concatenate![Axis(1), x.slice(s![.., ..1]), x.slice(s![.., 1..])].reversed_axes();
    let columns = columns.as_standard_layout().to_owned();
    let model = quick().fit(columns.t(), FitContext::labelled(&labels)).unwrap().model;
    assert_eq!(nodes(&model), nodes(&quick().fit(x.view(), FitContext::labelled(&labels)).unwrap().model));
}

#[test]
fn settings_out_of_their_domain_are_named() {
    let (x, labels) = rows(100, 3, 14);
    let x = x.slice(s![.., ..2]);
    let base = BoostedTreesConfig::default;
    let stop = |share: f64, patience: usize| Some(EarlyStopping { share, patience });
    for (config, name) in [
        (BoostedTreesConfig { trees: 0, ..base() }, "trees"),
        (BoostedTreesConfig { leaves: 1, ..base() }, "leaves"),
        (BoostedTreesConfig { max_depth: Some(513), ..base() }, "max_depth"),
        (BoostedTreesConfig { learning_rate: 0.0, ..base() }, "learning_rate"),
        (BoostedTreesConfig { min_rows_per_leaf: 0, ..base() }, "min_rows_per_leaf"),
        (BoostedTreesConfig { min_hessian: f64::INFINITY, ..base() }, "min_hessian"),
        (BoostedTreesConfig { l2: -1.0, ..base() }, "l2"),
        (BoostedTreesConfig { min_gain: f64::NAN, ..base() }, "min_gain"),
        (BoostedTreesConfig { bins: 256, ..base() }, "bins"),
        (BoostedTreesConfig { subsample: 1.5, ..base() }, "subsample"),
        (BoostedTreesConfig { feature_fraction: f64::NAN, ..base() }, "feature_fraction"),
        (BoostedTreesConfig { categorical: vec![0, 2], ..base() }, "categorical[1]"),
        (BoostedTreesConfig { categorical: vec![1, 1], ..base() }, "categorical[1]"),
        (BoostedTreesConfig { monotone: vec![0, 2], ..base() }, "monotone[1]"),
        (BoostedTreesConfig { monotone: vec![1, 0], categorical: vec![0], ..base() }, "monotone[0]"),
        (BoostedTreesConfig { early_stopping: stop(1.0, 1), ..base() }, "early_stopping.share"),
        (BoostedTreesConfig { early_stopping: stop(0.1, 0), ..base() }, "early_stopping.patience"),
    ] {
        let error = config.fit(x, FitContext::labelled(&labels)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.to_string().starts_with(&format!("`{name}` must be ")), "{error}");
    }
    let short = BoostedTreesConfig { monotone: vec![1], ..base() };
    let error = short.fit(x, FitContext::labelled(&labels)).unwrap_err();
    assert_eq!(error.to_string(), "monotone constraints: expected 2, got 1");
    let config: BoostedTreesConfig =
        serde_json::from_str(r#"{"trees": 7, "class_weight": "balanced"}"#).unwrap();
    assert_eq!(config, BoostedTreesConfig { trees: 7, class_weight: ClassWeight::Balanced, ..base() });
    assert!(serde_json::from_str::<BoostedTreesConfig>(r#"{"tree": 7}"#).is_err());
}

#[test]
fn bad_rows_are_named() {
    let (x, labels) = rows(50, 3, 15);
    let x = x.slice(s![.., ..2]).to_owned();
    let message = |error: Error| error.to_string();
    let fit = |x: &Array2<f32>, labels: Option<&[bool]>| {
        let context = labels.map_or_else(FitContext::default, FitContext::labelled);
        message(quick().fit(x.view(), context).unwrap_err())
    };
    assert_eq!(fit(&x, None), "labels: needs at least 50, got 0");
    assert_eq!(fit(&x, Some(&labels[1..])), "labels: expected 50, got 49");
    let one_class = "training rows of class `attack` that count: needs at least 1, got 0";
    assert_eq!(fit(&x, Some(&[false; 50])), one_class);
    assert_eq!(fit(&Array2::zeros((50, 0)), Some(&labels)), "feature columns: needs at least 1, got 0");
    let mut infinite = x.clone();
    infinite[[3, 1]] = f32::NEG_INFINITY;
    assert_eq!(fit(&infinite, Some(&labels)), "row 3, column `1`: -inf is not finite");

    let classes: Vec<u32> = (0..50).map(|i| i % 3).collect();
    let fit = |labels: &[u32], classes: usize, weights: Option<&[f32]>| {
        message(quick().fit_rows(x.view(), labels, &names(classes), weights).unwrap_err())
    };
    assert_eq!(fit(&classes, 2, None), "`labels[2]` must be below 2, got 2");
    assert_eq!(fit(&[0; 50], 1, None), "`classes` must be two or more names, got 1");
    let mut weights = vec![1.0; 50];
    assert_eq!(fit(&classes, 3, Some(&weights[1..])), "weights: expected 50, got 49");
    for bad in [-1.0, f32::NAN, f32::INFINITY] {
        weights[7] = bad;
        let wanted = format!("`weights[7]` must be finite and at least 0, got {bad}");
        assert_eq!(fit(&classes, 3, Some(&weights)), wanted);
    }
    let weightless: Vec<f32> = classes.iter().map(|&class| if class == 1 { 0.0 } else { 1.0 }).collect();
    let wanted = "training rows of class `class 1` that count: needs at least 1, got 0";
    assert_eq!(fit(&classes, 3, Some(&weightless)), wanted);

    let codes = BoostedTreesConfig { categorical: vec![1], ..quick() };
    for bad in [-1.0, 0.5, 65_536.0] {
        let mut x = Array2::zeros((50, 2));
        x[[9, 1]] = bad;
        let error = message(codes.fit(x.view(), FitContext::labelled(&labels)).unwrap_err());
        assert!(error.starts_with("`x[9, 1]` must be a whole number in 0..65536 or NaN"), "{error}");
    }
    let stop = Some(EarlyStopping { share: 0.01, patience: 5 });
    let error = BoostedTreesConfig { early_stopping: stop, ..quick() }
        .fit(x.view(), FitContext::labelled(&labels))
        .unwrap_err();
    assert_eq!(message(error), "held-out rows that count, to stop by: needs at least 1, got 0");
}
