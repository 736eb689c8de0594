//! The readers.

use std::path::PathBuf;

use pyo3::prelude::*;
use qosguard::telemetry::{self, ReadOptions};

use crate::error::forward;
use crate::schema::Schema;
use crate::table::Table;

/// Reads a file of flows into a `Table`: what it begins with tells Parquet, Arrow IPC, JSON lines and CSV apart,
/// and then its name; text may be gzipped. See `read_csv`.
#[pyfunction]
#[pyo3(signature = (path, schema = None, max_rejected_share = 0.05))]
pub(crate) fn read(
    py: Python<'_>,
    path: PathBuf,
    schema: Option<&Schema>,
    max_rejected_share: f64,
) -> PyResult<Table> {
    let schema = schema.map(|schema| schema.0.clone());
    let options = ReadOptions { schema, max_rejected_share, ..ReadOptions::default() };
    forward(py, || telemetry::read_with(path, &options)).map(Table)
}

/// Reads a CSV file, plain or gzip, into a `Table`.
///
/// Without a schema it is detected from the header, or from the number of columns where there is none.
/// A row that cannot be read is rejected and stands in `Table.report`; more than `max_rejected_share` of
/// them, in [0, 1], raise `BadRecordError`. A file of another source raises `SchemaMismatchError`, which
/// names the columns that are missing and those that are unknown.
#[pyfunction]
#[pyo3(signature = (path, schema = None, max_rejected_share = 0.05, *, delimiter = ','))]
pub(crate) fn read_csv(
    py: Python<'_>,
    path: PathBuf,
    schema: Option<&Schema>,
    max_rejected_share: f64,
    delimiter: char,
) -> PyResult<Table> {
    let delimiter = u8::try_from(delimiter).unwrap_or(0);
    let schema = schema.map(|schema| schema.0.clone());
    let options = ReadOptions { schema, max_rejected_share, delimiter, ..ReadOptions::default() };
    forward(py, || telemetry::read_csv_with(path, &options)).map(Table)
}

/// Reads a file of JSON lines, plain or gzip, into a `Table`; see `read_csv`.
#[pyfunction]
#[pyo3(signature = (path, schema = None, max_rejected_share = 0.05))]
pub(crate) fn read_jsonl(
    py: Python<'_>,
    path: PathBuf,
    schema: Option<&Schema>,
    max_rejected_share: f64,
) -> PyResult<Table> {
    let schema = schema.map(|schema| schema.0.clone());
    let options = ReadOptions { schema, max_rejected_share, ..ReadOptions::default() };
    forward(py, || telemetry::read_jsonl_with(path, &options)).map(Table)
}

/// Reads a Parquet file into a `Table`; with a schema it may hold other columns, which are not read. See `read_csv`.
#[pyfunction]
#[pyo3(signature = (path, schema = None, max_rejected_share = 0.05))]
pub(crate) fn read_parquet(
    py: Python<'_>,
    path: PathBuf,
    schema: Option<&Schema>,
    max_rejected_share: f64,
) -> PyResult<Table> {
    let schema = schema.map(|schema| schema.0.clone());
    let options = ReadOptions { schema, max_rejected_share, ..ReadOptions::default() };
    forward(py, || telemetry::read_parquet_with(path, &options)).map(Table)
}

/// Reads an Arrow IPC file (Feather version 2) or stream into a `Table`; with a schema it may hold other columns,
/// which are not read. See `read_csv`.
#[pyfunction]
#[pyo3(signature = (path, schema = None, max_rejected_share = 0.05))]
pub(crate) fn read_ipc(
    py: Python<'_>,
    path: PathBuf,
    schema: Option<&Schema>,
    max_rejected_share: f64,
) -> PyResult<Table> {
    let schema = schema.map(|schema| schema.0.clone());
    let options = ReadOptions { schema, max_rejected_share, ..ReadOptions::default() };
    forward(py, || telemetry::read_ipc_with(path, &options)).map(Table)
}
