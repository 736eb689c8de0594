//! What QoS rules may look at, taken from a batch's columns.

use arrow::array::{Array, Float64Array, RecordBatch, StringArray};

use crate::qos::Subject;
use crate::telemetry::{Field, Schema};

/// The columns of one batch that tell a flow's addresses, ports, protocol and service.
#[derive(Debug)]
pub(super) struct Subjects<'a> {
    src_ip: Option<&'a StringArray>,
    dst_ip: Option<&'a StringArray>,
    src_port: Option<&'a Float64Array>,
    dst_port: Option<&'a Float64Array>,
    protocol: Protocol<'a>,
    service: Option<&'a StringArray>,
}

/// Sources tell the protocol by name or by IANA number.
#[derive(Debug)]
enum Protocol<'a> {
    Unknown,
    Name(&'a StringArray),
    Number(&'a Float64Array),
}

impl<'a> Subjects<'a> {
    pub(super) fn new(schema: &Schema, batch: &'a RecordBatch) -> Self {
        let any = |field| {
            let name = &schema.columns()[schema.index_of_field(field)?].name;
            batch.column_by_name(name).map(|a| a.as_any())
        };
        let text = |field| any(field).and_then(|a| a.downcast_ref::<StringArray>());
        let number = |field| any(field).and_then(|a| a.downcast_ref::<Float64Array>());
        let named = text(Field::Protocol).map(Protocol::Name);
        let protocol = named.or_else(|| number(Field::Protocol).map(Protocol::Number)).unwrap_or(Protocol::Unknown);
        Self {
            src_ip: text(Field::SrcIp),
            dst_ip: text(Field::DstIp),
            src_port: number(Field::SrcPort),
            dst_port: number(Field::DstPort),
            protocol,
            service: text(Field::Service),
        }
    }

    /// The subject of one row.
    pub(super) fn get(&self, row: usize) -> Subject<'a> {
        Subject {
            src_ip: cell(self.src_ip, row).and_then(|t| t.parse().ok()),
            dst_ip: cell(self.dst_ip, row).and_then(|t| t.parse().ok()),
            src_port: port(self.src_port, row),
            dst_port: port(self.dst_port, row),
            protocol: match self.protocol {
                Protocol::Unknown => None,
                Protocol::Name(names) => cell(Some(names), row),
                Protocol::Number(numbers) => number(Some(numbers), row).and_then(protocol_name),
            },
            service: cell(self.service, row),
            family: None,
        }
    }
}

fn cell<'a>(texts: Option<&'a StringArray>, row: usize) -> Option<&'a str> {
    texts.filter(|t| t.is_valid(row)).map(|t| t.value(row))
}

fn number(numbers: Option<&Float64Array>, row: usize) -> Option<f64> {
    numbers.filter(|n| n.is_valid(row)).map(|n| n.value(row))
}

/// A whole number in `0..=65535`; anything else is no port.
fn port(numbers: Option<&Float64Array>, row: usize) -> Option<u16> {
    number(numbers, row).filter(|v| v.fract() == 0.0 && (0.0..=65535.0).contains(v)).map(|v| v as u16)
}

/// IANA name of a protocol number that policies commonly name.
fn protocol_name(number: f64) -> Option<&'static str> {
    const NAMES: [(f64, &str); 9] = [
        (1.0, "icmp"), (2.0, "igmp"), (6.0, "tcp"), (17.0, "udp"), (47.0, "gre"), (50.0, "esp"), (58.0, "ipv6-icmp"),
        (89.0, "ospf"), (132.0, "sctp"),
    ];
    NAMES.iter().find(|(n, _)| *n == number).map(|(_, name)| *name)
}
