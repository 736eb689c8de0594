//! The closed set of detectors that a guard can hold.

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::{Detector, Fit, IsolationForest, IsolationForestConfig};
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
}

impl From<IsolationForestConfig> for AnyDetectorConfig {
    fn from(config: IsolationForestConfig) -> Self {
        Self::IsolationForest(config)
    }
}

impl Fit for AnyDetectorConfig {
    type Model = AnyDetector;

    fn fit(&self, x: ArrayView2<'_, f32>, labels: Option<&[bool]>) -> Result<AnyDetector> {
        match self {
            Self::IsolationForest(config) => config.fit(x, labels).map(AnyDetector::IsolationForest),
        }
    }
}

/// Any fitted detector that can be saved.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AnyDetector {
    /// See [`IsolationForest`].
    IsolationForest(IsolationForest),
}

impl Detector for AnyDetector {
    fn n_features(&self) -> usize {
        match self {
            Self::IsolationForest(model) => model.n_features(),
        }
    }

    fn score_into(&self, x: ArrayView2<'_, f32>, out: &mut [f32]) -> Result<()> {
        match self {
            Self::IsolationForest(model) => model.score_into(x, out),
        }
    }
}
