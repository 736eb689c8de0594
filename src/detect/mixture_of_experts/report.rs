//! Whether the gate earns its place, by rows that neither it nor the experts saw.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::ranking::Ranking;

/// The rate of false positives at which recall is compared.
const RATE: f64 = 0.01;

/// How well scores tell attacks from clean rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// Area under the ROC curve, in [0, 1].
    pub roc_auc: f64,
    /// Share of attacks found at a false-positive rate of 1 %.
    pub tpr_at_1_percent: f64,
}

impl Quality {
    pub(super) fn of(scores: &[f64], labels: &[bool]) -> Result<Self> {
        let curve = Ranking::new(scores, labels)?.curve(|_| 1);
        Ok(Self { roc_auc: curve.roc_auc(), tpr_at_1_percent: curve.tpr_at_fpr(RATE) })
    }

    /// `Σ share · quality`.
    pub(super) fn sum(parts: impl IntoIterator<Item = (f64, Self)>) -> Self {
        parts.into_iter().fold(Self::default(), |sum, (share, quality)| Self {
            roc_auc: sum.roc_auc + share * quality.roc_auc,
            tpr_at_1_percent: sum.tpr_at_1_percent + share * quality.tpr_at_1_percent,
        })
    }

    /// What mixtures and experts are compared by: the mean of both numbers.
    pub fn mean(&self) -> f64 {
        f64::midpoint(self.roc_auc, self.tpr_at_1_percent)
    }
}

/// Who speaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// The mixture.
    Mixture,
    /// The expert of this name alone.
    Expert(String),
}

/// What validation says of one expert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpertReport {
    /// Its name.
    pub name: String,
    /// On attacks of kinds that it was fitted on; `None` where there are none.
    pub known: Option<Quality>,
    /// On attacks of kinds that it was not fitted on; `None` where there are none.
    pub novel: Option<Quality>,
    /// Both, in the shares that [`MixtureOfExpertsConfig::novel_share`](super::MixtureOfExpertsConfig) says.
    pub quality: Quality,
    /// Its mean weight over clean rows, and known and novel attacks in the same shares, each half.
    pub mean_weight: f64,
}

/// What validation says of a mixture.
///
/// Every fold is judged by a gate, calibrations and joint networks that were fitted on the other folds, and by frozen
/// experts fitted without the fold, on its clean rows (drifted and not, in the shares that the gate learns from), on
/// attacks of its kinds (novel to them), and on the fifth of other attacks that it leaves out (known). Figures are means
/// over the folds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixtureReport {
    /// The experts, in order.
    pub experts: Vec<ExpertReport>,
    /// The mixture on known attacks; `None` where there are none.
    pub known: Option<Quality>,
    /// The mixture on novel attacks; `None` where there are none.
    pub novel: Option<Quality>,
    /// Both together.
    pub quality: Quality,
    /// The mixture, if its [`Quality::mean`] is above that of every expert, else the best expert.
    pub chosen: Choice,
}

impl MixtureReport {
    pub(super) fn choose(experts: &[ExpertReport], mixture: Quality) -> Choice {
        let best = experts.iter().max_by(|a, b| a.quality.mean().total_cmp(&b.quality.mean()));
        match best {
            Some(best) if best.quality.mean() >= mixture.mean() => Choice::Expert(best.name.clone()),
            _ => Choice::Mixture,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expert(name: &str, roc_auc: f64) -> ExpertReport {
        let quality = Quality { roc_auc, tpr_at_1_percent: 0.5 };
        ExpertReport { name: name.into(), known: None, novel: Some(quality), quality, mean_weight: 0.5 }
    }

    #[test]
    fn a_mixture_that_is_not_better_steps_back() {
        let experts = [expert("a", 0.8), expert("b", 0.9)];
        let of = |roc_auc| MixtureReport::choose(&experts, Quality { roc_auc, tpr_at_1_percent: 0.5 });
        assert_eq!(of(0.91), Choice::Mixture);
        assert_eq!(of(0.9), Choice::Expert("b".into()));
        assert_eq!(of(0.85), Choice::Expert("b".into()));
    }

    #[test]
    fn qualities_by_hand() {
        let of = Quality::of(&[0.0, 1.0, 2.0, 3.0], &[false, true, false, true]).unwrap();
        assert_eq!(of, Quality { roc_auc: 0.75, tpr_at_1_percent: 0.5 });
        let sum = Quality::sum([(0.5, of), (0.5, Quality { roc_auc: 0.25, tpr_at_1_percent: 1.0 })]);
        assert_eq!(sum, Quality { roc_auc: 0.5, tpr_at_1_percent: 0.75 });
        assert_eq!(sum.mean(), 0.625);
    }
}
