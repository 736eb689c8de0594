//! Which columns of a schema the host context reads, and their cells in a batch.

use std::net::IpAddr;

use super::failed::Ending;
use super::{Counted, Flow};
use crate::arrow::array::{Array, Float64Array, RecordBatch, StringArray};
use crate::error::{Error, Result};
use crate::telemetry::{Column, Field, Kind, Role, Schema, read_address};

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
    pub(super) fn bind<'a>(&'a self, batch: &'a RecordBatch) -> Result<Cells<'a>> {
        let of_kind = |column: &Column| {
            let array = batch.column_by_name(&column.name)?.as_any();
            let fits = if column.kind == Kind::Text {
                array.is::<StringArray>()
            } else {
                array.is::<Float64Array>()
            };
            fits.then_some(array)
        };
        let mut missing: Vec<String> =
            self.columns().filter(|column| of_kind(column).is_none()).map(|c| c.name.clone()).collect();
        if !missing.is_empty() {
            missing.sort_unstable();
            missing.dedup();
            return Err(Error::SchemaMismatch {
                place: "record batch".into(),
                schema: self.schema.clone(),
                missing,
                unknown: Vec::new(),
            });
        }
        let texts = |column: &Option<Column>| of_kind(column.as_ref()?)?.downcast_ref::<StringArray>();
        let numbers = |column: &'a Option<Column>| {
            let column = column.as_ref()?;
            Some(Numbers { cells: of_kind(column)?.downcast_ref()?, factor: column.factor() })
        };
        let time = of_kind(&self.time);
        let clock = match time.and_then(|array| array.downcast_ref::<StringArray>()) {
            Some(texts) => {
                let read = self.time.time_reader();
                Times::Read(texts.iter().map(|cell| cell.and_then(&read)).collect())
            }
            None => Times::Numbers(Numbers {
                cells: time
                    .and_then(|array| array.downcast_ref())
                    .ok_or_else(|| Error::invalid("context", "used with a time column", &self.time.name))?,
                factor: self.time.factor(),
            }),
        };
        Ok(Cells {
            clock,
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

/// Numbers of one column, in the unit of its field.
#[derive(Clone, Copy)]
struct Numbers<'a> {
    cells: &'a Float64Array,
    factor: f64,
}

impl Numbers<'_> {
    /// A finite number.
    fn get(self, row: usize) -> Option<f64> {
        let value = self.cells.values()[row] * self.factor;
        (self.cells.is_valid(row) && value.is_finite()).then_some(value)
    }
}

/// The times of a batch.
enum Times<'a> {
    Numbers(Numbers<'a>),
    /// Of text.
    Read(Vec<Option<f64>>),
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
        match &self.clock {
            Times::Numbers(numbers) => numbers.get(row),
            Times::Read(times) => times[row],
        }
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

/// An address as the number of its entity: all of IPv4, the first 64 bits of IPv6.
fn entity(texts: Option<&StringArray>, row: usize) -> Option<u64> {
    let texts = texts.filter(|texts| texts.is_valid(row))?;
    let text = texts.value(row);
    let address = match ipv4(text) {
        Some(address) => return Some(v4(address)),
        None => read_address(text)?,
    };
    Some(match address.to_canonical() {
        IpAddr::V4(address) => v4(address.to_bits()),
        // No global address begins with 16 zero bits, so that no IPv6 prefix equals an IPv4 address.
        IpAddr::V6(address) => (address.to_bits() >> 64) as u64,
    })
}

fn v4(address: u32) -> u64 {
    1 << 32 | u64::from(address)
}

/// Four decimal numbers without leading zeros, which is how nearly every address is written.
fn ipv4(text: &str) -> Option<u32> {
    let (mut address, mut number, mut digits, mut dots) = (0_u32, 0_u32, 0, 0);
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' if digits == 0 || (number != 0 && digits < 3) => {
                number = number * 10 + u32::from(byte - b'0');
                digits += 1;
            }
            b'.' if digits > 0 && dots < 3 && number < 256 => {
                address = address << 8 | number;
                (number, digits, dots) = (0, 0, dots + 1);
            }
            _ => return None,
        }
    }
    (dots == 3 && digits > 0 && number < 256).then_some(address << 8 | number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_entities() {
        let texts = StringArray::from(vec![
            Some("10.0.0.1"),
            Some(" 10.0.0.1"),
            Some("::ffff:10.0.0.1"),
            Some("2001:db8::1"),
            Some("2001:db8::ffff"),
            Some("2001:db8:0:1::1"),
            Some("printer"),
            Some("10.0.0.256"),
            Some("10.0.0.10"),
            None,
        ]);
        let of = |row| entity(Some(&texts), row);
        assert_eq!(of(0), Some(0x1_0A00_0001));
        assert!((0..3).all(|row| of(row) == of(0)));
        assert!(of(3) == of(4) && of(3) != of(5) && of(3).is_some());
        assert_eq!((of(6), of(7), of(9)), (None, None, None));
        assert_ne!(of(8), of(0));
    }
}
