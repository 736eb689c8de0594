//! Neural detectors: candle trains them, a fused path of our own scores with them.

mod columns;
mod fused;
mod inputs;
mod layers;
mod losses;
mod ops;
mod pass;
mod training;
mod weights;

mod kernels;
mod simd;

pub use columns::{Columns, TimingChannel};
pub use training::{EpochRecord, History, Monitor, Progress, Schedule, Stopped, TrainingConfig};
