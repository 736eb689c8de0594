//! One entry of a plan, and how the proposals for one key become one.

use std::fmt;

use serde::Serialize;

use super::key::PlanKey;
use super::proposal::Proposal;
use crate::qos::Action;
use crate::verdict::Severity;

/// What is to be done about the traffic of one key.
///
/// Its action is the strictest of the decisions that it merges, and its rest is the longest of theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlanEntry {
    /// The traffic.
    pub key: PlanKey,
    /// The strictest action; its `ttl_s` equals `rest_s`.
    pub action: Action,
    /// Seconds until it expires, 1 to 86,400.
    pub rest_s: u32,
    /// Seconds until the first of the merged decisions expires. A new plan may be milder from then on.
    pub first_rest_s: u32,
    /// The highest severity of the merged decisions.
    pub severity: Severity,
    /// Ids of the merged decisions and incidents, in ascending order, each once.
    pub ids: Vec<u64>,
    /// Number of the merged proposals.
    pub merged: u64,
    /// Whether all merged decisions are dry runs.
    pub dry_run: bool,
}

impl PlanEntry {
    /// An entry of one proposal.
    pub(super) fn new(key: PlanKey, proposal: &Proposal, rest_s: u32) -> Self {
        Self {
            key,
            action: with_ttl(proposal.action, rest_s),
            rest_s,
            first_rest_s: rest_s,
            severity: proposal.severity,
            ids: vec![proposal.id],
            merged: 1,
            dry_run: proposal.dry_run,
        }
    }

    /// Adds another proposal for the same key.
    pub(super) fn add(&mut self, proposal: &Proposal, rest_s: u32) {
        self.merge(proposal.action, rest_s, rest_s, proposal.severity, proposal.dry_run);
        self.ids.push(proposal.id);
        self.merged += 1;
    }

    /// Adds an entry that this one covers.
    pub(super) fn absorb(&mut self, other: &Self) {
        self.merge(other.action, other.rest_s, other.first_rest_s, other.severity, other.dry_run);
        self.ids.extend(&other.ids);
        self.merged += other.merged;
    }

    fn merge(&mut self, action: Action, rest_s: u32, first: u32, severity: Severity, dry_run: bool) {
        self.rest_s = self.rest_s.max(rest_s);
        self.first_rest_s = self.first_rest_s.min(first);
        self.action = with_ttl(strictest(self.action, action), self.rest_s);
        self.severity = self.severity.max(severity);
        self.dry_run &= dry_run;
    }

    /// Brings the ids in order after the last proposal.
    pub(super) fn finish(&mut self) {
        self.ids.sort_unstable();
        self.ids.dedup();
    }

    /// Whether its action is at least as strict as another one and lasts at least as long.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.rest_s >= other.rest_s && other.action.no_harsher_than(self.action) && {
            // Two actions of rung 0 are not equal: one entry cannot mark traffic as two classes.
            self.action.rung() > 0 || with_ttl(self.action, 1) == with_ttl(other.action, 1)
        }
    }

    /// The id that names the entry in the configuration of a device: the lowest of its ids, as 16 hexadecimal digits.
    pub fn id(&self) -> String {
        format!("{:016x}", self.ids.first().copied().unwrap_or_default())
    }
}

impl fmt::Display for PlanEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (qg:{}", self.key, self.action, self.id())?;
        match self.ids.len() {
            0 | 1 => f.write_str(")"),
            more => write!(f, " and {} more)", more - 1),
        }
    }
}

/// Ids that are written for an entry at most.
const MAX_WRITTEN_IDS: usize = 100;

impl Serialize for PlanEntry {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Flat {
            source: String,
            protocol: Option<u8>,
            dst_port: Option<u16>,
            action: &'static str,
            rest_s: u32,
            first_rest_s: u32,
            bytes_per_second: Option<u64>,
            burst: Option<u64>,
            service_class: Option<&'static str>,
            inspection: Option<&'static str>,
            severity: &'static str,
            dry_run: bool,
            merged: u64,
            ids: Vec<String>,
        }
        let (mut rate, mut class, mut way) = (None, None, None);
        match self.action {
            Action::RateLimit { bytes_per_second, burst, .. } => rate = Some((bytes_per_second, burst)),
            Action::Prioritize { service_class, .. } => class = Some(service_class.as_str()),
            Action::Inspect { inspection, .. } => way = Some(inspection.as_str()),
            _ => {}
        }
        Flat {
            source: self.key.source.to_string(),
            protocol: self.key.protocol,
            dst_port: self.key.dst_port,
            action: self.action.as_str(),
            rest_s: self.rest_s,
            first_rest_s: self.first_rest_s,
            bytes_per_second: rate.map(|rate| rate.0),
            burst: rate.map(|rate| rate.1),
            service_class: class,
            inspection: way,
            severity: self.severity.as_str(),
            dry_run: self.dry_run,
            merged: self.merged,
            ids: self.ids.iter().take(MAX_WRITTEN_IDS).map(|id| format!("{id:016x}")).collect(),
        }
        .serialize(serializer)
    }
}

/// The stricter of two actions: the higher rung, and on one rung the stricter of each setting.
fn strictest(one: Action, other: Action) -> Action {
    use Action::{Allow, Inspect, Prioritize, RateLimit};
    match (one, other) {
        (
            RateLimit { bytes_per_second: a, burst: burst_a, ttl_s },
            RateLimit { bytes_per_second: b, burst: burst_b, .. },
        ) => RateLimit { bytes_per_second: a.min(b), burst: burst_a.min(burst_b), ttl_s },
        (Inspect { inspection: a, ttl_s }, Inspect { inspection: b, .. }) => {
            Inspect { inspection: a.max(b), ttl_s }
        }
        // The class that claims less: later in the order of the classes.
        (Prioritize { service_class: a, ttl_s }, Prioritize { service_class: b, .. }) => {
            Prioritize { service_class: if a as u8 >= b as u8 { a } else { b }, ttl_s }
        }
        (Allow, action) | (action, Allow) => action,
        (a, b) if a.rung() >= b.rung() => a,
        (_, b) => b,
    }
}

/// The same action with another TTL.
pub(super) fn with_ttl(action: Action, ttl: u32) -> Action {
    match action {
        Action::Allow => Action::Allow,
        Action::Prioritize { service_class, .. } => Action::Prioritize { service_class, ttl_s: ttl },
        Action::Deprioritize { .. } => Action::Deprioritize { ttl_s: ttl },
        Action::RateLimit { bytes_per_second, burst, .. } => {
            Action::RateLimit { bytes_per_second, burst, ttl_s: ttl }
        }
        Action::Inspect { inspection, .. } => Action::Inspect { inspection, ttl_s: ttl },
        Action::Drop { .. } => Action::Drop { ttl_s: ttl },
        Action::Isolate { .. } => Action::Isolate { ttl_s: ttl },
    }
}
