//! Boosted trees compared with LightGBM and scikit-learn: the same rows, the same settings, as good on other rows.
#![allow(clippy::unwrap_used, reason = "a test")]

mod classes;

use qosguard::detect::{BoostedTreesConfig, Classifier};
use qosguard::ndarray::{Array2, ArrayView2, s};

use classes::FitClasses as _;

const EFFECT: [f64; 12] = [0.9, -0.7, 0.2, 1.1, -1.2, 0.0, 0.6, -0.4, 1.3, -0.9, 0.3, -0.1];
const TRAIN: usize = 6000;
const TEST: usize = 4000;

/// The rows of `table` in tests/oracle/boosted.py.
fn table(seed: u32) -> (Array2<f32>, Vec<u32>) {
    let mut state = seed;
    let mut draw = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1 << 24)
    };
    let mut x = Array2::zeros((TRAIN + TEST, 6));
    let mut labels = Vec::new();
    for mut row in x.outer_iter_mut() {
        let drawn: [f64; 6] = std::array::from_fn(|_| draw());
        let code = (drawn[4] * 12.0) as usize;
        let missing = draw() < 0.25;
        let agree = if (drawn[2] > 0.5) == (drawn[3] > 0.3) { 2.0 } else { 0.0 };
        let mut z = 2.0 * drawn[0] - drawn[1] + agree + EFFECT[code] + if missing { 1.5 } else { drawn[5] };
        z += draw() + draw() + draw() - 1.5;
        let last = if missing { f64::NAN } else { drawn[5] };
        let values = [drawn[0], drawn[1], drawn[2], drawn[3], code as f64, last];
        row.iter_mut().zip(values).for_each(|(to, value)| *to = value as f32);
        labels.push(u32::from(z > 2.2) + u32::from(z > 3.4));
    }
    (x, labels)
}

fn log_loss(model: &dyn Classifier, x: ArrayView2<'_, f32>, labels: &[u32]) -> f64 {
    let p = model.probabilities(x).unwrap();
    let of = |(row, &label): (usize, &u32)| -p[[row, label as usize]].ln();
    labels.iter().enumerate().map(of).sum::<f64>() / labels.len() as f64
}

/// The three trainers find their bins in slightly different places. That moves a loss by up to 2 %, and the
/// mean of three tables by no more than 1 %.
#[test]
fn losses_equal_lightgbms_and_scikit_learns() {
    let oracle: serde_json::Value = serde_json::from_str(include_str!("oracle/boosted.json")).unwrap();
    let tables = [1, 2, 3].map(table);
    for (name, categorical) in [("two", vec![]), ("two_codes", vec![4]), ("three", vec![])] {
        let config = BoostedTreesConfig { trees: 60, leaves: 15, l2: 1.0, categorical, ..Default::default() };
        let losses: Vec<f64> = tables
            .iter()
            .map(|(x, labels)| {
                let classes = if name == "three" { 3 } else { 2 };
                let labels: Vec<u32> = labels.iter().map(|&label| label.min(classes - 1)).collect();
                let names: Vec<String> = (0..classes).map(|class| class.to_string()).collect();
                let (train, test) = (x.slice(s![..TRAIN, ..]), x.slice(s![TRAIN.., ..]));
                let model = config.fit_classes(train, &labels[..TRAIN], &names, None).unwrap();
                log_loss(&model, test, &labels[TRAIN..])
            })
            .collect();
        for peer in ["lightgbm", "scikit_learn"] {
            let theirs: Vec<f64> = serde_json::from_value(oracle[name][peer].clone()).unwrap();
            let ratios: Vec<f64> = losses.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect();
            assert!(ratios.iter().all(|ratio| (0.9..1.02).contains(ratio)), "{name}, {peer}: {ratios:?}");
            let mean = ratios.iter().sum::<f64>() / 3.0;
            assert!(mean < 1.01, "{name}, {peer}: {mean}");
        }
    }
}
