//! Trees as complete binary heaps: every way has the same length, so rows walk in step, without branches.

use ndarray::{ArrayView2, Axis};

use super::{Node, Test, Trees};

/// A node of the heap: thirty-two bits that are compared and thirty-two that address.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Slot {
    pub(super) threshold: f32,
    pub(super) feature: u32,
}

/// A forest as complete heaps of one depth `d`, fastest to walk and cheap while `d` is small.
///
/// Slot 1 of a tree is its root, slot `i` has the children `2 i` and `2 i + 1`, slot 0 is unused. Below an
/// early leaf every slot has the threshold +∞, so that a finite value goes left until the end. After `d`
/// steps a row is at slot `2^d + j`, and `leaves[j]` is its value.
#[derive(Clone, Debug)]
pub(crate) struct Heap {
    n_features: usize,
    depth: usize,
    slots: Vec<Slot>,
    leaves: Vec<f64>,
}

/// Trees that one row walks at a time, to hide the time that memory takes.
const TREES_AT_ONCE: usize = 8;

/// Rows that walk one tree at a time, for the same reason.
const ROWS_AT_ONCE: usize = 16;

/// Values that are copied at a time when the matrix is not row-major.
const COPY: usize = 4096;

impl Heap {
    /// More memory than this and [`Heap::new`] declines: early leaves in deep trees would waste it.
    const MAX_BYTES: usize = 64 << 20;

    /// Levels that the kernels take for granted.
    pub(super) const MIN_DEPTH: usize = 4;

    /// Lays `trees` out; `None` where that would take too much memory, or where a split tests categories or
    /// sends missing values right.
    pub(crate) fn new(trees: &Trees) -> Option<Self> {
        let depth = trees.depth().max(Self::MIN_DEPTH);
        let width = 1_usize.checked_shl(depth as u32)?;
        let bytes = width.checked_mul(trees.len())?.checked_mul(size_of::<Slot>() + size_of::<f64>())?;
        // The kernels keep the place in 16 rows of features and in a tree as an i32.
        if bytes > Self::MAX_BYTES || trees.n_features() > 1 << 24 {
            return None;
        }
        let empty = Slot { threshold: f32::INFINITY, feature: 0 };
        let mut slots = vec![empty; width * trees.len()];
        let mut leaves = vec![0.0; width * trees.len()];
        for ((tree, slots), leaves) in
            trees.iter().zip(slots.chunks_exact_mut(width)).zip(leaves.chunks_exact_mut(width))
        {
            let mut pending = vec![(0, 1, 0)];
            while let Some((at, slot, level)) = pending.pop() {
                match tree[at] {
                    Node::Leaf { value, .. } => leaves[(slot << (depth - level)) - width] = value,
                    Node::Split {
                        feature, test: Test::AtMost(threshold), missing_left: true, right, ..
                    } => {
                        slots[slot] = Slot { threshold, feature };
                        pending.push((at + 1, 2 * slot, level + 1));
                        pending.push((right as usize, 2 * slot + 1, level + 1));
                    }
                    Node::Split { .. } => return None,
                }
            }
        }
        Some(Self { n_features: trees.n_features(), depth, slots, leaves })
    }

    /// As [`Heap::add`], for rows that need not be row-major.
    pub(crate) fn add_view(&self, x: &ArrayView2<'_, f32>, sums: &mut [f64]) {
        if let Some(rows) = x.as_slice() {
            return self.add(rows, sums);
        }
        if x.ncols() > COPY {
            let mut row = Vec::with_capacity(x.ncols());
            for (values, sum) in x.rows().into_iter().zip(sums) {
                row.clear();
                row.extend(values);
                self.add_row(&row, sum);
            }
            return;
        }
        let mut copy = [0.0; COPY];
        let rows = COPY / x.ncols();
        for (x, sums) in x.axis_chunks_iter(Axis(0), rows).zip(sums.chunks_mut(rows)) {
            copy.iter_mut().zip(x).for_each(|(to, &from)| *to = from);
            self.add(&copy[..x.len()], sums);
        }
    }

    /// Adds each row's leaf values to its sum, tree after tree; `x` holds `sums.len()` rows without
    /// infinities.
    ///
    /// The order of the additions does not depend on how the rows come, so neither do the bits.
    pub(crate) fn add(&self, x: &[f32], sums: &mut [f64]) {
        #[cfg(target_arch = "x86_64")]
        let done = super::avx512::add(self, x, sums);
        #[cfg(not(target_arch = "x86_64"))]
        let done = 0;
        self.add_portable(&x[done * self.n_features..], &mut sums[done..]);
    }

    /// The same for every processor.
    pub(crate) fn add_portable(&self, x: &[f32], sums: &mut [f64]) {
        assert_eq!(x.len(), sums.len() * self.n_features, "one row of features per sum");
        let mut groups = sums.chunks_exact_mut(ROWS_AT_ONCE);
        let mut rows = x.chunks_exact(ROWS_AT_ONCE * self.n_features);
        for (rows, sums) in rows.by_ref().zip(groups.by_ref()) {
            self.add_group(rows, sums);
        }
        let rest = groups.into_remainder();
        for (row, sum) in rows.remainder().chunks_exact(self.n_features).zip(rest) {
            self.add_row(row, sum);
        }
    }

    /// Sixteen rows side by side down one tree after the other.
    fn add_group(&self, rows: &[f32], sums: &mut [f64]) {
        for (slots, leaves) in self.trees() {
            let mut at = [1_usize; ROWS_AT_ONCE];
            for _ in 0..self.depth {
                for (lane, at) in at.iter_mut().enumerate() {
                    let slot = slots[*at];
                    let value = rows[lane * self.n_features + slot.feature as usize];
                    *at = 2 * *at + usize::from(value > slot.threshold);
                }
            }
            for (sum, at) in sums.iter_mut().zip(at) {
                *sum += leaves[at - leaves.len()];
            }
        }
    }

    /// One row down eight trees side by side.
    fn add_row(&self, row: &[f32], sum: &mut f64) {
        let width = 1 << self.depth;
        let mut slots = self.slots.chunks_exact(width * TREES_AT_ONCE);
        let mut leaves = self.leaves.chunks_exact(width * TREES_AT_ONCE);
        for (slots, leaves) in slots.by_ref().zip(leaves.by_ref()) {
            let mut at = [1_usize; TREES_AT_ONCE];
            for _ in 0..self.depth {
                for (tree, at) in at.iter_mut().enumerate() {
                    let slot = slots[tree * width + *at];
                    *at = 2 * *at + usize::from(row[slot.feature as usize] > slot.threshold);
                }
            }
            for (tree, at) in at.into_iter().enumerate() {
                *sum += leaves[tree * width + at - width];
            }
        }
        for (slots, leaves) in
            slots.remainder().chunks_exact(width).zip(leaves.remainder().chunks_exact(width))
        {
            let mut at = 1_usize;
            for _ in 0..self.depth {
                let slot = slots[at];
                at = 2 * at + usize::from(row[slot.feature as usize] > slot.threshold);
            }
            *sum += leaves[at - width];
        }
    }

    /// Slots and leaf values of each tree.
    pub(super) fn trees(&self) -> impl Iterator<Item = (&[Slot], &[f64])> {
        let width = 1 << self.depth;
        self.slots.chunks_exact(width).zip(self.leaves.chunks_exact(width))
    }

    /// Steps from a root to the end of the heap.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// Number of features that a row has.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn n_features(&self) -> usize {
        self.n_features
    }

    /// Memory that the heaps take, in bytes.
    pub(crate) fn size_in_bytes(&self) -> usize {
        size_of_val(self.slots.as_slice()) + size_of_val(self.leaves.as_slice())
    }
}
