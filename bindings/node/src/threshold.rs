//! How a threshold is chosen, and what it realises.

use napi_derive::napi;
use qosguard::calibrate;
use serde::Deserialize;

/// How a threshold is chosen from calibration scores.
#[napi(discriminant = "kind", discriminant_case = "snake_case")]
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ThresholdRule {
    /// Flags clean traffic at this rate.
    FalsePositiveRate {
        /// Asked false-positive rate, in (0, 1).
        rate: f64,
    },
    /// The percentile of the clean scores; 95, 99 and 99.5 are usual.
    Percentile {
        /// In (0, 100).
        percent: f64,
    },
    /// Median + `k` · 1.4826 · MAD of the clean scores.
    Mad {
        /// Robust standard deviations above the median; 3 is usual.
        k: f64,
    },
    /// Flags this share of all calibration rows, clean and attacks together.
    Contamination {
        /// Expected share of anomalies, in (0, 1).
        share: f64,
    },
    /// The best F1 on clean and attack rows.
    BestF1,
}

impl From<ThresholdRule> for calibrate::ThresholdRule {
    fn from(rule: ThresholdRule) -> Self {
        match rule {
            ThresholdRule::FalsePositiveRate { rate } => Self::FalsePositiveRate { rate },
            ThresholdRule::Percentile { percent } => Self::Percentile { percent },
            ThresholdRule::Mad { k } => Self::Mad { k },
            ThresholdRule::Contamination { share } => Self::Contamination { share },
            ThresholdRule::BestF1 => Self::BestF1,
        }
    }
}

/// Where a share lies, at 95 %.
#[napi(object, object_from_js = false)]
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// What a threshold did on rows that were neither fitted nor calibrated on.
#[napi(object, object_from_js = false)]
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Realised {
    /// Clean rows.
    pub clean_rows: f64,
    /// Share of the clean rows above the threshold.
    pub false_positive_rate: f64,
    /// Where the true false-positive rate lies.
    pub false_positive_interval: Interval,
    /// Attack rows; 0 where no labels were given.
    pub attack_rows: f64,
    /// Share of the attack rows above the threshold, where there are any.
    pub true_positive_rate: Option<f64>,
    /// Where the true recall lies.
    pub true_positive_interval: Option<Interval>,
    /// F1 at these rows' shares of clean and attack, where there are attacks.
    pub f1: Option<f64>,
}

/// A fitted threshold: what was asked, the score that answers it, and what it realised.
#[napi(object, object_from_js = false)]
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// The rule that chose it.
    pub rule: ThresholdRule,
    /// Rows that score strictly more are anomalies.
    pub score: f64,
    /// The false-positive rate that the rule asks for, where it asks for one.
    pub asked: Option<f64>,
    /// What came out on held-out rows.
    pub realised: Option<Realised>,
}
