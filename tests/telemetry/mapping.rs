//! One name per thing: tables of one source, taken to the schema of another.

use proptest::prelude::*;
use qosguard::telemetry::{Column, Kind, Role, Schema, Table, read_csv};
use qosguard::{Error, Guard, simulate};

use super::{csv, lenient, numbers, public_data, texts, whole};

fn preset(name: &str) -> Schema {
    Schema::preset(name).unwrap()
}

fn schema(columns: &str) -> Schema {
    Schema::from_toml(&format!("name = \"s\"\ncolumns = [{columns}]")).unwrap()
}

fn one(schema: &Schema, json: &str) -> Table {
    Table::from_json(schema, json).unwrap()
}

#[test]
fn microseconds_become_seconds_and_milliseconds_to_the_last_digit() {
    let micros =
        schema(r#"{ name = "us", role = "feature", kind = "number", field = "iat_mean", scale = 1e-6 }"#);
    let millis =
        schema(r#"{ name = "ms", role = "feature", kind = "number", field = "iat_mean", scale = 1e-3 }"#);
    let seconds = schema(r#"{ name = "s", role = "feature", kind = "number", field = "iat_mean" }"#);
    let table = one(&micros, r#"[{"us": 3400000}, {"us": 1}, {"us": 70301}, {"us": null}]"#);
    let in_seconds = table.map_to(&seconds).unwrap();
    assert_eq!(numbers(&in_seconds, "s"), [Some(3.4), Some(1e-6), Some(0.070_301), None]);
    let in_millis = table.map_to(&millis).unwrap();
    assert_eq!(numbers(&in_millis, "ms"), [Some(3400.0), Some(0.001), Some(70.301), None]);
    assert_eq!(numbers(&in_millis.map_to(&micros).unwrap(), "us"), numbers(&table, "us"));
    assert_eq!(numbers(&in_seconds.map_to(&micros).unwrap(), "us"), numbers(&table, "us"));
}

#[test]
fn what_follows_from_other_columns_is_computed_and_null_where_it_is_undefined() {
    let source = schema(
        r#"
        { name = "t0", role = "time", kind = "number", field = "start_time" },
        { name = "t1", role = "ignore", kind = "number", field = "end_time" },
        { name = "out", role = "feature", kind = "number", field = "fwd_packets" },
        { name = "in", role = "feature", kind = "number", field = "bwd_packets" },
        { name = "kilobytes", role = "feature", kind = "number", field = "fwd_ip_bytes", scale = 1000 },
        "#,
    );
    let rows = r#"[{"t0": 10, "t1": 12.5, "out": 4, "in": 1, "kilobytes": 2},
                   {"t0": 10, "t1": 10, "out": 0, "in": 3, "kilobytes": 1},
                   {"t0": 10, "t1": null, "out": 1, "in": 1, "kilobytes": null}]"#;
    let canonical = preset("canonical_flow").common_with(&source);
    let table = one(&source, rows).map_to(&canonical).unwrap();
    for (column, cells) in [
        ("duration", [Some(2.5), Some(0.0), None]),
        ("packets", [Some(5.0), Some(3.0), Some(2.0)]),
        ("down_up_ratio", [Some(0.25), None, Some(1.0)]),
        ("packet_rate", [Some(2.0), None, None]),
        ("fwd_ip_bytes", [Some(2000.0), Some(1000.0), None]),
        ("fwd_ip_mean", [Some(500.0), None, None]),
        ("fwd_bit_rate", [Some(6400.0), None, None]),
    ] {
        assert_eq!(numbers(&table, column), cells, "{column}");
    }
    let fit = preset("canonical_flow").fits(&source);
    assert!(fit.derived.contains(&("packet_rate".into(), "(out + in) / (t1 - t0)".into())), "{fit}");
    assert!(fit.derived.contains(&("fwd_bit_rate".into(), "8 * kilobytes / (t1 - t0)".into())), "{fit}");
    assert!(fit.missing.contains(&"ip_bytes".to_owned()) && !fit.missing.contains(&"packets".to_owned()));
}

#[test]
fn protocols_are_names_or_numbers_as_the_schema_wants_them() {
    let number = schema(r#"{ name = "p", role = "feature", kind = "number", field = "protocol" }"#);
    let text = schema(r#"{ name = "proto", role = "feature", kind = "text", field = "protocol" }"#);
    let plain = schema(r#"{ name = "proto", role = "feature", kind = "text" }"#);
    let names = one(&number, r#"[{"p": 6}, {"p": 17}, {"p": 253}, {"p": null}]"#).map_to(&text).unwrap();
    let texts_of = |names: [Option<&str>; 4]| names.map(|name| name.map(str::to_owned)).to_vec();
    assert_eq!(texts(&names, "proto"), texts_of([Some("tcp"), Some("udp"), Some("253"), None]));
    assert_eq!(numbers(&names.map_to(&number).unwrap(), "p"), [Some(6.0), Some(17.0), Some(253.0), None]);
    let spelt = one(&plain, r#"[{"proto": "TCP"}, {"proto": "17.0"}, {"proto": "3pc"}, {"proto": null}]"#);
    assert_eq!(
        texts(&spelt.map_to(&text).unwrap(), "proto"),
        texts_of([Some("tcp"), Some("udp"), Some("3pc"), None])
    );
}

#[test]
fn a_name_wins_over_a_field_unless_it_names_another() {
    let source = schema(
        r#"
        { name = "mean", role = "feature", kind = "number", field = "payload_mean" },
        { name = "average", role = "feature", kind = "number", field = "payload_mean" },
        { name = "bytes", role = "feature", kind = "number", field = "ip_bytes" },
        { name = "size", role = "feature", kind = "number", field = "payload_bytes" },
        "#,
    );
    let target = schema(
        r#"
        { name = "average", role = "feature", kind = "number", field = "payload_mean" },
        { name = "other", role = "feature", kind = "number", field = "payload_mean" },
        { name = "bytes", role = "feature", kind = "number", field = "payload_bytes" },
        "#,
    );
    let pairs = [("average", "average"), ("other", "mean"), ("bytes", "size")];
    assert_eq!(target.fits(&source).mapped, pairs.map(|(to, from)| (to.to_owned(), from.to_owned())));
}

#[test]
fn truth_fills_truth_alone_and_keeps_its_meaning() {
    let labelled = Schema::builder("l").feature("x").text_label("verdict", &["fine"]).build().unwrap();
    let table = one(&labelled, r#"[{"x": 1, "verdict": "fine"}, {"x": 2, "verdict": "worm"}]"#);
    let feature = Schema::builder("f").feature("x").category("verdict").build().unwrap();
    match table.map_to(&feature).unwrap_err() {
        Error::SchemaMismatch { missing, .. } => assert_eq!(missing, ["verdict"]),
        other => panic!("{other}"),
    }
    let ignored = Schema::builder("i").feature("x").ignore("verdict").build().unwrap();
    let mapped = table.map_to(&ignored).unwrap();
    assert_eq!(mapped.labels().unwrap(), table.labels().unwrap(), "as a label, not as the other column");
    let none = Schema::builder("n").feature("x").build().unwrap();
    let mapped = table.map_to(&none).unwrap();
    assert_eq!(mapped.labels().unwrap(), Some(vec![false, true]), "a label is never dropped");
    assert_eq!(mapped.schema().columns().len(), 2);
    assert_eq!(none.common_with(&labelled), **mapped.schema());
    let hidden = Table::from_json(
        &labelled.with_role("verdict", Role::Ignore).unwrap(),
        r#"[{"x": 1, "verdict": "a"}]"#,
    );
    assert!(hidden.unwrap().map_to(&feature).is_err());

    let judged = Schema::builder("j").feature("x").label("bad").build().unwrap();
    let judged = table.map_to(&judged).unwrap();
    assert_eq!(numbers(&judged, "bad"), [Some(0.0), Some(1.0)]);
    assert_eq!(judged.labels().unwrap(), table.labels().unwrap());
    let worded = Schema::builder("w").feature("x").text_label("class", &["normal"]).build().unwrap();
    assert_eq!(table.map_to(&worded).unwrap().labels().unwrap(), table.labels().unwrap());
}

#[test]
fn time_and_identity_fill_no_feature() {
    let source = Schema::builder("s").feature("x").time("at").entity("who").build().unwrap();
    let target = Schema::builder("t").feature("x").feature("at").category("who").build().unwrap();
    assert_eq!(target.fits(&source).missing, ["at", "who"]);
}

#[test]
fn a_value_out_of_range_leaves_the_row_out_and_is_counted() {
    let source =
        schema(r#"{ name = "x", role = "feature", kind = "number", field = "duration", scale = 1e-3 }"#);
    let mut column = Column::new("seconds", Role::Feature, Kind::Number);
    column.field = source.columns()[0].field;
    (column.minimum, column.undefined) = (Some(0.0), Some(-1.0));
    let target = Schema::builder("t").column(column).build().unwrap();
    let rows = |bad: &str| format!("x\n{}{bad}", "1000\n".repeat(40));
    let options = || qosguard::telemetry::ReadOptions { schema: Some(source.clone()), ..lenient() };
    let table = csv(rows("-5\n-1000\n"), &options()).unwrap();
    let mapped = table.map_to(&target).unwrap();
    assert_eq!(numbers(&mapped, "seconds")[39..], [Some(1.0), None], "-1 s means undefined");
    let report = mapped.report();
    assert_eq!((report.accepted, report.rejected), (41, 1));
    assert_eq!(
        report.rejections[0].to_string(),
        r#"line 41, column `seconds`: expected at least 0, got "-0.005""#
    );
    let error = csv(rows("-5\n-5\n-5\n"), &options()).unwrap().map_to(&target).unwrap_err();
    assert!(matches!(error, Error::TooManyRejected { rejected: 3, rows: 43, .. }), "{error}");
    let table = csv(rows("-5\n-5\n-5\n"), &options()).unwrap();
    assert_eq!(table.map_to_with(&target, &lenient()).unwrap().report().rejected, 3);
    let strict = qosguard::telemetry::ReadOptions { max_rejected_share: 0.0, ..options() };
    assert!(csv(rows("-5\n"), &options()).unwrap().map_to_with(&target, &strict).is_err());
}

#[test]
fn a_column_that_needs_no_change_is_shared() {
    let flows = simulate::table(&simulate::FlowSimulatorConfig { rows: 200, ..Default::default() }).unwrap();
    let canonical = preset("canonical_flow").common_with(flows.schema());
    let mapped = flows.map_to(&canonical).unwrap();
    let same = |to: &str, from: &str| {
        let (to, from) = (&mapped.batches()[0][to], &flows.batches()[0][from]);
        std::ptr::eq(to.to_data().buffers()[0].as_ptr(), from.to_data().buffers()[0].as_ptr())
    };
    assert!(same("fwd_ip_bytes", "fwd_bytes") && same("protocol", "protocol") && same("start_time", "time"));
    assert!(!same("iat_mean", "iat_mean_ms"), "milliseconds differ from seconds");
    assert_eq!(mapped.report(), flows.report());
}

#[test]
fn canonical_names_are_known_and_nothing_more_special_gives_way() {
    let names = |schema: &Schema| schema.columns().iter().map(|c| c.name.clone()).collect::<Vec<_>>();
    let detect = |names: &[&str]| Schema::detect(names).map(|s| s.name().to_owned());
    assert_eq!(detect(&["start_time", "protocol", "fwd_packets", "bwd_packets"]).unwrap(), "canonical_flow");
    assert_eq!(detect(&["duration", "protocol", "packet_count", "byte_count", "dst_port"]).unwrap(), "flow");
    assert!(detect(&["start_time", "src_ip"]).is_err(), "no feature");
    let flows = simulate::table(&simulate::FlowSimulatorConfig { rows: 50, ..Default::default() }).unwrap();
    let mapped = flows.map_to(&preset("canonical_flow").common_with(flows.schema())).unwrap();
    let mut text = Vec::new();
    let mut writer = qosguard::telemetry::CsvWriter::new(&mut text);
    mapped.batches().iter().for_each(|batch| writer.write(batch).unwrap());
    drop(writer);
    let read = csv(text, &lenient()).unwrap();
    assert_eq!((read.schema().name(), names(read.schema())), ("canonical_flow", names(mapped.schema())));
    assert_eq!(whole(&read), whole(&mapped));
}

#[test]
fn fits_lists_the_columns_that_another_source_lacks() {
    let flows =
        simulate::table(&simulate::FlowSimulatorConfig { rows: 1_000, ..Default::default() }).unwrap();
    let canonical = preset("canonical_flow").common_with(&preset("unsw_nb15")).common_with(flows.schema());
    let guard = Guard::builder().fit(&flows.map_to(&canonical).unwrap()).unwrap();
    let fit = guard.fits(&preset("unsw_nb15_raw"));
    assert!(fit.is_complete(), "{fit}");
    let fit = guard.fits(&preset("kdd99"));
    assert_eq!(fit.missing[..2], ["packets", "fwd_packets"], "{fit}");
    let text = fit.to_string();
    assert!(text.starts_with("`kdd99` lacks 14 of the features of `canonical_flow`: packets, "), "{text}");
    assert!(text.ends_with("; protocol from protocol_type"), "{text}");
    assert!(guard.fits(guard.schema()).derived.is_empty());
    let old = Guard::load(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/models/v1.qosguard")).unwrap();
    assert!(old.fits(flows.schema()).is_complete(), "its schema has no fields, so columns match by name");
    let scores = old.assess(&flows).unwrap();
    assert_eq!(old.assess(&flows.map_to(&old.inputs()).unwrap()).unwrap().scores(), scores.scores());
}

#[test]
fn fields_that_argus_has_and_zeek_lacks_are_named() {
    let zeek = schema(
        r#"
        { name = "ts", role = "time", kind = "number", field = "start_time" },
        { name = "proto", role = "feature", kind = "text", field = "protocol" },
        { name = "service", role = "feature", kind = "text", field = "service" },
        { name = "duration", role = "feature", kind = "number", field = "duration" },
        { name = "conn_state", role = "feature", kind = "text", field = "state" },
        { name = "orig_pkts", role = "feature", kind = "number", field = "fwd_packets" },
        { name = "orig_ip_bytes", role = "feature", kind = "number", field = "fwd_ip_bytes" },
        { name = "resp_pkts", role = "feature", kind = "number", field = "bwd_packets" },
        { name = "resp_ip_bytes", role = "feature", kind = "number", field = "bwd_ip_bytes" },
        "#,
    );
    let fit = preset("unsw_nb15").fits(&zeek);
    assert!(fit.mapped.contains(&("sbytes".into(), "orig_ip_bytes".into())), "{fit}");
    let derived: Vec<_> = fit.derived.iter().map(|(to, how)| format!("{to} = {how}")).collect();
    let expected = [
        "rate = (orig_pkts + resp_pkts) / duration",
        "sload = 8 * orig_ip_bytes / duration",
        "dload = 8 * resp_ip_bytes / duration",
        "smean = orig_ip_bytes / orig_pkts",
        "dmean = resp_ip_bytes / resp_pkts",
    ];
    assert_eq!(derived, expected);
    assert_eq!(fit.missing[..6], ["sttl", "dttl", "sloss", "dloss", "sinpkt", "dinpkt"], "{fit}");
}

#[test]
fn a_guard_of_the_old_cicids_columns_assesses_the_corrected_ones() {
    let Some(data) = public_data::find("flows/cicids2017") else { return };
    let old = read_csv(data.join("original_79col_infinity.csv")).unwrap();
    let corrected = read_csv(data.join("improved_5days_sample.csv")).unwrap();
    let guard = Guard::builder().fit(&old).unwrap();
    let fit = guard.fits(corrected.schema());
    assert!(fit.is_complete(), "{fit}");
    let mapped = corrected.map_to(&guard.inputs()).unwrap();
    assert_eq!(
        mapped.n_rows() as u64 + mapped.report().rejected,
        corrected.n_rows() as u64 + corrected.report().rejected
    );
    assert_eq!(mapped.labels().unwrap(), corrected.labels().unwrap());
    assert_eq!(numbers(&mapped, "Flow Duration"), numbers(&corrected, "Flow Duration"));
    assert_eq!(guard.assess(&mapped).unwrap().len(), corrected.n_rows());
    assert!(guard.assess(&corrected).is_err(), "by name alone it does not fit");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the cells, a table that is taken to its own schema is the same table.
    #[test]
    fn a_table_fits_its_own_schema(
        cells in proptest::collection::vec((any::<Option<f64>>(), proptest::option::of("[a-z0-9 .-]{0,6}"), 0_u16..), 1..40)
    ) {
        let own = schema(r#"
            { name = "us", role = "feature", kind = "number", field = "duration", scale = 1e-6 },
            { name = "proto", role = "feature", kind = "text", field = "protocol" },
            { name = "port", role = "feature", kind = "number", field = "dst_port", minimum = 0, maximum = 65535 },
        "#);
        let records: Vec<_> = cells
            .iter()
            .map(|(us, proto, port)| serde_json::json!({"us": us.filter(|v| v.is_finite()), "proto": proto, "port": port}))
            .collect();
        let table = Table::from_json(&own, &serde_json::to_string(&records).unwrap()).unwrap();
        let mapped = table.map_to(&own).unwrap();
        prop_assert_eq!(mapped.schema(), table.schema());
        prop_assert_eq!(mapped.report(), table.report());
        prop_assert_eq!(whole(&mapped), whole(&table));
    }
}

#[test]
fn every_preset_fits_itself() {
    for schema in Schema::presets() {
        let fit = schema.fits(schema);
        assert!(fit.is_complete() && fit.derived.is_empty(), "{fit}");
        assert!(
            fit.mapped.len() == schema.columns().len() && fit.mapped.iter().all(|(a, b)| a == b),
            "{fit}"
        );
        assert_eq!(schema.common_with(schema), *schema);
    }
}
