//! The training loss, and the error of each column of each row.

use candle_core::{D, DType, Tensor};

use super::errors::shares;
use super::network::{Code, Output};
use crate::error::Result;
use crate::nn::batch::Batch;
use crate::nn::losses::{cross_entropy, mean_squared_error};

/// `(MSE + weight · CE) / (1 + weight)`, a scalar.
pub(super) fn reconstruction(output: &Output, batch: &Batch, category_weight: f32) -> Result<Tensor> {
    let (rows, columns) = batch.codes.dims2()?;
    let (of_numbers, of_categories) = shares(batch.numbers.dim(1)?, columns, category_weight);
    let like = output.numbers.as_ref().or(output.logits.first()).unwrap_or(&batch.numbers);
    let mut loss = match &output.numbers {
        Some(numbers) => (mean_squared_error(numbers, &batch.numbers)? * of_numbers)?,
        None => Tensor::zeros((), like.dtype(), like.device())?,
    };
    let ones = Tensor::ones(rows, like.dtype(), like.device())?;
    for (i, logits) in output.logits.iter().enumerate() {
        let codes = batch.codes.narrow(1, i, 1)?.flatten_all()?;
        loss = (loss + (cross_entropy(logits, &codes, &ones)? * (of_categories / columns as f64))?)?;
    }
    Ok(loss)
}

/// `½ Σ (e^v + μ² − 1 − v)` on average over the rows: how far a normal distribution is from the standard one.
pub(super) fn divergence(code: &Code, log_variance: &Tensor) -> Result<Tensor> {
    let terms = ((log_variance.exp()? + code.mean.sqr()?)? - log_variance)?;
    Ok((((terms - 1.0)?.sum(D::Minus1)?.mean_all()?) * 0.5)?)
}

/// The error of each column of each row: `(x − x̂)²` of the numbers, then `−ln p(code)` of the categories, row
/// after row.
pub(super) fn errors(output: &Output, batch: &Batch) -> Result<Vec<f32>> {
    let mut parts = Vec::new();
    if let Some(numbers) = &output.numbers {
        parts.push((numbers.to_dtype(DType::F32)? - batch.numbers.to_dtype(DType::F32)?)?.sqr()?);
    }
    for (i, logits) in output.logits.iter().enumerate() {
        let log_p = candle_nn::ops::log_softmax(&logits.to_dtype(DType::F32)?, D::Minus1)?;
        parts.push(log_p.gather(&batch.codes.narrow(1, i, 1)?.contiguous()?, 1)?.neg()?);
    }
    Ok(Tensor::cat(&parts, 1)?.flatten_all()?.to_vec1()?)
}
