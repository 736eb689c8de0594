//! `evaluate`: scores against labels, with intervals.

use std::collections::BTreeMap;

use napi::bindgen_prelude::{AsyncTask, Object};
use napi_derive::napi;
use qosguard::evaluate;
use serde::Deserialize;

use crate::convert::{Labels, Settings, flags, settings, whole_or};
use crate::error::Result;
use crate::job::{Job, spawn_mirror};

/// How scores are measured.
#[napi(object, object_to_js = false)]
#[derive(Debug, Default)]
pub struct EvaluateOptions {
    /// Attack class per row, empty for clean rows; gives the recall of each.
    pub families: Option<Vec<String>>,
    /// False-positive rate that the threshold was asked for; the report prints it next to the realised rate.
    pub asked_fpr: Option<f64>,
    /// Name of the protocol, such as `nsl-kdd official`.
    pub protocol: Option<String>,
    /// Bootstrap resamples; default: 1,000.
    pub resamples: Option<f64>,
    /// Level of the intervals, in (0, 1); default: 0.95.
    pub level: Option<f64>,
    /// Seed of the bootstrap, a whole number up to 2^53 − 1; default: 0.
    pub seed: Option<f64>,
}

impl Settings for EvaluateOptions {
    const KEYS: &'static [&'static str] = &["families", "askedFpr", "protocol", "resamples", "level", "seed"];
}

/// A measured value and its interval.
#[napi(object, object_from_js = false)]
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// The value on all rows.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// Recall of one attack family at the threshold.
#[napi(object, object_from_js = false)]
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FamilyRecall {
    /// Rows of the family.
    pub rows: f64,
    /// Share of them that was flagged.
    pub recall: Estimate,
}

/// What `evaluate` measured.
#[napi(object, object_from_js = false)]
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Name of the protocol.
    pub protocol: String,
    /// Seed of the run.
    pub seed: f64,
    /// Level of the intervals.
    pub level: f64,
    /// Rows measured.
    pub rows: f64,
    /// Attacks among them.
    pub attacks: f64,
    /// Rows that score strictly more were flagged.
    pub threshold: f64,
    /// Area under the ROC curve.
    pub auc: Estimate,
    /// Average precision.
    pub average_precision: Estimate,
    /// Largest recall at a false-positive rate of at most 1 %.
    pub tpr_at_1_percent_fpr: Estimate,
    /// The same at .1 %.
    #[napi(js_name = "tprAt0_1PercentFpr")]
    pub tpr_at_0_1_percent_fpr: Estimate,
    /// F1 at the threshold.
    pub f1: Estimate,
    /// Recall at the threshold.
    pub recall: Estimate,
    /// False-positive rate that the threshold was asked for.
    pub asked_fpr: Option<f64>,
    /// Share of the clean rows above the threshold.
    pub realised_fpr: Estimate,
    /// Recall by attack family; empty where no families were given.
    pub families: BTreeMap<String, FamilyRecall>,
    /// Mean of the families' recalls, in which a rare family counts as much as a flood; where families were given.
    pub macro_recall: Option<Estimate>,
}

/// Measures scores and a threshold that was fixed before against labels, `true` for attacks.
///
/// A row is flagged when it scores strictly more than `threshold`. Copies what it reads.
///
/// Rejects with `shape_mismatch` when lengths differ, `not_finite`, `invalid_argument`, and `insufficient_data` unless
/// there are clean rows and attacks.
#[napi(catch_unwind, ts_return_type = "Promise<Report>")]
pub fn evaluate(
    scores: &[f32],
    #[napi(ts_arg_type = "ReadonlyArray<boolean> | Uint8Array")] labels: Labels,
    threshold: f64,
    #[napi(ts_arg_type = "EvaluateOptions")] options: Option<Object<'_>>,
) -> Result<AsyncTask<Job<Report>>> {
    let given: EvaluateOptions = settings(options)?;
    let mut options = evaluate::EvaluateOptions::default();
    options.resamples = whole_or("resamples", given.resamples, options.resamples)?;
    options.seed = whole_or("seed", given.seed, options.seed)?;
    options.level = given.level.unwrap_or(options.level);
    options.protocol = given.protocol.unwrap_or(options.protocol);
    let (scores, labels) = (scores.to_vec(), flags(labels)?);
    Ok(spawn_mirror(move || {
        let families = given.families.as_deref();
        evaluate::evaluate(&scores, &labels, families, threshold as f32, given.asked_fpr, &options)
    }))
}
