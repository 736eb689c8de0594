//! Weighted trees for labels: boosted trees and random forests, trained here or imported.

mod classes;
mod explain;
mod import;
mod input;
mod link;
mod onnx;
mod parts;
mod thresholds;

use ndarray::{Array2, ArrayView2, s};
use serde_json::{Value, json};

use input::{Missing, Number};
use link::Scores;
use thresholds::Thresholds;

pub use input::CategoryName;
pub use link::Link;
pub(super) use parts::TreeEnsembleHeader;
pub use parts::TreeEnsembleParts;

use crate::detect::tree::{Categories, Layout, Node, Trees};
use crate::detect::{Classifier, Detector, check};
use crate::error::{Error, Result};
use crate::explain::Explanation;
use crate::parallel;

/// Rows that one thread scores at a time, and below which no other thread is asked.
const CHUNK: usize = 4096;

/// Rows whose leaf values are summed at a time: their features stay in the second-level cache.
const TILE: usize = 512;

/// No sum of leaf values is further from 0, so that the difference of two fits into an `f32`.
const LARGEST_SUM: f64 = 1e38;

/// Boosted trees or a random forest: a classifier whose leaves hold numbers that are added up.
///
/// Every output (one for two classes, one per class for more) has a margin, the sum
/// `base + Σ leaf values` in f64 and in the order of the trees; an averaged ensemble divides it by the number
/// of trees. What the margins mean is the [`Link`]:
///
/// | link | probability | score |
/// |---|---|---|
/// | [`Link::Logistic`] | `1 / (1 + e^−m)` of an attack | `m`, the log-odds of an attack |
/// | [`Link::Softmax`] | `e^m_k / Σ e^m_j` | `ln((1 − p_0) / p_0)`, the log-odds of an attack |
/// | [`Link::Mean`] | `m` itself | the probability of an attack, since log-odds may be infinite |
///
/// The first class is clean traffic. NaN is a missing value and takes the direction of each split, except in a model
/// that rejects it; see [`TreeEnsemble::accepts_missing`] and [`TreeEnsemble::with_missing_value`].
/// Infinities are rejected by row and column.
///
/// LightGBM and scikit-learn's `HistGradientBoostingClassifier` compare 64-bit numbers. An imported model of theirs
/// takes rows of `f64` as the library does ([`Detector::score_f64`]): each value becomes the nearest `f32` that
/// compares with every threshold of its feature as the value does. Rows of `f32` are compared as they are, so a
/// caller that rounds epoch seconds or counters above 2^24 to `f32` may get the prediction of a neighbouring value.
///
/// # Examples
///
/// ```
/// use qosguard::detect::{Classifier, Detector, TreeEnsemble};
/// use qosguard::ndarray::array;
///
/// let forest = TreeEnsemble::from_sklearn_json(
///     r#"{"model": "RandomForestClassifier", "n_features": 1, "feature_names": ["bytes"],
///     "classes": ["clean", "flood"], "accepts_missing": true, "init": null, "scale": 1.0, "trees": [
///     {"left": [1, -1, -1], "right": [2, -1, -1], "feature": [0, -2, -2], "threshold": [1500.0, -2.0, -2.0],
///     "missing_left": [true, false, false], "value": [[0.5, 0.5], [0.75, 0.25], [0.0, 1.0]],
///     "samples": [8, 4, 4]}]}"#,
/// )?;
/// let x = array![[1500.0], [1501.0], [f32::NAN]];
/// assert_eq!(forest.score(x.view())?, [0.25, 1.0, 0.25]);
/// assert_eq!(forest.probabilities(x.view())?.row(0).to_vec(), [0.75, 0.25]);
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TreeEnsemble {
    classes: Vec<String>,
    feature_names: Option<Vec<String>>,
    link: Link,
    averaged: bool,
    accepts_missing: bool,
    missing: Option<Missing>,
    category_names: Option<Vec<Vec<CategoryName>>>,
    /// The thresholds of a model that compares 64-bit numbers.
    thresholds: Option<Thresholds>,
    n_features: usize,
    outputs: Vec<Summed>,
}

/// What an output is made of: `base + Σ leaf values`.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    /// Where the sum begins.
    pub(crate) base: f64,
    /// The trees, each in preorder.
    pub(crate) trees: Vec<Vec<Node>>,
    /// The sets that the splits refer to.
    pub(crate) categories: Vec<Categories>,
}

impl Output {
    /// No sum is further from 0; NaN or infinite where the base or a value is.
    fn largest_sum(&self) -> f64 {
        let value = |node: &Node| match *node {
            Node::Leaf { value, .. } => value.abs(),
            Node::Split { .. } => 0.0,
        };
        // Unlike `f64::max`, this keeps NaN.
        let larger = |a: f64, b: f64| if a >= b { a } else { b };
        let trees = self.trees.iter().map(|tree| tree.iter().map(value).fold(0.0, larger));
        trees.fold(self.base.abs(), |sum, largest| sum + largest)
    }
}

/// An output that has been checked and laid out.
#[derive(Clone, Debug)]
struct Summed {
    base: f64,
    trees: Trees,
    layout: Layout,
    /// What the sum is divided by.
    divisor: f64,
}

impl TreeEnsemble {
    /// Checks the outputs and lays their trees out; every split has a direction for missing values.
    ///
    /// Two classes have one output, for the second class, or one each; more have one each. `Link::Mean`
    /// averages over the trees, the others do not.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for what does not hold in a tree, by output, tree and node, or for counts
    /// that do not fit.
    pub(crate) fn from_outputs(
        n_features: usize,
        classes: Vec<String>,
        outputs: Vec<Output>,
        link: Link,
    ) -> Result<Self> {
        if n_features == 0 || i32::try_from(n_features).is_err() {
            return Err(Error::invalid("n_features", "in 1..=2147483647", n_features));
        }
        check_classes(&classes)?;
        link.check_outputs(classes.len(), outputs.len())?;
        let several = outputs.len() > 1;
        let outputs = outputs.into_iter().enumerate().map(|(k, output)| {
            let largest = output.largest_sum();
            if largest.is_nan() || largest > LARGEST_SUM {
                return Err(Error::invalid("value", "leaf values whose sums stay below 1e38", largest));
            }
            let trees = Trees::new(n_features, &output.trees, output.categories);
            let trees = trees.map_err(|error| if several { of_output(k, error) } else { error })?;
            let layout = Layout::new(&trees);
            Ok(Summed { base: output.base, trees, layout, divisor: 1.0 })
        });
        let outputs = outputs.collect::<Result<_>>()?;
        let model = Self {
            classes,
            feature_names: None,
            link,
            averaged: false,
            accepts_missing: true,
            missing: None,
            category_names: None,
            thresholds: None,
            n_features,
            outputs,
        };
        if link == Link::Mean { model.averaged() } else { Ok(model) }
    }

    /// What the margins mean.
    pub fn link(&self) -> Link {
        self.link
    }

    /// Whether NaN is taken for a missing value; otherwise it is rejected, by row and column.
    ///
    /// Everything but a scikit-learn forest that was trained without missing values accepts it.
    pub fn accepts_missing(&self) -> bool {
        self.accepts_missing
    }

    /// Divides every margin by the number of trees of its output.
    pub(crate) fn averaged(mut self) -> Result<Self> {
        self.averaged = true;
        for output in &mut self.outputs {
            if output.trees.len() == 0 {
                return Err(Error::invalid("trees", "at least 1 where they are averaged", 0));
            }
            output.divisor = output.trees.len() as f64;
        }
        Ok(self)
    }

    /// Makes the model reject NaN.
    pub(crate) fn without_missing(mut self) -> Self {
        self.accepts_missing = false;
        self
    }

    /// Names of the feature columns, where they are known.
    pub fn feature_names(&self) -> Option<&[String]> {
        self.feature_names.as_deref()
    }

    /// Gives the feature columns names.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] for another number of names than of feature columns.
    pub fn with_feature_names(mut self, names: Vec<String>) -> Result<Self> {
        if names.len() != self.n_features {
            return Err(Error::ShapeMismatch {
                what: "feature names",
                expected: self.n_features,
                got: names.len(),
            });
        }
        self.feature_names = Some(names);
        Ok(self)
    }

    /// Number of margins that a row has: 1 for two classes, else one per class.
    pub fn n_outputs(&self) -> usize {
        self.outputs.len()
    }

    /// Number of trees of all outputs together.
    pub fn n_trees(&self) -> usize {
        self.outputs.iter().map(|output| output.trees.len()).sum()
    }

    /// Memory that the model takes, in bytes.
    pub fn size_in_bytes(&self) -> usize {
        let thresholds = self.thresholds.as_ref().map_or(0, Thresholds::size_in_bytes);
        size_of::<Self>() + thresholds + self.outputs.iter().map(Summed::size_in_bytes).sum::<usize>()
    }

    /// The margins of every row, shape `(rows, features)` → `(rows, outputs)`.
    ///
    /// # Errors
    ///
    /// As [`Detector::score_into`].
    pub fn margins(&self, x: ArrayView2<'_, f32>) -> Result<Array2<f64>> {
        self.margins_of(x)
    }

    /// [`TreeEnsemble::margins`] of rows of either width.
    fn margins_of<T: Number>(&self, x: ArrayView2<'_, T>) -> Result<Array2<f64>> {
        let width = self.outputs.len();
        let mut margins = vec![0.0; x.nrows() * width];
        check::shape(&x, self.n_features, x.nrows())?;
        parallel::for_each_chunk(&mut margins, CHUNK * width, |start, margins| {
            for (i, margins) in margins.chunks_mut(TILE * width).enumerate() {
                let first = start / width + i * TILE;
                let x = T::prepare(self, &x.slice(s![first..first + margins.len() / width, ..]), first)?;
                let mut sums = [0.0; TILE];
                for (k, output) in self.outputs.iter().enumerate() {
                    output.sum(&x.view(), &mut sums[..x.nrows()]);
                    margins.iter_mut().skip(k).step_by(width).zip(sums).for_each(|(to, sum)| *to = sum);
                }
            }
            Ok(())
        })?;
        Array2::from_shape_vec((x.nrows(), width), margins)
            .map_err(|error| Error::invalid("x", "a matrix whose margins fit into memory", error))
    }

    /// Base and trees of each output, and what its sum is divided by.
    pub(crate) fn outputs(&self) -> impl Iterator<Item = (f64, &Trees, f64)> {
        self.outputs.iter().map(|output| (output.base, &output.trees, output.divisor))
    }

    /// Scores up to `N` rows, of which the first is row `first` to the caller.
    fn score_tile<T: Number, const N: usize>(
        &self,
        x: &ArrayView2<'_, T>,
        first: usize,
        out: &mut [f32],
    ) -> Result<()> {
        let x = T::prepare(self, x, first)?;
        let (mut sums, mut scores) = ([0.0; N], Scores::<N>::new(self.link));
        let sums = &mut sums[..out.len()];
        for output in &self.outputs {
            output.sum(&x.view(), sums);
            scores.push(sums);
        }
        scores.write(out);
        Ok(())
    }

    /// The threshold of a split with this number in the trees.
    pub(crate) fn exact_threshold(&self, feature: u32, threshold: f32) -> f64 {
        let exact = self.thresholds.as_ref().and_then(|thresholds| thresholds.exact(feature, threshold));
        exact.unwrap_or(f64::from(threshold))
    }

    /// The probabilities of rows with these margins.
    fn probabilities_of(&self, margins: &Array2<f64>) -> Array2<f64> {
        let mut probabilities = Array2::zeros((margins.nrows(), self.classes.len()));
        for (margins, mut to) in margins.rows().into_iter().zip(probabilities.rows_mut()) {
            self.link.probabilities(margins, &mut to);
        }
        probabilities
    }

    /// Scores rows of either width.
    fn score_rows<T: Number>(&self, x: ArrayView2<'_, T>, out: &mut [f32]) -> Result<()> {
        check::shape(&x, self.n_features, out.len())?;
        if out.len() == 1 {
            return self.score_tile::<T, 1>(&x, 0, out);
        }
        parallel::for_each_chunk(out, CHUNK, |start, out| {
            for (i, out) in out.chunks_mut(TILE).enumerate() {
                let first = start + i * TILE;
                self.score_tile::<T, TILE>(&x.slice(s![first..first + out.len(), ..]), first, out)?;
            }
            Ok(())
        })
    }

    /// Rejects the first infinity, and the first NaN where the model does not accept it.
    pub(crate) fn check_values(&self, x: &ArrayView2<'_, f32>, first_row: usize) -> Result<()> {
        if self.accepts_missing { check::no_infinity(x, first_row) } else { check::finite(x, first_row) }
    }
}

/// Rejects fewer than two names, and one that comes twice.
fn check_classes(classes: &[String]) -> Result<()> {
    if classes.len() < 2 {
        return Err(Error::invalid("classes", "two or more names", classes.len()));
    }
    if let Some(name) = classes.iter().enumerate().find(|(i, name)| classes[..*i].contains(name)) {
        return Err(Error::invalid(format!("classes[{}]", name.0), "a new name", name.1));
    }
    Ok(())
}

/// Adds the output of a tree to its error.
fn of_output(k: usize, error: Error) -> Error {
    match error {
        Error::InvalidArgument { name, expected, got } => {
            Error::invalid(format!("outputs[{k}].{name}"), expected, got)
        }
        other => other,
    }
}

impl Detector for TreeEnsemble {
    fn n_features(&self) -> usize {
        self.n_features
    }

    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] for another width or another length of `out`; [`Error::NotFinite`] for an
    /// infinity, and for NaN where the model does not accept it, by row and column.
    fn score_into(&self, x: ArrayView2<'_, f32>, out: &mut [f32]) -> Result<()> {
        self.score_rows(x, out)
    }

    /// Compares the numbers in 64 bits where the model does; see [`TreeEnsemble::compares_f64`].
    fn score_f64(&self, x: ArrayView2<'_, f64>) -> Result<Vec<f32>> {
        let mut out = vec![0.0; x.nrows()];
        self.score_rows(x, &mut out)?;
        Ok(out)
    }

    /// See [`TreeEnsemble::explain`].
    fn explain(&self, x: ArrayView2<'_, f32>) -> Result<Explanation> {
        Self::explain(self, x)
    }

    /// Compares the numbers in 64 bits where the model does; see [`TreeEnsemble::compares_f64`].
    fn explain_f64(&self, x: ArrayView2<'_, f64>) -> Result<Explanation> {
        self.explain_rows(x)
    }

    fn facts(&self) -> Value {
        json!({
            "trees": self.n_trees(),
            "accepts_missing": self.accepts_missing(),
            "compares_f64": self.compares_f64(),
            "feature_names": self.feature_names(),
            "category_names": self.category_names(),
        })
    }

    fn as_classifier(&self) -> Option<&dyn Classifier> {
        Some(self)
    }
}

impl Classifier for TreeEnsemble {
    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn probabilities(&self, x: ArrayView2<'_, f32>) -> Result<Array2<f64>> {
        Ok(self.probabilities_of(&self.margins_of(x)?))
    }

    /// Compares the numbers in 64 bits where the model does; see [`TreeEnsemble::compares_f64`].
    fn probabilities_f64(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        Ok(self.probabilities_of(&self.margins_of(x)?))
    }
}

impl Summed {
    /// The margin of each row of `x`, which has as many rows as `sums`.
    fn sum(&self, x: &ArrayView2<'_, f32>, sums: &mut [f64]) {
        sums.fill(self.base);
        self.layout.add(x, sums);
        if self.divisor != 1.0 {
            for sum in sums {
                *sum /= self.divisor;
            }
        }
    }

    /// Memory that the output takes, in bytes.
    fn size_in_bytes(&self) -> usize {
        size_of::<Self>() + self.trees.size_in_bytes() + self.layout.size_in_bytes()
    }
}

#[cfg(test)]
mod tests;
