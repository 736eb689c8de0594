//! The columns of each profile, as functions of the statistics of a flow.

mod cic;
mod cic_legacy;
mod nfstream;

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::arrow::array::StringBuilder;
use jiff::Timestamp;

pub(super) use cic::CIC;
pub(super) use cic_legacy::CIC_LEGACY;
pub(super) use nfstream::NFSTREAM;

use super::profile::FlowColumn;
use super::rows::Record;
use super::statistics::Direction;
use crate::telemetry::protocol_name;

/// How a cell is computed from a record.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cell {
    /// NaN is null.
    Number(fn(&Record<'_>) -> f64),
    /// Writes the text and returns `Some`, or returns `None` for null.
    Text(fn(&Record<'_>, &mut StringBuilder) -> Option<()>),
}

const fn number(
    name: &'static str,
    unit: &'static str,
    formula: &'static str,
    cell: fn(&Record<'_>) -> f64,
) -> FlowColumn {
    FlowColumn { name, unit, formula, cell: Cell::Number(cell) }
}

const fn text(
    name: &'static str,
    formula: &'static str,
    cell: fn(&Record<'_>, &mut StringBuilder) -> Option<()>,
) -> FlowColumn {
    FlowColumn { name, unit: "", formula, cell: Cell::Text(cell) }
}

/// `a / b`, and 0 where `b` is 0.
fn ratio(a: f64, b: f64) -> f64 {
    if b == 0.0 { 0.0 } else { a / b }
}

impl Record<'_> {
    fn forward(&self) -> &Direction {
        &self.flow.forward
    }

    fn backward(&self) -> &Direction {
        &self.flow.backward
    }

    /// Packets, both directions.
    fn packets(&self) -> f64 {
        self.flow.packets() as f64
    }

    /// Bytes, both directions.
    fn bytes(&self) -> f64 {
        self.forward().bytes as f64 + self.backward().bytes as f64
    }

    /// Ticks from the first to the last packet.
    fn duration(&self) -> f64 {
        self.flow.last.saturating_sub(self.flow.first) as f64
    }

    /// Packets with a flag, both directions.
    fn flag(&self, flag: u8) -> f64 {
        (self.forward().flag(flag) + self.backward().flag(flag)) as f64
    }

    /// Source or destination (address, port) of the forward packets.
    fn endpoint(&self, source: bool) -> ([u8; 16], u16) {
        self.flow.key.endpoint(self.flow.forward_lower == source)
    }

    fn port(&self, source: bool) -> f64 {
        f64::from(self.endpoint(source).1)
    }

    fn write_address(&self, source: bool, out: &mut StringBuilder) -> Option<()> {
        let (address, _) = self.endpoint(source);
        if self.flow.key.ip_version() == 4 {
            let [.., a, b, c, d] = address;
            write!(out, "{}", Ipv4Addr::new(a, b, c, d)).ok()
        } else {
            write!(out, "{}", Ipv6Addr::from(address)).ok()
        }
    }
}

/// The name of the protocol, as in all readers, or its number if it has no name.
fn protocol(record: &Record<'_>, out: &mut StringBuilder) -> Option<()> {
    let number = record.flow.key.protocol();
    match protocol_name(number) {
        Some(name) => out.write_str(name).ok(),
        None => write!(out, "{number}").ok(),
    }
}

/// ICMP type of the first packet; NaN without one.
fn icmp_type(record: &Record<'_>) -> f64 {
    record.flow.icmp.map_or(f64::NAN, |(kind, _)| f64::from(kind))
}

/// ICMP code of the first packet; NaN without one.
fn icmp_code(record: &Record<'_>) -> f64 {
    record.flow.icmp.map_or(f64::NAN, |(_, code)| f64::from(code))
}

/// The reason of the record.
fn end_reason(record: &Record<'_>, out: &mut StringBuilder) -> Option<()> {
    out.write_str(record.reason.as_str()).ok()
}

/// RFC 3339, UTC, in microseconds; null for years that RFC 3339 cannot represent.
fn write_time(microseconds: i64, out: &mut StringBuilder) -> Option<()> {
    let time = Timestamp::from_microsecond(microseconds).ok()?;
    write!(out, "{time:.6}").ok()
}
