//! Incidents in a ledger: what is decided about the attackers, and until when.

use super::incident::{Incident, IncidentChange, IncidentEvent};
use super::run::Stream;
use crate::error::Result;
use crate::qos::{Action, Ledger, LedgerEntry, Outcome, Prefix};

/// Records the actions of incidents in a [`Ledger`], as dry runs, and ends them by the watermark of the stream.
///
/// An incident has one line for each of its attackers (the first 20): when it opens, when its action gets harsher, and when it is
/// updated after the last decision about it ended. An attacker in the allow-list of the stream's policy gets the outcome `skipped`.
///
/// # Examples
///
/// ```
/// use qosguard::qos::{Ledger, LedgerConfig};
/// use qosguard::simulate::{AttackKind, TrafficSimulatorConfig, traffic};
/// use qosguard::stream::{IncidentRecorder, Stream, StreamConfig};
///
/// # let folder = std::env::temp_dir().join(format!("qosguard-doc-recorder-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let path = folder.join("ledger.jsonl");
/// let attacks = vec![AttackKind::PortScan];
/// let traffic = traffic(&TrafficSimulatorConfig { duration_s: 600.0, attacks, ..Default::default() })?;
/// let mut stream = Stream::new(traffic.table.schema(), &StreamConfig { warm_up: 0, ..Default::default() })?;
/// let mut recorder = IncidentRecorder::new(Ledger::open(&path, &LedgerConfig::default())?);
/// let events = stream.push_table(&traffic.table)?.events;
/// assert!(recorder.record(&stream, &events)? >= 1);
/// assert!(!recorder.ledger().explain(&events[0].incident.id)?.is_empty());
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Debug)]
pub struct IncidentRecorder {
    ledger: Ledger,
    /// The newest time that the ledger was given.
    now: f64,
}

impl IncidentRecorder {
    /// A recorder that writes to a ledger.
    pub const fn new(ledger: Ledger) -> Self {
        Self { ledger, now: 0.0 }
    }

    /// The ledger.
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Records the changes of incidents that a stream returned, ends the decisions whose time is over by its watermark, and
    /// returns the number of lines about incidents.
    ///
    /// # Errors
    ///
    /// As [`Ledger::record`].
    pub fn record(&mut self, stream: &Stream, events: &[IncidentEvent]) -> Result<usize> {
        let mut n = 0;
        // An incident also closes at the end of a stream, before its time has passed.
        for event in events.iter().filter(|event| event.event != IncidentChange::Closed) {
            self.now = self.now.max(event.time());
            self.ledger.expire(self.now)?;
            n += self.event(stream, event)?;
        }
        if let Some(watermark) = stream.watermark() {
            self.now = self.now.max(watermark);
            self.ledger.expire(self.now)?;
        }
        Ok(n)
    }

    fn event(&mut self, stream: &Stream, event: &IncidentEvent) -> Result<usize> {
        let incident = &event.incident;
        let digests = (stream.guard().map(|guard| guard.digest().to_owned()), stream.policy().digest());
        let mut n = 0;
        for host in incident.attackers.hosts() {
            let host = Prefix::from(host);
            let live = self.ledger.state().decision(&incident.id, host).map(|live| live.action);
            if !is_news(incident.action, live) {
                continue;
            }
            let (outcome, reason) = match stream.policy().allowed_by(host) {
                // One line is enough for all its changes.
                Some(_) if event.event != IncidentChange::Opened => continue,
                Some(allowed) => {
                    (Outcome::Skipped, format!("{allowed} is in the allow-list; {}", reason(incident)))
                }
                None => (Outcome::DryRun, reason(incident)),
            };
            let mut entry = LedgerEntry::new(&incident.id, host, incident.action, outcome, reason);
            (entry.guard, entry.policy) = (digests.0.clone(), Some(digests.1.clone()));
            self.ledger.record(self.now, entry)?;
            n += 1;
        }
        Ok(n)
    }
}

/// Whether an action is worth a line: it expires, and nothing as harsh is live.
fn is_news(action: Action, live: Option<Action>) -> bool {
    action.ttl_s().is_some() && live.is_none_or(|live| !action.no_harsher_than(live))
}

/// The kind and the reasons in words.
fn reason(incident: &Incident) -> String {
    format!("{}: {}", incident.kind.as_str().replace('_', " "), incident.reasons.join("; "))
}
