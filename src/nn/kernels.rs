//! The loops over plain numbers that training and scoring share.
//!
//! Sums run in [`LANES`] parts of fixed order, so they give the same bits on every processor.

use std::f32::consts::{FRAC_1_SQRT_2, LN_2, LOG2_E};

use crate::simd::wide;

/// Kept from a variance, so that it is never 0.
pub(crate) const EPSILON: f32 = 1e-5;
/// Parts of a sum.
const LANES: usize = 16;
/// `1 / √(2π)`.
#[cfg(feature = "train")]
const BELL_TOP: f32 = 0.398_942_3;

wide! {
    /// `max(0, x)`; NaN stays.
    pub(crate) fn relu(x: &mut [f32]) {
        for x in x {
            *x = relu_of(*x);
        }
    }

    /// `x Φ(x)`.
    pub(crate) fn gelu(x: &mut [f32]) {
        for x in x {
            *x *= normal(*x).0;
        }
    }

    /// `tanh x`.
    pub(crate) fn tanh(x: &mut [f32]) {
        for x in x {
            *x = tanh_of(*x);
        }
    }

    /// `ln(1 + x)` for `x ≥ 0`.
    pub(crate) fn ln_1p(x: &mut [f32]) {
        for x in x {
            *x = ln_1p_of(*x);
        }
    }

    /// Each row of `width` numbers to shares that sum to 1.
    pub(crate) fn softmax_rows(x: &mut [f32], width: usize) {
        for row in x.chunks_exact_mut(width.max(1)) {
            softmax_row(row, 1.0);
        }
    }

    /// Each row, as long as `weight`, to mean 0 and variance 1, times `weight`, plus `bias`.
    pub(crate) fn layer_norm_rows(x: &[f32], weight: &[f32], bias: &[f32], y: &mut [f32]) {
        let width = weight.len().max(1);
        for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
            let (mean, scale) = mean_and_scale(x);
            for (((y, x), weight), bias) in y.iter_mut().zip(x).zip(weight).zip(bias) {
                *y = (x - mean) * scale * weight + bias;
            }
        }
    }

    /// `Σ x²`.
    #[cfg(feature = "train")]
    pub(crate) fn sum_of_squares(x: &[f32]) -> f32 {
        sum(x, |x| x * x)
    }
}

/// `max(0, x)`; NaN stays.
#[allow(clippy::inline_always, reason = "part of wide loops")]
#[inline(always)]
pub(crate) fn relu_of(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

/// `eˣ` to 2 units in the last place; 0 below −87.3, and constant above 88.3.
#[allow(clippy::inline_always, reason = "part of wide loops")]
#[inline(always)]
pub(crate) fn exp_of(x: f32) -> f32 {
    /// Added to a number, it leaves the nearest integer in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    let bounded = x.clamp(-87.3, 88.3);
    let shifted = bounded * LOG2_E + ROUND;
    let n = shifted - ROUND;
    // ln 2 in two parts; the first has few bits, so that its product with n is exact.
    let rest = bounded - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let p = 1.0 / 5040.0;
    let p = p * rest + 1.0 / 720.0;
    let p = p * rest + 1.0 / 120.0;
    let p = p * rest + 1.0 / 24.0;
    let p = p * rest + 1.0 / 6.0;
    let p = p * rest + 0.5;
    let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    let y = (p * rest * rest + rest + 1.0) * power;
    if x < -87.3 { 0.0 } else { y }
}

/// `tanh x` to 1e-7.
#[allow(clippy::inline_always, reason = "part of wide loops")]
#[inline(always)]
pub(crate) fn tanh_of(x: f32) -> f32 {
    let small = exp_of(-2.0 * x.abs());
    ((1.0 - small) / (1.0 + small)).copysign(x)
}

/// `Φ(x)` to 1e-7 and `e^(−x²/2)`; Abramowitz and Stegun (1964), 7.1.26.
#[allow(clippy::inline_always, reason = "part of wide loops")]
#[inline(always)]
fn normal(x: f32) -> (f32, f32) {
    let z = x.abs() * FRAC_1_SQRT_2;
    let bell = exp_of(-z * z);
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let p = 1.061_405_4;
    let p = p * t - 1.453_152;
    let p = p * t + 1.421_413_7;
    let p = p * t - 0.284_496_72;
    let p = p * t + 0.254_829_6;
    let tail = 0.5 * p * t * bell;
    (if x < 0.0 { tail } else { 1.0 - tail }, bell)
}

/// `x Φ(x)`.
#[cfg(feature = "train")]
#[allow(clippy::inline_always, reason = "part of wide loops")]
#[inline(always)]
pub(crate) fn gelu_of(x: f32) -> f32 {
    x * normal(x).0
}

/// The slope of [`gelu_of`]: `Φ(x) + x φ(x)`.
#[cfg(feature = "train")]
#[allow(clippy::inline_always, reason = "part of wide loops")]
#[inline(always)]
pub(crate) fn gelu_slope(x: f32) -> f32 {
    let (share, bell) = normal(x);
    share + x * bell * BELL_TOP
}

/// `ln(1 + x)` for `x ≥ 0`, to 3e-7 of its value: `1 + x = 2ⁿ m` with `m` in `[√½, √2)`, and
/// `ln m = 2 artanh((m − 1) / (m + 1))`.
#[allow(clippy::inline_always, reason = "part of wide loops")]
#[inline(always)]
pub(crate) fn ln_1p_of(x: f32) -> f32 {
    /// The bits of `√½`.
    const HALF_ROOT: u32 = 0x3f35_04f3;
    let sum = 1.0 + x;
    // The rounding error of the sum; none where x is infinite.
    let lost = if x < 1.0 { x - (sum - 1.0) } else { 1.0 - (sum - x) };
    let bits = sum.to_bits().wrapping_sub(HALF_ROOT);
    let power = (bits.cast_signed() >> 23) as f32;
    let m = f32::from_bits((bits & 0x007f_ffff).wrapping_add(HALF_ROOT));
    let t = (m - 1.0) / (m + 1.0);
    let square = t * t;
    let p = 1.0 / 9.0;
    let p = p * square + 1.0 / 7.0;
    let p = p * square + 1.0 / 5.0;
    let p = p * square + 1.0 / 3.0;
    let artanh = p * square * t + t;
    let log = power * LN_2 + (2.0 * artanh + lost / sum);
    if x < f32::MAX { log } else { x }
}

/// `softmax(scale · row)`, in place.
#[allow(clippy::inline_always, reason = "part of wide loops")]
#[inline(always)]
pub(crate) fn softmax_row(row: &mut [f32], scale: f32) {
    let most = fold(row, f32::NEG_INFINITY, |a, x| if x > a { x } else { a });
    for x in row.iter_mut() {
        *x = exp_of((*x - most) * scale);
    }
    let share = 1.0 / sum(row, |x| x);
    for x in row {
        *x *= share;
    }
}

/// A row's mean and `1 / √(variance + ε)`.
#[allow(clippy::inline_always, reason = "part of wide loops")]
#[inline(always)]
pub(crate) fn mean_and_scale(row: &[f32]) -> (f32, f32) {
    let n = row.len() as f32;
    let mean = sum(row, |x| x) / n;
    let variance = sum(row, |x| (x - mean) * (x - mean)) / n;
    (mean, 1.0 / (variance + EPSILON).sqrt())
}

/// `Σ f(x)`.
#[allow(clippy::inline_always, reason = "part of wide loops")]
#[inline(always)]
pub(crate) fn sum(x: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let chunks = x.chunks_exact(LANES);
    for (lane, x) in lanes.iter_mut().zip(chunks.remainder()) {
        *lane = f(*x);
    }
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane += f(*x);
        }
    }
    joined(lanes, |a, b| a + b)
}

/// `Σ f(x, y)`.
#[cfg(feature = "train")]
#[allow(clippy::inline_always, reason = "part of wide loops")]
#[inline(always)]
pub(crate) fn sum_of_pairs(x: &[f32], y: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let (x, y) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
    for ((lane, x), y) in lanes.iter_mut().zip(x.remainder()).zip(y.remainder()) {
        *lane = f(*x, *y);
    }
    for (x, y) in x.zip(y) {
        for ((lane, x), y) in lanes.iter_mut().zip(x).zip(y) {
            *lane += f(*x, *y);
        }
    }
    joined(lanes, |a, b| a + b)
}

/// Joins all numbers by an `f` that does not mind their order.
#[allow(clippy::inline_always, reason = "part of wide loops")]
#[inline(always)]
fn fold(x: &[f32], start: f32, f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [start; LANES];
    let chunks = x.chunks_exact(LANES);
    for (lane, x) in lanes.iter_mut().zip(chunks.remainder()) {
        *lane = f(*lane, *x);
    }
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane = f(*lane, *x);
        }
    }
    joined(lanes, f)
}

/// Joins the lanes two by two.
#[allow(clippy::inline_always, reason = "part of wide loops")]
#[inline(always)]
fn joined(mut lanes: [f32; LANES], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        let (low, high) = lanes.split_at_mut(width);
        for (low, high) in low.iter_mut().zip(high) {
            *low = f(*low, *high);
        }
        width /= 2;
    }
    lanes[0]
}

#[cfg(test)]
#[cfg(feature = "train")]
mod tests {
    use super::*;

    /// The error function by its series, for `|z| < 4`.
    fn erf(z: f64) -> f64 {
        let mut term = z;
        let mut sum = z;
        for n in 1..200 {
            term *= -z * z / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * 2.0 / std::f64::consts::PI.sqrt()
    }

    #[test]
    fn exp_is_good_to_two_units_in_the_last_place() {
        for i in -87_000..88_000 {
            let x = i as f32 * 1e-3;
            let expected = f64::from(x).exp();
            assert!((f64::from(exp_of(x)) / expected - 1.0).abs() < 2.5e-7, "{x}");
        }
        assert_eq!(exp_of(0.0), 1.0);
        assert_eq!(exp_of(f32::NEG_INFINITY), 0.0);
        assert!(exp_of(f32::NAN).is_nan());
    }

    #[test]
    fn gelu_and_its_slope_follow_the_error_function() {
        for i in -500..=500 {
            let x = f64::from(i) * 0.01;
            let share = 0.5 * (1.0 + erf(x / 2_f64.sqrt()));
            let bell = (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
            assert!((f64::from(gelu_of(x as f32)) - x * share).abs() < 2e-7 * (1.0 + x.abs()), "{x}");
            assert!((f64::from(gelu_slope(x as f32)) - share - x * bell).abs() < 3e-7, "{x}");
        }
        assert!(gelu_of(f32::NAN).is_nan());
    }

    #[test]
    fn tanh_follows_its_formula_and_keeps_signs() {
        for i in -1000..=1000 {
            let x = i as f32 * 0.01;
            assert!((f64::from(tanh_of(x)) - f64::from(x).tanh()).abs() < 1.5e-7, "{x}");
        }
        assert_eq!(tanh_of(f32::NEG_INFINITY), -1.0);
        assert!(tanh_of(f32::NAN).is_nan());
    }

    #[test]
    fn logarithms_keep_what_is_small() {
        for i in 0..40_000 {
            let x = (i as f32 * 1e-3).powi(5) * 1e-9;
            let expected = f64::from(x).ln_1p();
            assert!((f64::from(ln_1p_of(x)) - expected).abs() <= 3e-7 * expected, "{x}");
        }
        assert!(ln_1p_of(f32::NAN).is_nan() && ln_1p_of(f32::INFINITY) == f32::INFINITY);
    }

    #[test]
    fn relu_keeps_what_is_not_a_number() {
        let mut x = [-1.0, 0.0, 2.0, f32::NAN];
        relu(&mut x);
        assert_eq!(x[..3], [0.0, 0.0, 2.0]);
        assert!(x[3].is_nan());
    }

    #[test]
    fn softmax_gives_shares_and_exact_zeros() {
        let mut x = [1.0, 2.0, f32::NEG_INFINITY, 500.0, 500.0, -500.0];
        softmax_rows(&mut x, 3);
        let e = 1.0_f32.exp();
        for (x, expected) in x.iter().zip([1.0 / (1.0 + e), e / (1.0 + e), 0.0, 0.5, 0.5, 0.0]) {
            assert!((x - expected).abs() < 1e-7);
        }
        assert_eq!(x[2], 0.0);
    }

    #[test]
    fn layer_norm_matches_its_formula_at_every_width() {
        for width in [1, 3, 16, 37] {
            let x: Vec<f32> = (0..2 * width).map(|i| ((i * 7) % 11) as f32 - 3.0).collect();
            let weight: Vec<f32> = (0..width).map(|i| 1.0 + i as f32 * 0.1).collect();
            let bias: Vec<f32> = (0..width).map(|i| i as f32).collect();
            let mut y = vec![0.0; x.len()];
            layer_norm_rows(&x, &weight, &bias, &mut y);
            for (x, y) in x.chunks(width).zip(y.chunks(width)) {
                let mean = x.iter().map(|&x| f64::from(x)).sum::<f64>() / width as f64;
                let variance = x.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / width as f64;
                for i in 0..width {
                    let expected = (f64::from(x[i]) - mean) / (variance + 1e-5).sqrt() * f64::from(weight[i])
                        + f64::from(bias[i]);
                    assert!((f64::from(y[i]) - expected).abs() < 1e-5 * (1.0 + expected.abs()));
                }
            }
        }
    }

    #[test]
    fn sums_reach_the_last_number() {
        for n in 0..70 {
            let x: Vec<f32> = (1..=n).map(|i| i as f32).collect();
            assert_eq!(sum(&x, |x| x), (n * (n + 1) / 2) as f32);
            assert_eq!(sum_of_squares(&x), (n * (n + 1) * (2 * n + 1) / 6) as f32);
            assert_eq!(sum_of_pairs(&x, &x, |a, b| a * b), sum_of_squares(&x));
        }
    }
}
