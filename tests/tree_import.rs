//! Models of other libraries: what they say, and what makes no model.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use qosguard::detect::{AnyDetector, CategoryName, Classifier, Detector, Link, TreeEnsemble};
use qosguard::ndarray::{Array2, array};
use qosguard::{Error, ErrorKind};

/// A model and what `tests/oracle/tree_import.py` has written about it.
#[derive(serde::Deserialize)]
struct Case {
    library: String,
    name: String,
    model: String,
    x: Vec<Vec<Option<f32>>>,
    margins: Option<Vec<Vec<f64>>>,
    f32_margins: Option<Vec<Vec<f64>>>,
    probabilities: Vec<Vec<f64>>,
}

impl Case {
    fn read(&self) -> TreeEnsemble {
        match self.library.as_str() {
            "lightgbm" => TreeEnsemble::from_lightgbm(&self.model),
            "xgboost" => TreeEnsemble::from_xgboost_json(&self.model),
            _ => TreeEnsemble::from_sklearn_json(&self.model),
        }
        .unwrap_or_else(|error| panic!("{} {}: {error}", self.library, self.name))
    }

    fn x(&self) -> Array2<f32> {
        Array2::from_shape_fn((self.x.len(), self.x[0].len()), |(i, j)| self.x[i][j].unwrap_or(f32::NAN))
    }
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("oracle/tree_import.json")).unwrap()
}

fn case(library: &str, name: &str) -> Case {
    cases().into_iter().find(|case| case.library == library && case.name == name).unwrap()
}

fn matrix(rows: &[Vec<f64>]) -> Array2<f64> {
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap()
}

#[test]
fn margins_equal_the_libraries_to_the_last_bit() {
    let mut compared = 0;
    for case in cases() {
        let ours = case.read().margins(case.x().view()).unwrap();
        let Some(margins) = &case.margins else { continue };
        let theirs = matrix(margins);
        for ((place, ours), theirs) in ours.indexed_iter().zip(&theirs) {
            // The margin of XGBoost's base score is a logarithm, whose last bit is the platform's.
            let room = if case.library == "xgboost" { 1e-15 * theirs.abs() } else { 0.0 };
            let name = (&case.library, &case.name, place);
            assert!((ours - theirs).abs() <= room, "{name:?}: {ours} {theirs}");
            compared += 1;
        }
        for (ours, theirs) in ours.iter().zip(case.f32_margins.iter().flatten().flatten()) {
            assert!((ours - theirs).abs() <= 1e-6 * theirs.abs().max(1.0), "{}: {ours} {theirs}", case.name);
        }
    }
    assert!(compared > 600, "{compared}");
}

#[test]
fn probabilities_and_scores_equal_the_libraries() {
    for case in cases() {
        let model = case.read();
        let (x, theirs) = (case.x(), matrix(&case.probabilities));
        let ours = model.probabilities(x.view()).unwrap();
        let scores = model.score(x.view()).unwrap();
        let room = if case.library == "xgboost" { 1e-6 } else { 1e-14 };
        for (row, theirs) in theirs.rows().into_iter().enumerate() {
            // LightGBM and XGBoost give one number for two classes.
            let ours = ours.row(row).to_vec();
            let last = &ours[ours.len() - theirs.len()..];
            for (ours, theirs) in last.iter().zip(theirs) {
                assert!(
                    (ours - theirs).abs() <= room,
                    "{} {} {row}: {ours} {theirs}",
                    case.library,
                    case.name
                );
            }
            assert!((ours.iter().sum::<f64>() - 1.0).abs() < 1e-14);
            let attack = if model.link() == Link::Mean {
                f64::from(scores[row])
            } else {
                1.0 / (1.0 + (-f64::from(scores[row])).exp())
            };
            assert!((attack - (1.0 - ours[0])).abs() < 1e-6, "{} {} {row}", case.library, case.name);
        }
    }
}

#[test]
fn names_classes_and_missing_values_come_along() {
    let model = case("lightgbm", "categories").read();
    assert_eq!(model.feature_names().unwrap(), ["Column_0", "Column_1", "Column_2", "Column_3"]);
    assert_eq!((model.classes(), model.n_trees(), model.n_outputs()), (&["0".into(), "1".into()][..], 6, 1));
    assert_eq!(case("xgboost", "multiclass").read().n_outputs(), 3);
    let boosted = case("sklearn", "gradient boosting").read();
    assert!(!boosted.accepts_missing());
    let error = boosted.score(array![[0.0, f32::NAN, 0.0, 0.0]].view()).unwrap_err();
    assert_eq!(error.to_string(), "row 0, column `1`: NaN is not finite");
}

#[test]
fn parts_hold_everything() {
    for case in cases() {
        let model = case.read();
        let parts = model.to_parts();
        let text = serde_json::to_string(&parts).unwrap();
        let again = TreeEnsemble::from_parts(&serde_json::from_str(&text).unwrap()).unwrap();
        assert_eq!(again.to_parts(), parts);
        let x = case.x();
        assert_eq!(again.margins(x.view()).unwrap(), model.margins(x.view()).unwrap());
    }
}

#[test]
fn another_class_may_be_the_clean_one() {
    for (library, name) in [
        ("lightgbm", "missing"),
        ("lightgbm", "random forest"),
        ("sklearn", "random forest"),
        ("xgboost", "multiclass"),
    ] {
        let case = case(library, name);
        let x = case.x();
        let model = case.read();
        let last = model.classes().last().unwrap().clone();
        let turned = case.read().with_clean_class(&last).unwrap();
        assert_eq!(turned.classes()[0], last);
        let (before, after) =
            (model.probabilities(x.view()).unwrap(), turned.probabilities(x.view()).unwrap());
        for (before, after) in before.rows().into_iter().zip(after.rows()) {
            assert!((before[before.len() - 1] - after[0]).abs() < 1e-15);
            assert!((before[0] - after[1]).abs() < 1e-15);
        }
        let error = case.read().with_clean_class("other").unwrap_err();
        assert!(matches!(error, Error::InvalidArgument { .. }), "{error}");
    }
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let model = case("xgboost", "missing").read();
    assert_eq!(model.clone().with_classes(names(&["a", "b"])).unwrap().classes(), ["a", "b"]);
    assert!(
        model.clone().with_classes(names(&["a"])).is_err() && model.with_classes(names(&["a", "a"])).is_err()
    );
}

/// What a changed model is refused with.
fn refusal(library: &str, name: &str, from: &str, to: &str) -> (ErrorKind, String) {
    let mut case = case(library, name);
    assert!(case.model.contains(from), "{from:?} is not in {library} {name}");
    case.model = case.model.replacen(from, to, 1);
    let error = match library {
        "lightgbm" => TreeEnsemble::from_lightgbm(&case.model),
        "xgboost" => TreeEnsemble::from_xgboost_json(&case.model),
        _ => TreeEnsemble::from_sklearn_json(&case.model),
    }
    .unwrap_err();
    (error.kind(), error.to_string())
}

#[test]
fn malformed_lightgbm_text_is_rejected_by_line_or_node() {
    let refused = |from: &str, to: &str, kind, message: &str| {
        let (got, text) = refusal("lightgbm", "categories", from, to);
        assert_eq!(got, kind, "{text}");
        assert!(text.contains(message), "{text}");
    };
    let (bad, invalid) = (ErrorKind::BadRecord, ErrorKind::InvalidArgument);
    refused("tree\n", "forest\n", bad, "line 1");
    refused("version=v4", "version=v5", bad, "line 2, column `version`");
    refused("num_leaves=7", "num_leaves=1000000000", bad, "column `num_leaves`");
    refused("split_feature=", "split_feature=x ", bad, "\"x\" is not a number");
    refused(
        "left_child=1 ",
        "left_child=0 ",
        invalid,
        "trees[0].left_child[0]` must be a node that is reached once",
    );
    refused("left_child=1 ", "left_child=6 ", invalid, "trees[0].left_child[0]` must be a split below 6");
    refused("left_child=1 ", "left_child=-8 ", invalid, "got -8");
    refused("max_feature_idx=3", "max_feature_idx=0", invalid, "split_feature[");
    refused("objective=binary sigmoid:1", "objective=lambdarank", invalid, "objective` must be `binary`");
    refused("objective=binary sigmoid:1", "objective=binary sigmoid:0", bad, "sigmoid above 0");
    refused("is_linear=0", "is_linear=1", invalid, "linear trees are not supported");
    refused("decision_type=", "decision_type=300 ", bad, "decision_type");
    refused("end of trees", "", bad, "`end of trees`");
    refused("Tree=1\n", "Tree=3\n", bad, "column `Tree`");
    refused("cat_boundaries=0 ", "cat_boundaries=9 ", invalid, "cat_boundaries[0]");
    refused("leaf_value=", "leaf_value=nan ", bad, "num_leaves");
    let text = case("lightgbm", "missing").model;
    for cut in (0..text.len()).step_by(97) {
        TreeEnsemble::from_lightgbm(&text[..cut]).unwrap_err();
    }
}

#[test]
fn zero_taken_for_missing_goes_where_missing_values_go() {
    let text = |splits: usize, thresholds: &str, decisions: &str, features: &str| {
        let children = ["-1", "-1 -2"][splits - 1];
        let right = ["-2", "1 -3"][splits - 1];
        let values = ["1 2", "1 2 3"][splits - 1];
        format!(
            "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=1\nobjective=binary\n\
             feature_names=a b\nTree=0\nnum_leaves={}\nnum_cat=0\nsplit_feature={features}\n\
             threshold={thresholds}\ndecision_type={decisions}\nleft_child={children}\nright_child={right}\n\
             leaf_value={values}\nend of trees\n",
            splits + 1
        )
    };
    let scores = |threshold: &str, decision: &str| {
        let model = TreeEnsemble::from_lightgbm(&text(1, threshold, decision, "0")).unwrap();
        let x = array![[0.0], [1e-35], [-1e-36], [f32::NAN], [1.0], [-1.0], [2e-35]];
        let x = Array2::from_shape_fn((7, 2), |(i, j)| if j == 0 { x[[i, 0]] } else { 0.0 });
        let scores = model.score(x.view()).unwrap();
        assert_eq!(TreeEnsemble::from_parts(&model.to_parts()).unwrap().score(x.view()).unwrap(), scores);
        let explained = model.explain(x.view()).unwrap().scores;
        assert!(scores.iter().zip(explained).all(|(&score, explained)| f64::from(score) == explained));
        let turned = model.with_clean_class("1").unwrap().score(x.view()).unwrap();
        assert!(scores.iter().zip(turned).all(|(score, turned)| *score == -turned));
        scores
    };
    // 6: 0 is missing and goes left; 4: it goes right; 0 and 2: NaN is taken for 0.
    assert_eq!(scores("0.5", "6"), [1.0, 1.0, 1.0, 1.0, 2.0, 1.0, 1.0]);
    assert_eq!(scores("-0.5", "6"), [1.0, 1.0, 1.0, 1.0, 2.0, 1.0, 2.0]);
    assert_eq!(scores("0.5", "4"), [2.0, 2.0, 2.0, 2.0, 2.0, 1.0, 1.0]);
    assert_eq!(scores("-0.5", "4"), [2.0, 2.0, 2.0, 2.0, 2.0, 1.0, 2.0]);
    assert_eq!(scores("0.5", "2")[3], 1.0);
    assert_eq!(scores("-0.5", "2")[3], 2.0);
    // A feature that takes 0 for missing in one split alone.
    let error = TreeEnsemble::from_lightgbm(&text(2, "0.5 1.5", "6 2", "0 0")).unwrap_err().to_string();
    assert!(
        error.contains("trees[0].decision_type[0]` must be one that all splits of the feature have"),
        "{error}"
    );
    // Another feature keeps its zeros.
    let model = TreeEnsemble::from_lightgbm(&text(2, "0.5 -1.5", "4 2", "0 1")).unwrap();
    assert_eq!(model.score(array![[0.0, 0.0], [0.0, -2.0]].view()).unwrap(), [3.0, 2.0]);
}

/// A classifier that XGBoost has saved, and what `tests/oracle/xgboost_formats.py` has written about it.
const UBJ: &[u8] = include_bytes!("oracle/xgboost_classifier.ubj");

#[derive(serde::Deserialize)]
struct Classified {
    names: Vec<String>,
    rounds: usize,
    x: Vec<Vec<Option<f32>>>,
    probabilities: Vec<f64>,
    booster: Vec<f64>,
}

#[test]
fn the_file_of_an_xgboost_classifier_predicts_as_the_classifier() {
    let expected: Classified = serde_json::from_str(include_str!("oracle/xgboost_classifier.json")).unwrap();
    let x = Array2::from_shape_fn((expected.x.len(), 3), |(i, j)| expected.x[i][j].unwrap_or(f32::NAN));
    let close = |model: &TreeEnsemble, theirs: &[f64]| {
        let ours = model.probabilities(x.view()).unwrap();
        ours.column(1).iter().zip(theirs).all(|(ours, theirs)| (ours - theirs).abs() < 1e-6)
    };
    let read = |bytes: &[u8]| TreeEnsemble::from_xgboost_slice(bytes).unwrap();
    let model = read(UBJ).with_missing_value(0.0).unwrap();
    assert_eq!(model.n_trees(), expected.rounds);
    assert_eq!(model.feature_names().unwrap(), ["a", "service", "b"]);
    let names = expected.names.iter().cloned().map(CategoryName::Text).collect();
    assert_eq!(model.category_names().unwrap(), [Vec::new(), names, Vec::new()]);
    assert!(close(&model, &expected.probabilities) && !close(&model, &expected.booster));
    assert!(!close(&read(UBJ), &expected.probabilities), "0 is missing");

    // A booster's file lacks the attribute that a classifier writes.
    let at = UBJ.windows(12).position(|name| name == b"scikit_learn").unwrap();
    let mut booster = UBJ.to_vec();
    booster[at] = b'S';
    let booster = read(&booster).with_missing_value(0.0).unwrap();
    assert!(booster.n_trees() > model.n_trees() && close(&booster, &expected.booster));

    // Everything comes along in parts and in a detector's file.
    let parts = model.to_parts();
    let text = serde_json::to_string(&parts).unwrap();
    let again = TreeEnsemble::from_parts(&serde_json::from_str(&text).unwrap()).unwrap();
    assert_eq!(again.to_parts(), parts);
    let stored = AnyDetector::from_bytes(&AnyDetector::from(model.clone()).to_bytes().unwrap()).unwrap();
    assert_eq!(stored.score(x.view()).unwrap(), model.score(x.view()).unwrap());
    let AnyDetector::TreeEnsemble(stored) = stored else { panic!("another detector") };
    assert_eq!(stored.to_parts(), parts);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.ubj");
    std::fs::write(&path, UBJ).unwrap();
    assert_eq!(TreeEnsemble::from_xgboost_json_file(&path).unwrap().to_parts(), read(UBJ).to_parts());
    for cut in (1..UBJ.len()).step_by(61) {
        let error = TreeEnsemble::from_xgboost_slice(&UBJ[..cut]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadRecord, "{error}");
    }
    assert!(TreeEnsemble::from_xgboost_slice(&[UBJ, b"Z"].concat()).is_err());
}

#[test]
fn a_missing_value_may_be_infinite_and_is_given_once() {
    let case = case("xgboost", "missing");
    let (mut x, expected) = (case.x(), case.read().margins(case.x().view()).unwrap());
    x.mapv_inplace(|value| if value.is_nan() { f32::INFINITY } else { value });
    let model = case.read().with_missing_value(f32::INFINITY).unwrap();
    assert_eq!(model.margins(x.view()).unwrap(), expected);
    x[[3, 2]] = f32::NEG_INFINITY;
    let error = model.score(x.view()).unwrap_err().to_string();
    assert_eq!(error, "row 3, column `2`: -inf is not finite");
    assert!(model.clone().with_missing_value(f32::NAN).is_ok());
    let error = model.with_missing_value(0.0).unwrap_err().to_string();
    assert!(error.contains("`missing` must be NaN in a model that has a missing value"), "{error}");
    let forest = self::case("sklearn", "gradient boosting").read();
    assert!(forest.with_missing_value(0.0).is_err(), "it accepts no missing value");
}

#[test]
fn the_exponential_loss_doubles_the_sums() {
    let case = case("sklearn", "gradient boosting");
    let log_odds = case.read().margins(case.x().view()).unwrap();
    let with_loss = |loss: &str| {
        TreeEnsemble::from_sklearn_json(&case.model.replacen('{', &format!("{{\"loss\": \"{loss}\", "), 1))
    };
    assert_eq!(with_loss("log_loss").unwrap().margins(case.x().view()).unwrap(), log_odds);
    assert_eq!(with_loss("exponential").unwrap().margins(case.x().view()).unwrap(), log_odds * 2.0);
    let error = with_loss("hinge").unwrap_err().to_string();
    assert!(
        error.contains("loss` must be `log_loss`, or `exponential` with two classes, got hinge"),
        "{error}"
    );
}

#[test]
fn other_formats_are_named() {
    let named = |bytes: &[u8], message: &str| {
        for read in [
            TreeEnsemble::from_lightgbm_slice,
            TreeEnsemble::from_xgboost_slice,
            TreeEnsemble::from_sklearn_slice,
        ] {
            let error = read(bytes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BadRecord);
            assert!(error.to_string().contains(message), "{error}");
        }
    };
    named(b"\x80\x04\x95\x12", "\"a pickled Python object\" is not a");
    named(b"x\x9c\x00", "joblib");
    named(b"\x1f\x8b\x08", "gzip");
    named(b"PK\x03\x04", "zip");
    named(b"binf\0\0", "XGBoost's binary format");
    named(b"CBM1", "CatBoost");
    named(b"\0\0\0?\xff", "UTF-8");
    let error = TreeEnsemble::from_lightgbm_slice(UBJ).unwrap_err().to_string();
    assert!(error.contains("UBJSON") && error.contains("import it as an XGBoost model"), "{error}");
}

#[test]
fn malformed_xgboost_text_is_rejected_by_path_or_node() {
    let refused = |name: &str, from: &str, to: &str, kind, message: &str| {
        let (got, text) = refusal("xgboost", name, from, to);
        assert_eq!(got, kind, "{text}");
        assert!(text.contains(message), "{text}");
    };
    let (bad, invalid) = (ErrorKind::BadRecord, ErrorKind::InvalidArgument);
    refused("missing", "{", "", bad, "line 1");
    refused("missing", "\"left_children\":[1", "\"left_children\":[1.5", bad, "trees[0].left_children[0]");
    refused("missing", "\"left_children\":[1", "\"left_children\":[0", invalid, "reached once");
    refused(
        "missing",
        "\"left_children\":[1",
        "\"left_children\":[99",
        invalid,
        "trees[0].left_children[0]`",
    );
    refused("missing", "\"left_children\":[1", "\"left_children\":[-1", invalid, "-1 twice in a leaf");
    refused("missing", "\"split_indices\":[", "\"split_indices\":[4,", invalid, "trees[0].split_indices[");
    refused(
        "missing",
        "\"num_feature\":\"4\",\"num_target\"",
        "\"num_feature\":\"1\",\"num_target\"",
        invalid,
        "split_indices",
    );
    refused("missing", "\"size_leaf_vector\":\"1\"", "\"size_leaf_vector\":\"2\"", invalid, "hold vectors");
    refused("missing", "\"num_target\":\"1\"", "\"num_target\":\"2\"", invalid, "num_target");
    refused("missing", "\"name\":\"gbtree\"", "\"name\":\"gblinear\"", invalid, "gradient_booster.name");
    refused("missing", "binary:logistic", "rank:ndcg", invalid, "objective.name");
    refused("missing", "\"base_score\":\"[", "\"base_score\":\"[2E0,", invalid, "base_score");
    refused(
        "multiclass",
        "\"num_class\":\"3\",\"num_f",
        "\"num_class\":\"99999999999\",\"num_f",
        invalid,
        "num_class",
    );
    refused("multiclass", "\"tree_info\":[0", "\"tree_info\":[3", invalid, "tree_info[0]");
    refused("dart", "\"weight_drop\":[", "\"weight_drop\":[1,", invalid, "weight_drop");
    refused(
        "categories",
        "\"categories_segments\":[0",
        "\"categories_segments\":[999",
        invalid,
        "categories_segments[0]",
    );
    refused("categories", "\"categories\":[0,", "\"categories\":[70000,", invalid, "trees[");
    let text = case("xgboost", "categories").model;
    for cut in (0..text.len()).step_by(97) {
        TreeEnsemble::from_xgboost_json(&text[..cut]).unwrap_err();
    }
}

#[test]
fn malformed_scikit_learn_text_is_rejected_by_path_or_node() {
    let refused = |from: &str, to: &str, kind, message: &str| {
        let (got, text) = refusal("sklearn", "random forest", from, to);
        assert_eq!(got, kind, "{text}");
        assert!(text.contains(message), "{text}");
    };
    let (bad, invalid) = (ErrorKind::BadRecord, ErrorKind::InvalidArgument);
    refused("RandomForestClassifier", "SVC", bad, "column `model`");
    refused("\"left\": [1", "\"left\": [0", invalid, "trees[0].left[0]` must be a node that is reached once");
    refused("\"left\": [1", "\"left\": [-1", invalid, "-1 twice in a leaf");
    refused("\"left\": [1", "\"left\": [1, 2", invalid, "trees[0].right[");
    refused("\"n_features\": 4", "\"n_features\": 0", invalid, "feature[");
    refused("\"classes\": [\"0\", ", "\"classes\": [", invalid, "classes");
    refused("\"classes\": [\"0\", ", "\"classes\": [\"0\", \"2\", ", invalid, "trees[0].value[0]");
    refused("\"threshold\": [", "\"threshold\": [-1e99, ", invalid, "threshold");
    let (kind, text) = refusal("sklearn", "gradient boosting", "\"init\": [", "\"init\": [0.5, ");
    assert!(kind == invalid && text.contains("init"), "{text}");
}

#[test]
fn files_are_read_and_missing_ones_named() {
    let case = case("lightgbm", "missing");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.txt");
    std::fs::write(&path, &case.model).unwrap();
    let model = TreeEnsemble::from_lightgbm_file(&path).unwrap();
    assert_eq!(model.to_parts(), case.read().to_parts());
    std::fs::write(&path, b"tree\nversion=\xff").unwrap();
    let error = TreeEnsemble::from_lightgbm_file(&path).unwrap_err();
    assert!(error.to_string().contains("line 2"), "{error}");
    let error = TreeEnsemble::from_xgboost_json_file(folder.path().join("none.json")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
}

/// Checked by `tests/oracle/onnx_check.py`, which has onnxruntime run it.
const ONNX: &[u8] = include_bytes!("oracle/lightgbm_categories.onnx");

#[test]
fn the_onnx_model_is_the_one_that_onnxruntime_has_run() {
    assert!(
        case("lightgbm", "categories").read().to_onnx().unwrap() == ONNX,
        "run tests/oracle/onnx_check.py"
    );
}

/// `QOSGUARD_ONNX=folder cargo test --test tree_import -- --ignored` writes every case for `onnx_check.py`.
#[test]
#[ignore = "writes files"]
fn write_onnx() {
    let folder = std::path::PathBuf::from(std::env::var("QOSGUARD_ONNX").unwrap());
    for case in cases() {
        let model = case.read();
        let name = format!("{}_{}", case.library, case.name.replace(' ', "_"));
        let x = case.x();
        let rows = |x: &Array2<f64>| x.rows().into_iter().map(|row| row.to_vec()).collect::<Vec<_>>();
        let expected = serde_json::json!({
            "x": case.x,
            "margins": rows(&model.margins(x.view()).unwrap()),
            "probabilities": rows(&model.probabilities(x.view()).unwrap()),
        });
        std::fs::write(folder.join(format!("{name}.onnx")), model.to_onnx().unwrap()).unwrap();
        std::fs::write(folder.join(format!("{name}.json")), expected.to_string()).unwrap();
    }
}
