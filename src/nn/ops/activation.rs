//! Functions of single numbers: their values and slopes.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::values;
use crate::nn::kernels::{gelu_of, gelu_slope, relu_of, tanh_of};
use crate::simd::wide;

/// Bends each number.
pub(super) enum Activation {
    Relu,
    Gelu,
    Tanh,
}

impl CustomOp1 for Activation {
    fn name(&self) -> &'static str {
        "activation"
    }

    fn cpu_fwd(&self, x: &CpuStorage, at: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = values::of(x, at)?;
        let y = match self {
            Self::Relu => relu(x),
            Self::Gelu => gelu(x),
            Self::Tanh => tanh(x),
        };
        Ok((CpuStorage::F32(y), at.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, y: &Tensor, slope: &Tensor) -> Result<Option<Tensor>> {
        let of_x = values::read([x, y, &slope.contiguous()?], |[x, y, slope]| {
            Ok(match self {
                Self::Relu => relu_back(y, slope),
                Self::Gelu => gelu_back(x, slope),
                Self::Tanh => tanh_back(y, slope),
            })
        })?;
        Ok(Some(values::tensor(of_x, x.shape())?))
    }
}

wide! {
    fn relu(x: &[f32]) -> Vec<f32> {
        x.iter().map(|&x| relu_of(x)).collect()
    }

    /// The slope at 0 is 0, as in `PyTorch`.
    fn relu_back(y: &[f32], slope: &[f32]) -> Vec<f32> {
        y.iter().zip(slope).map(|(&y, &slope)| if y > 0.0 { slope } else { 0.0 }).collect()
    }

    fn gelu(x: &[f32]) -> Vec<f32> {
        x.iter().map(|&x| gelu_of(x)).collect()
    }

    fn gelu_back(x: &[f32], slope: &[f32]) -> Vec<f32> {
        x.iter().zip(slope).map(|(&x, &slope)| gelu_slope(x) * slope).collect()
    }

    fn tanh(x: &[f32]) -> Vec<f32> {
        x.iter().map(|&x| tanh_of(x)).collect()
    }

    fn tanh_back(y: &[f32], slope: &[f32]) -> Vec<f32> {
        y.iter().zip(slope).map(|(&y, &slope)| (1.0 - y * y) * slope).collect()
    }
}
