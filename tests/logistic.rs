//! Logistic regression as its users see it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod classes;

use proptest::prelude::*;
use qosguard::detect::{
    ClassWeight, Classifier, Detector, Fit, FitContext, LogisticRegression, LogisticRegressionConfig,
    LogisticRegressionParts,
};
use qosguard::ndarray::{Array2, Axis, array, s};
use qosguard::{ErrorKind, Result};

use classes::FitClasses as _;

/// What `tests/oracle/logistic.py` has written.
#[derive(serde::Deserialize)]
struct Case {
    name: String,
    columns: usize,
    classes: u32,
    l2: f64,
    balanced: bool,
    weighted: bool,
    coefficients: Vec<Vec<f64>>,
    intercepts: Vec<f64>,
}

const ROWS: usize = 600;

/// The oracle's `draws`.
fn draws(count: usize) -> Vec<f64> {
    let mut state = 2024_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 16
    };
    (0..count).map(|_| (f64::from((0..4).map(|_| next()).sum::<u32>()) - 131_070.0) / 32_768.0).collect()
}

/// The oracle's `rows`: features, two classes, three classes, weights.
fn rows() -> (Array2<f32>, Vec<u32>, Vec<u32>, Vec<f32>) {
    let z = Array2::from_shape_vec((ROWS, 7), draws(ROWS * 7)).unwrap();
    let magnitudes = [1.0, 1.0, 1.0, 1e-3, 1.0, 1e4];
    let offsets = [0.0, 0.0, 5.0, 1e-2, 0.0, 3e4];
    let x = Array2::from_shape_fn((ROWS, 6), |(i, j)| {
        if j == 4 { 7.0 } else { (z[[i, j]] * magnitudes[j] + offsets[j]) as f32 }
    });
    let (mut binary, mut three) = (Vec::new(), Vec::new());
    for z in z.rows() {
        let margin = 1.5 * z[0] - z[1] + 0.5 * z[3] - 0.8 * z[5] + z[6];
        binary.push(u32::from(margin > 0.9));
        three.push(if margin > 0.9 { 2 } else { u32::from(z[2] + z[6] > 0.3) });
    }
    (x, binary, three, (0..ROWS).map(|i| (i % 5) as f32 / 2.0).collect())
}

fn names(count: u32) -> Vec<String> {
    (0..count).map(|class| format!("class {class}")).collect()
}

fn bits(scores: &[f32]) -> Vec<u32> {
    scores.iter().map(|score| score.to_bits()).collect()
}

#[test]
fn coefficients_equal_scikit_learns() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("oracle/logistic.json")).unwrap();
    assert_eq!(cases.len(), 9);
    let (x, binary, three, weights) = rows();
    for case in cases {
        let class_weight = if case.balanced { ClassWeight::Balanced } else { ClassWeight::None };
        let config = LogisticRegressionConfig { l2: case.l2, class_weight, ..Default::default() };
        let labels = if case.classes == 2 { &binary } else { &three };
        let x = x.slice(s![.., ..case.columns]);
        let weights = case.weighted.then_some(weights.as_slice());
        let model = config.fit_classes(x, labels, &names(case.classes), weights).unwrap();
        assert!(model.converged() && model.iterations() < 60, "{}: {}", case.name, model.iterations());
        let ours = model.coefficients().into_iter().chain(model.intercepts().iter().copied());
        let theirs = case.coefficients.concat().into_iter().chain(case.intercepts);
        for (ours, theirs) in ours.zip(theirs) {
            assert!((ours - theirs).abs() <= 1e-5 * theirs.abs().max(1e-5), "{}: {ours} {theirs}", case.name);
        }
    }
}

fn model(classes: u32) -> (LogisticRegression, Array2<f32>) {
    let (x, binary, three, _) = rows();
    let labels = if classes == 2 { binary } else { three };
    let config = LogisticRegressionConfig { l2: 1e-3, ..Default::default() };
    (config.fit_classes(x.view(), &labels, &names(classes), None).unwrap(), x)
}

#[test]
fn scores_are_the_log_odds_of_the_first_class() {
    for classes in [2, 3] {
        let (model, x) = model(classes);
        assert_eq!(model.classes(), names(classes));
        let probabilities = model.probabilities(x.view()).unwrap();
        for (row, score) in probabilities.rows().into_iter().zip(model.score(x.view()).unwrap()) {
            assert!((row.sum() - 1.0).abs() < 1e-12);
            let odds = (row.slice(s![1..]).sum() / row[0]).ln();
            assert!((odds - f64::from(score)).abs() < 1e-5 * odds.abs().max(1.0), "{odds} {score}");
        }
    }
}

#[test]
fn attacks_by_flag_are_the_second_of_two_classes() {
    let (x, labels, _, _) = rows();
    let x = x.slice(s![.., ..3]);
    let config = LogisticRegressionConfig::default();
    let both = config
        .fit(x, FitContext::labelled(&labels.iter().map(|&label| label == 1).collect::<Vec<_>>()))
        .unwrap()
        .model;
    assert_eq!(both.classes(), ["clean", "attack"]);
    let named = config.fit_classes(x, &labels, &names(2), Some(&[1.0; ROWS])).unwrap();
    assert_eq!(both.coefficients(), named.coefficients());
    assert_eq!(both.intercepts(), named.intercepts());
}

#[test]
fn the_layout_of_the_matrix_and_the_number_of_threads_do_not_change_a_bit() {
    let (x, labels, _, _) = rows();
    let many = |x: &Array2<f32>| {
        let copies: Vec<_> = std::iter::repeat_n(x.view(), 20).collect();
        qosguard::ndarray::concatenate(Axis(0), &copies).unwrap()
    };
    let (x, labels) = (many(&x), labels.repeat(20));
    let fit = |x: &Array2<f32>| {
        LogisticRegressionConfig::default().fit_classes(x.view(), &labels, &names(2), None).unwrap()
    };
    let column_major = x.t().as_standard_layout().into_owned().reversed_axes();
    let expected = fit(&x);
    let scores = expected.score(x.view()).unwrap();
    for threads in [1, 4] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            for x in [&x, &column_major] {
                let model = fit(x);
                assert_eq!(model.to_parts(), expected.to_parts());
                assert_eq!(bits(&model.score(x.view()).unwrap()), bits(&scores));
            }
        });
    }
    for (row, score) in x.axis_chunks_iter(Axis(0), 1).zip(&scores).step_by(97) {
        assert_eq!(expected.score(row).unwrap()[0].to_bits(), score.to_bits());
    }
}

#[test]
fn a_model_that_has_not_converged_reports_it() {
    let (x, labels, _, _) = rows();
    let config = LogisticRegressionConfig { max_iterations: 2, ..Default::default() };
    let model = config.fit_classes(x.view(), &labels, &names(2), None).unwrap();
    assert!(!model.converged());
    assert_eq!(model.iterations(), 2);
}

#[test]
fn separable_and_extreme_rows_give_finite_numbers() {
    let x = array![[f32::MIN, 1.0], [f32::MAX, 1.0], [0.0, 1.0], [f32::MAX, 1.0]];
    let model = LogisticRegressionConfig { l2: 1e-9, ..Default::default() }
        .fit(x.view(), FitContext::labelled(&[false, true, false, true]))
        .unwrap()
        .model;
    assert!(model.score(x.view()).unwrap().iter().all(|score| score.is_finite()));
    let probabilities = model.probabilities(x.view()).unwrap();
    assert!(probabilities.iter().all(|p| (0.0..=1.0).contains(p)));
}

fn message<T: std::fmt::Debug>(result: Result<T>) -> (ErrorKind, String) {
    let error = result.unwrap_err();
    (error.kind(), error.to_string())
}

#[test]
fn bad_input_is_named() {
    let x = array![[1.0, 2.0], [3.0, 4.0_f32]];
    let config = LogisticRegressionConfig::default();
    let fit = |labels: &[u32], weights: Option<&[f32]>| {
        message(config.fit_classes(x.view(), labels, &names(2), weights))
    };
    for (got, kind, text) in [
        (
            message(config.fit(x.view(), FitContext::default())),
            ErrorKind::InsufficientData,
            "labels: needs at least 2, got 0",
        ),
        (
            message(config.fit(x.view(), FitContext::labelled(&[false, false]))),
            ErrorKind::InsufficientData,
            "training rows of class `attack`: needs at least 1, got 0",
        ),
        (fit(&[0], None), ErrorKind::ShapeMismatch, "labels: expected 2, got 1"),
        (fit(&[0, 2], None), ErrorKind::InvalidArgument, "`labels[1]` must be a class below 2, got 2"),
        (fit(&[0, 1], Some(&[1.0])), ErrorKind::ShapeMismatch, "weights: expected 2, got 1"),
        (
            fit(&[0, 1], Some(&[1.0, f32::NAN])),
            ErrorKind::InvalidArgument,
            "`weights[1]` must be at least 0 and finite, got NaN",
        ),
        (
            fit(&[0, 1], Some(&[0.0, 1.0])),
            ErrorKind::InsufficientData,
            "training rows of class `class 0`: needs at least 1, got 0",
        ),
        (
            message(config.fit_classes(x.view(), &[0, 1], &["a".into(), "a".into()], None)),
            ErrorKind::InvalidArgument,
            "`classes[1]` must be a unique name, got a",
        ),
        (
            message(config.fit_classes(x.view(), &[0, 0], &names(1), None)),
            ErrorKind::InsufficientData,
            "classes: needs at least 2, got 1",
        ),
        (
            message(config.fit(array![[1.0], [f32::NAN]].view(), FitContext::labelled(&[true, false]))),
            ErrorKind::NotFinite,
            "row 1, column `0`: NaN is not finite",
        ),
        (
            message(config.fit(Array2::zeros((2, 0)).view(), FitContext::labelled(&[true, false]))),
            ErrorKind::InsufficientData,
            "feature columns: needs at least 1, got 0",
        ),
    ] {
        assert_eq!(got, (kind, text.to_owned()));
    }
    for (config, name) in [
        (LogisticRegressionConfig { l2: 0.0, ..Default::default() }, "l2"),
        (LogisticRegressionConfig { l2: f64::NAN, ..Default::default() }, "l2"),
        (LogisticRegressionConfig { tolerance: -1.0, ..Default::default() }, "tolerance"),
        (LogisticRegressionConfig { max_iterations: 0, ..Default::default() }, "max_iterations"),
    ] {
        let (kind, text) = message(config.fit(x.view(), FitContext::labelled(&[true, false])));
        assert_eq!(kind, ErrorKind::InvalidArgument);
        assert!(text.starts_with(&format!("`{name}` must be ")), "{text}");
    }
    let (model, _) = model(2);
    let (kind, text) = message(model.score(x.view()));
    assert_eq!((kind, text.as_str()), (ErrorKind::ShapeMismatch, "feature columns: expected 6, got 2"));
    let mut x = Array2::zeros((3000, 6));
    x[[2999, 5]] = f32::INFINITY;
    for result in [message(model.score(x.view())), message(model.probabilities(x.view()))] {
        assert_eq!(result, (ErrorKind::NotFinite, "row 2999, column `5`: inf is not finite".into()));
    }
}

#[test]
fn parts_make_the_same_model_and_broken_parts_are_named() {
    for classes in [2, 3] {
        let (model, x) = model(classes);
        let text = serde_json::to_string(&model.to_parts()).unwrap();
        let parts: LogisticRegressionParts = serde_json::from_str(&text).unwrap();
        let again = LogisticRegression::from_parts(&parts).unwrap();
        assert_eq!(bits(&again.score(x.view()).unwrap()), bits(&model.score(x.view()).unwrap()));
        assert_eq!(again.to_parts(), model.to_parts());
    }
    let good = model(3).0.to_parts();
    let broken = |change: &dyn Fn(&mut LogisticRegressionParts)| {
        let mut parts = good.clone();
        change(&mut parts);
        message(LogisticRegression::from_parts(&parts)).1
    };
    for (got, start) in [
        (broken(&|p| p.n_features = 0), "`n_features` must be at least 1"),
        (broken(&|p| p.n_features = usize::MAX), "`coefficients` must be fewer entries"),
        (broken(&|p| p.coefficients.truncate(17)), "`coefficients` must be an array of 18, got 17"),
        (broken(&|p| p.coefficients[4] = f64::NAN), "`coefficients[4]` must be finite"),
        (broken(&|p| p.intercepts.truncate(1)), "`intercepts` must be an array of 3"),
        (broken(&|p| p.means.push(0.0)), "`means` must be an array of 6"),
        (broken(&|p| p.means[0] = f64::INFINITY), "`means[0]` must be finite"),
        (broken(&|p| p.classes.truncate(1)), "classes: needs at least 2"),
        (broken(&|p| p.classes[2] = "class 0".into()), "`classes[2]` must be a unique name"),
        (broken(&|p| p.iterations = 1001), "`iterations` must be at most 1000"),
        (broken(&|p| p.config.l2 = -1.0), "`l2` must be above 0"),
    ] {
        assert!(got.starts_with(start), "{got}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn labels_swapped_turn_the_sign(seed in 0_u32..1000, columns in 1_usize..5) {
        let x = Array2::from_shape_fn((40, columns), |(i, j)| {
            (((i * 37 + j * 101) as u32 + seed).wrapping_mul(2_654_435_761) >> 20) as f32
        });
        let labels: Vec<bool> = (0..40).map(|i| (i * 7 + seed) % 3 == 0).collect();
        let swapped: Vec<bool> = labels.iter().map(|label| !label).collect();
        let config = LogisticRegressionConfig::default();
        let one = config.fit(x.view(), FitContext::labelled(&labels)).unwrap().model;
        let other = config.fit(x.view(), FitContext::labelled(&swapped)).unwrap().model;
        for (a, b) in one.coefficients().iter().zip(other.coefficients()) {
            prop_assert!((a + b).abs() < 1e-6 * a.abs().max(1e-6));
        }
    }
}
