//! Live decisions, and the strictest of several.

use std::cmp::Reverse;
use std::fmt;

use serde::Serialize;

use super::entry::{LedgerEntry, short};
use super::outcome::Outcome;
use super::record::LedgerRecord;
use super::time;
use crate::qos::action::{Action, Inspection};
use crate::qos::policy::prefix::Prefix;

/// A decision whose time is not over.
///
/// [`LedgerState::live`](super::LedgerState::live) returns them, and [`LedgerState::rest_s`](super::LedgerState::rest_s) how
/// long they last.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LiveDecision {
    /// Id of the decision or the incident.
    pub id: String,
    /// The address or the prefix that the action is about.
    #[serde(serialize_with = "short")]
    pub entity: Prefix,
    /// The action with its settings and its whole time.
    #[serde(flatten)]
    pub action: Action,
    /// `applied` or `dry_run`.
    pub outcome: Outcome,
    /// Why, in words.
    pub reason: String,
    /// Digest of the guard.
    pub guard: Option<String>,
    /// Digest of the policy.
    pub policy: Option<String>,
    /// When it was last started or renewed, in microseconds since the epoch.
    #[serde(with = "time")]
    pub(super) since: i64,
    /// The clock of the ledger at which it expires.
    #[serde(skip)]
    pub(super) until_us: u64,
}

impl LiveDecision {
    /// The decision that a record starts or renews.
    pub(super) fn new(record: &LedgerRecord, until_us: u64) -> Self {
        Self {
            id: record.id.clone(),
            entity: record.entity,
            action: record.action,
            outcome: record.outcome,
            reason: record.reason.clone(),
            guard: record.guard.clone(),
            policy: record.policy.clone(),
            since: record.since.unwrap_or(record.time),
            until_us,
        }
    }

    /// When it was last started or renewed, in seconds since the epoch.
    pub fn since_s(&self) -> f64 {
        time::seconds(self.since)
    }

    /// The entry that repeats it or ends it.
    pub(super) fn entry(&self, outcome: Outcome, rest_s: f64, reason: &str) -> LedgerEntry {
        LedgerEntry {
            id: self.id.clone(),
            entity: self.entity,
            action: self.action,
            outcome,
            rest_s,
            reason: reason.to_owned(),
            guard: self.guard.clone(),
            policy: self.policy.clone(),
        }
    }
}

/// What is live about one entity: the strictest action, and the longest rest.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LiveEntity {
    /// The address or the prefix.
    #[serde(serialize_with = "short")]
    pub entity: Prefix,
    /// The strictest action of its live decisions.
    #[serde(flatten)]
    pub action: Action,
    /// The longest rest of its live decisions, in seconds.
    pub rest_s: f64,
    /// The outcome of the decision with the strictest action.
    pub outcome: Outcome,
    /// The ids of its live decisions.
    pub ids: Vec<String>,
}

impl fmt::Display for LiveEntity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (entity, rest_s) = (self.entity.short(), self.rest_s.ceil());
        write!(f, "{entity}: {}, {rest_s} s left, {} ({})", self.action, self.outcome, self.ids.join(", "))
    }
}

/// A key that orders decisions by how strict they are: the rung, then the lowest rate and burst, then the inspection, then
/// whether the action is applied.
pub(super) fn strictest(decision: &LiveDecision) -> (u8, Reverse<(u64, u64)>, Option<Inspection>, bool) {
    let rate = match decision.action {
        Action::RateLimit { bytes_per_second, burst, .. } => (bytes_per_second, burst),
        _ => (0, 0),
    };
    let inspection = match decision.action {
        Action::Inspect { inspection, .. } => Some(inspection),
        _ => None,
    };
    (decision.action.rung(), Reverse(rate), inspection, decision.outcome == Outcome::Applied)
}
