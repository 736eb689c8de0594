//! Arrow batches of other types, brought to a schema batch by batch; what fits already is not copied.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, RecordBatch, new_null_array,
};
use crate::arrow::buffer::NullBuffer;
use crate::arrow::compute::filter_record_batch;
use crate::arrow::datatypes::{DataType, Float64Type, SchemaRef};

use super::text_array::Texts;
use super::values::{self, Meaning, Written};
use crate::error::{Error, Result};
use crate::telemetry::cell::reason::Reason;
use crate::telemetry::cell::spelling::Spelling;
use crate::telemetry::schema::layout::Layout;
use crate::telemetry::schema::{Column, Kind, Role, Schema};
use crate::telemetry::table::column_builder::{ColumnBuilder, Limits};
use crate::telemetry::table::options::ReadOptions;
use crate::telemetry::table::report::ReadReport;
use crate::telemetry::table::rows::{ENOUGH, Fault, TEXT_BYTES, rows_of_width};
use crate::telemetry::table::time_of_day;

/// Bytes of an offending value that are kept; a report shows fewer.
const KEPT_BYTES: usize = 256;

/// Brings batches with the same columns to a schema, and counts the rows that it rejects.
#[derive(Debug)]
pub(crate) struct Converter {
    schema: Arc<Schema>,
    arrow: SchemaRef,
    /// Position in the schema of each column of the source.
    order: Vec<usize>,
    /// Positions in the schema of each date and of its time of day.
    dates: Vec<(usize, usize)>,
    report: ReadReport,
    max_text_bytes: usize,
    max_rejected_share: f64,
}

/// Why rows of a batch are rejected: the first fault of each.
#[derive(Default)]
struct Faults(BTreeMap<usize, Fault>);

impl Faults {
    fn add(&mut self, row: usize, column: usize, value: &[u8], reason: Reason) {
        let value = value.get(..KEPT_BYTES).unwrap_or(value);
        self.0.entry(row).or_insert_with(|| Fault::cell(column, value, reason));
    }
}

impl Converter {
    pub(crate) fn new(layout: Layout, place: &str, options: &ReadOptions) -> Self {
        let Layout { schema, order, inferred, .. } = layout;
        Self {
            arrow: Arc::new(schema.to_arrow()),
            dates: schema.dates(),
            schema: Arc::new(schema),
            order,
            report: ReadReport { inferred, ..ReadReport::new(place) },
            max_text_bytes: options.max_line_bytes,
            max_rejected_share: options.max_rejected_share,
        }
    }

    pub(crate) fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    pub(crate) fn report(&self) -> &ReadReport {
        &self.report
    }

    /// Rows read up to now.
    pub(crate) fn rows(&self) -> u64 {
        self.report.accepted + self.report.rejected
    }

    /// How many of a batch's first rows, at most `rows`, can be converted at once in bounded memory.
    pub(crate) fn rows_at_once(&self, batch: &RecordBatch, rows: usize) -> usize {
        let mut rows = rows.min(batch.num_rows()).min(rows_of_width(batch.num_columns()));
        for array in batch.slice(0, rows).columns() {
            let Some(texts) = Texts::of(array) else { continue };
            while rows > 1 && texts.copied_bytes(rows, self.max_text_bytes) > TEXT_BYTES {
                rows /= 2;
            }
        }
        rows
    }

    /// The rows of a batch that are accepted, as the schema has them.
    pub(crate) fn convert(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let mut faults = Faults::default();
        let mut arrays = vec![None; self.order.len()];
        for (i, (array, &position)) in batch.columns().iter().zip(&self.order).enumerate() {
            let (Some(column), Some(slot)) = (self.schema.columns().get(position), arrays.get_mut(position))
            else {
                continue;
            };
            let mut converted = self.column(i, array, column, &mut faults);
            if converted.is_none() && column.role == Role::Ignore && column.kind == Kind::Text {
                // A list or another type that nothing uses.
                converted = Some(new_null_array(&DataType::Utf8, array.len()));
            }
            *slot = Some(converted.ok_or_else(|| Error::BadRecord {
                place: self.report.place.clone(),
                line: 0,
                column: column.name.clone(),
                value: array.data_type().to_string(),
                expected: "a type of numbers or text".into(),
            })?);
        }
        let mut arrays: Vec<ArrayRef> = arrays.into_iter().flatten().collect();
        time_of_day::add(&mut arrays, &self.dates);
        let whole =
            RecordBatch::try_new(Arc::clone(&self.arrow), arrays).map_err(|e| self.report.arrow_error(&e))?;
        self.keep(whole, faults)
    }

    /// Counts the faults, and takes their rows out.
    fn keep(&mut self, batch: RecordBatch, faults: Faults) -> Result<RecordBatch> {
        let before = self.rows();
        let mut row = 0;
        for &fault in faults.0.keys() {
            self.accept(before + row + 1, fault as u64 - row);
            row = fault as u64 + 1;
        }
        self.accept(before + row + 1, batch.num_rows() as u64 - row);
        let kept = if faults.0.is_empty() {
            batch
        } else {
            let mut kept = vec![true; batch.num_rows()];
            for (row, fault) in faults.0 {
                if let Some(kept) = kept.get_mut(row) {
                    *kept = false;
                }
                let column = fault.column.and_then(|i| self.schema.columns().get(*self.order.get(i)?));
                let name = column.map_or("", |c| c.name.as_str());
                self.report.reject(before + row as u64 + 1, name, &fault.value, fault.reason);
            }
            filter_record_batch(&batch, &BooleanArray::from(kept)).map_err(|e| self.report.arrow_error(&e))?
        };
        self.report.count_unlabelled(&self.schema, &kept);
        if self.rows() >= ENOUGH {
            self.report.check_share(self.max_rejected_share)?;
        }
        Ok(kept)
    }

    /// Counts rows that are accepted, one behind the other.
    fn accept(&mut self, line: u64, rows: u64) {
        if rows > 0 {
            self.report.accept(line);
            self.report.accepted += rows - 1;
        }
    }

    /// At the end of the input: there must have been a record, and not too many rejections.
    pub(crate) fn check_end(&self) -> Result<()> {
        self.report.check_end(self.max_rejected_share)
    }

    /// The source's `i`-th column as `Float64` or `Utf8`; `None` for a type of neither numbers nor text.
    fn column(&self, i: usize, array: &ArrayRef, column: &Column, faults: &mut Faults) -> Option<ArrayRef> {
        if let Some(texts) = Texts::of(array) {
            let fits = column.kind == Kind::Text
                && !column.is_clocked()
                && texts.as_they_are(Spelling::of(column), self.max_text_bytes);
            return if fits { Some(Arc::clone(array)) } else { self.read_texts(i, &texts, column, faults) };
        }
        let array = &values::unpacked(array)?;
        let meaning = Meaning::of(array.data_type())?;
        let limits = Limits::of(column);
        match (column.kind, meaning) {
            (Kind::Text, _) => write_out(i, array, column, faults),
            (_, Meaning::Instants) => checked(i, seconds(i, array, faults)?, limits, faults),
            // A length of time is not a point in time.
            (_, Meaning::Durations) if column.role == Role::Time => None,
            (Kind::Number, Meaning::Durations) => {
                checked(i, values::durations(array, column.duration_unit())?, limits, faults)
            }
            (Kind::Number, Meaning::Numbers) => checked(i, values::numbers(array)?, limits, faults),
            (Kind::Time, Meaning::Numbers) => read_times(i, &values::numbers(array)?, column, faults),
            (Kind::Time, Meaning::Durations) => None,
        }
    }

    /// Text, spelt as the readers spell it, or read as a CSV cell of numbers is.
    fn read_texts(&self, i: usize, texts: &Texts, column: &Column, faults: &mut Faults) -> Option<ArrayRef> {
        let mut cells = ColumnBuilder::new(column);
        cells.reserve(texts.len());
        for row in 0..texts.len() {
            let Some(cell) = texts.get(row) else {
                cells.push_null();
                continue;
            };
            let outcome = if cell.len() > self.max_text_bytes {
                Err(Reason::TextTooLong { maximum: self.max_text_bytes })
            } else if cell.contains('\0') {
                cells.push_null();
                faults.add(row, i, b"\\0", Reason::NulByte);
                continue;
            } else {
                cells.push_cell(cell.as_bytes())
            };
            if let Err(reason) = outcome {
                cells.push_null();
                faults.add(row, i, cell.as_bytes(), reason);
            }
        }
        cells.finish(0).ok()
    }
}

/// Numbers within the limits; only the validity is copied, and only if a number means null.
fn checked(i: usize, array: ArrayRef, limits: Limits, faults: &mut Faults) -> Option<ArrayRef> {
    let numbers = array.as_primitive_opt::<Float64Type>()?;
    // Without a branch, so that it is vectorised.
    if limits.is_none() || numbers.values().iter().fold(true, |all, &value| all & limits.holds(value)) {
        return Some(array);
    }
    let mut undefined = Vec::new();
    for (row, &value) in numbers.values().iter().enumerate() {
        if limits.holds(value) || numbers.is_null(row) {
            continue;
        }
        match limits.check(value) {
            Ok(Some(_)) => {}
            Ok(None) => undefined.push(row),
            Err(reason) => faults.add(row, i, value.to_string().as_bytes(), reason),
        }
    }
    if undefined.is_empty() {
        return Some(array);
    }
    let mut valid = vec![true; numbers.len()];
    for row in undefined {
        valid[row] = false;
    }
    let nulls = NullBuffer::union(numbers.nulls(), Some(&NullBuffer::from(valid)));
    Some(Arc::new(Float64Array::try_new(numbers.values().clone(), nulls).ok()?))
}

/// Numbers of a column of times, as seconds since the epoch.
fn read_times(i: usize, array: &ArrayRef, column: &Column, faults: &mut Faults) -> Option<ArrayRef> {
    let mut cells = ColumnBuilder::new(column);
    for (row, value) in array.as_primitive_opt::<Float64Type>()?.iter().enumerate() {
        let Some(value) = value else {
            cells.push_null();
            continue;
        };
        if let Err(reason) = cells.push_number(value) {
            cells.push_null();
            faults.add(row, i, value.to_string().as_bytes(), reason);
        }
    }
    cells.finish(0).ok()
}

/// Instants as seconds since the epoch, to the microsecond.
fn seconds(i: usize, array: &ArrayRef, faults: &mut Faults) -> Option<ArrayRef> {
    let (seconds, over) = values::instants(array)?;
    for (row, tick) in over {
        let reason = Reason::time_out_of_range("a time within 292,000 years of 1970");
        faults.add(row, i, tick.to_string().as_bytes(), reason);
    }
    Some(seconds)
}

/// Numbers, booleans and times as text.
fn write_out(i: usize, array: &ArrayRef, column: &Column, faults: &mut Faults) -> Option<ArrayRef> {
    if *array.data_type() == DataType::Null {
        return Some(new_null_array(&DataType::Utf8, array.len()));
    }
    let values = Written::of(array)?;
    let (mut cells, mut cell) = (ColumnBuilder::new(column), String::new());
    for row in 0..array.len() {
        if array.is_null(row) {
            cells.push_null();
            continue;
        }
        cell.clear();
        let outcome = match values.push(row, &mut cell) {
            Some(()) => cells.push_cell(cell.as_bytes()),
            None => Err(Reason::year_out_of_range()),
        };
        if let Err(reason) = outcome {
            cells.push_null();
            faults.add(row, i, cell.as_bytes(), reason);
        }
    }
    cells.finish(0).ok()
}
