//! One incident from its first record to its end.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::key::Key;
use super::{EvidenceRecord, Incident, IncidentChange, IncidentEvent, IncidentKind, Parties, Reason};
use crate::qos::{Action, Protocol, Recommender, Subject};
use crate::stream::config::IncidentConfig;
use crate::stream::signals::Signal;
use crate::verdict::Severity;

/// Records of an incident that are kept.
const MAX_EVIDENCE: usize = 20;
/// Times the records of the last report after which an incident is reported again.
const REPORT_AFTER: u64 = 10;
/// Intervals of a beacon without a connection after which it is over. Its regularity is computed each fourth time.
const BEACON_INTERVALS: f64 = 10.0;
/// Name of the reason for the action of an incident that an operator called false.
const FALSE_POSITIVE: &str = "false-positive";
/// Attack classes that are counted for an incident.
const MAX_FAMILIES: usize = 16;

/// Where an incident is between its first record and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum State {
    /// There is evidence, and not enough.
    Candidate,
    Open,
    /// Closed a short time ago: new evidence continues it.
    Closed,
}

/// An incident with the state that opens and closes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Tracked {
    pub(super) incident: Incident,
    /// Exact time of its newest record: JSON rounds the times of incidents to microseconds.
    pub(super) updated: f64,
    pub(super) state: State,
    /// Whether each of the last records was evidence, the newest in the lowest bit.
    pub(super) bits: u32,
    reasons: Vec<Reason>,
    /// The smallest p-values of its anomalies, ascending.
    p_values: Vec<f64>,
    families: BTreeMap<String, u64>,
    /// Records and severity when it was last reported.
    reported: (u64, Severity),
}

/// One record as the tracker sees it.
#[derive(Clone, Copy, Debug)]
pub(in crate::stream) struct Record<'a> {
    pub(in crate::stream) time: f64,
    pub(in crate::stream) subject: Subject<'a>,
    pub(in crate::stream) p_value: Option<f64>,
    /// Different sources that its destination had lately, and destinations that its source had.
    pub(in crate::stream) sources: f64,
    pub(in crate::stream) destinations: f64,
}

impl IncidentConfig {
    /// Records that open an incident of a kind, and among how many.
    const fn rule(&self, kind: IncidentKind) -> (u32, u32) {
        match kind {
            kind if kind.is_of_verdicts() => (self.anomalies, self.anomalies_of),
            // The evidence of one record is many connections already.
            IncidentKind::Beacon | IncidentKind::Exfiltration => (1, 1),
            _ => (self.open_after, self.of),
        }
    }

    pub(super) const fn mask(&self, kind: IncidentKind) -> u32 {
        u32::MAX >> (32 - self.rule(kind).1)
    }
}

impl Tracked {
    pub(super) fn new(key: Key, record: &Record<'_>) -> Self {
        let incident = Incident {
            id: key.id(record.time),
            kind: key.kind,
            direction: key.direction,
            attackers: Parties::default(),
            victims: Parties::default(),
            severity: Severity::None,
            onset: record.time,
            opened: record.time,
            updated: record.time,
            acted: None,
            closed: None,
            merged_into: None,
            flows: 0,
            family: None,
            action: Action::Allow,
            rule: String::new(),
            dry_run: true,
            reasons: Vec::new(),
            measurements: Vec::new(),
            evidence: Vec::new(),
        };
        Self {
            updated: record.time,
            incident,
            state: State::Candidate,
            bits: 0,
            reasons: Vec::new(),
            p_values: Vec::new(),
            families: BTreeMap::new(),
            reported: (0, Severity::None),
        }
    }

    /// Adds a record that is evidence.
    pub(super) fn add(
        &mut self,
        signal: &Signal,
        record: &Record<'_>,
        config: &IncidentConfig,
        recommender: &Recommender,
    ) {
        self.bits = self.bits << 1 | 1;
        let incident = &mut self.incident;
        incident.flows += 1;
        self.updated = self.updated.max(record.time);
        incident.updated = self.updated;
        incident.attackers.add(record.subject.src_ip);
        incident.victims.add(record.subject.dst_ip);
        if incident.kind.is_about_victim() {
            incident.attackers.count(record.sources);
        } else if incident.kind == IncidentKind::HostScan {
            incident.victims.count(record.destinations);
        }
        if incident.evidence.len() < MAX_EVIDENCE {
            incident.evidence.push(evidence(record));
        }
        let like = self.reasons.iter_mut().find(|reason| reason.is_like(&signal.reason));
        match like {
            Some(reason) if reason.strength() < signal.reason.strength() => *reason = signal.reason,
            Some(_) => {}
            None => self.reasons.push(signal.reason),
        }
        let severity = if signal.kind.is_of_verdicts() {
            self.severity_of_anomalies(record, config, recommender)
        } else {
            of_strength(signal.reason.strength())
        };
        let incident = &mut self.incident;
        incident.severity = incident.severity.max(severity.min(signal.at_most));
        if let Some(family) = record.subject.family {
            if let Some(count) = self.families.get_mut(family) {
                *count += 1;
            } else if self.families.len() < MAX_FAMILIES {
                self.families.insert(family.to_owned(), 1);
            }
        }
    }

    /// The severity of the p-value that as many anomalies reach as open an incident.
    fn severity_of_anomalies(
        &mut self,
        record: &Record<'_>,
        config: &IncidentConfig,
        recommender: &Recommender,
    ) -> Severity {
        let needed = config.anomalies as usize;
        let p_value = record.p_value.unwrap_or(1.0);
        let at = self.p_values.partition_point(|known| *known <= p_value);
        self.p_values.insert(at, p_value);
        self.p_values.truncate(needed);
        let reached = self.p_values.get(needed - 1).copied().unwrap_or(1.0);
        let like = |reason: &&mut Reason| matches!(reason, Reason::Anomalies { .. });
        if let Some(reason) = self.reasons.iter_mut().find(like) {
            *reason = Reason::Anomalies { anomalies: self.incident.flows as f64, p_value: reached };
        }
        recommender.severity_for(reached, true, &record.subject)
    }

    /// What a record of evidence changes.
    pub(super) fn change(
        &mut self,
        key: Key,
        record: &Record<'_>,
        config: &IncidentConfig,
        recommender: &Recommender,
    ) -> Option<IncidentEvent> {
        let (needed, _) = config.rule(key.kind);
        let (flows, severity) = self.reported;
        let incident = &self.incident;
        let event = match self.state {
            State::Open if incident.severity > severity || incident.flows / REPORT_AFTER >= flows => {
                IncidentChange::Updated
            }
            State::Open => return None,
            _ if (self.bits & config.mask(key.kind)).count_ones() < needed => return None,
            _ if key.kind == IncidentKind::DistributedAnomaly
                && incident.attackers.hosts().count() < config.anomaly_sources as usize =>
            {
                return None;
            }
            State::Candidate => {
                self.incident.opened = record.time;
                IncidentChange::Opened
            }
            State::Closed => {
                self.incident.closed = None;
                self.incident.merged_into = None;
                IncidentChange::Opened
            }
        };
        self.state = State::Open;
        self.describe(record, recommender);
        self.reported = (self.incident.flows, self.incident.severity);
        Some(IncidentEvent { event, incident: self.incident.clone() })
    }

    /// Seconds without evidence in which it may still go on: connections of a beacon may be far apart.
    pub(super) fn patience_s(&self) -> f64 {
        let interval = |reason: &Reason| match reason {
            Reason::Regular { interval_s, .. } => BEACON_INTERVALS * interval_s,
            _ => 0.0,
        };
        self.reasons.iter().map(interval).fold(0.0, f64::max)
    }

    /// Whether a more specific incident, whose key is given, explains the anomalies of this one: it has the same attacker (and
    /// for a pair the same victim), or it is about the only victim of this one.
    pub(super) fn is_explained_by(&self, key: &Key, own: &Key) -> bool {
        let is_only = |victim: u128| {
            let victims = &self.incident.victims;
            victims.len() == 1 && victims.hosts().all(|host| Key::entity(host) == victim)
        };
        match (key.kind.is_about_victim(), own.kind.is_about_victim()) {
            (true, true) => key.host == own.host,
            (true, false) => is_only(key.host),
            (false, true) => false,
            (false, false) => key.host == own.host && (key.peer == 0 || is_only(key.peer)),
        }
    }

    pub(super) fn close(&mut self, at: f64, events: &mut Vec<IncidentEvent>) {
        self.state = State::Closed;
        self.bits = 0;
        self.write_reasons();
        self.incident.closed = Some(at);
        events.push(IncidentEvent { event: IncidentChange::Closed, incident: self.incident.clone() });
    }

    /// Withdraws the action of an incident that an operator called false.
    pub(super) fn clear_action(&mut self) {
        self.incident.action = Action::Allow;
        FALSE_POSITIVE.clone_into(&mut self.incident.rule);
    }

    /// Brings reasons, family and action up to date.
    fn describe(&mut self, record: &Record<'_>, recommender: &Recommender) {
        self.write_reasons();
        let most = self.families.iter().max_by_key(|(name, count)| (**count, std::cmp::Reverse(*name)));
        let family = most.map(|(name, _)| name.clone());
        let incident = &mut self.incident;
        // A flood from everywhere has no source that an action could be about.
        let is_many = incident.kind.is_about_victim() && incident.attackers.len() > MAX_EVIDENCE as u64;
        let src_ip = record.subject.src_ip.filter(|_| !is_many);
        let subject = Subject { src_ip, family: family.as_deref(), ..record.subject };
        let answer = recommender.recommend_for(incident.severity, &subject);
        incident.action = answer.action;
        recommender.rule_name(answer.rule).clone_into(&mut incident.rule);
        incident.dry_run = answer.dry_run;
        incident.family = family;
    }

    fn write_reasons(&mut self) {
        self.reasons.sort_by(|a, b| b.strength().total_cmp(&a.strength()));
        self.incident.reasons = self.reasons.iter().map(ToString::to_string).collect();
        self.incident.measurements = self.reasons.iter().flat_map(Reason::measurements).collect();
    }
}

/// How serious it is that a limit is passed so many times over.
fn of_strength(strength: f64) -> Severity {
    if strength >= 10.0 {
        Severity::Critical
    } else if strength >= 2.0 {
        Severity::High
    } else {
        Severity::Medium
    }
}

fn evidence(record: &Record<'_>) -> EvidenceRecord {
    let subject = &record.subject;
    EvidenceRecord {
        time: record.time,
        src_ip: subject.src_ip,
        src_port: subject.src_port,
        dst_ip: subject.dst_ip,
        dst_port: subject.dst_port,
        protocol: subject.protocol.map(|protocol| match protocol {
            Protocol::Name(name) => name.to_owned(),
            Protocol::Number(number) => number.to_string(),
        }),
        p_value: record.p_value,
    }
}
