//! Attention of tokens to each other.

use super::lanes::{LANES, Lane, as_lanes, padded};
use super::product::Product;
use super::scratch::take;
use crate::nn::kernels::softmax_rows;
use crate::simd::Processor;

/// Starts of the sums of as many blocks of columns as a product here has.
static ZEROS: [Lane; 256] = [Lane::ZERO; 256];

/// `softmax(Q Kᵀ) V` for each head; whoever makes Q divides it by `√width`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attention {
    pub(super) tokens: usize,
    pub(super) heads: usize,
    /// Of one head.
    pub(super) width: usize,
}

impl Attention {
    /// Maximum number of tokens, and maximum width of a head.
    pub(super) const MAX: usize = ZEROS.len() * LANES;

    /// Numbers of scratch that [`Attention::write`] needs.
    pub(super) fn scratch(&self) -> usize {
        let Self { tokens, width, .. } = *self;
        padded(tokens * tokens) + padded(tokens) * width + padded(width) * tokens
    }

    /// Lets the first `asking` tokens of a row ask all of them.
    ///
    /// `qkv` of shape (tokens, 3 · heads · width) holds Q, K and V side by side; `out` is (asking, heads · width).
    pub(super) fn write(
        &self,
        processor: Processor,
        qkv: &[f32],
        asking: usize,
        mut scratch: &mut [f32],
        out: &mut [f32],
    ) {
        let Self { tokens, heads, width } = *self;
        let stride = 3 * heads * width;
        let shares = &mut take(&mut scratch, tokens * tokens)[..asking * tokens];
        let keys = as_lanes(take(&mut scratch, padded(tokens) * width));
        let values = as_lanes(take(&mut scratch, padded(width) * tokens));
        for head in 0..heads {
            let q = &qkv[head * width..];
            let k = &qkv[(heads + head) * width..];
            let v = &qkv[(2 * heads + head) * width..];
            for (block, keys) in keys.chunks_exact_mut(width).enumerate() {
                for i in 0..LANES.min(tokens - block * LANES) {
                    let key = &k[(block * LANES + i) * stride..][..width];
                    for (lane, &key) in keys.iter_mut().zip(key) {
                        lane.0[i] = key;
                    }
                }
            }
            for (block, values) in values.chunks_exact_mut(tokens).enumerate() {
                let columns = LANES.min(width - block * LANES);
                for (lane, value) in values.iter_mut().zip(v[block * LANES..].chunks(stride)) {
                    lane.0[..columns].copy_from_slice(&value[..columns]);
                }
            }
            let scores = Product {
                x: q,
                x_stride: stride,
                rows: asking,
                inputs: width,
                weights: keys,
                start: &ZEROS,
                columns: tokens,
                out_stride: tokens,
                relu: false,
            };
            scores.write(processor, shares);
            softmax_rows(shares, tokens);
            let sums = Product {
                x: shares,
                x_stride: tokens,
                rows: asking,
                inputs: tokens,
                weights: values,
                start: &ZEROS,
                columns: width,
                out_stride: heads * width,
                relu: false,
            };
            sums.write(processor, &mut out[head * width..]);
        }
    }
}
