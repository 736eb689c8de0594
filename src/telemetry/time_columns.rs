//! Times on their way out: written so that the same schema reads the same instants back.

use std::sync::Arc;

use jiff::Timestamp;

use super::clock::{Clock, TimeUnit};
use super::schema::{Kind, Schema};
use crate::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use crate::arrow::datatypes::{
    DataType, Field, Fields, Float64Type, Schema as ArrowSchema, TimeUnit as Ticks,
};
use crate::arrow::error::ArrowError;

/// The time columns of a schema that do not hold plain seconds in its files.
///
/// A time with a unit is written as a number in that unit. One with a format, or whose unit each cell tells, is
/// ISO 8601 in text and a timestamp in Arrow and Parquet: every reader of times reads both.
#[derive(Debug)]
pub(super) struct TimeColumns(Vec<(usize, Clock, Option<f64>)>);

impl TimeColumns {
    pub(super) fn of(schema: &Schema) -> Self {
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
            (i, Clock::new(column.unit, column.format.clone()), divisor)
        });
        Self(columns.collect())
    }

    /// A batch for a text file.
    pub(super) fn as_text(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        self.change(batch, |times| {
            Arc::new(times.iter().map(|time| time.and_then(iso)).collect::<StringArray>())
        })
    }

    /// A batch for a file of columns.
    pub(super) fn as_columns(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        self.change(batch, |times| {
            let micros = times.iter().map(|time| time.map(|seconds| (seconds * 1e6).round() as i64));
            Arc::new(micros.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
        })
    }

    /// The columns of a file of columns.
    pub(super) fn arrow_schema(&self, schema: &Schema) -> ArrowSchema {
        let mut fields: Vec<_> = schema.to_arrow().fields().iter().cloned().collect();
        for (i, _, divisor) in &self.0 {
            if let (None, Some(field)) = (divisor, fields.get_mut(*i)) {
                let stamp = DataType::Timestamp(Ticks::Microsecond, Some("UTC".into()));
                *field = Arc::new(Field::new(field.name(), stamp, true));
            }
        }
        ArrowSchema::new(fields)
    }

    /// The same batch with other arrays for these columns; `stamps` is for those without one unit.
    fn change(
        &self,
        batch: &RecordBatch,
        stamps: impl Fn(&Float64Array) -> ArrayRef,
    ) -> Result<RecordBatch, ArrowError> {
        if self.0.is_empty() {
            return Ok(batch.clone());
        }
        let mut columns = batch.columns().to_vec();
        let mut fields: Vec<_> = batch.schema_ref().fields().iter().cloned().collect();
        for (i, clock, divisor) in &self.0 {
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

/// An Arrow schema with further columns.
pub(super) fn appended(schema: ArrowSchema, more: &Fields) -> ArrowSchema {
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
