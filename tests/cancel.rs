//! Every long call ends soon after its monitor is cancelled, with `Error::Cancelled`.
#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::ops::ControlFlow;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use qosguard::calibrate::{CalibrationScores, Conformal, ProbabilityRule, ThresholdRule};
use qosguard::detect::{
    AnyDetectorConfig, BoostedTreesConfig, ContrastTreesConfig, Detector, EnsembleConfig, Fit, FitContext,
    GaussianMixtureConfig, HalfSpaceTreesConfig, IsolationForestConfig, LogisticRegressionConfig,
    MemberConfig,
};
use qosguard::ndarray::Array2;
use qosguard::simulate::{self, FlowSimulatorConfig};
use qosguard::telemetry::{self, ReadOptions};
use qosguard::{ErrorKind, Guard, Monitor, Result};

/// Work that would take far longer must end this soon after it is cancelled, on a busy machine too.
const SOON: Duration = Duration::from_secs(5);

fn rows(n: usize, features: usize) -> (Array2<f32>, Vec<bool>) {
    let mut bits = 7_u64;
    let mut next = || {
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (bits >> 40) as f32 / (1_u64 << 24) as f32
    };
    let x = Array2::from_shape_simple_fn((n, features), &mut next);
    let labels = x.rows().into_iter().map(|row| row[0] * row[1] > 0.25).collect();
    (x, labels)
}

/// Runs work that is cancelled after a moment; it must not be done by then.
fn is_cancelled<T>(name: &str, work: impl FnOnce() -> Result<T>) {
    let monitor = Monitor::default();
    let cancel = monitor.clone();
    let (send, when) = mpsc::channel();
    let canceller = thread::spawn(move || {
        thread::sleep(Duration::from_millis(300));
        send.send(Instant::now()).unwrap();
        cancel.cancel();
    });
    let outcome = monitor.run(work);
    let ended = Instant::now();
    canceller.join().unwrap();
    assert!(outcome.is_err_and(|error| error.kind() == ErrorKind::Cancelled), "{name} was not cancelled");
    let taken = ended.saturating_duration_since(when.recv().unwrap());
    assert!(taken < SOON, "{name} went on for {taken:?}");
}

/// Settings whose fit takes minutes, and whether it needs labels.
fn endless() -> Vec<(&'static str, AnyDetectorConfig)> {
    let boosted = BoostedTreesConfig { trees: 10_000, leaves: 255, ..Default::default() };
    let mixture = GaussianMixtureConfig {
        components: 64,
        max_samples: 1 << 20,
        max_iterations: 10_000,
        tolerance: 0.0,
        ..Default::default()
    };
    let forest = IsolationForestConfig {
        trees: 10_000,
        max_samples: 1 << 17,
        max_depth: Some(32),
        ..Default::default()
    };
    let members = vec![
        MemberConfig::new("boosted", 1.0, boosted.clone()),
        MemberConfig::new("mixture", 1.0, mixture.clone()),
    ];
    vec![
        ("boosted trees", boosted.into()),
        ("contrast trees", ContrastTreesConfig { boosters: 64, trees: 10_000, ..Default::default() }.into()),
        ("gaussian mixture", mixture.into()),
        ("isolation forest", forest.into()),
        (
            "logistic regression",
            LogisticRegressionConfig {
                max_iterations: 100_000,
                tolerance: 1e-300,
                l2: 1e-300,
                ..Default::default()
            }
            .into(),
        ),
        ("half-space trees", HalfSpaceTreesConfig { trees: 1000, depth: 12, ..Default::default() }.into()),
        ("ensemble", EnsembleConfig { members, ..Default::default() }.into()),
    ]
}

/// Networks whose first epoch takes long, and what holds other detectors.
#[cfg(feature = "train")]
fn endless_networks() -> Vec<(&'static str, AnyDetectorConfig)> {
    use qosguard::detect::{
        AutoencoderConfig, EntityAutoencodersConfig, ExpertConfig, MixtureOfExpertsConfig,
        NeuralClassifierConfig, TrainingConfig,
    };

    let training = TrainingConfig { batch_rows: 16, ..Default::default() };
    let autoencoder =
        AutoencoderConfig { widths: vec![512, 512], training: training.clone(), ..Default::default() };
    let classifier = NeuralClassifierConfig { training, ..Default::default() };
    let boosted = BoostedTreesConfig { trees: 10_000, leaves: 255, ..Default::default() };
    let experts = vec![
        ExpertConfig::new("boosted", boosted),
        ExpertConfig::new("forest", IsolationForestConfig::default()),
    ];
    vec![
        ("autoencoder", autoencoder.clone().into()),
        ("autoencoder in an ensemble", {
            let members = vec![MemberConfig::new("autoencoder", 1.0, autoencoder.clone())];
            EnsembleConfig { members, ..Default::default() }.into()
        }),
        (
            "entity autoencoders",
            EntityAutoencodersConfig { entity: 0.into(), autoencoder, ..Default::default() }.into(),
        ),
        ("neural classifier", classifier.into()),
        ("mixture of experts", MixtureOfExpertsConfig { experts, ..Default::default() }.into()),
    ]
}

#[cfg(feature = "train")]
#[test]
fn every_fit_of_networks_is_cancelled() {
    use qosguard::detect::KitsuneConfig;

    let (mut x, labels) = rows(150_000, 16);
    x.column_mut(0).mapv_inplace(|value| (value * 4.0).floor());
    for (name, config) in endless_networks() {
        is_cancelled(name, || config.fit(x.view(), FitContext::labelled(&labels)));
    }
    let kitsune =
        KitsuneConfig { training_rows: 1 << 30, hidden_ratio: 1.0, largest_group: 64, ..Default::default() };
    let (wide, _) = rows(100_000, 128);
    is_cancelled("kitsune", || kitsune.fit(wide.view(), FitContext::default()));
}

#[test]
fn every_fit_is_cancelled() {
    let (x, labels) = rows(150_000, 16);
    // A logistic regression of two classes converges before it can be cancelled.
    for (name, config) in endless().into_iter().filter(|(name, _)| *name != "logistic regression") {
        is_cancelled(name, || config.fit(x.view(), FitContext::labelled(&labels)));
    }
    let codes: Vec<Option<u32>> = (0..150_000).map(|row| Some(row * 7919 % 60)).collect();
    let names: Vec<String> = (0..60).map(|class| class.to_string()).collect();
    let logistic = LogisticRegressionConfig { tolerance: 1e-300, ..Default::default() };
    let context = FitContext::classes(&codes, &names);
    is_cancelled("logistic regression", || logistic.fit(x.view(), context));
}

#[test]
fn a_fit_whose_monitor_is_cancelled_before_it_begins_returns_nothing() {
    let (x, labels) = rows(300, 4);
    let monitor = Monitor::default();
    monitor.cancel();
    for (name, config) in endless() {
        let context = FitContext { monitor: Some(&monitor), ..FitContext::labelled(&labels) };
        let error = config.fit(x.view(), context).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{name}");
        assert_eq!(error.to_string(), "the work was cancelled");
    }
}

#[test]
fn a_watch_that_breaks_cancels_and_reports_come_from_every_fit() {
    let (x, labels) = rows(300, 4);
    let small: Vec<(&str, AnyDetectorConfig)> = vec![
        ("boosted_trees", BoostedTreesConfig { trees: 5, ..Default::default() }.into()),
        ("contrast_trees", ContrastTreesConfig { boosters: 2, trees: 5, ..Default::default() }.into()),
        ("gaussian_mixture", GaussianMixtureConfig { components: 2, ..Default::default() }.into()),
        ("isolation_forest", IsolationForestConfig { trees: 5, ..Default::default() }.into()),
        ("logistic_regression", LogisticRegressionConfig::default().into()),
        ("half_space_trees", HalfSpaceTreesConfig { trees: 5, ..Default::default() }.into()),
        ("ensemble", EnsembleConfig::clean(300, 0).into()),
    ];
    for (stage, config) in small {
        let (send, seen) = mpsc::channel();
        let monitor = Monitor::new(move |progress| {
            send.send(progress.stage.to_owned()).unwrap();
            ControlFlow::Break(())
        });
        let context = FitContext { monitor: Some(&monitor), ..FitContext::labelled(&labels) };
        let error = config.fit(x.view(), context).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{stage}");
        assert!(seen.try_iter().any(|seen| seen == stage), "{stage}");
    }
}

#[test]
fn the_same_bits_come_out_under_a_monitor() {
    let (x, labels) = rows(500, 4);
    let ensemble = EnsembleConfig::labelled(300, 3);
    let monitor = Monitor::new(|_| ControlFlow::Continue(()));
    let alone = ensemble.fit(x.view(), FitContext::labelled(&labels)).unwrap();
    let context = FitContext { monitor: Some(&monitor), ..FitContext::labelled(&labels) };
    let watched = ensemble.fit(x.view(), context).unwrap();
    assert_eq!(alone.out_of_fold, watched.out_of_fold);
    assert_eq!(alone.model.score(x.view()).unwrap(), watched.model.score(x.view()).unwrap());
}

#[test]
fn an_ensemble_reports_each_member_with_and_without_each_fold() {
    let (x, _) = rows(400, 4);
    let members = vec![
        MemberConfig::new("forest", 1.0, IsolationForestConfig { trees: 5, ..Default::default() }),
        MemberConfig::new("mixture", 1.0, GaussianMixtureConfig { components: 2, ..Default::default() }),
    ];
    let (send, seen) = mpsc::channel();
    let monitor = Monitor::new(move |progress| {
        assert_eq!((progress.stage, progress.unit.as_str(), progress.total), ("ensemble", "fits", 8));
        send.send((progress.member.map(str::to_owned), progress.fold)).unwrap();
        ControlFlow::Continue(())
    });
    let config = EnsembleConfig { members, folds: 3, ..Default::default() };
    config.fit(x.view(), FitContext { monitor: Some(&monitor), ..FitContext::default() }).unwrap();
    let mut seen: Vec<_> = seen.try_iter().collect();
    seen.sort();
    let mut expected = Vec::new();
    for member in ["forest", "mixture"] {
        expected.extend([None, Some(0), Some(1), Some(2)].map(|fold| (Some(member.to_owned()), fold)));
    }
    assert_eq!(seen, expected);
}

#[test]
fn simulation_and_assessment_and_guards_are_cancelled() {
    let many = FlowSimulatorConfig { rows: 500_000_000, ..Default::default() };
    is_cancelled("simulate", || simulate::table(&many));
    let flows = simulate::table(&FlowSimulatorConfig { rows: 3_000, ..Default::default() }).unwrap();
    let guard = Guard::builder().fit(&flows).unwrap();
    is_cancelled::<()>("assess", || {
        loop {
            guard.assess(&flows)?;
        }
    });
    is_cancelled::<()>("explain", || {
        loop {
            guard.explain(&flows)?;
        }
    });
    let (_, boosted) = endless().swap_remove(0);
    let large = simulate::table(&FlowSimulatorConfig { rows: 200_000, ..Default::default() }).unwrap();
    is_cancelled("guard", || Guard::builder().detector(boosted).fit(&large));
}

#[test]
fn calibrations_are_cancelled() {
    let mut bits = 3_u64;
    let mut next = || {
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (bits >> 40) as f32
    };
    let scores: Vec<f32> = (0..2_000_000).map(|_| next()).collect();
    let labels: Vec<bool> = (0..scores.len()).map(|row| row % 3 == 0).collect();
    is_cancelled::<()>("p-values", || {
        loop {
            Conformal::fit(&scores)?;
        }
    });
    for rule in [ProbabilityRule::Platt, ProbabilityRule::Isotonic, ProbabilityRule::Temperature] {
        is_cancelled::<()>(&format!("{rule:?}"), || {
            loop {
                rule.fit(&scores, &labels, None)?;
            }
        });
    }
    let conformal = Conformal::fit(&scores[..1000]).unwrap();
    let calibration = CalibrationScores { clean: &scores, attacks: Some(&scores[..10_000]) };
    for rule in [ThresholdRule::Mad { k: 3.0 }, ThresholdRule::BestF1] {
        is_cancelled::<()>(&format!("{rule:?}"), || {
            loop {
                rule.fit(&calibration, &conformal)?;
            }
        });
    }
}

#[test]
fn scores_and_explanations_are_cancelled() {
    let (x, labels) = rows(20_000, 8);
    for (name, config) in [
        ("boosted trees", AnyDetectorConfig::from(BoostedTreesConfig::default())),
        ("gaussian mixture", GaussianMixtureConfig { components: 4, ..Default::default() }.into()),
        ("isolation forest", IsolationForestConfig::default().into()),
        ("logistic regression", LogisticRegressionConfig::default().into()),
        ("half-space trees", HalfSpaceTreesConfig::default().into()),
    ] {
        let model = config.fit(x.view(), FitContext::labelled(&labels)).unwrap().model;
        is_cancelled::<()>(&format!("score of {name}"), || {
            loop {
                model.score(x.view())?;
            }
        });
        let monitor = Monitor::default();
        monitor.cancel();
        assert_eq!(monitor.run(|| model.score(x.view())).unwrap_err().kind(), ErrorKind::Cancelled, "{name}");
    }
}

#[test]
fn readers_are_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let table = simulate::table(&FlowSimulatorConfig { rows: 2_000, ..Default::default() }).unwrap();
    let monitor = Monitor::default();
    monitor.cancel();
    for ending in ["csv", "jsonl", "arrow"] {
        let path = folder.path().join(format!("flows.{ending}"));
        telemetry::write(&path, &table).unwrap();
        let options = ReadOptions::default();
        let error = monitor.run(|| telemetry::read_with(&path, &options)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{ending}");
        let path = folder.path().join(format!("again.{ending}"));
        let error = monitor.run(|| telemetry::write(&path, &table)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{ending}");
    }
}
