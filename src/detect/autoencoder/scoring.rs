//! The network, laid out for scoring.

use std::collections::BTreeMap;

use ndarray::ArrayView2;

use super::config::AutoencoderConfig;
use crate::error::Result;
use crate::nn::inputs::{CategoryInput, Inputs};
use crate::nn::kernels::{exp_of, sum};
use crate::nn::score::{Dense, Scaling, TILE_ROWS, Values, named, padded, take, with_scratch};
use crate::simd::wide;

/// Log-variances are clamped to this.
pub(super) const MAX_LOG_VARIANCE: f32 = 20.0;

/// Length of the vector of a category: `min(max(4, codes / 2), 16)`.
pub(super) fn embedding_width(input: &CategoryInput) -> usize {
    (input.cardinality() / 2).clamp(4, 16)
}

/// The layers of a trained autoencoder, without candle.
#[derive(Clone, Debug)]
pub(super) struct Scorer {
    numbers: usize,
    scaling: Scaling,
    /// The width of each embedding, and its vectors.
    tables: Vec<(usize, Vec<f32>)>,
    encoder: Vec<Dense>,
    latent: Dense,
    log_variance: Option<Dense>,
    skip: Option<Dense>,
    decoder: Vec<Dense>,
    number_head: Option<Dense>,
    category_heads: Vec<Dense>,
    /// The points of the standard normal distribution at which every row's code is taken; none takes the mean.
    draws: Vec<Vec<f32>>,
    /// Of the input, and of the widest layer between two others.
    widths: [usize; 2],
}

/// One tile between two layers.
struct Memory<'a> {
    input: &'a mut [f32],
    codes: &'a mut [f32],
    from: &'a mut [f32],
    to: &'a mut [f32],
    mean: &'a mut [f32],
    deviation: &'a mut [f32],
}

impl Scorer {
    /// # Errors
    ///
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) that names a weight that is missing, has another
    /// number of values or one that is not finite, or that the network does not have.
    pub(super) fn new(
        weights: &BTreeMap<String, Vec<f32>>,
        config: &AutoencoderConfig,
        inputs: &Inputs,
        draws: Vec<Vec<f32>>,
    ) -> Result<Self> {
        let values = &Values::new(weights);
        let mut tables = Vec::new();
        for (i, input) in inputs.categories.iter().enumerate() {
            let width = embedding_width(input);
            let table = named(values, &format!("embeddings.{i}.weight"), input.cardinality() * width)?;
            tables.push((width, table.to_vec()));
        }
        let width = inputs.numbers.len() + tables.iter().map(|(width, _)| width).sum::<usize>();
        let layers = |at: &str, mut inputs: usize, widths: &mut dyn Iterator<Item = usize>| {
            let mut layers = Vec::new();
            for (i, width) in widths.enumerate() {
                let linear = format!("{at}.{i}.linear");
                let (shape, activation) = ([inputs, width], Some(config.activation));
                layers.push(if config.batch_norm {
                    Dense::with_batch_norm(values, &linear, &format!("{at}.{i}.norm"), shape, activation)?
                } else {
                    Dense::new(values, &linear, shape, activation)?
                });
                inputs = width;
            }
            Ok::<_, crate::Error>(layers)
        };
        let inner = [config.widths.last().copied().unwrap_or(width), config.latent];
        let outer = config.widths.first().copied().unwrap_or(config.latent);
        let log_variance = config
            .variational
            .as_ref()
            .map(|_| Dense::new(values, "log_variance", inner, None))
            .transpose()?;
        let number_head = match inputs.numbers.len() {
            0 => None,
            n => Some(Dense::new(values, "numbers", [outer, n], None)?),
        };
        let head = |(i, input): (usize, &CategoryInput)| {
            Dense::new(values, &format!("categories.{i}"), [outer, input.cardinality()], None)
        };
        let category_heads = inputs.categories.iter().enumerate().map(head).collect::<Result<Vec<_>>>()?;
        let heads = number_head.iter().chain(&category_heads).map(Dense::outputs);
        let widest = config.widths.iter().copied().chain([width, config.latent]).chain(heads).max();
        let scorer = Self {
            numbers: inputs.numbers.len(),
            scaling: Scaling::new(inputs),
            encoder: layers("encoder", width, &mut config.widths.iter().copied())?,
            latent: Dense::new(values, "latent", inner, None)?,
            log_variance,
            skip: if config.skip { Some(skip(values, [width, config.latent])?) } else { None },
            decoder: layers("decoder", config.latent, &mut config.widths.iter().rev().copied())?,
            number_head,
            category_heads,
            tables,
            draws,
            widths: [width, widest.unwrap_or_default()],
        };
        values.finish()?;
        Ok(scorer)
    }

    /// Columns that have an error: numbers, then categories.
    pub(super) fn columns(&self) -> usize {
        self.numbers + self.tables.len()
    }

    /// The error of each column of each row, row after row: `(x − x̂)²` of the numbers, then `−ln p(code)` of the
    /// categories.
    pub(super) fn errors(&self, inputs: &Inputs, x: &ArrayView2<'_, f32>, out: &mut [f32]) {
        let rows = x.nrows().min(TILE_ROWS);
        let [width, widest] = self.widths;
        let (wide, code) = (rows * widest, rows * self.latent.outputs());
        let sizes = [rows * width, rows * self.tables.len(), wide, wide, code, code];
        with_scratch(sizes.into_iter().map(padded).sum(), |mut scratch| {
            let [input, codes, from, to, mean, deviation] = sizes.map(|n| take(&mut scratch, n));
            let mut memory = Memory { input, codes, from, to, mean, deviation };
            let tiles = x.axis_chunks_iter(ndarray::Axis(0), TILE_ROWS);
            for (x, out) in tiles.zip(out.chunks_mut(TILE_ROWS * self.columns())) {
                self.tile(inputs, &x, &mut memory, out);
            }
        });
    }

    fn tile(&self, inputs: &Inputs, x: &ArrayView2<'_, f32>, memory: &mut Memory<'_>, out: &mut [f32]) {
        let rows = x.nrows();
        self.embed(inputs, x, memory);
        let code = rows * self.latent.outputs();
        let input = &memory.input[..rows * self.widths[0]];
        let hidden = through(&self.encoder, rows, input, [&mut memory.from, &mut memory.to]);
        self.latent.forward(hidden, &mut memory.mean[..code]);
        if let Some(log_variance) = self.log_variance.as_ref().filter(|_| !self.draws.is_empty()) {
            log_variance.forward(hidden, &mut memory.deviation[..code]);
            for v in &mut memory.deviation[..code] {
                *v = (0.5 * v.clamp(-MAX_LOG_VARIANCE, MAX_LOG_VARIANCE)).exp();
            }
        }
        if let Some(skip) = &self.skip {
            skip.forward(input, &mut memory.to[..code]);
            memory.mean[..code].iter_mut().zip(&*memory.to).for_each(|(mean, add)| *mean += add);
        }
        out.fill(0.0);
        if self.draws.is_empty() {
            self.decode(rows, None, memory, out);
        }
        for draw in &self.draws {
            self.decode(rows, Some(draw), memory, out);
        }
    }

    /// The numbers and the vectors of the categories of a tile, side by side.
    fn embed(&self, inputs: &Inputs, x: &ArrayView2<'_, f32>, memory: &mut Memory<'_>) {
        for (i, row) in x.rows().into_iter().enumerate() {
            let flat = &mut memory.input[i * self.widths[0]..][..self.widths[0]];
            let (numbers, mut vectors) = flat.split_at_mut(self.numbers);
            self.scaling.write(row, numbers);
            let codes = &mut memory.codes[i * self.tables.len()..][..self.tables.len()];
            for (((width, table), input), kept) in self.tables.iter().zip(&inputs.categories).zip(codes) {
                let code = input.code(row[input.feature]);
                *kept = code as f32;
                let (vector, rest) = vectors.split_at_mut(*width);
                vector.copy_from_slice(&table[code as usize * width..][..*width]);
                vectors = rest;
            }
        }
    }

    /// From the code of a tile to its errors, which are added to `out`, divided by the number of draws.
    fn decode(&self, rows: usize, draw: Option<&Vec<f32>>, memory: &mut Memory<'_>, out: &mut [f32]) {
        let latent = self.latent.outputs();
        let share = 1.0 / self.draws.len().max(1) as f32;
        let code = &mut memory.to[..rows * latent];
        code.copy_from_slice(&memory.mean[..rows * latent]);
        if let Some(draw) = draw {
            let deviations = memory.deviation.chunks_exact(latent);
            for (code, deviations) in code.chunks_exact_mut(latent).zip(deviations) {
                for ((code, deviation), draw) in code.iter_mut().zip(deviations).zip(draw) {
                    *code += deviation * draw;
                }
            }
        }
        std::mem::swap(&mut memory.from, &mut memory.to);
        let mut width = latent;
        for layer in &self.decoder {
            layer.forward(&memory.from[..rows * width], &mut memory.to[..rows * layer.outputs()]);
            std::mem::swap(&mut memory.from, &mut memory.to);
            width = layer.outputs();
        }
        let hidden = &memory.from[..rows * width];
        if let Some(head) = &self.number_head {
            let heads = &mut memory.to[..rows * self.numbers];
            head.forward(hidden, heads);
            let inputs = memory.input.chunks_exact(self.widths[0]);
            for ((out, head), input) in
                out.chunks_exact_mut(self.columns()).zip(heads.chunks_exact(self.numbers)).zip(inputs)
            {
                add_squares(head, input, share, out);
            }
        }
        for (i, head) in self.category_heads.iter().enumerate() {
            let logits = &mut memory.to[..rows * head.outputs()];
            head.forward(hidden, logits);
            for (row, logits) in logits.chunks_exact(head.outputs()).enumerate() {
                let code = memory.codes[row * self.tables.len() + i] as usize;
                out[row * self.columns() + self.numbers + i] += (log_sum_exp(logits) - logits[code]) * share;
            }
        }
    }
}

/// `s · W`, as a layer without a bias.
fn skip(values: &Values<'_>, [inputs, outputs]: [usize; 2]) -> Result<Dense> {
    let weight = named(values, "skip.weight", inputs * outputs)?;
    let strength = named(values, "skip.strength", 1)?[0];
    let weight: Vec<f32> = weight.iter().map(|weight| weight * strength).collect();
    Ok(Dense::without_bias(&weight, [inputs, outputs]))
}

/// The output of the last of some layers.
#[allow(clippy::mut_mut, reason = "the two memories change places")]
fn through<'a>(
    layers: &[Dense],
    rows: usize,
    input: &'a [f32],
    [from, to]: [&'a mut &mut [f32]; 2],
) -> &'a [f32] {
    let Some((first, others)) = layers.split_first() else { return input };
    let mut width = first.outputs();
    first.forward(input, &mut from[..rows * width]);
    for layer in others {
        layer.forward(&from[..rows * width], &mut to[..rows * layer.outputs()]);
        std::mem::swap(from, to);
        width = layer.outputs();
    }
    &from[..rows * width]
}

wide! {
    /// `out += share · (x − y)²`; `out` may be longer.
    fn add_squares(x: &[f32], y: &[f32], share: f32, out: &mut [f32]) {
        for ((out, x), y) in out.iter_mut().zip(x).zip(y) {
            *out += (x - y) * (x - y) * share;
        }
    }

    /// `ln Σ eˣ`.
    fn log_sum_exp(x: &[f32]) -> f32 {
        let most = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        most + sum(x, |x| exp_of(x - most)).ln()
    }
}

#[cfg(test)]
#[cfg(feature = "train")]
mod tests {
    use ndarray::Array2;

    use super::super::Autoencoder;
    use super::super::network::Network;
    use super::super::noise::draws;
    use super::*;
    use crate::detect::{ScoreTransform, Variational};
    use crate::nn::columns::Columns;
    use crate::nn::config::Activation;
    use crate::nn::weights::Weights;
    use crate::rng::Stream;

    /// Errors without candle and with it, of a network that was drawn and not trained.
    fn compare(config: &AutoencoderConfig, x: &Array2<f32>) {
        let inputs = Inputs::fit(&x.view(), config.columns.as_ref()).unwrap();
        let network = Network::new(Weights::new(3), config, &inputs).unwrap();
        let mut values = network.values().unwrap();
        for (name, values) in &mut values {
            let mut random = Stream::new(4, name.len() as u64);
            for value in values {
                *value += 0.1 * random.uniform() as f32;
            }
        }
        network.weights().set(&values).unwrap();
        let scorer = Scorer::new(&values, config, &inputs, draws(config)).unwrap();
        let candle = Autoencoder::errors_of(&network, config, &inputs.encode(&x.view())).unwrap();
        let mut fused = vec![f32::NAN; candle.len()];
        scorer.errors(&inputs, &x.view(), &mut fused);
        for (i, (fused, candle)) in fused.iter().zip(&candle).enumerate() {
            assert!((fused - candle).abs() < 1e-5 * candle.max(1.0), "{config:?} at {i}: {fused} {candle}");
        }
        let mut alone = vec![0.0; scorer.columns()];
        for (row, together) in fused.chunks_exact(scorer.columns()).enumerate() {
            scorer.errors(&inputs, &x.slice(ndarray::s![row..=row, ..]), &mut alone);
            assert_eq!(alone, together, "a row has the same bits alone and among others");
        }
    }

    #[test]
    fn errors_equal_the_errors_of_the_trained_network() {
        let mut random = Stream::new(1, 0);
        let x = Array2::from_shape_fn((150, 7), |(_, j)| match j {
            2 | 5 => (random.uniform() * (3 * j) as f64).floor() as f32,
            _ => random.normal() as f32 * 3.0,
        });
        let base = || AutoencoderConfig { widths: vec![19, 9], latent: 4, ..Default::default() };
        let columns = |categorical| Some(Columns { categorical, ..Default::default() });
        let variational = |samples| Some(Variational { samples, ..Default::default() });
        for config in [
            base(),
            AutoencoderConfig { widths: vec![], ..base() },
            AutoencoderConfig { skip: true, activation: Activation::Tanh, ..base() },
            AutoencoderConfig { batch_norm: true, columns: columns(vec![2, 5]), ..base() },
            AutoencoderConfig { variational: variational(0), columns: columns(vec![2]), ..base() },
            AutoencoderConfig {
                variational: variational(3),
                skip: true,
                activation: Activation::Gelu,
                ..base()
            },
            AutoencoderConfig {
                score_transform: ScoreTransform::Plain,
                widths: vec![64],
                latent: 16,
                ..base()
            },
        ] {
            compare(&config, &x);
        }
        let categories = x.select(ndarray::Axis(1), &[2, 5]);
        compare(&AutoencoderConfig { columns: columns(vec![0, 1]), ..base() }, &categories);
    }
}
