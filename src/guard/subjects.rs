//! The values that QoS rules compare, taken from a batch's columns.

use std::net::IpAddr;

use crate::arrow::array::{Array, Float64Array, RecordBatch, StringArray};

use crate::qos::{Protocol, Subject};
use crate::telemetry::{Column, Field, Role, Schema, read_address};

/// The columns of one batch with a flow's addresses, ports, protocol and service.
#[derive(Debug)]
pub(crate) struct Subjects<'a> {
    src_ip: Option<&'a StringArray>,
    dst_ip: Option<&'a StringArray>,
    src_port: Option<&'a Float64Array>,
    dst_port: Option<&'a Float64Array>,
    protocol_name: Option<&'a StringArray>,
    protocol_number: Option<&'a Float64Array>,
    service: Option<&'a StringArray>,
    icmp_type: Option<&'a Float64Array>,
    icmp_code: Option<&'a Float64Array>,
    time: Option<&'a Float64Array>,
    /// What a time is multiplied by to be in seconds.
    time_scale: f64,
    tos: Option<&'a Float64Array>,
    packet_mean: Option<&'a Float64Array>,
    bytes: Option<&'a Float64Array>,
    packets: Option<&'a Float64Array>,
    interval_mean: Option<&'a Float64Array>,
    interval_std: Option<&'a Float64Array>,
}

/// The columns in which Zeek writes ports and, for ICMP, type and code.
const ZEEK_PORTS: (&str, &str) = ("id.orig_p", "id.resp_p");

/// The places of these columns in the batches of one schema.
#[derive(Debug)]
pub(crate) struct SubjectColumns([Option<usize>; 15], f64);

impl SubjectColumns {
    /// Finds the columns in the schema of a table.
    pub(crate) fn of(guard: &Schema, table: &Schema) -> Self {
        let place = |field| table.index_of(&column_of(field, guard, table)?.name);
        let or_zeek = |field, name| place(field).or_else(|| table.index_of(name));
        let time = place(Field::StartTime).or_else(|| table.index_of_role(Role::Time));
        let time_scale = time.and_then(|at| table.columns().get(at)?.scale).unwrap_or(1.0);
        let columns = [
            place(Field::SrcIp),
            place(Field::DstIp),
            place(Field::SrcPort),
            place(Field::DstPort),
            place(Field::Protocol),
            place(Field::Service),
            or_zeek(Field::IcmpType, ZEEK_PORTS.0),
            or_zeek(Field::IcmpCode, ZEEK_PORTS.1),
            time,
            place(Field::Tos),
            place(Field::FrameMean).or_else(|| place(Field::PayloadMean)),
            place(Field::IpBytes),
            place(Field::Packets),
            place(Field::IatMean),
            place(Field::IatStd),
        ];
        Self(columns, time_scale)
    }
}

impl<'a> Subjects<'a> {
    pub(crate) fn new(SubjectColumns(places, time_scale): &SubjectColumns, batch: &'a RecordBatch) -> Self {
        let any = |place: Option<usize>| batch.columns().get(place?).map(Array::as_any);
        let text = |place| any(place).and_then(|a| a.downcast_ref::<StringArray>());
        let number = |place| any(place).and_then(|a| a.downcast_ref::<Float64Array>());
        let [flow @ .., time, tos, packet_mean, bytes, packets, interval_mean, interval_std] = *places;
        let [src_ip, dst_ip, src_port, dst_port, protocol, service, icmp_type, icmp_code] = flow;
        Self {
            src_ip: text(src_ip),
            dst_ip: text(dst_ip),
            src_port: number(src_port),
            dst_port: number(dst_port),
            protocol_name: text(protocol),
            protocol_number: number(protocol),
            service: text(service),
            icmp_type: number(icmp_type),
            icmp_code: number(icmp_code),
            time: number(time),
            time_scale: *time_scale,
            tos: number(tos),
            packet_mean: number(packet_mean),
            bytes: number(bytes),
            packets: number(packets),
            interval_mean: number(interval_mean),
            interval_std: number(interval_std),
        }
    }

    /// Whether the batch has columns of both addresses.
    pub(super) const fn has_addresses(&self) -> bool {
        self.src_ip.is_some() && self.dst_ip.is_some()
    }

    /// The subject of one row, with the attack class that the guard gives it.
    pub(crate) fn get(&self, row: usize, family: Option<&'a str>) -> Subject<'a> {
        let (src_ip, dst_ip) = (End::of(self.src_ip, row), End::of(self.dst_ip, row));
        Subject {
            src_ip: src_ip.address(),
            dst_ip: dst_ip.address(),
            src_port: whole(self.src_port, row),
            dst_port: whole(self.dst_port, row),
            protocol: cell(self.protocol_name, row)
                .map(Protocol::Name)
                .or_else(|| whole(self.protocol_number, row).map(Protocol::Number)),
            service: cell(self.service, row),
            family,
            unread_address: matches!(src_ip, End::Unread) || matches!(dst_ip, End::Unread),
            icmp_type: whole(self.icmp_type, row),
            icmp_code: whole(self.icmp_code, row),
            time_s: self.time_s(row),
            // The lowest two bits of the octet are for congestion (ECN).
            dscp: whole::<u8>(self.tos, row).map(|octet| octet >> 2),
            mean_packet_bytes: self.mean_packet_bytes(row),
            interval_variation: self.interval_variation(row),
            congestion: None,
        }
    }

    /// Time of the record in whole seconds since the epoch.
    fn time_s(&self, row: usize) -> Option<i64> {
        let time = number(self.time, row)? * self.time_scale;
        (time.abs() < 1e12).then_some(time.floor() as i64)
    }

    /// Mean bytes of a packet, from the column or from bytes and packets.
    fn mean_packet_bytes(&self, row: usize) -> Option<u32> {
        let mean = number(self.packet_mean, row).or_else(|| {
            let packets = number(self.packets, row).filter(|packets| *packets >= 1.0)?;
            Some(number(self.bytes, row)? / packets)
        })?;
        (0.0..=65_535.0).contains(&mean).then_some(mean.round() as u32)
    }

    /// Standard deviation of the time between packets in percent of its mean.
    fn interval_variation(&self, row: usize) -> Option<u16> {
        let mean = number(self.interval_mean, row).filter(|mean| *mean > 0.0)?;
        let percent = 100.0 * number(self.interval_std, row)? / mean;
        (percent >= 0.0).then_some(percent.min(f64::from(u16::MAX)).round() as u16)
    }
}

/// The address of one end of a flow.
#[derive(Clone, Copy)]
enum End {
    Missing,
    Address(IpAddr),
    /// A value is there and is not one address.
    Unread,
}

impl End {
    fn of(column: Option<&StringArray>, row: usize) -> Self {
        match cell(column, row).map(str::trim) {
            None | Some("") => Self::Missing,
            Some(text) => read_address(text).map_or(Self::Unread, Self::Address),
        }
    }

    fn address(self) -> Option<IpAddr> {
        match self {
            Self::Address(address) => Some(address),
            Self::Missing | Self::Unread => None,
        }
    }
}

/// The table's column with a field: by the table's own schema, or else by the guard's, since a guard that was fitted on
/// records without addresses must still match the addresses of a table.
pub(super) fn column_of<'s>(field: Field, guard: &'s Schema, table: &'s Schema) -> Option<&'s Column> {
    let find = |schema: &'s Schema| schema.columns().get(schema.index_of_field(field)?);
    find(table).or_else(|| find(guard).filter(|column| table.index_of(&column.name).is_some()))
}

fn cell(texts: Option<&StringArray>, row: usize) -> Option<&str> {
    texts.filter(|t| t.is_valid(row)).map(|t| t.value(row))
}

fn number(numbers: Option<&Float64Array>, row: usize) -> Option<f64> {
    numbers.filter(|n| n.is_valid(row)).map(|n| n.value(row))
}

/// A whole number in the range of `T`; anything else is none.
fn whole<T: TryFrom<u32>>(numbers: Option<&Float64Array>, row: usize) -> Option<T> {
    let value = number(numbers, row).filter(|v| v.fract() == 0.0 && (0.0..=65535.0).contains(v))?;
    T::try_from(value as u32).ok()
}
