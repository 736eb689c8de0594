//! Operations with gradients of their own, where candle's are slow or have none.

mod adamw;
mod values;

use candle_core::{D, Tensor, Var};

pub(crate) use self::adamw::{AdamW, gradient_norm};
use crate::error::Result;
use crate::rng::Stream;

/// Kept from the variance, so that it is never 0.
const EPSILON: f64 = 1e-5;
/// How far running statistics move towards those of a batch.
const MOMENTUM: f64 = 0.1;

/// `x Wᵀ + b`, shape (…, inputs) → (…, outputs).
pub(crate) fn linear(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let mut shape = x.dims().to_vec();
    let inputs = weight.dim(1)?;
    let y = x.reshape(((), inputs))?.matmul(&weight.t()?)?.broadcast_add(bias)?;
    if let Some(last) = shape.last_mut() {
        *last = weight.dim(0)?;
    }
    Ok(y.reshape(shape)?)
}

/// `max(0, x)`.
pub(crate) fn relu(x: &Tensor) -> Result<Tensor> {
    Ok(x.relu()?)
}

/// `x Φ(x)`, by the error function.
pub(crate) fn gelu(x: &Tensor) -> Result<Tensor> {
    Ok(x.gelu_erf()?)
}

/// Over the last dimension.
pub(crate) fn softmax(x: &Tensor) -> Result<Tensor> {
    Ok(candle_nn::ops::softmax(x, D::Minus1)?)
}

/// Each row of the last dimension to mean 0 and variance 1, times `weight`, plus `bias`.
pub(crate) fn layer_norm(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    Ok(candle_nn::ops::layer_norm_slow(x, weight, bias, EPSILON as f32)?)
}

/// `softmax(Q Kᵀ / √width) V` for each head; `qkv` of shape (rows, tokens, 3 · heads · width) holds Q, K and V side
/// by side → (rows, tokens, heads · width).
pub(crate) fn attention(qkv: &Tensor, heads: usize) -> Result<Tensor> {
    let (rows, tokens, columns) = qkv.dims3()?;
    let width = columns / 3 / heads;
    let qkv = qkv.reshape((rows, tokens, 3, heads, width))?.permute((2, 0, 3, 1, 4))?.contiguous()?;
    let (q, k, v) = (qkv.get(0)?, qkv.get(1)?, qkv.get(2)?);
    let shares = softmax(&(q.matmul(&k.t()?)? / (width as f64).sqrt())?)?;
    Ok(shares.matmul(&v)?.transpose(1, 2)?.reshape((rows, tokens, columns / 3))?)
}

/// Each feature (dimension 1) to mean 0 and variance 1 over all others; moves the running statistics in training.
///
/// `[weight, bias, running mean, running variance]`, as in PyTorch.
pub(crate) fn batch_norm(x: &Tensor, vars: [&Var; 4], training: bool) -> Result<Tensor> {
    let [weight, bias, running_mean, running_variance] = vars;
    let width = x.dim(1)?;
    let others: Vec<usize> = (0..x.rank()).filter(|&i| i != 1).collect();
    let mut shape = vec![1; x.rank()];
    shape[1] = width;
    let (mean, variance) = if training {
        let mean = x.mean_keepdim(others.clone())?;
        let variance = x.broadcast_sub(&mean)?.sqr()?.mean_keepdim(others)?;
        let n = (x.elem_count() / width) as f64;
        let unbiased = (variance.flatten_all()?.detach() * (n / (n - 1.0).max(1.0)))?;
        for (running, batch) in [(running_mean, mean.flatten_all()?.detach()), (running_variance, unbiased)] {
            running.set(&((running.as_tensor() * (1.0 - MOMENTUM))? + (batch * MOMENTUM)?)?)?;
        }
        (mean, variance)
    } else {
        (running_mean.reshape(shape.as_slice())?, running_variance.reshape(shape.as_slice())?)
    };
    let x = x.broadcast_sub(&mean)?.broadcast_div(&(variance + EPSILON)?.sqrt()?)?;
    let x = x.broadcast_mul(&weight.reshape(shape.as_slice())?)?;
    Ok(x.broadcast_add(&bias.reshape(shape)?)?)
}

/// Sets a share of the numbers to 0 and scales the others up by `1 / (1 − share)`.
pub(crate) fn dropout(x: &Tensor, share: f32, random: &mut Stream) -> Result<Tensor> {
    let keep = 1.0 / (1.0 - share);
    let mask: Vec<f32> =
        (0..x.elem_count()).map(|_| if random.uniform() < f64::from(share) { 0.0 } else { keep }).collect();
    Ok((x * Tensor::from_vec(mask, x.shape(), x.device())?)?)
}
