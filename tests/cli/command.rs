//! Runs the command, and makes inputs for it.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

/// Runs the command in a folder, with some standard input.
pub(crate) fn run(directory: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_qosguard"))
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // The command may end before it has read everything.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// Runs a command that must succeed; gives its standard output.
pub(crate) fn ok(directory: &Path, arguments: &[&str], input: &[u8]) -> String {
    let output = run(directory, arguments, input);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command that must fail; gives its exit code and message.
pub(crate) fn fails(directory: &Path, arguments: &[&str], input: &[u8]) -> (i32, String) {
    let output = run(directory, arguments, input);
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// Starts the command on a capture of this many packets that stays open, and reads the header of its flows.
pub(crate) fn live_capture(
    arguments: &[&str],
    packets: u16,
) -> (Child, ChildStdin, Lines<BufReader<ChildStdout>>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_qosguard"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&capture(packets)).unwrap();
    stdin.flush().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().starts_with("id,"));
    (child, stdin, lines)
}

/// A capture (pcap, raw IP) of one UDP packet a second, each of a flow of its own.
pub(crate) fn capture(packets: u16) -> Vec<u8> {
    let mut capture = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0002_0004, 0, 0, 65_535, 101] {
        capture.extend(word.to_be_bytes());
    }
    for i in 0..packets {
        for word in [1_700_000_000 + u32::from(i), 0, 30, 30] {
            capture.extend(word.to_be_bytes());
        }
        capture.extend([0x45, 0, 0, 30, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
        capture.extend((1_000 + i).to_be_bytes());
        capture.extend([0, 53, 0, 10, 0, 0, 1, 2]);
    }
    capture
}

/// A NetFlow v5 datagram of one flow.
pub(crate) fn netflow5() -> Vec<u8> {
    let mut datagram = vec![0, 5, 0, 1];
    datagram.extend([0; 20]);
    datagram.extend([10, 0, 0, 1, 10, 0, 0, 2, 0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 180]);
    datagram.extend([0, 0, 0, 1, 0, 0, 0, 2, 0x30, 0x39, 0, 53, 0, 0, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    datagram
}

/// Sends a signal, such as `INT` for Ctrl-C, to one process alone.
#[cfg(unix)]
pub(crate) fn send(signal: &str, child: &std::process::Child) {
    let sent = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status().unwrap();
    assert!(sent.success(), "the command ended by itself");
}

/// Starts a command, sends a signal after a moment, and returns its exit code and what it wrote to standard error.
#[cfg(unix)]
pub(crate) fn ended_by(signal: &str, directory: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let child = Command::new(env!("CARGO_BIN_EXE_qosguard"))
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1500));
    send(signal, &child);
    let sent = std::time::Instant::now();
    let output = child.wait_with_output().unwrap();
    assert!(sent.elapsed() < std::time::Duration::from_secs(5), "{arguments:?}: {:?}", sent.elapsed());
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}
