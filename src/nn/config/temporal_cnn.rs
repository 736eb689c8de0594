//! Settings of a convolutional network over the statistics of time.

use serde::{Deserialize, Serialize};

use super::check;
use crate::error::{Error, Result};

/// How the statistics of time are laid out for a convolution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TimingLayout {
    /// One channel for each direction, one position for each statistic, so that each filter reads the same statistics
    /// of all directions together. A missing statistic is 0, its mean.
    #[default]
    Directions,
    /// One channel with all statistics that exist, one after the other.
    OneChannel,
}

/// Settings of a convolutional network over the statistics of time, which [`Columns::timing`](crate::detect::Columns::timing) names.
///
/// Conv1d–BatchNorm–ReLU–Dropout for each entry of `channels`, a Linear and a layer norm. The Linear reads every position
/// separately, so the statistics stay distinguishable; with `pool` it reads the mean over the positions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TemporalCnnConfig {
    /// How the statistics are laid out.
    pub layout: TimingLayout,
    /// Output channels of each convolution, at least one entry, each in 1..=4096.
    pub channels: Vec<usize>,
    /// Positions that a filter covers, odd, in 1..=31.
    pub kernel: usize,
    /// Whether the mean over the positions is taken; the statistics are then not distinguishable.
    pub pool: bool,
    /// Width of the output, in 1..=4096.
    pub width: usize,
    /// Dropout rate of the hidden layers in training, in [0, 1).
    pub dropout: f32,
}

impl Default for TemporalCnnConfig {
    fn default() -> Self {
        Self {
            layout: TimingLayout::Directions,
            channels: vec![32, 32],
            kernel: 3,
            pool: false,
            width: 32,
            dropout: 0.1,
        }
    }
}

impl TemporalCnnConfig {
    pub(super) fn validate(&self, at: &str) -> Result<()> {
        check::widths(&format!("{at}.channels"), &self.channels)?;
        if self.kernel.is_multiple_of(2) || self.kernel > 31 {
            return Err(Error::invalid(format!("{at}.kernel"), "odd, in 1..=31", self.kernel));
        }
        check::width(&format!("{at}.width"), self.width)?;
        check::dropout(&format!("{at}.dropout"), self.dropout)
    }
}
