//! `Explanation` and `GuardExplanation`: scores split into what each feature or column added.

use napi::bindgen_prelude::Float64Array;
use napi_derive::napi;
use qosguard::ndarray::Array2;
use qosguard::{explain, guard};

use crate::convert::whole;
use crate::error::Result;

/// Scores split into what each feature contributed: `base` and the contributions of a row sum to its score.
#[napi(object, object_from_js = false)]
#[allow(missing_debug_implementations, reason = "a typed array has none")]
pub struct Explanation {
    /// The score when nothing is known about a row.
    pub base: f64,
    /// What each feature adds to the base, row after row; above 0 it makes the row more anomalous.
    pub contributions: Float64Array,
    /// The scores in 64 bits; `score` rounds them to 32.
    pub scores: Float64Array,
}

impl From<explain::Explanation> for Explanation {
    fn from(explanation: explain::Explanation) -> Self {
        Self {
            base: explanation.base,
            contributions: row_major(&explanation.contributions),
            scores: explanation.scores.into(),
        }
    }
}

/// The numbers of a table, row after row.
pub(crate) fn row_major(values: &Array2<f64>) -> Float64Array {
    values.iter().copied().collect::<Vec<f64>>().into()
}

/// A value of a record and its range in clean traffic.
#[napi(object_from_js = false, discriminant = "kind", discriminant_case = "snake_case")]
#[derive(Debug)]
pub enum Observed {
    /// A number.
    Number {
        /// The value.
        value: f64,
        /// 98 % of clean traffic is not below this.
        low: f64,
        /// 98 % of clean traffic is not above this.
        high: f64,
    },
    /// A text.
    Text {
        /// The value.
        value: String,
        /// Its share of clean traffic, in [0, 1]; absent where it is too rare to be known.
        share: Option<f64>,
    },
    /// The value is missing.
    Missing,
    /// Of a kind that only a later release of the core has.
    Other,
}

impl From<explain::Observed> for Observed {
    fn from(observed: explain::Observed) -> Self {
        match observed {
            explain::Observed::Number { value, low, high } => Self::Number { value, low, high },
            explain::Observed::Text { value, share } => Self::Text { value, share },
            explain::Observed::Missing => Self::Missing,
            _ => Self::Other,
        }
    }
}

/// A column that raised a record's score.
#[napi(object, object_from_js = false)]
#[derive(Debug)]
pub struct Reason {
    /// Name of the column.
    pub feature: String,
    /// What it added to the score.
    pub contribution: f64,
    /// Its value and what is ordinary.
    pub observed: Observed,
    /// The reason in words, such as `packets = 91000 is higher than in 99 % of clean traffic (usually up to 512)`.
    pub text: String,
}

impl From<explain::Reason> for Reason {
    fn from(reason: explain::Reason) -> Self {
        let text = reason.to_string();
        let explain::Reason { feature, contribution, observed } = reason;
        Self { feature, contribution, observed: observed.into(), text }
    }
}

/// Why a guard scores records as it does, in terms of their columns; `guard.explain` makes one.
#[napi]
#[derive(Debug)]
pub struct GuardExplanation {
    pub(crate) inner: guard::GuardExplanation,
}

#[napi]
impl GuardExplanation {
    /// The columns, in the order of the contributions.
    #[napi(getter, catch_unwind)]
    pub fn columns(&self) -> Vec<String> {
        self.inner.columns().to_vec()
    }

    /// The score when nothing is known about a record.
    #[napi(getter, catch_unwind)]
    pub fn base(&self) -> f64 {
        self.inner.explanation().base
    }

    /// What each column adds to the base, record after record: as many numbers per record as there are `columns`. Copied out
    /// once, when first read.
    #[napi(getter, catch_unwind)]
    pub fn contributions(&self) -> Float64Array {
        row_major(&self.inner.explanation().contributions)
    }

    /// The scores in 64 bits; an assessment rounds them to 32. Copied out once, when first read.
    #[napi(getter, catch_unwind)]
    pub fn scores(&self) -> Float64Array {
        self.inner.explanation().scores.clone().into()
    }

    /// The columns that raise a record's score most and hold a rare value, at most `n`; empty for a row past the last, and
    /// where no single value is rare.
    #[napi(catch_unwind)]
    pub fn reasons(&self, row: f64, n: f64) -> Result<Vec<Reason>> {
        let reasons = self.inner.reasons(whole("row", row)?, whole("n", n)?);
        Ok(reasons.0.into_iter().map(Into::into).collect())
    }
}
