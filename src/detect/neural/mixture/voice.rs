//! What an expert's score says, in a language that all experts share.

use crate::calibrate::{Conformal, Probability, ProbabilityRule};
use crate::error::Result;

/// Surprises above this look the same to a gate.
const MOST_SURPRISE: f64 = 8.0;

/// From an expert's score to a surprise, and to the log-odds of an attack.
#[derive(Clone, Debug)]
pub(super) struct Voice {
    pub(super) conformal: Conformal,
    /// Of the surprise.
    pub(super) probability: Probability,
}

impl Voice {
    /// From the scores of clean rows, and from rows drawn to stand for what will come; the expert saw none of them.
    pub(super) fn fit(clean: &[f32], scores: &[f32], labels: &[bool]) -> Result<Self> {
        let conformal = Conformal::fit(clean)?;
        let surprises: Vec<f32> = scores.iter().map(|&score| surprise(&conformal, score) as f32).collect();
        let probability = ProbabilityRule::Platt.fit(&surprises, labels, None)?;
        Ok(Self { conformal, probability })
    }

    /// `−ln p` of a score, at least 0.
    pub(super) fn surprise(&self, score: f32) -> f64 {
        surprise(&self.conformal, score)
    }

    /// The log-odds of an attack that a surprise speaks for.
    pub(super) fn log_odds(&self, surprise: f64) -> f64 {
        self.probability.log_odds(surprise as f32)
    }
}

fn surprise(conformal: &Conformal, score: f32) -> f64 {
    -conformal.p_value(score).ln()
}

/// A surprise as the gate takes it in, in −1/2..=3/2.
pub(super) fn gate_input(surprise: f64) -> f32 {
    (surprise.min(MOST_SURPRISE) / 4.0 - 0.5) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_higher_score_is_a_greater_surprise_and_speaks_more_for_an_attack() {
        let clean: Vec<f32> = (0..200).map(|i| i as f32).collect();
        let scores: Vec<f32> = clean.iter().copied().chain((0..200).map(|i| 150.0 + i as f32)).collect();
        let labels: Vec<bool> = (0..400).map(|i| i >= 200).collect();
        let voice = Voice::fit(&clean, &scores, &labels).unwrap();
        // 101 of 200 clean scores are at least 99.
        assert!((voice.surprise(99.0) - (201.0_f64 / 102.0).ln()).abs() < 1e-12);
        let odds = [0.0, 100.0, 199.0, 300.0].map(|score| voice.log_odds(voice.surprise(score)));
        assert!(odds.is_sorted() && odds[0] < 0.0 && odds[3] > 0.0, "{odds:?}");
        assert_eq!([0.0, 8.0, 90.0].map(gate_input), [-0.5, 1.5, 1.5]);
    }
}
