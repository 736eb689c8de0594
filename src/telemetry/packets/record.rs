//! The records of a capture, in either format.

use super::input::Input;
use super::link::LinkType;

/// Maximum number of captured bytes per frame: the largest snapshot length of libpcap for networks.
pub(super) const MAX_CAPTURED: u32 = 262_144;

/// Maximum length of a frame on the wire: twice the largest packet of segmentation offload.
pub(super) const MAX_WIRE: u32 = 1 << 20;

/// The next record of a capture.
#[derive(Debug)]
pub(super) enum Record<'a> {
    /// A frame. It has no time if 64 bits of nanoseconds cannot represent it.
    Frame { link: LinkType, captured: &'a [u8], wire_bytes: u32, time_ns: Option<i64> },
    /// A record with impossible lengths.
    Malformed,
    /// A frame of an interface without a description.
    UnknownInterface { captured_bytes: u32, wire_bytes: u32 },
    /// The input ends within a record or block that starts at this offset.
    CutOff { at: u64 },
    /// The input ends.
    End,
}

impl Record<'_> {
    /// The result for an input with too few bytes for another header: it ends before the header or within it.
    pub(super) fn end(input: &Input<'_>) -> Self {
        if input.is_finished() { Self::End } else { Self::CutOff { at: input.offset() } }
    }
}

/// The byte order of a capture. It depends on the machine that wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    /// The 16-bit number at `at`; 0 if there are too few bytes, which callers exclude.
    #[inline(always)]
    pub(super) fn u16(self, bytes: &[u8], at: usize) -> u16 {
        let bytes = bytes.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    /// The 32-bit number at `at`; 0 if there are too few bytes, which callers exclude.
    #[inline(always)]
    pub(super) fn u32(self, bytes: &[u8], at: usize) -> u32 {
        let bytes = bytes.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    /// The signed 64-bit number in `bytes`; `None` unless there are eight.
    pub(super) fn i64(self, bytes: &[u8]) -> Option<i64> {
        let bytes = <[u8; 8]>::try_from(bytes).ok()?;
        Some(match self {
            Self::Little => i64::from_le_bytes(bytes),
            Self::Big => i64::from_be_bytes(bytes),
        })
    }
}
