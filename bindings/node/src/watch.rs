//! Watching a training from JavaScript.

use std::ops::ControlFlow;
use std::sync::mpsc;

use napi::bindgen_prelude::Unknown;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{JsValue, Status, ValueType};
use napi_derive::napi;
use qosguard::detect::{Checkpoint, Monitor, Progress};
use qosguard::{Error, Result};

/// Where a training is, after an epoch.
#[napi(object, object_from_js = false)]
#[derive(Debug)]
pub struct TrainingProgress {
    /// What is trained, such as `autoencoder`.
    pub stage: String,
    /// Most epochs of this stage; training may end before.
    pub epochs: f64,
    /// The epoch that just ended, from 1.
    pub epoch: f64,
    /// Steps so far.
    pub steps: f64,
    /// That of the last step.
    pub learning_rate: f64,
    /// Mean over the epoch's rows.
    pub training_loss: f64,
    /// On the held-out rows, where there are any.
    pub validation_loss: Option<f64>,
    /// Mean length of the gradients, before they are shortened.
    pub gradient_norm: f64,
}

/// Called on the event loop; `false` ends the training.
pub(crate) type OnProgress =
    ThreadsafeFunction<TrainingProgress, Unknown<'static>, TrainingProgress, Status, false>;

/// What is called after each epoch, the file that a checkpoint is written to, and the file to go on from.
#[derive(Default)]
pub(crate) struct Watch {
    pub(crate) on_progress: Option<OnProgress>,
    pub(crate) checkpoint: Option<String>,
    pub(crate) resume: Option<String>,
}

impl Watch {
    /// Trains with a monitor; off the event loop, which it waits for.
    pub(crate) fn train<T>(self, work: impl FnOnce(&mut Monitor<'_>) -> Result<T>) -> Result<T> {
        let resume = self.resume.map(Checkpoint::load).transpose()?;
        let mut failure = None;
        let mut after_epoch = |progress: &Progress<'_>| {
            let saved = match &self.checkpoint {
                Some(path) => progress.checkpoint().and_then(|checkpoint| checkpoint.save(path)),
                None => Ok(()),
            };
            match saved.and_then(|()| self.on_progress.as_ref().map_or(Ok(true), |call| ask(call, progress)))
            {
                Ok(true) => ControlFlow::Continue(()),
                Ok(false) => ControlFlow::Break(()),
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            }
        };
        let trained = work(&mut Monitor { progress: Some(&mut after_epoch), resume: resume.as_ref() });
        failure.map_or(trained, Err)
    }
}

/// Whether the training goes on.
fn ask(call: &OnProgress, progress: &Progress<'_>) -> Result<bool> {
    let record = progress.record;
    let progress = TrainingProgress {
        stage: progress.stage.to_owned(),
        epochs: progress.epochs as f64,
        epoch: record.epoch as f64,
        steps: record.steps as f64,
        learning_rate: record.learning_rate,
        training_loss: record.training_loss,
        validation_loss: record.validation_loss,
        gradient_norm: record.gradient_norm,
    };
    let (send, receive) = mpsc::channel();
    let answer = move |answer: napi::Result<Unknown<'static>>, _| {
        let goes_on = answer
            .and_then(|answer| Ok(answer.get_type()? != ValueType::Boolean || answer.coerce_to_bool()?));
        // Nobody listens any more where the environment is being torn down.
        drop(send.send(goes_on.map_err(|error| error.reason.clone())));
        Ok(())
    };
    if call.call_with_return_value(progress, ThreadsafeFunctionCallMode::Blocking, answer) != Status::Ok {
        return Ok(false);
    }
    receive.recv().unwrap_or(Ok(false)).map_err(|got| Error::InvalidArgument {
        name: "onProgress".into(),
        expected: "a function that does not throw".into(),
        got,
    })
}
