//! Layer norms.

use super::values::{Values, named};
use crate::error::Result;
use crate::nn::kernels::layer_norm_rows;

/// Brings each row to mean 0 and variance 1, then scales and shifts each feature.
#[derive(Clone, Debug)]
pub(crate) struct LayerNorm {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl LayerNorm {
    /// Of the values `{at}.weight` and `{at}.bias`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) for a missing name and for another
    /// number of values.
    pub(crate) fn new(values: &Values<'_>, at: &str, width: usize) -> Result<Self> {
        let value = |name: &str| named(values, &format!("{at}.{name}"), width);
        Ok(Self { weight: value("weight")?.to_vec(), bias: value("bias")?.to_vec() })
    }

    /// Shape (rows, width) → the same.
    pub(crate) fn forward(&self, x: &[f32], out: &mut [f32]) {
        layer_norm_rows(x, &self.weight, &self.bias, out);
    }
}
