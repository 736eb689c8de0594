//! Settings of a neural classifier.

use serde::{Deserialize, Deserializer, Serialize};

use crate::detect::ClassWeight;
use crate::error::{Error, Result};
use crate::nn::columns::Columns;
use crate::nn::networks::Architecture;
use crate::nn::partial::over;
use crate::nn::train::{Schedule, TrainingConfig};

/// Settings of a [`NeuralClassifier`](super::NeuralClassifier), a network that learns from labels.
///
/// Numbers go in as `(x − mean) / deviation`, kept within ±10; means and deviations are those of the training
/// rows. Trained by `AdamW` on the weighted cross-entropy of the classes, see [`TrainingConfig`]; the share of rows
/// to stop by is the same of each class.
///
/// # Examples
///
/// ```
/// use qosguard::detect::{Classifier, Detector, Fit, FitContext, NeuralClassifierConfig, TrainingConfig};
/// use qosguard::ndarray::Array2;
///
/// let x = Array2::from_shape_fn((200, 2), |(i, j)| (i * (j + 1) % 40) as f32);
/// let labels: Vec<bool> = x.column(0).iter().map(|&v| v >= 20.0).collect();
/// let training = TrainingConfig { epochs: 20, batch_rows: 32, ..Default::default() };
/// let model = NeuralClassifierConfig { training, ..Default::default() }.fit(x.view(), FitContext::labelled(&labels))?.model;
/// let p = model.probabilities(x.view())?;
/// assert!(p[[5, 0]] > 0.5 && p[[35, 1]] > 0.5);
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NeuralClassifierConfig {
    /// What the network looks like.
    pub architecture: Architecture,
    /// Which columns are categories, and which tell time; `None` takes every column as a plain number.
    pub columns: Option<Columns>,
    /// How much the rows of a class count.
    pub class_weight: ClassWeight,
    /// Share of the codes that training hides behind the code for categories that it did not see, in [0, 1);
    /// so the network learns what to make of these.
    pub hidden_codes: f32,
    /// What the network learns without labels first; `None` starts from scratch.
    pub pretraining: Option<PretrainingConfig>,
    /// The course of the training with labels.
    pub training: TrainingConfig,
    /// Seed of all randomness.
    pub seed: u64,
}

impl Default for NeuralClassifierConfig {
    fn default() -> Self {
        Self {
            architecture: Architecture::default(),
            columns: None,
            class_weight: ClassWeight::None,
            hidden_codes: 0.02,
            pretraining: None,
            training: TrainingConfig::default(),
            seed: 0,
        }
    }
}

/// Masked-feature pretraining of a feature-tokenizer transformer, alone or as an expert, without labels.
///
/// A share of the features of each row, at least one, is hidden: in the place of a token stands a learnt \[MASK\]
/// plus what tells the features apart, so the network knows which feature it does not see, and guesses it from the
/// others. The loss is the mean over the hidden features of the squared error of a scaled number and of
/// `−ln p(code)` of a category.
///
/// # Source
///
/// I. Rubachev et al., *Revisiting pretraining objectives for tabular deep learning*, 2022.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PretrainingConfig {
    /// Share of the features that are hidden, in (0, 1).
    pub mask_share: f64,
    /// The course of the pretraining.
    #[serde(deserialize_with = "pretraining_over_default")]
    pub training: TrainingConfig,
}

impl Default for PretrainingConfig {
    fn default() -> Self {
        let training = TrainingConfig { epochs: 20, schedule: Schedule::Cosine, ..TrainingConfig::default() };
        Self { mask_share: 0.15, training }
    }
}

fn pretraining_over_default<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TrainingConfig, D::Error> {
    over(&PretrainingConfig::default().training, deserializer)
}

impl NeuralClassifierConfig {
    /// Checks that every setting is in its domain.
    pub(in crate::detect) fn validate(&self) -> Result<()> {
        self.architecture.validate("architecture")?;
        if !(0.0..1.0).contains(&self.hidden_codes) {
            return Err(Error::invalid("hidden_codes", "in [0, 1)", self.hidden_codes));
        }
        self.training.validate()?;
        let Some(pretraining) = &self.pretraining else { return Ok(()) };
        pretraining
            .training
            .validate()
            .map_err(|error| error.with_path(|path| format!("pretraining.{path}")))?;
        if !self.architecture.has_tokens() {
            let expected = "none, as only a feature-tokenizer transformer has what it trains";
            return Err(Error::invalid("pretraining", expected, "some"));
        }
        if !(pretraining.mask_share > 0.0 && pretraining.mask_share < 1.0) {
            return Err(Error::invalid("pretraining.mask_share", "in (0, 1)", pretraining.mask_share));
        }
        Ok(())
    }
}
