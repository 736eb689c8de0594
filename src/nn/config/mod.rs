//! Settings of networks and of their training, as programs and guard files write them.

mod activation;
mod architecture;
mod check;
mod device;
mod ft_transformer;
mod gate;
mod mixture;
mod mlp;
pub(crate) mod partial;
mod schedule;
mod temporal_cnn;
mod training;

pub use activation::Activation;
pub use architecture::Architecture;
pub(crate) use architecture::Build;
pub use device::{Device, Precision};
pub use ft_transformer::FtTransformerConfig;
pub(crate) use gate::GATE_ALIASES;
pub use gate::GateConfig;
pub use mixture::{ExpertNetworkConfig, MixtureNetworkConfig};
pub use mlp::MlpConfig;
pub use schedule::Schedule;
pub use temporal_cnn::{TemporalCnnConfig, TimingLayout};
pub use training::TrainingConfig;
