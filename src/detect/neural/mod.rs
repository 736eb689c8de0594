//! Neural detectors: candle trains them, a fused path of our own scores with them.

mod columns;
mod gradients;
mod inputs;
mod kitsune;
mod layers;
mod losses;
mod ops;
mod pass;
mod training;
mod weights;

pub use columns::{Columns, TimingChannel};
pub use gradients::Completeness;
pub(crate) use kitsune::KitsuneHeader;
pub use kitsune::{Kitsune, KitsuneConfig, KitsuneParts};
pub use training::{EpochRecord, History, Monitor, Progress, Schedule, Stopped, TrainingConfig};
