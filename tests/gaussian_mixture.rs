//! The Gaussian mixture as its users see it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use proptest::prelude::*;
use qosguard::detect::{
    Covariance, Detector, Fit, FitContext, GaussianMixture, GaussianMixtureConfig, GaussianMixtureParts,
    Normalise,
};
use qosguard::evaluate::roc_auc;
use qosguard::ndarray::{Array2, Axis, array, s};
use qosguard::{ErrorKind, Result};

/// What `tests/oracle/gaussian_mixture.py` has written.
#[derive(serde::Deserialize)]
struct Oracle {
    full: Fitted,
    diagonal: Fitted,
    auroc: Vec<f64>,
}

#[derive(serde::Deserialize)]
struct Fitted {
    weights: Vec<f64>,
    means: Vec<Vec<f64>>,
    log_likelihood: f64,
    scores: Vec<f64>,
}

fn oracle() -> Oracle {
    serde_json::from_str(include_str!("oracle/gaussian_mixture.json")).unwrap()
}

/// The oracle's `cloud`.
fn cloud(rows: usize, mut state: u32, attacks: usize) -> Array2<f32> {
    let mut x = Array2::zeros((rows, 3));
    for (i, mut row) in x.rows_mut().into_iter().enumerate() {
        let z: [f64; 3] = std::array::from_fn(|_| {
            let total: u32 = (0..4)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    state >> 16
                })
                .sum();
            (f64::from(total) - 131_070.0) / 32_768.0
        });
        let shift = 2.0 * (i % 2) as f64;
        let values = if i < attacks {
            [z[0] + shift, 1.25 * z[1], z[2]]
        } else {
            [z[0] + shift, z[0] - shift + 0.5 * z[1], z[2] - 0.75 * z[0]]
        };
        row.iter_mut().zip(values).for_each(|(to, value)| *to = value as f32);
    }
    x
}

fn bits(scores: &[f32]) -> Vec<u32> {
    scores.iter().map(|score| score.to_bits()).collect()
}

fn config(components: usize) -> GaussianMixtureConfig {
    GaussianMixtureConfig { components, ..Default::default() }
}

#[test]
fn the_search_takes_the_steps_of_scikit_learn() {
    let (x, test) = (cloud(500, 7, 0), cloud(500, 99, 100));
    let shares = Array2::from_shape_fn((500, 4), |(i, k)| f64::from(u8::from(i % 4 == k)));
    let Oracle { full, diagonal, .. } = oracle();
    for (covariance, theirs) in [(Covariance::Full, full), (Covariance::Diagonal, diagonal)] {
        let config = GaussianMixtureConfig {
            covariance,
            regularisation: 1e-3,
            normalise: Normalise::None,
            max_iterations: 25,
            tolerance: 0.0,
            ..config(4)
        };
        let ours = config.fit_from(x.view(), shares.view()).unwrap();
        assert_eq!((ours.iterations(), ours.converged(), ours.dropped()), (25, false, 0));
        assert!((ours.log_likelihood() - theirs.log_likelihood).abs() < 1e-9);
        let close = |a: f64, b: f64| (a - b).abs() < 1e-6;
        assert!(ours.weights().iter().zip(&theirs.weights).all(|(&a, &b)| close(a, b)));
        assert!(ours.means().iter().zip(theirs.means.concat()).all(|(&a, b)| close(a, b)));
        let scores = ours.score(test.slice(s![..100, ..])).unwrap();
        for (ours, theirs) in scores.iter().zip(&theirs.scores) {
            assert!((f64::from(*ours) - theirs).abs() < 1e-6 * theirs.abs().max(1.0), "{ours} {theirs}");
        }
    }
}

#[test]
fn attacks_rank_as_with_scikit_learn() {
    let (x, test) = (cloud(500, 7, 0), cloud(500, 99, 100));
    let truth: Vec<bool> = (0..500).map(|i| i < 100).collect();
    let theirs = oracle().auroc;
    for normalise in [Normalise::None, Normalise::Quantile] {
        let ours: Vec<f64> = (0..10)
            .map(|seed| {
                let config = GaussianMixtureConfig { seed, normalise, regularisation: 1e-3, ..config(4) };
                let mixture = config.fit(x.view(), FitContext::default()).unwrap().model;
                roc_auc(&mixture.score(test.view()).unwrap(), &truth).unwrap()
            })
            .collect();
        let mean = |values: &[f64]| values.iter().sum::<f64>() / 10.0;
        assert!((mean(&ours) - mean(&theirs)).abs() < 0.02, "{ours:?} {theirs:?}");
    }
}

#[test]
fn likelihood_never_falls_from_step_to_step() {
    let x = cloud(400, 3, 0);
    let mut before = f64::NEG_INFINITY;
    for steps in 1..30 {
        let config = GaussianMixtureConfig { max_iterations: steps, tolerance: 0.0, ..config(5) };
        let now = config.fit(x.view(), FitContext::default()).unwrap().model.log_likelihood();
        // The regularisation is outside the likelihood, so the last digits may fall.
        assert!(now > before - 1e-3, "{steps}: {before} {now}");
        before = now;
    }
}

#[test]
fn ties_constant_columns_and_few_different_rows_are_fitted() {
    for covariance in [Covariance::Full, Covariance::Diagonal] {
        for normalise in [Normalise::Quantile, Normalise::None] {
            let config = GaussianMixtureConfig { covariance, normalise, regularisation: 1e-6, ..config(8) };
            let mut x = Array2::from_shape_fn((300, 5), |(i, j)| ((i % 3) * (j % 2)) as f32);
            x.column_mut(4).fill(1e9);
            let mixture = config.fit(x.view(), FitContext::default()).unwrap().model;
            assert_eq!((mixture.n_components(), mixture.dropped()), (3, 5));
            let scores = mixture.score(x.view()).unwrap();
            assert!(scores.iter().all(|score| score.is_finite()));
            let odd = array![[0.0, 1.5, 0.0, 1.0, 1e9], [0.0, 1.0, 0.0, 1.0, 9e9]];
            let top = scores.into_iter().fold(f32::MIN, f32::max);
            assert!(mixture.score(odd.view()).unwrap().iter().all(|&score| score > top));
        }
    }
    let equal = config(4).fit(Array2::from_elem((2, 2), -3.0).view(), FitContext::default()).unwrap().model;
    assert_eq!(equal.n_components(), 1);
}

#[test]
fn far_rows_do_not_tie_and_stay_finite() {
    let mixture = config(6).fit(cloud(1000, 5, 0).view(), FitContext::default()).unwrap().model;
    let far =
        array![[10.0, 0.0, 0.0], [1e3, 0.0, 0.0], [1e6, 0.0, 0.0], [1e30, 0.0, 0.0], [f32::MAX, 0.0, 0.0]];
    let scores = mixture.score(far.view()).unwrap();
    assert!(scores.is_sorted() && scores.windows(2).all(|pair| pair[0] < pair[1]), "{scores:?}");
    let plain = GaussianMixtureConfig { normalise: Normalise::None, ..config(6) };
    let plain = plain.fit(cloud(1000, 5, 0).view(), FitContext::default()).unwrap().model;
    assert_eq!(plain.score(far.slice(s![4.., ..])).unwrap(), [f32::MAX]);
}

#[test]
fn features_of_any_magnitude_give_the_same_scores() {
    let x = cloud(600, 5, 0);
    let stretched = Array2::from_shape_fn(x.dim(), |(i, j)| x[[i, j]] * [1.0, 1024.0, 0.015_625][j]);
    let one = config(5).fit(x.view(), FitContext::default()).unwrap().model.score(x.view()).unwrap();
    let other = config(5)
        .fit(stretched.view(), FitContext::default())
        .unwrap()
        .model
        .score(stretched.view())
        .unwrap();
    for (a, b) in one.iter().zip(other) {
        assert!((a - b).abs() < 1e-4 * a.abs().max(1.0), "{a} {b}");
    }
}

#[test]
fn threads_layout_and_batches_do_not_change_a_bit() {
    let (train, x) = (cloud(3000, 1, 0), cloud(4500, 2, 50));
    let config = GaussianMixtureConfig { max_samples: 2000, ..config(7) };
    let mixture = config.fit(train.view(), FitContext::default()).unwrap().model;
    let scores = mixture.score(x.view()).unwrap();
    let column_major = x.t().as_standard_layout().into_owned().reversed_axes();
    for threads in [1, 4] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let again = config.fit(train.view(), FitContext::default()).unwrap().model;
            assert_eq!(again.to_parts(), mixture.to_parts());
            assert_eq!(bits(&again.score(x.view()).unwrap()), bits(&scores));
            assert_eq!(bits(&again.score(column_major.view()).unwrap()), bits(&scores));
        });
    }
    for (row, score) in x.axis_chunks_iter(Axis(0), 1).zip(&scores).step_by(53) {
        assert_eq!(mixture.score(row).unwrap()[0].to_bits(), score.to_bits());
    }
    for (rows, scores) in x.axis_chunks_iter(Axis(0), 23).zip(scores.chunks(23)) {
        assert_eq!(bits(&mixture.score(rows).unwrap()), bits(scores));
    }
}

#[test]
fn the_sample_is_drawn_by_the_seed() {
    let train = cloud(3000, 1, 0);
    let fit = |seed| {
        let config = GaussianMixtureConfig { max_samples: 500, seed, ..config(3) };
        config.fit(train.view(), FitContext::default()).unwrap().model.to_parts()
    };
    assert_eq!(fit(1), fit(1));
    assert_ne!(fit(1).knot_values, fit(2).knot_values);
}

fn message<T: std::fmt::Debug>(result: Result<T>) -> (ErrorKind, String) {
    let error = result.unwrap_err();
    (error.kind(), error.to_string())
}

#[test]
fn bad_input_is_named() {
    let x = cloud(50, 1, 0);
    let base = || config(2);
    for (config, name) in [
        (config(0), "components"),
        (config(65), "components"),
        (GaussianMixtureConfig { regularisation: 0.0, ..base() }, "regularisation"),
        (GaussianMixtureConfig { regularisation: f64::NAN, ..base() }, "regularisation"),
        (GaussianMixtureConfig { tolerance: -1.0, ..base() }, "tolerance"),
        (GaussianMixtureConfig { max_iterations: 0, ..base() }, "max_iterations"),
        (GaussianMixtureConfig { max_samples: 1, ..base() }, "max_samples"),
    ] {
        let (kind, text) = message(config.fit(x.view(), FitContext::default()));
        assert_eq!(kind, ErrorKind::InvalidArgument);
        assert!(text.starts_with(&format!("`{name}` must be ")), "{text}");
    }
    let mut nan = x.clone();
    nan[[7, 1]] = f32::NAN;
    let mixture = base().fit(x.view(), FitContext::default()).unwrap().model;
    for (got, kind, text) in [
        (
            message(base().fit(nan.view(), FitContext::default())),
            ErrorKind::NotFinite,
            "row 7, column `1`: NaN is not finite",
        ),
        (message(mixture.score(nan.view())), ErrorKind::NotFinite, "row 7, column `1`: NaN is not finite"),
        (
            message(mixture.score(x.slice(s![.., ..2]))),
            ErrorKind::ShapeMismatch,
            "feature columns: expected 3, got 2",
        ),
        (
            message(base().fit(x.slice(s![..1, ..]), FitContext::default())),
            ErrorKind::InsufficientData,
            "training rows: needs at least 2, got 1",
        ),
        (
            message(base().fit(x.slice(s![.., ..0]), FitContext::default())),
            ErrorKind::InsufficientData,
            "feature columns: needs at least 1, got 0",
        ),
        (
            message(base().fit(Array2::zeros((2, 513)).view(), FitContext::default())),
            ErrorKind::InvalidArgument,
            "`feature columns` must be at most 512, got 513",
        ),
        (
            message(base().fit_from(x.view(), Array2::ones((50, 3)).view())),
            ErrorKind::ShapeMismatch,
            "columns of responsibilities: expected 2, got 3",
        ),
        (
            message(base().fit_from(x.view(), Array2::ones((49, 2)).view())),
            ErrorKind::ShapeMismatch,
            "rows of responsibilities: expected 50, got 49",
        ),
        (
            message(base().fit_from(x.view(), Array2::ones((50, 2)).view())),
            ErrorKind::InvalidArgument,
            "`responsibilities[0]` must be shares of at least 0 that sum to 1, got [1, 1]",
        ),
    ] {
        assert_eq!(got, (kind, text.to_owned()));
    }
}

#[test]
fn parts_make_the_same_mixture_and_broken_parts_are_named() {
    let x = cloud(400, 1, 0);
    for covariance in [Covariance::Full, Covariance::Diagonal] {
        for normalise in [Normalise::Quantile, Normalise::None] {
            let config = GaussianMixtureConfig { covariance, normalise, ..config(3) };
            let mixture = config.fit(x.view(), FitContext::default()).unwrap().model;
            let text = serde_json::to_string(&mixture.to_parts()).unwrap();
            let parts: GaussianMixtureParts = serde_json::from_str(&text).unwrap();
            let again = GaussianMixture::from_parts(&parts).unwrap();
            assert_eq!(bits(&again.score(x.view()).unwrap()), bits(&mixture.score(x.view()).unwrap()));
            assert_eq!(again.to_parts(), mixture.to_parts());
        }
    }
    let good = config(3).fit(x.view(), FitContext::default()).unwrap().model.to_parts();
    assert_eq!((good.weights.len(), good.factors.len()), (3, 18));
    let broken = |change: &dyn Fn(&mut GaussianMixtureParts)| {
        let mut parts = good.clone();
        change(&mut parts);
        message(GaussianMixture::from_parts(&parts)).1
    };
    for (got, start) in [
        (broken(&|p| p.n_features = 0), "`n_features` must be in 1..=512"),
        (broken(&|p| p.n_features = usize::MAX), "`n_features` must be in 1..=512"),
        (broken(&|p| p.n_features = 2), "`means` must be an array of 6, got 9"),
        (broken(&|p| p.config.components = 2), "`weights` must be an array of 1 to 2, got 3"),
        (broken(&|p| p.weights.clear()), "`weights` must be an array of 1 to 3, got 0"),
        (broken(&|p| p.weights[1] = 0.0), "`weights[1]` must be in (0, 1]"),
        (broken(&|p| p.weights[1] = 1.0), "`weights` must be a sum of 1"),
        (broken(&|p| p.means[4] = f64::NAN), "`means[4]` must be finite"),
        (broken(&|p| p.factors[3] = f64::INFINITY), "`factors[3]` must be finite"),
        (broken(&|p| p.factors[8] = 0.0), "`factors[8]` must be above 0, on a diagonal"),
        (broken(&|p| p.factors.truncate(17)), "`factors` must be an array of 18, got 17"),
        (broken(&|p| p.knot_counts[1] = 0), "`knot_counts[1]` must be in 1..=256"),
        (broken(&|p| p.knot_counts[1] += 1), "`knot_values` must be an array of"),
        (broken(&|p| p.knot_values[5] = p.knot_values[4]), "`knot_values[5]` must be finite and above"),
        (broken(&|p| p.knot_scores[2] = f64::NAN), "`knot_scores[2]` must be finite and above"),
        (broken(&|p| p.config.normalise = Normalise::None), "`knot_counts` must be an array of 0"),
        (broken(&|p| p.iterations = 101), "`iterations` must be at most 100"),
        (broken(&|p| p.log_likelihood = f64::NAN), "`log_likelihood` must be finite"),
    ] {
        assert!(got.starts_with(start), "{got}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_rows_give_finite_scores(
        values in prop::collection::vec(prop_oneof![Just(0.0_f32), -5.0_f32..5.0, -1e30_f32..1e30], 24),
        features in 1_usize..5,
        components in 1_usize..6,
    ) {
        let rows = 24 / features;
        let x = Array2::from_shape_vec((rows, features), values[..rows * features].to_vec()).unwrap();
        for normalise in [Normalise::Quantile, Normalise::None] {
            let config = GaussianMixtureConfig { normalise, ..config(components) };
            let mixture = config.fit(x.view(), FitContext::default()).unwrap().model;
            prop_assert!((mixture.weights().iter().sum::<f64>() - 1.0).abs() < 1e-12);
            prop_assert!(mixture.score(x.view()).unwrap().iter().all(|score| score.is_finite()));
        }
    }
}
