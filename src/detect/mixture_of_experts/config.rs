//! The settings of a mixture of experts.

use serde::{Deserialize, Deserializer, Serialize};

use crate::detect::{AnyDetectorConfig, ClassWeight, NeuralClassifierConfig};
use crate::error::{Error, Result};
use crate::nn::config::GATE_ALIASES;
use crate::nn::config::partial::over;
use crate::nn::{GateConfig, Schedule, TrainingConfig};

/// Maximum number of experts: an explanation evaluates the gate `2^experts` times for each row.
pub(super) const MAX_EXPERTS: usize = 8;

/// Settings of one expert of a [`MixtureOfExperts`](super::MixtureOfExperts).
///
/// As text it is one object: `{"name": "forest", "kind": "isolation_forest", "trees": 100}`. A network that is trained
/// with the gate has `joint`: `{"name": "network", "joint": true, "kind": "neural_classifier"}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExpertConfig {
    /// Its name, unique among the experts.
    pub name: String,
    /// Whether it is trained together with the gate. Only for a [`NeuralClassifierConfig`] whose training, class weights
    /// and pretraining are the defaults.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub joint: bool,
    /// The detector; any kind but an ensemble or another mixture.
    #[serde(flatten)]
    pub detector: AnyDetectorConfig,
}

impl ExpertConfig {
    /// An expert that is fitted before the gate and frozen.
    pub fn new(name: impl Into<String>, detector: impl Into<AnyDetectorConfig>) -> Self {
        Self { name: name.into(), joint: false, detector: detector.into() }
    }

    /// A network that is trained together with the gate.
    pub fn joint(name: impl Into<String>, network: NeuralClassifierConfig) -> Self {
        Self { joint: true, ..Self::new(name, network) }
    }

    /// The network, if it is trained together with the gate.
    pub(super) fn joint_network(&self) -> Option<&NeuralClassifierConfig> {
        match &self.detector {
            AnyDetectorConfig::NeuralClassifier(config) if self.joint => Some(config),
            _ => None,
        }
    }

    /// Checks that a joint expert is a network that only the gate trains; `at` is its path in the settings.
    fn validate_joint(&self, at: &str) -> Result<()> {
        let Some(config) = self.joint_network() else {
            return Err(not_joint(at, "any kind but `neural_classifier`"));
        };
        config.validate()?;
        if config.pretraining.is_some() {
            return Err(not_joint(at, "a network with pretraining"));
        }
        if config.class_weight != ClassWeight::None {
            return Err(not_joint(at, "a network with class weights, as the samples are balanced"));
        }
        Ok(())
    }
}

/// Settings of a [`MixtureOfExperts`](super::MixtureOfExperts), which learns from labels.
///
/// The experts score each row, a gate weighs their log-odds, and the score is the weighted sum. The gate is trained on
/// kinds of attack and of clean traffic that the experts were not fitted on. `docs/ARCHITECTURE.md` describes the
/// algorithm.
///
/// # Source
///
/// R. A. Jacobs et al., *Adaptive mixtures of local experts*, Neural Computation 3 (1991); on scores of models that
/// did not see the row, D. H. Wolpert, *Stacked generalization*, Neural Networks 5 (1992).
///
/// # Examples
///
#[cfg_attr(feature = "train", doc = "```")]
#[cfg_attr(not(feature = "train"), doc = "```ignore")]
/// use qosguard::detect::{
///     BoostedTreesConfig, Detector, ExpertConfig, Fit, FitContext, IsolationForestConfig, MixtureOfExpertsConfig,
/// };
/// use qosguard::ndarray::Array2;
///
/// let x = Array2::from_shape_fn((600, 2), |(i, j)| ((i * (j + 7)) % 13) as f32 + if i % 4 == 0 { 9.0 } else { 0.0 });
/// let labels: Vec<bool> = (0..600).map(|i| i % 4 == 0).collect();
/// let experts = vec![
///     ExpertConfig::new("boosted", BoostedTreesConfig { trees: 20, ..Default::default() }),
///     ExpertConfig::new("forest", IsolationForestConfig { trees: 20, ..Default::default() }),
/// ];
/// let mixture = MixtureOfExpertsConfig { experts, ..Default::default() }.fit(x.view(), FitContext::labelled(&labels))?.model;
/// let weights = mixture.gate_weights(x.view())?; // one row for each row, one column for each expert
/// assert!(weights.rows().into_iter().all(|row| (row.sum() - 1.0).abs() < 1e-5));
/// println!("{:?} with {:?}", mixture.report().chosen, mixture.experts());
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MixtureOfExpertsConfig {
    /// The experts, 2 to 8.
    pub experts: Vec<ExpertConfig>,
    /// The gate. Its load balancing uses the mean weights of a batch.
    #[serde(deserialize_with = "gate_over_default")]
    pub gate: GateConfig,
    /// Weight that is distributed evenly over all experts in every row, in [0, 1]. It keeps an expert effective where
    /// the gate is wrong about a new kind of attack. Without effect with [`GateConfig::top_k`], which sets weights to 0.
    #[serde(alias = "even_share")]
    pub uniform_weight: f64,
    /// How much higher log-odds of an expert raise its weight, per unit of log-odds, in 0..=10.
    #[serde(alias = "lean")]
    pub log_odds_weight: f64,
    /// Fraction of kinds that the experts were not fitted on, among the clean rows and among the attacks that train and
    /// validate the gate, in [0, 1].
    #[serde(alias = "novel_share")]
    pub held_out_fraction: f64,
    /// Fraction of the attacks that train the gate and that are masked: supervised experts score a clean row in their
    /// place. In [0, 1).
    #[serde(alias = "blind_share")]
    pub masked_fraction: f64,
    /// Whether experts that can learn classes learn them, if there are classes. If not, they learn attacks and clean
    /// rows only, which takes less time with many classes. The classes are the kinds of attacks in both cases.
    pub learn_classes: bool,
    /// Clusters of attacks that serve as kinds if the labels have fewer than two classes of attack, 2 to 64.
    #[serde(alias = "kinds")]
    pub attack_clusters: usize,
    /// Clusters of clean rows that serve as kinds of traffic, 1 to 64. With 1, clean rows are assigned to folds at random
    /// and none is of a new kind.
    #[serde(alias = "clean_kinds")]
    pub clean_clusters: usize,
    /// Folds, 2 to 20. Each frozen expert is fitted `folds + 1` times, and each joint one with each gate.
    pub folds: usize,
    /// How the gate is trained, and the joint networks with it.
    #[serde(deserialize_with = "training_over_default")]
    pub training: TrainingConfig,
    /// Seed of the folds, the clusters and the gate; each expert has its own seed.
    pub seed: u64,
}

impl Default for MixtureOfExpertsConfig {
    /// No experts, a gate with one hidden layer of 16, three clusters of attacks, six of clean rows, three folds, and 1000
    /// steps of training. The entropy weight and the fractions were chosen on held-out families and services of the
    /// training rows of NSL-KDD and of UNSW-NB15, and on held-out days of CICIDS2017.
    fn default() -> Self {
        let training = TrainingConfig {
            epochs: 10,
            rows_per_epoch: Some(25_600),
            learning_rate: 2e-3,
            weight_decay: 1e-4,
            schedule: Schedule::Cosine,
            patience: None,
            validation_share: 0.0,
            ..Default::default()
        };
        Self {
            experts: Vec::new(),
            gate: GateConfig { hidden: vec![16], entropy_weight: 0.1, ..Default::default() },
            uniform_weight: 0.0,
            log_odds_weight: 0.0,
            held_out_fraction: 0.5,
            masked_fraction: 0.33,
            learn_classes: true,
            attack_clusters: 3,
            clean_clusters: 6,
            folds: 3,
            training,
            seed: 0,
        }
    }
}

fn gate_over_default<'de, D: Deserializer<'de>>(deserializer: D) -> Result<GateConfig, D::Error> {
    over(&MixtureOfExpertsConfig::default().gate, GATE_ALIASES, deserializer)
}

fn training_over_default<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TrainingConfig, D::Error> {
    over(&MixtureOfExpertsConfig::default().training, &[], deserializer)
}

impl MixtureOfExpertsConfig {
    pub(super) fn validate(&self) -> Result<()> {
        let n = self.experts.len();
        if !(2..=MAX_EXPERTS).contains(&n) {
            return Err(Error::invalid("experts", format!("2 to {MAX_EXPERTS}"), n));
        }
        for (i, expert) in self.experts.iter().enumerate() {
            let got = match expert.detector {
                AnyDetectorConfig::Ensemble(_) => "an ensemble",
                AnyDetectorConfig::MixtureOfExperts(_) => "a mixture",
                _ => continue,
            };
            return Err(Error::invalid(format!("experts[{i}].kind"), "no ensemble and no mixture", got));
        }
        let joint = self.experts.iter().filter(|expert| expert.joint).count();
        if joint == n {
            let expected = "at least one that is not joint";
            return Err(Error::invalid("experts", expected, format!("{joint} joint ones")));
        }
        for (i, expert) in self.experts.iter().enumerate().filter(|(_, expert)| expert.joint) {
            expert.validate_joint(&format!("experts[{i}]"))?;
        }
        check_names("experts", self.experts.iter().map(|expert| expert.name.as_str()))?;
        self.gate.validate("gate", n)?;
        self.training.validate()?;
        if !self.training.device.is_cpu() {
            let expected = "`cpu`, because a gate is small; its experts have their own setting";
            return Err(Error::invalid("training.device", expected, self.training.device));
        }
        for (name, value, range) in [
            ("attack_clusters", self.attack_clusters, 2..=64),
            ("clean_clusters", self.clean_clusters, 1..=64),
            ("folds", self.folds, 2..=20),
        ] {
            if !range.contains(&value) {
                return Err(Error::invalid(name, format!("in {range:?}"), value));
            }
        }
        for (name, value) in
            [("uniform_weight", self.uniform_weight), ("held_out_fraction", self.held_out_fraction)]
        {
            if !(0.0..=1.0).contains(&value) {
                return Err(Error::invalid(name, "in [0, 1]", value));
            }
        }
        if !(0.0..1.0).contains(&self.masked_fraction) {
            return Err(Error::invalid("masked_fraction", "in [0, 1)", self.masked_fraction));
        }
        if !(0.0..=10.0).contains(&self.log_odds_weight) {
            return Err(Error::invalid("log_odds_weight", "in 0..=10", self.log_odds_weight));
        }
        Ok(())
    }

    /// Rejects a joint expert with training settings of its own, which would have no effect.
    #[cfg(feature = "train")]
    pub(super) fn reject_other_trainings(&self) -> Result<()> {
        let other = |expert: &ExpertConfig| {
            expert.joint_network().is_some_and(|config| config.training != TrainingConfig::default())
        };
        match self.experts.iter().position(other) {
            None => Ok(()),
            Some(i) => Err(not_joint(&format!("experts[{i}]"), "a network with a training of its own")),
        }
    }

    /// The uniform weight that has an effect: none with [`GateConfig::top_k`].
    pub(super) fn effective_uniform_weight(&self) -> f64 {
        if self.gate.top_k.is_some() { 0.0 } else { self.uniform_weight }
    }
}

fn not_joint(at: &str, what: &str) -> Error {
    Error::invalid(format!("{at}.joint"), format!("false for {what}"), true)
}

/// Rejects a list with a repeated name.
pub(super) fn check_names<'a>(list: &str, names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut seen = Vec::new();
    for (i, name) in names.enumerate() {
        if seen.contains(&name) {
            return Err(Error::invalid(format!("{list}[{i}]"), "a unique name", name));
        }
        seen.push(name);
    }
    Ok(())
}
