//! `watch`: incidents of files and pipes, as text and as JSON, and across a restart.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::command::{fails, ok, run};
use crate::public_data;

/// Lines of `flow_detail` of a source that tries ports of a host, from the first port up to the last.
pub(crate) fn scan(ports: std::ops::Range<u32>) -> String {
    let record = |port: u32| {
        let record = json!({
            "time": 1_700_000_000.0 + f64::from(port) * 0.01, "src_ip": "10.0.0.66", "dst_ip": "10.0.0.7",
            "src_port": 40_000, "dst_port": port, "protocol": "tcp", "service": "", "duration": 0.0, "fwd_packets": 1,
            "bwd_packets": 0, "fwd_bytes": 60, "bwd_bytes": 0, "syn_count": 1, "fin_count": 0, "rst_count": 0,
            "iat_mean_ms": 0, "iat_std_ms": 0,
        });
        format!("{record}\n")
    };
    ports.map(record).collect()
}

fn events(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_scan_is_reported_as_json_and_as_text() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    fs::write(at.join("scan.jsonl"), scan(1..500)).unwrap();
    let printed = ok(at, &["watch", "scan.jsonl"], b"");
    assert!(printed.starts_with(r#"{"event":"opened","id":""#), "{printed}");
    let found = events(&printed);
    assert_eq!((&found[0]["event"], &found[0]["kind"]), (&json!("opened"), &json!("port_scan")));
    assert_eq!(found.last().unwrap()["event"], "closed");
    let piped = ok(at, &["watch", "-"], scan(1..500).as_bytes());
    assert_eq!(piped, printed);

    let text = ok(at, &["watch", "scan.jsonl", "--format", "text"], b"");
    assert!(text.starts_with("22:13:20  opened   medium    port_scan    10.0.0.66 → 10.0.0.7: 3"), "{text}");
    let coded = run(at, &["watch", "scan.jsonl", "--exit-code"], b"");
    assert_eq!(coded.status.code(), Some(1));
    let summary = String::from_utf8(coded.stderr).unwrap();
    assert!(summary.contains("499 records, 1 incident, warming: "), "{summary}");
}

#[test]
fn settings_policy_and_guard_come_from_files() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    fs::write(at.join("scan.jsonl"), scan(1..500)).unwrap();
    fs::write(at.join("stream.json"), r#"{"floors": {"scan_ports": 10000}, "warm_up": 0}"#).unwrap();
    assert_eq!(ok(at, &["watch", "scan.jsonl", "--settings", "stream.json"], b""), "");
    fs::write(at.join("wrong.json"), r#"{"floors": {"scan_port": 5}}"#).unwrap();
    let (code, message) = fails(at, &["watch", "scan.jsonl", "--settings", "wrong.json"], b"");
    assert!(code == 2 && message.contains("floors.scan_port"), "{message}");
    fs::write(at.join("allow.toml"), "version = 1\nallow = [\"10.0.0.66\"]\n").unwrap();
    let found = events(&ok(at, &["watch", "scan.jsonl", "--policy", "allow.toml"], b""));
    assert!(found.iter().all(|event| event["rule"] == "allow-list"));
    ok(at, &["simulate", "--rows", "2000", "-o", "flows.csv"], b"");
    ok(at, &["train", "flows.csv", "--context", "host", "-o", "edge.qosguard"], b"");
    let output = run(at, &["watch", "flows.csv", "--guard", "edge.qosguard"], b"");
    let summary = String::from_utf8(output.stderr).unwrap();
    assert!(summary.contains("2000 records, ") && summary.contains(" anomalies"), "{summary}");
}

#[test]
fn a_checkpoint_continues_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let watch = |name: &str, text: String| {
        fs::write(at.join(name), text).unwrap();
        events(&ok(at, &["watch", name, "--checkpoint", "state"], b""))
    };
    let first = watch("first.jsonl", scan(1..100));
    let second = watch("second.jsonl", scan(100..1_000));
    assert_eq!(first[0]["event"], "opened");
    assert!(
        second.iter().all(|event| event["event"] == "updated" && event["id"] == first[0]["id"]),
        "{second:?}"
    );
    assert_eq!(second.last().unwrap()["severity"], "critical");
    assert!(at.join("state.previous").is_file());
    // Other settings than the checkpoint's are not ignored.
    fs::write(at.join("stream.json"), r#"{"floors": {"scan_ports": 99}}"#).unwrap();
    let resumed = ["watch", "second.jsonl", "--checkpoint", "state"];
    let (code, message) = fails(at, &[&resumed[..], &["--settings", "stream.json"]].concat(), b"");
    assert!(code == 2 && message.contains("the settings of the checkpoint"), "{message}");
    fs::write(at.join("allow.toml"), "version = 1\nallow = [\"10.0.0.66\"]\n").unwrap();
    let (code, message) = fails(at, &[&resumed[..], &["--policy", "allow.toml"]].concat(), b"");
    assert!(code == 2 && message.contains("the policy of the checkpoint"), "{message}");
}

#[test]
fn public_captures_of_attacks_have_incidents_and_others_have_none() {
    let Some(packets) = public_data::find("packets") else { return };
    let watch = |folder: &str, name: &str| {
        let path = packets.join(folder).join(name);
        let output = run(&packets, &["watch", path.to_str().unwrap()], b"");
        let mut last = BTreeMap::new();
        for event in events(&String::from_utf8(output.stdout).unwrap()) {
            last.insert(event["id"].as_str().unwrap().to_owned(), event);
        }
        last.into_values().collect::<Vec<_>>()
    };
    for (name, kind, attacker, victim) in [
        ("lab_nmap_scan.pcapng", "port_scan", "10.0.2.15", "10.0.2.4"),
        ("suri_syn_flood_200.pcap", "syn_flood", "192.0.2.10", "198.51.100.5"),
        ("slips_icmp_scan.pcap", "host_scan", "192.168.1.109", ""),
        ("slips_cc_beacon1.pcap", "beacon", "147.32.80.37", "141.193.213.21"),
    ] {
        let found = watch("attack", name);
        assert_eq!(found.len(), 1, "{name}: {found:#?}");
        assert_eq!(
            (&found[0]["kind"], &found[0]["attackers"]["hosts"]),
            (&json!(kind), &json!([attacker])),
            "{name}"
        );
        assert!(victim.is_empty() || found[0]["victims"]["hosts"] == json!([victim]), "{name}");
    }
    for file in fs::read_dir(packets.join("benign")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let severe = |event: &&Value| ["high", "critical"].contains(&event["severity"].as_str().unwrap());
        assert_eq!(watch("benign", &name).iter().filter(severe).count(), 0, "{name}");
    }
}
