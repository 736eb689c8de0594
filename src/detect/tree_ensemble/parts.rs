//! The ensemble as plain arrays, for files.

use serde::{Deserialize, Serialize};

use super::thresholds::{Thresholds, down};
use super::{CategoryName, Link, Missing, Output, TreeEnsemble};
use crate::detect::stored::stored;
use crate::detect::tree::{Categories, MAX_NODES, Node, Test};
use crate::error::{Error, Result};

/// A [`TreeEnsemble`] as plain arrays, which do not depend on how it is laid out in memory.
///
/// The arrays hold one tree after the other, ordered by output, each in preorder: a split is followed
/// by its left subtree, then by its right one. `feature` to `cover` have one entry per node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeEnsembleParts {
    /// Number of feature columns, at least 1.
    pub n_features: usize,
    /// Names of the columns, where they are known.
    pub feature_names: Option<Vec<String>>,
    /// Names of the classes, at least 2; the first one is clean traffic.
    pub classes: Vec<String>,
    /// What the margins mean.
    pub link: Link,
    /// Whether a margin is divided by the number of trees of its output; always with [`Link::Mean`].
    pub averaged: bool,
    /// Whether NaN is taken for a missing value.
    pub accepts_missing: bool,
    /// What the categories of each feature are called, by code; see [`TreeEnsemble::category_names`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category_names: Option<Vec<Vec<CategoryName>>>,
    /// The lowest and the highest value that are taken for missing besides NaN; empty where there is none.
    #[serde(default)]
    pub missing_range: Vec<f32>,
    /// Features that keep such values; ascending.
    #[serde(default)]
    pub missing_kept: Vec<u32>,
    /// Where the sum of each output begins.
    pub base: Vec<f64>,
    /// Trees of each output.
    pub tree_counts: Vec<u32>,
    /// Category sets of each output.
    pub set_counts: Vec<u32>,
    /// The sets of categories, ordered by output; categories ascend and are below 65536.
    pub category_sets: Vec<Vec<u32>>,
    /// Nodes of each tree.
    pub node_counts: Vec<u32>,
    /// The feature that a split tests; -1 in a leaf.
    pub feature: Vec<i32>,
    /// A row goes left when its feature is at most this finite number; 0 in a leaf and where categories are tested.
    pub threshold: Vec<f32>,
    /// The threshold of each node in a model that compares 64-bit numbers, of which `threshold` is the largest `f32` at
    /// or below it, or the lowest `f32`; 0 where `threshold` is not used. Empty in any other model.
    #[serde(default)]
    pub exact_threshold: Vec<f64>,
    /// A row goes left when its feature, cut to a whole number, is in this set of the output; else -1.
    pub category_set: Vec<i32>,
    /// Whether a row goes left where the feature is NaN; `false` in a leaf.
    pub missing_left: Vec<bool>,
    /// The right child, counted from the root of its tree; 0 in a leaf.
    pub right: Vec<u32>,
    /// What a leaf adds to the sum; 0 in a split.
    pub value: Vec<f64>,
    /// Training rows, or their weight, that came by: finite and at least 0.
    pub cover: Vec<f32>,
}

stored! {
    TreeEnsembleParts as TreeEnsembleHeader {
        n_features: usize,
        feature_names: Option<Vec<String>>,
        classes: Vec<String>,
        link: Link,
        averaged: bool,
        accepts_missing: bool,
        category_sets: Vec<Vec<u32>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        category_names: Option<Vec<Vec<CategoryName>>>,
    } tensors {
        base, tree_counts, set_counts, node_counts, feature, threshold, category_set, missing_left, right, value, cover
    } optional {
        missing_range, missing_kept, exact_threshold
    }
}

impl TreeEnsemble {
    /// The ensemble as plain arrays; [`TreeEnsemble::from_parts`] makes it again, bit for bit.
    pub fn to_parts(&self) -> TreeEnsembleParts {
        let mut parts = TreeEnsembleParts {
            n_features: self.n_features,
            feature_names: self.feature_names.clone(),
            classes: self.classes.clone(),
            link: self.link,
            averaged: self.averaged,
            accepts_missing: self.accepts_missing,
            category_names: self.category_names.clone(),
            missing_range: self.missing.iter().flat_map(|missing| [missing.low, missing.high]).collect(),
            missing_kept: self.missing.iter().flat_map(|missing| missing.kept.clone()).collect(),
            base: self.outputs.iter().map(|output| output.base).collect(),
            tree_counts: self.outputs.iter().map(|output| output.trees.len() as u32).collect(),
            set_counts: self.outputs.iter().map(|output| output.trees.categories().len() as u32).collect(),
            category_sets: Vec::new(),
            node_counts: Vec::new(),
            feature: Vec::new(),
            threshold: Vec::new(),
            exact_threshold: Vec::new(),
            category_set: Vec::new(),
            missing_left: Vec::new(),
            right: Vec::new(),
            value: Vec::new(),
            cover: Vec::new(),
        };
        for output in &self.outputs {
            parts.category_sets.extend(output.trees.categories().iter().map(|set| set.iter().collect()));
            for tree in output.trees.iter() {
                parts.node_counts.push(tree.len() as u32);
                for node in tree {
                    parts.push(node, self);
                }
            }
        }
        parts
    }

    /// Checks the parts of an ensemble and assembles it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] that names the tree, the node and the field that does not hold; see
    /// [`TreeEnsembleParts`] for what must.
    pub fn from_parts(parts: &TreeEnsembleParts) -> Result<Self> {
        parts.check_lengths()?;
        let thresholds = parts.thresholds()?;
        let mut trees = parts.trees(thresholds.as_ref())?.into_iter();
        let mut sets = parts.sets()?.into_iter();
        let counts = parts.tree_counts.iter().zip(&parts.set_counts);
        let outputs = parts.base.iter().zip(counts).map(|(&base, (&n_trees, &n_sets))| Output {
            base,
            trees: trees.by_ref().take(n_trees as usize).collect(),
            categories: sets.by_ref().take(n_sets as usize).collect(),
        });
        let outputs = outputs.collect();
        let mut model = Self::from_outputs(parts.n_features, parts.classes.clone(), outputs, parts.link)?;
        if parts.averaged {
            model = model.averaged()?;
        } else if parts.link == Link::Mean {
            return Err(Error::invalid("averaged", "true with the link `mean`", false));
        }
        if let Some(thresholds) = thresholds {
            model = model.with_thresholds(thresholds);
        }
        if !parts.accepts_missing {
            model = model.without_missing();
        }
        if let Some(missing) = parts.missing()? {
            model = model.with_missing(missing)?;
        }
        if let Some(names) = &parts.category_names {
            model = model.with_category_names(names.clone())?;
        }
        match &parts.feature_names {
            Some(names) => model.with_feature_names(names.clone()),
            None => Ok(model),
        }
    }
}

impl TreeEnsembleParts {
    fn push(&mut self, node: &Node, model: &TreeEnsemble) {
        let (feature, threshold, set, missing_left, right, value) = match *node {
            Node::Leaf { value, .. } => (-1, 0.0, -1, false, 0, value),
            Node::Split { feature, test, missing_left, right, .. } => {
                let (threshold, set) = match test {
                    Test::AtMost(threshold) => (threshold, -1),
                    Test::OneOf(set) => (0.0, set.cast_signed()),
                };
                (feature.cast_signed(), threshold, set, missing_left, right, 0.0)
            }
        };
        let is_test = feature >= 0 && set == -1;
        let exact = if is_test { model.exact_threshold(feature.cast_unsigned(), threshold) } else { 0.0 };
        let threshold = if is_test { down(exact) } else { threshold };
        if model.compares_f64() {
            self.exact_threshold.push(exact);
        }
        self.feature.push(feature);
        self.threshold.push(threshold);
        self.category_set.push(set);
        self.missing_left.push(missing_left);
        self.right.push(right);
        self.value.push(value);
        self.cover.push(node.cover());
    }

    /// Checks that the arrays belong together.
    fn check_lengths(&self) -> Result<()> {
        let sum = |counts: &[u32]| counts.iter().map(|&count| u64::from(count)).sum::<u64>();
        let nodes = self.feature.len();
        let exact = if self.exact_threshold.is_empty() { 0 } else { nodes as u64 };
        let lengths = [
            ("tree_counts", self.base.len() as u64, self.tree_counts.len() as u64),
            ("set_counts", self.base.len() as u64, self.set_counts.len() as u64),
            ("node_counts", sum(&self.tree_counts), self.node_counts.len() as u64),
            ("category_sets", sum(&self.set_counts), self.category_sets.len() as u64),
            ("feature", sum(&self.node_counts), nodes as u64),
            ("threshold", nodes as u64, self.threshold.len() as u64),
            ("exact_threshold", exact, self.exact_threshold.len() as u64),
            ("category_set", nodes as u64, self.category_set.len() as u64),
            ("missing_left", nodes as u64, self.missing_left.len() as u64),
            ("right", nodes as u64, self.right.len() as u64),
            ("value", nodes as u64, self.value.len() as u64),
            ("cover", nodes as u64, self.cover.len() as u64),
        ];
        for (name, expected, got) in lengths {
            if got != expected {
                return Err(Error::invalid(
                    name,
                    format!("an array of {expected}"),
                    format!("{got} entries"),
                ));
            }
        }
        if nodes > MAX_NODES {
            return Err(Error::invalid("feature", format!("at most {MAX_NODES} nodes in all"), nodes));
        }
        Ok(())
    }

    /// What is taken for missing.
    fn missing(&self) -> Result<Option<Missing>> {
        let kept = self.missing_kept.clone();
        if !kept.windows(2).all(|pair| pair[0] < pair[1]) {
            return Err(Error::invalid("missing_kept", "ascending features", format!("{kept:?}")));
        }
        match self.missing_range[..] {
            [] if kept.is_empty() => Ok(None),
            [low, high] if low <= high => Ok(Some(Missing { low, high, kept })),
            _ => {
                let expected = "the lowest and the highest value that are taken for missing";
                Err(Error::invalid("missing_range", expected, format!("{:?}", self.missing_range)))
            }
        }
    }

    /// The thresholds of a model that compares 64-bit numbers.
    fn thresholds(&self) -> Result<Option<Thresholds>> {
        if self.exact_threshold.is_empty() {
            return Ok(None);
        }
        let tests = (0..self.feature.len()).filter(|&i| self.category_set[i] == -1);
        let splits =
            tests.filter_map(|i| Some((u32::try_from(self.feature[i]).ok()?, self.exact_threshold[i])));
        Thresholds::new(splits).map(Some)
    }

    /// The category sets.
    fn sets(&self) -> Result<Vec<Categories>> {
        let set = |(i, set): (usize, &Vec<u32>)| {
            let ascends = set.windows(2).all(|pair| pair[0] < pair[1]);
            if !ascends || set.last().is_some_and(|&last| last >= Categories::END) {
                let expected = format!("ascending categories below {}", Categories::END);
                return Err(Error::invalid(format!("category_sets[{i}]"), expected, format!("{set:?}")));
            }
            Ok(Categories::new(set.iter().copied()))
        };
        self.category_sets.iter().enumerate().map(set).collect()
    }

    /// Puts the nodes of each tree together.
    fn trees(&self, thresholds: Option<&Thresholds>) -> Result<Vec<Vec<Node>>> {
        let mut start = 0;
        let tree = |(tree, &count): (usize, &u32)| {
            let nodes = start..start + count as usize;
            let first = nodes.start;
            start = nodes.end;
            nodes.map(|i| self.node(i, thresholds).map_err(|fault| fault.at(tree, i - first))).collect()
        };
        self.node_counts.iter().enumerate().map(tree).collect()
    }

    /// Node `i` of all.
    fn node(&self, i: usize, thresholds: Option<&Thresholds>) -> Result<Node, Fault> {
        let (feature, threshold, set) = (self.feature[i], self.threshold[i], self.category_set[i]);
        let (missing_left, right, value) = (self.missing_left[i], self.right[i], self.value[i]);
        let cover = self.cover[i];
        if let Ok(feature) = u32::try_from(feature) {
            if value.to_bits() != 0 {
                return Err(Fault("value", "0 in a split", value.to_string()));
            }
            let test = match u32::try_from(set) {
                Ok(_) if threshold.to_bits() != 0 => {
                    let expected = "0 where categories are tested";
                    return Err(Fault("threshold", expected, threshold.to_string()));
                }
                Ok(set) => Test::OneOf(set),
                Err(_) if set == -1 => Test::AtMost(self.replacement(i, feature, thresholds)?),
                Err(_) => return Err(Fault("category_set", "a set, or -1", set.to_string())),
            };
            return Ok(Node::Split { feature, test, missing_left, right, cover });
        }
        if self.exact_threshold.get(i).is_some_and(|exact| exact.to_bits() != 0) {
            return Err(Fault("exact_threshold", "0 in a leaf", self.exact_threshold[i].to_string()));
        }
        if feature != -1 {
            return Err(Fault("feature", "a feature, or -1 in a leaf", feature.to_string()));
        }
        if right != 0 || threshold.to_bits() != 0 || set != -1 || missing_left {
            let got = format!("{threshold}, {set}, {missing_left} and {right}");
            let expected = "a leaf with threshold 0, category_set -1, missing_left false and right 0";
            return Err(Fault("feature", expected, got));
        }
        Ok(Node::Leaf { value, cover })
    }

    /// What node `i`, which tests a number, compares with.
    fn replacement(&self, i: usize, feature: u32, thresholds: Option<&Thresholds>) -> Result<f32, Fault> {
        let threshold = self.threshold[i];
        let Some(thresholds) = thresholds else { return Ok(threshold) };
        let exact = self.exact_threshold[i];
        match thresholds.replacement(feature, exact) {
            Some(replacement) if down(exact) == threshold => Ok(replacement),
            _ => {
                let expected = "the largest f32 at or below the exact threshold";
                Err(Fault("threshold", expected, format!("{threshold}, not {exact}")))
            }
        }
    }
}

/// A field of a node, the expected value, and the value in the file.
struct Fault(&'static str, &'static str, String);

impl Fault {
    fn at(self, tree: usize, node: usize) -> Error {
        Error::invalid(format!("trees[{tree}].{}[{node}]", self.0), self.1, self.2)
    }
}
