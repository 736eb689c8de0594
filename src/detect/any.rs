//! The closed set of detectors that a guard can hold.

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::ensemble::EnsembleHeader;
use super::isolation_forest::IsolationForestHeader;
use super::stored::Stored;
use super::tree_ensemble::{TreeEnsemble, TreeEnsembleHeader, TreeEnsembleParts};
use super::{
    BoostedTreesConfig, Detector, Ensemble, EnsembleConfig, Fit, IsolationForest, IsolationForestConfig,
    IsolationForestParts,
};
use crate::artifact::Tensors;
use crate::error::Result;

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
    /// See [`BoostedTreesConfig`]; learns from labels.
    BoostedTrees(BoostedTreesConfig),
    /// See [`EnsembleConfig`].
    Ensemble(EnsembleConfig),
}

impl AnyDetectorConfig {
    /// Whether the detector learns from labels.
    pub(crate) fn needs_labels(&self) -> bool {
        match self {
            Self::IsolationForest(_) => false,
            Self::BoostedTrees(_) => true,
            Self::Ensemble(config) => config.needs_labels(),
        }
    }
}

impl From<IsolationForestConfig> for AnyDetectorConfig {
    fn from(config: IsolationForestConfig) -> Self {
        Self::IsolationForest(config)
    }
}

impl From<BoostedTreesConfig> for AnyDetectorConfig {
    fn from(config: BoostedTreesConfig) -> Self {
        Self::BoostedTrees(config)
    }
}

impl From<EnsembleConfig> for AnyDetectorConfig {
    fn from(config: EnsembleConfig) -> Self {
        Self::Ensemble(config)
    }
}

impl Fit for AnyDetectorConfig {
    type Model = AnyDetector;

    fn fit(&self, x: ArrayView2<'_, f32>, labels: Option<&[bool]>) -> Result<AnyDetector> {
        match self {
            Self::IsolationForest(config) => config.fit(x, labels).map(AnyDetector::IsolationForest),
            Self::BoostedTrees(config) => config.fit(x, labels).map(AnyDetector::TreeEnsemble),
            Self::Ensemble(config) => config.fit(x, labels).map(AnyDetector::Ensemble),
        }
    }
}

/// Any fitted detector that can be saved.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AnyDetector {
    /// See [`IsolationForest`].
    IsolationForest(IsolationForest),
    /// See [`TreeEnsemble`].
    TreeEnsemble(TreeEnsemble),
    /// See [`Ensemble`].
    Ensemble(Ensemble),
}

/// What stands of a detector in a file's header; `kind` names the detector.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum AnyHeader {
    IsolationForest(IsolationForestHeader),
    TreeEnsemble(TreeEnsembleHeader),
    Ensemble(EnsembleHeader),
}

impl AnyDetector {
    /// Puts the arrays under `at` and returns the rest.
    pub(crate) fn store(&self, at: &str, tensors: &mut Tensors) -> AnyHeader {
        match self {
            Self::IsolationForest(model) => AnyHeader::IsolationForest(model.to_parts().store(at, tensors)),
            Self::TreeEnsemble(model) => AnyHeader::TreeEnsemble(model.to_parts().store(at, tensors)),
            Self::Ensemble(model) => AnyHeader::Ensemble(model.store(at, tensors)),
        }
    }

    /// Puts a detector together again; says in words what does not hold.
    pub(crate) fn restore(header: AnyHeader, at: &str, tensors: &mut Tensors) -> Result<Self, String> {
        match header {
            AnyHeader::IsolationForest(header) => {
                let parts = IsolationForestParts::restore(header, at, tensors)?;
                IsolationForest::from_parts(&parts).map(Self::IsolationForest).map_err(|e| e.to_string())
            }
            AnyHeader::TreeEnsemble(header) => {
                let parts = TreeEnsembleParts::restore(header, at, tensors)?;
                TreeEnsemble::from_parts(&parts).map(Self::TreeEnsemble).map_err(|e| e.to_string())
            }
            AnyHeader::Ensemble(header) => Ensemble::restore(header, at, tensors).map(Self::Ensemble),
        }
    }

    fn as_detector(&self) -> &dyn Detector {
        match self {
            Self::IsolationForest(model) => model,
            Self::TreeEnsemble(model) => model,
            Self::Ensemble(model) => model,
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
}
