//! What each feature looks like in clean traffic.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::reason::Observed;
use crate::error::{Error, Result};
use crate::quantile::quantile;

/// The range of a feature in clean training rows, so that a reason can show what is usual.
///
/// # Examples
///
/// ```
/// use qosguard::explain::CleanRange;
///
/// let entropy = CleanRange::of_numbers((0..=100).map(|i| i as f32 / 4.0))?;
/// assert_eq!(entropy, CleanRange::Number { low: 0.25, high: 24.75 });
/// let service = CleanRange::of_texts(["dns", "http", "dns", "dns"])?;
/// let CleanRange::Text { shares, others } = service else { unreachable!() };
/// assert_eq!((shares["dns"], shares["http"], others), (0.75, 0.25, 0.0));
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields, try_from = "Raw")]
pub enum CleanRange {
    /// A number.
    Number {
        /// First percentile.
        low: f64,
        /// 99th percentile, at least `low`.
        high: f64,
    },
    /// One of some texts.
    Text {
        /// Share of each value among the clean rows, in (0, 1]; the 256 most frequent values at most.
        shares: BTreeMap<String, f64>,
        /// Share of all other values together, in [0, 1].
        others: f64,
    },
}

/// Values of a text that have a share of their own.
const MAX_TEXTS: usize = 256;

/// A [`CleanRange`] from a file, before it is checked.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Raw {
    Number { low: f64, high: f64 },
    Text { shares: BTreeMap<String, f64>, others: f64 },
}

impl TryFrom<Raw> for CleanRange {
    type Error = Error;

    fn try_from(raw: Raw) -> Result<Self> {
        match raw {
            Raw::Number { low, high } => {
                if !(low.is_finite() && high.is_finite() && low <= high) {
                    return Err(Error::invalid(
                        "clean range",
                        "finite, low ≤ high",
                        format!("{low}..{high}"),
                    ));
                }
                Ok(Self::Number { low, high })
            }
            Raw::Text { shares, others } => {
                if shares.len() > MAX_TEXTS {
                    return Err(Error::invalid(
                        "shares",
                        format!("at most {MAX_TEXTS} values"),
                        shares.len(),
                    ));
                }
                for (value, share) in shares.iter().map(|(value, share)| (value.as_str(), *share)) {
                    if !(share > 0.0 && share <= 1.0) {
                        return Err(Error::invalid(format!("shares[{value}]"), "in (0, 1]", share));
                    }
                }
                if !(0.0..=1.0).contains(&others) {
                    return Err(Error::invalid("others", "in [0, 1]", others));
                }
                Ok(Self::Text { shares, others })
            }
        }
    }
}

impl CleanRange {
    /// The first and the 99th percentile, linear between neighbours; NaN and infinite values do not count.
    ///
    /// # Errors
    ///
    /// [`Error::InsufficientData`] where no value is finite.
    pub fn of_numbers(values: impl IntoIterator<Item = f32>) -> Result<Self> {
        let mut values: Vec<f32> = values.into_iter().filter(|value| value.is_finite()).collect();
        if values.is_empty() {
            return Err(Error::InsufficientData { what: "clean values".into(), needed: 1, got: 0 });
        }
        values.sort_unstable_by(f32::total_cmp);
        Ok(Self::Number { low: quantile(&values, 0.01), high: quantile(&values, 0.99) })
    }

    /// The share of each value; ties for the last places go by text order.
    ///
    /// # Errors
    ///
    /// [`Error::InsufficientData`] for no values.
    pub fn of_texts<'a>(values: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        values.into_iter().for_each(|value| *counts.entry(value).or_default() += 1);
        let total: usize = counts.values().sum();
        if total == 0 {
            return Err(Error::InsufficientData { what: "clean values".into(), needed: 1, got: 0 });
        }
        let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
        counts.sort_unstable_by_key(|&(value, count)| (std::cmp::Reverse(count), value));
        let others: usize = counts.iter().skip(MAX_TEXTS).map(|(_, count)| count).sum();
        let share = |count: usize| count as f64 / total as f64;
        let shares = counts.iter().take(MAX_TEXTS).map(|&(value, count)| (value.into(), share(count)));
        Ok(Self::Text { shares: shares.collect(), others: share(others) })
    }

    /// A number with the range; NaN is a missing value.
    pub fn number(&self, value: f64) -> Observed {
        match *self {
            _ if value.is_nan() => Observed::Missing,
            Self::Number { low, high } => Observed::Number { value, low, high },
            Self::Text { .. } => self.text(&value.to_string()),
        }
    }

    /// A text with its share.
    pub fn text(&self, value: &str) -> Observed {
        let share = match self {
            Self::Text { shares, others } => {
                shares.get(value).copied().or_else(|| (*others == 0.0).then_some(0.0))
            }
            Self::Number { .. } => None,
        };
        Observed::Text { value: value.into(), share }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_texts_share_one_entry() {
        let values: Vec<String> =
            (0..300).flat_map(|i| vec![format!("v{i:03}"); 1 + usize::from(i >= 290)]).collect();
        let range = CleanRange::of_texts(values.iter().map(String::as_str)).unwrap();
        let CleanRange::Text { shares, others } = &range else { unreachable!() };
        assert_eq!((shares.len(), *others), (256, 44.0 / 310.0));
        assert_eq!(range.text("v299"), Observed::Text { value: "v299".into(), share: Some(2.0 / 310.0) });
        assert_eq!(range.text("v289"), Observed::Text { value: "v289".into(), share: None });
    }

    #[test]
    fn ranges_without_values_return_errors() {
        for error in [
            CleanRange::of_numbers([f32::NAN, f32::INFINITY]).unwrap_err(),
            CleanRange::of_texts([]).unwrap_err(),
        ] {
            assert_eq!(error.to_string(), "clean values: needs at least 1, got 0");
        }
    }

    #[test]
    fn a_file_is_read_as_written_or_rejected() {
        let ranges = [
            CleanRange::of_numbers([1.0, 5.0, f32::NAN, 3.0]).unwrap(),
            CleanRange::of_texts(["a", "b", "a"]).unwrap(),
        ];
        for range in ranges {
            let text = serde_json::to_string(&range).unwrap();
            assert_eq!(serde_json::from_str::<CleanRange>(&text).unwrap(), range);
        }
        for bad in [
            r#"{"kind":"number","low":2.0,"high":1.0}"#,
            r#"{"kind":"number","low":null,"high":1.0}"#,
            r#"{"kind":"number","low":0.0,"high":1.0,"mean":0.5}"#,
            r#"{"kind":"text","shares":{"a":0.0},"others":0.0}"#,
            r#"{"kind":"text","shares":{"a":1.0},"others":-1.0}"#,
        ] {
            assert!(serde_json::from_str::<CleanRange>(bad).is_err(), "{bad}");
        }
    }
}
