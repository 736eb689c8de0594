//! Training losses.

use candle_core::{D, Tensor};

use crate::error::Result;

/// `Σ weights_i · −ln p(label_i) / Σ weights_i`, with `p` the softmax of the logits.
///
/// `logits` (rows, classes), `labels` u32 (rows), `weights` (rows).
pub(crate) fn cross_entropy(logits: &Tensor, labels: &Tensor, weights: &Tensor) -> Result<Tensor> {
    let log_p = candle_nn::ops::log_softmax(logits, D::Minus1)?;
    let of_label = log_p.gather(&labels.unsqueeze(1)?, 1)?.squeeze(1)?;
    Ok(((of_label * weights)?.sum_all()?.neg()? / weights.sum_all()?)?)
}

/// Mean of `(x − y)²` over all numbers.
pub(crate) fn mean_squared_error(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    Ok((x - y)?.sqr()?.mean_all()?)
}
