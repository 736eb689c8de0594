//! `Detector::score_into` allocates nothing.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(unsafe_code, reason = "an allocator that counts is the only way to see an allocation")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use qosguard::detect::{Detector, Fit, IsolationForestConfig, IsolationMissing, IsolationSplits};
use qosguard::ndarray::{Array2, ArrayView2, s};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of this thread while it scores.
fn allocations(detector: &dyn Detector, x: &ArrayView2<'_, f32>) -> usize {
    let mut out = vec![0.0; x.nrows()];
    let before = ALLOCATIONS.get();
    detector.score_into(*x, &mut out).unwrap();
    ALLOCATIONS.get() - before
}

#[test]
fn scoring_allocates_nothing() {
    qosguard::set_parallel(false);
    let x = Array2::from_shape_fn((10_000, 6), |(i, j)| ((i * (j + 3)) % 101) as f32);
    let base = IsolationForestConfig::default;
    for config in [
        base(),
        IsolationForestConfig { splits: IsolationSplits::fair_cut(), ..base() },
        IsolationForestConfig { max_depth: Some(32), ..base() },
        IsolationForestConfig { missing: IsolationMissing::Follow, categorical: vec![1], ..base() },
    ] {
        let forest = config.fit(x.view(), None).unwrap();
        assert!(ALLOCATIONS.get() > 0, "the counter counts");
        assert_eq!(allocations(&forest, &x.view()), 0, "{config:?}");
        assert_eq!(allocations(&forest, &x.slice(s![..1, ..])), 0, "{config:?}");
        let column_major = x.t().as_standard_layout().into_owned();
        assert_eq!(allocations(&forest, &column_major.t()), 0, "{config:?}");
    }
}
