//! The closed set of detectors that a guard can hold.

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::ensemble::EnsembleHeader;
use super::gaussian_mixture::GaussianMixtureHeader;
use super::half_space_trees::HalfSpaceTreesHeader;
use super::isolation_forest::IsolationForestHeader;
use super::logistic::LogisticRegressionHeader;
use super::stored::Stored;
use super::tree_ensemble::TreeEnsembleHeader;
use super::{
    BoostedTreesConfig, Classifier, ContrastTreesConfig, Detector, Ensemble, EnsembleConfig, Fit,
    GaussianMixture, GaussianMixtureConfig, GaussianMixtureParts, HalfSpaceTrees, HalfSpaceTreesConfig,
    HalfSpaceTreesParts, IsolationForest, IsolationForestConfig, IsolationForestParts, LogisticRegression,
    LogisticRegressionConfig, LogisticRegressionParts, TreeEnsemble, TreeEnsembleParts,
};
use crate::artifact::Tensors;
use crate::error::Result;
use crate::explain::Explanation;

/// Settings of any detector that can be saved; as text, `kind` names the detector.
///
/// # Examples
///
/// ```
/// use qosguard::detect::{AnyDetectorConfig, IsolationForestConfig};
///
/// let config: AnyDetectorConfig = serde_json::from_str(r#"{"kind": "isolation_forest", "trees": 50}"#)?;
/// assert_eq!(config, IsolationForestConfig { trees: 50, ..Default::default() }.into());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum AnyDetectorConfig {
    /// See [`IsolationForestConfig`].
    IsolationForest(IsolationForestConfig),
    /// See [`GaussianMixtureConfig`].
    GaussianMixture(GaussianMixtureConfig),
    /// See [`HalfSpaceTreesConfig`].
    HalfSpaceTrees(HalfSpaceTreesConfig),
    /// See [`ContrastTreesConfig`].
    ContrastTrees(ContrastTreesConfig),
    /// See [`BoostedTreesConfig`]; learns from labels.
    BoostedTrees(BoostedTreesConfig),
    /// See [`LogisticRegressionConfig`]; learns from labels.
    LogisticRegression(LogisticRegressionConfig),
    /// See [`EnsembleConfig`]; learns from labels where a member does.
    Ensemble(EnsembleConfig),
}

impl AnyDetectorConfig {
    /// Whether the detector learns from labels.
    pub fn needs_labels(&self) -> bool {
        match self {
            Self::BoostedTrees(_) | Self::LogisticRegression(_) => true,
            Self::Ensemble(config) => config.needs_labels(),
            _ => false,
        }
    }
}

/// Settings of one kind are settings of any.
macro_rules! from_config {
    ($($variant:ident($config:ident)),* $(,)?) => {$(
        impl From<$config> for AnyDetectorConfig {
            fn from(config: $config) -> Self {
                Self::$variant(config)
            }
        }
    )*};
}

from_config! {
    IsolationForest(IsolationForestConfig),
    GaussianMixture(GaussianMixtureConfig),
    HalfSpaceTrees(HalfSpaceTreesConfig),
    ContrastTrees(ContrastTreesConfig),
    BoostedTrees(BoostedTreesConfig),
    LogisticRegression(LogisticRegressionConfig),
    Ensemble(EnsembleConfig),
}

impl Fit for AnyDetectorConfig {
    type Model = AnyDetector;

    fn fit(&self, x: ArrayView2<'_, f32>, labels: Option<&[bool]>) -> Result<AnyDetector> {
        Ok(match self {
            Self::IsolationForest(config) => config.fit(x, labels)?.into(),
            Self::GaussianMixture(config) => config.fit(x, labels)?.into(),
            Self::HalfSpaceTrees(config) => config.fit(x, labels)?.into(),
            Self::ContrastTrees(config) => config.fit(x, labels)?.into(),
            Self::BoostedTrees(config) => config.fit(x, labels)?.into(),
            Self::LogisticRegression(config) => config.fit(x, labels)?.into(),
            Self::Ensemble(config) => config.fit(x, labels)?.into(),
        })
    }
}

/// Defines the fitted twin of [`AnyDetectorConfig`] and its form in a file.
macro_rules! any_detector {
    ($($variant:ident($parts:ident, $header:ident)),* $(,)?) => {
        /// Any fitted detector that can be saved.
        #[derive(Clone, Debug)]
        #[non_exhaustive]
        #[allow(clippy::large_enum_variant, reason = "a guard holds one, not a list")]
        pub enum AnyDetector {
            $(
                #[doc = concat!("See [`", stringify!($variant), "`].")]
                $variant($variant),
            )*
            /// See [`Ensemble`].
            Ensemble(Ensemble),
        }

        /// What stands of a detector in a file's header; `kind` names the detector.
        #[derive(Serialize, Deserialize)]
        #[serde(tag = "kind", rename_all = "snake_case")]
        pub(crate) enum AnyHeader {
            $($variant($header),)*
            Ensemble(EnsembleHeader),
        }

        impl AnyDetector {
            /// Puts the arrays under `at` and returns the rest.
            pub(crate) fn store(&self, at: &str, tensors: &mut Tensors) -> AnyHeader {
                match self {
                    $(Self::$variant(model) => AnyHeader::$variant(model.to_parts().store(at, tensors)),)*
                    Self::Ensemble(model) => AnyHeader::Ensemble(model.store(at, tensors)),
                }
            }

            /// Puts a detector together again; says in words what does not hold.
            pub(crate) fn restore(header: AnyHeader, at: &str, tensors: &mut Tensors) -> Result<Self, String> {
                match header {
                    $(AnyHeader::$variant(header) => {
                        let parts = $parts::restore(header, at, tensors)?;
                        $variant::from_parts(&parts).map(Self::$variant).map_err(|e| e.to_string())
                    })*
                    AnyHeader::Ensemble(header) => Ensemble::restore(header, at, tensors).map(Self::Ensemble),
                }
            }

            fn as_detector(&self) -> &dyn Detector {
                match self {
                    $(Self::$variant(model) => model,)*
                    Self::Ensemble(model) => model,
                }
            }
        }

        $(
            impl From<$variant> for AnyDetector {
                fn from(model: $variant) -> Self {
                    Self::$variant(model)
                }
            }
        )*

        impl From<Ensemble> for AnyDetector {
            fn from(model: Ensemble) -> Self {
                Self::Ensemble(model)
            }
        }
    };
}

any_detector! {
    IsolationForest(IsolationForestParts, IsolationForestHeader),
    GaussianMixture(GaussianMixtureParts, GaussianMixtureHeader),
    HalfSpaceTrees(HalfSpaceTreesParts, HalfSpaceTreesHeader),
    TreeEnsemble(TreeEnsembleParts, TreeEnsembleHeader),
    LogisticRegression(LogisticRegressionParts, LogisticRegressionHeader),
}

impl AnyDetector {
    /// Its kind, as in a file: `isolation_forest`, `tree_ensemble` and so on.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::IsolationForest(_) => "isolation_forest",
            Self::GaussianMixture(_) => "gaussian_mixture",
            Self::HalfSpaceTrees(_) => "half_space_trees",
            Self::TreeEnsemble(_) => "tree_ensemble",
            Self::LogisticRegression(_) => "logistic_regression",
            Self::Ensemble(_) => "ensemble",
        }
    }

    /// The detector as a classifier, where it learnt from labels.
    pub fn as_classifier(&self) -> Option<&dyn Classifier> {
        match self {
            Self::TreeEnsemble(model) => Some(model),
            Self::LogisticRegression(model) => Some(model),
            _ => None,
        }
    }
}

impl Detector for AnyDetector {
    fn n_features(&self) -> usize {
        self.as_detector().n_features()
    }

    fn score_into(&self, x: ArrayView2<'_, f32>, out: &mut [f32]) -> Result<()> {
        self.as_detector().score_into(x, out)
    }

    fn explain(&self, x: ArrayView2<'_, f32>) -> Result<Explanation> {
        self.as_detector().explain(x)
    }
}
