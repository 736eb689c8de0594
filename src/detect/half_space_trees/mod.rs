//! Half-space trees: a detector for streams that compares each row with the window before it.

mod grow;
mod model;
mod parts;
mod walk;

pub use model::HalfSpaceTrees;
pub(super) use parts::HalfSpaceTreesHeader;
pub use parts::HalfSpaceTreesParts;

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::{Fit, FitContext, Fitted, OnlineDetector};
use crate::error::{Error, Result};

/// Settings of [`HalfSpaceTrees`].
///
/// Every tree halves random features of the space, `depth` times, without looking at the rows; what changes
/// with the stream is how many rows of the last full window fell into each part. The first window gives
/// the range of each feature: each tree draws its point `s` in `[0, 1]` of the range and halves the work range
/// `s ± 2 max(s, 1 − s)`, in widths of the range, so that the trees cut at different places and rows beyond the
/// range still have a place. A feature that is constant in the first window has a range of width 1 around its
/// value. The labels given to [`Fit::fit`] are not used.
///
/// # Source
///
/// S. C. Tan, K. M. Ting, T. F. Liu, *Fast Anomaly Detection for Streaming Data*, IJCAI 2011, algorithms 1 to 3;
/// the ranges are ours, the paper takes `[0, 1]` for granted.
///
/// # Examples
///
/// ```
/// use qosguard::detect::{Detector, HalfSpaceTreesConfig, OnlineDetector};
/// use qosguard::ndarray::ArrayView2;
///
/// let mut trees = HalfSpaceTreesConfig { window: 100, ..Default::default() }.stream(2)?;
/// for i in 0..300 {
///     let row = [(i % 7) as f32, (i % 11) as f32];
///     if trees.is_ready() {
///         trees.score(ArrayView2::from(&[row]))?;
///     }
///     trees.learn(&row)?;
/// }
/// let scores = trees.score(ArrayView2::from(&[[3.0, 5.0], [30.0, -9.0]]))?;
/// assert!(scores[1] > scores[0]);
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HalfSpaceTreesConfig {
    /// Number of trees, 1 to 1,000.
    pub trees: usize,
    /// Cuts between the root and a leaf, 1 to 16; all trees together have at most 2^22 leaves.
    pub depth: usize,
    /// Rows of a window, 2 to 2^20; [`Fit::fit`] takes all rows where there are fewer.
    pub window: usize,
    /// Seed of all randomness; tree `i` draws from its own stream.
    pub seed: u64,
}

impl Default for HalfSpaceTreesConfig {
    fn default() -> Self {
        Self { trees: 25, depth: 8, window: 250, seed: 0 }
    }
}

impl HalfSpaceTreesConfig {
    /// A detector that has seen no row yet and learns rows of `n_features` as they come.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a setting outside its domain, [`Error::InsufficientData`] for no features.
    pub fn stream(&self, n_features: usize) -> Result<HalfSpaceTrees> {
        self.validate()?;
        if n_features == 0 {
            return Err(Error::InsufficientData { what: "feature columns".into(), needed: 1, got: 0 });
        }
        Ok(HalfSpaceTrees::new(self.clone(), n_features))
    }

    /// Checks that every setting is in its domain.
    fn validate(&self) -> Result<()> {
        if !(1..=1000).contains(&self.trees) {
            return Err(Error::invalid("trees", "in 1..=1000", self.trees));
        }
        if !(1..=16).contains(&self.depth) {
            return Err(Error::invalid("depth", "in 1..=16", self.depth));
        }
        if self.trees << self.depth > 1 << 22 {
            let expected = format!("at most 2^22 leaves over {} trees", self.trees);
            return Err(Error::invalid("depth", expected, self.depth));
        }
        if !(2..=1 << 20).contains(&self.window) {
            return Err(Error::invalid("window", "in 2..=1048576", self.window));
        }
        Ok(())
    }
}

impl Fit for HalfSpaceTreesConfig {
    type Model = HalfSpaceTrees;

    /// Learns the rows as a stream, in their order: what scores are compared with is the last full window.
    fn fit(&self, x: ArrayView2<'_, f32>, context: FitContext<'_>) -> Result<Fitted<HalfSpaceTrees>> {
        context.unsupervised(|| self.fit_rows(x))
    }
}

impl HalfSpaceTreesConfig {
    fn fit_rows(&self, x: ArrayView2<'_, f32>) -> Result<HalfSpaceTrees> {
        self.validate()?;
        if x.nrows() < 2 {
            return Err(Error::InsufficientData { what: "training rows".into(), needed: 2, got: x.nrows() });
        }
        let config = Self { window: self.window.min(x.nrows()), ..self.clone() };
        let mut trees = config.stream(x.ncols())?;
        trees.learn_many(x)?;
        Ok(trees)
    }
}
