//! Simulated traffic and devices, with their events.

use serde_json::Value;
use tempfile::TempDir;

use crate::command::{fails, ok};

/// The events of a file, and the rows of a CSV file whose column has the value 1.
fn events_and_labelled(folder: &TempDir, events: &str, table: &str, column: &str) -> (Vec<Value>, usize) {
    let events = std::fs::read_to_string(folder.path().join(events)).unwrap();
    let table = std::fs::read_to_string(folder.path().join(table)).unwrap();
    let mut lines = table.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let place = header.iter().position(|name| *name == column).unwrap();
    let is_labelled = |line: &&str| line.split(',').nth(place).unwrap().parse::<f64>() == Ok(1.0);
    (serde_json::from_str(&events).unwrap(), lines.filter(is_labelled).count())
}

#[test]
fn traffic_and_devices_come_with_their_events() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let traffic = ["simulate", "--kind", "traffic", "--duration", "300", "--attacks", "port_scan,icmp_sweep"];
    ok(at, &[&traffic[..], &["-o", "traffic.csv", "--events", "attacks.json"]].concat(), b"");
    let (events, labelled) = events_and_labelled(&folder, "attacks.json", "traffic.csv", "label");
    let mut kinds: Vec<&str> = events.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["icmp_sweep", "port_scan"]);
    assert_eq!(events.iter().map(|event| event["flows"].as_u64().unwrap()).sum::<u64>(), labelled as u64);
    for event in &events {
        assert!(event["start"].as_f64() < event["end"].as_f64(), "{event}");
        assert!(event["attackers"][0].is_string() && event["victims"][0].is_string(), "{event}");
    }

    // Clean traffic trains a guard with a context, which then reads the attacked traffic.
    ok(
        at,
        &["simulate", "--kind", "traffic", "--duration", "300", "--attacks", "none", "-o", "clean.parquet"],
        b"",
    );
    ok(at, &["train", "clean.parquet", "--context", "host", "-o", "edge.qosguard"], b"");
    let found = ok(at, &["assess", "edge.qosguard", "traffic.csv", "--json"], b"");
    assert!(found.lines().count() > 100, "{}", found.lines().count());

    let devices =
        ["simulate", "--kind", "devices", "--hosts", "10", "--duration", "100", "--attack-share", "0.1"];
    ok(at, &[&devices[..], &["-o", "devices.csv", "--events", "anomalies.json"]].concat(), b"");
    let (events, labelled) = events_and_labelled(&folder, "anomalies.json", "devices.csv", "is_anomaly");
    assert_eq!(labelled, 100);
    assert_eq!(events.iter().map(|event| event["records"].as_u64().unwrap()).sum::<u64>(), 100);
    assert!(events.iter().all(|event| event["device"].as_str().unwrap().starts_with("device-")));
}

#[test]
fn options_of_another_kind_are_rejected_by_name() {
    let folder = TempDir::new().unwrap();
    for (arguments, start) in [
        (&["--events", "e.json"][..], "`--events` must be used with --kind traffic or devices"),
        (&["--kind", "traffic", "--rows", "9"], "`--rows` must be used with --kind flows"),
        (
            &["--kind", "traffic", "--attack-share", "0"],
            "`--attack-share` must be used with --kind flows or devices",
        ),
        (&["--kind", "devices", "--flows-per-s", "1"], "`--flows-per-s` must be used with --kind traffic"),
        (&["--kind", "traffic", "--attacks", "slow_dos"], "`--attacks` must be "),
        (&["--kind", "devices", "--attacks", "port_scan"], "`--attacks` must be "),
        (&["--kind", "traffic", "--duration", "1"], "`--duration` must be "),
        (&["--kind", "traffic", "--late", "2"], "`--late` must be "),
        (&["--kind", "devices", "--duplicates", "-1"], "error: "),
        (&["--kind", "devices", "--hosts", "0"], "`--hosts` must be "),
        (&["--kind", "traffic", "--clock-skew", "-1e9"], "`--clock-skew` must be "),
        (&["--kind", "traffic", "-o", "a.csv", "--events", "a.csv"], "`--events` must be another file"),
    ] {
        let (code, message) = fails(folder.path(), &[&["simulate"], arguments].concat(), b"");
        assert_eq!(code, 2, "{message}");
        let start = if start == "error: " { start.to_owned() } else { format!("qosguard: {start}") };
        assert!(message.starts_with(&start), "{arguments:?}: {message}");
    }
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}
