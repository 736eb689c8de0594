//! The one training loop of every network.

mod batches;
mod checkpoint;
mod config;
mod diverged;
mod history;
mod monitor;
mod run;
mod schedule;

#[cfg(test)]
mod tests;

pub(crate) use batches::split;
pub use checkpoint::Checkpoint;
pub use config::TrainingConfig;
pub use history::{EpochRecord, History, Stopped};
pub use monitor::{Monitor, Progress};
pub use schedule::Schedule;

use candle_core::Tensor;

use self::run::Run;
use super::pass::Pass;
use super::weights::Weights;
use crate::error::Result;

/// What a network is trained for.
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
/// [`Error::Diverged`](crate::Error::Diverged) when the loss, a gradient or a weight is no longer finite;
/// [`Error::Tensor`](crate::Error::Tensor) for a computation that the tensor library refuses.
pub(crate) fn train(
    config: &TrainingConfig,
    task: &dyn Task,
    rows: usize,
    seed: u64,
    stage: &str,
    monitor: &mut Monitor<'_>,
) -> Result<History> {
    config.validate()?;
    let mut run = Run::new(config, task, rows, seed, stage)?;
    if let Some(checkpoint) = monitor.resume {
        run.resume(checkpoint)?;
    }
    let stopped = loop {
        if let Some(stopped) = run.stopped() {
            break stopped;
        }
        let record = run.epoch()?;
        if let Some(watch) = &mut monitor.progress
            && watch(&Progress::new(&run, &record)).is_break()
        {
            break Stopped::Cancelled;
        }
    };
    run.finish(stopped)
}
