//! The model as plain arrays, for files.

use serde::{Deserialize, Serialize};

use super::LogisticRegressionConfig;
use crate::detect::check;
use crate::detect::stored::stored;
use crate::error::{Error, Result};

/// A [`LogisticRegression`](super::LogisticRegression) as plain arrays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogisticRegressionParts {
    /// The settings that the model was fitted with.
    pub config: LogisticRegressionConfig,
    /// Names of the classes, at least two; the first one is clean traffic.
    pub classes: Vec<String>,
    /// Number of feature columns, at least 1.
    pub n_features: usize,
    /// One row of `n_features` per class, or a single row for two classes; finite.
    pub coefficients: Vec<f64>,
    /// One per row of coefficients; finite.
    pub intercepts: Vec<f64>,
    /// Weighted mean of each feature over the training rows; finite.
    pub means: Vec<f64>,
    /// Steps that the search took.
    pub iterations: usize,
    /// Whether the search reached its tolerance.
    pub converged: bool,
}

stored! {
    LogisticRegressionParts as LogisticRegressionHeader {
        config: LogisticRegressionConfig,
        classes: Vec<String>,
        n_features: usize,
        iterations: usize,
        converged: bool,
    } tensors { coefficients, intercepts, means }
}

impl LogisticRegressionParts {
    /// Checks that everything fits together.
    pub(super) fn check(&self) -> Result<()> {
        self.config.validate()?;
        check::classes(&self.classes)?;
        if self.n_features == 0 {
            return Err(Error::invalid("n_features", "at least 1", 0));
        }
        let rows = if self.classes.len() == 2 { 1 } else { self.classes.len() };
        for (name, values, expected) in [
            ("coefficients", &self.coefficients, rows.checked_mul(self.n_features)),
            ("intercepts", &self.intercepts, Some(rows)),
            ("means", &self.means, Some(self.n_features)),
        ] {
            if Some(values.len()) != expected {
                let expected = expected.map_or("fewer entries".into(), |n| format!("an array of {n}"));
                return Err(Error::invalid(name, expected, format!("{} entries", values.len())));
            }
            if let Some(i) = values.iter().position(|value| !value.is_finite()) {
                return Err(Error::invalid(format!("{name}[{i}]"), "finite", values[i]));
            }
        }
        if self.iterations > self.config.max_iterations {
            let expected = format!("at most {}", self.config.max_iterations);
            return Err(Error::invalid("iterations", expected, self.iterations));
        }
        Ok(())
    }
}
