//! The fitted forest.

use std::collections::BTreeMap;

use ndarray::{ArrayView2, Axis, s};
use serde_json::{Value, json};

use super::layout::Layout;
use super::plane::Planes;
use super::{IsolationForestConfig, IsolationMissing, IsolationScoring};
use crate::detect::tree::Trees;
use crate::detect::{Detector, check};
use crate::error::{Error, Result};
use crate::explain::Explanation;
use crate::parallel;

/// A fitted isolation forest.
///
/// The score of a row is `2^(−E[h] / c(n))`, in (0, 1): `E[h]` is its mean path length over the trees and
/// `c(n)` the mean path length of an unsuccessful search in a binary tree of the `n` rows that each tree was grown on. An
/// ordinary row scores around 0.5 or less, an isolated one tends to 1. Where all training rows are equal no
/// cut exists and every row scores 0.5. Where the trees are of different sizes, the score is
/// `2^(−Σ h_t / Σ c(n_t))`: a row whose paths are as long as expected scores 0.5 in any mixture.
///
/// A path is the number of cuts down to the leaf plus `c` of the training rows that share the leaf, with
/// `c(0) = c(1) = 0`, `c(2) = 1` and `c(n) = 2 (ln(n − 1) + γ) − 2 (n − 1) / n`.
///
/// With [`IsolationScoring::Density`] the score is `−E[ln d]`, the mean over the trees of the leaf's negative
/// log density; it is unbounded, and 0 for a row in a place as dense as the whole sample.
///
/// # Source
///
/// F. T. Liu, K. M. Ting, Z.-H. Zhou, *Isolation Forest*, ICDM 2008, equations 1 and 2, algorithm 3.
#[derive(Clone, Debug)]
pub struct IsolationForest {
    pub(super) config: IsolationForestConfig,
    pub(super) n_features: usize,
    /// With planes, the features of these trees are the planes, whose value is the side that a row is on.
    pub(super) trees: Trees,
    pub(super) planes: Option<Planes>,
    layout: Option<Layout>,
    /// A score is a function of the sum of leaf values over this.
    pub(super) divisor: f64,
}

/// Rows that one thread scores at a time, and below which no other thread is asked.
const CHUNK: usize = 4096;

/// Rows whose leaf values are summed at a time: their features stay in the first-level cache.
const TILE: usize = 128;

/// Values that are copied at a time when the matrix is not row-major.
const COPY: usize = 4096;

impl IsolationForest {
    /// Lays checked trees out for scoring. With depth scoring their leaves get the path lengths.
    pub(super) fn from_trees(
        config: IsolationForestConfig,
        n_features: usize,
        mut trees: Trees,
        planes: Option<Planes>,
    ) -> Self {
        let divisor = match config.scoring {
            IsolationScoring::Depth => {
                trees.set_values(path);
                let mut sizes = BTreeMap::new();
                tree_sizes(&trees).for_each(|size| *sizes.entry(size).or_insert(0_usize) += 1);
                sizes.into_iter().map(|(size, count)| count as f64 * average_path(size)).sum()
            }
            IsolationScoring::Density => trees.len() as f64,
        };
        let layout = Layout::new(&config, &trees, planes.as_ref(), n_features);
        Self { config, n_features, trees, planes, layout, divisor }
    }

    /// The settings that the forest was fitted with.
    pub fn config(&self) -> &IsolationForestConfig {
        &self.config
    }

    /// Rows that each tree was grown on; the most, where forests of different sizes were merged.
    pub fn sample_size(&self) -> usize {
        tree_sizes(&self.trees).max().unwrap_or_default()
    }

    /// Number of trees.
    pub fn n_trees(&self) -> usize {
        self.trees.len()
    }

    /// Whether the trees are cut along planes of several features, so that no leaf value can be laid to
    /// one feature alone.
    pub fn is_oblique(&self) -> bool {
        self.planes.is_some()
    }

    /// The trees, where they test features; the sum of their leaf values is what the score is made of.
    pub(crate) fn trees(&self) -> Option<&Trees> {
        self.planes.is_none().then_some(&self.trees)
    }

    /// The score that a sum of leaf values makes.
    pub(crate) fn score_of_sum(&self, sum: f64) -> f64 {
        // Multiplying by the reciprocal, as ever: dividing would give other bits.
        let mean = sum * (-1.0 / self.divisor);
        match self.config.scoring {
            IsolationScoring::Depth => mean.exp2(),
            IsolationScoring::Density => mean,
        }
    }

    /// Memory that the model takes, in bytes.
    pub fn size_in_bytes(&self) -> usize {
        size_of::<Self>()
            + self.trees.size_in_bytes()
            + self.planes.as_ref().map_or(0, Planes::size_in_bytes)
            + self.layout.as_ref().map_or(0, Layout::size_in_bytes)
    }

    /// Mean path length of each row over the trees, the `E[h]` of the score, in cuts.
    ///
    /// # Errors
    ///
    /// As [`Detector::score_into`], and [`Error::InvalidArgument`] where leaves are scored by density.
    pub fn path_lengths(&self, x: ArrayView2<'_, f32>) -> Result<Vec<f64>> {
        self.means(x, IsolationScoring::Depth, "`depth` for path lengths")
    }

    /// Mean of the natural logarithm of the density of each row's leaves, the `E[ln d]` of the score.
    ///
    /// # Errors
    ///
    /// As [`Detector::score_into`], and [`Error::InvalidArgument`] where leaves are scored by depth.
    pub fn log_densities(&self, x: ArrayView2<'_, f32>) -> Result<Vec<f64>> {
        self.means(x, IsolationScoring::Density, "`density` for densities")
    }

    /// Mean leaf value of each row.
    fn means(&self, x: ArrayView2<'_, f32>, scoring: IsolationScoring, expected: &str) -> Result<Vec<f64>> {
        if self.config.scoring != scoring {
            return Err(Error::invalid("scoring", expected, format!("{:?}", self.config.scoring)));
        }
        check::shape(&x, self.n_features, x.nrows())?;
        self.check_values(&x, 0)?;
        let mean = |row: usize| self.sum(|feature| x[[row, feature]]) / self.n_trees() as f64;
        Ok((0..x.nrows()).map(mean).collect())
    }

    /// Sum of the leaf values of each row.
    pub(super) fn sums(&self, x: ArrayView2<'_, f32>) -> Result<Vec<f64>> {
        check::shape(&x, self.n_features, x.nrows())?;
        let mut sums = vec![0.0; x.nrows()];
        parallel::for_each_chunk(&mut sums, CHUNK, |start, sums| {
            for (i, sums) in sums.chunks_mut(TILE).enumerate() {
                let first = start + i * TILE;
                let x = x.slice(s![first..first + sums.len(), ..]);
                self.check_values(&x, first)?;
                self.add(&x, sums);
            }
            Ok(())
        })?;
        Ok(sums)
    }

    /// Rejects what no tree takes; rows count from `first_row`.
    fn check_values(&self, x: &ArrayView2<'_, f32>, first_row: usize) -> Result<()> {
        match self.config.missing {
            IsolationMissing::Refuse => check::finite(x, first_row),
            IsolationMissing::Learn => check::no_infinity(x, first_row),
        }
    }

    /// Sum of the leaf values of one row, tree after tree.
    fn sum(&self, row: impl Fn(usize) -> f32) -> f64 {
        let add = |sum, value| sum + value;
        match &self.planes {
            Some(planes) => self.trees.values(|plane| planes.side(plane, &row)).fold(0.0, add),
            None => self.trees.values(row).fold(0.0, add),
        }
    }

    /// Adds the leaf values of up to [`TILE`] checked rows to their sums.
    fn add(&self, x: &ArrayView2<'_, f32>, sums: &mut [f64]) {
        match (&self.layout, x.as_slice()) {
            (Some(layout), Some(rows)) => layout.add(rows, sums),
            (Some(layout), None) if x.ncols() <= COPY => {
                let mut copy = [0.0; COPY];
                let rows = COPY / x.ncols();
                for (x, sums) in x.axis_chunks_iter(Axis(0), rows).zip(sums.chunks_mut(rows)) {
                    copy.iter_mut().zip(x).for_each(|(to, &from)| *to = from);
                    layout.add(&copy[..x.len()], sums);
                }
            }
            _ => {
                for (row, sum) in x.rows().into_iter().zip(sums) {
                    *sum = self.sum(|feature| row[feature]);
                }
            }
        }
    }
}

impl Detector for IsolationForest {
    fn n_features(&self) -> usize {
        self.n_features
    }

    fn score_into(&self, x: ArrayView2<'_, f32>, out: &mut [f32]) -> Result<()> {
        check::shape(&x, self.n_features, out.len())?;
        parallel::for_each_chunk(out, CHUNK, |start, out| {
            for (i, out) in out.chunks_mut(TILE).enumerate() {
                let first = start + i * TILE;
                let x = x.slice(s![first..first + out.len(), ..]);
                self.check_values(&x, first)?;
                let mut sums = [0.0; TILE];
                let sums = &mut sums[..out.len()];
                self.add(&x, sums);
                for (out, sum) in out.iter_mut().zip(sums) {
                    *out = self.score_of_sum(*sum) as f32;
                }
            }
            Ok(())
        })
    }

    /// See [`IsolationForest::explain`].
    fn explain(&self, x: ArrayView2<'_, f32>) -> Result<Explanation> {
        Self::explain(self, x)
    }

    fn facts(&self) -> Value {
        json!({"trees": self.n_trees()})
    }
}

/// Training rows of each tree.
pub(super) fn tree_sizes(trees: &Trees) -> impl Iterator<Item = usize> {
    trees.iter().map(|tree| tree.first().map_or(0, |root| root.cover() as usize))
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
    use crate::detect::isolation_forest::{IsolationSplits, row_prep};
    use crate::detect::{Fit, FitContext};

    /// Every layout and every kind of tree: the fast way gives the bits of the plain one.
    #[test]
    fn all_walks_give_the_same_bits() {
        let splits = [
            IsolationSplits::Random,
            IsolationSplits::Extended { features: 2 },
            IsolationSplits::Extended { features: 3 },
            IsolationSplits::Extended { features: 7 },
            IsolationSplits::PooledGain { features: 1, tries: 2, share: 0.9 },
            IsolationSplits::fair_cut(),
        ];
        for splits in splits {
            for (features, max_samples, rows) in [(1, 2, 1), (3, 20, 47), (5, 256, 333), (42, 700, 150)] {
                let x = Array2::from_shape_fn((700, features), |(i, j)| ((i * i + 31 * i * j) % 997) as f32);
                let config = IsolationForestConfig { trees: 21, max_samples, splits, ..Default::default() };
                all_walks(&config, &x, rows);
                if splits.features() == 1 {
                    let categorical = (0..features).step_by(2).collect();
                    let x =
                        Array2::from_shape_fn((700, features), |(i, j)| match (i * i + 31 * i * j) % 97 {
                            0..9 => f32::NAN,
                            value => value as f32,
                        });
                    let missing = IsolationMissing::Learn;
                    all_walks(&IsolationForestConfig { missing, categorical, ..config }, &x, rows);
                }
            }
        }
    }

    fn all_walks(config: &IsolationForestConfig, x: &Array2<f32>, rows: usize) {
        let forest = config.fit(x.view(), FitContext::default()).unwrap().model;
        let mut x = x.slice(s![..rows, ..]).to_owned();
        // Categories and numbers that no tree has seen.
        x.iter_mut().step_by(13).zip([-1.0, -0.5, 1023.0, 1e9, f32::MAX, f32::MIN]).for_each(|(x, v)| *x = v);
        let bits = |sums: &[f64]| sums.iter().map(|sum| sum.to_bits()).collect::<Vec<_>>();
        let plain: Vec<f64> = x.rows().into_iter().map(|row| forest.sum(|j| row[j])).collect();
        let mut fast = vec![0.0; rows];
        forest.layout.as_ref().unwrap().add(x.as_slice().unwrap(), &mut fast);
        assert_eq!(bits(&fast), bits(&plain), "{config:?}");
        if !row_prep::is_needed(&forest.trees) {
            let mut portable = vec![0.0; rows];
            forest.layout.as_ref().unwrap().add_portable(x.as_slice().unwrap(), &mut portable);
            assert_eq!(bits(&portable), bits(&plain), "{config:?}");
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
