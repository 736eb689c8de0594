//! Boosted trees: histogram gradient boosting for labelled rows.

mod bins;
mod grow;
mod histogram;
mod loss;
mod settings;
mod split;
mod train;

#[cfg(test)]
mod tests;

pub use settings::{BoostedTreesConfig, EarlyStopping};

use ndarray::ArrayView2;

use super::tree_ensemble::{Link, TreeEnsemble};
use super::{Fit, FitContext, Fitted, check};
use crate::error::{Error, Result};
use crate::folds;
use crate::rng::Stream;
use histogram::MAX_ROWS;
use loss::Target;
use train::{Rows, VALIDATION};

impl Fit for BoostedTreesConfig {
    type Model = TreeEnsemble;

    /// Fits the classes of the labels, with weights where there are any. NaN is a missing value.
    ///
    /// # Errors
    ///
    /// As every [`Fit::fit`], and [`Error::InvalidArgument`] for fewer than two classes or two of one name, a label
    /// beyond the classes, a category that is not a whole number in `0..65536`, more than 2^28 − 1 rows;
    /// [`Error::ShapeMismatch`] for monotone constraints of another length; [`Error::InsufficientData`] for a class
    /// without rows (or weight) to train on or, with early stopping, no row to stop by.
    fn fit(&self, x: ArrayView2<'_, f32>, context: FitContext<'_>) -> Result<Fitted<TreeEnsemble>> {
        let (labels, classes) = context.every_class(x.nrows())?;
        context.complete(|| self.fit_rows(x, &labels, &classes, context.weights))
    }

    fn needs_labels(&self) -> bool {
        true
    }
}

impl BoostedTreesConfig {
    /// Fits on rows with the class of each as an index into `classes`.
    pub(in crate::detect) fn fit_rows(
        &self,
        x: ArrayView2<'_, f32>,
        labels: &[u32],
        classes: &[String],
        weights: Option<&[f32]>,
    ) -> Result<TreeEnsemble> {
        self.validate(x.ncols(), classes.len())?;
        check_rows(&x, labels, classes, weights)?;
        bins::check_codes(&x, &self.categorical)?;
        let rows = self.rows(labels);
        let mut weights = weights.map_or_else(|| vec![1.0; labels.len()], <[f32]>::to_vec);
        let counted = rows.training.iter().map(|&row| row as usize);
        self.class_weight.apply(&mut weights, labels, classes.len(), counted);
        check_classes(labels, &weights, classes, &rows.training)?;
        let stops = rows.validation.iter().any(|&row| weights[row as usize] > 0.0);
        if self.early_stopping.is_some() && !stops {
            let what = "held-out rows that count, to stop by".into();
            return Err(Error::InsufficientData { what, needed: 1, got: 0 });
        }
        let mut of_training = vec![0.0; weights.len()];
        for &row in &rows.training {
            of_training[row as usize] = weights[row as usize];
        }
        let target = Target { labels, weights: &of_training, classes: classes.len() };
        let validation = Target { labels, weights: &weights, classes: classes.len() };
        let x = x.as_standard_layout();
        let outputs = train::train(self, &x.view(), &target, &validation, &rows)?;
        let link = if classes.len() == 2 { Link::Logistic } else { Link::Softmax };
        TreeEnsemble::from_outputs(x.ncols(), classes.to_vec(), outputs, link)
    }

    /// Which rows are used for training and which are held out: the same share of each class.
    fn rows(&self, labels: &[u32]) -> Rows {
        let Some(stop) = self.early_stopping else {
            return Rows { training: (0..labels.len() as u32).collect(), validation: Vec::new() };
        };
        let mut random = Stream::new(self.seed, VALIDATION);
        let (training, validation) = folds::hold_out(Some(labels), labels.len(), stop.share, &mut random);
        let rows = |rows: Vec<usize>| rows.into_iter().map(|row| row as u32).collect();
        Rows { training: rows(training), validation: rows(validation) }
    }
}

/// Rejects rows, labels and weights that do not fit together, and sets that are too small to train on.
fn check_rows(
    x: &ArrayView2<'_, f32>,
    labels: &[u32],
    classes: &[String],
    weights: Option<&[f32]>,
) -> Result<()> {
    let rows = x.nrows();
    if x.ncols() == 0 {
        return Err(Error::InsufficientData { what: "feature columns".into(), needed: 1, got: 0 });
    }
    if rows > MAX_ROWS {
        return Err(Error::invalid("x", format!("at most {MAX_ROWS} rows"), rows));
    }
    if labels.len() != rows {
        return Err(Error::ShapeMismatch { what: "labels", expected: rows, got: labels.len() });
    }
    if classes.len() < 2 {
        return Err(Error::invalid("classes", "two or more names", classes.len()));
    }
    if let Some((row, label)) = labels.iter().enumerate().find(|(_, label)| **label as usize >= classes.len())
    {
        return Err(Error::invalid(format!("labels[{row}]"), format!("below {}", classes.len()), label));
    }
    if let Some(weights) = weights {
        if weights.len() != rows {
            return Err(Error::ShapeMismatch { what: "weights", expected: rows, got: weights.len() });
        }
        let bad = |weight: f32| !(weight >= 0.0 && weight.is_finite());
        if let Some((row, weight)) = weights.iter().enumerate().find(|(_, weight)| bad(**weight)) {
            return Err(Error::invalid(format!("weights[{row}]"), "finite and at least 0", weight));
        }
    }
    check::no_infinity(x, 0)
}

/// Rejects a class without any weight: no probability but 0 would fit it.
fn check_classes(labels: &[u32], weights: &[f32], classes: &[String], training: &[u32]) -> Result<()> {
    let mut seen = vec![0_usize; classes.len()];
    for &row in training.iter().filter(|&&row| weights[row as usize] > 0.0) {
        seen[labels[row as usize] as usize] += 1;
    }
    match seen.iter().position(|&count| count == 0) {
        None => Ok(()),
        Some(class) => {
            let what = format!("training rows of class `{}` that count", classes[class]);
            Err(Error::InsufficientData { what, needed: 1, got: 0 })
        }
    }
}
