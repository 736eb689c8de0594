//! `watch --ledger`, `decisions` and `allowlist`: from records to a ledger, and back to nothing.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::command::{fails, ok, run};
use crate::watch::scan;

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A folder with a ledger of one port scan.
fn watched() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("scan.jsonl"), scan(1..500)).unwrap();
    ok(folder.path(), &["watch", "scan.jsonl", "--ledger", "ledger.jsonl"], b"");
    folder
}

fn decisions(at: &Path, arguments: &[&str]) -> String {
    ok(at, &[&["decisions", "--ledger", "ledger.jsonl"], arguments].concat(), b"")
}

#[test]
fn an_incident_is_a_dry_run_in_the_ledger_until_an_operator_allows_its_host() {
    let folder = watched();
    let at = folder.path();
    let live = lines(&decisions(at, &["list", "--json"]));
    assert_eq!(live.len(), 1);
    assert_eq!((&live[0]["entity"], &live[0]["outcome"]), (&json!("10.0.0.66"), &json!("dry_run")));
    assert!(live[0]["reason"].as_str().unwrap().starts_with("port scan: "));
    assert_eq!(live[0]["policy"].as_str().unwrap().len(), 64);
    let id = live[0]["id"].as_str().unwrap();
    let text = decisions(at, &["list"]);
    assert!(text.starts_with("10.0.0.66: ") && text.contains(id), "{text}");
    let activity = &lines(&decisions(at, &["list", "--format", "ocsf"]))[0];
    assert_eq!((&activity["class_uid"], &activity["command_uid"]), (&json!(7004), &json!(id)));

    fs::write(at.join("policy.toml"), "version = 1 # first\nallow = [\n  '192.0.2.53', # dns\n]\n").unwrap();
    let check = ["allowlist", "check", "10.0.0.66", "--policy", "policy.toml"];
    assert_eq!(run(at, &check, b"").status.code(), Some(1));
    let add = [
        "allowlist",
        "add",
        "10.0.0.0/24",
        "--policy",
        "policy.toml",
        "--ledger",
        "ledger.jsonl",
        "--time",
        "2023-11-14T22:20:00Z",
    ];
    let printed = ok(at, &add, b"");
    assert_eq!(printed, format!("added 10.0.0.0/24 to policy.toml\nrevoked 1 live decisions\n  {id}\n"));
    let written = fs::read_to_string(at.join("policy.toml")).unwrap();
    assert_eq!(written, "version = 1 # first\nallow = [\n  '192.0.2.53', # dns\n  \"10.0.0.0/24\",\n]\n");
    assert_eq!(ok(at, &check, b""), "10.0.0.66/32 is in the allow-list: 10.0.0.0/24\n");
    assert_eq!(
        ok(at, &["allowlist", "list", "--policy", "policy.toml"], b""),
        "192.0.2.53/32\n10.0.0.0/24\n"
    );
    assert_eq!(decisions(at, &["list"]), "");
    let story = decisions(at, &["explain", id]);
    assert!(story.lines().count() >= 2 && story.contains("was revoked with"), "{story}");
    assert!(story.ends_with("Reason: added to the allow-list.\n"), "{story}");
    // The policy now leaves the host alone.
    ok(at, &["watch", "scan.jsonl", "--policy", "policy.toml", "--ledger", "ledger.jsonl"], b"");
    assert_eq!(decisions(at, &["list"]), "");
    ok(at, &["allowlist", "remove", "10.0.0.0/24", "--policy", "policy.toml"], b"");
    let (code, message) = fails(at, &["allowlist", "remove", "10.0.0.0/24", "--policy", "policy.toml"], b"");
    assert!(code == 2 && message.contains("a prefix of the allow-list"), "{message}");
}

#[test]
fn decisions_expire_by_the_watermark_of_the_stream() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    // Another host goes on for 20 minutes after the scan.
    let later = (1..60).map(|n| {
        let time = format!("{}.0", 1_700_000_005 + 20 * n);
        scan(1..2).replace("1700000000.01", &time).replace("10.0.0.66", "10.0.0.9")
    });
    fs::write(at.join("scan.jsonl"), scan(1..500) + &later.collect::<String>()).unwrap();
    ok(at, &["watch", "scan.jsonl", "--ledger", "ledger.jsonl"], b"");
    assert_eq!(decisions(at, &["list"]), "");
    let all = lines(&decisions(at, &["list", "--all", "--json"]));
    assert_eq!(all.last().unwrap()["outcome"], "expired");
    assert_eq!(all.iter().filter(|line| line["outcome"] == "expired").count(), 1);
}

#[test]
fn the_end_of_the_records_is_not_the_end_of_the_decisions() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let action = "{ action = 'drop', ttl_s = 30 }";
    let actions =
        ["low", "medium", "high", "critical"].map(|severity| format!("{severity} = {action}\n")).concat();
    fs::write(at.join("policy.toml"), format!("version = 1\nrules = []\n[actions]\n{actions}")).unwrap();
    fs::write(at.join("scan.jsonl"), scan(1..500)).unwrap();
    // The incident closes 60 s after its last record.
    ok(at, &["watch", "scan.jsonl", "--policy", "policy.toml", "--ledger", "ledger.jsonl"], b"");
    assert_eq!(lines(&decisions(at, &["list", "--json"])).len(), 1);
}

#[test]
fn an_operator_adds_and_deletes_decisions() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let added = decisions(
        at,
        &[
            "add",
            "203.0.113.0/24",
            "rate-limit",
            "--bytes-per-second",
            "1000",
            "--ttl",
            "120",
            "--json",
            "--reason",
            "a \"test\"",
        ],
    );
    let added = &lines(&added)[0];
    assert_eq!(
        (&added["action"], &added["bytes_per_second"], &added["ttl_s"]),
        (&json!("rate_limit"), &json!(1000), &json!(120))
    );
    let id = added["id"].as_str().unwrap();
    assert_eq!(lines(&decisions(at, &["list", "--json"])).len(), 1);
    decisions(at, &["delete", id]);
    assert_eq!(decisions(at, &["list"]), "");
    let (code, message) = fails(at, &["decisions", "delete", id, "--ledger", "ledger.jsonl"], b"");
    assert!(code == 2 && message.contains("the id of a live decision"), "{message}");
    fs::write(at.join("policy.toml"), "version = 1\nallow = ['203.0.113.7']\n").unwrap();
    let skipped =
        lines(&decisions(at, &["add", "203.0.113.0/24", "drop", "--policy", "policy.toml", "--json"]));
    assert_eq!(skipped[0]["outcome"], "skipped");
    let (code, message) = fails(at, &["decisions", "list"], b"");
    assert!(code == 2 && message.contains("--ledger"), "{message}");
    let (code, _) = fails(at, &["decisions", "list", "--ledger", "none.jsonl"], b"");
    assert_eq!(code, 6);
}

#[test]
fn an_edited_ledger_is_an_error_with_the_number_of_the_line() {
    let folder = watched();
    let at = folder.path();
    let text = fs::read_to_string(at.join("ledger.jsonl")).unwrap();
    fs::write(at.join("ledger.jsonl"), text.replace("10.0.0.66", "10.0.0.67")).unwrap();
    for arguments in [
        &["decisions", "list", "--ledger", "ledger.jsonl"][..],
        &["watch", "scan.jsonl", "--ledger", "ledger.jsonl"],
    ] {
        let (code, message) = fails(at, arguments, b"");
        assert!(
            code == 4 && message.contains("ledger.jsonl: the chain is broken at line 1"),
            "{code} {message}"
        );
    }
    // A part of a line is cut off.
    fs::write(at.join("ledger.jsonl"), &text[..text.len() - 10]).unwrap();
    let (code, message) =
        fails(at, &["decisions", "add", "10.0.0.1", "drop", "--ledger", "ledger.jsonl"], b"");
    assert!(code == 0 && message.contains("the last line of the ledger had no end"), "{message}");
}
