//! `Table` and its report.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule, PySlice};
use pyo3_arrow::error::PyArrowResult;
use qosguard::arrow::array::RecordBatch;
use qosguard::arrow::error::ArrowError;
use qosguard::arrow::ipc::reader::StreamReader;
use qosguard::arrow::ipc::writer::StreamWriter;
use qosguard::telemetry::{self, ArrowReader, BatchReader, ReadOptions};

use crate::array::{Rows, Vector};
use crate::cells::{self, Row, TableRows};
use crate::convert::{Records, Whole, from_json, json, refuse, wrong_type};
use crate::error::{forward, interruptible};
use crate::frame::{Frame, FrameInput, stream};
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

    /// Lines without a value; they do not count as records.
    #[getter]
    fn blank(&self) -> u64 {
        self.0.blank
    }

    /// Counts of records of another kind than the reader's, such as alerts among Suricata's events, and of records that
    /// give no flow, such as a truncated packet; by the name of the kind.
    #[getter]
    fn skipped(&self) -> BTreeMap<String, u64> {
        self.0.skipped.clone()
    }

    /// How many accepted records have a label such as `Unknown`, which is neither clean nor an attack.
    #[getter]
    fn unlabelled(&self) -> u64 {
        self.0.unlabelled
    }

    /// The role of each column and the reason, if the schema was inferred.
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

/// Raw telemetry: Arrow batches with the columns of a `Schema`.
///
/// Immutable. Every library with the Arrow C stream interface reads it: `pyarrow.table(flows)`,
/// `polars.DataFrame(flows)`; `to_pandas()` makes a pandas frame. Such data is as in a file of the table: a time with a unit
/// is a number in that unit, and a time with a format is a timestamp. All other columns share the table's memory.
#[pyclass(frozen, module = "qosguard")]
#[derive(Debug)]
pub(crate) struct Table(pub(crate) telemetry::Table);

#[pymethods]
impl Table {
    /// Makes a table of data with the Arrow C stream or array interface. Columns are found by name.
    ///
    /// Columns of 64-bit floats, and of plain strings in the spelling of the readers, are shared without a copy.
    /// All others are converted: other numbers and strings, dictionaries, and times, which become seconds since the
    /// epoch. The unnamed index of a pandas frame is not a column. An infinity is imputed and counted when a guard
    /// assesses its row.
    ///
    /// Parameters
    /// ----------
    /// data
    ///     A table, batch or reader of pyarrow, a frame of Polars or pandas (2.2 or newer), or a DuckDB relation.
    /// schema
    ///     Names and roles of the columns; default: a preset that fits, or an inferred schema.
    /// max_rejected_share
    ///     Share of rows, in [0, 1], that may be outside the limits of their columns before it is an error.
    ///
    /// Returns
    /// -------
    /// Table
    ///     The accepted rows; `Table.report` lists the rejected ones.
    ///
    /// Raises
    /// ------
    /// InvalidTypeError
    ///     For anything that is not a table or data frame.
    /// InvalidArgumentError
    ///     For a frame that its library cannot convert, such as one with duplicate names or a column of mixed
    ///     objects; the message is the library's.
    /// SchemaMismatchError
    ///     If the columns do not fit; the message names missing and unknown columns.
    /// BadRecordError
    ///     If too many rows are rejected.
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

    /// Make a table of records: one dictionary or many, whose keys are the schema's columns.
    ///
    /// Values may be of NumPy, pandas or pyarrow, and addresses of `ipaddress`. None, NaN, NA and NaT are missing; an
    /// infinity is imputed and counted when a guard assesses the record, as in a file. Numbers are checked against the
    /// limits of their columns as in a file.
    ///
    /// Parameters
    /// ----------
    /// records
    ///     The records. A time becomes seconds since the epoch in a number column.
    /// schema
    ///     The schema of the table.
    ///
    /// Raises
    /// ------
    /// BadRecordError
    ///     For a value that the schema does not accept, by record and column.
    /// SchemaMismatchError
    ///     For keys that the schema lacks, and for missing features.
    /// InvalidTypeError
    ///     For a value that is not a number, a text, a time or `None`.
    ///
    /// Examples
    /// --------
    /// >>> import datetime, qosguard as qg
    /// >>> schema = qg.Schema("s", [qg.Column("at", "time"), qg.Column("bytes")])
    /// >>> at = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    /// >>> qg.Table.from_records({"at": at, "bytes": 60}, schema)[0]
    /// {'at': 1767225600.0, 'bytes': 60.0}
    #[staticmethod]
    fn from_records(py: Python<'_>, records: Records, schema: &Schema) -> PyResult<Self> {
        let json = records.json(py, &schema.0)?;
        interruptible(py, || telemetry::Table::from_json(&schema.0, &json)).map(Self)
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

    /// `table[3]` is a row as a dictionary, with `None` for a missing cell, that `from_records` reads; `table[2:5]` is a
    /// table.
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
        let record = row.map(|row| cells::record_at(py, &self.0, row)).transpose()?.flatten();
        let beyond = || PyIndexError::new_err(format!("row out of range: there are {n} rows"));
        record.map(Picked::Row).ok_or_else(beyond)
    }

    /// Iterates over the rows, each a dictionary that `from_records` reads.
    fn __iter__(&self, py: Python<'_>) -> PyResult<TableRows> {
        forward(py, || self.0.to_records()).map(TableRows::new)
    }

    fn _repr_html_(&self, py: Python<'_>) -> PyResult<String> {
        forward(py, || cells::html(&self.0, &self.__repr__()))
    }

    #[pyo3(signature = () -> "tuple[Any, ...]")]
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Parts<'py>)> {
        let (py, table) = (slf.py(), &slf.get().0);
        let ipc =
            write_ipc(table).map_err(|error| refuse(py, "table", "a table that can be pickled", error))?;
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

    /// The rows with a label that is clean or an attack: all but the rows with a label such as `Unknown`.
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

    /// Converts the table to another schema: columns by name, by the property of a flow that they hold, or derived,
    /// each in the schema's unit. `Guard.inputs` is the schema that brings a table to a guard. A schema without a label or
    /// an attack class gets the column of this table.
    ///
    /// Parameters
    /// ----------
    /// schema
    ///     The schema of the new table.
    /// max_rejected_share
    ///     Share of rows, in [0, 1], that may be out of range before the conversion fails.
    ///
    /// Returns
    /// -------
    /// Table
    ///     The new table.
    ///
    /// Raises
    /// ------
    /// SchemaMismatchError
    ///     If a feature cannot be filled; the message names it.
    /// BadRecordError
    ///     If more rows than `max_rejected_share` are out of range.
    #[pyo3(signature = (schema, *, max_rejected_share = 0.05))]
    fn map_to(&self, py: Python<'_>, schema: &Schema, max_rejected_share: f64) -> PyResult<Self> {
        let options = ReadOptions { max_rejected_share, ..ReadOptions::default() };
        interruptible(py, || self.0.map_to_with(&schema.0, &options)).map(Self)
    }

    /// Writes the table to a file; its extension determines the format: `.csv`, `.jsonl`, `.ndjson`, `.json`, `.arrow`, `.ipc`,
    /// `.feather` or `.parquet`. `read` with the table's schema returns the same values.
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
        let (schema, batches) = interruptible(py, || self.0.to_arrow())?;
        stream(py, batches, &schema, requested_schema)
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
#[allow(clippy::large_enum_variant, reason = "one value at a time, which becomes a Python object at once")]
pub(crate) enum Picked<'py> {
    Row(Row<'py>),
    Table(Table),
}

/// The batches of a table as they are in memory, which an Arrow file of it need not hold.
fn write_ipc(table: &telemetry::Table) -> Result<Vec<u8>, ArrowError> {
    let mut writer = StreamWriter::try_new(Vec::new(), &table.schema().to_arrow())?;
    table.batches().iter().try_for_each(|batch| writer.write(batch))?;
    writer.into_inner()
}

/// Schema, batches and report of a table, for pickles.
type Parts<'py> = (String, Bound<'py, PyBytes>, String);
