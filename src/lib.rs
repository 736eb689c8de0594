//! Network anomaly detection and `QoS` engine.

#[allow(dead_code, reason = "wip")]
mod artifact;
mod error;
#[allow(dead_code, reason = "users arrive with the modules")]
mod rng;

pub mod detect;
pub mod features;
pub mod simulate;
pub mod telemetry;

pub use error::{Error, ErrorKind, Result};

pub use arrow;
pub use ndarray;
