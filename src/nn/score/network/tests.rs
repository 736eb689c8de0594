//! Networks without candle compared with networks of candle.

use candle_core::Tensor;
use ndarray::{Array2, s};

use super::*;
use crate::nn::config::{GateConfig, MixtureNetworkConfig};
use crate::nn::networks::Network;
use crate::nn::networks::tests::{inputs, small, timing};
use crate::nn::pass::Pass;
use crate::nn::weights::Weights;
use crate::rng::Stream;

/// Logits and weights of all rows.
fn scored(scorer: &Scorer, inputs: &Inputs, x: &ArrayView2<'_, f32>) -> (Vec<f32>, Vec<f32>) {
    let (mut all, mut of_experts, mut next) = (Vec::new(), Vec::new(), 0);
    scorer.for_each(inputs, x, |row, logits, weights| {
        assert_eq!(row, next);
        next += 1;
        all.extend_from_slice(logits);
        of_experts.extend_from_slice(weights);
    });
    assert_eq!(next, x.nrows());
    (all, of_experts)
}

fn assert_near(fused: &[f32], candle: Option<&Tensor>) {
    let candle = candle.map(|all| all.flatten_all().unwrap().to_vec1::<f32>().unwrap()).unwrap_or_default();
    assert_eq!(fused.len(), candle.len());
    for (i, (fused, candle)) in fused.iter().zip(candle).enumerate() {
        assert!((fused - candle).abs() < 1e-5, "at {i}: {fused} {candle}");
    }
}

#[test]
fn logits_and_weights_equal_the_trained_networks() {
    let inputs = inputs(9, &[4, 13]);
    let columns = timing();
    let build = Build { inputs: &inputs, columns: Some(&columns), classes: 3, masked: true };
    let mut random = Stream::new(2, 0);
    let x = Array2::from_shape_fn((75, 11), |(_, j)| match j {
        9.. => (random.uniform() * 14.0).floor() as f32,
        _ => random.normal() as f32,
    });
    let mut architectures = small().to_vec();
    for top_k in [1, 2] {
        let Some(Architecture::Mixture(mut mixture)) = architectures.last().cloned() else { unreachable!() };
        mixture.gate = GateConfig { top_k: Some(top_k), temperature: 0.5, ..mixture.gate };
        architectures.push(Architecture::Mixture(mixture));
    }
    for architecture in architectures {
        let mut weights = Weights::new(6);
        let network = Network::new(&mut weights, &build, &architecture).unwrap();
        let mut values = weights.values().unwrap();
        for (name, values) in &mut values {
            let mut random = Stream::new(4, name.len() as u64);
            for value in values {
                *value += 0.2 * random.uniform() as f32;
            }
        }
        weights.set(&values).unwrap();
        let rows: Vec<usize> = (0..x.nrows()).collect();
        let batch = inputs.encode(&x.view()).batch(&rows, weights.place()).unwrap();
        let candle = network.forward(&batch, &mut Pass::scoring()).unwrap();
        let scorer = Scorer::new(&values, &build, &architecture).unwrap();
        let (logits, of_experts) = scored(&scorer, &inputs, &x.view());
        assert_near(&logits, Some(&candle.logits));
        assert_near(&of_experts, candle.weights.as_ref());
        for row in 0..x.nrows() {
            let (alone, _) = scored(&scorer, &inputs, &x.slice(s![row..=row, ..]));
            assert_eq!(alone, logits[row * 3..][..3], "a row has the same bits alone and among others");
        }
        for name in values.keys() {
            let mut values = values.clone();
            values.remove(name);
            let error = Scorer::new(&values, &build, &architecture).unwrap_err().to_string();
            assert!(error.contains(name.as_str()), "{error}");
        }
    }
}

#[test]
fn one_choice_has_a_weight_of_exactly_1() {
    let inputs = inputs(9, &[]);
    let columns = timing();
    let build = Build { inputs: &inputs, columns: Some(&columns), classes: 2, masked: false };
    let gate = GateConfig { top_k: Some(1), ..GateConfig::default() };
    let architecture = Architecture::Mixture(MixtureNetworkConfig { gate, ..Default::default() });
    let mut weights = Weights::new(6);
    Network::new(&mut weights, &build, &architecture).unwrap();
    let scorer = Scorer::new(&weights.values().unwrap(), &build, &architecture).unwrap();
    let x = Array2::from_shape_fn((40, 9), |(i, j)| ((i * 7 + j * 3) % 11) as f32 - 5.0);
    let (_, of_experts) = scored(&scorer, &inputs, &x.view());
    for weights in of_experts.chunks_exact(2) {
        assert!(weights == [1.0, 0.0] || weights == [0.0, 1.0], "{weights:?}");
    }
}
