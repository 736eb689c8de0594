//! Files that grow, rotate, shrink and vanish while they are read.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use qosguard::ErrorKind;
use qosguard::arrow::array::AsArray;
use qosguard::arrow::datatypes::Float64Type;
use qosguard::telemetry::{
    self, BatchReader, CsvReader, EveReader, Follow, FollowHandle, FollowOptions, ReadOptions, ZeekReader,
};

const QUICK: FollowOptions =
    FollowOptions { from_end: false, poll: Duration::from_millis(5), give_up: Some(Duration::from_secs(20)) };

fn event(packets: u32) -> String {
    format!("{{\"event_type\":\"flow\",\"flow\":{{\"pkts_toserver\":{packets}}}}}\n")
}

fn append(path: &Path, text: &str) {
    OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

fn follow(path: &Path, options: FollowOptions) -> (EveReader, FollowHandle) {
    let follow = Follow::open(path, options).unwrap();
    let handle = follow.handle();
    (EveReader::new(follow, "eve.json", &ReadOptions::default()).unwrap(), handle)
}

/// The packets of the next batch.
fn packets(reader: &mut EveReader) -> Vec<f64> {
    let batch = reader.next().unwrap().unwrap();
    let column = batch.column_by_name("flow.pkts_toserver").unwrap();
    column.as_primitive::<Float64Type>().values().to_vec()
}

#[test]
fn rows_come_when_the_file_idles_and_half_a_line_waits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("eve.json");
    append(&path, &(event(1) + &event(2)));
    let (mut reader, handle) = follow(&path, QUICK);
    assert_eq!(packets(&mut reader), [1.0, 2.0]);
    let line = event(4);
    let (half, rest) = line.split_at(20);
    append(&path, &(event(3) + half));
    assert_eq!(packets(&mut reader), [3.0]);
    append(&path, rest);
    assert_eq!(packets(&mut reader), [4.0]);
    append(&path, &event(5));
    handle.stop();
    assert_eq!(packets(&mut reader), [5.0], "what is there when it is stopped is read");
    assert!(reader.next().is_none());
    assert_eq!((reader.report().accepted, reader.report().rejected), (5, 0));
}

#[test]
fn the_kind_of_a_file_without_a_line_is_found_later() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("eve.json");
    append(&path, "");
    let follow = Follow::open(&path, QUICK).unwrap();
    let handle = follow.handle();
    let logger = std::thread::spawn(move || {
        let line = event(1);
        for part in [&line[..5], &line[5..20], &line[20..]] {
            std::thread::sleep(Duration::from_millis(20));
            append(&path, part);
        }
    });
    let mut reader = telemetry::open_input(follow, "eve.json", &ReadOptions::default()).unwrap();
    assert_eq!(reader.schema().name(), "eve_flow");
    let table = reader.next_table().unwrap().unwrap();
    assert_eq!((table.n_rows(), table.report().accepted), (1, 1));
    logger.join().unwrap();
    assert!(!handle.is_stopped());
    handle.stop();
    assert!(handle.is_stopped() && reader.next_table().is_none());
}

#[test]
fn a_file_that_is_renamed_is_read_to_its_end_and_then_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let (path, old) = (folder.path().join("eve.json"), folder.path().join("eve.json.1"));
    append(&path, &event(1));
    let (mut reader, handle) = follow(&path, QUICK);
    assert_eq!(packets(&mut reader), [1.0]);
    // The writer goes on in the renamed file until it gets a signal, and leaves a line without its end.
    let mut writer = OpenOptions::new().append(true).open(&path).unwrap();
    fs::rename(&path, &old).unwrap();
    writer.write_all((event(2) + &event(3)[..9]).as_bytes()).unwrap();
    append(&path, &event(4));
    let mut seen = packets(&mut reader);
    while seen.len() < 2 {
        seen.extend(packets(&mut reader));
    }
    assert_eq!(seen, [2.0, 4.0]);
    // The old file may be packed and deleted, and rotation may come again.
    fs::remove_file(&old).unwrap();
    fs::rename(&path, &old).unwrap();
    append(&path, &event(5));
    assert_eq!(packets(&mut reader), [5.0]);
    assert_eq!((handle.counts().rotated, handle.counts().truncated), (2, 0));
    assert_eq!(reader.report().rejected, 1, "the line that was cut");
}

#[test]
fn a_file_that_is_copied_and_truncated_is_read_from_its_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("eve.json");
    append(&path, &(event(1) + &event(2) + "{\"cut"));
    let (mut reader, handle) = follow(&path, QUICK);
    assert_eq!(packets(&mut reader), [1.0, 2.0]);
    File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    append(&path, &event(3));
    assert_eq!(packets(&mut reader), [3.0]);
    assert_eq!((handle.counts().rotated, handle.counts().truncated), (0, 1));
    assert_eq!(reader.report().rejected, 1, "the line that was cut");
}

#[test]
fn a_file_that_vanished_is_counted_and_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("eve.json");
    append(&path, &event(1));
    let (mut reader, handle) = follow(&path, QUICK);
    assert_eq!(packets(&mut reader), [1.0]);
    fs::remove_file(&path).unwrap();
    let waiting = std::thread::spawn(move || packets(&mut reader));
    while handle.counts().vanished == 0 {
        std::thread::yield_now();
    }
    append(&path, &event(2));
    assert_eq!(waiting.join().unwrap(), [2.0]);
    assert_eq!((handle.counts().vanished, handle.counts().rotated), (1, 1));
}

#[test]
fn a_file_that_stays_away_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("eve.json");
    append(&path, &event(1));
    let (mut reader, _) = follow(&path, FollowOptions { give_up: Some(Duration::from_millis(20)), ..QUICK });
    assert_eq!(packets(&mut reader), [1.0]);
    fs::remove_file(&path).unwrap();
    let error = reader.next().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains(&path.display().to_string()), "{cause}");
    assert!(reader.next().is_none());
    let missing = Follow::open(&path, QUICK).unwrap_err();
    assert!(missing.to_string().contains("eve.json"), "{missing}");
}

#[test]
fn from_the_end_only_what_is_new_comes_behind_the_header() {
    const HEADER: &str = "#separator \\x09\n#fields\tts\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\
        \tconn_state\tmissed_bytes\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\n";
    let row = |time: u32| format!("{time}\t443\ttcp\t-\t1\t2\t3\tSF\t0\tS\t4\t5\t6\t7\n");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("conn.log");
    append(&path, &(HEADER.to_owned() + &row(1) + &row(2)[..5]));
    let follow = Follow::open(&path, FollowOptions { from_end: true, ..QUICK }).unwrap();
    append(&path, &(row(2)[5..].to_owned() + &row(3)));
    let mut reader = ZeekReader::new(follow, "conn.log", &ReadOptions::default()).unwrap();
    let times = |reader: &mut ZeekReader| {
        let batch = reader.next().unwrap().unwrap();
        batch.column_by_name("ts").unwrap().as_primitive::<Float64Type>().values().to_vec()
    };
    assert_eq!(times(&mut reader), [3.0], "the line in which the reading started is passed over");
    fs::rename(&path, folder.path().join("conn.1.log")).unwrap();
    append(&path, &(HEADER.replace("#fields\tts", "#fields\tuid\tts") + "C\t" + &row(4)));
    assert_eq!(times(&mut reader), [4.0]);
}

#[test]
fn a_line_that_never_ends_is_not_held() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("eve.json");
    append(&path, &event(1));
    let follow = Follow::open(&path, QUICK).unwrap();
    let options = ReadOptions { max_line_bytes: 1_000, max_rejected_share: 1.0, ..ReadOptions::default() };
    let mut reader = EveReader::new(follow, "eve.json", &options).unwrap();
    assert_eq!(packets(&mut reader), [1.0]);
    for _ in 0..10 {
        append(&path, &"x".repeat(100_000));
        // The reader waits for the rest of the line, and the rest for the reader.
        let waiting = std::thread::spawn(move || (packets(&mut reader), reader));
        std::thread::sleep(Duration::from_millis(10));
        append(&path, &format!("x{}{}", event(9), event(2)));
        let (seen, back) = waiting.join().unwrap();
        assert_eq!(seen, [2.0]);
        reader = back;
    }
    assert_eq!((reader.report().accepted, reader.report().rejected), (11, 10));
}

#[test]
fn other_readers_follow_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flows.csv");
    append(&path, &format!("{}{}", super::FLOW, super::GOOD));
    let mut reader =
        CsvReader::new(Follow::open(&path, QUICK).unwrap(), "flows.csv", &ReadOptions::default()).unwrap();
    for _ in 0..3 {
        assert_eq!(reader.next().unwrap().unwrap().num_rows(), 1);
        append(&path, super::GOOD);
    }
}

#[test]
fn a_rotated_set_is_one_stream() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("eve.json.2"), event(1) + "{\"event_type\":\"dns\"}\n{\"cut\n").unwrap();
    fs::write(path("eve.json.1"), "{\"event_type\":\"dns\"}\n").unwrap();
    fs::write(path("empty"), "").unwrap();
    fs::write(path("eve.json"), event(2) + &event(3)).unwrap();
    let lenient = ReadOptions { max_rejected_share: 1.0, ..ReadOptions::default() };
    let set = ["eve.json.2", "empty", "eve.json.1", "eve.json"].map(path);
    let table = telemetry::open_all(&set, &lenient).unwrap().read().unwrap();
    let report = table.report();
    assert_eq!((table.n_rows(), report.accepted, report.rejected, report.skipped["dns"]), (3, 3, 1, 2));
    assert!(report.place.ends_with("eve.json.2 and 3 more files"), "{}", report.place);

    let error = telemetry::open_all([path("eve.json"), path("gone")], &lenient).unwrap().read().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("gone"), "{error}");
    fs::write(path("other.csv"), format!("{}{}", super::FLOW, super::GOOD)).unwrap();
    let error =
        telemetry::open_all([path("eve.json"), path("other.csv")], &lenient).unwrap().read().unwrap_err();
    assert!(error.kind() == ErrorKind::SchemaMismatch && error.to_string().contains("other.csv"), "{error}");
    for none in [vec![], vec![path("empty")]] {
        assert_eq!(telemetry::open_all(none, &lenient).err().unwrap().kind(), ErrorKind::InsufficientData);
    }
}
