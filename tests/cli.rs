//! The `qosguard` command as a shell calls it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// Runs the command in a folder, with some standard input.
fn run(directory: &Path, arguments: &[&str], input: &[u8]) -> Output {
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
fn ok(directory: &Path, arguments: &[&str], input: &[u8]) -> String {
    let output = run(directory, arguments, input);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command that must fail; gives its exit code and message.
fn fails(directory: &Path, arguments: &[&str], input: &[u8]) -> (i32, String) {
    let output = run(directory, arguments, input);
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

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
    let told = ok(at, &["assess", "edge.qosguard", "flows.csv", "-o", "verdicts.parquet"], b"");
    assert!(told.starts_with(&summary) && !told.contains("->"), "{told}");
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
    assert!(verdicts.lines().next().unwrap().ends_with("rule,probability,verdict_family"), "{verdicts:.300}");
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
    let told = ok(at, &["assess", "edge.qosguard", "test.csv"], b"");
    let findings = |told: &str| -> Vec<String> {
        told.lines().filter(|line| line.starts_with("  ") && line.contains(" -> ")).map(Into::into).collect()
    };
    let worst = findings(&told);
    assert_eq!(worst.len(), 10, "{told}");
    assert!(
        told.contains("by the labels: recall ") && told.contains("asked for 1 % false positives"),
        "{told}"
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
fn messages_name_the_option_that_was_typed() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    ok(at, &["simulate", "--rows", "500", "-o", "flows.csv"], b"");
    for (arguments, start) in [
        (
            &["train", "flows.csv", "-o", "m", "--false-positive-rate", "5"][..],
            "`--false-positive-rate` must be ",
        ),
        (&["flows", "flows.csv", "-o", "x.xlsx"], "`--output` must be a name that ends in .csv"),
        (&["flows", "flows.csv", "--max-rejected-share", "2"], "`--max-rejected-share` must be "),
        (&["simulate", "--attack-share", "2"], "`--attack-share` must be "),
        (&["simulate", "--rows", "0"], "`--rows` must be "),
    ] {
        let (code, message) = fails(at, arguments, b"");
        assert_eq!(code, 2, "{message}");
        assert!(message.starts_with(&format!("qosguard: {start}")), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }
    std::fs::write(at.join("mine.csv"), (0..200).map(|i| format!("c{i}")).collect::<Vec<_>>().join(","))
        .unwrap();
    let (_, message) = fails(at, &["flows", "mine.csv", "--schema", "nsl_kdd"], b"");
    assert!(message.len() < 1200, "at most a screen: {message}");
}

#[test]
fn input_without_a_usable_record_has_an_exit_code_of_its_own() {
    let folder = TempDir::new().unwrap();
    // A NetFlow v9 packet with data of a template that never came.
    let mut packet = vec![0, 9, 0, 1];
    packet.extend([0; 16]);
    packet.extend([1, 0, 0, 8, 192, 0, 2, 7]);
    std::fs::write(folder.path().join("a.dat"), packet).unwrap();
    let (code, message) = fails(folder.path(), &["flows", "a.dat"], b"");
    assert!((code == 7 || code == 3) && message.contains("a.dat"), "{code}: {message}");
}

#[test]
fn formats_are_converted_and_schemas_are_brought_together() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let flow = "src_ip,dst_ip,src_port,dst_port,protocol,packet_count,byte_count,duration\n\
                192.0.2.1,192.0.2.2,1024,53,17,2,164,0.03\n";
    let lines = ok(at, &["flows", "-", "-o", "out.jsonl"], flow.as_bytes());
    assert_eq!(lines, "");
    let json = std::fs::read_to_string(at.join("out.jsonl")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&record["dst_port"], &record["protocol"]), (&53.into(), &"udp".into()));

    let canonical = ok(at, &["flows", "-", "--to", "canonical_flow"], flow.as_bytes());
    let header = canonical.lines().next().unwrap();
    assert!(header.contains("packets") && !header.contains("packet_count"), "{header}");
}

/// A capture (pcap, raw IP) of one UDP packet a second, each of a flow of its own.
fn capture(packets: u16) -> Vec<u8> {
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

#[test]
fn captures_become_flows_with_the_columns_of_each_profile() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("a.pcap"), capture(20)).unwrap();
    for (profile, column) in
        [("nfstream", "src2dst_bytes"), ("cic", "Flow IAT Mean"), ("cic-legacy", "Fwd IAT Total")]
    {
        let csv = ok(folder.path(), &["flows", "a.pcap", "a.pcap", "--profile", profile], b"");
        assert!(csv.lines().next().unwrap().split(',').any(|name| name == column), "{profile}");
        assert_eq!(csv.lines().count(), 1 + 2 * 20);
    }
    let (code, message) = fails(folder.path(), &["flows", "a.pcap", "--idle-timeout", "0"], b"");
    assert_eq!(code, 2);
    assert!(message.contains("`--idle-timeout` must be in (0, 1e6], got 0"), "{message}");
}

#[test]
fn flows_of_a_live_capture_come_before_it_ends() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_qosguard"))
        .args(["flows", "-", "--idle-timeout", "5"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&capture(20)).unwrap();
    stdin.flush().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().starts_with("id,"));
    let first = lines.next().unwrap().unwrap();
    assert!(first.contains("192.0.2.1,1000,192.0.2.2,53,udp"), "{first}");
    drop(stdin);
    assert_eq!(lines.count(), 19);
    assert!(child.wait().unwrap().success());
}

#[test]
fn exit_codes_mean_something() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let code = |arguments: &[&str], input: &[u8]| fails(at, arguments, input).0;
    assert_eq!(code(&["assess"], b""), 2);
    assert_eq!(code(&["simulate", "--rows", "0"], b""), 2);
    assert_eq!(code(&["flows", "-"], b""), 3);
    assert_eq!(code(&["flows", "-"], b"a\n\"b\nc\n"), 3);
    std::fs::write(at.join("broken.qosguard"), "no guard").unwrap();
    assert_eq!(code(&["inspect", "broken.qosguard"], b""), 4);
    std::fs::write(at.join("policy.toml"), "version = 1\ncolour = 3\n").unwrap();
    ok(at, &["simulate", "--rows", "1000", "-o", "flows.csv"], b"");
    assert_eq!(code(&["train", "flows.csv", "-o", "m.qosguard", "--policy", "policy.toml"], b""), 5);
    let (missing, message) = fails(at, &["flows", "nowhere.csv"], b"");
    assert_eq!(missing, 6);
    assert!(message.contains("nowhere.csv") && message.contains("No such file"), "{message}");
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
        assert!(message.contains("flows.csv") && message.contains("another file"), "{message}");
        assert!(std::fs::read(at.join("flows.csv")).unwrap() == before, "{arguments:?}");
    }
}

/// A NetFlow v5 datagram of one flow.
fn netflow5() -> Vec<u8> {
    let mut datagram = vec![0, 5, 0, 1];
    datagram.extend([0; 20]);
    datagram.extend([10, 0, 0, 1, 10, 0, 0, 2, 0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 180]);
    datagram.extend([0, 0, 0, 1, 0, 0, 0, 2, 0x30, 0x39, 0, 53, 0, 0, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    datagram
}

#[test]
fn files_of_exporters_are_read_with_the_templates_of_the_others() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    std::fs::write(at.join("a.dat"), netflow5()).unwrap();
    let rows = ok(at, &["flows", "a.dat"], b"");
    assert!(rows.lines().nth(1).unwrap().contains("10.0.0.1,10.0.0.2,12345,53,udp"), "{rows}");
    // IPFIX: template 256 of one field, the source address, and a record of it.
    let message = |set: &[u8]| [&[0, 10, 0, 16 + set.len() as u8][..], &[0; 12], set].concat();
    std::fs::write(at.join("template.dat"), message(&[0, 2, 0, 12, 1, 0, 0, 1, 0, 8, 0, 4])).unwrap();
    std::fs::write(at.join("data.dat"), message(&[1, 0, 0, 8, 192, 0, 2, 7])).unwrap();
    for files in [["template.dat", "data.dat"], ["data.dat", "template.dat"]] {
        let rows = ok(at, &["flows", files[0], files[1]], b"");
        assert_eq!((rows.lines().count(), rows.contains("192.0.2.7")), (2, true), "{rows}");
    }
    let (code, message) = fails(at, &["flows", "-"], &netflow5());
    assert_eq!(code, 3);
    assert!(message.contains("exports are read from files"), "{message}");
}

/// Ctrl-C as a terminal sends it, but to one process alone.
#[cfg(unix)]
fn interrupt(child: &std::process::Child) {
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
#[cfg(unix)]
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
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(ok(at, &["flows", "flows.parquet"], b"").lines().count(), 2);
}

#[test]
#[cfg(unix)]
fn ctrl_c_lets_a_live_capture_come_to_its_end() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_qosguard"))
        .args(["flows", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&capture(150)).unwrap();
    stdin.flush().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().starts_with("id,"));
    interrupt(&child);
    stdin.write_all(&capture(151)[24 + 150 * 46..]).unwrap();
    drop(stdin);
    assert_eq!(lines.count(), 151);
    assert!(child.wait().unwrap().success());
}

#[test]
fn records_that_another_schema_refuses_are_counted() {
    let folder = TempDir::new().unwrap();
    let schema = r#"
        name = "near"
        columns = [{ name = "p", role = "feature", kind = "number", field = "dst_port", maximum = 1023 }]
    "#;
    std::fs::write(folder.path().join("near.toml"), schema).unwrap();
    let record = |port| format!("192.0.2.1,{port},tcp,2,164,0.03\n");
    let header = "src_ip,dst_port,protocol,packet_count,byte_count,duration\n".to_owned();
    let flows: String = std::iter::once(header).chain((1..40).chain([8080]).map(record)).collect();
    let output = run(folder.path(), &["flows", "-", "--to", "near.toml"], flows.as_bytes());
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("39 flows, 0 records rejected, 1 outside the ranges"), "{told}");
}

#[test]
fn a_stream_stands_alone() {
    let folder = TempDir::new().unwrap();
    for stream in ["-", "udp://127.0.0.1:0"] {
        let (code, message) = fails(folder.path(), &["flows", "a.csv", stream], b"");
        assert_eq!(code, 2);
        assert!(message.contains("one stream alone") && message.contains(stream), "{message}");
    }
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

/// Starts a command, sends Ctrl-C after a moment, and returns its exit code and what it wrote to standard error.
#[cfg(unix)]
fn interrupted(directory: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let child = Command::new(env!("CARGO_BIN_EXE_qosguard"))
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success(), "{arguments:?} ended by itself");
    let sent = std::time::Instant::now();
    let output = child.wait_with_output().unwrap();
    assert!(sent.elapsed() < std::time::Duration::from_secs(5), "{arguments:?}: {:?}", sent.elapsed());
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_long_work_with_code_130_and_no_file() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    ok(at, &["simulate", "--rows", "100000", "-o", "flows.arrow"], b"");
    std::fs::write(at.join("slow.json"), r#"{"kind": "boosted_trees", "trees": 10000, "leaves": 255}"#)
        .unwrap();
    let message = "qosguard: the work was cancelled\n";
    for arguments in [
        &["train", "flows.arrow", "-o", "edge.qosguard", "--detector", "slow.json"][..],
        &["simulate", "--rows", "900000000", "-o", "many.csv"],
    ] {
        assert_eq!(interrupted(at, arguments), (Some(130), message.to_owned()), "{arguments:?}");
    }
    assert!(!at.join("edge.qosguard").exists());
}

#[test]
fn a_rule_on_the_attack_class_decides_and_an_unread_address_is_allowed() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    std::fs::write(
        at.join("policy.toml"),
        "version = 1\ndry_run = false\nallow = [\"10.0.0.0/8\"]\n[[rules]]\nname = \"floods\"\n\
         when = { family = [\"flood\", \"port_scan\"] }\nthen = { action = \"isolate\", ttl_s = 60 }\n",
    )
    .unwrap();
    ok(at, &["simulate", "-o", "sim.csv", "--rows", "3000", "--seed", "3", "--attack-share", "0.2"], b"");
    let train =
        ["train", "sim.csv", "--detector", "boosted_trees", "--policy", "policy.toml", "-o", "g.qosguard"];
    ok(at, &train, b"");
    let csv = std::fs::read_to_string(at.join("sim.csv")).unwrap();
    // Addresses that the allow-list does not hold.
    std::fs::write(at.join("outside.csv"), csv.replace(",10.", ",11.").replace("\n10.", "\n11.")).unwrap();
    let decisions = |name: &str| -> Vec<serde_json::Value> {
        let lines = ok(at, &["assess", "g.qosguard", name, "--json", "--all"], b"");
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let floods =
        decisions("outside.csv").into_iter().filter(|d| d["family"] == "flood" || d["family"] == "port_scan");
    let floods: Vec<serde_json::Value> = floods.collect();
    assert!(floods.len() > 20, "{}", floods.len());
    assert!(floods.iter().all(|d| d["rule"] == "floods" && d["action"] == "isolate"), "{floods:?}");

    std::fs::write(at.join("unread.csv"), csv.replace(",10.", ",010.")).unwrap();
    assert!(decisions("unread.csv").iter().all(|d| d["action"] == "allow"));
    let output = run(at, &["assess", "g.qosguard", "unread.csv"], b"");
    let summary = String::from_utf8(output.stderr).unwrap();
    assert!(summary.contains("records allowed because one of their addresses cannot be read"), "{summary}");
}

#[test]
fn a_guard_states_on_the_terminal_what_it_does_not_keep() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    ok(at, &["simulate", "-o", "few.csv", "--rows", "360", "--seed", "1", "--attack-share", "0"], b"");
    let few = "warning: only 144 calibration rows for a false-positive rate of 0.01; 1000 or more are needed";
    let output = run(at, &["train", "few.csv", "-o", "few.qosguard"], b"");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains(few), "{stderr}");
    assert!(stderr.contains("note: the detector learns no attacks"), "{stderr}");
    assert!(ok(at, &["inspect", "few.qosguard"], b"").contains(few));
    let inspected: serde_json::Value =
        serde_json::from_str(&ok(at, &["inspect", "few.qosguard", "--json"], b"")).unwrap();
    assert!(inspected["notices"].as_array().unwrap().contains(&few.into()), "{inspected}");
    let output = run(at, &["assess", "few.qosguard", "few.csv"], b"");
    assert!(String::from_utf8(output.stderr).unwrap().contains(few));
}

#[test]
fn a_mistake_in_a_policy_names_the_line() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    ok(at, &["simulate", "-o", "sim.csv", "--rows", "500"], b"");
    std::fs::write(at.join("policy.yaml"), "version: 1\nallow:\n  - 010.0.0.0/8\n").unwrap();
    let (code, message) =
        fails(at, &["train", "sim.csv", "--policy", "policy.yaml", "-o", "g.qosguard"], b"");
    assert_eq!(code, 5);
    assert!(
        message
            .contains("policy.yaml, line 3: `allow[0]` must be an address or a prefix without leading zeros"),
        "{message}"
    );
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
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{told}");
    for part in ["label: `Label` (clean: BENIGN)", "numbers: `rtt`", "`row` (a number of the record)"] {
        assert!(told.contains(part), "{told}");
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
fn the_printed_schema_joins_dates_with_times_of_day_and_has_the_codes_of_labels() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let mut text = "Date,Time,site,rtt,is_benign\n".to_owned();
    for row in 0..60 {
        text +=
            &format!("2026-03-01,08:00:{row:02},00{},{}.5,{}\n", row % 3, row % 7, u8::from(row % 4 != 0));
    }
    std::fs::write(at.join("own.csv"), &text).unwrap();
    let toml = ok(at, &["flows", "own.csv", "--print-schema"], b"");
    for part in [
        "clean = [\"1\", \"yes\"]",
        "{ name = \"Date\", role = \"time\", kind = \"time\", time_of_day = \"Time\" }",
        "{ name = \"Time\", role = \"ignore\", kind = \"time\", format = \"%H:%M:%S%.f\" }",
        "{ name = \"site\", role = \"feature\", kind = \"text\" }",
        "{ name = \"is_benign\", role = \"label\", kind = \"text\" }",
    ] {
        assert!(toml.contains(part), "{part} in {toml}");
    }
    std::fs::write(at.join("own.toml"), toml).unwrap();
    ok(at, &["flows", "own.csv", "--schema", "own.toml", "-o", "out.jsonl"], b"");
    ok(at, &["flows", "out.jsonl", "--schema", "own.toml", "-o", "again.jsonl"], b"");
    let read = |name: &str| std::fs::read_to_string(at.join(name)).unwrap();
    assert_eq!(read("out.jsonl"), read("again.jsonl"));

    std::fs::write(at.join("flows.csv.xz"), b"\xfd7zXZ\0\0\x04\xe6\xd6").unwrap();
    let (_, message) = fails(at, &["flows", "flows.csv.xz"], b"");
    assert!(message.contains("is an xz file, which is not read directly"), "{message}");
}

#[test]
fn an_input_without_a_flow_has_an_exit_code_of_its_own() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    assert!(ok(at, &["--help"], b"").contains("7  nothing decoded"));

    // IPFIX data of template 256, which nobody told.
    let mut datagram = vec![0, 10, 0, 24, 0x65, 0x53, 0xf1, 0x00, 0, 0, 0, 0, 0, 0, 0, 1];
    datagram.extend([1, 0, 0, 8, 10, 0, 0, 1]);
    std::fs::write(at.join("data.dat"), &datagram).unwrap();
    // A capture of one ARP frame.
    let mut capture: Vec<u8> = [0xa1b2_c3d4_u32, 0x0002_0004, 0, 0, 65_535, 1, 1_700_000_000, 0, 42, 42]
        .map(u32::to_be_bytes)
        .concat();
    capture.extend([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 6]);
    capture.extend([0; 28]);
    std::fs::write(at.join("arp.pcap"), &capture).unwrap();
    for (name, why) in
        [("data.dat", "dropped_sets 1 (data without its template)"), ("arp.pcap", "not_ip 1 (frames")]
    {
        for arguments in [&["flows", name][..], &["train", name, "-o", "guard"]] {
            let (code, message) = fails(at, arguments, b"");
            assert_eq!(code, 7, "{arguments:?}: {message}");
            assert!(message.contains(&format!("{name}: no flow could be decoded: ")), "{message}");
            assert!(message.contains(why), "{message}");
        }
    }
    // A capture that holds nothing is read whole.
    std::fs::write(at.join("empty.pcap"), &capture[..24]).unwrap();
    ok(at, &["flows", "empty.pcap"], b"");
}

#[test]
fn zeros_behind_a_gzipped_file_are_padding() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let text = b"dst_port,protocol,packet_count,byte_count,duration\n443,tcp,12,1024,3.4\n";
    let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    zipped.write_all(text).unwrap();
    let mut zipped = zipped.finish().unwrap();
    std::fs::write(at.join("flows.csv.gz"), &zipped).unwrap();
    let plain = ok(at, &["flows", "flows.csv.gz"], b"");
    zipped.extend([0; 10_240]);
    std::fs::write(at.join("padded.csv.gz"), &zipped).unwrap();
    assert_eq!(ok(at, &["flows", "padded.csv.gz"], b""), plain);
    assert_eq!(ok(at, &["flows", "-"], &zipped), plain);
}
