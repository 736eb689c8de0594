//! Fitting a guard: which rows teach which stage.

use std::sync::Arc;

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::fingerprint::fingerprints;
use super::{Guard, Stages};
use crate::artifact::hex;
use crate::calibrate::{CalibrationScores, Conformal, ThresholdRule};
use crate::detect::{AnyDetector, AnyDetectorConfig, Detector, Fit, IsolationForestConfig};
use crate::error::{Error, Result};
use crate::features::{Featurizer, FlowFeaturizer, FlowFeaturizerConfig};
use crate::qos::Policy;
use crate::rng::Stream;
use crate::telemetry::Table;

/// Shares of the clean rows that the stages are fitted on and calibrated on; the rest is held out.
const FITTED: f64 = 0.4;
const CALIBRATED: f64 = 0.4;
/// Fewer clean rows cannot fill the three parts.
const LEAST_CLEAN: usize = 100;

/// Where a guard came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Training {
    /// Seed of the parts and of the detector's default stream.
    pub seed: u64,
    /// Rows given.
    pub rows: usize,
    /// Clean rows that the featurizer and the detector were fitted on.
    pub fitted: usize,
    /// Clean rows that the p-values and the threshold were calibrated on.
    pub calibrated: usize,
    /// Clean rows that neither saw; [`Threshold::realised`](crate::calibrate::Threshold) is measured on them.
    pub held_out: usize,
    /// Attack rows, by their labels.
    pub attacks: usize,
    /// Attack rows that the featurizer and the detector were fitted on, beside the clean ones.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub fitted_attacks: usize,
    /// SHA-256 over the 64-bit fingerprints of the rows given, in order.
    pub data_hash: String,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(n: &usize) -> bool {
    *n == 0
}

/// Settings of a guard before it is fitted; made by [`Guard::builder`].
#[derive(Clone, Debug)]
#[must_use = "call `.fit(&table)` to get a `Guard`"]
pub struct GuardBuilder {
    featurizer: FlowFeaturizerConfig,
    detector: AnyDetectorConfig,
    threshold: ThresholdRule,
    policy: Policy,
    seed: u64,
}

impl Default for GuardBuilder {
    fn default() -> Self {
        Self {
            featurizer: FlowFeaturizerConfig::default(),
            detector: IsolationForestConfig::default().into(),
            threshold: ThresholdRule::FalsePositiveRate { rate: 0.01 },
            policy: Policy::default(),
            seed: 0,
        }
    }
}

impl GuardBuilder {
    /// How raw records become features.
    pub fn featurizer(mut self, config: FlowFeaturizerConfig) -> Self {
        self.featurizer = config;
        self
    }

    /// What scores the features; an isolation forest unless said otherwise.
    pub fn detector(mut self, config: impl Into<AnyDetectorConfig>) -> Self {
        self.detector = config.into();
        self
    }

    /// How the threshold is chosen; a false-positive rate of 1 % unless said otherwise.
    pub fn threshold(mut self, rule: ThresholdRule) -> Self {
        self.threshold = rule;
        self
    }

    /// Asks for a share of clean records that may be called anomalies, in (0, 1).
    pub fn false_positive_rate(self, rate: f64) -> Self {
        self.threshold(ThresholdRule::FalsePositiveRate { rate })
    }

    /// What to do about which verdict; [`Policy::default`] unless said otherwise.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Seeds the draw of the parts. The detector has a seed of its own.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Fits every stage, each on rows that the stages before it did not see.
    ///
    /// The rows labelled clean (all rows, where there are no labels) are shuffled by the seed and cut in
    /// three: 40 % fit the featurizer and the detector, 40 % calibrate p-values and threshold, 20 % are held
    /// out to state what the threshold realised. Rows labelled attacks are cut by the same shares for a
    /// detector that learns from labels; for others they fit nothing: half of them join the calibration of
    /// rules that need attacks, half the held-out rows.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a setting outside its domain, [`Error::InsufficientData`] for fewer
    /// than 100 clean rows, no usable column, or a rule or a detector that needs attacks where there are none,
    /// [`Error::BadRecord`] for a row without a label.
    pub fn fit(&self, table: &Table) -> Result<Guard> {
        self.threshold.check()?;
        let parts = Parts::draw(table, self.seed, self.detector.needs_labels())?;
        let rows: Vec<usize> = parts.fitted.iter().chain(&parts.fitted_attacks).copied().collect();
        let training_rows = table.take(&rows)?;
        let featurizer = self.featurizer.fit(&training_rows)?;
        let x = featurizer.transform(&training_rows)?;
        let labels: Vec<bool> = (0..rows.len()).map(|i| i >= parts.fitted.len()).collect();
        let labels = self.detector.needs_labels().then_some(labels.as_slice());
        let detector = self.detector.fit(x.matrix.view(), labels)?;

        let score = |rows: &[usize]| score_rows(&featurizer, &detector, table, rows);
        let (clean, attacks) = (score(&parts.calibrated)?, score(&parts.calibration_attacks)?);
        let conformal = Conformal::fit(&clean)?;
        let calibration = CalibrationScores { clean: &clean, attacks: some(&attacks) };
        let mut threshold = self.threshold.fit(&calibration, &conformal)?;
        let (clean, attacks) = (score(&parts.held_out)?, score(&parts.held_out_attacks)?);
        threshold.verify(&CalibrationScores { clean: &clean, attacks: some(&attacks) })?;

        let training = Training {
            seed: self.seed,
            rows: table.n_rows(),
            fitted: parts.fitted.len(),
            calibrated: parts.calibrated.len(),
            held_out: parts.held_out.len(),
            attacks: parts.fitted_attacks.len()
                + parts.calibration_attacks.len()
                + parts.held_out_attacks.len(),
            fitted_attacks: parts.fitted_attacks.len(),
            data_hash: data_hash(table),
        };
        Guard::new(Stages {
            schema: Arc::clone(table.schema()),
            featurizer,
            detector,
            conformal,
            threshold,
            policy: self.policy.clone(),
            training,
        })
    }
}

/// Row indices of the disjoint parts.
struct Parts {
    fitted: Vec<usize>,
    calibrated: Vec<usize>,
    held_out: Vec<usize>,
    fitted_attacks: Vec<usize>,
    calibration_attacks: Vec<usize>,
    held_out_attacks: Vec<usize>,
}

impl Parts {
    fn draw(table: &Table, seed: u64, fits_attacks: bool) -> Result<Self> {
        let labels = table.labels()?.unwrap_or_else(|| vec![false; table.n_rows()]);
        let (mut attacks, mut clean): (Vec<usize>, Vec<usize>) =
            (0..labels.len()).partition(|&row| labels[row]);
        if clean.len() < LEAST_CLEAN {
            return Err(Error::InsufficientData {
                what: format!("{}: clean rows", table.report().place),
                needed: LEAST_CLEAN,
                got: clean.len(),
            });
        }
        let mut stream = Stream::new(seed, 0);
        stream.shuffle(&mut clean);
        stream.shuffle(&mut attacks);
        let n = clean.len() as f64;
        let held_out = clean.split_off(((FITTED + CALIBRATED) * n) as usize);
        let calibrated = clean.split_off((FITTED * n) as usize);
        let mut calibration_attacks =
            attacks.split_off(if fits_attacks { (FITTED * attacks.len() as f64) as usize } else { 0 });
        let share = if fits_attacks { CALIBRATED / (1.0 - FITTED) } else { 0.5 };
        let held_out_attacks =
            calibration_attacks.split_off((share * calibration_attacks.len() as f64) as usize);
        let fitted_attacks = attacks;
        Ok(Self {
            fitted: clean,
            calibrated,
            held_out,
            fitted_attacks,
            calibration_attacks,
            held_out_attacks,
        })
    }
}

fn score_rows(
    featurizer: &FlowFeaturizer,
    detector: &AnyDetector,
    table: &Table,
    rows: &[usize],
) -> Result<Vec<f32>> {
    let features = featurizer.transform(&table.take(rows)?)?;
    let x: ArrayView2<'_, f32> = features.matrix.view();
    detector.score(x)
}

fn some(scores: &[f32]) -> Option<&[f32]> {
    (!scores.is_empty()).then_some(scores)
}

fn data_hash(table: &Table) -> String {
    let mut hash = Sha256::new();
    for batch in table.batches() {
        let mut rows = vec![0; batch.num_rows()];
        fingerprints(table.schema(), batch, &mut rows);
        for row in rows {
            hash.update(row.to_le_bytes());
        }
    }
    hex(&hash.finalize())
}
