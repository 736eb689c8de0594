//! Tables out to files of any kind.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::arrow::array::RecordBatch;
use crate::arrow::datatypes::Fields;

use crate::error::{Error, Result};
use crate::progress;
use crate::replace::Replacement;
use crate::telemetry::columnar::ipc_writer::IpcWriter;
#[cfg(feature = "parquet")]
use crate::telemetry::columnar::parquet_writer::ParquetWriter;
use crate::telemetry::schema::Schema;
use crate::telemetry::schema::time_columns::{TimeColumns, appended};
use crate::telemetry::table::Table;
use crate::telemetry::text::csv_writer::CsvWriter;
use crate::telemetry::text::json_writer::JsonWriter;

/// A kind of file that tables are written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OutputFormat {
    /// Comma-separated cells under a header: `.csv`.
    Csv,
    /// JSON lines: `.jsonl`, `.ndjson`, `.json`.
    JsonLines,
    /// An Arrow IPC file: `.arrow`, `.ipc`, `.feather`.
    Ipc,
    /// Parquet: `.parquet`.
    #[cfg(feature = "parquet")]
    Parquet,
}

impl OutputFormat {
    /// The format of a file's name.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for another ending.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::telemetry::OutputFormat;
    ///
    /// assert_eq!(OutputFormat::of("flows.ndjson")?, OutputFormat::JsonLines);
    /// assert!(OutputFormat::of("flows.xls").is_err());
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn of(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        match ending.as_str() {
            "csv" => Ok(Self::Csv),
            "jsonl" | "ndjson" | "json" => Ok(Self::JsonLines),
            "arrow" | "ipc" | "feather" => Ok(Self::Ipc),
            #[cfg(feature = "parquet")]
            "parquet" => Ok(Self::Parquet),
            #[cfg(not(feature = "parquet"))]
            "parquet" => {
                Err(Error::invalid("path", "of a format that this build writes", "parquet (feature)"))
            }
            _ => {
                let expected =
                    "a name that ends in .csv, .jsonl, .ndjson, .json, .arrow, .ipc, .feather or .parquet";
                Err(Error::invalid("path", expected, path.display()))
            }
        }
    }
}

/// Writes a table to a file, in the format that its name asks for; see [`OutputFormat`].
///
/// [`read`](crate::telemetry::read) with the table's schema reads the same values back: nulls, NaN and infinities included. A time
/// is written in its column's unit; one with a format as ISO 8601 or, in Arrow and Parquet, as a timestamp, both to the
/// microsecond. Only CSV cannot say that a whole row is null.
///
/// # Errors
///
/// As [`TableWriter`].
///
/// # Examples
///
/// ```
/// use qosguard::telemetry;
/// # let csv = "dst_port,protocol,packet_count,byte_count,duration\n443,tcp,12,1024,3.4\n";
/// # use telemetry::BatchReader;
/// # let table = telemetry::CsvReader::new(csv.as_bytes(), "inline", &Default::default())?.read()?;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("flows.arrow");
///
/// telemetry::write(&path, &table)?;
/// assert_eq!(telemetry::read(&path)?.n_rows(), table.n_rows());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write(path: impl AsRef<Path>, table: &Table) -> Result<()> {
    let mut writer = TableWriter::create(path, table.schema())?;
    for batch in table.batches() {
        writer.write(batch)?;
    }
    writer.finish()
}

/// Writes batches of one schema to a file or stream of any [`OutputFormat`].
///
/// Each of its calls may be [`Error::Io`], with the place.
///
/// # Examples
///
/// ```
/// use qosguard::simulate::{FlowSimulatorConfig, flows};
/// use qosguard::telemetry::{OutputFormat, Schema, TableWriter};
///
/// let schema = Schema::preset("flow_detail")?;
/// let mut writer = TableWriter::new(std::io::sink(), "sink", OutputFormat::JsonLines, &schema)?;
/// for batch in flows(&FlowSimulatorConfig { rows: 100, ..Default::default() })? {
///     writer.write(&batch?)?;
/// }
/// writer.finish()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TableWriter {
    place: PathBuf,
    writer: Writer,
    times: TimeColumns,
}

type Out = BufWriter<Sink>;

/// Where the bytes go.
enum Sink {
    /// A file that takes its name when it is complete.
    File(Replacement),
    /// Any other output.
    Other(Box<dyn Write + Send>),
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(bytes),
            Self::Other(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.flush(),
            Self::Other(out) => out.flush(),
        }
    }
}

enum Writer {
    Csv(CsvWriter<Out>),
    JsonLines(JsonWriter<Out>),
    Ipc(Box<IpcWriter<Out>>),
    #[cfg(feature = "parquet")]
    Parquet(Box<ParquetWriter<Out>>),
}

impl std::fmt::Debug for TableWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TableWriter").field("place", &self.place).finish_non_exhaustive()
    }
}

impl TableWriter {
    /// A writer of a new file, in the format that its name asks for.
    ///
    /// The rows go to a temporary file in the same folder. [`TableWriter::finish`] gives it the name and replaces an old
    /// file; until then, and after a failure, the file of that name is what it was before. A device or a
    /// named pipe is written directly.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a name of no format, [`Error::Io`].
    pub fn create(path: impl AsRef<Path>, schema: &Schema) -> Result<Self> {
        Self::create_with(path, schema, &Fields::empty())
    }

    /// As [`TableWriter::create`], with further Arrow columns after the columns of the schema: numbers, booleans, text, and lists
    /// and structs of these, which CSV holds as JSON.
    ///
    /// # Errors
    ///
    /// As [`TableWriter::create`].
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::qos::DecisionColumn;
    /// use qosguard::telemetry::{Schema, TableWriter};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("verdicts.csv");
    /// let records = Schema::builder("records").feature("bytes").build()?;
    /// TableWriter::create_with(&path, &records, DecisionColumn::schema().fields())?.finish()?;
    /// assert!(std::fs::read_to_string(&path)?.starts_with("bytes,id,row,community_id,score,"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create_with(path: impl AsRef<Path>, schema: &Schema, more: &Fields) -> Result<Self> {
        let path = path.as_ref();
        let format = OutputFormat::of(path)?;
        let file = Replacement::create(path).map_err(|e| Error::io(path, e))?;
        Self::over(Sink::File(file), &path.display().to_string(), format, schema, more)
    }

    /// A writer of any output; `place` names it in errors.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn new(
        out: impl Write + Send + 'static,
        place: &str,
        format: OutputFormat,
        schema: &Schema,
    ) -> Result<Self> {
        Self::new_with(out, place, format, schema, &Fields::empty())
    }

    /// As [`TableWriter::new`], with further Arrow columns as [`TableWriter::create_with`] has them.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn new_with(
        out: impl Write + Send + 'static,
        place: &str,
        format: OutputFormat,
        schema: &Schema,
        more: &Fields,
    ) -> Result<Self> {
        Self::over(Sink::Other(Box::new(out)), place, format, schema, more)
    }

    fn over(sink: Sink, place: &str, format: OutputFormat, schema: &Schema, more: &Fields) -> Result<Self> {
        let out: Out = BufWriter::with_capacity(256 << 10, sink);
        let place = PathBuf::from(place);
        let writer = Writer::new(out, format, schema, more).map_err(|e| Error::io(&place, e))?;
        Ok(Self { place, writer, times: TimeColumns::of(schema) })
    }

    /// Writes one batch, which has the columns of the schema. Text is written at once.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        progress::check()?;
        let text = || self.times.as_text(batch).map_err(io::Error::other);
        match &mut self.writer {
            Writer::Csv(writer) => {
                text().and_then(|batch| writer.write(&batch)).and_then(|()| writer.flush())
            }
            Writer::JsonLines(writer) => {
                text().and_then(|batch| writer.write(&batch)).and_then(|()| writer.flush())
            }
            Writer::Ipc(writer) => writer.write(batch),
            #[cfg(feature = "parquet")]
            Writer::Parquet(writer) => writer.write(batch),
        }
        .map_err(|e| Error::io(&self.place, e))
    }

    /// Writes what is left and gives a file its name. Without it no file appears.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn finish(self) -> Result<()> {
        let out = match self.writer {
            Writer::Csv(writer) => writer.finish(),
            Writer::JsonLines(writer) => writer.finish(),
            Writer::Ipc(writer) => writer.finish(),
            #[cfg(feature = "parquet")]
            Writer::Parquet(writer) => writer.finish(),
        };
        let finish = |out: Out| match out.into_inner()? {
            Sink::File(file) => file.commit(),
            Sink::Other(mut out) => out.flush(),
        };
        out.and_then(finish).map_err(|e| Error::io(&self.place, e))
    }
}

impl Writer {
    fn new(out: Out, format: OutputFormat, schema: &Schema, more: &Fields) -> io::Result<Self> {
        Ok(match format {
            OutputFormat::Csv => {
                let mut writer = CsvWriter::new(out);
                // A table without rows still has a header.
                writer.write(&RecordBatch::new_empty(appended(schema.to_arrow(), more).into()))?;
                Self::Csv(writer)
            }
            OutputFormat::JsonLines => Self::JsonLines(JsonWriter::new(out)),
            OutputFormat::Ipc => Self::Ipc(Box::new(IpcWriter::file_with(out, schema, more)?)),
            #[cfg(feature = "parquet")]
            OutputFormat::Parquet => Self::Parquet(Box::new(ParquetWriter::with(out, schema, more)?)),
        })
    }
}
