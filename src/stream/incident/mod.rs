//! Incidents: attackers, victims, the time of onset, the reasons and the recommended action.

mod evidence;
mod key;
mod kind;
mod measurement;
mod parties;
mod reason;
mod tracked;
mod tracker;

use serde::{Deserialize, Serialize};

use crate::qos::{Action, Prefix, Proposal};
use crate::verdict::Severity;

pub use evidence::EvidenceRecord;
pub(super) use kind::is_outside_host;
pub use kind::{Direction, IncidentKind};
pub use measurement::Measurement;
pub use parties::Parties;
pub(super) use reason::Reason;
pub(super) use time::text as rfc3339;
pub(super) use tracked::Record;
pub(super) use tracker::Tracker;

pub(super) use self::time::text as seconds_text;

/// One attack on the network: all its records together.
///
/// Its JSON has a key for each field, and times in RFC 3339; `docs/INCIDENTS.md` lists them.
///
/// # Examples
///
/// ```
/// use qosguard::simulate::{AttackKind, TrafficSimulatorConfig, traffic};
/// use qosguard::stream::{IncidentKind, Stream, StreamConfig};
///
/// let attacks = vec![AttackKind::PortScan];
/// let traffic = traffic(&TrafficSimulatorConfig { duration_s: 600.0, attacks, ..Default::default() })?;
/// let mut stream = Stream::new(traffic.table.schema(), &StreamConfig { warm_up: 0, ..Default::default() })?;
/// let events = stream.push_table(&traffic.table)?.events;
/// let scan = &events[0].incident;
/// assert_eq!(scan.kind, IncidentKind::PortScan);
/// assert!(scan.attackers.hosts().eq(traffic.events[0].attackers.iter().copied()));
/// assert!(scan.opened >= scan.onset && scan.dry_run);
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Incident {
    /// 16 hexadecimal digits, from the kind, the host, the direction and the time of the first record, so that a replay of the
    /// same records has the same ids.
    pub id: String,
    /// What it is about.
    pub kind: IncidentKind,
    /// Which way it goes.
    pub direction: Direction,
    /// The hosts that attack.
    #[serde(with = "one_side")]
    pub attackers: Parties,
    /// The hosts that are attacked.
    #[serde(with = "one_side")]
    pub victims: Parties,
    /// How serious it is. It rises with the evidence, and never falls.
    pub severity: Severity,
    /// Time of the first record of it, in seconds since the epoch.
    #[serde(with = "time")]
    pub onset: f64,
    /// Time of the record that opened it.
    #[serde(with = "time")]
    pub opened: f64,
    /// Time of its newest record.
    #[serde(with = "time")]
    pub updated: f64,
    /// Time at which an action was applied ([`Stream::record_action`](super::Stream::record_action)).
    #[serde(default, with = "maybe_time")]
    pub acted: Option<f64>,
    /// Time at which it closed; `None` while it is open.
    #[serde(default, with = "maybe_time")]
    pub closed: Option<f64>,
    /// Id of the incident that explains the anomalies of this one, which closed for that reason.
    #[serde(default)]
    pub merged_into: Option<String>,
    /// Records of it.
    pub flows: u64,
    /// Attack class that the guard gives most of its anomalies.
    pub family: Option<String>,
    /// What the policy asks for.
    #[serde(flatten)]
    pub action: Action,
    /// Name of the rule of the policy that chose the action.
    pub rule: String,
    /// Whether the policy only reports.
    pub dry_run: bool,
    /// Why it is an incident, the strongest reason first.
    pub reasons: Vec<String>,
    /// The numbers of these reasons, in their order.
    #[serde(default)]
    pub measurements: Vec<Measurement>,
    /// Its first records, 20 at most.
    pub evidence: Vec<EvidenceRecord>,
}

impl Incident {
    /// What a [`Plan`](crate::qos::Plan) is made from: the action about each attacker that is known. Without a known attacker it is
    /// one proposal without a source. The TTL counts from the newest record.
    ///
    /// ```
    /// use qosguard::qos::{Plan, PlanConfig, Policy};
    /// use qosguard::simulate::{AttackKind, TrafficSimulatorConfig, traffic};
    /// use qosguard::stream::{Stream, StreamConfig};
    ///
    /// let attacks = vec![AttackKind::PortScan];
    /// let traffic = traffic(&TrafficSimulatorConfig { duration_s: 600.0, attacks, ..Default::default() })?;
    /// let mut stream = Stream::new(traffic.table.schema(), &StreamConfig { warm_up: 0, ..Default::default() })?;
    /// let scan = &stream.push_table(&traffic.table)?.events[0].incident;
    /// let plan = Plan::new(&scan.proposals(), scan.updated, &Policy::default(), &PlanConfig::default())?;
    /// assert_eq!(plan.entries()[0].id(), scan.id);
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn proposals(&self) -> Vec<Proposal> {
        let mut victims = self.victims.hosts();
        let one = Proposal {
            id: u64::from_str_radix(&self.id, 16).unwrap_or_default(),
            destination: victims.next().filter(|_| victims.next().is_none()),
            action: self.action,
            severity: self.severity,
            time: Some(self.updated),
            dry_run: self.dry_run,
            ..Proposal::default()
        };
        let listed = self.attackers.hosts().count() as u64;
        if listed == 0 || listed < self.attackers.len() {
            return vec![one];
        }
        self.attackers.hosts().map(|host| Proposal { source: Some(Prefix::from(host)), ..one }).collect()
    }

    /// Whether it goes on.
    pub const fn is_open(&self) -> bool {
        self.closed.is_none()
    }
}

/// What happened to an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentChange {
    /// It opened, or goes on after it was closed.
    Opened,
    /// It became more severe, or has ten times as many records as when it was last reported.
    Updated,
    /// There was no more evidence.
    Closed,
}

impl IncidentChange {
    /// The name in files and bindings, such as `"opened"`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Updated => "updated",
            Self::Closed => "closed",
        }
    }
}

/// An incident as it was after a change. Its JSON is one flat object, `event` first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct IncidentEvent {
    /// What changed.
    pub event: IncidentChange,
    /// The incident after it.
    #[serde(flatten)]
    pub incident: Incident,
}

impl IncidentEvent {
    /// The time of the change in seconds since the epoch: of the newest record, or of the end of an incident that closed.
    pub fn time(&self) -> f64 {
        match self.event {
            IncidentChange::Closed => self.incident.closed.unwrap_or(self.incident.updated),
            _ => self.incident.updated,
        }
    }
}

/// Hosts in JSON: `{"hosts": ["10.0.0.1"], "count": 1}`.
mod one_side {
    use std::net::IpAddr;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Parties;

    #[derive(Serialize, Deserialize)]
    struct Hosts {
        hosts: Vec<IpAddr>,
        count: u64,
    }

    pub(super) fn serialize<S: Serializer>(parties: &Parties, to: S) -> Result<S::Ok, S::Error> {
        Hosts { hosts: parties.hosts().collect(), count: parties.len() }.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Parties, D::Error> {
        let Hosts { hosts, count } = Hosts::deserialize(from)?;
        let mut parties = Parties::default();
        for host in hosts {
            parties.add(Some(host));
        }
        parties.count(count as f64);
        Ok(parties)
    }
}

/// Times in JSON: RFC 3339 in UTC, with microseconds.
mod time {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::stream) fn text(seconds: f64) -> String {
        let micros = (seconds * 1e6).round() as i64;
        jiff::Timestamp::from_microsecond(micros).unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string()
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
    pub(super) fn serialize<S: Serializer>(seconds: &f64, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&text(*seconds))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        let text = String::deserialize(from)?;
        let time: jiff::Timestamp = text.parse().map_err(D::Error::custom)?;
        Ok(time.as_microsecond() as f64 / 1e6)
    }
}

/// The same of a time that may be missing.
mod maybe_time {
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::ref_option, reason = "serde passes references")]
    pub(super) fn serialize<S: Serializer>(seconds: &Option<f64>, to: S) -> Result<S::Ok, S::Error> {
        match seconds {
            Some(seconds) => to.serialize_str(&super::time::text(*seconds)),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
        #[derive(Deserialize)]
        struct Time(#[serde(with = "super::time")] f64);
        Ok(Option::<Time>::deserialize(from)?.map(|time| time.0))
    }
}
