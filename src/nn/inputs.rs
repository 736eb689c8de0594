//! From raw features to what networks take in: scaled numbers and codes.

use std::collections::HashSet;

use candle_core::Tensor;
use ndarray::{ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

use super::columns::Columns;
use super::device::Place;
use crate::check;
use crate::error::{Error, Result};

/// Codes are below this, as in boosted trees.
const MOST_CODES: u32 = 65_536;
/// Scaled numbers are kept within this, so that one wild value does not drown all others.
pub(crate) const LIMIT: f32 = 10.0;

/// A column of numbers: `clamp((x − centre) / scale)` goes in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NumberInput {
    pub(crate) feature: usize,
    pub(crate) centre: f32,
    pub(crate) scale: f32,
}

/// A column of categories: the position of its code in `codes` plus 1, 0 for a code that training did not see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CategoryInput {
    pub(crate) feature: usize,
    /// Rising.
    pub(crate) codes: Vec<u32>,
}

impl CategoryInput {
    /// Codes that an embedding tells apart, the unknown one among them.
    pub(crate) fn cardinality(&self) -> usize {
        self.codes.len() + 1
    }

    /// The code of a cell: 0 where training did not see it.
    pub(crate) fn code(&self, value: f32) -> u32 {
        let place = whole_code(value).and_then(|code| self.codes.binary_search(&code).ok());
        place.map_or(0, |i| i as u32 + 1)
    }
}

/// The code that a cell holds; `None` where it is no whole number in range.
pub(crate) fn whole_code(value: f32) -> Option<u32> {
    (value >= 0.0 && value < MOST_CODES as f32 && value.fract() == 0.0).then_some(value as u32)
}

/// How the columns of a matrix go into a network, learnt from training rows only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Inputs {
    pub(crate) n_features: usize,
    pub(crate) numbers: Vec<NumberInput>,
    pub(crate) categories: Vec<CategoryInput>,
}

impl Inputs {
    /// Learns centre and scale (mean and standard deviation; 1 for a constant column) and the codes.
    ///
    /// # Errors
    ///
    /// [`Error::InsufficientData`] for no rows or no columns, [`Error::NotFinite`] for NaN or infinite input,
    /// [`Error::InvalidArgument`] for a categorical column that is not there, twice there, or holds no code.
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
                    let expected = format!("a column below {}, once", x.ncols());
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

    /// Checks inputs of a file: rising columns, each once, finite centres, scales above 0, rising codes.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] that names the field that does not hold.
    pub(crate) fn check(&self) -> Result<()> {
        let mut seen = HashSet::new();
        let numbers: Vec<usize> = self.numbers.iter().map(|input| input.feature).collect();
        let categories: Vec<usize> = self.categories.iter().map(|input| input.feature).collect();
        for (name, features) in [("inputs.numbers", numbers), ("inputs.categories", categories)] {
            let fits = |&feature: &usize| feature < self.n_features && seen.insert(feature);
            if !features.is_sorted() || !features.iter().all(fits) {
                let expected = format!("of rising columns below {}, each once", self.n_features);
                return Err(Error::invalid(name, expected, format!("{features:?}")));
            }
        }
        if seen.is_empty() {
            return Err(Error::invalid("inputs", "of at least one column", 0));
        }
        for (i, input) in self.numbers.iter().enumerate() {
            if !(input.centre.is_finite() && input.scale.is_finite() && input.scale > 0.0) {
                let got = format!("{} and {}", input.centre, input.scale);
                let expected = "a finite centre and a finite scale above 0";
                return Err(Error::invalid(format!("inputs.numbers[{i}]"), expected, got));
            }
        }
        for (i, input) in self.categories.iter().enumerate() {
            let rising = input.codes.is_sorted_by(|a, b| a < b);
            if !rising || input.codes.last().is_none_or(|&last| last >= MOST_CODES) {
                let name = format!("inputs.categories[{i}].codes");
                return Err(Error::invalid(
                    name,
                    format!("one or more, rising, below {MOST_CODES}"),
                    "others",
                ));
            }
        }
        Ok(())
    }

    /// Whether a column goes in.
    pub(crate) fn has(&self, feature: usize) -> bool {
        self.numbers.iter().any(|input| input.feature == feature)
            || self.categories.iter().any(|input| input.feature == feature)
    }

    /// Keeps a column out, though the matrix has it.
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

    /// All rows encoded once, to deal into batches.
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
            return Err(Error::invalid(name, format!("a whole number in 0..{MOST_CODES}"), value));
        };
        codes.push(code);
    }
    codes.sort_unstable();
    codes.dedup();
    Ok(codes)
}

/// Rows as networks take them in.
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
