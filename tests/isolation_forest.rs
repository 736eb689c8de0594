//! The isolation forest as its users see it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use proptest::prelude::*;
use qosguard::detect::{
    Detector, Fit, FitContext, IsolationForest, IsolationForestConfig, IsolationForestParts,
};
use qosguard::ndarray::{Array2, ArrayView2, Axis, s};
use qosguard::{Error, ErrorKind};

/// The numbers that `tests/oracle/isolation_forest.py` has written.
#[derive(serde::Deserialize)]
struct Oracle {
    exported: Exported,
    auroc: Vec<f64>,
}

#[derive(serde::Deserialize)]
struct Exported {
    parts: IsolationForestParts,
    x: Vec<Vec<f32>>,
    path_lengths: Vec<f64>,
    scores: Vec<f64>,
}

fn oracle() -> Oracle {
    serde_json::from_str(include_str!("oracle/isolation_forest.json")).unwrap()
}

/// The next number of the congruential generator that the oracle uses.
fn lcg(state: &mut u32) -> u32 {
    *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    *state
}

/// Bell-shaped rows, as the oracle's `clouds`; the first `attacks` are spread twice as wide.
fn clouds(rows: usize, features: usize, attacks: usize) -> Array2<f32> {
    let mut state = 12345;
    Array2::from_shape_fn((rows, features), |(i, _)| {
        let total: u32 = (0..4).map(|_| lcg(&mut state) >> 16).sum();
        (total as f32 - 131_070.0) / 32_768.0 * if i < attacks { 2.0 } else { 1.0 }
    })
}

fn config(trees: usize, max_samples: usize) -> IsolationForestConfig {
    IsolationForestConfig { trees, max_samples, ..Default::default() }
}

fn bits(scores: &[f32]) -> Vec<u32> {
    scores.iter().map(|score| score.to_bits()).collect()
}

/// Scores by the definition, from the exact path lengths.
fn scores_by_definition(forest: &IsolationForest, x: &ArrayView2<'_, f32>) -> Vec<f64> {
    let n = forest.sample_size() as f64;
    let c = if n > 2.0 {
        2.0 * ((n - 1.0).ln() + std::f64::consts::EULER_GAMMA) - 2.0 * (n - 1.0) / n
    } else {
        1.0
    };
    forest.path_lengths(*x).unwrap().iter().map(|path| (-path / c).exp2()).collect()
}

#[test]
fn path_lengths_and_scores_equal_scikit_learns_on_the_same_trees() {
    let Exported { parts, x, path_lengths, scores } = oracle().exported;
    let forest = IsolationForest::from_parts(&parts).unwrap();
    assert_eq!(forest.to_parts(), parts);
    let x = Array2::from_shape_vec((x.len(), 4), x.concat()).unwrap();
    for (ours, theirs) in forest.path_lengths(x.view()).unwrap().iter().zip(&path_lengths) {
        assert!((ours - theirs).abs() < 1e-12, "{ours} {theirs}");
    }
    for (ours, theirs) in forest.score(x.view()).unwrap().iter().zip(&scores) {
        assert!((f64::from(*ours) - theirs).abs() < 6e-8, "{ours} {theirs}");
    }
}

/// Area under the ROC curve when the first `attacks` rows are the attacks, and no scores are equal.
fn auroc(scores: &[f32], attacks: usize) -> f64 {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let rank_sum: usize =
        order.iter().enumerate().filter(|(_, row)| **row < attacks).map(|(i, _)| i + 1).sum();
    let wins = rank_sum - attacks * (attacks + 1) / 2;
    wins as f64 / (attacks * (scores.len() - attacks)) as f64
}

fn mean_and_variance(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0))
}

#[test]
fn it_ranks_as_well_as_scikit_learn() {
    let theirs = oracle().auroc;
    let x = clouds(4000, 6, 200);
    let ours: Vec<f64> = (0..theirs.len() as u64)
        .map(|seed| {
            let forest = IsolationForestConfig { seed, ..Default::default() }
                .fit(x.view(), FitContext::default())
                .unwrap()
                .model;
            auroc(&forest.score(x.view()).unwrap(), 200)
        })
        .collect();
    let ((our_mean, our_variance), (mean, variance)) = (mean_and_variance(&ours), mean_and_variance(&theirs));
    let standard_error = ((our_variance + variance) / theirs.len() as f64).sqrt();
    assert!((our_mean - mean).abs() < 3.0 * standard_error, "{our_mean} {mean} ± {standard_error}");
}

#[test]
fn scores_are_the_same_bits_for_any_number_of_threads() {
    let x = clouds(10_000, 5, 0);
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let forest = config(30, 256).fit(x.view(), FitContext::default()).unwrap().model;
            (forest.to_parts(), bits(&forest.score(x.view()).unwrap()))
        })
    };
    assert_eq!(on(1), on(4));
}

#[test]
fn the_seed_and_only_the_seed_changes_the_forest() {
    let x = clouds(500, 3, 0);
    let fit = |seed| {
        IsolationForestConfig { seed, ..config(10, 64) }
            .fit(x.view(), FitContext::default())
            .unwrap()
            .model
            .to_parts()
    };
    assert_eq!(fit(1), fit(1));
    assert_ne!(fit(1).threshold, fit(2).threshold);
}

#[test]
fn trees_have_the_depth_that_was_asked_for() {
    let x = clouds(5000, 4, 0);
    let deepest = |config: IsolationForestConfig| {
        let parts = config.fit(x.view(), FitContext::default()).unwrap().model.to_parts();
        let mut first = 0;
        let mut deepest = 0;
        for &count in &parts.node_counts {
            let mut pending = vec![(0, 0)];
            while let Some((node, depth)) = pending.pop() {
                deepest = deepest.max(depth);
                if parts.feature[first + node] >= 0 {
                    pending.extend([(node + 1, depth + 1), (parts.right[first + node] as usize, depth + 1)]);
                }
            }
            first += count as usize;
        }
        deepest
    };
    assert_eq!(deepest(config(20, 256)), 8);
    assert_eq!(deepest(config(20, 257)), 9);
    assert_eq!(deepest(IsolationForestConfig { max_depth: Some(2), ..config(20, 256) }), 2);
    assert!(deepest(IsolationForestConfig { max_depth: Some(32), ..config(20, 256) }) > 10);
}

/// Forests of every layout and rows of every order in memory: the fast walk is the slow walk.
#[test]
fn scores_follow_from_the_path_lengths_for_any_size_and_layout() {
    for (features, max_samples, rows) in [
        (1, 2, 1),
        (3, 16, 15),
        (7, 256, 300),
        (42, 256, 129),
        (130, 64, 145),
        (9000, 32, 33),
        (2, 4096, 200),
    ] {
        let x = clouds(rows.max(max_samples), features, 3);
        let forest = config(13, max_samples).fit(x.view(), FitContext::default()).unwrap().model;
        let x = x.slice(s![..rows, ..]);
        let expected: Vec<f32> =
            scores_by_definition(&forest, &x).iter().map(|&score| score as f32).collect();
        let scores = forest.score(x).unwrap();
        for (score, expected) in scores.iter().zip(&expected) {
            assert!(
                (score - expected).abs() <= f32::EPSILON / 2.0,
                "{features} features, {max_samples} samples"
            );
        }
        let column_major = x.t().as_standard_layout().to_owned();
        assert_eq!(bits(&forest.score(column_major.t()).unwrap()), bits(&scores), "{features} features");
        let mut reversed = x.to_owned();
        reversed.invert_axis(Axis(0));
        let mut backwards = forest.score(reversed.view()).unwrap();
        backwards.reverse();
        assert_eq!(bits(&backwards), bits(&scores), "{features} features");
    }
}

/// So much room that the fast layout would be too large: a way of 32 cuts in one tree of many.
#[test]
fn a_forest_too_deep_for_the_fast_layout_scores_all_the_same() {
    let x = Array2::from_shape_fn((300, 1), |(i, _)| (i as f32).exp2().min(f32::MAX));
    let forest = IsolationForestConfig { max_depth: Some(32), ..config(40, 128) }
        .fit(x.view(), FitContext::default())
        .unwrap()
        .model;
    assert!(forest.size_in_bytes() < 1 << 20);
    let scores = forest.score(x.view()).unwrap();
    for (score, expected) in scores.iter().zip(scores_by_definition(&forest, &x.view())) {
        assert!((f64::from(*score) - expected).abs() < 6e-8);
    }
}

#[test]
fn the_default_forest_stays_below_a_megabyte() {
    let forest = IsolationForestConfig::default()
        .fit(clouds(5000, 42, 0).view(), FitContext::default())
        .unwrap()
        .model;
    assert!(forest.size_in_bytes() <= 1_000_000, "{} bytes", forest.size_in_bytes());
}

#[test]
fn constant_columns_are_never_cut() {
    let mut x = clouds(1000, 4, 0);
    x.column_mut(0).fill(7.0);
    x.column_mut(3).fill(-1.0);
    let parts = config(50, 128).fit(x.view(), FitContext::default()).unwrap().model.to_parts();
    assert!(parts.feature.iter().all(|feature| [-1, 1, 2].contains(feature)));
    assert!(parts.feature.contains(&1) && parts.feature.contains(&2));
}

#[test]
fn equal_rows_score_one_half() {
    let x = Array2::from_elem((100, 3), 4.0);
    let forest = config(10, 64).fit(x.view(), FitContext::default()).unwrap().model;
    assert_eq!(bits(&forest.score(x.view()).unwrap()), [0.5_f32.to_bits(); 100]);
    assert_eq!(forest.to_parts().node_counts, [1; 10]);
}

#[test]
fn two_rows_are_enough() {
    let x = Array2::from_shape_vec((2, 1), vec![0.0, 1.0]).unwrap();
    let forest = IsolationForestConfig::default().fit(x.view(), FitContext::default()).unwrap().model;
    assert_eq!(forest.sample_size(), 2);
    // Each row is alone after one cut, and c(2) = 1.
    assert_eq!(forest.path_lengths(x.view()).unwrap(), [1.0, 1.0]);
    assert_eq!(bits(&forest.score(x.view()).unwrap()), [0.5_f32.to_bits(); 2]);
}

#[test]
fn scoring_rejects_rows_that_it_cannot_score() {
    let mut x = clouds(9000, 3, 0);
    let forest = config(5, 64).fit(x.view(), FitContext::default()).unwrap().model;
    assert!(forest.score(Array2::zeros((0, 3)).view()).unwrap().is_empty());

    let wide = forest.score(Array2::zeros((2, 4)).view()).unwrap_err();
    assert_eq!(wide.to_string(), "feature columns: expected 3, got 4");
    let short = forest.score_into(x.view(), &mut [0.0; 2]).unwrap_err();
    assert_eq!(short.kind(), ErrorKind::ShapeMismatch);
    assert_eq!(short.to_string(), "scores to write: expected 9000, got 2");

    x[[8999, 0]] = f32::INFINITY;
    x[[8123, 2]] = f32::NAN;
    for error in [forest.score(x.view()).unwrap_err(), forest.path_lengths(x.view()).map(drop).unwrap_err()] {
        assert!(matches!(&error, Error::NotFinite { row: 8123, column, .. } if column == "2"), "{error}");
    }
}

/// One tree of three nodes: column 0 at most 1.5, or above.
fn stump() -> IsolationForestParts {
    IsolationForestParts {
        config: config(1, 4),
        n_features: 2,
        sample_size: 4,
        node_counts: vec![3],
        feature: vec![0, -1, -1],
        threshold: vec![1.5, 0.0, 0.0],
        right: vec![2, 0, 0],
        samples: vec![4, 3, 1],
        ..Default::default()
    }
}

#[test]
fn a_stump_by_hand() {
    let forest = IsolationForest::from_parts(&stump()).unwrap();
    let x = Array2::from_shape_vec((2, 2), vec![1.5, 9.0, 1.6, 9.0]).unwrap();
    let c3 = 2.0 * (2_f64.ln() + std::f64::consts::EULER_GAMMA) - 4.0 / 3.0;
    assert_eq!(forest.path_lengths(x.view()).unwrap(), [1.0 + c3, 1.0]);
}

#[test]
fn hostile_parts_are_rejected_by_name() {
    type Damage = fn(&mut IsolationForestParts);
    let cases: [(Damage, &str); 22] = [
        (|p| p.config.trees = 2, "`node_counts` must be an array of 2"),
        (|p| p.config.trees = 0, "`trees` must be in 1..=10000"),
        (|p| p.n_features = 0, "`n_features` must be"),
        (|p| p.n_features = usize::MAX, "`n_features` must be"),
        (|p| p.sample_size = 1, "`sample_size` must be in 2..=4"),
        (|p| p.sample_size = 5, "`sample_size` must be in 2..=4"),
        (|p| p.sample_size = 3, "`trees[0].samples[0]` must be 3, got 4"),
        (|p| p.node_counts = vec![4], "`node_counts` must be 3 nodes in all, got 4"),
        (|p| p.node_counts = vec![2], "`node_counts` must be 3 nodes in all, got 2"),
        (|p| p.threshold.truncate(2), "`threshold` must be an array of 3"),
        (|p| p.right.push(0), "`right` must be an array of 3"),
        (|p| p.samples.clear(), "`samples` must be an array of 3"),
        (|p| p.feature[0] = 2, "`trees[0].feature[0]` must be below 2"),
        (|p| p.feature[0] = -2, "`feature[0]` must be a feature, or -1 in a leaf"),
        (|p| p.feature[0] = -1, "`feature[0]` must be a leaf with threshold 0 and right 0"),
        (|p| p.feature[2] = 1, "`trees[0]."),
        (|p| p.threshold[0] = f32::NAN, "`trees[0].threshold[0]` must be a finite number, got NaN"),
        (|p| p.threshold[0] = f32::INFINITY, "`trees[0].threshold[0]` must be a finite number, got inf"),
        (|p| p.right[0] = 0, "`trees[0]."),
        (|p| p.right[0] = 1, "`trees[0]."),
        (|p| p.right[0] = 3, "`trees[0].right[0]` must be above 1 and below 3, got 3"),
        (|p| p.samples[2] = 2, "`trees[0].samples[0]` must be 5, the sum of its children, got 4"),
    ];
    for (i, (damage, expected)) in cases.into_iter().enumerate() {
        let mut parts = stump();
        damage(&mut parts);
        let error = IsolationForest::from_parts(&parts).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.to_string().starts_with(expected), "case {i}: {error}");
    }
}

/// A chain: each node's left child is a leaf of one row, its right child the next node.
#[test]
fn a_tree_deeper_than_the_cap_is_rejected() {
    let chain = |cuts: u32| IsolationForestParts {
        config: config(1, 64),
        n_features: 1,
        sample_size: cuts as usize + 1,
        node_counts: vec![2 * cuts + 1],
        feature: (0..=2 * cuts).map(|i| if i % 2 == 0 && i < 2 * cuts { 0 } else { -1 }).collect(),
        threshold: vec![0.0; 2 * cuts as usize + 1],
        right: (0..=2 * cuts).map(|i| if i % 2 == 0 && i < 2 * cuts { i + 2 } else { 0 }).collect(),
        samples: (0..=2 * cuts).map(|i| if i % 2 == 0 { cuts + 1 - i / 2 } else { 1 }).collect(),
        ..Default::default()
    };
    assert_eq!(IsolationForest::from_parts(&chain(32)).unwrap().to_parts(), chain(32));
    let error = IsolationForest::from_parts(&chain(33)).unwrap_err();
    assert!(error.to_string().contains("a leaf, 32 edges below the root"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_batch_is_its_rows_one_by_one(
        (rows, features) in (2_usize..300, 1_usize..6),
        values in prop::collection::vec((-3_i8..3).prop_map(f32::from), 1500),
        seed: u64,
    ) {
        let x = Array2::from_shape_fn((rows, features), |(i, j)| values[(i * features + j) % values.len()]);
        let forest = IsolationForestConfig { seed, ..config(9, 32) }.fit(x.view(), FitContext::default()).unwrap().model;
        let batch = forest.score(x.view()).unwrap();
        prop_assert!(batch.iter().all(|&score| 0.0 < score && score < 1.0));
        let one_by_one: Vec<f32> =
            x.axis_chunks_iter(Axis(0), 1).map(|row| forest.score(row).unwrap()[0]).collect();
        prop_assert_eq!(bits(&batch), bits(&one_by_one));
    }

    #[test]
    fn parts_make_the_same_forest(rows in 2_usize..200, seed: u64) {
        let x = clouds(rows, 3, 1);
        let forest = IsolationForestConfig { seed, ..config(5, 64) }.fit(x.view(), FitContext::default()).unwrap().model;
        let text = serde_json::to_string(&forest.to_parts()).unwrap();
        let again = IsolationForest::from_parts(&serde_json::from_str(&text).unwrap()).unwrap();
        prop_assert_eq!(again.to_parts(), forest.to_parts());
        prop_assert_eq!(bits(&again.score(x.view()).unwrap()), bits(&forest.score(x.view()).unwrap()));
    }

    /// Any content of the arrays gives an error, or a forest that scores.
    #[test]
    fn arbitrary_nodes_never_panic(
        nodes in prop::collection::vec((-2_i32..3, -1.0_f32..1.0, 0_u32..9, 0_u32..5), 0..9),
    ) {
        let parts = IsolationForestParts {
            node_counts: vec![nodes.len() as u32],
            feature: nodes.iter().map(|node| node.0).collect(),
            threshold: nodes.iter().map(|node| node.1).collect(),
            right: nodes.iter().map(|node| node.2).collect(),
            samples: nodes.iter().map(|node| node.3).collect(),
            ..stump()
        };
        if let Ok(forest) = IsolationForest::from_parts(&parts) {
            prop_assert!(forest.score(Array2::zeros((20, 2)).view()).is_ok());
        }
    }
}
