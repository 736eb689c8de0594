//! What to do about a verdict: a validated policy, the safe, expiring action that it asks for, and the plan that network devices
//! apply.
//!
//! ```text
//! p-value, is_anomaly ─► Severity ─┐
//! Subject ─► allow-list, rules ────┴─► Recommendation ─► Decision
//!
//! decisions, incidents ─► Proposals ─► Plan ─► Renderer ─► configuration of a network device, and its rollback
//! ```
//!
//! What holds for every [`Policy`] that can exist, because it is checked where policies are built:
//!
//! * **Monotone.** For one subject, a higher p-value never gets a harsher action.
//! * **The allow-list always wins**, over every rule and at every severity. A flow with an address that cannot be read is
//!   allowed, and a flow without any address gets no action, because the address could be in the list.
//! * **Every action expires**, after at most one day; [`Action::Allow`] does not expire.
//! * **Only clean traffic is prioritized**, and only into delay-sensitive classes.
//! * **Dry run is the default**, and every decision contains whether it was one.

mod action;
mod columns;
mod decision;
mod ledger;
mod plan;
mod policy;
mod recommend;
mod render;
mod review;
mod service_class;

pub(crate) use columns::to_arrow;

pub use action::{Action, Inspection};
pub use columns::DecisionColumn;
pub use decision::Decision;
pub use ledger::{
    EndedCounts, Ledger, LedgerConfig, LedgerCounts, LedgerEntry, LedgerRecord, LedgerRecords, LedgerState,
    LiveDecision, LiveEntity, Outcome,
};
pub use plan::{
    Plan, PlanConfig, PlanEntry, PlanKey, Proposal, Proposals, SkippedDecision, Unplanned, read_time,
};
pub use policy::hierarchy::{Floors, Scope, ScopeActions, ScopeBands, ScopeDirection, Tenant};
pub use policy::prefix::Prefix;
pub use policy::rule::{ClassRule, PortRange, Priority, Rule, When};
pub use policy::schedule::{ClockTime, Schedule, Weekday, Zone};
pub use policy::{Actions, Bands, Policy, PolicyConfig, PolicyFormat, PolicyMistake};
pub use recommend::{Protocol, Recommendation, Recommender, RuleRef, Subject};
pub use render::{
    BgpConfig, NftablesConfig, RenderConfig, Rendered, Renderer, TcConfig, Unrendered, flowspec,
};
pub use review::{
    ActionChange, ActionExample, CaseResult, PolicyCase, PolicyCases, PolicyChange, PolicyComparison,
    PolicyDifference,
};
pub use service_class::{Classified, ServiceClass};
