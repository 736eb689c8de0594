//! The fitted mixture.

use ndarray::{Array2, ArrayView2, Axis, s};
use serde_json::{Value, json};

use super::config::{MAX_EXPERTS, MixtureOfExpertsConfig, check_names};
use super::report::{MixtureOutput, MixtureReport};
use super::scorer::{GateScorer, TILE};
use crate::detect::{AnyDetector, Classifier, Detector, check};
use crate::error::{Error, Result};
use crate::explain::Explanation;
use crate::nn::History;
use crate::parallel;

/// Rows that one thread scores at a time.
const CHUNK: usize = 4096;

/// Experts, and a gate that weighs them in each row.
///
/// The score of a row is `Σ w_i l_i`, the weighted log-odds of the experts at even odds of clean rows and attacks; see
/// [`MixtureOfExpertsConfig`]. If the mixture was not better than its best expert in validation,
/// [`MixtureReport::chosen`] names that expert, and its log-odds are the score.
#[derive(Clone, Debug)]
pub struct MixtureOfExperts {
    pub(super) config: MixtureOfExpertsConfig,
    pub(super) detectors: Vec<AnyDetector>,
    pub(super) scorer: GateScorer,
    pub(super) classes: Vec<String>,
    /// Share of each class among the attacks that it was fitted on; 0 for clean traffic.
    pub(super) class_shares: Vec<f64>,
    pub(super) report: MixtureReport,
    pub(super) history: History,
    names: Vec<String>,
    /// The expert whose log-odds are the score.
    pub(super) alone: Option<usize>,
}

impl MixtureOfExperts {
    /// Puts fitted parts together.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] that names the invalid part; [`Error::ShapeMismatch`] for experts that were fitted on
    /// different numbers of features.
    pub(super) fn new(
        config: MixtureOfExpertsConfig,
        detectors: Vec<AnyDetector>,
        scorer: GateScorer,
        (classes, class_shares): (Vec<String>, Vec<f64>),
        report: MixtureReport,
        history: History,
    ) -> Result<Self> {
        config.validate()?;
        let n = config.experts.len();
        for (what, got) in [
            ("detectors", detectors.len()),
            ("calibrations", scorer.calibrations.len()),
            ("reported experts", report.experts.len()),
        ] {
            if got != n {
                return Err(Error::ShapeMismatch { what, expected: n, got });
            }
        }
        let expected = detectors[0].n_features();
        if let Some(other) = detectors.iter().find(|detector| detector.n_features() != expected) {
            return Err(Error::ShapeMismatch { what: "feature columns", expected, got: other.n_features() });
        }
        if classes.len() < 2 || class_shares.len() != classes.len() {
            let got = format!("{} and {} shares", classes.len(), class_shares.len());
            return Err(Error::invalid("classes", "two or more, with a share each", got));
        }
        check_names("classes", classes.iter().map(String::as_str))?;
        if let Some(i) = class_shares.iter().position(|share| !(0.0..=1.0).contains(share)) {
            return Err(Error::invalid(format!("class_shares[{i}]"), "in [0, 1]", class_shares[i]));
        }
        history.check()?;
        let names: Vec<String> = config.experts.iter().map(|expert| expert.name.clone()).collect();
        let alone = position(&names, &report.chosen)?;
        Ok(Self { config, detectors, scorer, classes, class_shares, report, history, names, alone })
    }

    /// The settings that it was fitted with.
    pub fn config(&self) -> &MixtureOfExpertsConfig {
        &self.config
    }

    /// The names of the experts, in the order of the settings.
    pub fn experts(&self) -> &[String] {
        &self.names
    }

    /// The fitted experts, in the order of the settings.
    pub fn detectors(&self) -> &[AnyDetector] {
        &self.detectors
    }

    /// The validation of experts and mixture, and which output was chosen.
    pub fn report(&self) -> &MixtureReport {
        &self.report
    }

    /// The course of the training of the gate and of the joint networks.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The same experts and gate with another output than validation chose.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a name that no expert has.
    pub fn with_choice(mut self, chosen: MixtureOutput) -> Result<Self> {
        self.alone = position(&self.names, &chosen)?;
        self.report.chosen = chosen;
        Ok(self)
    }

    /// The weight of each expert in each row, shape `(rows, features)` → `(rows, experts)`; each row sums to 1. If the
    /// output is the output of one expert, its weight is 1.
    ///
    /// # Errors
    ///
    /// As [`Detector::score_into`].
    pub fn gate_weights(&self, x: ArrayView2<'_, f32>) -> Result<Array2<f32>> {
        let mut weights = Array2::zeros((x.nrows(), self.names.len()));
        let mut scores = vec![0.0; x.nrows()];
        self.score_and_weights_into(x, &mut scores, weights.as_slice_mut().unwrap_or_default())?;
        Ok(weights)
    }

    /// Writes one score and one weight of each expert per row.
    pub(crate) fn score_and_weights_into(
        &self,
        x: ArrayView2<'_, f32>,
        scores: &mut [f32],
        weights: &mut [f32],
    ) -> Result<()> {
        check::shape(&x, self.n_features(), scores.len())?;
        check::finite(&x, 0)?;
        let n = self.names.len();
        let tiles = scores.chunks_mut(TILE).zip(weights.chunks_mut(TILE * n)).enumerate();
        for (tile, (scores, weights)) in tiles {
            let rows = tile * TILE..tile * TILE + scores.len();
            self.tile(x.slice(s![rows, ..]), scores, weights)?;
        }
        Ok(())
    }

    /// Scores up to [`TILE`] rows of finite numbers.
    fn tile(&self, x: ArrayView2<'_, f32>, scores: &mut [f32], weights: &mut [f32]) -> Result<()> {
        let n = self.names.len();
        if let Some(i) = self.alone {
            let calibration = &self.scorer.calibrations[i];
            self.detectors[i].score_into(x, scores)?;
            for (score, weights) in scores.iter_mut().zip(weights.chunks_exact_mut(n)) {
                *score = calibration.log_odds(calibration.evidence(*score)) as f32;
                weights.fill(0.0);
                weights[i] = 1.0;
            }
            return Ok(());
        }
        let mut evidence = [0.0; TILE * MAX_EXPERTS];
        for (i, (detector, calibration)) in self.detectors.iter().zip(&self.scorer.calibrations).enumerate() {
            // `scores` contains the scores of one expert until the last step.
            detector.score_into(x, scores)?;
            let column = evidence.iter_mut().skip(i).step_by(n);
            column.zip(scores.iter()).for_each(|(evidence, &score)| *evidence = calibration.evidence(score));
        }
        let mut log_odds = [0.0; TILE];
        self.scorer.combine(&evidence[..scores.len() * n], weights, &mut log_odds[..scores.len()]);
        scores.iter_mut().zip(log_odds).for_each(|(score, l)| *score = l as f32);
        Ok(())
    }
}

impl Detector for MixtureOfExperts {
    fn n_features(&self) -> usize {
        self.detectors[0].n_features()
    }

    fn score_into(&self, x: ArrayView2<'_, f32>, out: &mut [f32]) -> Result<()> {
        check::shape(&x, self.n_features(), out.len())?;
        parallel::for_each_chunk(out, CHUNK, |start, out| {
            let x = x.slice_axis(Axis(0), (start..start + out.len()).into());
            check::finite(&x, start)?;
            let mut weights = [0.0; TILE * MAX_EXPERTS];
            for (tile, scores) in out.chunks_mut(TILE).enumerate() {
                let rows = tile * TILE..tile * TILE + scores.len();
                let weights = &mut weights[..scores.len() * self.names.len()];
                self.tile(x.slice(s![rows, ..]), scores, weights)?;
            }
            Ok(())
        })
    }

    /// See [`MixtureOfExperts::explain`].
    fn explain(&self, x: ArrayView2<'_, f32>) -> Result<Explanation> {
        Self::explain(self, x)
    }

    fn facts(&self) -> Value {
        json!({"history": self.history(), "report": self.report(), "experts": self.experts()})
    }

    fn as_classifier(&self) -> Option<&dyn Classifier> {
        Some(self)
    }
}

impl Classifier for MixtureOfExperts {
    fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The probability of the clean class is `1 / (1 + e^score)`, at even odds of clean rows and attacks. The classes of
    /// attack divide the rest by the weighted probabilities of the experts that learned classes. If no such expert has a
    /// weight in the row, they divide it by their frequencies in the training rows.
    fn probabilities(&self, x: ArrayView2<'_, f32>) -> Result<Array2<f64>> {
        let (rows, n, classes) = (x.nrows(), self.names.len(), self.classes.len());
        let (mut scores, mut weights) = (vec![0.0; rows], vec![0.0; rows * n]);
        self.score_and_weights_into(x, &mut scores, &mut weights)?;
        let mut out = Array2::zeros((rows, classes));
        for (i, detector) in self.detectors.iter().enumerate() {
            let Some(classifier) = detector.as_classifier().filter(|c| c.classes() == self.classes) else {
                continue;
            };
            for ((mut out, p), weights) in out
                .rows_mut()
                .into_iter()
                .zip(classifier.probabilities(x)?.rows())
                .zip(weights.chunks_exact(n))
            {
                let attack: f64 = p.iter().skip(1).sum();
                if attack > 0.0 {
                    out.scaled_add(f64::from(weights[i]) / attack, &p);
                }
            }
        }
        for (mut out, &score) in out.rows_mut().into_iter().zip(&scores) {
            let attack = 1.0 / (1.0 + f64::from(-score).exp());
            out[0] = 0.0;
            let known = out.sum();
            for (p, share) in out.iter_mut().zip(&self.class_shares) {
                *p = attack * if known > 0.0 { *p / known } else { *share };
            }
            out[0] = 1.0 - attack;
        }
        Ok(out)
    }
}

/// The index of the expert whose output was chosen, if one was.
fn position(names: &[String], chosen: &MixtureOutput) -> Result<Option<usize>> {
    let MixtureOutput::Expert(name) = chosen else { return Ok(None) };
    let at = names.iter().position(|other| other == name);
    at.map(Some).ok_or_else(|| Error::invalid("chosen", format!("one of {names:?}"), name))
}
