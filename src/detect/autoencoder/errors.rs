//! From the errors of a row's columns to its score.

use super::loss::shares;
use super::{AutoencoderConfig, ErrorForm};
use crate::nn::inputs::Inputs;
use crate::nn::kernels::ln_1p;
use crate::simd::wide;

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
            divide_rows(errors, &self.scales);
        }
        if self.form == ErrorForm::Logarithmic {
            ln_1p(errors);
        }
        multiply_rows(errors, &self.weights);
    }

    /// The score of a row, of the shares of its columns.
    pub(super) fn score(shares: &[f32]) -> f64 {
        let (parts, rest) = shares.as_chunks::<8>();
        let mut sums = [0.0; 8];
        for part in parts.iter().map(<[f32; 8]>::as_slice).chain([rest]) {
            sums.iter_mut().zip(part).for_each(|(sum, &share)| *sum += f64::from(share));
        }
        sums.iter().sum()
    }
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
