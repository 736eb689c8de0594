//! A detector of any kind as one of a certain kind.

use super::{
    AnyDetector, AnyDetectorConfig, Classifier, Detector, Ensemble, IsolationForest, OnlineDetector,
    TreeEnsemble,
};
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
        self.as_detector_mut().as_online().ok_or_else(|| other("one that learns row by row"))
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
    pub fn as_mixture_of_experts(&self) -> Result<&MixtureOfExperts> {
        match self {
            Self::MixtureOfExperts(mixture) => Ok(mixture),
            _ => Err(other("a mixture of experts")),
        }
    }

    /// The course of the training of a network, or of the gate of a mixture; `None` for any other detector.
    pub fn history(&self) -> Option<&History> {
        match self {
            Self::Autoencoder(model) => Some(model.history()),
            Self::EntityAutoencoders(model) => Some(model.shared().history()),
            Self::NeuralClassifier(model) => Some(model.history()),
            Self::MixtureOfExperts(mixture) => Some(mixture.history()),
            _ => None,
        }
    }
}

/// The detector is of another kind.
fn other(expected: &str) -> Error {
    Error::invalid("detector", expected, "another kind")
}
