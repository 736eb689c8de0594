//! Maps of scores to probabilities, and combinations of p-values.

use ndarray::ArrayView1;
use pyo3::prelude::*;
use qosguard::calibrate::{self, Combination, ProbabilityRule};

use crate::array::{Matrix, Slice, Vector};
use crate::convert::{from_json, json, refuse, word};
use crate::error::interruptible;

/// A fitted map from a score to the probability of an attack, in (0, 1); it never reverses the order of two scores.
///
/// Examples
/// --------
/// >>> import numpy as np, qosguard as qg
/// >>> scores = np.tile(np.float32([0, 0, 0, 0, 1, 1, 1, 1]), 1000)
/// >>> labels = np.tile([True, False, False, False, True, True, True, False], 1000)
/// >>> qg.Probability.fit(scores, labels, "platt").predict(np.float32([0, 1])).round(2).tolist()
/// [0.25, 0.75]
#[pyclass(frozen, eq, module = "qosguard")]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Probability(calibrate::Probability);

#[pymethods]
impl Probability {
    /// Fit on rows that the detector was not fitted on.
    ///
    /// Parameters
    /// ----------
    /// scores
    ///     float32 scores.
    /// labels
    ///     bool labels, true for attacks.
    /// rule
    ///     `"platt"` (two numbers; 100 rows are enough), `"isotonic"` (any curve that never falls; it needs about 1,000
    ///     rows) or `"temperature"` (for scores that are log-odds).
    /// attack_share
    ///     Share of attacks in the traffic that the map is used on, in (0, 1); default: the share of these rows.
    ///
    /// Returns
    /// -------
    /// Probability
    ///     The fitted map.
    ///
    /// Raises
    /// ------
    /// InsufficientDataError
    ///     Unless there are clean rows and attacks.
    /// ShapeMismatchError
    ///     If the lengths differ.
    /// NotFiniteError
    ///     For a score that is NaN or infinite.
    /// InvalidArgumentError
    ///     For another rule, and for a share outside (0, 1).
    #[staticmethod]
    #[pyo3(signature = (scores, labels, rule = "isotonic", attack_share = None))]
    fn fit(
        py: Python<'_>,
        scores: Slice<'_, f32>,
        labels: Slice<'_, bool>,
        rule: &str,
        attack_share: Option<f64>,
    ) -> PyResult<Self> {
        let known = serde_json::from_value(serde_json::json!({"kind": rule}));
        let rule: ProbabilityRule =
            known.map_err(|_| refuse(py, "rule", "`platt`, `isotonic` or `temperature`", rule))?;
        let (scores, labels) = (scores.get()?, labels.get()?);
        interruptible(py, || rule.fit(scores, labels, attack_share)).map(Self)
    }

    /// Probability of an attack for each float32 score.
    fn predict(&self, py: Python<'_>, scores: Slice<'_, f32>) -> PyResult<Vector<f64>> {
        let scores = scores.get()?;
        let mut out = vec![0.0; scores.len()];
        interruptible(py, || self.0.probabilities_into(scores, &mut out))?;
        Ok(Vector(out))
    }

    /// The rule that fitted the map.
    #[getter]
    fn rule(&self) -> String {
        serde_json::json!(self.0.rule())["kind"].as_str().unwrap_or_default().to_owned()
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (String,))> {
        Ok((slf.getattr("_from_json")?, (json(&slf.get().0),)))
    }

    #[staticmethod]
    fn _from_json(py: Python<'_>, text: &str) -> PyResult<Self> {
        from_json(py, text).map(Self)
    }

    fn __repr__(&self) -> String {
        format!("Probability({})", self.rule())
    }
}

/// Combines the p-values of each row of a matrix of shape (rows, members).
#[pyfunction]
pub(crate) fn combine_p_values(
    py: Python<'_>,
    p: Matrix<'_, f64>,
    method: &str,
    weights: Option<Slice<'_, f64>>,
) -> PyResult<Vector<f64>> {
    let method: Combination = word(py, "method", method)?;
    let (p, weights) = (p.view(), weights.as_ref().map(Slice::get).transpose()?);
    let combine = |row: ArrayView1<'_, f64>| {
        let row = row.to_slice().unwrap_or_default();
        weights.map_or_else(|| Ok(method.combine(row)), |weights| method.combine_weighted(row, weights))
    };
    interruptible(py, || p.outer_iter().map(combine).collect()).map(Vector)
}
