//! Autoencoder: rows with a high reconstruction error are anomalous.

mod config;
#[cfg(feature = "train")]
mod device;
mod entities;
mod errors;
mod fit;
#[cfg(feature = "train")]
mod loss;
mod model;
#[cfg(feature = "train")]
mod network;
mod noise;
mod parts;
mod scoring;
#[cfg(test)]
#[cfg(feature = "train")]
pub(super) mod tests;
#[cfg(feature = "train")]
mod train;

pub use config::{AutoencoderConfig, ScoreTransform, Variational};
pub(crate) use entities::EntityAutoencodersHeader;
pub use entities::{EntityAutoencoders, EntityAutoencodersConfig, EntityAutoencodersParts, EntityColumn};
pub use model::Autoencoder;
pub(crate) use parts::AutoencoderHeader;
pub use parts::AutoencoderParts;
