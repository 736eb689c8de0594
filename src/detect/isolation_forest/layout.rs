//! The fastest way through a forest.

use super::plane::Planes;
use super::walk::{Above, Beyond, Mixed, Walk};
use crate::detect::tree::{Heap, Trees};

/// A forest laid out for scoring; every way gives the bits of [`Trees::values`].
#[derive(Clone, Debug)]
pub(super) enum Layout {
    /// Shallow trees of numbers.
    Heap(Heap),
    /// Deeper ones.
    Above(Walk<Above>),
    /// Trees of numbers and categories that may be missing.
    Mixed(Walk<Mixed>),
    /// Trees of planes of two terms,
    Planes2(Walk<Beyond<2>>),
    /// of up to four,
    Planes4(Walk<Beyond<4>>),
    /// and of up to eight.
    Planes8(Walk<Beyond<8>>),
}

/// Trees up to this depth go into heaps.
const MAX_HEAP_DEPTH: usize = 12;

impl Layout {
    /// Lays a forest out; `None` where that would take too much memory.
    pub(super) fn new(trees: &Trees, planes: Option<&Planes>, n_features: usize) -> Option<Self> {
        match planes {
            Some(planes) if planes.k <= 2 => Walk::beyond(trees, planes, n_features).map(Self::Planes2),
            Some(planes) if planes.k <= 4 => Walk::beyond(trees, planes, n_features).map(Self::Planes4),
            Some(planes) => Walk::beyond(trees, planes, n_features).map(Self::Planes8),
            None => (trees.depth() <= MAX_HEAP_DEPTH)
                .then(|| Heap::new(trees).map(Self::Heap))
                .flatten()
                .or_else(|| Walk::above(trees).map(Self::Above))
                .or_else(|| Walk::mixed(trees).map(Self::Mixed)),
        }
    }

    /// Adds each row's leaf values to its sum, tree after tree; `x` holds `sums.len()` rows.
    pub(super) fn add(&self, x: &[f32], sums: &mut [f64]) {
        match self {
            Self::Heap(heap) => heap.add(x, sums),
            Self::Above(walk) => walk.add(x, sums),
            Self::Mixed(walk) => walk.add(x, sums),
            Self::Planes2(walk) => walk.add(x, sums),
            Self::Planes4(walk) => walk.add(x, sums),
            Self::Planes8(walk) => walk.add(x, sums),
        }
    }

    /// Memory that the layout takes, in bytes.
    pub(super) fn size_in_bytes(&self) -> usize {
        match self {
            Self::Heap(heap) => heap.size_in_bytes(),
            Self::Above(walk) => walk.size_in_bytes(),
            Self::Mixed(walk) => walk.size_in_bytes(),
            Self::Planes2(walk) => walk.size_in_bytes(),
            Self::Planes4(walk) => walk.size_in_bytes(),
            Self::Planes8(walk) => walk.size_in_bytes(),
        }
    }
}
