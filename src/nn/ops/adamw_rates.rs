//! The numbers of one step of `AdamW`.

/// Decay of the running mean of a gradient.
pub(super) const BETA1: f64 = 0.9;
/// Decay of the running mean of a gradient's square.
pub(super) const BETA2: f64 = 0.999;
/// Added to the root of the mean square, so that no step divides by 0.
pub(super) const EPSILON: f64 = 1e-8;

/// The factors of a step, the same for all weights.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    pub(super) scale: f32,
    pub(super) kept: f32,
    pub(super) length: f32,
    pub(super) root: f32,
}
