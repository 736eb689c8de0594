//! The variants of the isolation forest: planes, pooled gain, densities, missing values, categories, and
//! forests that grow or are merged.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;

use qosguard::detect::{
    Detector, Fit, FitContext, IsolationForest, IsolationForestConfig, IsolationForestParts,
    IsolationMissing, IsolationScoring, IsolationSplits,
};
use qosguard::ndarray::{Array2, Axis, s};
use qosguard::{ErrorKind, Result};

const EXTENDED: IsolationSplits = IsolationSplits::Extended { features: 2 };
const POOLED: IsolationSplits = IsolationSplits::PooledGain { features: 1, tries: 1, share: 1.0 };

/// A setting of every kind, in small.
fn variants() -> Vec<IsolationForestConfig> {
    let base = || IsolationForestConfig { trees: 12, max_samples: 64, ..Default::default() };
    let (density, follow) = (IsolationScoring::Density, IsolationMissing::Learn);
    vec![
        base(),
        IsolationForestConfig { splits: EXTENDED, ..base() },
        IsolationForestConfig { splits: IsolationSplits::Extended { features: 5 }, ..base() },
        IsolationForestConfig { splits: POOLED, ..base() },
        IsolationForestConfig { splits: IsolationSplits::fair_cut(), scoring: density, ..base() },
        IsolationForestConfig { scoring: density, ..base() },
        IsolationForestConfig { missing: follow, categorical: vec![1], ..base() },
        IsolationForestConfig {
            splits: IsolationSplits::PooledGain { features: 1, tries: 3, share: 0.5 },
            scoring: density,
            missing: follow,
            categorical: vec![0, 2],
            ..base()
        },
    ]
}

/// Whole numbers from 0 to 12, fit for any setting except missing values.
fn numbers(rows: usize, features: usize) -> Array2<f32> {
    Array2::from_shape_fn((rows, features), |(i, j)| ((i * i + 7 * i * (j + 3)) % 13) as f32)
}

/// The same, with gaps where the settings take them.
fn rows_for(config: &IsolationForestConfig, rows: usize) -> Array2<f32> {
    let mut x = numbers(rows, 4);
    if config.missing == IsolationMissing::Learn {
        x.iter_mut().step_by(5).for_each(|value| *value = f32::NAN);
    }
    x
}

fn bits(scores: &[f32]) -> Vec<u32> {
    scores.iter().map(|score| score.to_bits()).collect()
}

/// Two clouds, and attacks between them, as the oracle's `clusters`.
fn clusters(rows: usize, features: usize, attacks: usize) -> Array2<f32> {
    let mut state = 12345_u32;
    Array2::from_shape_fn((rows, features), |(i, _)| {
        let mut draw = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 16
        };
        let total: u32 = (0..4).map(|_| draw()).sum();
        let shift = match i {
            _ if i < attacks => 0.0,
            _ if i % 2 == 0 => 2.0,
            _ => -2.0,
        };
        (total as f32 - 131_070.0) / 32_768.0 + shift
    })
}

/// Area under the ROC curve when the first `attacks` rows are the attacks; ties count half.
fn auroc(scores: &[f32], attacks: usize) -> f64 {
    let (attacks, clean) = scores.split_at(attacks);
    let half_wins = |a: f32| clean.iter().map(move |&c| usize::from(a > c) + usize::from(a >= c));
    let total: usize = attacks.iter().copied().flat_map(half_wins).sum();
    total as f64 / (2 * attacks.len() * clean.len()) as f64
}

fn mean_and_variance(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0))
}

#[test]
fn each_variant_ranks_as_the_same_settings_do_in_isotree() {
    let oracle: BTreeMap<String, Vec<f64>> =
        serde_json::from_str(include_str!("oracle/isolation_forest_variants.json")).unwrap();
    let density = IsolationScoring::Density;
    let base = IsolationForestConfig::default;
    let ours = BTreeMap::from([
        ("extended", IsolationForestConfig { splits: EXTENDED, ..base() }),
        ("pooled_gain", IsolationForestConfig { splits: POOLED, ..base() }),
        ("fair_cut", IsolationForestConfig { splits: IsolationSplits::fair_cut(), ..base() }),
        ("density", IsolationForestConfig { scoring: density, ..base() }),
        ("extended_density", IsolationForestConfig { scoring: density, splits: EXTENDED, ..base() }),
    ]);
    assert_eq!(oracle.keys().collect::<Vec<_>>(), ours.keys().collect::<Vec<_>>());
    let x = clusters(4000, 6, 200);
    for (name, config) in ours {
        let theirs = &oracle[name];
        let ours: Vec<f64> = (0..theirs.len() as u64)
            .map(|seed| {
                let forest = IsolationForestConfig { seed, ..config.clone() }
                    .fit(x.view(), FitContext::default())
                    .unwrap()
                    .model;
                auroc(&forest.score(x.view()).unwrap(), 200)
            })
            .collect();
        let ((ours, our_variance), (mean, variance)) = (mean_and_variance(&ours), mean_and_variance(theirs));
        let standard_error = ((our_variance + variance) / theirs.len() as f64).sqrt();
        assert!((ours - mean).abs() < 3.0 * standard_error, "{name}: {ours} {mean} ± {standard_error}");
    }
}

#[test]
fn a_density_by_hand() {
    // Two rows, 0 and 1, cut at t: half of the rows in t and in 1 − t of the range.
    let x = Array2::from_shape_vec((2, 1), vec![0.0, 1.0]).unwrap();
    let config = IsolationForestConfig { trees: 1, scoring: IsolationScoring::Density, ..Default::default() };
    let forest = config.fit(x.view(), FitContext::default()).unwrap().model;
    let t = f64::from(forest.to_parts().threshold[0]);
    let densities = forest.log_densities(x.view()).unwrap();
    for (ours, by_hand) in densities.iter().zip([(0.5 / t).ln(), (0.5 / (1.0 - t)).ln()]) {
        assert!((ours - by_hand).abs() < 1e-6, "{ours} {by_hand}");
    }
    let scores = forest.score(x.view()).unwrap();
    assert_eq!(bits(&scores), [-densities[0] as f32, -densities[1] as f32].map(f32::to_bits));
    assert!(forest.path_lengths(x.view()).unwrap_err().to_string().starts_with("`scoring` must be `depth`"));
}

#[test]
fn the_density_of_categories_counts_categories() {
    // Three categories, one on one side: 8 of 10 rows, or 1, in a third of the categories, or in two.
    let mut x = Array2::zeros((10, 1));
    (x[[8, 0]], x[[9, 0]]) = (1.0, 2.0);
    let config = IsolationForestConfig {
        trees: 1,
        max_depth: Some(1),
        scoring: IsolationScoring::Density,
        categorical: vec![0],
        ..Default::default()
    };
    let parts = config.fit(x.view(), FitContext::default()).unwrap().model.to_parts();
    for (samples, density) in parts.samples.iter().zip(&parts.log_density).skip(1) {
        let share = if [1, 8].contains(samples) { 1.0 / 3.0 } else { 2.0 / 3.0 };
        let by_hand = (f64::from(*samples) / 10.0 / share).ln();
        assert!((density - by_hand).abs() < 1e-12, "{samples} rows: {density} {by_hand}");
    }
}

#[test]
fn pooled_gain_cuts_first_between_two_clusters() {
    let x = Array2::from_shape_fn((100, 1), |(i, _)| if i < 40 { i as f32 / 40.0 } else { 9.0 + i as f32 });
    let config = IsolationForestConfig { trees: 5, splits: POOLED, ..Default::default() };
    let parts = config.fit(x.view(), FitContext::default()).unwrap().model.to_parts();
    let mut root = 0;
    for &count in &parts.node_counts {
        // Halfway between 39 / 40 and 49.
        assert_eq!(parts.threshold[root], 24.9875);
        root += count as usize;
    }
}

#[test]
fn planes_do_not_depend_on_the_units() {
    let x = clusters(500, 3, 20);
    let mut y = x.clone();
    y.column_mut(1).mapv_inplace(|value| value * 1024.0);
    for splits in [EXTENDED, IsolationSplits::fair_cut()] {
        let config = IsolationForestConfig { trees: 20, splits, ..Default::default() };
        let forest = config.fit(x.view(), FitContext::default()).unwrap().model;
        assert!(forest.is_oblique());
        let scaled = config.fit(y.view(), FitContext::default()).unwrap().model;
        assert_eq!(bits(&forest.score(x.view()).unwrap()), bits(&scaled.score(y.view()).unwrap()));
    }
}

#[test]
fn columns_that_are_constant_are_in_no_plane() {
    let mut x = clusters(300, 3, 20);
    x.column_mut(1).fill(5.0);
    let config = IsolationForestConfig { trees: 20, splits: EXTENDED, ..Default::default() };
    let parts = config.fit(x.view(), FitContext::default()).unwrap().model.to_parts();
    assert!(!parts.plane_features.contains(&1));
    // One column alone makes planes of one term.
    let config = IsolationForestConfig { trees: 3, splits: EXTENDED, ..Default::default() };
    let parts = config.fit(x.slice(s![.., ..2]), FitContext::default()).unwrap().model.to_parts();
    assert!(parts.plane_weights.chunks(2).all(|weights| weights[0] != 0.0 && weights[1] == 0.0));
}

#[test]
fn values_at_the_ends_of_their_type_are_scored_by_every_variant() {
    let x = Array2::from_shape_fn((64, 3), |(i, j)| match (i + j) % 4 {
        0 => f32::MAX,
        1 => f32::MIN,
        2 => f32::from_bits(1),
        _ => i as f32,
    });
    for config in variants().into_iter().filter(|config| config.categorical.is_empty()) {
        let scores = config.fit(x.view(), FitContext::default()).unwrap().model.score(x.view()).unwrap();
        assert!(scores.iter().all(|score| score.is_finite()), "{config:?}");
    }
}

#[test]
fn missing_values_follow_the_others_in_proportion() {
    // 30 rows of 0 and 10 of 1: a row without a value goes to the side of 30 in three of four trees.
    let x = Array2::from_shape_fn((40, 1), |(i, _)| f32::from(u8::from(i >= 30)));
    let config =
        IsolationForestConfig { trees: 2000, missing: IsolationMissing::Learn, ..Default::default() };
    let forest = config.fit(x.view(), FitContext::default()).unwrap().model;
    let parts = forest.to_parts();
    let left = parts.missing_left.iter().map(|&left| usize::from(left)).sum::<usize>();
    // Binomial(2000, 0.75): mean 1500, standard deviation 19.4.
    assert!(left.abs_diff(1500) < 80, "{left}");
    // Its path is the mean of theirs.
    let rows = Array2::from_shape_vec((3, 1), vec![0.0, 1.0, f32::NAN]).unwrap();
    let paths = forest.path_lengths(rows.view()).unwrap();
    let share = left as f64 / 2000.0;
    assert!((paths[2] - share * paths[0] - (1.0 - share) * paths[1]).abs() < 1e-9, "{paths:?}");
}

#[test]
fn missing_values_are_rejected_or_learned_and_infinities_always_rejected() {
    let mut x = numbers(50, 3);
    x[[7, 1]] = f32::NAN;
    let refuse = IsolationForestConfig { trees: 5, ..Default::default() };
    let follow = IsolationForestConfig { missing: IsolationMissing::Learn, ..refuse.clone() };
    assert_eq!(
        refuse.fit(x.view(), FitContext::default()).unwrap_err().to_string(),
        "row 7, column `1`: NaN is not finite"
    );
    let forest = follow.fit(x.view(), FitContext::default()).unwrap().model;
    assert!(forest.score(x.view()).unwrap().iter().all(|score| (0.0..1.0).contains(score)));
    assert!(forest.path_lengths(x.view()).is_ok());
    x[[9, 2]] = f32::INFINITY;
    for error in
        [forest.score(x.view()).unwrap_err(), follow.fit(x.view(), FitContext::default()).unwrap_err()]
    {
        assert_eq!(error.to_string(), "row 9, column `2`: inf is not finite");
    }
    // A column without any value is cut nowhere.
    x.column_mut(2).fill(f32::NAN);
    assert!(!follow.fit(x.view(), FitContext::default()).unwrap().model.to_parts().feature.contains(&2));
}

#[test]
fn rare_categories_are_isolated_and_unknown_ones_are_scored() {
    let mut x = Array2::from_shape_fn((1000, 2), |(i, j)| ((i + j) % 3) as f32);
    x[[0, 0]] = 700.0;
    let config = IsolationForestConfig { max_samples: 1000, categorical: vec![0, 1], ..Default::default() };
    let forest = config.fit(x.view(), FitContext::default()).unwrap().model;
    let scores = forest.score(x.view()).unwrap();
    assert!(scores[1..].iter().all(|&score| score < scores[0]));
    let unknown = Array2::from_shape_vec((4, 2), vec![-3.0, 0.0, 1e9, 1.0, 1.5, 2.0, 5.0, 5.0]).unwrap();
    assert!(forest.score(unknown.view()).unwrap().iter().all(|score| (0.0..1.0).contains(score)));

    for bad in [0.5, -1.0, 1024.0, f32::MAX] {
        x[[3, 1]] = bad;
        let error = config.fit(x.view(), FitContext::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        let expected = "`row 3, column 1` must be a category, a whole number in 0..1024";
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}

#[test]
fn every_variant_gives_the_same_bits_for_any_batch_and_number_of_threads() {
    for config in variants() {
        let x = rows_for(&config, 5000);
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let forest = config.fit(x.view(), FitContext::default()).unwrap().model;
                let scores = bits(&forest.score(x.view()).unwrap());
                (forest, scores)
            })
        };
        let ((forest, scores), (other, parallel)) = (on(1), on(4));
        assert_eq!(forest.to_parts(), other.to_parts(), "{config:?}");
        assert_eq!(scores, parallel, "{config:?}");
        let column_major = x.t().as_standard_layout().to_owned();
        assert_eq!(bits(&forest.score(column_major.t()).unwrap()), scores, "{config:?}");
        let rows = x.axis_chunks_iter(Axis(0), 1).take(100);
        let one_by_one: Vec<f32> = rows.map(|row| forest.score(row).unwrap()[0]).collect();
        assert_eq!(bits(&one_by_one), scores[..100], "{config:?}");
    }
}

#[test]
fn parts_of_every_variant_make_the_same_forest() {
    for config in variants() {
        let x = rows_for(&config, 300);
        let forest = config.fit(x.view(), FitContext::default()).unwrap().model;
        let text = serde_json::to_string(&forest.to_parts()).unwrap();
        let again = IsolationForest::from_parts(&serde_json::from_str(&text).unwrap()).unwrap();
        assert_eq!(again.to_parts(), forest.to_parts());
        assert_eq!(bits(&again.score(x.view()).unwrap()), bits(&forest.score(x.view()).unwrap()));
    }
}

#[test]
fn the_text_of_a_standard_forest_is_what_it_always_was() {
    let parts = IsolationForestConfig { trees: 1, ..Default::default() }
        .fit(Array2::zeros((5, 1)).view(), FitContext::default())
        .unwrap()
        .model
        .to_parts();
    assert_eq!(
        serde_json::to_string(&parts).unwrap(),
        r#"{"config":{"trees":1,"max_samples":256,"max_depth":null,"seed":0},"n_features":1,"sample_size":5,"node_counts":[1],"feature":[-1],"threshold":[0.0],"right":[0],"samples":[5]}"#
    );
    let config: IsolationForestConfig = serde_json::from_str(
        r#"{"splits": {"kind": "pooled_gain"}, "scoring": "density", "missing": "learn"}"#,
    )
    .unwrap();
    assert_eq!(config.splits, POOLED);
}

#[test]
fn settings_out_of_their_domain_are_named() {
    let pooled = |features, tries, share| IsolationSplits::PooledGain { features, tries, share };
    let base = IsolationForestConfig::default;
    let cases = [
        (
            IsolationForestConfig { splits: IsolationSplits::Extended { features: 1 }, ..base() },
            "splits.features",
        ),
        (
            IsolationForestConfig { splits: IsolationSplits::Extended { features: 9 }, ..base() },
            "splits.features",
        ),
        (IsolationForestConfig { splits: pooled(0, 1, 1.0), ..base() }, "splits.features"),
        (IsolationForestConfig { splits: pooled(1, 0, 1.0), ..base() }, "splits.tries"),
        (IsolationForestConfig { splits: pooled(1, 65, 1.0), ..base() }, "splits.tries"),
        (IsolationForestConfig { splits: pooled(1, 1, f64::NAN), ..base() }, "splits.share"),
        (IsolationForestConfig { splits: pooled(1, 1, 1.1), ..base() }, "splits.share"),
        (IsolationForestConfig { splits: EXTENDED, missing: IsolationMissing::Learn, ..base() }, "missing"),
        (IsolationForestConfig { splits: EXTENDED, categorical: vec![0], ..base() }, "categorical"),
        (IsolationForestConfig { categorical: vec![3], ..base() }, "categorical"),
        (IsolationForestConfig { categorical: vec![1, 1], ..base() }, "categorical"),
        (IsolationForestConfig { categorical: vec![1, 0], ..base() }, "categorical"),
    ];
    for (config, name) in cases {
        let error = config.fit(numbers(20, 3).view(), FitContext::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.to_string().starts_with(&format!("`{name}` must be ")), "{error}");
    }
}

#[test]
fn a_grown_forest_is_the_forest_fitted_at_once() {
    for config in variants() {
        let x = rows_for(&config, 300);
        let all = config.fit(x.view(), FitContext::default()).unwrap().model;
        let few = IsolationForestConfig { trees: 5, ..config.clone() }
            .fit(x.view(), FitContext::default())
            .unwrap()
            .model;
        let grown = few.grow(x.view(), 4).unwrap().grow(x.view(), 3).unwrap();
        assert_eq!(grown.to_parts(), all.to_parts());
        assert_eq!(bits(&grown.score(x.view()).unwrap()), bits(&all.score(x.view()).unwrap()));
    }
}

#[test]
fn forests_that_cannot_grow_return_errors() {
    let x = numbers(50, 3);
    let forest = IsolationForestConfig { trees: 5, ..Default::default() }
        .fit(x.view(), FitContext::default())
        .unwrap()
        .model;
    let error = |result: Result<IsolationForest>| result.unwrap_err().to_string();
    assert_eq!(error(forest.grow(x.view(), 0)), "`trees` must be at least 1, got 0");
    assert_eq!(error(forest.grow(x.view(), 9_996)), "`trees` must be in 1..=10000, got 10001");
    assert!(error(forest.grow(x.view(), usize::MAX)).starts_with("`trees` must be in 1..=10000"));
    assert_eq!(error(forest.grow(x.slice(s![.., ..2]), 1)), "feature columns: expected 3, got 2");
    assert_eq!(error(forest.grow(x.slice(s![..1, ..]), 1)), "training rows: needs at least 2, got 1");
}

#[test]
fn merged_forests_score_by_the_paths_that_they_expect() {
    let x = numbers(300, 3);
    let of = |seed, trees| IsolationForestConfig { trees, seed, ..Default::default() };
    let large = of(1, 30).fit(x.view(), FitContext::default()).unwrap().model;
    let small = of(2, 20).fit(x.slice(s![..40, ..]), FitContext::default()).unwrap().model;
    let both = IsolationForest::merge(&[large.clone(), small.clone()]).unwrap();
    assert_eq!((both.n_trees(), both.sample_size()), (50, 256));
    let c = |n: f64| 2.0 * ((n - 1.0).ln() + std::f64::consts::EULER_GAMMA) - 2.0 * (n - 1.0) / n;
    let expected = 30.0 * c(256.0) + 20.0 * c(40.0);
    let paths = large.path_lengths(x.view()).unwrap().into_iter().zip(small.path_lengths(x.view()).unwrap());
    for (score, (large, small)) in both.score(x.view()).unwrap().iter().zip(paths) {
        let by_hand = (-(30.0 * large + 20.0 * small) / expected).exp2();
        assert!((f64::from(*score) - by_hand).abs() < 6e-8);
    }
    let parts = both.to_parts();
    assert_eq!(parts.sample_sizes, [[256; 30].as_slice(), &[40; 20]].concat());
    let again = IsolationForest::from_parts(&parts).unwrap();
    assert_eq!(bits(&again.score(x.view()).unwrap()), bits(&both.score(x.view()).unwrap()));
}

#[test]
fn every_variant_is_merged_tree_by_tree() {
    for config in variants() {
        let x = rows_for(&config, 300);
        let fit = |seed| {
            IsolationForestConfig { seed, ..config.clone() }
                .fit(x.view(), FitContext::default())
                .unwrap()
                .model
        };
        let (a, b) = (fit(1), fit(2));
        let both = IsolationForest::merge(&[a.clone(), b.clone()]).unwrap();
        let score = |forest: &IsolationForest| forest.score(x.view()).unwrap();
        for ((both, a), b) in score(&both).iter().zip(score(&a)).zip(score(&b)) {
            // The mean of the means; of their logarithms where the score is a power.
            let by_hand = match config.scoring {
                IsolationScoring::Depth => (a * b).sqrt(),
                IsolationScoring::Density => f32::midpoint(a, b),
            };
            assert!((both - by_hand).abs() < 1e-5, "{both} {by_hand}");
        }
    }
}

#[test]
fn forests_that_do_not_belong_together_are_not_merged() {
    let x = numbers(50, 3);
    let of = |seed| IsolationForestConfig { trees: 5, seed, ..Default::default() };
    let first = of(1).fit(x.view(), FitContext::default()).unwrap().model;
    let error = |config: IsolationForestConfig| {
        let other = config.fit(x.view(), FitContext::default()).unwrap().model;
        IsolationForest::merge(&[first.clone(), other]).unwrap_err().to_string()
    };
    assert_eq!(error(of(1)), "`forests[1].seed` must be another seed than forests[0] has, got 1");
    assert_eq!(
        error(IsolationForestConfig { max_depth: Some(3), ..of(2) }),
        "`forests[1].max_depth` must be None, as the first's, got Some(3)"
    );
    for (config, name) in [
        (IsolationForestConfig { splits: POOLED, ..of(2) }, "splits"),
        (IsolationForestConfig { scoring: IsolationScoring::Density, ..of(2) }, "scoring"),
        (IsolationForestConfig { missing: IsolationMissing::Learn, ..of(2) }, "missing"),
        (IsolationForestConfig { categorical: vec![1], ..of(2) }, "categorical"),
    ] {
        assert!(error(config).starts_with(&format!("`forests[1].{name}` must be ")));
    }
    let narrow = of(2).fit(x.slice(s![.., ..2]), FitContext::default()).unwrap().model;
    let error = IsolationForest::merge(&[first.clone(), narrow]).unwrap_err();
    assert_eq!(error.to_string(), "feature columns: expected 3, got 2");
    assert_eq!(IsolationForest::merge(&[]).unwrap_err().kind(), ErrorKind::InsufficientData);
}

#[test]
fn hostile_arrays_of_the_variants_are_rejected_by_name() {
    type Damage = fn(&mut IsolationForestParts);
    let refused = |config: &IsolationForestConfig, damage: Damage, expected: &str| {
        let x = rows_for(config, 300);
        let mut parts = config.fit(x.view(), FitContext::default()).unwrap().model.to_parts();
        damage(&mut parts);
        let error = IsolationForest::from_parts(&parts).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.to_string().starts_with(expected), "{expected}: {error}");
    };
    let [standard, extended, .., mixed] = variants().try_into().map(|v: [_; 8]| v).unwrap();
    let cases: [(&IsolationForestConfig, Damage, &str); 28] = [
        (&standard, |p| p.missing_left = vec![1; p.feature.len()], "`missing_left` must be an array of 0"),
        (&standard, |p| p.log_density = vec![0.0; p.feature.len()], "`log_density` must be an array of 0"),
        (&standard, |p| p.plane_offsets.push(0.0), "`plane_offsets` must be an array of 0"),
        (&standard, |p| p.plane_features.push(0), "`plane_features` must be an array of 0"),
        (&standard, |p| p.category_counts.push(0), "`category_counts` must be an array of 0"),
        (&standard, |p| p.categories.push(0), "`category_counts` must be 1 categories in all"),
        (&standard, |p| p.sample_sizes = vec![64], "`sample_sizes` must be an array of 12"),
        (&standard, |p| p.sample_sizes = vec![65; 12], "`sample_sizes` must be 64 at most, got 65"),
        (
            &standard,
            |p| {
                p.sample_sizes = vec![64; 12];
                p.sample_sizes[3] = 1;
            },
            "`sample_sizes[3]` must be at least 2, got 1",
        ),
        (
            &standard,
            |p| {
                p.sample_sizes = vec![64; 12];
                p.sample_sizes[3] = 40;
            },
            "`trees[3].samples[0]` must be 40, got 64",
        ),
        (&extended, |p| p.plane_features[3] = 4, "`plane_features[3]` must be below 4, got 4"),
        (&extended, |p| p.plane_weights[3] = f32::NAN, "`plane_weights[3]` must be a finite number"),
        (&extended, |p| p.plane_offsets[3] = f64::INFINITY, "`plane_offsets[3]` must be a finite number"),
        (&extended, |p| p.plane_features.truncate(5), "`plane_features` must be an array of "),
        (&extended, |p| p.plane_weights.truncate(5), "`plane_weights` must be an array of "),
        (&extended, |p| p.plane_offsets.truncate(5), "`plane_features` must be an array of 10"),
        (&extended, |p| p.feature[0] = 100_000, "`trees[0].feature[0]` must be below "),
        (&extended, |p| p.threshold[0] = 1.0, "`trees[0].threshold[0]` must be 0 on a category or a plane"),
        (&extended, |p| p.config.splits = IsolationSplits::Random, "`plane_offsets` must be an array of 0"),
        (&mixed, |p| p.missing_left[0] = 2, "`trees[0].missing_left[0]` must be 0 or 1"),
        (&mixed, |p| p.missing_left.truncate(5), "`missing_left` must be an array of "),
        (&mixed, |p| p.log_density[0] = 1.0, "`trees[0].log_density[0]` must be 0 in an inner node"),
        (&mixed, |p| *p.log_density.last_mut().unwrap() = f64::NAN, "`trees[11].value["),
        (&mixed, |p| p.categories[0] = 1024, "`categories[0]` must be ascending numbers below 1024"),
        (&mixed, |p| p.categories.truncate(1), "`category_counts` must be 1 categories in all"),
        (&mixed, |p| p.category_counts.push(0), "`category_counts` must be an array of "),
        (&mixed, |p| p.config.categorical = vec![0], "`category_counts` must be an array of "),
        (&mixed, |p| p.config.categorical = vec![0, 1, 2], "`trees["),
    ];
    for (config, damage, expected) in cases {
        refused(config, damage, expected);
    }
}
