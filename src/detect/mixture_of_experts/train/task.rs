//! The training task of gate and joint networks.

use candle_core::{D, DType, Device, Tensor};

use super::joint::JointExpert;
use crate::detect::mixture_of_experts::calibration::FAR_LOG_ODDS;
use crate::error::Result;
use crate::nn::gate::Gate;
use crate::nn::losses::cross_entropy;
use crate::nn::ops;
use crate::nn::pass::Pass;
use crate::nn::train::Task;
use crate::nn::weights::Weights;

/// Trains the gate and the joint networks.
///
/// The loss is the sum of the cross-entropy of the mixture's log-odds, the load balancing and the entropy term of the
/// gate, and the loss of each joint network alone on the same samples.
pub(crate) struct GateTask<'a> {
    /// The weights of the gate, and the weights of each joint network under `experts.{i}`.
    pub(crate) weights: Weights,
    pub(crate) gate: Gate,
    pub(crate) gate_weights: Weights,
    pub(crate) joint_experts: Vec<JointExpert<'a>>,
    pub(super) uniform_weight: f64,
    pub(super) log_odds_weight: f64,
    /// Shape (samples, experts), 0 where the expert is joint.
    pub(super) inputs: Tensor,
    /// Shape (samples, experts), 0 where the expert is joint.
    pub(crate) log_odds: Tensor,
    /// `u32` (samples)
    pub(crate) labels: Tensor,
}

/// The output of a mixture for some samples.
pub(crate) struct Mixed {
    /// Shape (rows, experts).
    pub(crate) shares: Tensor,
    /// Shape (rows).
    pub(crate) log_odds: Tensor,
    /// The losses of the joint networks alone.
    network_losses: Vec<Tensor>,
}

impl GateTask<'_> {
    /// The output for some samples with these labels.
    pub(crate) fn forward(&self, rows: &[usize], labels: &Tensor, pass: &mut Pass) -> Result<Mixed> {
        let index = index(rows)?;
        let mut inputs = self.inputs.index_select(&index, 0)?;
        let mut log_odds = self.log_odds.index_select(&index, 0)?;
        let mut network_losses = Vec::new();
        for joint in &self.joint_experts {
            let output = joint.forward(rows, labels, pass)?;
            let input = (ops::tanh(&(&output.log_odds / FAR_LOG_ODDS)?)? + 0.5)?;
            inputs = (inputs + self.in_column(joint.expert_index, &input)?)?;
            log_odds = (log_odds + self.in_column(joint.expert_index, &output.log_odds)?)?;
            network_losses.push(output.network_loss);
        }
        let shares = self.gate.forward(&inputs, pass)?;
        // The softmax of a sum is the normalised product of both softmaxes.
        let shares = (shares * candle_nn::ops::softmax(&(&log_odds * self.log_odds_weight)?, D::Minus1)?)?;
        let shares = shares.broadcast_div(&shares.sum_keepdim(1)?)?;
        let shares = shares.affine(1.0 - self.uniform_weight, self.uniform_weight / shares.dim(1)? as f64)?;
        let log_odds = (&shares * log_odds)?.sum(1)?;
        Ok(Mixed { shares, log_odds, network_losses })
    }

    pub(crate) fn labels_of(&self, rows: &[usize]) -> Result<Tensor> {
        Ok(self.labels.index_select(&index(rows)?, 0)?)
    }

    /// Shape (rows, 1) → (rows, experts) with 0 in all other columns.
    fn in_column(&self, expert_index: usize, values: &Tensor) -> Result<Tensor> {
        let experts = self.log_odds.dim(1)?;
        let unit = (0..experts).map(|i| if i == expert_index { 1.0_f32 } else { 0.0 }).collect();
        Ok(values.broadcast_mul(&Tensor::from_vec(unit, (1, experts), &Device::Cpu)?)?)
    }
}

impl Task for GateTask<'_> {
    fn weights(&self) -> &Weights {
        &self.weights
    }

    fn loss(&self, rows: &[usize], pass: &mut Pass) -> Result<Tensor> {
        let labels = self.labels_of(rows)?;
        let Mixed { shares, log_odds, network_losses } = self.forward(rows, &labels, pass)?;
        let logits = Tensor::stack(&[&log_odds.zeros_like()?, &log_odds], 1)?;
        let ones = Tensor::ones(rows.len(), DType::F32, &Device::Cpu)?;
        let mut loss = (cross_entropy(&logits, &labels, &ones)? + self.gate.loss(&shares)?)?;
        for network_loss in network_losses {
            loss = (loss + network_loss)?;
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
