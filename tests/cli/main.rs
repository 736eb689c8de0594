//! The `qosguard` command as a shell calls it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod command;
mod inputs;
mod interrupts;
mod ledger;
mod messages;
mod outputs;
mod pipeline;
mod plan;
mod policies;
#[path = "../public_data/mod.rs"]
mod public_data;
mod simulations;
mod verdicts;
mod watch;
mod watch_sources;
