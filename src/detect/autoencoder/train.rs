//! Training an autoencoder.

use candle_core::Tensor;
use ndarray::ArrayView2;

use super::errors::{self, Errors};
use super::loss::{divergence, reconstruction};
use super::network::Network;
use super::noise::noise;
use super::parts::MIN_USUAL;
use super::{Autoencoder, AutoencoderConfig};
use crate::detect::check;
use crate::error::Result;
use crate::nn::Checkpoint;
use crate::nn::batch::Encoded;
use crate::nn::config::Precision;
use crate::nn::inputs::Inputs;
use crate::nn::pass::Pass;
use crate::nn::place::{Place, number};
use crate::nn::train::{Task, split, train};
use crate::nn::weights::Weights;
use crate::progress;
use crate::quantile::quantile;

/// Rows in one pass without training.
pub(super) const TILE: usize = 1024;
/// The fraction of held-out rows that do not exceed the usual score.
const USUAL: f64 = 0.95;
/// An autoencoder in training.
pub(super) struct Reconstruct<'a> {
    pub(super) network: &'a Network,
    pub(super) config: &'a AutoencoderConfig,
    pub(super) training: Encoded,
    pub(super) validation: Encoded,
}

impl Reconstruct<'_> {
    fn loss_of(&self, encoded: &Encoded, rows: &[usize], pass: &mut Pass) -> Result<Tensor> {
        let batch = encoded.batch(rows, self.weights().place())?;
        let code = self.network.encode(&batch, pass)?;
        let (mut z, mut extra) = (code.mean.clone(), None);
        if let (Some(variational), Some(log_variance)) = (&self.config.variational, &code.log_variance) {
            let mut warmth = 1.0;
            if let Some(random) = &mut pass.random {
                let noise = Place::of(&z).tensor(noise(1.0, z.elem_count(), random), z.shape())?;
                z = (z + ((log_variance * 0.5)?.exp()? * noise)?)?;
                warmth = (pass.step + 1) as f64 / variational.warmup_steps.max(1) as f64;
            }
            let beta = f64::from(variational.beta) * warmth.min(1.0);
            extra = Some((divergence(&code, log_variance)? * beta)?);
        }
        let loss = reconstruction(&self.network.decode(z, pass)?, &batch, self.config.category_weight)?;
        Ok(match extra {
            Some(extra) => (loss + extra)?,
            None => loss,
        })
    }
}

impl Task for Reconstruct<'_> {
    fn weights(&self) -> &Weights {
        self.network.weights()
    }

    fn loss(&self, rows: &[usize], pass: &mut Pass) -> Result<Tensor> {
        self.loss_of(&self.training, rows, pass)
    }

    fn validation_loss(&self) -> Result<Option<f64>> {
        let n = self.validation.rows;
        let mut sum = 0.0;
        for start in (0..n).step_by(TILE) {
            progress::check()?;
            let rows: Vec<usize> = (start..n.min(start + TILE)).collect();
            let loss = self.loss_of(&self.validation, &rows, &mut Pass::scoring())?;
            sum += number(&loss)? * rows.len() as f64;
        }
        Ok((n > 0).then_some(sum / n as f64))
    }
}

impl AutoencoderConfig {
    /// As [`Fit::fit`](crate::detect::Fit::fit), under another name, without one of the columns.
    pub(super) fn fit_stage(
        &self,
        x: ArrayView2<'_, f32>,
        left_out: Option<usize>,
        stage: &str,
        resume: Option<&Checkpoint>,
    ) -> Result<Autoencoder> {
        self.validate()?;
        let place = self.training.device.open("training.device", Precision::Single)?;
        check::finite(&x, 0)?;
        let (training, validation) = split(None, x.nrows(), self.training.validation_share, self.seed);
        let select = |rows: &[usize]| x.select(ndarray::Axis(0), rows);
        let (training, validation) = (select(&training), select(&validation));
        let mut inputs = Inputs::fit(&training.view(), self.columns.as_ref())?;
        if let Some(feature) = left_out {
            inputs.leave_out(feature);
        }
        self.check_inputs(&inputs)?;
        let network = Network::new(Weights::new(self.seed).on(place), self, &inputs)?;
        let task = Reconstruct {
            network: &network,
            config: self,
            training: inputs.encode(&training.view()),
            validation: inputs.encode(&validation.view()),
        };
        let history = train(&self.training, &task, task.training.rows, self.seed, stage, resume)?;
        let held_out = if task.validation.rows > 0 { &task.validation } else { &task.training };
        let columns = inputs.numbers.len() + inputs.categories.len();
        let mut errors = Autoencoder::errors_of(&network, self, held_out)?;
        let scales = Errors::new(self, &inputs, errors::scales(&errors, columns));
        scales.shares(&mut errors);
        let mut scores: Vec<f64> = errors.chunks_exact(columns).map(Errors::score).collect();
        scores.sort_unstable_by(f64::total_cmp);
        let usual = quantile(&scores, USUAL).max(MIN_USUAL);
        let weights = network.values()?;
        Autoencoder::assemble(
            self.clone(),
            inputs,
            network.weights().count(),
            weights,
            scales,
            usual,
            history,
        )
    }
}
