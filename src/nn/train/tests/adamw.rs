//! Steps of the optimiser against numbers by hand and against candle's.

use std::collections::BTreeMap;

use candle_core::Var;
use candle_core::backprop::GradStore;
use candle_nn::{Optimizer, ParamsAdamW};

use crate::nn::ops::{AdamW, gradient_norm};
use crate::nn::weights::{Init, Weights};
use crate::rng::Stream;

type State = BTreeMap<String, Vec<f32>>;

/// `½ Σ (w − target)²`, whose gradient is `w − target`.
fn gradients(var: &Var, target: f32) -> GradStore {
    let half = ((var.as_tensor() - f64::from(target)).unwrap().sqr().unwrap() * 0.5).unwrap();
    half.sum_all().unwrap().backward().unwrap()
}

fn values(var: &Var) -> Vec<f32> {
    var.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn two_steps_by_hand() {
    let mut weights = Weights::new(1);
    let var = weights.weight("w", &[1], Init::Constant(2.0)).unwrap();
    let mut optimizer = AdamW::new(&weights, 0.1).unwrap();
    // g = 2 − 1 = 1: the corrected means are 1 and 1, so w = 2 · (1 − 0.01 · 0.1) − 0.01 · 1.
    optimizer.step(&gradients(&var, 1.0), 0.01, 1.0).unwrap();
    assert!((values(&var)[0] - 1.988).abs() < 1e-6);
    // g = ½ · 0.988: m = 0.09 + 0.1 · 0.494, over 1 − 0.81; v = 0.000999 + 0.001 · 0.494², over 1 − 0.999².
    let m: f64 = (0.09 + 0.1 * 0.494) / 0.19;
    let v: f64 = (0.000_999 + 0.001 * 0.494 * 0.494) / 0.001_999;
    optimizer.step(&gradients(&var, 1.0), 0.01, 0.5).unwrap();
    let expected = 1.988 * 0.999 - 0.01 * m / v.sqrt();
    assert!((f64::from(values(&var)[0]) - expected).abs() < 1e-6);
    assert_eq!(optimizer.steps(), 2);
}

#[test]
fn steps_equal_the_steps_of_candle() {
    let mut weights = Weights::new(5);
    let ours = weights.weight("w", &[3, 4], Init::Normal { deviation: 1.0 }).unwrap();
    let theirs = Var::from_tensor(&ours.as_tensor().copy().unwrap()).unwrap();
    let params = ParamsAdamW { lr: 0.02, weight_decay: 0.3, ..Default::default() };
    let mut candle = candle_nn::AdamW::new(vec![theirs.clone()], params).unwrap();
    let mut optimizer = AdamW::new(&weights, 0.3).unwrap();
    let mut random = Stream::new(2, 0);
    for _ in 0..50 {
        let target = random.normal() as f32;
        candle.step(&gradients(&theirs, target)).unwrap();
        optimizer.step(&gradients(&ours, target), 0.02, 1.0).unwrap();
    }
    for (a, b) in values(&ours).iter().zip(values(&theirs)) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
}

#[test]
fn a_restored_optimiser_goes_on_with_the_same_bits() {
    let start = || {
        let mut weights = Weights::new(5);
        let var = weights.weight("w", &[6], Init::Normal { deviation: 1.0 }).unwrap();
        (AdamW::new(&weights, 0.1).unwrap(), weights, var)
    };
    let (mut through, weights, var) = start();
    for _ in 0..3 {
        through.step(&gradients(&var, 1.0), 0.1, 1.0).unwrap();
    }
    let (mut resumed, other_weights, other) = start();
    other_weights.set(&weights.values().unwrap()).unwrap();
    resumed.restore(through.steps(), &through.state().unwrap()).unwrap();
    through.step(&gradients(&var, 1.0), 0.1, 1.0).unwrap();
    resumed.step(&gradients(&other, 1.0), 0.1, 1.0).unwrap();
    assert_eq!(values(&var), values(&other));
}

#[test]
fn a_wrong_state_is_rejected() {
    let mut weights = Weights::new(5);
    weights.weight("w", &[2], Init::Constant(1.0)).unwrap();
    let mut optimizer = AdamW::new(&weights, 0.0).unwrap();
    let state = optimizer.state().unwrap();
    let [first, second] = ["w.mean", "w.square"].map(String::from);
    assert_eq!(state.keys().collect::<Vec<_>>(), [&first, &second]);
    let mut refused = |change: &dyn Fn(&mut State)| {
        let mut state = state.clone();
        change(&mut state);
        optimizer.restore(1, &state).unwrap_err().to_string()
    };
    assert_eq!(refused(&|s| drop(s.remove(&first))), "`w.mean` must be there, got nothing");
    assert_eq!(
        refused(&|s| drop(s.insert(first.clone(), vec![0.0]))),
        "`w.mean` must be an array of 2, got 1 entries"
    );
    assert_eq!(
        refused(&|s| drop(s.insert(second.clone(), vec![0.0, -1.0]))),
        "`w.square[1]` must be finite and at least 0, got -1"
    );
    assert!(
        refused(&|s| drop(s.insert(first.clone(), vec![f32::NAN, 0.0])))
            .starts_with("`w.mean[0]` must be finite")
    );
    assert_eq!(
        refused(&|s| drop(s.insert("x".into(), vec![]))),
        "`x` must be the state of a weight, got an unknown name"
    );
}

#[test]
fn the_norm_is_over_all_weights() {
    let mut weights = Weights::new(1);
    let a = weights.weight("a", &[2], Init::Constant(3.0)).unwrap();
    let b = weights.weight("b", &[1], Init::Constant(-2.0)).unwrap();
    weights.weight("without_gradient", &[1], Init::Constant(9.0)).unwrap();
    let loss = (a.sum_all().unwrap() * 2.0).unwrap() + b.sqr().unwrap().sum_all().unwrap();
    let gradients = loss.unwrap().backward().unwrap();
    // Gradients (2, 2) and −4.
    assert_eq!(gradient_norm(&weights, &gradients).unwrap(), 24_f64.sqrt());
}
