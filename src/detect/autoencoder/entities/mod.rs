//! One autoencoder for each country, link or device class, in one model.

mod column;
mod config;
mod fit;
mod model;
mod parts;
#[cfg(test)]
#[cfg(feature = "train")]
mod tests;
#[cfg(feature = "train")]
mod train;

pub use column::EntityColumn;
pub use config::EntityAutoencodersConfig;
pub use model::EntityAutoencoders;
pub(crate) use parts::EntityAutoencodersHeader;
pub use parts::EntityAutoencodersParts;
