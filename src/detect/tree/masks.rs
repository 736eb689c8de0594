//! Trees of up to 64 leaves as bit masks: every row meets every split, without branches, and many rows meet
//! it at once.
#![allow(unsafe_code, reason = "code for a processor that has been asked for its abilities is called")]

use ndarray::{ArrayView2, Axis, s};

use super::processor::Processor;
use super::word::Word;
use super::{Categories, Node, Test, Trees};

/// A forest whose trees have at most 32 leaves (`u32`) or 64 (`u64`).
///
/// The leaves of a tree are numbered from left to right, a bit each. Every split has a mask without the leaves
/// of its left subtree; a row's leaf is the lowest bit of the AND of the masks of all splits that send it
/// right. No step depends on the way that a row takes, so the lanes of a register are rows.
///
/// # Source
///
/// C. Lucchese et al., *`QuickScorer`*, SIGIR 2015; T. Ye et al., *`RapidScorer`*, KDD 2018.
#[derive(Clone, Debug)]
pub(super) struct Masks<W> {
    /// The features that are tested, ascending; a tile holds no others.
    used: Vec<u32>,
    trees: Vec<Ends>,
    /// Comparisons tree by tree; in a tree those first that send NaN left.
    splits: Vec<Split<W>>,
    /// Look-ups tree by tree.
    lookups: Vec<Lookup<W>>,
    /// As many as `W` has bits for each tree.
    leaves: Vec<f64>,
    categories: Vec<Categories>,
}

/// Where the parts of a tree end.
#[derive(Clone, Copy, Debug)]
struct Ends {
    missing_left: usize,
    splits: usize,
    lookups: usize,
}

/// A row goes right whose value is above the threshold.
#[derive(Clone, Copy, Debug)]
struct Split<W> {
    /// Index into the used features.
    column: u32,
    threshold: f32,
    mask: W,
}

/// A row goes right whose value is not in the set.
#[derive(Clone, Copy, Debug)]
struct Lookup<W> {
    column: u32,
    set: u32,
    missing_left: bool,
    mask: W,
}

/// Rows in a large tile, and in a small one.
const LARGE: usize = 64;
const SMALL: usize = 16;

/// Values of a tile, one column of rows per used feature.
const TILE_VALUES: usize = 256 * LARGE;

impl<W: Word> Masks<W> {
    /// Lays `trees` out; `None` where a tree has too many leaves, or too many features are tested.
    pub(super) fn new(trees: &Trees) -> Option<Self> {
        let features = trees.iter().flatten().filter_map(|node| match *node {
            Node::Split { feature, .. } => Some(feature),
            Node::Leaf { .. } => None,
        });
        let mut used: Vec<u32> = features.collect();
        used.sort_unstable();
        used.dedup();
        let max_leaves = trees.iter().map(|tree| tree.len().div_ceil(2)).max().unwrap_or_default();
        if used.len() * SMALL > TILE_VALUES || max_leaves > W::LEAVES {
            return None;
        }
        let mut masks = Self {
            used,
            trees: Vec::with_capacity(trees.len()),
            splits: Vec::new(),
            lookups: Vec::new(),
            leaves: Vec::with_capacity(trees.len() * W::LEAVES),
            categories: trees.categories().to_vec(),
        };
        trees.iter().for_each(|tree| masks.push(tree));
        Some(masks)
    }

    /// Lays one tree out.
    fn push(&mut self, tree: &[Node]) {
        let first_leaf = self.leaves.len();
        let (mut missing_left, mut missing_right) = (Vec::new(), Vec::new());
        // Leaves to the left of each node.
        let mut before = Vec::with_capacity(tree.len());
        for node in tree {
            before.push(self.leaves.len() - first_leaf);
            if let Node::Leaf { value, .. } = *node {
                self.leaves.push(value);
            }
        }
        for (i, node) in tree.iter().enumerate() {
            let Node::Split { feature, test, missing_left: left, right, .. } = *node else { continue };
            let mask = W::without(before[i]..before[right as usize]);
            // Every tested feature is among the used ones.
            let column = self.used.partition_point(|&used| used < feature) as u32;
            match test {
                Test::AtMost(threshold) => {
                    if left { &mut missing_left } else { &mut missing_right }.push(Split {
                        column,
                        threshold,
                        mask,
                    });
                }
                Test::OneOf(set) => self.lookups.push(Lookup { column, set, missing_left: left, mask }),
            }
        }
        self.splits.append(&mut missing_left);
        let missing_left = self.splits.len();
        self.splits.append(&mut missing_right);
        self.trees.push(Ends { missing_left, splits: self.splits.len(), lookups: self.lookups.len() });
        self.leaves.resize(first_leaf + W::LEAVES, 0.0);
    }

    /// Adds each row's leaf values to its sum, tree after tree; `x` has as many rows as `sums`.
    pub(super) fn add(&self, x: &ArrayView2<'_, f32>, sums: &mut [f64]) {
        self.add_with(Processor::best(), x, sums);
    }

    /// The same with what another processor can do.
    pub(super) fn add_with(&self, processor: Processor, x: &ArrayView2<'_, f32>, sums: &mut [f64]) {
        #[allow(clippy::large_stack_arrays, reason = "64 KiB; scoring allocates nothing")]
        let mut tile = [0.0; TILE_VALUES];
        let mut start = 0;
        while start < sums.len() {
            let large = self.used.len() * LARGE <= TILE_VALUES && sums.len() - start > SMALL;
            let lanes = if large { LARGE } else { SMALL };
            let end = sums.len().min(start + lanes);
            let tile = &mut tile[..self.used.len() * lanes];
            self.fill(tile, lanes, &x.slice(s![start..end, ..]));
            let mut lane_sums = [0.0; LARGE];
            lane_sums[..end - start].copy_from_slice(&sums[start..end]);
            if large {
                self.add_tile::<LARGE>(processor, tile, &mut lane_sums);
            } else {
                self.add_tile::<SMALL>(
                    processor,
                    tile,
                    lane_sums.first_chunk_mut().unwrap_or(&mut [0.0; SMALL]),
                );
            }
            sums[start..end].copy_from_slice(&lane_sums[..end - start]);
            start = end;
        }
    }

    /// Writes the used features of up to `lanes` rows into the tile, column by column.
    fn fill(&self, tile: &mut [f32], lanes: usize, x: &ArrayView2<'_, f32>) {
        for (row, values) in x.axis_iter(Axis(0)).enumerate() {
            for (column, &feature) in self.used.iter().enumerate() {
                tile[column * lanes + row] = values[feature as usize];
            }
        }
    }

    /// Adds the leaf values of the rows in a tile.
    fn add_tile<const LANES: usize>(&self, processor: Processor, tile: &[f32], sums: &mut [f64; LANES]) {
        match processor {
            Processor::Any => self.add_tile_portable(tile, sums),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the processor has been asked.
            Processor::Avx2(_) => unsafe { self.add_tile_avx2(tile, sums) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the processor has been asked.
            Processor::Avx512(_) => unsafe { self.add_tile_avx512(tile, sums) },
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl")]
    fn add_tile_avx512<const LANES: usize>(&self, tile: &[f32], sums: &mut [f64; LANES]) {
        self.add_tile_portable(tile, sums);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn add_tile_avx2<const LANES: usize>(&self, tile: &[f32], sums: &mut [f64; LANES]) {
        self.add_tile_portable(tile, sums);
    }

    /// The same for every processor; compiled for each of the above.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "it must take the registers of its caller")]
    fn add_tile_portable<const LANES: usize>(&self, tile: &[f32], sums: &mut [f64; LANES]) {
        let (columns, _) = tile.as_chunks::<LANES>();
        let (mut split, mut lookup) = (0, 0);
        for (tree, leaves) in self.trees.iter().zip(self.leaves.chunks_exact(W::LEAVES)) {
            let mut reached = [W::ALL; LANES];
            for &Split { column, threshold, mask } in &self.splits[split..tree.missing_left] {
                let values = &columns[column as usize];
                for (reached, &value) in reached.iter_mut().zip(values) {
                    *reached = if value > threshold { *reached & mask } else { *reached };
                }
            }
            for &Split { column, threshold, mask } in &self.splits[tree.missing_left..tree.splits] {
                let values = &columns[column as usize];
                for (reached, &value) in reached.iter_mut().zip(values) {
                    *reached = if value <= threshold { *reached } else { *reached & mask };
                }
            }
            for lookup in &self.lookups[lookup..tree.lookups] {
                let set = &self.categories[lookup.set as usize];
                let values = &columns[lookup.column as usize];
                for (reached, &value) in reached.iter_mut().zip(values) {
                    let left = if value.is_nan() { lookup.missing_left } else { set.contains(value) };
                    *reached = if left { *reached } else { *reached & lookup.mask };
                }
            }
            (split, lookup) = (tree.splits, tree.lookups);
            for (sum, reached) in sums.iter_mut().zip(reached) {
                *sum += leaves[reached.lowest() % W::LEAVES];
            }
        }
    }

    /// Memory that the layout takes, in bytes.
    pub(super) fn size_in_bytes(&self) -> usize {
        size_of_val(&*self.used)
            + size_of_val(&*self.trees)
            + size_of_val(&*self.splits)
            + size_of_val(&*self.lookups)
            + size_of_val(&*self.leaves)
            + self.categories.iter().map(Categories::size_in_bytes).sum::<usize>()
    }
}
