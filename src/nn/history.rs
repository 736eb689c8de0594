//! The course of a training.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::progress::EpochRecord;

/// Why a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stopped {
    /// All epochs were run.
    Finished,
    /// The validation loss no longer fell.
    Early,
    /// The monitor cancelled it.
    Cancelled,
}

/// The course of a training: losses, learning rate and gradients of each epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// One record for each epoch, in order.
    pub epochs: Vec<EpochRecord>,
    /// The epoch whose weights were kept: the first with the smallest validation loss, or training loss without one.
    pub best_epoch: usize,
    /// Why training ended.
    pub stopped: Stopped,
}

impl History {
    /// Checks a history from a file: epochs in order, finite numbers, and the right best epoch.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`], which names the field under `history`.
    pub(crate) fn check(&self) -> Result<()> {
        check_epochs(&self.epochs, "history.epochs")?;
        match best_epoch(&self.epochs) {
            best if best == self.best_epoch => Ok(()),
            best => {
                Err(Error::invalid("history.best_epoch", format!("{best}, by the losses"), self.best_epoch))
            }
        }
    }
}

/// The first epoch with the smallest watched loss; 0 without epochs.
pub(super) fn best_epoch(epochs: &[EpochRecord]) -> usize {
    let mut best = (f64::INFINITY, 0);
    for record in epochs {
        if record.watched_loss() < best.0 {
            best = (record.watched_loss(), record.epoch);
        }
    }
    best.1
}

/// Rejects an empty list, epochs out of order, steps that do not grow and numbers that are not finite.
pub(super) fn check_epochs(epochs: &[EpochRecord], at: &str) -> Result<()> {
    if epochs.is_empty() {
        return Err(Error::invalid(at, "at least one epoch", 0));
    }
    let mut steps = 0;
    for (i, record) in epochs.iter().enumerate() {
        if record.epoch != i + 1 {
            return Err(Error::invalid(format!("{at}[{i}].epoch"), format!("{}", i + 1), record.epoch));
        }
        if record.steps <= steps {
            return Err(Error::invalid(format!("{at}[{i}].steps"), format!("above {steps}"), record.steps));
        }
        steps = record.steps;
        for (name, value) in [
            ("learning_rate", record.learning_rate),
            ("training_loss", record.training_loss),
            ("validation_loss", record.validation_loss.unwrap_or(0.0)),
            ("gradient_norm", record.gradient_norm),
        ] {
            if !value.is_finite() {
                return Err(Error::invalid(format!("{at}[{i}].{name}"), "finite", value));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(epoch: usize, training_loss: f64, validation_loss: Option<f64>) -> EpochRecord {
        let steps = 3 * epoch as u64;
        EpochRecord { epoch, steps, learning_rate: 0.1, training_loss, validation_loss, gradient_norm: 1.0 }
    }

    fn history() -> History {
        let epochs = vec![record(1, 3.0, Some(2.0)), record(2, 2.0, Some(1.0)), record(3, 1.0, Some(1.0))];
        History { epochs, best_epoch: 2, stopped: Stopped::Finished }
    }

    #[test]
    fn the_first_of_equals_is_the_best() {
        history().check().unwrap();
        assert_eq!(best_epoch(&[record(1, 3.0, None), record(2, 2.0, None)]), 2);
    }

    #[test]
    fn a_history_of_a_file_is_checked() {
        let message = |change: fn(&mut History)| {
            let mut history = history();
            change(&mut history);
            history.check().unwrap_err().to_string()
        };
        assert_eq!(message(|h| h.epochs.clear()), "`history.epochs` must be at least one epoch, got 0");
        assert_eq!(message(|h| h.best_epoch = 3), "`history.best_epoch` must be 2, by the losses, got 3");
        assert_eq!(message(|h| h.epochs[1].epoch = 4), "`history.epochs[1].epoch` must be 2, got 4");
        assert_eq!(message(|h| h.epochs[1].steps = 3), "`history.epochs[1].steps` must be above 3, got 3");
        assert_eq!(
            message(|h| h.epochs[2].validation_loss = Some(f64::NAN)),
            "`history.epochs[2].validation_loss` must be finite, got NaN"
        );
    }

    #[test]
    fn a_history_survives_json() {
        let text = serde_json::to_string(&history()).unwrap();
        assert_eq!(serde_json::from_str::<History>(&text).unwrap(), history());
    }
}
