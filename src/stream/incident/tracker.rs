//! From signals of single records to incidents: when they open, go on and close.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::key::Key;
use super::tracked::{Record, State, Tracked};
use super::{Incident, IncidentChange, IncidentEvent, IncidentKind};
use crate::qos::Recommender;
use crate::stream::config::IncidentConfig;
use crate::stream::signals::Signal;

/// Part of a limit that is evidence enough for an incident that is open.
const KEEP_OPEN: f64 = 0.5;

/// Incidents that an operator called false, which do not open again for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Suppressed {
    key: Key,
    until: f64,
}

/// All incidents and candidates of a stream.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::stream) struct Tracker {
    /// A checkpoint has the settings once, for the whole stream.
    #[serde(skip)]
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

    /// The same incidents with other settings.
    pub(in crate::stream) fn with_config(self, config: &IncidentConfig) -> Self {
        Self { config: config.clone(), ..self }
    }

    /// The incidents that are open, in the order of their kinds.
    pub(in crate::stream) fn open(&self) -> impl Iterator<Item = &Incident> {
        self.tracked.values().filter(|tracked| tracked.state == State::Open).map(|tracked| &tracked.incident)
    }

    /// Whether an incident of a kind about a record's hosts is open.
    pub(in crate::stream) fn is_part_of(&self, kind: IncidentKind, record: &Record<'_>) -> bool {
        Key::of(kind, &record.subject)
            .and_then(|key| self.tracked.get(&key))
            .is_some_and(|tracked| tracked.state == State::Open)
    }

    /// Whether an incident of a limit about a record's hosts is open.
    pub(in crate::stream) fn is_part_of_attack(&self, record: &Record<'_>) -> bool {
        let mut limits = IncidentKind::ALL.into_iter().filter(|kind| !kind.is_of_verdicts());
        !self.tracked.is_empty() && limits.any(|kind| self.is_part_of(kind, record))
    }

    /// Adds one record as evidence for one kind, or against it if there is not a signal.
    pub(in crate::stream) fn add(
        &mut self,
        kind: IncidentKind,
        signal: Option<Signal>,
        record: &Record<'_>,
        recommender: &Recommender,
        events: &mut Vec<IncidentEvent>,
    ) {
        let Some((key, event)) = self.change(kind, signal, record, recommender) else { return };
        let has_opened = event.event == IncidentChange::Opened;
        let id = event.incident.id.clone();
        events.push(event);
        if has_opened && kind != IncidentKind::Anomaly {
            self.merge(key, &id, record.time, events);
        }
    }

    /// Closes the incidents of anomalies that an incident, which has opened, explains.
    fn merge(&mut self, key: Key, id: &str, now: f64, events: &mut Vec<IncidentEvent>) {
        let of_verdicts = self.tracked.range_mut(Key::FIRST_OF_VERDICTS..).filter(|(own, _)| **own != key);
        for (own, tracked) in of_verdicts.filter(|(_, tracked)| tracked.state == State::Open) {
            if tracked.is_explained_by(&key, own) {
                tracked.incident.merged_into = Some(id.to_owned());
                tracked.close(now, events);
            }
        }
    }

    /// What one record changes about the incident of a kind that it is evidence for or against.
    fn change(
        &mut self,
        kind: IncidentKind,
        signal: Option<Signal>,
        record: &Record<'_>,
        recommender: &Recommender,
    ) -> Option<(Key, IncidentEvent)> {
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
        tracked.change(key, record, &self.config, recommender).map(|event| (key, event))
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
        tracked.clear_action();
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

    /// If the tracker is full, forgets a quarter of what is kept: candidates and closed incidents first, then the oldest.
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
