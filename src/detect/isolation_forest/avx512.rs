//! The walks of [`Walk`] with AVX-512: sixteen rows of numbers, or eight of planes, in a register.
#![allow(unsafe_code, reason = "gathers take raw pointers")]

use std::arch::x86_64::{
    __m256i, __m512i, _CMP_GT_OQ, _mm256_add_epi32, _mm256_castsi256_ps, _mm256_i32gather_epi32,
    _mm256_i32gather_ps, _mm256_mullo_epi32, _mm256_set1_epi32, _mm256_setr_epi32, _mm256_testz_si256,
    _mm256_xor_si256, _mm512_add_epi32, _mm512_add_pd, _mm512_and_si512, _mm512_castps_si512,
    _mm512_castsi512_si256, _mm512_cmp_pd_mask, _mm512_cmp_ps_mask, _mm512_cmpneq_epi32_mask,
    _mm512_cvtepi64_epi32, _mm512_cvtps_pd, _mm512_extracti64x4_epi64, _mm512_i32gather_epi32,
    _mm512_i32gather_epi64, _mm512_i32gather_pd, _mm512_i32gather_ps, _mm512_loadu_pd, _mm512_mask_add_epi32,
    _mm512_maskz_set1_epi32, _mm512_min_epu32, _mm512_mul_pd, _mm512_mullo_epi32, _mm512_set1_epi32,
    _mm512_setr_epi32, _mm512_setzero_pd, _mm512_srli_epi32, _mm512_srli_epi64, _mm512_srlv_epi32,
    _mm512_storeu_pd, _mm512_test_epi32_mask,
};

use super::walk::{Oblique, Slot, SplitTest, Walk};

/// Sums in a register.
const SUMS: usize = 8;

/// Rows that walk side by side.
const ROWS: usize = 32;

/// Walks as many rows as come in [`ROWS`]; returns how many.
fn tiles<S: SplitTest>(
    walk: &Walk<S>,
    x: &[f32],
    sums: &mut [f64],
    descend: impl Fn(&Walk<S>, &[f32], &mut [f64]),
) -> usize {
    let width = walk.n_features();
    // The places of values in the rows are kept as an i32.
    if sums.len() < ROWS || width > 1 << 24 || !is_x86_feature_detected!("avx512f") {
        return 0;
    }
    let mut done = 0;
    for (sums, x) in sums.chunks_exact_mut(ROWS).zip(x.chunks_exact(ROWS * width)) {
        descend(walk, x, sums);
        done += ROWS;
    }
    done
}

/// Adds each row's leaf values to its sum; returns for how many rows. The slots test planes.
pub(super) fn add_planes<const K: usize>(walk: &Walk<Oblique<K>>, x: &[f32], sums: &mut [f64]) -> usize {
    // SAFETY: `tiles` has seen that the processor has AVX-512F.
    tiles(walk, x, sums, |walk, x, sums| unsafe { descend_planes(walk, x, sums) })
}

/// Adds each row's leaf values to its sum; returns for how many rows.
///
/// A slot is the threshold, the feature, the set where there are `SETS`, and the first child, of 32 bits each.
pub(super) fn add_numbers<S: SplitTest, const SETS: bool>(
    walk: &Walk<S>,
    x: &[f32],
    sums: &mut [f64],
) -> usize {
    // SAFETY: `tiles` has seen that the processor has AVX-512F.
    tiles(walk, x, sums, |walk, x, sums| unsafe { descend_numbers::<S, SETS>(walk, x, sums) })
}

/// Walks four registers of rows down every tree.
#[target_feature(enable = "avx512f")]
fn descend_planes<const K: usize>(walk: &Walk<Oblique<K>>, x: &[f32], sums: &mut [f64]) {
    let width = walk.n_features();
    assert_eq!(x.len(), ROWS * width, "one row of features per lane");
    let (slots, values) = walk.slots();
    // Slots are a whole number of eights of bytes.
    let stride = _mm256_set1_epi32((size_of::<Slot<Oblique<K>>>() as u32 / 8).cast_signed());
    let lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    let width = _mm256_set1_epi32((width as u32).cast_signed());
    let rows: [__m256i; ROWS / 8] = std::array::from_fn(|group| {
        let first = _mm256_set1_epi32((8 * group as u32).cast_signed());
        _mm256_mullo_epi32(_mm256_add_epi32(first, lane), width)
    });
    for (root, depth) in walk.roots() {
        let mut at = [_mm256_set1_epi32(root.cast_signed()); ROWS / 8];
        for _ in 0..depth {
            let mut still = true;
            for (at, &row) in at.iter_mut().zip(&rows) {
                // SAFETY: roots and children are numbers of slots, and the features of planes are below the
                // width of a row; both were checked when the layout was made.
                let next = unsafe { step_planes(_mm256_mullo_epi32(*at, stride), slots, row, x) };
                let moved = _mm256_xor_si256(next, *at);
                still &= _mm256_testz_si256(moved, moved) == 1;
                *at = next;
            }
            if still {
                break;
            }
        }
        for (at, sums) in at.into_iter().zip(sums.as_chunks_mut::<SUMS>().0) {
            // SAFETY: there is a value for each slot.
            unsafe { add_values(at, values, sums) };
        }
    }
}

/// The next slots of eight lanes whose slots begin `8 index` bytes into `slots`.
///
/// # Safety
///
/// Every index belongs to a slot in `slots`, every feature is below the length of a row, and `x` has the
/// rows that begin at `row`.
#[target_feature(enable = "avx512f")]
unsafe fn step_planes<const K: usize>(
    index: __m256i,
    slots: &[Slot<Oblique<K>>],
    row: __m256i,
    x: &[f32],
) -> __m256i {
    let base = slots.as_ptr().cast::<u8>();
    // SAFETY: the caller's; a slot is `repr(C)`: the offset, K times a weight and its feature, the first child.
    unsafe {
        let mut sum = _mm512_setzero_pd();
        for k in 0..K {
            let term = _mm512_i32gather_epi64::<8>(index, base.add(8 + 8 * k).cast());
            let weight = _mm256_castsi256_ps(_mm512_cvtepi64_epi32(term));
            let feature = _mm512_cvtepi64_epi32(_mm512_srli_epi64::<32>(term));
            let value = _mm256_i32gather_ps::<4>(x.as_ptr(), _mm256_add_epi32(row, feature));
            sum = _mm512_add_pd(sum, _mm512_mul_pd(_mm512_cvtps_pd(weight), _mm512_cvtps_pd(value)));
        }
        let offset = _mm512_i32gather_pd::<8>(index, base.cast());
        let right = _mm512_cmp_pd_mask::<_CMP_GT_OQ>(sum, offset);
        let first = _mm256_i32gather_epi32::<8>(base.add(8 + 8 * K).cast(), index);
        _mm256_add_epi32(first, _mm512_castsi512_si256(_mm512_maskz_set1_epi32(u16::from(right), 1)))
    }
}

/// Walks two registers of rows down every tree.
#[target_feature(enable = "avx512f")]
fn descend_numbers<S: SplitTest, const SETS: bool>(walk: &Walk<S>, x: &[f32], sums: &mut [f64]) {
    let width = walk.n_features();
    assert_eq!(x.len(), ROWS * width, "one row of features per lane");
    let (slots, values) = walk.slots();
    let stride = _mm512_set1_epi32((size_of::<Slot<S>>() as u32 / 4).cast_signed());
    let lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    let width = _mm512_set1_epi32((width as u32).cast_signed());
    let rows: [__m512i; ROWS / 16] = std::array::from_fn(|group| {
        let first = _mm512_set1_epi32((16 * group as u32).cast_signed());
        _mm512_mullo_epi32(_mm512_add_epi32(first, lane), width)
    });
    for (root, depth) in walk.roots() {
        let mut at = [_mm512_set1_epi32(root.cast_signed()); ROWS / 16];
        for _ in 0..depth {
            let mut still = true;
            for (at, &row) in at.iter_mut().zip(&rows) {
                // SAFETY: roots and children are numbers of slots, and features are below the width of a
                // row; both were checked when the layout was made, which also made the sets.
                let next =
                    unsafe { step_numbers::<S, SETS>(_mm512_mullo_epi32(*at, stride), slots, walk, row, x) };
                still &= _mm512_cmpneq_epi32_mask(next, *at) == 0;
                *at = next;
            }
            if still {
                break;
            }
        }
        for (at, sums) in at.into_iter().zip(sums.chunks_exact_mut(16)) {
            let halves = [_mm512_castsi512_si256(at), _mm512_extracti64x4_epi64::<1>(at)];
            for (at, sums) in halves.into_iter().zip(sums.as_chunks_mut::<SUMS>().0) {
                // SAFETY: there is a value for each slot.
                unsafe { add_values(at, values, sums) };
            }
        }
    }
}

/// The next slots of sixteen lanes whose slots begin `4 index` bytes into `slots`.
///
/// # Safety
///
/// As for [`step_planes`], and every set lies in the walk's words.
#[target_feature(enable = "avx512f")]
unsafe fn step_numbers<S: SplitTest, const SETS: bool>(
    index: __m512i,
    slots: &[Slot<S>],
    walk: &Walk<S>,
    row: __m512i,
    x: &[f32],
) -> __m512i {
    let base = slots.as_ptr().cast::<u8>();
    // SAFETY: the caller's; a slot is `repr(C)`: the threshold, the feature, the set, the first child.
    unsafe {
        let threshold = _mm512_i32gather_ps::<4>(index, base.cast());
        let feature = _mm512_i32gather_epi32::<4>(index, base.add(4).cast());
        let value = _mm512_i32gather_ps::<4>(_mm512_add_epi32(row, feature), x.as_ptr());
        let mut right = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(value, threshold);
        if SETS {
            let (words, last) = walk.sets();
            let set = _mm512_i32gather_epi32::<4>(index, base.add(8).cast());
            let category = _mm512_castps_si512(value);
            let last = _mm512_set1_epi32((last as u32).cast_signed());
            let word = _mm512_min_epu32(_mm512_srli_epi32::<5>(category), last);
            let word = _mm512_i32gather_epi32::<4>(_mm512_add_epi32(set, word), words.as_ptr().cast());
            let bit = _mm512_and_si512(category, _mm512_set1_epi32(31));
            right &= !_mm512_test_epi32_mask(_mm512_srlv_epi32(word, bit), _mm512_set1_epi32(1));
        }
        let first = _mm512_i32gather_epi32::<4>(index, base.add(size_of::<Slot<S>>() - 4).cast());
        _mm512_mask_add_epi32(first, right, first, _mm512_set1_epi32(1))
    }
}

/// Adds the values of eight slots to eight sums.
///
/// # Safety
///
/// Every number in `at` is below `values.len()`.
#[target_feature(enable = "avx512f")]
unsafe fn add_values(at: __m256i, values: &[f64], sums: &mut [f64; SUMS]) {
    // SAFETY: the caller's for the gather; eight sums fill a register, which needs no alignment.
    unsafe {
        let value = _mm512_i32gather_pd::<8>(at, values.as_ptr());
        _mm512_storeu_pd(sums.as_mut_ptr(), _mm512_add_pd(_mm512_loadu_pd(sums.as_ptr()), value));
    }
}
