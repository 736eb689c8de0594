//! Boosted trees on one thread: 100 trees, 42 features.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use qosguard::detect::{Detector, Link, TreeEnsemble, TreeEnsembleParts};
use qosguard::ndarray::{Array2, s};

const FEATURES: u32 = 42;

/// Numbers below 2^24 from a congruential generator.
struct Numbers(u32);

impl Numbers {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0 >> 8
    }
}

/// 100 trees of random shape, half of whose splits send missing values right.
fn ensemble(leaves: u32) -> TreeEnsemble {
    let mut parts = TreeEnsembleParts {
        n_features: FEATURES as usize,
        feature_names: None,
        category_names: None,
        missing_kept: vec![],
        missing_range: vec![],
        classes: vec!["clean".into(), "attack".into()],
        link: Link::Logistic,
        averaged: false,
        accepts_missing: true,
        base: vec![0.0],
        tree_counts: vec![100],
        set_counts: vec![0],
        category_sets: vec![],
        node_counts: vec![2 * leaves - 1; 100],
        feature: vec![],
        threshold: vec![],
        exact_threshold: vec![],
        category_set: vec![],
        missing_left: vec![],
        right: vec![],
        value: vec![],
        cover: vec![],
    };
    let mut numbers = Numbers(1);
    for _ in 0..100 {
        let root = parts.feature.len();
        grow(&mut parts, root, leaves, &mut numbers);
    }
    TreeEnsemble::from_parts(&parts).unwrap()
}

fn grow(parts: &mut TreeEnsembleParts, root: usize, leaves: u32, numbers: &mut Numbers) {
    let this = parts.feature.len();
    parts.feature.push(-1);
    parts.threshold.push(0.0);
    parts.category_set.push(-1);
    parts.missing_left.push(false);
    parts.right.push(0);
    parts.value.push(f64::from(numbers.next()));
    parts.cover.push(1.0);
    if leaves > 1 {
        let left = 1 + numbers.next() % (leaves - 1);
        grow(parts, root, left, numbers);
        parts.right[this] = (parts.feature.len() - root) as u32;
        grow(parts, root, leaves - left, numbers);
        parts.feature[this] = ((numbers.next() >> 8) % FEATURES).cast_signed();
        parts.threshold[this] = numbers.next() as f32;
        parts.missing_left[this] = numbers.next() & 0x80_0000 == 0;
        parts.value[this] = 0.0;
    }
}

fn bench(criterion: &mut Criterion) {
    qosguard::set_parallel(false);
    let mut group = criterion.benchmark_group("tree_ensemble/score");
    let mut numbers = Numbers(7);
    let x = Array2::from_shape_simple_fn((20_000, FEATURES as usize), || numbers.next() as f32);
    for leaves in [31, 63, 255] {
        let model = ensemble(leaves);
        for n in [1, 100, 20_000] {
            let x = x.slice(s![..n, ..]);
            let mut out = vec![0.0; n];
            group.throughput(Throughput::Elements(n as u64)).sample_size(30);
            group.bench_function(BenchmarkId::new(format!("{leaves} leaves"), n), |bencher| {
                bencher.iter(|| model.score_into(black_box(x), &mut out).unwrap());
            });
        }
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
