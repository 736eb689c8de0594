//! Checks of the input of detectors.

use std::collections::HashSet;

use ndarray::ArrayView2;

use crate::error::{Error, Result};

/// Rejects fewer than two classes, and a name that occurs twice.
pub(crate) fn classes(classes: &[String]) -> Result<()> {
    if classes.len() < 2 {
        return Err(Error::InsufficientData { what: "classes".into(), needed: 2, got: classes.len() });
    }
    let mut seen = HashSet::new();
    match classes.iter().position(|name| !seen.insert(name)) {
        None => Ok(()),
        Some(i) => Err(Error::invalid(format!("classes[{i}]"), "a unique name", &classes[i])),
    }
}

/// Rejects a matrix of another width than the model and an output of another length than the matrix.
pub(crate) fn shape<T>(x: &ArrayView2<'_, T>, n_features: usize, out: usize) -> Result<()> {
    if x.ncols() != n_features {
        return Err(Error::ShapeMismatch { what: "feature columns", expected: n_features, got: x.ncols() });
    }
    if out != x.nrows() {
        return Err(Error::ShapeMismatch { what: "scores to write", expected: x.nrows(), got: out });
    }
    Ok(())
}

/// Rejects the first NaN or infinity, in row order, by row and column; rows count from `first_row`.
pub(crate) fn finite(x: &ArrayView2<'_, f32>, first_row: usize) -> Result<()> {
    if x.as_slice_memory_order().is_some_and(all_finite) {
        return Ok(());
    }
    match x.indexed_iter().find(|(_, value)| !value.is_finite()) {
        None => Ok(()),
        Some(((row, column), &value)) => Err(not_finite(first_row + row, column, value)),
    }
}

fn not_finite(row: usize, column: usize, value: f32) -> Error {
    Error::NotFinite { row, column: column.to_string(), value: f64::from(value) }
}

/// Rejects the first infinity, in row order, by row and column; NaN is a missing value and is accepted.
pub(crate) fn no_infinity(x: &ArrayView2<'_, f32>, first_row: usize) -> Result<()> {
    if x.as_slice_memory_order()
        .is_some_and(|values| !values.iter().fold(false, |bad, v| bad | v.is_infinite()))
    {
        return Ok(());
    }
    match x.indexed_iter().find(|(_, value)| value.is_infinite()) {
        None => Ok(()),
        Some(((row, column), &value)) => Err(not_finite(first_row + row, column, value)),
    }
}

/// Whether no value is NaN or infinite: no exponent has all its bits set.
fn all_finite(values: &[f32]) -> bool {
    const EXPONENT: u32 = 0x7f80_0000;
    // A fold without a branch inside becomes vector code; the chunks allow an early end.
    values
        .chunks(4096)
        .all(|chunk| !chunk.iter().fold(false, |bad, value| bad | (value.to_bits() & EXPONENT == EXPONENT)))
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    #[test]
    fn extremes_are_finite_and_the_first_bad_cell_is_named() {
        let mut x = Array2::from_elem((5000, 3), f32::MAX);
        x[[0, 0]] = f32::MIN_POSITIVE / 2.0;
        x[[1, 1]] = -0.0;
        finite(&x.view(), 0).unwrap();
        x[[4000, 1]] = f32::NEG_INFINITY;
        x[[4001, 0]] = f32::NAN;
        for view in [x.view(), x.as_standard_layout().view()] {
            let error = finite(&view, 10).unwrap_err();
            assert_eq!(error.to_string(), "row 4010, column `1`: -inf is not finite");
        }
        let error = finite(&x.t(), 0).unwrap_err();
        assert_eq!(error.to_string(), "row 0, column `4001`: NaN is not finite");
    }
}
