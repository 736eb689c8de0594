//! Classic pcap files.

use super::input::Input;
use super::link::LinkType;
use super::record::{ByteOrder, MAX_CAPTURED, Record};
use crate::error::Result;

/// Bytes of the file header, its magic number included.
const FILE_HEADER: usize = 24;

/// What the header of a pcap file says.
///
/// The 16 bytes before each record are read here and not by `pcap-parser`, so that a length is checked before its
/// bytes are waited for; tests hold the two against each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pcap {
    order: ByteOrder,
    /// Nanoseconds in one unit of the second half of a time.
    unit_ns: u32,
    /// Bytes before each record's frame.
    record_header: usize,
    link: LinkType,
}

impl Pcap {
    /// Reads the file header, if the magic number is one of pcap's.
    pub(super) fn open(input: &mut Input<'_>) -> Result<Option<Self>> {
        input.want(4)?;
        let Some(&magic) = input.rest().first_chunk::<4>() else { return Ok(None) };
        let (order, number) = match magic {
            [0xa1, 0xb2, ..] => (ByteOrder::Big, u32::from_be_bytes(magic)),
            _ => (ByteOrder::Little, u32::from_le_bytes(magic)),
        };
        let (unit_ns, record_header) = match number {
            0xa1b2_c3d4 => (1_000, 16),
            0xa1b2_3c4d => (1, 16),
            // A variant of Linux 2.2 with the interface and more in every record.
            0xa1b2_cd34 => (1_000, 24),
            _ => return Ok(None),
        };
        if !input.want(FILE_HEADER)? {
            let bytes = input.rest().len();
            return Err(input.error(0, format!("a header of {bytes} bytes"), "a pcap header of 24 bytes"));
        }
        let header = input.take(FILE_HEADER);
        // The upper half of the field tells the length of a frame check sequence.
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
