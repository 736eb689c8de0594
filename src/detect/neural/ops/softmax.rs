//! Shares that sum to 1.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::values;
use crate::detect::neural::kernels::{softmax_rows, sum_of_pairs};
use crate::detect::neural::simd::wide;

/// Over the last dimension.
pub(super) struct Softmax;

impl CustomOp1 for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn cpu_fwd(&self, x: &CpuStorage, at: &Layout) -> Result<(CpuStorage, Shape)> {
        let mut y = values::of(x, at)?.to_vec();
        softmax_rows(&mut y, at.dims().last().copied().unwrap_or(1));
        Ok((CpuStorage::F32(y), at.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, y: &Tensor, slope: &Tensor) -> Result<Option<Tensor>> {
        let slope = slope.contiguous()?;
        let mut of_x = values::read([&slope], |[slope]| Ok(slope.to_vec()))?;
        values::read([y], |[y]| {
            softmax_back(y, &mut of_x, x.dims().last().copied().unwrap_or(1), 1.0);
            Ok(())
        })?;
        Ok(Some(values::tensor(of_x, x.shape())?))
    }
}

wide! {
    /// From the slopes of shares `y` to those of what the shares were taken of, times `scale`.
    pub(super) fn softmax_back(y: &[f32], slope: &mut [f32], width: usize, scale: f32) {
        let width = width.max(1);
        for (y, slope) in y.chunks_exact(width).zip(slope.chunks_exact_mut(width)) {
            let mean = sum_of_pairs(y, slope, |y, slope| y * slope);
            for (slope, y) in slope.iter_mut().zip(y) {
                *slope = (*slope - mean) * y * scale;
            }
        }
    }
}
