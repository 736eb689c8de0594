//! One record in words.

use std::fmt;

use super::outcome::Outcome;
use super::record::LedgerRecord;
use super::time;

/// One sentence about what happened, and the reason.
pub(super) fn of(record: &LedgerRecord) -> String {
    let (time, entity, action) = (time::text(record.time), record.entity.short(), record.action);
    let left = format!("{} s left", (record.rest_s * 1e3).round() / 1e3);
    let happened = match record.outcome {
        Outcome::Applied => format!("{action}, applied"),
        Outcome::DryRun => format!("{action}, as a dry run"),
        Outcome::Skipped => format!("{action} was skipped"),
        Outcome::Failed => format!("{action} could not be carried out"),
        Outcome::Revoked => format!("{action} was revoked with {left}"),
        Outcome::Expired => format!("{action} expired"),
    };
    let reason = record.reason.trim_end_matches('.');
    let reason = if reason.is_empty() { String::new() } else { format!(" Reason: {reason}.") };
    format!("{time}: {entity}: {happened}.{reason}")
}

impl fmt::Display for LedgerRecord {
    /// One sentence about what happened, and the reason.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&of(self))
    }
}
