//! Sets of up to 32 or 64 leaves.

use std::ops::{BitAnd, Range};

/// A set of leaves, one bit each.
pub(super) trait Word: Copy + BitAnd<Output = Self> {
    /// All leaves.
    const ALL: Self;
    /// How many there may be.
    const LEAVES: usize;
    /// All but these.
    fn without(leaves: Range<usize>) -> Self;
    /// The first leaf.
    fn lowest(self) -> usize;
}

impl Word for u32 {
    const ALL: Self = Self::MAX;
    const LEAVES: usize = Self::BITS as usize;

    fn without(leaves: Range<usize>) -> Self {
        u64::without(leaves) as Self
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "it must take the registers of its caller")]
    fn lowest(self) -> usize {
        self.trailing_zeros() as usize
    }
}

impl Word for u64 {
    const ALL: Self = Self::MAX;
    const LEAVES: usize = Self::BITS as usize;

    /// A left subtree never holds the last leaf, so no range is 64 long.
    fn without(leaves: Range<usize>) -> Self {
        !(((1 << leaves.len()) - 1) << leaves.start)
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "it must take the registers of its caller")]
    fn lowest(self) -> usize {
        self.trailing_zeros() as usize
    }
}
