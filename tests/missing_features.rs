//! A build without a cargo feature names it, where a file or a policy needs it.
#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use qosguard::detect::{AnyDetectorConfig, FitContext};
use qosguard::ndarray::Array2;
use qosguard::simulate::{self, FlowSimulatorConfig};
use qosguard::{Error, Fit, Guard, Result, telemetry};

/// What a build without `feature` answers for a file of these bytes; nothing is asked of a build that has it.
fn names(feature: &str, has: bool, file: &str, bytes: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(file);
    std::fs::write(&path, bytes).unwrap();
    let result = telemetry::read(&path).map(|_| ());
    match &result {
        Err(Error::Unsupported { feature: missing, .. }) => {
            assert!(!has && *missing == feature, "{result:?}");
            let words = result.unwrap_err().to_string();
            assert!(words.starts_with(&path.display().to_string()), "{words}");
            assert!(words.contains(&format!("needs the cargo feature `{feature}`")), "{words}");
        }
        other => assert!(has, "{feature}: {other:?}"),
    }
}

#[test]
fn every_format_that_a_build_leaves_out_names_its_feature() {
    let mut capture =
        vec![0xD4, 0xC3, 0xB2, 0xA1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 1, 0, 0, 0];
    capture.resize(200, 0);
    names("packets", cfg!(feature = "packets"), "x.pcap", &capture);
    names("parquet", cfg!(feature = "parquet"), "x.parquet", b"PAR1\0\0\0\0\0\0\0\0PAR1");
    let mut export = vec![0, 5, 0, 1];
    export.resize(24 + 48, 0);
    names("netflow", cfg!(feature = "netflow"), "x.nfcapd", &export);
}

/// Networks score in every build; their training and the gradients of their scores need the feature `train`.
#[test]
fn training_and_explaining_networks_name_the_feature() {
    let check = |what: &str, result: Result<()>| match result {
        Err(Error::Unsupported { feature, .. }) => {
            assert!(!cfg!(feature = "train") && feature == "train", "{what}");
        }
        other => assert!(cfg!(feature = "train") && other.is_ok(), "{what}: {other:?}"),
    };
    let guard = Guard::load(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/models/v3.qosguard")).unwrap();
    let config = FlowSimulatorConfig { rows: 20, attack_share: 0.2, seed: 1, ..Default::default() };
    let flows = simulate::table(&config).unwrap();
    assert_eq!(guard.assess(&flows).unwrap().scores().len(), 20);
    check("explain", guard.explain(&flows).map(drop));
    let x = Array2::from_shape_fn((200, 3), |(i, j)| {
        ((i * (j + 7)) % 13) as f32 + if i % 4 == 0 { 9.0 } else { 0.0 }
    });
    let labels: Vec<bool> = (0..200).map(|i| i % 4 == 0).collect();
    for settings in [
        r#"{"kind": "autoencoder", "training": {"epochs": 1}}"#,
        r#"{"kind": "entity_autoencoders", "autoencoder": {"training": {"epochs": 1}}}"#,
        r#"{"kind": "neural_classifier", "training": {"epochs": 1}}"#,
        r#"{"kind": "mixture_of_experts", "folds": 2, "training": {"epochs": 1}, "experts": [
            {"name": "a", "kind": "isolation_forest", "trees": 5}, {"name": "b", "kind": "logistic_regression"}]}"#,
    ] {
        let config: AnyDetectorConfig = serde_json::from_str(settings).unwrap();
        check(settings, config.fit(x.view(), FitContext::labelled(&labels)).map(drop));
    }
    let kitsune: AnyDetectorConfig =
        serde_json::from_str(r#"{"kind": "kitsune", "mapping_rows": 50}"#).unwrap();
    assert!(kitsune.fit(x.view(), FitContext::default()).is_ok(), "Kitsune is trained in every build");
}
