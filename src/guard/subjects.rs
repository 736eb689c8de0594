//! What QoS rules may look at, taken from a batch's columns.

use std::net::IpAddr;

use crate::arrow::array::{Array, Float64Array, RecordBatch, StringArray};

use crate::qos::{Protocol, Subject};
use crate::telemetry::{Field, Schema};

/// The columns of one batch that tell a flow's addresses, ports, protocol and service.
#[derive(Debug)]
pub(super) struct Subjects<'a> {
    src_ip: Option<&'a StringArray>,
    dst_ip: Option<&'a StringArray>,
    src_port: Option<&'a Float64Array>,
    dst_port: Option<&'a Float64Array>,
    protocol_name: Option<&'a StringArray>,
    protocol_number: Option<&'a Float64Array>,
    service: Option<&'a StringArray>,
}

impl<'a> Subjects<'a> {
    /// A field is where the table's own schema says, or else where the guard's does: a guard that was fitted
    /// on records without addresses must still heed them.
    pub(super) fn new(guard: &Schema, table: &Schema, batch: &'a RecordBatch) -> Self {
        let any = |field| {
            let column = [table, guard].iter().find_map(|s| s.columns().get(s.index_of_field(field)?))?;
            batch.column_by_name(&column.name).map(Array::as_any)
        };
        let text = |field| any(field).and_then(|a| a.downcast_ref::<StringArray>());
        let number = |field| any(field).and_then(|a| a.downcast_ref::<Float64Array>());
        Self {
            src_ip: text(Field::SrcIp),
            dst_ip: text(Field::DstIp),
            src_port: number(Field::SrcPort),
            dst_port: number(Field::DstPort),
            protocol_name: text(Field::Protocol),
            protocol_number: number(Field::Protocol),
            service: text(Field::Service),
        }
    }

    /// The subject of one row.
    pub(super) fn get(&self, row: usize) -> Subject<'a> {
        Subject {
            src_ip: cell(self.src_ip, row).and_then(address),
            dst_ip: cell(self.dst_ip, row).and_then(address),
            src_port: whole(self.src_port, row),
            dst_port: whole(self.dst_port, row),
            protocol: cell(self.protocol_name, row)
                .map(Protocol::Name)
                .or_else(|| whole(self.protocol_number, row).map(Protocol::Number)),
            service: cell(self.service, row),
            family: None,
        }
    }
}

fn cell(texts: Option<&StringArray>, row: usize) -> Option<&str> {
    texts.filter(|t| t.is_valid(row)).map(|t| t.value(row))
}

/// An address as text; the zone of a link-local one (`fe80::1%eth0`, RFC 4007) is not part of it.
fn address(text: &str) -> Option<IpAddr> {
    text.split_once('%').map_or(text, |(address, _)| address).parse().ok()
}

fn number(numbers: Option<&Float64Array>, row: usize) -> Option<f64> {
    numbers.filter(|n| n.is_valid(row)).map(|n| n.value(row))
}

/// A whole number in the range of `T`; anything else is none.
fn whole<T: TryFrom<u32>>(numbers: Option<&Float64Array>, row: usize) -> Option<T> {
    let value = number(numbers, row).filter(|v| v.fract() == 0.0 && (0.0..=65535.0).contains(v))?;
    T::try_from(value as u32).ok()
}
