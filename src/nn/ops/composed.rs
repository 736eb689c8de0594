//! The same operations out of candle's own, for other devices and numbers than ours take; also the oracle of ours.

use candle_core::{D, Result, Tensor, Var};

use super::MOMENTUM;
use super::adamw_rates::{BETA1, BETA2, EPSILON, Rates};
use crate::nn::kernels;

pub(super) fn linear(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let (outputs, inputs) = weight.dims2()?;
    let mut shape = x.dims().to_vec();
    if let Some(last) = shape.last_mut() {
        *last = outputs;
    }
    let x = x.reshape(((), inputs))?.contiguous()?;
    x.matmul(&weight.t()?)?.broadcast_add(bias)?.reshape(shape)
}

/// By a product, as a NaN must stay one: candle's `relu` makes 0 of it.
pub(super) fn relu(x: &Tensor) -> Result<Tensor> {
    x * x.gt(0.0)?.to_dtype(x.dtype())?
}

pub(super) fn layer_norm(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    candle_nn::ops::layer_norm_slow(x, weight, bias, kernels::EPSILON)
}

pub(super) fn attention(qkv: &Tensor, heads: usize) -> Result<Tensor> {
    let (rows, tokens, columns) = qkv.dims3()?;
    let width = columns / 3 / heads;
    let qkv = qkv.reshape((rows, tokens, 3, heads, width))?.permute((2, 0, 3, 1, 4))?.contiguous()?;
    let (q, k, v) = (qkv.get(0)?, qkv.get(1)?, qkv.get(2)?);
    let shares = candle_nn::ops::softmax(&(q.matmul(&k.t()?)? / (width as f64).sqrt())?, D::Minus1)?;
    shares.matmul(&v)?.transpose(1, 2)?.reshape((rows, tokens, columns / 3))
}

pub(super) fn batch_norm(x: &Tensor, vars: [&Var; 4], training: bool) -> Result<Tensor> {
    let [weight, bias, running_mean, running_variance] = vars;
    let others: Vec<usize> = (0..x.rank()).filter(|&i| i != 1).collect();
    let mut shape = vec![1; x.rank()];
    shape[1] = x.dim(1)?;
    let (mean, variance) = if training {
        let mean = x.mean_keepdim(others.as_slice())?;
        let variance = x.broadcast_sub(&mean)?.sqr()?.mean_keepdim(others)?;
        let n = (x.elem_count() / shape[1].max(1)) as f64;
        let unbiased = n / (n - 1.0).max(1.0);
        for (running, batch, factor) in [(running_mean, &mean, 1.0), (running_variance, &variance, unbiased)]
        {
            let (kept, momentum) = (running.as_detached_tensor(), f64::from(MOMENTUM));
            let batch = (batch.detach().reshape(kept.shape())? * (momentum * factor))?;
            running.set(&((kept * (1.0 - momentum))? + batch)?)?;
        }
        (mean, variance)
    } else {
        let fixed = |running: &Var| running.as_detached_tensor().reshape(shape.as_slice());
        (fixed(running_mean)?, fixed(running_variance)?)
    };
    let x = x.broadcast_sub(&mean)?.broadcast_div(&(variance + f64::from(kernels::EPSILON))?.sqrt()?)?;
    x.broadcast_mul(&weight.reshape(shape.as_slice())?)?.broadcast_add(&bias.reshape(shape)?)
}

/// A step of `AdamW` for a weight and the running means of its gradient and of the gradient's square.
pub(super) fn adamw(
    weight: &Var,
    gradient: &Tensor,
    mean: &mut Tensor,
    square: &mut Tensor,
    rates: Rates,
) -> Result<()> {
    let gradient = (gradient.detach() * f64::from(rates.scale))?;
    *mean = ((&*mean * BETA1)? + (&gradient * (1.0 - BETA1))?)?;
    *square = ((&*square * BETA2)? + (gradient.sqr()? * (1.0 - BETA2))?)?;
    let root = ((square.sqrt()? * f64::from(rates.root))? + EPSILON)?;
    let step = ((&*mean * f64::from(rates.length))? / root)?;
    weight.set(&((weight.as_detached_tensor() * f64::from(rates.kept))? - step)?)
}
