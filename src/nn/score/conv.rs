//! Convolutions over positions.

use super::dense::{Dense, batch_norm};
use super::lanes::padded;
use super::norm::LayerNorm;
use super::scratch::{take, with_scratch};
use super::values::{Values, named};
use crate::error::Result;
use crate::nn::config::Activation;

/// Rows that go through all layers together, so that they stay in the cache.
const TILE_ROWS: usize = 16;

/// A convolution with a batch norm in it and `max(0, x)` behind it, as wide as it needs to keep the positions.
///
/// Rows are laid out as (positions, channels), so the inputs of a filter are contiguous.
#[derive(Clone, Debug)]
struct Conv {
    dense: Dense,
    inputs: usize,
    outputs: usize,
}

impl Conv {
    /// Of the values `{at}.conv.weight`, shape (outputs, inputs, kernel), `{at}.conv.bias` and `{at}.norm`.
    fn new(values: &Values<'_>, at: &str, [inputs, outputs]: [usize; 2], kernel: usize) -> Result<Self> {
        let weight = named(values, &format!("{at}.conv.weight"), outputs * inputs * kernel)?;
        let bias = named(values, &format!("{at}.conv.bias"), outputs)?;
        let norm = batch_norm(values, &format!("{at}.norm"), outputs)?;
        // PyTorch's kernel is the innermost dimension; here the channels are.
        let at = |k: usize, column: usize| weight[(column * inputs + k % inputs) * kernel + k / inputs];
        let shape = [inputs * kernel, outputs];
        Ok(Self {
            dense: Dense::folded(shape, at, bias, Some(&norm), Some(Activation::Relu)),
            inputs,
            outputs,
        })
    }
}

/// Sizes of a [`TemporalCnn`].
#[derive(Clone, Debug)]
pub(crate) struct CnnSizes {
    pub(crate) positions: usize,
    /// Into the first convolution, and out of each one.
    pub(crate) channels: Vec<usize>,
    /// Odd.
    pub(crate) kernel: usize,
    /// Whether the mean over the positions is taken.
    pub(crate) pool: bool,
    pub(crate) width: usize,
}

/// Convolutions, a mean over the positions where it is asked for, a linear layer and a layer norm.
#[derive(Clone, Debug)]
pub(crate) struct TemporalCnn {
    positions: usize,
    /// Positions that are 0 before the first and after the last one.
    margin: usize,
    inputs: usize,
    convs: Vec<Conv>,
    pool: bool,
    linear: Dense,
    norm: LayerNorm,
}

impl TemporalCnn {
    /// Of the values under `{at}.layers.{i}`, `{at}.linear` and `{at}.norm`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) for a name that is not there and for another
    /// number of values.
    pub(crate) fn new(values: &Values<'_>, at: &str, sizes: &CnnSizes) -> Result<Self> {
        let conv = |(i, channels): (usize, &[usize])| {
            Conv::new(values, &format!("{at}.layers.{i}"), [channels[0], channels[1]], sizes.kernel)
        };
        let convs = sizes.channels.windows(2).enumerate().map(conv).collect::<Result<Vec<_>>>()?;
        let last = sizes.channels.last().copied().unwrap_or_default();
        let inputs = if sizes.pool { last } else { sizes.positions * last };
        Ok(Self {
            positions: sizes.positions,
            margin: sizes.kernel / 2,
            inputs: sizes.positions * sizes.channels.first().copied().unwrap_or_default(),
            convs,
            pool: sizes.pool,
            linear: Dense::new(values, &format!("{at}.linear"), [inputs, sizes.width], None)?,
            norm: LayerNorm::new(values, &format!("{at}.norm"), sizes.width)?,
        })
    }

    /// Shape (rows, positions, channels) → (rows, width).
    pub(crate) fn forward(&self, x: &[f32], out: &mut [f32]) {
        let width = self.linear.outputs();
        let rows = (out.len() / width).clamp(1, TILE_ROWS);
        let channels = self.convs.iter().map(|conv| conv.inputs.max(conv.outputs)).max().unwrap_or(0);
        let cells = (self.positions + 2 * self.margin) * channels;
        let size = 2 * padded(cells) + padded(rows * self.linear.inputs()) + padded(rows * width);
        with_scratch(size, |mut scratch| {
            let mut from = take(&mut scratch, cells);
            let mut to = take(&mut scratch, cells);
            let flat = take(&mut scratch, rows * self.linear.inputs());
            for (x, out) in x.chunks(rows * self.inputs).zip(out.chunks_mut(rows * width)) {
                let rows = out.len() / width;
                let flat = &mut flat[..rows * self.linear.inputs()];
                for (x, flat) in x.chunks_exact(self.inputs).zip(flat.chunks_exact_mut(self.linear.inputs()))
                {
                    self.convolve(x, [&mut from, &mut to], flat);
                }
                let linear = &mut scratch[..rows * width];
                self.linear.forward(flat, linear);
                self.norm.forward(linear, out);
            }
        });
    }

    /// One row through all convolutions and the pool.
    #[allow(clippy::mut_mut, reason = "the two memories change places")]
    fn convolve(&self, x: &[f32], [from, to]: [&mut &mut [f32]; 2], out: &mut [f32]) {
        let mut width = self.inputs / self.positions.max(1);
        let channels = width;
        from[self.margin * channels..][..x.len()].copy_from_slice(x);
        for conv in &self.convs {
            let (margin, inside) = (self.margin * conv.inputs, self.positions * conv.inputs);
            from[..margin].fill(0.0);
            from[margin + inside..][..margin].fill(0.0);
            let next = &mut to[self.margin * conv.outputs..][..self.positions * conv.outputs];
            conv.dense.forward_strided(from, conv.inputs, next);
            std::mem::swap(from, to);
            width = conv.outputs;
        }
        let x = &from[self.margin * width..][..self.positions * width];
        if self.pool {
            out.fill(0.0);
            for x in x.chunks_exact(width) {
                out.iter_mut().zip(x).for_each(|(out, x)| *out += x);
            }
            for out in out {
                *out /= self.positions as f32;
            }
        } else {
            out.copy_from_slice(x);
        }
    }
}
