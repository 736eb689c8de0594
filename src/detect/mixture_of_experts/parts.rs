//! The mixture in a file.

use serde::{Deserialize, Serialize};

use super::MixtureOfExperts;
use super::calibration::ExpertCalibration;
use super::config::{MAX_EXPERTS, MixtureOfExpertsConfig};
use super::report::MixtureReport;
use super::scorer::GateScorer;
use crate::artifact::Tensors;
use crate::calibrate::{Conformal, Probability, Tail};
use crate::detect::stored::{put_weights, take_weights};
use crate::detect::{AnyDetector, AnyHeader};
use crate::error::Error;
use crate::nn::History;

/// The part of a mixture in the header of a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MixtureOfExpertsHeader {
    config: MixtureOfExpertsConfig,
    experts: Vec<ExpertHeader>,
    classes: Vec<String>,
    class_shares: Vec<f64>,
    report: MixtureReport,
    history: History,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpertHeader {
    /// Absent for a joint network, as `probability` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    conformal: Option<Tail>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    probability: Option<Probability>,
    detector: AnyHeader,
}

impl MixtureOfExperts {
    /// Puts the arrays under `at` and returns the rest.
    pub(crate) fn store(&self, at: &str, tensors: &mut Tensors) -> MixtureOfExpertsHeader {
        let experts = self.detectors.iter().zip(&self.scorer.calibrations).enumerate().map(
            |(i, (detector, calibration))| {
                let at = format!("{at}/{i}");
                let (conformal, probability) = match calibration {
                    ExpertCalibration::Calibrated { conformal, probability } => {
                        tensors.put(&format!("{at}/scores"), conformal.scores());
                        (Some(*conformal.tail()), Some(probability.clone()))
                    }
                    ExpertCalibration::Direct => (None, None),
                };
                ExpertHeader { conformal, probability, detector: detector.store(&at, tensors) }
            },
        );
        let experts = experts.collect();
        put_weights(&self.scorer.weights, at, tensors);
        MixtureOfExpertsHeader {
            config: self.config.clone(),
            experts,
            classes: self.classes.clone(),
            class_shares: self.class_shares.clone(),
            report: self.report.clone(),
            history: self.history.clone(),
        }
    }

    /// Assembles a mixture from a file; the error describes what is invalid.
    pub(crate) fn restore(
        header: MixtureOfExpertsHeader,
        at: &str,
        tensors: &mut Tensors,
    ) -> Result<Self, String> {
        let text = |e: Error| e.to_string();
        header.config.validate().map_err(text)?;
        let n = header.config.experts.len();
        if header.experts.len() != n {
            return Err(format!("{} fitted experts for {n} of at most {MAX_EXPERTS}", header.experts.len()));
        }
        let (mut detectors, mut calibrations) = (Vec::new(), Vec::new());
        for (i, expert) in header.experts.into_iter().enumerate() {
            let at = format!("{at}/{i}");
            let joint = header.config.experts[i].joint;
            calibrations.push(match (expert.conformal, expert.probability) {
                (Some(tail), Some(probability)) if !joint => {
                    let scores = tensors.take(&format!("{at}/scores"))?;
                    let conformal = Conformal::from_parts(scores, tail).map_err(text)?;
                    ExpertCalibration::Calibrated { conformal, probability }
                }
                (None, None) if joint => ExpertCalibration::Direct,
                _ => {
                    let expected = if joint { "no calibration" } else { "`conformal` and `probability`" };
                    return Err(format!("expert {i} must have {expected}"));
                }
            });
            let detector = AnyDetector::restore(expert.detector, &at, tensors)?;
            if joint && !matches!(detector, AnyDetector::NeuralClassifier(_)) {
                return Err(format!("expert {i} is joint, but not a neural classifier"));
            }
            detectors.push(detector);
        }
        let scorer =
            GateScorer::new(&header.config, calibrations, take_weights(at, tensors)?).map_err(text)?;
        let classes = (header.classes, header.class_shares);
        Self::new(header.config, detectors, scorer, classes, header.report, header.history).map_err(text)
    }
}
