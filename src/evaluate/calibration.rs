//! Whether probabilities mean what they say.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::bootstrap::bootstrap_intervals;
use super::metrics::check_probabilities;
use super::report::{Estimate, EvaluateOptions};
use crate::calibrate::Interval;
use crate::error::{Error, Result};

/// More bins than this say nothing that anyone reads.
const MAX_BINS: usize = 1000;

/// Rows of about equal probability.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReliabilityBin {
    /// Rows of the bin.
    pub rows: usize,
    /// Mean of their probabilities.
    pub predicted: f64,
    /// Share of attacks among them, with Wilson's interval.
    pub observed: Estimate,
}

impl ReliabilityBin {
    /// `|predicted − observed|`.
    pub fn gap(&self) -> f64 {
        (self.predicted - self.observed.value).abs()
    }
}

/// How far probabilities are from the shares that came true; `Display` is a table.
///
/// The bins hold equally many rows, as far as equal probabilities, which stay together, allow.
///
/// Chance alone makes the expected and the maximum error positive: a well-calibrated bin of `n` rows and
/// share `s` has a gap of about `√(2 s (1 − s) / π n)`. Resampling adds as much again, so the intervals of
/// these two are reflected at the value, `[2 v − high, 2 v − low]` and at least 0, which takes the excess out
/// twice; an interval may then lie below its value. The Brier score's is the plain percentile interval.
///
/// # Examples
///
/// ```
/// use qosguard::evaluate::{EvaluateOptions, calibration_error};
///
/// // Says .2 and .8; a quarter and three quarters come true.
/// let probabilities = [0.2, 0.2, 0.2, 0.2, 0.8, 0.8, 0.8, 0.8];
/// let labels = [true, false, false, false, true, true, true, false];
/// let error = calibration_error(&probabilities, &labels, 2, &EvaluateOptions::default())?;
/// assert!((error.expected.value - 0.05).abs() < 1e-12);
/// assert_eq!((error.bins.len(), error.bins[1].observed.value), (2, 0.75));
/// println!("{error}");
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CalibrationError {
    /// Name of the protocol.
    pub protocol: String,
    /// Seed of the bootstrap.
    pub seed: u64,
    /// Level of the intervals.
    pub level: f64,
    /// Rows measured.
    pub rows: usize,
    /// Attacks among them.
    pub attacks: usize,
    /// Expected calibration error `Σ_b n_b/n · |predicted_b − observed_b|`.
    pub expected: Estimate,
    /// Maximum calibration error `max_b |predicted_b − observed_b|`.
    pub maximum: Estimate,
    /// Brier score: mean of `(probability − label)²`.
    pub brier: Estimate,
    /// The reliability table, by rising probability; fewer than were asked for where probabilities tie.
    pub bins: Vec<ReliabilityBin>,
}

/// Measures probabilities of an attack against labels, in `bins` bins of equally many rows; 15 is usual.
///
/// `labels[i]` is `true` for an attack. Inner edge b of B is the quantile b/B of the probabilities, and a row
/// on it belongs below: the bins of scikit-learn's `calibration_curve` with `strategy="quantile"`, but without
/// the rounding of its edges. For bins of equal width see
/// [`expected_calibration_error`](super::expected_calibration_error).
///
/// # Errors
///
/// [`Error::ShapeMismatch`] when the lengths differ; [`Error::InsufficientData`] without rows;
/// [`Error::InvalidArgument`] for no bins, more than 1,000, a probability outside [0, 1] and options outside
/// their range.
///
/// # Source
///
/// M. P. Naeini, G. F. Cooper and M. Hauskrecht, "Obtaining well calibrated probabilities using Bayesian
/// binning", AAAI 2015; G. W. Brier, "Verification of forecasts expressed in terms of probability", Monthly
/// Weather Review 78 (1950). Bins of equal mass: K. Nguyen and B. O'Connor, "Posterior calibration and
/// exploratory analysis for natural language processing models", EMNLP 2015. Reflected interval: A. C.
/// Davison and D. V. Hinkley, *Bootstrap Methods and their Application*, 1997, section 5.2.
pub fn calibration_error(
    probabilities: &[f64],
    labels: &[bool],
    bins: usize,
    options: &EvaluateOptions,
) -> Result<CalibrationError> {
    let EvaluateOptions { protocol, resamples, level, seed } = options.clone();
    check_probabilities(probabilities, labels)?;
    if !(1..=MAX_BINS).contains(&bins) {
        return Err(Error::invalid("bins", format!("in 1..={MAX_BINS}"), bins));
    }
    let (bin_of, n_bins) = equal_mass(probabilities, bins);
    let measure = |weight: &dyn Fn(usize) -> u32| {
        let mut gaps = vec![(0.0, 0.0); n_bins];
        let (mut squares, mut rows) = (0.0, 0.0);
        for (row, (&p, &attack)) in probabilities.iter().zip(labels).enumerate() {
            let weight = f64::from(weight(row));
            let gap = p - f64::from(u8::from(attack));
            gaps[bin_of[row]].0 += weight;
            gaps[bin_of[row]].1 += weight * gap;
            squares += weight * gap * gap;
            rows += weight;
        }
        let expected = gaps.iter().map(|(_, gap)| gap.abs()).sum::<f64>() / rows;
        let drawn = gaps.iter().filter(|(rows, _)| *rows > 0.0);
        let maximum = drawn.map(|(rows, gap)| gap.abs() / rows).fold(0.0, f64::max);
        [expected, maximum, squares / rows]
    };
    let values = measure(&|_| 1);
    // One stratum: how many attacks come is part of what is uncertain.
    let one_stratum = vec![true; labels.len()];
    let intervals =
        bootstrap_intervals(&one_stratum, resamples, level, seed, |drawn| measure(&|row| drawn[row]))?;
    let reflected = |i: usize| {
        let (value, Interval { low, high }) = (values[i], intervals[i]);
        let mirror = |end: f64| (2.0 * value - end).max(0.0);
        Estimate::new(value, Interval { low: mirror(high), high: mirror(low) })
    };
    let mut sums = vec![(0, 0.0, 0); n_bins];
    for (row, &bin) in bin_of.iter().enumerate() {
        sums[bin].0 += 1;
        sums[bin].1 += probabilities[row];
        sums[bin].2 += usize::from(labels[row]);
    }
    let bin = |(rows, sum, attacks): (usize, f64, usize)| ReliabilityBin {
        rows,
        predicted: sum / rows as f64,
        observed: Estimate::share(attacks, rows, level),
    };
    Ok(CalibrationError {
        protocol,
        seed,
        level,
        rows: labels.len(),
        attacks: labels.iter().filter(|&&l| l).count(),
        expected: reflected(0),
        maximum: reflected(1),
        brier: Estimate::new(values[2], intervals[2]),
        bins: sums.into_iter().map(bin).collect(),
    })
}

/// The bin of every row, and how many bins hold rows.
///
/// Bin b ends with the row of rank `b (n − 1) / bins`, rounded down, and every row that ties with it.
fn equal_mass(probabilities: &[f64], bins: usize) -> (Vec<usize>, usize) {
    let n = probabilities.len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_unstable_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]));
    let mut bin_of = vec![0; n];
    let (mut bin, mut used) = (1, 0);
    for (rank, &row) in order.iter().enumerate() {
        bin_of[row] = used;
        let tied = order.get(rank + 1).is_some_and(|&next| probabilities[next] <= probabilities[row]);
        let end = |bin: usize| (bin as u128 * (n as u128 - 1) / bins as u128) as usize;
        if rank >= end(bin) && !tied && rank + 1 < n {
            while rank >= end(bin) {
                bin += 1;
            }
            used += 1;
        }
    }
    (bin_of, used + 1)
}

impl fmt::Display for CalibrationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { protocol, rows, attacks, bins, .. } = self;
        if !protocol.is_empty() {
            write!(f, "{protocol}: ")?;
        }
        writeln!(f, "{rows} rows, {attacks} attacks, {} bins of equal mass", bins.len())?;
        writeln!(f, "{:<28}{:>8}   {} % interval", "", "value", self.level * 100.0)?;
        for (name, Estimate { value, low, high }) in [
            ("expected calibration error", self.expected),
            ("maximum calibration error", self.maximum),
            ("Brier score", self.brier),
        ] {
            writeln!(f, "{name:<28}{value:>8.4}   [{low:.4}, {high:.4}]")?;
        }
        writeln!(f, "{:>10}{:>12}{:>12}", "rows", "predicted", "observed")?;
        for ReliabilityBin { rows, predicted, observed } in bins {
            let Estimate { value, low, high } = observed;
            writeln!(f, "{rows:>10}{predicted:>12.4}{value:>12.4}   [{low:.4}, {high:.4}]")?;
        }
        Ok(())
    }
}
