//! Packets of captures: frames, capture formats, public captures, properties.
#![cfg(feature = "packets")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod capture;
mod clocks;
mod encapsulations;
mod formats;
mod frame;
mod frames;
mod oracle;
mod properties;
mod public;
#[path = "../public_data/mod.rs"]
mod public_data;
