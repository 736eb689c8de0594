//! Captures in the pcapng format (draft-ietf-opsawg-pcapng).

use super::input::Input;
use super::interface::Interface;
use super::record::{ByteOrder, Record};
use crate::error::Result;
use crate::telemetry::files::capture_magic::PCAPNG as SECTION;

/// Types of blocks; [`SECTION`] is one as well.
const INTERFACE: u32 = 1;
const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// Bytes of a block around its body: the type, the length before the body and the length after it.
const FRAME: u32 = 12;

/// Maximum length of a block that is parsed. Blocks of other types may be longer and are skipped.
const MAX_BLOCK: u32 = 1 << 20;

/// Maximum number of interfaces in a section.
const MAX_INTERFACES: usize = 1 << 16;

/// State of a pcapng file.
///
/// This file parses packet blocks itself, because `pcap-parser` collects their options into vectors. Tests compare the
/// two.
#[derive(Clone, Debug)]
pub(super) struct PcapNg {
    order: ByteOrder,
    /// Interfaces of the section by number; `None` for an interface with an unreadable description.
    interfaces: Vec<Option<Interface>>,
    /// Time of the last packet. Simple packet blocks have no time and get this one.
    time_ns: i64,
}

/// The next block that holds a frame.
enum Block {
    /// A block of this type and length. The input holds all of it.
    Packet(u32, u32),
    CutOff {
        at: u64,
    },
    End,
}

impl PcapNg {
    /// Starts at the first section; `None` if the input does not begin with one.
    pub(super) fn open(input: &mut Input<'_>) -> Result<Option<Self>> {
        input.want(4)?;
        let is_section = input.rest().starts_with(&SECTION.to_be_bytes());
        Ok(is_section.then(|| Self { order: ByteOrder::Little, interfaces: Vec::new(), time_ns: 0 }))
    }

    /// Reads the next record and all blocks without a frame before it.
    #[inline]
    pub(super) fn next<'i>(&mut self, input: &'i mut Input<'_>) -> Result<Record<'i>> {
        match self.next_packet_block(input)? {
            Block::Packet(SIMPLE_PACKET, length) => Ok(self.simple_packet(input.take(length as usize))),
            Block::Packet(kind, length) => Ok(self.packet(kind, input.take(length as usize))),
            Block::CutOff { at } => Ok(Record::CutOff { at }),
            Block::End => Ok(Record::End),
        }
    }

    #[inline]
    fn next_packet_block(&mut self, input: &mut Input<'_>) -> Result<Block> {
        loop {
            let at = input.offset();
            if !input.want(FRAME as usize)? {
                return Ok(if input.is_finished() { Block::End } else { Block::CutOff { at } });
            }
            if input.rest().starts_with(&SECTION.to_be_bytes()) {
                self.begin_section(input)?;
            }
            let (kind, length) = (self.order.u32(input.rest(), 0), self.order.u32(input.rest(), 4));
            // Some writers leave the padding out of the length.
            let Some(length) = length.checked_next_multiple_of(4).filter(|&length| length >= FRAME) else {
                let value = format!("a block of {length} bytes");
                return Err(input.error(input.offset() + 4, value, "a block of 12 bytes or more"));
            };
            match kind {
                ENHANCED_PACKET | SIMPLE_PACKET | OLD_PACKET | INTERFACE | SECTION => {
                    if length > MAX_BLOCK {
                        let value = format!("a block of type {kind:#x} and {length} bytes");
                        let expected = format!("at most {MAX_BLOCK} bytes");
                        return Err(input.error(input.offset() + 4, value, expected));
                    }
                    if !input.want(length as usize)? {
                        return Ok(Block::CutOff { at });
                    }
                    self.check_end(input, length as usize - 4, length)?;
                    match kind {
                        SECTION => _ = input.take(length as usize),
                        INTERFACE => self.describe_interface(input, length as usize)?,
                        _ => return Ok(Block::Packet(kind, length)),
                    }
                }
                _ => {
                    if !input.skip(u64::from(length) - 4)? || !input.want(4)? {
                        return Ok(Block::CutOff { at });
                    }
                    self.check_end(input, 0, length)?;
                    input.take(4);
                }
            }
        }
    }

    /// Starts a section, which may have another byte order and has its own interfaces.
    fn begin_section(&mut self, input: &Input<'_>) -> Result<()> {
        self.order = match input.rest().get(8..12) {
            Some([0x1a, 0x2b, 0x3c, 0x4d]) => ByteOrder::Big,
            Some([0x4d, 0x3c, 0x2b, 0x1a]) => ByteOrder::Little,
            other => {
                let value = format!("{:02x?}", other.unwrap_or_default());
                return Err(input.error(input.offset() + 8, value, "the byte-order magic 1a2b3c4d"));
            }
        };
        self.interfaces.clear();
        Ok(())
    }

    /// Checks that the length after a block is the length before it. If they differ, the next block cannot be found.
    #[inline]
    fn check_end(&self, input: &Input<'_>, at: usize, length: u32) -> Result<()> {
        let behind = self.order.u32(input.rest(), at);
        if behind.checked_next_multiple_of(4) == Some(length) {
            return Ok(());
        }
        let value = format!("a length of {behind} after a block");
        Err(input.error(input.offset() + at as u64, value, format!("{length}, the length before the block")))
    }

    fn describe_interface(&mut self, input: &mut Input<'_>, length: usize) -> Result<()> {
        if self.interfaces.len() == MAX_INTERFACES {
            let value = format!("interface {MAX_INTERFACES}");
            return Err(input.error(input.offset(), value, "one of the first 65536"));
        }
        self.interfaces.push(Interface::read(self.order, input.take(length)));
        Ok(())
    }

    /// An enhanced packet block, or the obsolete packet block, whose interface number has 16 bits.
    #[inline]
    fn packet<'i>(&mut self, kind: u32, block: &'i [u8]) -> Record<'i> {
        let order = self.order;
        let interface = match kind {
            OLD_PACKET => u32::from(order.u16(block, 8)),
            _ => order.u32(block, 8),
        };
        let ticks = u64::from(order.u32(block, 12)) << 32 | u64::from(order.u32(block, 16));
        let (captured_bytes, wire_bytes) = (order.u32(block, 20), order.u32(block, 24));
        let frame = block.get(28..block.len() - 4);
        let Some(captured) = frame.and_then(|frame| frame.get(..captured_bytes as usize)) else {
            return Record::Malformed;
        };
        let Some(Some(interface)) = self.interfaces.get(interface as usize) else {
            return Record::UnknownInterface { captured_bytes, wire_bytes };
        };
        let time_ns = interface.clock.nanoseconds(ticks);
        self.time_ns = time_ns.unwrap_or(self.time_ns);
        Record::Frame { link: interface.link, captured, wire_bytes, time_ns }
    }

    /// A simple packet block. It belongs to the first interface and has neither a time nor a captured length.
    fn simple_packet<'i>(&self, block: &'i [u8]) -> Record<'i> {
        let Some(padded) = block.get(12..block.len() - 4) else { return Record::Malformed };
        let wire_bytes = self.order.u32(block, 8);
        let Some(Some(interface)) = self.interfaces.first() else {
            return Record::UnknownInterface { captured_bytes: padded.len() as u32, wire_bytes };
        };
        let snapped = if interface.snap_bytes == 0 { u32::MAX } else { interface.snap_bytes };
        let captured = &padded[..padded.len().min(wire_bytes.min(snapped) as usize)];
        Record::Frame { link: interface.link, captured, wire_bytes, time_ns: Some(self.time_ns) }
    }
}
