//! Arrow memory: handed over without a copy where it fits, converted or rejected where it does not.

use std::sync::Arc;

use qosguard::ErrorKind;
use qosguard::arrow::array::{
    Array, ArrayRef, AsArray, Date64Array, DictionaryArray, Float64Array, Int64Array, LargeStringArray,
    NullArray, RecordBatch, RecordBatchIterator, StringArray, StringViewArray, TimestampMillisecondArray,
    TimestampNanosecondArray, TimestampSecondArray,
};
use qosguard::arrow::datatypes::{Float64Type, Int8Type};
use qosguard::telemetry::{ArrowReader, BatchReader, Column, Kind, ReadOptions, Reason, Role, Schema, Table};

use super::{csv, jsonl, lenient, numbers, texts};

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap()
}

fn read(schema: &Schema, batches: Vec<RecordBatch>) -> qosguard::Result<Table> {
    let options = ReadOptions { schema: Some(schema.clone()), ..lenient() };
    let arrow = batches[0].schema();
    ArrowReader::new(RecordBatchIterator::new(batches.into_iter().map(Ok), arrow), "arrow", &options)?.read()
}

fn limited(name: &str, minimum: f64) -> Column {
    let mut column = Column::new(name, Role::Feature, Kind::Number);
    (column.minimum, column.undefined) = (Some(minimum), Some(-1.0));
    column
}

/// The schema of a port. A column of ports is not a feature by default.
fn port() -> Schema {
    let flow = Schema::preset("flow").unwrap();
    let column = flow.columns().iter().find(|c| c.name == "dst_port").unwrap().clone();
    Schema::builder("port").column(column).build().unwrap()
}

/// The address of the values of a number column, or of the bytes of a text column.
fn place(array: &ArrayRef) -> *const u8 {
    match array.as_primitive_opt::<Float64Type>() {
        Some(numbers) => numbers.values().as_ptr().cast(),
        None => array.as_string::<i32>().value_data().as_ptr(),
    }
}

#[test]
fn columns_that_fit_are_the_very_same_memory() {
    let schema = Schema::builder("s")
        .feature("free")
        .column(limited("limited", -5.0))
        .category("text")
        .text_label("label", &["ok"])
        .build()
        .unwrap();
    let columns = |limited: f64| -> Vec<(&str, ArrayRef)> {
        vec![
            ("label", Arc::new(StringArray::from(vec![Some("ok"), None, Some("bad")]))),
            ("text", Arc::new(StringArray::from(vec![Some("a b"), Some("é"), None]))),
            ("limited", Arc::new(Float64Array::from(vec![Some(limited), None, Some(f64::INFINITY)]))),
            ("free", Arc::new(Float64Array::from(vec![Some(f64::NAN), Some(-1.0), None]))),
        ]
    };
    let source = batch(columns(-5.0));
    let table = read(&schema, vec![source.clone(), source.slice(1, 2)]).unwrap();
    for (i, from) in [3, 2, 1, 0].into_iter().enumerate() {
        let (given, got) = (source.column(from), table.batches()[0].column(i));
        assert_eq!(place(given), place(got), "{}", schema.columns()[i].name);
        assert_eq!(given.nulls(), got.nulls());
        assert_eq!(place(&given.slice(1, 2)), place(table.batches()[1].column(i)), "a slice");
    }

    // A number that means null changes only the validity.
    let source = batch(columns(-1.0));
    let table = read(&schema, vec![source.clone()]).unwrap();
    assert_eq!(place(source.column(2)), place(table.batches()[0].column(1)));
    assert_eq!(numbers(&table, "limited"), [None, None, Some(f64::INFINITY)]);

    // A row outside the limits is taken out of all columns.
    let table = read(&schema, vec![batch(columns(-6.0))]).unwrap();
    assert_eq!((table.n_rows(), table.report().rejected), (2, 1));
    assert_eq!(texts(&table, "text"), [Some("é".into()), None]);
    assert_eq!(
        table.report().rejections[0].to_string(),
        "line 1, column `limited`: expected at least -5, got \"-6\""
    );
}

#[test]
fn text_that_readers_would_change_is_changed() {
    let flow = Schema::preset("flow").unwrap();
    let protocol = flow.columns().iter().find(|c| c.name == "protocol").unwrap().clone();
    let schema = Schema::builder("s").column(protocol).text_label("label", &["ok"]).build().unwrap();
    let want = [Some("tcp".to_owned()), Some("udp".to_owned()), None];
    let labels: ArrayRef = Arc::new(StringArray::from(vec!["normal.", " ok", "x"]));
    let cells = vec![Some("TCP"), Some(" 17 "), Some("")];
    let given: [ArrayRef; 4] = [
        Arc::new(StringArray::from(cells.clone())),
        Arc::new(LargeStringArray::from(cells.clone())),
        Arc::new(StringViewArray::from(cells.clone())),
        Arc::new(cells.into_iter().collect::<DictionaryArray<Int8Type>>()),
    ];
    for column in given {
        let source = batch(vec![("protocol", column), ("label", Arc::clone(&labels))]);
        let table = read(&schema, vec![source]).unwrap();
        assert_eq!(texts(&table, "protocol"), want);
        assert_eq!(texts(&table, "label"), ["normal", "ok", "x"].map(|t| Some(t.to_owned())));
    }
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(6), Some(17), None]));
    let table = read(&schema, vec![batch(vec![("protocol", numbers), ("label", labels)])]).unwrap();
    assert_eq!(texts(&table, "protocol"), want);
}

#[test]
fn an_error_names_the_first_faulty_column_of_the_source() {
    let schema = Schema::builder("s").column(limited("a", 0.0)).column(limited("b", 0.0)).build().unwrap();
    let column = |values: [f64; 3]| -> ArrayRef { Arc::new(Float64Array::from(values.to_vec())) };
    let source = batch(vec![("b", column([1.0, -3.0, -2.0])), ("a", column([-7.0, -8.0, 1.0]))]);
    let table = read(&schema, vec![batch(vec![("b", column([1.0; 3])), ("a", column([1.0; 3]))]), source]);
    let table = table.unwrap();
    let listed: Vec<String> = table.report().rejections.iter().map(ToString::to_string).collect();
    assert_eq!(
        listed,
        [
            "line 4, column `a`: expected at least 0, got \"-7\"",
            "line 5, column `b`: expected at least 0, got \"-3\"",
            "line 6, column `b`: expected at least 0, got \"-2\""
        ]
    );
    assert_eq!((table.n_rows(), table.batches().len()), (3, 1));
}

#[test]
fn times_are_seconds_and_one_that_does_not_fit_is_rejected() {
    let schema = Schema::builder("s").time("at").build().unwrap();
    let text = Schema::builder("s").ignore("at").build().unwrap();
    let given: [(ArrayRef, f64); 4] = [
        (Arc::new(TimestampSecondArray::from(vec![1_700_000_000, i64::MAX])), 1.7e9),
        (Arc::new(TimestampMillisecondArray::from(vec![1_700_000_000_123, i64::MIN])), 1_700_000_000.123),
        (Arc::new(Date64Array::from(vec![-1_500, i64::MAX])), -1.5),
        (Arc::new(TimestampSecondArray::from(vec![-1, i64::MIN])), -1.0),
    ];
    for (column, want) in given {
        let table = read(&schema, vec![batch(vec![("at", Arc::clone(&column))])]).unwrap();
        assert_eq!(numbers(&table, "at"), [Some(want)]);
        assert_eq!(table.report().rejected, 1, "never null without a word");
        assert_eq!(table.report().rejections[0].reason.code(), "time_out_of_range");
        let table = read(&text, vec![batch(vec![("at", column)])]).unwrap();
        assert_eq!((table.report().accepted, table.report().rejected), (1, 1));
    }
    let nanos: ArrayRef =
        Arc::new(TimestampNanosecondArray::from(vec![Some(1_700_000_000_123_456_789), None, Some(i64::MAX)]));
    let table = read(&schema, vec![batch(vec![("at", nanos)])]).unwrap();
    assert_eq!(
        numbers(&table, "at"),
        [Some(1_700_000_000.123_456), None, Some(9_223_372_036_854_775.0 / 1e6)]
    );
}

#[test]
fn a_port_is_a_whole_number_in_every_reader() {
    let options = ReadOptions { schema: Some(port()), ..lenient() };
    let floats: ArrayRef = Arc::new(Float64Array::from(vec![443.5, 443.0]));
    let words: ArrayRef = Arc::new(StringArray::from(vec!["443.5", "443.0"]));
    let tables = [
        csv("dst_port\n443.5\n443.0\n", &options),
        // Followed by enough for the fast path.
        csv(format!("dst_port\n443.5\n443.0\n{}", " \n".repeat(99)), &options),
        jsonl("{\"dst_port\":443.5}\n{\"dst_port\":443.0}\n", &options),
        read(&port(), vec![batch(vec![("dst_port", floats)])]),
        read(&port(), vec![batch(vec![("dst_port", words)])]),
    ];
    for table in tables {
        let table = table.unwrap();
        assert_eq!(numbers(&table, "dst_port"), [Some(443.0)]);
        let first = &table.report().rejections[0];
        assert_eq!((first.value.as_str(), first.reason.code()), ("443.5", "not_whole"));
    }
}

#[test]
fn one_long_text_for_many_rows_is_not_written_out_at_once() {
    let schema = Schema::builder("s").category("c").build().unwrap();
    let text = "x".repeat(1 << 20);
    let column: DictionaryArray<Int8Type> = vec![text.as_str(); 300].into_iter().collect();
    let options = ReadOptions { schema: Some(schema.clone()), ..ReadOptions::default() };
    let source = batch(vec![("c", Arc::new(column) as ArrayRef)]);
    let arrow = source.schema();
    let reader = ArrowReader::new(RecordBatchIterator::new([Ok(source)], arrow), "arrow", &options).unwrap();
    let sizes: Vec<usize> = reader.map(|batch| batch.unwrap().num_rows()).collect();
    assert_eq!(sizes.iter().sum::<usize>(), 300);
    assert!(sizes.iter().all(|&rows| rows <= 64), "{sizes:?}");

    let longer: ArrayRef = Arc::new(StringArray::from(vec!["y".repeat((1 << 20) + 1), "y".into()]));
    let table = read(&schema, vec![batch(vec![("c", longer)])]).unwrap();
    assert_eq!((table.n_rows(), table.report().rejected), (1, 1));
    assert_eq!(table.report().rejections[0].reason, Reason::TextTooLong { maximum: 1 << 20 });
}

#[test]
fn columns_without_values_and_batches_without_rows_are_read() {
    let schema = Schema::builder("s").feature("x").category("c").build().unwrap();
    let source =
        batch(vec![("x", Arc::new(NullArray::new(2)) as ArrayRef), ("c", Arc::new(NullArray::new(2)))]);
    let table = read(&schema, vec![source.slice(0, 0), source.clone()]).unwrap();
    assert_eq!((numbers(&table, "x"), texts(&table, "c")), (vec![None; 2], vec![None; 2]));
    let none = read(&schema, vec![source.slice(0, 0)]).unwrap_err();
    assert_eq!(none.kind(), ErrorKind::InsufficientData);
}

#[test]
fn too_many_rejections_end_the_reading_early() {
    let schema = Schema::builder("s").column(limited("x", 0.0)).build().unwrap();
    let bad: ArrayRef = Arc::new(Float64Array::from(vec![-3.0; 70_000]));
    let source = batch(vec![("x", bad)]);
    let options = ReadOptions { schema: Some(schema), ..ReadOptions::default() };
    let batches = (0..).map({
        let source = source.clone();
        move |_| Ok(source.clone())
    });
    let mut reader =
        ArrowReader::new(RecordBatchIterator::new(batches, source.schema()), "arrow", &options).unwrap();
    assert_eq!(reader.read().unwrap_err().kind(), ErrorKind::BadRecord);
    assert_eq!((reader.report().rejected, reader.report().rejections.len()), (70_000, 100));
}
