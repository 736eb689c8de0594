//! What each feature added to each score.

use pyo3::prelude::*;
use qosguard::{explain, guard};

use crate::array::{Grid, Matrix, Slice, Vector};
use crate::convert::{Record, Whole, from_json, json};
use crate::error::forward;
use crate::table::Table;

/// Columns, contributions, records and clean ranges of a [`GuardExplanation`], for pickles.
type Parts = (Vec<String>, Explanation, Table, String);

/// Scores of some rows, split into contributions of the features.
#[pyclass(frozen, module = "qosguard._core")]
#[derive(Debug)]
pub(crate) struct Explanation(pub(crate) explain::Explanation);

#[pymethods]
impl Explanation {
    #[new]
    fn new(
        py: Python<'_>,
        base: f64,
        contributions: Matrix<'_, f64>,
        scores: Slice<'_, f64>,
    ) -> PyResult<Self> {
        let (contributions, scores) = (contributions.view().to_owned(), scores.get()?.to_vec());
        forward(py, || explain::Explanation::new(base, contributions, scores)).map(Self)
    }

    /// The score when nothing is known about a row.
    #[getter]
    fn base(&self) -> f64 {
        self.0.base
    }

    /// What each feature adds to the base, shape (rows, features).
    #[getter]
    fn contributions(&self) -> Grid<f64> {
        Grid(self.0.contributions.clone())
    }

    /// The scores.
    #[getter]
    fn scores(&self) -> Vector<f64> {
        Vector(self.0.scores.clone())
    }

    /// The `n` features with the largest contributions to a row's score, and these.
    fn top(&self, py: Python<'_>, row: Whole, n: Whole) -> PyResult<Vec<(usize, f64)>> {
        Ok(self.0.top(row.get(py, "row")?, n.get(py, "n")?))
    }

    /// Mean size of each feature's contributions.
    fn importance(&self) -> Vector<f64> {
        Vector(self.0.importance())
    }

    fn __reduce__<'py>(
        slf: &Bound<'py, Self>,
    ) -> (Bound<'py, pyo3::types::PyType>, (f64, Grid<f64>, Vector<f64>)) {
        let this = slf.get();
        (slf.get_type(), (this.base(), this.contributions(), this.scores()))
    }
}

/// Why a guard scores the records of a table as it does.
#[pyclass(frozen, module = "qosguard._core")]
#[derive(Debug)]
pub(crate) struct GuardExplanation(pub(crate) guard::GuardExplanation);

#[pymethods]
impl GuardExplanation {
    /// The raw columns, in the order of the contributions.
    #[getter]
    fn columns(&self) -> Vec<String> {
        self.0.columns().to_vec()
    }

    /// Base, contributions by column, and scores.
    #[getter]
    fn explanation(&self) -> Explanation {
        Explanation(self.0.explanation().clone())
    }

    #[pyo3(signature = () -> "tuple[Any, ...]")]
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Parts)> {
        let this = slf.get();
        let (table, ranges) = (Table(this.0.table().clone()), json(&this.0.clean_ranges()));
        Ok((slf.getattr("_from_parts")?, (this.columns(), this.explanation(), table, ranges)))
    }

    #[staticmethod]
    fn _from_parts(
        py: Python<'_>,
        columns: Vec<String>,
        explanation: &Explanation,
        table: &Table,
        ranges: &str,
    ) -> PyResult<Self> {
        let (explanation, table) = (explanation.0.clone(), table.0.clone());
        let ranges = from_json(py, ranges)?;
        forward(py, || guard::GuardExplanation::new(columns, explanation, table, ranges)).map(Self)
    }

    /// The columns that raise a record's score most, and each in words.
    fn reasons(&self, py: Python<'_>, row: Whole, n: Whole) -> PyResult<Vec<(Record, String)>> {
        let reasons = self.0.reasons(row.get(py, "row")?, n.get(py, "n")?).0;
        Ok(reasons.iter().map(|reason| (Record::new(reason), reason.to_string())).collect())
    }
}
