//! Exit codes and error messages.

use tempfile::TempDir;

use crate::command::{fails, ok};

#[test]
fn messages_name_the_option_that_was_typed() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    ok(at, &["simulate", "--rows", "500", "-o", "flows.csv"], b"");
    std::fs::write(at.join("bad.toml"), "name = 3\n").unwrap();
    for (arguments, start) in [
        (
            &["train", "flows.csv", "-o", "m", "--false-positive-rate", "5"][..],
            "`--false-positive-rate` must be ",
        ),
        (&["flows", "flows.csv", "-o", "x.xlsx"], "`--output` must be a name that ends in .csv"),
        (&["flows", "flows.csv", "--max-rejected-share", "2"], "`--max-rejected-share` must be "),
        (&["simulate", "--attack-share", "2"], "`--attack-share` must be "),
        (&["simulate", "--rows", "0"], "`--rows` must be "),
        (&["flows", "flows.csv", "--schema", "nsl"], "`--schema` must be a .toml file or one of "),
        (&["flows", "flows.csv", "--to", "nsl"], "`--to` must be a .toml file or one of "),
        (&["flows", "flows.csv", "--schema", "bad.toml"], "`--schema bad.toml` must be a schema in TOML"),
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
fn exit_codes_mean_something() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let code = |arguments: &[&str], input: &[u8]| fails(at, arguments, input).0;
    assert_eq!(code(&["assess"], b""), 2);
    assert_eq!(code(&["simulate", "--rows", "0"], b""), 2);
    assert_eq!(code(&["flows", "-"], b""), 7);
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
fn an_input_without_a_flow_has_an_exit_code_of_its_own() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    assert!(ok(at, &["--help"], b"").contains("7  no records"));

    // IPFIX data of template 256, which no message describes.
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
    // Inputs without anything in them.
    std::fs::write(at.join("empty.pcap"), &capture[..24]).unwrap();
    std::fs::write(at.join("empty.csv"), "").unwrap();
    std::fs::write(at.join("header.csv"), "src_ip,dst_port,protocol,packet_count,byte_count,duration\n")
        .unwrap();
    std::fs::write(
        at.join("eve.json"),
        "{\"timestamp\":\"2026-03-01T08:00:00.000000+0000\",\"flow_id\":1,\"event_type\":\"dns\"}\n",
    )
    .unwrap();
    ok(at, &["simulate", "--rows", "500", "-o", "flows.csv"], b"");
    ok(at, &["train", "flows.csv", "-o", "edge.qosguard"], b"");
    for name in ["empty.pcap", "empty.csv", "header.csv", "eve.json"] {
        for arguments in
            [&["flows", name][..], &["train", name, "-o", "guard"], &["assess", "edge.qosguard", name]]
        {
            let (code, message) = fails(at, arguments, b"");
            assert_eq!(code, 7, "{arguments:?}: {message}");
            assert!(message.contains(&format!("{name}: no records")), "{arguments:?}: {message}");
        }
    }
    let (_, message) = fails(at, &["flows", "eve.json"], b"");
    assert!(message.contains("eve.json: no records; skipped dns: 1\n"), "{message}");
    assert_eq!(fails(at, &["flows", "-"], b"").0, 7);
}
