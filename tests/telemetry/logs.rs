//! Zeek's conn.log and Suricata's EVE: public samples, dialects, hostile input.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use qosguard::Result;
use qosguard::telemetry::{self, BatchReader, EveReader, ReadOptions, Role, Schema, Table, ZeekReader};
use serde_json::Value;

use super::{lenient, numbers, public_data, texts};

fn zeek(text: impl Into<Vec<u8>>) -> Result<Table> {
    ZeekReader::new(std::io::Cursor::new(text.into()), "conn.log", &lenient())?.read()
}

fn eve(text: impl Into<Vec<u8>>) -> Result<Table> {
    EveReader::new(std::io::Cursor::new(text.into()), "eve.json", &lenient())?.read()
}

const HEADER: &str =
    "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n";
const FIELDS: &str = "#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\
    \tresp_bytes\tconn_state\tlocal_orig\tlocal_resp\tmissed_bytes\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\
    \tresp_ip_bytes\ttunnel_parents";
pub(super) const ROW: &str = "1655071198.444458\tCHLXQF\t10.0.0.1\t62771\t10.0.0.2\t443\ttcp\tssl\t1.135424\t1596\t4039\tSF\tT\tF\
    \t5138\tShADdaFf\t14\t1016\t16\t1226\t(empty)";

pub(super) fn log(rows: &[&str]) -> String {
    format!("{HEADER}{FIELDS}\n{}\n", rows.join("\n"))
}

/// The cells of a column as a plain split of the file gives them; `None` for those that are unset or empty.
fn split_column(text: &str, column: &str) -> Vec<Option<String>> {
    let fields = text.lines().find_map(|line| line.strip_prefix("#fields\t")).unwrap();
    let index = fields.split('\t').position(|name| name == column).unwrap();
    let cells =
        text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').nth(index).unwrap());
    cells.map(|cell| (cell != "-" && cell != "(empty)").then(|| cell.to_owned())).collect()
}

#[test]
fn every_row_of_the_tsv_samples_is_read_as_it_is_written() {
    let Some(data) = public_data::find("logs") else { return };
    for (name, rows) in [
        ("008-zeek-mixed.conn.log.labeled", 5_663),
        ("012-zeek-mixed.conn.log.labeled", 4_740),
        ("openvas.conn.log", 5_754),
    ] {
        let path = data.join("zeek").join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        let table = telemetry::read(&path).unwrap();
        assert_eq!((table.schema().name(), table.n_rows(), table.report().rejected), ("zeek_conn", rows, 0));
        for column in table.schema().columns() {
            let name = column.name.as_str();
            match name {
                "vlan" => assert!(numbers(&table, name).iter().all(Option::is_none)),
                "uid" | "id.orig_h" | "id.resp_h" | "proto" | "service" | "conn_state" | "history"
                | "label" | "detailedlabel" | "tunnel_parents" => {
                    assert_eq!(texts(&table, name), split_column(&text, name), "{name}");
                }
                _ => {
                    let number = |cell: String| match cell.as_str() {
                        "T" => 1.0,
                        "F" => 0.0,
                        other => other.parse().unwrap(),
                    };
                    let wanted: Vec<_> =
                        split_column(&text, name).into_iter().map(|c| c.map(number)).collect();
                    assert_eq!(numbers(&table, name), wanted, "{name}");
                }
            }
        }
        let labelled = name.ends_with("labeled");
        assert_eq!(table.schema().index_of_role(Role::Label).is_some(), labelled);
        let attacks = table.labels().unwrap().map(|labels| labels.iter().filter(|&&attack| attack).count());
        let malicious = text.matches("\tMalicious\t").count();
        assert_eq!(attacks, labelled.then_some(malicious));
    }
}

#[test]
fn every_row_of_the_json_samples_is_read_as_it_is_written() {
    let Some(data) = public_data::find("logs") else { return };
    for (name, rows) in [("mixed9.conn.log", 576), ("port-scanning.conn.log", 4_504)] {
        let path = data.join("zeek").join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        let records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let table = telemetry::read(&path).unwrap();
        assert_eq!((table.schema().name(), table.n_rows(), table.report().rejected), ("zeek_conn", rows, 0));
        for column in ["ts", "id.resp_p", "duration", "orig_bytes", "missed_bytes", "resp_ip_bytes"] {
            let wanted: Vec<_> = records.iter().map(|record| record[column].as_f64()).collect();
            assert_eq!(numbers(&table, column), wanted, "{name}: {column}");
        }
        for column in ["uid", "id.orig_h", "proto", "service", "conn_state", "history"] {
            let wanted: Vec<_> =
                records.iter().map(|record| record[column].as_str().map(str::to_owned)).collect();
            // One record's service is "".
            let wanted: Vec<_> =
                wanted.into_iter().map(|text: Option<String>| text.filter(|t| !t.is_empty())).collect();
            assert_eq!(texts(&table, column), wanted, "{name}: {column}");
        }
        let local: Vec<_> = records.iter().map(|r| r["local_orig"].as_bool().map(f64::from)).collect();
        assert_eq!(numbers(&table, "local_orig"), local);
    }
}

#[test]
fn every_flow_of_the_eve_sample_is_read_and_every_other_event_counted() {
    let Some(data) = public_data::find("logs") else { return };
    let path = data.join("suricata/eve_first2500.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut others = BTreeMap::new();
    for event in &events {
        *others.entry(event["event_type"].as_str().unwrap().to_owned()).or_insert(0_u64) += 1;
    }
    let flows = others.remove("flow").unwrap();
    let table = telemetry::read(&path).unwrap();
    assert_eq!((table.schema().name(), table.n_rows() as u64), ("eve_flow", flows));
    assert_eq!((table.report().rejected, &table.report().skipped), (0, &others));
    assert_eq!(flows, 1_012);

    let records: Vec<&Value> = events.iter().filter(|event| event["event_type"] == "flow").collect();
    let inner = |path: &str| {
        let pointer = format!("/{}", path.replace('.', "/"));
        records.iter().map(move |record| record.pointer(&pointer).cloned().unwrap_or(Value::Null))
    };
    for column in ["src_port", "dest_port", "flow.pkts_toserver", "flow.bytes_toclient", "flow.age"] {
        assert_eq!(
            numbers(&table, column),
            inner(column).map(|v| v.as_f64()).collect::<Vec<_>>(),
            "{column}"
        );
    }
    for column in ["timestamp", "src_ip", "app_proto", "flow.state", "flow.reason"] {
        let wanted: Vec<_> = inner(column).map(|v| v.as_str().map(str::to_owned)).collect();
        assert_eq!(texts(&table, column), wanted, "{column}");
    }
    let proto: Vec<_> = inner("proto").map(|v| v.as_str().map(str::to_lowercase)).collect();
    assert_eq!(texts(&table, "proto"), proto);
    let ids: Vec<_> = inner("flow_id").map(|v| Some(v.to_string())).collect();
    assert_eq!(texts(&table, "flow_id"), ids);
    let flags: Vec<_> = inner("tcp.tcp_flags")
        .map(|v| v.as_str().map(|hex| f64::from(u8::from_str_radix(hex, 16).unwrap())))
        .collect();
    assert_eq!(numbers(&table, "tcp.tcp_flags"), flags);
    let micros = |v: Value| {
        let time: jiff::Timestamp = v.as_str().unwrap().parse().unwrap();
        time.as_microsecond()
    };
    let (start, end): (Vec<i64>, Vec<i64>) =
        inner("flow.start").map(micros).zip(inner("flow.end").map(micros)).unzip();
    let seconds = |micros: &i64| Some(*micros as f64 / 1e6);
    assert_eq!(numbers(&table, "flow.start"), start.iter().map(seconds).collect::<Vec<_>>());
    let durations: Vec<i64> = end.iter().zip(&start).map(|(end, start)| end - start).collect();
    assert_eq!(numbers(&table, "duration"), durations.iter().map(seconds).collect::<Vec<_>>());
}

#[test]
fn zeek_cells_keep_their_meaning_in_any_order_and_behind_any_separator() {
    let row = ROW.replace("ssl", "a\\x09b\\x2d").replace("\tSF\t", "\t-\t").replace("\tT\tF\t", "\t-\tT\t");
    let table = zeek(log(&[&row])).unwrap();
    assert_eq!(texts(&table, "service"), [Some("a\tb-".to_owned())]);
    assert_eq!(texts(&table, "conn_state"), [None]);
    assert_eq!(texts(&table, "tunnel_parents"), [None]);
    assert_eq!((numbers(&table, "local_orig"), numbers(&table, "local_resp")), (vec![None], vec![Some(1.0)]));

    let reverse = |line: &str| line.split('\t').rev().collect::<Vec<_>>().join(";");
    let fields = FIELDS.strip_prefix("#fields\t").unwrap();
    let text = format!(
        "#separator ;\n#unset_field;NIL\n#empty_field;\n#fields;colour;{}\nred;{}\n",
        reverse(fields),
        reverse(&ROW.replace("ssl", "NIL")),
    );
    let table = zeek(text).unwrap();
    assert_eq!(table.n_rows(), 1);
    assert_eq!(numbers(&table, "ts"), [Some(1_655_071_198.444_458)]);
    assert_eq!(texts(&table, "service"), [None]);
    assert_eq!(texts(&table, "tunnel_parents"), [Some("(empty)".to_owned())], "another word is empty here");
}

#[test]
fn labels_are_found_under_each_name_and_behind_blanks() {
    for (fields, row) in [
        ("\tlabel\tdetailedlabel", "\tMalicious\tDDoS"),
        ("\tlabel\tdetailed-label", "\tMalicious\tDDoS"),
        ("   label   detailed-label", "   Malicious   DDoS"),
        ("\tlabel\tdetailed-label", "   Malicious   DDoS"),
    ] {
        let text = format!("{HEADER}{FIELDS}{fields}\n{ROW}{row}\n{ROW}{}\n", "\tbenign\t-");
        let table = zeek(text).unwrap();
        assert_eq!(table.labels().unwrap().unwrap(), [true, false], "{fields}");
        assert_eq!(table.families().unwrap().unwrap(), ["DDoS", ""], "{fields}");
    }
    let json = |label: &str| format!(r#"{{"ts":1,"orig_pkts":1,"label":"{label}","detailed-label":"x"}}"#);
    let table = zeek([json("Malicious"), json("Background"), json("Benign")].join("\n")).unwrap();
    assert_eq!(table.labels().unwrap().unwrap(), [true, false, false]);
    assert_eq!(table.families().unwrap().unwrap(), ["x", "", ""]);
    // Nobody said what an unlabelled row is.
    let unlabelled = zeek(format!("{FIELDS}\tlabel\n{ROW}\t-\n")).unwrap();
    assert!(unlabelled.labels().unwrap_err().to_string().contains("`label`"));
}

#[test]
fn concatenated_logs_take_each_header_as_it_comes() {
    let second = log(&[&format!("{ROW}\textra")]).replace("tunnel_parents\n", "tunnel_parents\tip_proto\n");
    let text = format!("{}#close\t2022\n{second}#close\t2022\n", log(&[ROW, ROW]));
    let table = zeek(text).unwrap();
    assert_eq!((table.n_rows(), table.report().rejected, table.report().blank), (3, 0, 0));
    assert_eq!(numbers(&table, "resp_ip_bytes"), vec![Some(1226.0); 3]);

    let lacking = log(&[ROW]).replace("\tduration\t", "\tlength\t");
    let error = zeek(format!("{}{lacking}", log(&[ROW]))).unwrap_err();
    assert_eq!(error.kind(), qosguard::ErrorKind::SchemaMismatch);
    assert!(error.to_string().contains("duration"), "{error}");
}

#[test]
fn other_lines_of_a_zeek_log_are_rejected_and_counted() {
    let record = |ts: &str| format!(r#"{{"ts":{ts},"orig_pkts":1}}"#);
    let lines = [
        (log(&[ROW, "1\t2"]), "cells"),
        (log(&[ROW, &ROW.replace("62771", "70000")]), "at most 65535"),
        (log(&[ROW, &ROW.replace("1655071198.444458", "1655071198444")]), "year 5138"),
        (log(&[ROW, &ROW.replace("1655071198.444458", "yesterday")]), "ISO 8601"),
        (log(&[ROW, &ROW.replace("ssl", "s\0l")]), "NUL"),
        (log(&[ROW, &ROW.replace("ssl", "s\\x00l")]), "NUL"),
        (format!("{ROW}\n{}", log(&[ROW])), "`#fields`"),
        (format!("#separator ab\n{}", log(&[ROW])), "one byte"),
        ([record("1"), "{\"ts\":1,".to_owned()].join("\n"), "EOF"),
        ([record("1"), record("-5")].join("\n"), "at least 0"),
        ([record("1"), r#"{"ts":1,"ts":2,"orig_pkts":1}"#.to_owned()].join("\n"), "occurs twice"),
        (
            [record("1"), r#"{"ts":1,"uid":"x","query":"a.b"}"#.to_owned()].join("\n"),
            "a value in at least one of",
        ),
        ([record("1"), format!(r#"{{"ts":{}1"#, "[".repeat(10_000))].join("\n"), "EOF"),
        ([record("1"), "{\"ts\":1,\"orig_pkts\":1} x".to_owned()].join("\n"), "trailing"),
    ];
    for (text, reason) in lines {
        let table = zeek(text.clone()).unwrap();
        let rejections = &table.report().rejections;
        assert_eq!((table.n_rows(), table.report().rejected), (1, 1), "{text}: {rejections:?}");
        assert!(rejections[0].reason.to_string().contains(reason), "{reason}: {}", rejections[0]);
    }
    let bad_utf8 = [record("1").as_bytes(), b"\n{\"ts\":1,\"uid\":\"\xff\",\"orig_pkts\":1}"].concat();
    assert_eq!(zeek(bad_utf8).unwrap().report().rejected, 1);
    let latin = ROW.replace("ssl", "caf\u{e9}");
    assert_eq!(texts(&zeek(log(&[&latin])).unwrap(), "service"), [Some("café".to_owned())]);
    // No line of a file without a header can be read, which is an error.
    let options = ReadOptions::default();
    let error = ZeekReader::new(ROW.as_bytes(), "x", &options).unwrap().read().unwrap_err().to_string();
    assert!(error.contains("`#fields`"), "{error}");
}

#[test]
fn times_may_be_written_out_and_other_logs_pass_by() {
    let text = r#"{"_path":"conn","ts":"2021-06-06T13:57:37.272281Z","orig_pkts":1,"tunnel_parents":["Ca","Cb"]}
{"_path":"dns","ts":1,"query":"a.b"}
{"ts":1.5,"orig_pkts":2,"new":{"key":[1,{}]}}
"#;
    let table = zeek(text).unwrap();
    assert_eq!(numbers(&table, "ts"), [Some(1_622_987_857.272_281), Some(1.5)]);
    assert_eq!(texts(&table, "tunnel_parents"), [Some("Ca,Cb".to_owned()), None]);
    assert_eq!(table.report().skipped, BTreeMap::from([("dns".to_owned(), 1)]));
}

const FLOW: &str = r#"{"timestamp":"2021-06-06T16:40:00.000000+0200","flow_id":9223372036854775807,"event_type":"flow","vlan":[7,9],"src_ip":"2001:db8::1","src_port":1900,"dest_ip":"2001:db8::2","dest_port":443,"proto":"IPv6-ICMP","icmp_type":128,"icmp_code":0,"flow":{"pkts_toserver":12,"pkts_toclient":0,"bytes_toserver":4056,"bytes_toclient":0,"start":"2021-06-06T16:38:55.855844+0200","end":"2021-06-06T16:38:56.963027+0200","age":1,"state":"new","reason":"timeout","alerted":true},"tcp":{"tcp_flags":"1b"}}"#;

#[test]
fn eve_values_keep_their_meaning() {
    let escaped = FLOW.replace("event_type\":\"flow", "event\\u005ftype\":\"fl\\u006fw");
    let table = eve(format!("{FLOW}\n\n{escaped}\n")).unwrap();
    assert_eq!((table.n_rows(), table.report().blank), (2, 1));
    for (column, number) in [
        ("vlan", 7.0),
        ("icmp_type", 128.0),
        ("flow.start", 1_622_990_335.855_844),
        ("flow.end", 1_622_990_336.963_027),
        ("duration", 1.107_183),
        ("flow.alerted", 1.0),
        ("tcp.tcp_flags", 27.0),
    ] {
        assert_eq!(numbers(&table, column), vec![Some(number); 2], "{column}");
    }
    assert_eq!(numbers(&table, "tcp.tcp_flags_ts"), [None, None]);
    assert_eq!(texts(&table, "flow_id")[0].as_deref(), Some("9223372036854775807"));
    assert_eq!(texts(&table, "proto")[0].as_deref(), Some("ipv6-icmp"));
}

#[test]
fn an_event_of_another_type_is_never_a_flow() {
    let others = [
        r#"{"event_type":"netflow","netflow":{"pkts":1}}"#,
        r#"{"event_type":"alert","alert":{"event_type":"flow"},"flow":{"pkts_toserver":1}}"#,
        r#"{"payload":"\"event_type\":\"flow\"","flow":{"pkts_toserver":1},"event_type":"alert"}"#,
        r#"{"event_type":"Flow","flow":{"pkts_toserver":1}}"#,
    ];
    let table = eve(format!("{FLOW}\n{}\n", others.join("\n"))).unwrap();
    assert_eq!((table.n_rows(), table.report().rejected), (1, 0));
    let skipped: Vec<_> =
        table.report().skipped.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
    assert_eq!(skipped, [("Flow", 1), ("alert", 2), ("netflow", 1)]);
}

#[test]
fn the_kinds_that_are_counted_apart_are_bounded() {
    let event = |i: usize| format!("{{\"event_type\":\"{}{i}\"}}", "k".repeat(100 * (i % 2)));
    let events: Vec<String> = (0..200).map(event).collect();
    let table = eve(format!("{FLOW}\n{}\n", events.join("\n"))).unwrap();
    let skipped = &table.report().skipped;
    assert_eq!(skipped.values().sum::<u64>(), 200);
    assert!(skipped.len() <= 65 && skipped.keys().all(|kind| kind.len() <= 64), "{skipped:?}");
    assert!(skipped["other"] > 30);
}

#[test]
fn other_lines_of_an_eve_log_are_rejected_and_counted() {
    for (line, reason) in [
        ("{\"event_type\":\"flow\"", "EOF"),
        ("{\"event_type\":\"alert\",\"x\":[}", "expected"),
        ("[1,2]", "expected a JSON object"),
        ("{}", "event_type"),
        ("{\"event_type\":7}", "expected text"),
        ("{\"event_type\":\"flow\"}", "a value in at least one of"),
        ("{\"event_type\":\"flow\",\"flow\":null}", "expected a JSON object"),
        ("\0", "expected value"),
        (&FLOW.replace("\"1b\"", "\"+b\""), "hexadecimal"),
        (&FLOW.replace("4056", "{}"), "a number or text"),
        (&FLOW.replace("2001:db8::1", "\\u0000"), "NUL"),
        (&FLOW.replace("2021-06-06T16:38:55", "2021-06-06T16:39:55"), "at least 0"),
        (&FLOW.replace("2021-06-06T16:38:55.855844+0200", "yesterday"), "ISO 8601"),
    ] {
        let table = eve(format!("{FLOW}\n{line}\n{FLOW}\n")).unwrap();
        let rejections = &table.report().rejections;
        assert_eq!((table.n_rows(), table.report().rejected), (2, 1), "{line}: {rejections:?}");
        assert_eq!(rejections[0].line, 2);
        assert!(rejections[0].reason.to_string().contains(reason), "{reason}: {}", rejections[0]);
    }
    // A deep value that nobody asked for takes no stack.
    let deep =
        FLOW.replace("\"vlan\":[7,9]", &format!("\"x\":{}{}", "[".repeat(100_000), "]".repeat(100_000)));
    assert_eq!(eve(deep).unwrap().n_rows(), 1);
}

#[test]
fn a_line_of_a_hundred_megabytes_is_counted_and_never_held() {
    let filler = || std::io::repeat(b'x').take(100 << 20);
    let text = std::io::Cursor::new(b"{\"event_type\":\"".to_vec())
        .chain(filler())
        .chain(std::io::Cursor::new(format!("\n{FLOW}\n").into_bytes()));
    let table = EveReader::new(text, "eve.json", &lenient()).unwrap().read().unwrap();
    assert_eq!((table.n_rows(), table.report().rejected), (1, 1));
    let text = std::io::Cursor::new(format!("{}{ROW}", log(&[])).into_bytes())
        .chain(filler())
        .chain(std::io::Cursor::new(format!("\n{ROW}\n").into_bytes()));
    let table = ZeekReader::new(text, "conn.log", &lenient()).unwrap().read().unwrap();
    assert_eq!((table.n_rows(), table.report().rejected), (1, 1));
}

#[test]
fn packed_logs_are_read_by_what_they_hold() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text, schema) in
        [("conn.00:00:00.log.gz", log(&[ROW]), "zeek_conn"), ("eve.json.1.gz", FLOW.to_owned(), "eve_flow")]
    {
        let path = folder.path().join(name);
        let mut file =
            flate2::write::GzEncoder::new(std::fs::File::create(&path).unwrap(), flate2::Compression::fast());
        file.write_all(text.as_bytes()).unwrap();
        file.finish().unwrap();
        let table = telemetry::read(&path).unwrap();
        assert_eq!((table.schema().name(), table.n_rows()), (schema, 1));
    }
}

#[test]
fn a_schema_of_the_same_name_keeps_the_roles_that_it_gives() {
    let schema = Schema::preset("zeek_conn").unwrap().with_role("local_orig", Role::Feature).unwrap();
    let options = ReadOptions { schema: Some(schema), ..ReadOptions::default() };
    let reader = ZeekReader::new(std::io::Cursor::new(log(&[ROW])), "conn.log", &options).unwrap();
    let column = &reader.schema().columns()[12];
    assert_eq!((column.name.as_str(), column.role), ("local_orig", Role::Feature));
}

#[test]
fn a_last_line_without_an_end_is_read_as_one_with_it() {
    let labelled = format!("{FIELDS}\tlabel\n{ROW}\tMalicious");
    let json = r#"{"ts":1.5,"uid":"C","id.orig_h":"::1","id.resp_p":53,"proto":"udp","duration":0.2,"orig_bytes":3,"conn_state":"SF","label":"Malicious"}"#;
    let event = r#"{"timestamp":"2023-08-08T12:30:00.0+0000","flow_id":1,"event_type":"flow","src_ip":"10.8.0.1","proto":"TCP","flow":{"pkts_toserver":11}}"#;
    let flow = "dst_port,protocol,packet_count,byte_count,duration\n443,tcp,12,1024,3.4";
    let line = r#"{"protocol":"tcp","dst_port":443,"packet_count":12,"byte_count":1024,"duration":3.4}"#;
    let whole = format!("{HEADER}{labelled}");
    for text in [whole.as_str(), labelled.as_str(), json, event, flow, line, "rate,kind\n1.5,a"] {
        let read = |text: String| {
            let input = std::io::Cursor::new(text.into_bytes());
            telemetry::open_input(input, "input", &ReadOptions::default()).unwrap().read().unwrap()
        };
        let (without, with) = (read(text.to_owned()), read(format!("{text}\n")));
        assert_eq!(without.schema(), with.schema(), "{text}");
        assert_eq!(without.batches(), with.batches(), "{text}");
        assert_eq!(without.n_rows(), 1);
        let label = text.contains("Malicious").then_some(vec![true]);
        assert_eq!(without.labels().unwrap(), label, "{text}");
    }
}

#[test]
fn the_scope_separator_of_zeek_may_be_any() {
    let want = zeek(log(&[ROW])).unwrap();
    for separator in ["_", "::", "-", "/"] {
        let fields = FIELDS.replace("id.", &format!("id{separator}"));
        let table = zeek(format!("{HEADER}{fields}\n{ROW}\n")).unwrap();
        assert_eq!(table.batches(), want.batches(), "{separator}");
    }
    let record = |ends: &str| {
        format!(
            "{{\"ts\":1.5,\"uid\":\"C\",{ends},\"proto\":\"udp\",\"orig_bytes\":3,\"conn_state\":\"SF\"}}\n"
        )
    };
    let plain = r#""id.orig_h":"10.0.0.1","id.orig_p":5,"id.resp_h":"10.0.0.2","id.resp_p":53"#;
    let nested = r#""id":{"orig_h":"10.0.0.1","orig_p":5,"resp_h":"10.0.0.2","resp_p":53}"#;
    let read = |text: String| {
        telemetry::open_input(std::io::Cursor::new(text.into_bytes()), "conn", &lenient())
            .unwrap()
            .read()
            .unwrap()
    };
    let want = read(record(plain));
    assert_eq!(texts(&want, "id.resp_h"), [Some("10.0.0.2".into())]);
    for ends in [nested.to_owned(), plain.replace("id.", "id_"), plain.replace("id.", "id::")] {
        let table = read(record(&ends));
        assert_eq!(table.schema().name(), "zeek_conn", "{ends}");
        assert_eq!(table.batches(), want.batches(), "{ends}");
    }
    let error = zeek("#fields\tts\tuid\tbytes\n1\tC\t3\n").unwrap_err().to_string();
    assert!(error.contains("unknown `bytes`"), "{error}");
}

#[test]
fn an_error_lists_the_records_that_were_skipped() {
    let event = |kind: &str| {
        format!("{{\"timestamp\":\"2023-08-08T12:30:00.0+0000\",\"flow_id\":1,\"event_type\":\"{kind}\"}}\n")
    };
    let error = eve(event("netflow") + &event("dns") + &event("dns")).unwrap_err().to_string();
    assert_eq!(error, "eve.json: records; skipped dns: 2, netflow: 1: needs at least 1, got 0");
    let log = "{\"_path\":\"dns\",\"ts\":1.5,\"id.orig_h\":\"::1\",\"conn_state\":\"SF\"}\n";
    let error = zeek(log).unwrap_err().to_string();
    assert!(error.contains("skipped dns: 1"), "{error}");
    // Another exporter's JSON has the key too.
    let other = r#"{"event_type":"purge","ip_src":"10.0.0.1","ip_dst":"10.0.0.2","packets":3,"bytes":100}"#;
    let table =
        telemetry::open_input(std::io::Cursor::new(other), "flows.json", &lenient()).unwrap().read().unwrap();
    assert_eq!((table.schema().name(), table.n_rows()), ("inferred", 1));
    assert_eq!(numbers(&table, "bytes"), [Some(100.0)]);
}

#[test]
fn the_header_of_cicflowmeter_4_is_known() {
    let schema = Schema::preset("cicids2018").unwrap();
    let names: Vec<&str> = schema.columns().iter().map(|c| c.name.as_str()).collect();
    let cells: Vec<&str> = names
        .iter()
        .map(|name| match *name {
            "Label" => "Benign",
            "Timestamp" => "14/02/2018 08:31:01",
            "Protocol" => "6",
            "Dst Port" => "443",
            _ => "5",
        })
        .collect();
    let identity = 4;
    assert_eq!(names[..identity], ["Flow ID", "Src IP", "Src Port", "Dst IP"]);
    for from in [0, identity] {
        let text = format!("{}\n{}\n", names[from..].join(","), cells[from..].join(","));
        let table = super::csv(text, &ReadOptions::default()).unwrap();
        assert_eq!((table.schema().name(), table.n_rows()), ("cicids2018", 1));
        assert_eq!(numbers(&table, "Tot Fwd Pkts"), [Some(5.0)]);
        assert_eq!(table.labels().unwrap().unwrap(), [false]);
    }
    // The vocabulary has what the first release had: a guard takes either.
    let fit = Schema::preset("cicids2017").unwrap().fits(&schema);
    assert!(fit.missing.len() <= 1, "{fit}");
}
