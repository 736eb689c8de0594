//! Masked features, and predictions of them.

use candle_core::{D, Tensor, Var};

use crate::error::Result;
use crate::nn::inputs::{Inputs, Seen};
use crate::nn::layers::Linear;
use crate::nn::pass::Pass;
use crate::nn::place::Place;
use crate::nn::weights::{Init, Weights};

/// The weights with which a transformer predicts masked features.
#[derive(Clone, Debug)]
pub(crate) struct Masked {
    /// Replaces the token of a masked feature, (width).
    mask: Var,
    /// A linear prediction of each number from its token: (numbers, width) and (numbers).
    numbers: Option<(Var, Var)>,
    /// A prediction of the code of each category from its token.
    categories: Vec<Linear>,
}

impl Masked {
    /// The names of the weights begin with `{at}.tokens.mask` and `{at}.masked`.
    pub(super) fn new(
        weights: &mut Weights,
        at: &str,
        inputs: &Inputs,
        seen: &Seen,
        width: usize,
    ) -> Result<Self> {
        let init = Init::Uniform { inputs: width };
        let n = seen.numbers.len();
        let mask = weights.weight(&format!("{at}.tokens.mask"), &[width], init)?;
        let numbers = match n {
            0 => None,
            _ => Some((
                weights.weight(&format!("{at}.masked.number_weight"), &[n, width], init)?,
                weights.weight(&format!("{at}.masked.number_bias"), &[n], init)?,
            )),
        };
        let mut categories = Vec::new();
        for (j, &i) in seen.categories.iter().enumerate() {
            let codes = inputs.categories[i].cardinality();
            categories.push(Linear::new(weights, &format!("{at}.masked.categories.{j}"), width, codes)?);
        }
        Ok(Self { mask, numbers, categories })
    }

    /// Replaces the tokens of masked features by `mask + identity`, which still identifies the feature.
    ///
    /// Tokens (rows, features, width), identities (features, width), hidden (rows, features).
    pub(super) fn replace(&self, tokens: &Tensor, identities: &Tensor, hidden: &Tensor) -> Result<Tensor> {
        let hidden = hidden.unsqueeze(2)?;
        let masks = identities.broadcast_add(&self.mask)?.unsqueeze(0)?.broadcast_mul(&hidden)?;
        let seen = tokens.broadcast_mul(&hidden.affine(-1.0, 1.0)?)?;
        Ok((seen + masks)?)
    }

    /// Mean over the masked features of the squared error of a number, or of `−ln p` of a category's code.
    pub(super) fn loss(
        &self,
        tokens: &Tensor,
        numbers: &Tensor,
        codes: &[Tensor],
        hidden: &Tensor,
    ) -> Result<Tensor> {
        let mut sums = Vec::with_capacity(codes.len() + 1);
        let n = match &self.numbers {
            None => 0,
            Some((weight, bias)) => {
                let n = bias.dim(0)?;
                let guesses = tokens.narrow(1, 0, n)?.broadcast_mul(weight)?.sum(D::Minus1)?;
                let errors = (guesses.broadcast_add(bias)? - numbers)?.sqr()?;
                sums.push((errors * hidden.narrow(1, 0, n)?)?.sum_all()?);
                n
            }
        };
        for (j, (guess, codes)) in self.categories.iter().zip(codes).enumerate() {
            let token = tokens.narrow(1, n + j, 1)?.squeeze(1)?.contiguous()?;
            let log_p = candle_nn::ops::log_softmax(&guess.forward(&token)?, D::Minus1)?;
            let of_code = log_p.gather(&codes.unsqueeze(1)?, 1)?;
            sums.push((of_code * hidden.narrow(1, n + j, 1)?)?.sum_all()?.neg()?);
        }
        Ok((Tensor::stack(&sums, 0)?.sum_all()? / hidden.sum_all()?)?)
    }
}

/// The features of each row to mask: 1 with the probability `share`, and at least one in a row.
///
/// Outside of training the same features are masked in every call.
pub(super) fn draw(
    rows: usize,
    features: usize,
    share: f64,
    place: &Place,
    pass: &mut Pass,
) -> Result<Tensor> {
    let mut fixed = crate::rng::Stream::new(0, rows as u64);
    let random = pass.random.as_mut().unwrap_or(&mut fixed);
    let mut hidden = Vec::with_capacity(rows * features);
    for row in 0..rows {
        hidden.extend((0..features).map(|_| if random.uniform() < share { 1.0_f32 } else { 0.0 }));
        let of_row = &mut hidden[row * features..];
        if of_row.iter().all(|hidden| *hidden == 0.0) {
            of_row[random.below(features)] = 1.0;
        }
    }
    Ok(place.tensor(hidden, (rows, features))?)
}
