//! A layer of a frame, as the capture holds it.

use super::counts::Skipped;

/// What is left of a frame behind the headers that were read.
///
/// `captured` is what the capture holds of it, `wire` how long it was on the wire; `captured` is never longer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    pub(super) captured: &'a [u8],
    pub(super) wire: usize,
}

impl<'a> Part<'a> {
    /// A whole frame. A capture that holds more than it says was on the wire is believed for what it holds.
    #[inline(always)]
    pub(super) fn frame(captured: &'a [u8], wire: u32) -> Self {
        Self { captured, wire: captured.len().max(wire as usize) }
    }

    /// What follows the first `bytes` bytes.
    #[inline(always)]
    pub(super) fn after(self, bytes: usize) -> Result<Self, Skipped> {
        match self.captured.get(bytes..) {
            Some(captured) => Ok(Self { captured, wire: self.wire - bytes }),
            None => Err(self.too_short(bytes)),
        }
    }

    /// No more than the first `bytes` bytes: what follows them is padding, or belongs to a layer further out.
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

    /// Why `bytes` bytes are not there: cut off by the capture, or never sent.
    #[cold]
    pub(super) fn too_short(self, bytes: usize) -> Skipped {
        if self.wire < bytes { Skipped::Malformed } else { Skipped::Truncated }
    }
}
