//! Temperature scaling: one divisor of all log-odds or logits.

use ndarray::{Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use super::ROWS_PER_CHECK;
use crate::error::{Error, Result};
use crate::progress;

/// Divides logits by one number before they become probabilities: `softmax(logits / temperature)`.
///
/// It makes a classifier more or less sure and changes nothing else: classes keep their order in every row.
/// The temperature minimises the cross-entropy with smoothed labels: of a class with `n` rows the class
/// itself counts `(n + 1) / (n + 2)` and the others share the rest, as Platt's do, so that logits which
/// part the classes do not give certainty.
///
/// # Source
///
/// C. Guo et al., "On calibration of modern neural networks", ICML 2017, section 4.2.
///
/// # Examples
///
/// ```
/// use qosguard::calibrate::Temperature;
/// use qosguard::ndarray::Array2;
///
/// // Sure of class 0 with odds of e⁴ = 55 to 1, and right in three of four rows: 3 to 1.
/// let logits = Array2::from_shape_fn((4000, 2), |(_, class)| if class == 0 { 4.0 } else { 0.0 });
/// let classes: Vec<usize> = (0..4000).map(|row| usize::from(row % 4 == 0)).collect();
/// let temperature = Temperature::fit(logits.view(), &classes)?;
/// let probabilities = temperature.probabilities(logits.view())?;
/// assert!((probabilities[(0, 0)] - 0.75).abs() < 0.001);
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawTemperature")]
pub struct Temperature {
    inverse: f64,
}

/// What a temperature looks like in a file, before it is validated.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTemperature {
    inverse: f64,
}

impl TryFrom<RawTemperature> for Temperature {
    type Error = Error;

    fn try_from(RawTemperature { inverse }: RawTemperature) -> Result<Self> {
        if inverse >= 0.0 && inverse.is_finite() {
            return Ok(Self { inverse });
        }
        Err(Error::invalid("inverse", "finite and at least 0", inverse))
    }
}

impl Temperature {
    /// Fits on logits of shape `(rows, classes)` and the true class of every row, counted from 0.
    ///
    /// Logits are unnormalised logarithms of probabilities; logarithms of probabilities will do.
    ///
    /// # Errors
    ///
    /// [`Error::InsufficientData`] without rows or for fewer than two classes; [`Error::ShapeMismatch`] when
    /// there are not as many true classes as rows; [`Error::NotFinite`] for a logit that is NaN or infinite;
    /// [`Error::InvalidArgument`] for a true class that has no column; [`Error::Cancelled`].
    pub fn fit(logits: ArrayView2<'_, f32>, classes: &[usize]) -> Result<Self> {
        let (rows, width) = logits.dim();
        for (what, needed, got) in [("rows for a temperature", 1, rows), ("classes", 2, width)] {
            if got < needed {
                return Err(Error::InsufficientData { what: what.into(), needed, got });
            }
        }
        if classes.len() != rows {
            return Err(Error::ShapeMismatch { what: "true classes", expected: rows, got: classes.len() });
        }
        check_logits(logits)?;
        if let Some(row) = classes.iter().position(|&class| class >= width) {
            return Err(Error::invalid(format!("classes[{row}]"), format!("below {width}"), classes[row]));
        }
        Self::minimise(logits, classes)
    }

    /// Fits on log-odds of an attack; the rows are checked and of both labels.
    pub(super) fn of_log_odds(scores: &[f32], labels: &[bool]) -> Result<Self> {
        let logits = Array2::from_shape_fn(
            (scores.len(), 2),
            |(row, class)| {
                if class == 0 { 0.0 } else { scores[row] }
            },
        );
        let classes: Vec<usize> = labels.iter().map(|&attack| usize::from(attack)).collect();
        Self::minimise(logits.view(), &classes)
    }

    /// Finds the root of the derivative, which rises with the inverse temperature: the loss is convex.
    fn minimise(logits: ArrayView2<'_, f32>, classes: &[usize]) -> Result<Self> {
        // Relative to the largest of its row, and to the widest row: logits in [−1, 0].
        let mut logits = logits.mapv(f64::from);
        for mut row in logits.rows_mut() {
            let largest = row.fold(f64::NEG_INFINITY, |a, &b| a.max(b));
            row.mapv_inplace(|z| z - largest);
        }
        let width = logits.fold(0.0_f64, |a, &b| a.max(-b));
        if width == 0.0 {
            return Ok(Self { inverse: 0.0 }); // They hold no information, at any temperature.
        }
        logits.mapv_inplace(|z| z / width);
        let targets = smoothed_targets(classes, logits.ncols());
        // First and second derivative: expected logit less the labels' one, and its variance.
        let derivatives = |inverse: f64| -> Result<(f64, f64)> {
            let (mut first, mut second) = (0.0, 0.0);
            for (i, (row, &class)) in logits.rows().into_iter().zip(classes).enumerate() {
                if i % ROWS_PER_CHECK == 0 {
                    progress::check()?;
                }
                let (mut weight, mut mean, mut square) = (0.0, 0.0, 0.0);
                let mut wanted = 0.0;
                let [own, other] = targets[class];
                for (k, &z) in row.iter().enumerate() {
                    let w = (inverse * z).exp();
                    weight += w;
                    mean += w * z;
                    square += w * z * z;
                    wanted += z * if k == class { own } else { other };
                }
                mean /= weight;
                first += mean - wanted;
                second += square / weight - mean * mean;
            }
            Ok((first, second))
        };
        if derivatives(0.0)?.0 >= 0.0 {
            return Ok(Self { inverse: 0.0 });
        }
        let (mut low, mut high) = (0.0, 1.0);
        while derivatives(high)?.0 < 0.0 && high < f64::MAX / 4.0 {
            (low, high) = (high, high * 2.0);
        }
        // Newton's step where it stays between the ends, else their middle.
        let mut inverse = f64::midpoint(low, high);
        for _ in 0..200 {
            let (first, second) = derivatives(inverse)?;
            if first < 0.0 {
                low = inverse;
            } else {
                high = inverse;
            }
            let newton = inverse - first / second;
            let next = if newton > low && newton < high { newton } else { f64::midpoint(low, high) };
            if (next - inverse).abs() <= 1e-15 * inverse {
                break;
            }
            inverse = next;
        }
        Ok(Self { inverse: (inverse / width).min(f64::MAX) })
    }

    /// `1 / temperature`, at least 0; it is 0 for logits that say nothing of the classes, or the contrary.
    pub fn inverse(&self) -> f64 {
        self.inverse
    }

    /// `softmax(logits / temperature)`, shape `(rows, classes)` → `(rows, classes)`; each row sums to 1.
    ///
    /// # Errors
    ///
    /// [`Error::NotFinite`] for a logit that is NaN or infinite.
    pub fn probabilities(&self, logits: ArrayView2<'_, f32>) -> Result<Array2<f64>> {
        check_logits(logits)?;
        let mut out = logits.mapv(f64::from);
        for mut row in out.axis_iter_mut(Axis(0)) {
            let largest = row.fold(f64::NEG_INFINITY, |a, &b| a.max(b));
            row.mapv_inplace(|z| (self.inverse * (z - largest)).exp());
            let sum = row.sum();
            row.mapv_inplace(|w| w / sum);
        }
        Ok(out)
    }
}

/// For each class, how much a row of it counts for the class itself and for each other.
fn smoothed_targets(classes: &[usize], width: usize) -> Vec<[f64; 2]> {
    let mut counts = vec![0.0; width];
    for &class in classes {
        counts[class] += 1.0;
    }
    let others = (width - 1) as f64;
    counts.into_iter().map(|n: f64| [(n + 1.0) / (n + 2.0), 1.0 / (n + 2.0) / others]).collect()
}

fn check_logits(logits: ArrayView2<'_, f32>) -> Result<()> {
    match logits.indexed_iter().find(|(_, z)| !z.is_finite()) {
        None => Ok(()),
        Some(((row, column), &value)) => {
            Err(Error::NotFinite { row, column: format!("logit {column}"), value: f64::from(value) })
        }
    }
}
