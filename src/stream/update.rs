//! What a stream reports: its state, its counts, and what each batch changed.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::incident::IncidentEvent;
use super::run::Stream;
use crate::guard::Assessment;

/// Whether a stream has a guard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
#[non_exhaustive]
pub enum StreamState {
    /// The stream does not have a guard yet. Incidents come from limits alone.
    Warming {
        /// Records that are missing until a guard is fitted.
        missing: usize,
    },
    /// A guard assesses every record.
    Ready,
    /// The stream does not have a guard: none was asked for, or none could be fitted. Incidents come from limits alone.
    LimitsOnly {
        /// Why no guard could be fitted; empty if none was asked for.
        reason: String,
    },
}

/// What a stream counted since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct StreamCounts {
    /// Records pushed.
    pub records: u64,
    /// Records that the guard called anomalies.
    pub anomalies: u64,
    /// Records before the watermark. They are assessed, but not used as evidence for incidents.
    pub late: u64,
    /// Records too far ahead of their source. They are assessed, but not used as evidence for incidents.
    pub future: u64,
    /// Records without a time, or with one before 1980 or after 2200. They are assessed, but not used as evidence for incidents.
    pub invalid_time: u64,
    /// Incidents that opened.
    pub incidents: u64,
    /// Incidents and candidates that made room for others.
    pub evicted: u64,
    /// Records of incidents that an operator called false.
    pub suppressed: u64,
}

/// What one batch of records changed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Update {
    /// The verdicts of the guard, from row [`first`](Self::first) on; `None` while the stream has none.
    pub assessment: Option<Assessment>,
    /// The first row of the batch that was assessed; the number of its rows while the stream has no guard.
    pub first: usize,
    /// Changes of incidents, in the order in which they happened.
    pub events: Vec<IncidentEvent>,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("state", &self.state())
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}
