//! A one-dimensional convolution over the statistics of time.

use candle_core::{Tensor, Var};

use crate::error::Result;
use crate::nn::batch::Batch;
use crate::nn::columns::Columns;
use crate::nn::config::TemporalCnnConfig;
use crate::nn::inputs::Inputs;
use crate::nn::layers::{self, BatchNorm, LayerNorm, Linear};
use crate::nn::ops;
use crate::nn::pass::Pass;
use crate::nn::timing_grid::Grid;
use crate::nn::weights::{Init, Weights};

/// A convolution over positions, as a linear map of each position and its neighbours.
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
    /// The index of the statistic at each position and channel; the number of statistics for an empty cell.
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
    /// The names of the weights begin with `{at}.layers.{i}.conv`, `{at}.layers.{i}.norm`, `{at}.linear` and `{at}.norm`.
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
        let owners = grid.numbers.iter().map(|&number| inputs.numbers[number as usize].feature).collect();
        let n = grid.numbers.len();
        let cells = grid.slots.len();
        Ok(Self {
            numbers: weights.place().tensor(grid.numbers, n)?,
            owners,
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
