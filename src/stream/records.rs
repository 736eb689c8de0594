//! The records of a batch, as far as incidents need them.

use crate::arrow::array::RecordBatch;
use crate::error::{Error, Result};
use crate::features::{Columns, Numbers, Times};
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
    times: Times<'a>,
    sizes: Option<Numbers<'a>>,
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
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a time column of neither text nor numbers.
    pub(super) fn bind<'a>(&self, batch: &'a RecordBatch) -> Result<Records<'a>> {
        let columns = Columns(batch);
        Ok(Records {
            times: columns.times(&self.time)?,
            sizes: columns.numbers(self.size.as_ref()),
            subjects: Subjects::new(&self.subjects, batch),
        })
    }
}

impl Records<'_> {
    /// The time of a record in seconds since the epoch, NaN for none.
    pub(super) fn time(&self, row: usize) -> f64 {
        self.times.get(row).unwrap_or(f64::NAN)
    }

    /// Bytes of a record, 0 where they are unknown.
    pub(super) fn size(&self, row: usize) -> f64 {
        self.sizes.and_then(|sizes| sizes.get(row)).unwrap_or(0.0)
    }
}
