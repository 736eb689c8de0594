//! Gaussian mixture: rows where the density of clean rows is low are anomalous.

mod cholesky;
mod density;
mod em;
mod explain;
mod model;
mod normal_scores;
mod parts;
mod start;

pub use model::GaussianMixture;
pub(super) use parts::GaussianMixtureHeader;
pub use parts::GaussianMixtureParts;
#[cfg(feature = "train")]
pub(super) use start::clusters;

use ndarray::{ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use self::normal_scores::NormalScores;
use super::{Fit, FitContext, Fitted, check};
use crate::error::{Error, Result};
use crate::progress;
use crate::rng::Stream;

/// Features that a mixture takes at most: a tile of rows is on the stack while it is scored.
const MAX_FEATURES: usize = 512;

/// Components that a mixture has at most.
const MAX_COMPONENTS: usize = 64;

/// The random stream that draws the training rows.
const SAMPLE_STREAM: u64 = 0;

/// Shape of the components.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Covariance {
    /// Any ellipsoid: features of a component may depend on each other.
    #[default]
    Full,
    /// Axes along the features.
    Diagonal,
}

/// How every feature is transformed before the mixture is fitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Normalise {
    /// The feature as it is.
    None,
    /// The normal quantile of its rank in the training rows: `Φ⁻¹((rows below + rows equal / 2) / rows)`.
    ///
    /// At most 256 knots per feature are kept, evenly spaced on the normal scale; it is linear
    /// between them. Beyond the first and the last knot it grows by `ln(1 + distance / range)`, with the range
    /// of the knots (1 for a constant feature), so that far values differ and do not rule the score.
    #[default]
    Quantile,
}

/// Settings of a [`GaussianMixture`].
///
/// Expectation and maximisation in f64, from a start by k-means++ and a few steps of k-means. A component
/// that holds less than one row is dropped, see [`GaussianMixture::dropped`]. The labels given to [`Fit::fit`]
/// are not used: train on clean rows.
///
/// # Source
///
/// C. M. Bishop, *Pattern Recognition and Machine Learning*, 2006, section 9.2.2; D. Arthur,
/// S. Vassilvitskii, *k-means++: The Advantages of Careful Seeding*, SODA 2007.
///
/// # Examples
///
/// ```
/// use qosguard::detect::{Detector, Fit, FitContext, GaussianMixtureConfig};
/// use qosguard::ndarray::{Array2, array};
///
/// // The second feature follows the first one, but for the last row.
/// let x = Array2::from_shape_fn((400, 2), |(i, j)| (i % 20) as f32 + (j * (i % 3)) as f32);
/// let mixture = GaussianMixtureConfig { components: 4, ..Default::default() }.fit(x.view(), FitContext::default())?.model;
/// let scores = mixture.score(array![[5.0, 6.0], [2.0, 17.0]].view())?;
/// assert!(scores[1] > scores[0] + 5.0);
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GaussianMixtureConfig {
    /// Number of components, 1 to 64; fewer where there are fewer different rows.
    pub components: usize,
    /// Shape of the components.
    pub covariance: Covariance,
    /// Variance added to every feature of every component, above 0; in units of the normal scale, or of the
    /// squared feature where that is not used.
    pub regularisation: f64,
    /// Steps, 1 to 10,000.
    pub max_iterations: usize,
    /// The search ends when the mean log-likelihood changes by less than this in a step; at least 0.
    pub tolerance: f64,
    /// What is done with every feature first.
    pub normalise: Normalise,
    /// Rows that the mixture is fitted on, 2 to 2^20, drawn at random; all rows where there are fewer.
    pub max_samples: usize,
    /// Seed of all randomness.
    pub seed: u64,
}

impl Default for GaussianMixtureConfig {
    fn default() -> Self {
        Self {
            components: 32,
            covariance: Covariance::Full,
            regularisation: 0.03,
            max_iterations: 100,
            tolerance: 1e-3,
            normalise: Normalise::Quantile,
            max_samples: 20_000,
            seed: 0,
        }
    }
}

impl GaussianMixtureConfig {
    /// Checks that every setting is in its domain.
    fn validate(&self) -> Result<()> {
        for (name, value, least, most) in [
            ("components", self.components, 1, MAX_COMPONENTS),
            ("max_iterations", self.max_iterations, 1, 10_000),
            ("max_samples", self.max_samples, 2, 1 << 20),
        ] {
            if !(least..=most).contains(&value) {
                return Err(Error::invalid(name, format!("in {least}..={most}"), value));
            }
        }
        if !(self.regularisation > 0.0 && self.regularisation.is_finite()) {
            return Err(Error::invalid("regularisation", "above 0 and finite", self.regularisation));
        }
        if !(self.tolerance >= 0.0 && self.tolerance.is_finite()) {
            return Err(Error::invalid("tolerance", "at least 0 and finite", self.tolerance));
        }
        Ok(())
    }

    /// Checks settings and rows.
    fn check(&self, x: &ArrayView2<'_, f32>) -> Result<()> {
        self.validate()?;
        if x.ncols() == 0 {
            return Err(Error::InsufficientData { what: "feature columns".into(), needed: 1, got: 0 });
        }
        if x.ncols() > MAX_FEATURES {
            return Err(Error::invalid("feature columns", format!("at most {MAX_FEATURES}"), x.ncols()));
        }
        if x.nrows() < 2 {
            return Err(Error::InsufficientData { what: "training rows".into(), needed: 2, got: x.nrows() });
        }
        check::finite(x, 0)
    }

    /// Fits from given responsibilities, instead of k-means++, and on all rows.
    ///
    /// `responsibilities`, shape `(rows, components)`, holds the share of each row in each component;
    /// each of its rows sums to 1.
    ///
    /// # Errors
    ///
    /// As [`Fit::fit`], and [`Error::ShapeMismatch`] or [`Error::InvalidArgument`] for
    /// responsibilities of another shape or with other sums.
    pub fn fit_from(
        &self,
        x: ArrayView2<'_, f32>,
        responsibilities: ArrayView2<'_, f64>,
    ) -> Result<GaussianMixture> {
        self.check(&x)?;
        for (what, expected, got) in [
            ("rows of responsibilities", x.nrows(), responsibilities.nrows()),
            ("columns of responsibilities", self.components, responsibilities.ncols()),
        ] {
            if expected != got {
                return Err(Error::ShapeMismatch { what, expected, got });
            }
        }
        for (i, row) in responsibilities.rows().into_iter().enumerate() {
            if !(row.iter().all(|&share| share >= 0.0) && (row.sum() - 1.0).abs() < 1e-6) {
                let name = format!("responsibilities[{i}]");
                return Err(Error::invalid(name, "shares of at least 0 that sum to 1", row));
            }
        }
        let (normal, rows) = self.normalised(&x);
        let shares = responsibilities.iter().copied().collect();
        let fitted = em::run(self, &rows, x.ncols(), shares)?;
        Ok(GaussianMixture::assemble(self.clone(), x.ncols(), normal, fitted))
    }

    /// The normalisation and what it makes of the rows, row-major.
    fn normalised(&self, x: &ArrayView2<'_, f32>) -> (Option<NormalScores>, Vec<f64>) {
        match self.normalise {
            Normalise::None => (None, x.iter().map(|&value| f64::from(value)).collect()),
            Normalise::Quantile => {
                let normal = NormalScores::fit(x);
                let rows = x.indexed_iter().map(|((_, feature), &value)| normal.of(feature, value)).collect();
                (Some(normal), rows)
            }
        }
    }
}

impl Fit for GaussianMixtureConfig {
    type Model = GaussianMixture;

    /// # Errors
    ///
    /// As every [`Fit::fit`], and [`Error::InvalidArgument`] for more than 512 features or a regularisation
    /// too small to distinguish the spread of the rows from rounding.
    fn fit(&self, x: ArrayView2<'_, f32>, context: FitContext<'_>) -> Result<Fitted<GaussianMixture>> {
        context.unsupervised(|| self.fit_rows(x))
    }
}

impl GaussianMixtureConfig {
    fn fit_rows(&self, x: ArrayView2<'_, f32>) -> Result<GaussianMixture> {
        self.check(&x)?;
        let mut chosen: Vec<usize> = (0..x.nrows()).collect();
        if x.nrows() > self.max_samples {
            Stream::new(self.seed, SAMPLE_STREAM).shuffle(&mut chosen);
            chosen.truncate(self.max_samples);
            chosen.sort_unstable();
        }
        let sample = x.select(Axis(0), &chosen);
        let (normal, rows) = self.normalised(&sample.view());
        progress::check()?;
        let shares = start::responsibilities(&rows, x.ncols(), self.components, self.seed);
        let fitted = em::run(self, &rows, x.ncols(), shares)?;
        Ok(GaussianMixture::assemble(self.clone(), x.ncols(), normal, fitted))
    }
}
