//! Memory for values between two layers, which each thread keeps for its next call.

use std::cell::RefCell;

use super::lanes::{LANES, padded};

thread_local! {
    /// Memory that is not in use, one vector for each depth of calls.
    static SPARE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Calls `f` with `n` numbers, whatever they hold, that begin where a cache line does.
///
/// Memory is allocated only where no earlier call of the thread needed as much.
pub(crate) fn with_scratch<T>(n: usize, f: impl FnOnce(&mut [f32]) -> T) -> T {
    let mut spare = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
    if spare.len() < n + LANES {
        spare.resize(n + LANES, 0.0);
    }
    let first = spare.as_ptr().align_offset(size_of::<[f32; LANES]>()).min(LANES);
    let result = f(&mut spare[first..first + n]);
    SPARE.with_borrow_mut(|spares| spares.push(spare));
    result
}

/// The first `n` numbers of `scratch`, rounded up to whole lanes, which is left with the others.
#[allow(clippy::mut_mut, reason = "as slices are split off in the standard library")]
pub(crate) fn take<'a>(scratch: &mut &'a mut [f32], n: usize) -> &'a mut [f32] {
    let (first, rest) = std::mem::take(scratch).split_at_mut(padded(n));
    *scratch = rest;
    &mut first[..n]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_within_calls_share_nothing_and_the_next_ones_find_the_same_memory() {
        let both = || {
            with_scratch(100, |outer| {
                outer.fill(1.0);
                let inner = with_scratch(1000, |inner| {
                    inner.fill(2.0);
                    inner.as_ptr()
                });
                assert!(outer.iter().all(|&value| value == 1.0));
                (outer.as_ptr(), inner)
            })
        };
        let first = both();
        assert_eq!(first, both());
        assert_eq!([first.0, first.1].map(|memory| memory.align_offset(64)), [0, 0]);
    }

    #[test]
    fn parts_are_as_long_as_asked_and_begin_at_whole_lanes() {
        with_scratch(padded(5) + padded(16) + padded(1), |mut scratch| {
            let parts = [5, 16, 1].map(|n| take(&mut scratch, n));
            assert_eq!(parts.each_ref().map(|part| part.len()), [5, 16, 1]);
            assert!(scratch.is_empty());
            let first = parts[0].as_ptr() as usize;
            assert_eq!(parts.map(|part| part.as_ptr() as usize - first), [0, 64, 128]);
        });
    }
}
