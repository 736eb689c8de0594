//! Which columns of a schema the damped statistics read, and their cells in a batch.

use crate::arrow::array::{RecordBatch, StringArray};
use crate::error::{Error, Result};
use crate::features::context::address::entity;
use crate::features::context::cells::{Columns, Numbers, Times};
use crate::telemetry::{Column, Field, Kind, Role, Schema};

/// Bytes of a record, the first one that a schema has: of the source where the source counts them by direction.
const BYTES: [Field; 6] = [
    Field::FwdIpBytes,
    Field::FwdFrameBytes,
    Field::FwdPayloadBytes,
    Field::IpBytes,
    Field::FrameBytes,
    Field::PayloadBytes,
];

/// The columns of a schema that the damped statistics read.
#[derive(Clone, Debug)]
pub(super) struct Inputs {
    schema: String,
    time: Column,
    ends: [Column; 2],
    bytes: Column,
    /// Where a schema has both.
    ports: Option<[Column; 2]>,
}

impl Inputs {
    /// Finds the columns.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a schema without a time, both addresses or bytes.
    pub(super) fn of(schema: &Schema) -> Result<Self> {
        let find = |field| schema.index_of_field(field).map(|at| schema.columns()[at].clone());
        let number = |field| find(field).filter(|column| column.kind != Kind::Text);
        let missing = |what: &str| {
            let expected = format!("used with a schema that has {what}");
            Error::invalid("context", expected, format!("schema `{}`", schema.name()))
        };
        let time = schema.index_of_role(Role::Time).map(|at| schema.columns()[at].clone());
        let ends = find(Field::SrcIp).zip(find(Field::DstIp));
        let (src, dst) = ends.ok_or_else(|| missing("columns of source and destination addresses"))?;
        Ok(Self {
            schema: schema.name().to_owned(),
            time: time.ok_or_else(|| missing("a time column"))?,
            ends: [src, dst],
            bytes: BYTES.into_iter().find_map(number).ok_or_else(|| missing("a column of bytes"))?,
            ports: number(Field::SrcPort).zip(number(Field::DstPort)).map(|(src, dst)| [src, dst]),
        })
    }

    /// Whether records have ports.
    pub(super) fn has_ports(&self) -> bool {
        self.ports.is_some()
    }

    /// The columns that are read.
    pub(super) fn columns(&self) -> impl Iterator<Item = &Column> {
        [&self.time, &self.bytes].into_iter().chain(&self.ends).chain(self.ports.iter().flatten())
    }

    /// The cells of a batch.
    ///
    /// # Errors
    ///
    /// [`Error::SchemaMismatch`] that names the columns that are missing or of another type.
    pub(super) fn bind<'a>(&self, batch: &'a RecordBatch) -> Result<Cells<'a>> {
        let columns = Columns(batch);
        columns.check(&self.schema, self.columns())?;
        let port = |at: usize| columns.numbers(self.ports.as_ref().map(|ports| &ports[at]));
        Ok(Cells {
            time: columns.times(&self.time)?,
            ends: self.ends.each_ref().map(|column| columns.texts(Some(column))),
            bytes: columns.numbers(Some(&self.bytes)),
            ports: [port(0), port(1)],
        })
    }
}

/// The cells of one batch that the damped statistics read.
pub(super) struct Cells<'a> {
    time: Times<'a>,
    ends: [Option<&'a StringArray>; 2],
    bytes: Option<Numbers<'a>>,
    ports: [Option<Numbers<'a>>; 2],
}

impl Cells<'_> {
    /// A row; `None` for one without a time, an address or bytes.
    pub(super) fn record(&self, row: usize) -> Option<super::Record> {
        let [src, dst] = self.ends.map(|texts| entity(texts, row));
        let [src_port, dst_port] = self.ports.map(|ports| {
            let port = ports.and_then(|ports| ports.get(row));
            port.filter(|port| port.fract() == 0.0 && (0.0..=65535.0).contains(port)).map(|port| port as u16)
        });
        Some(super::Record {
            time: self.time.get(row)?,
            src: src?,
            dst: dst?,
            ports: src_port.zip(dst_port),
            bytes: self.bytes?.get(row)?.max(0.0),
        })
    }
}
