//! Networks: their layers, weights and settings, training with candle, and scoring without it.

pub(crate) mod columns;
pub(crate) mod device;
pub(crate) mod gate;
pub(crate) mod gradients;
pub(crate) mod inputs;
pub(crate) mod kernels;
pub(crate) mod layers;
pub(crate) mod losses;
pub(crate) mod networks;
pub(crate) mod ops;
pub(crate) mod partial;
pub(crate) mod pass;
pub(crate) mod score;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod train;
pub(crate) mod weights;

pub use columns::{Columns, TimingChannel};
pub use device::{Device, Precision};
pub use gate::GateConfig;
pub use gradients::Completeness;
pub use layers::Activation;
pub use networks::{
    Architecture, ExpertNetworkConfig, FtTransformerConfig, MixtureNetworkConfig, MlpConfig,
    TemporalCnnConfig, TimingLayout,
};
pub use train::{Checkpoint, History, Schedule, Stopped, TrainingConfig};
