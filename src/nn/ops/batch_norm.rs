//! Features of mean 0 and variance 1 over a batch, scaled and shifted.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};

use super::values;
use crate::nn::kernels::{EPSILON, sum, sum_of_pairs};
use crate::simd::wide;

/// Over x of shape (rows, features) or (rows, features, length).
pub(super) struct BatchNorm {
    pub(super) mean: Vec<f32>,
    pub(super) variance: Vec<f32>,
    /// The statistics are computed from x and change with it.
    pub(super) of_batch: bool,
}

/// The number of features, and how many numbers of each are contiguous.
pub(super) fn sizes(dims: &[usize]) -> Result<(usize, usize)> {
    match *dims {
        [_, features] => Ok((features, 1)),
        [_, features, length] => Ok((features, length)),
        _ => bail!("expected (rows, features) or (rows, features, length), found {dims:?}"),
    }
}

/// Mean and variance of each feature.
pub(super) fn statistics(x: &[f32], features: usize, length: usize) -> (Vec<f32>, Vec<f32>) {
    let n = (x.len() / features.max(1)) as f32;
    let (mut mean, mut variance) = (vec![0.0; features], vec![0.0; features]);
    let zeros = vec![0.0; features];
    add_powers(x, length, &zeros, &mut mean, false);
    for mean in &mut mean {
        *mean /= n;
    }
    add_powers(x, length, &mean, &mut variance, true);
    for variance in &mut variance {
        *variance /= n;
    }
    (mean, variance)
}

impl BatchNorm {
    fn scales(&self) -> Vec<f32> {
        self.variance.iter().map(|variance| 1.0 / (variance + EPSILON).sqrt()).collect()
    }
}

impl CustomOp3 for BatchNorm {
    fn name(&self) -> &'static str {
        "batch_norm"
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
        let (features, length) = sizes(x_at.dims())?;
        let (weight, bias) = (values::of(weight, weight_at)?, values::of(bias, bias_at)?);
        if [weight.len(), bias.len(), self.mean.len(), self.variance.len()].iter().any(|&n| n != features) {
            bail!("expected {features} weights and biases, found {} and {}", weight.len(), bias.len());
        }
        let factors: Vec<f32> =
            weight.iter().zip(self.scales()).map(|(weight, scale)| weight * scale).collect();
        let mut y = values::of(x, x_at)?.to_vec();
        normalise(&mut y, length, &self.mean, &factors, bias);
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
        let (features, length) = sizes(x.dims())?;
        let n = (x.elem_count() / features.max(1)) as f32;
        let scales = self.scales();
        let (mut of_weight, mut of_bias) = (vec![0.0; features], vec![0.0; features]);
        let of_x = values::read([x, weight, &slope.contiguous()?], |[x, weight, slope]| {
            add_slopes(x, slope, length, &self.mean, &mut of_weight, &mut of_bias);
            for (of_weight, scale) in of_weight.iter_mut().zip(&scales) {
                *of_weight *= scale;
            }
            let factors: Vec<f32> =
                weight.iter().zip(&scales).map(|(weight, scale)| weight * scale).collect();
            let mut of_x = slope.to_vec();
            if self.of_batch {
                let along: Vec<f32> =
                    of_weight.iter().zip(&scales).map(|(of, scale)| of * scale / n).collect();
                let shift: Vec<f32> = of_bias.iter().map(|of_bias| of_bias / n).collect();
                remove(&mut of_x, x, length, &self.mean, &along, &shift);
            }
            let zeros = vec![0.0; features];
            normalise(&mut of_x, length, &zeros, &factors, &zeros);
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
    /// `(x − centre) · factor + shift`, by feature.
    fn normalise(x: &mut [f32], length: usize, centre: &[f32], factor: &[f32], shift: &[f32]) {
        let features = centre.len().max(1);
        let length = length.max(1);
        for x in x.chunks_exact_mut(features * length) {
            if length == 1 {
                for (((x, centre), factor), shift) in x.iter_mut().zip(centre).zip(factor).zip(shift) {
                    *x = (*x - centre) * factor + shift;
                }
            } else {
                let each = x.chunks_exact_mut(length).zip(centre).zip(factor).zip(shift);
                for (((x, centre), factor), shift) in each {
                    for x in x {
                        *x = (*x - centre) * factor + shift;
                    }
                }
            }
        }
    }

    /// Adds `x − centre` of each feature to `sums`, or its square.
    fn add_powers(x: &[f32], length: usize, centre: &[f32], sums: &mut [f32], square: bool) {
        let features = centre.len().max(1);
        let length = length.max(1);
        let term = |x: f32| if square { x * x } else { x };
        for x in x.chunks_exact(features * length) {
            if length == 1 {
                for ((total, x), centre) in sums.iter_mut().zip(x).zip(centre) {
                    *total += term(x - centre);
                }
            } else {
                for ((total, x), centre) in sums.iter_mut().zip(x.chunks_exact(length)).zip(centre) {
                    *total += sum(x, |x| term(x - centre));
                }
            }
        }
    }

    /// Adds `slope · (x − mean)` and `slope` by feature.
    fn add_slopes(
        x: &[f32],
        slope: &[f32],
        length: usize,
        mean: &[f32],
        of_weight: &mut [f32],
        of_bias: &mut [f32],
    ) {
        let features = mean.len().max(1);
        let length = length.max(1);
        for (x, slope) in x.chunks_exact(features * length).zip(slope.chunks_exact(features * length)) {
            let sums = of_weight.iter_mut().zip(of_bias.iter_mut()).zip(mean);
            if length == 1 {
                for (((of_weight, of_bias), mean), (x, slope)) in sums.zip(x.iter().zip(slope)) {
                    *of_weight += slope * (x - mean);
                    *of_bias += slope;
                }
            } else {
                let parts = x.chunks_exact(length).zip(slope.chunks_exact(length));
                for (((of_weight, of_bias), mean), (x, slope)) in sums.zip(parts) {
                    *of_weight += sum_of_pairs(x, slope, |x, s| s * (x - mean));
                    *of_bias += sum(slope, |slope| slope);
                }
            }
        }
    }

    /// Takes `shift + (x − mean) · along` from each slope: the part that the statistics of the batch compensate.
    fn remove(slope: &mut [f32], x: &[f32], length: usize, mean: &[f32], along: &[f32], shift: &[f32]) {
        let features = mean.len().max(1);
        let length = length.max(1);
        for (slope, x) in slope.chunks_exact_mut(features * length).zip(x.chunks_exact(features * length)) {
            let each = mean.iter().zip(along).zip(shift);
            if length == 1 {
                for (((mean, along), shift), (slope, x)) in each.zip(slope.iter_mut().zip(x)) {
                    *slope -= shift + (x - mean) * along;
                }
            } else {
                let parts = slope.chunks_exact_mut(length).zip(x.chunks_exact(length));
                for (((mean, along), shift), (slope, x)) in each.zip(parts) {
                    for (slope, x) in slope.iter_mut().zip(x) {
                        *slope -= shift + (x - mean) * along;
                    }
                }
            }
        }
    }
}
