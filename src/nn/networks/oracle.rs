//! Forward passes compared with PyTorch; `tests/oracle/neural.py` computed the expected numbers.

use candle_core::{Device, Tensor};
use serde_json::Value;

use super::tests::{build, inputs};
use super::{Body, Forward, Network};
use crate::nn::batch::Batch;
use crate::nn::columns::{Columns, TimingChannel};
use crate::nn::config::{
    Architecture, FtTransformerConfig, MixtureNetworkConfig, MlpConfig, TemporalCnnConfig,
};
use crate::nn::inputs::Inputs;
use crate::nn::pass::Pass;
use crate::nn::weights::Weights;

const ROWS: usize = 5;

/// As `draws` of the script.
fn draws(name: &str, n: usize) -> Vec<f64> {
    let mut state =
        name.bytes().fold(0x811c_9dc5_u32, |state, byte| (state ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1 << 23) - 1.0
    };
    (0..n).map(|_| next()).collect()
}

/// As `values` of the script.
fn values(name: &str, n: usize) -> Vec<f32> {
    let value = |v: f64| match name {
        _ if name.ends_with("running_var") => 1.0 + v / 2.0,
        _ if name.contains("norm") && name.ends_with(".weight") => 1.0 + v / 4.0,
        _ if name.starts_with("gate.") => v / 16.0,
        _ => v / 4.0,
    };
    draws(name, n).into_iter().map(|v| value(v) as f32).collect()
}

fn rows(numbers: usize, codes: &[usize]) -> Batch {
    let x: Vec<f32> = draws("rows", ROWS * numbers).into_iter().map(|v| v as f32 * 2.0).collect();
    let columns: Vec<Vec<f64>> = (0..codes.len()).map(|j| draws(&format!("codes.{j}"), ROWS)).collect();
    let code =
        |i: usize| columns.iter().zip(codes).map(move |(of, &n)| ((of[i] + 1.0) * 0.5 * n as f64) as u32);
    let codes: Vec<u32> = (0..ROWS).flat_map(code).collect();
    let width = codes.len() / ROWS;
    Batch {
        numbers: Tensor::from_vec(x, (ROWS, numbers), &Device::Cpu).unwrap(),
        codes: Tensor::from_vec(codes, (ROWS, width), &Device::Cpu).unwrap(),
    }
}

/// A network with the weights of the script.
fn network(
    inputs: &Inputs,
    columns: Option<&Columns>,
    classes: usize,
    architecture: &Architecture,
) -> Network {
    let build = build(inputs, columns, classes);
    let mut drawn = Weights::new(0);
    Network::new(&mut drawn, &build, architecture).unwrap();
    let stored = drawn.values().unwrap().into_iter();
    let mut weights =
        Weights::stored(stored.map(|(name, of)| (name.clone(), values(&name, of.len()))).collect());
    let network = Network::new(&mut weights, &build, architecture).unwrap();
    weights.finish().unwrap();
    network
}

fn expected(case: &str) -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/neural.json");
    let mut all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    all[case].take()
}

#[track_caller]
fn close(what: &Tensor, expected: &Value) {
    let expected: Vec<Vec<f32>> = serde_json::from_value(expected.clone()).unwrap();
    let got: Vec<Vec<f32>> = what.to_vec2().unwrap();
    assert_eq!(got.len(), expected.len());
    for (got, expected) in got.iter().zip(&expected) {
        let off = got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(got.len() == expected.len() && off < 1e-5, "{off}: {got:?}, expected {expected:?}");
    }
}

fn forward(network: &Network, batch: &Batch) -> Forward {
    network.forward(batch, &mut Pass::scoring()).unwrap()
}

#[test]
fn the_reference_mixture_equals_pytorchs() {
    let columns = Columns {
        categorical: Vec::new(),
        timing: vec![TimingChannel { name: "all".into(), columns: (0..25).map(Some).collect() }],
    };
    let architecture = Architecture::Mixture(MixtureNetworkConfig::reference());
    let network = network(&inputs(72, &[]), Some(&columns), 2, &architecture);
    let got = forward(&network, &rows(72, &[]));
    let expected = expected("reference");
    close(&got.logits, &expected["logits"]);
    close(&got.weights.unwrap(), &expected["gate"]);
}

#[test]
fn a_transformer_with_categories_equals_pytorchs_and_guesses_alike() {
    let codes = [6, 13];
    let config = FtTransformerConfig { width: 16, layers: 2, heads: 4, feed_forward: 24, dropout: 0.1 };
    let network = network(&inputs(7, &codes), None, 3, &Architecture::FtTransformer(config));
    let batch = rows(7, &codes);
    let expected = expected("ft_transformer");
    close(&forward(&network, &batch).logits, &expected["logits"]);

    let Network::Single(Body::FtTransformer(body), _) = &network else { panic!("{network:?}") };
    let hidden: Vec<f32> =
        draws("hidden", ROWS * 9).iter().map(|&v| if v < -0.4 { 1.0 } else { 0.0 }).collect();
    let hidden = Tensor::from_vec(hidden, (ROWS, 9), &Device::Cpu).unwrap();
    let loss = body.guess(body.masked.as_ref().unwrap(), &batch, &hidden, &mut Pass::scoring()).unwrap();
    let off = f64::from(loss.to_scalar::<f32>().unwrap()) - expected["masked_loss"].as_f64().unwrap();
    assert!(off.abs() < 1e-5, "{off}");
}

#[test]
fn a_perceptron_equals_pytorchs() {
    let codes = [6, 13];
    let config = MlpConfig { hidden: vec![12, 8], dropout: 0.1 };
    let network = network(&inputs(7, &codes), None, 2, &Architecture::Mlp(config));
    close(&forward(&network, &rows(7, &codes)).logits, &expected("mlp")["logits"]);
}

#[test]
fn a_convolution_over_directions_equals_pytorchs() {
    let channel = |name: &str, columns: &[Option<usize>]| TimingChannel {
        name: name.into(),
        columns: columns.to_vec(),
    };
    let columns = Columns {
        categorical: Vec::new(),
        timing: vec![
            channel("forward", &[Some(0), Some(1), Some(2), Some(3)]),
            channel("backward", &[None, Some(4), Some(5), None]),
        ],
    };
    let config = TemporalCnnConfig { channels: vec![8, 6], width: 10, ..TemporalCnnConfig::default() };
    let network = network(&inputs(6, &[]), Some(&columns), 2, &Architecture::TemporalCnn(config));
    close(&forward(&network, &rows(6, &[])).logits, &expected("temporal_cnn")["logits"]);
}
