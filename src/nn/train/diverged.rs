//! Where numbers stopped being finite.

use std::collections::BTreeMap;

use candle_core::backprop::GradStore;

use crate::error::{Error, Result};
use crate::nn::device::numbers;
use crate::nn::weights::Weights;

/// The first name, in name order, with a value that is not finite.
pub(super) fn not_finite(values: &BTreeMap<String, Vec<f32>>) -> Option<&str> {
    let mut all = values.iter();
    all.find(|(_, values)| values.iter().any(|value| !value.is_finite())).map(|(name, _)| name.as_str())
}

/// The error for a `loss` or `gradient` that is not finite: a broken weight is to blame before a gradient, and a
/// gradient before the loss.
pub(super) fn diverged(
    stage: &str,
    step: u64,
    what: &str,
    weights: &Weights,
    gradients: &GradStore,
) -> Result<Error> {
    let error = |what: &str, layer: &str| Error::Diverged {
        stage: stage.into(),
        step,
        what: what.into(),
        layer: layer.into(),
    };
    if let Some(name) = not_finite(&weights.values()?) {
        return Ok(error("weight", name));
    }
    for (name, var) in weights.trained() {
        if let Some(gradient) = gradients.get(var) {
            let gradient = numbers(gradient)?;
            // As the norm sees it: a number whose square is too large counts too.
            if !gradient.iter().map(|value| value * value).sum::<f32>().is_finite() {
                return Ok(error(what, name));
            }
        }
    }
    Ok(error(what, "loss"))
}
