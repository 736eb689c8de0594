//! Trees as complete binary heaps: every way has the same length, so rows walk in step, without branches.

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
    /// Number of features that a row has.
    pub(super) n_features: usize,
    /// Steps from a root to the end of the heap.
    pub(super) depth: usize,
    pub(super) slots: Vec<Slot>,
    pub(super) leaves: Vec<f64>,
}

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

    /// Slots and leaf values of each tree.
    pub(super) fn trees(&self) -> impl Iterator<Item = (&[Slot], &[f64])> {
        let width = 1 << self.depth;
        self.slots.chunks_exact(width).zip(self.leaves.chunks_exact(width))
    }

    /// Memory that the heaps take, in bytes.
    pub(crate) fn size_in_bytes(&self) -> usize {
        size_of_val(self.slots.as_slice()) + size_of_val(self.leaves.as_slice())
    }
}
