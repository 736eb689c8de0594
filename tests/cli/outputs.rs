//! Where results go.

use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::command::{fails, ok};

#[test]
fn a_failed_command_leaves_no_file_and_keeps_an_old_one() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    ok(at, &["simulate", "--rows", "2000", "-o", "a.csv"], b"");
    std::fs::write(at.join("b.csv"), "a,b\n1,2\n").unwrap();
    std::fs::write(at.join("old.csv"), "old\n").unwrap();
    for output in ["all.csv", "all.jsonl", "all.parquet", "all.arrow", "old.csv"] {
        assert_eq!(fails(at, &["flows", "a.csv", "b.csv", "-o", output], b"").0, 3, "{output}");
    }
    let mut names: Vec<_> = at.read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["a.csv", "b.csv", "old.csv"]);
    assert_eq!(std::fs::read(at.join("old.csv")).unwrap(), b"old\n");
}

#[test]
fn what_is_read_is_never_written_over() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    ok(at, &["simulate", "--rows", "3000", "-o", "flows.csv"], b"");
    ok(at, &["train", "flows.csv", "-o", "edge.qosguard"], b"");
    let before = std::fs::read(at.join("flows.csv")).unwrap();
    for arguments in [
        &["flows", "flows.csv", "-o", "./flows.csv"][..],
        &["train", "flows.csv", "-o", "flows.csv"],
        &["assess", "edge.qosguard", "flows.csv", "-o", "flows.csv"],
    ] {
        let (code, message) = fails(at, arguments, b"");
        assert_eq!(code, 2, "{arguments:?}: {message}");
        assert!(message.contains("flows.csv") && message.contains("not an input"), "{message}");
        assert!(std::fs::read(at.join("flows.csv")).unwrap() == before, "{arguments:?}");
    }
}

#[test]
fn a_closed_pipe_ends_the_command_in_silence() {
    let folder = TempDir::new().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_qosguard"))
        .args(["simulate", "--rows", "200000"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
#[cfg(unix)]
fn both_outputs_may_be_closed() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    ok(at, &["simulate", "--rows", "3000", "-o", "flows.csv"], b"");
    for arguments in [
        "flows flows.csv",
        "flows flows.csv -o x.jsonl",
        "flows nowhere.csv",
        "train flows.csv -o m.qosguard",
    ] {
        // `true` reads nothing and ends: standard output and error are closed while the command runs.
        let script =
            format!("(sleep .2; {} {arguments}; echo $? >code) 2>&1 | true", env!("CARGO_BIN_EXE_qosguard"));
        let status = Command::new("sh").args(["-c", &script]).current_dir(at).status().unwrap();
        assert!(status.success());
        let code = || std::fs::read_to_string(at.join("code")).unwrap_or_default();
        while code().is_empty() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let expected = if arguments.contains("nowhere") { "6\n" } else { "0\n" };
        assert_eq!(code(), expected, "{arguments}");
        std::fs::remove_file(at.join("code")).unwrap();
    }
}

#[test]
fn completions_and_manual_pages_are_made() {
    let folder = TempDir::new().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let script = ok(folder.path(), &["completions", shell], b"");
        assert!(script.contains("assess"), "{shell}");
    }
    ok(folder.path(), &["man", "pages"], b"");
    let page = std::fs::read_to_string(folder.path().join("pages/qosguard-assess.1")).unwrap();
    assert!(page.contains("exit"), "{page}");
}
