//! Following a fit from JavaScript.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use napi::bindgen_prelude::Unknown;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{JsValue, Status, ValueType};
use napi_derive::napi;
use qosguard::detect::Checkpoint;
use qosguard::{Error, Monitor, Progress, Result};

/// Progress of a fit. The fields of an epoch are 0, or `NaN`, unless `unit` is `epochs`.
#[napi(object, object_from_js = false)]
#[derive(Debug)]
pub struct TrainingProgress {
    /// What runs, such as `ensemble`, `boosted_trees` or `autoencoder`.
    pub stage: String,
    /// What `done` and `total` count: `fits`, `epochs`, `trees`, `iterations` or `rows`.
    pub unit: String,
    /// Units that are done.
    pub done: f64,
    /// Units in all; the fit may end before.
    pub total: f64,
    /// The member or expert that was just fitted, where fits are counted.
    pub member: Option<String>,
    /// The fold that it was fitted without, from 0; missing for a fit on all rows.
    pub fold: Option<f64>,
    /// Maximum number of epochs of this stage; training may end before.
    pub epochs: f64,
    /// The epoch that just ended, from 1.
    pub epoch: f64,
    /// Steps so far.
    pub steps: f64,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Mean over the epoch's rows.
    pub training_loss: f64,
    /// On the held-out rows, where there are any.
    pub validation_loss: Option<f64>,
    /// Mean length of the gradients, before they are shortened.
    pub gradient_norm: f64,
}

/// Called on the event loop; `false` ends the fit.
pub(crate) type OnProgress =
    ThreadsafeFunction<TrainingProgress, Unknown<'static>, TrainingProgress, Status, false>;

/// What is called with every step, the file that a checkpoint is written to, and the file to resume from.
#[derive(Default)]
pub(crate) struct Watch {
    pub(crate) on_progress: Option<OnProgress>,
    pub(crate) checkpoint: Option<String>,
    pub(crate) resume: Option<String>,
}

impl Watch {
    /// Runs a fit, which gets the checkpoint to resume from, under a monitor; off the event loop, which it waits for.
    pub(crate) fn run<T>(self, fit: impl FnOnce(Option<&Checkpoint>) -> Result<T>) -> Result<T> {
        let resume = self.resume.map(Checkpoint::load).transpose()?;
        let (on_progress, checkpoint) = (self.on_progress, self.checkpoint);
        if on_progress.is_none() && checkpoint.is_none() {
            return fit(resume.as_ref());
        }
        let failure = Arc::new(Mutex::new(None));
        let failed = Arc::clone(&failure);
        let monitor = Monitor::new(move |progress| {
            let goes_on = save(checkpoint.as_deref(), progress)
                .and_then(|()| on_progress.as_ref().map_or(Ok(true), |call| ask(call, progress)));
            match goes_on {
                Ok(true) => ControlFlow::Continue(()),
                Ok(false) => ControlFlow::Break(()),
                Err(error) => {
                    *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    ControlFlow::Break(())
                }
            }
        });
        let fitted = monitor.run(|| fit(resume.as_ref()));
        let failure = failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        failure.map_or(fitted, Err)
    }
}

/// Writes a checkpoint after an epoch.
fn save(path: Option<&str>, progress: &Progress<'_>) -> Result<()> {
    match path {
        Some(path) if progress.epoch.is_some() => Checkpoint::from_bytes(&progress.checkpoint()?)?.save(path),
        _ => Ok(()),
    }
}

/// Whether the fit goes on.
fn ask(call: &OnProgress, progress: &Progress<'_>) -> Result<bool> {
    let epoch = progress.epoch;
    let progress = TrainingProgress {
        stage: progress.stage.to_owned(),
        unit: progress.unit.as_str().to_owned(),
        done: progress.done as f64,
        total: progress.total as f64,
        member: progress.member.map(str::to_owned),
        fold: progress.fold.map(|fold| fold as f64),
        epochs: if epoch.is_some() { progress.total as f64 } else { 0.0 },
        epoch: epoch.map_or(0.0, |epoch| epoch.epoch as f64),
        steps: epoch.map_or(0.0, |epoch| epoch.steps as f64),
        learning_rate: epoch.map_or(f64::NAN, |epoch| epoch.learning_rate),
        training_loss: epoch.map_or(f64::NAN, |epoch| epoch.training_loss),
        validation_loss: epoch.and_then(|epoch| epoch.validation_loss),
        gradient_norm: epoch.map_or(f64::NAN, |epoch| epoch.gradient_norm),
    };
    let (send, receive) = mpsc::channel();
    let answer = move |answer: napi::Result<Unknown<'static>>, _| {
        let goes_on = answer
            .and_then(|answer| Ok(answer.get_type()? != ValueType::Boolean || answer.coerce_to_bool()?));
        // The receiver is gone if the environment is shut down.
        drop(send.send(goes_on.map_err(|error| error.reason.clone())));
        Ok(())
    };
    if call.call_with_return_value(progress, ThreadsafeFunctionCallMode::Blocking, answer) != Status::Ok {
        return Ok(false);
    }
    receive
        .recv()
        .unwrap_or(Ok(false))
        .map_err(|got| Error::invalid("onProgress", "a function that does not throw", got))
}
