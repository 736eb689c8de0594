//! Scores split into what each feature contributed.

use ndarray::{Array2, ArrayView1};

use crate::error::{Error, Result};

/// Scores of some rows, split into contributions of the features.
///
/// `base + Σ contributions of row i = scores[i]`, to 1e-9 of the largest number among them or of 1. Builds
/// with debug assertions check it whenever an explanation is made.
///
/// # Examples
///
/// ```
/// use qosguard::explain::Explanation;
/// use qosguard::ndarray::array;
///
/// let explanation = Explanation::new(0.5, array![[0.1, -0.4, 0.0], [0.2, 0.0, 0.1]], vec![0.2, 0.8])?;
/// assert_eq!(explanation.top(0, 2), [(1, -0.4), (0, 0.1)]);
/// assert_eq!(explanation.importance(), [0.15000000000000002, 0.2, 0.05]);
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Explanation {
    /// The score when nothing is known about a row.
    pub base: f64,
    /// What each feature adds to the base, shape (rows, features).
    pub contributions: Array2<f64>,
    /// The scores in `f64`; a detector returns them rounded to `f32`.
    pub scores: Vec<f64>,
}

/// Largest gap between a score and the sum of its parts, as a share of the largest number among them.
const TOLERANCE: f64 = 1e-9;

impl Explanation {
    /// Puts an explanation together.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] where there is not one score per row.
    pub fn new(base: f64, contributions: Array2<f64>, scores: Vec<f64>) -> Result<Self> {
        if scores.len() != contributions.nrows() {
            return Err(Error::ShapeMismatch {
                what: "scores to explain",
                expected: contributions.nrows(),
                got: scores.len(),
            });
        }
        let explanation = Self { base, contributions, scores };
        debug_assert!(explanation.check().is_ok(), "{:?}", explanation.check());
        Ok(explanation)
    }

    /// Adds base and contributions up and compares the sum with each score.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] that names the first row where they differ by more than 1e-9 of the
    /// largest number among them or of 1, or where one of them is not finite.
    pub fn check(&self) -> Result<()> {
        for (i, (row, &score)) in self.contributions.rows().into_iter().zip(&self.scores).enumerate() {
            let sum = self.base + row.sum();
            let largest =
                row.fold(score.abs().max(self.base.abs()).max(1.0), |most, part| most.max(part.abs()));
            let gap = (sum - score).abs();
            if gap.is_nan() || gap > TOLERANCE * largest {
                return Err(Error::invalid(
                    format!("contributions[{i}]"),
                    format!("parts that sum to {score}"),
                    sum,
                ));
            }
        }
        Ok(())
    }

    /// Number of features.
    pub fn n_features(&self) -> usize {
        self.contributions.ncols()
    }

    /// The `n` features with the largest contributions to a row's score, of either sign, by falling size;
    /// equal ones in column order, features without any left out. Empty for a row that does not exist.
    pub fn top(&self, row: usize, n: usize) -> Vec<(usize, f64)> {
        self.ranked(row, n, f64::abs)
    }

    /// As [`Explanation::top`], of the features that raise the score only.
    pub fn top_raising(&self, row: usize, n: usize) -> Vec<(usize, f64)> {
        self.ranked(row, n, |contribution| contribution)
    }

    fn ranked(&self, row: usize, n: usize, size: impl Fn(f64) -> f64) -> Vec<(usize, f64)> {
        if row >= self.contributions.nrows() {
            return Vec::new();
        }
        let mut parts: Vec<(usize, f64)> = self.contributions.row(row).iter().copied().enumerate().collect();
        parts.retain(|&(_, part)| size(part) > 0.0);
        parts.sort_by(|(_, a), (_, b)| size(*b).total_cmp(&size(*a)));
        parts.truncate(n);
        parts
    }

    /// Mean size of each feature's contributions over the rows: its importance for the model as a whole.
    /// All 0 without rows.
    pub fn importance(&self) -> Vec<f64> {
        let rows = self.contributions.nrows().max(1) as f64;
        let size = |column: ArrayView1<'_, f64>| column.iter().map(|part| part.abs()).sum::<f64>() / rows;
        self.contributions.columns().into_iter().map(size).collect()
    }

    /// The explanation of a weighted sum of scores: what an ensemble makes of its members.
    ///
    /// # Errors
    ///
    /// [`Error::InsufficientData`] for no parts, [`Error::ShapeMismatch`] where their rows or features differ
    /// in number, [`Error::InvalidArgument`] for a weight that is not finite.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::explain::Explanation;
    /// use qosguard::ndarray::array;
    ///
    /// let a = Explanation::new(1.0, array![[1.0, 2.0]], vec![4.0])?;
    /// let b = Explanation::new(0.0, array![[0.0, -4.0]], vec![-4.0])?;
    /// let mean = Explanation::weighted(&[(0.5, a), (0.5, b)])?;
    /// assert_eq!(mean, Explanation::new(0.5, array![[0.5, -1.0]], vec![0.0])?);
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn weighted(parts: &[(f64, Self)]) -> Result<Self> {
        let Some((_, first)) = parts.first() else {
            return Err(Error::InsufficientData { what: "explanations to add".into(), needed: 1, got: 0 });
        };
        let mut sum = Self {
            base: 0.0,
            contributions: Array2::zeros(first.contributions.dim()),
            scores: vec![0.0; first.scores.len()],
        };
        for (i, (weight, part)) in parts.iter().enumerate() {
            if !weight.is_finite() {
                return Err(Error::invalid(format!("weights[{i}]"), "a finite number", weight));
            }
            let (rows, features) = sum.contributions.dim();
            for (what, expected, got) in [
                ("explained rows", rows, part.contributions.nrows()),
                ("explained rows", rows, part.scores.len()),
                ("explained features", features, part.contributions.ncols()),
            ] {
                if expected != got {
                    return Err(Error::ShapeMismatch { what, expected, got });
                }
            }
            sum.base += weight * part.base;
            sum.contributions.scaled_add(*weight, &part.contributions);
            sum.scores.iter_mut().zip(&part.scores).for_each(|(sum, score)| *sum += weight * score);
        }
        Self::new(sum.base, sum.contributions, sum.scores)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn example() -> Explanation {
        Explanation::new(1.0, array![[2.0, -3.0, 0.0, 2.0], [0.0, 1.0, 0.0, -1.0]], vec![2.0, 1.0]).unwrap()
    }

    #[test]
    fn the_top_is_by_size_then_by_column() {
        let explanation = example();
        assert_eq!(explanation.top(0, 9), [(1, -3.0), (0, 2.0), (3, 2.0)]);
        assert_eq!(explanation.top(0, 1), [(1, -3.0)]);
        assert_eq!(explanation.top_raising(0, 9), [(0, 2.0), (3, 2.0)]);
        assert_eq!(explanation.top_raising(1, 9), [(1, 1.0)]);
        assert!(explanation.top(2, 3).is_empty() && explanation.top(0, 0).is_empty());
        assert_eq!(explanation.importance(), [1.0, 2.0, 0.0, 1.5]);
    }

    #[test]
    fn what_does_not_add_up_is_named() {
        let mut explanation = example();
        explanation.check().unwrap();
        explanation.scores[1] = 1.0 + 2e-9;
        let error = explanation.check().unwrap_err();
        assert_eq!(error.to_string(), "`contributions[1]` must be parts that sum to 1.000000002, got 1");
        explanation.scores[1] = f64::NAN;
        assert!(explanation.check().is_err());
    }

    #[test]
    fn only_like_explanations_are_added() {
        let error = Explanation::weighted(&[]).unwrap_err();
        assert_eq!(error.to_string(), "explanations to add: needs at least 1, got 0");
        let narrow = Explanation::new(1.0, array![[0.0], [1.0]], vec![1.0, 2.0]).unwrap();
        assert!(Explanation::weighted(&[(1.0, example()), (1.0, narrow)]).is_err());
        assert!(Explanation::weighted(&[(f64::NAN, example())]).is_err());
        assert!(Explanation::new(0.0, array![[1.0]], vec![]).is_err());
        let tripled = Explanation::weighted(&[(2.0, example()), (1.0, example())]).unwrap();
        assert_eq!((tripled.base, &tripled.scores[..]), (3.0, &[6.0, 3.0][..]));
        assert_eq!(tripled.contributions, 3.0 * example().contributions);
    }
}
