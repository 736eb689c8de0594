//! A mixture of networks: a gate weighs the outputs of the experts in each row.

use candle_core::Tensor;

use super::Forward;
use super::body::Body;
use super::head::Head;
use crate::error::Result;
use crate::nn::batch::Batch;
use crate::nn::config::{Build, MixtureNetworkConfig};
use crate::nn::gate::Gate;
use crate::nn::layers::{self, LayerNorm, Linear};
use crate::nn::losses;
use crate::nn::ops;
use crate::nn::pass::Pass;
use crate::nn::weights::Weights;

#[derive(Clone, Debug)]
pub(crate) struct Mixture {
    experts: Vec<(Body, Option<Head>)>,
    gate: Gate,
    linear1: Linear,
    norm: LayerNorm,
    linear2: Linear,
    dropout: f32,
    auxiliary_loss_weight: f64,
}

impl Mixture {
    /// The names of the weights begin with `experts.{i}`, `heads.{i}`, `gate` and `classifier`.
    pub(super) fn new(
        weights: &mut Weights,
        build: &Build<'_>,
        config: &MixtureNetworkConfig,
    ) -> Result<Self> {
        let (mut experts, mut width) = (Vec::new(), 0);
        for (i, expert) in config.experts.iter().enumerate() {
            let at = format!("experts.{i}");
            let body = Body::new(weights, &at, build, &expert.network, expert.exclude_timing)?;
            width = expert.network.width().unwrap_or_default();
            let dropout = config.dropout;
            let head = match expert.head {
                None => None,
                Some(hidden) => {
                    let hidden = Some((hidden, dropout));
                    Some(Head::new(weights, &format!("heads.{i}"), width, hidden, build.classes)?)
                }
            };
            experts.push((body, head));
        }
        let n = experts.len();
        Ok(Self {
            gate: Gate::new(weights, "gate", n * width, n, &config.gate)?,
            experts,
            linear1: Linear::new(weights, "classifier.linear1", width, config.hidden)?,
            norm: LayerNorm::new(weights, "classifier.norm", config.hidden)?,
            linear2: Linear::new(weights, "classifier.linear2", config.hidden, build.classes)?,
            dropout: config.dropout,
            auxiliary_loss_weight: config.auxiliary_loss_weight,
        })
    }

    pub(super) fn bodies(&self) -> impl Iterator<Item = &Body> {
        self.experts.iter().map(|(body, _)| body)
    }

    /// The inputs of all experts, concatenated.
    pub(super) fn embed(&self, batch: &Batch) -> Result<Tensor> {
        let parts = self.bodies().map(|body| body.embed(batch)).collect::<Result<Vec<_>>>()?;
        Ok(Tensor::cat(&parts, 1)?)
    }

    pub(super) fn forward(&self, flat: &Tensor, pass: &mut Pass) -> Result<Forward> {
        let (mut at, mut vectors, mut own) = (0, Vec::new(), Vec::new());
        for (body, head) in &self.experts {
            let width = body.owners().len();
            let vector = body.forward(&flat.narrow(1, at, width)?.contiguous()?, pass)?;
            at += width;
            if let Some(head) =
                head.as_ref().filter(|_| self.auxiliary_loss_weight > 0.0 && pass.is_training())
            {
                own.push(head.forward(&vector, pass)?);
            }
            vectors.push(vector);
        }
        let weights = self.gate.forward(&Tensor::cat(&vectors, 1)?, pass)?;
        let z = Tensor::stack(&vectors, 1)?.broadcast_mul(&weights.unsqueeze(2)?)?.sum(1)?;
        let hidden = ops::relu(&self.norm.forward(&self.linear1.forward(&z)?)?)?;
        let logits = self.linear2.forward(&layers::dropout(&hidden, self.dropout, pass)?)?;
        Ok(Forward { logits, weights: Some(weights), own })
    }

    /// The terms that the mixture adds to the loss of its logits.
    pub(super) fn further_loss(
        &self,
        forward: &Forward,
        labels: &Tensor,
        row_weights: &Tensor,
    ) -> Result<Option<Tensor>> {
        let Some(weights) = &forward.weights else { return Ok(None) };
        let mut loss = self.gate.loss(weights)?;
        for logits in &forward.own {
            loss =
                (loss + (losses::cross_entropy(logits, labels, row_weights)? * self.auxiliary_loss_weight)?)?;
        }
        Ok(Some(loss))
    }
}
