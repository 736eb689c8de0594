//! What a guard promises: the same bits by every way, damage refused, asked = realised.
#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::sync::Arc;

use proptest::prelude::*;
use qosguard::arrow::array::{ArrayRef, RecordBatch, StringArray};
use qosguard::calibrate::ThresholdRule;
use qosguard::features::Featurizer;
use qosguard::qos::{DecisionColumn, Policy};
use qosguard::simulate::{self, FlowSimulatorConfig};
use qosguard::telemetry::{Role, Schema, Table};
use qosguard::{Error, Guard, GuardBuilder, IsolationForestConfig};

fn flows(rows: u64, attack_share: f64, seed: u64) -> Table {
    simulate::table(&FlowSimulatorConfig { rows, attack_share, seed, ..Default::default() }).unwrap()
}

/// A guard whose file is small enough to damage at every byte.
fn small() -> GuardBuilder {
    Guard::builder().detector(IsolationForestConfig { trees: 2, max_samples: 8, ..Default::default() })
}

fn bits(scores: &[f32]) -> Vec<u32> {
    scores.iter().map(|s| s.to_bits()).collect()
}

#[test]
fn every_changed_byte_and_every_cut_is_rejected() {
    let bytes =
        small().fit(&flows(1_000, 0.2, 1).take(&(0..150).collect::<Vec<_>>()).unwrap()).unwrap().to_bytes();
    let refused = |damaged: &[u8], what: &str| {
        let kind = Guard::from_bytes(damaged).map(|_| ()).unwrap_err().kind().as_str();
        assert_eq!(kind, "corrupt_artifact", "{what}");
    };
    let mut damaged = bytes.clone();
    for at in 0..bytes.len() {
        for flip in [0x01, 0x20, 0x80, 0xFF] {
            damaged[at] ^= flip;
            refused(&damaged, &format!("byte {at} ^ {flip:#x}"));
            damaged[at] ^= flip;
        }
        refused(&bytes[..at], &format!("cut to {at} bytes"));
    }
    damaged.push(0);
    refused(&damaged, "one byte more");
    assert!(Guard::from_bytes(&bytes).is_ok());
}

#[test]
fn saving_loading_and_saving_again_changes_nothing() {
    let (train, fresh) = (flows(2_000, 0.05, 1), flows(1_000, 0.1, 2));
    let guard = Guard::builder().fit(&train).unwrap();
    let path = std::env::temp_dir().join(format!("qosguard-test-{}.qosguard", std::process::id()));
    guard.save(&path).unwrap();
    let loaded = Guard::load(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(loaded.to_bytes(), guard.to_bytes());
    assert_eq!(loaded.digest(), guard.digest());
    let (a, b) = (guard.assess(&fresh).unwrap(), loaded.assess(&fresh).unwrap());
    assert_eq!(bits(a.scores()), bits(b.scores()));
    assert!(a.decisions().eq(b.decisions()));
    let missing = Guard::load(&path).unwrap_err();
    assert!(matches!(&missing, Error::Io { path: p, .. } if *p == path), "{missing}");
}

#[test]
fn one_thread_and_many_fit_the_same_bytes() {
    let train = flows(3_000, 0.05, 3);
    let fit = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let guard = Guard::builder().fit(&train).unwrap();
            (guard.to_bytes(), bits(guard.assess(&train).unwrap().scores()))
        })
    };
    assert!(fit(1) == fit(4));
}

#[test]
fn a_record_scores_the_same_alone_and_in_a_table() {
    let table = flows(1_500, 0.1, 4);
    let guard = Guard::builder().fit(&table).unwrap();
    let whole: Vec<_> = guard.assess(&table).unwrap().decisions().collect();
    for row in [0, 7, 1_024, 1_499] {
        let alone = guard.assess(&table.take(&[row]).unwrap()).unwrap().decision(0).unwrap();
        assert_eq!(alone.verdict.score.to_bits(), whole[row].verdict.score.to_bits());
        assert_eq!((alone.id, alone.action), (whole[row].id, whole[row].action));
    }
}

/// The table with its columns in reverse order, without truth, and with every address and time replaced.
fn disguised(table: &Table) -> Table {
    let kept = |role| !matches!(role, Role::Label | Role::Family);
    let columns: Vec<_> = table.schema().columns().iter().rev().filter(|c| kept(c.role)).cloned().collect();
    let schema = Schema::new("disguised", columns.clone(), vec![]).unwrap();
    let batches = table.batches().iter().map(|batch| {
        let arrays = columns.iter().map(|c| -> ArrayRef {
            match c.name.as_str() {
                "src_ip" | "dst_ip" => Arc::new(StringArray::from(vec!["203.0.113.9"; batch.num_rows()])),
                _ => Arc::clone(batch.column_by_name(&c.name).unwrap()),
            }
        });
        RecordBatch::try_new(Arc::new(schema.to_arrow()), arrays.collect()).unwrap()
    });
    Table::from_arrow(&schema, &batches.collect::<Vec<_>>()).unwrap()
}

#[test]
fn neither_truth_nor_addresses_nor_order_reach_the_score() {
    let table = flows(2_000, 0.1, 5);
    let guard = Guard::builder().fit(&table).unwrap();
    let hidden = guard.assess(&disguised(&table)).unwrap();
    assert_eq!(bits(hidden.scores()), bits(guard.assess(&table).unwrap().scores()));
    for name in guard.featurizer().columns() {
        let column = &guard.schema().columns()[guard.schema().index_of(name).unwrap()];
        assert_eq!(column.role, Role::Feature, "{name}");
    }
}

#[test]
fn attacks_change_neither_the_features_nor_the_detector() {
    let table = flows(2_000, 0.2, 6);
    let labels = table.labels().unwrap().unwrap();
    let guard = Guard::builder().fit(&table).unwrap();
    // The clean rows alone, in order, are drawn into the same parts.
    let clean: Vec<usize> = (0..labels.len()).filter(|&row| !labels[row]).collect();
    let without = Guard::builder().fit(&table.take(&clean).unwrap()).unwrap();
    assert_eq!(without.featurizer(), guard.featurizer());
    let fresh = flows(1_000, 0.1, 7);
    assert_eq!(bits(without.assess(&fresh).unwrap().scores()), bits(guard.assess(&fresh).unwrap().scores()));
    assert_eq!(guard.threshold().realised.unwrap().attack_rows, 200);
    assert_eq!(without.threshold().realised.unwrap().attack_rows, 0);
}

#[test]
fn the_asked_rate_is_realised_on_fresh_clean_traffic() {
    for asked in [0.05, 0.01] {
        let realised = (0..8).map(|seed| {
            let guard = Guard::builder()
                .seed(seed)
                .false_positive_rate(asked)
                .fit(&flows(8_000, 0.05, seed))
                .unwrap();
            let fresh = guard.assess(&flows(8_000, 0.0, seed + 100)).unwrap();
            fresh.decisions().filter(|d| d.verdict.is_anomaly).count() as f64 / fresh.len() as f64
        });
        let mean = realised.sum::<f64>() / 8.0;
        assert!((mean / asked - 1.0).abs() < 0.2, "asked {asked}, realised {mean}");
    }
}

#[test]
fn every_rule_states_what_it_realised() {
    let table = flows(6_000, 0.1, 8);
    let rules = [
        ThresholdRule::FalsePositiveRate { rate: 0.05 },
        ThresholdRule::Percentile { percent: 95.0 },
        ThresholdRule::Mad { k: 3.0 },
        ThresholdRule::Contamination { share: 0.1 },
        ThresholdRule::BestF1,
    ];
    for rule in rules {
        let guard = Guard::builder().threshold(rule).fit(&table).unwrap();
        let realised = guard.threshold().realised.unwrap();
        assert_eq!(realised.clean_rows, guard.training().held_out, "{rule:?}");
        assert!(
            realised.true_positive_rate.is_some() && realised.false_positive_rate < 0.3,
            "{rule:?}: {realised:?}"
        );
    }
    let clean = flows(1_000, 0.0, 9);
    let error = Guard::builder().threshold(ThresholdRule::BestF1).fit(&clean).unwrap_err();
    assert_eq!(error.kind().as_str(), "insufficient_data", "{error}");
}

#[test]
fn too_little_training_data_returns_errors() {
    let table = flows(1_000, 0.5, 10);
    let labels = table.labels().unwrap().unwrap();
    let attacks: Vec<usize> = (0..labels.len()).filter(|&row| labels[row]).collect();
    for rows in [&[0][..], &[], &attacks] {
        let error = Guard::builder().fit(&table.take(rows).unwrap()).unwrap_err();
        assert!(matches!(error, Error::InsufficientData { needed: 100, .. }), "{error}");
    }
    let schema = Schema::builder("constant").feature("x").build().unwrap();
    let record = r#"{"x": 1}"#;
    let constant = Table::from_json(&schema, &format!("[{}]", vec![record; 200].join(","))).unwrap();
    let error = Guard::builder().fit(&constant).unwrap_err();
    assert!(error.to_string().contains("columns that vary"), "{error}");
    let error = Guard::builder().false_positive_rate(1.5).fit(&table).unwrap_err();
    assert_eq!(error.kind().as_str(), "invalid_argument");
}

#[test]
fn a_foreign_table_is_named_column_by_column() {
    let guard = Guard::builder().fit(&flows(1_000, 0.0, 11)).unwrap();
    let schema = Schema::builder("other").feature("duration").feature("colour").build().unwrap();
    let foreign = Table::from_json(&schema, r#"{"duration": 1, "colour": 2}"#).unwrap();
    match guard.assess(&foreign).unwrap_err() {
        Error::SchemaMismatch { missing, unknown, .. } => {
            assert!(missing.contains(&"fwd_bytes".to_owned()) && !missing.contains(&"duration".to_owned()));
            assert_eq!(unknown, ["colour"]);
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_policy_can_be_exchanged_and_enters_the_digest() {
    let table = flows(1_000, 0.1, 12);
    let guard = Guard::builder().fit(&table).unwrap();
    let live = guard.with_policy(Policy::default().with_dry_run(false)).unwrap();
    assert_ne!(live.digest(), guard.digest());
    assert!(guard.assess(&table).unwrap().decisions().all(|d| d.dry_run));
    assert!(live.assess(&table).unwrap().decisions().all(|d| !d.dry_run));
    assert_eq!(bits(live.assess(&table).unwrap().scores()), bits(guard.assess(&table).unwrap().scores()));
}

#[test]
fn top_returns_rows_by_falling_anomaly() {
    let table = flows(1_000, 0.1, 13);
    let assessment = Guard::builder().fit(&table).unwrap().assess(&table).unwrap();
    let top = assessment.top(5);
    let best = assessment.scores().iter().copied().fold(f32::MIN, f32::max);
    assert_eq!((top.len(), top[0].verdict.score), (5, best));
    assert!(top.windows(2).all(|w| w[0].verdict.score >= w[1].verdict.score));
    let arrow = assessment.to_arrow().unwrap();
    assert_eq!((arrow.num_rows(), arrow.schema()), (1_000, DecisionColumn::schema()));
}

/// What the guard of format version 2 scores the first simulated flow.
const V2_SCORE: u32 = 0x3FE0_0604;

/// Every format version that was ever released stays readable; never delete or rewrite a file in `tests/models`.
#[test]
fn released_guards_still_load() {
    let guard = Guard::load("tests/models/v1.qosguard").unwrap();
    let decision = guard.assess(&flows(1_000, 0.2, 1)).unwrap().decision(0).unwrap();
    assert_eq!(decision.verdict.score.to_bits(), 0x3F28_4BB5, "{}", decision.verdict.score);
    // Without ranges there are reasons all the same.
    assert!(!guard.explain(&flows(10, 0.2, 1)).unwrap().reasons(0, 2).0.is_empty());
    // Version 2 holds every kind of stage: an ensemble of all detectors, probabilities, classes, ranges.
    let guard = Guard::load("tests/models/v2.qosguard").unwrap();
    let decision = guard.assess(&flows(1_000, 0.2, 1)).unwrap().decision(0).unwrap();
    assert_eq!(decision.verdict.score.to_bits(), V2_SCORE, "{:#x}", decision.verdict.score.to_bits());
    assert_eq!(decision.verdict.evidence.len(), 6);
    assert!(decision.verdict.probability.is_some() && guard.families().len() > 1);
}

/// Version 3 holds networks: a mixture of boosted trees and every kind of them, which Python and Node assess too.
#[test]
fn released_networks_still_load() {
    let guard = Guard::load("tests/models/v3.qosguard").unwrap();
    let decision = guard.assess(&flows(1_000, 0.2, 1)).unwrap().decision(0).unwrap();
    assert_eq!(decision.verdict.score.to_bits(), 0xBE80_DEDB, "{:#x}", decision.verdict.score.to_bits());
    assert_eq!(decision.verdict.evidence.len(), 6);
    let explained = guard.explain(&flows(20, 0.2, 1));
    if cfg!(feature = "train") {
        assert_eq!(explained.unwrap().reasons(0, 2).0.len(), 2);
    } else {
        assert!(matches!(explained, Err(Error::Unsupported { feature: "train", .. })), "{explained:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(Guard::from_bytes(&bytes).is_err());
    }
}

#[test]
fn the_allow_list_applies_to_every_address_of_the_table() {
    let policy = r#"version = 1
        allow = ["198.51.100.7", "fe80::/10"]
        actions.low = { action = "drop", ttl_s = 9 }
        actions.medium = { action = "drop", ttl_s = 9 }
        actions.high = { action = "drop", ttl_s = 9 }
        actions.critical = { action = "drop", ttl_s = 9 }
        rules = []"#;
    let record = |addresses: &str, bytes: u32| {
        format!(
            r#"{{{addresses}"dst_port": 443, "protocol": "tcp", "packet_count": {bytes}, "byte_count": {bytes},
                "duration": {bytes}}}"#
        )
    };
    let schema = Schema::preset("flow").unwrap();
    let records: Vec<String> = (0..200).map(|i| record("", i)).collect();
    // Fitted on records without addresses, which the schema of the guard therefore lacks.
    let train = Table::from_json(&schema, &format!("[{}]", records.join(","))).unwrap();
    let guard = Guard::builder()
        .policy(Policy::from_toml(policy).unwrap())
        .false_positive_rate(0.5)
        .fit(&train)
        .unwrap();
    for (address, rule) in [
        ("198.51.100.7", "allow-list"),
        ("::ffff:198.51.100.7", "allow-list"),
        ("fe80::1%eth0", "allow-list"),
        ("198.51.100.8", "band"),
    ] {
        for end in ["src_ip", "dst_ip"] {
            let record = record(&format!(r#""{end}": "{address}", "#), 1_000_000);
            let fresh = Table::from_json(&schema, &record).unwrap();
            let decision = guard.assess(&fresh).unwrap().decision(0).unwrap();
            assert!(decision.rule.starts_with(rule), "{end} {address}: {decision}");
        }
    }
}
