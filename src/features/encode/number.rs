//! One numeric column: logarithm, imputation, scale.

use serde::{Deserialize, Serialize};

use crate::quantile::quantile;

/// How a numeric column is centred and scaled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Scaling {
    /// Neither: for trees, which only compare.
    None,
    /// Mean 0, standard deviation 1 (ddof 0).
    #[default]
    Standard,
    /// Median 0, interquartile range 1; where the range is 0, as [`Scaling::Standard`].
    Robust,
}

/// Fitted encoding of one numeric column.
///
/// `y = sign(v)·ln(1 + |v|)` where the column is skewed, else `v`; `x = (y − center) / scale`.
/// A missing, NaN or infinite cell becomes the training median. The result saturates at the
/// range of `f32`, so it is always finite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumberEncoder {
    /// Raw column.
    pub(in crate::features::encode) column: String,
    /// Whether the logarithm is taken.
    pub(in crate::features::encode) log: bool,
    /// Subtracted after the logarithm.
    pub(in crate::features::encode) center: f64,
    /// Divisor after the centre; positive and finite.
    pub(in crate::features::encode) scale: f64,
    /// Raw value that replaces missing cells.
    pub(in crate::features::encode) impute: f64,
    /// Whether a second feature, 0 or 1, marks cells that were missing or infinite.
    pub(in crate::features::encode) flag: bool,
}

impl NumberEncoder {
    /// Fits on the finite values of the training rows; `None` when there are none or all are equal.
    pub(in crate::features::encode) fn fit(
        column: &str,
        mut values: Vec<f64>,
        missing: bool,
        scaling: Scaling,
        auto_log: bool,
    ) -> Option<Self> {
        values.sort_unstable_by(f64::total_cmp);
        let (&low, &high) = (values.first()?, values.last()?);
        if low == high && !missing {
            return None;
        }
        let log = auto_log && is_skewed(&values);
        let impute = quantile(&values, 0.5);
        if log {
            for value in &mut values {
                *value = signed_ln_1p(*value);
            }
        }
        let (mean, deviation) = moments(&values);
        let range = quantile(&values, 0.75) - quantile(&values, 0.25);
        let (center, scale) = match scaling {
            Scaling::None => (0.0, 1.0),
            Scaling::Robust if range > 0.0 => (quantile(&values, 0.5), range),
            Scaling::Standard | Scaling::Robust => (mean, deviation),
        };
        let scale = if scale > 0.0 && scale.is_finite() { scale } else { 1.0 };
        let center = if center.is_finite() { center } else { 0.0 };
        Some(Self { column: column.to_owned(), log, center, scale, impute, flag: missing })
    }

    /// The raw column that this encodes.
    pub fn column(&self) -> &str {
        &self.column
    }

    /// Whether the logarithm is taken.
    pub fn is_log(&self) -> bool {
        self.log
    }

    /// The feature of one finite raw value.
    pub(in crate::features::encode) fn encode(&self, value: f64) -> f32 {
        let value = if self.log { signed_ln_1p(value) } else { value };
        (((value - self.center) / self.scale) as f32).clamp(f32::MIN, f32::MAX)
    }

    /// What the builder guarantees and a file must, too.
    pub(in crate::features::encode) fn is_valid(&self) -> bool {
        self.center.is_finite() && self.scale.is_finite() && self.scale > 0.0 && self.impute.is_finite()
    }
}

/// `sign(v)·ln(1 + |v|)`: `log1p` for the non-negative values it is fitted on, and still monotone below 0.
fn signed_ln_1p(value: f64) -> f64 {
    (1.0 + value.abs()).ln().copysign(value)
}

/// Whether any of the four rules of skewness holds for sorted, non-negative values:
/// `max/mean > 20`, `std/mean > 3`, `p99.9/p99 > 2`, `log10(max + 1) − log10(mean + 1) > 2`.
fn is_skewed(sorted: &[f64]) -> bool {
    let (Some(&low), Some(&high)) = (sorted.first(), sorted.last()) else { return false };
    let (mean, deviation) = moments(sorted);
    if low < 0.0 || mean <= 0.0 {
        return false;
    }
    let (p99, p999) = (quantile(sorted, 0.99), quantile(sorted, 0.999));
    high / mean > 20.0
        || deviation / mean > 3.0
        || (p99 > 0.0 && p999 / p99 > 2.0)
        || (high + 1.0).log10() - (mean + 1.0).log10() > 2.0
}

/// Mean and standard deviation (ddof 0), in two passes.
fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().map(|v| v / n).sum::<f64>();
    let variance = values.iter().map(|v| (v - mean) * ((v - mean) / n)).sum::<f64>();
    (mean, variance.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_of_skewness_fires_alone() {
        // 99 ones and one 30: max/mean = 30/1.29 > 20; std/mean = 2.9/1.29 < 3; p99.9/p99 = 27.4/1.29 > 2.
        let spread: Vec<f64> = (0..1000).map(f64::from).collect();
        assert!(!is_skewed(&spread), "uniform values stay as they are");
        let mut tail = vec![1.0; 2000];
        tail.push(50.0);
        assert!(is_skewed(&tail), "max/mean = 48.8");
        assert!(!is_skewed(&[-1.0, 0.0, 1e9]), "negative values are never taken to logarithms");
        assert!(!is_skewed(&[0.0, 0.0]), "a mean of 0 has no ratios");
    }

    #[test]
    fn standard_scaling_by_hand() {
        let e = NumberEncoder::fit("x", vec![1.0, 3.0], false, Scaling::Standard, true).unwrap();
        assert_eq!((e.encode(1.0), e.encode(3.0), e.encode(5.0)), (-1.0, 1.0, 3.0));
    }

    #[test]
    fn robust_scaling_by_hand() {
        let e =
            NumberEncoder::fit("x", vec![0.0, 1.0, 2.0, 3.0, 100.0], false, Scaling::Robust, false).unwrap();
        assert_eq!((e.center, e.scale), (2.0, 2.0));
        assert_eq!(e.encode(100.0), 49.0);
    }

    #[test]
    fn extreme_values_saturate_and_stay_finite() {
        let e = NumberEncoder::fit("x", vec![0.0, 1e-30], false, Scaling::Standard, false).unwrap();
        assert_eq!(e.encode(f64::MAX), f32::MAX);
        assert_eq!(e.encode(f64::MIN), f32::MIN);
        let wide =
            NumberEncoder::fit("x", vec![f64::MIN, f64::MAX], false, Scaling::Standard, false).unwrap();
        assert!(wide.is_valid() && wide.encode(f64::MAX).is_finite());
    }

    #[test]
    fn a_constant_column_carries_nothing() {
        assert_eq!(NumberEncoder::fit("x", vec![7.0; 5], false, Scaling::Standard, true), None);
        assert_eq!(NumberEncoder::fit("x", vec![], false, Scaling::Standard, true), None);
        assert!(
            NumberEncoder::fit("x", vec![7.0; 5], true, Scaling::Standard, true).is_some(),
            "its gaps may tell"
        );
    }
}
