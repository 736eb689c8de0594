//! A feature-tokenizer transformer.

use super::attention::Attention;
use super::dense::Dense;
use super::lanes::padded;
use super::norm::LayerNorm;
use super::scratch::{take, with_scratch};
use super::values::{Values, named};
use crate::error::{Error, Result};
use crate::nn::config::Activation;
use crate::simd::Processor;
use crate::simd::wide;

/// Tokens that go through all layers together, so that they stay in the second-level cache.
const TILE_TOKENS: usize = 192;

/// Sizes of a [`Transformer`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct TransformerSizes {
    /// Numbers that become tokens.
    pub(crate) numbers: usize,
    /// Categories that become tokens.
    pub(crate) categories: usize,
    /// Width of a token.
    pub(crate) width: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) feed_forward: usize,
}

/// Tokens of numbers and categories behind \[CLS\], layers with norms first, a last norm; \[CLS\] comes out.
#[derive(Clone, Debug)]
pub(crate) struct Transformer {
    sizes: TransformerSizes,
    /// (numbers, width)
    number_weight: Vec<f32>,
    /// Of numbers, then of categories: (features, width).
    identities: Vec<f32>,
    cls: Vec<f32>,
    blocks: Vec<Block>,
    norm: LayerNorm,
    attention: Attention,
}

#[derive(Clone, Debug)]
struct Block {
    norm1: LayerNorm,
    qkv: Dense,
    out: Dense,
    norm2: LayerNorm,
    linear1: Dense,
    linear2: Dense,
}

impl Block {
    fn new(values: &Values<'_>, at: &str, sizes: &TransformerSizes) -> Result<Self> {
        let TransformerSizes { width, heads, feed_forward: hidden, .. } = *sizes;
        // Attention divides by √(width of a head); here Q is made that much smaller.
        let mut scale = vec![1.0; 3 * width];
        scale[..width].fill(1.0 / ((width / heads) as f64).sqrt());
        Ok(Self {
            norm1: LayerNorm::new(values, &format!("{at}.norm1"), width)?,
            qkv: Dense::scaled(values, &format!("{at}.qkv"), &scale, [width, 3 * width])?,
            out: Dense::new(values, &format!("{at}.out"), [width, width], None)?,
            norm2: LayerNorm::new(values, &format!("{at}.norm2"), width)?,
            linear1: Dense::new(values, &format!("{at}.linear1"), [width, hidden], Some(Activation::Gelu))?,
            linear2: Dense::new(values, &format!("{at}.linear2"), [hidden, width], None)?,
        })
    }
}

impl Transformer {
    /// Of the values under `{at}.tokens`, `{at}.blocks.{i}` and `{at}.norm`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a missing name, another number of values, heads that do not
    /// divide the width, and more than 4,095 features.
    pub(crate) fn new(values: &Values<'_>, at: &str, sizes: TransformerSizes) -> Result<Self> {
        let TransformerSizes { numbers, categories, width, layers, heads, .. } = sizes;
        if heads == 0 || !width.is_multiple_of(heads) {
            return Err(Error::invalid(
                format!("{at}.heads"),
                format!("a divisor of the width {width}"),
                heads,
            ));
        }
        let tokens = numbers + categories + 1;
        if tokens > Attention::MAX || width / heads > Attention::MAX {
            let expected = format!("at most {}", Attention::MAX - 1);
            return Err(Error::invalid(format!("features of {at}"), expected, tokens - 1));
        }
        let value = |name: &str, n: usize| named(values, &format!("{at}.tokens.{name}"), n * width);
        let (mut number_weight, mut identities) = (Vec::new(), Vec::new());
        if numbers > 0 {
            number_weight.extend_from_slice(value("number_weight", numbers)?);
            identities.extend_from_slice(value("number_bias", numbers)?);
        }
        if categories > 0 {
            identities.extend_from_slice(value("category_bias", categories)?);
        }
        let block = |i: usize| Block::new(values, &format!("{at}.blocks.{i}"), &sizes);
        Ok(Self {
            sizes,
            number_weight,
            identities,
            cls: value("cls", 1)?.to_vec(),
            blocks: (0..layers).map(block).collect::<Result<_>>()?,
            norm: LayerNorm::new(values, &format!("{at}.norm"), width)?,
            attention: Attention { tokens, heads, width: width / heads },
        })
    }

    /// Width of a flat row: numbers, then the vector of each category.
    pub(crate) fn inputs(&self) -> usize {
        self.sizes.numbers + self.sizes.categories * self.sizes.width
    }

    /// Flat rows → the vector of \[CLS\], (rows, width).
    pub(crate) fn forward(&self, flat: &[f32], out: &mut [f32]) {
        let TransformerSizes { width, feed_forward, .. } = self.sizes;
        let tokens = self.attention.tokens;
        let rows = (TILE_TOKENS / tokens).clamp(1, (out.len() / width).max(1));
        let all = rows * tokens;
        let wide = (3 * width).max(feed_forward);
        let size = 2 * padded(all * width) + padded(all * wide) + self.attention.scratch();
        with_scratch(size, |mut scratch| {
            let x = take(&mut scratch, all * width);
            let normed = take(&mut scratch, all * width);
            let wide = take(&mut scratch, all * wide);
            for (flat, out) in flat.chunks(rows * self.inputs()).zip(out.chunks_mut(rows * width)) {
                let rows = out.len() / width;
                self.tokens(flat, x);
                let mut kept = tokens;
                for (i, block) in self.blocks.iter().enumerate() {
                    let asking = if i + 1 == self.blocks.len() { 1 } else { tokens };
                    self.mix(block, [rows, kept, asking], [&mut *x, &mut *normed, &mut *wide], scratch);
                    kept = asking;
                }
                if kept > 1 {
                    keep_first(x, rows, kept * width, width);
                }
                self.norm.forward(&x[..rows * width], out);
            }
        });
    }

    /// \[CLS\] and a token for each feature.
    fn tokens(&self, flat: &[f32], x: &mut [f32]) {
        let TransformerSizes { numbers, width, .. } = self.sizes;
        for (flat, x) in
            flat.chunks_exact(self.inputs()).zip(x.chunks_exact_mut(self.attention.tokens * width))
        {
            let (cls, x) = x.split_at_mut(width);
            cls.copy_from_slice(&self.cls);
            let (of_numbers, of_categories) = x.split_at_mut(numbers * width);
            for ((token, &number), weight) in
                of_numbers.chunks_exact_mut(width).zip(flat).zip(self.number_weight.chunks_exact(width))
            {
                for (token, weight) in token.iter_mut().zip(weight) {
                    *token = number * weight;
                }
            }
            of_categories.copy_from_slice(&flat[numbers..]);
            for (x, identity) in x.iter_mut().zip(&self.identities) {
                *x += identity;
            }
        }
    }

    /// One layer, of which the first `asking` tokens come out.
    fn mix(
        &self,
        block: &Block,
        [rows, tokens, asking]: [usize; 3],
        [x, normed, wide]: [&mut [f32]; 3],
        scratch: &mut [f32],
    ) {
        let processor = Processor::best();
        let width = self.sizes.width;
        let all = rows * tokens * width;
        block.norm1.forward(&x[..all], &mut normed[..all]);
        block.qkv.forward(&normed[..all], &mut wide[..3 * all]);
        let attended = normed.chunks_exact_mut(asking * width);
        for (qkv, attended) in wide[..3 * all].chunks_exact(tokens * 3 * width).zip(attended) {
            self.attention.write(processor, qkv, asking, scratch, attended);
        }
        if asking < tokens {
            keep_first(x, rows, tokens * width, asking * width);
        }
        let all = rows * asking * width;
        let x = &mut x[..all];
        block.out.forward(&normed[..all], &mut wide[..all]);
        add(&wide[..all], x);
        block.norm2.forward(x, &mut normed[..all]);
        let hidden = &mut wide[..rows * asking * self.sizes.feed_forward];
        block.linear1.forward(&normed[..all], hidden);
        block.linear2.forward(hidden, &mut normed[..all]);
        add(&normed[..all], x);
    }
}

wide! {
    /// `out += x`.
    fn add(x: &[f32], out: &mut [f32]) {
        for (out, x) in out.iter_mut().zip(x) {
            *out += x;
        }
    }
}

/// Moves the first `kept` numbers of each `stride` together.
fn keep_first(x: &mut [f32], rows: usize, stride: usize, kept: usize) {
    for row in 1..rows {
        x.copy_within(row * stride..row * stride + kept, row * kept);
    }
}
