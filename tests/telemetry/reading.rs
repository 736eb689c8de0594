//! What the readers make of legal input.

use std::io::Write;
use std::sync::Arc;

use qosguard::arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, Int8Array, Int32Array, LargeStringArray, RecordBatch,
    StringArray, StringViewArray,
};
use qosguard::arrow::datatypes::{
    Decimal128Type, Float32Type, Float64Type, Int32Type, Int64Type, UInt16Type,
};
use qosguard::telemetry::{Field, ReadOptions, Role, Schema, Table, read_csv, read_jsonl};
use qosguard::{Error, ErrorKind};

use super::{FLOW, GOOD, csv, jsonl, numbers, texts, whole};

#[test]
fn cells_are_read_as_documented() {
    let header = "dst_port,protocol,packet_count,byte_count,duration,src_ip\r\n";
    let text = format!(
        "\u{feff}{header}80, TCP ,,NaN,Infinity,\"a \"\"quoted\"\",\ncell\"\r\n\r\n443,17,-,1e3,-inf,\r\n,,,,,\r\n0.0,6.0,1.5,007,.5,x"
    );
    // A negative infinity is not a finite number below the minimum: it is kept.
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
    let other = |name: &str, column: &ArrayRef| -> ArrayRef {
        let numbers = column.as_primitive_opt::<Float64Type>();
        let of = |convert: fn(f64) -> i64| numbers.map(|n| n.unary::<_, Int64Type>(convert));
        match (name, column.as_string_opt::<i32>()) {
            ("src_port", _) => Arc::new(numbers.unwrap().unary::<_, UInt16Type>(|v| v as u16)),
            ("dst_port", _) => {
                let keys = Int8Array::from(vec![0; column.len()]);
                Arc::new(DictionaryArray::new(keys, column.slice(0, 1)))
            }
            ("byte_count", _) => Arc::new(of(|v| v as i64).unwrap()),
            ("duration", _) => Arc::new(numbers.unwrap().unary::<_, Float32Type>(|v| v as f32)),
            ("packet_count", _) => Arc::new(numbers.unwrap().unary::<_, Decimal128Type>(|v| v as i128)),
            ("protocol", Some(t)) => Arc::new(t.iter().collect::<DictionaryArray<Int32Type>>()),
            ("src_ip", Some(t)) => Arc::new(t.iter().collect::<LargeStringArray>()),
            (_, Some(t)) => Arc::new(t.iter().collect::<StringViewArray>()),
            (name, None) => panic!("{name}"),
        }
    };
    let columns = batch
        .schema()
        .fields()
        .iter()
        .zip(batch.columns())
        .rev()
        .map(|(field, column)| (field.name().clone(), other(field.name(), column)))
        .collect::<Vec<(String, ArrayRef)>>();
    let mixed = RecordBatch::try_from_iter(columns.clone()).unwrap();
    let back = Table::from_arrow(table.schema(), &[mixed.slice(0, 1), mixed.slice(1, 1)]).unwrap();
    let (want, got) = (batch, whole(&back));
    for (want, got) in want.columns().iter().zip(got.columns()) {
        // 3.4 went through f32, and the packets through a scale of ten decimals.
        let near = |array: &ArrayRef| {
            array.as_primitive_opt::<Float64Type>().map(|n| n.unary::<_, Float32Type>(|v| v as f32))
        };
        match near(want) {
            Some(want) if want.value(0) != 12.0 => assert_eq!(Some(want), near(got)),
            Some(_) => assert_eq!(near(got).unwrap().value(0), 1.2e-9),
            None => assert_eq!(want, got),
        }
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
    assert_eq!(
        table.report().rejections[0].to_string(),
        "line 41, column `x`: expected at least 0, got \"-1\""
    );

    let text: ArrayRef = Arc::new(StringArray::from(vec![Some("1.5"), None, Some("oops")]));
    let refused =
        Table::from_arrow(&schema, &[RecordBatch::try_from_iter([("x", text)]).unwrap()]).unwrap_err();
    assert!(refused.to_string().contains("line 3, column `x`: expected a number, got \"oops\""), "{refused}");

    let text: ArrayRef = Arc::new(StringArray::from(vec!["1.5", "1\0"]));
    let refused =
        Table::from_arrow(&schema, &[RecordBatch::try_from_iter([("x", text)]).unwrap()]).unwrap_err();
    assert!(
        refused.to_string().contains(r#"line 2, column `x`: expected text without NUL bytes, got "\\0""#),
        "{refused}"
    );

    let list: ArrayRef = Arc::new(qosguard::arrow::array::ListArray::new_null(
        Arc::new(qosguard::arrow::datatypes::Field::new(
            "item",
            qosguard::arrow::datatypes::DataType::Int32,
            true,
        )),
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
