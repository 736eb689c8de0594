//! Changes of incidents in the formats of other systems.

mod attack;
mod cef;
mod ecs;
mod ocsf;

use serde::{Deserialize, Serialize};

use super::incident::{Incident, IncidentEvent, IncidentKind};
use crate::export::{PRODUCT, VERSION, without_nulls};

/// A format of changes of incidents. Every format has one line for each change.
///
/// # Examples
///
/// ```
/// use qosguard::simulate::{AttackKind, TrafficSimulatorConfig, traffic};
/// use qosguard::stream::{IncidentFormat, Stream, StreamConfig};
///
/// let attacks = vec![AttackKind::PortScan];
/// let traffic = traffic(&TrafficSimulatorConfig { duration_s: 600.0, attacks, ..Default::default() })?;
/// let mut stream = Stream::new(traffic.table.schema(), &StreamConfig { warm_up: 0, ..Default::default() })?;
/// let opened = &stream.push_table(&traffic.table)?.events[0];
/// assert!(opened.export(IncidentFormat::Ocsf).contains(r#""class_uid":2004"#));
/// assert!(opened.export(IncidentFormat::Cef).starts_with("CEF:0|qosguard|qosguard|"));
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum IncidentFormat {
    /// The JSON of [`IncidentEvent`]; `docs/INCIDENTS.md` lists its keys.
    Json,
    /// A Detection Finding (class 2004) of the Open Cybersecurity Schema Framework, version 1.5.
    Ocsf,
    /// A document of the Elastic Common Schema, version 8.
    Ecs,
    /// The Common Event Format, as `ArcSight` and other collectors of syslog read it.
    Cef,
}

impl IncidentFormat {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::Json, Self::Ocsf, Self::Ecs, Self::Cef];

    /// The name in bindings and on the command line, such as `"ocsf"`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Ocsf => "ocsf",
            Self::Ecs => "ecs",
            Self::Cef => "cef",
        }
    }
}

impl IncidentEvent {
    /// The change as one line of text without a line break at its end.
    ///
    /// Attackers are the sources and victims the destinations. Formats with one source and one destination have the lowest
    /// address of each side; the other hosts are in the lists of addresses and in the title. Names that come from the records
    /// are escaped by the rules of the format.
    pub fn export(&self, format: IncidentFormat) -> String {
        match format {
            IncidentFormat::Json => serde_json::to_string(self).unwrap_or_default(),
            IncidentFormat::Ocsf => without_nulls(ocsf::finding(self)).to_string(),
            IncidentFormat::Ecs => without_nulls(ecs::document(self)).to_string(),
            IncidentFormat::Cef => cef::line(self),
        }
    }
}

/// One short phrase, such as `Port scan from 10.0.0.66 to 10.0.0.7`.
fn title(incident: &Incident) -> String {
    format!("{} from {} to {}", name(incident.kind), incident.attackers, incident.victims)
}

/// A kind in words.
const fn name(kind: IncidentKind) -> &'static str {
    match kind {
        IncidentKind::PortScan => "Port scan",
        IncidentKind::HostScan => "Host scan",
        IncidentKind::SynFlood => "SYN flood",
        IncidentKind::Flood => "Flood",
        IncidentKind::BruteForce => "Brute force",
        IncidentKind::Beacon => "Beacon",
        IncidentKind::Exfiltration => "Exfiltration",
        IncidentKind::DistributedAnomaly => "Distributed anomaly",
        IncidentKind::Anomaly => "Anomaly",
    }
}

/// What the policy recommends, in words.
fn action(incident: &Incident) -> String {
    let dry_run = if incident.dry_run { " (dry run)" } else { "" };
    format!("{}{dry_run}", incident.action)
}

/// A time in whole milliseconds since the epoch.
fn millis(seconds: f64) -> i64 {
    (seconds * 1e3).round() as i64
}
