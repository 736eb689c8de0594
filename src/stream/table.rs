//! Incidents as a table for people.

use std::collections::BTreeMap;
use std::fmt;

use super::incident::{Incident, IncidentEvent, seconds_text};

/// The last state of each incident, the most severe first: two lines for each, with the time of its onset, attackers,
/// victims, the action and the strongest reason.
///
/// An incident that became part of another one is not shown.
///
/// # Examples
///
/// ```
/// use qosguard::simulate::{AttackKind, TrafficSimulatorConfig, traffic};
/// use qosguard::stream::{IncidentTable, Stream, StreamConfig};
///
/// let attacks = vec![AttackKind::PortScan];
/// let traffic = traffic(&TrafficSimulatorConfig { duration_s: 600.0, attacks, ..Default::default() })?;
/// let mut stream = Stream::new(traffic.table.schema(), &StreamConfig { warm_up: 0, ..Default::default() })?;
/// let mut events = stream.push_table(&traffic.table)?.events;
/// events.extend(stream.finish());
/// let table = IncidentTable::of(&events);
/// assert_eq!(table.incidents().count(), 1);
/// assert!(table.to_string().contains("port_scan"));
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct IncidentTable(Vec<Incident>);

impl IncidentTable {
    /// The incidents of some changes, in the order in which a stream reported them.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a IncidentEvent>) -> Self {
        let mut last: BTreeMap<&str, &Incident> = BTreeMap::new();
        for IncidentEvent { incident, .. } in events {
            last.insert(&incident.id, incident);
        }
        let mut shown: Vec<Incident> =
            last.into_values().filter(|incident| incident.merged_into.is_none()).cloned().collect();
        shown.sort_by(|a, b| {
            b.severity.cmp(&a.severity).then(a.onset.total_cmp(&b.onset)).then(a.id.cmp(&b.id))
        });
        Self(shown)
    }

    /// The incidents, the most severe first.
    pub fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.0.iter()
    }
}

impl fmt::Display for IncidentTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("no incidents");
        }
        writeln!(f, "{:<20}  {:<8}  {:<19}  attackers → victims: action", "since", "severity", "kind")?;
        for (at, incident) in self.0.iter().enumerate() {
            let Incident { severity, kind, attackers, victims, flows, action, .. } = incident;
            let since = seconds_text(incident.onset.floor());
            write!(
                f,
                "{since:<20}  {:<8}  {kind:<19}  {attackers} → {victims}: {action}",
                severity.as_str()
            )?;
            f.write_str(if incident.dry_run { " (dry run)\n" } else { "\n" })?;
            write!(f, "{:<20}  {flows} records", "")?;
            if let Some(family) = incident.family.as_deref().filter(|_| kind.is_of_verdicts()) {
                write!(f, " like {family}")?;
            }
            if let Some(reason) = incident.reasons.first() {
                write!(f, "; {reason}")?;
            }
            if at + 1 < self.0.len() {
                f.write_str("\n")?;
            }
        }
        Ok(())
    }
}
