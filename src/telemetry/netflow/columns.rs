//! The Arrow columns of the rows.

use std::io::Write;
use std::net::Ipv6Addr;
use std::sync::Arc;

use crate::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use crate::arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use crate::arrow::datatypes::SchemaRef;
use crate::arrow::error::ArrowError;

use super::element::Slot;
use super::record::{Address, Clock, Record};
use crate::error::Result;
use crate::telemetry::cell::spelling::protocol_name;
use crate::telemetry::schema::{Kind, Schema};

/// The number columns of the schema `ipfix`, in its order.
#[derive(Clone, Copy, Debug)]
enum Number {
    ObservationDomain,
    StartTime,
    EndTime,
    Duration,
    SrcPort,
    DstPort,
    Packets,
    FwdPackets,
    BwdPackets,
    IpBytes,
    FwdIpBytes,
    BwdIpBytes,
    PayloadBytes,
    FwdPayloadBytes,
    BwdPayloadBytes,
    FrameBytes,
    TcpFlags,
    Tos,
    IcmpType,
    IcmpCode,
    VlanId,
    InputInterface,
    OutputInterface,
    SamplingInterval,
}

const NUMBERS: usize = Number::SamplingInterval as usize + 1;

/// Exporter, export format, source and destination address, and protocol.
const TEXTS: usize = 5;

/// The values that all records of a datagram share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin<'a> {
    /// The exporter's address as text.
    pub(super) exporter: &'a str,
    /// Name of the export format.
    pub(super) format: &'static str,
    /// Observation domain, source id, engine or sub-agent.
    pub(super) domain: u32,
    pub(super) clock: Clock,
}

/// What a row adds to the counters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Remarks {
    /// It has the time of the export instead of its own times.
    pub(super) estimated: bool,
    /// It ends before it starts.
    pub(super) backwards: bool,
    /// It has an impossible time.
    pub(super) rejected: bool,
}

/// The columns of the schema `ipfix`, as they grow.
#[derive(Debug)]
pub(super) struct Columns {
    schema: Arc<Schema>,
    arrow: SchemaRef,
    /// NaN is null.
    numbers: [Vec<f64>; NUMBERS],
    texts: [TextColumn; TEXTS],
}

/// A text column; an empty cell is null.
#[derive(Debug, Default)]
struct TextColumn {
    /// End of every cell.
    ends: Vec<i32>,
    bytes: Vec<u8>,
}

impl Columns {
    pub(super) fn new(schema: Schema) -> Self {
        Self {
            arrow: Arc::new(schema.to_arrow()),
            schema: Arc::new(schema),
            numbers: Default::default(),
            texts: Default::default(),
        }
    }

    pub(super) fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    pub(super) fn rows(&self) -> usize {
        self.numbers[0].len()
    }

    /// Makes room for more rows.
    pub(super) fn reserve(&mut self, rows: usize) {
        self.numbers.iter_mut().for_each(|column| column.reserve(rows));
        self.texts.iter_mut().for_each(|column| column.ends.reserve(rows));
    }

    /// Appends a flow. Its counts are multiplied by the sampling interval `sampling`.
    #[inline]
    pub(super) fn push(&mut self, record: &Record, origin: &Origin<'_>, sampling: Option<f64>) -> Remarks {
        let scale = sampling.unwrap_or(1.0);
        let times = record.times(&origin.clock);
        let backwards = times.duration < 0.0;
        let protocol = record.get(Slot::Protocol);
        let icmp = match protocol {
            Some(1) => icmp_of(record, false),
            Some(58) => icmp_of(record, true),
            _ => None,
        };
        // ICMP has no ports. Exporters put other values into these fields.
        let no_ports = matches!(protocol, Some(1 | 58));
        let port = |slots: [Slot; 3]| match record.first_of(&slots) {
            _ if no_ports => 0.0,
            port => port.map_or(f64::NAN, |port| port as f64),
        };
        let count = |slot| record.number(slot) * scale;
        let either = |a, b| count(if record.has(a) { a } else { b });
        let fwd_packets = either(Slot::Packets, Slot::InitiatorPackets);
        let bwd_packets = either(Slot::ReversePackets, Slot::ResponderPackets);
        let (fwd_ip, bwd_ip) = (count(Slot::Bytes), count(Slot::ReverseBytes));
        let (fwd_payload, bwd_payload) = (count(Slot::InitiatorBytes), count(Slot::ResponderBytes));

        let mut set = |number: Number, value: f64| self.numbers[number as usize].push(value);
        set(Number::ObservationDomain, f64::from(origin.domain));
        set(Number::StartTime, times.start);
        set(Number::EndTime, times.end);
        set(Number::Duration, if backwards { f64::NAN } else { times.duration });
        set(Number::SrcPort, port([Slot::SrcPort, Slot::UdpSrcPort, Slot::TcpSrcPort]));
        set(Number::DstPort, port([Slot::DstPort, Slot::UdpDstPort, Slot::TcpDstPort]));
        set(Number::Packets, total(fwd_packets, bwd_packets));
        set(Number::FwdPackets, fwd_packets);
        set(Number::BwdPackets, bwd_packets);
        set(Number::IpBytes, total(fwd_ip, bwd_ip));
        set(Number::FwdIpBytes, fwd_ip);
        set(Number::BwdIpBytes, bwd_ip);
        set(Number::PayloadBytes, total(fwd_payload, bwd_payload));
        set(Number::FwdPayloadBytes, fwd_payload);
        set(Number::BwdPayloadBytes, bwd_payload);
        set(Number::FrameBytes, count(Slot::FrameBytes));
        set(Number::TcpFlags, tcp_flags(record));
        set(Number::Tos, record.number(Slot::Tos));
        set(Number::IcmpType, icmp.map_or(f64::NAN, |(kind, _)| kind));
        set(Number::IcmpCode, icmp.map_or(f64::NAN, |(_, code)| code));
        let vlan_id = record.first_of(&[Slot::VlanId, Slot::Dot1qVlanId]);
        set(Number::VlanId, vlan_id.map_or(f64::NAN, |id| id as f64));
        set(Number::InputInterface, record.number(Slot::Input));
        set(Number::OutputInterface, record.number(Slot::Output));
        set(Number::SamplingInterval, sampling.unwrap_or(f64::NAN));

        let [exporter, format, src, dst, transport] = &mut self.texts;
        exporter.push(origin.exporter);
        format.push(origin.format);
        let [from, to] = record.addresses();
        src.push_address(from);
        dst.push_address(to);
        transport.push_protocol(protocol);
        Remarks { estimated: times.estimated, backwards, rejected: times.rejected }
    }

    /// Takes the rows as a batch; `None` if there are none.
    pub(super) fn finish(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        if self.rows() == 0 {
            return Ok(None);
        }
        let (mut numbers, mut texts) = (self.numbers.iter_mut(), self.texts.iter_mut());
        let mut arrays = Vec::with_capacity(NUMBERS + TEXTS);
        for column in self.schema.columns() {
            arrays.extend(match column.kind {
                Kind::Number | Kind::Time => numbers.next().map(finish_numbers),
                Kind::Text => texts.next().map(TextColumn::finish),
            });
        }
        let arrays: Vec<ArrayRef> = arrays.into_iter().collect::<Result<_, _>>()?;
        RecordBatch::try_new(Arc::clone(&self.arrow), arrays).map(Some)
    }
}

/// The sum of both directions. A missing direction counts as 0; NaN if both are missing.
#[inline]
fn total(fwd: f64, bwd: f64) -> f64 {
    match (fwd.is_nan(), bwd.is_nan()) {
        (false, false) => fwd + bwd,
        (true, false) => bwd,
        _ => fwd,
    }
}

/// The TCP flags of both directions.
#[inline]
fn tcp_flags(record: &Record) -> f64 {
    match record.get(Slot::ReverseTcpFlags) {
        None => record.number(Slot::TcpFlags),
        Some(reverse) => (record.get(Slot::TcpFlags).unwrap_or(0) | reverse) as f64,
    }
}

/// ICMP type and code, from their own elements or from the ports, where some exporters put them.
fn icmp_of(record: &Record, v6: bool) -> Option<(f64, f64)> {
    // A template may have the elements of both families. The elements of the other family are 0.
    let of = |v4: Slot, slot: Slot| record.first_of(&if v6 { [slot, v4] } else { [v4, slot] });
    let number = |value: Option<u64>| value.map_or(f64::NAN, |value| value as f64);
    let kind = of(Slot::IcmpType, Slot::Icmp6Type);
    let code = of(Slot::IcmpCode, Slot::Icmp6Code);
    let packed = of(Slot::IcmpTypeCode, Slot::Icmp6TypeCode);
    let unpack = |packed: u64| Some((f64::from((packed >> 8) as u8), f64::from(packed as u8)));
    match (kind, packed) {
        (Some(0) | None, Some(packed)) if packed != 0 || kind.is_none() => return unpack(packed),
        (Some(_), _) => return Some((number(kind), number(code))),
        _ => {}
    }
    // Cisco packs both into the destination port; others put the type into the source port and the code into the
    // destination port.
    match (record.get(Slot::SrcPort).unwrap_or(0), record.get(Slot::DstPort)?) {
        (_, packed @ 256..) | (0, packed) => unpack(packed),
        (kind @ 1..=255, code) => Some((kind as f64, code as f64)),
        // Another value, such as the identifier of an echo.
        _ => None,
    }
}

fn finish_numbers(values: &mut Vec<f64>) -> Result<ArrayRef, ArrowError> {
    let next = Vec::with_capacity(values.len());
    let values = std::mem::replace(values, next);
    let nulls =
        nulls(BooleanBuffer::collect_bool(values.len(), |row| values.get(row).is_some_and(|v| !v.is_nan())));
    Ok(Arc::new(Float64Array::try_new(values.into(), nulls)?))
}

/// Which cells are valid; `None` if all are.
fn nulls(valid: BooleanBuffer) -> Option<NullBuffer> {
    Some(NullBuffer::new(valid)).filter(|nulls| nulls.null_count() > 0)
}

/// The decimal digits of each byte, and their number.
const DECIMALS: [([u8; 3], u8); 256] = {
    let mut decimals = [([b'0'; 3], 0); 256];
    let mut byte = 0;
    while byte < 256 {
        let (hundreds, tens, ones) = (byte / 100, byte / 10 % 10, byte % 10);
        decimals[byte] = match byte {
            0..10 => ([b'0' + ones as u8, 0, 0], 1),
            10..100 => ([b'0' + tens as u8, b'0' + ones as u8, 0], 2),
            _ => ([b'0' + hundreds as u8, b'0' + tens as u8, b'0' + ones as u8], 3),
        };
        byte += 1;
    }
    decimals
};

/// An IPv4 address as text: its characters, and their number.
#[inline]
fn dotted(address: [u8; 4]) -> ([u8; 16], usize) {
    let mut text = [b'.'; 16];
    let mut end = 0;
    for byte in address {
        let (digits, len) = DECIMALS[usize::from(byte)];
        // The fourth part starts at byte 12 or earlier.
        text[end..end + 3].copy_from_slice(&digits);
        text[end + usize::from(len)] = b'.';
        end += usize::from(len) + 1;
    }
    (text, end - 1)
}

impl TextColumn {
    #[inline]
    fn end_cell(&mut self) {
        self.ends.push(i32::try_from(self.bytes.len()).unwrap_or(i32::MAX));
    }

    #[inline]
    fn push(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
        self.end_cell();
    }

    #[inline]
    fn push_address(&mut self, address: Option<Address>) {
        match address {
            Some(Address::V4(address)) => {
                let (text, len) = dotted(address);
                self.bytes.extend_from_slice(&text[..len]);
            }
            // Writing to memory cannot fail.
            Some(Address::V6(address)) => {
                write!(self.bytes, "{}", Ipv6Addr::from(address)).unwrap_or_default();
            }
            None => {}
        }
        self.end_cell();
    }

    #[inline]
    fn push_protocol(&mut self, protocol: Option<u64>) {
        if let Some(number) = protocol {
            match u8::try_from(number).ok().and_then(protocol_name) {
                Some(name) => self.bytes.extend_from_slice(name.as_bytes()),
                None => write!(self.bytes, "{number}").unwrap_or_default(),
            }
        }
        self.end_cell();
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        if i32::try_from(self.bytes.len()).is_err() {
            return Err(ArrowError::OffsetOverflowError(self.bytes.len()));
        }
        let rows = self.ends.len();
        let ends = std::mem::replace(&mut self.ends, Vec::with_capacity(rows));
        let next = Vec::with_capacity(self.bytes.len());
        let bytes = std::mem::replace(&mut self.bytes, next);
        let offsets: Vec<i32> = std::iter::once(0).chain(ends).collect();
        let bits = BooleanBuffer::collect_bool(rows, |row| offsets.get(row) < offsets.get(row + 1));
        let nulls = nulls(bits);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        Ok(Arc::new(StringArray::try_new(offsets, Buffer::from_vec(bytes), nulls)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_have_the_order_of_the_schema() {
        // "InputInterface" for `input_interface`.
        let snake = |name: String| {
            let mut snake = String::new();
            for letter in name.chars() {
                if letter.is_ascii_uppercase() && !snake.is_empty() {
                    snake.push('_');
                }
                snake.push(letter.to_ascii_lowercase());
            }
            snake
        };
        let schema = Schema::preset("ipfix").unwrap();
        let of = |text| {
            schema.columns().iter().filter(move |c| (c.kind == Kind::Text) == text).map(|c| c.name.clone())
        };
        #[rustfmt::skip]
        let numbers = [
            Number::ObservationDomain, Number::StartTime, Number::EndTime, Number::Duration, Number::SrcPort,
            Number::DstPort, Number::Packets, Number::FwdPackets, Number::BwdPackets, Number::IpBytes,
            Number::FwdIpBytes, Number::BwdIpBytes, Number::PayloadBytes, Number::FwdPayloadBytes,
            Number::BwdPayloadBytes, Number::FrameBytes, Number::TcpFlags, Number::Tos, Number::IcmpType,
            Number::IcmpCode, Number::VlanId, Number::InputInterface, Number::OutputInterface,
            Number::SamplingInterval,
        ];
        assert!(numbers.iter().enumerate().all(|(i, &number)| i == number as usize));
        let names: Vec<String> = numbers.iter().map(|number| snake(format!("{number:?}"))).collect();
        assert_eq!(names, of(false).collect::<Vec<_>>());
        let names = ["exporter", "export_format", "src_ip", "dst_ip", "protocol"];
        assert_eq!(of(true).collect::<Vec<_>>(), names);
    }

    #[test]
    fn addresses_are_written_as_by_the_standard_library() {
        let mut column = TextColumn::default();
        for byte in 0..=255_u8 {
            column.push_address(Some(Address::V4([byte, 0, 10, 255])));
            let expected = std::net::Ipv4Addr::new(byte, 0, 10, 255).to_string();
            assert_eq!(std::mem::take(&mut column.bytes), expected.into_bytes());
        }
    }
}
