//! The records of a batch, as far as incidents need them.

use std::sync::Arc;

use crate::arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch};
use crate::arrow::datatypes::Float64Type;
use crate::error::{Error, Result};
use crate::guard::{SubjectColumns, Subjects};
use crate::telemetry::{Column, Field, Kind, Role, Schema};

/// Bytes of a connection, the first of these that a source has.
const SIZES: [Field; 7] = [
    Field::FwdPayloadBytes,
    Field::FwdIpBytes,
    Field::FwdFrameBytes,
    Field::PayloadBytes,
    Field::IpBytes,
    Field::FrameBytes,
    Field::FwdPackets,
];

/// The columns of one schema that incidents need.
#[derive(Debug)]
pub(super) struct RecordColumns {
    time: Column,
    size: Option<Column>,
    subjects: SubjectColumns,
}

/// The cells of one batch.
#[derive(Debug)]
pub(super) struct Records<'a> {
    pub(super) times: Vec<f64>,
    sizes: Option<&'a Float64Array>,
    pub(super) subjects: Subjects<'a>,
}

impl RecordColumns {
    /// Finds the columns.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a schema without a time.
    pub(super) fn of(schema: &Schema) -> Result<Self> {
        let time =
            schema.index_of_role(Role::Time).map(|at| schema.columns()[at].clone()).ok_or_else(|| {
                Error::invalid("schema", "one with a time column", format!("schema `{}`", schema.name()))
            })?;
        let column = |field: &Field| schema.index_of_field(*field).map(|at| schema.columns()[at].clone());
        let size = SIZES.iter().filter_map(column).find(|column| column.kind != Kind::Text);
        Ok(Self { time, size, subjects: SubjectColumns::of(schema, schema) })
    }

    /// The records of a batch.
    pub(super) fn bind<'a>(&self, batch: &'a RecordBatch) -> Records<'a> {
        let number = |column: &Column| batch.column_by_name(&column.name)?.as_any().downcast_ref();
        Records {
            times: times(batch.column_by_name(&self.time.name), &self.time, batch.num_rows()),
            sizes: self.size.as_ref().and_then(number),
            subjects: Subjects::new(&self.subjects, batch),
        }
    }
}

impl Records<'_> {
    /// Bytes of a record, 0 where they are unknown.
    pub(super) fn size(&self, row: usize) -> f64 {
        self.sizes.filter(|sizes| sizes.is_valid(row)).map_or(0.0, |sizes| sizes.value(row))
    }
}

/// The times of a column in seconds since the epoch, NaN for none.
fn times(cells: Option<&ArrayRef>, column: &Column, rows: usize) -> Vec<f64> {
    let Some(cells) = cells.map(Arc::as_ref) else { return vec![f64::NAN; rows] };
    if let Some(texts) = cells.as_string_opt::<i32>() {
        let read = column.time_reader();
        return texts.iter().map(|text| text.and_then(&read).unwrap_or(f64::NAN)).collect();
    }
    let Some(numbers) = cells.as_primitive_opt::<Float64Type>() else { return vec![f64::NAN; rows] };
    numbers.iter().map(|time| time.map_or(f64::NAN, |time| time * column.factor())).collect()
}
