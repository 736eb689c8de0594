//! What a reader did with each record.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::arrow::array::{AsArray, RecordBatch};
use crate::error::{Error, Result};
use crate::telemetry::cell::reason::Reason;
use crate::telemetry::cell::spelling::is_unknown;
use crate::telemetry::schema::{Role, Schema};

/// At most this many rejections are kept; all are counted.
const KEPT: usize = 100;

/// Characters of an offending value that are kept.
const SHOWN: usize = 64;

/// At most this many places are kept where lines do not follow one by one.
const LINES: usize = 65_536;

/// Kinds of skipped records that are counted apart, the characters of their names, and the name of all others.
const KINDS: usize = 64;
const KIND_CHARS: usize = 64;
const OTHER: &str = "other";

/// Kinds of skipped records that an error names.
const NAMED: usize = 8;

/// Why one record was left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Rejection {
    /// Line in the file, from 1.
    pub line: u64,
    /// Column name; empty when the whole line is meant.
    pub column: String,
    /// The offending value, cut to 64 characters.
    pub value: String,
    /// Why it is rejected.
    pub reason: Reason,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if !self.column.is_empty() {
            write!(f, ", column `{}`", self.column)?;
        }
        write!(f, ": {}", self.reason)?;
        if self.value.is_empty() { Ok(()) } else { write!(f, ", got {:?}", self.value) }
    }
}

/// What a reader read and what it rejected.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReadReport {
    /// File or stream.
    pub place: String,
    /// Records accepted.
    pub accepted: u64,
    /// Records rejected.
    pub rejected: u64,
    /// Records rejected, by the [code](Reason::code) of the reason.
    #[serde(default)]
    pub rejected_by_code: BTreeMap<String, u64>,
    /// Lines without a single value, which are not records.
    pub blank: u64,
    /// Records of another kind than the reader's, such as the alerts among Suricata's events, by their kind.
    ///
    /// At most 64 kinds have a name of their own; all others are counted as `other`.
    #[serde(default)]
    pub skipped: BTreeMap<String, u64>,
    /// Accepted JSON records that lack the key of a feature, by the name of its column: the value is missing.
    #[serde(default)]
    pub absent: BTreeMap<String, u64>,
    /// Records accepted with a label such as `Unknown`: they have no truth.
    #[serde(default)]
    pub unlabelled: u64,
    /// The role of each column, if the schema was inferred; see [`Schema::infer`](crate::telemetry::Schema::infer).
    #[serde(default)]
    pub inferred: Vec<String>,
    /// The first rejections, in file order.
    pub rejections: Vec<Rejection>,
    /// Accepted records behind which the lines do not follow one by one: the record's position and its line.
    #[serde(skip)]
    pub(crate) lines: Vec<(u64, u64)>,
}

/// A short explanation of the counters that most often explain an input without a flow.
fn meaning(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "dropped_sets" => "data without its template",
        "unsupported_datagrams" => "another protocol or version",
        "malformed_datagrams" => "damaged",
        "records_without_address" => "records that are not flows",
        "option_records" => "records about the exporter",
        "templates" => "descriptions of data",
        "counter_samples" => "samples of interface counters",
        "not_ip" => "frames without an IP packet",
        "unsupported_link" => "unsupported link types",
        "encapsulated" => "unsupported encapsulations",
        "truncated" => "frames captured without their IP header",
        "malformed" => "damaged frames",
        _ => return None,
    })
}

/// An offending value as a report shows it.
pub(crate) fn shown(value: &[u8]) -> String {
    String::from_utf8_lossy(value).chars().take(SHOWN).collect()
}

/// Adds to a counter.
fn add(counts: &mut BTreeMap<String, u64>, name: &str, count: u64) {
    match counts.get_mut(name) {
        Some(sum) => *sum += count,
        None => {
            counts.insert(name.to_owned(), count);
        }
    }
}

impl ReadReport {
    /// An empty report for a place.
    pub fn new(place: &str) -> Self {
        Self { place: place.to_owned(), ..Self::default() }
    }

    /// Why an input that is not empty gave no record, in one sentence; `None` if records were accepted or the input is
    /// empty.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "netflow")] {
    /// use qosguard::telemetry::netflow::{Exporters, NetflowConfig};
    ///
    /// let mut datagram = vec![0, 10, 0, 24]; // IPFIX, 24 bytes
    /// datagram.extend([0; 12]); // time, sequence, domain
    /// datagram.extend([1, 0, 0, 8, 10, 0, 0, 1]); // a data set of template 256, which never came
    /// let mut exporters = Exporters::new(&NetflowConfig::default())?;
    /// exporters.push("192.0.2.1".parse()?, None, &datagram);
    /// exporters.drop_kept();
    /// let reason = exporters.report().nothing_read().ok_or("read")?;
    /// assert!(reason.contains("dropped_sets 1 (data without its template)"), "{reason}");
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn nothing_read(&self) -> Option<String> {
        if self.accepted > 0 || (self.rejected == 0 && self.skipped.is_empty()) {
            return None;
        }
        let kinds = self.skipped.iter().map(|(kind, count)| match meaning(kind) {
            Some(meaning) => format!("{kind} {count} ({meaning})"),
            None => format!("{kind} {count}"),
        });
        let rejected = (self.rejected > 0).then(|| format!("rejected {}", self.rejected));
        let first = self.rejections.first().map(|rejection| format!("the first: {rejection}"));
        let reasons: Vec<String> = rejected.into_iter().chain(first).chain(kinds).collect();
        Some(format!("{}: no flow could be decoded: {}", self.place, reasons.join("; ")))
    }

    /// Counts a record that is accepted, at a line.
    pub(crate) fn accept(&mut self, line: u64) {
        if self.lines.len() < LINES && self.line_of(self.accepted) != line {
            self.lines.push((self.accepted, line));
        }
        self.accepted += 1;
    }

    /// The line of the accepted record at a position, from 0; its number from 1 where no lines are known.
    pub(crate) fn line_of(&self, row: u64) -> u64 {
        let next = self.lines.partition_point(|&(start, _)| start <= row);
        let (start, line) = next.checked_sub(1).and_then(|i| self.lines.get(i)).copied().unwrap_or((0, 1));
        line + (row - start)
    }

    /// Counts the records of a batch with a label such as `Unknown`.
    pub(crate) fn count_unlabelled(&mut self, schema: &Schema, batch: &RecordBatch) {
        let label = schema.index_of_role(Role::Label).filter(|&i| i < batch.num_columns());
        let Some(labels) = label.and_then(|i| batch.column(i).as_string_opt::<i32>()) else { return };
        self.unlabelled += labels.iter().flatten().filter(|label| is_unknown(label)).count() as u64;
    }

    /// This report, and what another file of the same set added to it.
    pub(crate) fn with(&self, other: &Self) -> Self {
        let mut sum = self.clone();
        sum.accepted += other.accepted;
        sum.rejected += other.rejected;
        for (code, count) in &other.rejected_by_code {
            add(&mut sum.rejected_by_code, code, *count);
        }
        for (name, count) in &other.absent {
            add(&mut sum.absent, name, *count);
        }
        sum.blank += other.blank;
        sum.unlabelled += other.unlabelled;
        sum.lines.clear();
        if sum.inferred.is_empty() {
            sum.inferred.clone_from(&other.inferred);
        }
        for (kind, count) in &other.skipped {
            sum.skip_many(kind, *count);
        }
        sum.rejections.extend(other.rejections.iter().take(KEPT - sum.rejections.len()).cloned());
        sum
    }

    /// The error of arrays that Arrow rejects; no line is at fault.
    pub(crate) fn arrow_error(&self, error: &crate::arrow::error::ArrowError) -> Error {
        Error::BadRecord {
            place: self.place.clone(),
            line: 0,
            column: String::new(),
            value: error.to_string(),
            expected: "an Arrow table".into(),
        }
    }

    /// Counts a rejection and keeps it if it is among the first.
    pub(crate) fn reject(&mut self, line: u64, column: &str, value: &[u8], reason: Reason) {
        self.rejected += 1;
        add(&mut self.rejected_by_code, reason.code(), 1);
        if self.rejections.len() < KEPT {
            self.rejections.push(Rejection { line, column: column.into(), value: shown(value), reason });
        }
    }

    /// The same report, after more rows were left out.
    pub(crate) fn without(&self, left_out: Self) -> Self {
        let mut report = self.clone();
        report.accepted = report.accepted.saturating_sub(left_out.rejected);
        report.rejected += left_out.rejected;
        for (code, count) in &left_out.rejected_by_code {
            add(&mut report.rejected_by_code, code, *count);
        }
        report.lines.clear();
        report.rejections.extend(left_out.rejections);
        report.rejections.truncate(KEPT);
        report
    }

    /// Counts a record of another kind.
    pub(crate) fn skip(&mut self, kind: &str) {
        let kind = kind.char_indices().nth(KIND_CHARS).map_or(kind, |(end, _)| &kind[..end]);
        self.skip_many(kind, 1);
    }

    fn skip_many(&mut self, kind: &str, count: u64) {
        if let Some(known) = self.skipped.get_mut(kind) {
            *known += count;
            return;
        }
        let name = if self.skipped.len() < KINDS { kind } else { OTHER };
        *self.skipped.entry(name.to_owned()).or_default() += count;
    }

    /// At the end of the input: there must have been a record, and not too many rejections.
    pub(crate) fn check_end(&self, max_rejected_share: f64) -> Result<()> {
        if self.accepted + self.rejected == 0 {
            let mut what = format!("{}: records", self.place);
            if !self.skipped.is_empty() {
                let kinds: Vec<String> =
                    self.skipped.iter().map(|(kind, n)| format!("{kind}: {n}")).collect();
                let more = kinds.len().saturating_sub(NAMED);
                let named = kinds[..kinds.len() - more].join(", ");
                let more = if more > 0 { format!(" and {more} more kinds") } else { String::new() };
                what = format!("{what}; skipped {named}{more}");
            }
            return Err(Error::InsufficientData { what, needed: 1, got: 0 });
        }
        self.check_share(max_rejected_share)
    }

    /// There must not be too many rejections.
    pub(crate) fn check_share(&self, max_rejected_share: f64) -> Result<()> {
        let rows = self.accepted + self.rejected + self.skipped.values().sum::<u64>();
        if self.rejected as f64 <= max_rejected_share * rows as f64 {
            return Ok(());
        }
        Err(Error::TooManyRejected {
            place: self.place.clone(),
            rejected: self.rejected,
            rows,
            allowed: max_rejected_share,
            first: self.rejections.first().map(ToString::to_string).unwrap_or_default(),
        })
    }
}
