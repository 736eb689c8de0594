//! Files of any kind.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

use super::format::{self, Format};
use super::gzip::{Gunzip, is_gzip};
use super::packed;
use crate::error::{Error, Result};
use crate::progress::{self, Cancellable};
use crate::telemetry::columnar::ipc::IpcReader;
use crate::telemetry::table::Table;
use crate::telemetry::table::batches::BatchReader;
use crate::telemetry::table::options::ReadOptions;
use crate::telemetry::text::csv::CsvReader;
use crate::telemetry::text::eve::EveReader;
use crate::telemetry::text::json::JsonReader;
use crate::telemetry::text::lines::{self, Lines};
use crate::telemetry::text::zeek::ZeekReader;

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

/// Opens a file of flows with the reader of its kind; gzip is unpacked, and `-` is standard input.
///
/// | what the file holds | reader |
/// |---|---|
/// | packets in pcap or pcapng, or the name `.pcap`, `.pcapng`, `.cap` | [`FlowMeter`](crate::telemetry::packets::FlowMeter) with [`ReadOptions::meter`] (feature `packets`) |
/// | `PAR1`, or the name `.parquet` | [`ParquetReader`](crate::telemetry::ParquetReader) (feature `parquet`) |
/// | NetFlow v5 or v9, IPFIX or sFlow v5 | [`ExportReader`](crate::telemetry::netflow::ExportReader) (feature `netflow`) |
/// | Arrow IPC, or the name `.arrow`, `.ipc`, `.feather` | [`IpcReader`] |
/// | a first line that begins with `#separator` or `#fields`, or JSON with the keys of conn.log | [`ZeekReader`] |
/// | JSON with the key `event_type`, also in an object inside such as `event` | [`EveReader`] |
/// | a first line that is any JSON object, or the name `.jsonl`, `.ndjson`, `.json` | [`JsonReader`] |
/// | anything else | [`CsvReader`] |
///
/// A schema in the options that is not the preset of Zeek or Suricata makes their JSON plain JSON lines.
///
/// # Errors
///
/// The errors of the reader's own `open`; [`Error::Unsupported`] for a capture, an export or Parquet without the feature;
/// [`Error::Packed`] for xz, zip, zstd, bzip2, lz4 and others, which name the program that unpacks them.
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
    let path = path.as_ref();
    if path == Path::new("-") {
        return open_input(std::io::stdin(), "standard input", options);
    }
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    // Only a file on a disk can be opened again.
    let again = path.is_file().then_some(path);
    open_any(file, &path.display().to_string(), again, options)
}

/// Opens any input, such as standard input, as [`open`] does a file; `place` is its name, which may identify its format.
///
/// It waits for the first bytes and, of a text, the first line, of an input that would block, as a
/// [`Follow`](crate::telemetry::Follow) of an empty file does.
///
/// # Errors
///
/// As [`open`].
pub fn open_input(
    input: impl Read + Send + 'static,
    place: &str,
    options: &ReadOptions,
) -> Result<Box<dyn BatchReader>> {
    open_any(input, place, None, options)
}

fn open_any(
    input: impl Read + Send + 'static,
    place: &str,
    file: Option<&Path>,
    options: &ReadOptions,
) -> Result<Box<dyn BatchReader>> {
    options.check()?;
    let path = Path::new(place);
    let Plain { head, input, zipped } = plain(input, place)?;
    // Only a plain file can be read in place.
    let file = file.filter(|_| !zipped);
    let binary = Format::of_bytes(path, &head);
    let input = Cursor::new(head).chain(input);
    match binary {
        Some(Format::Capture) => return open_capture(input, place, options),
        Some(Format::Export) => {
            return match file {
                Some(file) => open_export(std::iter::once(file), place, options),
                None => open_export_input(input, place, options),
            };
        }
        Some(Format::Parquet) => return open_parquet(input, place, file, options),
        Some(Format::Ipc) => {
            return Ok(Box::new(match file {
                Some(path) => IpcReader::open(path, options)?,
                None => IpcReader::new(BufReader::new(input), place, options)?,
            }));
        }
        _ => {}
    }
    let mut lines = Lines::new(Box::new(input), place, options.max_line_bytes)?;
    Ok(match Format::of_text(path, lines.head(format::has_line)?, options) {
        Format::Eve => Box::new(EveReader::start(lines, options)?),
        Format::Zeek => Box::new(ZeekReader::start(lines, options)?),
        Format::JsonLines => Box::new(JsonReader::start(lines, options)?),
        _ => Box::new(CsvReader::start(lines, options)?),
    })
}

/// An input without its compression.
struct Plain {
    /// The first bytes.
    head: Vec<u8>,
    /// The bytes after them.
    input: Box<dyn Read + Send>,
    /// Whether it is unpacked from gzip.
    zipped: bool,
}

/// Reads the first bytes of an input, and unpacks gzip.
///
/// # Errors
///
/// [`Error::Packed`] for another compression, [`Error::Io`].
fn plain(mut input: impl Read + Send + 'static, place: &str) -> Result<Plain> {
    let failed = |e| Error::io(Path::new(place), e);
    let bytes = head(&mut input).map_err(failed)?;
    let zipped = is_gzip(&bytes);
    let (head, input): (_, Box<dyn Read + Send>) = if zipped {
        let mut inner = Gunzip::new(BufReader::new(Cancellable(Cursor::new(bytes).chain(input))));
        (head(&mut inner).map_err(failed)?, Box::new(inner))
    } else {
        (bytes, Box::new(input))
    };
    packed::check(place, &head)?;
    Ok(Plain { head, input, zipped })
}

/// The first bytes, however slowly they come.
fn head(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut input = input.take(format::HEAD_BYTES);
    loop {
        match input.read_to_end(&mut head) {
            Err(e) if lines::would_block(&e) => progress::check().map_err(io::Error::other)?,
            read => return read.map(|_| head),
        }
    }
}

#[cfg(feature = "parquet")]
fn open_parquet(
    input: impl Read,
    place: &str,
    file: Option<&Path>,
    options: &ReadOptions,
) -> Result<Box<dyn BatchReader>> {
    Ok(Box::new(match file {
        Some(path) => crate::telemetry::ParquetReader::open(path, options)?,
        None => crate::telemetry::ParquetReader::new(input, place, options)?,
    }))
}

#[cfg(not(feature = "parquet"))]
fn open_parquet(
    _input: impl Read,
    place: &str,
    _file: Option<&Path>,
    _options: &ReadOptions,
) -> Result<Box<dyn BatchReader>> {
    Err(Error::unsupported(format!("{place}: Parquet"), "parquet"))
}

#[cfg(feature = "packets")]
fn open_capture(
    input: impl Read + Send + 'static,
    place: &str,
    options: &ReadOptions,
) -> Result<Box<dyn BatchReader>> {
    Ok(Box::new(crate::telemetry::packets::FlowMeter::new(input, place, &options.meter)?))
}

#[cfg(not(feature = "packets"))]
fn open_capture(_input: impl Read, place: &str, _options: &ReadOptions) -> Result<Box<dyn BatchReader>> {
    Err(Error::unsupported(format!("{place}: a packet capture"), "packets"))
}

/// Opens files of exporters, whose templates may be in another file than their data.
#[cfg(feature = "netflow")]
pub(crate) fn open_export<'a>(
    files: impl Iterator<Item = &'a Path>,
    _place: &str,
    options: &ReadOptions,
) -> Result<Box<dyn BatchReader>> {
    let reader = crate::telemetry::netflow::ExportReader::open(files, &export_config(options))?;
    Ok(Box::new(reader.with_max_rejected_share(options.max_rejected_share)))
}

/// Opens a stream of export datagrams.
#[cfg(feature = "netflow")]
fn open_export_input(input: impl Read, place: &str, options: &ReadOptions) -> Result<Box<dyn BatchReader>> {
    let reader = crate::telemetry::netflow::ExportReader::new(input, place, &export_config(options))?;
    Ok(Box::new(reader.with_max_rejected_share(options.max_rejected_share)))
}

#[cfg(feature = "netflow")]
fn export_config(options: &ReadOptions) -> crate::telemetry::netflow::NetflowConfig {
    crate::telemetry::netflow::NetflowConfig { batch_rows: options.batch_rows, ..Default::default() }
}

#[cfg(not(feature = "netflow"))]
pub(crate) fn open_export<'a>(
    _files: impl Iterator<Item = &'a Path>,
    place: &str,
    _options: &ReadOptions,
) -> Result<Box<dyn BatchReader>> {
    Err(Error::unsupported(format!("{place}: a file of NetFlow, IPFIX or sFlow"), "netflow"))
}

#[cfg(not(feature = "netflow"))]
fn open_export_input(_input: impl Read, place: &str, _options: &ReadOptions) -> Result<Box<dyn BatchReader>> {
    Err(Error::unsupported(format!("{place}: NetFlow, IPFIX or sFlow"), "netflow"))
}

/// Whether a file, plain or gzipped, holds export datagrams.
pub(crate) fn is_export(path: &Path) -> Result<bool> {
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    let Plain { head, .. } = plain(file, &path.display().to_string())?;
    Ok(Format::of_bytes(path, &head) == Some(Format::Export))
}
