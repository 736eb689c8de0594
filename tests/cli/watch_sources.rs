//! `watch` with several sources, and the formats of its incidents.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::command::{fails, netflow5, ok, run};

/// One line of `flow_detail`: a host that tries a port of another host.
fn record(step: u32, src: &str) -> String {
    let record = json!({
        "time": 1_700_000_000.0 + f64::from(step) * 0.25, "src_ip": src, "dst_ip": "10.0.0.7", "src_port": 40_000,
        "dst_port": 1 + step, "protocol": "tcp", "service": "", "duration": 0.0, "fwd_packets": 1, "bwd_packets": 0,
        "fwd_bytes": 60, "bwd_bytes": 0, "syn_count": 1, "fin_count": 0, "rst_count": 0, "iat_mean_ms": 0,
        "iat_std_ms": 0,
    });
    format!("{record}\n")
}

/// A line of Zeek's conn.log in JSON, and one of Suricata's eve.json.
fn zeek(step: u32) -> String {
    let record = json!({
        "ts": 1_700_000_000.0 + f64::from(step) * 0.25, "uid": format!("C{step}"), "id.orig_h": "10.0.0.66",
        "id.orig_p": 40_000, "id.resp_h": "10.0.0.7", "id.resp_p": 1 + step, "proto": "tcp", "duration": 0.1,
        "orig_bytes": 0, "resp_bytes": 0, "conn_state": "S0", "missed_bytes": 0, "history": "S", "orig_pkts": 1,
        "orig_ip_bytes": 60, "resp_pkts": 0, "resp_ip_bytes": 0,
    });
    format!("{record}\n")
}

fn eve(step: u32) -> String {
    let second = f64::from(step) * 0.25;
    let time = |second: f64| format!("2023-11-14T22:13:{:09.6}+0000", 20.0 + second);
    let record = json!({
        "timestamp": time(second + 0.1), "flow_id": step, "event_type": "flow", "src_ip": "10.0.0.77", "src_port": 40_000,
        "dest_ip": "10.0.0.8", "dest_port": 1 + step, "proto": "TCP",
        "flow": {"pkts_toserver": 1, "pkts_toclient": 0, "bytes_toserver": 60, "bytes_toclient": 0,
                 "start": time(second), "end": time(second + 0.1), "age": 0, "state": "new", "reason": "timeout"},
    });
    format!("{record}\n")
}

fn events(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn stderr(at: &Path, arguments: &[&str]) -> String {
    String::from_utf8(run(at, arguments, b"").stderr).unwrap()
}

#[test]
fn two_files_are_the_same_as_one_merged_file() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let (mut all, mut odd, mut even) = (String::new(), String::new(), String::new());
    for step in 0..2_000 {
        // Blocks of different length, and two records at the same time.
        let src = if step % 7 < 3 { "10.0.0.66" } else { "10.0.0.99" };
        let line = record(step, src);
        if step % 7 < 3 {
            odd.push_str(&line);
        } else {
            even.push_str(&line);
        }
        all.push_str(&line);
    }
    fs::write(at.join("all.jsonl"), all).unwrap();
    fs::write(at.join("odd.jsonl"), odd).unwrap();
    fs::write(at.join("even.jsonl"), even).unwrap();
    let merged = ok(at, &["watch", "all.jsonl"], b"");
    assert!(events(&merged).len() >= 4, "{merged}");
    assert_eq!(ok(at, &["watch", "odd.jsonl", "even.jsonl"], b""), merged);
    assert_eq!(ok(at, &["watch", "even.jsonl", "odd.jsonl"], b""), merged);
    let summary = stderr(at, &["watch", "even.jsonl", "odd.jsonl"]);
    assert!(summary.starts_with("2000 records, 2 incidents, warming"), "{summary}");
    assert!(!summary.contains("late"), "{summary}");
}

#[test]
fn logs_of_different_kinds_are_watched_together() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    fs::write(at.join("conn.log"), (0..120).map(zeek).collect::<String>()).unwrap();
    fs::write(at.join("eve.json"), (0..120).map(eve).collect::<String>()).unwrap();
    let found = events(&ok(at, &["watch", "conn.log", "eve.json"], b""));
    let attackers: std::collections::BTreeSet<&str> =
        found.iter().map(|event| event["attackers"]["hosts"][0].as_str().unwrap()).collect();
    assert_eq!(attackers.into_iter().collect::<Vec<_>>(), ["10.0.0.66", "10.0.0.77"], "{found:?}");
    assert!(stderr(at, &["watch", "conn.log", "eve.json"]).starts_with("240 records, 2 incidents"));
    // A file and a pipe.
    let piped = run(at, &["watch", "conn.log", "-"], (0..120).map(eve).collect::<String>().as_bytes());
    let summary = String::from_utf8(piped.stderr).unwrap();
    assert!(summary.contains("240 records, 2 incidents"), "{summary}");
    assert_eq!(piped.status.code(), Some(0));
}

#[test]
fn a_source_that_fails_is_reported_and_the_others_continue() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    fs::write(at.join("good.jsonl"), (0..200).map(|step| record(step, "10.0.0.66")).collect::<String>())
        .unwrap();
    fs::write(
        at.join("bad.jsonl"),
        format!("{}{}", record(0, "10.0.0.1"), "{\"time\": tomorrow}\n".repeat(500)),
    )
    .unwrap();
    fs::write(at.join("empty.jsonl"), "").unwrap();
    let output = run(at, &["watch", "good.jsonl", "bad.jsonl", "gone.jsonl"], b"");
    let messages = String::from_utf8(output.stderr).unwrap();
    assert!(messages.contains("source failed: ") && messages.contains("bad.jsonl"), "{messages}");
    assert!(messages.contains("gone.jsonl") && messages.contains("2 of 3 sources failed"), "{messages}");
    assert_eq!(events(&String::from_utf8(output.stdout).unwrap())[0]["kind"], "port_scan", "{messages}");
    assert_eq!(output.status.code(), Some(6), "the first source that failed cannot be read: {messages}");
    // An empty file, such as a log that was rotated, is not a failure.
    let summary = stderr(at, &["watch", "good.jsonl", "empty.jsonl"]);
    assert!(summary.starts_with("200 records, 1 incident"), "{summary}");
    let (code, message) = fails(at, &["watch", "gone.jsonl"], b"");
    assert!(code == 6 && message.contains("gone.jsonl"), "{message}");
    let (code, message) = fails(at, &["watch", "-", "-"], b"");
    assert!(code == 2 && message.contains("standard input at most once"), "{message}");
}

#[cfg(unix)]
#[test]
fn live_and_other_sources_are_read_together() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    fs::write(at.join("conn.log"), (0..200).map(zeek).collect::<String>()).unwrap();
    fs::write(at.join("eve.json"), (0..10).map(eve).collect::<String>()).unwrap();
    let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_qosguard"))
        .args(["watch", "conn.log", "eve.json", &format!("udp://{free}")])
        .current_dir(at)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let exporter = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        exporter.send_to(&netflow5(), free).ok();
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(child.try_wait().unwrap().is_none(), "the socket has no end");
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    let messages = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{messages}");
    let records: u64 = messages.lines().find_map(|line| line.split_once(" records")?.0.parse().ok()).unwrap();
    assert!(records > 210, "{messages}");
    assert_eq!(
        events(&String::from_utf8(output.stdout).unwrap())[0]["attackers"]["hosts"],
        json!(["10.0.0.66"])
    );
}

#[test]
fn incidents_have_the_formats_of_other_systems() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    fs::write(at.join("scan.jsonl"), (0..200).map(|step| record(step, "10.0.0.66")).collect::<String>())
        .unwrap();
    let own = events(&ok(at, &["watch", "scan.jsonl"], b""));
    let with = |format: &str| ok(at, &["watch", "scan.jsonl", "--format", format], b"");
    let findings = events(&with("ocsf"));
    let documents = events(&with("ecs"));
    let lines = with("cef");
    assert_eq!((findings.len(), documents.len(), lines.lines().count()), (own.len(), own.len(), own.len()));
    for (own, (finding, (document, line))) in
        own.iter().zip(findings.iter().zip(documents.iter().zip(lines.lines())))
    {
        assert_eq!(finding["finding_info"]["uid"], own["id"]);
        assert_eq!(document["event"]["id"], own["id"]);
        assert!(
            line.starts_with("CEF:0|qosguard|qosguard|") && line.contains(own["id"].as_str().unwrap()),
            "{line}"
        );
    }
    assert_eq!(findings.last().unwrap()["type_uid"], 200_403);
    let text = stderr(at, &["watch", "scan.jsonl", "--format", "text"]);
    assert!(
        text.contains(
            "0 late, 0 too far ahead, 0 without a valid time, 0 rejected\nlatency per record: p50 "
        ),
        "{text}"
    );
}
