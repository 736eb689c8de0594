//! Rows of mean 0 and variance 1, scaled and shifted.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};

use super::values;
use crate::nn::kernels::{layer_norm_rows, mean_and_scale, sum, sum_of_pairs};
use crate::simd::wide;

/// Over the last dimension of x, which weight and bias are as long as.
pub(super) struct LayerNorm;

impl CustomOp3 for LayerNorm {
    fn name(&self) -> &'static str {
        "layer_norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_at: &Layout,
        weight: &CpuStorage,
        weight_at: &Layout,
        bias: &CpuStorage,
        bias_at: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (weight, bias) = (values::of(weight, weight_at)?, values::of(bias, bias_at)?);
        if x_at.dims().last() != Some(&weight.len()) || weight.len() != bias.len() {
            bail!("expected rows of {}, found {:?} and a bias of {}", weight.len(), x_at.dims(), bias.len());
        }
        let x = values::of(x, x_at)?;
        let mut y = vec![0.0; x.len()];
        layer_norm_rows(x, weight, bias, &mut y);
        Ok((CpuStorage::F32(y), x_at.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _bias: &Tensor,
        _y: &Tensor,
        slope: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let width = weight.elem_count();
        let (mut of_weight, mut of_bias) = (vec![0.0; width], vec![0.0; width]);
        let of_x = values::read([x, weight, &slope.contiguous()?], |[x, weight, slope]| {
            let mut of_x = vec![0.0; x.len()];
            layer_norm_back(x, weight, slope, &mut of_x, &mut of_weight, &mut of_bias);
            Ok(of_x)
        })?;
        Ok((
            Some(values::tensor(of_x, x.shape())?),
            Some(values::tensor(of_weight, weight.shape())?),
            Some(values::tensor(of_bias, weight.shape())?),
        ))
    }
}

wide! {
    fn layer_norm_back(
        x: &[f32],
        weight: &[f32],
        slope: &[f32],
        of_x: &mut [f32],
        of_weight: &mut [f32],
        of_bias: &mut [f32],
    ) {
        let width = weight.len().max(1);
        let n = width as f32;
        let rows = x.chunks_exact(width).zip(slope.chunks_exact(width)).zip(of_x.chunks_exact_mut(width));
        for ((x, slope), of_x) in rows {
            let (mean, scale) = mean_and_scale(x);
            for ((of_x, slope), weight) in of_x.iter_mut().zip(slope).zip(weight) {
                *of_x = slope * weight;
            }
            let along_bias = sum(of_x, |inner| inner) / n;
            let along_x = sum_of_pairs(of_x, x, |inner, x| inner * (x - mean)) * scale / n;
            for (of_x, x) in of_x.iter_mut().zip(x) {
                *of_x = (*of_x - along_bias - (x - mean) * scale * along_x) * scale;
            }
            for ((of_weight, slope), x) in of_weight.iter_mut().zip(slope).zip(x) {
                *of_weight += slope * (x - mean) * scale;
            }
            for (of_bias, slope) in of_bias.iter_mut().zip(slope) {
                *of_bias += slope;
            }
        }
    }
}
