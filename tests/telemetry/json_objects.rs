//! JSON with objects inside objects, and logs whose events are inside another object.

use qosguard::telemetry::BatchReader;
use qosguard::telemetry::{self, EveReader, JsonReader, ReadOptions, Role, Schema, ZeekReader};

use super::{jsonl, lenient, numbers, texts};

fn nested(rows: usize) -> String {
    let record = |i: usize| {
        format!(
            "{{\"ts\":{},\"net\":{{\"bytes\":{},\"peer\":{{\"zone\":\"{}\"}}}},\"tags\":[1,2],\"attack\":{}}}\n",
            1_772_352_000 + i,
            i * 10,
            ["in", "out"][i % 2],
            i % 2
        )
    };
    (0..rows).map(record).collect()
}

#[test]
fn objects_inside_a_record_become_columns() {
    let table = jsonl(nested(40), &ReadOptions::default()).unwrap();
    let names: Vec<&str> = table.schema().columns().iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["ts", "net.bytes", "net.peer.zone", "tags", "attack"]);
    assert_eq!(numbers(&table, "net.bytes")[..2], [Some(0.0), Some(10.0)]);
    assert_eq!(texts(&table, "net.peer.zone")[1].as_deref(), Some("out"));
    assert_eq!(table.labels().unwrap().unwrap()[..2], [false, true]);
    assert_eq!(table.report().rejected, 0);

    // The schema that is written down reads the same values, and keys with dots as well.
    let schema = Schema::from_toml(&table.schema().to_toml()).unwrap();
    let options = ReadOptions { schema: Some(schema.clone()), ..lenient() };
    let again = jsonl(nested(40), &options).unwrap();
    assert_eq!(again.batches(), table.batches());
    let flat = r#"{"ts":1772352000,"net.bytes":7,"net":{"peer":{"zone":"in"}},"tags":null,"attack":0}"#;
    let null = r#"{"ts":1772352000,"net":null,"attack":0}"#;
    let mixed = jsonl(format!("{}{flat}\n{null}\n", nested(1)), &options).unwrap();
    assert_eq!((mixed.n_rows(), mixed.report().rejected_by_code["no_measurement"]), (2, 1));
    assert_eq!(numbers(&mixed, "net.bytes"), [Some(0.0), Some(7.0)]);
    let one = telemetry::Table::from_json(&schema, nested(1).trim()).unwrap();
    assert_eq!(numbers(&one, "net.bytes"), [Some(0.0)]);

    let bad = nested(1).replace("\"bytes\":0", "\"bytes\":0,\"colour\":1");
    let report = jsonl(nested(1) + &bad, &options).unwrap().report().clone();
    assert_eq!(
        (report.rejections[0].reason.code(), report.rejections[0].value.as_str()),
        ("unknown_key", "net.colour")
    );
    let twice = nested(1).replace("\"bytes\":0", "\"bytes\":0,\"bytes\":1");
    let report = jsonl(nested(1) + &twice, &options).unwrap().report().clone();
    assert_eq!(
        (report.rejections[0].reason.code(), report.rejections[0].column.as_str()),
        ("duplicate_key", "net.bytes")
    );
}

#[test]
fn what_is_flattened_is_bounded() {
    let mut deep = "{\"x\":1.5,\"a\":".to_owned();
    deep += &"{\"a\":".repeat(50);
    deep += "1";
    deep += &"}".repeat(51);
    let table = jsonl(format!("{deep}\n{}", deep.replace("1.5", "2.5")), &ReadOptions::default()).unwrap();
    let names: Vec<&str> = table.schema().columns().iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["x", "a.a.a.a.a"]);
    assert_eq!(table.schema().columns()[1].role, Role::Ignore);
    assert_eq!(table.report().rejected, 0);

    let many = |i: usize| {
        let keys: Vec<String> = (0..700).map(|k| format!("\"k{k}\":{}", (i + k) % 9)).collect();
        format!("{{\"a\":{{{0}}},\"b\":{{{0}}},\"c\":{{{0}}}}}\n", keys.join(","))
    };
    let table = jsonl((0..5).map(many).collect::<String>(), &ReadOptions::default()).unwrap();
    assert_eq!((table.n_rows(), table.schema().columns().len()), (5, 1_401));
    assert!(table.report().inferred.iter().all(|line| line.len() < 1_000), "not all columns are listed");
}

#[test]
fn keys_that_some_records_lack_are_columns() {
    let text: String = (0..40)
        .map(|i| (i % 7, i))
        .map(
            |(x, i)| {
                if i % 4 == 0 { format!("{{\"x\":{x}}}\n") } else { format!("{{\"x\":{x},\"y\":{i}.5}}\n") }
            },
        )
        .collect();
    let table = jsonl(text, &ReadOptions::default()).unwrap();
    assert_eq!(numbers(&table, "y")[..3], [None, Some(1.5), Some(2.5)]);
    assert_eq!((table.report().rejected, table.report().absent["y"]), (0, 10));
    let text: String = (0..40)
        .map(|i| (i % 7, i))
        .map(|(x, i)| if i > 0 { format!("{{\"x\":{x}}}\n") } else { format!("{{\"x\":{x},\"y\":{i}.5}}\n") })
        .collect();
    let table = jsonl(text, &ReadOptions::default()).unwrap();
    assert_eq!(table.schema().columns()[1].role, Role::Ignore, "{:?}", table.report().inferred);
}

const EVE: &str = r#"{"timestamp":"2021-06-06T16:40:00.000000+0200","flow_id":7,"event_type":"flow","src_ip":"10.0.0.1","dest_port":53,"proto":"UDP","flow":{"pkts_toserver":1,"bytes_toserver":80,"start":"2021-06-06T16:38:55+0200","state":"new"}}"#;

#[test]
fn events_inside_another_object_are_read() {
    let whole = EveReader::new(EVE.as_bytes(), "eve", &ReadOptions::default()).unwrap().read().unwrap();
    for (before, after) in [
        ("{\"host\":\"a\",\"event\":", "}"),
        ("{\"@timestamp\":\"x\",\"suricata\":{\"eve\":", "},\"n\":[1]}"),
    ] {
        let other = EVE.replace("\"flow\",\"src", "\"dns\",\"src");
        let text = format!("{before}{EVE}{after}\n{before}{other}{after}\n{before}{{}}{after}\n");
        let read = |options: &ReadOptions| {
            telemetry::open_input(std::io::Cursor::new(text.clone()), "log.json", options)
                .unwrap()
                .read()
                .unwrap()
        };
        let table = read(&lenient());
        assert_eq!(table.schema().name(), "eve_flow", "{before}");
        assert_eq!(table.batches(), whole.batches(), "{before}");
        assert_eq!((table.report().skipped["dns"], table.report().rejected_by_code["no_kind"]), (1, 1));
    }
    // An object of a schema of one's own stays JSON.
    let own = "{\"event\":{\"event_type\":\"login\",\"user\":{\"n\":1}},\"x\":1.5}\n".repeat(3);
    let reader = JsonReader::new(std::io::Cursor::new(own), "own", &ReadOptions::default()).unwrap();
    assert_eq!(reader.schema().name(), "inferred");
}

#[test]
fn times_of_zeek_in_milliseconds_and_iso_8601_need_no_schema() {
    let record = |ts: &str| {
        format!(
            "{{\"ts\":{ts},\"uid\":\"C\",\"id.orig_h\":\"10.0.0.1\",\"id.resp_p\":53,\"proto\":\"udp\",\"duration\":0.25,\"orig_bytes\":1,\"conn_state\":\"SF\"}}\n"
        )
    };
    for times in [
        ["1664462456.755", "1664462457.5"],
        ["1664462456755", "1664462457500"],
        ["\"2022-09-29T14:40:56.755Z\"", "\"2022-09-29T14:40:57.500000Z\""],
    ] {
        let text = times.map(record).concat();
        let open =
            telemetry::open_input(std::io::Cursor::new(text.clone()), "conn.log", &ReadOptions::default());
        let table = open.unwrap().read().unwrap();
        assert_eq!(table.schema().name(), "zeek_conn");
        assert_eq!(numbers(&table, "ts"), [Some(1_664_462_456.755), Some(1_664_462_457.5)], "{times:?}");
        assert_eq!(numbers(&table, "duration"), [Some(0.25); 2], "a length of time stays in seconds");
        let named =
            ReadOptions { schema: Some(Schema::preset("zeek_conn").unwrap()), ..ReadOptions::default() };
        let again = ZeekReader::new(std::io::Cursor::new(text), "conn.log", &named).unwrap().read().unwrap();
        assert_eq!(again.batches(), table.batches());
    }
}
