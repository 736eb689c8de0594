//! What the operator reads: the rows with NaN for what is missing, and behind them the categories as whole numbers.

use std::collections::BTreeSet;

use super::{DOUBLE, INT64, Message, TreeEnsemble, attribute, operator, tensor};
use crate::detect::tree::{Node, Test};

/// The fields `node` and `initializer` of `GraphProto`.
const NODE: u32 = 1;
const INITIALIZER: u32 = 5;

/// The columns that the operator reads.
pub(super) struct Input {
    n_features: usize,
    /// Features that are tested for categories; each has a column of whole numbers behind the features.
    categorical: Vec<u32>,
    /// The lowest and the highest value of each feature that are taken for missing.
    missing: Option<(Vec<u8>, Vec<u8>)>,
}

impl Input {
    pub(super) fn new(model: &TreeEnsemble) -> Self {
        let nodes = model.outputs().flat_map(|(_, trees, _)| trees.iter().flatten());
        let categorical = nodes.filter_map(|node| match *node {
            Node::Split { feature, test: Test::OneOf(_), .. } => Some(feature),
            _ => None,
        });
        let n_features = model.n_features;
        let missing = model.missing.as_ref().map(|missing| {
            let ranges = (0..n_features).map(|feature| missing.range(feature));
            let bytes = |(low, high)| (f64::from(low).to_le_bytes(), f64::from(high).to_le_bytes());
            let (low, high): (Vec<_>, Vec<_>) = ranges.map(bytes).unzip();
            (low.concat(), high.concat())
        });
        let categorical = categorical.collect::<BTreeSet<u32>>().into_iter().collect();
        Self { n_features, categorical, missing }
    }

    /// The column that has a categorical feature as a whole number.
    pub(super) fn whole(&self, feature: u32) -> u32 {
        let at = self.categorical.binary_search(&feature);
        at.map_or(feature, |at| (self.n_features + at) as u32)
    }

    /// What the operator's input is called.
    pub(super) fn name(&self) -> &'static str {
        match (&self.missing, self.categorical.is_empty()) {
            (_, false) => "columns",
            (Some(_), true) => "present",
            (None, true) => "wide",
        }
    }

    /// Nodes and tensors that make the input of `wide`, each with its field of the graph.
    pub(super) fn parts(&self) -> Vec<(u32, Message)> {
        let mut parts = Vec::new();
        if let Some((low, high)) = &self.missing {
            let values = |name, shape: &[usize], bytes: &[u8]| {
                (INITIALIZER, tensor(shape, DOUBLE, bytes).text(8, name))
            };
            parts.extend([
                values("missing_low", &[self.n_features], low),
                values("missing_high", &[self.n_features], high),
                values("nan", &[1], &f64::NAN.to_le_bytes()),
                (NODE, operator("GreaterOrEqual", &["wide", "missing_low"], "from_low")),
                (NODE, operator("LessOrEqual", &["wide", "missing_high"], "to_high")),
                (NODE, operator("And", &["from_low", "to_high"], "missing")),
                (NODE, operator("Where", &["missing", "nan", "wide"], "present")),
            ]);
        }
        if !self.categorical.is_empty() {
            let present = if self.missing.is_some() { "present" } else { "wide" };
            let indices: Vec<u8> =
                self.categorical.iter().flat_map(|&feature| i64::from(feature).to_le_bytes()).collect();
            let axis = || attribute("axis", 2).int(3, 1);
            // A category is cut to a whole number, towards 0: the sign times the floor of the absolute value.
            parts.extend([
                (INITIALIZER, tensor(&[self.categorical.len()], INT64, &indices).text(8, "categorical")),
                (NODE, operator("Gather", &[present, "categorical"], "categories").message(5, axis())),
                (NODE, operator("Abs", &["categories"], "absolute")),
                (NODE, operator("Floor", &["absolute"], "floor")),
                (NODE, operator("Sign", &["categories"], "sign")),
                (NODE, operator("Mul", &["sign", "floor"], "whole")),
                (NODE, operator("Concat", &[present, "whole"], "columns").message(5, axis())),
            ]);
        }
        parts
    }
}
