//! The settings of an autoencoder.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::nn::columns::Columns;
use crate::nn::layers::Activation;
use crate::nn::train::TrainingConfig;

/// Settings of an [`Autoencoder`](super::Autoencoder).
///
/// A network learns to reproduce clean rows through a narrow layer; a row that it cannot reproduce is
/// anomalous. Numbers go in scaled, categories as learned vectors of `min(max(4, codes / 2), 16)` numbers.
/// Each of `widths` is a linear layer, batch normalisation where it is on, the activation, and dropout; the
/// narrow layer is linear; the decoder mirrors the widths and ends in one head for all numbers and one for each
/// categorical column.
///
/// Training makes `(MSE + category_weight · CE) / (1 + category_weight)` small, with `MSE` the mean squared
/// error of the scaled numbers and `CE` the mean over the categorical columns of `−ln p(code)`; where there are
/// only numbers or only categories, their part stands alone. The labels given to
/// [`Fit::fit`](crate::detect::Fit::fit) are not used: train on clean rows.
///
/// # Source
///
/// P. Vincent et al., *Stacked Denoising Autoencoders*, JMLR 11, 2010; D. P. Kingma, M. Welling,
/// *Auto-Encoding Variational Bayes*, ICLR 2014 (variational).
///
/// # Examples
///
/// ```
/// use qosguard::detect::{AutoencoderConfig, Detector, Fit, FitContext, TrainingConfig};
/// use qosguard::ndarray::{Array2, array};
///
/// // The second column is twice the first one.
/// let x = Array2::from_shape_fn((512, 2), |(i, j)| (i % 32) as f32 * [1.0, 2.0][j]);
/// let training = TrainingConfig { epochs: 40, learning_rate: 1e-2, ..Default::default() };
/// let config =
///     AutoencoderConfig { widths: vec![8], latent: 1, batch_norm: false, training, ..Default::default() };
/// let scores = config.fit(x.view(), FitContext::default())?.model.score(array![[10.0, 20.0], [10.0, 60.0]].view())?;
/// assert!(scores[1] > 2.0 * scores[0]);
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AutoencoderConfig {
    /// Which columns are categories; without it all are numbers. The timing columns are numbers here.
    pub columns: Option<Columns>,
    /// Widths of the encoder's layers before the narrow one, at most 16 of 1 to 4096; the decoder mirrors them.
    pub widths: Vec<usize>,
    /// Width of the narrow layer, 1 to 4096.
    pub latent: usize,
    /// What bends the output of a layer.
    pub activation: Activation,
    /// Whether layers are normalised over the rows of a batch.
    pub batch_norm: bool,
    /// Share of the numbers between layers that training sets to 0, in `[0, 1)`.
    pub dropout: f32,
    /// Standard deviation of the noise that training adds to the scaled numbers, at least 0; the network learns
    /// to take it away again.
    pub noise: f32,
    /// Share of the codes that training hides behind the code for categories that training did not see, in
    /// `[0, 1)`; so the network learns what to make of these.
    pub hidden_codes: f32,
    /// Whether the narrow layer also gets `s · W x`, a linear map of its input with a learned strength `s`.
    pub skip: bool,
    /// What the categorical columns together count beside the numbers, which count 1; at least 0.
    pub category_weight: f32,
    /// Draws the narrow layer from a distribution that is held near the standard normal one.
    pub variational: Option<Variational>,
    /// What the score makes of a column's error.
    pub error_form: ErrorForm,
    /// The course of the training.
    pub training: TrainingConfig,
    /// Seed of all randomness.
    pub seed: u64,
}

/// The variational option of an [`AutoencoderConfig`].
///
/// The narrow layer gives a mean `μ` and a log-variance `v`, kept within ±20. Training draws
/// `z = μ + e^{v/2} ε` with `ε` standard normal, and adds `β · ½ Σ (e^v + μ² − 1 − v)`, on average over the rows,
/// to the loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Variational {
    /// Weight of the divergence once warm, at least 0.
    pub beta: f32,
    /// Training steps over which the weight rises from 0 along a line.
    pub warmup_steps: u64,
    /// Draws that scoring takes the mean error of, at most 256; 0 scores from the mean `μ` alone. The draws
    /// follow from the seed, so a row's score is always the same.
    pub samples: usize,
}

impl Default for Variational {
    fn default() -> Self {
        Self { beta: 0.01, warmup_steps: 1000, samples: 0 }
    }
}

/// What a score makes of the error `e` of a column: `(x − x̂)²` of a scaled number, `−ln p(code)` of a category.
///
/// `s` is the column's mean error on the rows held out of training (on the training rows where none were held
/// out), at least 1e-3. The logarithm finds anomalies that touch many columns a little; the plain error finds those
/// that touch one column a lot, and is the safer choice where training rows are few.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorForm {
    /// `e`: as in the loss.
    #[default]
    Plain,
    /// `e / s`: columns that are hard to reproduce count no more than others.
    Relative,
    /// `ln(1 + e / s)`: in addition one wild column cannot drown the others.
    Logarithmic,
}

/// Most widths before the narrow layer.
const MOST_WIDTHS: usize = 16;
/// Widest layer.
const WIDEST: usize = 4096;
/// Most draws of a score.
const MOST_SAMPLES: usize = 256;

impl Default for AutoencoderConfig {
    fn default() -> Self {
        Self {
            columns: None,
            widths: vec![128, 64],
            latent: 16,
            activation: Activation::Relu,
            batch_norm: true,
            dropout: 0.0,
            noise: 0.1,
            hidden_codes: 0.02,
            skip: false,
            category_weight: 1.0,
            variational: None,
            error_form: ErrorForm::default(),
            training: TrainingConfig::default(),
            seed: 0,
        }
    }
}

impl AutoencoderConfig {
    /// Checks that every setting is in its domain.
    pub(super) fn validate(&self) -> Result<()> {
        self.training.validate()?;
        if self.widths.len() > MOST_WIDTHS {
            let got = format!("{} entries", self.widths.len());
            return Err(Error::invalid("widths", format!("at most {MOST_WIDTHS} entries"), got));
        }
        let widths = self.widths.iter().enumerate().map(|(i, &width)| (format!("widths[{i}]"), width));
        for (name, width) in widths.chain([("latent".to_owned(), self.latent)]) {
            if !(1..=WIDEST).contains(&width) {
                return Err(Error::invalid(name, format!("in 1..={WIDEST}"), width));
            }
        }
        for (name, share) in [("dropout", self.dropout), ("hidden_codes", self.hidden_codes)] {
            if !(0.0..1.0).contains(&share) {
                return Err(Error::invalid(name, "at least 0 and below 1", share));
            }
        }
        let beta = self.variational.as_ref().map_or(0.0, |variational| variational.beta);
        for (name, value) in
            [("noise", self.noise), ("category_weight", self.category_weight), ("variational.beta", beta)]
        {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(Error::invalid(name, "at least 0 and finite", value));
            }
        }
        match self.variational.as_ref().map(|variational| variational.samples) {
            Some(samples) if samples > MOST_SAMPLES => {
                Err(Error::invalid("variational.samples", format!("at most {MOST_SAMPLES}"), samples))
            }
            _ => Ok(()),
        }
    }
}
