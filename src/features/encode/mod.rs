//! Encoders: fitted, stateless maps from a record to numbers.

mod category;
mod number;
mod table;

pub use category::{Categories, CategoryEncoder};
pub use number::{NumberEncoder, Scaling};
pub use table::{BoundEncoder, DropReason, Dropped, TableEncoder, TableEncoderConfig};
