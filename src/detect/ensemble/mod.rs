//! Ensemble: detectors of different kinds, each on its own p-values, as one detector.

mod explain;
mod fit;
mod fusion;
mod model;
mod parts;
mod recipes;

pub use fusion::Fusion;
pub use model::{Ensemble, Member};
pub(super) use parts::EnsembleHeader;

use serde::{Deserialize, Serialize};

use super::AnyDetectorConfig;
use super::ColumnNames;
use crate::error::{Error, Result};

/// Most members of an ensemble.
const MAX_MEMBERS: usize = 16;

/// Settings of one member of an [`Ensemble`].
///
/// As text it is one object: `{"name": "forest", "weight": 0.5, "kind": "isolation_forest", "trees": 100}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemberConfig {
    /// A name that no other member has.
    pub name: String,
    /// How much its evidence counts, above 0.
    ///
    /// `None` learns it from labels, 1 where there are none: of 1, 2, 4 … 32 the smallest whose ensemble is,
    /// on rows that the members were not fitted on, within .0005 of the best area under the ROC curve and
    /// within .005 of the best recall at a false-positive rate of 1 %. At most one member learns its weight.
    #[serde(default)]
    pub weight: Option<f64>,
    /// What scores the rows.
    #[serde(flatten)]
    pub detector: AnyDetectorConfig,
}

impl MemberConfig {
    /// A member with a weight.
    pub fn new(name: impl Into<String>, weight: f64, detector: impl Into<AnyDetectorConfig>) -> Self {
        Self { name: name.into(), weight: Some(weight), detector: detector.into() }
    }
}

/// Settings of an [`Ensemble`].
///
/// Every member is fitted on all rows: supervised members on clean rows and attacks, the others on the
/// clean rows alone. Its scores are calibrated on rows that it was not fitted on: the rows are split
/// into `folds` parts, each part is scored by members that were fitted on the others, and those scores of the
/// clean rows calibrate the member's p-values.
///
/// # Source
///
/// V. Vovk, "Cross-conformal predictors", Annals of Mathematics and Artificial Intelligence 74 (2015).
///
/// # Examples
///
/// ```
/// use qosguard::detect::{Detector, EnsembleConfig, Fit, FitContext, GaussianMixtureConfig, IsolationForestConfig, MemberConfig};
/// use qosguard::ndarray::Array2;
///
/// let members = vec![
///     MemberConfig::new("forest", 1.0, IsolationForestConfig { trees: 20, ..Default::default() }),
///     MemberConfig::new("mixture", 2.0, GaussianMixtureConfig { components: 2, ..Default::default() }),
/// ];
/// let x = Array2::from_shape_fn((500, 2), |(i, j)| ((i * (j + 7)) % 13) as f32);
/// let ensemble = EnsembleConfig { members, ..Default::default() }.fit(x.view(), FitContext::default())?.model;
/// let (far, middle) = (Array2::from_elem((1, 2), 60.0), Array2::from_elem((1, 2), 6.0));
/// assert!(ensemble.score(far.view())? > ensemble.score(middle.view())?);
/// assert_eq!(ensemble.p_values(far.view())?.dim(), (1, 2)); // one row, two members
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EnsembleConfig {
    /// The members, 1 to 16.
    pub members: Vec<MemberConfig>,
    /// How what the members say becomes one score.
    pub fusion: Fusion,
    /// Parts that the rows are dealt into, 2 to 20.
    pub folds: usize,
    /// Seed of the deal; each member has a seed of its own.
    pub seed: u64,
}

impl Default for EnsembleConfig {
    /// No members yet; Fisher's sum, 5 folds, seed 0.
    fn default() -> Self {
        Self { members: Vec::new(), fusion: Fusion::Fisher, folds: 5, seed: 0 }
    }
}

impl EnsembleConfig {
    pub(super) fn name_columns(&mut self, columns: ColumnNames<'_>) -> Result<()> {
        self.members.iter_mut().try_for_each(|member| member.detector.name_columns(columns))
    }

    fn validate(&self) -> Result<()> {
        if !(1..=MAX_MEMBERS).contains(&self.members.len()) {
            return Err(Error::invalid("members", format!("1 to {MAX_MEMBERS}"), self.members.len()));
        }
        if !(2..=20).contains(&self.folds) {
            return Err(Error::invalid("folds", "in 2..=20", self.folds));
        }
        for (i, member) in self.members.iter().enumerate() {
            if matches!(member.detector, AnyDetectorConfig::Ensemble(_)) {
                return Err(Error::invalid(format!("members[{i}].detector"), "no ensemble", "an ensemble"));
            }
        }
        let unweighted = self.members.iter().filter(|member| member.weight.is_none()).count();
        if unweighted > 1 {
            return Err(Error::invalid("members", "one at most without a weight", unweighted));
        }
        Ok(())
    }
}
