//! Where numbers stopped being finite.

use candle_core::backprop::GradStore;

use crate::error::{Error, Result};
use crate::nn::checkpoint::not_finite;
use crate::nn::place::numbers;
use crate::nn::weights::Weights;

/// The error for a `loss` or `gradient` that is not finite: it names a weight that is not finite before a gradient, and a
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
            // As in the norm: a number whose square is too large counts too.
            if !gradient.iter().map(|value| value * value).sum::<f32>().is_finite() {
                return Ok(error(what, name));
            }
        }
    }
    Ok(error(what, "loss"))
}
