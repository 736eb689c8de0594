//! Numbers laid out as wide registers take them.
#![allow(unsafe_code, reason = "only a cast can see plain numbers as lanes")]

/// Numbers in a [`Lane`].
pub(super) const LANES: usize = 16;

/// Sixteen numbers that begin where a cache line does.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub(super) struct Lane(pub(super) [f32; LANES]);

impl Lane {
    pub(super) const ZERO: Self = Self([0.0; LANES]);
}

/// A matrix of shape (inputs, columns) cut into blocks of sixteen columns: lane `b · inputs + k` holds row `k` of
/// block `b`. Columns that fill the last block up are 0.
pub(super) fn pack(inputs: usize, columns: usize, at: impl Fn(usize, usize) -> f32) -> Vec<Lane> {
    let mut lanes = vec![Lane::ZERO; columns.div_ceil(LANES) * inputs];
    for column in 0..columns {
        for k in 0..inputs {
            lanes[column / LANES * inputs + k].0[column % LANES] = at(k, column);
        }
    }
    lanes
}

/// A row of numbers, filled up with 0.
pub(super) fn pack_row(values: &[f32]) -> Vec<Lane> {
    pack(1, values.len(), |_, column| values[column])
}

/// `n`, rounded up to whole lanes.
pub(crate) fn padded(n: usize) -> usize {
    n.next_multiple_of(LANES)
}

/// Numbers that begin where a cache line does, as lanes.
pub(super) fn as_lanes(numbers: &mut [f32]) -> &mut [Lane] {
    // SAFETY: a lane is sixteen numbers, and any bits are a number.
    let (before, lanes, _) = unsafe { numbers.align_to_mut::<Lane>() };
    debug_assert!(before.is_empty(), "scratch is aligned");
    lanes
}
