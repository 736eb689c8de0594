//! Why a decision is not in a plan.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::qos::Prefix;

/// Why a decision is not in a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unplanned {
    /// The action is `allow`.
    Allow,
    /// The source or the destination is in the allow-list of the policy or in `never_act`, or the source contains a host of them.
    AllowListed,
    /// The record has no source address.
    NoAddress,
    /// The record has an address that cannot be read.
    UnreadAddress,
    /// The source is not one host or network: unspecified, multicast, or the broadcast address.
    NotUnicast,
    /// The action expired before the time of the plan.
    Expired,
    /// The prefix is wider than the plan allows.
    TooWide,
    /// The plan acts on as many hosts as it may.
    OverBudget,
}

impl Unplanned {
    /// Every reason.
    pub const ALL: [Self; 8] = [
        Self::Allow,
        Self::AllowListed,
        Self::NoAddress,
        Self::UnreadAddress,
        Self::NotUnicast,
        Self::Expired,
        Self::TooWide,
        Self::OverBudget,
    ];

    /// The name in files and bindings, such as `"allow_listed"`.
    ///
    /// ```
    /// assert_eq!(qosguard::qos::Unplanned::TooWide.as_str(), "too_wide");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::AllowListed => "allow_listed",
            Self::NoAddress => "no_address",
            Self::UnreadAddress => "unread_address",
            Self::NotUnicast => "not_unicast",
            Self::Expired => "expired",
            Self::TooWide => "too_wide",
            Self::OverBudget => "over_budget",
        }
    }

    /// The reason as a phrase that follows a number of decisions.
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::AllowListed => "in the allow-list",
            Self::NoAddress => "without a source address",
            Self::UnreadAddress => "with an address that cannot be read",
            Self::NotUnicast => "with a source that is not one host or network",
            Self::Expired => "expired at the time of the plan",
            Self::TooWide => "with a prefix that is too wide",
            Self::OverBudget => "over the budget of hosts",
        }
    }
}

impl fmt::Display for Unplanned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.phrase())
    }
}

/// A decision that is not in a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SkippedDecision {
    /// Id of the decision or incident.
    pub id: u64,
    /// Its source, where it has one.
    pub source: Option<Prefix>,
    /// Why it is not in the plan.
    pub reason: Unplanned,
}

impl Serialize for SkippedDecision {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Flat {
            id: String,
            source: Option<Prefix>,
            reason: Unplanned,
        }
        Flat { id: format!("{:016x}", self.id), source: self.source, reason: self.reason }
            .serialize(serializer)
    }
}
