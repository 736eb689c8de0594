//! Ctrl-C and SIGTERM.
#![cfg(unix)]

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::command::{capture, ended_by, live_capture, netflow5, ok, send};

#[test]
fn ctrl_c_ends_a_collector_and_its_file() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let exporter = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_qosguard"))
        .args(["flows", &format!("udp://{free}"), "-o", "flows.parquet"])
        .current_dir(at)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The file has no name yet.
    while at.read_dir().unwrap().next().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(!at.join("flows.parquet").exists());
    exporter.send_to(&netflow5(), free).unwrap();
    send("INT", &child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(ok(at, &["flows", "flows.parquet"], b"").lines().count(), 2);
}

#[test]
fn ctrl_c_lets_a_live_capture_come_to_its_end() {
    let (mut child, mut stdin, lines) = live_capture(&["flows", "-"], 150);
    send("INT", &child);
    stdin.write_all(&capture(151)[24 + 150 * 46..]).unwrap();
    drop(stdin);
    assert_eq!(lines.count(), 151);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_signal_ends_long_work_and_leaves_no_file() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    ok(at, &["simulate", "--rows", "100000", "-o", "flows.arrow"], b"");
    std::fs::write(at.join("slow.json"), r#"{"kind": "boosted_trees", "trees": 10000, "leaves": 255}"#)
        .unwrap();
    let message = "qosguard: the work was cancelled\n";
    let train: &[&str] = &["train", "flows.arrow", "-o", "edge.qosguard", "--detector", "slow.json"];
    let simulate: &[&str] = &["simulate", "--rows", "900000000", "-o", "many.csv"];
    for (signal, code, arguments) in
        [("INT", 130, train), ("INT", 130, simulate), ("TERM", 143, train), ("TERM", 143, simulate)]
    {
        assert_eq!(
            ended_by(signal, at, arguments),
            (Some(code), message.to_owned()),
            "{signal} {arguments:?}"
        );
        let mut names: Vec<_> = at.read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["flows.arrow", "slow.json"], "{signal} {arguments:?}");
    }
}

/// Starts a command with an open standard input.
fn start(directory: &Path, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_qosguard"))
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Sends a signal to a command that waits, and returns what it ended with. It must end within half a second; a second is
/// allowed for a busy machine.
fn end(signal: &str, child: Child) -> Output {
    std::thread::sleep(Duration::from_millis(500));
    send(signal, &child);
    let sent = Instant::now();
    let output = child.wait_with_output().unwrap();
    assert!(sent.elapsed() < Duration::from_secs(1), "{:?}", sent.elapsed());
    output
}

#[test]
fn a_signal_ends_a_command_that_waits_for_its_first_record() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    ok(at, &["simulate", "--rows", "500", "-o", "flows.csv"], b"");
    ok(at, &["train", "flows.csv", "-o", "edge.qosguard"], b"");
    assert!(Command::new("mkfifo").arg(at.join("pipe")).status().unwrap().success());
    for input in ["-", "pipe"] {
        for arguments in [
            &["flows", input, "-o", "out.csv"][..],
            &["train", input, "-o", "new.qosguard"],
            &["assess", "edge.qosguard", input],
            &["flows", input, "--print-schema"],
        ] {
            for (signal, code) in [("INT", 130), ("TERM", 143)] {
                let mut child = start(at, arguments);
                let stdin = child.stdin.take();
                assert_eq!(end(signal, child).status.code(), Some(code), "{signal} {arguments:?}");
                drop(stdin);
            }
        }
    }
    assert_eq!(at.read_dir().unwrap().count(), 3, "no part of a file is left");
}

#[test]
fn a_signal_ends_a_live_input_and_what_was_read_is_written() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    for (signal, output) in [("INT", "a.csv"), ("TERM", "b.csv")] {
        let mut child = start(at, &["flows", "-", "-o", output]);
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&capture(20)).unwrap();
        stdin.flush().unwrap();
        let ended = end(signal, child);
        assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
        assert_eq!(std::fs::read_to_string(at.join(output)).unwrap().lines().count(), 21);
        drop(stdin);
    }
    assert_eq!(at.read_dir().unwrap().count(), 2);

    // Half a training set is not trained on.
    let mut child = start(at, &["train", "-", "-o", "edge.qosguard"]);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(ok(at, &["simulate", "--rows", "500"], b"").as_bytes()).unwrap();
    stdin.flush().unwrap();
    assert_eq!(end("INT", child).status.code(), Some(130));
    assert!(!at.join("edge.qosguard").exists());
}
