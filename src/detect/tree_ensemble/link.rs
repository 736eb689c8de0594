//! What margins mean: probabilities and the score.

use ndarray::{ArrayView1, ArrayViewMut1};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::stats::logistic;

/// How the margins of a [`TreeEnsemble`](super::TreeEnsemble) become probabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Link {
    /// One margin, the log-odds of the second of two classes.
    Logistic,
    /// One margin a class: the logarithm of its probability, but for a constant.
    Softmax,
    /// The mean of the leaf values is the probability itself: of the second of two classes, or of each class.
    Mean,
}

impl Link {
    /// Rejects a number of outputs that does not fit the number of classes.
    pub(super) fn check_outputs(self, classes: usize, outputs: usize) -> Result<()> {
        let fits = match self {
            Self::Logistic => classes == 2 && outputs == 1,
            Self::Softmax => outputs == classes,
            Self::Mean => outputs == classes || classes == 2 && outputs == 1,
        };
        if fits {
            return Ok(());
        }
        let expected = match self {
            Self::Logistic => "1 output for 2 classes".to_owned(),
            _ if classes == 2 && self == Self::Mean => "1 or 2 outputs for 2 classes".to_owned(),
            _ => format!("{classes} outputs for {classes} classes"),
        };
        Err(Error::invalid("outputs", expected, format!("{outputs} for {classes}")))
    }

    /// Writes the probability of each class of one row.
    pub(super) fn probabilities(self, margins: ArrayView1<'_, f64>, to: &mut ArrayViewMut1<'_, f64>) {
        match self {
            Self::Logistic => (to[0], to[1]) = (logistic(-margins[0]), logistic(margins[0])),
            Self::Mean if margins.len() == 1 => (to[0], to[1]) = (1.0 - margins[0], margins[0]),
            Self::Mean => to.assign(&margins),
            Self::Softmax => {
                let max = margins.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                to.zip_mut_with(&margins, |to, margin| *to = (margin - max).exp());
                let sum = to.sum();
                *to /= sum;
            }
        }
    }
}

/// The scores of up to `N` rows, made of one output after the other.
///
/// For softmax `score = ln Σ_{k>0} e^m_k − m_0`, whose sum is kept as `sum · e^max`.
pub(super) struct Scores<const N: usize> {
    link: Link,
    outputs: usize,
    first: [f64; N],
    max: [f64; N],
    sum: [f64; N],
}

impl<const N: usize> Scores<N> {
    /// No output yet.
    pub(super) fn new(link: Link) -> Self {
        Self { link, outputs: 0, first: [0.0; N], max: [f64::NEG_INFINITY; N], sum: [0.0; N] }
    }

    /// Takes the margins of the next output.
    pub(super) fn push(&mut self, margins: &[f64]) {
        for (i, &margin) in margins.iter().enumerate() {
            match self.link {
                Link::Softmax if self.outputs > 0 => {
                    if margin > self.max[i] {
                        self.sum[i] = self.sum[i] * (self.max[i] - margin).exp() + 1.0;
                        self.max[i] = margin;
                    } else {
                        self.sum[i] += (margin - self.max[i]).exp();
                    }
                }
                // The probability of an attack is the sum over all classes but the first.
                Link::Mean if self.outputs > 0 => self.sum[i] += margin,
                _ => self.first[i] = margin,
            }
        }
        self.outputs += 1;
    }

    /// Writes the scores.
    pub(super) fn write(&self, out: &mut [f32]) {
        for (i, out) in out.iter_mut().enumerate() {
            *out = match self.link {
                Link::Softmax => self.max[i] + self.sum[i].ln() - self.first[i],
                Link::Mean if self.outputs > 1 => self.sum[i],
                _ => self.first[i],
            } as f32;
        }
    }
}
