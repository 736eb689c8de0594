//! Every setting of the readers changes what the formats that have it return, and is rejected outside its domain.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use qosguard::ErrorKind;
use qosguard::telemetry::{self, EveReader, Follow, FollowOptions, ReadOptions, Role, Schema, Table};

use super::lenient;
use super::logs::{ROW, log};

/// A change of one setting; the schema is the one that a reader detected.
type Change = fn(&mut ReadOptions, &Schema);

/// A change of each setting.
fn changes() -> Vec<(&'static str, Change)> {
    // Another setting does not compile without a change here.
    let ReadOptions {
        schema: _,
        fallback: _,
        max_rejected_share: _,
        delimiter: _,
        max_line_bytes: _,
        batch_rows: _,
        #[cfg(feature = "packets")]
            meter: _,
    } = ReadOptions::default();
    vec![
        ("schema", |options, detected| {
            let feature = detected.columns().iter().find(|column| column.role == Role::Feature).unwrap();
            options.schema = Some(detected.with_role(&feature.name, Role::Ignore).unwrap());
        }),
        ("fallback", |options, _| options.fallback = Some(own())),
        ("max_rejected_share", |options, _| options.max_rejected_share = 0.0),
        ("delimiter", |options, _| options.delimiter = b';'),
        ("max_line_bytes", |options, _| options.max_line_bytes = 2),
        ("batch_rows", |options, _| options.batch_rows = 1),
        #[cfg(feature = "packets")]
        ("meter", |options, _| options.meter.profile = telemetry::packets::Profile::Cic),
    ]
}

/// A schema of columns that no preset has.
fn own() -> Schema {
    Schema::builder("own").feature("alpha").feature("beta").build().unwrap()
}

/// Everything that a caller can see of a file that was read.
fn outcome(path: &Path, options: &ReadOptions) -> String {
    match telemetry::read_with(path, options) {
        Ok(table) => format!("{:?} {:?} {}", table.schema(), table.batches(), table.report().rejected),
        Err(error) => error.to_string(),
    }
}

/// Three flows and one with a port that no port can have.
fn flows() -> Table {
    let schema = r#"
        name = "loose"
        columns = [
          { name = "src_ip", role = "entity", kind = "text" },
          { name = "dst_ip", role = "ignore", kind = "text" },
          { name = "src_port", role = "ignore", kind = "number" },
          { name = "dst_port", role = "feature", kind = "number" },
          { name = "protocol", role = "feature", kind = "text" },
          { name = "packet_count", role = "feature", kind = "number" },
          { name = "byte_count", role = "feature", kind = "number" },
          { name = "duration", role = "feature", kind = "number" },
        ]
    "#;
    let record = |port: u32| {
        format!(
            r#"{{"src_ip": "10.0.0.1", "dst_ip": "10.0.0.2", "src_port": 50000, "dst_port": {port}, "protocol": "tcp",
            "packet_count": 12, "byte_count": 1024, "duration": 3.5}}"#
        )
    };
    let records = [443, 80, 53, 70_000].map(record).join(",");
    Table::from_json(&Schema::from_toml(schema).unwrap(), &format!("[{records}]")).unwrap()
}

/// Two `NetFlow` v5 datagrams of one flow, and one that ends too early.
#[cfg(feature = "netflow")]
fn export() -> Vec<u8> {
    let mut datagram = vec![0; 24 + 48];
    datagram[..4].copy_from_slice(&[0, 5, 0, 1]);
    datagram[24..32].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
    datagram[24 + 19] = 3;
    datagram[24 + 23] = 120;
    [&datagram[..], &datagram, &datagram[..40]].concat()
}

/// Three TCP packets in a capture.
#[cfg(feature = "packets")]
fn capture() -> Vec<u8> {
    let mut capture =
        vec![0xD4, 0xC3, 0xB2, 0xA1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 1, 0, 0, 0];
    for second in [1, 2, 3] {
        capture.extend([second, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 54, 0, 0, 0]);
        capture.extend([0; 12]);
        capture.extend([8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        capture.extend([0xC3, 0x50, 1, 0xBB, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x10, 1, 0, 0, 0, 0, 0]);
    }
    capture
}

/// A file of each format and the settings that apply to it.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<&'static str>)> {
    let rows = ["schema", "max_rejected_share", "max_line_bytes", "batch_rows"];
    let mut files = Vec::new();
    let mut add = |name: &str, content: Option<&[u8]>, settings: &[&'static str]| {
        let path = folder.join(name);
        match content {
            Some(content) => fs::write(&path, content).unwrap(),
            None => telemetry::write(&path, &flows()).unwrap(),
        }
        files.push((path, settings.to_vec()));
    };
    add("flows.csv", None, &[&rows[..], &["delimiter"]].concat());
    add("flows.jsonl", None, &rows);
    add("flows.arrow", None, &rows);
    #[cfg(feature = "parquet")]
    add("flows.parquet", None, &rows);
    let zeek = log(&[ROW, ROW, &ROW.replace("\t443\t", "\t70000\t")]);
    add("conn.log", Some(zeek.as_bytes()), &rows);
    let event =
        |packets: &str| format!("{{\"event_type\":\"flow\",\"flow\":{{\"pkts_toserver\":{packets}}}}}\n");
    add("eve.json", Some(["1", "2", "\"soon\""].map(event).concat().as_bytes()), &rows);
    #[cfg(feature = "netflow")]
    add("export.nf5", Some(&export()), &["max_rejected_share", "batch_rows"]);
    #[cfg(feature = "packets")]
    add("capture.pcap", Some(&capture()), &["meter"]);
    files
}

#[test]
fn every_setting_changes_the_tables_of_the_formats_that_have_it() {
    let folder = tempfile::tempdir().unwrap();
    for (path, settings) in files(folder.path()) {
        let base = outcome(&path, &lenient());
        let detected = telemetry::read_with(&path, &lenient()).unwrap();
        for (name, change) in changes() {
            let mut options = lenient();
            change(&mut options, detected.schema());
            let is_changed = outcome(&path, &options) != base;
            assert_eq!(is_changed, settings.contains(&name), "{name} of {}: {base}", path.display());
        }
    }
}

#[test]
fn a_fallback_changes_tables_that_no_preset_fits() {
    let folder = tempfile::tempdir().unwrap();
    let records = r#"[{"alpha": 1, "beta": 2}, {"alpha": 3, "beta": 5}]"#;
    let table = Table::from_json(&own(), records).unwrap();
    let endings = [
        "csv",
        "jsonl",
        "arrow",
        #[cfg(feature = "parquet")]
        "parquet",
    ];
    for ending in endings {
        let path = folder.path().join(format!("own.{ending}"));
        telemetry::write(&path, &table).unwrap();
        let inferred = telemetry::read_with(&path, &lenient()).unwrap();
        let options = ReadOptions { fallback: Some(own()), ..lenient() };
        let fallen_back = telemetry::read_with(&path, &options).unwrap();
        assert_ne!(inferred.schema().name(), "own", "{ending}");
        assert_eq!(fallen_back.schema().name(), "own", "{ending}");
    }
}

#[test]
fn every_format_rejects_settings_outside_their_domain() {
    let folder = tempfile::tempdir().unwrap();
    let bad: [(&str, Change); 8] = [
        ("max_rejected_share", |options, _| options.max_rejected_share = -0.1),
        ("max_rejected_share", |options, _| options.max_rejected_share = f64::NAN),
        ("delimiter", |options, _| options.delimiter = b'7'),
        ("delimiter", |options, _| options.delimiter = 0),
        ("max_line_bytes", |options, _| options.max_line_bytes = 0),
        ("max_line_bytes", |options, _| options.max_line_bytes = (1 << 28) + 1),
        ("batch_rows", |options, _| options.batch_rows = 0),
        ("batch_rows", |options, _| options.batch_rows = (1 << 20) + 1),
    ];
    for (path, _) in files(folder.path()) {
        for (name, change) in bad {
            let mut options = lenient();
            change(&mut options, &own());
            let error = telemetry::read_with(&path, &options).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
            assert_eq!(error.details()["path"], name, "{}", path.display());
        }
    }
}

fn append(path: &Path, text: &str) {
    fs::OpenOptions::new().append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

fn follow(path: &Path, options: FollowOptions) -> (EveReader, telemetry::FollowHandle) {
    let follow = Follow::open(path, options).unwrap();
    let handle = follow.handle();
    (EveReader::new(follow, "eve.json", &ReadOptions::default()).unwrap(), handle)
}

#[test]
fn every_setting_of_a_followed_file_changes_its_batches() {
    let FollowOptions { from_end: _, poll: _, give_up: _ } = FollowOptions::default();
    let event = "{\"event_type\":\"flow\",\"flow\":{\"pkts_toserver\":1}}\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("eve.json");
    let quick = FollowOptions { poll: Duration::from_millis(5), ..FollowOptions::default() };

    // From its start, the event that the file has is read; from its end, it is not.
    for (from_end, rows) in [(false, 2), (true, 1)] {
        fs::write(&path, event).unwrap();
        let follow = Follow::open(&path, FollowOptions { from_end, ..quick }).unwrap();
        let handle = follow.handle();
        append(&path, event);
        handle.stop();
        let reader = EveReader::new(follow, "eve.json", &ReadOptions::default()).unwrap();
        let read: usize = reader.map(|batch| batch.unwrap().num_rows()).sum();
        assert_eq!(read, rows, "from_end: {from_end}");
    }

    // A line that comes while the reader waits is seen after the poll interval.
    fs::write(&path, event).unwrap();
    let poll = Duration::from_millis(800);
    let (mut reader, _) = follow(&path, FollowOptions { poll, ..quick });
    assert_eq!(reader.next().unwrap().unwrap().num_rows(), 1);
    let writer = thread::spawn({
        let path = path.clone();
        move || {
            thread::sleep(Duration::from_millis(100));
            append(&path, event);
        }
    });
    let started = Instant::now();
    assert_eq!(reader.next().unwrap().unwrap().num_rows(), 1);
    assert!(started.elapsed() >= Duration::from_millis(500), "{:?}", started.elapsed());
    writer.join().unwrap();

    // A file that vanished is an error after `give_up`, and not before.
    let give_up = Some(Duration::from_millis(50));
    let (mut reader, _) = follow(&path, FollowOptions { give_up, ..quick });
    assert_eq!(reader.next().unwrap().unwrap().num_rows(), 2);
    let (mut patient, handle) = follow(&path, quick);
    assert_eq!(patient.next().unwrap().unwrap().num_rows(), 2);
    fs::remove_file(&path).unwrap();
    assert_eq!(reader.next().unwrap().unwrap_err().kind(), ErrorKind::Io);
    handle.stop();
    assert!(patient.next().is_none());

    for poll in [Duration::ZERO, Duration::from_secs(3_601)] {
        let error = Follow::open(&path, FollowOptions { poll, ..quick }).unwrap_err();
        assert_eq!((error.kind(), &error.details()["path"]), (ErrorKind::InvalidArgument, &"poll".into()));
    }
}
