//! `x Wᵀ + b`.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};

use super::product::Matrix;
use super::values;
use crate::simd::wide;

/// Over x (…, inputs), W (outputs, inputs) and b (outputs).
pub(super) struct Linear;

/// Rows, inputs and outputs.
fn sizes(x: &[usize], weight: &[usize]) -> Result<(usize, usize, usize)> {
    match (x, weight) {
        ([rows @ .., inputs], &[outputs, of]) if *inputs == of => Ok((rows.iter().product(), of, outputs)),
        _ => {
            bail!("expected an input (…, inputs) and a weight (outputs, inputs), found {x:?} and {weight:?}")
        }
    }
}

impl CustomOp3 for Linear {
    fn name(&self) -> &'static str {
        "linear"
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
        let (rows, inputs, outputs) = sizes(x_at.dims(), weight_at.dims())?;
        let bias = values::of(bias, bias_at)?;
        if bias.len() != outputs {
            bail!("expected a bias of {outputs}, found {}", bias.len());
        }
        let x = Matrix::new(values::of(x, x_at)?, rows, inputs, inputs)?;
        let weight = Matrix::new(values::of(weight, weight_at)?, outputs, inputs, inputs)?;
        let mut y = bias.repeat(rows);
        x.times_into(weight.transposed(), &mut y, outputs, true)?;
        let mut shape = x_at.dims().to_vec();
        if let Some(last) = shape.last_mut() {
            *last = outputs;
        }
        Ok((CpuStorage::F32(y), shape.into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _y: &Tensor,
        slope: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (rows, inputs, outputs) = sizes(x.dims(), weight.dims())?;
        let (of_x, of_weight, of_bias) =
            values::read([x, weight, &slope.contiguous()?], |[x_values, weight_values, slope]| {
                let mut of_bias = vec![0.0; outputs];
                add_rows(slope, &mut of_bias);
                let slope = Matrix::new(slope, rows, outputs, outputs)?;
                let of_weight = slope.transposed().times(Matrix::new(x_values, rows, inputs, inputs)?)?;
                // The data that a network begins with need no slope.
                let weight = Matrix::new(weight_values, outputs, inputs, inputs)?;
                let of_x = x.track_op().then(|| slope.times(weight)).transpose()?;
                Ok((of_x, of_weight, of_bias))
            })?;
        let of_x = of_x.map(|of_x| values::tensor(of_x, x.shape())).transpose()?;
        Ok((
            of_x,
            Some(values::tensor(of_weight, weight.shape())?),
            Some(values::tensor(of_bias, bias.shape())?),
        ))
    }
}

wide! {
    /// Adds each row to `sums`.
    fn add_rows(x: &[f32], sums: &mut [f32]) {
        for row in x.chunks_exact(sums.len().max(1)) {
            for (sum, x) in sums.iter_mut().zip(row) {
                *sum += x;
            }
        }
    }
}
