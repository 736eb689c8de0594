//! Proposals from what `qosguard assess` and `qosguard watch` write.

mod fields;
mod table;

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde_json::Value;

use self::fields::Fields;
pub use self::fields::read_time;
use super::{MAX_PROPOSALS, Proposal};
use crate::error::{Error, Result};
use crate::progress;

/// Longest line of a JSON file, in bytes.
const MAX_LINE: u64 = 16 << 20;

/// Lines between two checks for cancellation.
const CHECK_EVERY: u64 = 4096;

/// Collects proposals from decisions and incidents in JSON and in files.
///
/// | source | what it holds |
/// |---|---|
/// | `qosguard assess --json` | JSON lines of findings |
/// | `qosguard assess -o FILE` | the records with their decisions: CSV, JSON lines, Parquet or Arrow |
/// | `qosguard watch` | JSON lines of changes of incidents; the last change of an incident replaces the earlier ones |
///
/// ```
/// use qosguard::qos::Proposals;
///
/// let mut proposals = Proposals::new();
/// proposals.add_json("findings", r#"{"id": "00000000000000a1", "src_ip": "203.0.113.7", "action": "drop", "ttl_s": 600}"#)?;
/// assert_eq!(proposals.finish()[0].id, 0xa1);
///
/// let error = Proposals::new().add_json("findings", r#"{"id": "00000000000000a1", "action": "dorp"}"#).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "findings, line 1, column `action`: \"dorp\" is not allow, prioritize, deprioritize, rate_limit, inspect, drop or isolate",
/// );
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Proposals {
    decisions: Vec<Proposal>,
    /// The proposals of each incident, and their number in all.
    incidents: HashMap<u64, Vec<Proposal>>,
    of_incidents: usize,
}

impl Proposals {
    /// No proposal.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a proposal.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for more than 10,000,000 proposals.
    pub fn push(&mut self, proposal: Proposal) -> Result<()> {
        self.check(1)?;
        self.decisions.push(proposal);
        Ok(())
    }

    /// Adds JSON lines, or one JSON array, of findings and changes of incidents; `place` is the name for errors.
    ///
    /// # Errors
    ///
    /// [`Error::BadRecord`] with the line, the key and the value that cannot be read, and [`Error::InvalidArgument`] for more than
    /// 10,000,000 proposals.
    pub fn add_json(&mut self, place: &str, text: &str) -> Result<()> {
        if text.trim_start().starts_with('[') {
            let values: Vec<Value> =
                serde_json::from_str(text).map_err(|error| not_json(place, 1, text, &error))?;
            return values
                .iter()
                .zip(1..)
                .try_for_each(|(value, number)| self.add_value(place, number, value));
        }
        self.add_lines(place, text.as_bytes())
    }

    /// Adds what a file of `qosguard assess` or `qosguard watch` holds; `-` is standard input with JSON lines.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::BadRecord`] with the place, the key and the value that cannot be read, [`Error::SchemaMismatch`] for
    /// a table without the columns of decisions, the errors of [`telemetry::open`](crate::telemetry::open), [`Error::Cancelled`].
    pub fn load(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        if path == Path::new("-") {
            return self.add_lines("standard input", BufReader::new(std::io::stdin()));
        }
        let place = path.display().to_string();
        let open = || File::open(path).map(BufReader::new).map_err(|error| Error::io(path, error));
        let mut first = Vec::new();
        open()?.take(MAX_LINE).read_until(b'\n', &mut first).map_err(|error| Error::io(path, error))?;
        if first.trim_ascii_start().first().is_some_and(|byte| *byte != b'{') || is_row(&first) {
            return table::load(self, path);
        }
        self.add_lines(&place, open()?)
    }

    /// All proposals: the ones of decisions in the order of the input, then the ones of incidents in the order of their ids.
    pub fn finish(self) -> Vec<Proposal> {
        let mut incidents: Vec<(u64, Vec<Proposal>)> = self.incidents.into_iter().collect();
        incidents.sort_unstable_by_key(|(id, _)| *id);
        let mut all = self.decisions;
        all.extend(incidents.into_iter().flat_map(|(_, proposals)| proposals));
        all
    }

    fn add_lines(&mut self, place: &str, mut input: impl BufRead) -> Result<()> {
        let (mut bytes, mut number) = (Vec::new(), 0_u64);
        loop {
            bytes.clear();
            number += 1;
            if number % CHECK_EVERY == 0 {
                progress::check()?;
            }
            let read = (&mut input).take(MAX_LINE).read_until(b'\n', &mut bytes);
            if read.map_err(|error| Error::io(Path::new(place), error))? == 0 {
                return Ok(());
            }
            if bytes.len() as u64 == MAX_LINE {
                return Err(bad(place, number, "", "a longer line", "a line of at most 16 MiB"));
            }
            let line = bytes.trim_ascii();
            if line.is_empty() {
                continue;
            }
            let value = serde_json::from_slice(line)
                .map_err(|error| not_json(place, number, &String::from_utf8_lossy(line), &error))?;
            self.add_value(place, number, &value)?;
        }
    }

    /// Adds one finding or one change of an incident; `number` is its line or its place in a list, from 1.
    fn add_value(&mut self, place: &str, number: u64, value: &Value) -> Result<()> {
        let fields = Fields::new(place, number, value)?;
        if !fields.is_incident() {
            return self.push(fields.decision()?);
        }
        let proposals = fields.incident()?;
        self.check(proposals.len())?;
        let Some(id) = proposals.first().map(|proposal| proposal.id) else { return Ok(()) };
        self.of_incidents += proposals.len();
        if let Some(before) = self.incidents.insert(id, proposals) {
            self.of_incidents -= before.len();
        }
        Ok(())
    }

    fn check(&self, more: usize) -> Result<()> {
        let count = self.decisions.len() + self.of_incidents + more;
        if count > MAX_PROPOSALS {
            return Err(Error::invalid("proposals", format!("at most {MAX_PROPOSALS}"), count));
        }
        Ok(())
    }
}

/// Whether a line is a record with its decision, as a table in JSON lines has them, and not a finding.
fn is_row(line: &[u8]) -> bool {
    let Ok(Value::Object(object)) = serde_json::from_slice(line) else { return false };
    let has = |key: &str| object.contains_key(key);
    (has("evidence") || has("verdict_evidence")) && !has("reasons") && !has("attackers")
}

/// Characters of a value that an error contains at most.
const MAX_SHOWN: usize = 80;

/// The error of a value that cannot be read.
fn bad(place: &str, line: u64, column: &str, value: &str, expected: impl Into<String>) -> Error {
    Error::BadRecord {
        place: place.to_owned(),
        line,
        column: column.to_owned(),
        value: value.chars().take(MAX_SHOWN).collect(),
        expected: expected.into(),
    }
}

fn not_json(place: &str, line: u64, text: &str, error: &serde_json::Error) -> Error {
    bad(place, line, "", text, format!("a JSON object ({error})"))
}
