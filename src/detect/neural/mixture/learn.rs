//! Fitting calibrations and a gate on scores of rows that the experts did not see, and joint networks on these rows.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use ndarray::{Array2, Axis};

use super::config::MixtureOfExpertsConfig;
use super::deal::Left;
use super::joint::Pupil;
use super::lessons;
use super::panel::GATE;
use super::task::Lessons;
use super::voice::Voice;
use crate::detect::neural::gate::Gate;
use crate::detect::neural::training::train;
use crate::detect::neural::weights::Weights;
use crate::detect::neural::{Checkpoint, History, NeuralClassifier};
use crate::detect::training_rows::TrainingRows;
use crate::detect::{Detector, Fit};
use crate::error::{Error, Result};

/// What a gate learns from.
pub(super) struct Course<'a, 'x> {
    pub(super) config: &'a MixtureOfExpertsConfig,
    pub(super) rows: &'a TrainingRows<'x>,
    pub(super) left: &'a [Left],
    /// Shape (left, experts), 0 where the expert is joint.
    pub(super) scores: &'a Array2<f32>,
}

/// Voices of all experts, a trained gate, and the networks that were trained with it.
pub(super) struct Learnt {
    pub(super) voices: Vec<Voice>,
    pub(super) gate: BTreeMap<String, Vec<f32>>,
    /// By their place among the experts, which rises.
    pub(super) networks: Vec<(usize, NeuralClassifier)>,
    pub(super) history: History,
}

impl Course<'_, '_> {
    /// Learns from the rows that stand at `part` in [`Course::left`].
    pub(super) fn learn(&self, part: &[usize], resume: Option<&Checkpoint>) -> Result<Learnt> {
        let (voices, task) = self.task(part)?;
        let (training, lessons) = (&self.config.training, task.labels.dim(0)?);
        let history = train(training, &task, lessons, self.config.seed, "gate", resume)?;
        let finish = |pupil: Pupil<'_>| Ok((pupil.who, pupil.finish(training, &history)?));
        let networks = task.pupils.into_iter().map(finish).collect::<Result<_>>()?;
        Ok(Learnt { voices, gate: task.gate_weights.values()?, networks, history })
    }

    /// The voices, those of frozen experts calibrated, and what is to be trained.
    pub(super) fn task(&self, part: &[usize]) -> Result<(Vec<Voice>, Lessons<'_>)> {
        let experts = self.config.experts.len();
        let lessons = lessons::draw(self.config, self.left, part);
        if lessons.is_empty() {
            return Err(Error::InsufficientData {
                what: "clean rows and attacks for a gate".into(),
                needed: 1,
                got: 0,
            });
        }
        let labels: Vec<bool> = lessons.iter().map(|lesson| self.left[lesson.of].role.is_attack()).collect();
        let clean = lessons::draw_clean(self.config, self.left, part);
        let frozen: Vec<usize> = (0..experts).filter(|&who| !self.config.experts[who].joint).collect();
        let scores = |who: usize| -> Vec<f32> {
            let supervised = self.config.experts[who].detector.needs_labels();
            let shown = lessons.iter().map(|lesson| lesson.blind.filter(|_| supervised).unwrap_or(lesson.of));
            shown.map(|row| self.scores[[row, who]]).collect()
        };
        let scores: Vec<Vec<f32>> = frozen.iter().map(|&who| scores(who)).collect();
        let clean = |who: usize| clean.iter().map(|&row| self.scores[[row, who]]).collect();
        let clean: Vec<Vec<f32>> = frozen.iter().map(|&who| clean(who)).collect();
        let n = lessons.len();
        let (mut inputs, mut log_odds) = (vec![0.0; experts * n], vec![0.0; experts * n]);
        let mut voices = vec![Voice::Direct; experts];
        let calibrated = Voice::fit(&clean, &scores, &labels)?;
        for ((&who, voice), scores) in frozen.iter().zip(calibrated).zip(&scores) {
            for (at, &score) in (who * n..).zip(scores) {
                let said = voice.says(score);
                inputs[at] = voice.gate_input(said);
                log_odds[at] = voice.log_odds(said) as f32;
            }
            voices[who] = voice;
        }
        let mut pupils = Vec::new();
        for (who, expert) in self.config.experts.iter().enumerate() {
            if let Some(network) = expert.joint_network() {
                let shown = lessons.iter().map(|lesson| self.left[lesson.blind.unwrap_or(lesson.of)].row);
                pupils.push(Pupil::new(who, network, self.rows, &self.seen(part), shown.collect())?);
            }
        }
        let by_expert = |values| Tensor::from_vec(values, (experts, n), &Device::Cpu);
        let mut gate_weights = Weights::new(self.config.seed);
        let gate = Gate::new(&mut gate_weights, GATE, experts, experts, &self.config.gate)?;
        let mut weights = gate_weights.clone();
        for pupil in &pupils {
            weights.include(&format!("experts.{}", pupil.who), &pupil.weights);
        }
        let task = Lessons {
            even_share: self.config.even_share_used(),
            lean: self.config.lean,
            gate,
            gate_weights,
            pupils,
            inputs: by_expert(inputs)?.t()?.contiguous()?,
            log_odds: by_expert(log_odds)?.t()?.contiguous()?,
            labels: Tensor::from_vec(labels.iter().map(|&l| u32::from(l)).collect(), n, &Device::Cpu)?,
            weights,
        };
        Ok((voices, task))
    }

    /// Writes what the networks say of the rows at `here` into their columns of `scores`, shape (here, experts).
    pub(super) fn add_joint(
        &self,
        networks: &[(usize, NeuralClassifier)],
        here: &[usize],
        scores: &mut Array2<f32>,
    ) -> Result<()> {
        if networks.is_empty() {
            return Ok(());
        }
        let rows: Vec<usize> = here.iter().map(|&i| self.left[i].row).collect();
        let x = self.rows.x.select(Axis(0), &rows);
        for (who, network) in networks {
            scores.column_mut(*who).iter_mut().zip(network.score(x.view())?).for_each(|(to, s)| *to = s);
        }
        Ok(())
    }

    /// The rows of a part, each once.
    fn seen(&self, part: &[usize]) -> Vec<usize> {
        let mut rows: Vec<usize> = part.iter().map(|&i| self.left[i].row).collect();
        rows.sort_unstable();
        rows.dedup();
        rows
    }
}
