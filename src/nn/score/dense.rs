//! Fully connected layers.

use super::lanes::{Lane, pack, pack_row, padded};
use super::product::Product;
use super::scratch::{take, with_scratch};
use super::values::{Values, named};
use crate::error::Result;
use crate::nn::config::Activation;
use crate::nn::kernels;
use crate::simd::Processor;

/// Rows that go through all layers together, so that they stay in the cache: a multiple of the rows of a high tile of
/// the product.
pub(crate) const TILE_ROWS: usize = 48;

/// `activation(x Wᵀ + b)`; the scaling of a batch norm may be part of `W` and `b`.
#[derive(Clone, Debug)]
pub(crate) struct Dense {
    inputs: usize,
    outputs: usize,
    weights: Vec<Lane>,
    bias: Vec<Lane>,
    activation: Option<Activation>,
}

impl Dense {
    /// Of the values `{at}.weight`, shape (outputs, inputs), and `{at}.bias`, shape (outputs).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) for a missing name and for another
    /// number of values.
    pub(crate) fn new(
        values: &Values<'_>,
        at: &str,
        [inputs, outputs]: [usize; 2],
        activation: Option<Activation>,
    ) -> Result<Self> {
        Self::read(values, at, None, [inputs, outputs], activation)
    }

    /// As [`Dense::new`], followed by the batch norm `{norm}` (with its running statistics) and then by the activation.
    ///
    /// # Errors
    ///
    /// As [`Dense::new`].
    pub(crate) fn with_batch_norm(
        values: &Values<'_>,
        at: &str,
        norm: &str,
        shape: [usize; 2],
        activation: Option<Activation>,
    ) -> Result<Self> {
        let norm = batch_norm(values, norm, shape[1])?;
        Self::read(values, at, Some(&norm), shape, activation)
    }

    /// `x Wᵀ`, with `weight` of shape (outputs, inputs).
    pub(crate) fn without_bias(weight: &[f32], [inputs, outputs]: [usize; 2]) -> Self {
        let of = |k: usize, column: usize| weight[column * inputs + k];
        Self::folded([inputs, outputs], of, &vec![0.0; outputs], None, None)
    }

    /// As [`Dense::new`], with each output times the `scale` of its own.
    ///
    /// # Errors
    ///
    /// As [`Dense::new`].
    pub(crate) fn scaled(values: &Values<'_>, at: &str, scale: &[f64], shape: [usize; 2]) -> Result<Self> {
        Self::read(values, at, Some(&(scale.to_vec(), vec![0.0; scale.len()])), shape, None)
    }

    fn read(
        values: &Values<'_>,
        at: &str,
        norm: Option<&Norm>,
        [inputs, outputs]: [usize; 2],
        activation: Option<Activation>,
    ) -> Result<Self> {
        let weight = named(values, &format!("{at}.weight"), inputs * outputs)?;
        let bias = named(values, &format!("{at}.bias"), outputs)?;
        let of = |k: usize, column: usize| weight[column * inputs + k];
        Ok(Self::folded([inputs, outputs], of, bias, norm, activation))
    }

    /// `weight(k, column)` is the weight of input `k` in output `column`.
    pub(super) fn folded(
        [inputs, outputs]: [usize; 2],
        weight: impl Fn(usize, usize) -> f32,
        bias: &[f32],
        norm: Option<&Norm>,
        activation: Option<Activation>,
    ) -> Self {
        let (weights, bias) = match norm {
            None => (pack(inputs, outputs, weight), pack_row(bias)),
            Some((scale, shift)) => {
                let scaled = |k: usize, column: usize| (f64::from(weight(k, column)) * scale[column]) as f32;
                let shifted = |(i, &bias): (usize, &f32)| (f64::from(bias) * scale[i] + shift[i]) as f32;
                let bias: Vec<f32> = bias.iter().enumerate().map(shifted).collect();
                (pack(inputs, outputs, scaled), pack_row(&bias))
            }
        };
        Self { inputs, outputs, weights, bias, activation }
    }

    pub(crate) fn inputs(&self) -> usize {
        self.inputs
    }

    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Shape (rows, inputs) → (rows, outputs), both row after row.
    ///
    /// # Panics
    ///
    /// If `x` is shorter than the rows of `out` need.
    pub(crate) fn forward(&self, x: &[f32], out: &mut [f32]) {
        self.forward_strided(x, self.inputs, out);
    }

    /// The same for rows of `x` that begin `stride` numbers apart.
    pub(super) fn forward_strided(&self, x: &[f32], stride: usize, out: &mut [f32]) {
        let product = Product {
            x,
            x_stride: stride,
            rows: out.len() / self.outputs.max(1),
            inputs: self.inputs,
            weights: &self.weights,
            start: &self.bias,
            columns: self.outputs,
            out_stride: self.outputs,
            relu: self.activation == Some(Activation::Relu),
        };
        product.write(Processor::best(), out);
        match self.activation {
            None | Some(Activation::Relu) => {}
            Some(Activation::Gelu) => kernels::gelu(out),
            Some(Activation::Tanh) => kernels::tanh(out),
        }
    }
}

/// The factor of each feature in a batch norm, and the shift after it.
pub(super) type Norm = (Vec<f64>, Vec<f64>);

/// The batch norm of the values under `at`, by its running statistics.
pub(super) fn batch_norm(values: &Values<'_>, at: &str, width: usize) -> Result<Norm> {
    let value = |name: &str| named(values, &format!("{at}.{name}"), width);
    let (weight, bias) = (value("weight")?, value("bias")?);
    let (mean, variance) = (value("running_mean")?, value("running_var")?);
    let scale: Vec<f64> = weight
        .iter()
        .zip(variance)
        .map(|(&w, &v)| f64::from(w) / (f64::from(v) + f64::from(kernels::EPSILON)).sqrt())
        .collect();
    let shift =
        bias.iter().zip(mean).zip(&scale).map(|((&b, &m), s)| f64::from(b) - f64::from(m) * s).collect();
    Ok((scale, shift))
}

/// Layers one after the other: a multi-layer perceptron, an encoder, a decoder.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    layers: Vec<Dense>,
    /// The widest place between two layers.
    widest: usize,
}

impl Chain {
    /// At least one layer, each as wide as the one before it gives out.
    pub(crate) fn new(layers: Vec<Dense>) -> Self {
        let widest = layers.iter().map(Dense::outputs).max().unwrap_or(0);
        Self { layers, widest }
    }

    pub(crate) fn inputs(&self) -> usize {
        self.layers.first().map_or(0, Dense::inputs)
    }

    /// Shape (rows, inputs) → (rows, outputs), both row after row.
    ///
    /// # Panics
    ///
    /// If `x` is shorter than the rows of `out` need.
    pub(crate) fn forward(&self, x: &[f32], out: &mut [f32]) {
        let Some((last, before)) = self.layers.split_last() else { return };
        let rows = (out.len() / last.outputs().max(1)).clamp(1, TILE_ROWS);
        with_scratch(2 * padded(rows * self.widest), |mut scratch| {
            let mut from = take(&mut scratch, rows * self.widest);
            let mut to = take(&mut scratch, rows * self.widest);
            let tiles =
                x.chunks(rows * self.inputs().max(1)).zip(out.chunks_mut(rows * last.outputs().max(1)));
            for (mut x, out) in tiles {
                let rows = out.len() / last.outputs().max(1);
                for layer in before {
                    layer.forward(x, &mut to[..rows * layer.outputs()]);
                    std::mem::swap(&mut from, &mut to);
                    x = &from[..rows * layer.outputs()];
                }
                last.forward(x, out);
            }
        });
    }
}

#[cfg(test)]
#[cfg(feature = "train")]
mod tests {
    use candle_core::{Device, Tensor};

    use super::*;
    use crate::nn::layers::{BatchNorm, Linear};
    use crate::nn::pass::Pass;
    use crate::nn::weights::Weights;
    use crate::rng::Stream;

    fn draw(n: usize) -> Vec<f32> {
        let mut random = Stream::new(3, n as u64);
        (0..n).map(|_| random.normal() as f32).collect()
    }

    fn assert_near(fused: &[f32], candle: &Tensor) {
        let candle = candle.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(fused.len(), candle.len());
        for (fused, candle) in fused.iter().zip(candle) {
            assert!((fused - candle).abs() < 1e-5, "{fused} {candle}");
        }
    }

    #[test]
    fn layers_equal_the_layers_of_training() {
        for [rows, inputs, outputs] in [[1, 5, 3], [17, 33, 65], [50, 16, 42]] {
            let mut weights = Weights::new(5);
            let linear = Linear::new(&mut weights, "linear", inputs, outputs).unwrap();
            let norm = BatchNorm::new(&mut weights, "norm", outputs).unwrap();
            let mut values = weights.values().unwrap();
            for name in ["weight", "bias", "running_mean", "running_var"] {
                let values = values.get_mut(&format!("norm.{name}")).unwrap();
                values.iter_mut().zip(draw(outputs)).for_each(|(value, other)| *value += 0.3 * other.abs());
            }
            weights.set(&values).unwrap();
            let x = draw(rows * inputs);
            let tensor = Tensor::from_slice(&x, (rows, inputs), &Device::Cpu).unwrap();
            let plain = linear.forward(&tensor).unwrap();
            let normed = norm.forward(&plain, &Pass::scoring()).unwrap();
            let mut out = vec![0.0; rows * outputs];
            for activation in [Activation::Relu, Activation::Gelu, Activation::Tanh] {
                let shape = [inputs, outputs];
                let dense = Dense::new(&Values::new(&values), "linear", shape, Some(activation)).unwrap();
                dense.forward(&x, &mut out);
                assert_near(&out, &activation.apply(&plain).unwrap());
                let dense =
                    Dense::with_batch_norm(&Values::new(&values), "linear", "norm", shape, Some(activation))
                        .unwrap();
                dense.forward(&x, &mut out);
                assert_near(&out, &activation.apply(&normed).unwrap());
            }
        }
    }

    #[test]
    fn weights_that_do_not_fit_are_rejected_by_name() {
        let all = [("a.weight".into(), vec![0.0; 6]), ("a.bias".into(), vec![0.0; 2])].into();
        let values = Values::new(&all);
        let error = |at: &str, shape| Dense::new(&values, at, shape, None).unwrap_err().to_string();
        assert_eq!(error("a", [4, 2]), "`a.weight` must be an array of 8, got 6 entries");
        assert_eq!(error("b", [4, 2]), "`b.weight` must be there, got nothing");
        assert!(Dense::new(&values, "a", [3, 2], None).is_ok());
    }
}
