//! The one way to fit a detector.

use std::borrow::Cow;

use ndarray::{ArrayView1, ArrayView2, Axis};

use super::Detector;
use super::{Checkpoint, Columns};
use crate::error::{Error, Result};
use crate::progress::{self, Monitor};

/// Trains a detector from features.
pub trait Fit {
    /// What training returns.
    type Model: Detector;

    /// Fits on `x` of shape `(rows, features)`, in a [`FitContext`] that holds everything else.
    ///
    /// The same config, data and seed give the same bits for any thread count.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a setting outside its domain, or weights or classes that this detector
    /// does not use, [`Error::InsufficientData`] for too few rows, no features or missing labels,
    /// [`Error::ShapeMismatch`] for labels or weights of another number than the rows, [`Error::NotFinite`] for
    /// NaN or infinite input, [`Error::Cancelled`] when the monitor cancels.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::detect::{BoostedTreesConfig, Detector, Fit, FitContext, IsolationForestConfig};
    /// use qosguard::ndarray::Array2;
    ///
    /// let x = Array2::from_shape_fn((200, 2), |(i, j)| (i * (j + 3) % 17) as f32);
    /// let forest = IsolationForestConfig::default().fit(x.view(), FitContext::default())?.model;
    /// assert_eq!(forest.n_features(), 2);
    /// let labels: Vec<bool> = x.rows().into_iter().map(|row| row[0] > 8.0).collect();
    /// let trees = BoostedTreesConfig::default().fit(x.view(), FitContext::labelled(&labels))?.model;
    /// assert!(trees.score(x.view())?.iter().zip(&labels).all(|(&score, &attack)| (score > 0.0) == attack));
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    fn fit(&self, x: ArrayView2<'_, f32>, context: FitContext<'_>) -> Result<Fitted<Self::Model>>;

    /// Whether [`Fit::fit`] needs labels.
    fn needs_labels(&self) -> bool {
        false
    }
}

/// A fitted model and the out-of-fold scores.
#[derive(Clone, Debug)]
pub struct Fitted<M> {
    /// The model.
    pub model: M,
    /// The score of each training row by members that were fitted without it; `None` for a detector that does
    /// not cross-fit.
    pub out_of_fold: Option<Vec<f32>>,
}

impl<M> Fitted<M> {
    /// The same with a converted model.
    pub fn map<T>(self, convert: impl FnOnce(M) -> T) -> Fitted<T> {
        Fitted { model: convert(self.model), out_of_fold: self.out_of_fold }
    }
}

impl<M> From<M> for Fitted<M> {
    fn from(model: M) -> Self {
        Self { model, out_of_fold: None }
    }
}

/// What is known of the training rows.
#[derive(Clone, Copy, Debug, Default)]
pub enum Labels<'a> {
    /// Nothing.
    #[default]
    None,
    /// `true` for each row that is a known attack.
    Binary(&'a [bool]),
    /// The class of each row.
    Classes {
        /// For each row an index into `names`, or `None` for a row without a label, which only neural
        /// classifiers use.
        codes: &'a [Option<u32>],
        /// Names of the classes; the first one is clean traffic.
        names: &'a [String],
    },
}

/// What the columns of a matrix are.
#[derive(Clone, Copy, Debug)]
pub struct ColumnNames<'a> {
    /// The name of every column, in order.
    pub names: &'a [String],
    /// Indices of the columns that hold codes of categories.
    pub categorical: &'a [usize],
}

impl ColumnNames<'_> {
    /// The columns as a network needs them.
    pub(crate) fn to_columns(self) -> Columns {
        Columns::by_name(self.names, self.categorical.to_vec())
    }
}

/// What a detector is fitted with besides the matrix. Unsupervised detectors do not use binary labels.
#[derive(Clone, Copy, Debug, Default)]
pub struct FitContext<'a> {
    /// Labels of the rows.
    pub labels: Labels<'a>,
    /// How much each row counts, finite and at least 0; every row counts once by default. Only classifiers
    /// other than mixtures use them.
    pub weights: Option<&'a [f32]>,
    /// Names and kinds of the columns, for the settings of networks that do not state their own.
    pub columns: Option<ColumnNames<'a>>,
    /// Follows the fit and cancels it.
    pub monitor: Option<&'a Monitor>,
    /// Where the training of a network resumes. The same config, seed and rows then give the same bits as a
    /// training without a break.
    pub resume: Option<&'a Checkpoint>,
}

/// The code of each row that has a class, and the names of the classes.
type CodesAndNames<'a> = (Cow<'a, [Option<u32>]>, Cow<'a, [String]>);

impl<'a> FitContext<'a> {
    /// With labels that are `true` for attacks.
    pub fn labelled(labels: &'a [bool]) -> Self {
        Self { labels: Labels::Binary(labels), ..Self::default() }
    }

    /// With the class of each row; see [`Labels::Classes`].
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::detect::{BoostedTreesConfig, Classifier, Fit, FitContext};
    /// use qosguard::ndarray::Array2;
    ///
    /// let x = Array2::from_shape_fn((300, 1), |(i, _)| i as f32);
    /// let codes: Vec<Option<u32>> = (0..300).map(|i| Some(i / 100)).collect();
    /// let names = ["clean", "scan", "flood"].map(String::from);
    /// let model = BoostedTreesConfig::default().fit(x.view(), FitContext::classes(&codes, &names))?.model;
    /// let p = model.probabilities(x.view())?;
    /// assert!(p[[20, 0]] > 0.9 && p[[150, 1]] > 0.9 && p[[280, 2]] > 0.9);
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn classes(codes: &'a [Option<u32>], names: &'a [String]) -> Self {
        Self { labels: Labels::Classes { codes, names }, ..Self::default() }
    }

    /// Runs a fit under the monitor.
    pub(crate) fn run<T>(&self, fit: impl FnOnce() -> Result<T>) -> Result<T> {
        match self.monitor {
            Some(monitor) => monitor.run(fit),
            None => fit(),
        }
    }

    /// Runs the fit of a detector that uses neither classes nor weights, and that has no result when cancelled.
    pub(crate) fn unsupervised<M>(&self, fit: impl FnOnce() -> Result<M>) -> Result<Fitted<M>> {
        self.refuse_classes()?;
        self.refuse_weights()?;
        self.complete(fit)
    }

    /// Runs a fit that has no result when cancelled.
    pub(crate) fn complete<M>(&self, fit: impl FnOnce() -> Result<M>) -> Result<Fitted<M>> {
        self.run(|| {
            let model = fit()?;
            progress::check()?;
            Ok(model.into())
        })
    }

    /// The labels as attack or clean.
    pub(crate) fn attacks(&self) -> Result<Option<&'a [bool]>> {
        self.refuse_classes()?;
        Ok(match self.labels {
            Labels::Binary(labels) => Some(labels),
            _ => None,
        })
    }

    /// The class of each row, where every row needs one, and the names of the classes.
    pub(crate) fn every_class(&self, rows: usize) -> Result<(Vec<u32>, Cow<'a, [String]>)> {
        let (codes, names) = self.some_classes(rows)?;
        let missing = |row: usize| Error::invalid(format!("labels[{row}]"), "a class", "no label");
        let codes = codes.iter().enumerate().map(|(row, code)| code.ok_or_else(|| missing(row)));
        Ok((codes.collect::<Result<_>>()?, names))
    }

    /// The class of each row that has one, and the names of the classes.
    pub(crate) fn some_classes(&self, rows: usize) -> Result<CodesAndNames<'a>> {
        match self.labels {
            Labels::None => {
                Err(Error::InsufficientData { what: "labels".into(), needed: rows.max(1), got: 0 })
            }
            Labels::Binary(labels) => {
                let codes: Vec<_> = labels.iter().map(|&attack| Some(u32::from(attack))).collect();
                Ok((codes.into(), vec!["clean".into(), "attack".into()].into()))
            }
            Labels::Classes { codes, names } => Ok((codes.into(), names.into())),
        }
    }

    pub(crate) fn refuse_classes(&self) -> Result<()> {
        match self.labels {
            Labels::Classes { .. } => {
                Err(Error::invalid("detector", "a classifier, to learn classes", "another kind"))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn refuse_weights(&self) -> Result<()> {
        match self.weights {
            Some(_) => {
                Err(Error::invalid("weights", "left out: this detector takes no weights of rows", "weights"))
            }
            None => Ok(()),
        }
    }
}

/// A detector that learns row by row after it was fitted, or from nothing.
pub trait OnlineDetector: Detector {
    /// Learns one row.
    ///
    /// # Errors
    ///
    /// As [`OnlineDetector::learn_many`].
    fn learn(&mut self, row: &[f32]) -> Result<()> {
        self.learn_many(ArrayView1::from(row).insert_axis(Axis(0)))
    }

    /// Learns every row of `x`, shape `(rows, features)`, in order; the same as one by one.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] for another width, [`Error::NotFinite`] for NaN or infinite values; nothing is
    /// learned then. [`Error::Cancelled`] when a monitor cancels, after some rows were learned.
    fn learn_many(&mut self, x: ArrayView2<'_, f32>) -> Result<()>;

    /// Rows learned so far.
    fn n_rows(&self) -> u64;
}
