//! Proposals from what `qosguard assess` and `qosguard watch` write.

mod fields;
mod past;
pub(in crate::qos) mod source;
mod table;

use std::collections::HashMap;
use std::path::Path;

use serde_json::Value;

use self::fields::Fields;
pub use self::fields::read_time;
pub(in crate::qos) use self::past::PastDecision;
use self::source::bad;
use super::{MAX_PROPOSALS, Proposal};
use crate::error::{Error, Result};

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
        source::each_of_text(place, text, &mut |place, number, value| self.add_value(place, number, value))
    }

    /// Adds what a file of `qosguard assess` or `qosguard watch` holds; `-` is standard input with JSON lines.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::BadRecord`] with the place, the key and the value that cannot be read, [`Error::SchemaMismatch`] for
    /// a table without the columns of decisions, the errors of [`telemetry::open`](crate::telemetry::open), [`Error::Cancelled`].
    pub fn load(&mut self, path: impl AsRef<Path>) -> Result<()> {
        source::each_of_file(path.as_ref(), &mut |place, number, value| self.add_value(place, number, value))
    }

    /// All proposals: the ones of decisions in the order of the input, then the ones of incidents in the order of their ids.
    pub fn finish(self) -> Vec<Proposal> {
        let mut incidents: Vec<(u64, Vec<Proposal>)> = self.incidents.into_iter().collect();
        incidents.sort_unstable_by_key(|(id, _)| *id);
        let mut all = self.decisions;
        all.extend(incidents.into_iter().flat_map(|(_, proposals)| proposals));
        all
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
