//! A network that is trained together with the gate.

use candle_core::{Device, Tensor};
use ndarray::Axis;

use crate::detect::neural_classifier::{hide, log_odds};
use crate::detect::training_rows::TrainingRows;
use crate::detect::{NeuralClassifier, NeuralClassifierConfig, NeuralClassifierParts};
use crate::error::Result;
use crate::nn::inputs::{Encoded, Inputs};
use crate::nn::networks::Network;
use crate::nn::pass::Pass;
use crate::nn::weights::Weights;
use crate::nn::{History, TrainingConfig};

/// Clean rows and attacks: a joint network tells no more apart.
const CLASSES: [&str; 2] = ["clean", "attack"];

/// A network in training beside the gate.
pub(super) struct Pupil<'a> {
    /// Its place among the experts.
    pub(super) who: usize,
    config: &'a NeuralClassifierConfig,
    inputs: Inputs,
    pub(super) weights: Weights,
    network: Network,
    encoded: Encoded,
    /// The row that it is shown in each lesson.
    shown: Vec<usize>,
}

/// What it makes of some lessons.
pub(super) struct Said {
    /// Shape (rows, 1).
    pub(super) log_odds: Tensor,
    /// The loss of the network by itself, a scalar.
    pub(super) own_loss: Tensor,
}

impl<'a> Pupil<'a> {
    /// `seen` are the rows that it may learn from, among them all that are `shown`.
    pub(super) fn new(
        who: usize,
        config: &'a NeuralClassifierConfig,
        rows: &TrainingRows<'_>,
        seen: &[usize],
        shown: Vec<usize>,
    ) -> Result<Self> {
        let inputs = Inputs::fit(&rows.x.select(Axis(0), seen).view(), config.columns.as_ref())?;
        let encoded = inputs.encode(&rows.x);
        let mut weights = Weights::new(config.seed);
        let build = config.build(&inputs, CLASSES.len());
        let network = Network::new(&mut weights, &build, &config.architecture)?;
        Ok(Self { who, config, inputs, weights, network, encoded, shown })
    }

    /// `labels`, u32 (lessons), say which of the lessons are attacks.
    pub(super) fn says(&self, lessons: &[usize], labels: &Tensor, pass: &mut Pass) -> Result<Said> {
        let rows: Vec<usize> = lessons.iter().map(|&lesson| self.shown[lesson]).collect();
        let batch = hide(self.encoded.batch(&rows, self.weights.place())?, self.config.hidden_codes, pass)?;
        let forward = self.network.forward(&batch, pass)?;
        let ones = Tensor::ones(rows.len(), candle_core::DType::F32, &Device::Cpu)?;
        let own_loss = self.network.loss(&forward, labels, &ones)?;
        Ok(Said { log_odds: log_odds(&forward.logits)?.unsqueeze(1)?, own_loss })
    }

    /// The trained network as any other expert.
    pub(super) fn finish(self, training: &TrainingConfig, history: &History) -> Result<NeuralClassifier> {
        NeuralClassifier::from_parts(&NeuralClassifierParts {
            config: NeuralClassifierConfig { training: training.clone(), ..self.config.clone() },
            classes: CLASSES.map(String::from).to_vec(),
            inputs: self.inputs,
            pretraining_history: None,
            history: history.clone(),
            weights: self.weights.values()?,
        })
    }
}
