//! From the errors of a row's columns to its score.

use super::{AutoencoderConfig, ScoreTransform};
use crate::nn::inputs::Inputs;
use crate::nn::kernels::ln_1p;
use crate::simd::wide;

/// Minimum scale of a column: a column that training reproduces perfectly would dominate every score.
const MIN_SCALE: f32 = 1e-3;

/// How the errors of the columns become a score; numbers first, then categories, in the order of the network.
#[derive(Clone, Debug)]
pub(super) struct Errors {
    form: ScoreTransform,
    /// They sum to 1.
    weights: Vec<f32>,
    /// At least [`MIN_SCALE`].
    scales: Vec<f32>,
}

impl Errors {
    pub(super) fn new(config: &AutoencoderConfig, inputs: &Inputs, scales: Vec<f32>) -> Self {
        let (numbers, categories) = (inputs.numbers.len(), inputs.categories.len());
        let (of_numbers, of_categories) = shares(numbers, categories, config.category_weight);
        let mut weights = vec![(of_numbers / numbers.max(1) as f64) as f32; numbers];
        weights.resize(numbers + categories, (of_categories / categories.max(1) as f64) as f32);
        Self { form: config.score_transform, weights, scales }
    }

    pub(super) fn scales(&self) -> &[f32] {
        &self.scales
    }

    /// Turns each error into its part of the score of its row.
    pub(super) fn shares(&self, errors: &mut [f32]) {
        if self.form != ScoreTransform::Plain {
            divide_rows(errors, &self.scales);
        }
        if self.form == ScoreTransform::Logarithmic {
            ln_1p(errors);
        }
        multiply_rows(errors, &self.weights);
    }

    /// The score of a row, from the parts of its columns.
    pub(super) fn score(shares: &[f32]) -> f64 {
        let (parts, rest) = shares.as_chunks::<8>();
        let mut sums = [0.0; 8];
        for part in parts.iter().map(<[f32; 8]>::as_slice).chain([rest]) {
            sums.iter_mut().zip(part).for_each(|(sum, &share)| *sum += f64::from(share));
        }
        sums.iter().sum()
    }
}

/// The weights of numbers and categories in a mean: 1 and the category weight, normalised; 0 for a missing kind.
pub(super) fn shares(numbers: usize, categories: usize, category_weight: f32) -> (f64, f64) {
    let numbers = if numbers > 0 { 1.0 } else { 0.0 };
    let categories = if categories > 0 { f64::from(category_weight) } else { 0.0 };
    let total = numbers + categories;
    (numbers / total, categories / total)
}

wide! {
    /// Each row, as long as `by`, by `by`.
    fn divide_rows(x: &mut [f32], by: &[f32]) {
        for row in x.chunks_exact_mut(by.len()) {
            row.iter_mut().zip(by).for_each(|(x, by)| *x /= by);
        }
    }

    /// Each row, as long as `by`, times `by`.
    fn multiply_rows(x: &mut [f32], by: &[f32]) {
        for row in x.chunks_exact_mut(by.len()) {
            row.iter_mut().zip(by).for_each(|(x, by)| *x *= by);
        }
    }
}

/// Mean error of each of `columns` over the rows, at least [`MIN_SCALE`].
#[cfg(feature = "train")]
pub(super) fn scales(errors: &[f32], columns: usize) -> Vec<f32> {
    let mut sums = vec![0.0; columns];
    for row in errors.chunks_exact(columns) {
        sums.iter_mut().zip(row).for_each(|(sum, &error)| *sum += f64::from(error));
    }
    let rows = (errors.len() / columns.max(1)).max(1) as f64;
    sums.into_iter().map(|sum| ((sum / rows) as f32).max(MIN_SCALE)).collect()
}

/// Whether a scale in a file is valid.
pub(super) fn is_scale(scale: f32) -> bool {
    scale.is_finite() && scale >= MIN_SCALE
}
