//! Tables out to files of every kind and back: nothing is lost.

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use qosguard::ErrorKind;
use qosguard::arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray};
use qosguard::arrow::datatypes::Float64Type;
use qosguard::arrow::ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use qosguard::simulate::{FlowSimulatorConfig, flows};
use qosguard::telemetry::{
    self, BatchReader, IpcReader, IpcWriter, OutputFormat, ReadOptions, ReadReport, Schema, Table,
    TableWriter,
};

use super::{lenient, whole};

#[cfg(feature = "parquet")]
const ENDINGS: [&str; 4] = ["csv", "jsonl", "arrow", "parquet"];
#[cfg(not(feature = "parquet"))]
const ENDINGS: [&str; 3] = ["csv", "jsonl", "arrow"];

pub(super) fn simulated(rows: u64) -> Table {
    let config = FlowSimulatorConfig { rows, ..FlowSimulatorConfig::default() };
    let batches = flows(&config).unwrap().map(Result::unwrap).collect();
    let schema = Arc::new(Schema::preset("flow_detail").unwrap());
    Table::new(schema, batches, ReadReport::new("simulated")).unwrap()
}

/// Cells as they are compared: the bits of numbers, because NaN does not equal itself.
fn cells(table: &Table) -> Vec<Vec<Option<String>>> {
    let column = |array: &ArrayRef| match array.as_primitive_opt::<Float64Type>() {
        Some(a) => a
            .iter()
            .map(|v| v.map(|v| if v.is_nan() { "NaN".into() } else { format!("{:x}", v.to_bits()) }))
            .collect(),
        None => array.as_string::<i32>().iter().map(|t| t.map(str::to_owned)).collect(),
    };
    whole(table).columns().iter().map(column).collect()
}

fn round_trip(table: &Table, ending: &str) -> Table {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("table.{ending}"));
    telemetry::write(&path, table).unwrap();
    let options = ReadOptions { schema: Some((**table.schema()).clone()), ..ReadOptions::default() };
    telemetry::read_with(&path, &options).unwrap()
}

#[test]
fn a_table_reads_back_the_same_from_every_format() {
    let table = simulated(3_000);
    for ending in ENDINGS {
        let back = round_trip(&table, ending);
        assert_eq!(cells(&back), cells(&table), "{ending}");
        assert_eq!(back.report().accepted, 3_000);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_cells_read_back_the_same_from_every_format(
        rows in prop::collection::vec((prop::option::of(any::<f64>()), prop::option::of("[a-zA-Z0-9,\"\\\\é\n\r;|:{}_]{1,12}")), 1..40)
    ) {
        let schema = Schema::builder("s").feature("n").category("a \"name\"").feature("row").build().unwrap();
        let numbers: ArrayRef = Arc::new(rows.iter().map(|row| row.0).collect::<Float64Array>());
        let texts = rows.iter().map(|row| row.1.as_deref().map(str::trim).filter(|t| !t.is_empty()));
        let texts: ArrayRef = Arc::new(texts.collect::<StringArray>());
        let row: ArrayRef = Arc::new((0..rows.len()).map(|i| Some(i as f64)).collect::<Float64Array>());
        let batch = RecordBatch::try_new(Arc::new(schema.to_arrow()), vec![numbers, texts, row]).unwrap();
        let table = Table::new(Arc::new(schema), vec![batch], ReadReport::new("any")).unwrap();
        for ending in ENDINGS {
            prop_assert_eq!(cells(&round_trip(&table, ending)), cells(&table), "{}", ending);
        }
    }
}

#[test]
fn numbers_that_json_has_not_read_back_too() {
    let schema = Schema::builder("s").feature("n").build().unwrap();
    let values = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::MAX, f64::MIN_POSITIVE, 5e-324];
    let column: ArrayRef = Arc::new(Float64Array::from(values.to_vec()));
    let batch = RecordBatch::try_new(Arc::new(schema.to_arrow()), vec![column]).unwrap();
    let table = Table::new(Arc::new(schema), vec![batch], ReadReport::new("odd")).unwrap();
    for ending in ENDINGS {
        assert_eq!(cells(&round_trip(&table, ending)), cells(&table), "{ending}");
    }
}

#[test]
fn a_table_without_rows_keeps_its_columns() {
    let schema = Schema::preset("flow").unwrap();
    let folder = tempfile::tempdir().unwrap();
    for ending in ENDINGS {
        let path = folder.path().join(format!("empty.{ending}"));
        TableWriter::create(&path, &schema).unwrap().finish().unwrap();
        let error = telemetry::read(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InsufficientData, "{ending}: {error}");
    }
    let refused = TableWriter::create(folder.path().join("flows.xls"), &schema).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
    assert!(!folder.path().join("flows.xls").exists());
    let nowhere = TableWriter::create("no/such/folder/flows.csv", &schema).unwrap_err();
    assert_eq!(nowhere.kind(), ErrorKind::Io);
}

#[test]
fn a_batch_of_other_columns_is_rejected_and_not_written() {
    let schema = Schema::builder("s").feature("n").build().unwrap();
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
    let other = RecordBatch::try_from_iter([("n", texts)]).unwrap();
    let mut formats = vec![OutputFormat::Ipc];
    #[cfg(feature = "parquet")]
    formats.push(OutputFormat::Parquet);
    for format in formats {
        let mut writer = TableWriter::new(Vec::new(), "memory", format, &schema).unwrap();
        assert_eq!(writer.write(&other).unwrap_err().kind(), ErrorKind::Io);
    }
}

#[test]
fn the_first_bytes_decide_the_format() {
    let table = simulated(100);
    let folder = tempfile::tempdir().unwrap();
    for (i, ending) in ENDINGS.into_iter().enumerate() {
        let named = folder.path().join(format!("{i}.{ending}"));
        telemetry::write(&named, &table).unwrap();
        let bare = folder.path().join(i.to_string());
        std::fs::rename(&named, &bare).unwrap();
        assert_eq!(cells(&telemetry::read(&bare).unwrap()), cells(&table), "{ending}");
        let input = std::io::Cursor::new(std::fs::read(&bare).unwrap());
        let mut piped = telemetry::open_input(input, "-", &ReadOptions::default()).unwrap();
        assert_eq!(cells(&piped.read().unwrap()), cells(&table), "{ending} through a pipe");
    }
    let text = folder.path().join("text.arrow");
    std::fs::write(&text, "a,b\n1,2\n").unwrap();
    assert_eq!(telemetry::read(&text).unwrap_err().kind(), ErrorKind::BadRecord);
    let mut stream = IpcWriter::stream(Vec::new(), table.schema()).unwrap();
    table.batches().iter().for_each(|batch| stream.write(batch).unwrap());
    std::fs::write(folder.path().join("stream"), stream.finish().unwrap()).unwrap();
    assert_eq!(cells(&telemetry::read(folder.path().join("stream")).unwrap()), cells(&table));
}

/// A batch with the columns of the schema `flow` and others between them, and a row that is not a flow.
fn with_others() -> RecordBatch {
    let words = |word: &str| -> ArrayRef { Arc::new(StringArray::from(vec![word; 40])) };
    let counts =
        |f: fn(i64) -> i64| -> ArrayRef { Arc::new((0..40).map(|i| Some(f(i))).collect::<Int64Array>()) };
    RecordBatch::try_from_iter([
        ("colour", words("red")),
        (" duration ", counts(|i| i)),
        ("protocol", words("TCP")),
        ("packet_count", counts(|i| i + 1)),
        ("nested", Arc::new(with_list()) as ArrayRef),
        ("byte_count", counts(|i| 100 * i)),
        ("dst_port", counts(|i| if i == 7 { 70_000 } else { 443 })),
    ])
    .unwrap()
}

fn with_list() -> qosguard::arrow::array::ListArray {
    use qosguard::arrow::datatypes::Int32Type;
    qosguard::arrow::array::ListArray::from_iter_primitive::<Int32Type, _, _>(
        (0..40).map(|i| Some(vec![Some(i); 3])),
    )
}

/// What is read of [`with_others`] from any source.
fn check_others(read: impl Fn(&ReadOptions) -> qosguard::Result<Table>) {
    let flow = Schema::preset("flow").unwrap();
    let table = read(&ReadOptions { schema: Some(flow), batch_rows: 16, ..ReadOptions::default() }).unwrap();
    assert_eq!((table.n_rows(), table.schema().columns().len()), (39, 5));
    assert_eq!(table.batches().iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [15, 16, 8]);
    let listed = table.report().rejections[0].to_string();
    assert_eq!(listed, "line 8, column `dst_port`: expected at most 65535, got \"70000\"");
    // Without a schema one is inferred, since the others are not columns of a preset.
    let inferred = read(&ReadOptions::default()).unwrap();
    assert_eq!((inferred.n_rows(), inferred.schema().name()), (40, "inferred"));
    let listed = inferred.report().inferred.join("; ");
    assert!(
        listed.contains("`colour` (always red)") && listed.contains("`nested` (nested values)"),
        "{listed}"
    );
    let mine = Schema::builder("mine").feature("x").build().unwrap();
    let error = read(&ReadOptions { schema: Some(mine), ..ReadOptions::default() }).unwrap_err().to_string();
    assert!(error.contains("missing `x`") && error.contains("colour"), "{error}");
}

#[test]
fn ipc_reads_the_columns_of_the_schema_and_no_others() {
    let batch = with_others();
    let mut packings = vec![None];
    if cfg!(feature = "parquet") {
        use qosguard::arrow::ipc::CompressionType;
        packings.extend([Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)]);
    }
    for packing in packings {
        let options = || IpcWriteOptions::default().try_with_compression(packing).unwrap();
        let mut file = FileWriter::try_new_with_options(Vec::new(), &batch.schema(), options()).unwrap();
        file.write(&batch).unwrap();
        let mut stream = StreamWriter::try_new_with_options(Vec::new(), &batch.schema(), options()).unwrap();
        stream.write(&batch).unwrap();
        for bytes in [file.into_inner().unwrap(), stream.into_inner().unwrap()] {
            check_others(|options| IpcReader::new(std::io::Cursor::new(bytes.clone()), "x", options)?.read());
        }
    }
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_reads_the_columns_of_the_schema_and_no_others_in_every_packing() {
    use parquet::arrow::ArrowWriter;
    use parquet::basic::{Compression, GzipLevel, ZstdLevel};
    use parquet::file::properties::{WriterProperties, WriterVersion};
    use qosguard::telemetry::ParquetReader;

    let batch = with_others();
    for packing in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
        Compression::ZSTD(ZstdLevel::default()),
    ] {
        for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
            let properties = WriterProperties::builder().set_compression(packing).set_writer_version(version);
            let properties = properties.set_max_row_group_row_count(Some(10)).build();
            let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
            writer.write(&batch).unwrap();
            let bytes = writer.into_inner().unwrap();
            check_others(|options| ParquetReader::new(bytes.as_slice(), "x", options)?.read());
        }
    }
}

#[test]
fn a_missing_file_is_named() {
    let options = lenient();
    for ending in ["arrow", "parquet", "csv"] {
        let path = format!("no/such/file.{ending}");
        let Err(error) = telemetry::open(Path::new(&path), &options) else { panic!("{path}") };
        assert_eq!(error.to_string(), format!("cannot access {path}"));
    }
}
