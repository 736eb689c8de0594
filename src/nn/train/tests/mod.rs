//! Trainings of a small network.

mod adamw;
mod diverged;
mod resume;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::mpsc;

use candle_core::{Device, Tensor};

use super::*;
use crate::nn::config::{Activation, Schedule};
use crate::nn::layers::{BatchNorm, Linear, dropout};
use crate::nn::losses::mean_squared_error;
use crate::nn::testing::every_weight_gets_a_gradient;
use crate::progress::{EpochRecord, Monitor};
use crate::rng::Stream;

const WIDTH: usize = 5;

/// Two layers with batch norm and dropout between them, which learn the mean of their inputs.
struct Net {
    weights: Weights,
    layers: (Linear, BatchNorm, Linear),
    x: Vec<f32>,
    y: Vec<f32>,
    held: Vec<usize>,
    /// The step whose loss is multiplied by this.
    spoiled: Option<(u64, f32)>,
}

impl Net {
    fn new(rows: usize, held: usize) -> Self {
        let mut weights = Weights::new(11);
        let layers = (
            Linear::new(&mut weights, "first", WIDTH, 16).unwrap(),
            BatchNorm::new(&mut weights, "norm", 16).unwrap(),
            Linear::new(&mut weights, "second", 16, 1).unwrap(),
        );
        let mut random = Stream::new(4, 0);
        let x: Vec<f32> = (0..(rows + held) * WIDTH).map(|_| random.normal() as f32).collect();
        let y = x.chunks(WIDTH).map(|row| row.iter().sum::<f32>() + 0.3 * random.normal() as f32).collect();
        Self { weights, layers, x, y, held: (rows..rows + held).collect(), spoiled: None }
    }

    fn error(&self, rows: &[usize], pass: &mut Pass) -> Result<Tensor> {
        let x: Vec<f32> =
            rows.iter().flat_map(|&row| &self.x[row * WIDTH..(row + 1) * WIDTH]).copied().collect();
        let x = Tensor::from_vec(x, (rows.len(), WIDTH), &Device::Cpu)?;
        let y: Vec<f32> = rows.iter().map(|&row| self.y[row]).collect();
        let y = Tensor::from_vec(y, (rows.len(), 1), &Device::Cpu)?;
        let (first, norm, second) = &self.layers;
        let hidden = Activation::Relu.apply(&norm.forward(&first.forward(&x)?, pass)?)?;
        mean_squared_error(&second.forward(&dropout(&hidden, 0.1, pass)?)?, &y)
    }
}

impl Task for Net {
    fn weights(&self) -> &Weights {
        &self.weights
    }

    fn loss(&self, rows: &[usize], pass: &mut Pass) -> Result<Tensor> {
        assert!(rows.len() > 1);
        let loss = self.error(rows, pass)?;
        match self.spoiled {
            Some((step, factor)) if step == pass.step => Ok((loss * f64::from(factor))?),
            _ => Ok(loss),
        }
    }

    fn validation_loss(&self) -> Result<Option<f64>> {
        if self.held.is_empty() {
            return Ok(None);
        }
        Ok(Some(f64::from(self.error(&self.held, &mut Pass::scoring())?.to_scalar::<f32>()?)))
    }
}

fn quick() -> TrainingConfig {
    TrainingConfig { epochs: 6, batch_rows: 8, learning_rate: 0.02, ..TrainingConfig::default() }
}

fn run(config: &TrainingConfig, net: &Net, rows: usize) -> Result<History> {
    train(config, net, rows, 3, "net", None)
}

fn values(net: &Net) -> BTreeMap<String, Vec<f32>> {
    net.weights.values().unwrap()
}

/// Trains, and returns the checkpoint after each epoch too.
fn run_with_checkpoints(
    config: &TrainingConfig,
    net: &Net,
    rows: usize,
) -> (Result<History>, Vec<Checkpoint>) {
    let (send, checkpoints) = mpsc::channel();
    let monitor = Monitor::new(move |progress| {
        send.send(progress.checkpoint().unwrap()).unwrap();
        ControlFlow::Continue(())
    });
    let history = monitor.run(|| train(config, net, rows, 3, "net", None));
    (history, checkpoints.try_iter().map(|bytes| Checkpoint::from_bytes(&bytes).unwrap()).collect())
}

#[test]
fn every_weight_of_the_test_network_learns() {
    every_weight_gets_a_gradient(&Net::new(32, 0), 32);
}

#[test]
fn the_loss_falls_and_the_history_records_it() {
    let net = Net::new(97, 30);
    let history = run(&quick(), &net, 97).unwrap();
    history.check().unwrap();
    assert_eq!(history.stopped, Stopped::Finished);
    assert_eq!(history.epochs.len(), 6);
    let [first, last] = [0, 5].map(|i| &history.epochs[i]);
    assert!(last.training_loss < 0.5 * first.training_loss, "{history:?}");
    assert!(last.validation_loss.unwrap() < 0.5 * first.validation_loss.unwrap(), "{history:?}");
    // 97 rows in batches of 8: eleven of 8, and one of 9.
    assert_eq!(last.steps, 6 * 12);
    assert_eq!(first.learning_rate, 0.02);
    assert!(first.gradient_norm > 0.0);
}

#[test]
fn one_row_is_too_few() {
    for rows in [0, 1] {
        let error = run(&quick(), &Net::new(1, 0), rows).unwrap_err();
        assert_eq!(error.to_string(), format!("training rows: needs at least 2, got {rows}"));
    }
    run(&quick(), &Net::new(2, 0), 2).unwrap();
}

#[test]
fn a_bad_setting_is_rejected_before_the_first_step() {
    let net = Net::new(8, 0);
    let before = values(&net);
    let error = run(&TrainingConfig { epochs: 0, ..quick() }, &net, 8).unwrap_err();
    assert_eq!(error.to_string(), "`training.epochs` must be in 1..=10000, got 0");
    assert_eq!(values(&net), before);
}

#[test]
fn early_stopping_brings_the_best_weights_back() {
    // Hardly any rows and a large step: the network soon learns the noise.
    let config = TrainingConfig { epochs: 200, patience: Some(4), learning_rate: 0.05, ..quick() };
    let net = Net::new(16, 40);
    let (history, checkpoints) = run_with_checkpoints(&config, &net, 16);
    let history = history.unwrap();
    assert_eq!(history.stopped, Stopped::Early);
    assert_eq!(history.epochs.len(), history.best_epoch + 4);
    let losses: Vec<f64> = history.epochs.iter().map(|record| record.validation_loss.unwrap()).collect();
    let best = losses[history.best_epoch - 1];
    assert!(losses.iter().all(|&loss| loss >= best));
    // The weights that came back have that loss, running statistics included; the last ones had another.
    assert_eq!(net.validation_loss().unwrap(), Some(best));
    assert_eq!(values(&net), checkpoints[history.best_epoch - 1].weights);
    let last = checkpoints.last().unwrap();
    assert_ne!(values(&net), last.weights);
    assert_ne!(values(&net)["norm.running_mean"], last.weights["norm.running_mean"]);
    assert_eq!(values(&net), last.best);
    assert_eq!(last.best_epoch(), history.best_epoch);
}

#[test]
fn without_held_out_rows_the_training_loss_decides() {
    let config = TrainingConfig { epochs: 40, patience: Some(2), learning_rate: 0.2, ..quick() };
    let net = Net::new(24, 0);
    let history = run(&config, &net, 24).unwrap();
    assert_eq!(history.stopped, Stopped::Early);
    let losses: Vec<f64> = history.epochs.iter().map(|record| record.training_loss).collect();
    assert!(losses.iter().all(|&loss| loss >= losses[history.best_epoch - 1]), "{losses:?}");
    assert!(history.epochs.iter().all(|record| record.validation_loss.is_none()));
}

#[test]
fn a_plateau_lowers_the_learning_rate() {
    let schedule = Schedule::Plateau { factor: 0.5, patience: 2 };
    let config = TrainingConfig { epochs: 30, patience: None, learning_rate: 0.05, schedule, ..quick() };
    let history = run(&config, &Net::new(16, 40), 16).unwrap();
    let (mut best, mut waited, mut rate) = (f64::INFINITY, 0, 0.05);
    for record in &history.epochs {
        assert_eq!(record.learning_rate, rate);
        waited = if record.watched_loss() < best { 0 } else { waited + 1 };
        best = best.min(record.watched_loss());
        if waited == 2 {
            (waited, rate) = (0, rate * 0.5);
        }
    }
    assert!(rate < 0.05, "a plateau was there");
}

#[test]
fn long_gradients_are_shortened() {
    // AdamW does not mind the length of gradients that are all alike, but its first moments show it.
    let means = |clip_norm| {
        let config = TrainingConfig { epochs: 1, batch_rows: 64, clip_norm, ..quick() };
        let (history, checkpoints) = run_with_checkpoints(&config, &Net::new(32, 0), 32);
        let of = |(name, values): (&String, &Vec<f32>)| {
            if name.ends_with("mean") { values.clone() } else { Vec::new() }
        };
        let moments: Vec<f32> = checkpoints[0].optimizer.iter().flat_map(of).collect();
        let norm = moments.iter().map(|&m| f64::from(m).powi(2)).sum::<f64>().sqrt();
        (history.unwrap().epochs[0].gradient_norm, norm)
    };
    let (norm, free) = means(None);
    assert!(norm > 0.1);
    assert!((free - 0.1 * norm).abs() < 1e-6, "the first moment is a tenth of the gradient");
    let (same_norm, clipped) = means(Some(0.1));
    assert_eq!(same_norm, norm, "the history contains the length before clipping");
    assert!((clipped - 0.1 * 0.1).abs() < 1e-6, "{clipped}");
    assert_eq!(means(Some(1e9)).1, free);
}

#[test]
fn a_cancelled_training_gives_the_best_state_so_far() {
    let config = TrainingConfig { epochs: 100, learning_rate: 0.05, patience: None, ..quick() };
    let net = Net::new(16, 40);
    let (send, seen) = mpsc::channel();
    let monitor = Monitor::new(move |progress| {
        assert_eq!((progress.stage, progress.total), ("net", 100));
        send.send(progress.epoch.unwrap().clone()).unwrap();
        if progress.done == 25 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let history = monitor.run(|| train(&config, &net, 16, 3, "net", None)).unwrap();
    let seen: Vec<EpochRecord> = seen.try_iter().collect();
    assert_eq!(history.stopped, Stopped::Cancelled);
    assert_eq!(history.epochs, seen);
    assert_eq!(history.epochs.len(), 25);
    assert!(history.best_epoch < 25, "{history:?}");
    let best = history.epochs[history.best_epoch - 1].validation_loss;
    assert_eq!(net.validation_loss().unwrap(), best);
}

#[test]
fn a_training_that_is_cancelled_from_outside_keeps_its_best_state_or_has_none() {
    let config = TrainingConfig { epochs: 100, patience: None, ..quick() };
    let monitor = Monitor::default();
    monitor.cancel();
    let error = monitor.run(|| train(&config, &Net::new(16, 40), 16, 3, "net", None)).unwrap_err();
    assert!(matches!(error, crate::Error::Cancelled), "{error}");
    let own = std::sync::Arc::new(std::sync::OnceLock::<Monitor>::new());
    let cancel = std::sync::Arc::clone(&own);
    let monitor = Monitor::new(move |progress| {
        if progress.done == 3 {
            cancel.get().unwrap().cancel();
        }
        ControlFlow::Continue(())
    });
    own.set(monitor.clone()).unwrap();
    let history = monitor.run(|| train(&config, &Net::new(16, 40), 16, 3, "net", None)).unwrap();
    assert_eq!((history.stopped, history.epochs.len()), (Stopped::Cancelled, 3));
}

#[test]
fn the_same_seed_gives_the_same_bits_on_any_number_of_threads() {
    let fit = |threads: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let net = Net::new(600, 100);
            let config = TrainingConfig { epochs: 2, batch_rows: 256, ..quick() };
            let history = train(&config, &net, 600, seed, "net", None).unwrap();
            (history, values(&net))
        })
    };
    assert_eq!(fit(1, 3), fit(4, 3));
    assert_ne!(fit(1, 3).1, fit(1, 4).1, "the seed deals the batches and the dropout masks");
}
