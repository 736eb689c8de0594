//! Scoring through candle, on any device.

use ndarray::ArrayView2;

use super::errors::Errors;
use super::loss::errors;
use super::network::Network;
use super::noise::draws;
use super::train::TILE;
use super::{Autoencoder, AutoencoderConfig};
use crate::detect::{Detector, check};
use crate::error::Result;
use crate::nn::batch::Encoded;
use crate::nn::pass::Pass;
use crate::nn::place::Place;
use crate::nn::weights::Weights;

impl Autoencoder {
    pub(in crate::detect) fn score_at(&self, x: ArrayView2<'_, f32>, place: Place) -> Result<Vec<f32>> {
        check::shape(&x, self.n_features(), x.nrows())?;
        check::finite(&x, 0)?;
        let weights = Weights::stored(self.weights.clone()).on(place);
        let network = Network::new(weights, &self.config, &self.inputs)?;
        let mut errors = Self::errors_of(&network, &self.config, &self.inputs.encode(&x))?;
        self.errors.shares(&mut errors);
        let scores = errors.chunks_exact(self.scorer.columns()).map(|shares| Errors::score(shares) as f32);
        network.weights().place().check(scores.collect())
    }

    /// Errors of all columns of all rows, row after row, through candle.
    pub(super) fn errors_of(
        network: &Network,
        config: &AutoencoderConfig,
        encoded: &Encoded,
    ) -> Result<Vec<f32>> {
        let mut all = Vec::new();
        let draws = draws(config);
        for start in (0..encoded.rows).step_by(TILE) {
            let rows: Vec<usize> = (start..encoded.rows.min(start + TILE)).collect();
            let batch = encoded.batch(&rows, network.weights().place())?;
            let code = network.encode(&batch, &mut Pass::scoring())?;
            let Some(log_variance) = code.log_variance.as_ref().filter(|_| !draws.is_empty()) else {
                all.extend(errors(&network.decode(code.mean, &mut Pass::scoring())?, &batch)?);
                continue;
            };
            let deviation = (log_variance * 0.5)?.exp()?;
            let mut mean: Vec<f32> = Vec::new();
            for draw in &draws {
                let draw = Place::of(&deviation).tensor(draw.clone(), draw.len())?;
                let z = (&code.mean + deviation.broadcast_mul(&draw)?)?;
                let errors = errors(&network.decode(z, &mut Pass::scoring())?, &batch)?;
                mean.resize(errors.len(), 0.0);
                mean.iter_mut().zip(errors).for_each(|(mean, e)| *mean += e / draws.len() as f32);
            }
            all.extend(mean);
        }
        Ok(all)
    }
}
