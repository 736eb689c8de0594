//! Probabilities against scikit-learn's, and what they are worth on rows that were not fitted on.
#![allow(clippy::unwrap_used, reason = "tests panic when something is wrong")]

use qosguard::Error;
use qosguard::calibrate::{Probability, ProbabilityRule, Temperature};
use qosguard::evaluate::{CalibrationError, EvaluateOptions, calibration_error};
use qosguard::ndarray::{Array2, s};
use serde::Deserialize;

const RULES: [ProbabilityRule; 3] =
    [ProbabilityRule::Platt, ProbabilityRule::Isotonic, ProbabilityRule::Temperature];

#[derive(Deserialize)]
struct Suite {
    bins: usize,
    cases: Vec<Case>,
    many_classes: ManyClasses,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    scores: Vec<f32>,
    labels: Vec<bool>,
    probes: Vec<f32>,
    platt: Vec<f64>,
    isotonic: Vec<f64>,
    temperature: Vec<f64>,
    probabilities: Vec<f64>,
    brier: f64,
    observed: Vec<f64>,
    predicted: Vec<f64>,
}

#[derive(Deserialize)]
struct ManyClasses {
    width: usize,
    logits: Vec<f32>,
    classes: Vec<usize>,
    probabilities: Vec<f64>,
}

fn suite() -> Suite {
    serde_json::from_str(include_str!("oracle/probability.json")).unwrap()
}

fn probabilities(map: &Probability, scores: &[f32]) -> Vec<f64> {
    let mut out = vec![0.0; scores.len()];
    map.probabilities_into(scores, &mut out).unwrap();
    out
}

/// `tests/oracle/probability.py` wrote the numbers with scikit-learn.
#[test]
fn maps_equal_scikit_learns() {
    let suite = suite();
    assert_eq!(suite.cases.len(), 4);
    for Case { name, scores, labels, probes, platt, isotonic, temperature, .. } in &suite.cases {
        // scikit-learn's search for the temperature ends at the square root of the precision.
        for (rule, wanted, tolerance) in RULES
            .into_iter()
            .zip([platt, isotonic, temperature])
            .zip([1e-9, 1e-12, 1e-7])
            .map(|((r, w), t)| (r, w, t))
        {
            let map = rule.fit(scores, labels, None).unwrap();
            for ((got, want), probe) in probabilities(&map, probes).iter().zip(wanted).zip(probes) {
                assert!((got - want).abs() < tolerance, "{name}, {rule:?}, {probe}: {got}, not {want}");
            }
        }
    }
    let ManyClasses { width, logits, classes, probabilities } = suite.many_classes;
    let logits = Array2::from_shape_vec((classes.len(), width), logits).unwrap();
    let temperature = Temperature::fit(logits.view(), &classes).unwrap();
    let rows = probabilities.len() / width;
    let got = temperature.probabilities(logits.slice(s![..rows, ..])).unwrap();
    assert!(rows > 0 && got.iter().zip(&probabilities).all(|(a, b)| (a - b).abs() < 1e-7), "{got}");
}

#[test]
fn the_reliability_table_equals_scikit_learns() {
    let Suite { bins, cases, .. } = suite();
    let options = EvaluateOptions { resamples: 100, ..EvaluateOptions::default() };
    for Case { name, labels, probabilities, brier, observed, predicted, .. } in &cases {
        let error = calibration_error(probabilities, labels, bins, &options).unwrap();
        assert_eq!(error.bins.len(), observed.len(), "{name}");
        assert_eq!(error.bins.iter().map(|bin| bin.rows).sum::<usize>(), labels.len());
        let (mut expected, mut maximum) = (0.0, 0.0_f64);
        for (bin, (observed, predicted)) in error.bins.iter().zip(observed.iter().zip(predicted)) {
            assert!((bin.observed.value - observed).abs() < 1e-12, "{name}: {bin:?}, not {observed}");
            assert!((bin.predicted - predicted).abs() < 1e-12, "{name}: {bin:?}, not {predicted}");
            assert!(bin.observed.low <= bin.observed.value && bin.observed.value <= bin.observed.high);
            let gap = (observed - predicted).abs();
            expected += gap * bin.rows as f64 / labels.len() as f64;
            maximum = maximum.max(gap);
        }
        assert!((error.brier.value - brier).abs() < 1e-12, "{name}: {}, not {brier}", error.brier.value);
        assert!((error.expected.value - expected).abs() < 1e-12, "{name}");
        assert!((error.maximum.value - maximum).abs() < 1e-12, "{name}");
    }
}

/// `SplitMix64`, for rows of a known law.
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn logistic(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// Scores between −5 and 5 whose log-odds of an attack are `slope · score + offset`.
fn draw(rng: &mut Random, rows: usize, slope: f64, offset: f64) -> (Vec<f32>, Vec<bool>) {
    (0..rows)
        .map(|_| {
            let score = (rng.uniform() * 10.0 - 5.0) as f32;
            (score, rng.uniform() < logistic(slope * f64::from(score) + offset))
        })
        .unzip()
}

fn measure(probabilities: &[f64], labels: &[bool]) -> CalibrationError {
    calibration_error(probabilities, labels, 15, &EvaluateOptions { resamples: 200, ..Default::default() })
        .unwrap()
}

#[test]
fn held_out_probabilities_are_calibrated() {
    for seed in 0..5 {
        let mut rng = Random(seed);
        for (rule, slope, offset) in
            [(RULES[0], 0.4, -0.8), (RULES[1], 0.4, -0.8), (RULES[1], 2.0, 0.5), (RULES[2], 0.4, 0.0)]
        {
            let (scores, labels) = draw(&mut rng, 20_000, slope, offset);
            let (fresh, truth) = draw(&mut rng, 20_000, slope, offset);
            let map = rule.fit(&scores, &labels, None).unwrap();
            let error = measure(&probabilities(&map, &fresh), &truth).expected;
            assert!(error.value <= 0.02 && error.low <= 0.01, "{rule:?}, seed {seed}: {error:?}");
            let raw: Vec<f64> = fresh.iter().map(|&s| logistic(f64::from(s))).collect();
            assert!(measure(&raw, &truth).expected.low > 0.03, "the scores themselves are not calibrated");
        }
    }
}

#[test]
fn the_prior_calibrates_what_was_balanced_for_a_deployment_with_few_attacks() {
    for seed in 0..5 {
        let mut rng = Random(seed);
        // One attack in eight or so; for the fit clean rows are dropped until half are attacks.
        let (fresh, truth) = draw(&mut rng, 40_000, 1.0, -4.0);
        let share = truth.iter().filter(|&&l| l).count() as f64 / 40_000.0;
        let keep = share / (1.0 - share);
        let (scores, labels) = draw(&mut rng, 40_000, 1.0, -4.0);
        let balanced: Vec<(f32, bool)> =
            scores.into_iter().zip(labels).filter(|row| row.1 || rng.uniform() < keep).collect();
        let (scores, labels): (Vec<f32>, Vec<bool>) = balanced.into_iter().unzip();
        for rule in &RULES[..2] {
            let error = |prior: Option<f64>| {
                let map = rule.fit(&scores, &labels, prior).unwrap();
                measure(&probabilities(&map, &fresh), &truth).expected.value
            };
            let (without, with) = (error(None), error(Some(share)));
            assert!(with <= 0.02 && without > 0.1, "{rule:?}, seed {seed}: {without} became {with}");
        }
    }
}

#[test]
fn intervals_cover_the_true_calibration_error() {
    // The model returns log-odds of s, and s − .6 is true; the true error is an integral over [−5, 5].
    let middle = |i: i32| f64::from(i) * 0.001 - 4.9995;
    let truth = (0..10_000).map(|i| logistic(middle(i)) - logistic(middle(i) - 0.6)).sum::<f64>() / 10_000.0;
    let covered = (0..60)
        .filter(|&seed| {
            let (scores, labels) = draw(&mut Random(1000 + seed), 3000, 1.0, -0.6);
            let said: Vec<f64> = scores.iter().map(|&s| logistic(f64::from(s))).collect();
            let options = EvaluateOptions { resamples: 200, level: 0.9, seed, ..Default::default() };
            let error = calibration_error(&said, &labels, 15, &options).unwrap();
            (error.expected.low..=error.expected.high).contains(&truth)
        })
        .count();
    assert!((44..=60).contains(&covered), "{covered} of 60 intervals at .9");
}

#[test]
fn equal_probabilities_stay_in_one_bin() {
    let said = [0.1, 0.9, 0.1, 0.1, 0.1, 0.9, 0.1, 0.5];
    let labels = [false, true, false, true, false, true, false, true];
    let error = measure(&said, &labels);
    let table: Vec<(usize, f64)> = error.bins.iter().map(|bin| (bin.rows, bin.observed.value)).collect();
    assert_eq!(table, [(5, 0.2), (1, 1.0), (2, 1.0)]);
    // (5 · .1 + .5 + 2 · .1) / 8
    assert!((error.expected.value - 0.15).abs() < 1e-12);
    assert!((error.maximum.value - 0.5).abs() < 1e-12 && (error.bins[1].gap() - 0.5).abs() < 1e-12);
    let text = error.to_string();
    for part in
        ["8 rows, 4 attacks, 3 bins of equal mass", "expected calibration error    0.1500", "Brier score"]
    {
        assert!(text.contains(part), "{text}");
    }
    let json = serde_json::to_string(&error).unwrap();
    assert_eq!(serde_json::from_str::<CalibrationError>(&json).unwrap(), error);
    assert_eq!(measure(&[0.3], &[true]).bins.len(), 1);
    assert_eq!(measure(&said, &labels), error);
}

#[test]
fn bad_input_is_rejected_by_kind() {
    let options = EvaluateOptions::default();
    let refused =
        |said: &[f64], labels: &[bool], bins| calibration_error(said, labels, bins, &options).unwrap_err();
    assert!(matches!(refused(&[0.5], &[true, false], 5), Error::ShapeMismatch { .. }));
    assert!(matches!(refused(&[], &[], 5), Error::InsufficientData { .. }));
    for bins in [0, 1001, usize::MAX] {
        assert!(
            matches!(refused(&[0.5], &[true], bins), Error::InvalidArgument { path, .. } if path == "bins")
        );
    }
    for p in [-0.1, 1.1, f64::NAN] {
        let error = refused(&[0.5, p], &[true, false], 5).to_string();
        assert!(error.starts_with("`probabilities[1]` must be in [0, 1]"), "{error}");
    }
    let few = EvaluateOptions { resamples: 1, ..EvaluateOptions::default() };
    assert!(matches!(calibration_error(&[0.5], &[true], 5, &few), Err(Error::InvalidArgument { .. })));
}
