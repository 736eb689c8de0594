//! One autoencoder for each country, link or device class, in one model.

mod fit;
mod model;
mod parts;
#[cfg(test)]
mod tests;

pub use fit::EntityAutoencodersConfig;
pub use model::EntityAutoencoders;
pub use parts::EntityAutoencodersParts;
