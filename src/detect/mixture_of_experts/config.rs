//! The settings of a mixture of experts, and what they may be.

use serde::{Deserialize, Deserializer, Serialize};

use crate::detect::{AnyDetectorConfig, ClassWeight, NeuralClassifierConfig};
use crate::error::{Error, Result};
use crate::nn::partial::over;
use crate::nn::{GateConfig, Schedule, TrainingConfig};

/// Most experts of a mixture: its explanation asks the gate `2^experts` times for each row.
pub(super) const MOST_EXPERTS: usize = 8;

/// Settings of one expert of a [`MixtureOfExperts`](super::MixtureOfExperts).
///
/// As text it is one object: `{"name": "forest", "kind": "isolation_forest", "trees": 100}`. A network that is trained
/// with the gate says so: `{"name": "network", "joint": true, "kind": "neural_classifier"}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExpertConfig {
    /// A name that no other expert has.
    pub name: String,
    /// Whether it is trained together with the gate: only a [`NeuralClassifierConfig`] that leaves its training, class
    /// weights and pretraining at their defaults.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub joint: bool,
    /// What scores the rows; any detector but an ensemble or another mixture.
    #[serde(flatten)]
    pub detector: AnyDetectorConfig,
}

impl ExpertConfig {
    /// An expert with a name, fitted before the gate and frozen.
    pub fn new(name: impl Into<String>, detector: impl Into<AnyDetectorConfig>) -> Self {
        Self { name: name.into(), joint: false, detector: detector.into() }
    }

    /// A network with a name, trained together with the gate.
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

    /// Checks that a joint expert, which stands at `at`, is a network that nothing else trains.
    fn validate_joint(&self, at: &str) -> Result<()> {
        let Some(config) = self.joint_network() else {
            return Err(not_joint(at, "any kind but `neural_classifier`"));
        };
        config.validate()?;
        if config.pretraining.is_some() {
            return Err(not_joint(at, "a network with pretraining"));
        }
        if config.class_weight != ClassWeight::None {
            return Err(not_joint(at, "a network with class weights, as lessons are balanced"));
        }
        Ok(())
    }
}

/// Settings of a [`MixtureOfExperts`](super::MixtureOfExperts), which learns from labels.
///
/// **Frozen experts.** Each is fitted on all rows: those that learn from labels on clean rows and attacks, the others on
/// the clean rows alone. Its score `s` becomes a surprise `u = −ln p(s)` by its p-value, and the log-odds of an
/// attack `l = slope · u + offset` by Platt's rule, at even odds of clean rows and attacks. Slope and offset are the same
/// for all, those of the mean surprise: with one for each, an expert that is weak in the lessons would be trusted less
/// both by its slope and by the gate, and no longer make itself heard where it alone sees an attack.
///
/// **Gate.** A small network sees the surprises of all experts, each as `min(u, 8) / 4 − 1/2`, and gives each
/// expert a number `a_i`. The weights are
/// `w = (1 − even_share) · softmax(a / temperature + lean · l) + even_share / experts`,
/// and the score is `Σ w_i l_i`. Uneven weights cost what [`GateConfig::evenness`] says, so they must gain more. The gate
/// does not see the features: a new kind of attack has features that no gate was trained on, but what the experts say of
/// it has a form that held-out kinds show.
///
/// **Joint experts.** A network with [`ExpertConfig::joint`] is trained in the same steps as the gate. The loss is that of
/// the mixture plus that of the network by itself on the same lessons: the first says what the others lack, the second
/// keeps its log-odds those of an attack. They are its logit of an attack less that of a clean row, without a calibration;
/// the gate sees them as `tanh(l / 4) + 1/2`. In a blind lesson the network sees the clean row. It knows no classes of
/// attack. At least one expert must be frozen. A joint network has learnt from every kind of attack that the gate learns
/// from, so the gate trusts it too much on kinds that are new to both: where these matter, bring it in frozen.
///
/// **What the gate learns from.** On attacks of kinds that it was fitted on, a supervised expert is nearly
/// perfect, and a gate that saw only such rows would trust it alone, and fail on new kinds. Clean traffic drifts as
/// well, and what is new in it looks like an attack to experts that were fitted on clean rows alone. So clean rows and
/// attacks are dealt into `folds` parts by kind, and each part is scored by experts fitted without it: to them its
/// kinds are new. A third of the clean rows and a fifth of the attacks of each kind are dealt once more, into a part
/// where their kind is known. Of the clean rows that the gate and the calibrations learn from, `novel_share` are scored
/// as new and the rest as known. Of the attacks, `blind_share` show nothing at all to the supervised experts, whose
/// scores are those of clean rows; of the others, `novel_share` are scored as new and the rest as known. A kind with
/// `n` rows counts in proportion to `√n`. Kinds of attacks are the classes, where there are two or more of attacks, else `kinds` clusters
/// by scaled features; kinds of clean rows are `clean_kinds` such clusters.
///
/// **Validation.** For each part, a gate, calibrations and joint networks that were fitted on the other parts alone,
/// without any row of this part, are compared with each expert on this part; see
/// [`MixtureReport`](super::MixtureReport). Where the mixture is not better than its best expert, the score is the
/// log-odds of that expert.
///
/// # Source
///
/// R. A. Jacobs et al., *Adaptive mixtures of local experts*, Neural Computation 3 (1991); on scores of models that
/// did not see the row, D. H. Wolpert, *Stacked generalization*, Neural Networks 5 (1992).
///
/// # Examples
///
/// ```
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
    /// The gate. Its load balancing holds for the means over batches.
    #[serde(deserialize_with = "gate_over_default")]
    pub gate: GateConfig,
    /// Share of the weight that all experts have evenly in every row, in [0, 1], so that none can be silenced by a
    /// gate that is wrong about a new kind of attack; not with [`GateConfig::top_k`], which has weights of 0.
    pub even_share: f64,
    /// How much the weights lean to experts that speak for an attack, per unit of log-odds, in 0..=10.
    pub lean: f64,
    /// Share of new kinds among the clean rows, and among the attacks, that the gate learns from and is judged by, in
    /// [0, 1].
    pub novel_share: f64,
    /// Share of attacks among those that the gate learns from that show nothing to supervised experts, in [0, 1).
    pub blind_share: f64,
    /// Whether experts that can learn the classes do, where they are given. If not, they learn attacks from clean rows,
    /// which is quicker with many classes; the classes are the kinds of attacks all the same.
    pub learn_classes: bool,
    /// Clusters of attacks that stand for kinds where the labels have fewer than two classes of attack, 2 to 64.
    pub kinds: usize,
    /// Clusters of clean rows that stand for kinds of traffic, 1 to 64; with 1, clean rows are dealt at random and none
    /// is of a new kind.
    pub clean_kinds: usize,
    /// Parts that the rows are dealt into, 2 to 20; each expert is fitted `folds + 1` times, joint ones with the gate.
    pub folds: usize,
    /// How the gate is trained, and the joint networks with it.
    #[serde(deserialize_with = "training_over_default")]
    pub training: TrainingConfig,
    /// Seed of the deal, of the kinds and of the gate; each expert has a seed of its own.
    pub seed: u64,
}

impl Default for MixtureOfExpertsConfig {
    /// No experts yet; a gate with one hidden layer of 16, three kinds of attacks, six of clean rows, three folds, and 1000
    /// steps of training. Evenness and shares were chosen on held-out families and services of NSL-KDD's training rows and
    /// of UNSW-NB15, and on held-out days of CICIDS2017's.
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
            gate: GateConfig { hidden: vec![16], evenness: 0.1, ..Default::default() },
            even_share: 0.0,
            lean: 0.0,
            novel_share: 0.5,
            blind_share: 0.33,
            learn_classes: true,
            kinds: 3,
            clean_kinds: 6,
            folds: 3,
            training,
            seed: 0,
        }
    }
}

fn gate_over_default<'de, D: Deserializer<'de>>(deserializer: D) -> Result<GateConfig, D::Error> {
    over(&MixtureOfExpertsConfig::default().gate, deserializer)
}

fn training_over_default<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TrainingConfig, D::Error> {
    over(&MixtureOfExpertsConfig::default().training, deserializer)
}

impl MixtureOfExpertsConfig {
    pub(super) fn validate(&self) -> Result<()> {
        let n = self.experts.len();
        if !(2..=MOST_EXPERTS).contains(&n) {
            return Err(Error::invalid("experts", format!("2 to {MOST_EXPERTS}"), n));
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
            let expected = "at least one that is not joint, whose calibrated log-odds the gate needs";
            return Err(Error::invalid("experts", expected, format!("{joint} joint ones")));
        }
        for (i, expert) in self.experts.iter().enumerate().filter(|(_, expert)| expert.joint) {
            expert.validate_joint(&format!("experts[{i}]"))?;
        }
        check_names("experts", self.experts.iter().map(|expert| expert.name.as_str()))?;
        self.gate.validate("gate", n)?;
        self.training.validate()?;
        if !self.training.device.is_cpu() {
            let expected = "`cpu`, as a gate is small; its experts have settings of their own";
            return Err(Error::invalid("training.device", expected, self.training.device));
        }
        for (name, value, range) in [
            ("kinds", self.kinds, 2..=64),
            ("clean_kinds", self.clean_kinds, 1..=64),
            ("folds", self.folds, 2..=20),
        ] {
            if !range.contains(&value) {
                return Err(Error::invalid(name, format!("in {range:?}"), value));
            }
        }
        for (name, value) in [("even_share", self.even_share), ("novel_share", self.novel_share)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(Error::invalid(name, "in [0, 1]", value));
            }
        }
        if !(0.0..1.0).contains(&self.blind_share) {
            return Err(Error::invalid("blind_share", "in [0, 1)", self.blind_share));
        }
        if !(0.0..=10.0).contains(&self.lean) {
            return Err(Error::invalid("lean", "in 0..=10", self.lean));
        }
        Ok(())
    }

    /// Refuses a joint expert with settings of a training, which would not count.
    pub(super) fn refuse_other_trainings(&self) -> Result<()> {
        let other = |expert: &ExpertConfig| {
            expert.joint_network().is_some_and(|config| config.training != TrainingConfig::default())
        };
        match self.experts.iter().position(other) {
            None => Ok(()),
            Some(i) => Err(not_joint(&format!("experts[{i}]"), "a network with a training of its own")),
        }
    }

    /// The even share that counts: none where weights are to be 0.
    pub(super) fn even_share_used(&self) -> f64 {
        if self.gate.top_k.is_some() { 0.0 } else { self.even_share }
    }
}

fn not_joint(at: &str, what: &str) -> Error {
    Error::invalid(format!("{at}.joint"), format!("false for {what}"), true)
}

/// Refuses a name that stands twice in a list.
pub(super) fn check_names<'a>(list: &str, names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut seen = Vec::new();
    for (i, name) in names.enumerate() {
        if seen.contains(&name) {
            return Err(Error::invalid(format!("{list}[{i}]"), "a name that no other one has", name));
        }
        seen.push(name);
    }
    Ok(())
}
