//! One way through a network: training or scoring.

use crate::rng::Stream;

/// The state of a pass: training or scoring, and the random numbers of training.
#[derive(Debug)]
pub(crate) struct Pass {
    /// Draws dropout masks, noise and masked features; `None` while scoring, when nothing is random.
    pub(crate) random: Option<Stream>,
    /// Training steps before this one.
    pub(crate) step: u64,
}

impl Pass {
    /// Batch statistics, dropout and noise are on; all that is random follows from seed and step.
    pub(crate) fn training(seed: u64, step: u64) -> Self {
        Self { random: Some(Stream::new(seed, step)), step }
    }

    /// Running statistics, no dropout, no noise.
    pub(crate) fn scoring() -> Self {
        Self { random: None, step: 0 }
    }

    pub(crate) fn is_training(&self) -> bool {
        self.random.is_some()
    }
}
