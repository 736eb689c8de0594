//! Networks: settings, weights and scoring in every build; layers, gradients and training with the feature `train`.

/// Evaluates an expression that needs candle; a build without the feature `train` returns
/// [`Error::Unsupported`](crate::Error::Unsupported) for `what` instead.
macro_rules! with_train {
    ($what:literal, [$($unused:expr),* $(,)?], $value:expr) => {{
        #[cfg(feature = "train")]
        {
            $value
        }
        #[cfg(not(feature = "train"))]
        {
            let _ = ($(&$unused,)*);
            Err(crate::error::Error::unsupported($what, "train"))
        }
    }};
}
pub(crate) use with_train;

pub(crate) mod checkpoint;
pub(crate) mod columns;
pub(crate) mod config;
pub(crate) mod history;
pub(crate) mod inputs;
pub(crate) mod kernels;
pub(crate) mod score;
mod timing_grid;

#[cfg(feature = "train")]
pub(crate) mod batch;
#[cfg(feature = "train")]
pub(crate) mod gate;
#[cfg(feature = "train")]
pub(crate) mod gradients;
#[cfg(feature = "train")]
pub(crate) mod layers;
#[cfg(feature = "train")]
pub(crate) mod losses;
#[cfg(feature = "train")]
pub(crate) mod networks;
#[cfg(feature = "train")]
pub(crate) mod ops;
#[cfg(feature = "train")]
pub(crate) mod pass;
#[cfg(feature = "train")]
pub(crate) mod place;
#[cfg(test)]
#[cfg(feature = "train")]
pub(crate) mod testing;
#[cfg(feature = "train")]
pub(crate) mod train;
#[cfg(feature = "train")]
pub(crate) mod weights;

pub use checkpoint::Checkpoint;
pub use columns::{Columns, TimingChannel};
pub use config::{
    Activation, Architecture, Device, ExpertNetworkConfig, FtTransformerConfig, GateConfig,
    MixtureNetworkConfig, MlpConfig, Precision, Schedule, TemporalCnnConfig, TimingLayout, TrainingConfig,
};
#[cfg(feature = "train")]
pub use gradients::Completeness;
pub use history::{History, Stopped};
