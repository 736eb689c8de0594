//! A training under way.

use std::collections::BTreeMap;

use super::Task;
use super::batches::Batches;
use super::diverged::diverged;
use super::schedule::LearningRate;
use crate::error::{Error, Result};
use crate::nn::checkpoint::{Checkpoint, Origin, not_finite};
use crate::nn::config::TrainingConfig;
use crate::nn::history::{History, Stopped};
use crate::nn::ops::{AdamW, gradient_norm};
use crate::nn::pass::Pass;
use crate::nn::place::number;
use crate::progress::{self, EpochRecord};

/// The best epoch so far.
struct Best {
    epoch: usize,
    loss: f64,
    weights: BTreeMap<String, Vec<f32>>,
}

/// The result of one step.
struct Step {
    loss: f64,
    norm: f64,
    rate: f64,
}

/// A training between two epochs.
pub(super) struct Run<'a> {
    task: &'a dyn Task,
    /// With one record for each epoch so far.
    origin: Origin,
    batches: Batches,
    rate: LearningRate,
    optimizer: AdamW,
    best: Best,
}

impl<'a> Run<'a> {
    /// Before the first epoch.
    ///
    /// # Errors
    ///
    /// [`Error::InsufficientData`] for fewer than two rows.
    pub(super) fn new(
        config: &TrainingConfig,
        task: &'a dyn Task,
        rows: usize,
        seed: u64,
        stage: &str,
    ) -> Result<Self> {
        if rows < 2 {
            return Err(Error::InsufficientData { what: "training rows".into(), needed: 2, got: rows });
        }
        let batches = Batches::new(config, rows, seed);
        Ok(Self {
            task,
            batches,
            rate: LearningRate::new(config, batches.count()),
            optimizer: AdamW::new(task.weights(), config.weight_decay)?,
            best: Best { epoch: 0, loss: f64::INFINITY, weights: BTreeMap::new() },
            origin: Origin { stage: stage.into(), seed, rows, config: config.clone(), epochs: Vec::new() },
        })
    }

    /// Continues from a checkpoint of the same training.
    pub(super) fn resume(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        let weights = self.task.weights();
        checkpoint.check_origin(&self.origin, &weights.values()?)?;
        let steps_per_epoch = self.batches.count() as u64;
        for record in checkpoint.epochs() {
            let steps = steps_per_epoch * record.epoch as u64;
            if record.steps != steps {
                let name = format!("resume.epochs[{}].steps", record.epoch - 1);
                return Err(Error::invalid(name, format!("{steps}"), record.steps));
            }
            self.add(record.clone());
        }
        self.optimizer.restore(self.steps(), &checkpoint.optimizer)?;
        self.best.weights.clone_from(&checkpoint.best);
        weights.set(&checkpoint.weights)
    }

    /// Whether to stop before the next epoch, and why.
    pub(super) fn stopped(&self) -> Option<Stopped> {
        let epochs = self.origin.epochs.len();
        if self.origin.config.patience.is_some_and(|patience| epochs - self.best.epoch >= patience) {
            return Some(Stopped::Early);
        }
        (epochs >= self.origin.config.epochs).then_some(Stopped::Finished)
    }

    /// One pass over the rows.
    pub(super) fn epoch(&mut self) -> Result<EpochRecord> {
        let epoch = self.origin.epochs.len() + 1;
        let order = self.batches.order(epoch);
        let (mut loss, mut norm, mut learning_rate) = (0.0, 0.0, 0.0);
        for rows in self.batches.cut(&order) {
            progress::check()?;
            let step = self.step(rows)?;
            loss += step.loss * rows.len() as f64;
            norm += step.norm;
            learning_rate = step.rate;
        }
        // A deep copy: tensors of the weights would go on changing with them.
        let weights = self.task.weights().values()?;
        if let Some(name) = not_finite(&weights) {
            return Err(self.diverged("weight", name));
        }
        let validation_loss = self.task.validation_loss()?;
        if validation_loss.is_some_and(|loss| !loss.is_finite()) {
            return Err(self.diverged("validation loss", "loss"));
        }
        let record = EpochRecord {
            epoch,
            steps: self.optimizer.steps(),
            learning_rate,
            training_loss: loss / self.batches.visited() as f64,
            validation_loss,
            gradient_norm: norm / self.batches.count() as f64,
        };
        if self.add(record.clone()) {
            self.best.weights = weights;
        }
        Ok(record)
    }

    fn step(&mut self, rows: &[usize]) -> Result<Step> {
        let (step, weights) = (self.optimizer.steps(), self.task.weights());
        let loss = self.task.loss(rows, &mut Pass::training(self.origin.seed, step))?;
        let gradients = loss.backward()?;
        let loss = number(&loss)?;
        let norm = gradient_norm(weights, &gradients)?;
        for (what, value) in [("loss", loss), ("gradient", norm)] {
            if !value.is_finite() {
                return Err(diverged(&self.origin.stage, step, what, weights, &gradients)?);
            }
        }
        let scale =
            self.origin.config.clip_norm.map_or(1.0, |most| if norm > most { most / norm } else { 1.0 });
        let rate = self.rate.at(step);
        self.optimizer.step(&gradients, rate, scale)?;
        Ok(Step { loss, norm, rate })
    }

    /// Adds the record of an epoch; whether it is the best so far.
    fn add(&mut self, record: EpochRecord) -> bool {
        let better = record.watched_loss() < self.best.loss;
        if better {
            (self.best.epoch, self.best.loss) = (record.epoch, record.watched_loss());
        }
        self.rate.epoch_ended(better);
        self.origin.epochs.push(record);
        better
    }

    fn diverged(&self, what: &str, layer: &str) -> Error {
        let (stage, step) = (self.origin.stage.clone(), self.optimizer.steps());
        Error::Diverged { stage, step, what: what.into(), layer: layer.into() }
    }

    fn steps(&self) -> u64 {
        self.origin.epochs.last().map_or(0, |record| record.steps)
    }

    /// Epochs that are complete.
    pub(super) fn n_epochs(&self) -> usize {
        self.origin.epochs.len()
    }

    pub(super) fn checkpoint(&self) -> Result<Checkpoint> {
        Ok(Checkpoint {
            origin: self.origin.clone(),
            weights: self.task.weights().values()?,
            best: self.best.weights.clone(),
            optimizer: self.optimizer.state()?,
        })
    }

    /// Leaves the best weights in place.
    pub(super) fn finish(self, stopped: Stopped) -> Result<History> {
        self.task.weights().set(&self.best.weights)?;
        Ok(History { epochs: self.origin.epochs, best_epoch: self.best.epoch, stopped })
    }
}
