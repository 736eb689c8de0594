//! Linear models.

use ndarray::{Array2, ArrayView1, ArrayView2};

use super::Explanation;
use crate::error::{Error, Result};

impl Explanation {
    /// Explains `intercept + Σ weights[j] · x[j]` against the row of `means`.
    ///
    /// The worth of a set of features is the score of the row in which all others have their mean, which is
    /// also the mean score over rows whose features are drawn independently. The Shapley values of this sum
    /// are `φ_j = weights[j] · (x[j] − means[j])`.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] where weights, means and columns differ in number.
    ///
    /// # Source
    ///
    /// E. Štrumbelj, I. Kononenko, *Explaining prediction models and individual predictions with feature
    /// contributions*, Knowledge and Information Systems 41, 2014.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::explain::Explanation;
    /// use qosguard::ndarray::array;
    ///
    /// let x = array![[1.0, 2.0], [3.0, -1.0]];
    /// let explanation = Explanation::linear(&[2.0, -0.5], &[2.0, 1.0], 10.0, x.view())?;
    /// assert_eq!(explanation.base, 13.5);
    /// assert_eq!(explanation.contributions, array![[-2.0, -0.5], [2.0, 1.0]]);
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn linear(weights: &[f64], means: &[f64], intercept: f64, x: ArrayView2<'_, f32>) -> Result<Self> {
        for (what, got) in [("means of features", means.len()), ("feature columns", x.ncols())] {
            if got != weights.len() {
                return Err(Error::ShapeMismatch { what, expected: weights.len(), got });
            }
        }
        let dot = |row: &mut dyn Iterator<Item = f64>| {
            row.zip(weights).fold(intercept, |sum, (value, weight)| sum + weight * value)
        };
        let base = dot(&mut means.iter().copied());
        let score = |row: ArrayView1<'_, f32>| dot(&mut row.iter().map(|&value| f64::from(value)));
        let scores = x.rows().into_iter().map(score).collect();
        let part = |(i, j): (usize, usize)| weights[j] * (f64::from(x[[i, j]]) - means[j]);
        Self::new(base, Array2::from_shape_fn(x.dim(), part), scores)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::super::brute::shapley;
    use super::*;

    #[test]
    fn the_parts_are_the_shapley_values_of_unknown_features_at_their_mean() {
        let (weights, means) = ([2.0, -0.5, 0.0, 4.0], [2.0, 1.0, 3.0, -1.0]);
        let x = array![[1.0, 2.0, 5.0, 0.25], [3.0, -1.0, 3.0, 7.0]];
        let explanation = Explanation::linear(&weights, &means, 10.0, x.view()).unwrap();
        for (i, row) in x.rows().into_iter().enumerate() {
            let worth = |set: usize| {
                let value = |j: usize| if set >> j & 1 == 1 { f64::from(row[j]) } else { means[j] };
                10.0 + (0..4).map(|j| weights[j] * value(j)).sum::<f64>()
            };
            assert_eq!((explanation.base, explanation.scores[i]), (worth(0), worth(15)));
            for (j, expected) in shapley(4, worth).into_iter().enumerate() {
                assert!((explanation.contributions[[i, j]] - expected).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn other_widths_are_rejected() {
        let x = array![[1.0, 2.0]];
        let error = Explanation::linear(&[2.0], &[2.0], 0.0, x.view()).unwrap_err();
        assert_eq!(error.to_string(), "feature columns: expected 1, got 2");
        assert!(Explanation::linear(&[2.0, 1.0], &[2.0], 0.0, x.view()).is_err());
    }
}
