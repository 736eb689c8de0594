//! Kitsune as its users see it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use proptest::prelude::*;
use qosguard::detect::{Detector, Fit, FitContext, Kitsune, KitsuneConfig, KitsuneParts, OnlineDetector};
use qosguard::ndarray::{Array2, ArrayView2, Axis, array, s};
use qosguard::{ErrorKind, Result};

/// Rows of two hidden causes: features 0 to 2 follow the first, 3 to 5 the second, in other units each.
fn rows(n: usize, mut state: u32) -> Array2<f32> {
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    };
    let mut x = Array2::zeros((n, 6));
    for mut row in x.rows_mut() {
        let (a, b) = (next(), next());
        for (j, value) in row.iter_mut().enumerate() {
            let cause = if j < 3 { a } else { b };
            *value = [1.0, 100.0, -0.01, 1e6, 3.0, 1e-6][j] * (cause + 0.05 * next());
        }
    }
    x
}

fn config(mapping_rows: usize, training_rows: usize) -> KitsuneConfig {
    KitsuneConfig { mapping_rows, training_rows, largest_group: 3, ..Default::default() }
}

fn bits(scores: &[f32]) -> Vec<u32> {
    scores.iter().map(|score| score.to_bits()).collect()
}

/// Share of pairs of a clean and an odd row in which the odd one scores higher.
fn auc(clean: &[f32], odd: &[f32]) -> f64 {
    let wins = odd.iter().flat_map(|odd| clean.iter().map(move |clean| odd > clean));
    wins.filter(|&win| win).count() as f64 / (clean.len() * odd.len()) as f64
}

/// The score by the definition, in `f64`, from the parts alone.
fn score_by_definition(parts: &KitsuneParts, row: &[f32]) -> f64 {
    let sigmoid = |v: f64| 1.0 / (1.0 + (-v).exp());
    let scaled = |value: f64, low: f32, high: f32| {
        ((value - f64::from(low)) / (f64::from(high) - f64::from(low))).clamp(-10.0, 11.0)
    };
    let error = |at: &str, x: &[f64]| {
        let of = |name: &str| -> Vec<f64> {
            parts.weights[&format!("{at}.{name}")].iter().copied().map(f64::from).collect()
        };
        let (weight, hidden, visible) = (of("weight"), of("hidden_bias"), of("visible_bias"));
        let n = x.len();
        let y: Vec<f64> = (0..hidden.len())
            .map(|k| sigmoid(hidden[k] + (0..n).map(|j| weight[k * n + j] * x[j]).sum::<f64>()))
            .collect();
        let z = (0..n)
            .map(|j| sigmoid(visible[j] + (0..hidden.len()).map(|k| weight[k * n + j] * y[k]).sum::<f64>()));
        (z.zip(x).map(|(z, x)| (x - z).powi(2)).sum::<f64>() / n as f64).sqrt()
    };
    let groups = *parts.group.iter().max().unwrap() as usize + 1;
    let errors: Vec<f64> = (0..groups)
        .map(|g| {
            let members = (0..row.len()).filter(|&j| parts.group[j] as usize == g);
            let x: Vec<f64> = members.map(|j| scaled(row[j].into(), parts.low[j], parts.high[j])).collect();
            scaled(error(&format!("groups.{g}"), &x), parts.error_low[g], parts.error_high[g])
        })
        .collect();
    error("output", &errors)
}

#[test]
fn scores_follow_the_definition() {
    for largest_group in [1, 2, 3, 6] {
        let config = KitsuneConfig { largest_group, ..config(200, 500) };
        let kitsune = config.fit(rows(1500, 1).view(), FitContext::default()).unwrap().model;
        let mut x = rows(133, 2);
        x.slice_mut(s![..20, 1]).mapv_inplace(|v| v * 30.0 - 700.0);
        let parts = kitsune.to_parts();
        for (row, score) in x.rows().into_iter().zip(kitsune.score(x.view()).unwrap()) {
            let expected = score_by_definition(&parts, row.to_slice().unwrap());
            assert!((f64::from(score) - expected).abs() < 2e-4 * expected.max(1.0), "{score} {expected}");
        }
    }
}

#[test]
fn features_that_move_together_are_grouped() {
    let mut kitsune = config(100, 1).stream(6).unwrap();
    assert_eq!((kitsune.groups(), kitsune.ranges()), (None, None));
    let x = rows(100, 1);
    kitsune.learn_many(x.view()).unwrap();
    // The third feature falls where the first rises, so it is far from it.
    assert_eq!(kitsune.groups().unwrap(), [vec![0, 1], vec![2], vec![3, 4, 5]]);
    let first = x.column(0);
    let (low, high) = kitsune.ranges().unwrap()[0];
    assert_eq!(low, first.fold(f32::MAX, |a, &b| a.min(b)));
    assert_eq!(high, first.fold(f32::MIN, |a, &b| a.max(b)));
}

#[test]
fn rows_that_break_a_relation_score_higher_though_each_value_is_common() {
    let kitsune = config(500, 4000).fit(rows(8000, 1).view(), FitContext::default()).unwrap().model;
    let clean = rows(500, 7);
    let mut odd = clean.clone();
    let shifted: Vec<f32> = (0..500).map(|i| clean[[(i + 1) % 500, 4]]).collect();
    odd.column_mut(4).assign(&qosguard::ndarray::Array1::from(shifted));
    let far: Vec<usize> = (0..500).filter(|&i| (odd[[i, 4]] - clean[[i, 4]]).abs() > 1.0).collect();
    let odd = odd.select(Axis(0), &far);
    let area = auc(&kitsune.score(clean.view()).unwrap(), &kitsune.score(odd.view()).unwrap());
    assert!(area > 0.9, "{area}");
}

#[test]
fn wild_values_are_bounded_counted_and_forgiven() {
    let mut kitsune = config(200, 1000).fit(rows(3000, 1).view(), FitContext::default()).unwrap().model;
    let clean = rows(200, 5);
    let usual = kitsune.score(clean.view()).unwrap();
    let wild = array![[f32::MAX, f32::MIN, 0.0, 1e30, -1e30, f32::MAX]];
    let score = kitsune.score(wild.view()).unwrap()[0];
    assert!((0.0..=11.0).contains(&score) && usual.iter().all(|&u| u < score), "{score}");
    let (before, ranges) = (kitsune.out_of_range().to_vec(), kitsune.ranges().unwrap());
    kitsune.learn_many(wild.view()).unwrap();
    let counted: Vec<u64> = kitsune.out_of_range().iter().zip(&before).map(|(a, b)| a - b).collect();
    assert_eq!(counted, [1, 1, 1, 1, 1, 1]);
    for ((low, high), (l, h)) in ranges.into_iter().zip(kitsune.ranges().unwrap()) {
        assert!(h - l <= 2.001 * (high - low), "one row at most doubles a range");
    }
    let after = kitsune.score(clean.view()).unwrap();
    assert!(after.iter().all(|score| score.is_finite()));
    let score = kitsune.score(wild.view()).unwrap()[0];
    assert!(after.iter().all(|&u| u < score), "a wild row stays wild");
}

#[test]
fn constant_columns_and_one_feature() {
    let flat = Array2::from_elem((400, 4), 7.0);
    let kitsune = config(100, 300).fit(flat.view(), FitContext::default()).unwrap().model;
    let scores = kitsune.score(array![[7.0, 7.0, 7.0, 7.0], [7.0, 9.0, 7.0, 7.0]].view()).unwrap();
    assert!(scores[1] > scores[0], "a constant feature that moves is seen: {scores:?}");
    let one = rows(3000, 1).slice(s![.., ..1]).to_owned();
    let kitsune = config(500, 2000).fit(one.view(), FitContext::default()).unwrap().model;
    assert_eq!(kitsune.groups().unwrap(), [[0]]);
    let scores = kitsune.score(array![[0.5], [40.0]].view()).unwrap();
    assert!(scores[1] > scores[0], "{scores:?}");
    assert_eq!(kitsune.explain(array![[40.0]].view()).unwrap().contributions[[0, 0]] as f32, scores[1]);
}

#[test]
fn contributions_sum_to_the_score_and_point_at_the_cause() {
    let kitsune = config(500, 2000).fit(rows(5000, 1).view(), FitContext::default()).unwrap().model;
    let mut x = rows(60, 3);
    x.slice_mut(s![..30, 3]).fill(9e6);
    let explanation = kitsune.explain(x.view()).unwrap();
    explanation.check().unwrap();
    assert_eq!(explanation.base, 0.0);
    assert!(explanation.contributions.iter().all(|&part| part >= 0.0));
    let rounded: Vec<f32> = explanation.scores.iter().map(|&score| score as f32).collect();
    assert_eq!(bits(&rounded), bits(&kitsune.score(x.view()).unwrap()));
    for row in 0..30 {
        assert_eq!(explanation.top(row, 1)[0].0, 3);
    }
}

#[test]
fn the_autoencoders_follow_a_stream_that_moves() {
    let mut kitsune = config(500, 2000).fit(rows(4000, 1).view(), FitContext::default()).unwrap().model;
    let turned = |n, seed| {
        let mut x = rows(n, seed);
        x.slice_mut(s![.., 4]).mapv_inplace(|v| 3.15 - v);
        x
    };
    let mean = |kitsune: &Kitsune| -> f64 {
        let scores = kitsune.score(turned(300, 9).view()).unwrap();
        scores.iter().copied().map(f64::from).sum::<f64>() / 300.0
    };
    let before = mean(&kitsune);
    kitsune.learn_many(turned(20_000, 4).view()).unwrap();
    assert!(mean(&kitsune) < 0.5 * before, "{} {before}", mean(&kitsune));
}

#[test]
fn no_score_before_enough_rows_were_learned() {
    let mut kitsune = config(2, 2).stream(1).unwrap();
    for got in 0..4 {
        assert!(!kitsune.is_ready());
        for error in [
            kitsune.score(array![[1.0]].view()).unwrap_err(),
            kitsune.explain(array![[1.0]].view()).unwrap_err(),
        ] {
            assert_eq!(error.to_string(), format!("learned rows: needs at least 4, got {got}"));
        }
        kitsune.learn(&[got as f32]).unwrap();
    }
    assert!(kitsune.is_ready() && kitsune.n_rows() == 4);
    assert!(kitsune.score(array![[1.0]].view()).unwrap()[0].is_finite());
}

#[test]
fn threads_layout_batches_and_seeds() {
    let (train, x) = (rows(2000, 1), rows(9001, 2));
    let kitsune = config(100, 500).fit(train.view(), FitContext::default()).unwrap().model;
    let scores = kitsune.score(x.view()).unwrap();
    let column_major = x.t().as_standard_layout().into_owned().reversed_axes();
    for threads in [1, 4] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let again = config(100, 500).fit(train.view(), FitContext::default()).unwrap().model;
            assert_eq!(again.to_parts(), kitsune.to_parts());
            assert_eq!(bits(&again.score(column_major.view()).unwrap()), bits(&scores));
        });
    }
    for (row, score) in x.axis_chunks_iter(Axis(0), 1).zip(&scores).step_by(53) {
        assert_eq!(kitsune.score(row).unwrap()[0].to_bits(), score.to_bits());
    }
    let other =
        KitsuneConfig { seed: 1, ..config(100, 500) }.fit(train.view(), FitContext::default()).unwrap().model;
    assert_ne!(other.to_parts().weights, kitsune.to_parts().weights);
}

fn message<T: std::fmt::Debug>(result: Result<T>) -> (ErrorKind, String) {
    let error = result.unwrap_err();
    (error.kind(), error.to_string())
}

#[test]
fn bad_rows_are_named_and_leave_the_state_as_it_was() {
    let mut kitsune = config(10, 10).stream(6).unwrap();
    kitsune.learn_many(rows(25, 1).view()).unwrap();
    let before = kitsune.to_parts();
    let mut bad = rows(2, 1);
    bad[[1, 4]] = f32::NAN;
    let not_finite = (ErrorKind::NotFinite, "row 1, column `4`: NaN is not finite".to_owned());
    assert_eq!(message(kitsune.learn_many(bad.view())), not_finite);
    assert_eq!(message(kitsune.score(bad.view())), not_finite);
    assert_eq!(message(kitsune.explain(bad.view())), not_finite);
    let width = (ErrorKind::ShapeMismatch, "feature columns: expected 6, got 2".to_owned());
    assert_eq!(message(kitsune.learn(&[1.0, 2.0])), width);
    assert_eq!(message(kitsune.score(ArrayView2::from(&[[1.0, 2.0]]))), width);
    assert_eq!(kitsune.to_parts(), before);
    let few = config(10, 10).fit(Array2::zeros((3, 2)).view(), FitContext::default());
    assert_eq!(message(few).1, "training rows: needs at least 4, got 3");
    let none = config(10, 10).fit(Array2::zeros((5, 0)).view(), FitContext::default());
    assert_eq!(message(none).1, "feature columns: needs at least 1, got 0");
    assert_eq!(message(config(10, 10).stream(513)).1, "`n_features` must be in 1..=512, got 513");
    let small = config(1000, 1000).fit(rows(4, 1).view(), FitContext::default()).unwrap().model;
    assert_eq!((small.config().mapping_rows, small.config().training_rows), (2, 2));
    assert!(small.is_ready());
    for (config, name) in [
        (KitsuneConfig { mapping_rows: 1, ..config(9, 9) }, "mapping_rows"),
        (KitsuneConfig { mapping_rows: (1 << 20) + 1, ..config(9, 9) }, "mapping_rows"),
        (KitsuneConfig { training_rows: 0, ..config(9, 9) }, "training_rows"),
        (KitsuneConfig { training_rows: usize::MAX, ..config(9, 9) }, "training_rows"),
        (KitsuneConfig { largest_group: 0, ..config(9, 9) }, "largest_group"),
        (KitsuneConfig { largest_group: 65, ..config(9, 9) }, "largest_group"),
        (KitsuneConfig { hidden_ratio: 0.0, ..config(9, 9) }, "hidden_ratio"),
        (KitsuneConfig { hidden_ratio: f64::NAN, ..config(9, 9) }, "hidden_ratio"),
        (KitsuneConfig { learning_rate: 1.1, ..config(9, 9) }, "learning_rate"),
    ] {
        let (kind, text) = message(config.stream(2));
        assert_eq!(kind, ErrorKind::InvalidArgument);
        assert!(text.starts_with(&format!("`{name}` must be ")), "{text}");
    }
}

#[test]
fn broken_parts_are_named() {
    let mut kitsune = config(10, 10).stream(6).unwrap();
    kitsune.learn_many(rows(25, 1).view()).unwrap();
    let good = kitsune.to_parts();
    assert_eq!(good.group, [0, 0, 1, 2, 2, 2]);
    let mut young = config(10, 10).stream(6).unwrap();
    young.learn_many(rows(5, 1).view()).unwrap();
    let young = young.to_parts();
    let broken = |parts: &KitsuneParts, change: &dyn Fn(&mut KitsuneParts)| {
        let mut parts = parts.clone();
        change(&mut parts);
        message(Kitsune::from_parts(&parts)).1
    };
    let weight = |p: &mut KitsuneParts, name: &str, value: f32| p.weights.get_mut(name).unwrap()[0] = value;
    for (got, start) in [
        (broken(&good, &|p| p.n_features = 0), "`n_features` must be in 1..=512, got 0"),
        (broken(&good, &|p| p.n_features = 5), "`out_of_range` must be an array of 5, got 6 entries"),
        (broken(&good, &|p| p.out_of_range[0] = 26), "`out_of_range[0]` must be at most 25 rows, got 26"),
        (broken(&good, &|p| p.group[1] = 2), "`group[1]` must be at most 1, got 2"),
        (broken(&good, &|p| p.group[2] = 0), "`group[3]` must be at most 1, got 2"),
        (broken(&good, &|p| p.group = vec![0, 0, 1, 1, 1, 1]), "`group 1` must be at most 3 features, got 4"),
        (
            broken(&good, &|p| p.group = vec![0, 0, 1, 1, 2, 2]),
            "`groups.1.weight` must be an array of 4, got 1",
        ),
        (broken(&good, &|p| p.group.truncate(5)), "`group` must be an array of 6, got 5 entries"),
        (broken(&good, &|p| p.low[1] = 1e9), "`low[1]` must be at most"),
        (broken(&good, &|p| p.high[5] = f32::INFINITY), "`high[5]` must be finite, got inf"),
        (broken(&good, &|p| p.error_low.push(0.0)), "`error_low` must be an array of 3, got 4"),
        (broken(&good, &|p| p.error_low[2] = f32::NAN), "`error_low[2]` must be finite, got NaN"),
        (broken(&good, &|p| p.means.push(0.0)), "`means` must be an array of 0, got 1"),
        (broken(&good, &|p| weight(p, "output.weight", f32::NAN)), "`output.weight[0]` must be in ±1000000"),
        (
            broken(&good, &|p| weight(p, "groups.2.hidden_bias", 2e6)),
            "`groups.2.hidden_bias[0]` must be in ±",
        ),
        (broken(&good, &|p| drop(p.weights.remove("groups.1.weight"))), "`groups.1.weight` must be there"),
        (
            broken(&good, &|p| drop(p.weights.insert("odd".into(), vec![]))),
            "`odd` must be a weight of the net",
        ),
        (broken(&good, &|p| p.rows_learned = 9), "`group` must be an array of 0, got 6 entries"),
        (broken(&good, &|p| p.config.largest_group = 99), "`largest_group` must be in 1..=64"),
        (broken(&good, &|p| p.config.hidden_ratio = 0.1), "`output.weight` must be an array of 3, got 9"),
        (broken(&young, &|p| p.products[3] = f64::NAN), "`products[3]` must be finite"),
        (broken(&young, &|p| p.products.truncate(20)), "`products` must be an array of 21, got 20"),
        (broken(&young, &|p| p.rows_learned = 10), "`group` must be an array of 6, got 0"),
        (broken(&young, &|p| p.group.push(0)), "`group` must be an array of 0, got 1"),
        (broken(&young, &|p| drop(p.weights.insert("odd".into(), vec![]))), "`odd` must be absent while"),
    ] {
        assert!(got.starts_with(start), "{got}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// However a stream is cut into batches and wherever it is saved, what follows has the same bits.
    #[test]
    fn a_stream_goes_on_where_it_was_saved(cut in 0_usize..90, batch in 1_usize..40, mapping in 2_usize..60) {
        let x = rows(90, 11);
        let mut whole = config(mapping, 20).stream(6).unwrap();
        whole.learn_many(x.view()).unwrap();
        let mut first = config(mapping, 20).stream(6).unwrap();
        first.learn_many(x.slice(s![..cut, ..])).unwrap();
        let text = serde_json::to_string(&first.to_parts()).unwrap();
        let mut second = Kitsune::from_parts(&serde_json::from_str(&text).unwrap()).unwrap();
        for rows in x.slice(s![cut.., ..]).axis_chunks_iter(Axis(0), batch) {
            second.learn_many(rows).unwrap();
        }
        prop_assert_eq!(second.to_parts(), whole.to_parts());
        prop_assert_eq!(bits(&second.score(x.view()).unwrap()), bits(&whole.score(x.view()).unwrap()));
    }

    /// Rows of any finite numbers keep all that is learned and scored finite.
    #[test]
    fn any_numbers_are_taken(values in prop::collection::vec(prop::num::f32::NORMAL | prop::num::f32::ZERO | prop::num::f32::SUBNORMAL, 60..=60)) {
        let x = Array2::from_shape_vec((20, 3), values).unwrap();
        let kitsune = config(5, 10).fit(x.view(), FitContext::default()).unwrap().model;
        prop_assert!(kitsune.score(x.view()).unwrap().iter().all(|score| (0.0..=11.0).contains(score)));
        kitsune.explain(x.view()).unwrap().check().unwrap();
        prop_assert!(Kitsune::from_parts(&kitsune.to_parts()).unwrap() == kitsune);
    }
}
