//! A multilayer perceptron.

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use super::check;
use super::embedder::{Embedder, Seen};
use crate::error::Result;
use crate::nn::inputs::Inputs;
use crate::nn::layers::{self, Linear};
use crate::nn::ops;
use crate::nn::pass::Pass;
use crate::nn::weights::Weights;

/// Settings of a multilayer perceptron: Linear–ReLU–Dropout for each hidden width.
///
/// A category becomes a learnt vector of `min(max(4, codes / 2), 16)` numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MlpConfig {
    /// Widths of the hidden layers, at least one, each in 1..=4096.
    pub hidden: Vec<usize>,
    /// Share of the hidden numbers that training sets to 0, in [0, 1).
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
        check::share(&format!("{at}.dropout"), self.dropout)
    }

    /// Width of what comes out.
    pub(super) fn width(&self) -> usize {
        self.hidden.last().copied().unwrap_or_default()
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Mlp {
    pub(super) embedder: Embedder,
    layers: Vec<Linear>,
    dropout: f32,
}

impl Mlp {
    /// The weights stand under `{at}.categories.{j}.weight` and `{at}.layers.{i}`.
    pub(super) fn new(
        weights: &mut Weights,
        at: &str,
        inputs: &Inputs,
        seen: &Seen,
        config: &MlpConfig,
    ) -> Result<Self> {
        let width = |codes: usize| (codes / 2).clamp(4, 16);
        let embedder = Embedder::new(weights, &format!("{at}.categories"), inputs, seen, width)?;
        let mut layers = Vec::new();
        let mut width = embedder.width();
        for (i, &next) in config.hidden.iter().enumerate() {
            layers.push(Linear::new(weights, &format!("{at}.layers.{i}"), width, next)?);
            width = next;
        }
        Ok(Self { embedder, layers, dropout: config.dropout })
    }

    /// Flat rows → (rows, last hidden width).
    pub(super) fn forward(&self, flat: &Tensor, pass: &mut Pass) -> Result<Tensor> {
        let mut x = flat.clone();
        for layer in &self.layers {
            x = layers::dropout(&ops::relu(&layer.forward(&x)?)?, self.dropout, pass)?;
        }
        Ok(x)
    }
}
