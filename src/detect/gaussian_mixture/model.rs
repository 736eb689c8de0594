//! The fitted mixture.

use ndarray::{Array2, ArrayView2, s};
use serde_json::{Value, json};

use super::density::Density;
use super::em::Fitted;
use super::normal_scores::NormalScores;
use super::{GaussianMixtureConfig, GaussianMixtureParts, MAX_COMPONENTS};
use crate::detect::{Detector, check, rows_of};
use crate::error::Result;
use crate::explain::Explanation;
use crate::parallel;
use crate::stats::log_sum_exp;

/// A fitted Gaussian mixture.
///
/// The score of a row is `−ln Σ w_k N(z | μ_k, Σ_k)`, its negative log-likelihood, where `z` is the row on the normal
/// scale (see [`Normalise`](super::Normalise)); it is cut to the range of f32, which only features that are not
/// normalised can reach.
#[derive(Clone, Debug)]
pub struct GaussianMixture {
    pub(super) config: GaussianMixtureConfig,
    pub(super) n_features: usize,
    pub(super) normal: Option<NormalScores>,
    pub(super) weights: Vec<f64>,
    pub(super) means: Vec<f64>,
    pub(super) factors: Vec<f64>,
    pub(super) iterations: usize,
    pub(super) converged: bool,
    pub(super) log_likelihood: f64,
    density: Density,
}

/// Rows that one thread scores at a time, and below which no other thread is asked.
const CHUNK: usize = 1024;

/// Rows that are checked and scored while they stay in the first-level cache.
const TILE: usize = 32;

impl GaussianMixture {
    /// Lays a mixture out for scoring; everything has been checked.
    pub(super) fn assemble(
        config: GaussianMixtureConfig,
        n_features: usize,
        normal: Option<NormalScores>,
        fitted: Fitted,
    ) -> Self {
        let Fitted { weights, means, factors, iterations, converged, log_likelihood } = fitted;
        let density = Density::new(n_features, config.covariance, &weights, &means, &factors);
        Self {
            config,
            n_features,
            normal,
            weights,
            means,
            factors,
            iterations,
            converged,
            log_likelihood,
            density,
        }
    }

    /// Checks the parts of a mixture, from a file or from another library, and assembles it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) that names the field that does not hold; see
    /// [`GaussianMixtureParts`].
    pub fn from_parts(parts: &GaussianMixtureParts) -> Result<Self> {
        parts.assemble()
    }

    /// The mixture as plain arrays; [`GaussianMixture::from_parts`] makes it again, bit for bit.
    pub fn to_parts(&self) -> GaussianMixtureParts {
        GaussianMixtureParts::new(self)
    }

    /// The settings that the mixture was fitted with.
    pub fn config(&self) -> &GaussianMixtureConfig {
        &self.config
    }

    /// Components that are left.
    pub fn n_components(&self) -> usize {
        self.weights.len()
    }

    /// Components that were asked for and dropped, because they held less than one row.
    pub fn dropped(&self) -> usize {
        self.config.components - self.weights.len()
    }

    /// Weight of each component; they sum to 1.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Means of the components on the normal scale, shape `(components, features)`.
    pub fn means(&self) -> Array2<f64> {
        let shape = (self.n_components(), self.n_features);
        Array2::from_shape_fn(shape, |(k, j)| self.means[k * self.n_features + j])
    }

    /// Steps that the search took.
    pub fn iterations(&self) -> usize {
        self.iterations
    }

    /// Whether the log-likelihood stood still before the steps ran out.
    pub fn converged(&self) -> bool {
        self.converged
    }

    /// Mean log-likelihood of the rows that the mixture was fitted on, before the last step.
    pub fn log_likelihood(&self) -> f64 {
        self.log_likelihood
    }

    /// Memory that the model takes, in bytes, but for a few words.
    pub fn size_in_bytes(&self) -> usize {
        let knots: usize =
            self.normal.iter().flat_map(NormalScores::features).map(|f| f.values().len()).sum();
        size_of::<Self>()
            + knots * 20
            + (self.weights.len() + 2 * (self.means.len() + self.factors.len())) * 8
    }
}

impl Detector for GaussianMixture {
    fn n_features(&self) -> usize {
        self.n_features
    }

    fn score_into(&self, x: ArrayView2<'_, f32>, out: &mut [f32]) -> Result<()> {
        check::shape(&x, self.n_features, out.len())?;
        let k = self.n_components();
        parallel::for_each_chunk(out, CHUNK, |start, out| {
            #[allow(clippy::large_stack_arrays, reason = "scoring allocates nothing")]
            let mut logs = [0.0; TILE * MAX_COMPONENTS];
            for (i, out) in out.chunks_mut(TILE).enumerate() {
                let first = start + i * TILE;
                let x = x.slice(s![first..first + out.len(), ..]);
                check::finite(&x, first)?;
                let logs = &mut logs[..out.len() * k];
                match &self.normal {
                    Some(normal) => self.density.log_densities(|row, j| normal.of(j, x[[row, j]]), logs),
                    None => self.density.log_densities(|row, j| f64::from(x[[row, j]]), logs),
                }
                for (out, logs) in out.iter_mut().zip(logs.chunks_exact(k)) {
                    *out =
                        (-log_sum_exp(logs.iter().copied())).clamp(f32::MIN.into(), f32::MAX.into()) as f32;
                }
            }
            Ok(())
        })
    }

    /// See [`GaussianMixture::explain`].
    fn explain(&self, x: ArrayView2<'_, f32>) -> Result<Explanation> {
        Self::explain(self, x)
    }

    fn facts(&self) -> Value {
        json!({
            "weights": self.weights(),
            "means": rows_of(&self.means()),
            "iterations": self.iterations(),
            "converged": self.converged(),
        })
    }
}
