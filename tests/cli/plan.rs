//! `plan`: from what `assess` and `watch` write to configuration.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::command::{fails, ok, run};

fn line(id: &str, source: &str, action: &str) -> String {
    let line =
        json!({ "id": id, "src_ip": source, "action": action, "ttl_s": 600, "time": "2023-11-14T22:13:20Z" });
    format!("{line}\n")
}

/// Two files with a drop that both contain and a host of the allow-list.
fn findings() -> TempDir {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let drop = line("00000000000000a1", "203.0.113.7", "drop");
    fs::write(at.join("one.jsonl"), drop.clone() + &line("00000000000000a2", "192.0.2.53", "drop")).unwrap();
    fs::write(at.join("two.jsonl"), drop).unwrap();
    fs::write(at.join("policy.toml"), "version = 1\nallow = ['192.0.2.53']\n").unwrap();
    folder
}

const NOW: [&str; 2] = ["--now", "2023-11-14T22:13:30Z"];

#[test]
fn findings_become_configuration_and_a_summary() {
    let folder = findings();
    let at = folder.path();
    let all = ["plan", "one.jsonl", "two.jsonl", "--policy", "policy.toml"];
    let arguments = |more: &[&'static str]| [&all[..], &NOW[..], more].concat();
    let output = run(at, &arguments(&["--render", "nftables"]), b"");
    let (text, summary) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(text.contains("203.0.113.7 timeout 590s comment \"qg:00000000000000a1\""), "{text}");
    for expected in [
        "3 decisions, 1 planned entries for 1 hosts",
        "1 entries for nftables",
        "  1 in the allow-list",
        "plan again in 590 s",
        "nothing is changed: this is a plan",
    ] {
        assert!(summary.contains(expected), "{summary}");
    }
    assert_eq!(
        ok(at, &arguments(&["--render", "gobgp", "--rollback"]), b""),
        "gobgp global rib del -a ipv4-flowspec match source 203.0.113.7/32 then discard\n"
    );
    assert_eq!(ok(at, &arguments(&[]), b""), "203.0.113.7/32: drop for 590 s (qg:00000000000000a1)\n");
    let plan: Value = serde_json::from_str(&ok(at, &arguments(&["--json"]), b"")).unwrap();
    assert_eq!(plan["skipped"][0]["reason"], "allow_listed");

    // From a pipe, and into files, one for each transaction.
    let piped =
        line("00000000000000a1", "203.0.113.7", "drop") + &line("00000000000000a4", "203.0.113.8", "isolate");
    fs::write(at.join("small.json"), r#"{"render": {"nftables": {"elements_per_transaction": 1}}}"#).unwrap();
    let to_files = ["plan", "-", "--render", "nftables", "--settings", "small.json", "-o", "plan.nft"];
    assert_eq!(ok(at, &[&to_files[..], &NOW[..]].concat(), piped.as_bytes()), "");
    assert!(fs::read_to_string(at.join("plan-0001.nft")).unwrap().starts_with("add table inet qosguard\n"));
    assert!(
        fs::read_to_string(at.join("plan-0002.nft"))
            .unwrap()
            .starts_with("add element inet qosguard drop4 {\n")
    );

    // At another time nothing is left.
    let output = run(at, &["plan", "one.jsonl", "--render", "webhook"], b"");
    assert!(output.stdout.is_empty() && String::from_utf8(output.stderr).unwrap().contains("2 expired"));
}

#[test]
fn a_wrong_input_is_an_error_with_its_place() {
    let folder = findings();
    let at = folder.path();
    fs::write(at.join("wrong.jsonl"), line("00000000000000a1", "203.0.113.7", "dorp")).unwrap();
    let (code, message) = fails(at, &["plan", "wrong.jsonl"], b"");
    assert!(
        code == 3 && message.contains("wrong.jsonl, line 1, column `action`: \"dorp\" is not allow,"),
        "{message}"
    );
    fs::write(at.join("wrong.json"), r#"{"plan": {"max_host": 1}}"#).unwrap();
    let (code, message) = fails(at, &["plan", "one.jsonl", "--settings", "wrong.json"], b"");
    assert!(code == 2 && message.contains("wrong.json: plan.max_host"), "{message}");
    let (code, message) = fails(at, &["plan", "one.jsonl", "--now", "noon"], b"");
    assert!(code == 2 && message.contains("expected a time such as"), "{message}");
    let (code, _) = fails(at, &["plan", "none.jsonl"], b"");
    assert_eq!(code, 6);
    let (code, message) = fails(at, &["plan", "one.jsonl", "-o", "one.jsonl"], b"");
    assert!(code == 2 && message.contains("a file that is not an input"), "{message}");
    fs::write(at.join("flows.csv"), "a,b\n1,2\n").unwrap();
    let (code, message) = fails(at, &["plan", "flows.csv"], b"");
    assert!(code == 3 && message.contains("missing `id`"), "{message}");
}

#[test]
fn what_assess_and_watch_write_becomes_the_same_plan() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    ok(at, &["simulate", "--rows", "3000", "--attack-share", "0.2", "-o", "flows.csv"], b"");
    ok(at, &["train", "flows.csv", "-o", "edge.qosguard"], b"");
    let json = ok(at, &["assess", "edge.qosguard", "flows.csv", "--json", "--all"], b"");
    fs::write(at.join("findings.jsonl"), &json).unwrap();
    let first: Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    let now = first["time"].as_str().unwrap().to_owned();
    let plan = |name: &str| -> Value {
        serde_json::from_str(&ok(at, &["plan", name, "--json", "--now", &now], b"")).unwrap()
    };
    let expected = plan("findings.jsonl");
    assert!(expected["entries"].as_array().unwrap().len() > 10);
    for name in ["verdicts.csv", "verdicts.parquet", "verdicts.arrow", "verdicts.jsonl"] {
        ok(at, &["assess", "edge.qosguard", "flows.csv", "-o", name], b"");
        let read = plan(name);
        assert_eq!(read["entries"], expected["entries"], "{name}");
        assert_eq!(read["skipped"], expected["skipped"], "{name}");
    }

    ok(
        at,
        &["simulate", "--kind", "traffic", "--duration", "900", "--attacks", "port_scan", "-o", "scan.csv"],
        b"",
    );
    let events = ok(at, &["watch", "scan.csv"], b"");
    fs::write(at.join("incidents.jsonl"), &events).unwrap();
    let last: Value = serde_json::from_str(events.lines().last().unwrap()).unwrap();
    let now = last["updated"].as_str().unwrap();
    let plan = ok(at, &["plan", "incidents.jsonl", "--now", now, "--render", "webhook"], b"");
    let entry: Value = serde_json::from_str(plan.lines().next().unwrap()).unwrap();
    let attacker = last["attackers"]["hosts"][0].as_str().unwrap();
    assert_eq!(entry["source"], format!("{attacker}/32"));
}
