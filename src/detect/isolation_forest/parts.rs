//! The forest as plain arrays, for files and for forests that other libraries have grown.

use serde::{Deserialize, Serialize};

use super::IsolationForestConfig;
use crate::detect::stored::stored;
use crate::detect::tree::{Node, Test};
use crate::error::{Error, Result};

/// An [`IsolationForest`](super::IsolationForest) as plain arrays, which do not depend on how it is laid
/// out in memory.
///
/// The trees stand one after the other, each in preorder: an inner node is followed by its left subtree,
/// then by its right one. `feature`, `threshold`, `right` and `samples` have one entry per node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IsolationForestParts {
    /// The settings that the forest was fitted with; `trees` is the number of trees.
    pub config: IsolationForestConfig,
    /// Number of feature columns, at least 1.
    pub n_features: usize,
    /// Rows that each tree was grown on, from 2 to `config.max_samples`.
    pub sample_size: usize,
    /// Nodes of each tree.
    pub node_counts: Vec<u32>,
    /// The feature that an inner node compares; -1 in a leaf.
    pub feature: Vec<i32>,
    /// A row goes left when its feature is at most this finite number; 0 in a leaf.
    pub threshold: Vec<f32>,
    /// The right child, counted from the root of its tree; 0 in a leaf.
    pub right: Vec<u32>,
    /// Training rows that reached the node: `sample_size` in a root, else a part of the parent's.
    pub samples: Vec<u32>,
}

stored! {
    IsolationForestParts as IsolationForestHeader {
        config: IsolationForestConfig,
        n_features: usize,
        sample_size: usize,
    } tensors { node_counts, feature, threshold, right, samples }
}

impl IsolationForestParts {
    /// Takes trees apart.
    pub(super) fn new<'a>(
        config: IsolationForestConfig,
        n_features: usize,
        sample_size: usize,
        trees: impl Iterator<Item = &'a [Node]>,
    ) -> Self {
        let mut parts = Self {
            config,
            n_features,
            sample_size,
            node_counts: Vec::new(),
            feature: Vec::new(),
            threshold: Vec::new(),
            right: Vec::new(),
            samples: Vec::new(),
        };
        for tree in trees {
            parts.node_counts.push(tree.len() as u32);
            for node in tree {
                let (feature, threshold, right) = match *node {
                    Node::Split { feature, test: Test::AtMost(threshold), right, .. } => {
                        (feature.cast_signed(), threshold, right)
                    }
                    _ => (-1, 0.0, 0),
                };
                parts.feature.push(feature);
                parts.threshold.push(threshold);
                parts.right.push(right);
                parts.samples.push(node.cover() as u32);
            }
        }
        parts
    }

    /// Checks everything but the nodes.
    pub(super) fn check(&self) -> Result<()> {
        self.config.validate()?;
        if self.n_features == 0 || i32::try_from(self.n_features).is_err() {
            return Err(Error::invalid("n_features", "in 1..=2147483647", self.n_features));
        }
        if !(2..=self.config.max_samples).contains(&self.sample_size) {
            let expected = format!("in 2..={}", self.config.max_samples);
            return Err(Error::invalid("sample_size", expected, self.sample_size));
        }
        let lengths = [
            ("node_counts", self.config.trees, self.node_counts.len()),
            ("threshold", self.feature.len(), self.threshold.len()),
            ("right", self.feature.len(), self.right.len()),
            ("samples", self.feature.len(), self.samples.len()),
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
        Ok(())
    }

    /// Puts the nodes of each tree together.
    pub(super) fn trees(&self) -> Result<Vec<Vec<Node>>> {
        let nodes: u64 = self.node_counts.iter().map(|&count| u64::from(count)).sum();
        if nodes != self.feature.len() as u64 {
            return Err(Error::invalid("node_counts", format!("{} nodes in all", self.feature.len()), nodes));
        }
        let (mut start, mut trees) = (0, Vec::new());
        for (tree, &count) in self.node_counts.iter().enumerate() {
            let end = start + count as usize;
            let samples = &self.samples[start..end];
            if samples.first() != Some(&(self.sample_size as u32)) {
                let got = samples.first().copied().unwrap_or_default();
                return Err(Error::invalid(
                    format!("trees[{tree}].samples[0]"),
                    self.sample_size.to_string(),
                    got,
                ));
            }
            let nodes = (start..end).map(|i| self.node(tree, i - start, i, samples));
            trees.push(nodes.collect::<Result<_>>()?);
            start = end;
        }
        Ok(trees)
    }

    /// Node `i` of all, which is node `at` of its tree.
    fn node(&self, tree: usize, at: usize, i: usize, samples: &[u32]) -> Result<Node> {
        let (feature, threshold, right) = (self.feature[i], self.threshold[i], self.right[i]);
        if samples[at] == 0 {
            return Err(Error::invalid(format!("trees[{tree}].samples[{at}]"), "at least 1", 0));
        }
        let cover = samples[at] as f32;
        if let Ok(feature) = u32::try_from(feature) {
            // Where a child is missing, the check of the trees says so.
            if let (Some(&left), Some(&other)) = (samples.get(at + 1), samples.get(right as usize)) {
                let sum = u64::from(left) + u64::from(other);
                if sum != u64::from(samples[at]) {
                    return Err(Error::invalid(
                        format!("trees[{tree}].samples[{at}]"),
                        format!("{sum}, the sum of its children"),
                        samples[at],
                    ));
                }
            }
            return Ok(Node::Split {
                feature,
                test: Test::AtMost(threshold),
                missing_left: true,
                right,
                cover,
            });
        }
        if feature < -1 {
            return Err(Error::invalid(format!("feature[{i}]"), "a feature, or -1 in a leaf", feature));
        }
        if right != 0 || threshold.to_bits() != 0 {
            let got = format!("threshold {threshold}, right {right}");
            return Err(Error::invalid(format!("feature[{i}]"), "a leaf with threshold 0 and right 0", got));
        }
        Ok(Node::Leaf { value: 0.0, cover })
    }
}
