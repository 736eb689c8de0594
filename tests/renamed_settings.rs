//! Settings under their previous names are read as before.
#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use qosguard::Guard;
use qosguard::detect::{AnyDetector, AnyDetectorConfig};

/// Settings with previous names, and the same settings with present names.
const RENAMED: [[&str; 2]; 5] = [
    [
        r#"{"kind": "autoencoder", "hidden_codes": 0.3, "error_form": "logarithmic"}"#, // old names
        r#"{"kind": "autoencoder", "category_dropout": 0.3, "score_transform": "logarithmic"}"#,
    ],
    [
        r#"{"kind": "entity_autoencoders", "least_rows": 7}"#, // old name
        r#"{"kind": "entity_autoencoders", "min_rows": 7}"#,
    ],
    [
        r#"{"kind": "neural_classifier", "hidden_codes": 0.3}"#, // old name
        r#"{"kind": "neural_classifier", "category_dropout": 0.3}"#,
    ],
    [
        concat!(
            r#"{"kind": "neural_classifier", "architecture": {"kind": "mixture", "own_loss": 0.3,"#, // old name
            r#""gate": {"balance": 0.3, "floor": 0.2, "evenness": 0.7},"#, // old names
            r#""experts": [{"name": "a", "network": {"kind": "mlp"}, "without_timing": true}]}}"#, // old name
        ),
        r#"{"kind": "neural_classifier", "architecture": {"kind": "mixture", "auxiliary_loss_weight": 0.3,
            "gate": {"load_balance_weight": 0.3, "min_load": 0.2, "entropy_weight": 0.7},
            "experts": [{"name": "a", "network": {"kind": "mlp"}, "exclude_timing": true}]}}"#,
    ],
    [
        concat!(
            r#"{"kind": "mixture_of_experts", "even_share": 0.3, "lean": 2,"#, // old names
            r#""novel_share": 0.4, "blind_share": 0.1, "kinds": 5, "clean_kinds": 8,"#, // old names
            r#""gate": {"balance": 0.3, "floor": 0.2, "evenness": 0.7}}"#,     // old names
        ),
        r#"{"kind": "mixture_of_experts", "uniform_weight": 0.3, "log_odds_weight": 2, "held_out_fraction": 0.4,
            "masked_fraction": 0.1, "attack_clusters": 5, "clean_clusters": 8,
            "gate": {"load_balance_weight": 0.3, "min_load": 0.2, "entropy_weight": 0.7}}"#,
    ],
];

#[test]
fn previous_names_are_read_and_present_names_are_written() {
    for [previous, present] in RENAMED {
        let config: AnyDetectorConfig = serde_json::from_str(previous).unwrap();
        assert_eq!(config, serde_json::from_str(present).unwrap(), "{previous}");
        assert_ne!(
            config,
            serde_json::from_str(&format!("{{{}}}", &previous[1..previous.find(',').unwrap()])).unwrap()
        );
        let (written, given) =
            (serde_json::to_value(&config).unwrap(), serde_json::from_str(present).unwrap());
        contains(&written, &given);
    }
}

/// Every name of `given` is in `written`.
fn contains(written: &serde_json::Value, given: &serde_json::Value) {
    match given {
        serde_json::Value::Object(given) => {
            for (name, value) in given {
                contains(written.get(name).unwrap_or_else(|| panic!("`{name}` is not written")), value);
            }
        }
        serde_json::Value::Array(given) => {
            given.iter().enumerate().for_each(|(i, value)| contains(&written[i], value));
        }
        _ => {}
    }
}

#[test]
fn both_names_at_once_are_rejected() {
    for settings in [
        r#"{"kind": "autoencoder", "hidden_codes": 0.3, "category_dropout": 0.3}"#, // old name
        r#"{"kind": "mixture_of_experts", "gate": {"balance": 0.3, "load_balance_weight": 0.3}}"#,
    ] {
        let error = serde_json::from_str::<AnyDetectorConfig>(settings).unwrap_err().to_string();
        assert!(error.contains("duplicate field"), "{error}");
    }
}

/// The file contains all previous names; its scores are in `tests/golden/models.v1.json`.
#[test]
fn a_file_with_previous_names_keeps_its_settings() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/models/v3-networks.qosguard");
    let guard = Guard::load(path).unwrap();
    let AnyDetector::MixtureOfExperts(mixture) = guard.detector() else { panic!("{:?}", guard.detector()) };
    let config = mixture.config();
    assert_eq!((config.uniform_weight, config.log_odds_weight), (0.1, 0.2));
    assert_eq!((config.held_out_fraction, config.masked_fraction), (0.4, 0.2));
    assert_eq!((config.attack_clusters, config.clean_clusters), (2, 4));
    let gate = &config.gate;
    assert_eq!((gate.load_balance_weight, gate.min_load, gate.entropy_weight), (1.5, 0.2, 0.2));
}
