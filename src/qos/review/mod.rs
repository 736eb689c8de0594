//! What a policy does, before it is used: its differences from another policy, and cases with the expected action.

mod cases;
mod changes;
mod compare;

pub use cases::{CaseResult, PolicyCase, PolicyCases};
pub use changes::PolicyChange;
pub use compare::{ActionChange, ActionExample, PolicyComparison, PolicyDifference};
