//! Metrics against scikit-learn's, and properties of metrics, splits and reports.
#![allow(clippy::unwrap_used, reason = "tests panic when something is wrong")]
#![allow(clippy::float_cmp, reason = "these values are exact")]

use proptest::prelude::*;
use qosguard::Error;
use qosguard::evaluate::{
    Confusion, EvaluateOptions, Report, Split, average_precision, evaluate, expected_calibration_error,
    roc_auc, tpr_at_fpr,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Suite {
    bins: usize,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    scores: Vec<f32>,
    labels: Vec<bool>,
    threshold: f32,
    roc_auc: f64,
    average_precision: f64,
    precision: f64,
    recall: f64,
    f1: f64,
    tpr_at_fpr: Vec<(f64, f64)>,
    probabilities: Vec<f64>,
    calibration_error: f64,
}

/// `tests/oracle/metrics.py` wrote the numbers with scikit-learn.
#[test]
fn metrics_are_those_of_scikit_learn() {
    let suite: Suite = serde_json::from_str(include_str!("oracle/metrics.json")).unwrap();
    assert!(suite.cases.len() >= 5);
    for case in suite.cases {
        let Case { name, scores, labels, .. } = &case;
        let close = |what: &str, got: f64, want: f64| {
            assert!((got - want).abs() < 1e-12, "{name}, {what}: {got}, scikit-learn {want}");
        };
        close("AUC", roc_auc(scores, labels).unwrap(), case.roc_auc);
        close("AP", average_precision(scores, labels).unwrap(), case.average_precision);
        for &(cap, tpr) in &case.tpr_at_fpr {
            close("TPR", tpr_at_fpr(scores, labels, cap).unwrap(), tpr);
        }
        let flagged: Vec<bool> = scores.iter().map(|&s| s > case.threshold).collect();
        let confusion = Confusion::new(&flagged, labels).unwrap();
        close("precision", confusion.precision(), case.precision);
        close("recall", confusion.recall(), case.recall);
        close("F1", confusion.f1(), case.f1);
        let error = expected_calibration_error(&case.probabilities, labels, suite.bins).unwrap();
        close("calibration error", error, case.calibration_error);

        let options = EvaluateOptions { resamples: 100, ..EvaluateOptions::default() };
        let report = evaluate(scores, labels, None, case.threshold, None, &options).unwrap();
        close("AUC of the report", report.auc.value, case.roc_auc);
        close("AP of the report", report.average_precision.value, case.average_precision);
        close("F1 of the report", report.f1.value, case.f1);
        close("recall of the report", report.recall.value, case.recall);
        for estimate in [report.auc, report.average_precision, report.f1, report.tpr_at_1_percent_fpr] {
            assert!(
                estimate.low <= estimate.high && estimate.low >= 0.0 && estimate.high <= 1.0,
                "{estimate:?}"
            );
        }
        for estimate in [report.auc, report.recall, report.realised_fpr] {
            assert!((estimate.low..=estimate.high).contains(&estimate.value), "{name}: {estimate:?}");
        }
    }
}

/// Scores with ties and labels of both kinds.
fn scored() -> impl Strategy<Value = (Vec<f32>, Vec<bool>)> {
    prop::collection::vec((-20_i8..20, any::<bool>()), 2..120)
        .prop_filter("both labels", |rows| rows.iter().any(|r| r.1) && rows.iter().any(|r| !r.1))
        .prop_map(|rows| rows.into_iter().map(|(s, l)| (f32::from(s) / 4.0, l)).unzip())
}

/// Attacks above clean rows, ties counted half, over all pairs.
fn auc_of_pairs(scores: &[f32], labels: &[bool]) -> f64 {
    let rows = || scores.iter().zip(labels);
    let (mut won, mut pairs) = (0.0, 0.0);
    for (attack, _) in rows().filter(|r| *r.1) {
        for (clean, _) in rows().filter(|r| !*r.1) {
            won += if attack > clean {
                1.0
            } else if attack == clean {
                0.5
            } else {
                0.0
            };
            pairs += 1.0;
        }
    }
    won / pairs
}

proptest! {
    #[test]
    fn auc_counts_pairs_and_knows_only_the_order((scores, labels) in scored()) {
        let auc = roc_auc(&scores, &labels).unwrap();
        prop_assert!((auc - auc_of_pairs(&scores, &labels)).abs() < 1e-12);
        let mapped: Vec<f32> = scores.iter().map(|s| s.powi(3) * 1e20 + 7.0 * s).collect();
        prop_assert_eq!(roc_auc(&mapped, &labels).unwrap(), auc);
        let negated: Vec<f32> = scores.iter().map(|s| -s).collect();
        prop_assert!((roc_auc(&negated, &labels).unwrap() - (1.0 - auc)).abs() < 1e-12);
    }

    #[test]
    fn tpr_at_fpr_is_the_best_that_keeps_the_cap((scores, labels) in scored(), cap in 0.0_f64..=1.0) {
        let best = tpr_at_fpr(&scores, &labels, cap).unwrap();
        let mut reached = 0.0_f64;
        for threshold in scores.iter().chain(&[f32::NEG_INFINITY]) {
            let flagged: Vec<bool> = scores.iter().map(|s| s > threshold).collect();
            let confusion = Confusion::new(&flagged, &labels).unwrap();
            if confusion.false_positive_rate() <= cap {
                reached = reached.max(confusion.recall());
            }
        }
        prop_assert_eq!(best, reached);
    }

    #[test]
    fn stratified_parts_are_disjoint_complete_and_alike(
        labels in prop::collection::vec(any::<bool>(), 20..300), share in 0.1_f64..0.9, seed: u64,
    ) {
        let split = Split::stratified(&labels, share, seed).unwrap();
        let mut all = [split.train.clone(), split.test.clone()].concat();
        all.sort_unstable();
        prop_assert!(all.into_iter().eq(0..labels.len()));
        prop_assert!(split.train.is_sorted() && split.test.is_sorted());
        for label in [false, true] {
            let count = |rows: &[usize]| rows.iter().filter(|&&row| labels[row] == label).count() as f64;
            let whole = count(&split.train) + count(&split.test);
            prop_assert!((count(&split.test) - share * whole).abs() <= 0.5);
        }
        prop_assert_eq!(&split, &Split::stratified(&labels, share, seed).unwrap());
    }

    #[test]
    fn folds_test_every_row_once(labels in prop::collection::vec(any::<bool>(), 10..200), k in 2_usize..10) {
        let folds = Split::k_fold(&labels, k, 3).unwrap();
        let mut tested: Vec<usize> = folds.iter().flat_map(|f| f.test.clone()).collect();
        tested.sort_unstable();
        prop_assert!(tested.into_iter().eq(0..labels.len()));
        let attacks = labels.iter().filter(|&&l| l).count();
        for fold in &folds {
            prop_assert!(fold.train.iter().all(|row| !fold.test.contains(row)));
            prop_assert_eq!(fold.train.len() + fold.test.len(), labels.len());
            let in_fold = fold.test.iter().filter(|&&row| labels[row]).count();
            prop_assert!(in_fold == attacks / k || in_fold == attacks.div_ceil(k));
        }
    }
}

#[test]
fn another_seed_gives_another_split() {
    let labels: Vec<bool> = (0..200).map(|row| row % 3 == 0).collect();
    let split = |seed| Split::stratified(&labels, 0.3, seed).unwrap();
    assert_ne!(split(1), split(2));
}

#[test]
fn a_left_out_family_is_never_trained_on() {
    let families: Vec<String> =
        ["", "dos", "", "scan", "", "dos", "", "worm"].into_iter().map(str::to_owned).collect();
    let labels: Vec<bool> = families.iter().map(|family| !family.is_empty()).collect();
    let splits = Split::leave_one_family_out(&labels, &families, 0.5, 9).unwrap();
    let names: Vec<&str> = splits.iter().map(|s| s.0.as_str()).collect();
    assert_eq!(names, ["dos", "scan", "worm"]);
    let mut clean_parts = splits.iter().map(|(name, split)| {
        assert_eq!(split.train.len() + split.test.len(), families.len());
        assert!(split.train.iter().all(|&row| families[row] != *name));
        let (clean, attacks): (Vec<usize>, _) = split.test.iter().partition(|&&row| families[row].is_empty());
        assert!(attacks.iter().all(|&row: &usize| families[row] == *name), "{attacks:?}");
        clean
    });
    let first = clean_parts.next().unwrap();
    assert_eq!(first.len(), 2);
    assert!(clean_parts.all(|part| part == first));
}

#[test]
fn reports_say_the_same_for_the_same_seed_and_are_summed_up() {
    let labels: Vec<bool> = (0..400).map(|i| i % 4 == 0).collect();
    let scores: Vec<f32> =
        (0..400).map(|i| ((i * 37) % 100) as f32 + if i % 4 == 0 { 30.0 } else { 0.0 }).collect();
    let families: Vec<String> = (0..400)
        .map(|i| {
            if i % 4 != 0 {
                ""
            } else if i % 8 == 0 {
                "scan"
            } else {
                "flood"
            }
        })
        .map(str::to_owned)
        .collect();
    let run = |threshold: f32, seed: u64| {
        let options = EvaluateOptions { protocol: "toy".into(), resamples: 200, level: 0.9, seed };
        evaluate(&scores, &labels, Some(&families), threshold, Some(0.05), &options).unwrap()
    };
    let report = run(94.0, 1);
    assert_eq!(report, run(94.0, 1));
    assert_eq!((report.rows, report.attacks, report.families["scan"].rows), (400, 100, 50));
    let caught: f64 = report.families.values().map(|f| f.recall.value * f.rows as f64).sum();
    assert!((caught / 100.0 - report.recall.value).abs() < 1e-12);
    let macro_recall = report.macro_recall.unwrap();
    let mean = f64::midpoint(report.families["scan"].recall.value, report.families["flood"].recall.value);
    assert!((macro_recall.value - mean).abs() < 1e-12);
    assert!(macro_recall.low < mean && mean < macro_recall.high, "{macro_recall:?}");
    let text = report.to_string();
    for part in [
        "toy: 400 rows, 100 attacks, seed 1",
        "90 % interval",
        "asked FPR",
        "macro recall",
        "recall of flood",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);

    let other = run(60.0, 2);
    let spread = Report::spread(&[report.clone(), other.clone()]).unwrap();
    let (a, b) = (report.f1.value, other.f1.value);
    assert!((spread.f1.mean - f64::midpoint(a, b)).abs() < 1e-12);
    assert!((spread.f1.sd.unwrap() - (a - b).abs() / 2.0_f64.sqrt()).abs() < 1e-12);
    assert_eq!(
        (spread.auc.sd, spread.asked_fpr, spread.seeds.as_slice()),
        (Some(0.0), Some(0.05), &[1, 2][..])
    );
    let (a, b) = (macro_recall.value, other.macro_recall.unwrap().value);
    let spread_of_macro = spread.macro_recall.unwrap();
    assert!((spread_of_macro.mean - f64::midpoint(a, b)).abs() < 1e-12 && spread_of_macro.runs == 2);
    let text = spread.to_string();
    assert!(text.contains("2 runs, seeds [1, 2]") && text.contains("macro recall"), "{text}");
    assert_eq!(Report::spread(std::slice::from_ref(&report)).unwrap().f1.sd, None);
    assert!(matches!(Report::spread(&[]), Err(Error::InsufficientData { .. })));
    let mut foreign = other;
    foreign.protocol = "another".into();
    assert!(matches!(Report::spread(&[report, foreign]), Err(Error::InvalidArgument { .. })));
}

#[test]
fn macro_recall_counts_a_rare_family_as_much_as_a_flood() {
    // All of 96 floods are caught, 1 of 4 scans is; a clean row never counts, whatever its family is.
    let rows = |flood: bool| if flood { (5.0, "flood") } else { (0.0, "scan") };
    let (mut scores, mut families): (Vec<f32>, Vec<String>) =
        (0..100).map(|i| rows(i < 96)).map(|(score, name)| (score, name.to_owned())).unzip();
    scores[96] = 5.0;
    scores.extend([0.0; 50]);
    families.extend(std::iter::repeat_n("clean".to_owned(), 50));
    let labels: Vec<bool> = (0..150).map(|i| i < 100).collect();
    let options = EvaluateOptions { resamples: 200, ..EvaluateOptions::default() };
    let run = |families| evaluate(&scores, &labels, families, 1.0, None, &options).unwrap();
    let report = run(Some(&families[..]));
    let macro_recall = report.macro_recall.unwrap();
    assert_eq!((report.recall.value, macro_recall.value), (0.97, 0.625));
    assert!(
        macro_recall.low < 0.55 && macro_recall.high > 0.75 && macro_recall.high <= 1.0,
        "{macro_recall:?}"
    );
    let without = run(None);
    assert_eq!((without.macro_recall, without.f1), (None, report.f1));
    let mut named = report;
    named.families.clear();
    named.macro_recall = None;
    assert_eq!(named, without, "families change nothing else");
    assert!(!without.to_string().contains("macro"), "{without}");
    assert_eq!(Report::spread(std::slice::from_ref(&without)).unwrap().macro_recall, None);
}

#[test]
fn a_threshold_or_an_asked_rate_that_is_no_such_thing_is_refused() {
    let run = |threshold, asked| {
        evaluate(&[1.0, 2.0], &[false, true], None, threshold, asked, &EvaluateOptions::default())
    };
    assert!(run(1.5, None).is_ok() && run(1.5, Some(0.0)).is_ok());
    for threshold in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let error = run(threshold, None).unwrap_err().to_string();
        assert!(error.starts_with("`threshold` must be finite"), "{error}");
    }
    for asked in [f64::NAN, f64::INFINITY, -0.01, 1.01] {
        let error = run(1.5, Some(asked)).unwrap_err().to_string();
        assert!(error.starts_with("`asked_fpr` must be at least 0 and at most 1"), "{error}");
    }
}

#[test]
fn intervals_cover_the_true_auc() {
    // Uniform scores on [0, 1] and, for attacks, on [0.5, 1.5]: AUC 7/8.
    let level = 0.9;
    let covered = (0..40)
        .filter(|&seed| {
            let uniform = |i: u64| {
                let mixed = (seed * 1_000 + i).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                (((mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 40) as f32)
                    / (1 << 24) as f32
            };
            let labels: Vec<bool> = (0..300).map(|i| i % 3 == 0).collect();
            let scores: Vec<f32> =
                (0..300).map(|i| uniform(i) + if i % 3 == 0 { 0.5 } else { 0.0 }).collect();
            let options = EvaluateOptions { resamples: 300, level, seed, ..EvaluateOptions::default() };
            let auc = evaluate(&scores, &labels, None, 0.9, None, &options).unwrap().auc;
            (auc.low..=auc.high).contains(&0.875)
        })
        .count();
    assert!((31..=40).contains(&covered), "{covered} of 40 intervals at {level}");
}

#[test]
fn bad_input_is_refused_by_kind() {
    let options = EvaluateOptions::default();
    let labels = [true, false];
    let family = ["dos".to_owned()];
    for (error, kind) in [
        (roc_auc(&[1.0], &labels).unwrap_err(), "shape_mismatch"),
        (roc_auc(&[1.0, f32::NAN], &labels).unwrap_err(), "not_finite"),
        (roc_auc(&[1.0, 2.0], &[true, true]).unwrap_err(), "insufficient_data"),
        (average_precision(&[], &[]).unwrap_err(), "insufficient_data"),
        (tpr_at_fpr(&[1.0, 2.0], &labels, -0.1).unwrap_err(), "invalid_argument"),
        (tpr_at_fpr(&[1.0, 2.0], &labels, f64::NAN).unwrap_err(), "invalid_argument"),
        (Confusion::new(&labels, &[true]).unwrap_err(), "shape_mismatch"),
        (expected_calibration_error(&[0.5, 1.5], &labels, 10).unwrap_err(), "invalid_argument"),
        (expected_calibration_error(&[0.5, 0.5], &labels, 0).unwrap_err(), "invalid_argument"),
        (expected_calibration_error(&[0.5, 0.5], &labels, usize::MAX).unwrap_err(), "invalid_argument"),
        (expected_calibration_error(&[], &[], 5).unwrap_err(), "insufficient_data"),
        (Split::stratified(&labels, 1.0, 0).unwrap_err(), "invalid_argument"),
        (Split::stratified(&[], 0.5, 0).unwrap_err(), "insufficient_data"),
        (Split::k_fold(&labels, 1, 0).unwrap_err(), "invalid_argument"),
        (Split::k_fold(&labels, 3, 0).unwrap_err(), "insufficient_data"),
        (Split::leave_one_family_out(&[false], &family, 0.5, 0).unwrap_err(), "insufficient_data"),
        (Split::leave_one_family_out(&[true], &family, 0.5, 0).unwrap_err(), "insufficient_data"),
        (Split::leave_one_family_out(&labels, &family, 0.5, 0).unwrap_err(), "shape_mismatch"),
        (evaluate(&[1.0, 2.0], &labels, None, f32::NAN, None, &options).unwrap_err(), "invalid_argument"),
        (evaluate(&[1.0, 2.0], &labels, Some(&[]), 1.0, None, &options).unwrap_err(), "shape_mismatch"),
    ] {
        assert_eq!(error.kind().as_str(), kind, "{error}");
    }
    // Infinite scores have a rank.
    assert_eq!(roc_auc(&[f32::INFINITY, f32::NEG_INFINITY], &labels).unwrap(), 1.0);
}
