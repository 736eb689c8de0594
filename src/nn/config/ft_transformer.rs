//! Settings of a feature-tokenizer transformer.

use serde::{Deserialize, Serialize};

use super::check;
use crate::error::{Error, Result};

/// Settings of a feature-tokenizer transformer.
///
/// Each number `x_j` becomes a token `x_j · W_j + b_j`, each category a trained vector of its code plus `b_j`, and the
/// token \[CLS\] precedes them. `b_j` identifies the feature of a token; tokens do not have positions. Each layer has attention
/// and a feed-forward network with GELU. Both follow a layer norm and are added to their input. The output is the token
/// \[CLS\] after a last layer norm. Dropout applies to the outputs of attention and feed-forward network, and inside the
/// network.
///
/// # Source
///
/// Y. Gorishniy et al., *Revisiting deep learning models for tabular data*, `NeurIPS` 2021, section 3.3.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FtTransformerConfig {
    /// Width of a token, in 1..=4096, a multiple of `heads`.
    pub width: usize,
    /// Layers, in 1..=64.
    pub layers: usize,
    /// Heads of attention, at least 1.
    pub heads: usize,
    /// Hidden width of the network in each layer, in 1..=4096.
    pub feed_forward: usize,
    /// Dropout rate in training, in [0, 1).
    pub dropout: f32,
}

impl Default for FtTransformerConfig {
    fn default() -> Self {
        Self { width: 32, layers: 2, heads: 4, feed_forward: 64, dropout: 0.1 }
    }
}

impl FtTransformerConfig {
    pub(super) fn validate(&self, at: &str) -> Result<()> {
        check::width(&format!("{at}.width"), self.width)?;
        check::width(&format!("{at}.feed_forward"), self.feed_forward)?;
        if !(1..=64).contains(&self.layers) {
            return Err(Error::invalid(format!("{at}.layers"), "in 1..=64", self.layers));
        }
        if self.heads == 0 || !self.width.is_multiple_of(self.heads) {
            let expected = format!("a divisor of the width {}", self.width);
            return Err(Error::invalid(format!("{at}.heads"), expected, self.heads));
        }
        check::dropout(&format!("{at}.dropout"), self.dropout)
    }
}
