//! `evaluate` and `calibration_error`.

use pyo3::prelude::*;

use crate::array::Slice;
use crate::convert::{Record, Whole};
use crate::error::interruptible;

/// Measures scores and a threshold that was fixed before against labels; also says how the report prints.
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

/// Measures probabilities of an attack against labels; also says how the result prints.
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
