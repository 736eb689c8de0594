//! Sixteen rows in two AVX-512 registers.
#![allow(clippy::inline_always, reason = "compiled once for each kind of processor")]
#![allow(unsafe_code, reason = "vector instructions need a check of the processor; only this file uses them")]

use std::arch::x86_64::{
    __m512d, _CMP_LE_OQ, _CMP_NGT_UQ, _mm512_add_pd, _mm512_cmp_ps_mask, _mm512_loadu_pd, _mm512_loadu_ps,
    _mm512_maskz_mov_pd, _mm512_mul_pd, _mm512_set1_pd, _mm512_set1_ps, _mm512_storeu_pd, _mm512_sub_pd,
};

use ndarray::ArrayView2;

use super::lanes::{LANES, Lanes};
use super::rows;
use super::tree_game::{Set, TreeGame};

/// [`rows::rows`] with AVX-512; false where the processor lacks it.
pub(super) fn rows<S: Set>(game: &TreeGame, sets: &[S], x: &ArrayView2<'_, f32>, out: &mut [f64]) -> bool {
    let available = is_x86_feature_detected!("avx512f");
    if available {
        // SAFETY: the processor has AVX-512F.
        unsafe { rows_in_registers(game, sets, x, out) }
    }
    available
}

#[target_feature(enable = "avx512f")]
fn rows_in_registers<S: Set>(game: &TreeGame, sets: &[S], x: &ArrayView2<'_, f32>, out: &mut [f64]) {
    rows::rows::<Registers, S>(game, sets, x, out);
}

/// Lives below [`rows_in_registers`] alone, hence where the processor has AVX-512F.
#[derive(Clone, Copy)]
struct Registers(__m512d, __m512d);

impl Lanes for Registers {
    #[inline(always)]
    fn all(value: f64) -> Self {
        // SAFETY: see `Registers`.
        let value = unsafe { _mm512_set1_pd(value) };
        Self(value, value)
    }

    #[inline(always)]
    fn at_most(values: &[f32; LANES], threshold: f32, missing: bool) -> Self {
        // SAFETY: see `Registers`; sixteen numbers fill a register, which needs no alignment.
        unsafe {
            let values = _mm512_loadu_ps(values.as_ptr());
            let threshold = _mm512_set1_ps(threshold);
            let mask = if missing {
                _mm512_cmp_ps_mask::<_CMP_NGT_UQ>(values, threshold)
            } else {
                _mm512_cmp_ps_mask::<_CMP_LE_OQ>(values, threshold)
            };
            let one = _mm512_set1_pd(1.0);
            Self(_mm512_maskz_mov_pd(mask as u8, one), _mm512_maskz_mov_pd((mask >> 8) as u8, one))
        }
    }

    #[inline(always)]
    fn load(values: &[f64; LANES]) -> Self {
        // SAFETY: see `Registers`; sixteen numbers fill two registers, which need no alignment.
        unsafe { Self(_mm512_loadu_pd(values.as_ptr()), _mm512_loadu_pd(values[LANES / 2..].as_ptr())) }
    }

    #[inline(always)]
    fn store(self, to: &mut [f64; LANES]) {
        // SAFETY: as in `load`.
        unsafe {
            _mm512_storeu_pd(to.as_mut_ptr(), self.0);
            _mm512_storeu_pd(to[LANES / 2..].as_mut_ptr(), self.1);
        }
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        // SAFETY: see `Registers`.
        unsafe { Self(_mm512_add_pd(self.0, other.0), _mm512_add_pd(self.1, other.1)) }
    }

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        // SAFETY: see `Registers`.
        unsafe { Self(_mm512_sub_pd(self.0, other.0), _mm512_sub_pd(self.1, other.1)) }
    }

    #[inline(always)]
    fn times(self, other: Self) -> Self {
        // SAFETY: see `Registers`.
        unsafe { Self(_mm512_mul_pd(self.0, other.0), _mm512_mul_pd(self.1, other.1)) }
    }
}
