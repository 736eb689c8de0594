//! Reasons as sentences.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Explanation;

/// A feature's value in a row, with its range in clean traffic; made by [`CleanRange`](super::CleanRange).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Observed {
    /// A number.
    Number {
        /// The value.
        value: f64,
        /// 98 % of clean traffic is not below this …
        low: f64,
        /// … and not above this.
        high: f64,
    },
    /// A text.
    Text {
        /// The value.
        value: String,
        /// Its share of clean traffic, in [0, 1]; `None` where it is too rare to be known.
        share: Option<f64>,
    },
    /// The value is missing.
    Missing,
}

/// One feature that moved a score, and how its value compares with clean traffic.
///
/// # Examples
///
/// ```
/// use qosguard::explain::{Observed, Reason};
///
/// let reason = Reason {
///     feature: "dst_port entropy".into(),
///     contribution: 0.21,
///     observed: Observed::Number { value: 6.1, low: 0.0, high: 3.2 },
/// };
/// assert_eq!(reason.to_string(), "dst_port entropy = 6.1 is higher than in 99 % of clean traffic (usually up to 3.2)");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Name of the feature.
    pub feature: String,
    /// What it added to the score.
    pub contribution: f64,
    /// Its value and what is ordinary.
    pub observed: Observed,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let feature = &self.feature;
        match &self.observed {
            Observed::Number { value, high, .. } if value > high => {
                let (value, high) = apart(*value, *high);
                write!(
                    f,
                    "{feature} = {value} is higher than in 99 % of clean traffic (usually up to {high})"
                )
            }
            Observed::Number { value, low, .. } if value < low => {
                let (value, low) = apart(*value, *low);
                write!(f, "{feature} = {value} is lower than in 99 % of clean traffic (usually from {low})")
            }
            Observed::Number { value, low, high } if low.is_finite() && high.is_finite() => {
                let (value, low, high) = (number(*value), number(*low), number(*high));
                write!(f, "{feature} = {value}, within the usual {low} to {high}")
            }
            Observed::Number { value, .. } => write!(f, "{feature} = {}", number(*value)),
            Observed::Text { value, share: Some(share) } if *share > 0.0 => {
                write!(
                    f,
                    "{feature} = `{value}` is seen in {} % of clean traffic",
                    significant(100.0 * share, 2)
                )
            }
            Observed::Text { value, share: Some(_) } => {
                write!(f, "{feature} = `{value}` is never seen in clean traffic")
            }
            Observed::Text { value, share: None } => {
                write!(f, "{feature} = `{value}` is rare in clean traffic")
            }
            Observed::Missing => write!(f, "{feature} is missing"),
        }
    }
}

/// A text that more than this share of clean traffic has is usual, as a number in the range of 98 % of it is.
const RARE: f64 = 0.02;

impl Observed {
    /// Whether such a value is usual in clean traffic: a number inside its range, or a text that more than 2 % of clean
    /// traffic has. `false` where the range is not known, and for a missing value.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::explain::Observed;
    ///
    /// let number = |value| Observed::Number { value, low: 1.0, high: 3.0 };
    /// assert!(number(2.5).is_usual() && !number(3.5).is_usual());
    /// assert!(Observed::Text { value: "dns".into(), share: Some(0.4) }.is_usual());
    /// ```
    pub fn is_usual(&self) -> bool {
        match self {
            Self::Number { value, low, high } => {
                low.is_finite() && high.is_finite() && (low..=high).contains(&value)
            }
            Self::Text { share, .. } => share.is_some_and(|share| share > RARE),
            Self::Missing => false,
        }
    }
}

/// The features that raised a score most and whose values are not usual, by falling contribution; prints as one
/// sentence each.
///
/// A value that is usual in clean traffic is not a reason, whatever it added to the score: the list is then shorter, or
/// empty.
///
/// # Examples
///
/// ```
/// use qosguard::explain::{CleanRange, Explanation, TopReasons};
/// use qosguard::ndarray::array;
///
/// let explanation = Explanation::new(0.4, array![[0.1, -0.2, 0.3]], vec![0.6])?;
/// let names = ["bytes", "ttl", "ports"];
/// let clean = CleanRange::of_numbers([1.0, 2.0, 3.0])?;
/// let row = [2.5, 2.0, 700.0];
/// let reasons = TopReasons::new(&explanation, 0, 3, |i| (names[i].into(), clean.number(row[i])));
/// // `bytes` raised the score too, but 2.5 is usual.
/// assert_eq!(reasons.to_string(), "ports = 700 is higher than in 99 % of clean traffic (usually up to 2.98)");
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TopReasons(pub Vec<Reason>);

impl TopReasons {
    /// At most `n` reasons for the score of a row; `feature(j)` is the name and the value of feature `j`. Features
    /// whose values are usual are left out ([`Observed::is_usual`]).
    pub fn new(
        explanation: &Explanation,
        row: usize,
        n: usize,
        feature: impl Fn(usize) -> (String, Observed),
    ) -> Self {
        let raising = explanation.top_raising(row, explanation.n_features()).into_iter();
        let reasons = raising.map(|(index, contribution)| {
            let (feature, observed) = feature(index);
            Reason { feature, contribution, observed }
        });
        Self(reasons.filter(|reason| !reason.observed.is_usual()).take(n).collect())
    }
}

impl fmt::Display for TopReasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, reason) in self.0.iter().enumerate() {
            let separator = if i == 0 { "" } else { "; " };
            write!(f, "{separator}{reason}")?;
        }
        Ok(())
    }
}

/// Two different numbers, with more digits where they would read the same.
fn apart(a: f64, b: f64) -> (String, String) {
    let short = (number(a), number(b));
    if short.0 == short.1 { (a.to_string(), b.to_string()) } else { short }
}

/// A number with four significant digits, whole ones in full.
fn number(value: f64) -> String {
    significant(value, 4)
}

/// A number with so many significant digits, whole ones in full.
fn significant(value: f64, digits: i32) -> String {
    let size = value.abs();
    if size >= 1e15 || (size < 1e-4 && size > 0.0) {
        let decimals = digits as usize - 1;
        return format!("{value:.decimals$e}");
    }
    let decimals = (digits - 1 - size.max(1e-4).log10().floor() as i32).max(0) as usize;
    let text = format!("{value:.decimals$}");
    if decimals == 0 { text } else { text.trim_end_matches('0').trim_end_matches('.').to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(observed: Observed) -> String {
        Reason { feature: "f".into(), contribution: 1.0, observed }.to_string()
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (-6.1, "-6.1"),
            (1_234_567.0, "1234567"),
            (100.0, "100"),
            (12.3456, "12.35"),
            (0.012_345_6, "0.01235"),
            (0.000_012_3, "1.230e-5"),
            (2e15, "2.000e15"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn each_kind_has_its_sentence() {
        let number = |value| Observed::Number { value, low: -1.5, high: 1000.0 };
        let above = "is higher than in 99 % of clean traffic (usually up to 1000)";
        assert_eq!(
            sentence(number(-2.0)),
            "f = -2 is lower than in 99 % of clean traffic (usually from -1.5)"
        );
        assert_eq!(sentence(number(1000.0)), "f = 1000, within the usual -1.5 to 1000");
        assert_eq!(sentence(number(1000.25)), format!("f = 1000.25 {above}"));
        assert_eq!(sentence(number(91_000.0)), format!("f = 91000 {above}"));
        let text = |share| Observed::Text { value: "irc".into(), share };
        assert_eq!(sentence(text(Some(0.003))), "f = `irc` is seen in 0.3 % of clean traffic");
        assert_eq!(sentence(text(Some(0.014_912))), "f = `irc` is seen in 1.5 % of clean traffic");
        assert_eq!(sentence(text(Some(0.0))), "f = `irc` is never seen in clean traffic");
        assert_eq!(sentence(text(None)), "f = `irc` is rare in clean traffic");
        let unknown = Observed::Number { value: 7.0, low: f64::NEG_INFINITY, high: f64::INFINITY };
        assert_eq!((unknown.is_usual(), sentence(unknown)), (false, "f = 7".to_owned()));
        assert_eq!(sentence(Observed::Missing), "f is missing");
    }
}
