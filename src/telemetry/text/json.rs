//! JSON lines, streamed into Arrow batches, and JSON text that a service was sent.

use std::collections::HashSet;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use crate::arrow::array::RecordBatch;

use super::json_flat::{Flat, IsColumn, known_paths};
use super::json_record;
use super::lines::{Line, Lines};
use crate::error::{Error, Result};
use crate::telemetry::cell::reason::Reason;
use crate::telemetry::schema::Schema;
use crate::telemetry::schema::layout;
use crate::telemetry::schema::sample;
use crate::telemetry::table::Table;
use crate::telemetry::table::batches::{BatchReader, batch_reader};
use crate::telemetry::table::options::ReadOptions;
use crate::telemetry::table::rows::{Fault, Record, Rows};

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
/// Every feature of the schema must be a key of the first object or of another one among the first (2,000, or 256 KiB);
/// the columns are the keys of the first object and these. Objects have their keys in any order. A key that an object
/// lacks is a missing value in every schema; [`ReadReport::absent`](crate::telemetry::ReadReport::absent) counts the
/// features among them. An object with none of the features, or with a key that is not a column, is rejected.
///
/// A column `a.b` is the key `a.b`, or the key `b` of the object at the key `a`. If the schema is inferred, objects inside
/// a record become such columns, up to 4 objects deep and 1,000 columns; deeper objects and lists are ignored.
///
/// `null` is null, booleans are 0 and 1, and a string in a number column is read as a CSV cell is.
/// Records are rejected, counted and reported as in [`CsvReader`](crate::telemetry::CsvReader), and a batch may be the same errors.
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
    /// that is not a JSON object; [`Error::SchemaMismatch`] for foreign keys.
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
    pub(crate) fn start(mut lines: Lines, options: &ReadOptions) -> Result<Self> {
        let (first, flat) = first(&mut lines, &columns_of(options.schema.as_ref()))?;
        let number = lines.number();
        let place = lines.place().to_owned();
        let mut fit = layout::by_keys(&place, &flat.paths(), options.schema.as_ref());
        if fit.is_err() {
            // A key that the first record lacks may be in the next ones.
            let known = options.schema.as_ref().or(options.fallback.as_ref());
            let is_column = columns_of(known);
            let flats = sample::json_records(&mut lines, &first, &|path| is_column.contains(path))?;
            fit = match &options.schema {
                Some(schema) => {
                    let paths = known_paths(&flats, &|path| is_column.contains(path));
                    layout::by_keys(&place, &paths, Some(schema))
                }
                None => layout::by_keys(&place, &known_paths(&flats, &|_| true), None).or(fit),
            };
            let names = known_paths(&flats, &|path| is_column.contains(path));
            fit = layout::or_inferred(fit, options, &names, || Ok(sample::of_json(flats)));
        }
        let rows = Rows::new(fit?, &place, options.batch_rows, options.max_rejected_share);
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

batch_reader!(JsonReader, rows);

/// The place in errors of records that are not in a file.
const PLACE: &str = "json";

impl Table {
    /// Reads one JSON object, or an array of objects, as a service is sent them.
    ///
    /// Every feature must be a key of at least one of the first 2,000 objects, as for [`JsonReader`]. Row `i` of the table is record
    /// `i`: one record that cannot be read is an error for all, with its number, from 1, as the line.
    ///
    /// # Errors
    ///
    /// [`Error::BadRecord`] for other text; [`Error::SchemaMismatch`] for foreign keys;
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
        let is_column = |path: &str| schema.index_of(path).is_some();
        let fit = |count| {
            let flats = records(text, count, &is_column)?;
            layout::by_keys(PLACE, &known_paths(&flats, &is_column), Some(schema))
        };
        // A key that the first record lacks may be in the next ones.
        let layout = match fit(1) {
            Err(Error::SchemaMismatch { .. }) => fit(sample::ROWS)?,
            other => other?,
        };
        let mut rows = Rows::new(layout, PLACE, ReadOptions::default().batch_rows, 0.0);
        let mut batches = Vec::new();
        if is_array(text) {
            batches = json_record::append_array(&mut rows, text).map_err(|error| no_json(text, &error))??;
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

/// The values of a JSON object, or of the first objects of an array, `count` at most and one at least.
pub(crate) fn records(text: &str, count: usize, is_column: IsColumn<'_>) -> Result<Vec<Flat>> {
    let flats = if is_array(text) {
        Flat::of_array(text, count, is_column)
    } else {
        Flat::of(text.as_bytes(), is_column).map(|flat| vec![flat])
    };
    let flats = flats.map_err(|error| no_json(text, &error))?;
    if flats.is_empty() {
        return Err(Error::InsufficientData { what: format!("{PLACE}: records"), needed: 1, got: 0 });
    }
    Ok(flats)
}

/// The error of text that is neither a JSON object nor an array of objects.
fn no_json(text: &str, error: &serde_json::Error) -> Error {
    let expected = format!("a JSON object or an array of them: {error}");
    bad_record(PLACE, error.line() as u64, text.as_bytes(), expected)
}

/// The paths of the first object of a file.
pub(crate) fn keys(path: &Path, options: &ReadOptions) -> Result<Vec<String>> {
    options.check()?;
    let mut lines = Lines::open(path, options.max_line_bytes)?;
    first(&mut lines, &HashSet::new()).map(|(_, flat)| flat.paths())
}

/// The names of a schema's columns.
fn columns_of(schema: Option<&Schema>) -> HashSet<String> {
    schema.map(|schema| schema.columns().iter().map(|c| c.name.clone()).collect()).unwrap_or_default()
}

/// The first line that is not blank, and the values of its object.
fn first(lines: &mut Lines, columns: &HashSet<String>) -> Result<(Vec<u8>, Flat)> {
    let first = loop {
        match lines.next()? {
            Some(Line::Idle) => {}
            Some(Line::Text(line)) if lines.bytes()[line.clone()].trim_ascii().is_empty() => {}
            Some(Line::Text(line)) => break lines.bytes()[line].to_vec(),
            Some(Line::TooLong) => {
                let fault = Fault::too_long(lines.max_line_bytes());
                return Err(fault.into_error(lines.place(), lines.number()));
            }
            None => {
                let what = format!("{}: records", lines.place());
                return Err(Error::InsufficientData { what, needed: 1, got: 0 });
            }
        }
    };
    match Flat::of(&first, &|path| columns.contains(path)) {
        Ok(flat) => Ok((first, flat)),
        Err(e) => Err(not_json(first, &e).into_error(lines.place(), lines.number())),
    }
}

/// The fault of a line that is not a JSON object.
fn not_json(line: impl Into<Vec<u8>>, error: &serde_json::Error) -> Fault {
    Fault::record(line, Reason::NotJson { problem: error.to_string() })
}

/// Appends the object on a line.
fn append_line(rows: &mut Rows, line: &[u8]) -> Result<(), Fault> {
    let mut parser = serde_json::Deserializer::from_slice(line);
    json_record::append(rows, &mut parser)
        .and_then(|outcome| parser.end().map(|()| outcome))
        .unwrap_or_else(|e| Err(not_json(line, &e)))
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
