//! Fitting calibrations and a gate on scores of rows that the experts did not see.

use std::collections::BTreeMap;

use candle_core::{D, DType, Device, Tensor};
use ndarray::Array2;

use super::config::MixtureOfExpertsConfig;
use super::deal::Left;
use super::lessons;
use super::panel::GATE;
use super::voice::{Voice, gate_input};
use crate::detect::neural::gate::Gate;
use crate::detect::neural::losses::cross_entropy;
use crate::detect::neural::pass::Pass;
use crate::detect::neural::training::{Task, train};
use crate::detect::neural::weights::Weights;
use crate::detect::neural::{History, Monitor};
use crate::error::{Error, Result};

/// What a gate learns from.
pub(super) struct Course<'a> {
    pub(super) config: &'a MixtureOfExpertsConfig,
    pub(super) left: &'a [Left],
    /// Shape (left, experts).
    pub(super) scores: &'a Array2<f32>,
}

/// Calibrations of all experts and a trained gate.
pub(super) struct Learnt {
    pub(super) voices: Vec<Voice>,
    pub(super) gate: BTreeMap<String, Vec<f32>>,
    pub(super) history: History,
}

impl Course<'_> {
    /// Learns from the rows that stand at `part` in [`Course::left`].
    pub(super) fn learn(&self, part: &[usize], monitor: &mut Monitor<'_>) -> Result<Learnt> {
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
        let (mut voices, mut inputs, mut log_odds) = (Vec::new(), Vec::new(), Vec::new());
        for (i, expert) in self.config.experts.iter().enumerate() {
            let supervised = expert.detector.needs_labels();
            let scores: Vec<f32> = lessons
                .iter()
                .map(|lesson| self.scores[[lesson.blind.filter(|_| supervised).unwrap_or(lesson.of), i]])
                .collect();
            let clean: Vec<f32> = clean.iter().map(|&row| self.scores[[row, i]]).collect();
            let voice = Voice::fit(&clean, &scores, &labels)?;
            for score in scores {
                let surprise = voice.surprise(score);
                inputs.push(gate_input(surprise));
                log_odds.push(voice.log_odds(surprise) as f32);
            }
            voices.push(voice);
        }
        let by_expert = |values| Tensor::from_vec(values, (experts, lessons.len()), &Device::Cpu);
        let mut weights = Weights::new(self.config.seed);
        let gate = Gate::new(&mut weights, GATE, experts, experts, &self.config.gate)?;
        let log_odds = by_expert(log_odds)?.t()?.contiguous()?;
        let task = Lessons {
            even_share: self.config.even_share_used(),
            gate,
            inputs: by_expert(inputs)?.t()?.contiguous()?,
            lean: candle_nn::ops::softmax(&(&log_odds * self.config.lean)?, D::Minus1)?,
            log_odds,
            labels: Tensor::from_vec(
                labels.iter().map(|&l| u32::from(l)).collect(),
                labels.len(),
                &Device::Cpu,
            )?,
            weights,
        };
        let history = train(&self.config.training, &task, lessons.len(), self.config.seed, "gate", monitor)?;
        Ok(Learnt { voices, gate: task.weights.values()?, history })
    }
}

/// Trains the gate; the loss is the cross-entropy of the mixture's log-odds, and the load balancing.
struct Lessons {
    weights: Weights,
    gate: Gate,
    even_share: f64,
    /// Shape (lessons, experts).
    inputs: Tensor,
    /// What the weights are multiplied with before they are made to sum to 1 again, shape (lessons, experts).
    lean: Tensor,
    /// Shape (lessons, experts).
    log_odds: Tensor,
    /// `u32` (lessons)
    labels: Tensor,
}

impl Task for Lessons {
    fn weights(&self) -> &Weights {
        &self.weights
    }

    fn loss(&self, rows: &[usize], pass: &mut Pass) -> Result<Tensor> {
        let rows: Vec<u32> = rows.iter().map(|&row| row as u32).collect();
        let rows = Tensor::from_vec(rows.clone(), rows.len(), &Device::Cpu)?;
        let of = |values: &Tensor| values.index_select(&rows, 0);
        let shares = self.gate.forward(&of(&self.inputs)?, pass)?;
        // The softmax of a sum is the product of both, made to sum to 1.
        let shares = (shares * of(&self.lean)?)?;
        let shares = shares.broadcast_div(&shares.sum_keepdim(1)?)?;
        let shares = shares.affine(1.0 - self.even_share, self.even_share / shares.dim(1)? as f64)?;
        let log_odds = (&shares * of(&self.log_odds)?)?.sum(1)?;
        let logits = Tensor::stack(&[&log_odds.zeros_like()?, &log_odds], 1)?;
        let ones = Tensor::ones(rows.dims1()?, DType::F32, &Device::Cpu)?;
        Ok((cross_entropy(&logits, &of(&self.labels)?, &ones)? + self.gate.balance_loss(&shares)?)?)
    }

    fn validation_loss(&self) -> Result<Option<f64>> {
        Ok(None)
    }
}
