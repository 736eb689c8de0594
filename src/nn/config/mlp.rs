//! Settings of a multilayer perceptron.

use serde::{Deserialize, Serialize};

use super::check;
use crate::error::Result;

/// Settings of a multilayer perceptron: Linear–ReLU–Dropout for each hidden width.
///
/// A category becomes a trained vector of `min(max(4, codes / 2), 16)` numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MlpConfig {
    /// Widths of the hidden layers, at least one, each in 1..=4096.
    pub hidden: Vec<usize>,
    /// Dropout rate of the hidden layers in training, in [0, 1).
    pub dropout: f32,
}

impl Default for MlpConfig {
    fn default() -> Self {
        Self { hidden: vec![64, 32], dropout: 0.1 }
    }
}

impl MlpConfig {
    pub(super) fn validate(&self, at: &str) -> Result<()> {
        check::widths(&format!("{at}.hidden"), &self.hidden)?;
        check::dropout(&format!("{at}.dropout"), self.dropout)
    }

    /// Width of the output.
    pub(super) fn width(&self) -> usize {
        self.hidden.last().copied().unwrap_or_default()
    }
}
