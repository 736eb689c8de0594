//! The flow meter: each column against its textbook formula, ends of flows, bounds, captures.
#![cfg(feature = "packets")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod bounds;
mod capture;
mod docs;
mod ends;
mod properties;
mod table;
mod twin;
