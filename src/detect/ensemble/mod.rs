//! Ensemble: detectors of different kinds, each on its own p-values, as one detector.

mod model;
mod parts;

pub use model::{Ensemble, Member};
pub(super) use parts::EnsembleHeader;

use ndarray::{ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use super::{AnyDetectorConfig, Detector, Fit};
use crate::calibrate::{Combination, Conformal};
use crate::error::{Error, Result};
use crate::parallel;
use crate::rng::Stream;

/// Most members of an ensemble.
pub(super) const MOST_MEMBERS: usize = 16;

/// Settings of one member of an [`Ensemble`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberConfig {
    /// A name that no other member has.
    pub name: String,
    /// What scores the rows.
    pub detector: AnyDetectorConfig,
}

/// Settings of an [`Ensemble`].
///
/// Fitting shuffles the clean rows by the seed. `1 − calibration_share` of them, and every attack row where
/// a member learns from labels, fit the members; the others give each member its p-values. So no p-value
/// rests on a row that the member was fitted on.
///
/// # Examples
///
/// ```
/// use qosguard::detect::{Detector, EnsembleConfig, Fit, IsolationForestConfig, MemberConfig};
/// use qosguard::ndarray::Array2;
///
/// let member = |name: &str, seed| MemberConfig {
///     name: name.into(),
///     detector: IsolationForestConfig { trees: 20, seed, ..Default::default() }.into(),
/// };
/// let config = EnsembleConfig { members: vec![member("a", 0), member("b", 1)], ..Default::default() };
/// let x = Array2::from_shape_fn((500, 2), |(i, j)| ((i * (j + 7)) % 13) as f32);
/// let ensemble = config.fit(x.view(), None)?;
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
    /// How the members' p-values become one.
    pub combination: Combination,
    /// Share of the clean rows that calibrate the members' p-values, in (0, 1).
    pub calibration_share: f64,
    /// Seed of the draw of those rows; each member has a seed of its own.
    pub seed: u64,
}

impl Default for EnsembleConfig {
    /// No members yet; Fisher's method, 40 % of the rows calibrate, seed 0.
    fn default() -> Self {
        Self { members: Vec::new(), combination: Combination::Fisher, calibration_share: 0.4, seed: 0 }
    }
}

impl EnsembleConfig {
    /// Whether a member learns from labels.
    pub(super) fn needs_labels(&self) -> bool {
        self.members.iter().any(|member| member.detector.needs_labels())
    }

    fn validate(&self) -> Result<()> {
        if !(1..=MOST_MEMBERS).contains(&self.members.len()) {
            return Err(Error::invalid("members", format!("1 to {MOST_MEMBERS}"), self.members.len()));
        }
        if let Some(i) =
            self.members.iter().position(|m| matches!(m.detector, AnyDetectorConfig::Ensemble(_)))
        {
            return Err(Error::invalid(format!("members[{i}].detector"), "no ensemble", "an ensemble"));
        }
        if !(self.calibration_share > 0.0 && self.calibration_share < 1.0) {
            return Err(Error::invalid("calibration_share", "in (0, 1)", self.calibration_share));
        }
        Ok(())
    }
}

impl Fit for EnsembleConfig {
    type Model = Ensemble;

    fn fit(&self, x: ArrayView2<'_, f32>, labels: Option<&[bool]>) -> Result<Ensemble> {
        self.validate()?;
        let is_attack = |row: usize| labels.is_some_and(|labels| labels.get(row) == Some(&true));
        let (attacks, mut clean): (Vec<usize>, Vec<usize>) = (0..x.nrows()).partition(|&row| is_attack(row));
        Stream::new(self.seed, 0).shuffle(&mut clean);
        let mut calibrating = clean.split_off(((1.0 - self.calibration_share) * clean.len() as f64) as usize);
        // In the order of the table, which the members' bits may depend on.
        clean.sort_unstable();
        calibrating.sort_unstable();
        let mut all: Vec<usize> = clean.iter().chain(&attacks).copied().collect();
        all.sort_unstable();
        let (fitting, calibrating) = (x.select(Axis(0), &clean), x.select(Axis(0), &calibrating));
        let labelled = if self.needs_labels() {
            x.select(Axis(0), &all)
        } else {
            x.slice(ndarray::s![..0, ..]).to_owned()
        };
        let labels: Vec<bool> = all.into_iter().map(is_attack).collect();
        let fitted = parallel::map(self.members.len(), |i| {
            let config = &self.members[i].detector;
            let detector = if config.needs_labels() {
                config.fit(labelled.view(), Some(&labels))
            } else {
                config.fit(fitting.view(), None)
            }?;
            let conformal = Conformal::fit(&detector.score(calibrating.view())?)?;
            Ok(Member::new(self.members[i].name.clone(), detector, conformal))
        });
        Ensemble::new(fitted.into_iter().collect::<Result<_>>()?, self.combination)
    }
}
