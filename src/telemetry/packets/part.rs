//! The rest of a frame after the headers that are already decoded.

use super::counts::Skipped;

/// The rest of a frame after some headers.
///
/// `captured` holds its captured bytes; `wire` is its length on the wire, which is never less than the captured length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    pub(super) captured: &'a [u8],
    pub(super) wire: usize,
}

impl<'a> Part<'a> {
    /// A whole frame. If more bytes are captured than the length on the wire, the captured length is used.
    #[inline(always)]
    pub(super) fn frame(captured: &'a [u8], wire: u32) -> Self {
        Self { captured, wire: captured.len().max(wire as usize) }
    }

    /// Everything after the first `bytes` bytes.
    #[inline(always)]
    pub(super) fn after(self, bytes: usize) -> Result<Self, Skipped> {
        match self.captured.get(bytes..) {
            Some(captured) => Ok(Self { captured, wire: self.wire - bytes }),
            None => Err(self.too_short(bytes)),
        }
    }

    /// The first `bytes` bytes at most. The bytes after them are padding or belong to an outer layer.
    #[inline(always)]
    pub(super) fn up_to(self, bytes: usize) -> Self {
        Self { captured: &self.captured[..self.captured.len().min(bytes)], wire: self.wire.min(bytes) }
    }

    /// The first `N` bytes.
    #[inline(always)]
    pub(super) fn head<const N: usize>(self) -> Result<&'a [u8; N], Skipped> {
        self.captured.first_chunk().ok_or_else(|| self.too_short(N))
    }

    /// The big-endian 16-bit number at `at`.
    #[inline(always)]
    pub(super) fn u16(self, at: usize) -> Result<u16, Skipped> {
        let bytes = self.captured.get(at..).and_then(<[u8]>::first_chunk);
        bytes.map_or_else(|| Err(self.too_short(at + 2)), |bytes| Ok(u16::from_be_bytes(*bytes)))
    }

    /// Why there are fewer than `bytes` bytes: the capture does not hold them, or the frame did not have them.
    #[cold]
    pub(super) fn too_short(self, bytes: usize) -> Skipped {
        if self.wire < bytes { Skipped::Malformed } else { Skipped::Truncated }
    }
}
