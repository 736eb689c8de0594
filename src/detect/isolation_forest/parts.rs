//! The forest as plain arrays, for files and for forests that other libraries have grown.

use serde::{Deserialize, Serialize};

use super::config::{MAX_CATEGORIES, MAX_DEPTH};
use super::model::tree_sizes;
use super::plane::Planes;
use super::{IsolationForest, IsolationForestConfig, IsolationMissing, IsolationScoring};
use crate::detect::stored::stored;
use crate::detect::tree::{Categories, Node, Test, Trees};
use crate::error::{Error, Result};

/// An [`IsolationForest`] as plain arrays, which do not depend on how it is laid out in memory.
///
/// The arrays hold one tree after the other, each in preorder: an inner node is followed by its left subtree,
/// then by its right one. `feature`, `threshold`, `right` and `samples` have one entry per node. The arrays
/// from `sample_sizes` on are empty, and left out of text, where the settings have no use for them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IsolationForestParts {
    /// The settings that the forest was fitted with; `trees` is the number of trees.
    pub config: IsolationForestConfig,
    /// Number of feature columns, at least 1.
    pub n_features: usize,
    /// Rows that each tree was grown on, from 2 to `config.max_samples`; the most, where they differ.
    pub sample_size: usize,
    /// Nodes of each tree.
    pub node_counts: Vec<u32>,
    /// The feature that an inner node tests, or its plane where splits are on planes; -1 in a leaf.
    pub feature: Vec<i32>,
    /// A row goes left when its feature is at most this finite number; 0 in a leaf, and where a node tests
    /// categories or a plane.
    pub threshold: Vec<f32>,
    /// The right child, counted from the root of its tree; 0 in a leaf.
    pub right: Vec<u32>,
    /// Training rows that reached the node: the tree's rows in a root, else a part of the parent's.
    pub samples: Vec<u32>,
    /// Rows that each tree was grown on, from 2 to `sample_size`, where trees differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sample_sizes: Vec<u32>,
    /// Where NaN is a missing value: 1 in an inner node that sends such rows left, else 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_left: Vec<u8>,
    /// With density scoring: the natural logarithm of each leaf's density; 0 in an inner node.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log_density: Vec<f64>,
    /// The number of categories that each inner node on a categorical column sends left, in node order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub category_counts: Vec<u32>,
    /// Those categories, ascending for each node, below 1024.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<u32>,
    /// The features of each plane, as many as `config.splits` has in a plane.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plane_features: Vec<u32>,
    /// Their weights, finite.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plane_weights: Vec<f32>,
    /// A row goes left of a plane when `Σ w_j x_j` is at most this finite number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plane_offsets: Vec<f64>,
}

stored! {
    IsolationForestParts as IsolationForestHeader {
        config: IsolationForestConfig,
        n_features: usize,
        sample_size: usize,
    } tensors { node_counts, feature, threshold, right, samples } optional {
        sample_sizes, missing_left, log_density, category_counts, categories, plane_features, plane_weights,
        plane_offsets
    }
}

impl IsolationForest {
    /// Checks the parts of a forest, from a file or from another library, and assembles it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] that names the tree, the node and the field that does not hold; see
    /// [`IsolationForestParts`] for what must.
    pub fn from_parts(parts: &IsolationForestParts) -> Result<Self> {
        parts.check()?;
        let planes = parts.planes()?;
        let sets = parts.sets()?;
        let trees = parts.trees(sets.len())?;
        let trees = Trees::new(planes.as_ref().map_or(parts.n_features, Planes::len), &trees, sets)?;
        for (i, tree) in trees.iter().enumerate() {
            if let Some(node) = too_deep(tree) {
                let expected = format!("a leaf, {MAX_DEPTH} edges below the root");
                return Err(Error::invalid(format!("trees[{i}].feature[{node}]"), expected, "a split"));
            }
        }
        Ok(Self::from_trees(parts.config.clone(), parts.n_features, trees, planes))
    }

    /// The forest as plain arrays; [`IsolationForest::from_parts`] makes it again, bit for bit.
    pub fn to_parts(&self) -> IsolationForestParts {
        let mut parts = IsolationForestParts {
            config: self.config.clone(),
            n_features: self.n_features,
            sample_size: self.sample_size(),
            ..Default::default()
        };
        if tree_sizes(&self.trees).any(|size| size != parts.sample_size) {
            parts.sample_sizes = tree_sizes(&self.trees).map(|size| size as u32).collect();
        }
        for tree in self.trees.iter() {
            parts.node_counts.push(tree.len() as u32);
            for node in tree {
                parts.push(node, self.trees.categories());
            }
        }
        if let Some(planes) = &self.planes {
            parts.plane_features.clone_from(&planes.features);
            parts.plane_weights.clone_from(&planes.weights);
            parts.plane_offsets.clone_from(&planes.offsets);
        }
        parts
    }
}

/// The first node that is a split [`MAX_DEPTH`] edges below the root.
fn too_deep(tree: &[Node]) -> Option<usize> {
    let mut depth = 0;
    let mut pending = Vec::new();
    tree.iter().position(|node| {
        if let Node::Leaf { .. } = node {
            depth = pending.pop().unwrap_or_default();
            return false;
        }
        depth += 1;
        pending.push(depth);
        depth > MAX_DEPTH
    })
}

impl IsolationForestParts {
    /// Takes a node apart.
    fn push(&mut self, node: &Node, sets: &[Categories]) {
        let (mut feature, mut threshold, mut right, mut missing, mut density) = (-1, 0.0, 0, false, 0.0);
        match *node {
            Node::Leaf { value, .. } => density = value,
            Node::Split { feature: tested, test, missing_left, right: child, .. } => {
                (feature, right, missing) = (tested.cast_signed(), child, missing_left);
                match test {
                    Test::AtMost(number) => threshold = number,
                    Test::OneOf(set) => {
                        let before = self.categories.len();
                        self.categories.extend(sets[set as usize].iter());
                        self.category_counts.push((self.categories.len() - before) as u32);
                    }
                }
            }
        }
        self.feature.push(feature);
        self.threshold.push(threshold);
        self.right.push(right);
        self.samples.push(node.cover() as u32);
        if self.config.missing == IsolationMissing::Learn {
            self.missing_left.push(u8::from(missing));
        }
        if self.config.scoring == IsolationScoring::Density {
            self.log_density.push(density);
        }
    }

    /// Checks everything but the nodes.
    fn check(&self) -> Result<()> {
        if self.n_features == 0 || i32::try_from(self.n_features).is_err() {
            return Err(Error::invalid("n_features", "in 1..=2147483647", self.n_features));
        }
        self.config.validate(self.n_features)?;
        if !(2..=self.config.max_samples).contains(&self.sample_size) {
            let expected = format!("in 2..={}", self.config.max_samples);
            return Err(Error::invalid("sample_size", expected, self.sample_size));
        }
        let (trees, nodes) = (self.config.trees, self.feature.len());
        let if_used = |used: bool, length: usize| if used { length } else { 0 };
        let k = self.config.splits.features();
        let lengths = [
            ("node_counts", trees, self.node_counts.len()),
            ("threshold", nodes, self.threshold.len()),
            ("right", nodes, self.right.len()),
            ("samples", nodes, self.samples.len()),
            ("sample_sizes", if_used(!self.sample_sizes.is_empty(), trees), self.sample_sizes.len()),
            (
                "missing_left",
                if_used(self.config.missing == IsolationMissing::Learn, nodes),
                self.missing_left.len(),
            ),
            (
                "log_density",
                if_used(self.config.scoring == IsolationScoring::Density, nodes),
                self.log_density.len(),
            ),
            ("plane_offsets", if_used(k > 1, self.plane_offsets.len()), self.plane_offsets.len()),
            (
                "plane_features",
                if_used(k > 1, self.plane_offsets.len().saturating_mul(k)),
                self.plane_features.len(),
            ),
            ("plane_weights", self.plane_features.len(), self.plane_weights.len()),
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
        let largest = self.sample_sizes.iter().max().map_or(self.sample_size, |&size| size as usize);
        if largest != self.sample_size {
            return Err(Error::invalid("sample_sizes", format!("{} at most", self.sample_size), largest));
        }
        if let Some(tree) = self.sample_sizes.iter().position(|&size| size < 2) {
            let name = format!("sample_sizes[{tree}]");
            return Err(Error::invalid(name, "at least 2", self.sample_sizes[tree]));
        }
        Ok(())
    }

    /// The planes, where splits are on planes.
    fn planes(&self) -> Result<Option<Planes>> {
        let k = self.config.splits.features();
        for (i, &feature) in self.plane_features.iter().enumerate() {
            if feature as usize >= self.n_features {
                let expected = format!("below {}", self.n_features);
                return Err(Error::invalid(format!("plane_features[{i}]"), expected, feature));
            }
        }
        if let Some(i) = self.plane_weights.iter().position(|weight| !weight.is_finite()) {
            let got = self.plane_weights[i];
            return Err(Error::invalid(format!("plane_weights[{i}]"), "a finite number", got));
        }
        if let Some(i) = self.plane_offsets.iter().position(|offset| !offset.is_finite()) {
            let got = self.plane_offsets[i];
            return Err(Error::invalid(format!("plane_offsets[{i}]"), "a finite number", got));
        }
        Ok((k > 1).then(|| Planes {
            k,
            features: self.plane_features.clone(),
            weights: self.plane_weights.clone(),
            offsets: self.plane_offsets.clone(),
        }))
    }

    /// The sets of categories that splits send left, in node order.
    fn sets(&self) -> Result<Vec<Categories>> {
        let total: u64 = self.category_counts.iter().map(|&count| u64::from(count)).sum();
        if total != self.categories.len() as u64 {
            let expected = format!("{} categories in all", self.categories.len());
            return Err(Error::invalid("category_counts", expected, total));
        }
        let mut start = 0;
        let mut sets = Vec::with_capacity(self.category_counts.len());
        for &count in &self.category_counts {
            let set = &self.categories[start..start + count as usize];
            if !set.is_sorted_by(|a, b| a < b) || set.last().is_some_and(|&last| last >= MAX_CATEGORIES) {
                let expected = format!("ascending numbers below {MAX_CATEGORIES}");
                return Err(Error::invalid(format!("categories[{start}]"), expected, format!("{set:?}")));
            }
            sets.push(Categories::new(set.iter().copied()));
            start += count as usize;
        }
        Ok(sets)
    }

    /// Puts the nodes of each tree together; their splits use `n_sets` sets of categories.
    fn trees(&self, n_sets: usize) -> Result<Vec<Vec<Node>>> {
        let nodes: u64 = self.node_counts.iter().map(|&count| u64::from(count)).sum();
        if nodes != self.feature.len() as u64 {
            return Err(Error::invalid("node_counts", format!("{} nodes in all", self.feature.len()), nodes));
        }
        let mut used = 0;
        let (mut start, mut trees) = (0, Vec::new());
        for (tree, &count) in self.node_counts.iter().enumerate() {
            let end = start + count as usize;
            let samples = &self.samples[start..end];
            let size = self.sample_sizes.get(tree).map_or(self.sample_size, |&size| size as usize);
            if samples.first() != Some(&(size as u32)) {
                let got = samples.first().copied().unwrap_or_default();
                return Err(Error::invalid(format!("trees[{tree}].samples[0]"), size.to_string(), got));
            }
            let nodes = (start..end).map(|i| self.node((tree, i - start), i, samples, &mut used));
            trees.push(nodes.collect::<Result<_>>()?);
            start = end;
        }
        if used as usize != n_sets {
            return Err(Error::invalid("category_counts", format!("an array of {used}"), n_sets));
        }
        Ok(trees)
    }

    /// Node `i` of all, which is node `at` of its tree; `sets` counts the sets of categories used.
    fn node(&self, (tree, at): (usize, usize), i: usize, samples: &[u32], sets: &mut u32) -> Result<Node> {
        let fault = |field: &str, expected: String, got: String| {
            Err(Error::invalid(format!("trees[{tree}].{field}[{at}]"), expected, got))
        };
        let (feature, threshold, right) = (self.feature[i], self.threshold[i], self.right[i]);
        if samples[at] == 0 {
            return fault("samples", "at least 1".into(), "0".into());
        }
        let cover = samples[at] as f32;
        let missing_left = self.missing_left.get(i).copied();
        let value = self.log_density.get(i).copied().unwrap_or_default();
        let Ok(feature) = u32::try_from(feature) else {
            if feature < -1 {
                return Err(Error::invalid(format!("feature[{i}]"), "a feature, or -1 in a leaf", feature));
            }
            if right != 0 || threshold.to_bits() != 0 || missing_left.unwrap_or_default() != 0 {
                let got = format!("threshold {threshold}, right {right}");
                return Err(Error::invalid(
                    format!("feature[{i}]"),
                    "a leaf with threshold 0 and right 0",
                    got,
                ));
            }
            return Ok(Node::Leaf { value, cover });
        };
        // The check of the trees reports a missing child.
        if let (Some(&left), Some(&other)) = (samples.get(at + 1), samples.get(right as usize)) {
            let sum = u64::from(left) + u64::from(other);
            if sum != u64::from(samples[at]) {
                let expected = format!("{sum}, the sum of its children");
                return fault("samples", expected, samples[at].to_string());
            }
        }
        if value.to_bits() != 0 {
            return fault("log_density", "0 in an inner node".into(), value.to_string());
        }
        if missing_left.is_some_and(|left| left > 1) {
            return fault("missing_left", "0 or 1".into(), format!("{missing_left:?}"));
        }
        let categorical = self.config.categorical.binary_search(&(feature as usize)).is_ok();
        if (categorical || self.config.splits.features() > 1) && threshold.to_bits() != 0 {
            return fault("threshold", "0 on a category or a plane".into(), threshold.to_string());
        }
        let test = if categorical {
            *sets += 1;
            Test::OneOf(*sets - 1)
        } else {
            Test::AtMost(threshold)
        };
        Ok(Node::Split { feature, test, missing_left: missing_left != Some(0), right, cover })
    }
}
