//! Fitting calibrations and a gate on the scores of held-out rows, and joint networks on these rows.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use ndarray::{Array2, Axis};

use super::assign_folds::HeldOutRow;
use super::calibrate::calibrate;
use super::joint::JointExpert;
use super::samples::{self, GateSample};
use super::task::GateTask;
use crate::detect::mixture_of_experts::calibration::ExpertCalibration;
use crate::detect::mixture_of_experts::scorer::GATE;
use crate::detect::training_rows::TrainingRows;
use crate::detect::{Detector, Fit, MixtureOfExpertsConfig, NeuralClassifier};
use crate::error::{Error, Result};
use crate::nn::gate::Gate;
use crate::nn::train::train;
use crate::nn::weights::Weights;
use crate::nn::{Checkpoint, History};

/// What a gate is trained on.
pub(crate) struct GateTraining<'a, 'x> {
    pub(crate) config: &'a MixtureOfExpertsConfig,
    pub(crate) rows: &'a TrainingRows<'x>,
    pub(crate) held_out: &'a [HeldOutRow],
    /// Shape (held-out rows, experts), 0 where the expert is joint.
    pub(crate) scores: &'a Array2<f32>,
}

/// The calibrations of all experts, a trained gate, and the networks that were trained with it.
pub(crate) struct TrainedGate {
    pub(crate) calibrations: Vec<ExpertCalibration>,
    pub(crate) weights: BTreeMap<String, Vec<f32>>,
    /// With their rising indices among the experts.
    pub(crate) networks: Vec<(usize, NeuralClassifier)>,
    pub(crate) history: History,
}

impl GateTraining<'_, '_> {
    /// Trains on the held-out rows with the indices `part`.
    pub(crate) fn train(&self, part: &[usize], resume: Option<&Checkpoint>) -> Result<TrainedGate> {
        let (calibrations, task) = self.task(part)?;
        let (training, samples) = (&self.config.training, task.labels.dim(0)?);
        let history = train(training, &task, samples, self.config.seed, "gate", resume)?;
        let finish = |joint: JointExpert<'_>| Ok((joint.expert_index, joint.finish(training, &history)?));
        let networks = task.joint_experts.into_iter().map(finish).collect::<Result<_>>()?;
        Ok(TrainedGate { calibrations, weights: task.gate_weights.values()?, networks, history })
    }

    /// The calibrations of all experts, and the task that trains gate and joint networks.
    pub(crate) fn task(&self, part: &[usize]) -> Result<(Vec<ExpertCalibration>, GateTask<'_>)> {
        let experts = self.config.experts.len();
        let samples = samples::draw(self.config, self.held_out, part);
        if samples.is_empty() {
            return Err(Error::InsufficientData {
                what: "clean rows and attacks for a gate".into(),
                needed: 1,
                got: 0,
            });
        }
        let n = samples.len();
        let is_attack = |sample: &GateSample| self.held_out[sample.held_out].role.is_attack();
        let labels: Vec<bool> = samples.iter().map(is_attack).collect();
        let calibrated = self.calibrate(part, &samples, &labels)?;
        let (mut inputs, mut log_odds) = (vec![0.0; experts * n], vec![0.0; experts * n]);
        let mut calibrations = vec![ExpertCalibration::Direct; experts];
        for Calibrated { expert_index, calibration, scores } in calibrated {
            for (at, score) in (expert_index * n..).zip(scores) {
                let evidence = calibration.evidence(score);
                inputs[at] = calibration.gate_input(evidence);
                log_odds[at] = calibration.log_odds(evidence) as f32;
            }
            calibrations[expert_index] = calibration;
        }
        let joint_experts = self.joint_experts(part, &samples)?;
        let by_expert = |values| Tensor::from_vec(values, (experts, n), &Device::Cpu);
        let mut gate_weights = Weights::new(self.config.seed);
        let gate = Gate::new(&mut gate_weights, GATE, experts, experts, &self.config.gate)?;
        let mut weights = gate_weights.clone();
        for joint in &joint_experts {
            weights.include(&format!("experts.{}", joint.expert_index), &joint.weights);
        }
        let task = GateTask {
            uniform_weight: self.config.effective_uniform_weight(),
            log_odds_weight: self.config.log_odds_weight,
            gate,
            gate_weights,
            joint_experts,
            inputs: by_expert(inputs)?.t()?.contiguous()?,
            log_odds: by_expert(log_odds)?.t()?.contiguous()?,
            labels: Tensor::from_vec(labels.iter().map(|&l| u32::from(l)).collect(), n, &Device::Cpu)?,
            weights,
        };
        Ok((calibrations, task))
    }

    /// Calibrates the frozen experts.
    fn calibrate(&self, part: &[usize], samples: &[GateSample], labels: &[bool]) -> Result<Vec<Calibrated>> {
        let experts = self.config.experts.iter().enumerate();
        let frozen: Vec<usize> = experts.filter(|(_, expert)| !expert.joint).map(|(i, _)| i).collect();
        let clean = samples::draw_clean(self.config, self.held_out, part);
        let of_clean = |&expert: &usize| clean.iter().map(|&row| self.scores[[row, expert]]).collect();
        let of_samples = |&expert: &usize| {
            let supervised = self.config.experts[expert].detector.needs_labels();
            samples.iter().map(|sample| self.scores[[sample.shown(supervised), expert]]).collect()
        };
        let clean: Vec<Vec<f32>> = frozen.iter().map(of_clean).collect();
        let scores: Vec<Vec<f32>> = frozen.iter().map(of_samples).collect();
        let calibrations = calibrate(&clean, &scores, labels)?;
        let all = frozen.into_iter().zip(calibrations).zip(scores);
        let calibrated =
            |((expert_index, calibration), scores)| Calibrated { expert_index, calibration, scores };
        Ok(all.map(calibrated).collect())
    }

    fn joint_experts(&self, part: &[usize], samples: &[GateSample]) -> Result<Vec<JointExpert<'_>>> {
        let mut joint_experts = Vec::new();
        for (i, expert) in self.config.experts.iter().enumerate() {
            if let Some(network) = expert.joint_network() {
                let shown = samples.iter().map(|sample| self.held_out[sample.shown(true)].row).collect();
                joint_experts.push(JointExpert::new(i, network, self.rows, &self.rows_of(part), shown)?);
            }
        }
        Ok(joint_experts)
    }

    /// Writes the scores of the held-out rows `part` by the joint networks into their columns of `scores`, shape
    /// (rows of the part, experts).
    pub(crate) fn add_joint(
        &self,
        networks: &[(usize, NeuralClassifier)],
        part: &[usize],
        scores: &mut Array2<f32>,
    ) -> Result<()> {
        if networks.is_empty() {
            return Ok(());
        }
        let rows: Vec<usize> = part.iter().map(|&i| self.held_out[i].row).collect();
        let x = self.rows.x.select(Axis(0), &rows);
        for (expert_index, network) in networks {
            let column = scores.column_mut(*expert_index).into_iter();
            column.zip(network.score(x.view())?).for_each(|(to, score)| *to = score);
        }
        Ok(())
    }

    /// The rows of a part, each once.
    fn rows_of(&self, part: &[usize]) -> Vec<usize> {
        let mut rows: Vec<usize> = part.iter().map(|&i| self.held_out[i].row).collect();
        rows.sort_unstable();
        rows.dedup();
        rows
    }
}

/// A frozen expert with its calibration and its score of each sample.
struct Calibrated {
    expert_index: usize,
    calibration: ExpertCalibration,
    scores: Vec<f32>,
}
