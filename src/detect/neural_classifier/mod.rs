//! A network that learns from labels.

mod config;
#[cfg(feature = "train")]
mod device;
mod fit;
mod model;
mod parts;
#[cfg(feature = "train")]
mod rows;
#[cfg(feature = "train")]
mod tasks;
#[cfg(feature = "train")]
mod train;

pub use config::{NeuralClassifierConfig, PretrainingConfig};
#[cfg(feature = "train")]
pub(super) use device::log_odds;
pub use model::NeuralClassifier;
pub(crate) use parts::NeuralClassifierHeader;
pub use parts::NeuralClassifierParts;
#[cfg(feature = "train")]
pub(super) use tasks::mask_codes;
