//! Irregular, damaged and hostile input.

use std::fmt::Write;

use qosguard::telemetry::series::{Duplicates, Interval};
use qosguard::telemetry::{ReadOptions, Series, SeriesConfig, TimeUnit, read_series, read_series_with};
use qosguard::{Error, ErrorKind, Result};

use super::{csv, of, try_of, values};

/// Reads a series from a temporary file.
fn read(name: &str, text: &str, config: &SeriesConfig) -> Result<Series> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    read_series(path, config)
}

fn seconds(step: f64) -> SeriesConfig {
    SeriesConfig { interval: Interval::Seconds(step), ..SeriesConfig::default() }
}

#[test]
fn missing_values_stay_missing() {
    let rows = [
        ("2024-01-01 00:00", "1"),
        ("2024-01-01 00:05", ""),
        ("2024-01-01 00:10", "NaN"),
        ("2024-01-01 00:25", "5"),
        ("2024-01-01 00:30", "6"),
    ];
    let series = try_of(&rows, &SeriesConfig::default()).unwrap();
    assert_eq!(values(&series), [Some(1.0), None, None, None, None, Some(5.0), Some(6.0)]);
    assert_eq!(series.entities()[0].present(), [true, true, true, false, false, true, true]);
    let report = series.report();
    assert_eq!((report.columns[0].empty, report.missing_steps(), report.steps), (2, 2, 7));
    let gap = &report.gaps[0];
    assert_eq!((gap.entity.as_str(), gap.start, gap.steps), ("a", 1_704_068_100.0, 2));
    let table = series.table().unwrap();
    assert_eq!((table.n_rows(), table.batches()[0].column(2).null_count()), (5, 2), "a gap has no row");
}

#[test]
fn the_policy_decides_about_duplicate_times() {
    let rows = [
        ("2024-01-01 00:00", "1"),
        ("2024-01-01 00:01", "2"),
        ("2024-01-01 00:01", "5"),
        ("2024-01-01 00:02", "7"),
    ];
    let error = try_of(&rows, &SeriesConfig::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadRecord);
    assert!(error.to_string().contains("line 3") && error.to_string().contains("1704067260 of a"), "{error}");
    for (duplicates, value) in
        [(Duplicates::First, 2.0), (Duplicates::Last, 5.0), (Duplicates::Sum, 7.0), (Duplicates::Mean, 3.5)]
    {
        let series = try_of(&rows, &SeriesConfig { duplicates, ..SeriesConfig::default() }).unwrap();
        assert_eq!(values(&series), [Some(1.0), Some(value), Some(7.0)]);
        let report = series.report();
        assert_eq!((report.duplicates, report.crowded, report.policy), (1, 0, duplicates));
    }
    // From a single time no interval can be inferred, but it can be given.
    let same = [("2024-01-01", "1"), ("2024-01-01", "2")];
    let last = SeriesConfig { duplicates: Duplicates::Last, ..SeriesConfig::default() };
    assert!(try_of(&same, &last).unwrap_err().to_string().contains("`interval`"));
    for interval in [Interval::Seconds(60.0), Interval::Irregular] {
        assert_eq!(values(&try_of(&same, &SeriesConfig { interval, ..last.clone() }).unwrap()), [Some(2.0)]);
    }
}

#[test]
fn times_off_the_grid_are_moved_and_counted() {
    let rows = [
        ("2024-01-01 00:00:00", "0"),
        ("2024-01-01 00:04:02", "1"),
        ("2024-01-01 00:07:57", "2"),
        ("2024-01-01 00:08:03", "3"),
    ];
    let mean = SeriesConfig { duplicates: Duplicates::Mean, ..seconds(240.0) };
    let series = try_of(&rows, &mean).unwrap();
    assert_eq!(values(&series), [Some(0.0), Some(1.0), Some(2.5)]);
    let report = series.report();
    assert_eq!((report.off_grid, report.off_grid_max_s, report.crowded, report.duplicates), (3, 3.0, 1, 0));
    let series = try_of(&rows, &SeriesConfig { interval: Interval::Irregular, ..mean }).unwrap();
    assert_eq!((values(&series).len(), series.report().off_grid, series.report().interval_s), (4, 0, None));
    assert_eq!(series.report().missing_steps(), 0);
}

#[test]
fn a_span_of_a_billion_steps_is_rejected_before_memory_is_allocated() {
    let rows = [("1970-01-01", "1"), ("2024-01-01", "2")];
    for step in [1e-3, 1e-9, f64::MIN_POSITIVE] {
        let error = try_of(&rows, &seconds(step)).unwrap_err();
        assert!(error.to_string().starts_with("`max_cells` must be large enough for the "), "{error}");
    }
    // Time and one value, 3 steps each.
    let rows = [("2024-01-01", "1"), ("2024-01-03", "2")];
    let config = |max_cells| SeriesConfig { max_cells, ..seconds(86_400.0) };
    assert!(try_of(&rows, &config(6)).is_ok());
    assert!(try_of(&rows, &config(5)).is_err());
    assert!(try_of(&rows, &SeriesConfig { interval: Interval::Irregular, ..config(3) }).is_err());
}

#[test]
fn errors_name_the_setting_outside_its_domain() {
    let with = |change: fn(&mut SeriesConfig)| {
        let mut config = seconds(60.0);
        change(&mut config);
        let error = try_of(&[("2024-01-01", "1")], &config).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
        error.to_string().split('`').nth(1).unwrap().to_owned()
    };
    assert_eq!(with(|c| c.interval = Interval::Seconds(0.0)), "interval");
    assert_eq!(with(|c| c.interval = Interval::Seconds(f64::NAN)), "interval");
    assert_eq!(with(|c| c.interval = Interval::Infer), "interval");
    assert_eq!(with(|c| c.scale = f64::INFINITY), "scale");
    assert_eq!(with(|c| c.scale = 0.0), "scale");
    assert_eq!(with(|c| c.start = Some(f64::NAN)), "start");
    assert_eq!(with(|c| (c.start, c.time) = (Some(0.0), Some("at".into()))), "start");
    assert_eq!(with(|c| (c.start, c.interval) = (Some(0.0), Interval::Infer)), "interval");
    assert_eq!(with(|c| c.time = Some("when".into())), "time");
    assert_eq!(with(|c| c.entity = Some("whose".into())), "entity");
    assert_eq!(with(|c| c.values = vec!["y".into()]), "values");
    assert_eq!(with(|c| c.values = vec!["who".into()]), "values");
    assert_eq!(with(|c| c.values = vec!["x".into(), "x".into()]), "values");
    assert_eq!(with(|c| c.start = Some(0.0)), "start");
    assert_eq!(with(|c| c.label = Some("x".into())), "label");
    assert_eq!(with(|c| (c.wide, c.entity) = (true, Some("who".into()))), "entity");
    assert_eq!(with(|c| c.time_format = Some("%H:%M".into())), "time_format");
}

#[test]
fn rows_without_a_time_or_an_entity_are_rejected_by_number() {
    let mut text = "at,who,x\n".to_owned();
    for i in 0..60 {
        writeln!(text, "2024-01-01 00:{i:02},a,{i}").unwrap();
    }
    text =
        text.replace("00:07,a", "00:07,").replace("2024-01-01 00:30", "soon").replace("2024-01-01 00:40", "");
    let schema = r#"
        name = "s"
        columns = [
          { name = "at", role = "time", kind = "text" },
          { name = "who", role = "entity", kind = "text" },
          { name = "x", role = "feature", kind = "number" },
        ]
    "#;
    let series = Series::from_table(&csv(&text, schema), &SeriesConfig::default()).unwrap();
    let rows = &series.report().rows;
    assert_eq!((rows.accepted, rows.rejected), (57, 3));
    let messages: Vec<_> = rows.rejections.iter().map(ToString::to_string).collect();
    assert_eq!(messages[0], "line 8: expected the name of an entity");
    let expected = "expected a time in ISO 8601 or a number since the epoch";
    assert_eq!(messages[1], format!("line 31, column `at`: {expected}, got \"soon\""));
    assert_eq!(messages[2], format!("line 41, column `at`: {expected}"));
    assert_eq!(series.report().missing_steps(), 3);
    let bad = text.replace("2024-01-01 00:1", "later");
    let error = Series::from_table(&csv(&bad, schema), &SeriesConfig::default()).unwrap_err();
    assert!(matches!(error, Error::TooManyRejected { rejected: 13, rows: 60, .. }), "{error}");
}

#[test]
fn the_rejection_of_an_unreadable_time_has_its_line() {
    let mut text = "time,bits\n".to_owned();
    for i in 0..40 {
        writeln!(text, "2024-01-01 00:{i:02},{i}").unwrap();
    }
    text = text.replace("2024-01-01 00:09", "nine");
    let series = read("s.csv", &text, &SeriesConfig::default()).unwrap();
    let rejections = &series.report().read.rejections;
    assert_eq!((rejections.len(), rejections[0].line, rejections[0].value.as_str()), (1, 11, "nine"));
    assert_eq!((series.report().rows.accepted, series.report().missing_steps()), (39, 1));
}

#[test]
fn column_names_decide_and_a_record_is_not_a_header() {
    for text in ["", "\n\n"] {
        assert_eq!(read("s.csv", text, &seconds(60.0)).unwrap_err().kind(), ErrorKind::InsufficientData);
    }
    assert_eq!(read("s.csv", "time,x\n", &seconds(60.0)).unwrap_err().kind(), ErrorKind::InsufficientData);
    let headerless = read("s.csv", "2024-01-01,1\n2024-01-02,2\n", &seconds(60.0)).unwrap_err().to_string();
    assert!(headerless.contains("a file without a header needs a schema"), "{headerless}");
    let counted = SeriesConfig { start: Some(0.0), ..seconds(60.0) };
    assert_eq!(read("s.csv", "1,2\n3,4\n", &counted).unwrap_err().kind(), ErrorKind::BadRecord);
    let config = SeriesConfig { time: Some("when".into()), ..seconds(60.0) };
    assert_eq!(read("s.csv", "time,x\n1,2\n", &config).unwrap_err().kind(), ErrorKind::SchemaMismatch);
    assert_eq!(read("s.csv", "time\n1\n", &seconds(60.0)).unwrap_err().kind(), ErrorKind::InvalidArgument);
    assert_eq!(read("s.csv", "time,x\n1,a\n", &seconds(60.0)).unwrap_err().kind(), ErrorKind::BadRecord);
    // One row is a series of one step if the interval is given.
    let series = read("s.csv", "time,x\n86400,2\n", &seconds(60.0)).unwrap();
    assert_eq!(
        (series.entities()[0].times(), series.values("", "x").unwrap()),
        (&[86_400.0][..], &[2.0][..])
    );
}

#[test]
fn long_wide_and_json_give_the_same_values() {
    let wide = "time,up,down\n0,1,10\n60,2,20\n180,4,40\n";
    let config = SeriesConfig { wide: true, scale: 8.0, unit: "bit".into(), ..SeriesConfig::default() };
    let config = SeriesConfig { interval: Interval::Seconds(60.0), ..config };
    let series = read("s.csv", wide, &config).unwrap();
    assert_eq!(series.values("down", "value").unwrap()[..2], [80.0, 160.0]);
    assert_eq!((series.report().steps, series.report().missing_steps()), (4, 1));
    assert_eq!((series.report().unit.as_str(), series.report().columns[0].scale), ("bit", 8.0));

    let long = "link,time,value\nup,0,1\ndown,0,10\nup,60,2\ndown,60,20\nup,180,4\ndown,180,40\n";
    let config =
        SeriesConfig { wide: false, time: Some("time".into()), entity: Some("link".into()), ..config };
    let from_long = read("s.csv", long, &config).unwrap();
    let json = long.lines().skip(1).map(|line| {
        let cells: Vec<_> = line.split(',').collect();
        format!("{{\"time\": {}, \"link\": \"{}\", \"value\": {}}}\n", cells[1], cells[0], cells[2])
    });
    let json = json.collect::<Vec<_>>().concat();
    let from_json = read("s.jsonl", &json, &config).unwrap();
    for other in [&from_long, &from_json] {
        assert_eq!(other.columns(), ["value"]);
        for (a, b) in other.entities().iter().zip(series.entities()) {
            assert_eq!((a.name(), a.times(), a.present()), (b.name(), b.times(), b.present()));
            let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(a.values(0)), bits(b.values(0)));
        }
    }
}

#[test]
fn the_label_is_not_a_value() {
    let text = "time,x,cp\n0,1,0\n60,2,1\n60,3,0\n120,4,0\n";
    let config =
        SeriesConfig { label: Some("cp".into()), duplicates: Duplicates::Mean, ..SeriesConfig::default() };
    let series = read("s.csv", text, &config).unwrap();
    assert_eq!(series.columns(), ["x"]);
    assert_eq!(series.entities()[0].labels(), Some(&[0.0, 1.0, 0.0][..]));
    assert_eq!(series.table().unwrap().labels().unwrap(), Some(vec![false, true, false]));
}

#[test]
fn numeric_times_have_the_configured_unit() {
    let text = "time,x\n1704067200000,1\n1704067260000,2\n";
    let error = read("s.csv", text, &SeriesConfig::default()).unwrap_err().to_string();
    assert!(error.contains("before the year 5138"), "{error}");
    for unit in [TimeUnit::Milliseconds, TimeUnit::Auto] {
        let series =
            read("s.csv", text, &SeriesConfig { time_unit: Some(unit), ..SeriesConfig::default() }).unwrap();
        assert_eq!(series.entities()[0].times(), [1_704_067_200.0, 1_704_067_260.0]);
    }
}

#[test]
fn a_time_column_in_utc_accepts_no_other_zone() {
    let schema = r#"name = "s"
        columns = [{ name = "at", role = "time", kind = "time" }, { name = "x", role = "feature", kind = "number" }]"#;
    let table = csv("at,x\n2024-01-01 00:00,1\n2024-01-01 01:00,2\n", schema);
    assert_eq!(
        Series::from_table(&table, &seconds(3600.0)).unwrap().entities()[0].times()[0],
        1_704_067_200.0
    );
    let error =
        Series::from_table(&table, &SeriesConfig { time_zone: "Europe/Berlin".into(), ..seconds(3600.0) });
    assert!(error.unwrap_err().to_string().starts_with("`time_zone` must be `UTC`"));
}

#[test]
fn the_options_of_the_reader_set_delimiter_and_rejected_share() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.csv");
    std::fs::write(&path, "time;x\n0;1\n60;2\nlater;3\n").unwrap();
    let options = ReadOptions { delimiter: b';', max_rejected_share: 0.5, ..ReadOptions::default() };
    let series = read_series_with(&path, &SeriesConfig::default(), &options).unwrap();
    assert_eq!((series.report().read.rejected, series.report().steps), (1, 2));
    let strict = ReadOptions { max_rejected_share: 0.1, ..options };
    assert_eq!(
        read_series_with(&path, &SeriesConfig::default(), &strict).unwrap_err().kind(),
        ErrorKind::BadRecord
    );
}

#[test]
fn any_table_with_roles_becomes_a_series() {
    let schema = r#"
        name = "s"
        columns = [
          { name = "x", role = "feature", kind = "number", scale = 1000.0 },
          { name = "note", role = "feature", kind = "text" },
          { name = "at", role = "time", kind = "number" },
          { name = "id", role = "entity", kind = "number" },
        ]
    "#;
    let series =
        Series::from_table(&csv("x,note,at,id\n1,n,0,7\n2,n,5,7\n3,n,0,40\n", schema), &seconds(5.0))
            .unwrap();
    assert_eq!(series.values("7", "x"), Some(&[1000.0, 2000.0][..]));
    assert_eq!(series.values("40", "x"), Some(&[3000.0][..]));
    assert_eq!(series.report().columns[0].scale, 1000.0);
    let empty = of(&[("2024-01-01", "1")]);
    assert!(Series::from_table(&empty.take(&[]).unwrap(), &seconds(1.0)).is_err());
}
