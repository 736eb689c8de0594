//! Half-space trees as their users see them.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use proptest::prelude::*;
use qosguard::detect::{
    Detector, Fit, FitContext, HalfSpaceTrees, HalfSpaceTreesConfig, HalfSpaceTreesParts, OnlineDetector,
};
use qosguard::ndarray::{Array2, ArrayView2, Axis, array, s};
use qosguard::{ErrorKind, Result};

/// Bell-shaped rows around `centre`, from a congruential generator.
fn bell(rows: usize, features: usize, centre: f32, mut state: u32) -> Array2<f32> {
    Array2::from_shape_simple_fn((rows, features), || {
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 16
        };
        centre + ((0..4).map(|_| next()).sum::<u32>() as f32 - 131_070.0) / 32_768.0
    })
}

fn bits(scores: &[f32]) -> Vec<u32> {
    scores.iter().map(|score| score.to_bits()).collect()
}

fn config(window: usize) -> HalfSpaceTreesConfig {
    HalfSpaceTreesConfig { window, ..Default::default() }
}

/// The score by the definition, from the parts alone: one row, node after node.
fn score_by_definition(parts: &HalfSpaceTreesParts, row: &[f32]) -> f64 {
    let (depth, window) = (parts.config.depth, parts.config.window as f64);
    let (inner, width) = ((1 << depth) - 1, 1 << depth);
    let mut sum = 0.0;
    for tree in 0..parts.config.trees {
        let (mut at, mut level) = (0, 0);
        loop {
            // The leaves below node `at` of `level`.
            let span = width >> level;
            let first = (at + 1 - (1 << level)) * span;
            let rows: u32 = parts.reference[tree * width..][first..first + span].iter().sum();
            if level == depth || level > 0 && f64::from(rows) <= 0.1 * window {
                sum += (f64::from(rows) + 0.5) * f64::from(1_u32 << level);
                break;
            }
            let cut = tree * inner + at;
            let right = row[parts.feature[cut] as usize] >= parts.threshold[cut];
            at = 2 * at + 1 + usize::from(right);
            level += 1;
        }
    }
    (parts.config.trees as f64 * window / sum).log2()
}

#[test]
fn scores_follow_the_definition() {
    for (trees, depth, window) in [(25, 8, 250), (1, 1, 2), (17, 5, 33), (40, 3, 10)] {
        let config = HalfSpaceTreesConfig { trees, depth, window, seed: 4 };
        let model = config.fit(bell(600, 5, 0.0, 1).view(), FitContext::default()).unwrap().model;
        let x = bell(133, 5, 0.5, 2);
        let parts = model.to_parts();
        for (row, score) in x.rows().into_iter().zip(model.score(x.view()).unwrap()) {
            let expected = score_by_definition(&parts, row.to_slice().unwrap()) as f32;
            assert!((score - expected).abs() < 1e-5, "{score} {expected}");
        }
    }
}

#[test]
fn outliers_and_rows_beyond_the_range_score_higher_at_any_scale() {
    for (scale, offset) in [(1.0, 0.0), (1e-6, 3.0), (1e9, -1e12)] {
        let clean = bell(2000, 4, 0.0, 1) * scale + offset;
        let model = config(250).fit(clean.view(), FitContext::default()).unwrap().model;
        let mut odd = bell(100, 4, 0.0, 9);
        odd.slice_mut(s![.., ..2]).mapv_inplace(|v| v + 8.0);
        let odd = odd * scale + offset;
        let clean_scores = model.score(clean.slice(s![1000.., ..])).unwrap();
        let odd_scores = model.score(odd.view()).unwrap();
        let wins = odd_scores.iter().flat_map(|odd| clean_scores.iter().map(move |clean| odd > clean));
        let auc = wins.filter(|&win| win).count() as f64 / (clean_scores.len() * odd_scores.len()) as f64;
        assert!(auc > 0.98, "{scale}: {auc}");
    }
}

#[test]
fn values_beyond_the_range_are_counted_once_the_range_is_known() {
    let mut model = config(4).stream(2).unwrap();
    model.learn_many(array![[0.0, 0.0], [1.0, 5.0], [0.5, 1.0], [0.5, 1.0]].view()).unwrap();
    assert_eq!(model.ranges().unwrap(), [(0.0, 1.0), (0.0, 5.0)]);
    assert_eq!(model.out_of_range(), [0, 0]);
    model.learn_many(array![[1.1, 5.0], [-9.0, 2.0], [f32::MAX, f32::MIN]].view()).unwrap();
    assert_eq!(model.out_of_range(), [3, 1]);
    assert_eq!(model.n_rows(), 7);
}

#[test]
fn the_trees_follow_a_stream_that_moves() {
    let mut model = config(250).stream(3).unwrap();
    model.learn_many(bell(1000, 3, 0.0, 1).view()).unwrap();
    let (there, here) = (bell(200, 3, 2.0, 5), bell(200, 3, 0.0, 6));
    let mean = |model: &HalfSpaceTrees, x: &Array2<f32>| -> f64 {
        model.score(x.view()).unwrap().iter().map(|&score| f64::from(score)).sum::<f64>() / 200.0
    };
    assert!(mean(&model, &there) > mean(&model, &here) + 1.0);
    model.learn_many(bell(500, 3, 2.0, 7).view()).unwrap();
    assert!(mean(&model, &there) + 1.0 < mean(&model, &here), "what is usual has changed");
}

#[test]
fn no_score_before_the_first_window_is_full() {
    let mut model = config(3).stream(1).unwrap();
    for got in 0..3 {
        assert!(!model.is_ready());
        assert_eq!(model.ranges(), None);
        let error = model.score(array![[1.0]].view()).unwrap_err();
        assert_eq!(error.to_string(), format!("learned rows: needs at least 3, got {got}"));
        model.learn(&[got as f32]).unwrap();
    }
    assert!(model.is_ready());
    assert!(model.score(array![[1.0]].view()).unwrap()[0].is_finite());
}

#[test]
fn scores_stay_in_their_interval_at_the_ends_of_numbers() {
    let x = array![[f32::MIN, 0.0], [f32::MAX, 0.0], [0.0, -0.0], [1.0, f32::MIN_POSITIVE]];
    let model = config(4).fit(x.view(), FitContext::default()).unwrap().model;
    let extremes = array![[f32::MAX, f32::MAX], [f32::MIN, f32::MIN], [0.0, 0.0]];
    for score in model.score(extremes.view()).unwrap() {
        assert!((-8.2..=2.0).contains(&score), "{score}");
    }
    let equal = config(50).fit(Array2::from_elem((50, 3), 7.0).view(), FitContext::default()).unwrap().model;
    let scores = equal.score(array![[7.0, 7.0, 7.0], [7.0, 7.0, 9.0]].view()).unwrap();
    assert!(scores[1] > scores[0], "a constant feature that moves is seen: {scores:?}");
}

#[test]
fn threads_layout_and_batches_do_not_change_a_bit() {
    let (train, x) = (bell(1000, 6, 0.0, 1), bell(9001, 6, 0.3, 2));
    let model = config(100).fit(train.view(), FitContext::default()).unwrap().model;
    let scores = model.score(x.view()).unwrap();
    let column_major = x.t().as_standard_layout().into_owned().reversed_axes();
    for threads in [1, 4] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let again = config(100).fit(train.view(), FitContext::default()).unwrap().model;
            assert_eq!(again.to_parts(), model.to_parts());
            assert_eq!(bits(&again.score(x.view()).unwrap()), bits(&scores));
            assert_eq!(bits(&again.score(column_major.view()).unwrap()), bits(&scores));
        });
    }
    for (row, score) in x.axis_chunks_iter(Axis(0), 1).zip(&scores).step_by(53) {
        assert_eq!(model.score(row).unwrap()[0].to_bits(), score.to_bits());
    }
}

fn message<T: std::fmt::Debug>(result: Result<T>) -> (ErrorKind, String) {
    let error = result.unwrap_err();
    (error.kind(), error.to_string())
}

#[test]
fn bad_rows_are_named_and_leave_the_state_as_it_was() {
    let mut model = config(10).stream(2).unwrap();
    model.learn_many(bell(25, 2, 0.0, 1).view()).unwrap();
    let before = model.to_parts();
    let bad = array![[1.0, 2.0], [3.0, f32::NAN]];
    let not_finite = (ErrorKind::NotFinite, "row 1, column `1`: NaN is not finite".to_owned());
    assert_eq!(message(model.learn_many(bad.view())), not_finite);
    assert_eq!(message(model.score(bad.view())), not_finite);
    let width = (ErrorKind::ShapeMismatch, "feature columns: expected 2, got 3".to_owned());
    assert_eq!(message(model.learn(&[1.0, 2.0, 3.0])), width);
    assert_eq!(message(model.score(ArrayView2::from(&[[1.0, 2.0, 3.0]]))), width);
    assert_eq!(model.to_parts(), before);
    let few = config(10).fit(Array2::zeros((1, 2)).view(), FitContext::default());
    assert_eq!(message(few).1, "training rows: needs at least 2, got 1");
    let none = config(10).fit(Array2::zeros((5, 0)).view(), FitContext::default());
    assert_eq!(message(none).1, "feature columns: needs at least 1, got 0");
    let base = HalfSpaceTreesConfig::default;
    for (config, name) in [
        (HalfSpaceTreesConfig { trees: 0, ..base() }, "trees"),
        (HalfSpaceTreesConfig { trees: 1001, ..base() }, "trees"),
        (HalfSpaceTreesConfig { depth: 0, ..base() }, "depth"),
        (HalfSpaceTreesConfig { depth: 17, ..base() }, "depth"),
        (HalfSpaceTreesConfig { depth: 16, trees: 100, ..base() }, "depth"),
        (HalfSpaceTreesConfig { window: 1, ..base() }, "window"),
        (HalfSpaceTreesConfig { window: (1 << 20) + 1, ..base() }, "window"),
    ] {
        let (kind, text) = message(config.stream(2));
        assert_eq!(kind, ErrorKind::InvalidArgument);
        assert!(text.starts_with(&format!("`{name}` must be ")), "{text}");
    }
}

#[test]
fn broken_parts_are_named() {
    let mut model = config(10).stream(2).unwrap();
    model.learn_many(bell(25, 2, 0.0, 1).view()).unwrap();
    let good = model.to_parts();
    let mut young = config(10).stream(2).unwrap();
    young.learn(&[1.0, 2.0]).unwrap();
    let young = young.to_parts();
    let broken = |parts: &HalfSpaceTreesParts, change: &dyn Fn(&mut HalfSpaceTreesParts)| {
        let mut parts = parts.clone();
        change(&mut parts);
        message(HalfSpaceTrees::from_parts(&parts)).1
    };
    for (got, start) in [
        (broken(&good, &|p| p.n_features = 0), "`n_features` must be in 1"),
        (broken(&good, &|p| p.n_features = 1), "`low` must be an array of 1, got 2"),
        (broken(&good, &|p| p.pending.push(1.0)), "`pending` must be an array of 0"),
        (broken(&good, &|p| p.threshold[7] = f32::NAN), "`threshold[7]` must be finite"),
        (broken(&good, &|p| p.threshold.truncate(9)), "`threshold` must be an array of 6375"),
        (broken(&good, &|p| p.feature[8] = 2), "`feature[8]` must be below 2"),
        (broken(&good, &|p| p.low[1] = 99.0), "`low[1]` must be at most"),
        (broken(&good, &|p| p.out_of_range[0] = 26), "`out_of_range[0]` must be at most 25 rows"),
        (broken(&good, &|p| p.reference[0] += 1), "`reference of tree 0` must be 10 rows in all, got 11"),
        (broken(&good, &|p| p.latest[6399] += 3), "`latest of tree 24` must be 5 rows in all, got 8"),
        (broken(&good, &|p| p.rows_learned = 26), "`latest of tree 0` must be 6 rows in all, got 5"),
        (broken(&good, &|p| p.config.depth = 40), "`depth` must be in 1..=16"),
        (broken(&young, &|p| p.rows_learned = 2), "`pending` must be an array of 4, got 2"),
        (broken(&young, &|p| p.pending[0] = f32::INFINITY), "`pending[0]` must be finite"),
        (broken(&young, &|p| p.n_features = usize::MAX), "`n_features` must be in 1"),
        (broken(&young, &|p| p.rows_learned = 10), "`pending` must be an array of 0"),
    ] {
        assert!(got.starts_with(start), "{got}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// However a stream is cut into batches and wherever it is saved, what follows has the same bits.
    #[test]
    fn a_stream_goes_on_where_it_was_saved(cut in 0_usize..90, batch in 1_usize..40, window in 2_usize..40) {
        let x = bell(90, 3, 0.0, 11);
        let mut whole = config(window).stream(3).unwrap();
        whole.learn_many(x.view()).unwrap();
        let mut first = config(window).stream(3).unwrap();
        first.learn_many(x.slice(s![..cut, ..])).unwrap();
        let text = serde_json::to_string(&first.to_parts()).unwrap();
        let mut second = HalfSpaceTrees::from_parts(&serde_json::from_str(&text).unwrap()).unwrap();
        for rows in x.slice(s![cut.., ..]).axis_chunks_iter(Axis(0), batch) {
            second.learn_many(rows).unwrap();
        }
        prop_assert_eq!(second.to_parts(), whole.to_parts());
        prop_assert_eq!(bits(&second.score(x.view()).unwrap()), bits(&whole.score(x.view()).unwrap()));
    }
}
