//! The trees and the two windows.

use ndarray::{ArrayView2, s};
use serde_json::{Value, json};

use super::walk::{self, Cut, LANES};
use super::{HalfSpaceTreesConfig, HalfSpaceTreesParts, grow};
use crate::detect::{Detector, OnlineDetector, check};
use crate::error::{Error, Result};
use crate::explain::Explanation;
use crate::parallel;
use crate::progress::{self, Progress, Unit};
use crate::rng::Stream;

/// Half-space trees, which score and learn a stream of rows.
///
/// A row goes down every tree until the part that it is in held at most a tenth of the `window` rows of the last
/// full window, or to a leaf. With `r` rows there, `k` cuts deep, the tree puts `m = (r + 1/2) 2^k` rows
/// into the whole space if all of it were as dense. Over `T` trees and a window of `ψ` rows the score is
///
/// `log2(T ψ / Σ m)`, in `[−depth − log2(1 + 1/(2ψ)), log2 ψ]`:
///
/// 0 where rows are as dense as if they filled the space evenly, 1 more for half the density. The half row,
/// which the paper has not, keeps an empty part finite, and an empty half more anomalous than an empty
/// quarter.
///
/// Memory does not grow with the stream: the first window is kept until it is full, and then only counts.
#[derive(Clone, Debug)]
pub struct HalfSpaceTrees {
    pub(super) config: HalfSpaceTreesConfig,
    pub(super) n_features: usize,
    /// Rows learned so far.
    pub(super) learned: u64,
    /// The rows of the first window, until it is full.
    pub(super) pending: Vec<f32>,
    /// Range of every feature in the first window; empty until it is full, like all that follows.
    pub(super) low: Vec<f32>,
    pub(super) high: Vec<f32>,
    /// Learned values of each feature that lay beyond its range.
    pub(super) beyond: Vec<u64>,
    /// `2^depth` cuts per tree.
    pub(super) cuts: Vec<Cut>,
    /// Rows of the last full window in each leaf of each tree.
    pub(super) reference: Vec<u32>,
    /// Rows of the window that is being filled, likewise.
    pub(super) latest: Vec<u32>,
    /// `m` of each leaf, from `reference`.
    pub(super) masses: Vec<f64>,
}

/// Rows that one thread scores at a time, and below which no other thread is asked.
const CHUNK: usize = 4096;

/// Rows that are checked and scored while they stay in the first-level cache.
const TILE: usize = 128;

/// A part that holds no more than this share of the window is not looked into.
const SIZE_LIMIT: f64 = 0.1;

impl HalfSpaceTrees {
    pub(super) fn new(config: HalfSpaceTreesConfig, n_features: usize) -> Self {
        Self {
            config,
            n_features,
            learned: 0,
            pending: Vec::new(),
            low: Vec::new(),
            high: Vec::new(),
            beyond: vec![0; n_features],
            cuts: Vec::new(),
            reference: Vec::new(),
            latest: Vec::new(),
            masses: Vec::new(),
        }
    }

    /// Checks the parts of a detector, from a file, and assembles it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] that names the field that does not hold; see [`HalfSpaceTreesParts`].
    pub fn from_parts(parts: &HalfSpaceTreesParts) -> Result<Self> {
        parts.assemble()
    }

    /// The whole state as plain arrays; [`HalfSpaceTrees::from_parts`] goes on from it with the same bits.
    pub fn to_parts(&self) -> HalfSpaceTreesParts {
        HalfSpaceTreesParts::new(self)
    }

    /// The settings, with the window that is in use.
    pub fn config(&self) -> &HalfSpaceTreesConfig {
        &self.config
    }

    /// Whether a window has been full, so that rows can be scored.
    pub fn is_ready(&self) -> bool {
        !self.cuts.is_empty()
    }

    /// For each feature, how many learned values lay beyond its range in the first window.
    ///
    /// Such values are scored and learned like all others. Many of them say that the stream has left
    /// the range that the trees cut finely: begin a new stream then.
    pub fn out_of_range(&self) -> &[u64] {
        &self.beyond
    }

    /// Range of each feature in the first window; `None` until it is full.
    pub fn ranges(&self) -> Option<Vec<(f32, f32)>> {
        self.is_ready().then(|| self.low.iter().copied().zip(self.high.iter().copied()).collect())
    }

    /// Counts a row in its leaf of every tree.
    fn count(&mut self, value: impl Fn(usize) -> f32) {
        let latest = &mut self.latest;
        let depth = self.config.depth;
        walk::trees(&self.cuts, depth, value, |tree, leaf| latest[(tree << depth) + leaf] += 1);
    }

    /// The latest window becomes the reference; the first one also sets the cuts.
    fn close_window(&mut self) {
        if !self.is_ready() {
            let pending = std::mem::take(&mut self.pending);
            (self.low, self.high) = grow::ranges(&pending, self.n_features);
            let (trees, depth) = (self.config.trees, self.config.depth);
            for tree in 0..trees {
                let mut rng = Stream::new(self.config.seed, tree as u64);
                self.cuts.extend(grow::grow(&self.low, &self.high, depth, &mut rng));
            }
            self.latest = vec![0; trees << depth];
            self.reference = self.latest.clone();
            for row in pending.chunks_exact(self.n_features) {
                self.count(|feature| row[feature]);
            }
        }
        std::mem::swap(&mut self.reference, &mut self.latest);
        self.latest.fill(0);
        self.masses = masses(&self.reference, self.config.depth, self.config.window);
    }

    fn score_tile(&self, value: impl Fn(usize, usize) -> f32, out: &mut [f32]) {
        let scale = (self.config.trees * self.config.window) as f64;
        let depth = self.config.depth;
        let score = |sum: f64| (scale / sum).log2() as f32;
        let (blocks, rest) = out.as_chunks_mut::<LANES>();
        for (block, out) in blocks.iter_mut().enumerate() {
            let mut sums = [0.0; LANES];
            for (cuts, masses) in self.cuts.chunks_exact(1 << depth).zip(self.masses.chunks_exact(1 << depth))
            {
                let leaves = walk::rows(cuts, |lane, feature| value(block * LANES + lane, feature));
                sums.iter_mut().zip(leaves).for_each(|(sum, leaf)| *sum += masses[leaf]);
            }
            out.iter_mut().zip(sums).for_each(|(out, sum)| *out = score(sum));
        }
        for (i, out) in rest.iter_mut().enumerate() {
            let row = blocks.len() * LANES + i;
            let mut sum = 0.0;
            walk::trees(
                &self.cuts,
                depth,
                |feature| value(row, feature),
                |tree, leaf| sum += self.masses[(tree << depth) + leaf],
            );
            *out = score(sum);
        }
    }
}

impl OnlineDetector for HalfSpaceTrees {
    fn learn_many(&mut self, x: ArrayView2<'_, f32>) -> Result<()> {
        check::shape(&x, self.n_features, x.nrows())?;
        check::finite(&x, 0)?;
        for (i, row) in x.rows().into_iter().enumerate() {
            if i.is_multiple_of(1024) {
                progress::report(&Progress::new("half_space_trees", Unit::Rows, i, x.nrows()))?;
            }
            if self.is_ready() {
                self.count(|feature| row[feature]);
                for (j, &value) in row.iter().enumerate() {
                    self.beyond[j] += u64::from(value < self.low[j] || value > self.high[j]);
                }
            } else {
                self.pending.extend(row);
            }
            self.learned += 1;
            if self.learned.is_multiple_of(self.config.window as u64) {
                self.close_window();
            }
        }
        Ok(())
    }

    fn n_rows(&self) -> u64 {
        self.learned
    }
}

impl Detector for HalfSpaceTrees {
    fn n_features(&self) -> usize {
        self.n_features
    }

    /// Writes one score per row, without learning them.
    ///
    /// # Errors
    ///
    /// As every detector, and [`Error::InsufficientData`] until a window has been full.
    fn score_into(&self, x: ArrayView2<'_, f32>, out: &mut [f32]) -> Result<()> {
        check::shape(&x, self.n_features, out.len())?;
        if !self.is_ready() {
            return Err(Error::InsufficientData {
                what: "learned rows".into(),
                needed: self.config.window,
                got: self.learned as usize,
            });
        }
        parallel::for_each_chunk(out, CHUNK, |start, out| {
            for (i, out) in out.chunks_mut(TILE).enumerate() {
                let first = start + i * TILE;
                let x = x.slice(s![first..first + out.len(), ..]);
                check::finite(&x, first)?;
                match x.as_slice() {
                    Some(x) => self.score_tile(|row, feature| x[row * self.n_features + feature], out),
                    None => self.score_tile(|row, feature| x[[row, feature]], out),
                }
            }
            Ok(())
        })
    }

    /// The score of half-space trees counts the rows in a region, so it cannot be divided among features.
    ///
    /// # Errors
    ///
    /// Always [`Error::InvalidArgument`](crate::Error::InvalidArgument).
    fn explain(&self, _x: ArrayView2<'_, f32>) -> Result<Explanation> {
        Err(Error::invalid("detector", "one whose score its features share", "half-space trees"))
    }

    fn facts(&self) -> Value {
        json!({
            "rows_learned": self.n_rows(),
            "ranges": self.ranges(),
            "out_of_range": self.out_of_range(),
        })
    }

    fn as_online(&mut self) -> Option<&mut dyn OnlineDetector> {
        Some(self)
    }
}

/// `m` of every leaf, taken from the highest part above it that is not searched further.
pub(super) fn masses(reference: &[u32], depth: usize, window: usize) -> Vec<f64> {
    let limit = SIZE_LIMIT * window as f64;
    let width = 1 << depth;
    let mut rows = vec![0_u32; 2 * width];
    // The part that decides for a node, or 0 where that is still open.
    let mut deciding = vec![0_usize; 2 * width];
    let mut masses = Vec::with_capacity(reference.len());
    for leaves in reference.chunks_exact(width) {
        rows[width..].copy_from_slice(leaves);
        for at in (1..width).rev() {
            rows[at] = rows[2 * at] + rows[2 * at + 1];
        }
        for at in 2..2 * width {
            deciding[at] = match deciding[at / 2] {
                0 if at >= width || f64::from(rows[at]) <= limit => at,
                above => above,
            };
        }
        masses.extend(deciding[width..].iter().map(|&at| {
            let level = at.ilog2();
            (f64::from(rows[at]) + 0.5) * f64::from(1_u32 << level)
        }));
    }
    masses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masses_by_hand() {
        // A window of 20: parts of at most 2 rows are not looked into.
        let leaves = [0, 0, 1, 1, 9, 5, 3, 1];
        let expected = [
            2.5 * 2.0, // the left half has 2 rows, so nothing below it counts
            2.5 * 2.0,
            2.5 * 2.0,
            2.5 * 2.0,
            9.5 * 8.0,
            5.5 * 8.0,
            3.5 * 8.0, // a quarter of 4 rows is looked into
            1.5 * 8.0,
        ];
        assert_eq!(masses(&leaves, 3, 20), expected);
        assert_eq!(masses(&[20, 0], 1, 20), [20.5 * 2.0, 0.5 * 2.0]);
    }
}
