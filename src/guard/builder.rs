//! Fitting a guard: which rows each stage is fitted on.

use std::collections::BTreeMap;
use std::sync::Arc;

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::explain::clean_ranges;
use super::fingerprint::FingerprintColumns;
use super::{Guard, Stages};
use crate::artifact::hex;
use crate::calibrate::{CalibrationScores, Conformal, Probability, ProbabilityRule, ThresholdRule};
use crate::detect::Checkpoint;
use crate::detect::{
    AnyDetector, AnyDetectorConfig, BoostedTreesConfig, ClassWeight, ColumnNames, Detector, EnsembleConfig,
    Fit, FitContext, Fitted, IsolationForestConfig, Labels, TreeEnsemble,
};
use crate::error::{Error, Result};
use crate::features::{ContextConfig, Featurizer, TableEncoder, TableEncoderConfig, replay};
use crate::progress::{self, Monitor};
use crate::qos::Policy;
use crate::rng::Stream;
use crate::telemetry::Table;

/// Shares of the clean rows that the stages are fitted on and calibrated on; the rest is held out.
const SPLIT: (f64, f64) = (0.4, 0.4);
/// The same where each row is calibrated on by members that were fitted without it.
const CROSS_FITTED: (f64, f64) = (0.9, 0.0);
/// Fewer calibration rows are not enough for a probability without a form (Niculescu-Mizil and Caruana, 2005).
const MIN_ISOTONIC: usize = 1000;
/// Attack classes with fewer training rows have no verdicts of their own.
const MIN_OF_FAMILY: usize = 10;
/// Fewer clean rows cannot fill the three parts.
const MIN_CLEAN: usize = 100;

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
    /// Attack rows that the featurizer and the detector were fitted on, in addition to the clean ones.
    #[serde(default)]
    pub fitted_attacks: usize,
    /// SHA-256 over the 64-bit fingerprints of the rows given, in order.
    pub data_hash: String,
}

/// Settings of a guard before it is fitted; made by [`Guard::builder`].
#[derive(Clone, Debug)]
#[must_use = "call `.fit(&table)` to get a `Guard`"]
pub struct GuardBuilder {
    /// `None`: chosen by the columns of the table if the detector is chosen too; otherwise no context.
    contexts: Option<Vec<ContextConfig>>,
    featurizer: TableEncoderConfig,
    /// `None` chooses by the labels of the table; see [`GuardBuilder::auto`].
    detector: Option<AnyDetectorConfig>,
    threshold: ThresholdRule,
    policy: Policy,
    attack_share: Option<f64>,
    seed: u64,
    monitor: Option<Monitor>,
    resume: Option<Checkpoint>,
}

impl Default for GuardBuilder {
    fn default() -> Self {
        Self {
            contexts: None,
            featurizer: TableEncoderConfig::default(),
            detector: Some(IsolationForestConfig::default().into()),
            threshold: ThresholdRule::FalsePositiveRate { rate: 0.01 },
            policy: Policy::default(),
            attack_share: None,
            seed: 0,
            monitor: None,
            resume: None,
        }
    }
}

impl GuardBuilder {
    /// Adds a context, which appends columns to each record that depend on the records before it: what its source, its
    /// destination and the pair of both did lately. Default: none, so that each record is scored by itself, unless
    /// [`GuardBuilder::auto`] chooses one.
    ///
    /// [`GuardBuilder::fit`] computes the columns over the whole table in event time, before it draws the parts.
    pub fn context(mut self, config: impl Into<ContextConfig>) -> Self {
        self.contexts.get_or_insert_default().push(config.into());
        self
    }

    /// Removes all contexts, also the one that [`GuardBuilder::auto`] chooses: each record is scored by itself.
    ///
    /// ```
    /// use qosguard::Guard;
    /// use qosguard::simulate::{FlowSimulatorConfig, table};
    ///
    /// let flows = table(&FlowSimulatorConfig { rows: 1_000, ..Default::default() })?;
    /// let guard = Guard::builder().auto().no_context().fit(&flows)?;
    /// assert!(guard.context_columns().is_empty());
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn no_context(mut self) -> Self {
        self.contexts = Some(Vec::new());
        self
    }

    /// How raw records become features.
    pub fn featurizer(mut self, config: TableEncoderConfig) -> Self {
        self.featurizer = config;
        self
    }

    /// What scores the features; default: an isolation forest.
    pub fn detector(mut self, config: impl Into<AnyDetectorConfig>) -> Self {
        self.detector = Some(config.into());
        self
    }

    /// Chooses context and detector by the table, seeded by [`GuardBuilder::seed`].
    ///
    /// Without [`GuardBuilder::context`], records with times and addresses get the host context, and logs of
    /// devices get device windows ([`ContextConfig::auto`]). The detector is [`EnsembleConfig::auto`], or
    /// [`EnsembleConfig::auto_with_context`] for records with a context.
    ///
    /// With a context, fit on all records of a continuous period: a random sample has lower counts by host than the traffic
    /// that the guard will see.
    pub fn auto(mut self) -> Self {
        self.detector = None;
        self
    }

    /// How the threshold is chosen; default: a false-positive rate of 1 %.
    pub fn threshold(mut self, rule: ThresholdRule) -> Self {
        self.threshold = rule;
        self
    }

    /// Asks for a share of clean records that may be called anomalies, in (0, 1).
    pub fn false_positive_rate(self, rate: f64) -> Self {
        self.threshold(ThresholdRule::FalsePositiveRate { rate })
    }

    /// What to do about which verdict; default: [`Policy::default`].
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// The share of attacks in the traffic that the guard will see, in (0, 1), for the probabilities of a
    /// detector that learns from labels; default: the share in the training rows.
    pub fn attack_share(mut self, share: f64) -> Self {
        self.attack_share = Some(share);
        self
    }

    /// Seeds the draw of the parts. A detector that is given has a seed of its own.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Follows the fit, and cancels it: [`GuardBuilder::fit`] then returns [`Error::Cancelled`].
    pub fn monitor(mut self, monitor: Monitor) -> Self {
        self.monitor = Some(monitor);
        self
    }

    /// Resumes the training of a network from a checkpoint of the same training.
    pub fn resume(mut self, checkpoint: Checkpoint) -> Self {
        self.resume = Some(checkpoint);
        self
    }

    /// Fits every stage. The threshold is measured on held-out rows that no stage is fitted on.
    ///
    /// The rows labelled clean (all rows, where there are no labels) are shuffled by the seed and cut in
    /// three: 40 % fit the featurizer and the detector, 40 % calibrate p-values and threshold, 20 % are held
    /// out to state what the threshold realised. Rows labelled attacks are cut by the same shares for a
    /// detector that learns from labels; other detectors are not fitted on attacks. Half of the attacks
    /// calibrate rules that need attacks, and half are held out.
    ///
    /// An ensemble calibrates by cross-fitting instead, so 90 % of the rows do both and 10 % are held out: each
    /// row is scored by members that were fitted without it, and those scores calibrate.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a setting outside its domain, [`Error::InsufficientData`] for fewer
    /// than 100 clean rows, no usable column, or a rule or a detector that needs attacks where there are none,
    /// [`Error::BadRecord`] for a row without a label.
    pub fn fit(&self, table: &Table) -> Result<Guard> {
        match &self.monitor {
            Some(monitor) => monitor.run(|| self.fit_stages(table)),
            None => self.fit_stages(table),
        }
    }

    fn fit_stages(&self, table: &Table) -> Result<Guard> {
        self.threshold.check()?;
        if let Some(share) = self.attack_share.filter(|share| !(*share > 0.0 && *share < 1.0)) {
            return Err(Error::invalid("attack_share", "above 0 and below 1", share));
        }
        // Rows with an unknown label are neither clean nor attacks.
        let given = table.labelled()?;
        let contexts = self.choose_contexts(table);
        let table = &replay(table, table.schema(), &contexts)?.labelled()?;
        let labels = table.labels()?;
        let mut config = match &self.detector {
            Some(config) => config.clone(),
            None if contexts.is_empty() => {
                EnsembleConfig::auto(labels.as_deref(), table.n_rows(), self.seed).into()
            }
            None => EnsembleConfig::auto_with_context(labels.as_deref(), self.seed).into(),
        };
        let parts = Parts::draw(table, labels, self.seed, &config)?;
        let rows: Vec<usize> = parts.fitted.iter().chain(&parts.fitted_attacks).copied().collect();
        let training_rows = table.take(&rows)?;
        let featurizer = self.featurizer.fit(&training_rows)?;
        let score = |detector: &AnyDetector, rows: &[usize]| score_rows(&featurizer, detector, table, rows);
        let x = featurizer.transform(&training_rows)?.matrix;
        if let (None, AnyDetectorConfig::Ensemble(ensemble)) = (&self.detector, &mut config) {
            ensemble.keep_members_for(x.ncols());
        }
        let categorical = featurizer.categorical();
        let columns = ColumnNames { names: featurizer.names(), categorical: &categorical };
        let context =
            FitContext { columns: Some(columns), resume: self.resume.as_ref(), ..FitContext::default() };
        let Calibrated { detector, clean, attacks } =
            fit_detector(&config, x.view(), &parts, context, &score)?;
        let conformal = Conformal::fit(&clean)?;
        let calibration = CalibrationScores { clean: &clean, attacks: some(&attacks) };
        let mut threshold = self.threshold.fit(&calibration, &conformal)?;
        let (mut probability, mut families) = (None, None);
        if config.needs_labels() {
            probability = Some(self.fit_probability(&clean, &attacks)?);
            families = fit_families(table, &parts.fitted_attacks, &featurizer, self.seed)?;
        }
        let held_out = (score(&detector, &parts.held_out)?, score(&detector, &parts.held_out_attacks)?);
        threshold.verify(&CalibrationScores { clean: &held_out.0, attacks: some(&held_out.1) })?;
        let clean_ranges = clean_ranges(&featurizer, &table.take(&parts.fitted)?)?;
        let stages = Stages {
            schema: Arc::clone(given.schema()),
            contexts,
            featurizer,
            detector,
            conformal,
            threshold,
            probability,
            families,
            clean_ranges,
            training: Training {
                seed: self.seed,
                rows: table.n_rows(),
                fitted: parts.fitted.len(),
                calibrated: clean.len(),
                held_out: parts.held_out.len(),
                attacks: parts.attacks(),
                fitted_attacks: parts.fitted_attacks.len(),
                data_hash: data_hash(&given),
            },
        };
        Guard::new(stages, self.policy.clone())
    }

    /// The contexts that were given, or those that suit the table.
    fn choose_contexts(&self, table: &Table) -> Vec<ContextConfig> {
        match (&self.contexts, &self.detector) {
            (Some(contexts), _) => contexts.clone(),
            (None, Some(_)) => Vec::new(),
            (None, None) => ContextConfig::auto(table.schema()).into_iter().collect(),
        }
    }

    /// The probability of an attack by its score.
    fn fit_probability(&self, clean: &[f32], attacks: &[f32]) -> Result<Probability> {
        let scores: Vec<f32> = clean.iter().chain(attacks).copied().collect();
        let labels: Vec<bool> = (0..scores.len()).map(|row| row >= clean.len()).collect();
        let rule =
            if scores.len() < MIN_ISOTONIC { ProbabilityRule::Platt } else { ProbabilityRule::Isotonic };
        rule.fit(&scores, &labels, self.attack_share)
    }
}

/// Scores rows of the table, by their numbers.
type ScoreRows<'a> = dyn Fn(&AnyDetector, &[usize]) -> Result<Vec<f32>> + 'a;

/// A fitted detector and the scores that calibrate it.
struct Calibrated {
    detector: AnyDetector,
    clean: Vec<f32>,
    attacks: Vec<f32>,
}

/// Fits on `x`, the features of the clean rows and then the attacks to fit on, and scores rows that calibrate.
fn fit_detector(
    config: &AnyDetectorConfig,
    x: ArrayView2<'_, f32>,
    parts: &Parts,
    context: FitContext<'_>,
    score: &ScoreRows<'_>,
) -> Result<Calibrated> {
    let is_attack: Vec<bool> = (0..x.nrows()).map(|row| row >= parts.fitted.len()).collect();
    let labels = if config.needs_labels() { Labels::Binary(&is_attack) } else { Labels::None };
    let Fitted { model: detector, out_of_fold } = config.fit(x, FitContext { labels, ..context })?;
    let mut clean = out_of_fold.unwrap_or_default();
    let mut attacks = if clean.is_empty() { Vec::new() } else { clean.split_off(parts.fitted.len()) };
    clean.extend(score(&detector, &parts.calibrated)?);
    attacks.extend(score(&detector, &parts.calibration_attacks)?);
    Ok(Calibrated { detector, clean, attacks })
}

/// Fits a model of the attack classes on attack rows alone; `None` with fewer than two classes that have
/// [`MIN_OF_FAMILY`] rows.
fn fit_families(
    table: &Table,
    rows: &[usize],
    featurizer: &TableEncoder,
    seed: u64,
) -> Result<Option<TreeEnsemble>> {
    let Some(families) = table.families()? else { return Ok(None) };
    let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for &row in rows.iter().filter(|&&row| !families[row].is_empty()) {
        by_name.entry(&families[row]).or_default().push(row);
    }
    by_name.retain(|_, rows| rows.len() >= MIN_OF_FAMILY);
    if by_name.len() < 2 {
        return Ok(None);
    }
    let classes: Vec<String> = by_name.keys().map(|&name| name.to_owned()).collect();
    let mut labelled: Vec<(usize, u32)> = by_name
        .into_values()
        .zip(0..)
        .flat_map(|(rows, class)| rows.into_iter().map(move |row| (row, class)))
        .collect();
    labelled.sort_unstable();
    let (rows, codes): (Vec<usize>, Vec<Option<u32>>) =
        labelled.into_iter().map(|(row, class)| (row, Some(class))).unzip();
    let features = featurizer.transform(&table.take(&rows)?)?;
    let config = BoostedTreesConfig {
        trees: 40,
        leaves: 15,
        min_rows_per_leaf: 5,
        // A flood has thousands of rows, and a beacon has tens.
        class_weight: ClassWeight::Balanced,
        seed,
        ..Default::default()
    };
    let context = FitContext::classes(&codes, &classes);
    progress::quiet(|| config.fit(features.matrix.view(), context)).map(|fitted| Some(fitted.model))
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
    fn attacks(&self) -> usize {
        self.fitted_attacks.len() + self.calibration_attacks.len() + self.held_out_attacks.len()
    }

    fn draw(table: &Table, labels: Option<Vec<bool>>, seed: u64, config: &AnyDetectorConfig) -> Result<Self> {
        let labels = labels.unwrap_or_else(|| vec![false; table.n_rows()]);
        let (mut attacks, mut clean): (Vec<usize>, Vec<usize>) =
            (0..labels.len()).partition(|&row| labels[row]);
        if clean.len() < MIN_CLEAN {
            return Err(Error::InsufficientData {
                what: format!("{}: clean rows", table.report().place),
                needed: MIN_CLEAN,
                got: clean.len(),
            });
        }
        let mut stream = Stream::new(seed, 0);
        stream.shuffle(&mut clean);
        stream.shuffle(&mut attacks);
        let shares = if config.is_cross_fitted() { CROSS_FITTED } else { SPLIT };
        let (fitted, calibrated, held_out) = cut(clean, shares);
        let attack_shares = if config.needs_labels() { shares } else { (0.0, 0.5) };
        let (fitted_attacks, calibration_attacks, held_out_attacks) = cut(attacks, attack_shares);
        Ok(Self { fitted, calibrated, held_out, fitted_attacks, calibration_attacks, held_out_attacks })
    }
}

/// The first share of the rows, the second, and the rest.
fn cut(mut rows: Vec<usize>, (first, second): (f64, f64)) -> (Vec<usize>, Vec<usize>, Vec<usize>) {
    let n = rows.len() as f64;
    let rest = rows.split_off(((first + second) * n) as usize);
    let middle = rows.split_off((first * n) as usize);
    (rows, middle, rest)
}

fn score_rows(
    featurizer: &TableEncoder,
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
    let columns = FingerprintColumns::of(table.schema(), |name| table.schema().index_of(name));
    for batch in table.batches() {
        let mut rows = vec![0; batch.num_rows()];
        columns.fold(batch, &mut rows);
        for row in rows {
            hash.update(row.to_le_bytes());
        }
    }
    hex(&hash.finalize())
}
