//! `Table`, its report, and the way of Arrow data in and out.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use pyo3::inspect::PyStaticExpr;
use pyo3::prelude::*;
use pyo3::type_hint_identifier;
use pyo3::types::PyCapsule;
use pyo3_arrow::error::PyArrowResult;
use pyo3_arrow::ffi::{ArrayIterator, to_stream_pycapsule};
use pyo3_arrow::input::AnyRecordBatch;
use qosguard::arrow::array::{ArrayRef, RecordBatch, StructArray};
use qosguard::arrow::datatypes::Field;
use qosguard::telemetry::{self, ArrowReader, BatchReader, ReadOptions};

use crate::array::{Rows, Vector};
use crate::convert::Records;
use crate::error::forward;
use crate::schema::Schema;

/// Why one record was left out.
#[pyclass(frozen, eq, module = "qosguard")]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rejection(telemetry::Rejection);

#[pymethods]
impl Rejection {
    /// Line in the file, from 1.
    #[getter]
    fn line(&self) -> u64 {
        self.0.line
    }

    /// Column name; empty when the whole line is meant.
    #[getter]
    fn column(&self) -> &str {
        &self.0.column
    }

    /// The offending value, cut to 64 characters.
    #[getter]
    fn value(&self) -> &str {
        &self.0.value
    }

    /// What was expected there.
    #[getter]
    fn expected(&self) -> &str {
        &self.0.expected
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("Rejection({})", self.0)
    }
}

/// What a reader read and what it rejected.
#[pyclass(frozen, eq, module = "qosguard")]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ReadReport(pub(crate) telemetry::ReadReport);

#[pymethods]
impl ReadReport {
    /// File or stream.
    #[getter]
    fn place(&self) -> &str {
        &self.0.place
    }

    /// Records accepted.
    #[getter]
    fn accepted(&self) -> u64 {
        self.0.accepted
    }

    /// Records rejected.
    #[getter]
    fn rejected(&self) -> u64 {
        self.0.rejected
    }

    /// Lines without a single value, which are no records.
    #[getter]
    fn blank(&self) -> u64 {
        self.0.blank
    }

    /// How many records were of another kind than the reader's, such as the alerts among Suricata's events, or could
    /// give no flow, such as a packet cut short; by the name of the kind.
    #[getter]
    fn skipped(&self) -> BTreeMap<String, u64> {
        self.0.skipped.clone()
    }

    /// The first rejections, in file order; all are counted, at most 100 are kept.
    #[getter]
    fn rejections(&self) -> Vec<Rejection> {
        self.0.rejections.iter().cloned().map(Rejection).collect()
    }

    /// Why an input that is not empty gave no record, in one sentence; `None` if records were accepted or the input is
    /// empty.
    #[getter]
    fn nothing_read(&self) -> Option<String> {
        self.0.nothing_read()
    }

    fn __repr__(&self) -> String {
        let nothing =
            self.0.nothing_read().map_or_else(String::new, |reason| format!(", nothing_read={reason:?}"));
        format!(
            "ReadReport(place={:?}, accepted={}, rejected={}{nothing})",
            self.0.place, self.0.accepted, self.0.rejected
        )
    }
}

/// Raw telemetry: Arrow batches whose columns are those of a `Schema`.
///
/// Immutable. Every library that speaks the Arrow C stream interface takes it without copying:
/// `pyarrow.table(flows)`, `polars.DataFrame(flows)`; `to_pandas()` makes a pandas frame.
#[pyclass(frozen, module = "qosguard")]
#[derive(Debug)]
pub(crate) struct Table(pub(crate) telemetry::Table);

#[pymethods]
impl Table {
    /// Takes what speaks the Arrow C stream or array interface: a table, batch or reader of pyarrow, a polars
    /// or pandas frame (2.2 or newer), a DuckDB relation. Columns are found by name; without a schema it is
    /// detected.
    ///
    /// Columns of 64-bit floats, and of plain strings that hold nothing to change, are handed over without a
    /// copy; those that the schema limits are scanned. All else is converted: other numbers, other kinds of
    /// strings, dictionaries, and times, which become seconds since the epoch. A row outside the limits is
    /// rejected and stands in `Table.report`; more than `max_rejected_share` of them, in [0, 1], raise
    /// `BadRecordError`.
    #[staticmethod]
    #[pyo3(signature = (data: "object", schema = None, max_rejected_share = 0.05))]
    fn from_arrow(
        py: Python<'_>,
        data: AnyRecordBatch,
        schema: Option<&Schema>,
        max_rejected_share: f64,
    ) -> PyResult<Self> {
        let batches = data.into_reader()?;
        let schema = schema.map(|schema| schema.0.clone());
        let options = ReadOptions { schema, max_rejected_share, ..ReadOptions::default() };
        forward(py, || ArrowReader::new(batches, "arrow", &options)?.read()).map(Self)
    }

    /// Takes records as a service is sent them: one dictionary or many, whose keys are the schema's columns.
    /// Whether the numbers of a record are legal is checked as in a file.
    #[staticmethod]
    fn from_records(py: Python<'_>, records: Records, schema: &Schema) -> PyResult<Self> {
        forward(py, || telemetry::Table::from_json(&schema.0, &records.json)).map(Self)
    }

    /// The roles and names of the columns.
    #[getter]
    fn schema(&self) -> Schema {
        Schema((**self.0.schema()).clone())
    }

    /// What was read and what was rejected on the way in.
    #[getter]
    fn report(&self) -> ReadReport {
        ReadReport(self.0.report().clone())
    }

    /// Ground truth, `True` for attacks: one per row, or `None` without a label column.
    #[getter]
    fn labels(&self, py: Python<'_>) -> PyResult<Option<Vector<bool>>> {
        Ok(forward(py, || self.0.labels())?.map(Vector))
    }

    /// Attack class per row, empty for clean rows; `None` without a family or text label column.
    #[getter]
    fn families(&self, py: Python<'_>) -> PyResult<Option<Vec<String>>> {
        forward(py, || self.0.families())
    }

    /// A new table with the given rows, in the given order; row numbers count from 0.
    fn take(&self, py: Python<'_>, rows: Rows) -> PyResult<Self> {
        forward(py, || self.0.take(&rows.0)).map(Self)
    }

    /// Takes the table to another schema: columns by name, by what they tell about a flow, or derived, each in
    /// the schema's unit. `Guard.inputs` is the schema to bring a table to a guard.
    ///
    /// Raises `SchemaMismatchError` naming the features that nothing fills.
    fn map_to(&self, py: Python<'_>, schema: &Schema) -> PyResult<Self> {
        forward(py, || self.0.map_to(&schema.0)).map(Self)
    }

    /// Writes the table to a file; its name says the format: `.csv`, `.jsonl`, `.ndjson`, `.json`, `.arrow`, `.ipc`,
    /// `.feather` or `.parquet`. `read` reads the same values back.
    fn write(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        forward(py, || telemetry::write(path, &self.0))
    }

    /// The table as a `pandas.DataFrame`; needs pandas and pyarrow.
    fn to_pandas<'py>(slf: &Bound<'py, Self>) -> PyResult<Frame<'py>> {
        Frame::from_arrow(slf)
    }

    /// The Arrow C stream of the table, as the PyCapsule interface asks for it.
    #[pyo3(signature = (requested_schema: "object" = None) -> "object")]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyArrowResult<Bound<'py, PyCapsule>> {
        let schema = Arc::new(self.0.schema().to_arrow());
        stream(py, self.0.batches().to_vec(), &schema, requested_schema)
    }

    fn __len__(&self) -> usize {
        self.0.n_rows()
    }

    fn __repr__(&self) -> String {
        let schema = self.0.schema();
        format!("Table({} rows, {} columns of {})", self.0.n_rows(), schema.columns().len(), schema.name())
    }
}

/// A `pandas.DataFrame`.
pub(crate) struct Frame<'py>(Bound<'py, PyAny>);

impl<'py> Frame<'py> {
    /// Converts what speaks the Arrow C stream interface; pyarrow does the work.
    pub(crate) fn from_arrow(object: &Bound<'py, PyAny>) -> PyResult<Self> {
        let table = object.py().import("pyarrow")?.call_method1("table", (object,))?;
        table.call_method0("to_pandas").map(Self)
    }
}

impl<'py> IntoPyObject<'py> for Frame<'py> {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = std::convert::Infallible;

    const OUTPUT_TYPE: PyStaticExpr = type_hint_identifier!("pandas", "DataFrame");

    fn into_pyobject(self, _py: Python<'py>) -> Result<Self::Output, Self::Error> {
        Ok(self.0)
    }
}

/// An Arrow C stream of batches.
pub(crate) fn stream<'py>(
    py: Python<'py>,
    batches: Vec<RecordBatch>,
    schema: &qosguard::arrow::datatypes::Schema,
    requested_schema: Option<Bound<'py, PyCapsule>>,
) -> PyArrowResult<Bound<'py, PyCapsule>> {
    let field = Field::new_struct("", schema.fields().clone(), false);
    let arrays = batches.into_iter().map(|batch| Ok(Arc::new(StructArray::from(batch)) as ArrayRef));
    to_stream_pycapsule(py, Box::new(ArrayIterator::new(arrays, field.into())), requested_schema)
}
