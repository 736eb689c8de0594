//! CSV, streamed into Arrow batches.

use std::io::Read;
use std::ops::Range;
use std::path::Path;

use crate::arrow::array::RecordBatch;

use super::lines::{Line, Lines};
use super::records::Records;
use crate::error::Result;
use crate::telemetry::cell::spelling;
use crate::telemetry::cell::split;
use crate::telemetry::schema::infer;
use crate::telemetry::schema::layout;
use crate::telemetry::schema::sample;
use crate::telemetry::table::Table;
use crate::telemetry::table::batches::{BatchReader, batch_reader};
use crate::telemetry::table::options::ReadOptions;
use crate::telemetry::table::rows::{Fault, Rows};

/// Loaded bytes from which on an input likely fills a batch.
const LARGE: usize = 128 << 10;

/// Reads a CSV file whose schema is detected from its first line; gzip is unpacked.
///
/// # Errors
///
/// As [`CsvReader::open`] and of its batches.
///
/// # Examples
///
/// ```no_run
/// let flows = qosguard::telemetry::read_csv("flows.csv")?;
/// println!("{} rows, {} rejected", flows.n_rows(), flows.report().rejected);
/// # Ok::<(), qosguard::Error>(())
/// ```
pub fn read_csv(path: impl AsRef<Path>) -> Result<Table> {
    read_csv_with(path, &ReadOptions::default())
}

/// Reads a CSV file with settings.
///
/// # Errors
///
/// As [`CsvReader::open`] and of its batches.
pub fn read_csv_with(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Table> {
    CsvReader::open(path, options)?.read()
}

/// Reads CSV (RFC 4180) as a stream of Arrow batches, holding one batch at a time.
///
/// Cells may be quoted and then hold delimiters and line ends; lines end in LF or CRLF; blanks around a cell
/// do not count. An empty cell is null, and so is a lone `-` in a number column. `NaN` and infinities are kept
/// where they are written out. Text that is not UTF-8 is read as Latin-1.
///
/// A record is rejected, counted and reported with its line, column and reason if it has another number of
/// cells, a cell that is not a number of the column's range, a NUL byte, a quote that never closes, or more than
/// [`ReadOptions::max_line_bytes`]. Reading goes on with the next line.
///
/// An input that returns [`WouldBlock`](std::io::ErrorKind::WouldBlock) or [`TimedOut`](std::io::ErrorKind::TimedOut)
/// ends the batch at hand early and is asked again, as a [`Follow`](crate::telemetry::Follow)ed file does.
///
/// A batch may be [`Error::Io`](crate::Error::Io), [`Error::TooManyRejected`](crate::Error::TooManyRejected), at
/// the end or after 65,536 records, or [`Error::InsufficientData`](crate::Error::InsufficientData) where there is no record.
///
/// # Examples
///
/// ```
/// use qosguard::telemetry::{BatchReader, CsvReader, ReadOptions};
///
/// let csv = "src_ip,dst_port,protocol,packet_count,byte_count,duration\n10.0.0.1,53,17,2,164,0.03\n";
/// let mut reader = CsvReader::new(csv.as_bytes(), "inline", &ReadOptions::default())?;
/// assert_eq!(reader.schema().name(), "flow");
/// let batch = reader.next().ok_or("no batch")??;
/// assert_eq!(batch.num_rows(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct CsvReader {
    lines: Lines,
    rows: Rows,
    records: Records,
    delimiter: u8,
    /// Ends of the cells of the line at hand.
    ends: Vec<usize>,
    done: bool,
}

impl CsvReader {
    /// Opens a file and detects its schema.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io); [`Error::InvalidArgument`](crate::Error::InvalidArgument) for settings outside their domain;
    /// [`Error::InsufficientData`](crate::Error::InsufficientData) for an empty file; [`Error::BadRecord`](crate::Error::BadRecord) for UTF-16, and for a first line
    /// that is too long or holds a NUL byte; [`Error::SchemaMismatch`](crate::Error::SchemaMismatch) for foreign columns.
    pub fn open(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Self> {
        options.check()?;
        Self::start(Lines::open(path.as_ref(), options.max_line_bytes)?, options)
    }

    /// Reads from any input; `place` names it in errors.
    ///
    /// # Errors
    ///
    /// As [`CsvReader::open`].
    pub fn new(input: impl Read + Send + 'static, place: &str, options: &ReadOptions) -> Result<Self> {
        options.check()?;
        Self::start(Lines::new(Box::new(input), place, options.max_line_bytes)?, options)
    }

    /// Starts at the first line, with settings that were checked.
    pub(crate) fn start(mut lines: Lines, options: &ReadOptions) -> Result<Self> {
        let mut records = Records::new(options.delimiter);
        let number = records.first(&mut lines)?;
        let first: Vec<String> = records.cells().map(|cell| spelling::decode(cell).into_owned()).collect();
        let schema = options.schema.as_ref();
        let fit = layout::layout(lines.place(), &first, schema)
            .or_else(|_| layout::layout(&place_with_hint(lines.place(), &first, options), &first, schema));
        let layout = if infer::is_header(&first) {
            let names = layout::unique_names(&first);
            layout::or_inferred(fit, options, &names, || sample::of_csv(&mut lines, &mut records, &names))?
        } else {
            fit?
        };
        let header = layout.header;
        let mut rows = Rows::new(layout, lines.place(), options.batch_rows, options.max_rejected_share);
        if lines.rest().len() >= LARGE {
            rows.reserve();
        }
        if !header {
            let outcome = rows.push_cells(records.cells());
            rows.end_line(number, outcome)?;
        }
        Ok(Self { lines, rows, records, delimiter: options.delimiter, ends: Vec::new(), done: false })
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        while !self.rows.is_full() {
            let Some(line) = self.lines.next()? else {
                self.done = true;
                self.rows.check_end()?;
                break;
            };
            let number = self.lines.number();
            match line {
                Line::Idle if self.rows.len() > 0 => break,
                Line::Idle => {}
                Line::Text(line) if line.is_empty() => self.rows.blank(),
                Line::Text(line) => {
                    let outcome = self.record(&line)?;
                    self.rows.end_line(number, outcome)?;
                }
                Line::TooLong => {
                    let fault = Fault::too_long(self.lines.max_line_bytes());
                    self.rows.end_line(number, Err(fault))?;
                }
            }
        }
        self.rows.finish_batch()
    }

    /// Appends the record that starts with a line. If the record is rejected, only this line counts as read.
    fn record(&mut self, line: &Range<usize>) -> Result<Result<(), Fault>> {
        let text = &self.lines.bytes()[line.clone()];
        if memchr::memchr2(b'"', 0, text).is_none() {
            let bytes = self.lines.bytes();
            split::ends(bytes, line.start, line.end, self.delimiter, &mut self.ends);
            return Ok(push_plain(&mut self.rows, bytes, line.start, &self.ends));
        }
        let length = match self.records.read(&mut self.lines, line.start)? {
            Ok(length) => length,
            Err(fault) => {
                self.lines.next()?;
                return Ok(Err(fault));
            }
        };
        let outcome = self.rows.push_cells(self.records.cells());
        if outcome.is_ok() {
            self.lines.skip(length);
        } else {
            self.lines.next()?;
        }
        Ok(outcome)
    }
}

batch_reader!(CsvReader, rows);

/// The names in the first record of a file, trimmed and unique.
pub(crate) fn header(path: &Path, options: &ReadOptions) -> Result<Vec<String>> {
    options.check()?;
    let mut lines = Lines::open(path, options.max_line_bytes)?;
    let mut records = Records::new(options.delimiter);
    records.first(&mut lines)?;
    let names: Vec<String> = records.cells().map(|cell| spelling::decode(cell).into_owned()).collect();
    Ok(layout::unique_names(&names))
}

/// Appends a line without quotes, whose cells end at `ends`.
fn push_plain(rows: &mut Rows, bytes: &[u8], mut start: usize, ends: &[usize]) -> Result<(), Fault> {
    if ends.len() != rows.n_columns() {
        return Err(rows.ragged(ends.len()));
    }
    for (i, (column, &end)) in rows.columns().iter_mut().zip(ends).enumerate() {
        if let Err(reason) = column.push_at(bytes, start, end) {
            return Err(Fault::cell(i, bytes.get(start..end).unwrap_or_default(), reason));
        }
        start = end + 1;
    }
    Ok(())
}

/// The place, and the delimiter that would fit better than the one asked for.
fn place_with_hint(place: &str, first: &[String], options: &ReadOptions) -> String {
    let asked = char::from(options.delimiter);
    let line = first.join(&asked.to_string());
    let fit = |delimiter: char| {
        let cells: Vec<String> = line.split(delimiter).map(str::to_owned).collect();
        layout::familiarity(&cells, options.schema.as_ref())
    };
    let cells = |delimiter: char| {
        (fit(delimiter), if first.len() == 1 { line.matches(delimiter).count() } else { 0 })
    };
    let best = [',', ';', '\t', '|'].into_iter().filter(|&d| d != asked).max_by_key(|&d| cells(d));
    match best {
        Some(better) if cells(better) > cells(asked) => {
            format!("{place}, read with delimiter {asked:?} where {better:?} fits better")
        }
        _ => place.to_owned(),
    }
}
