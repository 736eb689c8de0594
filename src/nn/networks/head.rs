//! From the output of a body to a number for each class.

use candle_core::Tensor;

use crate::error::Result;
use crate::nn::layers::{self, Linear};
use crate::nn::ops;
use crate::nn::pass::Pass;
use crate::nn::weights::Weights;

/// A Linear, behind Linear–ReLU–Dropout where it has a hidden width.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    hidden: Option<(Linear, f32)>,
    out: Linear,
}

impl Head {
    /// `hidden` is its width and dropout. The names of the weights begin with `{at}.hidden` and `{at}.out`.
    pub(super) fn new(
        weights: &mut Weights,
        at: &str,
        width: usize,
        hidden: Option<(usize, f32)>,
        classes: usize,
    ) -> Result<Self> {
        let (layer, width) = match hidden {
            None => (None, width),
            Some((hidden, dropout)) => {
                let linear = Linear::new(weights, &format!("{at}.hidden"), width, hidden)?;
                (Some((linear, dropout)), hidden)
            }
        };
        Ok(Self { hidden: layer, out: Linear::new(weights, &format!("{at}.out"), width, classes)? })
    }

    /// Shape (rows, width) → logits, (rows, classes).
    pub(super) fn forward(&self, x: &Tensor, pass: &mut Pass) -> Result<Tensor> {
        match &self.hidden {
            None => self.out.forward(x),
            Some((linear, share)) => {
                let hidden = ops::relu(&linear.forward(x)?)?;
                self.out.forward(&layers::dropout(&hidden, *share, pass)?)
            }
        }
    }
}
