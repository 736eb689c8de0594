//! Walking down the heaps of a forest: rows side by side in one tree, or one row in several trees.

use ndarray::{ArrayView2, Axis};

use super::heap::Heap;

/// Trees that one row walks at a time, to hide the time that memory takes.
const TREES_AT_ONCE: usize = 8;

/// Rows that walk one tree at a time, for the same reason.
const ROWS_AT_ONCE: usize = 16;

/// Values that are copied at a time when the matrix is not row-major.
const COPY: usize = 4096;

impl Heap {
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
}
