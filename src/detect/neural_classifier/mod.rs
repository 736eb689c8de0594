//! A network that learns from labels.

mod config;
mod fit;
mod model;
mod parts;
mod rows;
mod tasks;

pub use config::{NeuralClassifierConfig, PretrainingConfig};
pub use model::NeuralClassifier;
pub(super) use model::log_odds;
pub(crate) use parts::NeuralClassifierHeader;
pub use parts::NeuralClassifierParts;
pub(super) use tasks::hide;
