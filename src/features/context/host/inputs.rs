//! Which columns of a schema the host context reads, and their cells in a batch.

use super::failed::Ending;
use super::{Counted, Flow};
use crate::arrow::array::{Array, RecordBatch, StringArray};
use crate::error::{Error, Result};
use crate::features::context::address::entity;
use crate::features::context::cells::{Columns, Numbers, Times};
use crate::telemetry::{Column, Field, Kind, Role, Schema};

/// The columns of a schema that the host context reads.
#[derive(Clone, Debug)]
pub(super) struct Inputs {
    schema: String,
    time: Column,
    src: Option<Column>,
    dst: Option<Column>,
    dst_port: Option<Column>,
    /// When the flow started and ended, and how long it lasted, as far as the source has it.
    start: Option<Column>,
    end: Option<Column>,
    duration: Option<Column>,
    up: Option<Column>,
    down: Option<Column>,
    packets: [Option<Column>; 2],
    state: Option<Column>,
    flags: Option<Column>,
    resets: Option<Column>,
    replies: Option<Column>,
    reply_bytes: Option<Column>,
}

impl Inputs {
    /// Finds the columns.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a schema without a time or without an address.
    pub(super) fn of(schema: &Schema) -> Result<Self> {
        let find = |field| schema.index_of_field(field).map(|at| schema.columns()[at].clone());
        let number = |field| find(field).filter(|column| column.kind != Kind::Text);
        let first = |fields: &[Field]| fields.iter().find_map(|&field| number(field));
        let missing =
            |expected: &str| Error::invalid("context", expected, format!("schema `{}`", schema.name()));
        let time = schema.index_of_role(Role::Time).map(|at| schema.columns()[at].clone());
        let time = time.ok_or_else(|| missing("used with a schema that has a time column"))?;
        let (src, dst) = (find(Field::SrcIp), find(Field::DstIp));
        if src.is_none() && dst.is_none() {
            return Err(missing("used with a schema that has a column of source or destination addresses"));
        }
        let both = [
            (Field::FwdIpBytes, Field::BwdIpBytes),
            (Field::FwdFrameBytes, Field::BwdFrameBytes),
            (Field::FwdPayloadBytes, Field::BwdPayloadBytes),
        ];
        let both = both.into_iter().find_map(|(up, down)| Some((number(up)?, number(down)?)));
        let total = [
            Field::IpBytes,
            Field::FrameBytes,
            Field::PayloadBytes,
            Field::FwdIpBytes,
            Field::FwdFrameBytes,
            Field::FwdPayloadBytes,
        ];
        let (up, down) = match both {
            Some((up, down)) => (Some(up), Some(down)),
            None => (first(&total), None),
        };
        let replies = number(Field::BwdPackets);
        let packets = match number(Field::FwdPackets) {
            Some(sent) if replies.is_some() => [Some(sent), replies.clone()],
            sent => [number(Field::Packets).or(sent), None],
        };
        Ok(Self {
            schema: schema.name().to_owned(),
            src,
            dst,
            dst_port: number(Field::DstPort),
            start: number(Field::StartTime),
            end: number(Field::EndTime),
            duration: number(Field::Duration),
            up,
            reply_bytes: down
                .clone()
                .or_else(|| first(&[Field::BwdIpBytes, Field::BwdFrameBytes, Field::BwdPayloadBytes])),
            down,
            packets,
            state: find(Field::State).filter(|column| column.kind == Kind::Text),
            flags: number(Field::TcpFlags),
            resets: number(Field::RstCount),
            replies,
            time,
        })
    }

    /// What can be counted.
    pub(super) fn counted(&self) -> Counted {
        let endings = [&self.state, &self.flags, &self.replies, &self.reply_bytes];
        Counted {
            ports: self.dst_port.is_some(),
            failed: endings.into_iter().any(Option::is_some),
            bytes: self.up.is_some(),
            packets: self.packets[0].is_some(),
            directions: self.down.is_some(),
        }
    }

    /// Whether records have a source and a destination.
    pub(super) fn ends(&self) -> (bool, bool) {
        (self.src.is_some(), self.dst.is_some())
    }

    /// The columns that are read.
    pub(super) fn columns(&self) -> impl Iterator<Item = &Column> {
        let [sent, received] = &self.packets;
        let optional = [
            &self.src,
            &self.dst,
            &self.dst_port,
            &self.start,
            &self.end,
            &self.duration,
            &self.up,
            &self.down,
            sent,
            received,
            &self.state,
            &self.flags,
            &self.resets,
            &self.replies,
            &self.reply_bytes,
        ];
        [&self.time].into_iter().chain(optional.into_iter().flatten())
    }

    /// The cells of a batch.
    ///
    /// # Errors
    ///
    /// [`Error::SchemaMismatch`] that names the columns that are missing or of another type.
    pub(super) fn bind<'a>(&self, batch: &'a RecordBatch) -> Result<Cells<'a>> {
        let columns = Columns(batch);
        columns.check(&self.schema, self.columns())?;
        let texts = |column: &Option<Column>| columns.texts(column.as_ref());
        let numbers = |column: &Option<Column>| columns.numbers(column.as_ref());
        Ok(Cells {
            clock: columns.times(&self.time)?,
            src: texts(&self.src),
            dst: texts(&self.dst),
            dst_port: numbers(&self.dst_port),
            start: numbers(&self.start),
            end: numbers(&self.end),
            duration: numbers(&self.duration),
            up: numbers(&self.up),
            down: numbers(&self.down),
            packets: [numbers(&self.packets[0]), numbers(&self.packets[1])],
            state: texts(&self.state),
            flags: numbers(&self.flags),
            resets: numbers(&self.resets),
            replies: numbers(&self.replies),
            reply_bytes: numbers(&self.reply_bytes),
        })
    }
}

/// The cells of one batch that the host context reads.
pub(super) struct Cells<'a> {
    clock: Times<'a>,
    src: Option<&'a StringArray>,
    dst: Option<&'a StringArray>,
    dst_port: Option<Numbers<'a>>,
    start: Option<Numbers<'a>>,
    end: Option<Numbers<'a>>,
    duration: Option<Numbers<'a>>,
    up: Option<Numbers<'a>>,
    down: Option<Numbers<'a>>,
    packets: [Option<Numbers<'a>>; 2],
    state: Option<&'a StringArray>,
    flags: Option<Numbers<'a>>,
    resets: Option<Numbers<'a>>,
    replies: Option<Numbers<'a>>,
    reply_bytes: Option<Numbers<'a>>,
}

impl Cells<'_> {
    /// The time of a row, in seconds since the epoch.
    pub(super) fn time(&self, row: usize) -> Option<f64> {
        self.clock.get(row)
    }

    /// The addresses of a row.
    pub(super) fn ends(&self, row: usize) -> (Option<u64>, Option<u64>) {
        (entity(self.src, row), entity(self.dst, row))
    }

    /// A row as a flow whose times are still in seconds since the epoch.
    pub(super) fn flow(&self, row: usize, time: f64) -> Flow {
        let get = |numbers: Option<Numbers<'_>>| numbers.and_then(|numbers| numbers.get(row));
        let amount = |numbers| get(numbers).unwrap_or(0.0).max(0.0);
        let (end, duration) = (get(self.end), get(self.duration).filter(|duration| *duration >= 0.0));
        let start = get(self.start).or_else(|| Some(end? - duration?)).unwrap_or(time);
        let end = end.or_else(|| Some(start + duration?)).unwrap_or(start);
        let ending = Ending {
            state: self.state.filter(|texts| texts.is_valid(row)).map(|texts| texts.value(row)),
            flags: get(self.flags).map(|flags| flags as u32),
            resets: get(self.resets),
            replies: get(self.replies),
            reply_bytes: get(self.reply_bytes),
        };
        let port = get(self.dst_port).filter(|port| port.fract() == 0.0 && (0.0..=65535.0).contains(port));
        Flow {
            tick: 0,
            port: port.map(|port| port as u16),
            start,
            end: end.max(start),
            up: amount(self.up),
            down: amount(self.down),
            packets: amount(self.packets[0]) + amount(self.packets[1]),
            failed: ending.failed(),
        }
    }
}
