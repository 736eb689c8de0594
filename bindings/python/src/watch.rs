//! Following a fit from Python.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use qosguard::detect::Checkpoint;
use qosguard::{Monitor, Progress, Result};
use serde_json::{Value, json};

use crate::convert::Record;
use crate::error::{forward, interruptible, to_py};

/// What is called with every report, the file that a checkpoint is written to, and the file to resume from.
#[derive(FromPyObject)]
pub(crate) struct Watch(Option<Py<PyAny>>, Option<PathBuf>, Option<PathBuf>);

impl Watch {
    /// Runs a fit, which gets the checkpoint to resume from, under a monitor. An exception of what is called ends the
    /// fit and is raised.
    pub(crate) fn run<T: Send>(
        watch: Option<Self>,
        py: Python<'_>,
        fit: impl FnOnce(Option<&Checkpoint>) -> Result<T> + Send,
    ) -> PyResult<T> {
        let Some(Self(call, checkpoint, resume)) = watch else { return interruptible(py, || fit(None)) };
        let resume = forward(py, || resume.map(Checkpoint::load).transpose())?;
        if call.is_none() && checkpoint.is_none() {
            return interruptible(py, || fit(resume.as_ref()));
        }
        let raised = Arc::new(Mutex::new(None));
        let failed = Arc::clone(&raised);
        let monitor = Monitor::new(move |progress| {
            let outcome = Python::attach(|py| {
                save(checkpoint.as_deref(), progress).map_err(|error| to_py(py, &error))?;
                let Some(call) = &call else { return Ok(true) };
                call.call1(py, (Record::new(&record(progress)),))?.extract(py)
            });
            match outcome {
                Ok(true) => ControlFlow::Continue(()),
                Ok(false) => ControlFlow::Break(()),
                Err(error) => {
                    *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    ControlFlow::Break(())
                }
            }
        });
        let fitted = interruptible(py, || monitor.run(|| fit(resume.as_ref())));
        let raised = raised.lock().unwrap_or_else(PoisonError::into_inner).take();
        raised.map_or(fitted, Err)
    }
}

/// Writes a checkpoint after an epoch.
fn save(path: Option<&Path>, progress: &Progress<'_>) -> Result<()> {
    match path {
        Some(path) if progress.epoch.is_some() => Checkpoint::from_bytes(&progress.checkpoint()?)?.save(path),
        _ => Ok(()),
    }
}

/// The fields of `qosguard.training.Progress`.
fn record(progress: &Progress<'_>) -> Value {
    let mut record = progress.epoch.map_or_else(|| json!({}), |epoch| json!(epoch));
    record["stage"] = progress.stage.into();
    record["unit"] = progress.unit.as_str().into();
    record["done"] = progress.done.into();
    record["total"] = progress.total.into();
    record["member"] = progress.member.into();
    record["fold"] = progress.fold.into();
    record
}
