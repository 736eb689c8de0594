//! Values that other programs write in their own way, and the one way in which every reader gives them.

use std::sync::Arc;

use qosguard::arrow::array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, DurationMicrosecondArray,
    DurationMillisecondArray, DurationNanosecondArray, DurationSecondArray, Float32Array, Float64Array,
    Int32Array, Int64Array, NullArray, RecordBatch, RecordBatchIterator, RunArray, StringArray,
    StringViewArray, Time32MillisecondArray, Time64NanosecondArray, TimestampMicrosecondArray, UInt16Array,
};
use qosguard::arrow::datatypes::{DataType, Int32Type};
use qosguard::arrow::ipc::writer::FileWriter;
use qosguard::telemetry::{
    self, ArrowReader, BatchReader, Column, IpcReader, Kind, ReadOptions, Role, Schema, Table, TimeUnit,
};
use qosguard::{ErrorKind, Guard};

use super::{csv, jsonl, lenient, numbers, texts};

fn batch(name: &str, array: ArrayRef) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([(name, array, true)]).unwrap()
}

fn options(schema: &Schema) -> ReadOptions {
    ReadOptions { schema: Some(schema.clone()), ..lenient() }
}

fn arrow(schema: &Schema, batch: &RecordBatch) -> qosguard::Result<Table> {
    let source = RecordBatchIterator::new([Ok(batch.clone())], batch.schema());
    ArrowReader::new(source, "arrow", &options(schema))?.read()
}

fn ipc(schema: &Schema, batch: &RecordBatch) -> qosguard::Result<Table> {
    let mut writer = FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(batch).unwrap();
    let file = writer.into_inner().unwrap();
    IpcReader::new(std::io::Cursor::new(file), "ipc", &options(schema))?.read()
}

#[cfg(feature = "parquet")]
fn parquet(schema: &Schema, batch: &RecordBatch) -> qosguard::Result<Table> {
    use qosguard::telemetry::ParquetReader;
    let mut writer = parquet::arrow::ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    ParquetReader::new(writer.into_inner().unwrap().as_slice(), "parquet", &options(schema))?.read()
}

/// A batch through every reader of columns that can hold it.
fn everywhere(schema: &Schema, batch: &RecordBatch) -> Vec<Table> {
    let mut tables = vec![arrow(schema, batch).unwrap(), ipc(schema, batch).unwrap()];
    #[cfg(feature = "parquet")]
    {
        // The writer of Parquet takes no others.
        let packed = |of: &DataType| matches!(of, DataType::RunEndEncoded(_, _) | DataType::Dictionary(_, _));
        if !packed(batch.column(0).data_type()) {
            tables.push(parquet(schema, batch).unwrap());
        }
    }
    tables
}

#[test]
fn a_duration_is_its_seconds_in_every_reader_and_unit() {
    let schema = Schema::builder("s").feature("duration").build().unwrap();
    let given: [(ArrayRef, f64); 7] = [
        (Arc::new(DurationSecondArray::from(vec![Some(3), None])), 3.0),
        (Arc::new(DurationMillisecondArray::from(vec![Some(3_400), None])), 3.4),
        (Arc::new(DurationMicrosecondArray::from(vec![Some(3_400_000), None])), 3.4),
        (Arc::new(DurationNanosecondArray::from(vec![Some(-3_400_000_000), None])), -3.4),
        (Arc::new(Time32MillisecondArray::from(vec![Some(3_600_500), None])), 3_600.5),
        (Arc::new(Time64NanosecondArray::from(vec![Some(86_399_999_999_000), None])), 86_399.999_999),
        (Arc::new(DurationMicrosecondArray::from(vec![Some(500_000), None])), 0.5),
    ];
    for (array, want) in given {
        for table in everywhere(&schema, &batch("duration", array)) {
            assert_eq!(numbers(&table, "duration"), [Some(want), None]);
        }
    }
    // A column in microseconds, as flow meters write it, gets microseconds.
    let cic = Schema::preset("cicids2017").unwrap();
    let column = cic.columns().iter().find(|c| c.name == "Flow Duration").unwrap().clone();
    let schema = Schema::builder("s").column(column).build().unwrap();
    let array: ArrayRef = Arc::new(DurationNanosecondArray::from(vec![3_400_000_000]));
    for table in everywhere(&schema, &batch("Flow Duration", array)) {
        assert_eq!(numbers(&table, "Flow Duration"), [Some(3_400_000.0)]);
    }
    // No length of time is a point in time.
    let array: ArrayRef = Arc::new(DurationSecondArray::from(vec![3]));
    for kind in [Kind::Number, Kind::Time] {
        let schema = Schema::builder("s").column(Column::new("at", Role::Time, kind)).build().unwrap();
        let error = arrow(&schema, &batch("at", array.clone())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadRecord);
        assert!(error.to_string().contains("Duration(s)"), "{error}");
    }
}

#[test]
fn every_type_of_numbers_becomes_numbers() {
    let schema = Schema::builder("s").feature("x").build().unwrap();
    let repeated: RunArray<Int32Type> = {
        let ends = Int32Array::from(vec![2, 3]);
        RunArray::try_new(&ends, &Float32Array::from(vec![Some(1.5), None])).unwrap()
    };
    let keys = Int32Array::from(vec![Some(1), Some(1), None]);
    let given: [ArrayRef; 5] = [
        Arc::new(repeated),
        Arc::new(DictionaryArray::new(keys, Arc::new(Float64Array::from(vec![7.0, 1.5])))),
        Arc::new(Float32Array::from(vec![Some(1.5), Some(1.5), None])),
        Arc::new(
            Decimal128Array::from(vec![Some(150), Some(150), None]).with_precision_and_scale(9, 2).unwrap(),
        ),
        Arc::new(StringViewArray::from(vec![Some("1.5"), Some("1.50"), None])),
    ];
    for array in given {
        for table in everywhere(&schema, &batch("x", array)) {
            assert_eq!(numbers(&table, "x"), [Some(1.5), Some(1.5), None]);
        }
    }
    let truths: ArrayRef = Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]));
    for table in everywhere(&schema, &batch("x", truths)) {
        assert_eq!(numbers(&table, "x"), [Some(1.0), Some(0.0), None]);
    }
    assert_eq!(
        numbers(&csv("x\nTrue\nFALSE\n1\n", &options(&schema)).unwrap(), "x"),
        [1.0, 0.0, 1.0].map(Some)
    );
    let nothing: ArrayRef = Arc::new(NullArray::new(2));
    for table in everywhere(&schema, &batch("x", nothing)) {
        assert_eq!(numbers(&table, "x"), [None, None]);
    }
}

#[test]
fn times_as_text_are_iso_8601() {
    let schema = Schema::builder("s").category("c").build().unwrap();
    let given: [(ArrayRef, &str); 5] = [
        (Arc::new(TimestampMicrosecondArray::from(vec![1_499_072_158_250_000])), "2017-07-03T08:55:58.25"),
        (
            Arc::new(TimestampMicrosecondArray::from(vec![1_499_072_158_250_000]).with_timezone("+02:00")),
            "2017-07-03T08:55:58.25Z",
        ),
        (Arc::new(Date32Array::from(vec![17_350])), "2017-07-03"),
        (Arc::new(Time32MillisecondArray::from(vec![32_158_250])), "08:55:58.25"),
        (Arc::new(DurationMillisecondArray::from(vec![3_400])), "3.4"),
    ];
    for (array, want) in given {
        for table in everywhere(&schema, &batch("c", array)) {
            assert_eq!(texts(&table, "c"), [Some(want.to_owned())]);
        }
    }
}

#[test]
fn a_category_has_one_spelling_whatever_wrote_it() {
    let schema = Schema::builder("s").category("port").build().unwrap();
    let want = [Some("443".to_owned()), Some("80".into()), None];
    let mut tables = vec![
        csv("port,x\n443,1\n80,1\n,1\n", &options(&two())).unwrap(),
        csv("port,x\n443.0,1\n80.00,1\n\" \",1\n", &options(&two())).unwrap(),
        jsonl("{\"port\":443}\n{\"port\":80.0}\n{\"port\":null}\n", &options(&schema)).unwrap(),
        jsonl("{\"port\":\"443\"}\n{\"port\":\"80.0\"}\n{\"port\":\"NaN\"}\n", &options(&schema)).unwrap(),
    ];
    // Text that is spelt NaN stays text.
    assert_eq!(texts(&tables.pop().unwrap(), "port")[2], Some("NaN".into()));
    let given: [ArrayRef; 7] = [
        Arc::new(Int64Array::from(vec![Some(443), Some(80), None])),
        Arc::new(UInt16Array::from(vec![Some(443), Some(80), None])),
        Arc::new(Float64Array::from(vec![Some(443.0), Some(80.0), Some(f64::NAN)])),
        Arc::new(Float32Array::from(vec![Some(443.0), Some(80.0), Some(f32::NAN)])),
        Arc::new(StringArray::from(vec![Some("443.0"), Some("80"), None])),
        Arc::new(
            Decimal128Array::from(vec![Some(44_300), Some(8_000), None])
                .with_precision_and_scale(9, 2)
                .unwrap(),
        ),
        Arc::new(DictionaryArray::new(
            Int32Array::from(vec![Some(0), Some(1), None]),
            Arc::new(Float64Array::from(vec![443.0, 80.0])),
        )),
    ];
    for array in given {
        tables.extend(everywhere(&schema, &batch("port", array)));
    }
    for table in &tables {
        assert_eq!(texts(table, "port"), want);
    }

    let want = [Some("1".to_owned()), Some("0".into())];
    let truths: ArrayRef = Arc::new(BooleanArray::from(vec![true, false]));
    let words: ArrayRef = Arc::new(StringArray::from(vec!["TRUE", "False"]));
    let mut tables = everywhere(&schema, &batch("port", truths));
    tables.extend(everywhere(&schema, &batch("port", words)));
    for text in ["True\nFalse\n", "true\nfalse\n", "1\n0\n", "1.0\n0.0\n"] {
        tables.push(csv(format!("port\n{text}"), &options(&schema)).unwrap());
    }
    tables.push(jsonl("{\"port\":true}\n{\"port\":false}\n", &options(&schema)).unwrap());
    for table in &tables {
        assert_eq!(texts(table, "port"), want);
    }
    // An address stays as it is, a decimal is written in its shortest form, and a large number keeps its digits.
    let kept = csv("port\n2.10\n10.0.0.0\n18446744073709551615\n", &options(&schema)).unwrap();
    assert_eq!(texts(&kept, "port"), ["2.1", "10.0.0.0", "18446744073709551615"].map(|t| Some(t.into())));
    let negative = jsonl("{\"port\":-9007199254740993}\n", &options(&schema)).unwrap();
    assert_eq!(texts(&negative, "port"), [Some("-9007199254740993".into())]);
}

#[test]
fn a_category_of_decimals_has_its_shortest_spelling_whatever_wrote_it() {
    let schema = Schema::builder("s").category("port").build().unwrap();
    let want = ["0.5", "1000", "443", "443.5", "-0.25"].map(|text| Some(text.to_owned()));
    let mut tables = vec![
        csv("port\n0.50\n1e3\n+443\n443.50\n-.250\n", &options(&schema)).unwrap(),
        csv("port\n0.5\n1000\n443\n443.5\n-2.5E-1\n", &options(&schema)).unwrap(),
        jsonl(
            "{\"port\":0.50}\n{\"port\":1e3}\n{\"port\":443.0}\n{\"port\":443.50}\n{\"port\":-0.250}\n",
            &options(&schema),
        )
        .unwrap(),
        jsonl(
            "{\"port\":\"0.50\"}\n{\"port\":\"1e3\"}\n{\"port\":\"+443\"}\n{\"port\":\"443.50\"}\n\
             {\"port\":\"-0.25\"}\n",
            &options(&schema),
        )
        .unwrap(),
    ];
    let given: [ArrayRef; 4] = [
        Arc::new(Float64Array::from(vec![0.5, 1000.0, 443.0, 443.5, -0.25])),
        Arc::new(Float32Array::from(vec![0.5, 1000.0, 443.0, 443.5, -0.25])),
        Arc::new(StringArray::from(vec!["0.50", "1e3", "+443", "443.50", "-.25"])),
        Arc::new(
            Decimal128Array::from(vec![50, 100_000, 44_300, 44_350, -25])
                .with_precision_and_scale(9, 2)
                .unwrap(),
        ),
    ];
    for array in given {
        tables.extend(everywhere(&schema, &batch("port", array)));
    }
    for table in &tables {
        assert_eq!(texts(table, "port"), want);
    }
    let identifiers = csv("port\n007\n007.50\n+0044\n", &options(&schema)).unwrap();
    assert_eq!(texts(&identifiers, "port"), ["007", "007.50", "+0044"].map(|t| Some(t.into())));
}

/// A category and a number.
fn two() -> Schema {
    Schema::builder("s").category("port").feature("x").build().unwrap()
}

#[test]
fn a_guard_scores_the_same_rows_alike_from_every_source() {
    let ports = |row: usize| [443.0, 443.5, 443.0, 80.0, 0.25][row % 5];
    let x = |row: usize| (row * 7919 % 997) as f64 / 97.0;
    let text: String = (0..600).map(|row| format!("{},{}\n", ports(row), x(row))).collect();
    let schema = two();
    let training = csv(format!("port,x\n{text}"), &options(&schema)).unwrap();
    let guard = Guard::builder().fit(&training).unwrap();
    let want = guard.assess(&training).unwrap();
    let ports: ArrayRef = Arc::new(Float64Array::from((0..600).map(ports).collect::<Vec<_>>()));
    let numbers: ArrayRef = Arc::new(Float64Array::from((0..600).map(x).collect::<Vec<_>>()));
    let floats = RecordBatch::try_from_iter([("port", ports), ("x", numbers)]).unwrap();
    for table in everywhere(&schema, &floats) {
        assert_eq!(guard.assess(&table).unwrap().scores(), want.scores());
    }
    let zeros = |line: &str| {
        let end = if line.split(',').next().unwrap().contains('.') { "0," } else { ".0," };
        line.replacen(',', end, 1) + "\n"
    };
    let spelt: String = text.lines().map(zeros).collect();
    let table = csv(format!("port,x\n{spelt}"), &options(&schema)).unwrap();
    assert_eq!(guard.assess(&table).unwrap().scores(), want.scores());
}

#[test]
fn labels_of_booleans_are_clean_where_they_are_false() {
    let schema = Schema::builder("s").feature("x").text_label("bad", &["False"]).build().unwrap();
    for text in ["x,bad\n1,True\n2,False\n", "x,bad\n1,true\n2,false\n", "x,bad\n1,1\n2,0\n"] {
        let table = csv(text, &options(&schema)).unwrap();
        assert_eq!(table.labels().unwrap().unwrap(), [true, false], "{text}");
    }
}

fn time(unit: Option<TimeUnit>, format: Option<&str>) -> Schema {
    let mut column = Column::new("at", Role::Time, Kind::Time);
    (column.unit, column.format) = (unit, format.map(str::to_owned));
    Schema::builder("s").column(column).feature("x").build().unwrap()
}

#[test]
fn times_are_the_same_instants_after_any_number_of_round_trips() {
    let cases = [
        (time(Some(TimeUnit::Milliseconds), None), "1700000000000", "1700000001234.5"),
        (time(Some(TimeUnit::Microseconds), None), "1700000000000001", "-5"),
        (time(Some(TimeUnit::Nanoseconds), None), "1700000000123456789", "0"),
        (time(Some(TimeUnit::Seconds), None), "1700000000.123457", "2"),
        (time(Some(TimeUnit::Auto), None), "1700000000000", "1970-01-02T00:00:00Z"),
        (time(None, Some("%d/%m/%Y %H:%M")), "14/11/2023 22:13", "1700000000.25"),
        (time(None, None), "1700000000.25", "1969-12-31T23:59:59.5Z"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let mut formats = vec!["csv", "jsonl", "arrow"];
    if cfg!(feature = "parquet") {
        formats.push("parquet");
    }
    for (schema, first, second) in cases {
        let given = csv(format!("at,x\n{first},1\n,2\n{second},3\n"), &options(&schema)).unwrap();
        let want = numbers(&given, "at");
        assert_eq!((given.report().rejected, want[1]), (0, None));
        for ending in &formats {
            let path = folder.path().join(format!("times.{ending}"));
            let mut table = given.clone();
            for _ in 0..3 {
                telemetry::write(&path, &table).unwrap();
                table = telemetry::read_with(&path, &options(&schema)).unwrap();
                assert_eq!(numbers(&table, "at"), want, "{ending}, {:?}", schema.columns()[0]);
            }
        }
    }
    let schema = time(Some(TimeUnit::Milliseconds), None);
    let given = csv("at,x\n1700000000000,1\n", &options(&schema)).unwrap();
    let path = folder.path().join("ms.csv");
    telemetry::write(&path, &given).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "at,x\n1700000000000,1\n", "in its own unit");
}

#[test]
fn a_leap_second_is_not_before_the_second_in_front_of_it() {
    let schema = time(None, None);
    for leap in ["2016-12-31T23:59:60Z", "2016-12-31 23:59:60", "2017-01-01T08:59:60.0+0900"] {
        let table = csv(format!("at,x\n2016-12-31T23:59:59.9Z,1\n{leap},2\n"), &options(&schema)).unwrap();
        let times = numbers(&table, "at");
        assert_eq!(times, [Some(1_483_228_799.9), Some(1_483_228_800.0)], "{leap}");
    }
}

#[test]
fn blanks_before_a_quoted_cell_do_not_count() {
    let schema = Schema::builder("s").category("a").category("b").feature("x").build().unwrap();
    let text = "\"a\", \"b\" ,x\n 443,  \"tcp\",1\nx, \"edge,7\" ,2\ny,\t\"say \"\"hi\"\"\",3\nz, \"two\nlines\",4\n";
    let table = csv(text, &options(&schema)).unwrap();
    assert_eq!(table.report().rejected, 0);
    assert_eq!(texts(&table, "b"), ["tcp", "edge,7", "say \"hi\"", "two\nlines"].map(|t| Some(t.into())));
    let tabs = ReadOptions { delimiter: b'\t', ..options(&schema) };
    let table = csv("a\tb\tx\n1\t \"edge\t7\"\t2\n", &tabs).unwrap();
    assert_eq!(texts(&table, "b"), [Some("edge\t7".into())]);
}

#[test]
fn an_unknown_label_is_not_truth() {
    let schema = Schema::builder("s").feature("x").text_label("state", &["ok"]).build().unwrap();
    let mut text = "x,state\n".to_owned();
    for row in 0..300 {
        text += &format!("{},{}\n", row % 17, if row % 10 == 0 { "Unknown" } else { "ok" });
    }
    let table = csv(text, &options(&schema)).unwrap();
    assert_eq!((table.report().accepted, table.report().unlabelled), (300, 30));
    let error = table.labels().unwrap_err();
    assert!(error.to_string().starts_with("test.csv, line 2, column `state`"), "{error}");
    let known = table.labelled().unwrap();
    assert_eq!(known.labels().unwrap().unwrap(), vec![false; 270]);
    let guard = Guard::builder().fit(&table).unwrap();
    let training = guard.training();
    assert!(training.fitted + training.calibrated <= 270, "rows without truth are not fitted");
    assert_eq!(guard.assess(&table).unwrap().len(), 300, "and are scored");
}

#[test]
fn an_error_of_a_row_names_the_line_of_the_file() {
    let schema =
        Schema::builder("s").feature("x").category("c").text_label("state", &["ok"]).build().unwrap();
    let error = |table: Table| table.labels().unwrap_err().to_string();
    let text = "x,c,state\n1,a,ok\n\n2,\"two\nlines\",ok\nbad,a,ok\n3,a,\n";
    let got = error(csv(text, &options(&schema)).unwrap());
    assert!(got.starts_with("test.csv, line 7, column `state`"), "{got}");
    let text = "{\"x\":1,\"c\":\"a\",\"state\":\"ok\"}\n\n{\"x\":1,\"c\":\"a\",\"state\":null}\n";
    let got = error(jsonl(text, &options(&schema)).unwrap());
    assert!(got.starts_with("test.jsonl, line 3, column `state`"), "{got}");
}
