//! The matrix product of all layers.

use super::lanes::Lane;

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
    /// Whether results below 0 become 0.
    pub(super) relu: bool,
}
