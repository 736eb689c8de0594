//! Watching a training from Python.

use std::ops::ControlFlow;
use std::path::PathBuf;

use pyo3::prelude::*;
use qosguard::Result;
use qosguard::detect::{Checkpoint, Monitor, Progress};
use serde_json::{Value, json};

use crate::convert::Record;
use crate::error::{forward, to_py};

/// What is called after each epoch, the file that a checkpoint is written to, and the file to go on from.
#[derive(FromPyObject)]
pub(crate) struct Watch(Py<PyAny>, Option<PathBuf>, Option<PathBuf>);

impl Watch {
    /// Trains with a monitor. Interrupts, and exceptions of what is called, end the training and are raised.
    pub(crate) fn train<T: Send>(
        watch: Option<Self>,
        py: Python<'_>,
        work: impl FnOnce(&mut Monitor<'_>) -> Result<T> + Send,
    ) -> PyResult<T> {
        let (call, checkpoint, resume) =
            watch.map_or((None, None, None), |Self(f, to, from)| (Some(f), to, from));
        let resume = forward(py, || resume.map(Checkpoint::load).transpose())?;
        let mut raised = None;
        let mut after_epoch = |progress: &Progress<'_>| {
            let saved = match &checkpoint {
                Some(path) => progress.checkpoint().and_then(|checkpoint| checkpoint.save(path)),
                None => Ok(()),
            };
            let goes_on = Python::attach(|py| {
                saved.map_err(|error| to_py(py, &error))?;
                py.check_signals()?;
                call.as_ref()
                    .map_or(Ok(true), |call| call.call1(py, (Record::new(&record(progress)),))?.extract(py))
            });
            match goes_on {
                Ok(true) => ControlFlow::Continue(()),
                Ok(false) => ControlFlow::Break(()),
                Err(error) => {
                    raised = Some(error);
                    ControlFlow::Break(())
                }
            }
        };
        let trained =
            forward(py, || work(&mut Monitor { progress: Some(&mut after_epoch), resume: resume.as_ref() }));
        raised.map_or(trained, Err)
    }
}

/// The fields of `qosguard.training.Progress`.
fn record(progress: &Progress<'_>) -> Value {
    let mut record = json!(progress.record);
    record["stage"] = progress.stage.into();
    record["epochs"] = progress.epochs.into();
    record
}
