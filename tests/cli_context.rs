//! `qosguard train --context`: the command sees all records of its input in the order of their times.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// Runs the command in a folder; gives its exit code, standard output and standard error.
fn run(directory: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_qosguard")).args(arguments).current_dir(directory).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_guard_with_a_context_is_trained_and_assesses() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    for name in ["flows.csv", "flows.parquet"] {
        assert_eq!(run(at, &["simulate", "--rows", "70000", "-o", name]).0, 0);
    }
    let (code, _, stderr) = run(
        at,
        &["train", "flows.csv", "--detector", "isolation_forest", "--context", "host", "-o", "edge.qosguard"],
    );
    assert_eq!(code, 0, "{stderr}");
    // Several batches are one table.
    let (code, text, stderr) = run(at, &["assess", "edge.qosguard", "flows.csv"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(text.starts_with("70000 records"), "{text}");
    assert!(text.contains("0s = ") || text.contains("2s = "), "a reason names a context column: {text}");
    assert_eq!(run(at, &["assess", "edge.qosguard", "flows.parquet"]).1, text);
    let (code, _, stderr) = run(at, &["assess", "edge.qosguard", "flows.csv", "-o", "out.csv"]);
    assert_eq!(code, 0, "{stderr}");
    let rows = std::fs::read_to_string(at.join("out.csv")).unwrap();
    assert_eq!(rows.lines().count(), 70_001);
    assert!(!rows.lines().next().unwrap().contains("_60s"), "the columns of the records and of the verdicts");
}

#[test]
fn settings_of_a_context_come_from_a_file() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    assert_eq!(run(at, &["simulate", "--rows", "2000", "-o", "flows.csv"]).0, 0);
    std::fs::write(at.join("host.json"), r#"{"kind": "host", "windows": [10]}"#).unwrap();
    std::fs::write(at.join("wrong.json"), r#"{"kind": "host", "window": [10]}"#).unwrap();
    let train = |context: &str| {
        run(
            at,
            &[
                "train",
                "flows.csv",
                "--detector",
                "isolation_forest",
                "--context",
                context,
                "-o",
                "edge.qosguard",
            ],
        )
    };
    assert_eq!(train("host.json").0, 0);
    assert_eq!(train("damped_statistics").0, 0);
    let (code, _, stderr) = train("wrong.json");
    assert_ne!(code, 0);
    assert!(stderr.contains("`wrong.json: window` is unknown here; the names are windows"), "{stderr}");
    let (_, _, stderr) = train("hosts");
    assert!(stderr.contains("`--context` must be `host`"), "{stderr}");
}
