//! Network anomaly detection and `QoS` engine.

mod error;
#[allow(dead_code, reason = "users arrive with the modules")]
mod rng;

pub mod detect;
pub mod qos;
pub mod telemetry;

pub use error::{Error, ErrorKind, Result};

pub use arrow;
pub use ndarray;
