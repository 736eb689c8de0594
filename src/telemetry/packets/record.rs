//! What both capture formats have in common.

use super::input::Input;
use super::link::LinkType;

/// Bytes of a frame that a capture may hold: as many as libpcap ever writes for a network.
pub(super) const MAX_CAPTURED: u32 = 262_144;

/// Bytes of a frame on the wire: twice what any network card sends at once.
pub(super) const MAX_WIRE: u32 = 1 << 20;

/// The next record of a capture.
#[derive(Debug)]
pub(super) enum Record<'a> {
    /// A frame; without a time where 64 bits of nanoseconds cannot hold it.
    Frame { link: LinkType, captured: &'a [u8], wire_bytes: u32, time_ns: Option<i64> },
    /// A record whose lengths cannot be.
    Malformed,
    /// A frame of an interface that was not described.
    UnknownInterface { captured_bytes: u32, wire_bytes: u32 },
    /// The input ends within a record or block, which begins at this offset.
    CutOff { at: u64 },
    /// The input ends.
    End,
}

impl Record<'_> {
    /// The input has too few bytes for the header of a record: it ends before it or within it.
    pub(super) fn end(input: &Input<'_>) -> Self {
        if input.is_finished() { Self::End } else { Self::CutOff { at: input.offset() } }
    }
}

/// The order of a number's bytes in a capture: that of the machine that wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    /// The 16-bit number at `at`; 0 where the bytes end before, which callers rule out.
    #[inline(always)]
    pub(super) fn u16(self, bytes: &[u8], at: usize) -> u16 {
        let bytes = bytes.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    /// The 32-bit number at `at`; 0 where the bytes end before, which callers rule out.
    #[inline(always)]
    pub(super) fn u32(self, bytes: &[u8], at: usize) -> u32 {
        let bytes = bytes.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    /// The signed 64-bit number that `bytes` are, if they are eight.
    pub(super) fn i64(self, bytes: &[u8]) -> Option<i64> {
        let bytes = <[u8; 8]>::try_from(bytes).ok()?;
        Some(match self {
            Self::Little => i64::from_le_bytes(bytes),
            Self::Big => i64::from_be_bytes(bytes),
        })
    }
}
