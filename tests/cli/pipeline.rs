//! From records to a guard, decisions and metrics.

use tempfile::TempDir;

use crate::command::{fails, ok, run};

#[test]
fn simulated_traffic_is_trained_on_assessed_and_evaluated() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    for name in ["flows.csv", "flows.jsonl", "flows.parquet", "flows.arrow"] {
        ok(at, &["simulate", "--rows", "3000", "-o", name], b"");
    }
    let trained = ok(at, &["train", "flows.csv", "-o", "edge.qosguard", "--json"], b"");
    let trained: serde_json::Value = serde_json::from_str(&trained).unwrap();
    assert_eq!(trained["report"]["accepted"], 3000);

    // The same records give the same decisions from every format, and from standard input.
    let decisions = ok(at, &["assess", "edge.qosguard", "flows.csv", "--all", "--json"], b"");
    assert_eq!(decisions.lines().count(), 3000);
    for name in ["flows.jsonl", "flows.parquet", "flows.arrow"] {
        assert_eq!(ok(at, &["assess", "edge.qosguard", name, "--all", "--json"], b""), decisions, "{name}");
        let bytes = std::fs::read(at.join(name)).unwrap();
        let piped = ok(at, &["assess", "edge.qosguard", "-", "--all", "--json"], &bytes);
        assert_eq!(piped, decisions, "{name} through a pipe");
    }
    let anomalies = decisions.lines().filter(|line| line.contains("\"is_anomaly\":true")).count();
    assert!(anomalies > 0);
    let summary = format!("3000 records, {anomalies} anomalies, 0 rejected records");
    let coded = run(at, &["assess", "edge.qosguard", "flows.csv", "--exit-code"], b"");
    assert_eq!(coded.status.code(), Some(1));
    assert!(String::from_utf8(coded.stdout).unwrap().starts_with(&summary));

    // Rows go to the file, the summary alone to the terminal.
    let printed = ok(at, &["assess", "edge.qosguard", "flows.csv", "-o", "verdicts.parquet"], b"");
    assert!(printed.starts_with(&summary) && !printed.contains("->"), "{printed}");
    assert!(std::fs::metadata(at.join("verdicts.parquet")).unwrap().len() > 1000);

    let report = ok(at, &["evaluate", "edge.qosguard", "flows.csv", "--json"], b"");
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["rows"], 3000);

    assert!(ok(at, &["inspect", "edge.qosguard"], b"").contains("schema     flow_detail"));
    let inspected = ok(at, &["inspect", "edge.qosguard", "--json"], b"");
    let inspected: serde_json::Value = serde_json::from_str(&inspected).unwrap();
    assert_eq!(inspected["digest"], trained["digest"]);
}

#[test]
fn a_detector_is_named_or_described_or_chosen_and_gives_its_reasons() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    ok(at, &["simulate", "--rows", "1500", "-o", "flows.csv"], b"");
    std::fs::write(at.join("small.json"), r#"{"kind": "boosted_trees", "trees": 10}"#).unwrap();
    std::fs::write(at.join("network.json"), r#"{"kind": "autoencoder", "training": {"epochs": 2}}"#).unwrap();
    for (named, kind) in [
        ("logistic_regression", "logistic_regression"),
        ("small.json", "tree_ensemble"),
        ("network.json", "autoencoder"),
        ("auto", "ensemble"),
    ] {
        ok(at, &["train", "flows.csv", "--detector", named, "-o", "edge.qosguard"], b"");
        let inspected = ok(at, &["inspect", "edge.qosguard", "--json"], b"");
        let inspected: serde_json::Value = serde_json::from_str(&inspected).unwrap();
        assert_eq!(inspected["detector"], kind, "{named}");
    }
    let reasons = ok(at, &["assess", "edge.qosguard", "flows.csv", "--reasons", "2", "--json"], b"");
    for decision in reasons.lines() {
        let decision: serde_json::Value = serde_json::from_str(decision).unwrap();
        for reason in decision["reasons"].as_array().unwrap() {
            assert!(reason["text"].as_str().unwrap().contains("clean traffic"), "{decision}");
        }
        for key in ["time", "src_ip", "dst_ip", "src_port", "dst_port", "protocol", "probability", "family"] {
            assert!(!decision[key].is_null(), "{key}: {decision}");
        }
        assert!(decision["ttl_s"].is_u64() && decision["action"].is_string(), "{decision}");
    }
    // These records have a family of their own.
    ok(at, &["assess", "edge.qosguard", "flows.csv", "-o", "verdicts.csv"], b"");
    let verdicts = std::fs::read_to_string(at.join("verdicts.csv")).unwrap();
    assert!(verdicts.lines().next().unwrap().ends_with(",rule,policy,dry_run"), "{verdicts:.300}");
    assert_eq!(verdicts.lines().count(), 1501);

    let (code, message) = fails(at, &["train", "flows.csv", "--detector", "trees", "-o", "x.qosguard"], b"");
    assert_eq!(code, 2, "{message}");
    assert!(message.contains("`--detector` must be auto, a kind of detector or a .json file"), "{message}");
    let (code, message) =
        fails(at, &["train", "flows.csv", "--detector", "ensemble", "-o", "x.qosguard"], b"");
    assert_eq!(code, 2, "{message}");
    assert!(message.contains("`--detector` must be `auto`, or a JSON file"), "{message}");
}

#[test]
fn the_worst_findings_come_first_and_each_is_one_usable_line() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    ok(at, &["simulate", "--rows", "4000", "--seed", "1", "-o", "train.csv"], b"");
    ok(at, &["simulate", "--rows", "4000", "--seed", "2", "-o", "test.csv"], b"");
    ok(at, &["train", "train.csv", "--detector", "boosted_trees", "-o", "edge.qosguard"], b"");
    let printed = ok(at, &["assess", "edge.qosguard", "test.csv"], b"");
    let findings = |printed: &str| -> Vec<String> {
        printed
            .lines()
            .filter(|line| line.starts_with("  ") && line.contains(" -> "))
            .map(Into::into)
            .collect()
    };
    let worst = findings(&printed);
    assert_eq!(worst.len(), 10, "{printed}");
    assert!(
        printed.contains("by the labels: recall ") && printed.contains("asked for 1 % false positives"),
        "{printed}"
    );
    for line in &worst {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert!(words[0].starts_with("20") && words[0].ends_with('Z'), "{line}");
        assert!(words[1].contains(':') && words[3].contains(':'), "addresses and ports: {line}");
        assert!(["tcp", "udp", "icmp"].contains(&words[4]), "{line}");
        assert!(line.contains(" p=") && line.contains(" for ") && line.contains(" s"), "{line}");
    }
    // One line for equal findings: all lines differ in what they are equal by, and their counts sum to the anomalies.
    let all = ok(at, &["assess", "edge.qosguard", "test.csv", "--all"], b"");
    let lines = findings(&all);
    assert_eq!(&lines[..10], &worst[..]);
    let count = |line: &String| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let times = words.iter().position(|word| word.trim_end_matches(',') == "times");
        times.map_or(1, |at| words[at - 1].parse::<usize>().unwrap())
    };
    let anomalies: usize = all.split_whitespace().nth(2).unwrap().parse().unwrap();
    assert_eq!(lines.iter().map(count).sum::<usize>(), anomalies);
    assert!(lines.len() < anomalies);
}

#[test]
fn a_csv_that_nobody_has_seen_is_trained_on_and_its_schema_printed() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let mut text = "row,rtt,link,Label\n".to_owned();
    for row in 0..600 {
        let attack = row % 20 == 0;
        let rtt = (row * 7919 % 997) as f64 / 10.0 + if attack { 900.0 } else { 0.0 };
        text += &format!("{row},{rtt},{},{}\n", ["a", "b"][row % 2], if attack { "bad" } else { "BENIGN" });
    }
    std::fs::write(at.join("own.csv"), &text).unwrap();
    let output = run(at, &["train", "own.csv", "-o", "own.qosguard"], b"");
    let printed = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{printed}");
    for part in ["label: `Label` (clean: BENIGN)", "numbers: `rtt`", "`row` (a number of the record)"] {
        assert!(printed.contains(part), "{printed}");
    }
    let report = ok(at, &["evaluate", "own.qosguard", "own.csv", "--json"], b"");
    assert!(report.contains("\"auc\""), "{report}");
    // A single record has nothing to infer from: it is read as the guard's.
    std::fs::write(at.join("one.csv"), "row,rtt,link\n7,950,a\n").unwrap();
    ok(at, &["assess", "own.qosguard", "one.csv"], b"");

    let toml = ok(at, &["train", "own.csv", "--print-schema"], b"");
    assert_eq!(toml, ok(at, &["flows", "own.csv", "--print-schema"], b""));
    std::fs::write(at.join("own.toml"), toml.replace("\"rtt\", role = \"feature\"", "\"rtt\"")).unwrap();
    ok(at, &["flows", "own.csv", "--schema", "own.toml", "-o", "out.jsonl"], b"");
}

#[test]
fn assessed_rows_on_standard_output_are_csv_alone() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    ok(at, &["simulate", "--rows", "3000", "-o", "flows.csv"], b"");
    ok(at, &["train", "flows.csv", "-o", "edge.qosguard"], b"");
    let rows = ok(at, &["assess", "edge.qosguard", "flows.csv", "-o", "-"], b"");
    assert!(rows.starts_with("time,src_ip,"), "{}", &rows[..200]);
    assert_eq!(rows.lines().count(), 3001);
}
