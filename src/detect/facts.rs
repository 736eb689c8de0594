//! What a fitted detector can do and what its fit found, whatever its kind.

use serde_json::{Value, json};

use super::{
    AnyDetector, AnyDetectorConfig, Classifier, Ensemble, IsolationForest, OnlineDetector, TreeEnsemble,
};
#[cfg(feature = "neural")]
use super::{History, MixtureOfExperts};
use crate::error::{Error, Result};

impl AnyDetectorConfig {
    /// A detector that has learned no row yet and learns rows of `n_features` as they come.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a detector that does not learn row by row, or a setting outside its domain;
    /// [`Error::InsufficientData`] for no features.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::detect::{AnyDetectorConfig, HalfSpaceTreesConfig};
    /// use qosguard::ndarray::Array2;
    ///
    /// let config = AnyDetectorConfig::from(HalfSpaceTreesConfig { window: 50, ..Default::default() });
    /// let mut detector = config.stream(3)?;
    /// let online = detector.as_online_mut()?;
    /// online.learn_many(Array2::from_shape_fn((100, 3), |(i, j)| (i * (j + 1) % 7) as f32).view())?;
    /// assert_eq!(online.n_rows(), 100);
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn stream(&self, n_features: usize) -> Result<AnyDetector> {
        match self {
            Self::HalfSpaceTrees(config) => config.stream(n_features).map(Into::into),
            #[cfg(feature = "neural")]
            Self::Kitsune(config) => config.stream(n_features).map(Into::into),
            _ => Err(other("one that learns row by row")),
        }
    }
}

impl AnyDetector {
    /// The detector as a classifier.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a detector that does not learn classes.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::detect::{AnyDetectorConfig, Fit, FitContext, IsolationForestConfig};
    /// use qosguard::ndarray::Array2;
    ///
    /// let x = Array2::from_shape_fn((50, 2), |(i, j)| (i * (j + 1) % 7) as f32);
    /// let config = AnyDetectorConfig::from(IsolationForestConfig::default());
    /// let forest = config.fit(x.view(), FitContext::default())?.model;
    /// assert!(forest.classifier().is_err());
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn classifier(&self) -> Result<&dyn Classifier> {
        self.as_classifier().ok_or_else(|| other("a classifier"))
    }

    /// The detector as one that learns row by row.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a detector of another kind.
    pub fn as_online_mut(&mut self) -> Result<&mut dyn OnlineDetector> {
        match self {
            Self::HalfSpaceTrees(trees) => Ok(trees),
            #[cfg(feature = "neural")]
            Self::Kitsune(kitsune) => Ok(kitsune),
            _ => Err(other("one that learns row by row")),
        }
    }

    /// The detector as an isolation forest.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a detector of another kind.
    pub fn as_isolation_forest(&self) -> Result<&IsolationForest> {
        match self {
            Self::IsolationForest(forest) => Ok(forest),
            _ => Err(other("an isolation forest")),
        }
    }

    /// The detector as boosted trees, contrast trees, or imported trees.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a detector of another kind.
    pub fn as_trees(&self) -> Result<&TreeEnsemble> {
        match self {
            Self::TreeEnsemble(trees) => Ok(trees),
            _ => Err(other("boosted trees or a random forest")),
        }
    }

    /// The detector as an ensemble.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a detector of another kind.
    pub fn as_ensemble(&self) -> Result<&Ensemble> {
        match self {
            Self::Ensemble(ensemble) => Ok(ensemble),
            _ => Err(other("an ensemble")),
        }
    }

    /// The detector as a mixture of experts.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a detector of another kind.
    #[cfg(feature = "neural")]
    pub fn as_mixture_of_experts(&self) -> Result<&MixtureOfExperts> {
        match self {
            Self::MixtureOfExperts(mixture) => Ok(mixture),
            _ => Err(other("a mixture of experts")),
        }
    }

    /// The course of the training of a network, or of the gate of a mixture; `None` for any other detector.
    #[cfg(feature = "neural")]
    pub fn history(&self) -> Option<&History> {
        match self {
            Self::Autoencoder(model) => Some(model.history()),
            Self::EntityAutoencoders(model) => Some(model.shared().history()),
            Self::NeuralClassifier(model) => Some(model.history()),
            Self::MixtureOfExperts(mixture) => Some(mixture.history()),
            _ => None,
        }
    }

    /// What the fit found, as an object whose fields depend on the kind: `trees`, `iterations`, `history` and so on.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::detect::{AnyDetectorConfig, Fit, FitContext, IsolationForestConfig};
    /// use qosguard::ndarray::Array2;
    ///
    /// let config = AnyDetectorConfig::from(IsolationForestConfig { trees: 7, ..Default::default() });
    /// let x = Array2::from_shape_fn((50, 2), |(i, j)| (i * (j + 1) % 7) as f32);
    /// let detector = config.fit(x.view(), FitContext::default())?.model;
    /// assert_eq!(detector.facts()["trees"], 7);
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn facts(&self) -> Value {
        match self {
            Self::IsolationForest(forest) => json!({"trees": forest.n_trees()}),
            Self::GaussianMixture(mixture) => json!({
                "weights": mixture.weights(),
                "means": rows(&mixture.means()),
                "iterations": mixture.iterations(),
                "converged": mixture.converged(),
            }),
            Self::HalfSpaceTrees(trees) => json!({
                "rows_learned": trees.n_rows(),
                "ranges": trees.ranges(),
                "beyond_range": trees.beyond_range(),
            }),
            Self::TreeEnsemble(trees) => json!({
                "trees": trees.n_trees(),
                "accepts_missing": trees.accepts_missing(),
                "feature_names": trees.feature_names(),
                "category_names": trees.category_names(),
            }),
            Self::LogisticRegression(model) => json!({
                "coefficients": rows(&model.coefficients()),
                "intercepts": model.intercepts(),
                "iterations": model.iterations(),
                "converged": model.converged(),
            }),
            Self::Ensemble(ensemble) => {
                let member = |member: &super::Member| json!({"name": member.name(), "weight": member.weight(), "is_enabled": member.is_enabled()});
                json!({"members": ensemble.members().iter().map(member).collect::<Vec<_>>()})
            }
            #[cfg(feature = "neural")]
            Self::Autoencoder(model) => {
                json!({"history": model.history(), "parameters": model.n_parameters()})
            }
            #[cfg(feature = "neural")]
            Self::EntityAutoencoders(model) => json!({
                "history": model.shared().history(),
                "entities": model.entities().collect::<Vec<_>>(),
            }),
            #[cfg(feature = "neural")]
            Self::NeuralClassifier(model) => json!({
                "history": model.history(),
                "pretraining_history": model.pretraining_history(),
                "parameters": model.n_parameters(),
            }),
            #[cfg(feature = "neural")]
            Self::MixtureOfExperts(mixture) => json!({
                "history": mixture.history(),
                "report": mixture.report(),
                "experts": mixture.experts(),
            }),
            #[cfg(feature = "neural")]
            Self::Kitsune(kitsune) => json!({
                "rows_learned": kitsune.n_rows(),
                "ranges": kitsune.ranges(),
                "beyond_range": kitsune.beyond_range(),
                "groups": kitsune.groups(),
            }),
        }
    }
}

fn rows(matrix: &ndarray::Array2<f64>) -> Vec<Vec<f64>> {
    matrix.outer_iter().map(|row| row.to_vec()).collect()
}

/// The detector is of another kind.
fn other(expected: &str) -> Error {
    Error::invalid("detector", expected, "another kind")
}
