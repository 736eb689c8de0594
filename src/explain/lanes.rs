//! One number for each of some rows side by side.
#![allow(clippy::inline_always, reason = "compiled once for each kind of processor")]

/// Rows side by side.
pub(super) const LANES: usize = 16;

/// One number per row; the arithmetic is `f64`, lane by lane, so every kind gives the same bits.
pub(super) trait Lanes: Copy {
    /// The same number everywhere.
    fn all(value: f64) -> Self;
    /// 1 where the value is at most `threshold`, or is NaN and `missing` is set; else 0.
    fn at_most(values: &[f32; LANES], threshold: f32, missing: bool) -> Self;
    /// These numbers.
    fn load(values: &[f64; LANES]) -> Self;
    /// The numbers.
    fn store(self, to: &mut [f64; LANES]);
    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
}

/// For every processor.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct Portable([f64; LANES]);

impl Portable {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f64, f64) -> f64) -> Self {
        let mut result = [0.0; LANES];
        for (to, (a, b)) in result.iter_mut().zip(self.0.into_iter().zip(other.0)) {
            *to = f(a, b);
        }
        Self(result)
    }
}

impl Lanes for Portable {
    #[inline(always)]
    fn all(value: f64) -> Self {
        Self([value; LANES])
    }

    #[inline(always)]
    fn at_most(values: &[f32; LANES], threshold: f32, missing: bool) -> Self {
        let mut result = [0.0; LANES];
        for (to, &value) in result.iter_mut().zip(values) {
            let below = value <= threshold || (missing && value.is_nan());
            *to = f64::from(u8::from(below));
        }
        Self(result)
    }

    #[inline(always)]
    fn load(values: &[f64; LANES]) -> Self {
        Self(*values)
    }

    #[inline(always)]
    fn store(self, to: &mut [f64; LANES]) {
        *to = self.0;
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }

    #[inline(always)]
    fn times(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }
}
