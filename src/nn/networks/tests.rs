//! Counts, gradients and refusals of all networks.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor, Var};

use super::*;
use crate::nn::columns::Columns;
use crate::nn::columns::TimingChannel;
use crate::nn::columns::tests::features;
use crate::nn::config::{
    ExpertNetworkConfig, FtTransformerConfig, GateConfig, MixtureNetworkConfig, MlpConfig, TemporalCnnConfig,
    TimingLayout,
};
use crate::nn::inputs::{CategoryInput, Inputs, NumberInput};
use crate::nn::place::Place;
use crate::nn::testing::every_weight_gets_a_gradient;
use crate::nn::train::Task;

/// Numbers as they are, then categories of so many codes, the unknown one among them.
pub(crate) fn inputs(numbers: usize, codes: &[usize]) -> Inputs {
    let number = |feature| NumberInput { feature, centre: 0.0, scale: 1.0 };
    let category =
        |(j, &n): (usize, &usize)| CategoryInput { feature: numbers + j, codes: (0..n as u32 - 1).collect() };
    Inputs {
        n_features: numbers + codes.len(),
        numbers: (0..numbers).map(number).collect(),
        categories: codes.iter().enumerate().map(category).collect(),
    }
}

/// With what masked pretraining needs.
pub(super) fn build<'a>(inputs: &'a Inputs, columns: Option<&'a Columns>, classes: usize) -> Build<'a> {
    Build { inputs, columns, classes, masked: true }
}

/// Two channels of three statistics, of the first five columns.
pub(crate) fn timing() -> Columns {
    let channel = |name: &str, columns: &[Option<usize>]| TimingChannel {
        name: name.into(),
        columns: columns.to_vec(),
    };
    let timing = vec![channel("a", &[Some(0), Some(1), Some(2)]), channel("b", &[Some(3), None, Some(4)])];
    Columns { categorical: Vec::new(), timing }
}

/// One small network of each kind.
pub(crate) fn small() -> [Architecture; 5] {
    let transformer =
        FtTransformerConfig { width: 8, heads: 2, feed_forward: 12, dropout: 0.0, ..Default::default() };
    let cnn = TemporalCnnConfig { channels: vec![5], width: 8, dropout: 0.0, ..Default::default() };
    let pooled = TemporalCnnConfig { pool: true, layout: TimingLayout::OneChannel, ..cnn.clone() };
    let expert = |name: &str, network, exclude_timing| ExpertNetworkConfig {
        name: name.into(),
        network,
        exclude_timing,
        head: Some(6),
    };
    let mixture = MixtureNetworkConfig {
        experts: vec![
            expert("tabular", Architecture::FtTransformer(transformer.clone()), true),
            expert("temporal", Architecture::TemporalCnn(cnn.clone()), false),
            expert("all", Architecture::Mlp(MlpConfig { hidden: vec![8], dropout: 0.0 }), false),
        ],
        // A minimum load that no batch reaches for all experts, so that load balancing has a gradient.
        gate: GateConfig { hidden: vec![7], min_load: 0.33, dropout: 0.0, ..Default::default() },
        hidden: 9,
        dropout: 0.0,
        auxiliary_loss_weight: 0.5,
    };
    [
        Architecture::Mlp(MlpConfig { hidden: vec![9, 8], dropout: 0.0 }),
        Architecture::FtTransformer(transformer),
        Architecture::TemporalCnn(cnn),
        Architecture::TemporalCnn(pooled),
        Architecture::Mixture(mixture),
    ]
}

fn batch(rows: usize, inputs: &Inputs, place: &Place) -> Batch {
    let (n, k) = (inputs.numbers.len(), inputs.categories.len());
    let numbers: Vec<f32> = (0..rows * n).map(|i| ((i * 37 % 101) as f32 - 50.0) / 25.0).collect();
    let code = |i: usize| (i * 7 / 3 % inputs.categories[i % k].cardinality()) as u32;
    let codes: Vec<u32> = (0..rows * k).map(code).collect();
    Batch {
        numbers: place.tensor(numbers, (rows, n)).unwrap(),
        codes: place.tensor(codes, (rows, k)).unwrap(),
    }
}

/// A network that separates three classes, or predicts masked features.
pub(crate) struct Small {
    inputs: Inputs,
    weights: Weights,
    network: Network,
    guesses: bool,
}

impl Small {
    fn new(architecture: &Architecture, guesses: bool) -> Self {
        Self::on(Place::default(), architecture, guesses)
    }

    pub(crate) fn on(place: Place, architecture: &Architecture, guesses: bool) -> Self {
        let inputs = inputs(8, &[4, 6]);
        let mut weights = Weights::new(3).on(place);
        let (columns, masked) = (timing(), guesses);
        let build = Build { masked, ..build(&inputs, Some(&columns), 3) };
        let network = Network::new(&mut weights, &build, architecture).unwrap();
        Self { inputs, weights, network, guesses }
    }
}

impl Task for Small {
    fn weights(&self) -> &Weights {
        &self.weights
    }

    fn loss(&self, rows: &[usize], pass: &mut Pass) -> Result<Tensor> {
        let n = rows.len();
        let place = self.weights.place();
        let batch = batch(n, &self.inputs, place);
        if self.guesses {
            return self.network.masked_loss(&batch, 0.3, pass);
        }
        let labels = place.tensor((0..n).map(|i| i as u32 * 5 % 3).collect(), n)?;
        let weights = place.tensor((0..n).map(|i| 1.0 + i as f32 / 7.0).collect(), n)?;
        self.network.loss(&self.network.forward(&batch, pass)?, &labels, &weights)
    }

    fn validation_loss(&self) -> Result<Option<f64>> {
        Ok(None)
    }
}

#[test]
fn the_reference_mixture_has_733_237_parameters_of_which_693_508_learn_from_labels() {
    let mut names: Vec<String> =
        features("cicids2017").into_iter().filter(|name| !name.contains("Bulk")).collect();
    // The file has this column twice; the preset leaves the second out, the network to compare with did not.
    names.push("Fwd Header Length.1".into());
    let columns = Columns::by_name(&names, Vec::new());
    assert_eq!((names.len(), columns.timing_columns().count()), (72, 25));
    let inputs = inputs(72, &[]);
    let mut weights = Weights::new(0);
    let architecture = Architecture::Mixture(MixtureNetworkConfig::reference());
    let network = Network::new(&mut weights, &build(&inputs, Some(&columns), 2), &architecture).unwrap();

    let parts =
        ["experts.0.tokens", "experts.0.masked", "experts.0", "experts.1", "heads.0", "gate", "classifier"];
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, var) in weights.trained() {
        let part = parts.iter().find(|part| name.starts_with(**part)).unwrap();
        *counts.entry(part).or_default() += var.elem_count();
    }
    let counts: Vec<usize> = parts.iter().map(|part| counts[part]).collect();
    // Tokenizer, guesses, backbone, convolution, head, gate, classifier.
    assert_eq!(counts, [12_288, 6_063, 595_072, 27_584, 33_538, 41_666, 17_026]);
    assert_eq!(weights.count(), 733_237);

    let batch = batch(3, &inputs, &Place::default());
    let labels = Tensor::new(&[0_u32, 1, 1], &Device::Cpu).unwrap();
    let row_weights = Tensor::new(&[1.0_f32, 1.0, 1.0], &Device::Cpu).unwrap();
    let forward = network.forward(&batch, &mut Pass::training(0, 0)).unwrap();
    let gradients = network.loss(&forward, &labels, &row_weights).unwrap().backward().unwrap();
    let learns = |var: &&Var| gradients.get(var).is_some();
    assert_eq!(weights.trained().values().filter(learns).map(|var| var.elem_count()).sum::<usize>(), 693_508);
}

#[test]
fn every_weight_of_every_network_gets_a_gradient() {
    for architecture in small() {
        every_weight_gets_a_gradient(&Small::new(&architecture, false), 40);
    }
}

/// Pretraining reaches all but the head, and what \[CLS\] alone feeds.
#[test]
fn guessing_reaches_tokens_blocks_and_guesses() {
    let task = Small::new(&small()[1], true);
    let rows: Vec<usize> = (0..40).collect();
    let gradients = task.loss(&rows, &mut Pass::training(1, 0)).unwrap().backward().unwrap();
    let without: Vec<&String> = task
        .weights
        .trained()
        .iter()
        .filter(|(_, var)| {
            gradients
                .get(var)
                .is_none_or(|g| g.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap() == 0.0)
        })
        .map(|(name, _)| name)
        .collect();
    assert_eq!(without, ["head.out.bias", "head.out.weight"]);
}

/// The loss along its gradient changes by the size of the gradient.
#[test]
fn gradients_equal_finite_differences() {
    for (architecture, guesses) in small().iter().map(|of| (of, false)).chain([(&small()[1], true)]) {
        let task = Small::new(architecture, guesses);
        let rows: Vec<usize> = (0..30).collect();
        let loss = || task.loss(&rows, &mut Pass::training(1, 0)).unwrap();
        let value = || f64::from(loss().to_scalar::<f32>().unwrap());
        let gradients = loss().backward().unwrap();
        let start = task.weights.values().unwrap();
        let step = 1e-3;
        let mut slope = 0.0;
        let mut at = |sign: f32| {
            slope = 0.0;
            for (name, var) in task.weights.trained() {
                let Some(gradient) = gradients.get(var) else { continue };
                let gradient: Vec<f32> = gradient.flatten_all().unwrap().to_vec1().unwrap();
                slope += gradient.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>();
                let moved: Vec<f32> =
                    start[name].iter().zip(&gradient).map(|(w, g)| w + sign * step * g).collect();
                var.set(&Tensor::from_vec(moved, var.shape(), &Device::Cpu).unwrap()).unwrap();
            }
            value()
        };
        let measured = (at(1.0) - at(-1.0)) / (2.0 * f64::from(step));
        assert!((measured / slope - 1.0).abs() < 0.02, "{architecture:?}: {measured}, expected {slope}");
    }
}

#[test]
fn a_mask_hides_the_value_and_keeps_the_feature() {
    let task = Small::new(&small()[1], true);
    let Network::Single(Body::FtTransformer(body), _) = &task.network else { panic!("a transformer") };
    let masked = body.masked.as_ref().unwrap();
    let replaced = |value: f32| -> Vec<Vec<f32>> {
        let tokens = Tensor::full(value, (1, 3, 8), &Device::Cpu).unwrap();
        let identities = Tensor::arange(0.0_f32, 24.0, &Device::Cpu).unwrap().reshape((3, 8)).unwrap();
        let hidden = Tensor::new(&[[1.0_f32, 0.0, 1.0]], &Device::Cpu).unwrap();
        masked.replace(&tokens, &identities, &hidden).unwrap().squeeze(0).unwrap().to_vec2().unwrap()
    };
    let (a, b) = (replaced(5.0), replaced(-3.0));
    assert_eq!((&a[0], &a[2]), (&b[0], &b[2]));
    assert_eq!((&a[1], &b[1]), (&vec![5.0; 8], &vec![-3.0; 8]));
    assert!(a[0].iter().zip(&a[2]).all(|(first, third)| (third - first - 16.0).abs() < 1e-5));
}

#[test]
fn each_row_hides_a_feature_and_about_the_share_of_all() {
    let hidden = masked::draw(400, 10, 0.15, &Place::default(), &mut Pass::training(3, 1))
        .unwrap()
        .to_vec2::<f32>()
        .unwrap();
    assert!(hidden.iter().all(|row| row.contains(&1.0)));
    let share = hidden.concat().iter().sum::<f32>() / 4000.0;
    // 0.15, and one of ten for the rows (0.85^10 = 0.197 of them) that had none.
    assert!((share - 0.17).abs() < 0.02, "{share}");
    let again = masked::draw(400, 10, 0.15, &Place::default(), &mut Pass::training(3, 1))
        .unwrap()
        .to_vec2::<f32>()
        .unwrap();
    assert_eq!(hidden, again);
}

/// The mean of filters that read one position each does not depend on the order of the statistics.
#[test]
fn pooling_forgets_which_statistic_is_which_and_the_default_does_not() {
    for (pool, layout, same) in
        [(true, TimingLayout::OneChannel, true), (false, TimingLayout::Directions, false)]
    {
        let config = TemporalCnnConfig { kernel: 1, pool, layout, ..Default::default() };
        let task = Small::new(&Architecture::TemporalCnn(config), false);
        let logits = |statistics: [f32; 5]| {
            let mut numbers = statistics.to_vec();
            numbers.extend([0.0; 3]);
            let numbers = Tensor::from_vec(numbers, (1, 8), &Device::Cpu).unwrap();
            let codes = Tensor::zeros((1, 2), candle_core::DType::U32, &Device::Cpu).unwrap();
            let forward = task.network.forward(&Batch { numbers, codes }, &mut Pass::scoring()).unwrap();
            forward.logits.to_vec2::<f32>().unwrap().concat()
        };
        let (a, b) = (logits([1.0, 2.0, 3.0, -1.0, 0.5]), logits([-1.0, 3.0, 2.0, 0.5, 1.0]));
        let off = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert_eq!(off < 1e-5, same, "{off}");
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let inputs = inputs(8, &[4, 6]);
    let refused = |columns: Option<&Columns>, architecture: Architecture| {
        let error =
            Network::new(&mut Weights::new(0), &build(&inputs, columns, 2), &architecture).unwrap_err();
        error.to_string()
    };
    let cnn = || Architecture::TemporalCnn(TemporalCnnConfig::default());
    let missing = "`columns.timing` must be the statistics of time that a temporal CNN reads, such as a column \
                   `Flow IAT Mean`, got none";
    assert_eq!(refused(None, cnn()), missing);
    assert_eq!(
        refused(Some(&Columns::default()), Architecture::Mixture(MixtureNetworkConfig::default())),
        missing
    );
    let with = |change: fn(&mut Columns)| {
        let mut columns = timing();
        change(&mut columns);
        refused(Some(&columns), cnn())
    };
    // Column 8 is a category, column 99 does not exist.
    assert!(
        with(|c| c.timing[1].columns[2] = Some(8))
            .contains("`columns.timing[1].columns[2]` must be a column")
    );
    assert!(with(|c| c.timing[0].columns[0] = Some(99)).contains("got 99"));
    assert!(with(|c| c.timing[1].columns.truncate(1)).contains("3 long"));

    let transformer = |change: fn(&mut FtTransformerConfig)| {
        let mut config = FtTransformerConfig::default();
        change(&mut config);
        refused(None, Architecture::FtTransformer(config))
    };
    assert!(transformer(|c| c.heads = 5).contains("`architecture.heads` must be a divisor of the width 32"));
    assert!(transformer(|c| c.layers = 0).contains("architecture.layers"));
    assert!(transformer(|c| c.dropout = f32::NAN).contains("architecture.dropout"));
    assert!(refused(None, Architecture::Mlp(MlpConfig { hidden: vec![], dropout: 0.0 })).contains("hidden"));
    let even = TemporalCnnConfig { kernel: 4, ..Default::default() };
    assert!(refused(Some(&timing()), Architecture::TemporalCnn(even)).contains("architecture.kernel"));

    let mixture = |change: fn(&mut MixtureNetworkConfig)| {
        let mut config = MixtureNetworkConfig::default();
        change(&mut config);
        refused(Some(&timing()), Architecture::Mixture(config))
    };
    assert!(mixture(|c| c.experts.truncate(1)).contains("`architecture.experts` must be 2 to 64"));
    assert!(mixture(|c| c.experts[1].name = "tabular".into()).contains("architecture.experts[1].name"));
    let wide =
        "`architecture.experts[1].network` must be a network of width 32, not a mixture, got mlp of width 5";
    assert_eq!(
        mixture(|c| c.experts[1].network = Architecture::Mlp(MlpConfig { hidden: vec![5], dropout: 0.0 })),
        wide
    );
    let nested = mixture(|c| c.experts[1].network = Architecture::Mixture(MixtureNetworkConfig::default()));
    assert!(nested.ends_with("got mixture"), "{nested}");
    assert!(mixture(|c| c.gate.top_k = Some(3)).contains("architecture.gate.top_k"));
    assert!(mixture(|c| c.auxiliary_loss_weight = -1.0).contains("architecture.auxiliary_loss_weight"));
}

#[test]
fn architectures_are_text_by_kind() {
    for architecture in small() {
        let text = serde_json::to_string(&architecture).unwrap();
        assert_eq!(serde_json::from_str::<Architecture>(&text).unwrap(), architecture);
    }
    let error = serde_json::from_str::<Architecture>(r#"{"kind": "mlp", "layers": 3}"#).unwrap_err();
    assert!(error.to_string().contains("unknown field `layers`"), "{error}");
}
