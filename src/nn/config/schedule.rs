//! How the learning rate falls.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How the learning rate falls, after it has risen over the warm-up steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Schedule {
    /// It stays.
    Constant,
    /// It is multiplied by `factor` after `patience` epochs without a better validation loss.
    Plateau {
        /// In (0, 1).
        factor: f64,
        /// At least 1.
        patience: usize,
    },
    /// It falls to 0 along half a cosine, `(1 + cos πt) / 2`, where `t` runs from 0 to 1 over the steps of all
    /// epochs that follow the warm-up.
    ///
    /// # Source
    ///
    /// I. Loshchilov and F. Hutter, *SGDR: Stochastic Gradient Descent with Warm Restarts*, ICLR 2017, equation 5,
    /// without restarts.
    Cosine,
}

impl Schedule {
    pub(super) fn validate(self) -> Result<()> {
        let Self::Plateau { factor, patience } = self else { return Ok(()) };
        if !(factor > 0.0 && factor < 1.0) {
            return Err(Error::invalid("training.schedule.factor", "above 0 and below 1", factor));
        }
        if patience == 0 {
            return Err(Error::invalid("training.schedule.patience", "at least 1", patience));
        }
        Ok(())
    }
}
