//! The fitted forest.

use ndarray::{ArrayView2, Axis, s};

use super::{IsolationForestConfig, IsolationForestParts};
use crate::detect::tree::{Heap, Node, Trees};
use crate::detect::{Detector, check};
use crate::error::Result;
use crate::parallel;

/// A fitted isolation forest.
///
/// The score of a row is `2^(−E[h] / c(n))`, in (0, 1): `E[h]` is its mean path length over the trees and
/// `c(n)` that of an unsuccessful search in a binary tree of the `n` rows that each tree was grown on. An
/// ordinary row scores around 0.5 or less, an isolated one tends to 1. Where all training rows are equal no
/// cut exists and every row scores 0.5.
///
/// A path is the number of cuts down to the leaf plus `c` of the training rows that share the leaf, with
/// `c(0) = c(1) = 0`, `c(2) = 1` and `c(n) = 2 (ln(n − 1) + γ) − 2 (n − 1) / n`.
///
/// # Source
///
/// F. T. Liu, K. M. Ting, Z.-H. Zhou, *Isolation Forest*, ICDM 2008, equations 1 and 2, algorithm 3.
#[derive(Clone, Debug)]
pub struct IsolationForest {
    config: IsolationForestConfig,
    sample_size: usize,
    trees: Trees,
    heap: Option<Heap>,
}

/// Rows that one thread scores at a time, and below which no other thread is asked.
const CHUNK: usize = 4096;

/// Rows whose path lengths are summed at a time: their features stay in the first-level cache.
const TILE: usize = 128;

/// Values that are copied at a time when the matrix is not row-major.
const COPY: usize = 4096;

impl IsolationForest {
    /// Checks the trees and lays them out for scoring.
    pub(super) fn from_trees(
        config: IsolationForestConfig,
        n_features: usize,
        sample_size: usize,
        trees: &[Vec<Node>],
    ) -> Result<Self> {
        let mut trees = Trees::new(n_features, trees, Vec::new())?;
        trees.set_values(path);
        let heap = Heap::new(&trees);
        Ok(Self { config, sample_size, trees, heap })
    }

    /// Checks the parts of a forest, from a file or from another library, and assembles it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) that names the tree, the node and the field
    /// that does not hold; see [`IsolationForestParts`] for what must.
    pub fn from_parts(parts: &IsolationForestParts) -> Result<Self> {
        parts.check()?;
        Self::from_trees(parts.config.clone(), parts.n_features, parts.sample_size, &parts.trees()?)
    }

    /// The forest as plain arrays; [`IsolationForest::from_parts`] makes it again, bit for bit.
    pub fn to_parts(&self) -> IsolationForestParts {
        IsolationForestParts::new(
            self.config.clone(),
            self.trees.n_features(),
            self.sample_size,
            self.trees.iter(),
        )
    }

    /// The settings that the forest was fitted with.
    pub fn config(&self) -> &IsolationForestConfig {
        &self.config
    }

    /// Rows that each tree was grown on.
    pub fn sample_size(&self) -> usize {
        self.sample_size
    }

    /// Number of trees.
    pub fn n_trees(&self) -> usize {
        self.trees.len()
    }

    /// Memory that the model takes, in bytes.
    pub fn size_in_bytes(&self) -> usize {
        size_of::<Self>() + self.trees.size_in_bytes() + self.heap.as_ref().map_or(0, Heap::size_in_bytes)
    }

    /// Mean path length of each row over the trees, the `E[h]` of the score, in cuts.
    ///
    /// # Errors
    ///
    /// As [`Detector::score_into`].
    #[allow(clippy::needless_pass_by_value, reason = "views go by value, as in `Detector`")]
    pub fn path_lengths(&self, x: ArrayView2<'_, f32>) -> Result<Vec<f64>> {
        check::shape(&x, self.n_features(), x.nrows())?;
        check::finite(&x, 0)?;
        Ok(x.rows()
            .into_iter()
            .map(|row| self.path_sum(|feature| row[feature]) / self.n_trees() as f64)
            .collect())
    }

    /// Sum of the path lengths of one row, tree after tree.
    fn path_sum(&self, row: impl Fn(usize) -> f32) -> f64 {
        self.trees.values(row).fold(0.0, |sum, value| sum + value)
    }

    /// Sums of the path lengths of up to [`TILE`] finite rows.
    fn path_sums(&self, x: &ArrayView2<'_, f32>, sums: &mut [f64]) {
        match (&self.heap, x.as_slice()) {
            (Some(heap), Some(rows)) => heap.add(rows, sums),
            (Some(heap), None) if x.ncols() <= COPY => {
                let mut copy = [0.0; COPY];
                let rows = COPY / x.ncols();
                for (x, sums) in x.axis_chunks_iter(Axis(0), rows).zip(sums.chunks_mut(rows)) {
                    copy.iter_mut().zip(x).for_each(|(to, &from)| *to = from);
                    heap.add(&copy[..x.len()], sums);
                }
            }
            _ => {
                for (row, sum) in x.rows().into_iter().zip(sums) {
                    *sum = self.path_sum(|feature| row[feature]);
                }
            }
        }
    }
}

impl Detector for IsolationForest {
    fn n_features(&self) -> usize {
        self.trees.n_features()
    }

    fn score_into(&self, x: ArrayView2<'_, f32>, out: &mut [f32]) -> Result<()> {
        check::shape(&x, self.n_features(), out.len())?;
        let scale = -1.0 / (self.n_trees() as f64 * average_path(self.sample_size));
        parallel::for_each_chunk(out, CHUNK, |start, out| {
            for (i, out) in out.chunks_mut(TILE).enumerate() {
                let first = start + i * TILE;
                let x = x.slice(s![first..first + out.len(), ..]);
                check::finite(&x, first)?;
                let mut sums = [0.0; TILE];
                let sums = &mut sums[..out.len()];
                self.path_sums(&x, sums);
                for (out, sum) in out.iter_mut().zip(sums) {
                    *out = (*sum * scale).exp2() as f32;
                }
            }
            Ok(())
        })
    }
}

/// Path length of a row that ends in a leaf `depth` cuts below the root with `samples` training rows.
fn path(depth: usize, samples: f32) -> f64 {
    depth as f64 + average_path(samples as usize)
}

/// `c(n)`: average path length of an unsuccessful search in a binary search tree of `n` rows.
fn average_path(n: usize) -> f64 {
    match n {
        0 | 1 => 0.0,
        2 => 1.0,
        _ => {
            let n = n as f64;
            2.0 * ((n - 1.0).ln() + std::f64::consts::EULER_GAMMA) - 2.0 * (n - 1.0) / n
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::detect::Fit;

    #[test]
    fn all_walks_give_the_same_bits() {
        for (features, max_samples, rows) in [(1, 2, 1), (3, 20, 47), (5, 256, 333), (42, 700, 150)] {
            let x = Array2::from_shape_fn((700, features), |(i, j)| ((i * i + 31 * i * j) % 997) as f32);
            let config = IsolationForestConfig { trees: 21, max_samples, ..Default::default() };
            let forest = config.fit(x.view(), None).unwrap();
            let heap = forest.heap.as_ref().unwrap();
            let x = x.slice(s![..rows, ..]);
            let plain: Vec<f64> = x.rows().into_iter().map(|row| forest.path_sum(|j| row[j])).collect();
            let (mut portable, mut fastest) = (vec![0.0; rows], vec![0.0; rows]);
            heap.add_portable(x.as_slice().unwrap(), &mut portable);
            heap.add(x.as_slice().unwrap(), &mut fastest);
            let bits = |sums: &[f64]| sums.iter().map(|sum| sum.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&portable), bits(&plain));
            assert_eq!(bits(&fastest), bits(&plain));
        }
    }

    #[test]
    fn average_path_by_hand() {
        for (n, expected) in [
            (0, 0.0),
            (1, 0.0),
            (2, 1.0),
            // 2 (ln 2 + 0.5772156649015329) − 4/3
            (3, 1.207_392_357_589_623),
            // 2 (ln 255 + 0.5772156649015329) − 510/256
            (256, 10.244_770_920_119_918),
        ] {
            assert!((average_path(n) - expected).abs() < 1e-14, "c({n})");
        }
    }
}
