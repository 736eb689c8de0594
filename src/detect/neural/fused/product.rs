//! The matrix product that all layers stand on.

use super::lanes::{LANES, Lane};
#[cfg(target_arch = "x86_64")]
use super::x86;
use crate::detect::tree::Processor;

/// `x W + start`, written to `out`.
///
/// Every number of `out` is one chain: `start`, then one product after the other in the order of `inputs`, each with
/// a single rounding where the processor has such an instruction. So a row comes out the same alone and among others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Product<'a> {
    /// Rows of `inputs` numbers, `x_stride` apart.
    pub(super) x: &'a [f32],
    pub(super) x_stride: usize,
    pub(super) rows: usize,
    pub(super) inputs: usize,
    /// Blocks of sixteen columns, as [`super::lanes::pack`] lays them out.
    pub(super) weights: &'a [Lane],
    /// One lane for each block.
    pub(super) start: &'a [Lane],
    /// Columns of `out`; at most sixteen for each block.
    pub(super) columns: usize,
    pub(super) out_stride: usize,
    /// Whether what is below 0 becomes 0.
    pub(super) relu: bool,
}

impl Product<'_> {
    /// Writes `rows` rows of `columns` numbers, `out_stride` apart.
    ///
    /// # Panics
    ///
    /// If a slice is shorter than the sizes say.
    pub(super) fn write(&self, processor: Processor, out: &mut [f32]) {
        let blocks = self.columns.div_ceil(LANES);
        let reach =
            |stride: usize, width: usize| if self.rows == 0 { 0 } else { (self.rows - 1) * stride + width };
        assert!(self.x.len() >= reach(self.x_stride, self.inputs), "rows of inputs");
        assert!(out.len() >= reach(self.out_stride, self.columns), "rows of columns");
        assert!(
            self.weights.len() >= blocks * self.inputs && self.start.len() >= blocks,
            "blocks of columns"
        );
        match processor {
            Processor::Any => self.write_portable(out),
            #[cfg(target_arch = "x86_64")]
            Processor::Avx2(asked) => x86::avx2(asked, self, out),
            #[cfg(target_arch = "x86_64")]
            Processor::Avx512(asked) => x86::avx512(asked, self, out),
        }
    }

    fn write_portable(&self, out: &mut [f32]) {
        for row in 0..self.rows {
            let x = &self.x[row * self.x_stride..][..self.inputs];
            let out = &mut out[row * self.out_stride..][..self.columns];
            for (block, out) in out.chunks_mut(LANES).enumerate() {
                let mut sums = self.start[block].0;
                for (&x, weights) in x.iter().zip(&self.weights[block * self.inputs..]) {
                    for (sum, &weight) in sums.iter_mut().zip(&weights.0) {
                        *sum = multiply_add(x, weight, *sum);
                    }
                }
                if self.relu {
                    sums = sums.map(|sum| sum.max(0.0));
                }
                out.copy_from_slice(&sums[..out.len()]);
            }
        }
    }
}

/// `x y + sum`, rounded once where an instruction does it; calling a function for each would be slow.
fn multiply_add(x: f32, y: f32, sum: f32) -> f32 {
    if cfg!(any(target_arch = "aarch64", target_feature = "fma")) { x.mul_add(y, sum) } else { x * y + sum }
}
