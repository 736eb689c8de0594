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
mod tests;

pub use config::{AutoencoderConfig, ErrorForm, Variational};
pub use entities::{EntityAutoencoders, EntityAutoencodersConfig, EntityAutoencodersParts};
pub use model::Autoencoder;
pub use parts::AutoencoderParts;
