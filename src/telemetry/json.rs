//! JSON lines, streamed into Arrow batches, and JSON text that a service was sent.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use crate::arrow::array::RecordBatch;

use super::batches::{BatchReader, is_final};
use super::detect;
use super::json_record::{self, RecordKeys};
use super::lines::{Line, Lines};
use super::options::ReadOptions;
use super::report::ReadReport;
use super::rows::{Fault, Record, Rows};
use super::sample;
use super::schema::Schema;
use super::table::Table;
use crate::error::{Error, Result};

/// Reads a file of JSON lines, one object each; gzip is unpacked.
///
/// # Errors
///
/// As [`JsonReader::open`] and of its batches.
pub fn read_jsonl(path: impl AsRef<Path>) -> Result<Table> {
    read_jsonl_with(path, &ReadOptions::default())
}

/// Reads a file of JSON lines with settings.
///
/// # Errors
///
/// As [`JsonReader::open`] and of its batches.
pub fn read_jsonl_with(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Table> {
    JsonReader::open(path, options)?.read()
}

/// Reads JSON lines as a stream of Arrow batches, holding one batch at a time.
///
/// The keys of the first object are the columns, as a header is in CSV: every feature must be among them,
/// and later objects have the same keys in any order; a key may be absent where the column is no feature.
/// `null` is null, booleans are 0 and 1, and a string in a number column is read as a CSV cell is.
/// Records are rejected, counted and told as in [`CsvReader`](super::CsvReader), and a batch may be the same errors.
///
/// # Examples
///
/// ```
/// use qosguard::telemetry::{BatchReader, JsonReader, ReadOptions};
///
/// let text = r#"{"protocol": "TCP", "dst_port": 443, "packet_count": 12, "byte_count": 1024, "duration": 3.4}"#;
/// let table = JsonReader::new(text.as_bytes(), "inline", &ReadOptions::default())?.read()?;
/// assert_eq!((table.schema().name(), table.n_rows()), ("flow", 1));
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Debug)]
pub struct JsonReader {
    lines: Lines,
    rows: Rows,
    /// The first line, until it is appended.
    first: Option<(u64, Vec<u8>)>,
    done: bool,
}

impl JsonReader {
    /// Opens a file and detects its schema.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::InvalidArgument`] for settings outside their domain;
    /// [`Error::InsufficientData`] for an empty file; [`Error::BadRecord`] for UTF-16, and for a first line
    /// that is no JSON object; [`Error::SchemaMismatch`] for foreign keys.
    pub fn open(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Self> {
        options.check()?;
        Self::start(Lines::open(path.as_ref(), options.max_line_bytes)?, options)
    }

    /// Reads from any input; `place` names it in errors.
    ///
    /// # Errors
    ///
    /// As [`JsonReader::open`].
    pub fn new(input: impl Read + Send + 'static, place: &str, options: &ReadOptions) -> Result<Self> {
        options.check()?;
        Self::start(Lines::new(Box::new(input), place, options.max_line_bytes)?, options)
    }

    /// Starts at the first line, with settings that were checked.
    pub(super) fn start(mut lines: Lines, options: &ReadOptions) -> Result<Self> {
        let (first, keys) = first(&mut lines)?;
        let number = lines.number();
        let fit = detect::by_keys(lines.place(), &keys.0, options.schema.as_ref());
        let sample = || sample::of_json(&mut lines, &first, &keys.0);
        let layout = detect::or_inferred(fit, options, &keys.0, sample)?;
        let rows = Rows::new(layout, lines.place(), options.batch_rows, options.max_rejected_share);
        Ok(Self { lines, rows, first: Some((number, first)), done: false })
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        if let Some((number, line)) = self.first.take() {
            let outcome = append_line(&mut self.rows, &line);
            self.rows.end_row(number, outcome)?;
        }
        self.rows.next_batch(&mut self.lines, &mut self.done, |rows, bytes, line| {
            let text = &bytes[line];
            Ok(if text.trim_ascii().is_empty() {
                Record::Blank
            } else {
                Record::Row(append_line(rows, text))
            })
        })
    }
}

impl BatchReader for JsonReader {
    fn schema(&self) -> &Arc<Schema> {
        self.rows.schema()
    }

    fn report(&self) -> &ReadReport {
        self.rows.report()
    }
}

impl Iterator for JsonReader {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let batch = self.next_batch();
        self.done |= is_final(&batch);
        batch.transpose()
    }
}

/// The place in errors of records that are not in a file.
const PLACE: &str = "json";

impl Table {
    /// Reads one JSON object, or an array of objects, as a service is sent them.
    ///
    /// The keys of the first object are the columns, as for [`JsonReader`]. Row `i` of the table is record
    /// `i`: one record that cannot be read refuses them all, named by its number, from 1, as the line.
    ///
    /// # Errors
    ///
    /// [`Error::BadRecord`] for text that is no such JSON; [`Error::SchemaMismatch`] for foreign keys;
    /// [`Error::TooManyRejected`]; [`Error::InsufficientData`] for an empty array.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::telemetry::{Schema, Table};
    ///
    /// let record = r#"{"src_ip":"192.168.1.100","dst_ip":"192.168.1.1","src_port":443,"dst_port":51515,
    ///     "protocol":"TCP","packet_count":12,"byte_count":1024,"duration":3.4}"#;
    /// let table = Table::from_json(&Schema::preset("flow")?, record)?;
    /// assert_eq!(table.n_rows(), 1);
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn from_json(schema: &Schema, text: &str) -> Result<Self> {
        let layout = detect::by_keys(PLACE, &first_keys(text)?, Some(schema))?;
        let mut rows = Rows::new(layout, PLACE, ReadOptions::default().batch_rows, 0.0);
        let mut batches = Vec::new();
        if is_array(text) {
            let appended = json_record::append_array(&mut rows, text);
            batches = appended.map_err(|error| not_json(text, &error))??;
        } else {
            let outcome = append_line(&mut rows, text.as_bytes());
            rows.end_row(1, outcome)?;
        }
        rows.check_end()?;
        batches.extend(rows.finish_batch()?);
        Self::new(Arc::clone(rows.schema()), batches, rows.report().clone())
    }
}

fn is_array(text: &str) -> bool {
    text.trim_start().starts_with('[')
}

/// The keys of a JSON object, or of the first object of an array.
pub(super) fn first_keys(text: &str) -> Result<Vec<String>> {
    let first =
        if is_array(text) { RecordKeys::first_of(text) } else { serde_json::from_str(text).map(Some) };
    let first = first.map_err(|error| not_json(text, &error))?;
    let none = || Error::InsufficientData { what: format!("{PLACE}: records"), needed: 1, got: 0 };
    first.map(|keys| keys.0).ok_or_else(none)
}

/// The error of text that is neither a JSON object nor an array of them.
pub(super) fn not_json(text: &str, error: &serde_json::Error) -> Error {
    let expected = format!("a JSON object or an array of them: {error}");
    bad_record(PLACE, error.line() as u64, text.as_bytes(), expected)
}

/// The keys of the first object of a file.
pub(super) fn keys(path: &Path, options: &ReadOptions) -> Result<Vec<String>> {
    options.check()?;
    first(&mut Lines::open(path, options.max_line_bytes)?).map(|(_, keys)| keys.0)
}

/// The first line that is not blank, and the keys of its object.
fn first(lines: &mut Lines) -> Result<(Vec<u8>, RecordKeys)> {
    let first = loop {
        match lines.next()? {
            Some(Line::Idle) => {}
            Some(Line::Text(line)) if lines.bytes()[line.clone()].trim_ascii().is_empty() => {}
            Some(Line::Text(line)) => break lines.bytes()[line].to_vec(),
            Some(Line::TooLong) => {
                let fault = Fault::too_long(lines.max_line_bytes());
                return Err(bad_record(lines.place(), lines.number(), &fault.value, fault.expected));
            }
            None => {
                let what = format!("{}: records", lines.place());
                return Err(Error::InsufficientData { what, needed: 1, got: 0 });
            }
        }
    };
    let keys = RecordKeys::of(&first).map_err(|e| {
        bad_record(lines.place(), lines.number(), &first, format!("one JSON object on a line: {e}"))
    })?;
    Ok((first, keys))
}

/// Appends the object on a line.
fn append_line(rows: &mut Rows, line: &[u8]) -> Result<(), Fault> {
    let mut parser = serde_json::Deserializer::from_slice(line);
    json_record::append(rows, &mut parser)
        .and_then(|outcome| parser.end().map(|()| outcome))
        .unwrap_or_else(|e| Err(Fault::record(line, format!("a JSON object: {e}"))))
}

fn bad_record(place: &str, line: u64, value: &[u8], expected: String) -> Error {
    Error::BadRecord {
        place: place.to_owned(),
        line,
        column: String::new(),
        value: String::from_utf8_lossy(value).chars().take(64).collect(),
        expected,
    }
}
