//! scikit-learn's forests and boosted trees, written as JSON.

use std::path::Path;

use serde::Deserialize;

use super::{Raw, bad, formats, preorder, read};
use crate::detect::tree::{Categories, Node, Test};
use crate::detect::tree_ensemble::thresholds::{Thresholds, at_or_below};
use crate::detect::tree_ensemble::{CategoryName, Link, Output, TreeEnsemble};
use crate::error::{Error, Result};

impl TreeEnsemble {
    /// Reads a classifier of scikit-learn that these lines have written as JSON:
    ///
    /// ```python
    /// def sklearn_json(model):
    ///     """A fitted classifier of trees, as `TreeEnsemble.from_sklearn_json` reads it."""
    ///     kind, trees, init, scale = type(model).__name__, [], None, 1.0
    ///     if kind == "HistGradientBoostingClassifier":
    ///         init = model._baseline_prediction.ravel().tolist()
    ///         for predictor in (p for step in model._predictors for p in step):
    ///             nodes = predictor.nodes
    ///             assert not nodes["is_categorical"].any(), "these lines do not write categories"
    ///             leaf = nodes["is_leaf"].astype(bool)
    ///             trees.append({
    ///                 "left": np.where(leaf, -1, nodes["left"].astype(int)).tolist(),
    ///                 "right": np.where(leaf, -1, nodes["right"].astype(int)).tolist(),
    ///                 "feature": nodes["feature_idx"].tolist(),
    ///                 "threshold": np.where(leaf, 0, np.minimum(nodes["num_threshold"], np.finfo(float).max)).tolist(),
    ///                 "missing_left": nodes["missing_go_to_left"].astype(bool).tolist(),
    ///                 "value": nodes["value"][:, None].tolist(),
    ///                 "samples": nodes["count"].tolist(),
    ///             })
    ///     else:
    ///         if kind == "GradientBoostingClassifier":
    ///             assert model.init is None, "only the default `init`"
    ///             init = model._raw_predict_init(np.zeros((1, model.n_features_in_), np.float32))[0].tolist()
    ///             scale = model.learning_rate
    ///         for tree in (estimator.tree_ for estimator in np.ravel(model.estimators_)):
    ///             trees.append({
    ///                 "left": tree.children_left.tolist(),
    ///                 "right": tree.children_right.tolist(),
    ///                 "feature": tree.feature.tolist(),
    ///                 "threshold": np.minimum(tree.threshold, np.finfo(float).max).tolist(),
    ///                 "missing_left": tree.missing_go_to_left.astype(bool).tolist(),
    ///                 "value": tree.value[:, 0, :].tolist(),
    ///                 "samples": tree.n_node_samples.tolist(),
    ///             })
    ///     names = getattr(model, "feature_names_in_", None)
    ///     return json.dumps({
    ///         "model": kind, "n_features": model.n_features_in_,
    ///         "feature_names": None if names is None else list(names),
    ///         "classes": [str(c) for c in model.classes_],
    ///         "accepts_missing": bool(sklearn.utils.get_tags(model).input_tags.allow_nan),
    ///         "loss": getattr(model, "loss", None), "init": init, "scale": scale, "trees": trees,
    ///     })
    /// ```
    ///
    /// It takes `RandomForestClassifier`, `ExtraTreesClassifier`, `GradientBoostingClassifier` and
    /// `HistGradientBoostingClassifier`. `trees` is ordered by iteration;
    /// each iteration of a boosted model has one tree for every output. A leaf has `left` and `right` −1;
    /// `value` has one entry per class in a forest and one entry in a boosted model. A tree may have `categories`,
    /// for each node the codes that go left, or `null`; the model's `categories` has their names for each feature.
    ///
    /// The sums equal scikit-learn's to the last bit: the mean of the class probabilities of a forest
    /// ([`Link::Mean`]), `init + Σ scale · value` of a boosted model. `loss` is `"log_loss"`, which is the default,
    /// or `"exponential"`, whose sums are doubled: that is the log-odds. The first class is taken for clean
    /// traffic; see [`TreeEnsemble::with_clean_class`].
    ///
    /// # Errors
    ///
    /// [`Error::BadRecord`] by line and path for text that is not such a model; [`Error::InvalidArgument`] by
    /// tree, node and field for nodes that make no tree, and for another loss.
    pub fn from_sklearn_json(text: &str) -> Result<Self> {
        Self::from_sklearn_slice(text.as_bytes())
    }

    /// [`TreeEnsemble::from_sklearn_json`] on bytes.
    ///
    /// # Errors
    ///
    /// Also [`Error::BadRecord`] that names the format of bytes that are not text.
    pub fn from_sklearn_slice(bytes: &[u8]) -> Result<Self> {
        parse(bytes, "scikit-learn model")
    }

    /// [`TreeEnsemble::from_sklearn_json`] on a file of at most 1 GiB.
    ///
    /// # Errors
    ///
    /// Also [`Error::Io`].
    pub fn from_sklearn_json_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        parse(&read(path)?, &path.display().to_string())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    model: Kind,
    n_features: usize,
    feature_names: Option<Vec<String>>,
    classes: Vec<String>,
    accepts_missing: bool,
    /// Of a boosted model; not there in files of older exporters.
    loss: Option<String>,
    /// The names of the categories of each feature.
    categories: Option<Vec<Vec<CategoryName>>>,
    init: Option<Vec<f64>>,
    scale: f64,
    trees: Vec<Tree>,
}

/// The classes of scikit-learn, by their names there.
#[derive(Clone, Copy, Deserialize)]
#[allow(clippy::enum_variant_names, reason = "the names are scikit-learn's")]
enum Kind {
    RandomForestClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tree {
    left: Vec<i64>,
    right: Vec<i64>,
    feature: Vec<i64>,
    threshold: Vec<f64>,
    missing_left: Vec<bool>,
    value: Vec<Vec<f64>>,
    samples: Vec<f32>,
    /// The codes that each node sends left, where it tests categories.
    categories: Option<Vec<Option<Vec<u32>>>>,
}

fn parse(bytes: &[u8], place: &str) -> Result<TreeEnsemble> {
    let text = formats::text(bytes, place, "a scikit-learn model as JSON")?;
    let mut json = serde_json::Deserializer::from_str(text);
    let file: File = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let line = error.inner().line() as u64;
        bad(place, line, &error.path().to_string(), &error.inner().to_string(), "a scikit-learn model")
    })?;
    let refused = |field: &str, expected: String, got: usize| {
        Error::invalid(format!("{place}: {field}"), expected, got)
    };
    let forest = matches!(file.model, Kind::RandomForestClassifier | Kind::ExtraTreesClassifier);
    let classes = file.classes.len();
    let n_outputs = if classes == 2 { 1 } else { classes };
    let per_step = if forest { 1 } else { n_outputs };
    if classes < 2 {
        return Err(refused("classes", "two or more".into(), classes));
    }
    if file.trees.is_empty() || !file.trees.len().is_multiple_of(per_step) {
        return Err(refused("trees", format!("a positive multiple of {per_step}"), file.trees.len()));
    }
    let factor = match (file.loss.as_deref(), n_outputs) {
        (None | Some("log_loss"), _) => 1.0,
        // The probability of this loss is 1 / (1 + e^−2m).
        (Some("exponential"), 1) if !forest => 2.0,
        (Some(loss), _) => {
            let expected = "`log_loss`, or `exponential` with two classes";
            return Err(Error::invalid(format!("{place}: loss"), expected, loss));
        }
    };
    let base = if forest { vec![0.0; n_outputs] } else { file.init.unwrap_or_default() };
    if base.len() != n_outputs {
        return Err(refused("init", format!("{n_outputs} numbers"), base.len()));
    }
    let output = |base| Output { base, trees: Vec::new(), categories: Vec::new() };
    let mut outputs: Vec<Output> = base.into_iter().map(|base| output(factor * base)).collect();
    let values = if forest { classes } else { 1 };
    let trees: Vec<Numbered<'_>> = file
        .trees
        .iter()
        .enumerate()
        .map(|(number, tree)| Numbered { tree, number, place, values })
        .collect();
    trees.iter().try_for_each(Numbered::check)?;
    // The other models compare 32-bit numbers.
    let thresholds = match file.model {
        Kind::HistGradientBoostingClassifier => {
            Some(Thresholds::new(trees.iter().flat_map(Numbered::thresholds))?)
        }
        _ => None,
    };
    for tree in &trees {
        let number = tree.number;
        for (k, output) in outputs.iter_mut().enumerate() {
            // Which of its values a leaf adds to this output, if any.
            let entry = match (forest, n_outputs) {
                (true, 1) => 1,
                (true, _) => k,
                (false, _) if number % n_outputs == k => 0,
                (false, _) => continue,
            };
            let sets = &mut output.categories;
            output.trees.push(tree.nodes(
                file.n_features,
                entry,
                factor * file.scale,
                thresholds.as_ref(),
                sets,
            )?);
        }
    }
    let link = match (forest, n_outputs) {
        (true, _) => Link::Mean,
        (false, 1) => Link::Logistic,
        (false, _) => Link::Softmax,
    };
    let model = TreeEnsemble::from_outputs(file.n_features, file.classes, outputs, link)?;
    let model = if file.accepts_missing { model } else { model.without_missing() };
    let model = match thresholds {
        Some(thresholds) => model.with_thresholds(thresholds),
        None => model,
    };
    let model = match file.feature_names {
        Some(names) => model.with_feature_names(names)?,
        None => model,
    };
    match file.categories {
        Some(names) => model.with_category_names(names),
        None => Ok(model),
    }
}

/// A tree, what an error calls it, and how many values a node has.
struct Numbered<'a> {
    tree: &'a Tree,
    number: usize,
    place: &'a str,
    values: usize,
}

impl Numbered<'_> {
    fn refused(&self, field: &str, node: usize, expected: impl Into<String>, got: impl ToString) -> Error {
        Error::invalid(format!("{}: trees[{}].{field}[{node}]", self.place, self.number), expected, got)
    }

    /// Checks that the arrays belong together.
    fn check(&self) -> Result<()> {
        let (tree, n) = (self.tree, self.tree.left.len());
        let lengths = [
            ("right", tree.right.len()),
            ("feature", tree.feature.len()),
            ("threshold", tree.threshold.len()),
            ("missing_left", tree.missing_left.len()),
            ("value", tree.value.len()),
            ("samples", tree.samples.len()),
            ("categories", tree.categories.as_ref().map_or(n, Vec::len)),
        ];
        if let Some((field, got)) = lengths.into_iter().find(|&(_, length)| length != n) {
            return Err(self.refused(field, got.min(n), format!("{n} entries"), format!("{got} entries")));
        }
        match tree.value.iter().position(|values| values.len() != self.values) {
            Some(node) => {
                let (expected, got) = (format!("{} numbers", self.values), tree.value[node].len());
                Err(self.refused("value", node, expected, got))
            }
            None => Ok(()),
        }
    }

    /// The features and the finite thresholds of the splits that compare numbers.
    fn thresholds(&self) -> impl Iterator<Item = (u32, f64)> {
        let tree = self.tree;
        let is_split = |&id: &usize| tree.left[id] != -1 || tree.right[id] != -1;
        let by_number =
            |&id: &usize| tree.categories.as_ref().is_none_or(|categories| categories[id].is_none());
        let ids = (0..tree.left.len()).filter(is_split).filter(by_number);
        ids.filter_map(|id| Some((u32::try_from(tree.feature[id]).ok()?, tree.threshold[id])))
            .filter(|(_, threshold)| threshold.is_finite())
    }

    /// The tree in preorder, each leaf with this one of its values; its category sets follow those that are there.
    fn nodes(
        &self,
        n_features: usize,
        entry: usize,
        scale: f64,
        thresholds: Option<&Thresholds>,
        sets: &mut Vec<Categories>,
    ) -> Result<Vec<Node>> {
        // The set of each node that tests categories.
        let set_of = self.sets(sets)?;
        let (tree, n) = (self.tree, self.tree.left.len());
        let node = |id: usize| {
            let (left, right, cover) = (tree.left[id], tree.right[id], tree.samples[id]);
            if left == -1 && right == -1 {
                return Ok(Raw::Leaf { value: scale * tree.value[id][entry], cover });
            }
            let child = |field, child: i64| match usize::try_from(child) {
                Ok(child) if child < n => Ok(child),
                _ => Err(self.refused(field, id, format!("a node below {n}, or -1 twice in a leaf"), child)),
            };
            let (left, right) = (child("left", left)?, child("right", right)?);
            let feature = match u32::try_from(tree.feature[id]) {
                Ok(feature) if (feature as usize) < n_features => feature,
                _ => {
                    return Err(self.refused("feature", id, format!("below {n_features}"), tree.feature[id]));
                }
            };
            let threshold = tree.threshold[id];
            let at_most = match thresholds {
                Some(thresholds) => thresholds.replacement(feature, threshold),
                None => at_or_below(threshold),
            };
            let test = match (set_of.get(id).copied().flatten(), at_most) {
                (Some(set), _) => Test::OneOf(set),
                (None, Some(at_most)) => Test::AtMost(at_most),
                (None, None) => {
                    let expected = "a number that an f32 can be at most";
                    return Err(self.refused("threshold", id, expected, threshold));
                }
            };
            let missing_left = tree.missing_left[id];
            Ok(Raw::Split { feature, test, missing_left, left, right, cover })
        };
        let again = |id| self.refused("left", id, "a node that is reached once", "a circle or two parents");
        preorder(n, 0, node, again)
    }

    /// Puts the category sets behind those that are there; the set of each node, or nothing without categories.
    fn sets(&self, sets: &mut Vec<Categories>) -> Result<Vec<Option<u32>>> {
        let set = |(node, codes): (usize, &Option<Vec<u32>>)| {
            let Some(codes) = codes else { return Ok(None) };
            if let Some(code) = codes.iter().find(|&&code| code >= Categories::END) {
                let expected = format!("below {}", Categories::END);
                return Err(self.refused("categories", node, expected, code));
            }
            sets.push(Categories::new(codes.iter().copied()));
            Ok(Some(sets.len() as u32 - 1))
        };
        self.tree.categories.iter().flatten().enumerate().map(set).collect()
    }
}
