//! The Node face of `qosguard`: it converts values, moves work off the event loop and forwards.
//!
//! Nothing is computed here. `index.js` in the folder of this crate wraps the generated `native.js`:
//! it turns errors into `QosguardError` and posted records into JSON text.
#![allow(
    clippy::missing_errors_doc,
    clippy::needless_pass_by_value,
    reason = "the comments become the comments of native.d.ts, and napi passes values"
)]

pub mod assessment;
pub mod calibration;
mod convert;
pub mod decision;
pub mod detector;
mod error;
pub mod evaluate;
pub mod events;
pub mod explanation;
pub mod exporters;
pub mod finding;
pub mod fitted;
pub mod follow;
pub mod guard;
pub mod incidents;

pub mod job;
pub mod ledger;
pub mod plan;
pub mod policy;
#[cfg(feature = "panic-probe")]
pub mod probe;
mod rows;
pub mod schema;
pub mod series;
pub mod simulate;
pub mod simulation;
pub mod split;
pub mod stream;
pub mod table;
pub mod threshold;
pub mod watch;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
