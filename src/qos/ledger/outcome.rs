//! What became of a decision.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What became of a decision.
///
/// `Applied` and `DryRun` start a live decision or renew it. The others end a decision: `Skipped` and `Failed` one that never
/// started, `Revoked` and `Expired` one that was live.
///
/// # Examples
///
/// ```
/// use qosguard::qos::Outcome;
///
/// assert!(Outcome::DryRun.is_start() && !Outcome::Expired.is_start());
/// assert_eq!(Outcome::DryRun.as_str(), "dry_run");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The network carries out the action.
    Applied,
    /// The action is recorded, and the network is not changed.
    DryRun,
    /// A limit or a rule prevented the action.
    Skipped,
    /// The action could not be carried out.
    Failed,
    /// An operator or the allow-list ended the decision before its time.
    Revoked,
    /// The time of the decision is over.
    Expired,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 6] =
        [Self::Applied, Self::DryRun, Self::Skipped, Self::Failed, Self::Revoked, Self::Expired];

    /// The name in files and bindings, such as `"dry_run"`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::DryRun => "dry_run",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }

    /// Whether a decision with this outcome is live: `Applied` and `DryRun`.
    pub const fn is_start(self) -> bool {
        matches!(self, Self::Applied | Self::DryRun)
    }

    /// Whether it ends a live decision: `Revoked` and `Expired`.
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Revoked | Self::Expired)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How many decisions ended, by their outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndedCounts {
    /// Prevented by a limit or a rule.
    pub skipped: u64,
    /// Could not be carried out.
    pub failed: u64,
    /// Ended by an operator or the allow-list.
    pub revoked: u64,
    /// Ended by their time.
    pub expired: u64,
}

impl EndedCounts {
    /// Counts one; a start is not an end and is not counted.
    pub(super) fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Applied | Outcome::DryRun => {}
            Outcome::Skipped => self.skipped += 1,
            Outcome::Failed => self.failed += 1,
            Outcome::Revoked => self.revoked += 1,
            Outcome::Expired => self.expired += 1,
        }
    }

    /// All of them.
    ///
    /// ```
    /// assert_eq!(qosguard::qos::EndedCounts::default().total(), 0);
    /// ```
    pub const fn total(&self) -> u64 {
        self.skipped + self.failed + self.revoked + self.expired
    }
}
