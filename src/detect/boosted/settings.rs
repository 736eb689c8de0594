//! The settings of boosted trees, and what they may be.

use serde::{Deserialize, Serialize};

use super::bins::MAX_BINS;
use crate::detect::ClassWeight;
use crate::detect::tree::MAX_DEPTH;
use crate::error::{Error, Result};

/// Settings of gradient-boosted trees, which fit a [`TreeEnsemble`](crate::detect::TreeEnsemble).
///
/// Features are cut into at most `bins` bins, found on a seeded sample of 200,000 training rows: one bin for each distinct value
/// where they fit, else about equally many rows in each. In each round one tree (for more than two classes, one tree for each) grows on the first and
/// second derivatives `g`, `h` of the loss by the raw score: of all leaves, the one whose split gains most,
/// `G_L² / (H_L + λ) + G_R² / (H_R + λ) − G² / (H + λ)` with `λ = l2`, is split next. A leaf adds
/// `−learning_rate · G / (H + λ)`. The loss is logistic for two classes and softmax for more, there with the
/// diagonal of the hessian times `K / (K − 1)`.
///
/// **Missing values.** NaN is a missing value; each split learns where it goes. Where no row of the leaf was
/// missing, it goes with the greater number of training rows. A column that is constant or missing throughout
/// is never split on.
///
/// **Categorical columns** hold whole numbers in `0..65536`. A split sends a set of codes left: any one of up
/// to four in the leaf, else up to 32 from either end of the order by `G / (H + 10)`, scored with `λ + 10`. The
/// 254 most frequent codes have bins of their own; the others, and codes that training did not see, go right.
///
/// # Source
///
/// J. H. Friedman, *Greedy function approximation*, Annals of Statistics 29 (2001); T. Chen, C. Guestrin, *XGBoost*, KDD 2016
/// (gain, missing values); G. Ke et al., *LightGBM*, NIPS 2017 (bins, leaf-wise growth, category sets).
///
/// # Examples
///
/// ```
/// use qosguard::detect::{BoostedTreesConfig, Classifier, Fit, FitContext};
/// use qosguard::ndarray::Array2;
///
/// let x = Array2::from_shape_fn((400, 2), |(i, j)| ((i * (7 + 4 * j)) % 100) as f32);
/// let labels: Vec<bool> = x.column(0).iter().map(|&v| v > 50.0).collect();
/// let model = BoostedTreesConfig { trees: 30, ..Default::default() }.fit(x.view(), FitContext::labelled(&labels))?.model;
/// let probabilities = model.probabilities(x.view())?;
/// assert!((0..400).all(|i| (probabilities[[i, 1]] > 0.5) == labels[i]));
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BoostedTreesConfig {
    /// Rounds of boosting, 1 to 10,000.
    pub trees: usize,
    /// Most leaves of a tree, 2 to 65,536.
    pub leaves: usize,
    /// Most splits between the root and a leaf, 1 to 512; `None` is 512.
    pub max_depth: Option<usize>,
    /// Factor on every leaf value, in (0, 1].
    pub learning_rate: f64,
    /// Least number of training rows in a leaf, at least 1.
    pub min_rows_per_leaf: usize,
    /// Least sum of hessians in a leaf, at least 0.
    pub min_hessian: f64,
    /// λ of the leaf values and gains, at least 0. At 0 a leaf of rows that are all but certain takes huge values,
    /// on which training for many classes can diverge.
    pub l2: f64,
    /// A split must gain more than this, at least 0.
    pub min_gain: f64,
    /// Most bins for the values of one feature, 2 to 255; missing values have one more.
    pub bins: usize,
    /// Share of the training rows that each round draws without replacement, in (0, 1].
    #[serde(alias = "row_share")]
    pub subsample: f64,
    /// Share of the features that each tree draws without replacement, in (0, 1].
    #[serde(alias = "feature_share")]
    pub feature_fraction: f64,
    /// Columns that hold codes of categories, not quantities.
    pub categorical: Vec<usize>,
    /// How much each class counts.
    pub class_weight: ClassWeight,
    /// For each feature 1 where the score must not fall as it grows, -1 where it must not rise, else 0; empty
    /// for no constraint. Only for two classes and columns that are not categorical.
    pub monotone: Vec<i8>,
    /// Stop on rows that are held out; `None` trains all rounds on all rows.
    pub early_stopping: Option<EarlyStopping>,
    /// Seed of all randomness.
    pub seed: u64,
}

/// When training stops before all rounds are done.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarlyStopping {
    /// Share of the rows of each class that is held out, in (0, 1); trees, bins and class weights do not see
    /// them.
    pub share: f64,
    /// Rounds without a lower log loss on the held-out rows after which training stops, at least 1. The trees
    /// up to the lowest loss are kept.
    pub patience: usize,
}

impl Default for BoostedTreesConfig {
    fn default() -> Self {
        Self {
            trees: 100,
            leaves: 31,
            max_depth: None,
            learning_rate: 0.1,
            min_rows_per_leaf: 20,
            min_hessian: 1e-3,
            l2: 1.0,
            min_gain: 0.0,
            bins: MAX_BINS,
            subsample: 1.0,
            feature_fraction: 1.0,
            categorical: Vec::new(),
            class_weight: ClassWeight::None,
            monotone: Vec::new(),
            early_stopping: None,
            seed: 0,
        }
    }
}

impl BoostedTreesConfig {
    /// Checks that every setting is in its domain for so many features and classes.
    pub(super) fn validate(&self, features: usize, classes: usize) -> Result<()> {
        let within = |name: &str, expected: &str, got: &dyn ToString, holds: bool| {
            if holds { Ok(()) } else { Err(Error::invalid(name, expected, got.to_string())) }
        };
        let share = |value: f64| value > 0.0 && value <= 1.0;
        let at_least_0 = |value: f64| value >= 0.0 && value.is_finite();
        within("trees", "in 1..=10000", &self.trees, (1..=10_000).contains(&self.trees))?;
        within("leaves", "in 2..=65536", &self.leaves, (2..=1 << 16).contains(&self.leaves))?;
        let depth = self.max_depth.unwrap_or(MAX_DEPTH);
        within("max_depth", "in 1..=512", &depth, (1..=MAX_DEPTH).contains(&depth))?;
        within("learning_rate", "in (0, 1]", &self.learning_rate, share(self.learning_rate))?;
        within("min_rows_per_leaf", "at least 1", &self.min_rows_per_leaf, self.min_rows_per_leaf > 0)?;
        within("min_hessian", "finite and at least 0", &self.min_hessian, at_least_0(self.min_hessian))?;
        within("l2", "finite and at least 0", &self.l2, at_least_0(self.l2))?;
        within("min_gain", "finite and at least 0", &self.min_gain, at_least_0(self.min_gain))?;
        within("bins", "in 2..=255", &self.bins, (2..=MAX_BINS).contains(&self.bins))?;
        within("subsample", "in (0, 1]", &self.subsample, share(self.subsample))?;
        within("feature_fraction", "in (0, 1]", &self.feature_fraction, share(self.feature_fraction))?;
        if let Some(stop) = self.early_stopping {
            let inside = stop.share > 0.0 && stop.share < 1.0;
            within("early_stopping.share", "in (0, 1)", &stop.share, inside)?;
            within("early_stopping.patience", "at least 1", &stop.patience, stop.patience > 0)?;
        }
        for (i, column) in self.categorical.iter().enumerate() {
            let name = format!("categorical[{i}]");
            within(&name, &format!("below {features}"), column, *column < features)?;
            within(&name, "another column", column, !self.categorical[..i].contains(column))?;
        }
        self.validate_monotone(features, classes)
    }

    fn validate_monotone(&self, features: usize, classes: usize) -> Result<()> {
        if self.monotone.is_empty() {
            return Ok(());
        }
        if self.monotone.len() != features {
            let got = self.monotone.len();
            return Err(Error::ShapeMismatch { what: "monotone constraints", expected: features, got });
        }
        for (feature, &direction) in
            self.monotone.iter().enumerate().filter(|(_, direction)| **direction != 0)
        {
            let expected = if !matches!(direction, -1 | 1) {
                "-1, 0 or 1"
            } else if classes > 2 {
                "0 for more than two classes"
            } else if self.categorical.contains(&feature) {
                "0 in a categorical column"
            } else {
                continue;
            };
            return Err(Error::invalid(format!("monotone[{feature}]"), expected, direction));
        }
        Ok(())
    }
}
