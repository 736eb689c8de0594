//! The closed set of detectors that a guard can hold.

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};
use serde_json::Value;

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
    LogisticRegression, LogisticRegressionConfig, LogisticRegressionParts, OnlineDetector, TreeEnsemble,
    TreeEnsembleParts,
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

            fn needs_labels(&self) -> bool {
                match self {
                    $($(#[$attribute])* Self::$variant(config) => config.needs_labels(),)*
                }
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

        /// The part of a detector that a file's header holds; `kind` names the detector.
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

            /// Rebuilds a detector; the error is a sentence about the first fault.
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

            pub(super) fn as_detector_mut(&mut self) -> &mut dyn Detector {
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

    fn score_f64(&self, x: ArrayView2<'_, f64>) -> Result<Vec<f32>> {
        self.as_detector().score_f64(x)
    }

    fn explain_f64(&self, x: ArrayView2<'_, f64>) -> Result<Explanation> {
        self.as_detector().explain_f64(x)
    }

    fn facts(&self) -> Value {
        self.as_detector().facts()
    }

    fn as_classifier(&self) -> Option<&dyn Classifier> {
        self.as_detector().as_classifier()
    }

    fn as_online(&mut self) -> Option<&mut dyn OnlineDetector> {
        self.as_detector_mut().as_online()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::detect::IsolationMissing;

    fn config(json: &str) -> AnyDetectorConfig {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn old_names_of_settings_are_read() {
        let trees = BoostedTreesConfig { subsample: 0.5, feature_fraction: 0.25, ..Default::default() };
        let old = r#"{"kind": "boosted_trees", "row_share": 0.5, "feature_share": 0.25}"#; // old names
        assert_eq!(config(old), trees.into());
        let forest = IsolationForestConfig { missing: IsolationMissing::Learn, ..Default::default() };
        assert_eq!(config(r#"{"kind": "isolation_forest", "missing": "follow"}"#), forest.into());
        #[cfg(feature = "train")]
        {
            let entities = EntityAutoencodersConfig { min_rows: 70, ..Default::default() };
            let old = r#"{"kind": "entity_autoencoders", "least_rows": 70}"#; // old name
            assert_eq!(config(old), entities.into());
        }
    }

    /// The detector from its arrays under their old names.
    fn renamed(detector: &AnyDetector, names: &[(&str, &str)]) -> AnyDetector {
        let mut tensors = Tensors::default();
        let header = detector.store("detector", &mut tensors);
        for (name, old) in names {
            let values: Vec<u64> = tensors.take(name).unwrap();
            tensors.put(old, &values);
        }
        let loaded = AnyDetector::restore(header, "detector", &mut tensors).unwrap();
        assert_eq!(tensors.left_over(), None);
        loaded
    }

    #[test]
    fn old_names_of_arrays_are_read() {
        let x = Array2::from_shape_fn((600, 3), |(i, j)| ((i * (j + 7)) % 13) as f32);
        let configs = [
            r#"{"kind": "half_space_trees"}"#,
            #[cfg(feature = "train")]
            r#"{"kind": "kitsune", "mapping_rows": 200, "training_rows": 300}"#,
        ];
        for json in configs {
            let config = config(json);
            let detector = config.fit(x.view(), FitContext::default()).unwrap().model;
            let names = [("detector/out_of_range", "detector/beyond_range")]; // old name
            let loaded = renamed(&detector, &names);
            assert_eq!(loaded.facts(), detector.facts());
            assert_eq!(loaded.score(x.view()).unwrap(), detector.score(x.view()).unwrap());
        }
    }
}
