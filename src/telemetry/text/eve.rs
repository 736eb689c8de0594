//! Flow events of Suricata's EVE JSON.

use std::io::Read;
use std::path::Path;

use crate::arrow::array::RecordBatch;

use super::json_flat::Flat;
use super::json_nested::Paths;
use super::lines::Lines;
use crate::error::Result;
use crate::telemetry::files::format;
use crate::telemetry::schema::Schema;
use crate::telemetry::schema::layout::Layout;
use crate::telemetry::table::batches::batch_reader;
use crate::telemetry::table::column_builder::ColumnBuilder;
use crate::telemetry::table::options::ReadOptions;
use crate::telemetry::table::rows::{Fault, Record, Rows};

/// The key of an event's kind, and the kind that is read.
const KIND: &str = "event_type";
const FLOW: &str = "flow";

/// Keys of which an event has one.
const EVENT_KEYS: [&str; 3] = ["flow_id", "flow", "stats"];

/// Columns that Suricata writes in hexadecimal.
const HEXADECIMAL: [&str; 3] = ["tcp.tcp_flags", "tcp.tcp_flags_ts", "tcp.tcp_flags_tc"];

/// The column that is computed: seconds from `flow.start` to `flow.end`, to the microsecond.
const DURATION: &str = "duration";

/// Reads the flow events of Suricata's EVE log (JSON lines) as a stream of Arrow batches.
///
/// The columns come from the preset `eve_flow`, or from the schema in the options: each is a key of the event or
/// a path into it, such as `flow.pkts_toserver`. Keys without a column are passed over; absent
/// keys are null, and all columns are always present. Times become seconds since the epoch, hexadecimal TCP flags
/// numbers, and `vlan` the outermost tag; `duration` is `flow.end` less `flow.start`. An event may be inside another
/// object, such as `{"host": …, "event": {…}}`, if the event on the first line is.
///
/// Events of other types are counted by type in [`ReadReport::skipped`](crate::telemetry::ReadReport::skipped). A line that is not a JSON object, that has
/// no `event_type`, or that holds a value outside its column's range is rejected, counted and reported, as one longer
/// than [`ReadOptions::max_line_bytes`] is. A batch may be the same errors as in [`CsvReader`](crate::telemetry::CsvReader).
///
/// # Examples
///
/// ```
/// use qosguard::telemetry::{BatchReader, EveReader, ReadOptions};
///
/// let log = r#"{"timestamp":"2021-06-06T16:40:00.000000+0200","event_type":"flow","src_ip":"10.0.0.1","dest_port":53,
/// "proto":"UDP","flow":{"pkts_toserver":1,"bytes_toserver":80,"start":"2021-06-06T16:38:55+0200","state":"new"}}
/// {"timestamp":"2021-06-06T16:40:00.000000+0200","event_type":"dns"}
/// "#.replace(",\n", ",");
/// let table = EveReader::new(std::io::Cursor::new(log), "inline", &ReadOptions::default())?.read()?;
/// assert_eq!((table.n_rows(), table.report().skipped["dns"]), (1, 1));
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Debug)]
pub struct EveReader {
    lines: Lines,
    rows: Rows,
    paths: Paths,
    required: Vec<usize>,
    /// Positions of `flow.start`, `flow.end` and of their difference.
    duration: Option<[usize; 3]>,
    done: bool,
}

impl EveReader {
    /// Opens a file; gzip is unpacked.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io); [`Error::InvalidArgument`](crate::Error::InvalidArgument) for settings
    /// outside their domain; [`Error::BadRecord`](crate::Error::BadRecord) for UTF-16.
    pub fn open(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Self> {
        options.check()?;
        Self::start(Lines::open(path.as_ref(), options.max_line_bytes)?, options)
    }

    /// Reads from any input, once it has a first line; `place` names it in errors.
    ///
    /// # Errors
    ///
    /// As [`EveReader::open`].
    pub fn new(input: impl Read + Send + 'static, place: &str, options: &ReadOptions) -> Result<Self> {
        options.check()?;
        Self::start(Lines::new(Box::new(input), place, options.max_line_bytes)?, options)
    }

    /// Starts at the first line, with settings that were checked.
    pub(crate) fn start(mut lines: Lines, options: &ReadOptions) -> Result<Self> {
        let head = lines.head(format::has_line)?;
        let prefix = head.split(|&b| b == b'\n').find_map(event_path).unwrap_or_default();
        let schema = options.schema.clone().map_or_else(|| Schema::preset("eve_flow"), Ok)?;
        let mut paths = Paths::new(&prefix, KIND, FLOW, true);
        for (position, column) in schema.columns().iter().enumerate() {
            paths.add(&column.name, position, HEXADECIMAL.contains(&column.name.as_str()));
        }
        let place = |name: &str| schema.index_of(name);
        let duration = place("flow.start").zip(place("flow.end")).zip(place(DURATION));
        Ok(Self {
            required: schema.required(),
            duration: duration.map(|((start, end), difference)| [start, end, difference]),
            rows: Rows::new(
                Layout::whole(schema),
                lines.place(),
                options.batch_rows,
                options.max_rejected_share,
            ),
            lines,
            paths,
            done: false,
        })
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        let Self { lines, rows, paths, required, duration, done } = self;
        rows.next_batch(lines, done, |rows, bytes, line| {
            let text = &bytes[line];
            if text.trim_ascii().is_empty() {
                return Ok(Record::Blank);
            }
            let record = paths.append(rows, text);
            Ok(match record {
                Record::Row(Ok(())) => Record::Row(complete(rows, required, *duration)),
                other => other,
            })
        })
    }
}

/// Whether an object with these keys is an EVE event.
pub(crate) fn is_event(keys: &[String]) -> bool {
    let has = |wanted: &str| keys.iter().any(|key| key == wanted);
    // Other exporters have the first key too.
    is_kinded(keys) && EVENT_KEYS.into_iter().any(has)
}

/// The path of the EVE event in the object on a line, such as `event`; empty for the object itself, `None` without an event.
///
/// Log shippers put events into an object of their own.
pub(crate) fn event_path(line: &[u8]) -> Option<String> {
    let paths = Flat::of(line, &|_| false).ok()?.paths();
    let objects = paths.iter().filter_map(|path| path.strip_suffix(KIND));
    let has = |object: &str, key: &str| {
        let inside = |path: &String| {
            let rest = path.strip_prefix(object).and_then(|rest| rest.strip_prefix(key));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        paths.iter().any(inside)
    };
    let is_object = |object: &&str| object.is_empty() || object.ends_with('.');
    let mut events = objects.filter(is_object).filter(|object| EVENT_KEYS.iter().any(|key| has(object, key)));
    events.next().map(|object| object.trim_end_matches('.').to_owned())
}

/// Whether an object with these keys names a kind of event.
pub(crate) fn is_kinded(keys: &[String]) -> bool {
    keys.iter().any(|key| key == KIND)
}

/// Fills up the row at hand.
fn complete(rows: &mut Rows, required: &[usize], duration: Option<[usize; 3]>) -> Result<(), Fault> {
    if let Some([start, end, difference]) = duration {
        let row = rows.len();
        let time = |rows: &mut Rows, i: usize| {
            rows.columns().get(i).filter(|column| column.len() > row).and_then(ColumnBuilder::last_number)
        };
        let between =
            time(rows, end).zip(time(rows, start)).map(|(end, start)| ((end - start) * 1e6).round() / 1e6);
        if let Some((seconds, column)) = between.zip(rows.columns().get_mut(difference))
            && column.len() == row
        {
            column
                .push_number(seconds)
                .map_err(|reason| Fault::cell(difference, seconds.to_string(), reason))?;
        }
    }
    rows.fill_up();
    rows.check_required(required)
}

batch_reader!(EveReader, rows);
