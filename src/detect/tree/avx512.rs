//! The walk of [`Heap`] with AVX-512: sixteen rows in a register, up to eight registers side by side.
#![allow(unsafe_code, reason = "gathers take raw pointers; this file alone uses them")]

use std::arch::x86_64::{
    __m256i, __m512i, _CMP_GT_OQ, _mm512_add_epi32, _mm512_add_pd, _mm512_castsi512_ps,
    _mm512_castsi512_si256, _mm512_cmp_ps_mask, _mm512_extracti64x4_epi64, _mm512_i32gather_epi64,
    _mm512_i32gather_pd, _mm512_i32gather_ps, _mm512_loadu_pd, _mm512_loadu_si512, _mm512_mask_add_epi32,
    _mm512_mullo_epi32, _mm512_permutex2var_epi32, _mm512_permutexvar_epi32, _mm512_set1_epi32,
    _mm512_setr_epi32, _mm512_storeu_pd, _mm512_sub_epi32,
};

use super::heap::{Heap, Slot};

/// Rows in a register.
const LANES: usize = 16;

/// Adds each row's leaf values to its sum for as many rows as fill registers; returns how many.
pub(super) fn add(heap: &Heap, x: &[f32], sums: &mut [f64]) -> usize {
    if sums.len() < LANES || !is_x86_feature_detected!("avx512f") {
        return 0;
    }
    // SAFETY: the processor has AVX-512F.
    unsafe { walk_all(heap, x, sums) }
}

/// Walks tiles of 128 rows (eight registers fit without spilling), then smaller ones down to 16.
#[target_feature(enable = "avx512f")]
fn walk_all(heap: &Heap, x: &[f32], sums: &mut [f64]) -> usize {
    assert_eq!(x.len(), sums.len() * heap.n_features, "one row of features per sum");
    let mut rows = x;
    let sums = walk_tiles::<8>(heap, &mut rows, sums);
    let sums = walk_tiles::<4>(heap, &mut rows, sums);
    let sums = walk_tiles::<2>(heap, &mut rows, sums);
    walk_tiles::<1>(heap, &mut rows, sums);
    (x.len() - rows.len()) / heap.n_features
}

/// Walks `16 G` rows at a time off the front of `x`; returns the sums of the rows that are left.
#[target_feature(enable = "avx512f")]
fn walk_tiles<'a, const G: usize>(heap: &Heap, x: &mut &[f32], sums: &'a mut [f64]) -> &'a mut [f64] {
    let mut tiles = sums.chunks_exact_mut(G * LANES);
    for sums in tiles.by_ref() {
        let rows = x.split_off(..G * LANES * heap.n_features).unwrap_or_default();
        walk::<G>(heap, rows, sums);
    }
    tiles.into_remainder()
}

/// Walks `16 G` rows down every tree.
#[target_feature(enable = "avx512f")]
fn walk<const G: usize>(heap: &Heap, x: &[f32], sums: &mut [f64]) {
    let n_features = heap.n_features;
    assert_eq!(sums.len(), G * LANES, "one sum per lane");
    assert_eq!(x.len(), sums.len() * n_features, "one row of features per sum");
    let lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    let one = _mm512_set1_epi32(1);
    let even = _mm512_add_epi32(lane, lane);
    let odd = _mm512_add_epi32(even, one);
    let row = _mm512_mullo_epi32(lane, _mm512_set1_epi32((n_features as u32).cast_signed()));
    let groups: [&[f32]; G] = std::array::from_fn(|g| &x[g * LANES * n_features..][..LANES * n_features]);

    let first_leaf = _mm512_set1_epi32(1 << heap.depth);

    for (slots, leaves) in heap.trees() {
        // The first sixteen slots, which hold the first four levels, stay in two registers.
        let (low, high) = load_slots(slots);
        let thresholds = _mm512_permutex2var_epi32(low, even, high);
        let features = _mm512_permutex2var_epi32(low, odd, high);
        let mut at = [one; G];
        for _ in 0..Heap::MIN_DEPTH {
            for (at, rows) in at.iter_mut().zip(groups) {
                let threshold = _mm512_permutexvar_epi32(*at, thresholds);
                let feature = _mm512_permutexvar_epi32(*at, features);
                // SAFETY: slot numbers are below 16 here, so both tables have them, and the heap was made
                // from checked trees, so its features are below `n_features`.
                *at = unsafe { step(*at, threshold, feature, row, rows) };
            }
        }
        for _ in Heap::MIN_DEPTH..heap.depth {
            for (at, rows) in at.iter_mut().zip(groups) {
                // SAFETY: on level l a slot number is below 2^(l + 1), and there are 2^depth slots.
                let (low, high) = unsafe { gather_slots(*at, slots) };
                let threshold = _mm512_permutex2var_epi32(low, even, high);
                let feature = _mm512_permutex2var_epi32(low, odd, high);
                // SAFETY: as above, every feature is below `n_features`.
                *at = unsafe { step(*at, threshold, feature, row, rows) };
            }
        }
        for (at, sums) in at.into_iter().zip(sums.as_chunks_mut::<LANES>().0) {
            // SAFETY: after `depth` steps every slot number is in 2^depth..2^(depth + 1), and there are
            // 2^depth leaves.
            unsafe { add_leaves(_mm512_sub_epi32(at, first_leaf), leaves, sums) };
        }
    }
}

/// Slots 0 to 15 of a tree, in two halves.
#[target_feature(enable = "avx512f")]
fn load_slots(slots: &[Slot]) -> (__m512i, __m512i) {
    let slots = &slots[..16];
    let (low, high) = (slots.as_ptr(), slots[8..].as_ptr());
    // SAFETY: 16 slots of 8 bytes fill two registers; the loads need no alignment.
    unsafe { (_mm512_loadu_si512(low.cast()), _mm512_loadu_si512(high.cast())) }
}

/// The slots of sixteen lanes, in two halves.
///
/// # Safety
///
/// Every number in `at` is below `slots.len()`.
#[target_feature(enable = "avx512f")]
unsafe fn gather_slots(at: __m512i, slots: &[Slot]) -> (__m512i, __m512i) {
    let (low, high) = halves(at);
    // SAFETY: the caller's; a slot is 8 bytes.
    unsafe {
        (
            _mm512_i32gather_epi64::<8>(low, slots.as_ptr().cast()),
            _mm512_i32gather_epi64::<8>(high, slots.as_ptr().cast()),
        )
    }
}

/// Sixteen lanes go from slot `i` to `2 i`, or to `2 i + 1` where the row's value is above the threshold.
///
/// # Safety
///
/// Every feature is below the number of features, `row` holds where each lane's row begins, and `rows` is
/// as long as sixteen rows.
#[target_feature(enable = "avx512f")]
unsafe fn step(at: __m512i, threshold: __m512i, feature: __m512i, row: __m512i, rows: &[f32]) -> __m512i {
    // SAFETY: the caller's; sixteen rows of at most 2^24 features are addressed by an i32.
    let value = unsafe { _mm512_i32gather_ps::<4>(_mm512_add_epi32(row, feature), rows.as_ptr()) };
    let right = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(value, _mm512_castsi512_ps(threshold));
    let left_child = _mm512_add_epi32(at, at);
    _mm512_mask_add_epi32(left_child, right, left_child, _mm512_set1_epi32(1))
}

/// Adds one leaf value to each of sixteen sums.
///
/// # Safety
///
/// Every number in `leaf` is below `leaves.len()`.
#[target_feature(enable = "avx512f")]
unsafe fn add_leaves(leaf: __m512i, leaves: &[f64], sums: &mut [f64; LANES]) {
    let (low, high) = halves(leaf);
    let (first, second) = sums.split_at_mut(LANES / 2);
    for (leaf, sums) in [(low, first), (high, second)] {
        // SAFETY: the caller's for the gather; eight sums fill a register, which needs no alignment.
        unsafe {
            let value = _mm512_i32gather_pd::<8>(leaf, leaves.as_ptr());
            _mm512_storeu_pd(sums.as_mut_ptr(), _mm512_add_pd(_mm512_loadu_pd(sums.as_ptr()), value));
        }
    }
}

/// The two halves of a register.
#[target_feature(enable = "avx512f")]
fn halves(lanes: __m512i) -> (__m256i, __m256i) {
    (_mm512_castsi512_si256(lanes), _mm512_extracti64x4_epi64::<1>(lanes))
}
