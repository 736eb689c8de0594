//! Training rows: what is fitted to their columns, and batches of them as tensors.

use candle_core::Tensor;
use ndarray::{ArrayView1, ArrayView2};

use super::columns::Columns;
use super::inputs::{CategoryInput, Inputs, LIMIT, MAX_CODES, NumberInput, whole_code};
use super::place::Place;
use crate::check;
use crate::error::{Error, Result};

impl Inputs {
    /// Fits centre and scale (mean and standard deviation; 1 for a constant column) and the codes.
    ///
    /// # Errors
    ///
    /// [`Error::InsufficientData`] for no rows or no columns, [`Error::NotFinite`] for NaN or infinite input,
    /// [`Error::InvalidArgument`] for a categorical column that does not exist, is listed twice, or contains a value that is not a code.
    pub(crate) fn fit(x: &ArrayView2<'_, f32>, columns: Option<&Columns>) -> Result<Self> {
        for (what, got) in [("training rows", x.nrows()), ("feature columns", x.ncols())] {
            if got == 0 {
                return Err(Error::InsufficientData { what: what.into(), needed: 1, got });
            }
        }
        check::finite(x, 0)?;
        let mut is_category = vec![false; x.ncols()];
        for (i, &feature) in columns.iter().flat_map(|columns| &columns.categorical).enumerate() {
            match is_category.get_mut(feature) {
                Some(seen) if !*seen => *seen = true,
                _ => {
                    let expected = format!("a column below {}, listed once", x.ncols());
                    return Err(Error::invalid(format!("columns.categorical[{i}]"), expected, feature));
                }
            }
        }
        let (mut numbers, mut categories) = (Vec::new(), Vec::new());
        for (feature, column) in x.columns().into_iter().enumerate() {
            if is_category[feature] {
                categories.push(CategoryInput { feature, codes: codes(feature, column)? });
            } else {
                numbers.push(number(feature, column));
            }
        }
        Ok(Self { n_features: x.ncols(), numbers, categories })
    }

    /// Excludes a column of the matrix.
    pub(crate) fn leave_out(&mut self, feature: usize) {
        self.numbers.retain(|input| input.feature != feature);
        self.categories.retain(|input| input.feature != feature);
    }

    /// Writes the scaled numbers of a row.
    pub(crate) fn numbers_into(&self, row: ArrayView1<'_, f32>, out: &mut [f32]) {
        for (out, input) in out.iter_mut().zip(&self.numbers) {
            *out = ((row[input.feature] - input.centre) / input.scale).clamp(-LIMIT, LIMIT);
        }
    }

    /// All rows, encoded once for all batches.
    pub(crate) fn encode(&self, x: &ArrayView2<'_, f32>) -> Encoded {
        let mut numbers = vec![0.0; x.nrows() * self.numbers.len()];
        let mut codes = Vec::with_capacity(x.nrows() * self.categories.len());
        for (i, row) in x.rows().into_iter().enumerate() {
            let n = self.numbers.len();
            self.numbers_into(row, &mut numbers[i * n..(i + 1) * n]);
            codes.extend(self.categories.iter().map(|input| input.code(row[input.feature])));
        }
        Encoded { rows: x.nrows(), numbers, codes }
    }
}

fn number(feature: usize, column: ArrayView1<'_, f32>) -> NumberInput {
    let n = column.len() as f64;
    let mean = column.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
    let variance = column.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n;
    let scale = variance.sqrt() as f32;
    let scale = if scale > f32::EPSILON * mean.abs() as f32 && scale.is_normal() { scale } else { 1.0 };
    NumberInput { feature, centre: mean as f32, scale }
}

fn codes(feature: usize, column: ArrayView1<'_, f32>) -> Result<Vec<u32>> {
    let mut codes = Vec::new();
    for (row, &value) in column.iter().enumerate() {
        let Some(code) = whole_code(value) else {
            let name = format!("x[{row}, {feature}]");
            return Err(Error::invalid(name, format!("a whole number in 0..{MAX_CODES}"), value));
        };
        codes.push(code);
    }
    codes.sort_unstable();
    codes.dedup();
    Ok(codes)
}

/// Rows as the inputs of networks.
#[derive(Clone, Debug)]
pub(crate) struct Encoded {
    pub(crate) rows: usize,
    /// (rows, numbers)
    pub(crate) numbers: Vec<f32>,
    /// (rows, categories)
    pub(crate) codes: Vec<u32>,
}

/// Some rows as tensors.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    /// `f32` (rows, numbers)
    pub(crate) numbers: Tensor,
    /// `u32` (rows, categories)
    pub(crate) codes: Tensor,
}

impl Encoded {
    /// The rows of these indices, each below [`Encoded::rows`].
    pub(crate) fn batch(&self, rows: &[usize], place: &Place) -> Result<Batch> {
        let numbers = self.take(&self.numbers, rows, place)?;
        Ok(Batch { numbers, codes: self.take(&self.codes, rows, place)? })
    }

    fn take<T: candle_core::WithDType>(&self, values: &[T], rows: &[usize], place: &Place) -> Result<Tensor> {
        let width = values.len() / self.rows.max(1);
        let taken: Vec<T> =
            rows.iter().flat_map(|&row| &values[row * width..(row + 1) * width]).copied().collect();
        Ok(place.tensor(taken, (rows.len(), width))?)
    }
}
