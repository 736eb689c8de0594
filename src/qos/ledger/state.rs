//! What is live, and what ended: the state that the records of a ledger add up to.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::header::Header;
use super::live::{LiveDecision, LiveEntity, strictest};
use super::outcome::EndedCounts;
use super::record::LedgerRecord;
use super::time::SECOND;
use crate::qos::policy::prefix::Prefix;

/// The order of entities: addresses of IPv4 first, then by address and length.
type Place = (IpAddr, u8);

/// The live decisions of a ledger by entity, and how many decisions ended how.
///
/// It follows from the records alone: a replay of the file gives the same state. `decisions` is always the number of live
/// decisions plus the number of ended ones, since every decision ends in exactly one outcome.
///
/// # Examples
///
/// ```
/// use qosguard::qos::{Action, Ledger, LedgerConfig, LedgerEntry, Outcome, Prefix};
///
/// # let folder = std::env::temp_dir().join(format!("qosguard-doc-state-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let path = folder.join("ledger.jsonl");
/// let mut ledger = Ledger::open(&path, &LedgerConfig::default())?;
/// let host: Prefix = "203.0.113.7".parse()?;
/// let limit = Action::RateLimit { bytes_per_second: 125_000, burst: 256_000, ttl_s: 900 };
/// for (id, action) in [("a", Action::Drop { ttl_s: 600 }), ("b", limit)] {
///     ledger.record(1_764_583_200.0, LedgerEntry::new(id, host, action, Outcome::DryRun, "port scan"))?;
/// }
/// let both = ledger.state().entity(host).unwrap();
/// assert_eq!((both.action, both.rest_s), (Action::Drop { ttl_s: 600 }, 900.0));
/// ledger.expire(1_764_583_800.0)?;
/// assert_eq!(ledger.state().entity(host).unwrap().action, limit);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LedgerState {
    live: BTreeMap<Place, BTreeMap<String, LiveDecision>>,
    n_live: usize,
    decisions: u64,
    ended: EndedCounts,
    /// Time of the newest record, and the clock at it.
    pub(super) clock: Clock,
}

/// A clock that counts only steps forward of the times it is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Clock {
    pub(super) time: Option<i64>,
    pub(super) elapsed_us: u64,
}

impl Clock {
    /// The clock at a new time. A time before the newest one is the start of a new count, so it extends nothing.
    pub(super) fn at(self, time: i64) -> Self {
        let step = self.time.map_or(0, |before| time.saturating_sub(before).max(0));
        Self { time: Some(time), elapsed_us: self.elapsed_us.saturating_add(step as u64) }
    }

    /// The clock at a new time, where the records have moved on too.
    pub(super) fn after(self, records: Self, time: i64) -> Self {
        let (own, recorded) = (self.at(time), records.at(time));
        Self { time: Some(time), elapsed_us: own.elapsed_us.max(recorded.elapsed_us) }
    }
}

impl LedgerState {
    /// The live decisions, by entity and id.
    pub fn live(&self) -> impl Iterator<Item = &LiveDecision> {
        self.live.values().flat_map(BTreeMap::values)
    }

    /// Number of live decisions.
    pub const fn n_live(&self) -> usize {
        self.n_live
    }

    /// The entities with live decisions, in ascending order.
    pub fn entities(&self) -> impl Iterator<Item = LiveEntity> + '_ {
        self.live.values().filter_map(|decisions| self.merge(decisions))
    }

    /// What is live about exactly this entity: the strictest action and the longest rest of its decisions.
    pub fn entity(&self, entity: Prefix) -> Option<LiveEntity> {
        self.merge(self.live.get(&place(entity))?)
    }

    /// The live decision with an id about an entity.
    pub fn decision(&self, id: &str, entity: Prefix) -> Option<&LiveDecision> {
        self.live.get(&place(entity))?.get(id)
    }

    /// Number of decisions: live ones, and ended ones.
    pub const fn decisions(&self) -> u64 {
        self.decisions
    }

    /// How many decisions ended, by their outcome.
    pub const fn ended(&self) -> EndedCounts {
        self.ended
    }

    /// Seconds until a decision expires, by the clock of the ledger.
    pub fn rest_s(&self, decision: &LiveDecision) -> f64 {
        decision.until_us.saturating_sub(self.clock.elapsed_us) as f64 / SECOND as f64
    }

    fn merge(&self, decisions: &BTreeMap<String, LiveDecision>) -> Option<LiveEntity> {
        let harshest = decisions.values().reduce(|a, b| if strictest(b) > strictest(a) { b } else { a })?;
        let rest_s = decisions.values().map(|decision| self.rest_s(decision)).fold(0.0, f64::max);
        Some(LiveEntity {
            entity: harshest.entity,
            action: harshest.action,
            rest_s,
            outcome: harshest.outcome,
            ids: decisions.keys().cloned().collect(),
        })
    }

    /// The state at the start of a file, before the live decisions that it repeats.
    pub(super) fn of_header(header: &Header) -> Self {
        Self {
            decisions: header.decisions - header.decisions.min(header.live as u64),
            ended: header.ended,
            clock: Clock { time: header.time, elapsed_us: header.elapsed_us },
            ..Self::default()
        }
    }

    /// Why a record contradicts the records before it.
    pub(super) fn check(&self, record: &LedgerRecord) -> Result<(), &'static str> {
        if record.elapsed_us < self.clock.elapsed_us {
            return Err("the clock of the ledger goes back");
        }
        if record.outcome.is_end() && self.decision(&record.id, record.entity).is_none() {
            return Err("the line ends a decision that is not live");
        }
        Ok(())
    }

    /// Adds a record. The reason is returned where it contradicts the records before it.
    pub(super) fn apply(&mut self, record: &LedgerRecord) -> Result<(), &'static str> {
        self.check(record)?;
        let is_live = self.decision(&record.id, record.entity).is_some();
        if record.outcome.is_start() {
            let until_us = record.elapsed_us.saturating_add((record.rest_s * SECOND as f64).round() as u64);
            let decision = LiveDecision::new(record, until_us);
            self.live.entry(place(record.entity)).or_default().insert(record.id.clone(), decision);
            if !is_live {
                self.n_live += 1;
                self.decisions += 1;
            }
        } else if record.outcome.is_end() {
            self.remove(&record.id, record.entity);
            self.ended.add(record.outcome);
        } else if !is_live {
            // A renewal that fails does not end what is live.
            self.decisions += 1;
            self.ended.add(record.outcome);
        }
        self.clock = Clock { time: Some(record.time), elapsed_us: record.elapsed_us };
        Ok(())
    }

    fn remove(&mut self, id: &str, entity: Prefix) {
        if let Some(decisions) = self.live.get_mut(&place(entity)) {
            if decisions.remove(id).is_some() {
                self.n_live -= 1;
            }
            if decisions.is_empty() {
                self.live.remove(&place(entity));
            }
        }
    }
}

fn place(entity: Prefix) -> Place {
    (entity.address(), entity.length())
}
