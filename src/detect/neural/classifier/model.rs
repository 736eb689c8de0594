//! The fitted model.

use std::collections::BTreeMap;

use candle_core::Tensor;
use ndarray::{Array2, ArrayView2, s};
use serde_json::{Value, json};

use super::NeuralClassifierConfig;
use crate::detect::neural::device::{Device, Place, Precision, numbers};
use crate::detect::neural::gradients::integrated_gradients;
use crate::detect::neural::inputs::{Batch, Inputs};
use crate::detect::neural::networks::{Architecture, Network, Scorer};
use crate::detect::neural::pass::Pass;
use crate::detect::neural::training::History;
use crate::detect::neural::weights::Weights;
use crate::detect::{Classifier, Detector, check};
use crate::error::Result;
use crate::explain::Explanation;
use crate::parallel;

/// Rows that go through the network at a time.
const TILE: usize = 256;
/// The same where a batch is scored on a device.
const DEVICE_TILE: usize = 4096;

/// A fitted neural classifier.
///
/// The network gives a number `z_c` for each class. Probabilities are `e^{z_c} / Σ e^{z_k}`, and the score is
/// `ln Σ_{c ≥ 1} e^{z_c} − z_0`, the log-odds of any attack.
#[derive(Clone, Debug)]
pub struct NeuralClassifier {
    pub(super) config: NeuralClassifierConfig,
    pub(super) classes: Vec<String>,
    pub(super) inputs: Inputs,
    pub(super) network: Network,
    pub(super) scorer: Scorer,
    pub(super) weights: BTreeMap<String, Vec<f32>>,
    pub(super) n_parameters: usize,
    pub(super) pretraining_history: Option<History>,
    pub(super) history: History,
}

impl NeuralClassifier {
    /// The settings that the model was fitted with.
    pub fn config(&self) -> &NeuralClassifierConfig {
        &self.config
    }

    /// The course of the training with labels.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The course of the pretraining, where there was one.
    pub fn pretraining_history(&self) -> Option<&History> {
        self.pretraining_history.as_ref()
    }

    /// How many numbers training chooses; running statistics do not count.
    pub fn n_parameters(&self) -> usize {
        self.n_parameters
    }

    /// Names of the experts of a mixture, in the order of [`NeuralClassifier::gate_weights`].
    pub fn experts(&self) -> Vec<&str> {
        match &self.config.architecture {
            Architecture::Mixture(config) => {
                config.experts.iter().map(|expert| expert.name.as_str()).collect()
            }
            _ => Vec::new(),
        }
    }

    /// How much each expert of a mixture counts, shape `(rows, features)` → `(rows, experts)`; each row sums to 1.
    /// Without a mixture there are no experts and no columns.
    ///
    /// # Errors
    ///
    /// As [`Detector::score_into`].
    pub fn gate_weights(&self, x: ArrayView2<'_, f32>) -> Result<Array2<f32>> {
        check::shape(&x, self.n_features(), x.nrows())?;
        check::finite(&x, 0)?;
        let mut out = Array2::zeros((x.nrows(), self.experts().len()));
        self.scorer.for_each(&self.inputs, &x, |row, _, weights| {
            out.row_mut(row).iter_mut().zip(weights).for_each(|(out, &weight)| *out = weight);
        });
        Ok(out)
    }

    /// Scores rows in batches on a device, as [`Detector::score`] does on the CPU; worth it for many rows at once.
    ///
    /// `x` has the shape (rows, features); one log-odds of an attack for each row comes back, equal to its score to
    /// about 1e-4 in single precision, to about .02 in half precision. An example stands with
    /// [`Autoencoder::score_on`](crate::detect::Autoencoder::score_on).
    ///
    /// # Errors
    ///
    /// As [`Detector::score_into`]; [`Error::InvalidArgument`](crate::Error::InvalidArgument) for a device that is
    /// not there, and for numbers that half precision cannot hold.
    pub fn score_on(&self, x: ArrayView2<'_, f32>, device: Device, precision: Precision) -> Result<Vec<f32>> {
        self.score_at(x, device.open("device", precision)?)
    }

    pub(in crate::detect::neural) fn score_at(
        &self,
        x: ArrayView2<'_, f32>,
        place: Place,
    ) -> Result<Vec<f32>> {
        check::shape(&x, self.n_features(), x.nrows())?;
        check::finite(&x, 0)?;
        let mut weights = Weights::stored(self.weights.clone()).on(place);
        let build = self.config.build(&self.inputs, self.classes.len());
        let network = Network::new(&mut weights, &build, &self.config.architecture)?;
        let encoded = self.inputs.encode(&x);
        let rows: Vec<usize> = (0..x.nrows()).collect();
        let mut scores = Vec::with_capacity(rows.len());
        for rows in rows.chunks(DEVICE_TILE) {
            let batch = encoded.batch(rows, weights.place())?;
            let logits = numbers(&network.forward(&batch, &mut Pass::scoring())?.logits)?;
            scores.extend(logits.chunks_exact(self.classes.len()).map(log_odds_of));
        }
        weights.place().check(scores)
    }

    /// Rows as the network takes them in.
    fn batch(&self, x: &ArrayView2<'_, f32>) -> Result<Batch> {
        let rows: Vec<usize> = (0..x.nrows()).collect();
        self.inputs.encode(x).batch(&rows, &Place::default())
    }

    /// A row of which nothing is known: every number its mean, every category the unknown one.
    fn base(&self) -> Result<Tensor> {
        let zeros = |n, dtype| Tensor::zeros((1, n), dtype, &candle_core::Device::Cpu);
        let numbers = zeros(self.inputs.numbers.len(), candle_core::DType::F32)?;
        let codes = zeros(self.inputs.categories.len(), candle_core::DType::U32)?;
        self.network.embed(&Batch { numbers, codes })
    }
}

/// `ln Σ_{c ≥ 1} e^{z_c} − z_0` of each row, (rows, classes) → (rows).
pub(in crate::detect::neural) fn log_odds(logits: &Tensor) -> Result<Tensor> {
    let attacks = logits.narrow(1, 1, logits.dim(1)? - 1)?;
    let clean = logits.narrow(1, 0, 1)?.squeeze(1)?;
    let attack = if attacks.dim(1)? == 1 { attacks.squeeze(1)? } else { attacks.log_sum_exp(1)? };
    Ok((attack - clean)?)
}

/// The same of the logits of one row.
fn log_odds_of(logits: &[f32]) -> f32 {
    match logits {
        [clean, attack] => attack - clean,
        [clean, attacks @ ..] => {
            let top = attacks.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum: f64 = attacks.iter().map(|z| f64::from(z - top).exp()).sum();
            top + sum.ln() as f32 - clean
        }
        [] => 0.0,
    }
}

impl Detector for NeuralClassifier {
    fn n_features(&self) -> usize {
        self.inputs.n_features
    }

    fn score_into(&self, x: ArrayView2<'_, f32>, out: &mut [f32]) -> Result<()> {
        check::shape(&x, self.n_features(), out.len())?;
        parallel::for_each_chunk(out, TILE, |start, out| {
            let x = x.slice(s![start..start + out.len(), ..]);
            check::finite(&x, start)?;
            self.scorer.for_each(&self.inputs, &x, |row, logits, _| out[row] = log_odds_of(logits));
            Ok(())
        })
    }

    /// Integrated gradients of the score along the straight path from a row of which nothing is known: every number
    /// is its training mean, every category one that training did not see. The base is the score of that row.
    ///
    /// M. Sundararajan, A. Taly, Q. Yan, *Axiomatic Attribution for Deep Networks*, ICML 2017.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) where the score jumps on that path, as that of a
    /// mixture whose gate chooses one expert may; as [`Detector::score`].
    fn explain(&self, x: ArrayView2<'_, f32>) -> Result<Explanation> {
        check::shape(&x, self.n_features(), x.nrows())?;
        check::finite(&x, 0)?;
        let owners = self.network.owners();
        let spans: Vec<_> = (0..owners.len()).map(|entry| entry..entry + 1).collect();
        let end = self.network.embed(&self.batch(&x)?)?;
        let score =
            |flat: &Tensor| log_odds(&self.network.forward_embedded(flat, &mut Pass::scoring())?.logits);
        let (of_entries, _) = integrated_gradients(&self.base()?, &end, &spans, score)?;
        let mut contributions = Array2::zeros((x.nrows(), self.n_features()));
        for (entry, &feature) in owners.iter().enumerate() {
            let mut column = contributions.column_mut(feature);
            column += &of_entries.contributions.column(entry);
        }
        Explanation::new(of_entries.base, contributions, of_entries.scores)
    }

    fn facts(&self) -> Value {
        json!({
            "history": self.history(),
            "pretraining_history": self.pretraining_history(),
            "parameters": self.n_parameters(),
        })
    }

    fn as_classifier(&self) -> Option<&dyn Classifier> {
        Some(self)
    }
}

impl Classifier for NeuralClassifier {
    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn probabilities(&self, x: ArrayView2<'_, f32>) -> Result<Array2<f64>> {
        check::shape(&x, self.n_features(), x.nrows())?;
        check::finite(&x, 0)?;
        let mut out = Array2::zeros((x.nrows(), self.classes.len()));
        self.scorer.for_each(&self.inputs, &x, |row, logits, _| {
            let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let mut row = out.row_mut(row);
            row.iter_mut().zip(logits).for_each(|(out, z)| *out = f64::from(z - top).exp());
            let total = row.sum();
            row.mapv_inplace(|odds: f64| odds / total);
        });
        Ok(out)
    }
}
