//! Rows of a table as Python objects and as HTML.

use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::inspect::PyStaticExpr;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3::{type_hint_identifier, type_hint_subscript};
use qosguard::arrow::array::{Array, AsArray, RecordBatch};
use qosguard::arrow::datatypes::{DataType, Float64Type};
use qosguard::telemetry::Table;

use crate::error::forward;

/// Rows and columns of a table that a notebook shows.
const SHOWN_ROWS: usize = 10;
const SHOWN_COLUMNS: usize = 24;

/// A cell: nothing, a number or a text.
enum Cell<'a> {
    Missing,
    Number(f64),
    Text(&'a str),
}

fn cell(column: &dyn Array, row: usize) -> Cell<'_> {
    match column.data_type() {
        _ if column.is_null(row) => Cell::Missing,
        DataType::Float64 => Cell::Number(column.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => Cell::Text(column.as_string::<i32>().value(row)),
        _ => Cell::Missing,
    }
}

/// The batch that holds a row, and its place there.
fn place(batches: &[RecordBatch], row: usize) -> Option<(&RecordBatch, usize)> {
    let mut at = row;
    for batch in batches {
        if at < batch.num_rows() {
            return Some((batch, at));
        }
        at -= batch.num_rows();
    }
    None
}

/// The first row of a table from `row` on, and at most `rows`, as a file of records holds them.
fn written(table: &Table, row: usize, rows: usize) -> qosguard::Result<Vec<RecordBatch>> {
    let end = table.n_rows().min(row.saturating_add(rows));
    table.take(&(row..end).collect::<Vec<_>>())?.to_records()
}

/// One row as a dictionary; `None` past the last.
pub(crate) fn record_at<'py>(py: Python<'py>, table: &Table, row: usize) -> PyResult<Option<Row<'py>>> {
    record(py, &forward(py, || written(table, row, 1))?, 0)
}

fn record<'py>(py: Python<'py>, batches: &[RecordBatch], row: usize) -> PyResult<Option<Row<'py>>> {
    let Some((batch, at)) = place(batches, row) else { return Ok(None) };
    let record = PyDict::new(py);
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        match cell(column, at) {
            Cell::Missing => record.set_item(field.name(), py.None())?,
            Cell::Number(number) => record.set_item(field.name(), number)?,
            Cell::Text(text) => record.set_item(field.name(), text)?,
        }
    }
    Ok(Some(Row(record)))
}

/// A row as a dictionary of its cells.
pub(crate) struct Row<'py>(pub(crate) Bound<'py, PyDict>);

impl<'py> IntoPyObject<'py> for Row<'py> {
    type Target = PyDict;
    type Output = Bound<'py, PyDict>;
    type Error = std::convert::Infallible;

    const OUTPUT_TYPE: PyStaticExpr = type_hint_subscript!(
        type_hint_identifier!("builtins", "dict"),
        type_hint_identifier!("builtins", "str"),
        type_hint_identifier!("typing", "Any")
    );

    fn into_pyobject(self, _py: Python<'py>) -> Result<Self::Output, Self::Error> {
        Ok(self.0)
    }
}

/// Goes through the rows of a table, each as a dictionary.
#[pyclass(frozen, module = "qosguard._core")]
#[derive(Debug)]
pub(crate) struct TableRows {
    batches: Vec<RecordBatch>,
    next: AtomicUsize,
}

impl TableRows {
    pub(crate) fn new(batches: Vec<RecordBatch>) -> Self {
        Self { batches, next: AtomicUsize::new(0) }
    }
}

#[pymethods]
impl TableRows {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Row<'py>>> {
        record(py, &self.batches, self.next.fetch_add(1, Ordering::Relaxed))
    }
}

/// The first rows as an HTML table under a caption.
pub(crate) fn html(table: &Table, caption: &str) -> qosguard::Result<String> {
    let batches = written(table, 0, SHOWN_ROWS)?;
    let columns = table.schema().columns();
    let shown = columns.len().min(SHOWN_COLUMNS);
    let row = |tag: &str, cells: &mut dyn Iterator<Item = String>| {
        let cells = cells.map(|cell| format!("<{tag}>{cell}</{tag}>")).collect::<Vec<_>>().concat();
        let more = if shown < columns.len() { format!("<{tag}>…</{tag}>") } else { String::new() };
        format!("<tr>{cells}{more}</tr>")
    };
    let head = row("th", &mut columns[..shown].iter().map(|column| escaped(&column.name)));
    let rows = (0..SHOWN_ROWS).map_while(|at| place(&batches, at)).map(|(batch, at)| {
        row(
            "td",
            &mut batch.columns()[..shown].iter().map(|column| match cell(column, at) {
                Cell::Missing => String::new(),
                Cell::Number(number) => number.to_string(),
                Cell::Text(text) => escaped(text),
            }),
        )
    });
    let body = rows.collect::<Vec<_>>().concat();
    Ok(format!("<p>{}</p><table><thead>{head}</thead><tbody>{body}</tbody></table>", escaped(caption)))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
