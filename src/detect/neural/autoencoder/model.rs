//! The fitted model.

use std::collections::BTreeMap;

use ndarray::{Array2, ArrayView2, Axis, s};
use serde_json::{Value, json};

use super::config::AutoencoderConfig;
use super::errors::Errors;
use super::fit::TILE;
use super::loss::errors;
use super::network::{Network, noise};
use super::scoring::Scorer;
use crate::detect::neural::device::{Device, Place, Precision};
use crate::detect::neural::fused::{TILE_ROWS, padded, with_scratch};
use crate::detect::neural::inputs::{Encoded, Inputs};
use crate::detect::neural::pass::Pass;
use crate::detect::neural::training::History;
use crate::detect::neural::weights::Weights;
use crate::detect::{Detector, check};
use crate::error::Result;
use crate::explain::Explanation;
use crate::parallel;
use crate::rng::Stream;

/// The random stream of the draws that a score is the mean of.
const SAMPLE_STREAM: u64 = u64::MAX - 1;

/// A fitted autoencoder.
///
/// The score of a row is `(mean over the numbers + w · mean over the categories) / (1 + w)` of what
/// [`ErrorForm`](super::ErrorForm) makes of each column's error, with `w` the category weight; at least 0.
#[derive(Clone, Debug)]
pub struct Autoencoder {
    config: AutoencoderConfig,
    inputs: Inputs,
    n_parameters: usize,
    scorer: Scorer,
    weights: BTreeMap<String, Vec<f32>>,
    errors: Errors,
    usual_score: f64,
    history: History,
}

impl Autoencoder {
    /// Lays an autoencoder out for scoring; everything has been checked.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) for weights that do not fit.
    pub(super) fn assemble(
        config: AutoencoderConfig,
        inputs: Inputs,
        n_parameters: usize,
        weights: BTreeMap<String, Vec<f32>>,
        errors: Errors,
        usual_score: f64,
        history: History,
    ) -> Result<Self> {
        let scorer = Scorer::new(&weights, &config, &inputs, draws(&config))?;
        Ok(Self { config, inputs, n_parameters, scorer, weights, errors, usual_score, history })
    }

    /// The settings that the model was fitted with.
    pub fn config(&self) -> &AutoencoderConfig {
        &self.config
    }

    /// The course of its training.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// How many numbers the training chose; running statistics do not count.
    pub fn n_parameters(&self) -> usize {
        self.n_parameters
    }

    /// The score that 5 % of the rows held out of training exceed.
    pub fn usual_score(&self) -> f64 {
        self.usual_score
    }

    /// Scores rows in batches on a device, as [`Detector::score`] does on the CPU; worth it for many rows at once.
    ///
    /// `x` has the shape (rows, features); one score for each row comes back. Equal to its scores to about 1e-4 of them
    /// in single precision, to about 2 % in half precision.
    ///
    /// # Errors
    ///
    /// As [`Detector::score_into`]; [`Error::InvalidArgument`](crate::Error::InvalidArgument) for a device that is
    /// not there, and for numbers that half precision cannot hold.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::detect::{AutoencoderConfig, Detector, Device, Fit, FitContext, Precision, TrainingConfig};
    /// use qosguard::ndarray::Array2;
    ///
    /// let x = Array2::from_shape_fn((200, 2), |(i, j)| (i % 32) as f32 * [1.0, 2.0][j]);
    /// let training = TrainingConfig { epochs: 1, ..Default::default() };
    /// let model = AutoencoderConfig { training, ..Default::default() }.fit(x.view(), FitContext::default())?.model;
    /// // `Device::Cuda(0)` where the build has the feature `cuda`.
    /// let scores = model.score_on(x.view(), Device::Cpu, Precision::Half)?;
    /// assert!((scores[0] - model.score(x.view())?[0]).abs() < 0.02 * scores[0].max(1.0));
    /// # Ok::<(), qosguard::Error>(())
    /// ```
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
        let weights = Weights::stored(self.weights.clone()).on(place);
        let network = Network::new(weights, &self.config, &self.inputs)?;
        let mut errors = Self::errors_of(&network, &self.config, &self.inputs.encode(&x))?;
        self.errors.shares(&mut errors);
        let scores = errors.chunks_exact(self.scorer.columns()).map(|shares| Errors::score(shares) as f32);
        network.weights().place().check(scores.collect())
    }

    pub(super) fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    pub(super) fn weights(&self) -> &BTreeMap<String, Vec<f32>> {
        &self.weights
    }

    pub(super) fn error_scales(&self) -> &[f32] {
        self.errors.scales()
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

/// The points of the standard normal distribution at which every row's code is taken; none without Monte Carlo.
pub(super) fn draws(config: &AutoencoderConfig) -> Vec<Vec<f32>> {
    let samples = config.variational.as_ref().map_or(0, |variational| variational.samples);
    let mut random = Stream::new(config.seed, SAMPLE_STREAM);
    (0..samples).map(|_| noise(1.0, config.latent, &mut random)).collect()
}

impl Detector for Autoencoder {
    fn n_features(&self) -> usize {
        self.inputs.n_features
    }

    fn score_into(&self, x: ArrayView2<'_, f32>, out: &mut [f32]) -> Result<()> {
        check::shape(&x, self.n_features(), out.len())?;
        parallel::for_each_chunk(out, TILE, |start, out| {
            let x = x.slice(s![start..start + out.len(), ..]);
            check::finite(&x, start)?;
            let columns = self.scorer.columns();
            with_scratch(padded(TILE_ROWS.min(out.len()) * columns), |errors| {
                for (x, out) in x.axis_chunks_iter(Axis(0), TILE_ROWS).zip(out.chunks_mut(TILE_ROWS)) {
                    let errors = &mut errors[..out.len() * columns];
                    self.scorer.errors(&self.inputs, &x, errors);
                    self.errors.shares(errors);
                    for (out, shares) in out.iter_mut().zip(errors.chunks_exact(columns)) {
                        *out = Errors::score(shares) as f32;
                    }
                }
            });
            Ok(())
        })
    }

    /// The base is 0, and the contribution of a feature is its share of the score: what its own error adds.
    fn explain(&self, x: ArrayView2<'_, f32>) -> Result<Explanation> {
        check::shape(&x, self.n_features(), x.nrows())?;
        check::finite(&x, 0)?;
        let mut contributions = Array2::zeros(x.dim());
        let mut scores = Vec::with_capacity(x.nrows());
        let columns = self.scorer.columns();
        let mut shares = vec![0.0; x.nrows() * columns];
        self.scorer.errors(&self.inputs, &x, &mut shares);
        self.errors.shares(&mut shares);
        for (mut row, shares) in contributions.rows_mut().into_iter().zip(shares.chunks_exact(columns)) {
            let numbers = self.inputs.numbers.iter().map(|input| input.feature);
            let categories = self.inputs.categories.iter().map(|input| input.feature);
            for (feature, &share) in numbers.chain(categories).zip(shares) {
                row[feature] = f64::from(share);
            }
            scores.push(Errors::score(shares));
        }
        Explanation::new(0.0, contributions, scores)
    }

    fn facts(&self) -> Value {
        json!({"history": self.history(), "parameters": self.n_parameters()})
    }
}
