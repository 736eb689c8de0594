//! Mixture of experts: a gate that says for each row which detectors to trust, some of them learnt with it.

mod config;
mod cross;
mod deal;
mod explain;
mod fit;
mod joint;
mod learn;
mod lessons;
mod model;
mod panel;
mod parts;
mod report;
mod task;
#[cfg(test)]
mod tests;
mod voice;

pub use config::{ExpertConfig, MixtureOfExpertsConfig};
pub use model::MixtureOfExperts;
pub(crate) use parts::MixtureOfExpertsHeader;
pub use report::{Choice, ExpertReport, MixtureReport, Quality};
