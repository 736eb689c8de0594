//! The one training loop of every network.

mod batches;
mod diverged;
mod resume;
mod run;
mod schedule;

#[cfg(test)]
mod tests;

pub(crate) use batches::split;

use candle_core::Tensor;

use self::run::Run;
use super::checkpoint::Checkpoint;
use super::config::TrainingConfig;
use super::history::{History, Stopped};
use super::pass::Pass;
use super::weights::Weights;
use crate::error::{Error, Result};
use crate::progress::{self, Progress, Unit};

/// The task of a training: weights and losses.
pub(crate) trait Task {
    fn weights(&self) -> &Weights;

    /// Mean loss of some training rows, a scalar with gradients. All that is random is drawn from the pass.
    fn loss(&self, rows: &[usize], pass: &mut Pass) -> Result<Tensor>;

    /// Loss on the held-out rows, with nothing random in it; `None` where there are none.
    fn validation_loss(&self) -> Result<Option<f64>>;
}

/// Trains on rows `0..rows` of the task and leaves the weights of the best epoch in place, running statistics and all.
///
/// # Errors
///
/// [`Error::InvalidArgument`](crate::Error::InvalidArgument) for a setting outside its domain and for a checkpoint of
/// another training; [`Error::InsufficientData`](crate::Error::InsufficientData) for fewer than two rows;
/// [`Error::Diverged`](crate::Error::Diverged) when the loss, a gradient or a weight does not stay finite;
/// [`Error::Tensor`] for a failed computation of the tensor library; [`Error::Cancelled`] before the first epoch is
/// complete. A training that is cancelled later keeps its best weights.
pub(crate) fn train(
    config: &TrainingConfig,
    task: &dyn Task,
    rows: usize,
    seed: u64,
    stage: &str,
    resume: Option<&Checkpoint>,
) -> Result<History> {
    config.validate()?;
    let mut run = Run::new(config, task, rows, seed, stage)?;
    if let Some(checkpoint) = resume {
        run.resume(checkpoint)?;
    }
    let stopped = loop {
        if let Some(stopped) = run.stopped() {
            break stopped;
        }
        let record = match run.epoch() {
            Err(Error::Cancelled) if run.n_epochs() > 0 => break Stopped::Cancelled,
            record => record?,
        };
        let save = || run.checkpoint()?.to_bytes();
        let progress = Progress::new(stage, Unit::Epochs, record.epoch, config.epochs);
        if progress::report_epoch(&progress.of_epoch(&record, &save)).is_break() {
            break Stopped::Cancelled;
        }
    };
    run.finish(stopped)
}

/// The checkpoint, for the training that it was taken from.
pub(crate) fn of_stage<'a>(resume: Option<&'a Checkpoint>, stage: &str) -> Option<&'a Checkpoint> {
    resume.filter(|checkpoint| checkpoint.stage() == stage)
}
