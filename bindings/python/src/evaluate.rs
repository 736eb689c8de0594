//! `evaluate`, `calibration_error`, `event_metrics`, splits and the leak audit.

use pyo3::prelude::*;

use qosguard::evaluate::{DetectedEvent, Distinct, EventOptions, LeakAudit, Split, TrueEvent};
use serde::{Deserialize, Serialize};

use crate::array::{Slice, Vector};
use crate::convert::{Config, Record, Whole};
use crate::error::{forward, interruptible};
use crate::table::Table;

/// Measures scores and a fixed threshold against labels; returns the report and its text.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "keyword arguments of the face")]
pub(crate) fn evaluate(
    py: Python<'_>,
    scores: Slice<'_, f32>,
    labels: Slice<'_, bool>,
    families: Option<Vec<String>>,
    threshold: f32,
    asked_fpr: Option<f64>,
    protocol: String,
    resamples: Whole,
    level: f64,
    seed: Whole,
) -> PyResult<(Record, String)> {
    let (resamples, seed) = (resamples.get(py, "resamples")?, seed.get(py, "seed")?);
    let options = qosguard::evaluate::EvaluateOptions { protocol, resamples, level, seed };
    let (scores, labels) = (scores.get()?, labels.get()?);
    let report = interruptible(py, || {
        qosguard::evaluate::evaluate(scores, labels, families.as_deref(), threshold, asked_fpr, &options)
    })?;
    Ok((Record::new(&report), report.to_string()))
}

/// Measures probabilities of an attack against labels; returns the result and its text.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "keyword arguments of the face")]
pub(crate) fn calibration_error(
    py: Python<'_>,
    probabilities: Slice<'_, f64>,
    labels: Slice<'_, bool>,
    bins: Whole,
    protocol: String,
    resamples: Whole,
    level: f64,
    seed: Whole,
) -> PyResult<(Record, String)> {
    let (resamples, seed) = (resamples.get(py, "resamples")?, seed.get(py, "seed")?);
    let options = qosguard::evaluate::EvaluateOptions { protocol, resamples, level, seed };
    let (probabilities, labels, bins) = (probabilities.get()?, labels.get()?, bins.get(py, "bins")?);
    let error =
        interruptible(py, || qosguard::evaluate::calibration_error(probabilities, labels, bins, &options))?;
    Ok((Record::new(&error), error.to_string()))
}

/// The arguments of `event_metrics`.
#[derive(Debug, Deserialize, Serialize)]
struct MetricsArguments {
    events: Vec<TrueEvent>,
    detections: Vec<DetectedEvent>,
    start: f64,
    end: f64,
    options: EventOptions,
}

/// Measures detected events against true events; returns the metrics and their text.
#[pyfunction]
pub(crate) fn event_metrics(py: Python<'_>, arguments: Config) -> PyResult<(Record, String)> {
    let MetricsArguments { events, detections, start, end, options } = arguments.read(py)?;
    let metrics =
        forward(py, || qosguard::evaluate::event_metrics(&events, &detections, start, end, &options))?;
    Ok((Record::new(&metrics), metrics.to_string()))
}

/// The volume under the surface of precision and recall.
#[pyfunction]
pub(crate) fn vus_pr(
    py: Python<'_>,
    scores: Slice<'_, f32>,
    labels: Slice<'_, bool>,
    window: Whole,
) -> PyResult<f64> {
    let (scores, labels, window) = (scores.get()?, labels.get()?, window.get(py, "window")?);
    interruptible(py, || qosguard::evaluate::vus_pr(scores, labels, window))
}

/// A row number; a table in memory has fewer than 2^63 rows.
fn number(row: usize) -> i64 {
    i64::try_from(row).unwrap_or(i64::MAX)
}

/// Row numbers of the training part and of the test part, from 0.
type Parts = (Vector<i64>, Vector<i64>);

fn parts(split: Split) -> Parts {
    let rows = |rows: Vec<usize>| Vector(rows.into_iter().map(number).collect());
    (rows(split.train), rows(split.test))
}

/// A random split with the same share of each label in both parts.
#[pyfunction]
pub(crate) fn split_stratified(
    py: Python<'_>,
    labels: Slice<'_, bool>,
    test_share: f64,
    seed: Whole,
) -> PyResult<Parts> {
    let (labels, seed) = (labels.get()?, seed.get(py, "seed")?);
    forward(py, || Split::stratified(labels, test_share, seed)).map(parts)
}

/// `k` splits whose test parts are disjoint and together are all rows.
#[pyfunction]
pub(crate) fn split_k_fold(
    py: Python<'_>,
    labels: Slice<'_, bool>,
    k: Whole,
    seed: Whole,
) -> PyResult<Vec<Parts>> {
    let (labels, k, seed) = (labels.get()?, k.get(py, "k")?, seed.get(py, "seed")?);
    Ok(forward(py, || Split::k_fold(labels, k, seed))?.into_iter().map(parts).collect())
}

/// For each attack family, a split whose training part has never seen it.
#[pyfunction]
pub(crate) fn split_leave_one_family_out(
    py: Python<'_>,
    labels: Slice<'_, bool>,
    families: Vec<String>,
    clean_test_share: f64,
    seed: Whole,
) -> PyResult<Vec<(String, Parts)>> {
    let (labels, seed) = (labels.get()?, seed.get(py, "seed")?);
    let splits = forward(py, || Split::leave_one_family_out(labels, &families, clean_test_share, seed))?;
    Ok(splits.into_iter().map(|(family, split)| (family, parts(split))).collect())
}

/// Rows before a time, and rows from it on.
#[pyfunction]
pub(crate) fn split_by_time(py: Python<'_>, table: &Table, cut: &str) -> PyResult<Parts> {
    forward(py, || Split::by_time(&table.0, cut)).map(parts)
}

/// The first occurrence of each distinct feature row, how many rows repeat one, and how many of these have another label.
#[pyfunction]
pub(crate) fn distinct(py: Python<'_>, table: &Table) -> PyResult<(Vector<i64>, usize, usize)> {
    let found = forward(py, || Distinct::of(&table.0))?;
    let rows = found.rows.into_iter().map(number).collect();
    Ok((Vector(rows), found.removed, found.conflicting))
}

/// What a result on a train and a test table is worth; also how the audit prints.
#[pyfunction]
pub(crate) fn leak_audit(
    py: Python<'_>,
    train: &Table,
    test: &Table,
    level: f64,
) -> PyResult<(Record, String)> {
    let audit = forward(py, || LeakAudit::of(&train.0, &test.0, level))?;
    Ok((Record::new(&audit), audit.to_string()))
}
