//! From the errors of a row's columns to its score.

use super::loss::shares;
use super::{AutoencoderConfig, ErrorForm};
use crate::detect::neural::inputs::Inputs;

/// No column's mean error counts as less: one that training reproduces perfectly would rule every score.
const LEAST_SCALE: f32 = 1e-3;

/// What the error of each column counts; numbers first, then categories, as the network gives them.
#[derive(Clone, Debug)]
pub(super) struct Errors {
    form: ErrorForm,
    /// They sum to 1.
    weights: Vec<f64>,
    /// At least [`LEAST_SCALE`].
    scales: Vec<f32>,
}

impl Errors {
    pub(super) fn new(config: &AutoencoderConfig, inputs: &Inputs, scales: Vec<f32>) -> Self {
        let (numbers, categories) = (inputs.numbers.len(), inputs.categories.len());
        let (of_numbers, of_categories) = shares(numbers, categories, config.category_weight);
        let mut weights = vec![of_numbers / numbers.max(1) as f64; numbers];
        weights.resize(numbers + categories, of_categories / categories.max(1) as f64);
        Self { form: config.error_form, weights, scales }
    }

    pub(super) fn scales(&self) -> &[f32] {
        &self.scales
    }

    /// What each column adds to the score of a row.
    pub(super) fn shares<'a>(&'a self, errors: &'a [f32]) -> impl Iterator<Item = f64> + 'a {
        errors.iter().zip(&self.scales).zip(&self.weights).map(|((&error, &scale), weight)| {
            let relative = f64::from(error) / f64::from(scale);
            weight
                * match self.form {
                    ErrorForm::Plain => f64::from(error),
                    ErrorForm::Relative => relative,
                    ErrorForm::Logarithmic => relative.ln_1p(),
                }
        })
    }

    /// The score of a row.
    pub(super) fn score(&self, errors: &[f32]) -> f64 {
        self.shares(errors).sum()
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
