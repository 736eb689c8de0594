//! From the evidence of the experts to one log-odds: calibrations and gate.

use std::collections::BTreeMap;

use super::calibration::ExpertCalibration;
use super::config::{MAX_EXPERTS, MixtureOfExpertsConfig};
use crate::error::Result;
use crate::nn::config::Activation;
use crate::nn::score::{Chain, Dense, Values, with_scratch};

/// What the names of the gate's weights begin with.
pub(super) const GATE: &str = "gate";

/// Rows that go through the gate together; their evidence and weights are on the stack.
pub(super) const TILE: usize = 128;

/// The calibrations of all experts, and the gate over them.
#[derive(Clone, Debug)]
pub(super) struct GateScorer {
    pub(super) calibrations: Vec<ExpertCalibration>,
    /// The weights of the gate after training.
    pub(super) weights: BTreeMap<String, Vec<f32>>,
    gate: Chain,
    temperature: f64,
    top_k: Option<usize>,
    uniform_weight: f64,
    log_odds_weight: f64,
}

impl GateScorer {
    /// Lays the gate out for scoring; the settings are validated before.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) for weights that do not fit the gate.
    pub(super) fn new(
        config: &MixtureOfExpertsConfig,
        calibrations: Vec<ExpertCalibration>,
        weights: BTreeMap<String, Vec<f32>>,
    ) -> Result<Self> {
        let experts = calibrations.len();
        let values = Values::new(&weights);
        let mut layers = Vec::new();
        let mut width = experts;
        for (i, &next) in config.gate.hidden.iter().enumerate() {
            let (linear, norm) = (format!("{GATE}.hidden.{i}.linear"), format!("{GATE}.hidden.{i}.norm"));
            let shape = [width, next];
            layers.push(Dense::with_batch_norm(&values, &linear, &norm, shape, Some(Activation::Relu))?);
            width = next;
        }
        layers.push(Dense::new(&values, &format!("{GATE}.out"), [width, experts], None)?);
        values.finish()?;
        Ok(Self {
            calibrations,
            weights,
            gate: Chain::new(layers),
            temperature: config.gate.temperature,
            top_k: config.gate.top_k,
            uniform_weight: config.effective_uniform_weight(),
            log_odds_weight: config.log_odds_weight,
        })
    }

    /// Combines the evidence of the experts, shape (rows, experts), into the weight of each expert, (rows, experts),
    /// and the log-odds of each row, (rows).
    pub(super) fn combine(&self, evidence: &[f64], weights: &mut [f32], log_odds: &mut [f64]) {
        let n = self.calibrations.len();
        let tiles =
            evidence.chunks(TILE * n).zip(weights.chunks_mut(TILE * n)).zip(log_odds.chunks_mut(TILE));
        for ((evidence, weights), log_odds) in tiles {
            with_scratch(evidence.len(), |inputs| {
                for (inputs, evidence) in inputs.chunks_exact_mut(n).zip(evidence.chunks_exact(n)) {
                    for ((input, calibration), &evidence) in
                        inputs.iter_mut().zip(&self.calibrations).zip(evidence)
                    {
                        *input = calibration.gate_input(evidence);
                    }
                }
                self.gate.forward(inputs, weights);
            });
            let rows = evidence.chunks_exact(n).zip(weights.chunks_exact_mut(n)).zip(log_odds);
            for ((evidence, weights), of_row) in rows {
                let mut of_experts = [0.0; MAX_EXPERTS];
                for ((l, calibration), &evidence) in
                    of_experts.iter_mut().zip(&self.calibrations).zip(evidence)
                {
                    *l = calibration.log_odds(evidence);
                }
                self.normalise(weights, &of_experts[..n]);
                *of_row = weights.iter().zip(&of_experts).map(|(&w, l)| f64::from(w) * l).sum();
            }
        }
    }

    /// Turns the output of the gate for one row into weights that sum to 1.
    fn normalise(&self, weights: &mut [f32], log_odds: &[f64]) {
        let n = weights.len();
        let mut logits = [f64::NEG_INFINITY; MAX_EXPERTS];
        for i in 0..n {
            // Of equal outputs the first is chosen.
            let before =
                (0..n).filter(|&j| weights[j] > weights[i] || weights[j] == weights[i] && j < i).count();
            if self.top_k.is_none_or(|k| before < k) {
                logits[i] = f64::from(weights[i]) / self.temperature + self.log_odds_weight * log_odds[i];
            }
        }
        let max = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = logits[..n].iter().map(|logit| (logit - max).exp()).sum();
        for (weight, logit) in weights.iter_mut().zip(logits) {
            let softmax = (logit - max).exp() / total;
            *weight = ((1.0 - self.uniform_weight) * softmax + self.uniform_weight / n as f64) as f32;
        }
    }
}
