//! The flow meter: columns against their textbook formulas, ends of flows, memory bounds, captures.
#![cfg(feature = "packets")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod bounds;
mod capture;
mod docs;
mod ends;
mod properties;
#[path = "../public_data/mod.rs"]
mod public_data;
mod settings;
mod table;
mod twin;
