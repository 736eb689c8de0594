//! A network that learns from labels.

mod config;
mod fit;
mod model;
mod parts;
mod rows;
mod tasks;

pub use config::{NeuralClassifierConfig, PretrainingConfig};
pub use model::NeuralClassifier;
pub(crate) use parts::NeuralClassifierHeader;
pub use parts::NeuralClassifierParts;
