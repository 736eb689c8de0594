//! Functions of single numbers and of rows, over slices as wide as the processor's registers.
#![allow(
    unsafe_code,
    reason = "a function for wide registers may only be called where the processor has them"
)]

use super::lanes::LANES;
use crate::detect::tree::Processor;

/// Kept from a variance, so that it is never 0.
const EPSILON: f32 = 1e-5;

/// Compiles a function once for each kind of register; sums and products are rounded alike in all of them.
macro_rules! wide {
    ($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),+) $body:block) => {
        $(#[$doc])*
        pub(super) fn $name(processor: Processor, $($arg: $type),+) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl")]
            fn avx512($($arg: $type),+) $body
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2")]
            fn avx2($($arg: $type),+) $body
            fn any($($arg: $type),+) $body
            match processor {
                Processor::Any => any($($arg),+),
                #[cfg(target_arch = "x86_64")]
                // SAFETY: the processor has been asked.
                Processor::Avx2(_) => unsafe { avx2($($arg),+) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                Processor::Avx512(_) => unsafe { avx512($($arg),+) },
            }
        }
    };
}

wide! {
    /// `max(0, x)`.
    fn relu(x: &mut [f32]) {
        for x in x {
            *x = x.max(0.0);
        }
    }
}

wide! {
    /// `x Φ(x)`, within 3e-7 of it for `|x| ≤ 1` and within 3e-7 `|x|` beyond.
    fn gelu(x: &mut [f32]) {
        for x in x {
            let half = 0.5 * complement(x.abs() * std::f32::consts::FRAC_1_SQRT_2);
            *x *= if *x < 0.0 { half } else { 1.0 - half };
        }
    }
}

wide! {
    /// `tanh x`, within 2e-7.
    fn tanh(x: &mut [f32]) {
        for x in x {
            let e = exp(-2.0 * x.abs());
            *x = ((1.0 - e) / (1.0 + e)).copysign(*x);
        }
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

wide! {
    /// `softmax(scale · x)` of each row of so many columns.
    fn softmax_rows(x: &mut [f32], columns: usize, scale: f32) {
        for row in x.chunks_exact_mut(columns) {
            let most = fold(row, f32::NEG_INFINITY, f32::max);
            for x in row.iter_mut() {
                *x = exp(scale * (*x - most));
            }
            let share = 1.0 / fold(row, 0.0, |a, b| a + b);
            for x in row {
                *x *= share;
            }
        }
    }
}

wide! {
    /// Each row of `x`, as wide as `weight`, to mean 0 and variance 1, times `weight`, plus `bias`.
    fn layer_norm_rows(x: &[f32], weight: &[f32], bias: &[f32], out: &mut [f32]) {
        let n = weight.len() as f32;
        for (x, out) in x.chunks_exact(weight.len()).zip(out.chunks_exact_mut(weight.len())) {
            let mean = fold(x, 0.0, |a, b| a + b) / n;
            for (out, x) in out.iter_mut().zip(x) {
                *out = (x - mean) * (x - mean);
            }
            let scale = 1.0 / (fold(out, 0.0, |a, b| a + b) / n + EPSILON).sqrt();
            for (((out, x), weight), bias) in out.iter_mut().zip(x).zip(weight).zip(bias) {
                *out = (x - mean) * scale * weight + bias;
            }
        }
    }
}

wide! {
    /// `ln(1 + x)` for `x ≥ 0`, within 2e-7 or 2e-7 of its value.
    fn ln_1p(x: &mut [f32]) {
        for x in x {
            *x = ln_1p_of(*x);
        }
    }
}

/// Folds sixteen numbers at a time, then these sixteen; the order follows from the length alone.
#[inline(always)]
fn fold(x: &[f32], start: f32, f: impl Fn(f32, f32) -> f32) -> f32 {
    let (lanes, rest) = x.as_chunks::<LANES>();
    let mut all = [start; LANES];
    for lane in lanes {
        for (all, &x) in all.iter_mut().zip(lane) {
            *all = f(*all, x);
        }
    }
    for (all, &x) in all.iter_mut().zip(rest) {
        *all = f(*all, x);
    }
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            all[i] = f(all[i], all[i + width]);
        }
        width /= 2;
    }
    all[0]
}

/// `eˣ` within 2 units in the last place; 0 below −87.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // Adding it leaves a whole number in the lowest bits.
    const WHOLE: f32 = 12_582_912.0;
    // ln 2, the first part with few enough bits that its multiples are exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    let within = x.clamp(-87.0, 88.0);
    let shifted = within * std::f32::consts::LOG2_E + WHOLE;
    let n = shifted - WHOLE;
    let r = (within - n * LN_2[0]) - n * LN_2[1];
    let p = [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5];
    let p = p.into_iter().fold(1.987_569_1e-4, |sum, c| sum * r + c);
    let y = p * r * r + r + 1.0;
    let y = f32::from_bits(y.to_bits().wrapping_add(shifted.to_bits() << 23));
    if x < -87.0 { 0.0 } else { y }
}

/// `1 − erf z` for `z ≥ 0`, within 2e-7 (M. Abramowitz, I. Stegun, 7.1.26).
#[inline(always)]
fn complement(z: f32) -> f32 {
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let p = [-1.453_152_f32, 1.421_413_7, -0.284_496_74, 0.254_829_6];
    let p = p.into_iter().fold(1.061_405_4, |sum, c| sum * t + c);
    p * t * exp(-z * z)
}

/// `ln(1 + x)` for `x ≥ 0`: `1 + x = 2ⁿ m` with `m` in `[√½, √2)`, and `ln m = 2 artanh((m − 1) / (m + 1))`.
#[inline(always)]
fn ln_1p_of(x: f32) -> f32 {
    let sum = 1.0 + x;
    // What rounding of the sum lost.
    let lost = if x < 1.0 { x - (sum - 1.0) } else { 1.0 - (sum - x) };
    let bits = sum.to_bits().wrapping_sub(0x3f35_04f3);
    let n = (bits.cast_signed() >> 23) as f32;
    let m = f32::from_bits((bits & 0x007f_ffff).wrapping_add(0x3f35_04f3));
    let t = (m - 1.0) / (m + 1.0);
    let square = t * t;
    let p = [1.0 / 7.0, 1.0 / 5.0, 1.0 / 3.0, 1.0_f32];
    let p = p.into_iter().fold(1.0 / 9.0, |sum, c| sum * square + c);
    n * std::f32::consts::LN_2 + 2.0 * t * p + lost / sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Largest distance to `truth`, over its size where that is above 1.
    fn error(points: &[f32], f: fn(Processor, &mut [f32]), truth: impl Fn(f64) -> f64) -> f64 {
        let mut worst = 0.0_f64;
        for processor in Processor::all() {
            let mut values = points.to_vec();
            f(processor, &mut values);
            for (&x, value) in points.iter().zip(values) {
                let truth = truth(f64::from(x));
                worst = worst.max((f64::from(value) - truth).abs() / truth.abs().max(1.0));
            }
        }
        worst
    }

    fn points() -> Vec<f32> {
        (-20_003..20_000).map(|i| i as f32 * 1e-3).collect()
    }

    /// The normal distribution function by Simpson's rule.
    fn phi(x: f64) -> f64 {
        let n = 400;
        let step = x / f64::from(n);
        let density = |t: f64| (-t * t / 2.0).exp();
        let weight = |i: i32| if i == 0 || i == n { 1.0 } else { f64::from(2 + 2 * (i % 2)) };
        let sum: f64 = (0..=n).map(|i| weight(i) * density(f64::from(i) * step)).sum();
        0.5 + sum * step / 3.0 / std::f64::consts::TAU.sqrt()
    }

    #[test]
    fn functions_are_what_they_say() {
        let thinned: Vec<f32> = points().into_iter().step_by(37).collect();
        assert!(error(&thinned, gelu, |x| x * phi(x)) < 5e-7);
        assert!(error(&points(), tanh, f64::tanh) < 2e-7);
        let positive: Vec<f32> = (0..20_000).map(|i| (i as f32 * 1e-3).powi(3)).collect();
        assert!(error(&positive, ln_1p, f64::ln_1p) < 3e-7);
        let tiny =
            [1e-7_f32, 1e-5, 1e-3].map(|x| (f64::from(ln_1p_of(x)) / f64::from(x).ln_1p() - 1.0).abs());
        assert!(tiny.iter().all(|&error| error < 3e-7), "{tiny:?}");
        for x in points() {
            let truth = f64::from(x).exp();
            assert!((f64::from(exp(x)) / truth - 1.0).abs() < 3e-7, "{x}");
        }
        assert_eq!([exp(f32::NEG_INFINITY), exp(-1000.0)], [0.0, 0.0]);
        let mut wild = [f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
        gelu(Processor::best(), &mut wild);
        assert!(wild[0] == f32::INFINITY && wild[2].is_nan());
    }

    #[test]
    fn rows_are_what_they_say_on_every_processor() {
        for columns in [1, 3, 16, 48, 67] {
            let x: Vec<f32> = (0..5 * columns).map(|i| ((i * 37) % 101) as f32 * 0.11 - 5.0).collect();
            let weight: Vec<f32> = (0..columns).map(|i| 1.0 + i as f32 * 0.01).collect();
            for processor in Processor::all() {
                let (mut shares, mut normed) = (x.clone(), x.clone());
                softmax_rows(processor, &mut shares, columns, 0.3);
                layer_norm_rows(processor, &x, &weight, &weight, &mut normed);
                for (row, x) in x.chunks_exact(columns).enumerate() {
                    let sum: f64 = x.iter().map(|&x| (0.3 * f64::from(x)).exp()).sum();
                    let mean = x.iter().map(|&x| f64::from(x)).sum::<f64>() / columns as f64;
                    let variance =
                        x.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / columns as f64;
                    for (column, &x) in x.iter().enumerate() {
                        let (at, w) = (row * columns + column, f64::from(weight[column]));
                        assert!((f64::from(shares[at]) - (0.3 * f64::from(x)).exp() / sum).abs() < 1e-6);
                        let truth = (f64::from(x) - mean) / (variance + 1e-5).sqrt() * w + w;
                        assert!((f64::from(normed[at]) - truth).abs() < 1e-5, "{processor:?} {columns}");
                    }
                }
            }
        }
    }
}
