//! Flow events of Suricata's EVE JSON.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use crate::arrow::array::RecordBatch;

use super::json_nested::Paths;
use super::lines::Lines;
use crate::error::Result;
use crate::telemetry::schema::Schema;
use crate::telemetry::schema::layout::Layout;
use crate::telemetry::table::batches::{BatchReader, is_final};
use crate::telemetry::table::column_builder::ColumnBuilder;
use crate::telemetry::table::options::ReadOptions;
use crate::telemetry::table::report::ReadReport;
use crate::telemetry::table::rows::{Fault, Record, Rows};

/// The key that tells an event's kind, and the kind that is read.
const KIND: &str = "event_type";
const FLOW: &str = "flow";

/// Columns that Suricata writes in hexadecimal.
const HEXADECIMAL: [&str; 3] = ["tcp.tcp_flags", "tcp.tcp_flags_ts", "tcp.tcp_flags_tc"];

/// The column that is computed: seconds from `flow.start` to `flow.end`, to the microsecond.
const DURATION: &str = "duration";

/// Reads the flow events of Suricata's EVE log (JSON lines) as a stream of Arrow batches.
///
/// The columns are those of the preset `eve_flow`, or of the schema in the options, each a key of the event or
/// a path into it, such as `flow.pkts_toserver`. Keys that the schema does not name are passed over; absent
/// ones are null, all columns are always there. Times become seconds since the epoch, hexadecimal TCP flags
/// numbers, and `vlan` the outermost tag; `duration` is `flow.end` less `flow.start`.
///
/// Events of other types are counted by type in [`ReadReport::skipped`]. A line that is no JSON object, that has
/// no `event_type`, or that holds a value outside its column's range is rejected, counted and told, as one longer
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
    telling: Vec<usize>,
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
    pub(crate) fn start(lines: Lines, options: &ReadOptions) -> Result<Self> {
        let schema = options.schema.clone().map_or_else(|| Schema::preset("eve_flow"), Ok)?;
        let mut paths = Paths::new(KIND, FLOW, true);
        for (position, column) in schema.columns().iter().enumerate() {
            paths.add(&column.name, position, HEXADECIMAL.contains(&column.name.as_str()));
        }
        let place = |name: &str| schema.index_of(name);
        let duration = place("flow.start").zip(place("flow.end")).zip(place(DURATION));
        Ok(Self {
            telling: schema.telling(),
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
        let Self { lines, rows, paths, telling, duration, done } = self;
        rows.next_batch(lines, done, |rows, bytes, line| {
            let text = &bytes[line];
            if text.trim_ascii().is_empty() {
                return Ok(Record::Blank);
            }
            let record = paths.append(rows, text);
            Ok(match record {
                Record::Row(Ok(())) => Record::Row(complete(rows, telling, *duration)),
                other => other,
            })
        })
    }
}

/// Whether an object with these keys is an EVE event.
pub(crate) fn is_event(keys: &[String]) -> bool {
    let has = |wanted: &str| keys.iter().any(|key| key == wanted);
    // Other exporters have the first key too.
    is_kinded(keys) && ["flow_id", "flow", "stats"].into_iter().any(has)
}

/// Whether an object with these keys names a kind of event.
pub(crate) fn is_kinded(keys: &[String]) -> bool {
    keys.iter().any(|key| key == KIND)
}

/// Fills up the row at hand.
fn complete(rows: &mut Rows, telling: &[usize], duration: Option<[usize; 3]>) -> Result<(), Fault> {
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
            column.push_number(seconds).map_err(|expected| Fault {
                column: Some(difference),
                value: seconds.to_string().into(),
                expected,
            })?;
        }
    }
    rows.fill_up();
    rows.check_telling(telling)
}

impl BatchReader for EveReader {
    fn schema(&self) -> &Arc<Schema> {
        self.rows.schema()
    }

    fn report(&self) -> &ReadReport {
        self.rows.report()
    }
}

impl Iterator for EveReader {
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
