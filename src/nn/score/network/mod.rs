//! Networks laid out for scoring, without candle.

mod body;
mod gate;
#[cfg(test)]
#[cfg(feature = "train")]
mod tests;
mod training;

use std::collections::BTreeMap;

use ndarray::{ArrayView2, Axis};

use self::body::Body;
use self::gate::Gate;
use crate::error::Result;
use crate::nn::config::{Architecture, Build};
use crate::nn::inputs::Inputs;
use crate::nn::kernels::relu;
use crate::nn::score::{Dense, LayerNorm, Scaling, TILE_ROWS, Values, padded, take, with_scratch};

/// The layers of a trained network.
#[derive(Clone, Debug)]
pub(crate) struct Scorer {
    scaling: Scaling,
    bodies: Vec<Body>,
    /// Of the output of a body.
    width: usize,
    mixing: Option<Mixing>,
    /// To the logits.
    last: Dense,
}

/// The gate over the bodies, and the layers between their weighted sum and the last layer.
#[derive(Clone, Debug)]
struct Mixing {
    gate: Gate,
    linear: Dense,
    norm: LayerNorm,
}

/// The inputs of the bodies for a tile.
pub(super) struct Rows<'a> {
    n: usize,
    /// (rows, numbers), scaled.
    numbers: &'a [f32],
    /// (rows, categories)
    codes: &'a [f32],
}

impl Rows<'_> {
    fn numbers(&self, row: usize) -> &[f32] {
        let n = self.numbers.len() / self.n;
        &self.numbers[row * n..][..n]
    }

    fn codes(&self, row: usize) -> &[f32] {
        let n = self.codes.len() / self.n;
        &self.codes[row * n..][..n]
    }
}

impl Scorer {
    /// # Errors
    ///
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) that names a weight that is missing, has another
    /// number of values or one that is not finite, or that the network does not have; for columns of time that the
    /// network needs and that are missing.
    pub(crate) fn new(
        weights: &BTreeMap<String, Vec<f32>>,
        build: &Build<'_>,
        architecture: &Architecture,
    ) -> Result<Self> {
        let values = Values::new(weights);
        let scorer = Self::read(&values, build, architecture)?;
        training::check(&values, build, architecture)?;
        values.finish()?;
        Ok(scorer)
    }

    fn read(values: &Values<'_>, build: &Build<'_>, architecture: &Architecture) -> Result<Self> {
        let Architecture::Mixture(config) = architecture else {
            let width = architecture.width().unwrap_or_default();
            return Ok(Self {
                scaling: Scaling::new(build.inputs),
                bodies: vec![Body::new(values, "body", build, architecture, false)?],
                width,
                mixing: None,
                last: Dense::new(values, "head.out", [width, build.classes], None)?,
            });
        };
        let (mut bodies, mut width) = (Vec::new(), 0);
        for (i, expert) in config.experts.iter().enumerate() {
            let at = format!("experts.{i}");
            bodies.push(Body::new(values, &at, build, &expert.network, expert.exclude_timing)?);
            width = expert.network.width().unwrap_or_default();
        }
        let mixing = Mixing {
            gate: Gate::new(values, bodies.len() * width, bodies.len(), &config.gate)?,
            linear: Dense::new(values, "classifier.linear1", [width, config.hidden], None)?,
            norm: LayerNorm::new(values, "classifier.norm", config.hidden)?,
        };
        let last = Dense::new(values, "classifier.linear2", [config.hidden, build.classes], None)?;
        Ok(Self { scaling: Scaling::new(build.inputs), bodies, width, mixing: Some(mixing), last })
    }

    /// Calls `see` with the logits of each row and, of a mixture, the weights of the experts.
    pub(crate) fn for_each(
        &self,
        inputs: &Inputs,
        x: &ArrayView2<'_, f32>,
        mut see: impl FnMut(usize, &[f32], &[f32]),
    ) {
        let rows = x.nrows().min(TILE_ROWS);
        let (experts, classes) = (self.bodies.len(), self.last.outputs());
        let hidden = self.mixing.as_ref().map_or(0, |mixing| mixing.linear.outputs());
        let sizes = [
            rows * inputs.numbers.len(),
            rows * inputs.categories.len(),
            rows * self.width,
            rows * self.width * experts,
            rows * experts,
            experts,
            rows * hidden,
            rows * hidden,
            rows * classes,
        ];
        with_scratch(sizes.into_iter().map(padded).sum(), |mut scratch| {
            let [numbers, codes, vectors, all, weights, spare, hidden, normed, logits] =
                sizes.map(|n| take(&mut scratch, n));
            for (tile, x) in x.axis_chunks_iter(Axis(0), TILE_ROWS).enumerate() {
                let n = x.nrows();
                let numbers = &mut numbers[..n * inputs.numbers.len()];
                let codes = &mut codes[..n * inputs.categories.len()];
                encode(&self.scaling, inputs, &x, numbers, codes);
                let rows = Rows { n, numbers, codes };
                let vectors = &mut vectors[..n * self.width];
                let logits = &mut logits[..n * classes];
                let Some(mixing) = &self.mixing else {
                    self.bodies.iter().for_each(|body| body.forward(&rows, vectors));
                    self.last.forward(vectors, logits);
                    show(tile, logits.chunks_exact(classes), std::iter::repeat(&[][..]), &mut see);
                    continue;
                };
                let all = &mut all[..n * self.width * experts];
                for (i, body) in self.bodies.iter().enumerate() {
                    body.forward(&rows, vectors);
                    let to = all.chunks_exact_mut(self.width).skip(i).step_by(experts);
                    to.zip(vectors.chunks_exact(self.width))
                        .for_each(|(to, vector)| to.copy_from_slice(vector));
                }
                let weights = &mut weights[..n * experts];
                mixing.gate.forward(all, spare, weights);
                vectors.fill(0.0);
                let of_experts = weights.iter().zip(all.chunks_exact(self.width));
                for (i, (weight, vector)) in of_experts.enumerate() {
                    let sums = &mut vectors[i / experts * self.width..][..self.width];
                    sums.iter_mut().zip(vector).for_each(|(sum, x)| *sum += weight * x);
                }
                let width = n * mixing.linear.outputs();
                let (hidden, normed) = (&mut hidden[..width], &mut normed[..width]);
                mixing.linear.forward(vectors, hidden);
                mixing.norm.forward(hidden, normed);
                relu(normed);
                self.last.forward(normed, logits);
                show(tile, logits.chunks_exact(classes), weights.chunks_exact(experts), &mut see);
            }
        });
    }
}

/// Calls `see` for the rows of a tile.
fn show<'a>(
    tile: usize,
    logits: impl Iterator<Item = &'a [f32]>,
    weights: impl Iterator<Item = &'a [f32]>,
    see: &mut impl FnMut(usize, &[f32], &[f32]),
) {
    for (i, (logits, weights)) in logits.zip(weights).enumerate() {
        see(tile * TILE_ROWS + i, logits, weights);
    }
}

fn encode(
    scaling: &Scaling,
    inputs: &Inputs,
    x: &ArrayView2<'_, f32>,
    numbers: &mut [f32],
    codes: &mut [f32],
) {
    let (n, k) = (inputs.numbers.len(), inputs.categories.len());
    for (i, row) in x.rows().into_iter().enumerate() {
        scaling.write(row, &mut numbers[i * n..][..n]);
        for (code, input) in codes[i * k..].iter_mut().zip(&inputs.categories) {
            *code = input.code(row[input.feature]) as f32;
        }
    }
}
