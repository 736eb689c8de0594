//! Reading telemetry: public data sets, hostile input, and properties of the readers.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;
use qosguard::arrow::array::{Array, ArrayRef, AsArray, Int32Array, RecordBatch, StringArray};
use qosguard::arrow::compute::{cast, concat_batches};
use qosguard::arrow::datatypes::{DataType, Float64Type};
use qosguard::telemetry::{
    CsvReader, Field, JsonReader, ReadOptions, Role, Schema, Table, read_csv, read_csv_with, read_jsonl,
};
use qosguard::{Error, ErrorKind, Result};

const FLOW: &str = "src_ip,dst_ip,src_port,dst_port,protocol,packet_count,byte_count,duration\n";
const GOOD: &str = "10.0.0.1,10.0.0.2,50000,443,TCP,12,1024,3.4\n";

fn lenient() -> ReadOptions {
    ReadOptions { max_rejected_share: 1.0, ..ReadOptions::default() }
}

fn csv(text: impl Into<Vec<u8>>, options: &ReadOptions) -> Result<Table> {
    CsvReader::new(std::io::Cursor::new(text.into()), "test.csv", options)?.read()
}

fn jsonl(text: impl Into<Vec<u8>>, options: &ReadOptions) -> Result<Table> {
    JsonReader::new(std::io::Cursor::new(text.into()), "test.jsonl", options)?.read()
}

fn whole(table: &Table) -> RecordBatch {
    concat_batches(&Arc::new(table.schema().to_arrow()), table.batches()).unwrap()
}

fn numbers(table: &Table, column: &str) -> Vec<Option<f64>> {
    whole(table).column_by_name(column).unwrap().as_primitive::<Float64Type>().iter().collect()
}

fn texts(table: &Table, column: &str) -> Vec<Option<String>> {
    let batch = whole(table);
    batch.column_by_name(column).unwrap().as_string::<i32>().iter().map(|t| t.map(str::to_owned)).collect()
}

/// The one rejection of a good row, one row more, and a good row: its column, value and reason.
fn rejection(row: impl AsRef<[u8]>) -> (String, String, String) {
    let text = [FLOW.as_bytes(), GOOD.as_bytes(), row.as_ref(), b"\n", GOOD.as_bytes()].concat();
    let table = csv(text, &lenient()).unwrap();
    let report = table.report();
    assert_eq!((report.accepted, report.rejected, table.n_rows()), (2, 1, 2), "{report:?}");
    assert_eq!(report.rejections[0].line, 3);
    let first = report.rejections[0].clone();
    (first.column, first.value, first.expected)
}

// ---------------------------------------------------------------- public data sets

fn data() -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var("QOSGUARD_DATA").unwrap_or_else(|_| "../shared/data".into()))
        .join("flows");
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("SKIPPED: no data sets at {} (set QOSGUARD_DATA)", path.display());
    None
}

/// Reads a file and checks its schema, rows and rejections; gives rows per family, clean ones under "".
fn public(
    path: &Path,
    schema: &str,
    rows: usize,
    rejected: u64,
) -> std::collections::BTreeMap<String, usize> {
    let table = read_csv(path).unwrap();
    assert_eq!(table.schema().name(), schema);
    assert_eq!((table.n_rows(), table.report().rejected), (rows, rejected), "{:?}", table.report());
    let mut families = std::collections::BTreeMap::new();
    for family in table.families().unwrap().unwrap() {
        *families.entry(family).or_default() += 1;
    }
    families
}

#[test]
fn unsw_nb15() {
    let Some(data) = data() else { return };
    let families = public(&data.join("unsw-nb15/UNSW_NB15_82332.csv"), "unsw_nb15", 82_332, 0);
    assert_eq!(families.len(), 10);
    assert_eq!((families[""], families["Generic"], families["Worms"]), (37_000, 18_871, 44));

    let families = public(&data.join("unsw-nb15/raw49_headerless_20000.csv"), "unsw_nb15_raw", 20_000, 0);
    assert_eq!(families[""], 18_428);
    assert_eq!(families["Fuzzers"], 231 + 493, "one with a blank in front, one without");
    let table = read_csv(data.join("unsw-nb15/raw49_headerless_20000.csv")).unwrap();
    let ports = numbers(&table, "dsport");
    assert_eq!(ports[222], Some(f64::from(0xc0a8)), "a hexadecimal port");
}

#[test]
fn nsl_kdd() {
    let Some(data) = data() else { return };
    let train = public(&data.join("nsl-kdd/KDDTrain+.txt"), "nsl_kdd", 125_973, 0);
    let test = public(&data.join("nsl-kdd/KDDTest+.txt"), "nsl_kdd", 22_544, 0);
    assert_eq!((train[""], test[""]), (67_343, 9_711));
    assert_eq!(test.keys().filter(|family| !train.contains_key(*family)).count(), 17);
}

#[test]
fn cicids2017_in_three_dialects() {
    let Some(data) = data() else { return };
    let families =
        public(&data.join("cicids2017/improved_5days_sample.csv"), "cicids2017_corrected", 43_419, 0);
    assert_eq!(families.len(), 16);
    assert_eq!((families[""], families["Web Attack - XSS"], families["Heartbleed"]), (5_000, 18, 11));

    let original = data.join("cicids2017/original_79col_infinity.csv");
    assert_eq!(public(&original, "cicids2017", 9_998, 0)[""], 9_998);
    let table = read_csv(original).unwrap();
    let rates = numbers(&table, "Flow Packets/s");
    assert!(rates.contains(&Some(f64::INFINITY)));
    assert!(numbers(&table, "Flow Bytes/s").iter().flatten().any(|v| v.is_nan()));
    let windows = numbers(&table, "Init_Win_bytes_forward");
    assert_eq!(windows.iter().filter(|w| w.is_none()).count(), 4_634, "-1 is undefined");

    // One row lasts -1 microseconds.
    let families =
        public(&data.join("cicids2017/generated_84col_web_attacks.csv"), "cicids2017_flows", 7_266, 1);
    assert_eq!(
        (families[""], families["Web Attack - Brute Force"], families["Web Attack - XSS"]),
        (5_086, 1_507, 652)
    );
    assert_eq!(families["Web Attack - Sql Injection"], 21);
}

// ---------------------------------------------------------------- what is read

#[test]
fn cells_are_read_as_documented() {
    let header = "dst_port,protocol,packet_count,byte_count,duration,src_ip\r\n";
    let text = format!(
        "\u{feff}{header}80, TCP ,,NaN,Infinity,\"a \"\"quoted\"\",\ncell\"\r\n\r\n443,17,-,1e3,-inf,\r\n,,,,,\r\n0.0,6.0,1.5,007,.5,x"
    );
    // A negative infinity is no finite number below the minimum: it is kept.
    let table = csv(text, &ReadOptions::default()).unwrap();
    assert_eq!(table.report().rejected, 0);
    assert_eq!(table.report().blank, 2);
    assert_eq!(table.schema().columns()[0].name, "src_ip", "in the schema's order");
    assert_eq!(texts(&table, "src_ip"), [Some("a \"quoted\",\ncell".into()), None, Some("x".into())]);
    assert_eq!(texts(&table, "protocol"), [Some("tcp".into()), Some("udp".into()), Some("tcp".into())]);
    assert_eq!(numbers(&table, "packet_count"), [None, None, Some(1.5)]);
    assert!(numbers(&table, "byte_count")[0].unwrap().is_nan());
    assert_eq!(numbers(&table, "byte_count")[1..], [Some(1000.0), Some(7.0)]);
    assert_eq!(numbers(&table, "duration"), [Some(f64::INFINITY), Some(f64::NEG_INFINITY), Some(0.5)]);
}

#[test]
fn text_that_is_not_utf_8_is_latin_1() {
    let schema = Schema::builder("s").feature("x").text_label("state", &["clean"]).build().unwrap();
    let options = ReadOptions { schema: Some(schema), ..ReadOptions::default() };
    let table = csv(b"x,state\n1,caf\xe9\n2,Web Attack \x96 XSS\n3, clean \n".to_vec(), &options).unwrap();
    assert_eq!(table.families().unwrap().unwrap(), ["café", "Web Attack - XSS", ""]);
    assert_eq!(table.labels().unwrap().unwrap(), [true, true, false]);
}

#[test]
fn kdd99_labels_lose_their_dot_and_attempted_attacks_are_clean() {
    let row = |label: &str| format!("0,tcp,http,SF{}{label}\n", ",0".repeat(37) + ",");
    let table = csv(row("normal.") + &row("smurf."), &ReadOptions::default()).unwrap();
    assert_eq!(table.schema().name(), "kdd99");
    assert_eq!(table.families().unwrap().unwrap(), ["", "smurf"]);

    let corrected = Schema::preset("cicids2017_corrected").unwrap();
    assert!(corrected.is_clean("DoS Hulk - Attempted"));
    assert!(!corrected.is_clean("DoS Hulk"));
}

#[test]
fn a_table_without_truth_still_reads() {
    let schema = Schema::preset("unsw_nb15").unwrap();
    let features: Vec<&str> =
        schema.columns().iter().filter(|c| c.role == Role::Feature).map(|c| c.name.as_str()).collect();
    let row: Vec<&str> = features
        .iter()
        .map(|name| {
            if schema.columns()[schema.index_of(name).unwrap()].field == Some(Field::Protocol) {
                "tcp"
            } else {
                "1"
            }
        })
        .collect();
    let table = csv(format!("{}\n{}\n", features.join(","), row.join(",")), &ReadOptions::default()).unwrap();
    assert_eq!((table.schema().name(), table.n_rows()), ("unsw_nb15", 1));
    assert_eq!(table.labels().unwrap(), None);
    assert_eq!(table.families().unwrap(), None);
}

#[test]
fn gzip_is_known_by_its_first_bytes() {
    let mut file = tempfile::NamedTempFile::with_suffix(".csv").unwrap();
    for part in [FLOW, GOOD] {
        // Two members, as `cat a.gz b.gz` makes them.
        let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        zip.write_all(part.as_bytes()).unwrap();
        file.write_all(&zip.finish().unwrap()).unwrap();
    }
    file.flush().unwrap();
    assert_eq!(read_csv(file.path()).unwrap().n_rows(), 1);

    let cut = std::fs::read(file.path()).unwrap();
    std::fs::write(file.path(), &cut[..cut.len() - 9]).unwrap();
    assert_eq!(read_csv(file.path()).unwrap_err().kind(), ErrorKind::Io);
}

#[test]
fn json_lines_read_as_csv_does() {
    let line = r#"{"duration": 3.4, "src_ip": "10.0.0.1", "dst_ip": "10.0.0.2", "src_port": 50000, "dst_port": 443, "protocol": "TCP", "packet_count": 12, "byte_count": "1024"}"#;
    let text = format!("\u{feff}{line}\r\n\n{}\n", line.replace("3.4", "null").replace("\"TCP\"", "17"));
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let table = read_jsonl(file.path()).unwrap();
    assert_eq!(table.schema().name(), "flow");
    assert_eq!((table.n_rows(), table.report().blank), (2, 1));
    assert_eq!(numbers(&table, "duration"), [Some(3.4), None]);
    assert_eq!(numbers(&table, "byte_count"), [Some(1024.0), Some(1024.0)]);
    assert_eq!(texts(&table, "protocol"), [Some("tcp".into()), Some("udp".into())]);
    let same = csv(format!("{FLOW}{GOOD}"), &ReadOptions::default()).unwrap();
    assert_eq!(whole(&table).slice(0, 1), whole(&same));
}

#[test]
fn bad_json_lines_are_rejected_by_line_and_key() {
    let good = r#"{"protocol":"tcp","dst_port":443,"packet_count":1,"byte_count":2,"duration":0.5}"#;
    let cases = [
        (good.replace("443", "70000"), "dst_port", "at most 65535"),
        (good.replace("0.5", "-0.5"), "duration", "at least 0"),
        (good.replace("0.5", "1e400"), "", "a JSON object: number out of range"),
        (good.replace("0.5", "\"1e400\""), "duration", "within the range of a 64-bit float"),
        (good.replace("0.5", "\"soon\""), "duration", "a number"),
        (good.replace("0.5", "[1]"), "duration", "a number or text"),
        (good.replace("0.5", "{\"s\":1}"), "duration", "a number or text"),
        (good.replace(",\"duration\":0.5", ""), "duration", "there"),
        (good.replace("0.5", "0.5,\"duration\":1"), "duration", "once"),
        (good.replace("0.5", "0.5,\"colour\":\"red\""), "", "a key of the first record"),
        (good.replace("tcp", "t\\u0000cp"), "protocol", "text without NUL bytes"),
        (good[..40].to_owned(), "", "a JSON object"),
        (format!("{good}{good}"), "", "a JSON object: trailing"),
        ("[1, 2]".to_owned(), "", "a JSON object"),
        ("7".to_owned(), "", "a JSON object"),
    ];
    for (bad, column, expected) in cases {
        let table = jsonl(format!("{good}\n{bad}\n{good}\n"), &lenient()).unwrap();
        let report = table.report();
        assert_eq!((report.accepted, report.rejected), (2, 1), "{bad}");
        let first = &report.rejections[0];
        assert_eq!((first.line, first.column.as_str()), (2, column), "{bad}");
        assert!(first.expected.starts_with(expected), "{bad}: {first}");
    }
    let too_many = jsonl(format!("{good}\n{{\n"), &ReadOptions::default()).unwrap_err();
    assert!(matches!(too_many, Error::TooManyRejected { rejected: 1, rows: 2, .. }), "{too_many}");
}

#[test]
fn json_of_a_service_is_one_object_or_an_array() {
    let flow = Schema::preset("flow").unwrap();
    let record = r#"{"protocol":"tcp","dst_port":443,"packet_count":1,"byte_count":2,"duration":0.5}"#;
    assert_eq!(Table::from_json(&flow, record).unwrap().n_rows(), 1);
    let table = Table::from_json(&flow, &format!(" [{record}, {record}]")).unwrap();
    assert_eq!((table.n_rows(), table.schema().columns().len()), (2, 5));

    let kind = |text: &str| Table::from_json(&flow, text).unwrap_err().kind();
    assert_eq!(kind(""), ErrorKind::BadRecord);
    assert_eq!(kind("[]"), ErrorKind::InsufficientData);
    assert_eq!(kind("[1]"), ErrorKind::BadRecord);
    assert_eq!(kind(&format!("[{record}")), ErrorKind::BadRecord);
    assert_eq!(kind(&format!("{record} x")), ErrorKind::BadRecord);
    assert_eq!(kind(r#"{"protocol":"tcp"}"#), ErrorKind::SchemaMismatch);
    assert_eq!(kind(&record.replace("0.5", "0.5,\"x\":1")), ErrorKind::SchemaMismatch);
    assert_eq!(kind(&record.replace("443", "-1")), ErrorKind::BadRecord);
    assert_eq!(kind(&"[".repeat(100_000)), ErrorKind::BadRecord);
}

#[test]
fn a_record_of_unknowns_keeps_its_row() {
    let schema = Schema::builder("s").feature("x").category("c").build().unwrap();
    let options = ReadOptions { schema: Some(schema.clone()), ..ReadOptions::default() };
    let (one, none, two) = (r#"{"x":1,"c":"a"}"#, r#"{"x":null,"c":null}"#, r#"{"x":2,"c":"b"}"#);
    let posted = Table::from_json(&schema, &format!("[{one},{none},{two}]")).unwrap();
    let lines = jsonl(format!("{one}\n{none}\n{two}\n"), &options).unwrap();
    let arrow = Table::from_arrow(&schema, posted.batches()).unwrap();
    for table in [posted, lines, arrow] {
        assert_eq!(numbers(&table, "x"), [Some(1.0), None, Some(2.0)]);
        assert_eq!((table.report().accepted, table.report().blank), (3, 0));
    }
    assert_eq!(Table::from_json(&schema, none).unwrap().n_rows(), 1);
    assert_eq!(csv("x,c\n1,a\n,\n2,b\n", &options).unwrap().report().blank, 1, "in CSV it is a blank line");
}

#[test]
fn arrow_columns_of_other_types_and_orders_are_brought_to_the_schema() {
    let table = csv(format!("{FLOW}{GOOD}{GOOD}"), &ReadOptions::default()).unwrap();
    let batch = whole(&table);
    let other = |name: &str| match name {
        "src_port" => DataType::UInt16,
        "dst_port" => DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Float64)),
        "byte_count" => DataType::Int64,
        "duration" => DataType::Float32,
        "protocol" => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
        "src_ip" => DataType::LargeUtf8,
        _ => DataType::Utf8View,
    };
    let columns = batch
        .schema()
        .fields()
        .iter()
        .zip(batch.columns())
        .rev()
        .map(|(field, column)| (field.name().clone(), cast(column, &other(field.name())).unwrap()))
        .collect::<Vec<(String, ArrayRef)>>();
    let mixed = RecordBatch::try_from_iter(columns.clone()).unwrap();
    let back = Table::from_arrow(table.schema(), &[mixed.slice(0, 1), mixed.slice(1, 1)]).unwrap();
    let (want, got) = (batch, whole(&back));
    for (want, got) in want.columns().iter().zip(got.columns()) {
        // 3.4 went through f32.
        let (want, got) = match want.as_primitive_opt::<Float64Type>() {
            Some(_) => (cast(want, &DataType::Float32).unwrap(), cast(got, &DataType::Float32).unwrap()),
            None => (Arc::clone(want), Arc::clone(got)),
        };
        assert_eq!(&want, &got);
    }

    let extra: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
    let mut foreign = columns;
    foreign.push(("colour".into(), extra));
    let foreign = RecordBatch::try_from_iter(foreign).unwrap();
    match Table::from_arrow(table.schema(), &[foreign]).unwrap_err() {
        Error::SchemaMismatch { missing, unknown, .. } => {
            assert_eq!((missing.len(), unknown), (0, vec!["colour".to_owned()]));
        }
        other => panic!("{other}"),
    }
    assert_eq!(Table::from_arrow(table.schema(), &[]).unwrap_err().kind(), ErrorKind::InsufficientData);
}

#[test]
fn arrow_rows_outside_the_range_are_rejected_by_number() {
    let schema = Schema::from_toml(
        "name = \"s\"\ncolumns = [{ name = \"x\", role = \"feature\", kind = \"number\", minimum = 0 }]",
    )
    .unwrap();
    let mut values = vec![1; 99];
    values[40] = -1;
    let column: ArrayRef = Arc::new(Int32Array::from(values));
    let table = Table::from_arrow(&schema, &[RecordBatch::try_from_iter([("x", column)]).unwrap()]).unwrap();
    assert_eq!((table.n_rows(), table.report().rejected), (98, 1));
    assert_eq!(table.report().rejections[0].to_string(), "line 41, column `x`: \"-1\" is not at least 0");

    let text: ArrayRef = Arc::new(StringArray::from(vec![Some("1.5"), None, Some("oops")]));
    let refused =
        Table::from_arrow(&schema, &[RecordBatch::try_from_iter([("x", text)]).unwrap()]).unwrap_err();
    assert!(refused.to_string().contains("line 3, column `x`: \"oops\" is not a number"), "{refused}");

    let text: ArrayRef = Arc::new(StringArray::from(vec!["1.5", "1\0"]));
    let refused =
        Table::from_arrow(&schema, &[RecordBatch::try_from_iter([("x", text)]).unwrap()]).unwrap_err();
    assert!(
        refused.to_string().contains(r#"line 2, column `x`: "\\0" is not text without NUL"#),
        "{refused}"
    );

    let list: ArrayRef = Arc::new(qosguard::arrow::array::ListArray::new_null(
        Arc::new(qosguard::arrow::datatypes::Field::new("item", DataType::Int32, true)),
        1,
    ));
    let refused =
        Table::from_arrow(&schema, &[RecordBatch::try_from_iter_with_nullable([("x", list, true)]).unwrap()]);
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::BadRecord);
}

#[test]
fn rows_are_taken_in_the_given_order_across_batches() {
    let schema = Schema::builder("s").feature("x").category("c").build().unwrap();
    let options = ReadOptions { schema: Some(schema), batch_rows: 3, ..ReadOptions::default() };
    let text: String = (0..10).fold("x,c\n".to_owned(), |text, i| text + &format!("{i},c{i}\n"));
    let table = csv(text, &options).unwrap();
    assert_eq!(table.batches().len(), 4);
    let taken = table.take(&[9, 0, 3, 3]).unwrap();
    assert_eq!(numbers(&taken, "x"), [Some(9.0), Some(0.0), Some(3.0), Some(3.0)]);
    assert_eq!(texts(&taken, "c")[0].as_deref(), Some("c9"));
    assert_eq!(table.take(&[]).unwrap().n_rows(), 0);
    assert_eq!(table.take(&[10]).unwrap_err().kind(), ErrorKind::ShapeMismatch);
}

// ---------------------------------------------------------------- hostile input

#[test]
fn nothing_to_read_is_said() {
    for text in ["", "\n\n", FLOW, "\u{feff}"] {
        let error = csv(text, &ReadOptions::default()).unwrap_err();
        assert_eq!(error.to_string(), "test.csv: records: needs at least 1, got 0", "{text:?}");
        assert_eq!(error.kind(), ErrorKind::InsufficientData);
    }
    assert_eq!(jsonl("\n", &ReadOptions::default()).unwrap_err().kind(), ErrorKind::InsufficientData);
    let missing = read_csv("no/such/file.csv").unwrap_err();
    assert_eq!(missing.to_string(), "cannot access no/such/file.csv");
}

#[test]
fn a_foreign_file_names_what_is_missing_and_what_is_unknown() {
    let error = csv("id,dur,proto,colour\n1,2,tcp,red\n", &ReadOptions::default()).unwrap_err();
    let Error::SchemaMismatch { place, schema, missing, unknown } = &error else { panic!("{error}") };
    assert_eq!((place.as_str(), schema.as_str()), ("test.csv", "unsw_nb15"));
    assert_eq!(missing.len(), 45 - 5, "every feature but dur and proto");
    assert_eq!(unknown, &["colour"]);

    let mine =
        ReadOptions { schema: Some(Schema::builder("mine").feature("x").build().unwrap()), ..lenient() };
    let error = csv("y\n1\n", &mine).unwrap_err().to_string();
    assert_eq!(error, r#"test.csv: columns do not fit schema `mine`: missing ["x"], unknown ["y"]"#);
}

#[test]
fn a_wrong_delimiter_is_said_in_words() {
    for delimiter in [';', '\t', '|'] {
        let text = format!("{FLOW}{GOOD}").replace(',', &delimiter.to_string());
        let error = csv(text.clone(), &ReadOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SchemaMismatch);
        let said = format!("test.csv, read with delimiter ',' where {delimiter:?} fits better: ");
        assert!(error.to_string().starts_with(&said), "{error}");
        let options = ReadOptions { delimiter: delimiter as u8, ..ReadOptions::default() };
        assert_eq!(csv(text, &options).unwrap().n_rows(), 1);
    }
}

#[test]
fn utf_16_is_refused_by_name() {
    let units: Vec<u16> = format!("{FLOW}{GOOD}").encode_utf16().collect();
    let little: Vec<u8> = units.iter().flat_map(|u| u.to_le_bytes()).collect();
    let big: Vec<u8> = units.iter().flat_map(|u| u.to_be_bytes()).collect();
    for text in [[&b"\xff\xfe"[..], &little].concat(), [&b"\xfe\xff"[..], &big].concat(), little, big] {
        let error = csv(text.clone(), &ReadOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadRecord);
        assert!(error.to_string().contains("UTF-16"), "{error}");
        assert_eq!(jsonl(text, &ReadOptions::default()).unwrap_err().kind(), ErrorKind::BadRecord);
    }
}

#[test]
fn bad_rows_are_rejected_with_line_column_and_reason() {
    let row = |from: &str, to: &str| GOOD.trim_end().replace(from, to);
    let cell = |column: &str, value: &str, expected: &str| {
        (column.to_owned(), value.to_owned(), expected.to_owned())
    };
    assert_eq!(rejection(row("3.4", "-3.4")), cell("duration", "-3.4", "at least 0"));
    assert_eq!(rejection(row("443", "65536")), cell("dst_port", "65536", "at most 65535"));
    assert_eq!(rejection(row("50000", "70000")), cell("src_port", "70000", "at most 65535"));
    assert_eq!(rejection(row("443", "0x20205321")), cell("dst_port", "0x20205321", "at most 65535"));
    assert_eq!(
        rejection(row("1024", "1e400")),
        cell("byte_count", "1e400", "within the range of a 64-bit float")
    );
    assert_eq!(rejection(row("1024", "12x")), cell("byte_count", "12x", "a number"));
    assert_eq!(rejection(row("1024", "\"1,024\"")), cell("byte_count", "1,024", "a number"));
    assert_eq!(rejection(row("1024", "0x10")), cell("byte_count", "0x10", "a number"));
    assert_eq!(rejection("1,2,3"), cell("", "3 cells", "8 cells"));
    assert_eq!(rejection(row("3.4", "3.4,")), cell("", "9 cells", "8 cells"));
    assert_eq!(rejection(row("3.4", "\"3.4\",\"5\"")), cell("", "9 cells", "8 cells"));
    assert_eq!(rejection(row("TCP", "T\0P")), cell("", "\\0", "text without NUL bytes"));
    assert_eq!(rejection(row("TCP", "\"TCP")), cell("", "\"", "a quote that is closed"));
    assert_eq!(rejection(row("TCP", "\"TCP\"x")), cell("", "\"", "a quote at the end of its cell"));
    assert_eq!(rejection("x".repeat(1_000_000)), cell("", "1 cells", "8 cells"));
    assert_eq!(rejection(",".repeat(1_000_000)), cell("", "1000001 cells", "8 cells"));
    assert_eq!(rejection("x".repeat(2_000_000)), cell("", "", "a line of at most 1048576 bytes"));
}

#[test]
fn a_stray_quote_costs_one_line_only() {
    let stray = GOOD.replace("10.0.0.1", "\"10.0.0.1");
    let text = format!("{FLOW}{stray}{}{stray}{}", GOOD.repeat(50), GOOD.repeat(50));
    let table = csv(text, &lenient()).unwrap();
    assert_eq!((table.n_rows(), table.report().rejected), (100, 2));
    assert_eq!(table.report().rejections[1].line, 53);
}

#[test]
fn a_long_line_is_never_held() {
    /// A header, then one endless line of a given length, made as it is read.
    struct Endless(std::io::Cursor<Vec<u8>>, usize, std::io::Cursor<Vec<u8>>);
    impl std::io::Read for Endless {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            match self.0.read(out)? {
                0 if self.1 > 0 => {
                    let n = out.len().min(self.1);
                    out[..n].fill(b'7');
                    self.1 -= n;
                    Ok(n)
                }
                0 => self.2.read(out),
                n => Ok(n),
            }
        }
    }
    let start = std::io::Cursor::new(FLOW.as_bytes().to_vec());
    let end = std::io::Cursor::new(format!("\n{GOOD}").into_bytes());
    let table =
        CsvReader::new(Endless(start, 300 << 20, end), "endless", &lenient()).unwrap().read().unwrap();
    assert_eq!((table.n_rows(), table.report().rejected), (1, 1));
    assert_eq!(table.report().rejections[0].line, 2);
    // The line behind keeps its number.
    let first = csv(format!("{}\n{FLOW}", "x".repeat(2 << 20)), &lenient()).unwrap_err();
    assert!(matches!(first, Error::BadRecord { line: 1, .. }), "{first}");
    let wide = csv(format!("{}\n", ",".repeat(1_000_000)), &lenient()).unwrap_err();
    assert!(wide.to_string().len() < 20_000, "the error stays readable");
}

#[test]
fn more_rejections_than_allowed_are_an_error() {
    let text = format!("{FLOW}{}{}", GOOD.repeat(95), "bad\n".repeat(5));
    assert_eq!(csv(text.clone(), &ReadOptions::default()).unwrap().report().rejected, 5, "5 of 100 are 5 %");
    let error = csv(text + "bad\n", &ReadOptions::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "test.csv: 6 of 101 records rejected, more than the allowed share 0.05; \
         the first: line 97: \"1 cells\" is not 8 cells"
    );
    // All are counted, and the first are kept in words.
    let table = csv(format!("{FLOW}{GOOD}{}", "bad\n".repeat(1_000)), &lenient()).unwrap();
    assert_eq!((table.report().rejected, table.report().rejections.len()), (1_000, 100));
}

#[test]
fn settings_outside_their_domain_are_refused() {
    let refused = [
        ReadOptions { max_rejected_share: 1.5, ..ReadOptions::default() },
        ReadOptions { max_rejected_share: f64::NAN, ..ReadOptions::default() },
        ReadOptions { delimiter: b'"', ..ReadOptions::default() },
        ReadOptions { delimiter: b'5', ..ReadOptions::default() },
        ReadOptions { delimiter: b'\n', ..ReadOptions::default() },
        ReadOptions { max_line_bytes: 0, ..ReadOptions::default() },
        ReadOptions { batch_rows: 0, ..ReadOptions::default() },
    ];
    for options in refused {
        assert_eq!(csv(FLOW, &options).unwrap_err().kind(), ErrorKind::InvalidArgument);
        assert_eq!(read_csv_with("x", &options).unwrap_err().kind(), ErrorKind::InvalidArgument);
    }
}

// ---------------------------------------------------------------- properties

fn abc() -> Schema {
    let limited =
        "{ name = \"b\", role = \"feature\", kind = \"number\", minimum = 0, maximum = 9, undefined = -1 }";
    Schema::from_toml(&format!(
        "name = \"abc\"\nclean = [\"ok\"]\ncolumns = [\n{{ name = \"a\", role = \"feature\", kind = \"number\" }},\n{limited},\n\
         {{ name = \"c\", role = \"feature\", kind = \"text\" }},\n{{ name = \"truth\", role = \"label\", kind = \"text\" }},\n]"
    ))
    .unwrap()
}

/// Bytes that look like CSV or JSON of the schema `abc`, most of the time.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"a,b,c,truth\n".to_vec()),
        Just(b"1,2,x,ok\n".to_vec()),
        Just(b"-1.5e3,-1,\"q,\"\"\n\",bad.\r\n".to_vec()),
        Just(br#"{"a":1,"b":2,"c":"x","truth":"ok"}"#.to_vec()),
        "[0-9.,\"\n\r \\-einfxNa]{0,12}".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..8),
    ];
    proptest::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_bytes_panic(bytes in hostile(), max_line_bytes in 1_usize..200, batch_rows in 1_usize..5) {
        let options = ReadOptions { schema: Some(abc()), max_line_bytes, batch_rows, ..lenient() };
        let _ = csv(bytes.clone(), &options);
        let _ = jsonl(bytes.clone(), &options);
        let _ = csv(bytes.clone(), &ReadOptions::default());
        if let Ok(text) = std::str::from_utf8(&bytes) {
            let _ = Table::from_json(&abc(), text);
            let _ = Schema::from_toml(text);
        }
    }

    #[test]
    fn batches_of_any_size_hold_the_same_rows(bytes in hostile(), batch_rows in 1_usize..5) {
        let bytes = [b"a,b,c,truth\n".to_vec(), bytes].concat();
        let options = ReadOptions { schema: Some(abc()), ..lenient() };
        let small = ReadOptions { batch_rows, ..options.clone() };
        match (csv(bytes.clone(), &options), csv(bytes, &small)) {
            (Ok(one), Ok(many)) => {
                prop_assert_eq!(one.report(), many.report());
                prop_assert_eq!(bits(&one), bits(&many));
                prop_assert!(many.batches().iter().all(|b| b.num_rows() <= batch_rows));
            }
            (one, many) => prop_assert_eq!(one.unwrap_err().to_string(), many.unwrap_err().to_string()),
        }
    }

    /// The oracle: a plain CSV parser and the standard library's numbers.
    #[test]
    fn cells_are_those_of_a_plain_parser(rows in proptest::collection::vec(row(), 1..40), crlf: bool) {
        let end = if crlf { "\r\n" } else { "\n" };
        let text = rows.iter().fold(format!("a,b,c,truth{end}"), |text, row| text + &row.join(",") + end);
        let table = csv(text.clone(), &ReadOptions { schema: Some(abc()), ..lenient() }).unwrap();
        prop_assert_eq!(table.report().rejected, 0, "{:?}", table.report());
        let want: Vec<Vec<String>> = oracle(text.as_bytes()).into_iter().skip(1).collect();
        prop_assert_eq!(bits(&table), want);
    }
}

/// A row of cells that are all legal, some quoted, some spelt at length.
fn row() -> impl Strategy<Value = Vec<String>> {
    let number = prop_oneof![
        "-?[0-9]{1,20}",
        "-?[0-9]{0,9}\\.[0-9]{1,19}",
        "-?[0-9]{1,3}(\\.[0-9]{1,3})?e-?[0-9]{1,2}",
        any::<f64>().prop_filter("finite", |v| v.is_finite()).prop_map(|v| v.to_string()),
        Just("Infinity".to_owned()),
        Just("NaN".to_owned()),
        Just(" 5 ".to_owned()),
        Just("\"6.5\"".to_owned()),
        Just(String::new()),
    ];
    let limited = prop_oneof!["[0-9]", "[0-8]\\.[0-9]{1,18}", Just("-1".to_owned())];
    let text = prop_oneof!["[a-z]{1,5}", "\"[a-z,\n]{1,4}(\"\")?[a-z]\"", "é{1,3}", Just(String::new())];
    (number, limited, text).prop_map(|(a, b, c)| vec![a, b, c, "ok".to_owned()])
}

/// Every cell as text: the bits of a number, or the text; empty for null.
fn bits(table: &Table) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for batch in table.batches() {
        for row in 0..batch.num_rows() {
            let cell = |column: &ArrayRef| match column.as_primitive_opt::<Float64Type>() {
                _ if column.is_null(row) => String::new(),
                Some(numbers) => format!("{:x}", numbers.value(row).to_bits()),
                None => column.as_string::<i32>().value(row).to_owned(),
            };
            rows.push(batch.columns().iter().map(cell).collect());
        }
    }
    rows
}

fn oracle(text: &[u8]) -> Vec<Vec<String>> {
    let mut parser = csv_core::Reader::new();
    let (mut bytes, mut ends) = (vec![0; text.len()], [0; 8]);
    let (mut at, mut rows) = (0, Vec::new());
    loop {
        let (result, read, _, cells) = parser.read_record(&text[at..], &mut bytes, &mut ends);
        at += read;
        if !matches!(result, csv_core::ReadRecordResult::Record) {
            return rows;
        }
        let mut start = 0;
        let cells = ends[..cells].iter().map(|&end| {
            let cell = std::str::from_utf8(&bytes[start..end]).unwrap().trim_ascii().to_owned();
            start = end;
            cell
        });
        let cell = |(i, cell): (usize, String)| match (i, cell.as_str()) {
            (0 | 1, "") | (1, "-1") => String::new(),
            (0 | 1, number) => number.parse::<f64>().map_or(cell, |v| format!("{:x}", v.to_bits())),
            _ => cell,
        };
        rows.push(cells.enumerate().map(cell).collect());
    }
}
