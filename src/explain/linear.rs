//! Linear models.

use ndarray::{Array2, ArrayView2};

use super::Explanation;
use crate::error::{Error, Result};

/// Explains `intercept + Σ weights[j] · x[j]` against the row of `means`.
///
/// The worth of a set of features is the score of the row in which all others have their mean, which is also
/// the mean score over rows that are drawn with independent features. The Shapley values of this sum are
/// `φ_j = weights[j] · (x[j] − means[j])`.
///
/// # Errors
///
/// [`Error::ShapeMismatch`] where weights, means and columns differ in number.
///
/// # Source
///
/// E. Štrumbelj, I. Kononenko, *Explaining prediction models and individual predictions with feature
/// contributions*, Knowledge and Information Systems 41, 2014.
pub(crate) fn linear(
    weights: &[f64],
    means: &[f64],
    intercept: f64,
    x: ArrayView2<'_, f32>,
) -> Result<Explanation> {
    for (what, got) in [("means of features", means.len()), ("feature columns", x.ncols())] {
        if got != weights.len() {
            return Err(Error::ShapeMismatch { what, expected: weights.len(), got });
        }
    }
    let dot = |row: &mut dyn Iterator<Item = f64>| {
        row.zip(weights).fold(intercept, |sum, (value, weight)| sum + weight * value)
    };
    let base = dot(&mut means.iter().copied());
    let scores =
        x.rows().into_iter().map(|row| dot(&mut row.iter().map(|&value| f64::from(value)))).collect();
    let contributions =
        Array2::from_shape_fn(x.dim(), |(i, j)| weights[j] * (f64::from(x[[i, j]]) - means[j]));
    Explanation::new(base, contributions, scores)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn contributions_by_hand() {
        let x = array![[1.0, 2.0], [3.0, -1.0]];
        let explanation = linear(&[2.0, -0.5], &[2.0, 1.0], 10.0, x.view()).unwrap();
        assert_eq!(explanation.base, 13.5);
        assert_eq!(explanation.scores, [11.0, 16.5]);
        assert_eq!(explanation.contributions, array![[-2.0, -0.5], [2.0, 1.0]]);
        let error = linear(&[2.0], &[2.0], 0.0, x.view()).unwrap_err();
        assert_eq!(error.to_string(), "feature columns: expected 1, got 2");
        assert!(linear(&[2.0, 1.0], &[2.0], 0.0, x.view()).is_err());
    }
}
