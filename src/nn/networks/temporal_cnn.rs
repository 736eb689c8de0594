//! A one-dimensional convolution over the statistics of time.

use candle_core::{Tensor, Var};
use serde::{Deserialize, Serialize};

use super::check;
use crate::error::{Error, Result};
use crate::nn::columns::Columns;
use crate::nn::inputs::{Batch, Inputs};
use crate::nn::layers::{self, BatchNorm, LayerNorm, Linear};
use crate::nn::ops;
use crate::nn::pass::Pass;
use crate::nn::weights::{Init, Weights};

/// How the statistics of time are laid out for a convolution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TimingLayout {
    /// One channel for each direction, one position for each statistic, so that each filter sees the same
    /// statistics of all directions side by side. A statistic that is not there is 0, its mean.
    #[default]
    Directions,
    /// One channel, in which all statistics that are there stand one after the other.
    OneChannel,
}

/// Settings of a convolutional network over the statistics of time, which [`Columns::timing`] names.
///
/// Conv1d–BatchNorm–ReLU–Dropout for each entry of `channels`, a Linear and a layer norm. The Linear sees every
/// position, so that it can tell which statistic is which; `pool` takes the mean over the positions before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TemporalCnnConfig {
    /// How the statistics are laid out.
    pub layout: TimingLayout,
    /// Channels that come out of each convolution, at least one entry, each in 1..=4096.
    pub channels: Vec<usize>,
    /// Positions that a filter sees, odd, in 1..=31.
    pub kernel: usize,
    /// Whether the mean over the positions is taken, which forgets which statistic was which.
    pub pool: bool,
    /// Width of what comes out, in 1..=4096.
    pub width: usize,
    /// Share of the hidden numbers that training sets to 0, in [0, 1).
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
        check::share(&format!("{at}.dropout"), self.dropout)
    }
}

/// A convolution over positions, as a linear map of what each position and its neighbours hold.
#[derive(Clone, Debug)]
struct Conv {
    /// (channels out, channels in, kernel), as in PyTorch
    weight: Var,
    bias: Var,
    norm: BatchNorm,
}

impl Conv {
    fn new(weights: &mut Weights, at: &str, inputs: usize, outputs: usize, kernel: usize) -> Result<Self> {
        let init = Init::Uniform { inputs: inputs * kernel };
        let weight = weights.weight(&format!("{at}.conv.weight"), &[outputs, inputs, kernel], init)?;
        let bias = weights.weight(&format!("{at}.conv.bias"), &[outputs], init)?;
        Ok(Self { weight, bias, norm: BatchNorm::new(weights, &format!("{at}.norm"), outputs)? })
    }

    /// Shape (rows, positions, channels in) → (rows, positions, channels out), before the activation.
    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        let (outputs, inputs, kernel) = self.weight.dims3()?;
        let (rows, positions, _) = x.dims3()?;
        let padded = x.pad_with_zeros(1, kernel / 2, kernel / 2)?;
        let windows = (0..kernel).map(|k| padded.narrow(1, k, positions)).collect::<Result<Vec<_>, _>>()?;
        let windows = Tensor::stack(&windows, 3)?.reshape((rows * positions, inputs * kernel))?;
        let y = ops::linear(&windows, &self.weight.reshape((outputs, inputs * kernel))?, &self.bias)?;
        Ok(self.norm.forward(&y, pass)?.reshape((rows, positions, outputs))?)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct TemporalCnn {
    /// Positions of the statistics among the numbers of a batch.
    numbers: Tensor,
    /// The column of the matrix of each statistic.
    owners: Vec<usize>,
    /// For each position and channel the statistic that stands there; the number of statistics where none does.
    slots: Tensor,
    /// (positions, channels)
    shape: (usize, usize),
    convs: Vec<Conv>,
    linear: Linear,
    norm: LayerNorm,
    pool: bool,
    dropout: f32,
}

impl TemporalCnn {
    /// The weights stand under `{at}.layers.{i}.conv`, `{at}.layers.{i}.norm`, `{at}.linear` and `{at}.norm`.
    pub(super) fn new(
        weights: &mut Weights,
        at: &str,
        inputs: &Inputs,
        columns: Option<&Columns>,
        config: &TemporalCnnConfig,
    ) -> Result<Self> {
        let grid = Grid::new(inputs, columns, config.layout)?;
        let (positions, mut channels) = grid.shape;
        let mut convs = Vec::new();
        for (i, &next) in config.channels.iter().enumerate() {
            convs.push(Conv::new(weights, &format!("{at}.layers.{i}"), channels, next, config.kernel)?);
            channels = next;
        }
        let width = if config.pool { channels } else { positions * channels };
        let n = grid.numbers.len();
        let cells = grid.slots.len();
        Ok(Self {
            numbers: weights.place().tensor(grid.numbers, n)?,
            owners: grid.owners,
            slots: weights.place().tensor(grid.slots, cells)?,
            shape: grid.shape,
            convs,
            linear: Linear::new(weights, &format!("{at}.linear"), width, config.width)?,
            norm: LayerNorm::new(weights, &format!("{at}.norm"), config.width)?,
            pool: config.pool,
            dropout: config.dropout,
        })
    }

    pub(super) fn owners(&self) -> &[usize] {
        &self.owners
    }

    /// The statistics of a batch, (rows, statistics).
    pub(super) fn embed(&self, batch: &Batch) -> Result<Tensor> {
        Ok(batch.numbers.index_select(&self.numbers, 1)?)
    }

    /// Statistics → (rows, width).
    pub(super) fn forward(&self, flat: &Tensor, pass: &mut Pass) -> Result<Tensor> {
        let rows = flat.dim(0)?;
        let (positions, channels) = self.shape;
        let cells = flat.pad_with_zeros(1, 0, 1)?.index_select(&self.slots, 1)?;
        let mut x = cells.reshape((rows, positions, channels))?;
        for conv in &self.convs {
            x = layers::dropout(&ops::relu(&conv.forward(&x, pass)?)?, self.dropout, pass)?;
        }
        let x = if self.pool { x.mean(1)? } else { x.flatten_from(1)? };
        self.norm.forward(&self.linear.forward(&x)?)
    }
}

/// Where the statistics stand.
pub(super) struct Grid {
    /// Positions of the statistics among the numbers of a batch.
    pub(super) numbers: Vec<u32>,
    owners: Vec<usize>,
    /// For each position and channel the statistic that stands there; the number of statistics where none does.
    pub(super) slots: Vec<u32>,
    /// (positions, channels)
    pub(super) shape: (usize, usize),
}

impl Grid {
    pub(super) fn new(inputs: &Inputs, columns: Option<&Columns>, layout: TimingLayout) -> Result<Self> {
        let timing = columns.map(|columns| columns.timing.as_slice()).unwrap_or_default();
        let (mut numbers, mut owners) = (Vec::new(), Vec::new());
        // For each channel, which statistic stands at each position.
        let mut grid: Vec<Vec<Option<u32>>> = Vec::new();
        for (i, channel) in timing.iter().enumerate() {
            let mut places = Vec::new();
            for (j, column) in channel.columns.iter().enumerate() {
                places.push(match column {
                    None => None,
                    Some(column) => {
                        let Some(number) = inputs.numbers.iter().position(|of| of.feature == *column) else {
                            let name = format!("columns.timing[{i}].columns[{j}]");
                            let expected = format!("a column of numbers below {}", inputs.n_features);
                            return Err(Error::invalid(name, expected, column));
                        };
                        numbers.push(number as u32);
                        owners.push(*column);
                        Some(numbers.len() as u32 - 1)
                    }
                });
            }
            grid.push(places);
        }
        if numbers.is_empty() {
            let expected =
                "the statistics of time that a temporal CNN reads, such as a column `Flow IAT Mean`";
            return Err(Error::invalid("columns.timing", expected, "none"));
        }
        let positions = grid[0].len();
        if let Some(i) = grid.iter().position(|places| places.len() != positions) {
            let (name, got) = (format!("columns.timing[{i}].columns"), grid[i].len());
            return Err(Error::invalid(name, format!("{positions} long, as that of the first channel"), got));
        }
        let empty = numbers.len() as u32;
        let (slots, shape) = match layout {
            TimingLayout::OneChannel => ((0..empty).collect(), (numbers.len(), 1)),
            TimingLayout::Directions => {
                let cell = |position: usize| grid.iter().map(move |places| places[position].unwrap_or(empty));
                ((0..positions).flat_map(cell).collect(), (positions, grid.len()))
            }
        };
        Ok(Self { numbers, owners, slots, shape })
    }
}
