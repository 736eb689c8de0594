//! Scores and gradients through candle.

use candle_core::Tensor;
use ndarray::{Array2, ArrayView2};

use super::NeuralClassifier;
use super::model::log_odds_of;
use crate::detect::{Detector, check};
use crate::error::Result;
use crate::explain::Explanation;
use crate::nn::batch::Batch;
use crate::nn::gradients::integrated_gradients;
use crate::nn::networks::Network;
use crate::nn::pass::Pass;
use crate::nn::place::{Place, numbers};
use crate::nn::weights::Weights;

/// Rows that go through the network at a time.
const TILE: usize = 4096;

impl NeuralClassifier {
    /// The network at a place, with its weights.
    fn network(&self, place: Place) -> Result<(Weights, Network)> {
        let mut weights = Weights::stored(self.weights.clone()).on(place);
        let build = self.config.build(&self.inputs, self.classes.len());
        let network = Network::new(&mut weights, &build, &self.config.architecture)?;
        Ok((weights, network))
    }

    pub(in crate::detect) fn score_at(&self, x: ArrayView2<'_, f32>, place: Place) -> Result<Vec<f32>> {
        check::shape(&x, self.n_features(), x.nrows())?;
        check::finite(&x, 0)?;
        let (weights, network) = self.network(place)?;
        let encoded = self.inputs.encode(&x);
        let rows: Vec<usize> = (0..x.nrows()).collect();
        let mut scores = Vec::with_capacity(rows.len());
        for rows in rows.chunks(TILE) {
            let batch = encoded.batch(rows, weights.place())?;
            let logits = numbers(&network.forward(&batch, &mut Pass::scoring())?.logits)?;
            scores.extend(logits.chunks_exact(self.classes.len()).map(log_odds_of));
        }
        weights.place().check(scores)
    }

    /// The inputs of the network.
    fn batch(&self, x: &ArrayView2<'_, f32>) -> Result<Batch> {
        let rows: Vec<usize> = (0..x.nrows()).collect();
        self.inputs.encode(x).batch(&rows, &Place::default())
    }

    /// The neutral row: every number is its mean, every category is unknown.
    fn base(&self, network: &Network) -> Result<Tensor> {
        let zeros = |n, dtype| Tensor::zeros((1, n), dtype, &candle_core::Device::Cpu);
        let numbers = zeros(self.inputs.numbers.len(), candle_core::DType::F32)?;
        let codes = zeros(self.inputs.categories.len(), candle_core::DType::U32)?;
        network.embed(&Batch { numbers, codes })
    }

    /// See [`Detector::explain`]; the rows are checked.
    pub(super) fn gradients(&self, x: &ArrayView2<'_, f32>) -> Result<Explanation> {
        let (_, network) = self.network(Place::default())?;
        let owners = network.owners();
        let spans: Vec<_> = (0..owners.len()).map(|entry| entry..entry + 1).collect();
        let end = network.embed(&self.batch(x)?)?;
        let score = |flat: &Tensor| log_odds(&network.forward_embedded(flat, &mut Pass::scoring())?.logits);
        let (of_entries, _) = integrated_gradients(&self.base(&network)?, &end, &spans, score)?;
        let mut contributions = Array2::zeros((x.nrows(), self.n_features()));
        for (entry, &feature) in owners.iter().enumerate() {
            let mut column = contributions.column_mut(feature);
            column += &of_entries.contributions.column(entry);
        }
        Explanation::new(of_entries.base, contributions, of_entries.scores)
    }
}

/// `ln Σ_{c ≥ 1} e^{z_c} − z_0` of each row, (rows, classes) → (rows).
pub(in crate::detect) fn log_odds(logits: &Tensor) -> Result<Tensor> {
    let attacks = logits.narrow(1, 1, logits.dim(1)? - 1)?;
    let clean = logits.narrow(1, 0, 1)?.squeeze(1)?;
    let attack = if attacks.dim(1)? == 1 { attacks.squeeze(1)? } else { attacks.log_sum_exp(1)? };
    Ok((attack - clean)?)
}
