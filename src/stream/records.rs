//! The records of a batch, as far as incidents need them.

use super::pairs::Connection;
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

/// Bytes of one direction, sent and received, the first of these pairs that a source has.
const DIRECTIONS: [(Field, Field); 3] = [
    (Field::FwdPayloadBytes, Field::BwdPayloadBytes),
    (Field::FwdIpBytes, Field::BwdIpBytes),
    (Field::FwdFrameBytes, Field::BwdFrameBytes),
];

/// The columns of one schema that incidents need.
#[derive(Debug)]
pub(super) struct RecordColumns {
    time: Column,
    size: Option<Column>,
    directions: Option<(Column, Column)>,
    subjects: SubjectColumns,
}

/// The cells of one batch.
#[derive(Debug)]
pub(super) struct Records<'a> {
    times: Times<'a>,
    sizes: Option<Numbers<'a>>,
    directions: [Option<Numbers<'a>>; 2],
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
        let both = |(sent, received): &(Field, Field)| Some((column(sent)?, column(received)?));
        let directions = DIRECTIONS
            .iter()
            .filter_map(both)
            .find(|(sent, received)| sent.kind != Kind::Text && received.kind != Kind::Text);
        Ok(Self { time, size, directions, subjects: SubjectColumns::of(schema, schema) })
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
            directions: [
                columns.numbers(self.directions.as_ref().map(|(sent, _)| sent)),
                columns.numbers(self.directions.as_ref().map(|(_, received)| received)),
            ],
            subjects: Subjects::new(&self.subjects, batch),
        })
    }
}

impl Records<'_> {
    /// The time of a record in seconds since the epoch, NaN for none.
    pub(super) fn time(&self, row: usize) -> f64 {
        self.times.get(row).unwrap_or(f64::NAN)
    }

    /// A record as a connection of its pair of hosts.
    pub(super) fn connection(&self, row: usize) -> Connection {
        let number = |numbers: Option<Numbers<'_>>| numbers.and_then(|numbers| numbers.get(row));
        let [sent, received] = self.directions.map(|bytes| number(bytes).unwrap_or(f64::NAN));
        Connection { time: self.time(row), size: number(self.sizes).unwrap_or(0.0), sent, received }
    }
}
