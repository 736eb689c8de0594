//! XGBoost's JSON format, as text and as UBJSON.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;
use serde::de::Deserializer;

use super::xgboost_categories::Containers;
use super::{Raw, bad, formats, numbered, preorder, read, ubj};
use crate::detect::tree::{Categories, Node, Test};
use crate::detect::tree_ensemble::{Link, Output, TreeEnsemble};
use crate::error::{Error, Result};

impl TreeEnsemble {
    /// Reads a model that XGBoost has written as JSON (`Booster.save_model("model.json")`; versions 1.6 to 3),
    /// with the boosters `gbtree` and `dart` and the objectives `binary:logistic`, `binary:logitraw`,
    /// `reg:logistic`, `multi:softmax` and `multi:softprob`.
    ///
    /// A file that an `XGBClassifier` has saved counts up to its best iteration where it has stopped early, as the
    /// classifier does; of a file that a `Booster` has saved every tree counts.
    ///
    /// Columns of categories hold their codes; see [`TreeEnsemble::category_names`]. A missing value other than NaN
    /// is not in the file; see [`TreeEnsemble::with_missing_value`].
    ///
    /// XGBoost sends `x < t` left, which is `x ≤ t′` with `t′` the next f32 below `t`: the same leaves for
    /// every row. Its f32 leaf values are summed in f64, from the base score on, so that a margin differs from
    /// XGBoost's own f32 sum by that sum's rounding (about 1e-6 of it). Categories below 0 are taken as
    /// [`TreeEnsemble`] takes them: -0.5 is category 0. Classes are called `0`, `1`, …; see
    /// [`TreeEnsemble::with_classes`].
    ///
    /// # Errors
    ///
    /// [`Error::BadRecord`] by line and path for text that is not such a model; [`Error::InvalidArgument`] by
    /// tree, node and field for nodes that make no tree, and for what is rejected: other boosters and
    /// objectives, several targets, leaves that hold vectors.
    pub fn from_xgboost_json(text: &str) -> Result<Self> {
        Self::from_xgboost_slice(text.as_bytes())
    }

    /// [`TreeEnsemble::from_xgboost_json`] on bytes, which may be JSON or UBJSON (`Booster.save_raw()`).
    ///
    /// # Errors
    ///
    /// Also [`Error::BadBytes`] by offset for UBJSON that is not such a model, and [`Error::BadRecord`] that names
    /// the format of other bytes.
    pub fn from_xgboost_slice(bytes: &[u8]) -> Result<Self> {
        parse(bytes, "XGBoost model")
    }

    /// [`TreeEnsemble::from_xgboost_slice`] on a file of at most 1 GiB, `model.json` or `model.ubj`.
    ///
    /// # Errors
    ///
    /// Also [`Error::Io`].
    pub fn from_xgboost_json_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        parse(&read(path)?, &path.display().to_string())
    }
}

#[derive(Deserialize)]
struct File {
    learner: Learner,
}

#[derive(Deserialize)]
struct Learner {
    #[serde(default)]
    attributes: HashMap<String, String>,
    #[serde(default)]
    feature_names: Vec<String>,
    gradient_booster: Booster,
    #[serde(rename = "learner_model_param")]
    parameters: Parameters,
    objective: Objective,
}

#[derive(Deserialize)]
struct Objective {
    name: String,
}

#[derive(Deserialize)]
struct Parameters {
    base_score: String,
    #[serde(deserialize_with = "number")]
    num_class: usize,
    #[serde(deserialize_with = "number")]
    num_feature: usize,
    #[serde(deserialize_with = "number", default = "one")]
    num_target: usize,
}

#[derive(Deserialize)]
struct Booster {
    name: String,
    /// Of `gbtree`.
    model: Option<Model>,
    /// Of `dart`: its trees, and what each is multiplied by.
    gbtree: Option<Box<Booster>>,
    weight_drop: Option<Vec<f32>>,
}

#[derive(Deserialize)]
struct Model {
    /// Not there in a linear model.
    #[serde(default)]
    trees: Vec<Tree>,
    /// The output that each tree belongs to.
    #[serde(default)]
    tree_info: Vec<usize>,
    /// The first tree of each round, and the end; from version 2 on.
    #[serde(default)]
    iteration_indptr: Vec<usize>,
    #[serde(rename = "gbtree_model_param", default)]
    parameters: ModelParameters,
    /// What categories are called; from version 3.1 on.
    #[serde(default)]
    cats: Containers,
}

#[derive(Deserialize)]
struct ModelParameters {
    #[serde(deserialize_with = "number", default = "one")]
    num_parallel_tree: usize,
}

impl Default for ModelParameters {
    fn default() -> Self {
        Self { num_parallel_tree: 1 }
    }
}

#[derive(Deserialize)]
struct Tree {
    left_children: Vec<i64>,
    right_children: Vec<i64>,
    split_indices: Vec<u32>,
    /// The threshold of a split, the value of a leaf.
    split_conditions: Vec<f32>,
    #[serde(deserialize_with = "flags")]
    default_left: Vec<bool>,
    sum_hessian: Vec<f32>,
    /// 1 where categories are tested; not there before version 1.5.
    #[serde(default)]
    split_type: Vec<u8>,
    #[serde(default)]
    categories: Vec<u32>,
    #[serde(default)]
    categories_nodes: Vec<usize>,
    #[serde(default)]
    categories_segments: Vec<usize>,
    #[serde(default)]
    categories_sizes: Vec<usize>,
    #[serde(rename = "tree_param")]
    parameters: TreeParameters,
}

#[derive(Deserialize)]
struct TreeParameters {
    #[serde(deserialize_with = "number", default = "one")]
    size_leaf_vector: usize,
}

fn one() -> usize {
    1
}

/// A whole number, which XGBoost writes as text.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| serde::de::Error::custom(format!("{text:?} is not a whole number")))
}

/// Flags, written as 0 and 1, or as booleans before version 2.
fn flags<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<bool>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Flag {
        Boolean(bool),
        Number(u8),
    }
    let flags = Vec::deserialize(deserializer)?;
    Ok(flags.into_iter().map(|flag| matches!(flag, Flag::Boolean(true) | Flag::Number(1..))).collect())
}

/// Reads JSON or UBJSON.
fn deserialize(bytes: &[u8], place: &str) -> Result<File> {
    let expected = "an XGBoost model as JSON or UBJSON (`Booster.save_model(\"model.json\")` or `.ubj`)";
    if formats::is_ubj(bytes) {
        let mut reader = ubj::Reader::new(bytes);
        let file = serde_path_to_error::deserialize(&mut reader)
            .map_err(|error| format!("{}: {}", error.path(), error.inner()))
            .and_then(|file| reader.end().map(|()| file).map_err(|error| error.to_string()));
        let (place, offset) = (place.to_owned(), reader.position() as u64);
        return file.map_err(|value| Error::BadBytes { place, offset, value, expected: expected.into() });
    }
    let text = formats::text(bytes, place, expected)?;
    let mut json = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let line = error.inner().line() as u64;
        bad(place, line, &error.path().to_string(), &error.inner().to_string(), "an XGBoost model")
    })
}

/// Trees that count: all, or those up to the best round where an `XGBClassifier` has saved the model.
fn counted(model: &Model, attributes: &HashMap<String, String>, n_outputs: usize) -> usize {
    let best = attributes.get("best_iteration").filter(|_| attributes.contains_key("scikit_learn"));
    let Some(rounds) = best.and_then(|best| best.parse::<usize>().ok()?.checked_add(1)) else {
        return model.trees.len();
    };
    let trees = rounds.saturating_mul(n_outputs).saturating_mul(model.parameters.num_parallel_tree);
    model.iteration_indptr.get(rounds).copied().unwrap_or(trees).min(model.trees.len())
}

fn parse(bytes: &[u8], place: &str) -> Result<TreeEnsemble> {
    let file = deserialize(bytes, place)?;
    let Learner { attributes, feature_names, gradient_booster, parameters, objective } = file.learner;
    let refused = |field: &str, expected: String, got: String| {
        Error::invalid(format!("{place}: learner.{field}"), expected, got)
    };
    let name = gradient_booster.name.clone();
    let (model, weights) = match gradient_booster {
        Booster { model: Some(model), .. } if name == "gbtree" => (model, None),
        Booster { gbtree: Some(inner), weight_drop: Some(weights), .. } if name == "dart" => {
            let missing =
                || refused("gradient_booster.gbtree", "there with a `model`".into(), "nothing".into());
            (inner.model.ok_or_else(missing)?, Some(weights))
        }
        _ => {
            let expected = "`gbtree` with a `model`, or `dart` with `gbtree` and `weight_drop`";
            return Err(refused("gradient_booster.name", expected.into(), name));
        }
    };
    let link = match objective.name.as_str() {
        "binary:logistic" | "binary:logitraw" | "reg:logistic" => Link::Logistic,
        "multi:softmax" | "multi:softprob" => Link::Softmax,
        _ => {
            let expected =
                "`binary:logistic`, `binary:logitraw`, `reg:logistic`, `multi:softmax` or `multi:softprob`";
            return Err(refused("objective.name", expected.into(), objective.name));
        }
    };
    let Parameters { base_score, num_class, num_feature, num_target } = parameters;
    if num_target != 1 {
        return Err(refused("learner_model_param.num_target", "1".into(), num_target.to_string()));
    }
    let (classes, n_outputs) = if link == Link::Logistic { (2, 1) } else { (num_class, num_class) };
    if n_outputs > model.trees.len() {
        let expected = format!("at most {}, the number of trees", model.trees.len());
        return Err(refused("learner_model_param.num_class", expected, num_class.to_string()));
    }
    let base = base_score_margins(&base_score, &objective.name, n_outputs)
        .map_err(|expected| refused("learner_model_param.base_score", expected, base_score.clone()))?;
    for (field, got) in [
        ("tree_info", model.tree_info.len()),
        ("weight_drop", weights.as_ref().map_or(model.trees.len(), Vec::len)),
    ] {
        if got != model.trees.len() {
            return Err(refused(field, format!("{} entries", model.trees.len()), got.to_string()));
        }
    }
    let output = |base| Output { base, trees: Vec::new(), categories: Vec::new() };
    let mut outputs: Vec<Output> = base.into_iter().map(output).collect();
    let counted = counted(&model, &attributes, n_outputs);
    for (i, (tree, &k)) in model.trees.iter().zip(&model.tree_info).take(counted).enumerate() {
        let Some(output) = outputs.get_mut(k) else {
            return Err(refused(&format!("tree_info[{i}]"), format!("below {n_outputs}"), k.to_string()));
        };
        let weight = weights.as_ref().map_or(1.0, |weights| f64::from(weights[i]));
        let tree = Numbered { tree, number: i, place };
        output.trees.push(tree.nodes(num_feature, weight, &mut output.categories)?);
    }
    let names = model.cats.names().map_err(|(field, expected, got)| refused(&field, expected, got))?;
    let model = TreeEnsemble::from_outputs(num_feature, numbered(classes), outputs, link)?;
    let model = if feature_names.is_empty() { model } else { model.with_feature_names(feature_names)? };
    match names {
        Some(names) => model.with_category_names(names),
        None => Ok(model),
    }
}

/// Where the sums begin: one number for all outputs or one each, a probability where the objective has one.
fn base_score_margins(text: &str, objective: &str, n_outputs: usize) -> Result<Vec<f64>, String> {
    let list = text.trim_start_matches('[').trim_end_matches(']').split(',');
    let scores: Result<Vec<f64>, _> = list.map(|score| score.trim().parse::<f32>().map(f64::from)).collect();
    let scores = scores.map_err(|_| "one number, or one for each output".to_owned())?;
    let scores = match scores[..] {
        [score] => vec![score; n_outputs],
        _ if scores.len() == n_outputs => scores,
        _ => return Err(format!("one number, or {n_outputs}")),
    };
    if !matches!(objective, "binary:logistic" | "reg:logistic") {
        return Ok(scores);
    }
    let logit = |p: f64| (0.0 < p && p < 1.0).then(|| (p / (1.0 - p)).ln());
    scores.into_iter().map(logit).collect::<Option<_>>().ok_or_else(|| "between 0 and 1".to_owned())
}

/// A tree and what an error calls it.
struct Numbered<'a> {
    tree: &'a Tree,
    number: usize,
    place: &'a str,
}

impl Numbered<'_> {
    fn refused(&self, field: &str, node: usize, expected: impl Into<String>, got: impl ToString) -> Error {
        Error::invalid(format!("{}: trees[{}].{field}[{node}]", self.place, self.number), expected, got)
    }

    /// The tree in preorder; its category sets follow those that are there.
    fn nodes(&self, n_features: usize, weight: f64, sets: &mut Vec<Categories>) -> Result<Vec<Node>> {
        let tree = self.tree;
        let n = tree.left_children.len();
        let lengths = [
            ("right_children", tree.right_children.len()),
            ("split_indices", tree.split_indices.len()),
            ("split_conditions", tree.split_conditions.len()),
            ("default_left", tree.default_left.len()),
            ("sum_hessian", tree.sum_hessian.len()),
            ("split_type", if tree.split_type.is_empty() { n } else { tree.split_type.len() }),
        ];
        if let Some((field, got)) = lengths.into_iter().find(|&(_, length)| length != n) {
            return Err(self.refused(field, got.min(n), format!("{n} entries"), format!("{got} entries")));
        }
        if tree.parameters.size_leaf_vector > 1 {
            let expected = "1: leaves that hold vectors are not supported";
            return Err(self.refused(
                "tree_param.size_leaf_vector",
                0,
                expected,
                tree.parameters.size_leaf_vector,
            ));
        }
        // The set of each node that tests categories.
        let mut set_of = vec![None; n];
        self.sets(&mut set_of, sets)?;

        let node = |id: usize| {
            let (left, right) = (tree.left_children[id], tree.right_children[id]);
            let (condition, cover) = (tree.split_conditions[id], tree.sum_hessian[id]);
            if left == -1 && right == -1 {
                return Ok(Raw::Leaf { value: f64::from(condition) * weight, cover });
            }
            let child = |field, child: i64| match usize::try_from(child) {
                Ok(child) if child < n => Ok(child),
                _ => Err(self.refused(field, id, format!("a node below {n}, or -1 twice in a leaf"), child)),
            };
            let (left, right) = (child("left_children", left)?, child("right_children", right)?);
            let (feature, missing_left) = (tree.split_indices[id], tree.default_left[id]);
            if feature as usize >= n_features {
                return Err(self.refused("split_indices", id, format!("below {n_features}"), feature));
            }
            match (tree.split_type.get(id).copied().unwrap_or_default(), set_of[id]) {
                (0, None) => {
                    let at_most = condition.next_down();
                    if !at_most.is_finite() {
                        return Err(self.refused("split_conditions", id, "a finite number", condition));
                    }
                    Ok(Raw::Split { feature, test: Test::AtMost(at_most), missing_left, left, right, cover })
                }
                // The categories of the set go right.
                (1, Some(set)) => Ok(Raw::Split {
                    feature,
                    test: Test::OneOf(set),
                    missing_left: !missing_left,
                    left: right,
                    right: left,
                    cover,
                }),
                (kind, _) => Err(self.refused("split_type", id, "0, or 1 and one set of categories", kind)),
            }
        };
        let again =
            |id| self.refused("left_children", id, "a node that is reached once", "a circle or two parents");
        preorder(n, 0, node, again)
    }

    fn sets(&self, set_of: &mut [Option<u32>], sets: &mut Vec<Categories>) -> Result<()> {
        let Tree { categories, categories_nodes, categories_segments, categories_sizes, .. } = self.tree;
        for (i, &node) in categories_nodes.iter().enumerate() {
            let begin = categories_segments.get(i).copied().unwrap_or(usize::MAX);
            let end = begin.saturating_add(categories_sizes.get(i).copied().unwrap_or(usize::MAX));
            let Some(set) = categories.get(begin..end) else {
                let expected = format!("a part of the {} categories", categories.len());
                return Err(self.refused("categories_segments", i, expected, format!("{begin}..{end}")));
            };
            if let Some(category) = set.iter().find(|&&category| category >= Categories::END) {
                return Err(self.refused("categories", i, format!("below {}", Categories::END), category));
            }
            match set_of.get_mut(node) {
                Some(of) if of.is_none() => *of = Some(sets.len() as u32),
                _ => return Err(self.refused("categories_nodes", i, "a node that comes once", node)),
            }
            sets.push(Categories::new(set.iter().copied()));
        }
        Ok(())
    }
}
