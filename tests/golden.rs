//! Cases that Rust, Python and Node must answer alike, bit for bit.
//!
//! This test computes every case of `tests/golden` again; `python/tests` and `bindings/node/test` read the same
//! files. After a deliberate change, `QOSGUARD_BLESS=1 cargo test --test golden` rewrites them.
//!
//! A file is `{"cases": [...]}`. Each case has a `name`, its input, and either what comes out (`expected`) or the
//! kind of the error (`error`). Floats that come out are the hexadecimal digits of their bits.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::Path;

use qosguard::evaluate::{EvaluateOptions, evaluate};
use qosguard::features::Featurizer;
use qosguard::ndarray::ArrayView2;
use qosguard::qos::Policy;
use qosguard::simulate::{self, FlowSimulatorConfig};
use qosguard::telemetry::{ReadOptions, Schema, read_csv_with};
use qosguard::{Detector, Fit, Guard, IsolationForestConfig, Result};
use serde_json::{Value, json};

#[test]
fn forest() {
    let fit: Vec<f32> = (0..60_u16).map(|i| f32::from(i * 37 % 64) / 8.0).collect();
    let score = [1.5, 0.25, 3.0, 7.875, 7.875, 7.875, -2.0, 0.0, 1e6];
    let case = |name: &str, trees: usize, max_samples: usize, seed: u64, columns: usize, score: &[f32]| {
        let run = || -> Result<Vec<f32>> {
            let config = IsolationForestConfig { trees, max_samples, seed, ..Default::default() };
            config.fit(matrix(&fit, 3), None)?.score(matrix(score, columns))
        };
        let expected = run().map(|scores| scores.iter().map(|s| bits(*s)).collect::<Vec<_>>().into());
        let input = json!({
            "trees": trees, "max_samples": max_samples, "seed": seed,
            "fit": { "columns": 3, "values": fit }, "score": { "columns": columns, "values": score },
        });
        answer(name, input, expected)
    };
    check(
        "forest",
        vec![
            case("three rows", 10, 16, 7, 3, &score),
            case("another seed", 10, 16, 8, 3, &score),
            case("all rows in each tree", 25, 256, 7, 3, &score),
            case("no row", 10, 16, 7, 3, &[]),
            case("another width", 10, 16, 7, 2, &[1.0, 2.0]),
            case("no tree", 0, 16, 7, 3, &score),
            case("one row in each tree", 10, 1, 7, 3, &score),
        ],
    );
}

#[test]
fn guard() {
    let case = |name: &str, rows: u64, attack_share: f64, rate: f64, seed: u64| {
        let run = || -> Result<Value> {
            let flows =
                simulate::table(&FlowSimulatorConfig { rows, attack_share, seed, ..Default::default() })?;
            let config = IsolationForestConfig { trees: 25, max_samples: 64, seed, ..Default::default() };
            let builder = Guard::builder().detector(config).false_positive_rate(rate).seed(seed);
            let guard = builder.fit(&flows)?;
            let out = guard.assess(&flows)?;
            let rows = (0..out.len()).step_by(out.len() / 10);
            let row = |row: usize| {
                json!({
                    "row": row, "score": bits(out.scores()[row]), "p_value": bits64(out.p_values()[row]),
                    "decision": out.decision(row).unwrap().to_string(),
                })
            };
            Ok(json!({
                "digest": guard.digest(), "features": guard.featurizer().names(),
                "threshold": bits(guard.threshold().score), "rows": rows.map(row).collect::<Vec<_>>(),
                "top": out.top(3).iter().map(|d| d.row).collect::<Vec<_>>(),
            }))
        };
        let input = json!({
            "rows": rows, "attack_share": attack_share, "trees": 25, "max_samples": 64,
            "false_positive_rate": rate, "seed": seed,
        });
        answer(name, input, run())
    };
    check(
        "guard",
        vec![
            case("one in ten flows is an attack", 1_000, 0.1, 0.01, 1),
            case("no attacks", 500, 0.0, 0.05, 2),
            case("too few flows", 99, 0.0, 0.05, 2),
            case("a rate of one", 500, 0.0, 1.0, 2),
        ],
    );
}

#[test]
fn read_csv() {
    const HEADER: &str = "src_ip,dst_ip,src_port,dst_port,protocol,packet_count,byte_count,duration\n";
    const ROW: &str = "192.168.1.100,192.168.1.1,443,51515,TCP,12,1024,3.4\n";
    let path = std::env::temp_dir().join(format!("qosguard-golden-{}.csv", std::process::id()));
    let case = |name: &str, text: String, schema: Option<&str>, max_rejected_share: f64| {
        let run = || -> Result<Value> {
            fs::write(&path, &text).unwrap();
            let schema = schema.map(Schema::preset).transpose()?;
            let options = ReadOptions { schema, max_rejected_share, ..Default::default() };
            let table = read_csv_with(&path, &options)?;
            let rejections = table.report().rejections.iter().map(|r| json!([r.line, r.column, r.value]));
            Ok(json!({
                "schema": table.schema().name(), "accepted": table.report().accepted,
                "rejected": table.report().rejected, "rejections": rejections.collect::<Vec<_>>(),
            }))
        };
        let input = json!({ "text": text, "schema": schema, "max_rejected_share": max_rejected_share });
        answer(name, input, run())
    };
    let bad = ROW.replace("443", "70000");
    check(
        "read_csv",
        vec![
            case("two rows", format!("{HEADER}{ROW}{ROW}"), None, 0.05),
            case("a byte-order mark", format!("\u{feff}{HEADER}{ROW}"), None, 0.05),
            case("a port above 65535", format!("{HEADER}{ROW}{bad}"), None, 0.5),
            case("more rejected than allowed", format!("{HEADER}{ROW}{bad}"), None, 0.1),
            case("an empty file", String::new(), None, 0.05),
            case("a header alone", HEADER.into(), None, 0.05),
            case("another source", format!("{HEADER}{ROW}"), Some("nsl_kdd"), 0.05),
            case("no such schema", format!("{HEADER}{ROW}"), Some("nonsense"), 0.05),
        ],
    );
    fs::remove_file(path).unwrap();
}

#[test]
fn policy() {
    let case = |name: &str, toml: &str| {
        let expected = Policy::from_toml(toml).map(|policy| serde_json::to_value(policy).unwrap());
        answer(name, json!({ "toml": toml }), expected)
    };
    check(
        "policy",
        vec![
            case("defaults", "version = 1"),
            case("an allow-list", "version = 1\nallow = [\"192.0.2.53\", \"2001:db8::/32\"]"),
            case("no version", ""),
            case("an unknown field", "version = 1\ncolour = \"red\""),
            case("host bits", "version = 1\nallow = [\"10.0.0.1/8\"]"),
            case("no limit in time", "version = 1\nactions.low.action = \"drop\""),
        ],
    );
}

#[test]
fn quality() {
    let case = |name: &str, scores: &[f32], labels: &[bool], threshold: f32| {
        let options = EvaluateOptions { resamples: 50, seed: 3, ..Default::default() };
        let report = evaluate(scores, labels, None, threshold, Some(0.01), &options);
        let expected = report.map(|r| {
            let of =
                |e: qosguard::evaluate::Estimate| json!([bits64(e.value), bits64(e.low), bits64(e.high)]);
            json!({
                "auc": of(r.auc), "average_precision": of(r.average_precision), "f1": of(r.f1),
                "recall": of(r.recall), "realised_fpr": of(r.realised_fpr),
                "tpr_at_1_percent_fpr": of(r.tpr_at_1_percent_fpr),
            })
        });
        let input = json!({
            "scores": scores, "labels": labels, "threshold": threshold, "asked_fpr": 0.01, "resamples": 50, "seed": 3,
        });
        answer(name, input, expected)
    };
    let scores: Vec<f32> = (0..40_u16).map(|i| f32::from(i * 29 % 40)).collect();
    let labels: Vec<bool> = (0..40).map(|i| i % 5 == 0).collect();
    check(
        "evaluate",
        vec![
            case("forty rows", &scores, &labels, 30.0),
            case("ties", &[1.0, 1.0, 1.0, 2.0], &[false, true, false, true], 1.0),
            case("other lengths", &scores, &labels[1..], 30.0),
            case("no attack", &scores, &[false; 40], 30.0),
        ],
    );
}

fn matrix(values: &[f32], columns: usize) -> ArrayView2<'_, f32> {
    ArrayView2::from_shape((values.len() / columns, columns), values).unwrap()
}

fn bits(value: f32) -> String {
    format!("{:08x}", value.to_bits())
}

fn bits64(value: f64) -> String {
    format!("{:016x}", value.to_bits())
}

/// A case: its name, its input, and what came out of it.
fn answer(name: &str, mut case: Value, outcome: Result<Value>) -> Value {
    case["name"] = name.into();
    match outcome {
        Ok(expected) => case["expected"] = expected,
        Err(error) => case["error"] = error.kind().as_str().into(),
    }
    case
}

/// Compares cases with their committed file, or writes it.
fn check(suite: &str, cases: Vec<Value>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{suite}.json"));
    if std::env::var_os("QOSGUARD_BLESS").is_some() {
        let lines: Vec<String> = cases.iter().map(|case| format!("  {case}")).collect();
        fs::write(&path, format!("{{\"cases\": [\n{}\n]}}\n", lines.join(",\n"))).unwrap();
    }
    let committed: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let committed = committed["cases"].as_array().unwrap();
    assert_eq!(committed.len(), cases.len(), "{suite}: number of cases");
    for (committed, case) in committed.iter().zip(&cases) {
        // Through text, as the other languages read it.
        let case: Value = serde_json::from_str(&case.to_string()).unwrap();
        assert_eq!(committed, &case, "{suite}: {}", case["name"]);
    }
}
