//! What gate and joint networks are trained for.

use candle_core::{D, DType, Device, Tensor};

use super::joint::Pupil;
use super::voice::FAR_LOG_ODDS;
use crate::error::Result;
use crate::nn::gate::Gate;
use crate::nn::losses::cross_entropy;
use crate::nn::ops;
use crate::nn::pass::Pass;
use crate::nn::train::Task;
use crate::nn::weights::Weights;

/// Trains the gate and the joint networks; the loss is the cross-entropy of the mixture's log-odds, the load
/// balancing and evenness of the gate, and the loss of each joint network by itself on the same lessons.
pub(super) struct Lessons<'a> {
    /// Those of the gate, and those of each joint network under `experts.{i}`.
    pub(super) weights: Weights,
    pub(super) gate: Gate,
    pub(super) gate_weights: Weights,
    pub(super) pupils: Vec<Pupil<'a>>,
    pub(super) even_share: f64,
    pub(super) lean: f64,
    /// Shape (lessons, experts), 0 where the expert is joint.
    pub(super) inputs: Tensor,
    /// Shape (lessons, experts), 0 where the expert is joint.
    pub(super) log_odds: Tensor,
    /// `u32` (lessons)
    pub(super) labels: Tensor,
}

/// What a mixture makes of some lessons.
pub(super) struct Mixed {
    /// Shape (rows, experts).
    pub(super) shares: Tensor,
    /// Shape (rows).
    pub(super) log_odds: Tensor,
    /// Of the joint networks by themselves.
    own_losses: Vec<Tensor>,
}

impl Lessons<'_> {
    /// The mixture of some lessons of these labels.
    pub(super) fn forward(&self, rows: &[usize], labels: &Tensor, pass: &mut Pass) -> Result<Mixed> {
        let index = index(rows)?;
        let mut inputs = self.inputs.index_select(&index, 0)?;
        let mut log_odds = self.log_odds.index_select(&index, 0)?;
        let mut own_losses = Vec::new();
        for pupil in &self.pupils {
            let said = pupil.says(rows, labels, pass)?;
            let input = (ops::tanh(&(&said.log_odds / FAR_LOG_ODDS)?)? + 0.5)?;
            inputs = (inputs + self.in_column(pupil.who, &input)?)?;
            log_odds = (log_odds + self.in_column(pupil.who, &said.log_odds)?)?;
            own_losses.push(said.own_loss);
        }
        let shares = self.gate.forward(&inputs, pass)?;
        // The softmax of a sum is the product of both, made to sum to 1.
        let shares = (shares * candle_nn::ops::softmax(&(&log_odds * self.lean)?, D::Minus1)?)?;
        let shares = shares.broadcast_div(&shares.sum_keepdim(1)?)?;
        let shares = shares.affine(1.0 - self.even_share, self.even_share / shares.dim(1)? as f64)?;
        let log_odds = (&shares * log_odds)?.sum(1)?;
        Ok(Mixed { shares, log_odds, own_losses })
    }

    pub(super) fn labels_of(&self, rows: &[usize]) -> Result<Tensor> {
        Ok(self.labels.index_select(&index(rows)?, 0)?)
    }

    /// Shape (rows, 1) → (rows, experts) with 0 in all other columns.
    fn in_column(&self, who: usize, values: &Tensor) -> Result<Tensor> {
        let experts = self.log_odds.dim(1)?;
        let unit = (0..experts).map(|i| if i == who { 1.0_f32 } else { 0.0 }).collect();
        Ok(values.broadcast_mul(&Tensor::from_vec(unit, (1, experts), &Device::Cpu)?)?)
    }
}

impl Task for Lessons<'_> {
    fn weights(&self) -> &Weights {
        &self.weights
    }

    fn loss(&self, rows: &[usize], pass: &mut Pass) -> Result<Tensor> {
        let labels = self.labels_of(rows)?;
        let Mixed { shares, log_odds, own_losses } = self.forward(rows, &labels, pass)?;
        let logits = Tensor::stack(&[&log_odds.zeros_like()?, &log_odds], 1)?;
        let ones = Tensor::ones(rows.len(), DType::F32, &Device::Cpu)?;
        let mut loss = (cross_entropy(&logits, &labels, &ones)? + self.gate.loss(&shares)?)?;
        for own_loss in own_losses {
            loss = (loss + own_loss)?;
        }
        Ok(loss)
    }

    fn validation_loss(&self) -> Result<Option<f64>> {
        Ok(None)
    }
}

fn index(rows: &[usize]) -> Result<Tensor> {
    let rows: Vec<u32> = rows.iter().map(|&row| row as u32).collect();
    let n = rows.len();
    Ok(Tensor::from_vec(rows, n, &Device::Cpu)?)
}
