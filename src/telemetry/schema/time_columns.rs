//! Times on their way out: written so that the same schema reads the same instants back.

use std::sync::Arc;

use jiff::Timestamp;

use crate::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use crate::arrow::datatypes::{
    DataType, Field, Fields, Float64Type, Schema as ArrowSchema, SchemaRef, TimeUnit as Ticks,
};
use crate::arrow::error::ArrowError;
use crate::error::Result as CoreResult;
use crate::telemetry::Table;
use crate::telemetry::cell::clock::{Clock, TimeUnit};
use crate::telemetry::schema::{Kind, Schema};
use crate::telemetry::table::time_of_day;

/// The time columns of a schema that do not hold plain seconds in its files.
///
/// A time with a unit of seconds to nanoseconds is written as a number in that unit. Any other is ISO 8601 in text and a
/// timestamp in Arrow and Parquet: every reader of times reads both. A time of day and its date are written apart.
#[derive(Debug)]
pub(crate) struct TimeColumns {
    /// Position of each, its clock, and the units in a second if it is written in one.
    columns: Vec<(usize, Clock, Option<f64>)>,
    /// Positions of each date and of its time of day.
    dates: Vec<(usize, usize)>,
}

impl TimeColumns {
    pub(crate) fn of(schema: &Schema) -> Self {
        let columns = schema.columns().iter().enumerate().filter(|(_, column)| {
            column.kind == Kind::Time && (column.unit.is_some() || column.format.is_some())
        });
        let columns = columns.map(|(i, column)| {
            let divisor = match (column.unit, &column.format) {
                (Some(TimeUnit::Seconds), None) => Some(1.0),
                (Some(TimeUnit::Milliseconds), None) => Some(1e3),
                (Some(TimeUnit::Microseconds), None) => Some(1e6),
                (Some(TimeUnit::Nanoseconds), None) => Some(1e9),
                _ => None,
            };
            (i, Clock::of(column), divisor)
        });
        Self { columns: columns.collect(), dates: schema.dates() }
    }

    /// A batch for a text file.
    pub(crate) fn as_text(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        self.change(batch, |times| {
            Arc::new(times.iter().map(|time| time.and_then(iso)).collect::<StringArray>())
        })
    }

    /// A batch for a file of columns.
    pub(crate) fn as_columns(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        self.change(batch, |times| {
            let micros = times.iter().map(|time| time.map(|seconds| (seconds * 1e6).round() as i64));
            Arc::new(micros.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
        })
    }

    /// The columns of a file of columns.
    pub(crate) fn arrow_schema(&self, schema: &Schema) -> ArrowSchema {
        let mut fields: Vec<_> = schema.to_arrow().fields().iter().cloned().collect();
        for (i, _, divisor) in &self.columns {
            if let (None, Some(field)) = (divisor, fields.get_mut(*i)) {
                let stamp = DataType::Timestamp(Ticks::Microsecond, Some("UTC".into()));
                *field = Arc::new(Field::new(field.name(), stamp, true));
            }
        }
        ArrowSchema::new(fields)
    }

    /// The same batch with other arrays for these columns; `stamps` is for columns without one unit.
    fn change(
        &self,
        batch: &RecordBatch,
        stamps: impl Fn(&Float64Array) -> ArrayRef,
    ) -> Result<RecordBatch, ArrowError> {
        if self.columns.is_empty() {
            return Ok(batch.clone());
        }
        let mut columns = batch.columns().to_vec();
        time_of_day::subtract(&mut columns, &self.dates);
        let mut fields: Vec<_> = batch.schema_ref().fields().iter().cloned().collect();
        for (i, clock, divisor) in &self.columns {
            let (Some(column), Some(field)) = (columns.get_mut(*i), fields.get_mut(*i)) else { continue };
            let Some(times) = column.as_primitive_opt::<Float64Type>() else { continue };
            let array = match divisor {
                Some(divisor) => Arc::new(times.unary::<_, Float64Type>(|t| written(clock, *divisor, t))),
                None => stamps(times),
            };
            *field = Arc::new(Field::new(field.name(), array.data_type().clone(), true));
            *column = array;
        }
        RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), columns)
    }
}

impl Table {
    /// The table as Arrow data for another library: the columns and batches that a Parquet or Arrow IPC file of it has.
    ///
    /// [`Table::batches`] hold all times in seconds. Here a time with a unit is a number in that unit, and a time with a
    /// format, or whose unit each cell decides, is a timestamp. So an [`ArrowReader`](crate::telemetry::ArrowReader) with the table's
    /// schema reads the same instants. All other columns share the table's memory.
    ///
    /// # Errors
    ///
    /// [`Error::BadRecord`](crate::Error::BadRecord) where Arrow cannot build a batch.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::telemetry::{Column, Kind, Role, Schema, Table, TimeUnit};
    ///
    /// let mut at = Column::new("at", Role::Time, Kind::Time);
    /// at.unit = Some(TimeUnit::Milliseconds);
    /// let schema = Schema::new("s", vec![at, Column::new("x", Role::Feature, Kind::Number)], vec![])?;
    /// let table = Table::from_json(&schema, r#"[{"at": 1700000000500, "x": 1}]"#)?;
    /// let (_, batches) = table.to_arrow()?;
    /// assert_eq!(Table::from_arrow(&schema, &batches)?.batches(), table.batches());
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn to_arrow(&self) -> CoreResult<(SchemaRef, Vec<RecordBatch>)> {
        let times = TimeColumns::of(self.schema());
        let schema = Arc::new(times.arrow_schema(self.schema()));
        Ok((schema, self.written(|batch| times.as_columns(batch))?))
    }

    /// The batches as a CSV or JSON file of the table holds them: as [`Table::to_arrow`], with ISO 8601 text in place of
    /// timestamps. [`Table::from_json`] with the table's schema reads the same instants from records of these cells.
    ///
    /// # Errors
    ///
    /// As [`Table::to_arrow`].
    pub fn to_records(&self) -> CoreResult<Vec<RecordBatch>> {
        let times = TimeColumns::of(self.schema());
        self.written(|batch| times.as_text(batch))
    }

    fn written(
        &self,
        write: impl Fn(&RecordBatch) -> Result<RecordBatch, ArrowError>,
    ) -> CoreResult<Vec<RecordBatch>> {
        let batches = self.batches().iter().map(write).collect::<Result<Vec<_>, _>>();
        batches.map_err(|error| self.report().arrow_error(&error))
    }
}

/// An Arrow schema with further columns.
pub(crate) fn appended(schema: ArrowSchema, more: &Fields) -> ArrowSchema {
    ArrowSchema::new(schema.fields().iter().chain(more).cloned().collect::<Fields>())
}

/// The number that a clock reads as these seconds; the nearest one where there is none.
fn written(clock: &Clock, divisor: f64, seconds: f64) -> f64 {
    let near = seconds * divisor;
    let exact = |number: &f64| clock.number(*number).is_ok_and(|read| read == seconds);
    [near.round(), near, near.next_up(), near.next_down()].into_iter().find(exact).unwrap_or(near)
}

/// Seconds since the epoch in ISO 8601, to the microsecond.
fn iso(seconds: f64) -> Option<String> {
    let time = Timestamp::from_microsecond((seconds * 1e6).round() as i64).ok()?;
    Some(time.to_string())
}
