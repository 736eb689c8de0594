//! Arrow IPC files and streams, streamed into Arrow batches.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Chain, Cursor, Read};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchReader};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::convert::fb_to_schema;
use arrow::ipc::reader::{RecordBatchDecoder, read_dictionary};
use arrow::ipc::{Endianness, MessageHeader};

use super::arrow::{ArrowReader, caught, failure, wanted};
use super::batches::BatchReader;
use super::ipc_messages::{self, Frame};
use super::options::ReadOptions;
use super::report::ReadReport;
use super::schema::Schema;
use super::table::Table;
use crate::error::{Error, Result};

/// What an Arrow file begins and ends with; a stream does not.
pub(super) const MAGIC: &[u8] = b"ARROW1";

/// Words of 8 zeros between the name of a file and its first message.
const PADDING: usize = 64;

const EXPECTED: &str = "intact Arrow IPC data";

/// Reads an Arrow IPC file or stream, whose schema is detected from its columns.
///
/// # Errors
///
/// As [`IpcReader::open`] and of its batches.
pub fn read_ipc(path: impl AsRef<Path>) -> Result<Table> {
    read_ipc_with(path, &ReadOptions::default())
}

/// Reads an Arrow IPC file or stream with settings.
///
/// # Errors
///
/// As [`IpcReader::open`] and of its batches.
pub fn read_ipc_with(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Table> {
    IpcReader::open(path, options)?.read()
}

/// Reads an Arrow IPC file (Feather version 2) or stream, told apart by the first bytes, holding one of its
/// batches at a time; it never seeks, so that a pipe will do.
///
/// With a schema only its columns are decoded, and the data may hold others; without one it is detected as from
/// a header. Cells are converted, and rows rejected and counted, as in [`ArrowReader`]. Buffers packed with LZ4
/// or Zstandard need the feature `parquet`.
///
/// A batch of the data may have up to 4 GiB and unpack to 256 MiB and 64 times its size; it is handed on in
/// batches of [`ReadOptions::batch_rows`].
///
/// A batch may be the errors of [`ArrowReader`]; [`Error::BadRecord`] at line 0 is said of data that is broken or
/// cut.
///
/// # Examples
///
/// ```
/// use qosguard::simulate::{FlowSimulatorConfig, flows};
/// use qosguard::telemetry::{BatchReader, IpcReader, IpcWriter, ReadOptions, Schema};
///
/// let mut writer = IpcWriter::stream(Vec::new(), &Schema::preset("flow_detail")?)?;
/// for batch in flows(&FlowSimulatorConfig { rows: 100, ..Default::default() })? {
///     writer.write(&batch?)?;
/// }
/// let stream = std::io::Cursor::new(writer.finish()?);
/// let table = IpcReader::new(stream, "memory", &ReadOptions::default())?.read()?;
/// assert_eq!((table.schema().name(), table.n_rows()), ("flow_detail", 100));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct IpcReader(ArrowReader);

impl IpcReader {
    /// Opens a file and detects its schema.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::InvalidArgument`] for settings outside their domain; [`Error::BadRecord`] for what
    /// is no Arrow IPC, broken or cut; [`Error::SchemaMismatch`] for foreign columns.
    pub fn open(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Self> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|e| Error::io(path, e))?;
        Self::new(BufReader::new(file), &path.display().to_string(), options)
    }

    /// Reads from any input; `place` names it in errors.
    ///
    /// # Errors
    ///
    /// As [`IpcReader::open`].
    pub fn new(input: impl Read + Send + 'static, place: &str, options: &ReadOptions) -> Result<Self> {
        options.check()?;
        let source = caught(|| Messages::start(input, options.schema.as_ref()));
        let source = Box::new(source.map_err(|e| failure(place, EXPECTED, e))?);
        ArrowReader::start(source, place, options, options.batch_rows, EXPECTED).map(Self)
    }
}

impl BatchReader for IpcReader {
    fn schema(&self) -> &Arc<Schema> {
        self.0.schema()
    }

    fn report(&self) -> &ReadReport {
        self.0.report()
    }
}

impl Iterator for IpcReader {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}

/// The batches of a file or stream. A file is the stream between its name and its footer.
struct Messages<R> {
    input: Chain<Cursor<Vec<u8>>, R>,
    file: bool,
    /// All columns, and those that are read.
    whole: SchemaRef,
    wanted: Vec<usize>,
    schema: SchemaRef,
    dictionaries: HashMap<i64, ArrayRef>,
}

/// Reads 8 bytes, or what is left.
fn word(input: &mut impl Read) -> Result<Vec<u8>, ArrowError> {
    let mut word = Vec::new();
    input.take(8).read_to_end(&mut word)?;
    Ok(word)
}

impl<R: Read> Messages<R> {
    fn start(mut input: R, schema: Option<&Schema>) -> Result<Self, ArrowError> {
        let mut head = word(&mut input)?;
        let file = head.starts_with(MAGIC);
        if file {
            // Writers pad the name with zeros, to 8 bytes or to 64.
            head = word(&mut input)?;
            for _ in 0..PADDING {
                if head != [0; 8] {
                    break;
                }
                head = word(&mut input)?;
            }
        }
        let mut input = Cursor::new(head).chain(input);
        let frame = ipc_messages::next(&mut input)?;
        let message = frame.as_ref().map(Frame::message).transpose()?;
        let Some(described) = message.and_then(|message| message.header_as_schema()) else {
            return Err(ArrowError::IpcError("data that does not begin with a schema".into()));
        };
        if described.endianness() != Endianness::Little {
            return Err(ArrowError::IpcError("big-endian data".into()));
        }
        let whole = Arc::new(fb_to_schema(described));
        let wanted = wanted(&whole, schema);
        let schema = Arc::new(whole.project(&wanted)?);
        Ok(Self { input, file, whole, wanted, schema, dictionaries: HashMap::new() })
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        while let Some(frame) = ipc_messages::next(&mut self.input)? {
            let message = frame.message()?;
            let version = message.version();
            if let Some(batch) = message.header_as_record_batch() {
                let whole = Arc::clone(&self.whole);
                return RecordBatchDecoder::try_new(&frame.body, batch, whole, &self.dictionaries, &version)?
                    .with_projection(Some(&self.wanted))
                    .read_record_batch()
                    .map(Some);
            } else if let Some(batch) = message.header_as_dictionary_batch() {
                read_dictionary(&frame.body, batch, &self.whole, &mut self.dictionaries, &version)?;
            } else if message.header_type() != MessageHeader::NONE {
                return Err(ArrowError::IpcError(format!("a message of {:?}", message.header_type())));
            }
        }
        if self.file {
            ipc_messages::check_footer(&mut self.input, MAGIC)?;
        }
        Ok(None)
    }
}

impl<R: Read> Iterator for Messages<R> {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        // The decoder may panic on hostile messages.
        caught(|| self.next_batch()).transpose()
    }
}

impl<R: Read> RecordBatchReader for Messages<R> {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
