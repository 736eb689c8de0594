//! What an expert's score says, in a language that all experts share.

use crate::calibrate::{Conformal, Probability, ProbabilityRule};
use crate::error::Result;

/// Surprises above this look the same to a gate.
const MOST_SURPRISE: f64 = 8.0;
/// Log-odds of this size are far out to a gate.
pub(super) const FAR_LOG_ODDS: f64 = 4.0;

/// From an expert's score to what it says, and to the log-odds of an attack.
#[derive(Clone, Debug)]
pub(super) enum Voice {
    /// That of a frozen expert says a surprise.
    Calibrated {
        conformal: Conformal,
        /// Of a surprise, whoever's it is.
        probability: Probability,
    },
    /// That of a joint network says log-odds, as its score does.
    Direct,
}

impl Voice {
    /// Of frozen experts, all with one map from a surprise to log-odds, that of their mean surprise: how far an expert is
    /// to be trusted is for the gate to say, and for it alone.
    ///
    /// `clean` holds each expert's scores of clean rows, `scores` those of rows drawn to stand for what will come, with
    /// their labels; the experts saw none of them.
    pub(super) fn fit(clean: &[Vec<f32>], scores: &[Vec<f32>], labels: &[bool]) -> Result<Vec<Self>> {
        let conformals = clean.iter().map(|clean| Conformal::fit(clean)).collect::<Result<Vec<_>>>()?;
        let mut mean = vec![0.0; labels.len()];
        for (conformal, scores) in conformals.iter().zip(scores) {
            for (mean, &score) in mean.iter_mut().zip(scores) {
                *mean += (surprise(conformal, score) / conformals.len() as f64) as f32;
            }
        }
        let probability = ProbabilityRule::Platt.fit(&mean, labels, None)?;
        let voice = |conformal| Self::Calibrated { conformal, probability: probability.clone() };
        Ok(conformals.into_iter().map(voice).collect())
    }

    /// What a score says: a surprise, `−ln p` and at least 0, or log-odds.
    pub(super) fn says(&self, score: f32) -> f64 {
        match self {
            Self::Calibrated { conformal, .. } => surprise(conformal, score),
            Self::Direct => f64::from(score),
        }
    }

    /// The log-odds of an attack that it speaks for by what it says.
    pub(super) fn log_odds(&self, said: f64) -> f64 {
        match self {
            Self::Calibrated { probability, .. } => probability.log_odds(said as f32),
            Self::Direct => said,
        }
    }

    /// What is said as the gate takes it in, in −1/2..=3/2.
    pub(super) fn gate_input(&self, said: f64) -> f32 {
        match self {
            Self::Calibrated { .. } => (said.min(MOST_SURPRISE) / 4.0 - 0.5) as f32,
            Self::Direct => ((said / FAR_LOG_ODDS).tanh() + 0.5) as f32,
        }
    }
}

fn surprise(conformal: &Conformal, score: f32) -> f64 {
    -conformal.p_value(score).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_higher_score_is_a_greater_surprise_and_speaks_more_for_an_attack() {
        let clean: Vec<f32> = (0..200).map(|i| i as f32).collect();
        let scores: Vec<f32> = clean.iter().copied().chain((0..200).map(|i| 150.0 + i as f32)).collect();
        let labels: Vec<bool> = (0..400).map(|i| i >= 200).collect();
        let [voice] = Voice::fit(&[clean], &[scores], &labels).unwrap().try_into().unwrap();
        // 101 of 200 clean scores are at least 99.
        assert!((voice.says(99.0) - (201.0_f64 / 102.0).ln()).abs() < 1e-12);
        let odds = [0.0, 100.0, 199.0, 300.0].map(|score| voice.log_odds(voice.says(score)));
        assert!(odds.is_sorted() && odds[0] < 0.0 && odds[3] > 0.0, "{odds:?}");
        assert_eq!([0.0, 8.0, 90.0].map(|said| voice.gate_input(said)), [-0.5, 1.5, 1.5]);
    }

    #[test]
    fn a_joint_network_says_its_log_odds() {
        let voice = Voice::Direct;
        assert_eq!((voice.says(-2.5), voice.log_odds(-2.5)), (-2.5, -2.5));
        assert_eq!([-900.0, 0.0, 900.0].map(|said| voice.gate_input(said)), [-0.5, 0.5, 1.5]);
        assert!((voice.gate_input(4.0) - 1.261_594_2).abs() < 1e-6); // tanh 1 = .7615942
    }
}
