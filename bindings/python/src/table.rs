//! `Table`, its report, and the way of Arrow data in and out.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use pyo3::exceptions::PyIndexError;
use pyo3::inspect::PyStaticExpr;
use pyo3::prelude::*;
use pyo3::type_hint_identifier;
use pyo3::types::{PyBytes, PyCapsule, PySlice};
use pyo3_arrow::error::PyArrowResult;
use pyo3_arrow::ffi::{ArrayIterator, to_stream_pycapsule};
use pyo3_arrow::input::AnyRecordBatch;
use qosguard::arrow::array::{ArrayRef, RecordBatch, StructArray};
use qosguard::arrow::datatypes::Field;
use qosguard::arrow::ipc::reader::StreamReader;
use qosguard::telemetry::{self, ArrowReader, BatchReader, ReadOptions};

use crate::array::{Rows, Vector};
use crate::cells::{self, Row, TableRows};
use crate::convert::{Records, Whole, from_json, json, refuse, wrong_type};
use crate::error::{forward, interruptible};
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

    /// Stable code of the reason, such as `not_a_number`, `below_minimum` or `wrong_cell_count`.
    #[getter]
    fn code(&self) -> &'static str {
        self.0.reason.code()
    }

    /// Why the record is rejected, as a sentence.
    #[getter]
    fn reason(&self) -> String {
        self.0.reason.to_string()
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (String,))> {
        Ok((slf.getattr("_from_json")?, (json(&slf.get().0),)))
    }

    #[staticmethod]
    fn _from_json(py: Python<'_>, text: &str) -> PyResult<Self> {
        from_json(py, text).map(Self)
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

    /// Records rejected, by the code of the reason.
    #[getter]
    fn rejected_by_code(&self) -> BTreeMap<String, u64> {
        self.0.rejected_by_code.clone()
    }

    /// Accepted JSON records that lack the key of a feature, by the name of its column: the value is missing.
    #[getter]
    fn absent(&self) -> BTreeMap<String, u64> {
        self.0.absent.clone()
    }

    /// Lines without a single value, which are not records.
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

    /// How many accepted records have a label such as `Unknown`: they have no truth.
    #[getter]
    fn unlabelled(&self) -> u64 {
        self.0.unlabelled
    }

    /// What each column was taken for, where the schema was inferred.
    #[getter]
    fn inferred(&self) -> Vec<String> {
        self.0.inferred.clone()
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

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (String,))> {
        Ok((slf.getattr("_from_json")?, (json(&slf.get().0),)))
    }

    #[staticmethod]
    fn _from_json(py: Python<'_>, text: &str) -> PyResult<Self> {
        from_json(py, text).map(Self)
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
    /// `BadRecordError`. The unnamed index of a pandas frame is not a column.
    ///
    /// Raises `InvalidTypeError` for anything that is not a table or data frame.
    #[staticmethod]
    #[pyo3(signature = (data: "object", schema = None, max_rejected_share = 0.05))]
    fn from_arrow(
        py: Python<'_>,
        data: FrameInput,
        schema: Option<&Schema>,
        max_rejected_share: f64,
    ) -> PyResult<Self> {
        let batches = data.0.into_reader()?;
        let schema = schema.map(|schema| schema.0.clone());
        let options = ReadOptions { schema, max_rejected_share, ..ReadOptions::default() };
        interruptible(py, || ArrowReader::new(batches, "arrow", &options)?.read()).map(Self)
    }

    /// Takes records as a service is sent them: one dictionary or many, whose keys are the schema's columns.
    /// Values may be NumPy's or pandas'; None, NaN, NA and NaT are missing, and an infinity raises
    /// `InvalidArgumentError`. Whether the numbers of a record are legal is checked as in a file.
    #[staticmethod]
    fn from_records(py: Python<'_>, records: Records, schema: &Schema) -> PyResult<Self> {
        interruptible(py, || telemetry::Table::from_json(&schema.0, &records.json)).map(Self)
    }

    /// The roles and names of the columns.
    #[getter]
    fn schema(&self) -> Schema {
        Schema((**self.0.schema()).clone())
    }

    /// Names of the columns, in order.
    #[getter]
    fn columns(&self) -> Vec<&str> {
        self.0.schema().columns().iter().map(|column| &*column.name).collect()
    }

    /// The first `n` rows.
    #[pyo3(signature = (n = Whole::new(5)))]
    fn head(&self, py: Python<'_>, n: Whole) -> PyResult<Self> {
        let rows: Vec<usize> = (0..self.0.n_rows().min(n.get(py, "n")?)).collect();
        forward(py, || self.0.take(&rows)).map(Self)
    }

    /// `table[3]` is a row as a dictionary, where a missing cell is `None`; `table[2:5]` is a table of some rows.
    fn __getitem__<'py>(&self, py: Python<'py>, index: &Bound<'py, PyAny>) -> PyResult<Picked<'py>> {
        let n = self.0.n_rows();
        if let Ok(slice) = index.cast::<PySlice>() {
            let slice = slice.indices(n.try_into()?)?;
            let row = |i: isize| usize::try_from(slice.start + i * slice.step).ok();
            let rows: Vec<usize> = (0..slice.slicelength.cast_signed()).filter_map(row).collect();
            return forward(py, || self.0.take(&rows)).map(|table| Picked::Table(Self(table)));
        }
        let Ok(row) = index.extract::<isize>() else {
            return Err(wrong_type(py, "index", "a row number or a slice of row numbers", index));
        };
        let row = if row < 0 { n.checked_add_signed(row) } else { usize::try_from(row).ok() };
        let record = row.map(|row| cells::record(py, &self.0, row)).transpose()?.flatten();
        let beyond = || PyIndexError::new_err(format!("row out of range: there are {n} rows"));
        record.map(Picked::Row).ok_or_else(beyond)
    }

    /// Goes through the rows, each a dictionary.
    fn __iter__(&self) -> TableRows {
        TableRows::new(self.0.clone())
    }

    fn _repr_html_(&self) -> String {
        cells::html(&self.0, &self.__repr__())
    }

    #[pyo3(signature = () -> "tuple[Any, ...]")]
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Parts<'py>)> {
        let (py, table) = (slf.py(), &slf.get().0);
        let ipc = forward(py, || table.to_ipc())?;
        let parts = (json(&**table.schema()), PyBytes::new(py, &ipc), json(table.report()));
        Ok((slf.getattr("_from_parts")?, parts))
    }

    #[staticmethod]
    fn _from_parts(py: Python<'_>, schema: &str, ipc: &[u8], report: &str) -> PyResult<Self> {
        let schema: telemetry::Schema = from_json(py, schema)?;
        let report = from_json(py, report)?;
        let read = || StreamReader::try_new(ipc, None)?.collect::<Result<Vec<RecordBatch>, _>>();
        let batches = read().map_err(|error| refuse(py, "ipc", "what a pickle holds", error))?;
        forward(py, || telemetry::Table::new(Arc::new(schema), batches, report)).map(Self)
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

    /// The rows whose label tells clean from attack: all but those with a label such as `Unknown`.
    fn labelled(&self, py: Python<'_>) -> PyResult<Self> {
        forward(py, || self.0.labelled()).map(Self)
    }

    /// Attack class per row, empty for clean rows; `None` without a family or text label column.
    #[getter]
    fn families(&self, py: Python<'_>) -> PyResult<Option<Vec<String>>> {
        forward(py, || self.0.families())
    }

    /// A new table with the given rows, in the given order; row numbers count from 0.
    fn take(&self, py: Python<'_>, rows: Rows) -> PyResult<Self> {
        interruptible(py, || self.0.take(&rows.0)).map(Self)
    }

    /// Takes the table to another schema: columns by name, by their field of a flow, or derived, each in
    /// the schema's unit. `Guard.inputs` is the schema to bring a table to a guard. A schema without a label or an attack
    /// class gets the column of this table.
    ///
    /// Raises `SchemaMismatchError` naming the features that nothing fills, and `BadRecordError` for more than
    /// `max_rejected_share` of rows out of range.
    #[pyo3(signature = (schema, *, max_rejected_share = 0.05))]
    fn map_to(&self, py: Python<'_>, schema: &Schema, max_rejected_share: f64) -> PyResult<Self> {
        let options = ReadOptions { max_rejected_share, ..ReadOptions::default() };
        interruptible(py, || self.0.map_to_with(&schema.0, &options)).map(Self)
    }

    /// Writes the table to a file; its name says the format: `.csv`, `.jsonl`, `.ndjson`, `.json`, `.arrow`, `.ipc`,
    /// `.feather` or `.parquet`. `read` reads the same values back.
    fn write(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        interruptible(py, || telemetry::write(path, &self.0))
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

/// What an index picks from a table.
#[derive(IntoPyObject)]
pub(crate) enum Picked<'py> {
    Row(Row<'py>),
    Table(Table),
}

/// Schema, batches and report of a table, for pickles.
type Parts<'py> = (String, Bound<'py, PyBytes>, String);

/// A table or data frame of any library.
pub(crate) struct FrameInput(AnyRecordBatch);

impl FromPyObject<'_, '_> for FrameInput {
    type Error = PyErr;

    const INPUT_TYPE: PyStaticExpr = type_hint_identifier!("builtins", "object");

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let py = object.py();
        let object = py.import("qosguard.frames")?.call_method1("arrow_input", (object,))?;
        let expected = "a table or data frame of pyarrow, Polars, pandas 2.2 or newer, or any library with the Arrow C \
                        stream interface";
        if object.hasattr("__arrow_c_stream__")? || object.hasattr("__arrow_c_array__")? {
            // A column alone, such as a series, is not a table.
            return object.extract().map(Self).map_err(|_| wrong_type(py, "data", expected, &object));
        }
        if object.hasattr("__dataframe__")? {
            let interchange = py.import("pyarrow.interchange")?;
            return interchange.call_method1("from_dataframe", (object,))?.extract().map(Self);
        }
        Err(wrong_type(py, "data", expected, &object))
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
