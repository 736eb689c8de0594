//! The isolation forest on bare matrices.

use pyo3::prelude::*;
use qosguard::detect::{Detector, Fit, IsolationForest, IsolationForestConfig};

use crate::array::{Matrix, Vector};
use crate::convert::{Whole, from_json, json};
use crate::error::forward;

/// Settings of an isolation forest.
#[pyclass(frozen, eq, module = "qosguard._core")]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ForestConfig(pub(crate) IsolationForestConfig);

#[pymethods]
impl ForestConfig {
    #[new]
    fn new(py: Python<'_>, n_estimators: Whole, max_samples: Whole, random_state: Whole) -> PyResult<Self> {
        Ok(Self(IsolationForestConfig {
            trees: n_estimators.get(py, "n_estimators")?,
            max_samples: max_samples.get(py, "max_samples")?,
            seed: random_state.get(py, "random_state")?,
            ..IsolationForestConfig::default()
        }))
    }
}

/// A fitted isolation forest.
#[pyclass(frozen, module = "qosguard._core")]
#[derive(Debug)]
pub(crate) struct Forest(IsolationForest);

#[pymethods]
impl Forest {
    /// Fits on a matrix of shape (rows, features).
    #[staticmethod]
    fn fit(py: Python<'_>, config: &ForestConfig, x: Matrix<'_>) -> PyResult<Self> {
        let x = x.view();
        forward(py, || config.0.fit(x, None)).map(Self)
    }

    /// One score per row; higher is more anomalous.
    fn score(&self, py: Python<'_>, x: Matrix<'_>) -> PyResult<Vector<f32>> {
        let x = x.view();
        forward(py, || self.0.score(x)).map(Vector)
    }

    /// Number of feature columns that it was fitted on.
    #[getter]
    fn n_features(&self) -> usize {
        self.0.n_features()
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (String,))> {
        Ok((slf.getattr("_from_json")?, (json(&slf.get().0.to_parts()),)))
    }

    #[staticmethod]
    fn _from_json(py: Python<'_>, text: &str) -> PyResult<Self> {
        let parts = from_json(py, text)?;
        forward(py, || IsolationForest::from_parts(&parts)).map(Self)
    }
}
