//! Neural detectors: candle trains them, a fused path of our own scores with them.

mod autoencoder;
mod classifier;
mod columns;
mod device;
mod fused;
mod gate;
mod gradients;
mod inputs;
mod kernels;
mod kitsune;
mod layers;
mod losses;
mod mixture;
mod networks;
mod ops;
mod partial;
mod pass;
mod simd;
#[cfg(test)]
mod testing;
mod training;
mod weights;

pub use autoencoder::{
    Autoencoder, AutoencoderConfig, AutoencoderParts, EntityAutoencoders, EntityAutoencodersConfig,
    EntityAutoencodersParts, EntityColumn, ErrorForm, Variational,
};
pub(crate) use autoencoder::{AutoencoderHeader, EntityAutoencodersHeader};
pub(crate) use classifier::NeuralClassifierHeader;
pub use classifier::{NeuralClassifier, NeuralClassifierConfig, NeuralClassifierParts, PretrainingConfig};
pub use columns::{Columns, TimingChannel};
pub use device::{Device, Precision};
pub use gate::GateConfig;
pub use gradients::Completeness;
pub(crate) use kitsune::KitsuneHeader;
pub use kitsune::{Kitsune, KitsuneConfig, KitsuneParts};
pub use layers::Activation;
pub(crate) use mixture::MixtureOfExpertsHeader;
pub use mixture::{
    Choice, ExpertConfig, ExpertReport, MixtureOfExperts, MixtureOfExpertsConfig, MixtureReport, Quality,
};
pub use networks::{
    Architecture, ExpertNetworkConfig, FtTransformerConfig, MixtureNetworkConfig, MlpConfig,
    TemporalCnnConfig, TimingLayout,
};
pub use training::{Checkpoint, History, Schedule, Stopped, TrainingConfig};
