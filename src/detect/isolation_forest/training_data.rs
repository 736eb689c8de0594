//! What a forest is grown from.

use ndarray::ArrayView2;

use super::IsolationForestConfig;

/// What all trees of one fit share.
pub(super) struct TrainingData<'a> {
    pub(super) config: &'a IsolationForestConfig,
    pub(super) x: ArrayView2<'a, f32>,
    /// For each categorical column, the number that all its categories are below; 0 for the others.
    pub(super) n_categories: Vec<u32>,
    /// Rows of a tree.
    pub(super) sample: usize,
}
