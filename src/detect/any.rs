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
    Autoencoder, AutoencoderConfig, AutoencoderParts, ColumnNames, EntityAutoencoders,
    EntityAutoencodersConfig, EntityAutoencodersParts, Kitsune, KitsuneConfig, KitsuneParts,
    MixtureOfExperts, MixtureOfExpertsConfig, NeuralClassifier, NeuralClassifierConfig,
    NeuralClassifierParts,
};
use super::{
    BoostedTreesConfig, Classifier, ContrastTreesConfig, Detector, Ensemble, EnsembleConfig, Fit, FitContext,
    Fitted, GaussianMixture, GaussianMixtureConfig, GaussianMixtureParts, HalfSpaceTrees,
    HalfSpaceTreesConfig, HalfSpaceTreesParts, IsolationForest, IsolationForestConfig, IsolationForestParts,
    LogisticRegression, LogisticRegressionConfig, LogisticRegressionParts, TreeEnsemble, TreeEnsembleParts,
};
use super::{
    autoencoder::{AutoencoderHeader, EntityAutoencodersHeader},
    kitsune::KitsuneHeader,
    mixture_of_experts::MixtureOfExpertsHeader,
    neural_classifier::NeuralClassifierHeader,
};
use crate::artifact::Tensors;
use crate::error::Result;
use crate::explain::Explanation;

/// Defines [`AnyDetectorConfig`] and what all settings have in common.
macro_rules! any_config {
    ($($(#[$attribute:meta])* $variant:ident($config:ident)),* $(,)?) => {
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
            $(
                #[doc = concat!("See [`", stringify!($config), "`].")]
                $(#[$attribute])*
                $variant($config),
            )*
        }

        $(
            $(#[$attribute])*
            impl From<$config> for AnyDetectorConfig {
                fn from(config: $config) -> Self {
                    Self::$variant(config)
                }
            }
        )*

        impl Fit for AnyDetectorConfig {
            type Model = AnyDetector;

            fn fit(&self, x: ArrayView2<'_, f32>, context: FitContext<'_>) -> Result<Fitted<AnyDetector>> {
                Ok(match self {
                    $($(#[$attribute])* Self::$variant(config) => config.fit(x, context)?.map(Into::into),)*
                })
            }
        }
    };
}

any_config! {
    IsolationForest(IsolationForestConfig),
    GaussianMixture(GaussianMixtureConfig),
    HalfSpaceTrees(HalfSpaceTreesConfig),
    ContrastTrees(ContrastTreesConfig),
    BoostedTrees(BoostedTreesConfig),
    LogisticRegression(LogisticRegressionConfig),
    Autoencoder(AutoencoderConfig),
    EntityAutoencoders(EntityAutoencodersConfig),
    Kitsune(KitsuneConfig),
    NeuralClassifier(NeuralClassifierConfig),
    Ensemble(EnsembleConfig),
    MixtureOfExperts(MixtureOfExpertsConfig),
}

impl AnyDetectorConfig {
    /// Whether the detector learns from labels.
    pub fn needs_labels(&self) -> bool {
        match self {
            Self::BoostedTrees(_) | Self::LogisticRegression(_) => true,
            Self::NeuralClassifier(_) | Self::MixtureOfExperts(_) => true,
            Self::Ensemble(config) => config.needs_labels(),
            _ => false,
        }
    }

    /// Whether the detector learns more classes than clean and attack.
    pub fn learns_classes(&self) -> bool {
        self.needs_labels() && !matches!(self, Self::Ensemble(_))
    }

    /// Whether it scores its training rows by members that were fitted without them.
    pub(crate) fn is_cross_fitted(&self) -> bool {
        matches!(self, Self::Ensemble(_))
    }

    /// Names the columns to networks whose settings do not state them.
    pub(super) fn name_columns(&mut self, columns: ColumnNames<'_>) -> Result<()> {
        match self {
            Self::Autoencoder(config) => config.name_columns(columns),
            Self::EntityAutoencoders(config) => config.name_columns(columns)?,
            Self::NeuralClassifier(config) => config.name_columns(columns),
            Self::Ensemble(config) => config.name_columns(columns)?,
            Self::MixtureOfExperts(config) => config.name_columns(columns)?,
            _ => {}
        }
        Ok(())
    }
}

/// Defines the fitted twin of [`AnyDetectorConfig`] and its form in a file: most have parts; those that hold other
/// detectors store themselves.
macro_rules! any_detector {
    (
        parts { $($(#[$of_one:meta])* $one:ident = $kind:literal ($parts:ident, $header:ident)),* $(,)? }
        holders { $($(#[$of_many:meta])* $many:ident = $many_kind:literal ($many_header:ident)),* $(,)? }
    ) => {
        /// Any fitted detector that can be saved.
        #[derive(Clone, Debug)]
        #[non_exhaustive]
        #[allow(clippy::large_enum_variant, reason = "a guard holds one, not a list")]
        pub enum AnyDetector {
            $(
                #[doc = concat!("See [`", stringify!($one), "`].")]
                $(#[$of_one])*
                $one($one),
            )*
            $(
                #[doc = concat!("See [`", stringify!($many), "`].")]
                $(#[$of_many])*
                $many($many),
            )*
        }

        /// What stands of a detector in a file's header; `kind` names the detector.
        #[derive(Serialize, Deserialize)]
        #[serde(tag = "kind", rename_all = "snake_case")]
        pub(crate) enum AnyHeader {
            $($(#[$of_one])* $one($header),)*
            $($(#[$of_many])* $many($many_header),)*
        }

        impl AnyDetector {
            /// Its kind, as in a file: `isolation_forest`, `tree_ensemble` and so on.
            pub fn kind(&self) -> &'static str {
                match self {
                    $($(#[$of_one])* Self::$one(_) => $kind,)*
                    $($(#[$of_many])* Self::$many(_) => $many_kind,)*
                }
            }

            /// Puts the arrays under `at` and returns the rest.
            pub(crate) fn store(&self, at: &str, tensors: &mut Tensors) -> AnyHeader {
                match self {
                    $($(#[$of_one])* Self::$one(model) => AnyHeader::$one(model.to_parts().store(at, tensors)),)*
                    $($(#[$of_many])* Self::$many(model) => AnyHeader::$many(model.store(at, tensors)),)*
                }
            }

            /// Puts a detector together again; says in words what does not hold.
            pub(crate) fn restore(header: AnyHeader, at: &str, tensors: &mut Tensors) -> Result<Self, String> {
                match header {
                    $($(#[$of_one])* AnyHeader::$one(header) => {
                        let parts = $parts::restore(header, at, tensors)?;
                        $one::from_parts(&parts).map(Self::$one).map_err(|e| e.to_string())
                    })*
                    $($(#[$of_many])* AnyHeader::$many(header) => {
                        $many::restore(header, at, tensors).map(Self::$many)
                    })*
                }
            }

            fn as_detector(&self) -> &dyn Detector {
                match self {
                    $($(#[$of_one])* Self::$one(model) => model,)*
                    $($(#[$of_many])* Self::$many(model) => model,)*
                }
            }
        }

        $(
            $(#[$of_one])*
            impl From<$one> for AnyDetector {
                fn from(model: $one) -> Self {
                    Self::$one(model)
                }
            }
        )*
        $(
            $(#[$of_many])*
            impl From<$many> for AnyDetector {
                fn from(model: $many) -> Self {
                    Self::$many(model)
                }
            }
        )*
    };
}

any_detector! {
    parts {
        IsolationForest = "isolation_forest" (IsolationForestParts, IsolationForestHeader),
        GaussianMixture = "gaussian_mixture" (GaussianMixtureParts, GaussianMixtureHeader),
        HalfSpaceTrees = "half_space_trees" (HalfSpaceTreesParts, HalfSpaceTreesHeader),
        TreeEnsemble = "tree_ensemble" (TreeEnsembleParts, TreeEnsembleHeader),
        LogisticRegression = "logistic_regression" (LogisticRegressionParts, LogisticRegressionHeader),
        Autoencoder = "autoencoder" (AutoencoderParts, AutoencoderHeader),
        EntityAutoencoders = "entity_autoencoders" (EntityAutoencodersParts, EntityAutoencodersHeader),
        Kitsune = "kitsune" (KitsuneParts, KitsuneHeader),
        NeuralClassifier = "neural_classifier" (NeuralClassifierParts, NeuralClassifierHeader),
    }
    holders {
        Ensemble = "ensemble" (EnsembleHeader),
        MixtureOfExperts = "mixture_of_experts" (MixtureOfExpertsHeader),
    }
}

impl AnyDetector {
    /// The detector as a classifier, where it learnt from labels.
    pub fn as_classifier(&self) -> Option<&dyn Classifier> {
        match self {
            Self::TreeEnsemble(model) => Some(model),
            Self::LogisticRegression(model) => Some(model),
            Self::NeuralClassifier(model) => Some(model),
            Self::MixtureOfExperts(model) => Some(model),
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
