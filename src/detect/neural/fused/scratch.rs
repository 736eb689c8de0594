//! Memory for what lies between two layers, kept by each thread for its next call.

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
pub(crate) fn take<'a>(scratch: &mut &'a mut [f32], n: usize) -> &'a mut [f32] {
    let (first, rest) = std::mem::take(scratch).split_at_mut(padded(n));
    *scratch = rest;
    &mut first[..n]
}
