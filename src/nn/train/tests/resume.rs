//! Checkpoints: which trainings continue from them, and which are rejected.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

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
            let again = train(&config, &resumed, 30, 3, "net", Some(&stored)).unwrap();
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
        let error = train(config, &net, rows, seed, stage, Some(checkpoint)).unwrap_err();
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
fn a_training_goes_on_elsewhere() {
    let device = crate::nn::Device::Cuda(1);
    for (from, to) in
        [(quick(), TrainingConfig { device, ..quick() }), (TrainingConfig { device, ..quick() }, quick())]
    {
        let (_, checkpoints) = run_with_checkpoints(&from, &Net::new(16, 4), 16);
        train(&to, &Net::new(16, 4), 16, 3, "net", Some(&checkpoints[2])).unwrap();
    }
}

#[test]
fn a_checkpoint_of_another_network_is_rejected() {
    let (_, checkpoints) = run_with_checkpoints(&quick(), &Net::new(16, 4), 16);
    let refused = |change: &dyn Fn(&mut Checkpoint)| {
        let mut checkpoint = checkpoints[2].clone();
        change(&mut checkpoint);
        train(&quick(), &Net::new(16, 4), 16, 3, "net", Some(&checkpoint)).unwrap_err().to_string()
    };
    assert_eq!(
        refused(&|c| drop(c.weights.remove("first.bias"))),
        "`resume.weights/first.bias` must be an array of 16, got 0 entries"
    );
    assert_eq!(
        refused(&|c| drop(c.weights.insert("x".into(), vec![]))),
        "`resume.weights/x` must be a weight of the network, got an unknown name"
    );
    assert!(refused(&|c| c.optimizer.clear()).contains("must be there, got nothing"));
    assert_eq!(refused(&|c| c.origin.epochs[1].steps = 7), "`resume.epochs[1].steps` must be 4, got 7");
}

#[test]
fn each_stage_takes_its_own_checkpoint() {
    let (_, checkpoints) = run_with_checkpoints(&quick(), &Net::new(16, 4), 16);
    let resume = Some(&checkpoints[3]);
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let monitor = Monitor::new(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        ControlFlow::Continue(())
    });
    let run = |stage| {
        monitor.run(|| train(&quick(), &Net::new(16, 4), 16, 3, stage, of_stage(resume, stage))).unwrap()
    };
    let other = run("before");
    assert_eq!((other.epochs.len(), calls.load(Ordering::Relaxed)), (6, 6));
    let own = run("net");
    assert_eq!((own.epochs.len(), calls.load(Ordering::Relaxed)), (6, 8), "two epochs were left");
}

#[test]
fn damaged_checkpoints_are_rejected() {
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
