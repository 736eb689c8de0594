//! The network: encoder, narrow layer, decoder, heads.

use std::collections::BTreeMap;

use candle_core::{Tensor, Var};

use super::AutoencoderConfig;
use super::noise::noise;
use super::scoring::{MAX_LOG_VARIANCE, embedding_width};
use crate::error::Result;
use crate::nn::batch::Batch;
use crate::nn::inputs::Inputs;
use crate::nn::layers::{BatchNorm, Embedding, Linear, dropout};
use crate::nn::pass::Pass;
use crate::nn::place::Place;
use crate::nn::weights::{Init, Weights};

/// The layers of an autoencoder and their weights.
///
/// Names: `embeddings.{i}`, `encoder.{i}.linear`, `encoder.{i}.norm`, `latent`, `log_variance`, `skip`,
/// `decoder.{i}.linear`, `decoder.{i}.norm`, `numbers`, `categories.{i}`, each with PyTorch's `.weight`, `.bias`,
/// `.running_mean` and `.running_var`.
#[derive(Clone, Debug)]
pub(super) struct Network {
    weights: Weights,
    embeddings: Vec<Embedding>,
    encoder: Vec<Layer>,
    latent: Linear,
    log_variance: Option<Linear>,
    skip: Option<Skip>,
    decoder: Vec<Layer>,
    numbers: Option<Linear>,
    categories: Vec<Linear>,
    config: AutoencoderConfig,
}

/// The output of the narrow layer: shape (rows, latent) each.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub(super) mean: Tensor,
    pub(super) log_variance: Option<Tensor>,
}

/// The output of the heads.
#[derive(Clone, Debug)]
pub(super) struct Output {
    /// (rows, numbers); `None` without numbers.
    pub(super) numbers: Option<Tensor>,
    /// For each categorical column (rows, codes).
    pub(super) logits: Vec<Tensor>,
}

#[derive(Clone, Debug)]
struct Layer {
    linear: Linear,
    norm: Option<BatchNorm>,
}

/// `s · x Wᵀ`.
#[derive(Clone, Debug)]
struct Skip {
    weight: Var,
    strength: Var,
}

impl Network {
    /// Draws or takes all weights.
    pub(super) fn new(mut weights: Weights, config: &AutoencoderConfig, inputs: &Inputs) -> Result<Self> {
        let w = &mut weights;
        let mut embeddings = Vec::new();
        let mut width = inputs.numbers.len();
        for (i, input) in inputs.categories.iter().enumerate() {
            let vector = embedding_width(input);
            embeddings.push(Embedding::new(w, &format!("embeddings.{i}"), input.cardinality(), vector)?);
            width += vector;
        }
        let inner = *config.widths.last().unwrap_or(&width);
        let outer = *config.widths.first().unwrap_or(&config.latent);
        let encoder = layers(w, "encoder", width, config.widths.iter().copied(), config.batch_norm)?;
        let latent = Linear::new(w, "latent", inner, config.latent)?;
        let log_variance = match config.variational {
            Some(_) => Some(Linear::new(w, "log_variance", inner, config.latent)?),
            None => None,
        };
        let skip = if config.skip { Some(Skip::new(w, width, config.latent)?) } else { None };
        let mirrored = config.widths.iter().rev().copied();
        let decoder = layers(w, "decoder", config.latent, mirrored, config.batch_norm)?;
        let numbers = match inputs.numbers.len() {
            0 => None,
            n => Some(Linear::new(w, "numbers", outer, n)?),
        };
        let mut categories = Vec::new();
        for (i, input) in inputs.categories.iter().enumerate() {
            categories.push(Linear::new(w, &format!("categories.{i}"), outer, input.cardinality())?);
        }
        weights.finish()?;
        let config = config.clone();
        Ok(Self {
            weights,
            embeddings,
            encoder,
            latent,
            log_variance,
            skip,
            decoder,
            numbers,
            categories,
            config,
        })
    }

    pub(super) fn weights(&self) -> &Weights {
        &self.weights
    }

    /// All weights and running statistics by name.
    pub(super) fn values(&self) -> Result<BTreeMap<String, Vec<f32>>> {
        self.weights.values()
    }

    /// From a batch to the narrow layer; training adds noise and replaces codes.
    pub(super) fn encode(&self, batch: &Batch, pass: &mut Pass) -> Result<Code> {
        let x = self.input(batch, pass)?;
        let h = self.through(&self.encoder, x.clone(), pass)?;
        let mut mean = self.latent.forward(&h)?;
        if let Some(skip) = &self.skip {
            mean = (mean + skip.forward(&x)?)?;
        }
        let log_variance = match &self.log_variance {
            Some(linear) => Some(clamp_log_variance(&linear.forward(&h)?)?),
            None => None,
        };
        Ok(Code { mean, log_variance })
    }

    /// From the narrow layer to the heads.
    pub(super) fn decode(&self, code: Tensor, pass: &mut Pass) -> Result<Output> {
        let h = self.through(&self.decoder, code, pass)?;
        let numbers = self.numbers.as_ref().map(|head| head.forward(&h)).transpose()?;
        let logits = self.categories.iter().map(|head| head.forward(&h)).collect::<Result<_>>()?;
        Ok(Output { numbers, logits })
    }

    /// Numbers and embeddings side by side.
    fn input(&self, batch: &Batch, pass: &mut Pass) -> Result<Tensor> {
        let (mut numbers, mut codes) = (batch.numbers.clone(), batch.codes.clone());
        if let Some(random) = &mut pass.random {
            if self.config.noise > 0.0 && self.numbers.is_some() {
                let noise = noise(self.config.noise, numbers.elem_count(), random);
                numbers = (&numbers + Place::of(&numbers).tensor(noise, numbers.shape())?)?;
            }
            if self.config.category_dropout > 0.0 && !self.embeddings.is_empty() {
                let mut values = codes.flatten_all()?.to_vec1::<u32>()?;
                for code in &mut values {
                    if random.uniform() < f64::from(self.config.category_dropout) {
                        *code = 0;
                    }
                }
                codes = Place::of(&codes).tensor(values, codes.shape())?;
            }
        }
        if self.embeddings.is_empty() {
            return Ok(numbers);
        }
        let mut parts = if self.numbers.is_some() { vec![numbers] } else { Vec::new() };
        for (i, embedding) in self.embeddings.iter().enumerate() {
            parts.push(embedding.forward(&codes.narrow(1, i, 1)?.flatten_all()?)?);
        }
        Ok(Tensor::cat(&parts, 1)?)
    }

    fn through(&self, layers: &[Layer], mut h: Tensor, pass: &mut Pass) -> Result<Tensor> {
        for layer in layers {
            h = layer.linear.forward(&h)?;
            if let Some(norm) = &layer.norm {
                h = norm.forward(&h, pass)?;
            }
            h = dropout(&self.config.activation.apply(&h)?, self.config.dropout, pass)?;
        }
        Ok(h)
    }
}

/// Keeps log variances in the range that [`MAX_LOG_VARIANCE`] bounds.
pub(super) fn clamp_log_variance(x: &Tensor) -> Result<Tensor> {
    Ok(x.clamp(-MAX_LOG_VARIANCE, MAX_LOG_VARIANCE)?)
}

impl Skip {
    fn new(weights: &mut Weights, inputs: usize, outputs: usize) -> Result<Self> {
        let weight = weights.weight("skip.weight", &[outputs, inputs], Init::Uniform { inputs })?;
        Ok(Self { weight, strength: weights.weight("skip.strength", &[1], Init::Constant(1.0))? })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.matmul(&self.weight.t()?)?.broadcast_mul(&self.strength)?)
    }
}

fn layers(
    weights: &mut Weights,
    at: &str,
    mut inputs: usize,
    widths: impl Iterator<Item = usize>,
    batch_norm: bool,
) -> Result<Vec<Layer>> {
    let mut layers = Vec::new();
    for (i, width) in widths.enumerate() {
        let linear = Linear::new(weights, &format!("{at}.{i}.linear"), inputs, width)?;
        let norm =
            if batch_norm { Some(BatchNorm::new(weights, &format!("{at}.{i}.norm"), width)?) } else { None };
        layers.push(Layer { linear, norm });
        inputs = width;
    }
    Ok(layers)
}
