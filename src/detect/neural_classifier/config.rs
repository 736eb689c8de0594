//! Settings of a neural classifier.

use serde::{Deserialize, Deserializer, Serialize};

use crate::detect::ClassWeight;
use crate::error::{Error, Result};
use crate::nn::columns::Columns;
use crate::nn::config::Architecture;
use crate::nn::config::partial::over;
use crate::nn::config::{Schedule, TrainingConfig};

/// Settings of a [`NeuralClassifier`](super::NeuralClassifier), a network that learns from labels.
///
/// The input of a number is `(x − mean) / deviation`, clamped to ±10, with mean and deviation of the training rows. The
/// loss is the weighted cross-entropy of the classes, see [`TrainingConfig`]. The fraction of rows that are held out for
/// early stopping is the same for each class.
///
/// # Examples
///
#[cfg_attr(feature = "train", doc = "```")]
#[cfg_attr(not(feature = "train"), doc = "```ignore")]
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
    /// The architecture of the network.
    pub architecture: Architecture,
    /// Columns of categories and of time; `None`: every column is a plain number.
    pub columns: Option<Columns>,
    /// Weights of the classes.
    pub class_weight: ClassWeight,
    /// Fraction of the codes that training replaces by the code of unknown categories, in [0, 1), so that the network
    /// learns to process unknown categories.
    #[serde(alias = "hidden_codes")]
    pub category_dropout: f32,
    /// Pretraining without labels; `None`: no pretraining.
    pub pretraining: Option<PretrainingConfig>,
    /// Settings of the training with labels.
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
            category_dropout: 0.02,
            pretraining: None,
            training: TrainingConfig::default(),
            seed: 0,
        }
    }
}

/// Masked-feature pretraining of a feature-tokenizer transformer, alone or as an expert, without labels.
///
/// A fraction of the features of each row, at least one, is masked: a trained token \[MASK\] plus the identity of the
/// feature replaces its token, and the network predicts the feature from the others. The loss is the mean over the masked
/// features of the squared error of a scaled number and of `−ln p(code)` of a category.
///
/// # Source
///
/// I. Rubachev et al., *Revisiting pretraining objectives for tabular deep learning*, 2022.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PretrainingConfig {
    /// Fraction of the features that are masked, in (0, 1).
    pub mask_share: f64,
    /// Settings of the pretraining.
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
    over(&PretrainingConfig::default().training, &[], deserializer)
}

impl NeuralClassifierConfig {
    /// Checks that every setting is valid.
    pub(in crate::detect) fn validate(&self) -> Result<()> {
        self.architecture.validate("architecture")?;
        if !(0.0..1.0).contains(&self.category_dropout) {
            return Err(Error::invalid("category_dropout", "in [0, 1)", self.category_dropout));
        }
        self.training.validate()?;
        let Some(pretraining) = &self.pretraining else { return Ok(()) };
        pretraining
            .training
            .validate()
            .map_err(|error| error.with_path(|path| format!("pretraining.{path}")))?;
        if !self.architecture.has_tokens() {
            let expected = "none, as only a feature-tokenizer transformer can be pretrained";
            return Err(Error::invalid("pretraining", expected, "some"));
        }
        if !(pretraining.mask_share > 0.0 && pretraining.mask_share < 1.0) {
            return Err(Error::invalid("pretraining.mask_share", "in (0, 1)", pretraining.mask_share));
        }
        Ok(())
    }
}
