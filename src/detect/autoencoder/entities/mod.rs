//! One autoencoder for each country, link or device class, in one model.

mod column;
mod fit;
mod model;
mod parts;
#[cfg(test)]
mod tests;

pub use column::EntityColumn;
pub use fit::EntityAutoencodersConfig;
pub use model::EntityAutoencoders;
pub(crate) use parts::EntityAutoencodersHeader;
pub use parts::EntityAutoencodersParts;
