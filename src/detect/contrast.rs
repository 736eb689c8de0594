//! Contrast trees: boosted trees that separate real rows from rows whose values come from several rows.

use ndarray::{Array2, ArrayView1, ArrayView2, Axis, s};
use serde::{Deserialize, Serialize};

use super::tree::Node;
use super::tree_ensemble::{Link, Output};
use super::{BoostedTreesConfig, ClassWeight, Fit, FitContext, Fitted, TreeEnsemble, check};
use crate::error::{Error, Result};
use crate::progress::{self, Progress, Unit};
use crate::rng::Stream;

/// The random stream that pieces rows together; `+ i` for booster `i`.
const PIECING: u64 = 1 << 40;

/// Share of its features that a pieced row takes from elsewhere.
const REPLACED: std::ops::Range<f64> = 0.02..0.3;

/// Fewest pieced rows for a booster.
const MIN_PIECED: usize = 20_000;

/// Settings of contrast trees, an unsupervised detector of rows whose features do not occur together in clean rows.
///
/// Each of `boosters` draws up to `max_samples` clean rows and pieces rows together that never were: a clean
/// row with 2 to 30 % of its features taken from other clean rows, for half of them each from a row of its
/// own, for the other half all from one. Boosted trees learn to separate the two, and the score is the
/// mean of their log-odds: a row scores high where its features do not go together as they do in clean
/// traffic, though each alone may be usual. The labels given to [`Fit::fit`] are not used: train on clean
/// rows. NaN is a missing value.
///
/// # Source
///
/// T. Hastie, R. Tibshirani and J. Friedman, *The Elements of Statistical Learning*, 2nd edition, 2009,
/// section 14.2.4 (unsupervised as supervised learning); T. Shi and S. Horvath, "Unsupervised learning with
/// random forest predictors", JCGS 15 (2006), for rows drawn from the features of others.
///
/// # Examples
///
/// ```
/// use qosguard::detect::{ContrastTreesConfig, Detector, Fit, FitContext};
/// use qosguard::ndarray::{Array2, array};
///
/// // All features follow the first one.
/// let x = Array2::from_shape_fn((400, 4), |(i, j)| (i % 20) as f32 + (j * (i % 3)) as f32);
/// let model = ContrastTreesConfig { trees: 20, ..Default::default() }.fit(x.view(), FitContext::default())?.model;
/// let scores = model.score(array![[5.0, 6.0, 7.0, 8.0], [2.0, 17.0, 3.0, 19.0]].view())?;
/// assert!(scores[1] > scores[0] + 1.0);
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ContrastTreesConfig {
    /// Number of boosters, whose log-odds are averaged, 1 to 64.
    pub boosters: usize,
    /// Rounds of each booster, 1 to 10,000.
    pub trees: usize,
    /// Most leaves of a tree, 2 to 65,536.
    pub leaves: usize,
    /// Clean rows that a booster is fitted on, 2 to 2^20, drawn at random; all rows where there are fewer.
    pub max_samples: usize,
    /// Seed of all randomness.
    pub seed: u64,
}

impl Default for ContrastTreesConfig {
    fn default() -> Self {
        Self { boosters: 3, trees: 100, leaves: 31, max_samples: 20_000, seed: 0 }
    }
}

impl Fit for ContrastTreesConfig {
    type Model = TreeEnsemble;

    fn fit(&self, x: ArrayView2<'_, f32>, context: FitContext<'_>) -> Result<Fitted<TreeEnsemble>> {
        context.unsupervised(|| self.fit_rows(x))
    }
}

impl ContrastTreesConfig {
    fn fit_rows(&self, x: ArrayView2<'_, f32>) -> Result<TreeEnsemble> {
        if !(1..=64).contains(&self.boosters) {
            return Err(Error::invalid("boosters", "in 1..=64", self.boosters));
        }
        if !(2..=1 << 20).contains(&self.max_samples) {
            return Err(Error::invalid("max_samples", "in 2..=1048576", self.max_samples));
        }
        if x.ncols() < 2 {
            return Err(Error::InsufficientData {
                what: "feature columns".into(),
                needed: 2,
                got: x.ncols(),
            });
        }
        if x.nrows() < 2 {
            return Err(Error::InsufficientData { what: "training rows".into(), needed: 2, got: x.nrows() });
        }
        check::no_infinity(&x, 0)?;
        let (mut base, mut trees) = (0.0, Vec::new());
        let share = 1.0 / self.boosters as f64;
        for booster in 0..self.boosters as u64 {
            let model = progress::quiet(|| fit_booster(self, &x, booster))?;
            let done = booster as usize + 1;
            progress::report(&Progress::new("contrast_trees", Unit::Fits, done, self.boosters))?;
            for (start, of_booster, _) in model.outputs() {
                base += start * share;
                trees.extend(of_booster.iter().map(|tree| scaled(tree, share)));
            }
        }
        let output = Output { base, trees, categories: Vec::new() };
        TreeEnsemble::from_outputs(x.ncols(), classes(), vec![output], Link::Logistic)
    }
}

fn classes() -> Vec<String> {
    vec!["clean".into(), "pieced".into()]
}

/// Fits one booster.
fn fit_booster(
    settings: &ContrastTreesConfig,
    x: &ArrayView2<'_, f32>,
    booster: u64,
) -> Result<TreeEnsemble> {
    let mut rng = Stream::new(settings.seed, PIECING + booster);
    let mut rows: Vec<usize> = (0..x.nrows()).collect();
    rng.shuffle(&mut rows);
    rows.truncate(settings.max_samples);
    let clean = x.select(Axis(0), &rows);
    let n = clean.nrows();
    let pieced = MIN_PIECED.max(2 * n);
    let mut all = Array2::zeros((n + pieced, x.ncols()));
    all.slice_mut(s![..n, ..]).assign(&clean);
    for (i, mut row) in all.slice_mut(s![n.., ..]).rows_mut().into_iter().enumerate() {
        if i % 1024 == 0 {
            progress::check()?;
        }
        row.assign(&clean.row(rng.below(n)));
        let share = REPLACED.start + (REPLACED.end - REPLACED.start) * rng.uniform();
        let other = (i % 2 == 0).then(|| clean.row(rng.below(n)));
        let mut replaced = false;
        for feature in 0..x.ncols() {
            if rng.uniform() < share {
                row[feature] = piece(&clean, other.as_ref(), feature, &mut rng);
                replaced = true;
            }
        }
        if !replaced {
            let feature = rng.below(x.ncols());
            row[feature] = piece(&clean, other.as_ref(), feature, &mut rng);
        }
    }
    let labels: Vec<u32> = (0..all.nrows()).map(|row| u32::from(row >= n)).collect();
    let config = BoostedTreesConfig {
        trees: settings.trees,
        leaves: settings.leaves,
        subsample: 0.7,
        feature_fraction: 0.5,
        class_weight: ClassWeight::Balanced,
        seed: settings.seed.wrapping_add(booster),
        ..BoostedTreesConfig::default()
    };
    config.fit_rows(all.view(), &labels, &classes(), None)
}

/// A tree with every leaf value times `share`.
fn scaled(tree: &[Node], share: f64) -> Vec<Node> {
    let scale = |node: &Node| match *node {
        Node::Leaf { value, cover } => Node::Leaf { value: value * share, cover },
        split @ Node::Split { .. } => split,
    };
    tree.iter().map(scale).collect()
}

/// A feature of the `other` row, or of a row of its own.
fn piece(clean: &Array2<f32>, other: Option<&ArrayView1<'_, f32>>, feature: usize, rng: &mut Stream) -> f32 {
    match other {
        Some(row) => row[feature],
        None => clean[[rng.below(clean.nrows()), feature]],
    }
}
