//! Settings of a training.

use serde::{Deserialize, Serialize};

use super::{Device, Schedule};
use crate::error::{Error, Result};

/// Maximum number of epochs.
const MAX_EPOCHS: usize = 10_000;

/// Settings of a training, the same for every network.
///
/// Mini-batches are drawn anew in every epoch, from the seed of the network. The optimiser is `AdamW` with `β₁ = 0.9`,
/// `β₂ = 0.999` and `ε = 1e-8`. The weights of the epoch with the smallest validation loss are kept, or with the smallest
/// training loss if no rows are held out.
///
/// # Source
///
/// I. Loshchilov and F. Hutter, *Decoupled Weight Decay Regularization*, ICLR 2019.
///
/// # Examples
///
/// ```
/// use qosguard::detect::{Schedule, TrainingConfig};
///
/// let config: TrainingConfig = serde_json::from_str(r#"{"epochs": 20, "schedule": {"kind": "cosine"}}"#)?;
/// assert_eq!(config, TrainingConfig { epochs: 20, schedule: Schedule::Cosine, ..TrainingConfig::default() });
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainingConfig {
    /// Maximum number of epochs, 1 to 10,000.
    pub epochs: usize,
    /// Rows of a mini-batch, at least 2. A single remaining row is added to the batch before it.
    pub batch_rows: usize,
    /// Maximum number of rows of an epoch, at least 2, drawn anew for each epoch; `None`: all rows.
    pub rows_per_epoch: Option<usize>,
    /// Learning rate of `AdamW`, above 0.
    pub learning_rate: f64,
    /// Weight decay of `AdamW`, at least 0: each step shortens the weights by `learning_rate · weight_decay` of
    /// their length.
    pub weight_decay: f64,
    /// How the learning rate falls.
    pub schedule: Schedule,
    /// Steps over which the learning rate rises linearly from 0.
    pub warmup_steps: usize,
    /// Maximum Euclidean norm of the gradient over all weights, above 0; a longer gradient is scaled to it. `None`: no
    /// clipping.
    pub clip_norm: Option<f64>,
    /// Epochs without a better validation loss after which training ends, at least 1; `None`: no early stopping.
    pub patience: Option<usize>,
    /// Fraction of the rows of each class that are held out for early stopping, in [0, 1).
    pub validation_share: f64,
    /// The device of the training. Scores are always computed on the CPU.
    #[serde(skip_serializing_if = "Device::is_cpu")]
    pub device: Device,
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            epochs: 60,
            batch_rows: 256,
            rows_per_epoch: None,
            learning_rate: 1e-3,
            weight_decay: 1e-5,
            schedule: Schedule::Plateau { factor: 0.5, patience: 3 },
            warmup_steps: 0,
            clip_norm: Some(1.0),
            patience: Some(6),
            validation_share: 0.1,
            device: Device::Cpu,
        }
    }
}

impl TrainingConfig {
    /// Checks that every setting is in its domain.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`], which names the field under `training`.
    pub(crate) fn validate(&self) -> Result<()> {
        if !(1..=MAX_EPOCHS).contains(&self.epochs) {
            return Err(Error::invalid("training.epochs", format!("in 1..={MAX_EPOCHS}"), self.epochs));
        }
        let counts = [
            ("batch_rows", Some(self.batch_rows), 2),
            ("rows_per_epoch", self.rows_per_epoch, 2),
            ("patience", self.patience, 1),
        ];
        for (name, value, least) in counts {
            if let Some(value) = value.filter(|&value| value < least) {
                return Err(Error::invalid(format!("training.{name}"), format!("at least {least}"), value));
            }
        }
        for (name, value) in [("learning_rate", Some(self.learning_rate)), ("clip_norm", self.clip_norm)] {
            if let Some(value) = value.filter(|value| !(*value > 0.0 && value.is_finite())) {
                return Err(Error::invalid(format!("training.{name}"), "above 0 and finite", value));
            }
        }
        if !(self.weight_decay >= 0.0 && self.weight_decay.is_finite()) {
            return Err(Error::invalid("training.weight_decay", "at least 0 and finite", self.weight_decay));
        }
        if !(0.0..1.0).contains(&self.validation_share) {
            return Err(Error::invalid("training.validation_share", "in [0, 1)", self.validation_share));
        }
        self.schedule.validate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_checked() {
        let config = TrainingConfig::default;
        config().validate().unwrap();
        let plateau = |factor, patience| Schedule::Plateau { factor, patience };
        for (bad, message) in [
            (TrainingConfig { epochs: 0, ..config() }, "`training.epochs` must be in 1..=10000, got 0"),
            (
                TrainingConfig { epochs: 10_001, ..config() },
                "`training.epochs` must be in 1..=10000, got 10001",
            ),
            (TrainingConfig { batch_rows: 1, ..config() }, "`training.batch_rows` must be at least 2, got 1"),
            (
                TrainingConfig { rows_per_epoch: Some(1), ..config() },
                "`training.rows_per_epoch` must be at least 2, got 1",
            ),
            (
                TrainingConfig { learning_rate: 0.0, ..config() },
                "`training.learning_rate` must be above 0 and finite, got 0",
            ),
            (
                TrainingConfig { learning_rate: f64::NAN, ..config() },
                "`training.learning_rate` must be above 0 and finite, got NaN",
            ),
            (
                TrainingConfig { weight_decay: -1.0, ..config() },
                "`training.weight_decay` must be at least 0 and finite, got -1",
            ),
            (
                TrainingConfig { clip_norm: Some(f64::INFINITY), ..config() },
                "`training.clip_norm` must be above 0 and finite, got inf",
            ),
            (
                TrainingConfig { patience: Some(0), ..config() },
                "`training.patience` must be at least 1, got 0",
            ),
            (
                TrainingConfig { validation_share: 1.0, ..config() },
                "`training.validation_share` must be in [0, 1), got 1",
            ),
            (
                TrainingConfig { schedule: plateau(1.0, 3), ..config() },
                "`training.schedule.factor` must be above 0 and below 1, got 1",
            ),
            (
                TrainingConfig { schedule: plateau(0.5, 0), ..config() },
                "`training.schedule.patience` must be at least 1, got 0",
            ),
        ] {
            assert_eq!(bad.validate().unwrap_err().to_string(), message);
        }
    }
}
