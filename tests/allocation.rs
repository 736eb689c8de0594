//! Functions that are called per row do not allocate.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(unsafe_code, reason = "an allocator that counts is the only way to see an allocation")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use qosguard::calibrate::{Combination, ProbabilityRule};
use qosguard::detect::{
    Detector, Fit, FitContext, GaussianMixtureConfig, HalfSpaceTreesConfig, IsolationForestConfig,
    IsolationMissing, IsolationSplits, LogisticRegressionConfig, OnlineDetector,
};
use qosguard::ndarray::{Array2, ArrayView2, s};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller guarantees the contract of the allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller guarantees the contract of the allocator.
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
        IsolationForestConfig { missing: IsolationMissing::Learn, categorical: vec![1], ..base() },
    ] {
        let forest = config.fit(x.view(), FitContext::default()).unwrap().model;
        assert!(ALLOCATIONS.get() > 0, "the counter works");
        assert_eq!(allocations(&forest, &x.view()), 0, "{config:?}");
        assert_eq!(allocations(&forest, &x.slice(s![..1, ..])), 0, "{config:?}");
        let column_major = x.t().as_standard_layout().into_owned();
        assert_eq!(allocations(&forest, &column_major.t()), 0, "{config:?}");
    }
}

#[test]
fn probabilities_and_combinations_allocate_nothing() {
    let scores: Vec<f32> = (0..500_u16).map(|i| f32::from(i % 50)).collect();
    let labels: Vec<bool> = (0..500).map(|i| i % 50 > 20 + i % 7).collect();
    let mut out = vec![0.0; scores.len()];
    for rule in [ProbabilityRule::Platt, ProbabilityRule::Isotonic, ProbabilityRule::Temperature] {
        let map = rule.fit(&scores, &labels, Some(0.1)).unwrap();
        let before = ALLOCATIONS.get();
        map.probabilities_into(&scores, &mut out).unwrap();
        assert_eq!(ALLOCATIONS.get() - before, 0, "{rule:?}");
    }
    let p = [0.2, 1e-300, 0.7, 1.0];
    let before = ALLOCATIONS.get();
    let fisher = Combination::Fisher.combine(&p);
    for rule in [Combination::Bonferroni, Combination::HarmonicMean, Combination::Cauchy] {
        let weighted = rule.combine_weighted(&p, &[1.0, 2.0, 0.0, 3.0]).unwrap();
        assert!(rule.combine(&p) < 1e-298 && weighted < 1e-298 && fisher < 1e-290);
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
}

#[test]
fn the_other_detectors_allocate_nothing() {
    qosguard::set_parallel(false);
    let x = Array2::from_shape_fn((3000, 6), |(i, j)| ((i * (j + 3)) % 101) as f32);
    let labels: Vec<bool> = (0..3000).map(|i| i % 5 == 0).collect();
    let detectors: [Box<dyn Detector>; 3] = [
        Box::new(
            LogisticRegressionConfig::default().fit(x.view(), FitContext::labelled(&labels)).unwrap().model,
        ),
        Box::new(HalfSpaceTreesConfig::default().fit(x.view(), FitContext::default()).unwrap().model),
        Box::new(
            GaussianMixtureConfig { components: 3, ..Default::default() }
                .fit(x.view(), FitContext::default())
                .unwrap()
                .model,
        ),
    ];
    let column_major = x.t().as_standard_layout().into_owned();
    for detector in detectors {
        for x in [x.view(), x.slice(s![..1, ..]), column_major.t()] {
            assert_eq!(allocations(detector.as_ref(), &x), 0, "{detector:.60?}");
        }
    }
}

#[test]
fn kitsune_allocates_nothing_for_a_row() {
    use qosguard::detect::KitsuneConfig;

    qosguard::set_parallel(false);
    let x = Array2::from_shape_fn((3000, 20), |(i, j)| ((i * (j + 3)) % 101) as f32);
    let config = KitsuneConfig { mapping_rows: 200, training_rows: 1000, ..Default::default() };
    let mut kitsune = config.fit(x.view(), FitContext::default()).unwrap().model;
    for x in [x.view(), x.slice(s![..1, ..]), x.t().as_standard_layout().t()] {
        assert_eq!(allocations(&kitsune, &x), 0);
    }
    let before = ALLOCATIONS.get();
    kitsune.learn_many(x.view()).unwrap();
    assert_eq!(ALLOCATIONS.get() - before, 0);
}

#[cfg(feature = "train")]
#[test]
fn networks_allocate_nothing_after_the_first_row() {
    use qosguard::detect::{
        Architecture, AutoencoderConfig, Columns, MixtureNetworkConfig, MlpConfig, NeuralClassifierConfig,
        TimingChannel, TrainingConfig, Variational,
    };

    qosguard::set_parallel(false);
    let x = Array2::from_shape_fn((300, 8), |(i, j)| ((i * (j + 3)) % 11) as f32);
    let labels: Vec<bool> = (0..300).map(|i| i % 5 == 0).collect();
    let training = || TrainingConfig { epochs: 1, ..Default::default() };
    let timing = vec![TimingChannel { name: "both".into(), columns: vec![Some(4), None, Some(5), Some(6)] }];
    let columns = || Some(Columns { categorical: vec![1, 7], timing: timing.clone() });
    let autoencoder =
        || AutoencoderConfig { columns: columns(), training: training(), ..AutoencoderConfig::default() };
    let drawn = Some(Variational { samples: 3, ..Default::default() });
    let classifier = |architecture| {
        let config = NeuralClassifierConfig {
            architecture,
            columns: columns(),
            training: training(),
            ..Default::default()
        };
        config.fit(x.view(), FitContext::labelled(&labels)).unwrap().model
    };
    let detectors: [Box<dyn Detector>; 4] = [
        Box::new(autoencoder().fit(x.view(), FitContext::default()).unwrap().model),
        Box::new(
            AutoencoderConfig { skip: true, batch_norm: true, variational: drawn, ..autoencoder() }
                .fit(x.view(), FitContext::default())
                .unwrap()
                .model,
        ),
        Box::new(classifier(Architecture::Mlp(MlpConfig::default()))),
        Box::new(classifier(Architecture::Mixture(MixtureNetworkConfig::default()))),
    ];
    for detector in detectors {
        allocations(detector.as_ref(), &x.view());
        for x in [x.view(), x.slice(s![..1, ..]), x.slice(s![..17, ..])] {
            assert_eq!(allocations(detector.as_ref(), &x), 0, "{detector:.60?}");
        }
    }
}
