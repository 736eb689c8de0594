//! Zeek's conn.log, as tab-separated values or as JSON lines.

mod header;

use std::io::Read;
use std::path::Path;

use crate::arrow::array::RecordBatch;

use super::json_flat::{Flat, Leaf};
use super::json_keys::RecordKeys;
use super::json_nested::Paths;
use super::lines::Lines;
use crate::error::Result;
use crate::telemetry::cell::clock::TimeUnit;
use crate::telemetry::schema::layout::Layout;
use crate::telemetry::schema::{Role, Schema};
use crate::telemetry::table::batches::batch_reader;
use crate::telemetry::table::options::ReadOptions;
use crate::telemetry::table::rows::{Record, Rows};
use header::{Header, canonical};

/// The column of the record's time.
const TIME: &str = "ts";

/// Other names of the column `detailedlabel`.
const DETAILED_LABEL: [&str; 2] = ["detailed-label", "detailed_label"];

/// Reads Zeek's conn.log as a stream of Arrow batches: tab-separated values with `#` lines, or JSON lines.
///
/// The columns come from the preset `zeek_conn`, or from the schema in the options, found by their names in any
/// order. All are always there, labels and families only where the first header or record has them; other
/// columns of the log are passed over. Unset (`-`, an absent key) and empty (`(empty)`) cells are null, `T` and
/// `F` are 1 and 0, escapes such as `\x09` are undone, and a time is in seconds since the epoch, in
/// milliseconds (`JSON::TS_MILLIS`, if the first record has them), or in ISO 8601.
/// A new `#fields` line applies from there on, so that logs may be concatenated. Blanks may separate the columns at the
/// end of a line in place of the separator, as in the labelled logs of IoT-23.
///
/// Records of another log, by the key `_path`, are counted in [`ReadReport::skipped`](crate::telemetry::ReadReport::skipped). Rejected, counted and
/// reported are a line without a header above it, with another number of cells, with a cell out of its column's range,
/// with no numeric feature at all, that is broken JSON, or longer than [`ReadOptions::max_line_bytes`].
/// A batch may be the same errors as in [`CsvReader`](crate::telemetry::CsvReader), and
/// [`Error::SchemaMismatch`](crate::Error::SchemaMismatch) for a `#fields` line that lacks a feature.
///
/// # Examples
///
/// ```
/// use qosguard::telemetry::{BatchReader, ReadOptions, ZeekReader};
///
/// let log = r#"{"ts":1664462456.755299,"uid":"C5xhsO3","id.orig_h":"172.16.1.11","id.resp_p":53,"proto":"udp",
/// "duration":0.25,"orig_bytes":0,"resp_bytes":111,"conn_state":"SHR","local_orig":true}"#.replace('\n', "");
/// let table = ZeekReader::new(std::io::Cursor::new(log), "inline", &ReadOptions::default())?.read()?;
/// assert_eq!((table.schema().name(), table.n_rows()), ("zeek_conn", 1));
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Debug)]
pub struct ZeekReader {
    lines: Lines,
    rows: Rows,
    header: Header,
    paths: Paths,
    required: Vec<usize>,
    done: bool,
}

impl ZeekReader {
    /// Opens a file; gzip is unpacked.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io); [`Error::InvalidArgument`](crate::Error::InvalidArgument) for settings
    /// outside their domain; [`Error::BadRecord`](crate::Error::BadRecord) for UTF-16;
    /// [`Error::SchemaMismatch`](crate::Error::SchemaMismatch) for a `#fields` line that lacks a feature.
    pub fn open(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Self> {
        options.check()?;
        Self::start(Lines::open(path.as_ref(), options.max_line_bytes)?, options)
    }

    /// Reads from any input, once it has a header or a first record; `place` names it in errors.
    ///
    /// # Errors
    ///
    /// As [`ZeekReader::open`].
    pub fn new(input: impl Read + Send + 'static, place: &str, options: &ReadOptions) -> Result<Self> {
        options.check()?;
        Self::start(Lines::new(Box::new(input), place, options.max_line_bytes)?, options)
    }

    /// Starts at the first line, with settings that were checked.
    pub(crate) fn start(mut lines: Lines, options: &ReadOptions) -> Result<Self> {
        let head = lines.head(|head| first_names(head, false).is_some())?;
        // The last line of a file may lack its end.
        let names = first_names(head, true).unwrap_or_default();
        let schema = options.schema.clone().map_or_else(|| Schema::preset("zeek_conn"), Ok)?;
        let schema = if counts_millis(lines.rest()) { in_millis(schema) } else { schema };
        let there = |i: &usize| {
            let column = &schema.columns()[*i];
            let truth = matches!(column.role, Role::Label | Role::Family);
            !truth || names.iter().any(|name| canonical(name) == column.name)
        };
        let keep: Vec<usize> = (0..schema.columns().len()).filter(there).collect();
        let schema = schema.restrict(&keep);
        let mut paths = Paths::new("", "_path", "conn", false);
        for (position, column) in schema.columns().iter().enumerate() {
            paths.add(&column.name, position, false);
            let other = |name: &&String| **name != column.name && canonical(name) == column.name;
            for name in names.iter().filter(other) {
                paths.add(name, position, false);
            }
            if canonical(DETAILED_LABEL[0]) == column.name {
                for name in DETAILED_LABEL {
                    paths.add(name, position, false);
                }
            }
        }
        Ok(Self {
            required: schema.required(),
            rows: Rows::new(
                Layout::whole(schema),
                lines.place(),
                options.batch_rows,
                options.max_rejected_share,
            ),
            lines,
            header: Header::default(),
            paths,
            done: false,
        })
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        let Self { lines, rows, header, paths, required, done } = self;
        rows.next_batch(lines, done, |rows, bytes, line| {
            let text = &bytes[line.clone()];
            let record = match text.first() {
                Some(b'#') => return header.read(text, rows),
                Some(b'{') => paths.append(rows, text),
                _ if text.trim_ascii().is_empty() => Record::Blank,
                _ => Record::Row(header.append(rows, bytes, line)),
            };
            Ok(match record {
                Record::Row(Ok(())) => {
                    rows.fill_up();
                    Record::Row(rows.check_required(required))
                }
                other => other,
            })
        })
    }
}

/// Whether the first JSON record has its time in milliseconds, as with Zeek's option `JSON::TS_MILLIS`.
fn counts_millis(head: &[u8]) -> bool {
    let mut records = head.split(|&b| b == b'\n').filter(|line| line.starts_with(b"{"));
    let flat = records.find_map(|line| Flat::of(line, &|_| false).ok());
    let time = flat.and_then(|flat| flat.0.into_iter().find(|(path, _)| path == TIME));
    match time {
        Some((_, Leaf::Number(number))) => number.parse().is_ok_and(|time: f64| (1e11..1e14).contains(&time)),
        _ => false,
    }
}

/// The schema with milliseconds as the unit of the record's time, unless it has a unit.
fn in_millis(schema: Schema) -> Schema {
    match schema.index_of(TIME) {
        Some(time) => schema.with_unit(time, TimeUnit::Milliseconds),
        None => schema,
    }
}

/// Whether a text is a Zeek log: it begins with a header.
pub(crate) fn is_log(head: &[u8]) -> bool {
    head.starts_with(b"#separator") || head.starts_with(b"#fields")
}

/// Whether an object with these keys is a record of conn.log.
pub(crate) fn is_record(keys: &[String]) -> bool {
    let has = |wanted: &str| keys.iter().any(|key| key == wanted || canonical(key) == wanted);
    has("ts") && has("conn_state") && (has("id.orig_h") || has("id"))
}

/// The names of the first `#fields` line, or the keys of the first record, if all of it is loaded.
fn first_names(head: &[u8], at_end: bool) -> Option<Vec<String>> {
    let mut separator = b'\t';
    let whole = |line: &&[u8]| at_end || line.ends_with(b"\n");
    head.split_inclusive(|&b| b == b'\n').filter(whole).find_map(|line| match line.first() {
        Some(b'#') => {
            separator = header::separator(line).unwrap_or(separator);
            header::fields(line.trim_ascii_end(), separator)
        }
        Some(b'{') => RecordKeys::of(line).ok().map(|keys| keys.0),
        _ => None,
    })
}

batch_reader!(ZeekReader, rows);
