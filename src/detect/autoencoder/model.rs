//! The fitted model.

use std::collections::BTreeMap;

use ndarray::{Array2, ArrayView2, Axis, s};
use serde_json::{Value, json};

use super::config::AutoencoderConfig;
use super::errors::Errors;
use super::noise::draws;
use super::scoring::Scorer;
use crate::detect::{Detector, check};
use crate::error::Result;
use crate::explain::Explanation;
use crate::nn::config::{Device, Precision};
use crate::nn::inputs::Inputs;
use crate::nn::score::{TILE_ROWS, padded, with_scratch};
use crate::nn::{History, with_train};
use crate::parallel;

/// Rows that one thread scores at a time.
const TILE: usize = 1024;

/// A fitted autoencoder.
///
/// The score of a row is `(mean over the numbers + w · mean over the categories) / (1 + w)` of the errors of the columns
/// after the [`ScoreTransform`](super::ScoreTransform), with `w` the category weight; at least 0.
#[derive(Clone, Debug)]
pub struct Autoencoder {
    pub(super) config: AutoencoderConfig,
    pub(super) inputs: Inputs,
    n_parameters: usize,
    pub(super) scorer: Scorer,
    pub(super) weights: BTreeMap<String, Vec<f32>>,
    pub(super) errors: Errors,
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

    /// Scores many rows in batches on a device.
    ///
    /// `x` has the shape (rows, features); returns one score for each row. Relative differences to [`Detector::score`] are
    /// about 1e-4 in single precision and about 2 % in half precision.
    ///
    /// # Errors
    ///
    /// As [`Detector::score_into`]; [`Error::InvalidArgument`](crate::Error::InvalidArgument) for a device that
    /// does not exist, and for numbers out of the range of half precision; [`Error::Unsupported`](crate::Error::Unsupported)
    /// in a build without the feature `train`.
    ///
    /// # Examples
    ///
    #[cfg_attr(feature = "train", doc = "```")]
    #[cfg_attr(not(feature = "train"), doc = "```ignore")]
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
        with_train!(
            "scoring on a device",
            [x, device, precision],
            self.score_at(x, device.open("device", precision)?)
        )
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

    /// The base is 0, and the contribution of a feature is the part of the score from its own error.
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
