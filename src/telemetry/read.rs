//! Files of any kind.

use std::path::Path;

use super::batches::BatchReader;
use super::csv::CsvReader;
use super::eve::EveReader;
use super::format::{self, Format};
use super::json::JsonReader;
use super::lines::Lines;
use super::options::ReadOptions;
use super::table::Table;
use super::zeek::ZeekReader;
use crate::error::Result;

/// Reads a file of flows, whatever its kind: see [`open`].
///
/// # Errors
///
/// As [`open`], and of the reader's batches.
pub fn read(path: impl AsRef<Path>) -> Result<Table> {
    read_with(path, &ReadOptions::default())
}

/// Reads a file of flows with settings, as [`read`] does.
///
/// # Errors
///
/// As [`open`], and of the reader's batches.
pub fn read_with(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Table> {
    open(path, options)?.read()
}

/// Opens a file of flows with the reader of its kind; gzip is unpacked.
///
/// | what the file holds | reader |
/// |---|---|
/// | a first line that begins with `#separator` or `#fields`, or JSON with the keys of conn.log | [`ZeekReader`] |
/// | JSON with the key `event_type` | [`EveReader`] |
/// | a first line that is any JSON object, or the name `.jsonl`, `.ndjson`, `.json` | [`JsonReader`] |
/// | anything else | [`CsvReader`] |
///
/// A schema in the options that is not the preset of Zeek or Suricata makes their JSON plain JSON lines.
///
/// # Errors
///
/// Those of the reader's own `open`.
///
/// # Examples
///
/// ```no_run
/// use qosguard::telemetry::{self, ReadOptions};
///
/// for batch in telemetry::open("flows.csv.gz", &ReadOptions::default())? {
///     println!("{} flows", batch?.num_rows());
/// }
/// # Ok::<(), qosguard::Error>(())
/// ```
pub fn open(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Box<dyn BatchReader>> {
    options.check()?;
    let path = path.as_ref();
    let mut lines = Lines::open(path, options.max_line_bytes)?;
    Ok(match Format::of_text(path, lines.head(format::has_line)?, options.schema.as_ref()) {
        Format::Csv => Box::new(CsvReader::start(lines, options)?),
        Format::Eve => Box::new(EveReader::start(lines, options)?),
        Format::Zeek => Box::new(ZeekReader::start(lines, options)?),
        Format::JsonLines => Box::new(JsonReader::start(lines, options)?),
    })
}
