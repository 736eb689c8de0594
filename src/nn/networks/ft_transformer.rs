//! A feature-tokenizer transformer.

use candle_core::{Tensor, Var};

use super::embedder::Embedder;
use super::masked::{self, Masked};
use crate::error::Result;
use crate::nn::batch::Batch;
use crate::nn::config::FtTransformerConfig;
use crate::nn::inputs::{Inputs, Seen};
use crate::nn::layers::{self, LayerNorm, Linear};
use crate::nn::ops;
use crate::nn::pass::Pass;
use crate::nn::place::Place;
use crate::nn::weights::{Init, Weights};

/// Attention and a feed-forward network; both follow a norm and are added to their input.
#[derive(Clone, Debug)]
struct Block {
    norm1: LayerNorm,
    qkv: Linear,
    out: Linear,
    norm2: LayerNorm,
    linear1: Linear,
    linear2: Linear,
    heads: usize,
    dropout: f32,
}

impl Block {
    fn new(weights: &mut Weights, at: &str, config: &FtTransformerConfig) -> Result<Self> {
        let (width, hidden) = (config.width, config.feed_forward);
        Ok(Self {
            norm1: LayerNorm::new(weights, &format!("{at}.norm1"), width)?,
            qkv: Linear::new(weights, &format!("{at}.qkv"), width, 3 * width)?,
            out: Linear::new(weights, &format!("{at}.out"), width, width)?,
            norm2: LayerNorm::new(weights, &format!("{at}.norm2"), width)?,
            linear1: Linear::new(weights, &format!("{at}.linear1"), width, hidden)?,
            linear2: Linear::new(weights, &format!("{at}.linear2"), hidden, width)?,
            heads: config.heads,
            dropout: config.dropout,
        })
    }

    /// Tokens (rows, tokens, width) → the same; only the first `kept` tokens come out.
    fn forward(&self, tokens: &Tensor, kept: usize, pass: &mut Pass) -> Result<Tensor> {
        let attended = ops::attention(&self.qkv.forward(&self.norm1.forward(tokens)?)?, self.heads)?;
        let (tokens, attended) = (first(tokens, kept)?, first(&attended, kept)?);
        let x = (tokens + layers::dropout(&self.out.forward(&attended)?, self.dropout, pass)?)?;
        let hidden = ops::gelu(&self.linear1.forward(&self.norm2.forward(&x)?)?)?;
        let hidden = layers::dropout(&hidden, self.dropout, pass)?;
        Ok((&x + layers::dropout(&self.linear2.forward(&hidden)?, self.dropout, pass)?)?)
    }
}

/// The first tokens of each row.
fn first(tokens: &Tensor, kept: usize) -> Result<Tensor> {
    if kept == tokens.dim(1)? {
        return Ok(tokens.clone());
    }
    Ok(tokens.narrow(1, 0, kept)?.contiguous()?)
}

#[derive(Clone, Debug)]
pub(crate) struct FtTransformer {
    pub(super) embedder: Embedder,
    /// (numbers, width); `None` without numbers
    numbers: Option<(Var, Var)>,
    /// (categories, width); `None` without categories
    category_bias: Option<Var>,
    cls: Var,
    blocks: Vec<Block>,
    norm: LayerNorm,
    /// The weights of masked pretraining.
    pub(super) masked: Option<Masked>,
}

impl FtTransformer {
    /// The names of the weights begin with `{at}.tokens`, `{at}.blocks.{i}`, `{at}.norm` and `{at}.masked`.
    pub(super) fn new(
        weights: &mut Weights,
        at: &str,
        inputs: &Inputs,
        seen: &Seen,
        config: &FtTransformerConfig,
        masked: bool,
    ) -> Result<Self> {
        let width = config.width;
        let init = Init::Uniform { inputs: width };
        let embedder = Embedder::new(weights, &format!("{at}.tokens.categories"), inputs, seen, |_| width)?;
        let (n, k) = (seen.numbers.len(), seen.categories.len());
        let mut tokens =
            |name: &str, shape: &[usize]| weights.weight(&format!("{at}.tokens.{name}"), shape, init);
        let numbers = match n {
            0 => None,
            _ => Some((tokens("number_weight", &[n, width])?, tokens("number_bias", &[n, width])?)),
        };
        let category_bias = if k == 0 { None } else { Some(tokens("category_bias", &[k, width])?) };
        let cls = tokens("cls", &[width])?;
        let mut blocks = Vec::new();
        for i in 0..config.layers {
            blocks.push(Block::new(weights, &format!("{at}.blocks.{i}"), config)?);
        }
        let norm = LayerNorm::new(weights, &format!("{at}.norm"), width)?;
        let masked = if masked { Some(Masked::new(weights, at, inputs, seen, width)?) } else { None };
        Ok(Self { embedder, numbers, category_bias, cls, blocks, norm, masked })
    }

    /// Flat rows → the vector of \[CLS\], (rows, width).
    pub(super) fn forward(&self, flat: &Tensor, pass: &mut Pass) -> Result<Tensor> {
        Ok(self.mix(&self.tokens(flat)?, 1, pass)?.squeeze(1)?)
    }

    /// Loss on masked features; `None` for a network without the weights of masked pretraining.
    pub(super) fn masked_loss(&self, batch: &Batch, share: f64, pass: &mut Pass) -> Result<Option<Tensor>> {
        let Some(masked) = &self.masked else { return Ok(None) };
        let identities = self.identities()?;
        let (rows, features) = (batch.numbers.dim(0)?, identities.dim(0)?);
        let hidden = masked::draw(rows, features, share, &Place::of(&identities), pass)?;
        self.guess(masked, batch, &hidden, pass).map(Some)
    }

    /// Loss on the features for which `hidden`, (rows, features), is 1.
    pub(super) fn guess(
        &self,
        masked: &Masked,
        batch: &Batch,
        hidden: &Tensor,
        pass: &mut Pass,
    ) -> Result<Tensor> {
        let tokens = self.tokens(&self.embedder.forward(batch)?)?;
        let features = tokens.dim(1)?;
        let tokens = masked.replace(&tokens, &self.identities()?, hidden)?;
        let tokens = self.mix(&tokens, features + 1, pass)?.narrow(1, 1, features)?.contiguous()?;
        let (numbers, codes) = (self.embedder.numbers_of(batch)?, self.embedder.codes_of(batch)?);
        masked.loss(&tokens, &numbers, &codes, hidden)
    }

    /// The tokens of the features, (rows, features, width).
    fn tokens(&self, flat: &Tensor) -> Result<Tensor> {
        let n = self.embedder.numbers();
        let mut parts = Vec::with_capacity(2);
        if let Some((weight, bias)) = &self.numbers {
            let x = flat.narrow(1, 0, n)?.unsqueeze(2)?;
            parts.push(x.broadcast_mul(weight)?.broadcast_add(bias)?);
        }
        if let Some(bias) = &self.category_bias {
            let (k, width) = bias.dims2()?;
            let vectors = flat.narrow(1, n, k * width)?.reshape((flat.dim(0)?, k, width))?;
            parts.push(vectors.broadcast_add(bias)?);
        }
        Ok(Tensor::cat(&parts, 1)?)
    }

    /// The vector that identifies each feature, (features, width).
    fn identities(&self) -> Result<Tensor> {
        let numbers = self.numbers.iter().map(|(_, bias)| bias);
        let biases: Vec<&Tensor> = numbers.chain(&self.category_bias).map(Var::as_tensor).collect();
        Ok(Tensor::cat(&biases, 0)?)
    }

    /// Puts \[CLS\] before the tokens and applies all layers; returns the first `kept` tokens.
    fn mix(&self, tokens: &Tensor, kept: usize, pass: &mut Pass) -> Result<Tensor> {
        let (rows, features, width) = tokens.dims3()?;
        let cls = self.cls.reshape((1, 1, width))?.broadcast_as((rows, 1, width))?;
        let mut tokens = Tensor::cat(&[&cls, tokens], 1)?;
        for (i, block) in self.blocks.iter().enumerate() {
            let is_last = i + 1 == self.blocks.len();
            tokens = block.forward(&tokens, if is_last { kept } else { features + 1 }, pass)?;
        }
        self.norm.forward(&tokens)
    }
}
