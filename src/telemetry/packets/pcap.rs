//! Captures in the classic pcap format.

use super::input::Input;
use super::link::LinkType;
use super::record::{ByteOrder, MAX_CAPTURED, Record};
use crate::error::Result;
use crate::telemetry::files::capture_magic::{PCAP_LINUX_2_2, PCAP_MICROSECONDS, PCAP_NANOSECONDS};

/// Bytes of the file header, its magic number included.
const FILE_HEADER: usize = 24;

/// The header of a pcap file.
///
/// This file parses the header of each record itself and checks its length before it waits for the bytes of the
/// record, which `pcap-parser` does not. Tests compare the two.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pcap {
    order: ByteOrder,
    /// Nanoseconds per unit of the fractional part of a time.
    unit_ns: u32,
    /// Bytes of the header before each frame.
    record_header: usize,
    link: LinkType,
}

impl Pcap {
    /// Reads the file header; `None` if the input does not begin with a magic number of pcap.
    pub(super) fn open(input: &mut Input<'_>) -> Result<Option<Self>> {
        input.want(4)?;
        let Some(&magic) = input.rest().first_chunk::<4>() else { return Ok(None) };
        // Every magic number of pcap begins with this byte.
        let (order, number) = match magic {
            [0xa1, ..] => (ByteOrder::Big, u32::from_be_bytes(magic)),
            _ => (ByteOrder::Little, u32::from_le_bytes(magic)),
        };
        let (unit_ns, record_header) = match number {
            PCAP_MICROSECONDS => (1_000, 16),
            PCAP_NANOSECONDS => (1, 16),
            PCAP_LINUX_2_2 => (1_000, 24),
            _ => return Ok(None),
        };
        if !input.want(FILE_HEADER)? {
            let bytes = input.rest().len();
            return Err(input.error(0, format!("a header of {bytes} bytes"), "a pcap header of 24 bytes"));
        }
        let header = input.take(FILE_HEADER);
        // The upper half of the field holds the length of a frame check sequence.
        let link = LinkType(order.u32(header, 20) as u16);
        Ok(Some(Self { order, unit_ns, record_header, link }))
    }

    /// The next record.
    #[inline(always)]
    pub(super) fn next<'i>(&self, input: &'i mut Input<'_>) -> Result<Record<'i>> {
        if !input.want(self.record_header)? {
            return Ok(Record::end(input));
        }
        let header = input.rest();
        let (seconds, fraction) = (self.order.u32(header, 0), self.order.u32(header, 4));
        let (captured, wire_bytes) = (self.order.u32(header, 8), self.order.u32(header, 12));
        if captured > MAX_CAPTURED {
            let value = format!("a captured length of {captured} bytes");
            return Err(input.error(input.offset(), value, format!("at most {MAX_CAPTURED} bytes")));
        }
        let captured = captured as usize;
        if !input.want(self.record_header + captured)? {
            return Ok(Record::CutOff { at: input.offset() });
        }
        input.take(self.record_header);
        let time_ns = i64::from(seconds) * 1_000_000_000 + i64::from(fraction) * i64::from(self.unit_ns);
        Ok(Record::Frame {
            link: self.link,
            captured: input.take(captured),
            wire_bytes,
            time_ns: Some(time_ns),
        })
    }
}
