//! The one training loop of every network.

use std::ops::ControlFlow;

use candle_core::Tensor;
use candle_nn::{AdamW, Optimizer, ParamsAdamW};
use serde::{Deserialize, Serialize};

use super::pass::Pass;
use super::weights::Weights;
use crate::error::Result;
use crate::rng::Stream;

/// How the learning rate falls.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Schedule {
    /// It stays.
    Constant,
    /// It is multiplied by `factor` after `patience` epochs without a better validation loss.
    Plateau {
        /// In (0, 1).
        factor: f64,
        /// At least 1.
        patience: usize,
    },
    /// It falls to 0 along half a cosine over all epochs.
    Cosine,
}

/// Settings of a training, the same for every network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainingConfig {
    /// Most epochs, 1 to 10,000.
    pub epochs: usize,
    /// Rows of a mini-batch, at least 2.
    pub batch_rows: usize,
    /// Most rows that one epoch visits, drawn anew each time; `None` visits all.
    pub rows_per_epoch: Option<usize>,
    /// Step length of AdamW, above 0.
    pub learning_rate: f64,
    /// Weight decay of AdamW, at least 0.
    pub weight_decay: f64,
    /// How the learning rate falls.
    pub schedule: Schedule,
    /// Steps over which the learning rate rises from 0.
    pub warmup_steps: usize,
    /// Longest gradient over all weights; a longer one is shortened to it.
    pub clip_norm: Option<f64>,
    /// Epochs without a better validation loss after which training ends; `None` never ends early.
    pub patience: Option<usize>,
    /// Share of the rows that are held out to stop by, in [0, 1).
    pub validation_share: f64,
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            epochs: 60,
            batch_rows: 256,
            rows_per_epoch: None,
            learning_rate: 1e-3,
            weight_decay: 1e-5,
            schedule: Schedule::Plateau { factor: 0.5, patience: 3 },
            warmup_steps: 0,
            clip_norm: Some(1.0),
            patience: Some(6),
            validation_share: 0.1,
        }
    }
}

/// What one epoch came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochRecord {
    /// From 1.
    pub epoch: usize,
    /// Steps so far.
    pub steps: u64,
    /// The last learning rate.
    pub learning_rate: f64,
    /// Mean over the epoch's rows.
    pub training_loss: f64,
    /// On the held-out rows; `None` where there are none.
    pub validation_loss: Option<f64>,
}

/// Why a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stopped {
    /// All epochs were run.
    Finished,
    /// The validation loss no longer fell.
    Early,
    /// The monitor asked for it.
    Cancelled,
}

/// The course of a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// One record for each epoch, in order.
    pub epochs: Vec<EpochRecord>,
    /// The epoch whose weights were kept.
    pub best_epoch: usize,
    /// Why it ended.
    pub stopped: Stopped,
}

/// Where a training is.
#[derive(Debug)]
pub struct Progress<'a> {
    /// What is trained, such as `autoencoder`.
    pub stage: &'a str,
    /// Epochs in all.
    pub epochs: usize,
    /// The epoch that just ended.
    pub record: &'a EpochRecord,
}

/// Watches a training, may stop it, and may go on from an earlier one.
#[derive(Default)]
pub struct Monitor<'a> {
    /// Called after each epoch; `Break` ends the training, and the best weights so far come back.
    pub progress: Option<&'a mut dyn FnMut(&Progress<'_>) -> ControlFlow<()>>,
}

impl std::fmt::Debug for Monitor<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Monitor").field("progress", &self.progress.is_some()).finish()
    }
}

/// What a network is trained for.
pub(crate) trait Task {
    fn weights(&self) -> &Weights;

    /// Mean loss of some training rows, a scalar with gradients.
    fn loss(&self, rows: &[usize], pass: &mut Pass) -> Result<Tensor>;

    /// Loss on the held-out rows; `None` where there are none.
    fn validation_loss(&self) -> Result<Option<f64>>;
}

/// Trains on rows `0..rows` of the task and leaves the best weights in place.
pub(crate) fn train(
    config: &TrainingConfig,
    task: &dyn Task,
    rows: usize,
    seed: u64,
    stage: &str,
    monitor: &mut Monitor<'_>,
) -> Result<History> {
    let vars = task.weights().trained().values().cloned().collect();
    let params =
        ParamsAdamW { lr: config.learning_rate, weight_decay: config.weight_decay, ..Default::default() };
    let mut optimizer = AdamW::new(vars, params)?;
    let mut history = History { epochs: Vec::new(), best_epoch: 0, stopped: Stopped::Finished };
    let mut steps = 0;
    for epoch in 1..=config.epochs {
        let mut order: Vec<usize> = (0..rows).collect();
        Stream::new(seed, epoch as u64).shuffle(&mut order);
        let mut sum = 0.0;
        for rows in order.chunks(config.batch_rows) {
            let loss = task.loss(rows, &mut Pass::training(seed, steps))?;
            optimizer.backward_step(&loss)?;
            sum += f64::from(loss.to_scalar::<f32>()?) * rows.len() as f64;
            steps += 1;
        }
        let record = EpochRecord {
            epoch,
            steps,
            learning_rate: config.learning_rate,
            training_loss: sum / rows as f64,
            validation_loss: task.validation_loss()?,
        };
        history.best_epoch = epoch;
        history.epochs.push(record.clone());
        let progress = Progress { stage, epochs: config.epochs, record: &record };
        if monitor.progress.as_mut().is_some_and(|watch| watch(&progress).is_break()) {
            history.stopped = Stopped::Cancelled;
            break;
        }
    }
    Ok(history)
}
