use proptest::collection::vec;
use proptest::prelude::*;

use ndarray::Array2;

use super::*;
use crate::rng::Stream;

const RULES: [ProbabilityRule; 3] =
    [ProbabilityRule::Platt, ProbabilityRule::Isotonic, ProbabilityRule::Temperature];

#[test]
fn platt_fits_two_groups_exactly() {
    // Two scores, two numbers: the smoothed labels' means are met. 3 attacks of 4 at 2, 1 of 4 at −2;
    // targets 5/6 and 1/6: means 4/6 and 2/6, log-odds ± ln 2.
    let scores = [-2.0, -2.0, -2.0, -2.0, 2.0, 2.0, 2.0, 2.0];
    let labels = [true, false, false, false, true, true, true, false];
    let platt = ProbabilityRule::Platt.fit(&scores, &labels, None).unwrap();
    for (score, p) in [(-2.0, 1.0 / 3.0), (0.0, 0.5), (2.0, 2.0 / 3.0), (4.0, 0.8)] {
        assert!((platt.probability(score) - p).abs() < 1e-14, "{score}: {}", platt.probability(score));
    }
    // The same targets: ln 2 / 2 of the log-odds.
    let temperature = ProbabilityRule::Temperature.fit(&scores, &labels, None).unwrap();
    assert!((temperature.probability(2.0) - 2.0 / 3.0).abs() < 1e-14);
    assert_eq!(temperature.probability(0.0), 0.5);
}

#[test]
fn isotonic_pools_what_falls() {
    // Shares by score: 0: 0/2 and the added attack, 1: 1/1, 2: 0/1, 3: 1/1, 4: 2/2 and the added clean row.
    // 1/3 | 1, 0 → 1/2 | 1, 2/3 → 3/4.
    let scores = [0.0, -0.0, 1.0, 2.0, 3.0, 4.0, 4.0];
    let labels = [false, false, true, false, true, true, true];
    let isotonic = ProbabilityRule::Isotonic.fit(&scores, &labels, None).unwrap();
    for (score, p) in [
        (-9.0, 1.0 / 3.0),
        (0.0, 1.0 / 3.0),
        (0.5, 5.0 / 12.0),
        (1.0, 0.5),
        (1.7, 0.5),
        (2.5, 0.625),
        (3.0, 0.75),
        (f32::INFINITY, 0.75),
    ] {
        assert!((isotonic.probability(score) - p).abs() < 1e-15, "{score}: {}", isotonic.probability(score));
    }
    let all_tie = ProbabilityRule::Isotonic.fit(&[1.0; 4], &[true, false, false, false], None).unwrap();
    assert_eq!([all_tie.probability(0.0), all_tie.probability(2.0)], [1.0 / 3.0; 2]);
}

#[test]
fn the_prior_multiplies_the_odds() {
    let scores = [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0].repeat(10);
    let labels = [true, false, false, false, true, true, false, false].repeat(10);
    for rule in RULES {
        let plain = rule.fit(&scores, &labels, None).unwrap();
        let same = rule.fit(&scores, &labels, Some(3.0 / 8.0)).unwrap();
        let rare = rule.fit(&scores, &labels, Some(0.01)).unwrap();
        for score in [-1.0, 0.0, 0.4, 1.0] {
            let (p, q) = (plain.probability(score), rare.probability(score));
            assert!((same.probability(score) - p).abs() < 1e-15, "{rule:?}");
            // From odds of 3 to 5 to odds of 1 to 99.
            let odds = p / (1.0 - p) * (1.0 / 99.0) / (3.0 / 5.0);
            assert!((q / (1.0 - q) / odds - 1.0).abs() < 1e-12, "{rule:?}: {q}");
        }
        assert_eq!((rare.attack_share(), rare.prior(), rare.rule()), (0.375, Some(0.01), rule));
    }
}

#[test]
fn scores_that_say_nothing_or_the_contrary_give_one_probability() {
    let labels = [true, true, false, false, false].repeat(4);
    let contrary: Vec<f32> = labels.iter().map(|&l| if l { -3.0 } else { 3.0 }).collect();
    for scores in [contrary, vec![0.0; 20]] {
        for rule in RULES {
            let map = rule.fit(&scores, &labels, None).unwrap();
            let p = map.probability(0.0);
            assert!([-1e9, -3.0, 3.0, 1e9].iter().all(|&s| map.probability(s) == p), "{rule:?}");
            let expected = match rule {
                ProbabilityRule::Platt => (8.0 * 9.0 / 10.0 + 12.0 / 14.0) / 20.0,
                ProbabilityRule::Isotonic => 9.0 / 22.0,
                ProbabilityRule::Temperature => 0.5,
            };
            assert!((p - expected).abs() < 1e-15, "{rule:?}: {p}");
        }
    }
}

#[test]
fn scores_that_part_the_labels_give_no_certainty() {
    let scores: Vec<f32> = (0..200).map(|i| i as f32 - 99.5).collect();
    let labels: Vec<bool> = (0..200).map(|i| i >= 100).collect();
    for rule in RULES {
        let map = rule.fit(&scores, &labels, None).unwrap();
        let (low, high) = (map.probability(-0.5), map.probability(0.5));
        assert!(low > 1e-3 && low < 0.5 && high > 0.5 && high < 1.0 - 1e-3, "{rule:?}: {low} {high}");
        let (lowest, highest) = (map.probability(f32::NEG_INFINITY), map.probability(f32::INFINITY));
        assert!(lowest > 0.0 && lowest < 0.01 && highest > 0.99 && highest < 1.0, "{lowest} {highest}");
        assert!(map.probability(f32::NAN).is_nan());
    }
}

#[test]
fn any_size_and_place_of_scores_is_fitted() {
    let mut rng = Stream::new(8, 0);
    let base: Vec<f32> = (0..400).map(|_| (rng.normal() * 4.0).round() as f32).collect();
    let labels: Vec<bool> = base.iter().map(|&s| rng.uniform() < logistic(f64::from(s) * 0.5)).collect();
    for rule in RULES {
        let plain = rule.fit(&base, &labels, None).unwrap();
        for exponent in [-120, -60, 60, 120] {
            let scale = 2.0_f32.powi(exponent);
            let scaled: Vec<f32> = base.iter().map(|s| s * scale).collect();
            let map = rule.fit(&scaled, &labels, None).unwrap();
            for s in [-9.0_f32, -1.0, 0.0, 2.0, 7.0] {
                let (p, q) = (plain.probability(s), map.probability(s * scale));
                assert!((p / q - 1.0).abs() < 1e-9, "{rule:?}, 2^{exponent}, {s}: {p} {q}");
            }
        }
    }
    // From one end of f32 to the other.
    let scores = [f32::MIN, 0.0, f32::MAX, f32::MIN_POSITIVE];
    for rule in RULES {
        let map = rule.fit(&scores, &[false, false, true, true], None).unwrap();
        assert!(scores.iter().all(|&s| (0.05..0.95).contains(&map.probability(s))), "{rule:?}: {map:?}");
    }
}

#[test]
fn bad_input_is_rejected_by_name() {
    let labels = [true, false];
    for rule in RULES {
        let refused = |scores: &[f32], labels: &[bool], prior| rule.fit(scores, labels, prior).unwrap_err();
        assert!(matches!(refused(&[1.0], &labels, None), Error::ShapeMismatch { expected: 1, got: 2, .. }));
        assert!(matches!(refused(&[1.0, f32::NAN], &labels, None), Error::NotFinite { row: 1, .. }));
        for one_class in [[true; 2], [false; 2]] {
            let error = refused(&[1.0, 2.0], &one_class, None);
            assert!(matches!(error, Error::InsufficientData { needed: 1, got: 0, .. }), "{error}");
        }
        assert!(matches!(refused(&[], &[], None), Error::InsufficientData { .. }));
        for prior in [0.0, 1.0, -0.1, f64::NAN] {
            let error = refused(&[1.0, 2.0], &labels, Some(prior)).to_string();
            assert!(error.starts_with("`prior` must be above 0 and below 1"), "{error}");
        }
        let map = rule.fit(&[1.0, 2.0], &labels, None).unwrap();
        let short = map.probabilities_into(&[1.0, 2.0], &mut [0.0]).unwrap_err();
        assert!(matches!(short, Error::ShapeMismatch { expected: 2, got: 1, .. }));
        let infinite = map.probabilities_into(&[1.0, f32::INFINITY], &mut [0.0; 2]).unwrap_err();
        assert!(matches!(infinite, Error::NotFinite { row: 1, .. }));
    }
}

#[test]
fn maps_from_a_file_are_validated() {
    let read = |map: &str, rest: &str| {
        serde_json::from_str::<Probability>(&format!(r#"{{"map":{map},{rest}}}"#)).map_err(|e| e.to_string())
    };
    let good = r#""attack_share":0.5,"prior":null"#;
    let platt = r#"{"kind":"platt","slope":1.0,"offset":0.0}"#;
    assert_eq!(read(platt, good).unwrap().probability(0.0), 0.5);
    for (map, rest, named) in [
        (platt, r#""attack_share":0.0,"prior":null"#, "attack_share"),
        (platt, r#""attack_share":0.5,"prior":1.0"#, "prior"),
        (platt, r#""attack_share":0.5,"prior":null,"more":1"#, "more"),
        (r#"{"kind":"platt","slope":-1.0,"offset":0.0}"#, good, "slope"),
        (r#"{"kind":"platt","slope":1.0,"offset":0.0,"more":1}"#, good, "more"),
        (r#"{"kind":"temperature","inverse":-1.0}"#, good, "inverse"),
        (r#"{"kind":"isotonic","scores":[],"values":[]}"#, good, "scores"),
        (r#"{"kind":"isotonic","scores":[1.0,2.0],"values":[0.5]}"#, good, "scores"),
        (r#"{"kind":"isotonic","scores":[1.0,1.0],"values":[0.1,0.5]}"#, good, "scores[1]"),
        (r#"{"kind":"isotonic","scores":[1e39,1.0],"values":[0.1,0.5]}"#, good, "scores[0]"),
        (r#"{"kind":"isotonic","scores":[1.0,2.0],"values":[0.5,0.1]}"#, good, "values[1]"),
        (r#"{"kind":"isotonic","scores":[1.0,2.0],"values":[0.0,0.1]}"#, good, "values[0]"),
        (r#"{"kind":"spline"}"#, good, "spline"),
    ] {
        let error = read(map, rest).unwrap_err();
        assert!(error.contains(named), "{map}, {rest}: {error}");
    }
}

#[test]
fn many_classes_are_scaled_as_two_are() {
    let scores = [-3.0, -1.0, 0.5, 2.0, 4.0, -2.0];
    let classes = [0, 1, 0, 1, 1, 0];
    let labels = classes.map(|c| c == 1);
    let binary = ProbabilityRule::Temperature.fit(&scores, &labels, None).unwrap();
    // An offset of a row changes nothing.
    let logits = Array2::from_shape_fn((6, 2), |(row, class)| {
        row as f32 * 8.0 + if class == 1 { scores[row] } else { 0.0 }
    });
    let temperature = Temperature::fit(logits.view(), &classes).unwrap();
    let probabilities = temperature.probabilities(logits.view()).unwrap();
    for (row, &score) in probabilities.rows().into_iter().zip(&scores) {
        assert!((row[1] - binary.probability(score)).abs() < 1e-12);
        assert!((row.sum() - 1.0).abs() < 1e-15);
    }
    let json = serde_json::to_string(&temperature).unwrap();
    assert_eq!(serde_json::from_str::<Temperature>(&json).unwrap(), temperature);
}

#[test]
fn logits_and_classes_that_do_not_fit_are_rejected() {
    let logits = Array2::from_shape_vec((2, 3), vec![0.0, 1.0, 2.0, 0.0, f32::NAN, 1.0]).unwrap();
    let good = Array2::<f32>::zeros((2, 3));
    let fit = |logits: &Array2<f32>, classes: &[usize]| Temperature::fit(logits.view(), classes).unwrap_err();
    assert!(matches!(fit(&logits, &[0, 1]), Error::NotFinite { row: 1, column, .. } if column == "logit 1"));
    assert!(matches!(fit(&good, &[0]), Error::ShapeMismatch { expected: 2, got: 1, .. }));
    assert!(matches!(fit(&good, &[0, 3]), Error::InvalidArgument { path, .. } if path == "classes[1]"));
    assert!(matches!(fit(&Array2::zeros((2, 1)), &[0, 0]), Error::InsufficientData { needed: 2, .. }));
    assert!(matches!(fit(&Array2::zeros((0, 3)), &[]), Error::InsufficientData { needed: 1, .. }));
    let constant = Temperature::fit(good.view(), &[0, 1]).unwrap();
    assert_eq!(constant.inverse(), 0.0);
    assert!(matches!(constant.probabilities(logits.view()), Err(Error::NotFinite { .. })));
}

/// Scores of any scale, with few ties to many, and labels of both kinds.
fn rows() -> impl Strategy<Value = (Vec<f32>, Vec<bool>)> {
    (vec((any::<i16>(), any::<bool>()), 2..150), 0..12_u32, -30..30_i32)
        .prop_filter("both labels", |(rows, ..)| rows.iter().any(|r| r.1) && rows.iter().any(|r| !r.1))
        .prop_map(|(rows, bits, exponent)| {
            let scale = 10.0_f32.powi(exponent);
            rows.into_iter().map(|(s, l)| (f32::from(s >> bits) * scale, l)).unzip()
        })
}

proptest! {
    #[test]
    fn probabilities_are_inside_and_never_reverse_the_order(
        (scores, labels) in rows(),
        probes in vec(any::<f32>(), 0..40),
        prior in prop::option::of(prop_oneof![1e-9..1.0_f64, Just(f64::MIN_POSITIVE), Just(1.0 - 1e-16)]),
    ) {
        let mut all: Vec<f32> = scores.iter().flat_map(|s| [s.next_down(), *s, s.next_up()]).collect();
        all.extend(probes.iter().filter(|p| p.is_finite()));
        all.extend([f32::MIN, 0.0, f32::MAX]);
        all.sort_unstable_by(f32::total_cmp);
        let mut out = vec![0.0; all.len()];
        for rule in RULES {
            let map = rule.fit(&scores, &labels, prior).unwrap();
            map.probabilities_into(&all, &mut out).unwrap();
            prop_assert!(out.iter().all(|&p| p > 0.0 && p < 1.0), "{:?}", map);
            prop_assert!(out.windows(2).all(|w| w[0] <= w[1]), "{:?}", map);
        }
    }

    #[test]
    fn json_keeps_every_bit((scores, labels) in rows(), prior in prop::option::of(0.001..0.999_f64)) {
        for rule in RULES {
            let map = rule.fit(&scores, &labels, prior).unwrap();
            let json = serde_json::to_string(&map).unwrap();
            prop_assert_eq!(serde_json::from_str::<Probability>(&json).unwrap(), map);
        }
    }

    #[test]
    fn the_order_of_rows_does_not_matter((scores, labels) in rows()) {
        let reversed = |v: &[f32]| v.iter().rev().copied().collect::<Vec<_>>();
        let mut backwards = labels.clone();
        backwards.reverse();
        for rule in RULES {
            let map = rule.fit(&scores, &labels, None).unwrap();
            let other = rule.fit(&reversed(&scores), &backwards, None).unwrap();
            for &score in &scores {
                let (p, q) = (map.probability(score), other.probability(score));
                prop_assert!((p / q - 1.0).abs() < 1e-7, "{:?}: {} {}", rule, p, q);
            }
        }
    }

    #[test]
    fn platt_is_at_the_minimum((scores, labels) in rows()) {
        let targets = smoothed_targets(&labels);
        let map = ProbabilityRule::Platt.fit(&scores, &labels, None).unwrap();
        let Map::Platt(platt) = &map.map else { panic!("{map:?}") };
        // There the smoothed labels and the probabilities have the same mean.
        let gap: f64 = scores.iter().zip(&labels)
            .map(|(&s, &l)| logistic(platt.log_odds(s)) - targets[usize::from(l)])
            .sum();
        prop_assert!(gap.abs() < 1e-8 * scores.len() as f64, "{}", gap);
    }
}
