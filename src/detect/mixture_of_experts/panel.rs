//! From what the experts say to one log-odds: the part of a mixture that is learnt beside the experts.

use std::collections::BTreeMap;

use super::config::{MOST_EXPERTS, MixtureOfExpertsConfig};
use super::voice::Voice;
use crate::error::Result;
use crate::nn::gate::Gate;
use crate::nn::layers::Activation;
use crate::nn::score::{Chain, Dense, with_scratch};
use crate::nn::weights::Weights;

/// Where the gate's weights stand among the named ones.
pub(super) const GATE: &str = "gate";

/// Rows that go through the gate together, with what lies on the stack for them.
pub(super) const TILE: usize = 128;

/// Voices of all experts, and the gate over them.
#[derive(Clone, Debug)]
pub(super) struct Panel {
    pub(super) voices: Vec<Voice>,
    /// The weights of the gate, as training left them.
    pub(super) values: BTreeMap<String, Vec<f32>>,
    gate: Chain,
    temperature: f64,
    top_k: Option<usize>,
    even_share: f64,
    lean: f64,
}

impl Panel {
    /// Of sound settings.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) for weights that are not those of the gate.
    pub(super) fn new(
        config: &MixtureOfExpertsConfig,
        voices: Vec<Voice>,
        values: BTreeMap<String, Vec<f32>>,
    ) -> Result<Self> {
        let experts = voices.len();
        let mut weights = Weights::stored(values.clone());
        Gate::new(&mut weights, GATE, experts, experts, &config.gate)?;
        weights.finish()?;
        let mut layers = Vec::new();
        let mut width = experts;
        for (i, &next) in config.gate.hidden.iter().enumerate() {
            let (linear, norm) = (format!("{GATE}.hidden.{i}.linear"), format!("{GATE}.hidden.{i}.norm"));
            let shape = [width, next];
            layers.push(Dense::with_batch_norm(&values, &linear, &norm, shape, Some(Activation::Relu))?);
            width = next;
        }
        layers.push(Dense::new(&values, &format!("{GATE}.out"), [width, experts], None)?);
        Ok(Self {
            voices,
            values,
            gate: Chain::new(layers),
            temperature: config.gate.temperature,
            top_k: config.gate.top_k,
            even_share: config.even_share_used(),
            lean: config.lean,
        })
    }

    /// Weights of the experts and the score, for each row of what the experts say; shapes (rows, experts), (rows,
    /// experts) and (rows).
    pub(super) fn judge(&self, said: &[f64], weights: &mut [f32], scores: &mut [f64]) {
        let n = self.voices.len();
        let tiles = said.chunks(TILE * n).zip(weights.chunks_mut(TILE * n)).zip(scores.chunks_mut(TILE));
        for ((said, weights), scores) in tiles {
            with_scratch(said.len(), |inputs| {
                for (inputs, said) in inputs.chunks_exact_mut(n).zip(said.chunks_exact(n)) {
                    for ((input, voice), &said) in inputs.iter_mut().zip(&self.voices).zip(said) {
                        *input = voice.gate_input(said);
                    }
                }
                self.gate.forward(inputs, weights);
            });
            let rows = said.chunks_exact(n).zip(weights.chunks_exact_mut(n)).zip(scores);
            for ((said, weights), score) in rows {
                let mut log_odds = [0.0; MOST_EXPERTS];
                for ((l, voice), &said) in log_odds.iter_mut().zip(&self.voices).zip(said) {
                    *l = voice.log_odds(said);
                }
                self.share_out(weights, &log_odds[..n]);
                *score = weights.iter().zip(&log_odds).map(|(&w, l)| f64::from(w) * l).sum();
            }
        }
    }

    /// Turns what the gate gives for a row into weights.
    fn share_out(&self, weights: &mut [f32], log_odds: &[f64]) {
        let n = weights.len();
        let mut shares = [f64::NEG_INFINITY; MOST_EXPERTS];
        for i in 0..n {
            // The earlier of equals is chosen first.
            let before =
                (0..n).filter(|&j| weights[j] > weights[i] || weights[j] == weights[i] && j < i).count();
            if self.top_k.is_none_or(|k| before < k) {
                shares[i] = f64::from(weights[i]) / self.temperature + self.lean * log_odds[i];
            }
        }
        let most = shares.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = shares[..n].iter().map(|share| (share - most).exp()).sum();
        for (weight, share) in weights.iter_mut().zip(shares) {
            let share = (share - most).exp() / total;
            *weight = ((1.0 - self.even_share) * share + self.even_share / n as f64) as f32;
        }
    }
}
