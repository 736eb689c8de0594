//! Networks in a guard: columns from the featurizer, file, verdicts.
#![cfg(feature = "train")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::ops::ControlFlow;
use std::sync::mpsc;

use qosguard::detect::{
    AnyDetector, Architecture, AutoencoderConfig, BoostedTreesConfig, EntityAutoencodersConfig, ExpertConfig,
    FtTransformerConfig, IsolationForestConfig, KitsuneConfig, MixtureOfExpertsConfig, MixtureOutput,
    NeuralClassifierConfig, Stopped, TrainingConfig,
};
use qosguard::simulate::{FlowSimulatorConfig, table};
use qosguard::telemetry::Table;
use qosguard::verdict::EvidenceKind;
use qosguard::{Error, Guard, GuardBuilder, Monitor};

fn flows(rows: u64, seed: u64) -> Table {
    table(&FlowSimulatorConfig { rows, seed, attack_share: 0.2, ..Default::default() }).unwrap()
}

fn training(epochs: usize) -> TrainingConfig {
    TrainingConfig { epochs, ..Default::default() }
}

fn autoencoder() -> AutoencoderConfig {
    AutoencoderConfig { widths: vec![16], latent: 4, training: training(3), ..Default::default() }
}

/// Fits, and asserts that the guard has the same verdicts of fresh flows before and after its file.
fn round_trip(builder: GuardBuilder) -> (Guard, Vec<u8>) {
    let guard = builder.fit(&flows(2_000, 1)).unwrap();
    let bytes = guard.to_bytes();
    let again = Guard::from_bytes(&bytes).unwrap();
    let fresh = flows(300, 2);
    let (fitted, loaded) = (guard.assess(&fresh).unwrap(), again.assess(&fresh).unwrap());
    assert_eq!(fitted.scores(), loaded.scores());
    assert_eq!(fitted.decisions().collect::<Vec<_>>(), loaded.decisions().collect::<Vec<_>>());
    assert_eq!(again.to_bytes(), bytes);
    (guard, bytes)
}

#[test]
fn a_guard_with_an_autoencoder_is_small_and_finds_the_categorical_columns() {
    let (guard, bytes) = round_trip(Guard::builder().detector(AutoencoderConfig::default()));
    assert!(bytes.len() < 1 << 20, "{} bytes", bytes.len());
    let AnyDetector::Autoencoder(model) = guard.detector() else { panic!("{:?}", guard.detector().kind()) };
    let categorical = &model.config().columns.as_ref().unwrap().categorical;
    let names: Vec<&str> = categorical
        .iter()
        .map(|&i| qosguard::features::Featurizer::names(guard.featurizer())[i].as_str())
        .collect();
    assert_eq!(names, ["protocol", "service"]);
    // Parts of an explanation sum to the score, which `Explanation` checks; the table's own columns are named.
    let why = guard.explain(&flows(50, 3)).unwrap();
    let reasons: Vec<_> = (0..50).flat_map(|row| why.reasons(row, 3).0).collect();
    assert!(!reasons.is_empty() && reasons.iter().all(|reason| why.columns().contains(&reason.feature)));
}

#[test]
fn entities_are_found_by_the_name_of_their_feature() {
    let by = |name: &str| EntityAutoencodersConfig {
        entity: name.into(),
        min_rows: 100,
        autoencoder: autoencoder(),
    };
    let (guard, _) = round_trip(Guard::builder().detector(by("service")));
    let AnyDetector::EntityAutoencoders(model) = guard.detector() else {
        panic!("{:?}", guard.detector().kind())
    };
    let names = qosguard::features::Featurizer::names(guard.featurizer());
    let place = names.iter().position(|name| name == "service").unwrap();
    assert_eq!(model.config().entity, place.into());
    assert!(model.entities().count() > 1);
    let error = Guard::builder().detector(by("servise")).fit(&flows(2_000, 1)).unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("entity") && message.contains("service") && message.contains("servise"),
        "{message}"
    );
}

#[test]
fn every_kind_of_network_serves_in_a_guard() {
    let transformer = Architecture::FtTransformer(FtTransformerConfig {
        width: 8,
        layers: 1,
        heads: 2,
        feed_forward: 16,
        ..Default::default()
    });
    for architecture in [Architecture::default(), transformer] {
        let config = NeuralClassifierConfig { architecture, training: training(3), ..Default::default() };
        let (guard, _) = round_trip(Guard::builder().detector(config));
        assert!(guard.probability().is_some() && guard.families().len() > 1);
    }
    let config = KitsuneConfig { mapping_rows: 100, training_rows: 300, ..Default::default() };
    round_trip(Guard::builder().detector(config));
}

#[test]
fn each_verdict_of_a_mixture_contains_the_weight_of_each_expert() {
    let experts = vec![
        ExpertConfig::new("boosted", BoostedTreesConfig { trees: 15, ..Default::default() }),
        ExpertConfig::new("forest", IsolationForestConfig { trees: 20, ..Default::default() }),
        ExpertConfig::new("autoencoder", autoencoder()),
    ];
    let config = MixtureOfExpertsConfig { experts, ..Default::default() };
    let (guard, _) = round_trip(Guard::builder().detector(config));
    let AnyDetector::MixtureOfExperts(mixture) = guard.detector() else { panic!("no mixture") };
    let AnyDetector::Autoencoder(inner) = &mixture.detectors()[2] else { panic!("no autoencoder") };
    assert!(!inner.config().columns.as_ref().unwrap().categorical.is_empty());
    let out = guard.assess(&flows(300, 2)).unwrap();
    assert_eq!(out.experts(), ["boosted", "forest", "autoencoder"]);
    assert_eq!(out.gate_weights().len(), 3 * out.len());
    for decision in out.decisions() {
        let experts = decision.verdict.evidence;
        assert!(experts.iter().all(|e| e.kind == EvidenceKind::Expert && e.p_value.is_none()), "{experts:?}");
        let sum: f64 = experts.iter().map(|expert| expert.weight.unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{experts:?}");
        if let MixtureOutput::Expert(name) = &mixture.report().chosen {
            assert!(experts.iter().all(|e| e.weight.unwrap() == f64::from(u8::from(e.name == *name))));
        }
    }
    // The asked rate holds on clean rows that nobody saw.
    let realised = guard.threshold().realised.unwrap();
    assert!(realised.false_positive_interval.low <= 0.01, "{realised:?}");
    let why = guard.explain(&flows(50, 3)).unwrap();
    assert!((0..50).any(|row| !why.reasons(row, 2).0.is_empty()));
}

#[test]
fn a_category_that_was_never_seen_is_an_unknown_one() {
    let guard = Guard::builder().detector(autoencoder()).fit(&flows(1_000, 1)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flows.jsonl");
    qosguard::telemetry::write(&path, &flows(1, 4)).unwrap();
    let record = std::fs::read_to_string(&path).unwrap().replace("\"protocol\":\"", "\"protocol\":\"unseen ");
    assert!(record.contains("unseen"), "{record}");
    let odd = Table::from_json(guard.schema(), &format!("[{record}]")).unwrap();
    assert!(guard.assess(&odd).unwrap().scores()[0].is_finite());
}

#[test]
fn a_guard_watches_its_training_and_keeps_the_best_so_far() {
    let (send, stages) = mpsc::channel();
    let monitor = Monitor::new(move |progress| {
        send.send((progress.stage.to_owned(), progress.done)).unwrap();
        if progress.done == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let builder = Guard::builder().detector(autoencoder()).monitor(monitor);
    let guard = builder.fit(&flows(1_000, 1)).unwrap();
    let stages: Vec<(String, u64)> = stages.try_iter().collect();
    let AnyDetector::Autoencoder(model) = guard.detector() else { panic!("no autoencoder") };
    assert_eq!((model.history().stopped, model.history().epochs.len()), (Stopped::Cancelled, 2));
    assert_eq!(stages, [("autoencoder".to_owned(), 1), ("autoencoder".to_owned(), 2)]);
}

#[test]
fn a_training_that_diverges_reports_its_stage() {
    let training = TrainingConfig { learning_rate: 1e30, clip_norm: None, ..training(50) };
    let config = AutoencoderConfig { training, ..autoencoder() };
    let error = Guard::builder().detector(config).fit(&flows(1_000, 1)).unwrap_err();
    assert!(matches!(&error, Error::Diverged { stage, .. } if stage == "autoencoder"), "{error}");
}

#[test]
fn weights_of_a_file_are_checked() {
    let (_, bytes) = round_trip(Guard::builder().detector(autoencoder()));
    // A changed weight breaks the digest; hostile weights with a right digest are tested with each network.
    let mut broken = bytes.clone();
    let last = broken.len() - 1;
    broken[last] ^= 0x40;
    assert!(matches!(Guard::from_bytes(&broken), Err(Error::CorruptArtifact { .. })));
}
