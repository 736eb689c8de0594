//! The gate of a mixture laid out for scoring.

use crate::error::Result;
use crate::nn::config::Activation;
use crate::nn::config::GateConfig;
use crate::nn::kernels::softmax_rows;
use crate::nn::score::{Chain, Dense, Values};

/// From the outputs of all experts to the weight of each.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    chain: Chain,
    experts: usize,
    top_k: usize,
}

impl Gate {
    pub(super) fn new(
        values: &Values<'_>,
        inputs: usize,
        experts: usize,
        config: &GateConfig,
    ) -> Result<Self> {
        let (mut layers, mut width) = (Vec::new(), inputs);
        for (i, &next) in config.hidden.iter().enumerate() {
            let [linear, norm] = ["linear", "norm"].map(|name| format!("gate.hidden.{i}.{name}"));
            let activation = Some(Activation::Relu);
            layers.push(Dense::with_batch_norm(values, &linear, &norm, [width, next], activation)?);
            width = next;
        }
        let sharpness = vec![1.0 / config.temperature; experts];
        layers.push(Dense::scaled(values, "gate.out", &sharpness, [width, experts])?);
        Ok(Self { chain: Chain::new(layers), experts, top_k: config.top_k.unwrap_or(experts) })
    }

    /// Shape (rows, inputs) → (rows, experts); each row sums to 1. `spare` is as long as a row of `out`.
    pub(super) fn forward(&self, x: &[f32], spare: &mut [f32], out: &mut [f32]) {
        self.chain.forward(x, out);
        if self.top_k < self.experts {
            for row in out.chunks_exact_mut(self.experts) {
                spare.copy_from_slice(row);
                for (i, logit) in row.iter_mut().enumerate() {
                    // The earlier of equals comes first.
                    let is_before = |(j, other): (usize, &f32)| {
                        let order = other.total_cmp(&spare[i]);
                        order.is_gt() || (order.is_eq() && j < i)
                    };
                    if spare.iter().enumerate().filter(|&pair| is_before(pair)).count() >= self.top_k {
                        *logit = f32::NEG_INFINITY;
                    }
                }
            }
        }
        softmax_rows(out, self.experts);
    }
}
