//! From signals of single records to incidents: when they open, go on and close.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    Direction, EvidenceRecord, Incident, IncidentChange, IncidentEvent, IncidentKind, Parties, Reason,
};
use crate::artifact::hex;
use crate::qos::{Action, Protocol, Recommender, Subject};
use crate::stream::config::IncidentConfig;
use crate::stream::signals::Signal;
use crate::verdict::Severity;

/// Records of an incident that are kept.
const MAX_EVIDENCE: usize = 20;
/// Part of a limit that is evidence enough for an incident that is open.
const KEEP_OPEN: f64 = 0.5;
/// Times the records of the last report after which an incident is reported again.
const REPORT_AFTER: u64 = 10;
/// Intervals of a beacon without a connection after which it is over. Its regularity is computed each fourth time.
const BEACON_INTERVALS: f64 = 10.0;
/// Attack classes that are counted for an incident.
const MAX_FAMILIES: usize = 16;

/// What an incident is about: its kind, its direction, and the host that it is about, with a peer for pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Key {
    kind: IncidentKind,
    direction: Direction,
    host: u128,
    peer: u128,
}

/// Where an incident is between its first record and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum State {
    /// There is evidence, and not enough.
    Candidate,
    Open,
    /// Closed a short time ago: new evidence continues it.
    Closed,
}

/// An incident with the state that opens and closes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Tracked {
    incident: Incident,
    /// Exact time of its newest record: JSON rounds the times of incidents to microseconds.
    updated: f64,
    state: State,
    /// Whether each of the last records was evidence, the newest in the lowest bit.
    bits: u32,
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

/// Incidents that an operator called false, which do not open again for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Suppressed {
    key: Key,
    until: f64,
}

/// All incidents and candidates of a stream.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::stream) struct Tracker {
    config: IncidentConfig,
    #[serde(with = "pairs")]
    tracked: BTreeMap<Key, Tracked>,
    suppressed: Vec<Suppressed>,
    /// Candidates and incidents that made room for others.
    pub(in crate::stream) evicted: u64,
    /// Records that would have been evidence for an incident that an operator called false.
    pub(in crate::stream) suppressed_records: u64,
}

impl Tracker {
    pub(in crate::stream) fn new(config: &IncidentConfig) -> Self {
        Self {
            config: config.clone(),
            tracked: BTreeMap::new(),
            suppressed: Vec::new(),
            evicted: 0,
            suppressed_records: 0,
        }
    }

    /// The incidents that are open, in the order of their kinds.
    pub(in crate::stream) fn open(&self) -> impl Iterator<Item = &Incident> {
        self.tracked.values().filter(|tracked| tracked.state == State::Open).map(|tracked| &tracked.incident)
    }

    /// Whether an incident of a limit about a record's hosts is open.
    pub(in crate::stream) fn is_part_of_attack(&self, record: &Record<'_>) -> bool {
        let open = |kind| {
            Key::of(kind, &record.subject)
                .and_then(|key| self.tracked.get(&key))
                .is_some_and(|tracked| tracked.state == State::Open)
        };
        let mut limits = IncidentKind::ALL.into_iter().filter(|kind| *kind != IncidentKind::Anomaly);
        !self.tracked.is_empty() && limits.any(open)
    }

    /// Adds one record as evidence for one kind, or against it if there is not a signal.
    pub(in crate::stream) fn add(
        &mut self,
        kind: IncidentKind,
        signal: Option<Signal>,
        record: &Record<'_>,
        recommender: &Recommender,
    ) -> Option<IncidentEvent> {
        let strength = signal.map_or(0.0, |signal| signal.reason.strength());
        // The comparison is false for NaN.
        let is_hit = strength >= 1.0;
        if !is_hit && self.tracked.is_empty() {
            return None;
        }
        let mut key = Key::of(kind, &record.subject)?;
        if kind == IncidentKind::HostScan {
            // A source that scans ports of many hosts is one incident.
            let ports = Key { kind: IncidentKind::PortScan, ..key };
            if self.tracked.get(&ports).is_some_and(|scan| scan.state == State::Open) {
                if !is_hit {
                    return None;
                }
                key = ports;
            }
        }
        let is_open = self.tracked.get(&key).is_some_and(|tracked| tracked.state == State::Open);
        let is_evidence = is_hit || (is_open && strength >= KEEP_OPEN);
        if !is_evidence {
            self.add_miss(key);
            return None;
        }
        if self.is_suppressed(&key, record.time) {
            self.suppressed_records += 1;
            return None;
        }
        if !self.tracked.contains_key(&key) {
            self.make_room();
        }
        let tracked = self.tracked.entry(key).or_insert_with(|| Tracked::new(key, record));
        let signal = signal?;
        tracked.add(&signal, record, &self.config, recommender);
        tracked.change(key, record, &self.config, recommender)
    }

    /// Adds a record that is evidence against an incident. A candidate without evidence among its last records is forgotten.
    fn add_miss(&mut self, key: Key) {
        let Some(tracked) = self.tracked.get_mut(&key) else { return };
        tracked.bits <<= 1;
        if tracked.state == State::Candidate && tracked.bits & self.config.mask(key.kind) == 0 {
            self.tracked.remove(&key);
        }
    }

    /// Closes and forgets what has had no evidence at a time in seconds since the epoch.
    pub(in crate::stream) fn close(&mut self, now: f64) -> Vec<IncidentEvent> {
        let IncidentConfig { close_after_s, reopen_within_s, .. } = self.config;
        let mut events = Vec::new();
        self.tracked.retain(|_, tracked| {
            let end = tracked.updated + tracked.patience_s().max(close_after_s);
            match tracked.state {
                _ if end >= now => true,
                State::Candidate => false,
                State::Open => {
                    tracked.close(end, &mut events);
                    true
                }
                State::Closed => end + reopen_within_s >= now,
            }
        });
        self.suppressed.retain(|suppressed| suppressed.until >= now);
        events
    }

    /// Closes all incidents that are open.
    pub(in crate::stream) fn close_all(&mut self) -> Vec<IncidentEvent> {
        let mut events = Vec::new();
        for tracked in self.tracked.values_mut().filter(|tracked| tracked.state == State::Open) {
            let end = tracked.updated;
            tracked.close(end, &mut events);
        }
        events
    }

    /// Closes an incident that an operator called false, and opens no other about the same host for a while.
    pub(in crate::stream) fn false_positive(&mut self, id: &str, now: f64) -> Option<IncidentEvent> {
        let (key, tracked) = self.find(id)?;
        let mut events = Vec::new();
        if tracked.state == State::Open {
            tracked.close(now, &mut events);
        }
        let until = now + self.config.suppress_s;
        if self.suppressed.len() >= self.config.max_open {
            self.suppressed.remove(0);
        }
        self.suppressed.push(Suppressed { key, until });
        let removed = self.tracked.remove(&key)?;
        events.pop().or(Some(IncidentEvent { event: IncidentChange::Closed, incident: removed.incident }))
    }

    /// Records when an action against an incident was applied. Returns whether the incident is known.
    pub(in crate::stream) fn record_action(&mut self, id: &str, time: f64) -> bool {
        let Some((_, tracked)) = self.find(id) else { return false };
        tracked.incident.acted.get_or_insert(time);
        true
    }

    fn find(&mut self, id: &str) -> Option<(Key, &mut Tracked)> {
        let mut known = self.tracked.iter_mut().filter(|(_, tracked)| tracked.state != State::Candidate);
        known.find(|(_, tracked)| tracked.incident.id == id).map(|(key, tracked)| (*key, tracked))
    }

    fn is_suppressed(&self, key: &Key, time: f64) -> bool {
        self.suppressed.iter().any(|suppressed| suppressed.key == *key && suppressed.until >= time)
    }

    /// Forgets a quarter of what is kept where there is no room: candidates and closed incidents first, then the oldest.
    fn make_room(&mut self) {
        if self.tracked.len() < self.config.max_open {
            return;
        }
        let age = |(key, tracked): (&Key, &Tracked)| (tracked.state == State::Open, tracked.updated, *key);
        let mut order: Vec<_> = self.tracked.iter().map(age).collect();
        order.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
        for (.., key) in order.iter().take((self.config.max_open / 4).max(1)) {
            self.tracked.remove(key);
            self.evicted += 1;
        }
    }
}

impl IncidentConfig {
    /// Records that open an incident of a kind, and among how many.
    const fn rule(&self, kind: IncidentKind) -> (u32, u32) {
        match kind {
            IncidentKind::Anomaly => (self.anomalies, self.anomalies_of),
            // Its evidence is 12 connections already.
            IncidentKind::Beacon => (1, 1),
            _ => (self.open_after, self.of),
        }
    }

    const fn mask(&self, kind: IncidentKind) -> u32 {
        u32::MAX >> (32 - self.rule(kind).1)
    }
}

impl Key {
    /// What a record's evidence for a kind is about; `None` where the record lacks the address.
    fn of(kind: IncidentKind, subject: &Subject<'_>) -> Option<Self> {
        let number = |address: Option<IpAddr>| address.map(entity);
        let (attacker, victim) = (number(subject.src_ip), number(subject.dst_ip));
        let (host, peer) = match kind {
            IncidentKind::Beacon => (attacker?, victim?),
            kind if kind.is_about_victim() => (victim?, 0),
            _ => (attacker?, 0),
        };
        Some(Self { kind, direction: Direction::of(subject.src_ip, subject.dst_ip), host, peer })
    }

    /// The id of an incident that begins at a time.
    fn id(&self, onset: f64) -> String {
        let mut hash = Sha256::new();
        hash.update(self.kind.as_str());
        hash.update(self.direction.as_str());
        hash.update(self.host.to_be_bytes());
        hash.update(self.peer.to_be_bytes());
        hash.update(onset.to_bits().to_be_bytes());
        hex(&hash.finalize()[..8])
    }
}

/// An address as a number; of IPv6 the first 64 bits, since a host chooses the others.
fn entity(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(address) => 0xffff << 32 | u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits() >> 64 << 64,
    }
}

impl Tracked {
    fn new(key: Key, record: &Record<'_>) -> Self {
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
            flows: 0,
            family: None,
            action: Action::Allow,
            rule: String::new(),
            dry_run: true,
            reasons: Vec::new(),
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
    fn add(
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
        let severity = if signal.kind == IncidentKind::Anomaly {
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
        recommender.severity(reached, true)
    }

    /// What a record of evidence changes.
    fn change(
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
            State::Open if incident.severity > severity || incident.flows >= REPORT_AFTER * flows => {
                IncidentChange::Updated
            }
            State::Open => return None,
            _ if (self.bits & config.mask(key.kind)).count_ones() < needed => return None,
            State::Candidate => {
                self.incident.opened = record.time;
                IncidentChange::Opened
            }
            State::Closed => {
                self.incident.closed = None;
                IncidentChange::Opened
            }
        };
        self.state = State::Open;
        self.describe(record, recommender);
        self.reported = (self.incident.flows, self.incident.severity);
        Some(IncidentEvent { event, incident: self.incident.clone() })
    }

    /// Seconds without evidence in which it may still go on: connections of a beacon may be far apart.
    fn patience_s(&self) -> f64 {
        let interval = |reason: &Reason| match reason {
            Reason::Regular { interval_s, .. } => BEACON_INTERVALS * interval_s,
            _ => 0.0,
        };
        self.reasons.iter().map(interval).fold(0.0, f64::max)
    }

    fn close(&mut self, at: f64, events: &mut Vec<IncidentEvent>) {
        self.state = State::Closed;
        self.bits = 0;
        self.write_reasons();
        self.incident.closed = Some(at);
        events.push(IncidentEvent { event: IncidentChange::Closed, incident: self.incident.clone() });
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
    }
}

/// A map as a list of pairs: keys in JSON are text.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::{Key, Tracked};

    pub(super) fn serialize<S: Serializer>(map: &BTreeMap<Key, Tracked>, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(map)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeMap<Key, Tracked>, D::Error> {
        Ok(Vec::<(Key, Tracked)>::deserialize(from)?.into_iter().collect())
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
