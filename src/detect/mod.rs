//! Detectors: features in, one score per row out; higher is more anomalous.

mod any;
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
#[cfg(all(test, feature = "train"))]
mod on_device;
mod stored;
mod training_rows;
mod tree;
mod tree_ensemble;

use std::fmt::Debug;

use ndarray::{Array2, ArrayView2};

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
}

/// A detector that was fitted on labels and knows the odds of each class.
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
}
