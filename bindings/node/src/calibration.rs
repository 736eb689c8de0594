//! `calibrationError`: whether probabilities mean what they say.

use napi::bindgen_prelude::{AsyncTask, Object};
use napi_derive::napi;
use qosguard::evaluate;
use serde::Deserialize;

use crate::convert::{Labels, Settings, flags, settings, whole_or};
use crate::error::Result;
use crate::evaluate::Estimate;
use crate::job::{Job, spawn_mirror};

/// Default number of bins.
const BINS: usize = 15;

/// How probabilities are measured.
#[napi(object, object_to_js = false)]
#[derive(Debug, Default)]
pub struct CalibrationOptions {
    /// Bins of equally many rows, 1 to 1,000; default: 15.
    pub bins: Option<f64>,
    /// Name of the protocol.
    pub protocol: Option<String>,
    /// Bootstrap resamples; default: 1,000.
    pub resamples: Option<f64>,
    /// Level of the intervals, in (0, 1); default: 0.95.
    pub level: Option<f64>,
    /// Seed of the bootstrap, a whole number up to 2^53 − 1; default: 0.
    pub seed: Option<f64>,
}

impl Settings for CalibrationOptions {
    const KEYS: &'static [&'static str] = &["bins", "protocol", "resamples", "level", "seed"];
}

/// Rows of about equal probability.
#[napi(object, object_from_js = false)]
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReliabilityBin {
    /// Rows of the bin.
    pub rows: f64,
    /// Mean of their probabilities.
    pub predicted: f64,
    /// Share of attacks among them.
    pub observed: Estimate,
}

/// How far probabilities are from the shares that came true.
#[napi(object, object_from_js = false)]
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationError {
    /// Name of the protocol.
    pub protocol: String,
    /// Seed of the bootstrap.
    pub seed: f64,
    /// Level of the intervals.
    pub level: f64,
    /// Rows measured.
    pub rows: f64,
    /// Attacks among them.
    pub attacks: f64,
    /// Expected calibration error: the mean gap of the bins, weighted by their rows.
    pub expected: Estimate,
    /// Maximum calibration error: the largest gap of a bin.
    pub maximum: Estimate,
    /// Brier score: mean of (probability − label)².
    pub brier: Estimate,
    /// The reliability table, by rising probability; fewer than were asked for where probabilities tie.
    pub bins: Vec<ReliabilityBin>,
}

/// Measures probabilities of an attack against labels, `true` for attacks, in bins of equally many rows. Copies what it reads.
///
/// Rejects with `shape_mismatch` when lengths differ, `insufficient_data` without rows, and `invalid_argument`, also for a
/// probability outside [0, 1].
#[napi(catch_unwind, ts_return_type = "Promise<CalibrationError>")]
pub fn calibration_error(
    probabilities: &[f64],
    #[napi(ts_arg_type = "ReadonlyArray<boolean> | Uint8Array")] labels: Labels,
    #[napi(ts_arg_type = "CalibrationOptions")] options: Option<Object<'_>>,
) -> Result<AsyncTask<Job<CalibrationError>>> {
    let given: CalibrationOptions = settings(options)?;
    let bins = whole_or("bins", given.bins, BINS)?;
    let mut options = evaluate::EvaluateOptions::default();
    options.resamples = whole_or("resamples", given.resamples, options.resamples)?;
    options.seed = whole_or("seed", given.seed, options.seed)?;
    options.level = given.level.unwrap_or(options.level);
    options.protocol = given.protocol.unwrap_or(options.protocol);
    let (probabilities, labels) = (probabilities.to_vec(), flags(labels)?);
    Ok(spawn_mirror(move || evaluate::calibration_error(&probabilities, &labels, bins, &options)))
}
