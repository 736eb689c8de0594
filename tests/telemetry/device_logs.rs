//! What devices log of themselves: the preset, and schemas of the user's own.

use qosguard::telemetry::series::Interval;
use qosguard::telemetry::{Kind, ReadOptions, Role, Schema, Series, SeriesConfig, Table, read_csv_with};

use super::{csv, jsonl, lenient, numbers, public_data, texts};

const HEADER: &str = "timestamp,device_id,latency_ms,packet_loss_pct,retry_count,error_code,traffic_volume_mb,connection_resets\n";

#[test]
fn names_distinguish_csv_and_json_lines() {
    let text = format!(
        "{HEADER}2025-10-24T12:00:00Z,modem-1,20.5,0,0,200,1.5,0\n1761307230,modem-1,21,100,3,503,,1\n"
    );
    let table = csv(text, &ReadOptions::default()).unwrap();
    assert_eq!(table.schema().name(), "device_log");
    assert_eq!(numbers(&table, "timestamp"), [Some(1_761_307_200.0), Some(1_761_307_230.0)]);
    assert_eq!(numbers(&table, "traffic_volume_mb"), [Some(1.5), None]);
    assert_eq!(table.labels().unwrap(), None);

    let text = r#"{"timestamp": 1761307200250, "device_id": "modem-1", "latency_ms": 20.5, "packet_loss_pct": 0, "retry_count": 0, "error_code": 200, "traffic_volume_mb": 1.5, "connection_resets": 0, "is_anomaly": false}
{"timestamp": "2025-10-24 14:00:30+02:00", "device_id": "modem-2", "latency_ms": 900, "packet_loss_pct": 7, "retry_count": 9, "error_code": 503, "traffic_volume_mb": 0, "connection_resets": 4, "is_anomaly": true}
{"timestamp": null, "device_id": "modem-2", "latency_ms": 900, "packet_loss_pct": 7, "retry_count": 9, "error_code": 503, "traffic_volume_mb": 0, "connection_resets": 4, "is_anomaly": 1}
"#;
    let table = jsonl(text, &ReadOptions::default()).unwrap();
    assert_eq!(table.schema().name(), "device_log");
    assert_eq!(numbers(&table, "timestamp"), [Some(1_761_307_200.25), Some(1_761_307_230.0), None]);
    assert_eq!(table.labels().unwrap(), Some(vec![false, true, true]));
    assert_eq!(texts(&table, "device_id")[1].as_deref(), Some("modem-2"));
}

#[test]
fn an_invalid_time_rejects_its_row() {
    let rest = ",m,20,0,0,200,1,0\n";
    let times =
        ["2025-10-24T12:00:00Z", "now", "12", "2025-02-30", "24/10/2025 12:00", "1e25", "NaN", "-1761307200"];
    let text = times.map(|time| format!("{time}{rest}")).concat();
    let table = csv(format!("{HEADER}{text}"), &lenient()).unwrap();
    let report = table.report();
    assert_eq!((report.accepted, report.rejected), (2, 6));
    let listed: Vec<_> =
        report.rejections.iter().map(|r| (r.line, r.column.as_str(), r.value.as_str())).collect();
    assert_eq!(listed[0], (3, "timestamp", "now"));
    assert_eq!(listed[1], (4, "timestamp", "12"), "12 of which unit?");
    assert_eq!(listed.last(), Some(&(8, "timestamp", "NaN")));
    assert_eq!(numbers(&table, "timestamp")[1], Some(-1_761_307_200.0), "1914, in seconds");
}

#[test]
fn a_schema_has_the_format_of_its_times() {
    let read = |column: &str, cell: &str| {
        let schema = Schema::from_toml(&format!(
            "name = \"s\"\ncolumns = [{column}, {{ name = \"x\", role = \"feature\", kind = \"number\" }}]"
        ))
        .unwrap();
        let options = ReadOptions { schema: Some(schema), ..lenient() };
        csv(format!("at,x\n{}\n", cell.replace('\n', ",1\n") + ",1"), &options)
            .map(|table| numbers(&table, "at"))
    };
    let time = |rest: &str| format!("{{ name = \"at\", role = \"time\", kind = \"time\"{rest} }}");
    let noon = Some(1_761_307_200.0);
    assert_eq!(read(&time(""), "1761307200").unwrap(), [noon]);
    assert_eq!(read(&time(", unit = \"ms\""), "1761307200000").unwrap(), [noon]);
    assert_eq!(read(&time(", unit = \"ns\""), "1761307200000000000").unwrap(), [noon]);
    assert_eq!(read(&time(", format = \"%d/%m/%Y %I:%M %p\""), "24/10/2025 12:00 PM").unwrap(), [noon]);
    assert_eq!(read(&time(", undefined = -1"), "-1\n2025-10-24 12:00").unwrap(), [None, noon]);
    assert_eq!(read(&time(", minimum = 0"), "-5\n0").unwrap(), [Some(0.0)]);

    for bad in [
        r#"{ name = "x", role = "feature", kind = "time" }"#,
        r#"{ name = "x", role = "feature", kind = "number", unit = "ms" }"#,
        r#"{ name = "x", role = "time", kind = "number", format = "%F" }"#,
        r#"{ name = "x", role = "time", kind = "time", format = "%H:%M" }"#,
        r#"{ name = "x", role = "time", kind = "time", unit = "minutes" }"#,
    ] {
        assert!(Schema::from_toml(&format!("name = \"s\"\ncolumns = [{bad}]")).is_err(), "{bad}");
    }
}

#[test]
fn moments_of_arrow_are_seconds_whatever_the_unit_of_numbers() {
    use std::sync::Arc;

    use qosguard::arrow::array::{ArrayRef, Int64Array, RecordBatch, TimestampMillisecondArray};

    let schema =
        "name = \"s\"\ncolumns = [{ name = \"at\", role = \"time\", kind = \"time\", unit = \"ms\" }]";
    let schema = Schema::from_toml(schema).unwrap();
    let table = |array: ArrayRef| {
        Table::from_arrow(&schema, &[RecordBatch::try_from_iter([("at", array)]).unwrap()]).unwrap()
    };
    let moments = TimestampMillisecondArray::from(vec![Some(1_761_307_200_250), None]);
    for moments in [moments.clone(), moments.with_timezone("+02:00")] {
        assert_eq!(numbers(&table(Arc::new(moments)), "at"), [Some(1_761_307_200.25), None]);
    }
    let counts: ArrayRef = Arc::new(Int64Array::from(vec![1_761_307_200_250]));
    assert_eq!(numbers(&table(counts), "at"), [Some(1_761_307_200.25)]);
}

#[test]
fn a_schema_with_times_keeps_them_in_a_file() {
    let schema = Schema::preset("device_log").unwrap();
    let json = serde_json::to_string(&schema).unwrap();
    assert_eq!(serde_json::from_str::<Schema>(&json).unwrap(), schema);
    let plain = serde_json::to_string(&Schema::preset("flow").unwrap()).unwrap();
    assert!(!plain.contains("unit") && !plain.contains("format"), "older schemas stay as they were written");
    assert_eq!((schema.columns()[0].role, schema.columns()[0].kind), (Role::Time, Kind::Time));
}

#[test]
fn half_hourly_tests_of_a_line() {
    let Some(data) = public_data::find("devices") else { return };
    let schema = |kind: &str| {
        Schema::from_toml(&format!(
            r#"
            name = "speed_tests"
            columns = [
              {{ name = "datetimestart", role = "time", kind = "{kind}" }},
              {{ name = "datetimestop", role = "ignore", kind = "time" }},
              {{ name = "provider", role = "ignore", kind = "text" }},
              {{ name = "server", role = "feature", kind = "text" }},
              {{ name = "distance", role = "feature", kind = "number", minimum = 0 }},
              {{ name = "ping", role = "feature", kind = "number", minimum = 0 }},
              {{ name = "download", role = "feature", kind = "number", minimum = 0.01 }},
              {{ name = "upload", role = "feature", kind = "number", minimum = 0 }},
            ]
            "#
        ))
        .unwrap()
    };
    let read = |kind| {
        let options = ReadOptions { schema: Some(schema(kind)), ..ReadOptions::default() };
        read_csv_with(data.join("telstra_cable_speedtests.csv"), &options).unwrap()
    };
    let table = read("time");
    // One download of nothing, which this schema calls illegal.
    assert_eq!((table.n_rows(), table.report().rejected), (23_653, 1));
    assert_eq!(table.report().rejections[0].column, "download");
    let starts = numbers(&table, "datetimestart");
    assert_eq!((starts[0], starts[23_652]), (Some(1_507_937_401.0), Some(1_554_336_001.0)));
    let stops = numbers(&table, "datetimestop");
    let longest = starts.iter().zip(&stops).map(|(a, b)| b.unwrap() - a.unwrap()).fold(0.0, f64::max);
    assert!((20.0..600.0).contains(&longest), "{longest}");

    // As text, the times are local times of the line, 10 h ahead of UTC.
    let config = SeriesConfig {
        interval: Interval::Seconds(1800.0),
        time_zone: "Australia/Brisbane".into(),
        unit: "Mbit/s".into(),
        values: vec!["download".into()],
        ..SeriesConfig::default()
    };
    let series = Series::from_table(&read("text"), &config).unwrap();
    let report = series.report();
    assert_eq!(series.entities()[0].times()[0], 1_507_937_401.0 - 36_000.0);
    assert_eq!((report.rows.accepted, report.duplicates + report.crowded), (23_653, 0));
    assert_eq!(report.gaps.iter().map(|gap| gap.steps).max(), Some(702), "two weeks without a test");
    assert_eq!(report.steps, 23_653 + report.missing_steps());
}

#[test]
fn radio_indicators_with_a_jammer() {
    let Some(data) = public_data::find("devices") else { return };
    let path = data.join("5g_jamming_indicators.csv");
    let text = std::fs::read_to_string(&path).unwrap();
    let names: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    // The setting of the jammer decides whether it was on: truth, not a feature.
    let columns = names.iter().map(|name| match *name {
        "Cell_ID" | "RNTI" => format!("{{ name = \"{name}\", role = \"entity\", kind = \"text\" }},"),
        "Jammer_On" => {
            format!("{{ name = \"{name}\", role = \"label\", kind = \"number\", minimum = 0, maximum = 1 }},")
        }
        _ if name.starts_with("Jammer") => {
            format!("{{ name = \"{name}\", role = \"ignore\", kind = \"number\" }},")
        }
        "CQI" => format!(
            "{{ name = \"{name}\", role = \"feature\", kind = \"number\", minimum = 0, maximum = 15 }},"
        ),
        _ => format!("{{ name = \"{name}\", role = \"feature\", kind = \"number\" }},"),
    });
    let toml = format!("name = \"radio\"\ncolumns = [{}]", columns.collect::<String>());
    let options = ReadOptions { schema: Some(Schema::from_toml(&toml).unwrap()), ..ReadOptions::default() };
    let table = read_csv_with(&path, &options).unwrap();
    assert_eq!((table.n_rows(), table.report().rejected), (21_798, 0));
    let labels = table.labels().unwrap().unwrap();
    assert_eq!(labels.iter().filter(|&&jammed| jammed).count(), 4_174);
    let shifted = numbers(&table, "Jammer_Frequency");
    assert!(
        shifted.iter().zip(&labels).all(|(f, &on)| f.is_some_and(|f| (f != 0.0) == on)),
        "it repeats the label"
    );
}
