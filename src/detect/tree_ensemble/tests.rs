use ndarray::{Array2, array};

use super::*;
use crate::detect::tree::Test;

fn leaf(value: f64) -> Node {
    Node::Leaf { value, cover: 1.0 }
}

fn split(feature: u32, test: Test, missing_left: bool, right: u32) -> Node {
    Node::Split { feature, test, missing_left, right, cover: 2.0 }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// Feature 0 at most 1.5 gives `low`, else `high`; a missing value goes right.
fn stump(low: f64, high: f64) -> Vec<Node> {
    vec![split(0, Test::AtMost(1.5), false, 2), leaf(low), leaf(high)]
}

fn output(base: f64, trees: Vec<Vec<Node>>) -> Output {
    Output { base, trees, categories: Vec::new() }
}

fn rows() -> Array2<f32> {
    array![[1.5, 0.0], [2.0, 0.0], [f32::NAN, 0.0]]
}

#[test]
fn a_logistic_ensemble_by_hand() {
    let set = Categories::new([1, 70]);
    let by_category = vec![split(1, Test::OneOf(0), true, 2), leaf(0.25), leaf(-0.5)];
    let output = Output { base: 0.5, trees: vec![stump(-1.0, 2.0), by_category], categories: vec![set] };
    let model =
        TreeEnsemble::from_outputs(2, names(&["clean", "attack"]), vec![output], Link::Logistic).unwrap();
    let x = array![[1.5, 1.0], [1.6, 70.9], [f32::NAN, 2.0], [0.0, f32::NAN]];
    let margins = model.margins(x.view()).unwrap();
    assert_eq!(margins, array![[-0.25], [2.75], [2.0], [-0.25]]);
    assert_eq!(model.score(x.view()).unwrap(), [-0.25, 2.75, 2.0, -0.25]);
    let p = model.probabilities(x.view()).unwrap();
    assert!((p[[2, 1]] - 1.0 / (1.0 + (-2.0_f64).exp())).abs() < 1e-15);
    assert!(p.rows().into_iter().all(|row| (row.sum() - 1.0).abs() < 1e-15));
    assert_eq!((model.n_outputs(), model.n_trees()), (1, 2));
    assert_eq!(TreeEnsemble::from_parts(&model.to_parts()).unwrap().to_parts(), model.to_parts());
}

#[test]
fn a_softmax_ensemble_by_hand() {
    let outputs = vec![
        output(0.0, vec![stump(3.0, 0.0)]),
        output(1.0, vec![stump(0.0, 1.0)]),
        output(-400.0, vec![stump(0.0, 1400.0)]),
    ];
    let model = TreeEnsemble::from_outputs(2, names(&["a", "b", "c"]), outputs, Link::Softmax).unwrap();
    let margins = model.margins(rows().view()).unwrap();
    assert_eq!(margins, array![[3.0, 1.0, -400.0], [0.0, 2.0, 1000.0], [0.0, 2.0, 1000.0]]);
    // ln((e^1 + e^−400) / e^3) and ln((e^2 + e^1000) / e^0)
    assert_eq!(model.score(rows().view()).unwrap(), [-2.0, 1000.0, 1000.0]);
    let p = model.probabilities(rows().view()).unwrap();
    assert!((p[[0, 0]] - 1.0 / (1.0 + (-2.0_f64).exp())).abs() < 1e-15);
    assert_eq!(p.row(1).to_vec(), [0.0, 0.0, 1.0]);
}

#[test]
fn a_mean_of_probabilities_by_hand() {
    let one = vec![output(0.0, vec![stump(0.25, 1.0), stump(0.5, 0.75)])];
    let model = TreeEnsemble::from_outputs(2, names(&["a", "b"]), one, Link::Mean).unwrap();
    assert_eq!(model.score(rows().view()).unwrap(), [0.375, 0.875, 0.875]);
    assert_eq!(model.probabilities(rows().view()).unwrap().row(0).to_vec(), [0.625, 0.375]);
    assert_eq!(TreeEnsemble::from_parts(&model.to_parts()).unwrap().to_parts(), model.to_parts());

    let three =
        [(0.5, 0.0), (0.25, 0.75), (0.25, 0.25)].map(|(low, high)| output(0.0, vec![stump(low, high)]));
    let model = TreeEnsemble::from_outputs(2, names(&["a", "b", "c"]), three.into(), Link::Mean).unwrap();
    assert_eq!(model.score(rows().view()).unwrap(), [0.5, 1.0, 1.0]);
    assert_eq!(model.probabilities(rows().view()).unwrap().row(0).to_vec(), [0.5, 0.25, 0.25]);
}

#[test]
fn errors_name_what_is_rejected() {
    let build = |classes: &[&str], outputs, link| {
        TreeEnsemble::from_outputs(2, names(classes), outputs, link).unwrap_err().to_string()
    };
    let two = || vec![output(0.0, vec![]), output(0.0, vec![stump(0.0, f64::NAN)])];
    assert_eq!(build(&["a"], two(), Link::Softmax), "`classes` must be two or more names, got 1");
    assert_eq!(build(&["a", "a"], two(), Link::Softmax), "`classes[1]` must be a new name, got a");
    assert_eq!(
        build(&["a", "b"], two(), Link::Logistic),
        "`outputs` must be 1 output for 2 classes, got 2 for 2"
    );
    assert!(build(&["a", "b"], two(), Link::Softmax).starts_with("`value` must be leaf values whose sums"));
    let mut bad = stump(0.0, 1.0);
    bad[0] = split(2, Test::AtMost(0.0), true, 2);
    assert_eq!(
        build(&["a", "b"], vec![output(0.0, vec![]), output(0.0, vec![bad])], Link::Softmax),
        "`outputs[1].trees[0].feature[0]` must be below 2, or -1 in a leaf, got 2"
    );

    let model = || {
        let outputs = vec![output(0.0, vec![stump(0.0, 1.0)])];
        TreeEnsemble::from_outputs(2, names(&["a", "b"]), outputs, Link::Logistic).unwrap()
    };
    let mut x = rows();
    x[[1, 1]] = f32::INFINITY;
    let message = |model: &TreeEnsemble| model.score(x.view()).unwrap_err().to_string();
    assert_eq!(message(&model()), "row 1, column `1`: inf is not finite");
    x[[1, 1]] = f32::NAN;
    let refusing = model().without_missing();
    assert!(model().score(x.view()).is_ok() && !refusing.accepts_missing());
    assert_eq!(refusing.score(x.view()).unwrap_err().to_string(), "row 1, column `1`: NaN is not finite");
    assert!(!TreeEnsemble::from_parts(&refusing.to_parts()).unwrap().accepts_missing());
    let error = model().with_feature_names(names(&["only"])).unwrap_err();
    assert_eq!(error.to_string(), "feature names: expected 2, got 1");
}

/// Two outputs of three trees each, with a category.
fn parts() -> TreeEnsembleParts {
    let by_category = vec![split(1, Test::OneOf(0), true, 2), leaf(0.25), leaf(-0.5)];
    let output = |base| Output {
        base,
        trees: vec![stump(-1.0, 2.0), by_category.clone(), vec![leaf(3.0)]],
        categories: vec![Categories::new([1, 70])],
    };
    let classes = names(&["clean", "attack"]);
    TreeEnsemble::from_outputs(2, classes, vec![output(0.5), output(1.0)], Link::Softmax).unwrap().to_parts()
}

#[test]
fn parts_that_make_no_ensemble_are_rejected_by_name() {
    let refused = |change: &dyn Fn(&mut TreeEnsembleParts), message: &str| {
        let mut parts = parts();
        change(&mut parts);
        let error = TreeEnsemble::from_parts(&parts).unwrap_err().to_string();
        assert!(error.contains(message), "{error}, not {message}");
    };
    TreeEnsemble::from_parts(&parts()).unwrap();
    refused(&|p| p.n_features = 0, "`n_features`");
    refused(&|p| p.n_features = 1, "`outputs[0].trees[1].feature[0]` must be below 1");
    refused(&|p| p.feature_names = Some(names(&["a"])), "feature names: expected 2, got 1");
    refused(&|p| p.classes.truncate(1), "`classes`");
    refused(&|p| p.link = Link::Logistic, "`outputs` must be 1 output");
    refused(&|p| p.link = Link::Mean, "`averaged` must be true");
    refused(&|p| p.missing_range = vec![0.0], "`missing_range` must be the lowest and the highest");
    refused(&|p| p.missing_range = vec![1.0, 0.0], "`missing_range`");
    refused(&|p| p.missing_range = vec![f32::NAN, 0.0], "`missing_range`");
    refused(&|p| p.missing_kept = vec![0], "`missing_range`");
    refused(&|p| p.missing_kept = vec![1, 1], "`missing_kept` must be ascending");
    refused(
        &|p| (p.missing_range, p.accepts_missing) = (vec![0.0, 0.0], false),
        "`missing` must be NaN in a model without missing values",
    );
    refused(&|p| p.category_names = Some(vec![]), "category names: expected 2, got 0");
    refused(
        &|p| p.category_names = Some(vec![vec![], vec![CategoryName::Number(f64::NAN)]]),
        "`category_names[1]` must be finite numbers",
    );
    refused(&|p| p.base[1] = f64::NAN, "`value` must be leaf values");
    refused(&|p| p.base.push(0.0), "`tree_counts` must be an array of 3");
    refused(&|p| p.tree_counts[0] = 1_000_000_000, "`node_counts` must be an array of 1000000003");
    refused(&|p| p.node_counts[0] = 1_000_000_000, "`feature` must be an array of 1000000011");
    refused(&|p| p.set_counts[0] = 9, "`category_sets` must be an array of 10");
    refused(&|p| p.category_sets[1] = vec![2, 1], "`category_sets[1]` must be ascending");
    refused(&|p| p.category_sets[0] = vec![65_536], "`category_sets[0]`");
    refused(&|p| p.cover.truncate(13), "`cover` must be an array of 14, got 13 entries");
    refused(&|p| p.cover[3] = -1.0, "`outputs[0].trees[1].cover[0]`");
    refused(&|p| p.right[0] = 0, "`outputs[0].trees[0].right[0]`");
    refused(&|p| p.right[0] = 1, "`outputs[0].trees[0].right[0]`");
    refused(&|p| p.right[0] = 3, "`outputs[0].trees[0].right[0]`");
    refused(&|p| p.feature[1] = 0, "`trees[0].value[1]` must be 0 in a split");
    refused(&|p| p.feature[1] = -2, "`trees[0].feature[1]` must be a feature, or -1");
    refused(&|p| p.right[1] = 1, "`trees[0].feature[1]` must be a leaf with threshold 0");
    refused(&|p| p.value[0] = 1.0, "`trees[0].value[0]` must be 0 in a split");
    refused(&|p| p.threshold[0] = f32::INFINITY, "`outputs[0].trees[0].threshold[0]`");
    refused(&|p| p.threshold[3] = 1.0, "`trees[1].threshold[0]` must be 0 where categories");
    refused(&|p| p.category_set[3] = 1, "`outputs[0].trees[1].categories[0]` must be below 1");
    refused(&|p| p.category_set[3] = -2, "`trees[1].category_set[0]`");
    refused(&|p| p.node_counts[0..2].copy_from_slice(&[4, 2]), "`outputs[0].trees[0]");
}

#[test]
fn threads_and_the_order_of_the_matrix_do_not_change_a_bit() {
    let model = TreeEnsemble::from_parts(&parts()).unwrap();
    let x = Array2::from_shape_fn((9_000, 2), |(i, j)| (i * (j + 3) % 80) as f32 / 2.0);
    let by_column = x.t().as_standard_layout().into_owned().reversed_axes();
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| (model.score(x.view()).unwrap(), model.margins(by_column.view()).unwrap()))
    };
    let (scores, margins) = on(1);
    assert_eq!(on(4), (scores.clone(), margins.clone()));
    assert_eq!(model.margins(x.view()).unwrap(), margins);
    let one_by_one: Vec<f32> =
        x.outer_iter().flat_map(|row| model.score(row.insert_axis(ndarray::Axis(0))).unwrap()).collect();
    assert_eq!(one_by_one, scores);
}

/// A LightGBM model that separates three epoch seconds which are equal in 32 bits, and 2^24 from 2^24 + 1.
fn seconds() -> TreeEnsemble {
    let text = "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=1\n\
        objective=binary sigmoid:1\nfeature_names=start counter\n\n\
        Tree=0\nnum_leaves=3\nnum_cat=0\nsplit_feature=0 0\nthreshold=1700000010.5 1700000020.5\n\
        decision_type=2 2\nleft_child=-1 -2\nright_child=1 -3\nleaf_value=1 2 4\nis_linear=0\n\n\
        Tree=1\nnum_leaves=2\nnum_cat=0\nsplit_feature=1\nthreshold=16777216\ndecision_type=2\n\
        left_child=-1\nright_child=-2\nleaf_value=8 16\nis_linear=0\n\nend of trees\n";
    TreeEnsemble::from_lightgbm(text).unwrap()
}

#[test]
fn numbers_of_64_bits_are_compared_as_they_are() {
    let model = seconds();
    let x = array![
        [1_700_000_010.5, 16_777_216.0],
        [1_700_000_010.6, 16_777_217.0],
        [1_700_000_020.5, 16_777_216.000_001],
        [1_700_000_020.6, 0.0],
        [1e39, -1e300],
        [f64::MIN, f64::MAX],
    ];
    let want = [9.0, 18.0, 18.0, 12.0, 12.0, 17.0];
    assert_eq!(model.score_f64(x.view()).unwrap(), want);
    let explained = model.explain_f64(x.view()).unwrap();
    explained.check().unwrap();
    assert_eq!(explained.scores, want.map(f64::from));
    let p = model.probabilities_f64(x.view()).unwrap();
    assert_eq!(p.column(1).to_vec(), want.map(|score| crate::stats::logistic(f64::from(score))));
    for (row, &score) in x.rows().into_iter().zip(&want) {
        assert_eq!(model.score_f64(row.insert_axis(ndarray::Axis(0))).unwrap(), [score]);
    }
    // f32 values are compared as they are too: these are the ones next to the thresholds.
    let narrow = array![[1_700_000_000.0, 16_777_216.0], [1_700_000_128.0, 16_777_218.0]];
    assert_eq!(model.score(narrow.mapv(|value: f64| value as f32).view()).unwrap(), [9.0, 20.0]);
    assert_eq!(model.score_f64(narrow.view()).unwrap(), [9.0, 20.0]);

    let parts = model.to_parts();
    assert_eq!(
        parts.exact_threshold,
        [1_700_000_010.5, 0.0, 1_700_000_020.5, 0.0, 0.0, 16_777_216.0, 0.0, 0.0]
    );
    let loaded = TreeEnsemble::from_parts(&parts).unwrap();
    assert_eq!((loaded.to_parts(), loaded.score_f64(x.view()).unwrap()), (parts, want.to_vec()));
    let turned = model.clone().with_clean_class("1").unwrap();
    assert_eq!(turned.score_f64(x.view()).unwrap(), want.map(|score| -score));
    let bytes = crate::detect::AnyDetector::from(model).to_bytes().unwrap();
    let read = crate::detect::AnyDetector::from_bytes(&bytes).unwrap();
    assert_eq!(read.score_f64(x.view()).unwrap(), want);
}

#[test]
fn infinities_of_64_bits_are_rejected_by_row_and_column() {
    let model = seconds();
    let mut x = Array2::zeros((3, 2));
    x[[2, 1]] = f64::NEG_INFINITY;
    let error = model.score_f64(x.view()).unwrap_err();
    assert_eq!(error.to_string(), "row 2, column `1`: -inf is not finite");
    // Another model rounds, and 1e39 has no f32.
    let outputs = vec![output(0.0, vec![stump(-1.0, 2.0)])];
    let plain = TreeEnsemble::from_outputs(2, names(&["a", "b"]), outputs, Link::Logistic).unwrap();
    assert!(!plain.compares_f64() && model.compares_f64());
    assert_eq!(plain.score_f64(array![[1.5, 0.0], [1.500_000_1, 0.0]].view()).unwrap(), [-1.0, 2.0]);
    assert!(plain.score_f64(array![[1e39, 0.0]].view()).is_err());
}

#[test]
fn a_file_with_other_exact_thresholds_is_rejected() {
    let good = seconds().to_parts();
    let broken = |change: &dyn Fn(&mut TreeEnsembleParts)| {
        let mut parts = good.clone();
        change(&mut parts);
        TreeEnsemble::from_parts(&parts).unwrap_err().to_string()
    };
    assert!(broken(&|p| p.exact_threshold.truncate(1)).contains("`exact_threshold` must be an array of 8"));
    assert!(broken(&|p| p.exact_threshold[0] = 1.5).contains("`trees[0].threshold[0]`"));
    assert!(broken(&|p| p.exact_threshold[1] = 1.5).contains("`trees[0].exact_threshold[1]`"));
    assert!(
        broken(&|p| p.exact_threshold[0] = f64::NAN).contains("`thresholds of feature 0` must be finite")
    );
    assert!(broken(&|p| p.threshold[5] = 16_777_218.0).contains("`trees[1].threshold[0]`"));
}
