//! Logistic regression: a linear classifier that needs labels.

mod lbfgs;
mod model;
mod objective;
mod parts;

pub use model::LogisticRegression;
pub(super) use parts::LogisticRegressionHeader;
pub use parts::LogisticRegressionParts;

use ndarray::{ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

use self::objective::Objective;
use super::{ClassWeight, Fit, FitContext, Fitted, check};
use crate::error::{Error, Result};

/// Settings of a [`LogisticRegression`].
///
/// Minimises `Σ w_i · loss_i + l2/2 · Σ coefficients²` over coefficients and intercepts; intercepts are free
/// of the penalty. `loss` is the negative log-likelihood of a row's class, by the logistic function for two
/// classes and by the softmax for more, and `w_i` is its weight. The penalty holds for the coefficients of
/// the features as they are given, so features of like magnitude are penalised alike. scikit-learn
/// writes the same function with `C = 1 / l2`.
///
/// The search runs in centred and scaled coordinates, so it converges for features of any magnitude too.
///
/// # Source
///
/// C. M. Bishop, *Pattern Recognition and Machine Learning*, 2006, sections 4.3.2 and 4.3.4.
///
/// # Examples
///
/// ```
/// use qosguard::detect::{Classifier, Detector, Fit, FitContext, LogisticRegressionConfig};
/// use qosguard::ndarray::array;
///
/// let x = array![[0.0], [1.0], [2.0], [3.0_f32]];
/// let model = LogisticRegressionConfig::default().fit(x.view(), FitContext::labelled(&[false, false, true, true]))?.model;
/// assert!(model.score(array![[1.5_f32]].view())?[0].abs() < 1e-6);
/// assert!(model.probabilities(array![[3.0_f32]].view())?[[0, 1]] > 0.7);
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogisticRegressionConfig {
    /// Strength of the penalty, above 0; `1 / C` of scikit-learn.
    pub l2: f64,
    /// How much the rows of a class count.
    pub class_weight: ClassWeight,
    /// Steps of the search, 1 to 100,000; see [`LogisticRegression::converged`].
    pub max_iterations: usize,
    /// The search ends when no entry of the gradient of the mean loss, in the scaled coordinates, is larger;
    /// above 0.
    pub tolerance: f64,
}

impl Default for LogisticRegressionConfig {
    fn default() -> Self {
        Self { l2: 1.0, class_weight: ClassWeight::None, max_iterations: 1000, tolerance: 1e-8 }
    }
}

impl LogisticRegressionConfig {
    /// Checks that every setting is in its domain.
    fn validate(&self) -> Result<()> {
        for (name, value) in [("l2", self.l2), ("tolerance", self.tolerance)] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(Error::invalid(name, "above 0 and finite", value));
            }
        }
        if !(1..=100_000).contains(&self.max_iterations) {
            return Err(Error::invalid("max_iterations", "in 1..=100000", self.max_iterations));
        }
        Ok(())
    }

    /// Fits on rows with the class of each as an index into `classes`.
    pub(in crate::detect) fn fit_rows(
        &self,
        x: ArrayView2<'_, f32>,
        labels: &[u32],
        classes: &[String],
        weights: Option<&[f32]>,
    ) -> Result<LogisticRegression> {
        self.validate()?;
        if x.ncols() == 0 {
            return Err(Error::InsufficientData { what: "feature columns".into(), needed: 1, got: 0 });
        }
        check::finite(&x, 0)?;
        let weights = self.weights(x.nrows(), labels, classes, weights)?;
        let objective = Objective::new(&x, labels, classes.len(), &weights, self.l2);
        let start = vec![0.0; objective.len()];
        let minimum = lbfgs::minimise(start, self.max_iterations, self.tolerance, |u, gradient| {
            objective.evaluate(u, gradient)
        });
        let (coefficients, intercepts) = objective.raw(&minimum.point);
        LogisticRegression::from_parts(&LogisticRegressionParts {
            config: self.clone(),
            classes: classes.to_vec(),
            n_features: x.ncols(),
            coefficients,
            intercepts,
            means: objective.means().to_vec(),
            iterations: minimum.iterations,
            converged: minimum.converged,
        })
    }

    /// Checks labels, classes and weights; returns what each row counts.
    fn weights(
        &self,
        rows: usize,
        labels: &[u32],
        classes: &[String],
        weights: Option<&[f32]>,
    ) -> Result<Vec<f64>> {
        if labels.len() != rows {
            return Err(Error::ShapeMismatch { what: "labels", expected: rows, got: labels.len() });
        }
        check::classes(classes)?;
        let mut weights: Vec<f64> = match weights {
            None => vec![1.0; rows],
            Some(weights) if weights.len() != rows => {
                return Err(Error::ShapeMismatch { what: "weights", expected: rows, got: weights.len() });
            }
            Some(weights) => weights.iter().map(|&weight| f64::from(weight)).collect(),
        };
        let mut totals = vec![0.0; classes.len()];
        for (i, (&label, &weight)) in labels.iter().zip(&weights).enumerate() {
            if !(weight >= 0.0 && weight.is_finite()) {
                return Err(Error::invalid(format!("weights[{i}]"), "at least 0 and finite", weight));
            }
            let Some(total) = totals.get_mut(label as usize) else {
                let expected = format!("a class below {}", classes.len());
                return Err(Error::invalid(format!("labels[{i}]"), expected, label));
            };
            *total += weight;
        }
        if let Some(empty) = totals.iter().position(|&total| total == 0.0) {
            let what = format!("training rows of class `{}`", classes[empty]);
            return Err(Error::InsufficientData { what, needed: 1, got: 0 });
        }
        let factors = self.class_weight.factors(&totals);
        weights.iter_mut().zip(labels).for_each(|(weight, &label)| *weight *= factors[label as usize]);
        Ok(weights)
    }
}

impl Fit for LogisticRegressionConfig {
    type Model = LogisticRegression;

    /// Fits the classes of the labels, with weights where there are any.
    ///
    /// # Errors
    ///
    /// As every [`Fit::fit`], and [`Error::InsufficientData`] for fewer than two classes or a class without rows
    /// that count, [`Error::InvalidArgument`] for a label or a class name out of its domain.
    fn fit(&self, x: ArrayView2<'_, f32>, context: FitContext<'_>) -> Result<Fitted<LogisticRegression>> {
        let (labels, classes) = context.every_class(x.nrows())?;
        context.complete(|| self.fit_rows(x, &labels, &classes, context.weights))
    }

    fn needs_labels(&self) -> bool {
        true
    }
}

/// `Σ coefficients · row`, in eight sums that vector code keeps side by side.
fn dot(coefficients: &[f64], row: &[f32]) -> f64 {
    let mut sums = [0.0; 8];
    let (blocks, rest) = coefficients.as_chunks::<8>();
    let (row_blocks, row_rest) = row.as_chunks::<8>();
    for (block, values) in blocks.iter().zip(row_blocks) {
        for lane in 0..8 {
            sums[lane] += block[lane] * f64::from(values[lane]);
        }
    }
    for ((sum, coefficient), &value) in sums.iter_mut().zip(rest).zip(row_rest) {
        *sum += coefficient * f64::from(value);
    }
    fold(sums)
}

/// [`dot`] for a row that does not lie in one piece, with the same bits.
fn scattered_dot(coefficients: &[f64], row: &ArrayView1<'_, f32>) -> f64 {
    let mut sums = [0.0; 8];
    for (j, (coefficient, &value)) in coefficients.iter().zip(row).enumerate() {
        sums[j % 8] += coefficient * f64::from(value);
    }
    fold(sums)
}

fn fold(sums: [f64; 8]) -> f64 {
    ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]))
}
