//! Operations with gradients of their own, where candle's are slow or have none.

mod activation;
mod adamw;
mod adamw_rates;
mod attention;
mod batch_norm;
mod composed;
mod dropout;
mod layer_norm;
mod linear;
mod product;
mod values;

#[cfg(test)]
mod tests;

use candle_core::{Tensor, Var};

use self::activation::Activation;
pub(crate) use self::adamw::{AdamW, gradient_norm};
use self::attention::Attention;
use self::batch_norm::BatchNorm;
use self::dropout::Dropout;
use self::layer_norm::LayerNorm;
use self::linear::Linear;
use super::place::{Place, is_ours};
use crate::error::Result;
use crate::rng::Stream;

/// How far a batch moves running statistics towards its own.
const MOMENTUM: f32 = 0.1;

/// `x Wᵀ + b`, shape (…, inputs) → (…, outputs).
pub(crate) fn linear(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    if !is_ours(x) {
        return Ok(composed::linear(x, weight, bias)?);
    }
    Ok(x.contiguous()?.apply_op3(weight, bias, Linear)?)
}

/// `max(0, x)`.
pub(crate) fn relu(x: &Tensor) -> Result<Tensor> {
    if !is_ours(x) {
        return Ok(composed::relu(x)?);
    }
    Ok(x.contiguous()?.apply_op1(Activation::Relu)?)
}

/// `x Φ(x)`, by the error function.
pub(crate) fn gelu(x: &Tensor) -> Result<Tensor> {
    if !is_ours(x) {
        return Ok(x.gelu_erf()?);
    }
    Ok(x.contiguous()?.apply_op1(Activation::Gelu)?)
}

/// `tanh x`.
pub(crate) fn tanh(x: &Tensor) -> Result<Tensor> {
    if !is_ours(x) {
        return Ok(x.tanh()?);
    }
    Ok(x.contiguous()?.apply_op1(Activation::Tanh)?)
}

/// Each row of the last dimension to mean 0 and variance 1, times `weight`, plus `bias`.
pub(crate) fn layer_norm(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    if !is_ours(x) {
        return Ok(composed::layer_norm(x, weight, bias)?);
    }
    Ok(x.contiguous()?.apply_op3(weight, bias, LayerNorm)?)
}

/// `softmax(Q Kᵀ / √width) V` for each head; `qkv` of shape (rows, tokens, 3 · heads · width) holds Q, K and V side
/// by side → (rows, tokens, heads · width).
pub(crate) fn attention(qkv: &Tensor, heads: usize) -> Result<Tensor> {
    if !is_ours(qkv) {
        return Ok(composed::attention(qkv, heads)?);
    }
    Ok(qkv.contiguous()?.apply_op1(Attention { heads })?)
}

/// Each feature (dimension 1) to mean 0 and variance 1 over all others; moves the running statistics in training.
///
/// `[weight, bias, running mean, running variance]`, as in `PyTorch`.
pub(crate) fn batch_norm(x: &Tensor, vars: [&Var; 4], training: bool) -> Result<Tensor> {
    if !is_ours(x) {
        return Ok(composed::batch_norm(x, vars, training)?);
    }
    let [weight, bias, running_mean, running_variance] = vars;
    let x = x.contiguous()?;
    let (features, length) = batch_norm::sizes(x.dims())?;
    let kept = values::read([running_mean, running_variance], |[mean, variance]| {
        Ok((mean.to_vec(), variance.to_vec()))
    })?;
    let (mean, variance) = if training {
        let of_batch = values::read([&x], |[x]| Ok(batch_norm::statistics(x, features, length)))?;
        let n = (x.elem_count() / features.max(1)) as f32;
        let unbiased = n / (n - 1.0).max(1.0);
        for (running, kept, batch, factor) in
            [(running_mean, kept.0, &of_batch.0, 1.0), (running_variance, kept.1, &of_batch.1, unbiased)]
        {
            let moved = kept.iter().zip(batch).map(|(kept, batch)| kept + MOMENTUM * (batch * factor - kept));
            running.set(&values::tensor(moved.collect(), running.shape())?)?;
        }
        of_batch
    } else {
        kept
    };
    Ok(x.apply_op3(weight, bias, BatchNorm { mean, variance, of_batch: training })?)
}

/// Sets numbers to 0 at the rate `share` and scales the others up by `1 / (1 − share)`.
pub(crate) fn dropout(x: &Tensor, share: f32, random: &mut Stream) -> Result<Tensor> {
    let dropout = Dropout::new(share, random);
    if !is_ours(x) {
        return Ok((x * Place::of(x).tensor(dropout.mask(x.elem_count()), x.shape())?)?);
    }
    Ok(x.contiguous()?.apply_op1(dropout)?)
}
