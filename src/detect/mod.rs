//! Detectors: features in, one score per row out; higher is more anomalous.

mod any;
mod any_rows;
mod autoencoder;
mod boosted;
mod class_weight;
mod contrast;
mod ensemble;
mod facts;
mod file;
mod fit;
mod gaussian_mixture;
mod half_space_trees;
mod isolation_forest;
mod kitsune;
mod logistic;
mod mixture_of_experts;
mod neural_classifier;
#[cfg(test)]
#[cfg(feature = "train")]
mod on_device;
mod stored;
mod training_rows;
mod tree;
mod tree_ensemble;

use std::fmt::Debug;

use ndarray::{Array2, ArrayView2};
use serde_json::{Value, json};

use crate::check;
use crate::error::Result;
use crate::explain::Explanation;

#[cfg(feature = "train")]
pub use crate::nn::Completeness;
pub use crate::nn::{
    Activation, Architecture, Checkpoint, Columns, Device, ExpertNetworkConfig, FtTransformerConfig,
    GateConfig, History, MixtureNetworkConfig, MlpConfig, Precision, Schedule, Stopped, TemporalCnnConfig,
    TimingChannel, TimingLayout, TrainingConfig,
};
pub(crate) use any::AnyHeader;
pub use any::{AnyDetector, AnyDetectorConfig};
pub use any_rows::AnyRows;
pub use autoencoder::{
    Autoencoder, AutoencoderConfig, AutoencoderParts, EntityAutoencoders, EntityAutoencodersConfig,
    EntityAutoencodersParts, EntityColumn, ScoreTransform, Variational,
};
pub use boosted::{BoostedTreesConfig, EarlyStopping};
pub use class_weight::ClassWeight;
pub use contrast::ContrastTreesConfig;
pub use ensemble::{Ensemble, EnsembleConfig, Fusion, Member, MemberConfig};
pub use fit::{ColumnNames, Fit, FitContext, Fitted, Labels, OnlineDetector};
pub use gaussian_mixture::{
    Covariance, GaussianMixture, GaussianMixtureConfig, GaussianMixtureParts, Normalise,
};
pub use half_space_trees::{HalfSpaceTrees, HalfSpaceTreesConfig, HalfSpaceTreesParts};
pub use isolation_forest::{
    IsolationForest, IsolationForestConfig, IsolationForestParts, IsolationMissing, IsolationScoring,
    IsolationSplits,
};
pub use kitsune::{Kitsune, KitsuneConfig, KitsuneParts};
pub use logistic::{LogisticRegression, LogisticRegressionConfig, LogisticRegressionParts};
pub use mixture_of_experts::{
    ExpertConfig, ExpertReport, MixtureOfExperts, MixtureOfExpertsConfig, MixtureOutput, MixtureReport,
    ValidationMetrics,
};
pub use neural_classifier::{
    NeuralClassifier, NeuralClassifierConfig, NeuralClassifierParts, PretrainingConfig,
};
pub use tree_ensemble::{CategoryName, Link, TreeEnsemble, TreeEnsembleParts};

/// A fitted detector. Object safe; share one model between threads.
///
/// Scores are `f32` and **higher means more anomalous**.
pub trait Detector: Debug + Send + Sync {
    /// Number of feature columns that the model was fitted on.
    fn n_features(&self) -> usize;

    /// Writes one score per row of `x` into `out`, without allocating.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`](crate::Error::ShapeMismatch) for another width or another length of `out`;
    /// [`Error::NotFinite`](crate::Error::NotFinite) for NaN or infinite input, by row and column.
    fn score_into(&self, x: ArrayView2<'_, f32>, out: &mut [f32]) -> Result<()>;

    /// Scores every row of `x`, shape `(rows, features)` → `(rows,)`.
    ///
    /// # Errors
    ///
    /// As [`Detector::score_into`].
    fn score(&self, x: ArrayView2<'_, f32>) -> Result<Vec<f32>> {
        let mut out = vec![0.0; x.nrows()];
        self.score_into(x, &mut out)?;
        Ok(out)
    }

    /// Scores every row of 64-bit numbers.
    ///
    /// A model that compares 64-bit numbers ([`TreeEnsemble::compares_f64`]) takes them as they are; any other one
    /// rounds each to the nearest `f32`.
    ///
    /// # Errors
    ///
    /// As [`Detector::score_into`], also for a number that `f32` cannot hold where it is rounded.
    fn score_f64(&self, x: ArrayView2<'_, f64>) -> Result<Vec<f32>> {
        self.score(nearest(x).view())
    }

    /// Splits every score into a base and one contribution per feature, which sum to the score to 1e-9 in
    /// `f64`.
    ///
    /// What is shared out, and how, is said where each model is explained.
    ///
    /// # Errors
    ///
    /// As [`Detector::score_into`]; [`Error::InvalidArgument`](crate::Error::InvalidArgument) for a detector
    /// whose score belongs to no single features.
    fn explain(&self, x: ArrayView2<'_, f32>) -> Result<Explanation>;

    /// [`Detector::explain`] of rows of 64-bit numbers, which are read as in [`Detector::score_f64`].
    ///
    /// # Errors
    ///
    /// As [`Detector::explain`] and [`Detector::score_f64`].
    fn explain_f64(&self, x: ArrayView2<'_, f64>) -> Result<Explanation> {
        self.explain(nearest(x).view())
    }

    /// What the fit found, as an object whose fields depend on the detector: `trees`, `iterations`, `history` and so on.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::detect::{Detector, Fit, FitContext, IsolationForestConfig};
    /// use qosguard::ndarray::Array2;
    ///
    /// let x = Array2::from_shape_fn((50, 2), |(i, j)| (i * (j + 1) % 7) as f32);
    /// let config = IsolationForestConfig { trees: 7, ..Default::default() };
    /// let forest = config.fit(x.view(), FitContext::default())?.model;
    /// assert_eq!(forest.facts()["trees"], 7);
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    fn facts(&self) -> Value {
        json!({})
    }

    /// The detector as a classifier; `None` for one that has no probability of each class.
    fn as_classifier(&self) -> Option<&dyn Classifier> {
        None
    }

    /// The detector as one that learns row by row; `None` for one that does not.
    fn as_online(&mut self) -> Option<&mut dyn OnlineDetector> {
        None
    }
}

/// A detector that was fitted on labels and returns the probability of each class.
///
/// Its score is the log-odds of an attack: `ln((1 − p) / p)` with `p` the probability of the clean class.
pub trait Classifier: Detector {
    /// Names of the classes; the first one is clean traffic.
    fn classes(&self) -> &[String];

    /// Probability of each class, shape `(rows, features)` → `(rows, classes)`; each row sums to 1.
    ///
    /// # Errors
    ///
    /// As [`Detector::score_into`].
    fn probabilities(&self, x: ArrayView2<'_, f32>) -> Result<Array2<f64>>;

    /// [`Classifier::probabilities`] of rows of 64-bit numbers, which are read as in [`Detector::score_f64`].
    ///
    /// # Errors
    ///
    /// As [`Detector::score_f64`].
    fn probabilities_f64(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        self.probabilities(nearest(x).view())
    }
}

/// The rows with each number rounded to the nearest `f32`.
fn nearest(x: ArrayView2<'_, f64>) -> Array2<f32> {
    x.mapv(|value| value as f32)
}

/// A matrix as a list of rows, for [`Detector::facts`].
fn rows_of(matrix: &Array2<f64>) -> Vec<Vec<f64>> {
    matrix.outer_iter().map(|row| row.to_vec()).collect()
}
