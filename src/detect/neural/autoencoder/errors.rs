//! From the errors of a row's columns to its score.

use super::loss::shares;
use super::{AutoencoderConfig, ErrorForm};
use crate::detect::neural::inputs::Inputs;
use crate::detect::neural::kernels::ln_1p;

/// No column's mean error counts as less: one that training reproduces perfectly would rule every score.
const LEAST_SCALE: f32 = 1e-3;

/// What the error of each column counts; numbers first, then categories, as the network gives them.
#[derive(Clone, Debug)]
pub(super) struct Errors {
    form: ErrorForm,
    /// They sum to 1.
    weights: Vec<f32>,
    /// At least [`LEAST_SCALE`].
    scales: Vec<f32>,
}

impl Errors {
    pub(super) fn new(config: &AutoencoderConfig, inputs: &Inputs, scales: Vec<f32>) -> Self {
        let (numbers, categories) = (inputs.numbers.len(), inputs.categories.len());
        let (of_numbers, of_categories) = shares(numbers, categories, config.category_weight);
        let mut weights = vec![(of_numbers / numbers.max(1) as f64) as f32; numbers];
        weights.resize(numbers + categories, (of_categories / categories.max(1) as f64) as f32);
        Self { form: config.error_form, weights, scales }
    }

    pub(super) fn scales(&self) -> &[f32] {
        &self.scales
    }

    /// Makes of each error of each row what it adds to the score of its row.
    pub(super) fn shares(&self, errors: &mut [f32]) {
        if self.form != ErrorForm::Plain {
            for row in errors.chunks_exact_mut(self.scales.len()) {
                row.iter_mut().zip(&self.scales).for_each(|(error, scale)| *error /= scale);
            }
        }
        if self.form == ErrorForm::Logarithmic {
            ln_1p(errors);
        }
        for row in errors.chunks_exact_mut(self.weights.len()) {
            row.iter_mut().zip(&self.weights).for_each(|(error, weight)| *error *= weight);
        }
    }

    /// The score of a row, of the shares of its columns.
    pub(super) fn score(shares: &[f32]) -> f64 {
        shares.iter().map(|&share| f64::from(share)).sum()
    }
}

/// Mean error of each of `columns` over the rows, at least [`LEAST_SCALE`].
pub(super) fn scales(errors: &[f32], columns: usize) -> Vec<f32> {
    let mut sums = vec![0.0; columns];
    for row in errors.chunks_exact(columns) {
        sums.iter_mut().zip(row).for_each(|(sum, &error)| *sum += f64::from(error));
    }
    let rows = (errors.len() / columns.max(1)).max(1) as f64;
    sums.into_iter().map(|sum| ((sum / rows) as f32).max(LEAST_SCALE)).collect()
}

/// Whether a scale may stand in a file.
pub(super) fn is_scale(scale: f32) -> bool {
    scale.is_finite() && scale >= LEAST_SCALE
}
