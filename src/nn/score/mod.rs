//! Scoring with trained networks, without candle and without allocating.
//!
//! Layers are built from named values and laid out once for the widest registers of the processor. Each gives a
//! row the same bits alone and among others, so it does not matter how rows are dealt to threads.

mod attention;
mod conv;
mod dense;
mod lanes;
mod multiply;
mod network;
mod norm;
mod product;
mod scaling;
mod scratch;
mod transformer;
mod values;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(crate) use conv::{CnnSizes, TemporalCnn};
pub(crate) use dense::{Chain, Dense, TILE_ROWS};
pub(crate) use lanes::padded;
pub(crate) use network::Scorer;
pub(crate) use norm::LayerNorm;
pub(crate) use scaling::Scaling;
pub(crate) use scratch::{take, with_scratch};
pub(crate) use transformer::{Transformer, TransformerSizes};
pub(crate) use values::{Values, n_trained, named};
