//! The mixture as plain arrays, for files.

use serde::{Deserialize, Serialize};

use super::cholesky::row_start;
use super::em::Fitted;
use super::normal_scores::{Knots, MAX_KNOTS, NormalScores};
use super::{Covariance, GaussianMixture, GaussianMixtureConfig, MAX_FEATURES, Normalise};
use crate::detect::stored::stored;
use crate::error::{Error, Result};

/// A [`GaussianMixture`] as plain arrays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GaussianMixtureParts {
    /// The settings that the mixture was fitted with.
    pub config: GaussianMixtureConfig,
    /// Number of feature columns, 1 to 512.
    pub n_features: usize,
    /// Weight of each of the `K` components, 1 to `config.components` of them; above 0, with sum 1.
    pub weights: Vec<f64>,
    /// `K` rows of `n_features`, finite.
    pub means: Vec<f64>,
    /// For each component the inverse of the lower Cholesky factor of its covariance, finite, with a diagonal
    /// above 0: `n_features (n_features + 1) / 2` entries, row after row up to the diagonal. For diagonal
    /// covariances `n_features` entries, one over the standard deviations.
    pub factors: Vec<f64>,
    /// Knots of each feature, 1 to 256; empty where nothing is normalised.
    pub knot_counts: Vec<u32>,
    /// Values at the knots, feature after feature; finite and ascending within a feature.
    pub knot_values: Vec<f32>,
    /// Normal scores at the knots, likewise.
    pub knot_scores: Vec<f64>,
    /// Steps that the search took.
    pub iterations: usize,
    /// Whether the log-likelihood stood still before the steps ran out.
    pub converged: bool,
    /// Mean log-likelihood of the training rows before the last step.
    pub log_likelihood: f64,
}

stored! {
    GaussianMixtureParts as GaussianMixtureHeader {
        config: GaussianMixtureConfig,
        n_features: usize,
        iterations: usize,
        converged: bool,
        log_likelihood: f64,
    } tensors { weights, means, factors, knot_counts, knot_values, knot_scores }
}

impl GaussianMixtureParts {
    pub(super) fn new(model: &GaussianMixture) -> Self {
        let features = || model.normal.iter().flat_map(NormalScores::features);
        Self {
            config: model.config.clone(),
            n_features: model.n_features,
            weights: model.weights.clone(),
            means: model.means.clone(),
            factors: model.factors.clone(),
            knot_counts: features().map(|knots| knots.values().len() as u32).collect(),
            knot_values: features().flat_map(Knots::values).copied().collect(),
            knot_scores: features().flat_map(Knots::scores).copied().collect(),
            iterations: model.iterations,
            converged: model.converged,
            log_likelihood: model.log_likelihood,
        }
    }

    /// Checks everything and puts the mixture together.
    pub(super) fn assemble(&self) -> Result<GaussianMixture> {
        self.config.validate()?;
        if !(1..=MAX_FEATURES).contains(&self.n_features) {
            return Err(Error::invalid("n_features", format!("in 1..={MAX_FEATURES}"), self.n_features));
        }
        self.check_components()?;
        let normal = match self.config.normalise {
            Normalise::Quantile => Some(self.normal_scores()?),
            Normalise::None => {
                length("knot_counts", 0, self.knot_counts.len())?;
                length("knot_values", 0, self.knot_values.len())?;
                length("knot_scores", 0, self.knot_scores.len())?;
                None
            }
        };
        if !self.log_likelihood.is_finite() {
            return Err(Error::invalid("log_likelihood", "finite", self.log_likelihood));
        }
        if self.iterations > self.config.max_iterations {
            let expected = format!("at most {}", self.config.max_iterations);
            return Err(Error::invalid("iterations", expected, self.iterations));
        }
        let fitted = Fitted {
            weights: self.weights.clone(),
            means: self.means.clone(),
            factors: self.factors.clone(),
            iterations: self.iterations,
            converged: self.converged,
            log_likelihood: self.log_likelihood,
        };
        Ok(GaussianMixture::assemble(self.config.clone(), self.n_features, normal, fitted))
    }

    fn check_components(&self) -> Result<()> {
        let (k, d) = (self.weights.len(), self.n_features);
        if !(1..=self.config.components).contains(&k) {
            let expected = format!("an array of 1 to {}", self.config.components);
            return Err(Error::invalid("weights", expected, format!("{k} entries")));
        }
        if let Some(i) = self.weights.iter().position(|weight| !(*weight > 0.0 && *weight <= 1.0)) {
            return Err(Error::invalid(format!("weights[{i}]"), "in (0, 1]", self.weights[i]));
        }
        let total: f64 = self.weights.iter().sum();
        if (total - 1.0).abs() > 1e-9 {
            return Err(Error::invalid("weights", "a sum of 1", total));
        }
        let per_component = self.config.covariance.factor_len(d);
        length("means", k * d, self.means.len())?;
        length("factors", k * per_component, self.factors.len())?;
        finite("means", &self.means)?;
        finite("factors", &self.factors)?;
        for (component, factor) in self.factors.chunks_exact(per_component).enumerate() {
            for feature in 0..d {
                let at = match self.config.covariance {
                    Covariance::Full => row_start(feature) + feature,
                    Covariance::Diagonal => feature,
                };
                if factor[at] <= 0.0 {
                    let name = format!("factors[{}]", component * per_component + at);
                    return Err(Error::invalid(name, "above 0, on a diagonal", factor[at]));
                }
            }
        }
        Ok(())
    }

    fn normal_scores(&self) -> Result<NormalScores> {
        length("knot_counts", self.n_features, self.knot_counts.len())?;
        if let Some(j) = self.knot_counts.iter().position(|&n| n == 0 || n as usize > MAX_KNOTS) {
            let expected = format!("in 1..={MAX_KNOTS}");
            return Err(Error::invalid(format!("knot_counts[{j}]"), expected, self.knot_counts[j]));
        }
        let total = self.knot_counts.iter().map(|&count| count as usize).sum();
        length("knot_values", total, self.knot_values.len())?;
        length("knot_scores", total, self.knot_scores.len())?;
        let mut start = 0;
        let mut features = Vec::with_capacity(self.n_features);
        for &count in &self.knot_counts {
            let (values, scores) =
                (&self.knot_values[start..][..count as usize], &self.knot_scores[start..][..count as usize]);
            if let Some(i) = not_ascending(values.iter().map(|&value| f64::from(value))) {
                let name = format!("knot_values[{}]", start + i);
                return Err(Error::invalid(name, "finite and above the one before", values[i]));
            }
            if let Some(i) = not_ascending(scores.iter().copied()) {
                let name = format!("knot_scores[{}]", start + i);
                return Err(Error::invalid(name, "finite and above the one before", scores[i]));
            }
            features.push(Knots::new(values.to_vec(), scores.to_vec()));
            start += count as usize;
        }
        Ok(NormalScores::new(features))
    }
}

fn length(name: &str, expected: usize, got: usize) -> Result<()> {
    if expected == got {
        return Ok(());
    }
    Err(Error::invalid(name, format!("an array of {expected}"), format!("{got} entries")))
}

fn finite(name: &str, values: &[f64]) -> Result<()> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(i) => Err(Error::invalid(format!("{name}[{i}]"), "finite", values[i])),
    }
}

/// The first value that is not finite, or not above the one before.
fn not_ascending(values: impl Iterator<Item = f64>) -> Option<usize> {
    let mut before = f64::NEG_INFINITY;
    values.enumerate().find_map(|(i, value)| {
        let good = value.is_finite() && value > before;
        before = value;
        (!good).then_some(i)
    })
}
