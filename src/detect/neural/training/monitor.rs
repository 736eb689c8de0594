//! Watching a training from outside.

use std::fmt;
use std::ops::ControlFlow;

use super::checkpoint::Checkpoint;
use super::history::EpochRecord;
use super::run::Run;
use crate::error::Result;

/// Where a training is.
pub struct Progress<'a> {
    /// What is trained, such as `autoencoder`.
    pub stage: &'a str,
    /// Most epochs; training may end before.
    pub epochs: usize,
    /// The epoch that just ended.
    pub record: &'a EpochRecord,
    run: &'a Run<'a>,
}

impl<'a> Progress<'a> {
    pub(super) fn new(run: &'a Run<'a>, record: &'a EpochRecord) -> Self {
        let (stage, epochs) = run.stage_and_epochs();
        Self { stage, epochs, record, run }
    }

    /// All that is needed to go on from here later, see [`Monitor::resume`].
    ///
    /// It copies the weights four times over, so ask for it only where it is kept.
    ///
    /// # Errors
    ///
    /// [`Error::Tensor`](crate::Error::Tensor) when the weights cannot be read.
    pub fn checkpoint(&self) -> Result<Checkpoint> {
        self.run.checkpoint()
    }
}

impl fmt::Debug for Progress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress")
            .field("stage", &self.stage)
            .field("epochs", &self.epochs)
            .field("record", &self.record)
            .finish_non_exhaustive()
    }
}

/// What is called after each epoch.
type Watch<'a> = dyn FnMut(&Progress<'_>) -> ControlFlow<()> + 'a;

/// Watches a training, may stop it, and may go on from an earlier one.
#[derive(Default)]
pub struct Monitor<'a> {
    /// Called after each epoch; `Break` ends the training, and the best weights so far come back.
    pub progress: Option<&'a mut Watch<'a>>,
    /// Where to go on. The same config, seed and rows then give the same bits as a training that was never stopped;
    /// only the device may be another, and then the bits too.
    pub resume: Option<&'a Checkpoint>,
}

impl Monitor<'_> {
    /// The monitor for one of several trainings of a model: only that of its stage goes on from the checkpoint.
    pub(crate) fn for_stage(&mut self, stage: &str) -> Monitor<'_> {
        Monitor {
            progress: match &mut self.progress {
                Some(progress) => Some(&mut **progress),
                None => None,
            },
            resume: self.resume.filter(|checkpoint| checkpoint.stage() == stage),
        }
    }
}

impl fmt::Debug for Monitor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor")
            .field("progress", &self.progress.is_some())
            .field("resume", &self.resume.map(|checkpoint| (checkpoint.stage(), checkpoint.epoch())))
            .finish()
    }
}
