//! Network anomaly detection and `QoS` engine.

#[allow(dead_code, reason = "wip")]
mod artifact;
mod error;
mod parallel;
#[allow(dead_code, reason = "users arrive with the modules")]
mod rng;

pub mod calibrate;
pub mod detect;
pub mod evaluate;
pub mod features;
pub mod simulate;
pub mod telemetry;

pub use error::{Error, ErrorKind, Result};
pub use parallel::{is_parallel, set_parallel};

pub use arrow;
pub use ndarray;
