//! Autoencoder: rows that a network cannot draw from memory are anomalous.

mod config;
mod entities;
mod errors;
mod fit;
mod loss;
mod model;
mod network;
mod parts;
mod scoring;
#[cfg(test)]
pub(super) mod tests;

pub use config::{AutoencoderConfig, ErrorForm, Variational};
pub(crate) use entities::EntityAutoencodersHeader;
pub use entities::{EntityAutoencoders, EntityAutoencodersConfig, EntityAutoencodersParts, EntityColumn};
pub use model::Autoencoder;
pub(crate) use parts::AutoencoderHeader;
pub use parts::AutoencoderParts;
