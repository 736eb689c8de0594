//! The fitted model.

use std::collections::BTreeMap;

use ndarray::{Array2, ArrayView2, s};
use serde_json::{Value, json};

use super::NeuralClassifierConfig;
use crate::detect::{Classifier, Detector, check};
use crate::error::Result;
use crate::explain::Explanation;
use crate::nn::config::{Architecture, Device, Precision};
use crate::nn::inputs::Inputs;
use crate::nn::score::Scorer;
use crate::nn::{History, with_train};
use crate::parallel;

/// Rows that go through the network at a time.
const TILE: usize = 256;

/// A fitted neural classifier.
///
/// The network returns a number `z_c` for each class. Probabilities are `e^{z_c} / Σ e^{z_k}`, and the score is
/// `ln Σ_{c ≥ 1} e^{z_c} − z_0`, the log-odds of any attack.
#[derive(Clone, Debug)]
pub struct NeuralClassifier {
    pub(super) config: NeuralClassifierConfig,
    pub(super) classes: Vec<String>,
    pub(super) inputs: Inputs,
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

    /// The weight of each expert of a mixture, shape `(rows, features)` → `(rows, experts)`; each row sums to 1.
    /// Without a mixture the result has no columns.
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

    /// Scores many rows in batches on a device.
    ///
    /// `x` has the shape (rows, features); one log-odds of an attack for each row comes back, equal to its score to
    /// about 1e-4 in single precision, to about .02 in half precision. An example is in the documentation of
    /// [`Autoencoder::score_on`](crate::detect::Autoencoder::score_on).
    ///
    /// # Errors
    ///
    /// As [`Detector::score_into`]; [`Error::InvalidArgument`](crate::Error::InvalidArgument) for a device that
    /// does not exist, and for numbers out of the range of half precision; [`Error::Unsupported`](crate::Error::Unsupported)
    /// in a build without the feature `train`.
    pub fn score_on(&self, x: ArrayView2<'_, f32>, device: Device, precision: Precision) -> Result<Vec<f32>> {
        with_train!(
            "scoring on a device",
            [x, device, precision],
            self.score_at(x, device.open("device", precision)?)
        )
    }
}

/// `ln Σ_{c ≥ 1} e^{z_c} − z_0` of the logits of one row.
pub(super) fn log_odds_of(logits: &[f32]) -> f32 {
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

    /// Integrated gradients of the score along the straight path from a neutral row: every number is its training mean,
    /// every category is unknown. The base is the score of that row.
    ///
    /// M. Sundararajan, A. Taly, Q. Yan, *Axiomatic Attribution for Deep Networks*, ICML 2017.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) where the score is discontinuous on that path, which is
    /// possible with a mixture whose gate chooses one expert; [`Error::Unsupported`](crate::Error::Unsupported) in a build without
    /// the feature `train`; as [`Detector::score`].
    fn explain(&self, x: ArrayView2<'_, f32>) -> Result<Explanation> {
        check::shape(&x, self.n_features(), x.nrows())?;
        check::finite(&x, 0)?;
        with_train!("explaining the score of a neural classifier", [x], self.gradients(&x))
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
