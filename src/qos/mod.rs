//! What to do about a verdict: a validated policy, and the safe, expiring action that it asks for.
//!
//! ```text
//! p-value, is_anomaly ─► Severity ─┐
//! Subject ─► allow-list, rules ────┴─► Recommendation ─► Decision
//! ```
//!
//! What holds for every [`Policy`] that can exist, because it is checked where policies are built:
//!
//! * **Monotone.** For one subject, a higher p-value never gets a harsher action.
//! * **The allow-list always wins**, over every rule and at every severity. A flow with an address that cannot be read is
//!   allowed too, since that address could be in the list.
//! * **Every action expires**, after a day at the most; [`Action::Allow`] has nothing to expire.
//! * **Only clean traffic is prioritized**, and only into delay-sensitive classes.
//! * **Dry run is the default**, and every decision says whether it was one.

mod action;
mod decision;
mod ladder;
mod policy;
mod prefix;
mod recommender;
mod rule;
mod severity;
mod subject;

pub(crate) use crate::telemetry::read_address;

pub use action::{Action, Inspection, ServiceClass};
pub use decision::{Decision, ExpertWeight, MemberVerdict, Verdict};
pub use policy::{Actions, Bands, Policy, PolicyConfig};
pub use prefix::Prefix;
pub use recommender::{Recommendation, Recommender, RuleRef};
pub use rule::{PortRange, Priority, Rule, When};
pub use severity::Severity;
pub use subject::{Protocol, Subject};
