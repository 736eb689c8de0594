//! `Threshold`: what was asked, and what it realised.

use napi_derive::napi;
use serde::Deserialize;
use serde_json::Value;

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
    #[napi(ts_type = "ThresholdRule")]
    pub rule: Value,
    /// Rows that score strictly more are anomalies.
    pub score: f64,
    /// The false-positive rate that the rule asks for, where it asks for one.
    pub asked: Option<f64>,
    /// What came out on held-out rows.
    pub realised: Option<Realised>,
}
