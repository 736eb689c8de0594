//! A multilayer perceptron.

use candle_core::Tensor;

use super::embedder::Embedder;
use crate::error::Result;
use crate::nn::config::MlpConfig;
use crate::nn::inputs::{Inputs, Seen};
use crate::nn::layers::{self, Linear};
use crate::nn::ops;
use crate::nn::pass::Pass;
use crate::nn::weights::Weights;

#[derive(Clone, Debug)]
pub(crate) struct Mlp {
    pub(super) embedder: Embedder,
    layers: Vec<Linear>,
    dropout: f32,
}

impl Mlp {
    /// The names of the weights begin with `{at}.categories.{j}.weight` and `{at}.layers.{i}`.
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
