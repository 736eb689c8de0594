//! Times that an inferred schema recognises, with the instants that are read.

use qosguard::telemetry::Role::{Ignore, Time};
use qosguard::telemetry::{
    self, Column, CsvReader, IpcReader, Kind, ReadOptions, Role, Schema, Table, TimeUnit,
};

use super::{csv, jsonl, numbers};

/// 1 March 2026, 08:00:00 UTC.
const EIGHT: f64 = 1_772_352_000.0;

/// A table with a column of these times and a feature.
fn timed(name: &str, times: &[&str]) -> Table {
    let rows: Vec<String> =
        times.iter().enumerate().map(|(i, time)| format!("\"{time}\",{}.5\n", i % 7)).collect();
    csv(format!("{name},rate\n{}", rows.concat()), &ReadOptions::default()).unwrap()
}

fn column(table: &Table, name: &str) -> Column {
    table.schema().columns().iter().find(|c| c.name == name).unwrap().clone()
}

#[test]
fn digits_are_dates_in_every_reader() {
    for (name, text, want) in [
        ("time", "20260301080000", EIGHT),
        ("ts", "202603010800", EIGHT),
        ("date", "20260301", EIGHT - 28_800.0),
        ("timestamp", "20260301080000.0", EIGHT),
    ] {
        let table = timed(name, &[text, text, text]);
        assert_eq!(column(&table, name).role, Time, "{text}");
        assert_eq!(numbers(&table, name), [Some(want); 3], "{text}");
    }
    let json = jsonl(
        "{\"ts\":20260301080000,\"x\":1.5}\n{\"ts\":20260301080001,\"x\":2.5}\n",
        &ReadOptions::default(),
    );
    assert_eq!(numbers(&json.unwrap(), "ts"), [Some(EIGHT), Some(EIGHT + 1.0)]);
    // Milliseconds since 1970 stay what they are.
    assert_eq!(numbers(&timed("ts", &["1772352000000"; 3]), "ts"), [Some(EIGHT); 3]);
    // A cell of another length is not a time of that format.
    let mut times = vec!["20260301080000"; 40];
    times.push("20260301");
    let schema = timed("ts", &times[..40]).schema().as_ref().clone();
    let options = ReadOptions { schema: Some(schema), ..super::lenient() };
    let table = csv("ts,rate\n20260301080000,1\n20260301,1\n", &options).unwrap();
    assert_eq!(table.report().rejected_by_code["not_a_time"], 1);
}

#[test]
fn days_of_a_spreadsheet_are_times() {
    let table = timed("Date", &["46082.333333333336", "46082.3333449074", "46083"]);
    assert_eq!(column(&table, "Date").unit, Some(TimeUnit::ExcelDays));
    assert_eq!(numbers(&table, "Date"), [Some(EIGHT), Some(EIGHT + 1.0), Some(EIGHT + 16.0 * 3_600.0)]);
    assert!(table.report().inferred.join("\n").contains("`Date` (in days of a spreadsheet)"));
    // Seconds from the start of a capture stay seconds.
    assert_eq!(numbers(&timed("time", &["46082.5", "46083.5"]), "time")[0], Some(46_082.5));
}

#[test]
fn a_date_next_to_a_time_of_day_is_one_time() {
    let mut text = "Date,Time,rate\n".to_owned();
    for row in 0..30 {
        text += &format!("2026-03-01,08:00:{row:02},{row}.5\n");
    }
    let table = csv(text, &ReadOptions::default()).unwrap();
    assert_eq!(column(&table, "Date").time_of_day.as_deref(), Some("Time"));
    assert_eq!((column(&table, "Time").role, column(&table, "Time").kind), (Ignore, Kind::Time));
    assert_eq!(numbers(&table, "Date")[..2], [Some(EIGHT), Some(EIGHT + 1.0)]);
    assert!(table.report().inferred.join("\n").contains("`Date` (with the time of day in `Time`)"));

    let other = |date: &str, time: &str| {
        let text = format!("flow_date,flow_time,rate\n{}", format!("{date},{time},1.5\n").repeat(3));
        numbers(&csv(text, &ReadOptions::default()).unwrap(), "flow_date")[0]
    };
    assert_eq!(other("13/03/2026", "08:00"), Some(EIGHT + 12.0 * 86_400.0));
    assert_eq!(other("20260301", "08:00:00.25"), Some(EIGHT + 0.25));
    assert_eq!(other("2026/03/01", "8:00 PM"), Some(EIGHT + 12.0 * 3_600.0));

    // What is written reads back as the same instants, and not with the time of day twice.
    let schema = table.schema().as_ref().clone();
    let options = ReadOptions { schema: Some(schema), ..ReadOptions::default() };
    let folder = tempfile::tempdir().unwrap();
    for name in ["flows.csv", "flows.jsonl", "flows.arrow"] {
        let path = folder.path().join(name);
        telemetry::write(&path, &table).unwrap();
        let again = telemetry::read_with(&path, &options).unwrap();
        assert_eq!(numbers(&again, "Date"), numbers(&table, "Date"), "{name}");
    }
    let ipc = IpcReader::open(folder.path().join("flows.arrow"), &options);
    assert!(ipc.is_ok());
    // A bad time of day rejects the row, a missing one is a missing time.
    let text = "Date,Time,rate\n2026-03-01,08:00:00,1\n2026-03-01,,1\n2026-03-01,late,1\n";
    let options = ReadOptions { max_rejected_share: 1.0, ..options };
    let table = csv(text, &options).unwrap();
    assert_eq!(numbers(&table, "Date"), [Some(EIGHT), None]);
    assert_eq!(table.report().rejections[0].column, "Time");
    // A file without the column of the times of day is another schema.
    assert!(csv("Date,rate\n2026-03-01,1\n", &options).is_err());
}

#[test]
fn a_time_of_day_needs_a_date() {
    let mut text = "time,rate\n".to_owned();
    for row in 0..30 {
        text += &format!("08:00:{row:02},{row}.5\n");
    }
    let table = csv(text, &ReadOptions::default()).unwrap();
    assert_eq!(column(&table, "time").role, Ignore);
    assert!(table.report().inferred.join("\n").contains("times of day without a date"));
    let alone = "name = \"s\"\ncolumns = [{ name = \"t\", kind = \"time\", format = \"%H:%M\" }]";
    assert!(Schema::from_toml(alone).is_err());
    let nothing = "name = \"s\"\ncolumns = [{ name = \"d\", kind = \"time\", time_of_day = \"t\" }]";
    assert!(Schema::from_toml(nothing).unwrap_err().to_string().contains("time_of_day"));
}

#[test]
fn a_time_of_zero_is_missing() {
    for (times, unit) in [
        (["1772352000", "0", "1772352000"], None),
        (["1772352000000", "0", "1772352000000"], Some(TimeUnit::Milliseconds)),
        (["20260301080000", "0", "20260301080000"], None),
        (["2026-03-01 08:00:00", "0", "2026-03-01T08:00:00Z"], None),
    ] {
        let table = timed("ts", &times);
        let column = column(&table, "ts");
        assert_eq!((column.role, column.unit, column.undefined), (Time, unit, Some(0.0)), "{times:?}");
        assert_eq!(numbers(&table, "ts"), [Some(EIGHT), None, Some(EIGHT)], "{times:?}");
    }
    // Times that count from the start of a capture begin at 0.
    assert_eq!(numbers(&timed("ts", &["0", "0.5", "1.25"]), "ts"), [Some(0.0), Some(0.5), Some(1.25)]);
}

#[test]
fn times_with_a_zone_in_words_are_read() {
    for text in [
        "2026-03-01 08:00:00 UTC",
        "2026-03-01T08:00:00 GMT",
        "Sun, 01 Mar 2026 08:00:00 +0000",
        "1 Mar 2026 09:00:00 +0100",
        "Sun, 1 Mar 2026 08:00:00 GMT",
    ] {
        let table = timed("when", &[text; 3]);
        assert_eq!(numbers(&table, "when"), [Some(EIGHT); 3], "{text}");
        assert_eq!(column(&table, "when").format, None, "{text}");
    }
    for (text, format) in [
        ("13.03.2026 08:00", "%d.%m.%Y %H:%M"),
        ("01-Mar-2026 08:00:00", "%d-%b-%Y %H:%M:%S%.f"),
        ("Sun Mar  1 08:00:00 2026", "%a %b %d %H:%M:%S %Y"),
    ] {
        assert_eq!(column(&timed("when", &[text; 3]), "when").format.as_deref(), Some(format), "{text}");
    }
}

#[test]
fn times_of_syslog_get_a_year_that_is_written_down() {
    let table = timed("when", &["Mar  1 08:00:00", "Mar  1 08:00:01", "Mar 11 08:00:00"]);
    let schema = table.schema();
    let year = column(&table, "when").year.unwrap();
    assert!((2025..2200).contains(&year));
    let first = numbers(&table, "when")[0].unwrap();
    let iso = format!("{year}-03-01 08:00:00");
    let iso = timed("when", &[iso.as_str(), iso.as_str()]);
    assert_eq!(Some(first), numbers(&iso, "when")[0]);
    assert_eq!(numbers(&table, "when")[1], Some(first + 1.0));
    assert_eq!(Schema::from_toml(&schema.to_toml()).unwrap(), **schema);
    let listed = table.report().inferred.join("\n");
    assert!(listed.contains(&format!("(as %b %d %H:%M:%S, of the year {year})")), "{listed}");
    // The year of a schema is the user's to set.
    let toml = schema.to_toml().replace(&format!("year = {year}"), "year = 2026");
    let options = ReadOptions { schema: Some(Schema::from_toml(&toml).unwrap()), ..ReadOptions::default() };
    let text = "when,rate\nMar  1 08:00:00,1\nDec 31 23:59:60,1\n";
    let table = csv(text, &options).unwrap();
    assert_eq!(numbers(&table, "when"), [Some(EIGHT), Some(1_798_761_600.0)]);
}

#[test]
fn a_writer_of_every_kind_takes_the_new_units() {
    let table = timed("Date", &["46082.333333333336", "46083.5"]);
    let options = ReadOptions { schema: Some((**table.schema()).clone()), ..ReadOptions::default() };
    let folder = tempfile::tempdir().unwrap();
    for name in ["flows.csv", "flows.arrow"] {
        let path = folder.path().join(name);
        telemetry::write(&path, &table).unwrap();
        assert_eq!(
            numbers(&telemetry::read_with(&path, &options).unwrap(), "Date"),
            numbers(&table, "Date"),
            "{name}"
        );
    }
}

#[test]
fn one_time_is_the_records_own() {
    let text =
        "Date,Time,end_time,x\n".to_owned() + &"2026-03-01,08:00:00,2026-03-01 09:00:00,1.5\n".repeat(3);
    let table = csv(text, &ReadOptions::default()).unwrap();
    let roles: Vec<Role> = table.schema().columns().iter().map(|c| c.role).collect();
    assert_eq!(roles[..3], [Time, Ignore, Ignore]);
    let reader = CsvReader::new("x\n1\n".as_bytes(), "one column", &ReadOptions::default());
    assert!(reader.is_err(), "one column without a schema has no header");
}
