//! The settings of an autoencoder.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::nn::columns::Columns;
use crate::nn::config::{Activation, TrainingConfig};
use crate::nn::inputs::Inputs;

/// Settings of an [`Autoencoder`](super::Autoencoder).
///
/// A network is trained to reproduce clean rows through a narrow layer; a row with a high reconstruction error is
/// anomalous. Inputs are scaled numbers, and for each category a trained vector of `min(max(4, codes / 2), 16)` numbers.
/// Each of `widths` is a linear layer, batch normalisation if it is on, the activation, and dropout. The narrow layer is
/// linear. The decoder mirrors the widths and ends in one head for all numbers and one for each categorical column.
///
/// The loss is `(MSE + category_weight · CE) / (1 + category_weight)`, with `MSE` the mean squared error of the scaled
/// numbers and `CE` the mean over the categorical columns of `−ln p(code)`. With only numbers or only categories, it is
/// their part alone. The labels given to
/// [`Fit::fit`](crate::detect::Fit::fit) are not used: train on clean rows.
///
/// # Source
///
/// P. Vincent et al., *Stacked Denoising Autoencoders*, JMLR 11, 2010; D. P. Kingma, M. Welling,
/// *Auto-Encoding Variational Bayes*, ICLR 2014 (variational).
///
/// # Examples
///
#[cfg_attr(feature = "train", doc = "```")]
#[cfg_attr(not(feature = "train"), doc = "```ignore")]
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
    /// Columns of categories; `None`: all are numbers. The columns of time are numbers here.
    pub columns: Option<Columns>,
    /// Widths of the encoder's layers before the narrow one, at most 16, each 1 to 4096; the decoder mirrors them.
    pub widths: Vec<usize>,
    /// Width of the narrow layer, 1 to 4096.
    pub latent: usize,
    /// Activation after each layer.
    pub activation: Activation,
    /// Whether layers are normalised over the rows of a batch.
    pub batch_norm: bool,
    /// Dropout rate between layers in training, in `[0, 1)`.
    pub dropout: f32,
    /// Standard deviation of the noise that training adds to the scaled numbers, at least 0; the network learns to
    /// remove it.
    pub noise: f32,
    /// Fraction of the codes that training replaces by the code of unknown categories, in `[0, 1)`, so that the network
    /// learns to process unknown categories.
    #[serde(alias = "hidden_codes")]
    pub category_dropout: f32,
    /// Whether the narrow layer also gets `s · W x`, a linear map of its input with a learned strength `s`.
    pub skip: bool,
    /// Weight of all categorical columns together, at least 0; the numbers together have the weight 1.
    pub category_weight: f32,
    /// Draws the narrow layer from a distribution close to the standard normal distribution.
    pub variational: Option<Variational>,
    /// How the error of a column enters the score.
    #[serde(alias = "error_form")]
    pub score_transform: ScoreTransform,
    /// Settings of the training.
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
    /// Weight of the divergence after the warm-up, at least 0.
    pub beta: f32,
    /// Training steps over which the weight rises linearly from 0.
    pub warmup_steps: u64,
    /// Number of draws whose mean error is the score, at most 256; with 0 the score uses the mean `μ` alone. The draws
    /// depend only on the seed, so the score of a row does not change between calls.
    pub samples: usize,
}

impl Default for Variational {
    fn default() -> Self {
        Self { beta: 0.01, warmup_steps: 1000, samples: 0 }
    }
}

/// How the error `e` of a column enters the score: `(x − x̂)²` of a scaled number, `−ln p(code)` of a category.
///
/// `s` is the mean error of the column on held-out rows (on the training rows if none are held out), at least 1e-3. The
/// logarithm detects anomalies with small deviations in many columns. The plain error detects anomalies with a large
/// deviation in one column, and is the safer choice with few training rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ScoreTransform {
    /// `e`, as in the loss.
    #[default]
    Plain,
    /// `e / s`: columns that are hard to reproduce have the same weight as others.
    Relative,
    /// `ln(1 + e / s)`: in addition, one extreme column does not dominate the others.
    Logarithmic,
}

/// Maximum number of widths before the narrow layer.
const MAX_WIDTHS: usize = 16;
/// Maximum width of a layer.
const MAX_WIDTH: usize = 4096;
/// Maximum number of draws of a score.
const MAX_SAMPLES: usize = 256;

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
            category_dropout: 0.02,
            skip: false,
            category_weight: 1.0,
            variational: None,
            score_transform: ScoreTransform::default(),
            training: TrainingConfig::default(),
            seed: 0,
        }
    }
}

impl AutoencoderConfig {
    /// Checks that every setting is valid.
    pub(super) fn validate(&self) -> Result<()> {
        self.training.validate()?;
        if self.widths.len() > MAX_WIDTHS {
            let got = format!("{} entries", self.widths.len());
            return Err(Error::invalid("widths", format!("at most {MAX_WIDTHS} entries"), got));
        }
        let widths = self.widths.iter().enumerate().map(|(i, &width)| (format!("widths[{i}]"), width));
        for (name, width) in widths.chain([("latent".to_owned(), self.latent)]) {
            if !(1..=MAX_WIDTH).contains(&width) {
                return Err(Error::invalid(name, format!("in 1..={MAX_WIDTH}"), width));
            }
        }
        for (name, share) in [("dropout", self.dropout), ("category_dropout", self.category_dropout)] {
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
            Some(samples) if samples > MAX_SAMPLES => {
                Err(Error::invalid("variational.samples", format!("at most {MAX_SAMPLES}"), samples))
            }
            _ => Ok(()),
        }
    }

    /// Rejects a loss and a score without any column.
    pub(super) fn check_inputs(&self, inputs: &Inputs) -> Result<()> {
        if inputs.numbers.is_empty() && inputs.categories.is_empty() {
            return Err(Error::InsufficientData { what: "feature columns".into(), needed: 1, got: 0 });
        }
        if inputs.numbers.is_empty() && self.category_weight == 0.0 {
            return Err(Error::invalid("category_weight", "above 0 where all columns are categories", 0));
        }
        Ok(())
    }
}
