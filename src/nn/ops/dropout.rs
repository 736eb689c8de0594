//! Sets numbers to 0 at random.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::values;
use crate::rng::Stream;
use crate::simd::wide;

/// A mask that is drawn from a key and a cell's place, so that it need not be kept for the way back.
#[derive(Clone, Copy)]
pub(super) struct Dropout {
    /// Cells whose 32 random bits are below are set to 0.
    below: u32,
    /// The factor of the remaining numbers.
    scale: f32,
    key: [u32; 2],
}

impl Dropout {
    pub(super) fn new(share: f32, random: &mut Stream) -> Self {
        let bits = random.bits();
        let below = (f64::from(share) * f64::from(u32::MAX)) as u32;
        Self { below, scale: 1.0 / (1.0 - share), key: [bits as u32, (bits >> 32) as u32] }
    }

    /// The factor of each of `n` cells.
    pub(super) fn mask(self, n: usize) -> Vec<f32> {
        dropped(&vec![1.0; n], self)
    }
}

impl CustomOp1 for Dropout {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn cpu_fwd(&self, x: &CpuStorage, at: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok((CpuStorage::F32(dropped(values::of(x, at)?, *self)), at.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, slope: &Tensor) -> Result<Option<Tensor>> {
        let of_x = values::read([&slope.contiguous()?], |[slope]| Ok(dropped(slope, *self)))?;
        Ok(Some(values::tensor(of_x, x.shape())?))
    }
}

wide! {
    fn dropped(x: &[f32], mask: Dropout) -> Vec<f32> {
        let cells = x.iter().zip(0_u32..);
        cells.map(|(&x, cell)| if bits(cell, mask.key) < mask.below { 0.0 } else { x * mask.scale }).collect()
    }
}

/// 32 bits of a cell: a hash of two multiplications ("Prospecting for Hash Functions", Wellons 2018), keyed before
/// each.
#[allow(clippy::inline_always, reason = "part of wide loops")]
#[inline(always)]
fn bits(cell: u32, key: [u32; 2]) -> u32 {
    let x = cell ^ key[0];
    let x = (x ^ (x >> 16)).wrapping_mul(0x21f0_aaad) ^ key[1];
    let x = (x ^ (x >> 15)).wrapping_mul(0x735a_2d97);
    x ^ (x >> 15)
}
