//! Detectors on bare matrices: one class for all of them.

use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use qosguard::detect::{
    AnyDetector, AnyDetectorConfig, Checkpoint, Detector as _, Fit, FitContext, IsolationForest, Labels,
    TreeEnsemble,
};
use qosguard::ndarray::ArrayView2;
use qosguard::{Error, Result};

use crate::array::{Grid, Matrix, Slice, Vector};
use crate::convert::{Config, Record, Whole};
use crate::error::{forward, forward_rows, interruptible};
use crate::explanation::Explanation;
use crate::settings;
use crate::watch::Watch;

/// Any fitted detector.
///
/// Scoring reads it; only half-space trees and `Kitsune` are ever written, when they learn.
#[pyclass(frozen, module = "qosguard._core")]
#[derive(Debug)]
pub(crate) struct Detector(RwLock<AnyDetector>);

impl Detector {
    fn new(detector: impl Into<AnyDetector>) -> Self {
        Self(RwLock::new(detector.into()))
    }

    /// Runs `work` on the detector.
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&AnyDetector) -> Result<T> + Send,
    ) -> PyResult<T> {
        forward(py, || work(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Runs work on the detector that takes time in proportion to `rows`.
    fn with_rows<T: Send>(
        &self,
        py: Python<'_>,
        rows: usize,
        work: impl FnOnce(&AnyDetector) -> Result<T> + Send,
    ) -> PyResult<T> {
        forward_rows(py, rows, || work(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }

    fn fit_with(
        py: Python<'_>,
        config: &AnyDetectorConfig,
        x: ArrayView2<'_, f32>,
        context: FitContext<'_>,
        watch: Option<Watch>,
    ) -> PyResult<Self> {
        let fit = |resume: Option<&Checkpoint>| config.fit(x, FitContext { resume, ..context });
        Watch::run(watch, py, fit).map(|fitted| Self::new(fitted.model))
    }

    /// Makes a new detector of this one.
    fn made(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&AnyDetector) -> Result<AnyDetector> + Send,
    ) -> PyResult<Self> {
        self.with(py, work).map(Self::new)
    }
}

#[pymethods]
impl Detector {
    /// Fits on a matrix of shape (rows, features); `labels` are true for attacks.
    #[staticmethod]
    fn fit(
        py: Python<'_>,
        config: Config,
        x: Matrix<'_>,
        labels: Option<Slice<'_, bool>>,
        watch: Option<Watch>,
    ) -> PyResult<Self> {
        let config = settings::read(py, config)?;
        let (x, labels) = (x.view(), labels.as_ref().map(Slice::get).transpose()?);
        let labels = labels.map_or(Labels::None, Labels::Binary);
        Self::fit_with(py, &config, x, FitContext { labels, ..FitContext::default() }, watch)
    }

    /// Fits a classifier; `labels` are numbers of `classes`, the first of which is clean.
    #[staticmethod]
    fn fit_classes(
        py: Python<'_>,
        config: Config,
        x: Matrix<'_>,
        labels: Slice<'_, u32>,
        classes: Vec<String>,
        weights: Option<Slice<'_, f32>>,
        watch: Option<Watch>,
    ) -> PyResult<Self> {
        let config = settings::read(py, config)?;
        let weights = weights.as_ref().map(Slice::get).transpose()?;
        let codes: Vec<Option<u32>> = labels.get()?.iter().copied().map(Some).collect();
        let context = FitContext { weights, ..FitContext::classes(&codes, &classes) };
        Self::fit_with(py, &config, x.view(), context, watch)
    }

    /// Half-space trees, or a `Kitsune`, that have seen no row yet.
    #[staticmethod]
    fn stream(py: Python<'_>, config: Config, n_features: Whole) -> PyResult<Self> {
        let n_features = n_features.get(py, "n_features")?;
        let config = settings::read(py, config)?;
        forward(py, || config.stream(n_features)).map(Self::new)
    }

    /// Reads trees that `lightgbm`, `xgboost` or `sklearn` has trained, from the bytes of a model or from a file.
    #[staticmethod]
    fn import_trees(
        py: Python<'_>,
        library: &str,
        data: Option<&[u8]>,
        path: Option<PathBuf>,
    ) -> PyResult<Self> {
        let read = || match (library, data, path) {
            ("lightgbm", Some(data), _) => TreeEnsemble::from_lightgbm_slice(data),
            ("lightgbm", None, Some(path)) => TreeEnsemble::from_lightgbm_file(path),
            ("xgboost", Some(data), _) => TreeEnsemble::from_xgboost_slice(data),
            ("xgboost", None, Some(path)) => TreeEnsemble::from_xgboost_json_file(path),
            ("sklearn", Some(data), _) => TreeEnsemble::from_sklearn_slice(data),
            ("sklearn", None, Some(path)) => TreeEnsemble::from_sklearn_json_file(path),
            (library, ..) => Err(Error::InvalidArgument {
                name: "library".into(),
                expected: "lightgbm, xgboost or sklearn, with data or a path".into(),
                got: library.into(),
            }),
        };
        interruptible(py, read).map(Self::new)
    }

    /// One score per row; higher is more anomalous.
    fn score(&self, py: Python<'_>, x: Matrix<'_>) -> PyResult<Vector<f32>> {
        let x = x.view();
        self.with_rows(py, x.nrows(), |detector| detector.score(x)).map(Vector)
    }

    /// What each feature adds to each score.
    fn explain(&self, py: Python<'_>, x: Matrix<'_>) -> PyResult<Explanation> {
        let x = x.view();
        self.with_rows(py, usize::MAX, |detector| detector.explain(x)).map(Explanation)
    }

    /// Probability of each class, shape (rows, classes).
    fn probabilities(&self, py: Python<'_>, x: Matrix<'_>) -> PyResult<Grid<f64>> {
        let x = x.view();
        self.with_rows(py, x.nrows(), |detector| detector.classifier()?.probabilities(x)).map(Grid)
    }

    /// Names of the classes; the class of clean traffic is first.
    #[getter]
    fn classes(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.with(py, |detector| Ok(detector.classifier()?.classes().to_vec()))
    }

    /// Number of feature columns that it was fitted on.
    #[getter]
    fn n_features(&self, py: Python<'_>) -> PyResult<usize> {
        self.with(py, |detector| Ok(detector.n_features()))
    }

    /// What the fit found, by the kind of the detector.
    #[getter]
    fn facts(&self, py: Python<'_>) -> PyResult<Record> {
        self.with(py, |detector| Ok(Record::new(&detector.facts())))
    }

    /// An isolation forest with more trees, grown on a matrix of shape (rows, features).
    fn grow(&self, py: Python<'_>, x: Matrix<'_>, trees: Whole) -> PyResult<Self> {
        let (x, trees) = (x.view(), trees.get(py, "n")?);
        let grow = |detector: &AnyDetector| detector.as_isolation_forest()?.grow(x, trees);
        self.with_rows(py, usize::MAX, grow).map(Self::new)
    }

    /// One isolation forest of the trees of several.
    #[staticmethod]
    fn merge(py: Python<'_>, forests: Vec<Py<Self>>) -> PyResult<Self> {
        let forests = forests
            .iter()
            .map(|other| other.get().with(py, |detector| detector.as_isolation_forest().cloned()));
        let forests: Vec<IsolationForest> = forests.collect::<PyResult<_>>()?;
        interruptible(py, || IsolationForest::merge(&forests)).map(Self::new)
    }

    /// Half-space trees, or a `Kitsune`, learn the rows of a matrix of shape (rows, features), in order.
    fn learn(&self, py: Python<'_>, x: Matrix<'_>) -> PyResult<()> {
        let x = x.view();
        interruptible(py, || {
            self.0.write().unwrap_or_else(PoisonError::into_inner).as_online_mut()?.learn_many(x)
        })
    }

    /// Each member's p-value of each row, shape (rows, members).
    fn p_values(&self, py: Python<'_>, x: Matrix<'_>) -> PyResult<Grid<f64>> {
        let x = x.view();
        self.with_rows(py, x.nrows(), |detector| detector.as_ensemble()?.p_values(x)).map(Grid)
    }

    /// How much each expert of a mixture counts in each row, shape (rows, experts).
    fn gate_weights(&self, py: Python<'_>, x: Matrix<'_>) -> PyResult<Grid<f32>> {
        let x = x.view();
        self.with_rows(py, x.nrows(), |detector| detector.as_mixture_of_experts()?.gate_weights(x)).map(Grid)
    }

    /// The same ensemble with a member switched off.
    fn without(&self, py: Python<'_>, name: &str) -> PyResult<Self> {
        self.made(py, |detector| Ok(detector.as_ensemble()?.without(name)?.into()))
    }

    /// The same trees with other names of the classes, and with the class of clean traffic first.
    fn with_classes(&self, py: Python<'_>, names: Vec<String>, clean: &str) -> PyResult<Self> {
        let renamed = |detector: &AnyDetector| {
            detector.as_trees()?.clone().with_classes(names)?.with_clean_class(clean)
        };
        self.made(py, |detector| renamed(detector).map(Into::into))
    }

    /// The same trees, which take this value for a missing one, like NaN.
    fn with_missing_value(&self, py: Python<'_>, value: f32) -> PyResult<Self> {
        self.made(py, |detector| Ok(detector.as_trees()?.clone().with_missing_value(value)?.into()))
    }

    /// The trees as a model of ONNX.
    fn to_onnx<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.with(py, |detector| detector.as_trees()?.to_onnx())?;
        Ok(PyBytes::new(py, &bytes))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        let bytes = slf.get().with(slf.py(), AnyDetector::to_bytes)?;
        Ok((slf.getattr("_from_bytes")?, (PyBytes::new(slf.py(), &bytes),)))
    }

    #[staticmethod]
    fn _from_bytes(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        forward(py, || AnyDetector::from_bytes(data)).map(Self::new)
    }
}
