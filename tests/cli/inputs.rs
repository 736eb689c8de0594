//! What the command reads.

use std::io::Write;

use tempfile::TempDir;

use crate::command::{capture, fails, live_capture, netflow5, ok, run};

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
    let (mut child, stdin, mut lines) = live_capture(&["flows", "-", "--idle-timeout", "5"], 20);
    let first = lines.next().unwrap().unwrap();
    assert!(first.contains("192.0.2.1,1000,192.0.2.2,53,udp"), "{first}");
    drop(stdin);
    assert_eq!(lines.count(), 19);
    assert!(child.wait().unwrap().success());
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
    assert_eq!(ok(at, &["flows", "-"], &netflow5()), rows);
}

#[test]
fn records_that_another_schema_rejects_are_counted() {
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
    let printed = String::from_utf8(output.stderr).unwrap();
    assert!(printed.contains("39 flows, 0 records rejected, 1 outside the ranges"), "{printed}");
}

#[test]
fn a_stream_is_rejected_next_to_other_inputs() {
    let folder = TempDir::new().unwrap();
    for stream in ["-", "udp://127.0.0.1:0"] {
        let (code, message) = fails(folder.path(), &["flows", "a.csv", stream], b"");
        assert_eq!(code, 2);
        assert!(message.contains("one stream alone") && message.contains(stream), "{message}");
    }
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
