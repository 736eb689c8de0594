//! How a mixture and its experts compare on rows that neither was fitted on.

use serde::{Deserialize, Serialize};

/// How well scores separate attacks from clean rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidationMetrics {
    /// Area under the ROC curve, in [0, 1].
    pub roc_auc: f64,
    /// True-positive rate at a false-positive rate of 1 %, in [0, 1].
    pub tpr_at_1_percent: f64,
}

impl ValidationMetrics {
    /// The mean of both metrics, by which a mixture and its experts are compared.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::detect::ValidationMetrics;
    ///
    /// assert_eq!(ValidationMetrics { roc_auc: 0.75, tpr_at_1_percent: 0.5 }.mean(), 0.625);
    /// ```
    pub fn mean(&self) -> f64 {
        f64::midpoint(self.roc_auc, self.tpr_at_1_percent)
    }
}

/// Which model's output the mixture returns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MixtureOutput {
    /// The weighted log-odds of all experts.
    Mixture,
    /// The log-odds of the expert with this name.
    Expert(String),
}

/// The validation of one expert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpertReport {
    /// Its name.
    pub name: String,
    /// On attacks of kinds that it was fitted on; `None` without such attacks.
    pub known: Option<ValidationMetrics>,
    /// On attacks of kinds that it was not fitted on; `None` without such attacks.
    pub novel: Option<ValidationMetrics>,
    /// Both, where `novel` has the weight
    /// [`MixtureOfExpertsConfig::held_out_fraction`](super::MixtureOfExpertsConfig::held_out_fraction).
    pub quality: ValidationMetrics,
    /// Its mean weight: half over clean rows, half over attacks.
    pub mean_weight: f64,
}

/// The validation of a mixture.
///
/// Each fold compares a gate, calibrations and joint networks of the other folds with frozen experts that were fitted
/// without the fold. It uses the fold's clean rows (drifted and not, as in training), the attacks of its kinds (novel to
/// the experts), and the fifth of the other attacks that it holds out (known). All metrics are means over the folds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixtureReport {
    /// The experts, in the order of the settings.
    pub experts: Vec<ExpertReport>,
    /// The mixture on known attacks; `None` without such attacks.
    pub known: Option<ValidationMetrics>,
    /// The mixture on novel attacks; `None` without such attacks.
    pub novel: Option<ValidationMetrics>,
    /// Both together.
    pub quality: ValidationMetrics,
    /// The mixture if its [`ValidationMetrics::mean`] is above the mean of every expert, else the best expert.
    pub chosen: MixtureOutput,
}

#[cfg(feature = "train")]
impl MixtureReport {
    pub(super) fn choose(experts: &[ExpertReport], mixture: ValidationMetrics) -> MixtureOutput {
        let best = experts.iter().max_by(|a, b| a.quality.mean().total_cmp(&b.quality.mean()));
        match best {
            Some(best) if best.quality.mean() >= mixture.mean() => MixtureOutput::Expert(best.name.clone()),
            _ => MixtureOutput::Mixture,
        }
    }
}

#[cfg(test)]
#[cfg(feature = "train")]
mod tests {
    use super::*;

    fn expert(name: &str, roc_auc: f64) -> ExpertReport {
        let quality = ValidationMetrics { roc_auc, tpr_at_1_percent: 0.5 };
        ExpertReport { name: name.into(), known: None, novel: Some(quality), quality, mean_weight: 0.5 }
    }

    #[test]
    fn the_best_expert_is_chosen_where_the_mixture_is_not_better() {
        let experts = [expert("a", 0.8), expert("b", 0.9)];
        let of =
            |roc_auc| MixtureReport::choose(&experts, ValidationMetrics { roc_auc, tpr_at_1_percent: 0.5 });
        assert_eq!(of(0.91), MixtureOutput::Mixture);
        assert_eq!(of(0.9), MixtureOutput::Expert("b".into()));
        assert_eq!(of(0.85), MixtureOutput::Expert("b".into()));
    }
}
