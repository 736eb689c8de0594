//! The fastest way through a forest.

use super::plane::Planes;
use super::row_prep::{self, RowPrep};
use super::walk::{Mixed, Oblique, Threshold, Walk};
use super::{IsolationForestConfig, IsolationMissing};
use crate::detect::tree::{Heap, Trees};

/// A forest laid out for scoring; every way gives the bits of [`Trees::values`].
#[derive(Clone, Debug)]
pub(super) struct Layout {
    way: Way,
    prep: Option<RowPrep>,
}

#[derive(Clone, Debug)]
enum Way {
    /// Shallow trees of numbers.
    Heap(Heap),
    /// Deeper ones.
    Threshold(Walk<Threshold>),
    /// Trees of numbers and categories.
    Mixed(Walk<Mixed>),
    /// Trees of planes of two terms,
    Planes2(Walk<Oblique<2>>),
    /// of three,
    Planes3(Walk<Oblique<3>>),
    /// of four,
    Planes4(Walk<Oblique<4>>),
    /// and of up to eight.
    Planes8(Walk<Oblique<8>>),
}

/// Trees up to this depth go into heaps.
const MAX_HEAP_DEPTH: usize = 12;

/// Values of rows that are made ready at a time.
const READY: usize = 4096;

impl Layout {
    /// Lays a forest out; `None` where that would take too much memory.
    pub(super) fn new(
        config: &IsolationForestConfig,
        trees: &Trees,
        planes: Option<&Planes>,
        n_features: usize,
    ) -> Option<Self> {
        let way = match planes {
            Some(planes) if planes.k <= 2 => Way::Planes2(Walk::oblique(trees, planes, n_features)?),
            Some(planes) if planes.k == 3 => Way::Planes3(Walk::oblique(trees, planes, n_features)?),
            Some(planes) if planes.k <= 4 => Way::Planes4(Walk::oblique(trees, planes, n_features)?),
            Some(planes) => Way::Planes8(Walk::oblique(trees, planes, n_features)?),
            None if row_prep::is_needed(trees) => {
                let missing = config.missing == IsolationMissing::Learn;
                let (prep, trees) = RowPrep::new(trees, &config.categorical, missing).ok()?;
                let way = Way::new(&trees)?;
                return (prep.width() <= READY).then_some(Self { way, prep: Some(prep) });
            }
            None => Way::new(trees)?,
        };
        Some(Self { way, prep: None })
    }

    /// Adds each row's leaf values to its sum, tree after tree; `x` holds `sums.len()` rows.
    pub(super) fn add(&self, x: &[f32], sums: &mut [f64]) {
        let Some(prep) = &self.prep else { return self.way.add(x, sums) };
        let mut ready = [0.0; READY];
        // As many as walk side by side, where so many fit.
        let rows = READY / prep.width();
        let rows = if rows > 32 { rows / 32 * 32 } else { rows };
        let width = x.len() / sums.len().max(1);
        for (x, sums) in x.chunks(rows * width).zip(sums.chunks_mut(rows)) {
            let ready = &mut ready[..sums.len() * prep.width()];
            prep.apply(x, ready);
            self.way.add(ready, sums);
        }
    }

    /// Memory that the layout takes, in bytes.
    pub(super) fn size_in_bytes(&self) -> usize {
        self.prep.as_ref().map_or(0, RowPrep::size_in_bytes)
            + match &self.way {
                Way::Heap(heap) => heap.size_in_bytes(),
                Way::Threshold(walk) => walk.size_in_bytes(),
                Way::Mixed(walk) => walk.size_in_bytes(),
                Way::Planes2(walk) => walk.size_in_bytes(),
                Way::Planes3(walk) => walk.size_in_bytes(),
                Way::Planes4(walk) => walk.size_in_bytes(),
                Way::Planes8(walk) => walk.size_in_bytes(),
            }
    }

    /// As [`Layout::add`], the same for every processor, for rows that need not be made ready.
    #[cfg(test)]
    pub(super) fn add_portable(&self, x: &[f32], sums: &mut [f64]) {
        match &self.way {
            Way::Heap(heap) => heap.add_portable(x, sums),
            Way::Threshold(walk) => walk.add_portable(x, sums),
            Way::Mixed(walk) => walk.add_portable(x, sums),
            Way::Planes2(walk) => walk.add_portable(x, sums),
            Way::Planes3(walk) => walk.add_portable(x, sums),
            Way::Planes4(walk) => walk.add_portable(x, sums),
            Way::Planes8(walk) => walk.add_portable(x, sums),
        }
    }
}

impl Way {
    /// The fastest one for trees that test features.
    fn new(trees: &Trees) -> Option<Self> {
        let heap = if trees.depth() <= MAX_HEAP_DEPTH { Heap::new(trees) } else { None };
        heap.map(Self::Heap)
            .or_else(|| Walk::thresholds(trees).map(Self::Threshold))
            .or_else(|| Walk::mixed(trees).map(Self::Mixed))
    }

    fn add(&self, x: &[f32], sums: &mut [f64]) {
        match self {
            Self::Heap(heap) => heap.add(x, sums),
            Self::Threshold(walk) => walk.add(x, sums),
            Self::Mixed(walk) => walk.add(x, sums),
            Self::Planes2(walk) => walk.add(x, sums),
            Self::Planes3(walk) => walk.add(x, sums),
            Self::Planes4(walk) => walk.add(x, sums),
            Self::Planes8(walk) => walk.add(x, sums),
        }
    }
}
