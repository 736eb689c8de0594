//! Arrow memory, streamed into batches of a schema.

use std::path::Path;
use std::sync::Arc;

use crate::arrow::array::{RecordBatch, RecordBatchIterator, RecordBatchReader};
use crate::arrow::datatypes::{Fields, SchemaRef};
use crate::arrow::error::ArrowError;

use super::convert::Converter;
use crate::error::{Error, Result};
use crate::telemetry::schema::Schema;
use crate::telemetry::schema::layout;
use crate::telemetry::schema::sample;
use crate::telemetry::table::Table;
use crate::telemetry::table::batches::{BatchReader, batch_reader};
use crate::telemetry::table::options::ReadOptions;

/// Reads Arrow batches of any origin as a stream of batches of a schema, holding one at a time.
///
/// The columns of a schema are found by name, in any order. A column that is `Float64` or `Utf8` and holds
/// nothing to change **is handed over without a copy**: its numbers are scanned where the schema has limits, its
/// text for blanks, empty cells and spellings, and the very same buffer comes out. All else is converted into
/// new memory: other numbers and booleans become `Float64` (a 64-bit integer above 2^53 is rounded);
/// `LargeUtf8`, `Utf8View` and dictionaries become `Utf8`; a timestamp or date in a number column becomes
/// seconds since the epoch; text in a number column is read as a CSV cell is, and text of labels and protocols
/// is spelt as by the readers. Batches keep their size, unless one long text is the cell of many rows.
///
/// A row is rejected and counted, with its number from 1 as the line, where a number is outside the range, a
/// time does not fit a clock in microseconds, or text holds a NUL byte or more than
/// [`ReadOptions::max_line_bytes`]. The batch that held it is copied.
///
/// A batch may be [`Error::SchemaMismatch`] if its columns differ from the first batch;
/// [`Error::BadRecord`] for a column of a type that holds neither numbers nor text, and for an error
/// of the source; [`Error::TooManyRejected`]; [`Error::InsufficientData`] where there is no record.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use qosguard::arrow::array::{AsArray, Float64Array, RecordBatch, RecordBatchIterator};
/// use qosguard::arrow::datatypes::Float64Type;
/// use qosguard::telemetry::{ArrowReader, BatchReader, ReadOptions, Schema};
///
/// let schema = Schema::builder("s").feature("latency_ms").build()?;
/// let options = ReadOptions { schema: Some(schema), ..ReadOptions::default() };
/// let latency = Arc::new(Float64Array::from(vec![3.5, 7.25]));
/// let batch = RecordBatch::try_from_iter([("latency_ms", Arc::clone(&latency) as _)])?;
/// let arrow = batch.schema();
/// let source = RecordBatchIterator::new([Ok(batch)], arrow);
/// let table = ArrowReader::new(source, "memory", &options)?.read()?;
/// let column = table.batches()[0].column(0).as_primitive::<Float64Type>();
/// assert_eq!(column.values().as_ptr(), latency.values().as_ptr());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ArrowReader {
    source: Box<dyn RecordBatchReader + Send>,
    converter: Converter,
    /// Names of the source's columns.
    names: Vec<String>,
    /// What is left of the source's batch at hand.
    rest: Option<RecordBatch>,
    rows_at_once: usize,
    /// What the source should have been, where it fails.
    expected: &'static str,
    done: bool,
}

impl std::fmt::Debug for ArrowReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ArrowReader").field("converter", &self.converter).finish_non_exhaustive()
    }
}

impl ArrowReader {
    /// Reads from any source of batches; `place` names it in errors.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for settings outside their domain; [`Error::SchemaMismatch`] for foreign
    /// columns.
    pub fn new(
        source: impl RecordBatchReader + Send + 'static,
        place: &str,
        options: &ReadOptions,
    ) -> Result<Self> {
        options.check()?;
        Self::start(Box::new(source), place, options, usize::MAX, "Arrow data")
    }

    /// As [`ArrowReader::new`], with the rows of the largest batch, and what a failing source should have been.
    pub(crate) fn start(
        source: Box<dyn RecordBatchReader + Send>,
        place: &str,
        options: &ReadOptions,
        rows_at_once: usize,
        expected: &'static str,
    ) -> Result<Self> {
        let source = without_index(source, options.schema.as_ref());
        let names = names(source.schema().fields());
        let fit = layout::by_keys(place, &names, options.schema.as_ref());
        let (mut source, mut rest) = (source, None);
        let layout = layout::or_inferred(fit, options, &names, || {
            let first = source.next().transpose().map_err(|e| failure(place, expected, e))?;
            rest = first;
            Ok(rest.as_ref().map(|batch| sample::of_batch(batch, &names)).unwrap_or_default())
        })?;
        let converter = Converter::new(layout, place, options);
        Ok(Self { source, converter, names, rest, rows_at_once, expected, done: false })
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            let Some(batch) = self.next_piece()? else {
                self.done = true;
                self.converter.check_end()?;
                return Ok(None);
            };
            let batch = self.converter.convert(&batch)?;
            if batch.num_rows() > 0 {
                return Ok(Some(batch));
            }
        }
    }

    /// The next rows of the source.
    fn next_piece(&mut self) -> Result<Option<RecordBatch>> {
        let batch = match self.rest.take() {
            Some(batch) => batch,
            None => match self.source.next() {
                None => return Ok(None),
                Some(Ok(batch)) => {
                    self.check_names(&batch)?;
                    batch
                }
                Some(Err(error)) => {
                    return Err(failure(&self.converter.report().place, self.expected, error));
                }
            },
        };
        let rows = self.converter.rows_at_once(&batch, self.rows_at_once);
        if rows < batch.num_rows() {
            self.rest = Some(batch.slice(rows, batch.num_rows() - rows));
            return Ok(Some(batch.slice(0, rows)));
        }
        Ok(Some(batch))
    }

    /// The columns of the first batch fit, so every batch must have the same columns.
    fn check_names(&self, batch: &RecordBatch) -> Result<()> {
        let here = names(batch.schema_ref().fields());
        if here == self.names {
            return Ok(());
        }
        let report = self.converter.report();
        Err(Error::SchemaMismatch {
            place: format!("{}, from row {}", report.place, self.converter.rows() + 1),
            schema: self.schema().name().to_owned(),
            missing: self.names.iter().filter(|name| !here.contains(name)).cloned().collect(),
            unknown: here.iter().filter(|name| !self.names.contains(name)).cloned().collect(),
        })
    }
}

batch_reader!(ArrowReader, converter);

impl Table {
    /// Brings Arrow batches to a schema, as [`ArrowReader`] does: without a copy where they fit already.
    ///
    /// Features must all be there, other columns may be absent; the table's schema then lacks them. More than
    /// 5 % of rows rejected are an error.
    ///
    /// # Errors
    ///
    /// [`Error::SchemaMismatch`] for foreign columns, and batches that differ in them; [`Error::BadRecord`]
    /// for a column of a type that holds neither numbers nor text; [`Error::TooManyRejected`];
    /// [`Error::InsufficientData`] when there is no row.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use qosguard::arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray};
    /// use qosguard::telemetry::{Schema, Table};
    ///
    /// let schema = Schema::builder("s").feature("packets").category("proto").build()?;
    /// let proto: ArrayRef = Arc::new(StringArray::from(vec!["tcp", "udp"]));
    /// let packets: ArrayRef = Arc::new(Int32Array::from(vec![3, 5]));
    /// let batch = RecordBatch::try_from_iter([("proto", proto), ("packets", packets)])?;
    /// let table = Table::from_arrow(&schema, &[batch])?;
    /// assert_eq!(table.batches()[0].column(0).data_type().to_string(), "Float64");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_arrow(schema: &Schema, batches: &[RecordBatch]) -> Result<Self> {
        const PLACE: &str = "arrow";
        let Some(first) = batches.first() else {
            return Err(Error::InsufficientData { what: format!("{PLACE}: records"), needed: 1, got: 0 });
        };
        let options = ReadOptions { schema: Some(schema.clone()), ..ReadOptions::default() };
        let batches: Vec<_> = batches.iter().cloned().map(Ok).collect();
        ArrowReader::new(RecordBatchIterator::new(batches, first.schema()), PLACE, &options)?.read()
    }
}

/// The source without the unnamed row indices that pandas writes as columns, unless the schema names them.
fn without_index(
    source: Box<dyn RecordBatchReader + Send>,
    schema: Option<&Schema>,
) -> Box<dyn RecordBatchReader + Send> {
    let arrow = source.schema();
    let is_index = |name: &str| {
        let level = name.strip_prefix("__index_level_").and_then(|rest| rest.strip_suffix("__"));
        level.is_some_and(|level| !level.is_empty() && level.bytes().all(|byte| byte.is_ascii_digit()))
            && schema.is_none_or(|schema| schema.index_of(name).is_none())
    };
    let keep: Vec<usize> =
        arrow.fields().iter().enumerate().filter(|(_, f)| !is_index(f.name())).map(|(i, _)| i).collect();
    if keep.len() == arrow.fields().len() {
        return source;
    }
    let Ok(kept) = arrow.project(&keep) else { return source };
    let batches = source.map(move |batch| {
        let batch = batch?;
        // A batch with other columns is an error that names them.
        if batch.num_columns() == arrow.fields().len() { batch.project(&keep) } else { Ok(batch) }
    });
    Box::new(RecordBatchIterator::new(batches, Arc::new(kept)))
}

/// The names of columns, trimmed as in a header.
fn names(fields: &Fields) -> Vec<String> {
    layout::unique_names(&fields.iter().map(|f| f.name().clone()).collect::<Vec<_>>())
}

/// Positions of the columns of a file that are read: the columns of the schema, or all if none is given or fits.
pub(crate) fn wanted(arrow: &SchemaRef, schema: Option<&Schema>) -> Vec<usize> {
    let names = names(arrow.fields());
    let all = (0..names.len()).collect();
    let Some(schema) = schema else { return all };
    let known = |&i: &usize| names.get(i).is_some_and(|name| schema.index_of(name).is_some());
    let known: Vec<usize> = (0..names.len()).filter(known).collect();
    if known.is_empty() { all } else { known }
}

/// The error of a source of batches as an error of this crate.
pub(crate) fn failure(place: &str, expected: &str, error: ArrowError) -> Error {
    match error {
        ArrowError::IoError(_, source) => Error::io(Path::new(place), source),
        other => Error::BadRecord {
            place: place.to_owned(),
            line: 0,
            column: String::new(),
            value: other.to_string().chars().take(256).collect(),
            expected: expected.to_owned(),
        },
    }
}
