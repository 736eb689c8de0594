//! From decisions and incidents to a plan: one entry for each source, which renderers turn into configuration.
//!
//! ```text
//! Proposal ─► reasons not to act ─► one entry per key ─► budget ─► covered entries ─► Plan ─► render
//! ```
//!
//! A plan is a pure function of its proposals, its time, the policy and its settings. The order of the proposals does not matter, and a
//! proposal that is left out leaves no trace.

mod build;
mod config;
mod entry;
mod guarded;
mod key;
mod proposal;
pub(super) mod read;
mod reason;

use std::fmt;

use serde::Serialize;

use super::Policy;
use crate::error::{Error, Result};

pub use config::PlanConfig;
pub use entry::PlanEntry;
pub use key::PlanKey;
pub use proposal::Proposal;
pub use read::{Proposals, read_time};
pub use reason::{SkippedDecision, Unplanned};

/// Largest number of proposals of one plan.
const MAX_PROPOSALS: usize = 10_000_000;

/// What is to be done about which traffic, until when, and which decisions are left out for which reason.
///
/// ```
/// use qosguard::qos::{Action, Plan, PlanConfig, Policy, Proposal, Unplanned};
///
/// let propose = |id, source: &str, action| -> qosguard::Result<Proposal> {
///     Ok(Proposal { id, source: Some(source.parse()?), action, time: Some(1_000.0), ..Proposal::default() })
/// };
/// let proposals = [
///     propose(1, "203.0.113.7", Action::Deprioritize { ttl_s: 300 })?,
///     propose(2, "203.0.113.7", Action::Drop { ttl_s: 60 })?,
///     propose(3, "127.0.0.1", Action::Drop { ttl_s: 60 })?,
/// ];
/// let plan = Plan::new(&proposals, 1_010.0, &Policy::default(), &PlanConfig::default())?;
/// let entry = &plan.entries()[0];
/// assert_eq!(entry.to_string(), "203.0.113.7/32: drop for 290 s (qg:0000000000000001 and 1 more)");
/// assert_eq!(plan.skipped()[0].reason, Unplanned::AllowListed);
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    now: f64,
    hosts: u64,
    entries: Vec<PlanEntry>,
    skipped: Vec<SkippedDecision>,
}

impl Plan {
    /// Plans what the proposals ask for at a time in seconds since the epoch.
    ///
    /// The allow-list of the policy wins over every proposal, also over a prefix that contains one of its hosts. Proposals for
    /// one key become one entry with the strictest action and the longest rest. An entry whose traffic another entry
    /// contains, with an action at least as strict and a rest at least as long, is merged into that entry. Where the budget is not
    /// enough for all entries, the strictest and most serious ones stay.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for settings outside their range, a time that is not finite, more than 10,000,000 proposals, and an
    /// action with a setting outside its range. [`Error::Cancelled`].
    pub fn new(proposals: &[Proposal], now: f64, policy: &Policy, config: &PlanConfig) -> Result<Self> {
        config.check()?;
        if !now.is_finite() {
            return Err(Error::invalid("now", "a finite time in seconds since the epoch", now));
        }
        if proposals.len() > MAX_PROPOSALS {
            return Err(Error::invalid("proposals", format!("at most {MAX_PROPOSALS}"), proposals.len()));
        }
        build::build(proposals, now, policy, config)
    }

    /// Time of the plan, in seconds since the epoch.
    pub const fn now(&self) -> f64 {
        self.now
    }

    /// What is to be done, in the order of the addresses.
    pub fn entries(&self) -> &[PlanEntry] {
        &self.entries
    }

    /// The decisions that are not planned, in the order of their ids.
    pub fn skipped(&self) -> &[SkippedDecision] {
        &self.skipped
    }

    /// Number of hosts that the plan acts on: addresses of IPv4, networks of /64 of IPv6.
    pub const fn hosts(&self) -> u64 {
        self.hosts
    }

    /// Seconds until the first of the planned decisions expires, when a new plan may be milder; `None` for an empty plan.
    pub fn next_expiry_s(&self) -> Option<u32> {
        self.entries.iter().map(|entry| entry.first_rest_s).min()
    }

    /// How many decisions are left out for each reason that occurs.
    pub fn skip_counts(&self) -> Vec<(Unplanned, u64)> {
        let count = |reason| self.skipped.iter().filter(|skipped| skipped.reason == reason).count() as u64;
        Unplanned::ALL.into_iter().map(|reason| (reason, count(reason))).filter(|(_, n)| *n > 0).collect()
    }
}

impl fmt::Display for Plan {
    /// One line for each entry.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entries.iter().try_for_each(|entry| writeln!(f, "{entry}"))
    }
}
