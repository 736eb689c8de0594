//! How what the members say becomes one score.

use serde::{Deserialize, Serialize};

/// How an ensemble puts its members' p-values `p_i` or probabilities `q_i` together, with weights `w_i`.
///
/// # Source
///
/// R. A. Fisher, *Statistical Methods for Research Workers*, 4th edition, 1932, section 21.1; with weights
/// I. J. Good, "On the weighted combination of significance tests", JRSS B 17 (1955); C. R. Genovese, K. Roeder,
/// L. Wasserman, "False discovery control with p-value weighting", Biometrika 93 (2006).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fusion {
    /// `Σ w_i (−ln p_i) / Σ w_i`, in nats: weak evidence of several members adds up. A clean row scores 1 on average.
    #[default]
    Fisher,
    /// `max(0, max_i −ln(p_i Σ w / w_i))`, in nats: any member alone can raise the alarm, and the rate is kept whatever
    /// the members share. Not explained: the base would be another one for each row.
    Bonferroni,
    /// `Σ w_i q_i / Σ w_i`, in (0, 1), with each member's probability of an attack by Platt's rule; needs labels.
    Probability,
}

impl Fusion {
    /// The score of a row from pairs of a member's word (`−ln p`, or the probability) and its weight; `None` of none.
    pub(super) fn score(self, words: impl Iterator<Item = (f64, f64)> + Clone) -> Option<f64> {
        let total: f64 = words.clone().map(|(_, weight)| weight).sum();
        if total <= 0.0 {
            return None;
        }
        Some(match self {
            Self::Fisher | Self::Probability => {
                words.map(|(word, weight)| weight * word).sum::<f64>() / total
            }
            Self::Bonferroni => words.map(|(word, weight)| word + (weight / total).ln()).fold(0.0, f64::max),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_by_hand() {
        let words = [(2.0, 1.0), (4.0, 3.0)];
        let of = |fusion: Fusion| fusion.score(words.into_iter()).unwrap();
        assert_eq!(of(Fusion::Fisher), 3.5);
        assert_eq!(of(Fusion::Probability), 3.5);
        assert!((of(Fusion::Bonferroni) - (4.0 + 0.75_f64.ln())).abs() < 1e-15);
        assert_eq!(Fusion::Bonferroni.score([(0.1, 1.0), (0.0, 1.0)].into_iter()), Some(0.0));
        assert_eq!(Fusion::Fisher.score(std::iter::empty()), None);
    }
}
