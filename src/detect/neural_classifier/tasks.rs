//! The training tasks of a classifier's network: with labels, and pretraining without.

use candle_core::Tensor;

use super::rows::Rows;
use crate::error::Result;
use crate::nn::batch::{Batch, Encoded};
use crate::nn::losses;
use crate::nn::networks::Network;
use crate::nn::pass::Pass;
use crate::nn::place::{Place, number};
use crate::nn::train::Task;
use crate::nn::weights::Weights;

/// Rows in one pass without training.
const TILE: usize = 512;

/// Classification with labels.
pub(super) struct Classify<'a> {
    pub(super) weights: &'a Weights,
    pub(super) network: &'a Network,
    pub(super) encoded: &'a Encoded,
    pub(super) rows: &'a Rows,
    pub(super) category_dropout: f32,
}

impl Classify<'_> {
    /// Labels and weights of rows.
    fn truth(&self, rows: &[usize]) -> Result<(Tensor, Tensor)> {
        let labels: Vec<u32> = rows.iter().map(|&row| self.rows.labels[row]).collect();
        let weights: Vec<f32> = rows.iter().map(|&row| self.rows.weights[row]).collect();
        let n = rows.len();
        let place = self.weights.place();
        Ok((place.tensor(labels, n)?, place.tensor(weights, n)?))
    }
}

impl Task for Classify<'_> {
    fn weights(&self) -> &Weights {
        self.weights
    }

    fn loss(&self, rows: &[usize], pass: &mut Pass) -> Result<Tensor> {
        let rows: Vec<usize> = rows.iter().map(|&i| self.rows.training[i]).collect();
        let batch =
            mask_codes(self.encoded.batch(&rows, self.weights.place())?, self.category_dropout, pass)?;
        let (labels, weights) = self.truth(&rows)?;
        self.network.loss(&self.network.forward(&batch, pass)?, &labels, &weights)
    }

    fn validation_loss(&self) -> Result<Option<f64>> {
        let (mut sum, mut total) = (0.0, 0.0);
        for rows in self.rows.validation.chunks(TILE) {
            let (labels, weights) = self.truth(rows)?;
            let forward = self
                .network
                .forward(&self.encoded.batch(rows, self.weights.place())?, &mut Pass::scoring())?;
            let weight = number(&weights.sum_all()?)?;
            let loss = losses::cross_entropy(&forward.logits, &labels, &weights)?;
            sum += number(&loss)? * weight;
            total += weight;
        }
        Ok((total > 0.0).then_some(sum / total))
    }
}

/// Replaces a fraction of the codes by the code of unknown categories.
pub(in crate::detect) fn mask_codes(batch: Batch, share: f32, pass: &mut Pass) -> Result<Batch> {
    let Some(random) = pass.random.as_mut().filter(|_| share > 0.0 && batch.codes.elem_count() > 0) else {
        return Ok(batch);
    };
    let mut codes = batch.codes.flatten_all()?.to_vec1::<u32>()?;
    for code in &mut codes {
        if random.uniform() < f64::from(share) {
            *code = 0;
        }
    }
    Ok(Batch { codes: Place::of(&batch.codes).tensor(codes, batch.codes.shape())?, ..batch })
}

/// Prediction of masked features from the others.
pub(super) struct PredictMasked<'a> {
    pub(super) weights: &'a Weights,
    pub(super) network: &'a Network,
    pub(super) encoded: &'a Encoded,
    pub(super) training: Vec<usize>,
    pub(super) validation: Vec<usize>,
    pub(super) mask_share: f64,
}

impl Task for PredictMasked<'_> {
    fn weights(&self) -> &Weights {
        self.weights
    }

    fn loss(&self, rows: &[usize], pass: &mut Pass) -> Result<Tensor> {
        let rows: Vec<usize> = rows.iter().map(|&i| self.training[i]).collect();
        self.network.masked_loss(&self.encoded.batch(&rows, self.weights.place())?, self.mask_share, pass)
    }

    fn validation_loss(&self) -> Result<Option<f64>> {
        let mut sum = 0.0;
        for rows in self.validation.chunks(TILE) {
            let batch = self.encoded.batch(rows, self.weights.place())?;
            let loss = self.network.masked_loss(&batch, self.mask_share, &mut Pass::scoring())?;
            sum += number(&loss)? * rows.len() as f64;
        }
        let n = self.validation.len();
        Ok((n > 0).then_some(sum / n as f64))
    }
}
