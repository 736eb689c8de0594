//! Parquet, streamed into Arrow batches.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use crate::arrow::array::{RecordBatch, RecordBatchReader};
use crate::arrow::datatypes::{DataType, Schema as ArrowSchema, SchemaRef};
use crate::arrow::error::ArrowError;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::arrow::parquet_to_arrow_schema;
use parquet::file::metadata::ParquetMetaData;

use super::arrow::{ArrowReader, failure, wanted};
use super::caught::caught;
use crate::error::{Error, Result};
use crate::telemetry::schema::Schema;
use crate::telemetry::table::Table;
use crate::telemetry::table::batches::BatchReader;
use crate::telemetry::table::options::ReadOptions;
use crate::telemetry::table::report::ReadReport;
use crate::telemetry::table::rows::rows_of_width;

/// Largest index at the end of a file, in bytes.
const INDEX_BYTES: u64 = 64 << 20;

const EXPECTED: &str = "an intact Parquet file";

/// Reads a Parquet file, whose schema is detected from its columns.
///
/// # Errors
///
/// As [`ParquetReader::open`] and of its batches.
pub fn read_parquet(path: impl AsRef<Path>) -> Result<Table> {
    read_parquet_with(path, &ReadOptions::default())
}

/// Reads a Parquet file with settings.
///
/// # Errors
///
/// As [`ParquetReader::open`] and of its batches.
pub fn read_parquet_with(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Table> {
    ParquetReader::open(path, options)?.read()
}

/// Reads Parquet as a stream of Arrow batches, holding one batch and one page of each column at a time.
///
/// With a schema only its columns are read, and a file may hold others; without one it is detected as from a
/// header. Pages may be plain or packed with Snappy, Zstandard, LZ4 or gzip. Cells are converted, and rows
/// rejected and counted, as in [`ArrowReader`]; the line of a rejection is the row's number in the file, from 1.
///
/// An index at the end of more than 64 MiB is an error, and so are columns outside the file. A
/// page takes as much memory as its header states, at most 2 GiB.
///
/// A batch may be the errors of [`ArrowReader`]; [`Error::BadRecord`] at line 0 is said of a broken file.
///
/// # Examples
///
/// ```
/// use qosguard::simulate::{FlowSimulatorConfig, flows};
/// use qosguard::telemetry::{BatchReader, ParquetReader, ParquetWriter, ReadOptions, Schema};
///
/// let mut writer = ParquetWriter::new(Vec::new(), &Schema::preset("flow_detail")?)?;
/// for batch in flows(&FlowSimulatorConfig { rows: 100, ..Default::default() })? {
///     writer.write(&batch?)?;
/// }
/// let file = writer.finish()?;
/// let table = ParquetReader::new(file.as_slice(), "memory", &ReadOptions::default())?.read()?;
/// assert_eq!((table.schema().name(), table.n_rows()), ("flow_detail", 100));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ParquetReader(ArrowReader);

impl ParquetReader {
    /// Opens a file and detects its schema.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::InvalidArgument`] for settings outside their domain; [`Error::BadRecord`] for a
    /// file that is not Parquet or is broken; [`Error::SchemaMismatch`] for foreign columns.
    pub fn open(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Self> {
        options.check()?;
        let path = path.as_ref();
        let file = File::open(path).map_err(|e| Error::io(path, e))?;
        Self::start(file, &path.display().to_string(), options)
    }

    /// Reads from any input; `place` names it in errors.
    ///
    /// The index of Parquet is at the end, so the input is first copied to a temporary file.
    ///
    /// # Errors
    ///
    /// As [`ParquetReader::open`].
    pub fn new(mut input: impl Read, place: &str, options: &ReadOptions) -> Result<Self> {
        options.check()?;
        let mut copy = || {
            let mut file = tempfile::tempfile()?;
            std::io::copy(&mut input, &mut file)?;
            Ok(file)
        };
        let file = copy().map_err(|e| Error::io(Path::new(place), e))?;
        Self::start(file, place, options)
    }

    fn start(file: File, place: &str, options: &ReadOptions) -> Result<Self> {
        let length = check_end(&file, place)?;
        let open = || {
            let plain = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
            let metadata = with_times(ArrowReaderMetadata::load(&file, plain)?)?;
            let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
            check_columns(builder.metadata(), length)?;
            let wanted = wanted(builder.schema(), options.schema.as_ref());
            let rows = options.batch_rows.min(rows_of_width(wanted.len()));
            let columns = ProjectionMask::roots(builder.parquet_schema(), wanted);
            Ok(builder.with_projection(columns).with_batch_size(rows).build()?)
        };
        let batches = caught(open).map_err(|e| failure(place, EXPECTED, e))?;
        let source = Box::new(Pages { schema: RecordBatchReader::schema(&batches), batches });
        ArrowReader::start(source, place, options, options.batch_rows, EXPECTED).map(Self)
    }
}

impl BatchReader for ParquetReader {
    fn schema(&self) -> &Arc<Schema> {
        self.0.schema()
    }

    fn report(&self) -> &ReadReport {
        self.0.report()
    }
}

impl Iterator for ParquetReader {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}

/// The decoder, which may panic on hostile pages.
struct Pages {
    schema: SchemaRef,
    batches: ParquetRecordBatchReader,
}

impl Iterator for Pages {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        caught(|| self.batches.next().transpose()).transpose()
    }
}

impl RecordBatchReader for Pages {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

/// Checks that a file ends as Parquet does, with an index of a size that can be held; gives the file's length.
fn check_end(mut file: &File, place: &str) -> Result<u64> {
    let mut end = [0; 8];
    let mut read = || {
        let length = file.seek(SeekFrom::End(0))?;
        if length >= 12 {
            file.seek(SeekFrom::End(-8))?;
            file.read_exact(&mut end)?;
        }
        Ok(length)
    };
    let length = read().map_err(|e| Error::io(Path::new(place), e))?;
    let [a, b, c, d, magic @ ..] = end;
    let index = u64::from(u32::from_le_bytes([a, b, c, d]));
    let broken = |value: String| Error::BadRecord {
        place: place.to_owned(),
        line: 0,
        column: String::new(),
        value,
        expected: EXPECTED.into(),
    };
    match &magic {
        b"PAR1" if index + 12 <= length && index <= INDEX_BYTES => Ok(length),
        b"PAR1" => Err(broken(format!("an index of {index} bytes in a file of {length}"))),
        b"PARE" => Err(broken("an encrypted file".into())),
        _ => Err(broken("a file that does not end with PAR1".into())),
    }
}

/// The columns with the types of durations and times that only the Arrow schema in the file names: Parquet itself has
/// no durations, and no times in whole seconds.
///
/// Nothing else is taken from that schema: Parquet names all other types, and what it adds may be wrong.
fn with_times(plain: ArrowReaderMetadata) -> Result<ArrowReaderMetadata, ArrowError> {
    let file = plain.metadata().file_metadata();
    let Ok(named) = parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata()) else {
        return Ok(plain);
    };
    let mut fields: Vec<_> = plain.schema().fields().iter().cloned().collect();
    let mut found = false;
    for (field, named) in fields.iter_mut().zip(named.fields()) {
        let bare = matches!(field.data_type(), DataType::Int32 | DataType::Int64 | DataType::Date32);
        let time = matches!(
            named.data_type(),
            DataType::Duration(_)
                | DataType::Date64
                | DataType::Timestamp(_, _)
                | DataType::Time32(_)
                | DataType::Time64(_)
        );
        if bare && time {
            *field = Arc::new(field.as_ref().clone().with_data_type(named.data_type().clone()));
            found = true;
        }
    }
    if !found {
        return Ok(plain);
    }
    let options = ArrowReaderOptions::new().with_schema(Arc::new(ArrowSchema::new(fields)));
    Ok(ArrowReaderMetadata::try_new(Arc::clone(plain.metadata()), options)?)
}

/// Checks that every column lies inside the file.
fn check_columns(index: &ParquetMetaData, length: u64) -> Result<(), ArrowError> {
    for group in index.row_groups() {
        for column in group.columns() {
            let start = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
            let place = u64::try_from(start).ok().zip(u64::try_from(column.compressed_size()).ok());
            let end = place.and_then(|(start, bytes)| start.checked_add(bytes));
            if end.is_none_or(|end| end > length) || group.num_rows() < 0 {
                let what = format!("column {} outside the file", column.column_path());
                return Err(ArrowError::ParquetError(what));
            }
        }
    }
    Ok(())
}
