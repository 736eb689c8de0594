//! From an expert's score to evidence on a scale that all experts share.

use crate::calibrate::{Conformal, Probability};

/// Surprises above this are the same input to a gate.
const MAX_SURPRISE: f64 = 8.0;
/// Log-odds of this size are large inputs to a gate.
pub(super) const FAR_LOG_ODDS: f64 = 4.0;

/// Turns an expert's score into evidence, and evidence into the log-odds of an attack.
#[derive(Clone, Debug)]
pub(super) enum ExpertCalibration {
    /// Of a frozen expert: its evidence is a surprise, `−ln p` and at least 0.
    Calibrated {
        conformal: Conformal,
        /// The map from a surprise to a probability, which all frozen experts share.
        probability: Probability,
    },
    /// Of a joint network: its evidence is log-odds, which its score is.
    Direct,
}

impl ExpertCalibration {
    /// The evidence of a score: a surprise or log-odds.
    pub(super) fn evidence(&self, score: f32) -> f64 {
        match self {
            Self::Calibrated { conformal, .. } => surprise(conformal, score),
            Self::Direct => f64::from(score),
        }
    }

    /// The log-odds of an attack, given the evidence.
    pub(super) fn log_odds(&self, evidence: f64) -> f64 {
        match self {
            Self::Calibrated { probability, .. } => probability.log_odds(evidence as f32),
            Self::Direct => evidence,
        }
    }

    /// The evidence as an input of the gate, in −1/2..=3/2.
    pub(super) fn gate_input(&self, evidence: f64) -> f32 {
        match self {
            Self::Calibrated { .. } => (evidence.min(MAX_SURPRISE) / 4.0 - 0.5) as f32,
            Self::Direct => ((evidence / FAR_LOG_ODDS).tanh() + 0.5) as f32,
        }
    }
}

/// `−ln p` of a score.
pub(super) fn surprise(conformal: &Conformal, score: f32) -> f64 {
    -conformal.p_value(score).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_evidence_of_a_joint_network_is_its_log_odds() {
        let calibration = ExpertCalibration::Direct;
        assert_eq!((calibration.evidence(-2.5), calibration.log_odds(-2.5)), (-2.5, -2.5));
        assert_eq!([-900.0, 0.0, 900.0].map(|evidence| calibration.gate_input(evidence)), [-0.5, 0.5, 1.5]);
        assert!((calibration.gate_input(4.0) - 1.261_594_2).abs() < 1e-6); // tanh 1 = .7615942
    }
}
