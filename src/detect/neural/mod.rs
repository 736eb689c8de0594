//! Neural detectors: candle trains them, a fused path of our own scores with them.

mod columns;
mod inputs;
mod layers;
mod losses;
mod ops;
mod pass;
#[cfg(test)]
mod testing;
mod training;
mod weights;

mod kernels;
mod simd;

pub use columns::{Columns, TimingChannel};
pub use training::{Checkpoint, EpochRecord, History, Monitor, Progress, Schedule, Stopped, TrainingConfig};
