//! Layers: weights, and the function that they apply to a batch.

use candle_core::{Tensor, Var};

use super::config::Activation;
use super::ops;
use super::pass::Pass;
use super::weights::{Init, Weights};
use crate::error::Result;

impl Activation {
    pub(crate) fn apply(self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Relu => ops::relu(x),
            Self::Gelu => ops::gelu(x),
            Self::Tanh => ops::tanh(x),
        }
    }
}

/// `x Wᵀ + b`; the weight has PyTorch's shape, (outputs, inputs).
#[derive(Clone, Debug)]
pub(crate) struct Linear {
    weight: Var,
    bias: Var,
}

impl Linear {
    pub(crate) fn new(weights: &mut Weights, at: &str, inputs: usize, outputs: usize) -> Result<Self> {
        let init = Init::Uniform { inputs };
        let weight = weights.weight(&format!("{at}.weight"), &[outputs, inputs], init)?;
        Ok(Self { weight, bias: weights.weight(&format!("{at}.bias"), &[outputs], init)? })
    }

    /// Shape (…, inputs) → (…, outputs).
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::linear(x, &self.weight, &self.bias)
    }
}

/// Brings each row to mean 0 and variance 1, then scales and shifts each feature.
#[derive(Clone, Debug)]
pub(crate) struct LayerNorm {
    weight: Var,
    bias: Var,
}

impl LayerNorm {
    pub(crate) fn new(weights: &mut Weights, at: &str, width: usize) -> Result<Self> {
        let weight = weights.weight(&format!("{at}.weight"), &[width], Init::Constant(1.0))?;
        Ok(Self { weight, bias: weights.weight(&format!("{at}.bias"), &[width], Init::Constant(0.0))? })
    }

    /// Shape (…, width) → the same.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::layer_norm(x, &self.weight, &self.bias)
    }
}

/// Brings each feature to mean 0 and variance 1 over the rows, then scales and shifts it.
///
/// Scoring uses running statistics, which each training batch moves by a tenth towards its own.
#[derive(Clone, Debug)]
pub(crate) struct BatchNorm {
    weight: Var,
    bias: Var,
    mean: Var,
    variance: Var,
}

impl BatchNorm {
    pub(crate) fn new(weights: &mut Weights, at: &str, width: usize) -> Result<Self> {
        Ok(Self {
            weight: weights.weight(&format!("{at}.weight"), &[width], Init::Constant(1.0))?,
            bias: weights.weight(&format!("{at}.bias"), &[width], Init::Constant(0.0))?,
            mean: weights.statistic(&format!("{at}.running_mean"), &[width], 0.0)?,
            variance: weights.statistic(&format!("{at}.running_var"), &[width], 1.0)?,
        })
    }

    /// Shape (rows, width) → the same; (rows, channels, length) normalises the channels.
    pub(crate) fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        ops::batch_norm(x, [&self.weight, &self.bias, &self.mean, &self.variance], pass.is_training())
    }
}

/// A vector for each code of a categorical column.
#[derive(Clone, Debug)]
pub(crate) struct Embedding {
    weight: Var,
}

impl Embedding {
    pub(crate) fn new(weights: &mut Weights, at: &str, codes: usize, width: usize) -> Result<Self> {
        let weight =
            weights.weight(&format!("{at}.weight"), &[codes, width], Init::Normal { deviation: 1.0 })?;
        Ok(Self { weight })
    }

    /// Codes of shape (rows) → (rows, width).
    pub(crate) fn forward(&self, codes: &Tensor) -> Result<Tensor> {
        Ok(self.weight.index_select(codes, 0)?)
    }
}

/// Sets numbers to 0 in training, at this rate, and scales the others up, so that the mean does not change.
pub(crate) fn dropout(x: &Tensor, share: f32, pass: &mut Pass) -> Result<Tensor> {
    match &mut pass.random {
        Some(random) if share > 0.0 => ops::dropout(x, share, random),
        _ => Ok(x.clone()),
    }
}
