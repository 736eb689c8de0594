//! A layout for trees of any depth and any test: sixteen rows, or eight trees, go down side by side.

use super::plane::Planes;
use crate::detect::tree::{Categories, Node, Test, Trees};

/// What a slot tests.
pub(super) trait SplitTest: Copy {
    /// The test in a leaf; it never sends a row right.
    const LEAF: Self;

    /// Whether the row that begins at `base` goes right.
    fn right(&self, sets: &Sets, rows: &[f32], base: usize) -> bool;

    /// Walks as many rows as it can, where the processor has a faster way; returns how many.
    fn add_fast(_walk: &Walk<Self>, _x: &[f32], _sums: &mut [f64]) -> usize {
        0
    }
}

/// A number.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Threshold {
    threshold: f32,
    feature: u32,
}

impl SplitTest for Threshold {
    const LEAF: Self = Self { threshold: f32::INFINITY, feature: 0 };

    #[inline]
    fn right(&self, _: &Sets, rows: &[f32], base: usize) -> bool {
        rows[base + self.feature as usize] > self.threshold
    }

    #[cfg(target_arch = "x86_64")]
    fn add_fast(walk: &Walk<Self>, x: &[f32], sums: &mut [f64]) -> usize {
        super::avx512::add_numbers::<Self, false>(walk, x, sums)
    }
}

/// A number, or a category: then its bits are the whole number.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Mixed {
    /// Below every number where categories are tested.
    threshold: f32,
    feature: u32,
    /// Where the set begins that goes left; the first one, at 0, is empty.
    set: u32,
}

impl SplitTest for Mixed {
    const LEAF: Self = Self { threshold: f32::INFINITY, feature: 0, set: 0 };

    #[inline]
    fn right(&self, sets: &Sets, rows: &[f32], base: usize) -> bool {
        let value = rows[base + self.feature as usize];
        (value > self.threshold) & !sets.contains(self.set, value.to_bits())
    }

    #[cfg(target_arch = "x86_64")]
    fn add_fast(walk: &Walk<Self>, x: &[f32], sums: &mut [f64]) -> usize {
        super::avx512::add_numbers::<Self, true>(walk, x, sums)
    }
}

/// A plane of `K` terms.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Oblique<const K: usize> {
    offset: f64,
    terms: [Term; K],
}

/// A weight and its feature.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct Term {
    weight: f32,
    feature: u32,
}

impl<const K: usize> SplitTest for Oblique<K> {
    const LEAF: Self = Self { offset: f64::INFINITY, terms: [Term { weight: 0.0, feature: 0 }; K] };

    #[inline]
    fn right(&self, _: &Sets, rows: &[f32], base: usize) -> bool {
        let mut sum = 0.0;
        for Term { weight, feature } in self.terms {
            sum += f64::from(weight) * f64::from(rows[base + feature as usize]);
        }
        sum > self.offset
    }

    #[cfg(target_arch = "x86_64")]
    fn add_fast(walk: &Walk<Self>, x: &[f32], sums: &mut [f64]) -> usize {
        super::avx512::add_planes(walk, x, sums)
    }
}

/// Sets of categories side by side, each as many words long.
///
/// Two categories lie above the categories of the sets: one that every set has, and one that none has.
#[derive(Clone, Debug)]
pub(super) struct Sets {
    words: Vec<u32>,
    /// The last word of a set, counted from its first.
    last: usize,
}

impl Sets {
    /// An empty set, then these.
    fn new(sets: &[Categories]) -> Self {
        let in_all = Self::in_all(sets);
        let stride = Self::stride(sets);
        let mut words = vec![0; stride * (sets.len() + 1)];
        for (set, words) in sets.iter().zip(words.chunks_exact_mut(stride).skip(1)) {
            for category in set.iter().chain([in_all]) {
                words[category as usize / 32] |= 1 << (category % 32);
            }
        }
        Self { words, last: stride - 1 }
    }

    /// Words of a set.
    fn stride(sets: &[Categories]) -> usize {
        Self::in_all(sets) as usize / 32 + 2
    }

    /// The category that every set has; that which none has is the next one.
    pub(super) fn in_all(sets: &[Categories]) -> u32 {
        sets.iter().flat_map(Categories::iter).max().map_or(0, |last| last + 1)
    }

    /// Whether a set has a category; the bits of numbers may be asked for in the empty one.
    #[inline]
    fn contains(&self, set: u32, category: u32) -> bool {
        let word = (category as usize / 32).min(self.last);
        self.words[set as usize + word] >> (category % 32) & 1 == 1
    }
}

/// A node.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Slot<S> {
    test: S,
    /// The left child, which the right one follows; a leaf is its own child.
    first: u32,
}

/// Trees of slots, each in the order of its levels.
#[derive(Clone, Debug)]
pub(super) struct Walk<S> {
    n_features: usize,
    slots: Vec<Slot<S>>,
    /// The value of each slot that is a leaf.
    values: Vec<f64>,
    roots: Vec<u32>,
    /// The longest way down each tree.
    depths: Vec<u32>,
    sets: Sets,
}

/// More memory than this and a layout is not made.
const MAX_BYTES: usize = 64 << 20;

/// Rows that walk one tree at a time, to hide the time that memory takes.
const ROWS_AT_ONCE: usize = 16;

/// Trees that one row walks at a time, for the same reason.
const TREES_AT_ONCE: usize = 8;

impl Walk<Threshold> {
    /// Trees of numbers; `None` for others.
    pub(super) fn thresholds(trees: &Trees) -> Option<Self> {
        Self::new(trees, trees.n_features(), |feature, test| match test {
            Test::AtMost(threshold) => Some(Threshold { threshold, feature }),
            Test::OneOf(_) => None,
        })
    }
}

impl Walk<Mixed> {
    /// Trees of numbers and categories.
    pub(super) fn mixed(trees: &Trees) -> Option<Self> {
        let stride = Sets::stride(trees.categories()) as u32;
        Self::new(trees, trees.n_features(), |feature, test| {
            let (threshold, set) = match test {
                Test::AtMost(threshold) => (threshold, 0),
                Test::OneOf(set) => (f32::NEG_INFINITY, (set + 1) * stride),
            };
            Some(Mixed { threshold, feature, set })
        })
    }
}

impl<const K: usize> Walk<Oblique<K>> {
    /// Trees that are cut along planes of at most `K` terms, for rows of `n_features`.
    pub(super) fn oblique(trees: &Trees, planes: &Planes, n_features: usize) -> Option<Self> {
        Self::new(trees, n_features, |plane, _| {
            let mut test = Oblique { offset: planes.offsets[plane as usize], ..Oblique::LEAF };
            for (term, (feature, weight)) in test.terms.iter_mut().zip(planes.terms(plane as usize)) {
                *term = Term { weight, feature };
            }
            Some(test)
        })
    }
}

impl<S: SplitTest> Walk<S> {
    fn new(trees: &Trees, n_features: usize, test_of: impl Fn(u32, Test) -> Option<S>) -> Option<Self> {
        let nodes: usize = trees.iter().map(<[Node]>::len).sum();
        let sets = Sets::new(trees.categories());
        let bytes = nodes.checked_mul(size_of::<Slot<S>>() + size_of::<f64>())?;
        if bytes + size_of_val(sets.words.as_slice()) > MAX_BYTES {
            return None;
        }
        let empty = Slot { test: S::LEAF, first: 0 };
        let (mut slots, mut values) = (Vec::with_capacity(nodes), Vec::with_capacity(nodes));
        let (mut roots, mut depths) = (Vec::with_capacity(trees.len()), Vec::with_capacity(trees.len()));
        for tree in trees.iter() {
            let mut slot = slots.len();
            roots.push(slot as u32);
            // The nodes of the slots from `slot` on.
            let mut pending = std::collections::VecDeque::from([(0, 0)]);
            let mut deepest = 0;
            slots.push(empty);
            values.push(0.0);
            while let Some((at, depth)) = pending.pop_front() {
                deepest = depth;
                match tree[at] {
                    Node::Leaf { value, .. } => {
                        slots[slot].first = slot as u32;
                        values[slot] = value;
                    }
                    Node::Split { feature, test, right, .. } => {
                        slots[slot] = Slot { test: test_of(feature, test)?, first: slots.len() as u32 };
                        pending.extend([(at + 1, depth + 1), (right as usize, depth + 1)]);
                        slots.extend([empty; 2]);
                        values.extend([0.0; 2]);
                    }
                }
                slot += 1;
            }
            depths.push(deepest);
        }
        Some(Self { n_features, slots, values, roots, depths, sets })
    }

    /// Adds each row's leaf values to its sum, tree after tree; `x` holds `sums.len()` rows.
    ///
    /// The order of the additions does not depend on how the rows come, so neither do the bits.
    pub(super) fn add(&self, x: &[f32], sums: &mut [f64]) {
        let done = S::add_fast(self, x, sums);
        self.add_portable(&x[done * self.n_features..], &mut sums[done..]);
    }

    /// The same for every processor.
    pub(super) fn add_portable(&self, x: &[f32], sums: &mut [f64]) {
        assert_eq!(x.len(), sums.len() * self.n_features, "one row of features per sum");
        let mut groups = sums.chunks_exact_mut(ROWS_AT_ONCE);
        let mut rows = x.chunks_exact(ROWS_AT_ONCE * self.n_features);
        for (rows, sums) in rows.by_ref().zip(groups.by_ref()) {
            for &root in &self.roots {
                let mut at = [root; ROWS_AT_ONCE];
                self.descend(&mut at, rows, self.n_features);
                for (sum, at) in sums.iter_mut().zip(at) {
                    *sum += self.values[at as usize];
                }
            }
        }
        let rest = rows.remainder().chunks_exact(self.n_features);
        for (row, sum) in rest.zip(groups.into_remainder()) {
            let (groups, single) = self.roots.as_chunks::<TREES_AT_ONCE>();
            for mut at in groups.iter().copied() {
                self.descend(&mut at, row, 0);
                for at in at {
                    *sum += self.values[at as usize];
                }
            }
            for &root in single {
                let mut at = [root];
                self.descend(&mut at, row, 0);
                *sum += self.values[at[0] as usize];
            }
        }
    }

    /// Walks from the slots `at` to leaves; the row of each lane begins `stride` after the previous one.
    #[inline]
    fn descend<const LANES: usize>(&self, at: &mut [u32; LANES], rows: &[f32], stride: usize) {
        loop {
            let mut moved = 0;
            for (lane, at) in at.iter_mut().enumerate() {
                let slot = &self.slots[*at as usize];
                let next = slot.first + u32::from(slot.test.right(&self.sets, rows, lane * stride));
                moved |= next ^ *at;
                *at = next;
            }
            if moved == 0 {
                return;
            }
        }
    }

    /// Number of features that a row has.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn n_features(&self) -> usize {
        self.n_features
    }

    /// The slot of each tree's root, and the longest way down from it.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn roots(&self) -> impl Iterator<Item = (u32, u32)> {
        self.roots.iter().copied().zip(self.depths.iter().copied())
    }

    /// The words of all sets, and the number of the last word of a set.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn sets(&self) -> (&[u32], usize) {
        (&self.sets.words, self.sets.last)
    }

    /// The slots, and the value of each.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn slots(&self) -> (&[Slot<S>], &[f64]) {
        (&self.slots, &self.values)
    }

    /// Memory that the layout takes, in bytes.
    pub(super) fn size_in_bytes(&self) -> usize {
        size_of_val(self.slots.as_slice())
            + size_of_val(self.values.as_slice())
            + size_of_val(self.roots.as_slice())
            + size_of_val(self.depths.as_slice())
            + size_of_val(self.sets.words.as_slice())
    }
}
