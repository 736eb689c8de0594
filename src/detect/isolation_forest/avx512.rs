//! The walk down trees of planes with AVX-512: eight rows in a register, four registers side by side.
#![allow(unsafe_code, reason = "gathers take raw pointers")]

use std::arch::x86_64::{
    __m256i, _CMP_GT_OQ, _mm256_add_epi32, _mm256_i32gather_epi32, _mm256_i32gather_ps, _mm256_mullo_epi32,
    _mm256_or_si256, _mm256_set1_epi32, _mm256_setr_epi32, _mm256_setzero_si256, _mm256_testz_si256,
    _mm256_xor_si256, _mm512_add_pd, _mm512_castsi512_si256, _mm512_cmp_pd_mask, _mm512_cvtps_pd,
    _mm512_i32gather_pd, _mm512_loadu_pd, _mm512_maskz_set1_epi32, _mm512_mul_pd, _mm512_setzero_pd,
    _mm512_storeu_pd,
};

use super::walk::{Beyond, Slot, Walk};

/// Rows in a register.
const LANES: usize = 8;

/// Registers side by side.
const GROUPS: usize = 4;

/// Adds each row's leaf values to its sum for as many rows as fill the registers; returns how many.
pub(super) fn add<const K: usize>(walk: &Walk<Beyond<K>>, x: &[f32], sums: &mut [f64]) -> usize {
    let width = walk.n_features();
    // The places of values in the rows are kept as an i32.
    if sums.len() < LANES * GROUPS || width > 1 << 24 || !is_x86_feature_detected!("avx512f") {
        return 0;
    }
    let mut done = 0;
    let tiles = sums.chunks_exact_mut(LANES * GROUPS).zip(x.chunks_exact(LANES * GROUPS * width));
    for (sums, x) in tiles {
        // SAFETY: the processor has AVX-512F.
        unsafe { descend(walk, x, sums) };
        done += sums.len();
    }
    done
}

/// Walks the rows of four registers down every tree.
#[target_feature(enable = "avx512f")]
fn descend<const K: usize>(walk: &Walk<Beyond<K>>, x: &[f32], sums: &mut [f64]) {
    let width = walk.n_features();
    assert_eq!(sums.len(), LANES * GROUPS, "one sum per lane");
    assert_eq!(x.len(), sums.len() * width, "one row of features per sum");
    let (slots, values) = walk.slots();
    // Eight bytes, which is what a slot is a multiple of.
    let stride = _mm256_set1_epi32((size_of::<Slot<Beyond<K>>>() as u32 / 8).cast_signed());
    let start = |group: usize, lane: usize| (((group * LANES + lane) * width) as u32).cast_signed();
    let rows: [__m256i; GROUPS] = std::array::from_fn(|g| {
        let row = |lane| start(g, lane);
        _mm256_setr_epi32(row(0), row(1), row(2), row(3), row(4), row(5), row(6), row(7))
    });
    for &root in walk.roots() {
        let mut at = [_mm256_set1_epi32(root.cast_signed()); GROUPS];
        loop {
            let mut moved = _mm256_setzero_si256();
            for (at, &row) in at.iter_mut().zip(&rows) {
                // SAFETY: roots and children are numbers of slots, and the features of planes are below
                // `width`; both were checked when the layout was made.
                let next = unsafe { step(_mm256_mullo_epi32(*at, stride), slots, row, x) };
                moved = _mm256_or_si256(moved, _mm256_xor_si256(next, *at));
                *at = next;
            }
            if _mm256_testz_si256(moved, moved) == 1 {
                break;
            }
        }
        for (at, sums) in at.into_iter().zip(sums.as_chunks_mut::<LANES>().0) {
            // SAFETY: there is a value for each slot; eight sums fill a register, which needs no alignment.
            unsafe {
                let value = _mm512_i32gather_pd::<8>(at, values.as_ptr());
                _mm512_storeu_pd(sums.as_mut_ptr(), _mm512_add_pd(_mm512_loadu_pd(sums.as_ptr()), value));
            }
        }
    }
}

/// Where eight lanes go that stand at the slots which begin `8 index` bytes into `slots`.
///
/// # Safety
///
/// Every index is that of a slot in `slots`, every feature is below the length of a row, and `x` has the
/// rows that begin at `row`.
#[target_feature(enable = "avx512f")]
unsafe fn step<const K: usize>(
    index: __m256i,
    slots: &[Slot<Beyond<K>>],
    row: __m256i,
    x: &[f32],
) -> __m256i {
    let base = slots.as_ptr().cast::<u8>();
    // SAFETY: the caller's; a slot is `repr(C)`: the offset, K weights, K features, the first child.
    unsafe {
        let mut sum = _mm512_setzero_pd();
        for k in 0..K {
            let weight = _mm512_i32gather_pd::<8>(index, base.add(8 + 8 * k).cast());
            let feature = _mm256_i32gather_epi32::<8>(base.add(8 + 8 * K + 4 * k).cast(), index);
            let value = _mm256_i32gather_ps::<4>(x.as_ptr(), _mm256_add_epi32(row, feature));
            sum = _mm512_add_pd(sum, _mm512_mul_pd(weight, _mm512_cvtps_pd(value)));
        }
        let offset = _mm512_i32gather_pd::<8>(index, base.cast());
        let right = _mm512_cmp_pd_mask::<_CMP_GT_OQ>(sum, offset);
        let first = _mm256_i32gather_epi32::<8>(base.add(8 + 12 * K).cast(), index);
        _mm256_add_epi32(first, _mm512_castsi512_si256(_mm512_maskz_set1_epi32(u16::from(right), 1)))
    }
}
