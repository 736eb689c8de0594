//! Rows of 32-bit or 64-bit numbers.

use ndarray::{Array2, ArrayView2};

use super::{Classifier, Detector};
use crate::error::Result;
use crate::explain::Explanation;

/// Rows of `f32` or of `f64`, for callers that get either.
///
/// # Examples
///
/// ```
/// use qosguard::detect::{AnyRows, Fit, FitContext, IsolationForestConfig};
/// use qosguard::ndarray::Array2;
///
/// let x = Array2::from_shape_fn((100, 2), |(i, j)| (i * (j + 3) % 17) as f64);
/// let narrow = x.mapv(|value| value as f32);
/// let forest = IsolationForestConfig::default().fit(narrow.view(), FitContext::default())?.model;
/// let scores = AnyRows::from(x.view()).score(&forest)?;
/// assert_eq!(scores, AnyRows::from(narrow.view()).score(&forest)?);
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum AnyRows<'a> {
    /// Rows of 32-bit numbers.
    F32(ArrayView2<'a, f32>),
    /// Rows of 64-bit numbers.
    F64(ArrayView2<'a, f64>),
}

impl AnyRows<'_> {
    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        match self {
            Self::F32(x) => x.nrows(),
            Self::F64(x) => x.nrows(),
        }
    }

    /// One score per row.
    ///
    /// # Errors
    ///
    /// As [`Detector::score`] and [`Detector::score_f64`].
    pub fn score(&self, detector: &dyn Detector) -> Result<Vec<f32>> {
        match self {
            Self::F32(x) => detector.score(*x),
            Self::F64(x) => detector.score_f64(*x),
        }
    }

    /// What each feature adds to each score.
    ///
    /// # Errors
    ///
    /// As [`Detector::explain`] and [`Detector::explain_f64`].
    pub fn explain(&self, detector: &dyn Detector) -> Result<Explanation> {
        match self {
            Self::F32(x) => detector.explain(*x),
            Self::F64(x) => detector.explain_f64(*x),
        }
    }

    /// Probability of each class, shape `(rows, classes)`.
    ///
    /// # Errors
    ///
    /// As [`Classifier::probabilities`] and [`Classifier::probabilities_f64`].
    pub fn probabilities(&self, classifier: &dyn Classifier) -> Result<Array2<f64>> {
        match self {
            Self::F32(x) => classifier.probabilities(*x),
            Self::F64(x) => classifier.probabilities_f64(*x),
        }
    }
}

impl<'a> From<ArrayView2<'a, f32>> for AnyRows<'a> {
    fn from(x: ArrayView2<'a, f32>) -> Self {
        Self::F32(x)
    }
}

impl<'a> From<ArrayView2<'a, f64>> for AnyRows<'a> {
    fn from(x: ArrayView2<'a, f64>) -> Self {
        Self::F64(x)
    }
}
