//! Mixture of experts: a gate weighs the log-odds of several detectors in each row.
//!
//! `docs/ARCHITECTURE.md` describes the algorithm, and why the gate is trained on held-out kinds of attack.

mod calibration;
mod config;
mod explain;
mod fit;
mod model;
mod parts;
mod report;
mod scorer;
#[cfg(test)]
#[cfg(feature = "train")]
mod tests;
#[cfg(feature = "train")]
mod train;

pub use config::{ExpertConfig, MixtureOfExpertsConfig};
pub use model::MixtureOfExperts;
pub(crate) use parts::MixtureOfExpertsHeader;
pub use report::{ExpertReport, MixtureOutput, MixtureReport, ValidationMetrics};
