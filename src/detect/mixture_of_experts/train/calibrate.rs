//! Calibrating the frozen experts.

use crate::calibrate::{Conformal, ProbabilityRule};
use crate::detect::mixture_of_experts::calibration::{ExpertCalibration, surprise};
use crate::error::Result;

/// Calibrates frozen experts. All of them get the same map from a surprise to log-odds, fitted to their mean surprise:
/// only the gate weighs experts against each other.
///
/// `clean` contains each expert's scores of clean rows. `scores` contains its scores of rows that represent future
/// traffic, and `labels` are the labels of these rows. No expert was fitted on any of these rows.
pub(super) fn calibrate(
    clean: &[Vec<f32>],
    scores: &[Vec<f32>],
    labels: &[bool],
) -> Result<Vec<ExpertCalibration>> {
    let conformals = clean.iter().map(|clean| Conformal::fit(clean)).collect::<Result<Vec<_>>>()?;
    let mut mean = vec![0.0; labels.len()];
    for (conformal, scores) in conformals.iter().zip(scores) {
        for (mean, &score) in mean.iter_mut().zip(scores) {
            *mean += (surprise(conformal, score) / conformals.len() as f64) as f32;
        }
    }
    let probability = ProbabilityRule::Platt.fit(&mean, labels, None)?;
    let calibration =
        |conformal| ExpertCalibration::Calibrated { conformal, probability: probability.clone() };
    Ok(conformals.into_iter().map(calibration).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_higher_score_is_a_greater_surprise_and_has_higher_log_odds() {
        let clean: Vec<f32> = (0..200).map(|i| i as f32).collect();
        let scores: Vec<f32> = clean.iter().copied().chain((0..200).map(|i| 150.0 + i as f32)).collect();
        let labels: Vec<bool> = (0..400).map(|i| i >= 200).collect();
        let [calibration] = calibrate(&[clean], &[scores], &labels).unwrap().try_into().unwrap();
        // 101 of 200 clean scores are at least 99.
        assert!((calibration.evidence(99.0) - (201.0_f64 / 102.0).ln()).abs() < 1e-12);
        let odds = [0.0, 100.0, 199.0, 300.0].map(|score| calibration.log_odds(calibration.evidence(score)));
        assert!(odds.is_sorted() && odds[0] < 0.0 && odds[3] > 0.0, "{odds:?}");
        assert_eq!([0.0, 8.0, 90.0].map(|evidence| calibration.gate_input(evidence)), [-0.5, 1.5, 1.5]);
    }
}
