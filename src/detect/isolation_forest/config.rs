//! The settings of an isolation forest.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Settings of an [`IsolationForest`](super::IsolationForest).
///
/// Each tree is fitted on `max_samples` rows, drawn without replacement. `splits` selects how a node cuts its rows,
/// until they are alone, equal, or `max_depth` cuts deep. The labels given to [`Fit::fit`](crate::detect::Fit::fit) are not used.
///
/// # Source
///
/// F. T. Liu, K. M. Ting, Z.-H. Zhou, *Isolation Forest*, ICDM 2008, algorithms 1 and 2; for the variants see
/// [`IsolationSplits`] and [`IsolationScoring`].
///
/// # Examples
///
/// ```
/// use qosguard::detect::{Detector, Fit, FitContext, IsolationForestConfig, IsolationSplits};
/// use qosguard::ndarray::Array2;
///
/// let mut x = Array2::from_shape_fn((500, 2), |(i, j)| ((i * (j + 7)) % 13) as f32);
/// x.row_mut(499).fill(60.0);
/// for splits in [IsolationSplits::Random, IsolationSplits::fair_cut()] {
///     let config = IsolationForestConfig { trees: 50, splits, ..Default::default() };
///     let scores = config.fit(x.view(), FitContext::default())?.model.score(x.view())?;
///     assert!(scores[..499].iter().all(|&score| score < scores[499]));
/// }
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IsolationForestConfig {
    /// Number of trees, 1 to 10,000.
    pub trees: usize,
    /// Rows that each tree is grown on, 2 to 2^20; all rows where there are fewer.
    pub max_samples: usize,
    /// Cuts between the root and a leaf, 1 to 32; `None` is 32 where splits are of pooled gain, else
    /// ⌈log2(rows per tree)⌉.
    pub max_depth: Option<usize>,
    /// Seed of all randomness; tree `i` draws from its own stream.
    pub seed: u64,
    /// How a node cuts its rows.
    #[serde(skip_serializing_if = "is_default")]
    pub splits: IsolationSplits,
    /// How a leaf scores the rows that end in it.
    #[serde(skip_serializing_if = "is_default")]
    pub scoring: IsolationScoring,
    /// Whether NaN is taken for a missing value.
    #[serde(skip_serializing_if = "is_default")]
    pub missing: IsolationMissing,
    /// Columns that hold categories, ascending: whole numbers from 0 to 1023 in the training rows.
    ///
    /// A cut sends a random part of the categories left. For a category that the node's rows do not have a
    /// coin decides, at growth; one above all training rows' goes right. With pooled gain these columns
    /// are cut at random all the same. Splits on planes take none.
    #[serde(skip_serializing_if = "is_default")]
    pub categorical: Vec<usize>,
}

/// How a node of an isolation tree cuts its rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum IsolationSplits {
    /// A random feature, among those that differ between the rows, at a random point between its least and
    /// greatest value: the isolation forest as published.
    #[default]
    Random,
    /// A random plane: `Σ w_j x_j`, cut at a random point between its least and greatest value.
    ///
    /// The features are random ones that differ between the rows; `w_j` is standard normal, divided by the
    /// feature's standard deviation over the rows of the node.
    ///
    /// # Source
    ///
    /// S. Hariri, M. Carrasco Kind, R. J. Brunner, *Extended Isolation Forest*, TKDE 2019; the scaling is
    /// from F. T. Liu, K. M. Ting, Z.-H. Zhou, *On Detecting Clustered Anomalies Using `SCiForest`*,
    /// ECML 2010.
    Extended {
        /// Features in a plane, 2 to 8.
        features: usize,
    },
    /// The cut that makes both sides most alike in themselves: it has the greatest pooled gain
    /// `1 − (n_l σ_l + n_r σ_r) / (n σ)`, with `σ` the standard deviation along the feature or the plane.
    ///
    /// Such trees part clusters first; they need depth, so `max_depth` is 32 unless it is set.
    ///
    /// # Source
    ///
    /// D. Cortes, *Revisiting randomized choices in isolation forests*, arXiv:2110.13402 (2021).
    PooledGain {
        /// Features in a plane, 1 to 8; 1 is a plain feature.
        #[serde(default = "one")]
        features: usize,
        /// Random features or planes that are tried, 1 to 64; the one with the greatest gain is cut.
        #[serde(default = "one")]
        tries: usize,
        /// Share of the nodes that are cut so, in `[0, 1]`; the others are cut at random.
        #[serde(default = "all")]
        share: f64,
    },
}

fn one() -> usize {
    1
}

fn all() -> f64 {
    1.0
}

impl IsolationSplits {
    /// The fair-cut forest as published: pooled gain at every node, planes of two features, one try.
    pub fn fair_cut() -> Self {
        Self::PooledGain { features: 2, tries: 1, share: 1.0 }
    }

    /// Features in a plane; 1 where nodes cut a plain feature.
    pub(super) fn features(self) -> usize {
        match self {
            Self::Random => 1,
            Self::Extended { features } | Self::PooledGain { features, .. } => features,
        }
    }
}

/// How a leaf of an isolation tree scores the rows that end in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IsolationScoring {
    /// How many cuts it took: the score is `2^(−E[h] / c)`, in (0, 1).
    #[default]
    Depth,
    /// How dense the leaf is: the score is `−E[ln d]`, any real number; 0 is the mean density of the rows.
    ///
    /// `d` is the leaf's share of the tree's rows over its share of the volume, which is the product, over
    /// the cuts on the way, of the part of the node's range (or of its categories) on the side taken. A
    /// share below 2^−52 counts as that.
    ///
    /// # Source
    ///
    /// D. Cortes, *Isolation forests: looking beyond tree depth*, arXiv:2111.11639 (2021), section 3.
    Density,
}

/// What an isolation forest does with NaN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IsolationMissing {
    /// It is an error, by row and column.
    #[default]
    Refuse,
    /// It is a missing value. Each cut has one side for such rows, drawn at growth with the odds of the
    /// node's rows that have a value; over many trees a row is spread as these are.
    ///
    /// Splits on planes cannot use it.
    #[serde(alias = "follow")]
    Learn,
}

/// Most cuts between the root and a leaf.
pub(super) const MAX_DEPTH: usize = 32;

/// Most features in a plane.
pub(super) const MAX_FEATURES: usize = 8;

/// Categories are below this.
pub(super) const MAX_CATEGORIES: u32 = 1024;

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Default for IsolationForestConfig {
    fn default() -> Self {
        Self {
            trees: 100,
            max_samples: 256,
            max_depth: None,
            seed: 0,
            splits: IsolationSplits::default(),
            scoring: IsolationScoring::default(),
            missing: IsolationMissing::default(),
            categorical: Vec::new(),
        }
    }
}

impl IsolationForestConfig {
    /// Checks that every setting is in its domain, for rows of `n_features`.
    pub(super) fn validate(&self, n_features: usize) -> Result<()> {
        if !(1..=10_000).contains(&self.trees) {
            return Err(Error::invalid("trees", "in 1..=10000", self.trees));
        }
        if !(2..=1 << 20).contains(&self.max_samples) {
            return Err(Error::invalid("max_samples", "in 2..=1048576", self.max_samples));
        }
        if let Some(depth) = self.max_depth.filter(|depth| !(1..=MAX_DEPTH).contains(depth)) {
            return Err(Error::invalid("max_depth", format!("in 1..={MAX_DEPTH}"), depth));
        }
        self.validate_splits()?;
        if self.splits.features() > 1 {
            if self.missing != IsolationMissing::Refuse {
                return Err(Error::invalid("missing", "`refuse` where splits are on planes", "`learn`"));
            }
            if !self.categorical.is_empty() {
                let got = format!("{:?}", self.categorical);
                return Err(Error::invalid("categorical", "empty where splits are on planes", got));
            }
        }
        let ascending = self.categorical.is_sorted_by(|a, b| a < b);
        if !ascending || self.categorical.last().is_some_and(|&last| last >= n_features) {
            let expected = format!("ascending columns below {n_features}");
            return Err(Error::invalid("categorical", expected, format!("{:?}", self.categorical)));
        }
        Ok(())
    }

    fn validate_splits(&self) -> Result<()> {
        let (least, features) = match self.splits {
            IsolationSplits::Random => return Ok(()),
            IsolationSplits::Extended { features } => (2, features),
            IsolationSplits::PooledGain { features, tries, share } => {
                if !(1..=64).contains(&tries) {
                    return Err(Error::invalid("splits.tries", "in 1..=64", tries));
                }
                if !(0.0..=1.0).contains(&share) {
                    return Err(Error::invalid("splits.share", "in 0..=1", share));
                }
                (1, features)
            }
        };
        if !(least..=MAX_FEATURES).contains(&features) {
            return Err(Error::invalid("splits.features", format!("in {least}..={MAX_FEATURES}"), features));
        }
        Ok(())
    }

    /// Cuts between the root and a leaf of a tree of `sample` rows, at most.
    pub(super) fn depth(&self, sample: usize) -> usize {
        let usual = match self.splits {
            IsolationSplits::PooledGain { .. } => MAX_DEPTH,
            _ => sample.next_power_of_two().ilog2() as usize,
        };
        self.max_depth.unwrap_or(usual)
    }
}
