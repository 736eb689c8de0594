//! Arrow IPC files and streams, streamed into Arrow batches.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use crate::arrow::array::{ArrayRef, RecordBatch, RecordBatchReader};
use crate::arrow::datatypes::SchemaRef;
use crate::arrow::error::ArrowError;
use crate::arrow::ipc::convert::fb_to_schema;
use crate::arrow::ipc::reader::{RecordBatchDecoder, read_dictionary};
use crate::arrow::ipc::{self, Endianness, MessageHeader, root_as_footer};

use super::arrow::{ArrowReader, failure, wanted};
use super::caught::caught;
use super::ipc_messages::{self, Frame};
use crate::error::{Error, Result};
use crate::telemetry::schema::Schema;
use crate::telemetry::table::Table;
use crate::telemetry::table::batches::BatchReader;
use crate::telemetry::table::options::ReadOptions;
use crate::telemetry::table::report::ReadReport;

/// What an Arrow file begins and ends with; a stream does not.
pub(crate) const MAGIC: &[u8] = b"ARROW1";

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

/// Reads an Arrow IPC file (Feather version 2) or stream, which the first bytes distinguish, holding one of its
/// batches at a time.
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
    /// is not Arrow IPC, broken or cut; [`Error::SchemaMismatch`] for foreign columns.
    pub fn open(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Self> {
        let path = path.as_ref();
        let mut file = File::open(path).map_err(|e| Error::io(path, e))?;
        let head = word(&mut file).map_err(|e| Error::io(path, e))?;
        let place = path.display().to_string();
        if head.starts_with(MAGIC) && path.is_file() {
            options.check()?;
            return Self::start(&place, options, || Messages::file(file, options.schema.as_ref()));
        }
        Self::new(Cursor::new(head).chain(BufReader::new(file)), &place, options)
    }

    /// Reads from any input; `place` names it in errors.
    ///
    /// A stream is read as it comes. The index of a file is at its end, so a file is first copied to a
    /// temporary one.
    ///
    /// # Errors
    ///
    /// As [`IpcReader::open`].
    pub fn new(mut input: impl Read + Send + 'static, place: &str, options: &ReadOptions) -> Result<Self> {
        options.check()?;
        let schema = options.schema.as_ref();
        let failed = |e| Error::io(Path::new(place), e);
        let head = word(&mut input).map_err(failed)?;
        let is_file = head.starts_with(MAGIC);
        let mut input = Cursor::new(head).chain(input);
        if !is_file {
            return Self::start(place, options, || Messages::stream(Box::new(input), schema));
        }
        let mut file = tempfile::tempfile().map_err(failed)?;
        io::copy(&mut input, &mut file).map_err(failed)?;
        Self::start(place, options, || Messages::file(file, schema))
    }

    fn start(
        place: &str,
        options: &ReadOptions,
        open: impl FnOnce() -> Result<Messages, ArrowError>,
    ) -> Result<Self> {
        let source = Box::new(caught(open).map_err(|e| failure(place, EXPECTED, e))?);
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

/// The batches of a file or stream.
struct Messages {
    input: Input,
    /// All columns, and those that are read.
    whole: SchemaRef,
    wanted: Vec<usize>,
    schema: SchemaRef,
    dictionaries: HashMap<i64, ArrayRef>,
}

enum Input {
    Stream(Box<dyn Read + Send>),
    /// The places of the messages that are left: dictionaries, then batches.
    File(BufReader<File>, std::vec::IntoIter<u64>),
}

/// Reads 8 bytes, or what is left.
fn word(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut word = Vec::new();
    input.take(8).read_to_end(&mut word)?;
    Ok(word)
}

impl Messages {
    fn stream(mut input: Box<dyn Read + Send>, schema: Option<&Schema>) -> Result<Self, ArrowError> {
        let frame = ipc_messages::next(&mut input)?;
        let message = frame.as_ref().map(Frame::message).transpose()?;
        let described = message.and_then(|message| message.header_as_schema());
        Self::new(Input::Stream(input), described, schema)
    }

    fn file(file: File, schema: Option<&Schema>) -> Result<Self, ArrowError> {
        let mut file = BufReader::new(file);
        let footer = ipc_messages::footer(&mut file, MAGIC)?;
        let footer = root_as_footer(&footer)
            .map_err(|e| ArrowError::IpcError(format!("a footer that is broken: {e}")))?;
        let blocks = [footer.dictionaries(), footer.recordBatches()].into_iter().flatten().flatten();
        let places: Result<Vec<u64>, _> = blocks.map(|block| u64::try_from(block.offset())).collect();
        let places = places.map_err(|_| ArrowError::IpcError("a message before the start".into()))?;
        // A small file could else be as long to read as it likes.
        if places.iter().collect::<HashSet<_>>().len() < places.len() {
            return Err(ArrowError::IpcError("a message that its footer names twice".into()));
        }
        Self::new(Input::File(file, places.into_iter()), footer.schema(), schema)
    }

    fn new(
        input: Input,
        described: Option<ipc::Schema<'_>>,
        schema: Option<&Schema>,
    ) -> Result<Self, ArrowError> {
        let Some(described) = described else {
            return Err(ArrowError::IpcError("data that does not begin with a schema".into()));
        };
        if described.endianness() != Endianness::Little {
            return Err(ArrowError::IpcError("big-endian data".into()));
        }
        let whole = Arc::new(fb_to_schema(described));
        let wanted = wanted(&whole, schema);
        let schema = Arc::new(whole.project(&wanted)?);
        Ok(Self { input, whole, wanted, schema, dictionaries: HashMap::new() })
    }

    fn next_frame(&mut self) -> Result<Option<Frame>, ArrowError> {
        let (file, places) = match &mut self.input {
            Input::Stream(input) => return ipc_messages::next(input),
            Input::File(file, places) => (file, places),
        };
        let Some(place) = places.next() else { return Ok(None) };
        file.seek(SeekFrom::Start(place))?;
        let frame = ipc_messages::next(file)?;
        frame.map(Some).ok_or_else(|| ArrowError::IpcError(format!("no message at byte {place}")))
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        while let Some(frame) = self.next_frame()? {
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
        Ok(None)
    }
}

impl Iterator for Messages {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        // The decoder may panic on hostile messages.
        caught(|| self.next_batch()).transpose()
    }
}

impl RecordBatchReader for Messages {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
