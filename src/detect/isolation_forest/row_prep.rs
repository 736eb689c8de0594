//! Rows prepared for a layout that supports neither missing values nor fractional category codes.

use super::walk::Sets;
use crate::detect::tree::{Node, Test, Trees};
use crate::error::Result;

/// How rows are made ready.
///
/// A category code is stored as the bits of the whole number. Where values may be missing, each row has two
/// copies: a missing value is right of every cut in the first copy and left of every cut in the second, and
/// each split reads the copy that matches its direction for missing values.
#[derive(Clone, Debug)]
pub(super) struct RowPrep {
    n_features: usize,
    categorical: Vec<usize>,
    missing: bool,
    in_all: u32,
}

impl RowPrep {
    /// What rows need for these trees, and the trees for rows that have it.
    pub(super) fn new(trees: &Trees, categorical: &[usize], missing: bool) -> Result<(Self, Trees)> {
        let n_features = trees.n_features();
        let in_all = Sets::in_all(trees.categories());
        let prep = Self { n_features, categorical: categorical.to_vec(), missing, in_all };
        let mut nodes: Vec<Vec<Node>> = trees.iter().map(<[Node]>::to_vec).collect();
        for node in nodes.iter_mut().flatten() {
            if let Node::Split { feature, missing_left, .. } = node
                && missing
                && std::mem::replace(missing_left, true)
            {
                *feature += n_features as u32;
            }
        }
        let trees = Trees::new(prep.width(), &nodes, trees.categories().to_vec())?;
        Ok((prep, trees))
    }

    /// Values in a row that is ready.
    pub(super) fn width(&self) -> usize {
        if self.missing { 2 * self.n_features } else { self.n_features }
    }

    /// Makes rows ready.
    pub(super) fn apply(&self, x: &[f32], ready: &mut [f32]) {
        let rows = x.chunks_exact(self.n_features).zip(ready.chunks_exact_mut(self.width()));
        for (row, ready) in rows {
            let (first, second) = ready.split_at_mut(self.n_features);
            first.copy_from_slice(row);
            if self.missing {
                for ((first, second), &value) in first.iter_mut().zip(&mut *second).zip(row) {
                    let absent = value.is_nan();
                    *first = if absent { f32::INFINITY } else { value };
                    *second = if absent { f32::NEG_INFINITY } else { value };
                }
            }
            for &column in &self.categorical {
                first[column] = f32::from_bits(self.category(row[column], self.in_all + 1));
                if let Some(second) = second.get_mut(column) {
                    *second = f32::from_bits(self.category(row[column], self.in_all));
                }
            }
        }
    }

    /// The number of a category; what is in no set has the one after `in_all`.
    fn category(&self, value: f32, missing: u32) -> u32 {
        match value {
            _ if value.is_nan() => missing,
            _ if value > -1.0 && value < self.in_all as f32 => value as u32,
            _ => self.in_all + 1,
        }
    }

    /// Memory that it takes beyond itself, in bytes.
    pub(super) fn size_in_bytes(&self) -> usize {
        size_of_val(self.categorical.as_slice())
    }
}

/// Whether trees send some missing values right or test categories.
pub(super) fn is_needed(trees: &Trees) -> bool {
    let special = |node: &Node| {
        matches!(node, Node::Split { missing_left: false, .. } | Node::Split { test: Test::OneOf(_), .. })
    };
    trees.iter().flatten().any(special)
}
