//! Neural detectors: candle trains them, a fused path of our own scores with them.

mod autoencoder;
mod classifier;
mod columns;
mod fused;
mod gate;
mod gradients;
mod inputs;
mod kernels;
mod layers;
mod losses;
mod networks;
mod ops;
mod pass;
mod simd;
#[cfg(test)]
mod testing;
mod training;
mod weights;

pub use autoencoder::{
    Autoencoder, AutoencoderConfig, AutoencoderParts, EntityAutoencoders, EntityAutoencodersConfig,
    EntityAutoencodersParts, ErrorForm, Variational,
};
pub use classifier::{NeuralClassifier, NeuralClassifierConfig, NeuralClassifierParts, PretrainingConfig};
pub use columns::{Columns, TimingChannel};
pub use gate::GateConfig;
pub use gradients::Completeness;
pub use layers::Activation;
pub use networks::{
    Architecture, ExpertNetworkConfig, FtTransformerConfig, MixtureNetworkConfig, MlpConfig,
    TemporalCnnConfig, TimingLayout,
};
pub use training::{Checkpoint, EpochRecord, History, Monitor, Progress, Schedule, Stopped, TrainingConfig};
