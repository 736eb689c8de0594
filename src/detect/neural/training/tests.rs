use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

use candle_core::{Device, Tensor};

use super::*;
use crate::detect::neural::layers::{Activation, BatchNorm, Linear, dropout};
use crate::detect::neural::losses::mean_squared_error;
use crate::detect::neural::testing::every_weight_gets_a_gradient;
use crate::detect::neural::weights::Init;
use crate::error::Error;
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
    train(config, net, rows, 3, "net", &mut Monitor::default())
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
    let mut checkpoints = Vec::new();
    let mut keep = |progress: &Progress<'_>| {
        checkpoints.push(progress.checkpoint().unwrap());
        ControlFlow::Continue(())
    };
    let history =
        train(config, net, rows, 3, "net", &mut Monitor { progress: Some(&mut keep), resume: None });
    (history, checkpoints)
}

#[test]
fn every_weight_of_the_test_network_learns() {
    every_weight_gets_a_gradient(&Net::new(32, 0), 32);
}

#[test]
fn the_loss_falls_and_the_history_says_how() {
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
fn a_bad_setting_is_refused_before_the_first_step() {
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
    let first_moments = |clip_norm| {
        let config = TrainingConfig { epochs: 1, batch_rows: 64, clip_norm, ..quick() };
        let (history, checkpoints) = run_with_checkpoints(&config, &Net::new(32, 0), 32);
        let of = |(name, values): (&String, &Vec<f32>)| {
            if name.ends_with("first_moment") { values.clone() } else { Vec::new() }
        };
        let moments: Vec<f32> = checkpoints[0].optimizer.iter().flat_map(of).collect();
        let norm = moments.iter().map(|&m| f64::from(m).powi(2)).sum::<f64>().sqrt();
        (history.unwrap().epochs[0].gradient_norm, norm)
    };
    let (norm, free) = first_moments(None);
    assert!(norm > 0.1);
    assert!((free - 0.1 * norm).abs() < 1e-6, "the first moment is a tenth of the gradient");
    let (same_norm, clipped) = first_moments(Some(0.1));
    assert_eq!(same_norm, norm, "the history tells the length before");
    assert!((clipped - 0.1 * 0.1).abs() < 1e-6, "{clipped}");
    assert_eq!(first_moments(Some(1e9)).1, free);
}

#[test]
fn a_cancelled_training_gives_the_best_state_so_far() {
    let config = TrainingConfig { epochs: 100, learning_rate: 0.05, patience: None, ..quick() };
    let net = Net::new(16, 40);
    let mut seen = Vec::new();
    let mut stop = |progress: &Progress<'_>| {
        assert_eq!((progress.stage, progress.epochs), ("net", 100));
        seen.push(progress.record.clone());
        if seen.len() == 25 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let mut monitor = Monitor { progress: Some(&mut stop), resume: None };
    let history = train(&config, &net, 16, 3, "net", &mut monitor).unwrap();
    assert_eq!(history.stopped, Stopped::Cancelled);
    assert_eq!(history.epochs, seen);
    assert_eq!(history.epochs.len(), 25);
    assert!(history.best_epoch < 25, "{history:?}");
    let best = history.epochs[history.best_epoch - 1].validation_loss;
    assert_eq!(net.validation_loss().unwrap(), best);
}

#[test]
fn a_resumed_training_gives_the_bits_of_one_that_ran_through() {
    for (schedule, held) in [
        (Schedule::Cosine, 20),
        (Schedule::Plateau { factor: 0.5, patience: 1 }, 20),
        (Schedule::Constant, 0),
    ] {
        let config = TrainingConfig {
            epochs: 12,
            warmup_steps: 7,
            rows_per_epoch: Some(21),
            learning_rate: 0.05,
            patience: Some(4),
            schedule,
            ..quick()
        };
        let through = Net::new(30, held);
        let (history, checkpoints) = run_with_checkpoints(&config, &through, 30);
        let history = history.unwrap();
        for checkpoint in checkpoints {
            let stored = Checkpoint::from_bytes(&checkpoint.to_bytes().unwrap()).unwrap();
            assert_eq!(stored, checkpoint);
            let resumed = Net::new(30, held);
            let mut monitor = Monitor { progress: None, resume: Some(&stored) };
            let again = train(&config, &resumed, 30, 3, "net", &mut monitor).unwrap();
            assert_eq!(again, history);
            assert_eq!(values(&resumed), values(&through));
        }
    }
}

#[test]
fn another_training_does_not_go_on_from_a_checkpoint() {
    let (_, checkpoints) = run_with_checkpoints(&quick(), &Net::new(16, 4), 16);
    let checkpoint = &checkpoints[2];
    assert_eq!((checkpoint.stage(), checkpoint.epoch(), checkpoint.epochs().len()), ("net", 3, 3));
    let refused = |config: &TrainingConfig, rows: usize, seed: u64, stage: &str| {
        let net = Net::new(16, 4);
        let before = values(&net);
        let mut monitor = Monitor { progress: None, resume: Some(checkpoint) };
        let error = train(config, &net, rows, seed, stage, &mut monitor).unwrap_err();
        assert_eq!(values(&net), before, "nothing was touched");
        error.to_string()
    };
    assert_eq!(refused(&quick(), 15, 3, "net"), "`resume.rows` must be 15 as now, got 16");
    assert_eq!(refused(&quick(), 16, 4, "net"), "`resume.seed` must be 4 as now, got 3");
    assert_eq!(refused(&quick(), 16, 3, "gate"), "`resume.stage` must be `gate`, got `net`");
    let other = TrainingConfig { learning_rate: 0.5, ..quick() };
    assert_eq!(refused(&other, 16, 3, "net"), "`resume.config.learning_rate` must be 0.5 as now, got 0.02");
    let other = TrainingConfig { clip_norm: None, ..quick() };
    assert_eq!(refused(&other, 16, 3, "net"), "`resume.config.clip_norm` must be null as now, got 1.0");
}

#[test]
fn a_checkpoint_of_another_network_is_refused() {
    let (_, checkpoints) = run_with_checkpoints(&quick(), &Net::new(16, 4), 16);
    let refused = |change: &dyn Fn(&mut Checkpoint)| {
        let mut checkpoint = checkpoints[2].clone();
        change(&mut checkpoint);
        let mut monitor = Monitor { progress: None, resume: Some(&checkpoint) };
        train(&quick(), &Net::new(16, 4), 16, 3, "net", &mut monitor).unwrap_err().to_string()
    };
    assert_eq!(
        refused(&|c| drop(c.weights.remove("first.bias"))),
        "`resume.weights/first.bias` must be an array of 16, got 0 entries"
    );
    assert_eq!(
        refused(&|c| drop(c.weights.insert("x".into(), vec![]))),
        "`resume.weights/x` must be a weight of the network, got a stranger"
    );
    assert!(refused(&|c| c.optimizer.clear()).contains("must be there, got nothing"));
    assert_eq!(refused(&|c| c.origin.epochs[1].steps = 7), "`resume.epochs[1].steps` must be 4, got 7");
}

#[test]
fn each_stage_takes_its_own_checkpoint() {
    let (_, checkpoints) = run_with_checkpoints(&quick(), &Net::new(16, 4), 16);
    let calls = Cell::new(0);
    let mut count = |_: &Progress<'_>| {
        calls.set(calls.get() + 1);
        ControlFlow::Continue(())
    };
    let mut monitor = Monitor { progress: Some(&mut count), resume: Some(&checkpoints[3]) };
    let other = train(&quick(), &Net::new(16, 4), 16, 3, "before", &mut monitor.for_stage("before")).unwrap();
    assert_eq!((other.epochs.len(), calls.get()), (6, 6));
    let own = train(&quick(), &Net::new(16, 4), 16, 3, "net", &mut monitor.for_stage("net")).unwrap();
    assert_eq!((own.epochs.len(), calls.get()), (6, 8), "two epochs were left");
}

#[test]
fn a_loss_that_is_not_a_number_ends_the_training_with_step_and_layer() {
    let spoiled = |factor: f32| {
        let mut net = Net::new(16, 4);
        net.spoiled = Some((5, factor));
        let (history, checkpoints) = run_with_checkpoints(&quick(), &net, 16);
        (history.unwrap_err(), checkpoints.len())
    };
    let (error, checkpoints) = spoiled(f32::NAN);
    let Error::Diverged { stage, step, what, layer } = &error else { panic!("{error}") };
    assert_eq!((stage.as_str(), *step, what.as_str(), layer.as_str()), ("net", 5, "loss", "first.bias"));
    assert_eq!(error.kind().as_str(), "training");
    assert_eq!(checkpoints, 2, "what was reached before is not lost");
    assert!(matches!(spoiled(f32::INFINITY).0, Error::Diverged { step: 5, .. }));
}

/// A loss of one weight, given by a function.
struct Single<F> {
    weights: Weights,
    w: candle_core::Var,
    loss: F,
    held: Option<f64>,
}

impl<F: Fn(&Tensor) -> Result<Tensor>> Single<F> {
    fn new(start: f32, loss: F) -> Self {
        let mut weights = Weights::new(1);
        let w = weights.weight("w", &[1], Init::Constant(start)).unwrap();
        Self { weights, w, loss, held: None }
    }

    fn diverges(&self, config: &TrainingConfig) -> (u64, String, String) {
        match train(config, self, 4, 0, "single", &mut Monitor::default()).unwrap_err() {
            Error::Diverged { step, what, layer, .. } => (step, what, layer),
            other => panic!("{other}"),
        }
    }
}

impl<F: Fn(&Tensor) -> Result<Tensor>> Task for Single<F> {
    fn weights(&self) -> &Weights {
        &self.weights
    }

    fn loss(&self, _: &[usize], _: &mut Pass) -> Result<Tensor> {
        (self.loss)(&self.w)
    }

    fn validation_loss(&self) -> Result<Option<f64>> {
        Ok(self.held)
    }
}

#[test]
fn gradients_weights_and_held_out_losses_are_watched_too() {
    // The root of 0 is 0, its slope is not finite.
    let root = Single::new(0.0, |w| Ok(w.sqrt()?.sum_all()?));
    assert_eq!(root.diverges(&quick()), (0, "gradient".into(), "w".into()));
    // A step that is too long for f32.
    let slope = Single::new(0.0, |w| Ok(w.sum_all()?));
    let wild = TrainingConfig { learning_rate: 1e39, ..quick() };
    assert_eq!(slope.diverges(&wild), (1, "weight".into(), "w".into()));
    // The loss of no weight.
    let constant = Single::new(0.0, |_| Ok(Tensor::new(f32::NAN, &Device::Cpu)?));
    assert_eq!(constant.diverges(&quick()), (0, "loss".into(), "loss".into()));
    let mut held = Single::new(1.0, |w| Ok(w.sqr()?.sum_all()?));
    held.held = Some(f64::NAN);
    assert_eq!(held.diverges(&quick()), (1, "validation loss".into(), "loss".into()));
}

#[test]
fn the_same_seed_gives_the_same_bits_on_any_number_of_threads() {
    let fit = |threads: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let net = Net::new(600, 100);
            let config = TrainingConfig { epochs: 2, batch_rows: 256, ..quick() };
            let history = train(&config, &net, 600, seed, "net", &mut Monitor::default()).unwrap();
            (history, values(&net))
        })
    };
    assert_eq!(fit(1, 3), fit(4, 3));
    assert_ne!(fit(1, 3).1, fit(1, 4).1, "the seed deals the batches and the dropout masks");
}

#[test]
fn damaged_checkpoints_are_refused() {
    let (_, checkpoints) = run_with_checkpoints(&quick(), &Net::new(16, 4), 16);
    let checkpoint = &checkpoints[1];
    let bytes = checkpoint.to_bytes().unwrap();
    for length in (0..bytes.len()).step_by(bytes.len() / 50) {
        assert_eq!(Checkpoint::from_bytes(&bytes[..length]).unwrap_err().kind().as_str(), "corrupt_artifact");
    }
    for at in (0..bytes.len()).step_by(bytes.len() / 50) {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        assert!(Checkpoint::from_bytes(&bytes).is_err(), "byte {at}");
    }
    let refused = |change: &dyn Fn(&mut Checkpoint)| {
        let mut checkpoint = checkpoint.clone();
        change(&mut checkpoint);
        Checkpoint::from_bytes(&checkpoint.to_bytes().unwrap()).unwrap_err().to_string()
    };
    let corrupt = |reason: &str| format!("bytes: not intact: {reason}");
    assert_eq!(refused(&|c| c.origin.epochs.clear()), corrupt("`epochs` must be at least one epoch, got 0"));
    assert_eq!(refused(&|c| c.origin.config.epochs = 1), corrupt("`epochs` must be at most 1, got 2"));
    assert_eq!(
        refused(&|c| c.origin.config.batch_rows = 0),
        corrupt("`training.batch_rows` must be at least 2, got 0")
    );
    assert_eq!(
        refused(&|c| drop(c.best.insert("first.bias".into(), vec![1.0]))),
        corrupt("`best/first.bias` must be an array of 16, got 1 entries")
    );
    assert_eq!(
        refused(&|c| drop(c.optimizer.insert("x".into(), vec![f32::NAN]))),
        corrupt("`optimizer/x` must be finite, got NaN or an infinity")
    );
}

#[test]
fn a_checkpoint_is_a_file() {
    let (_, checkpoints) = run_with_checkpoints(&quick(), &Net::new(16, 4), 16);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("training.checkpoint");
    checkpoints[0].save(&path).unwrap();
    assert_eq!(Checkpoint::load(&path).unwrap(), checkpoints[0]);
    assert_eq!(Checkpoint::load(folder.path().join("nothing")).unwrap_err().kind().as_str(), "io");
}
