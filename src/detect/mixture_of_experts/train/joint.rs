//! A network that is trained together with the gate.

use candle_core::{Device, Tensor};
use ndarray::Axis;

use crate::detect::neural_classifier::{log_odds, mask_codes};
use crate::detect::training_rows::TrainingRows;
use crate::detect::{NeuralClassifier, NeuralClassifierConfig, NeuralClassifierParts};
use crate::error::Result;
use crate::nn::batch::Encoded;
use crate::nn::inputs::Inputs;
use crate::nn::networks::Network;
use crate::nn::pass::Pass;
use crate::nn::weights::Weights;
use crate::nn::{History, TrainingConfig};

/// The classes of a joint network.
const CLASSES: [&str; 2] = ["clean", "attack"];

/// A network in training with the gate.
pub(crate) struct JointExpert<'a> {
    pub(crate) expert_index: usize,
    config: &'a NeuralClassifierConfig,
    inputs: Inputs,
    pub(super) weights: Weights,
    network: Network,
    encoded: Encoded,
    /// The row of each sample that the network reads.
    shown: Vec<usize>,
}

/// The output of a joint network for some samples.
pub(super) struct JointOutput {
    /// Shape (samples, 1).
    pub(super) log_odds: Tensor,
    /// The loss of the network alone, a scalar.
    pub(super) network_loss: Tensor,
}

impl<'a> JointExpert<'a> {
    /// `training_rows` are the rows that the network may learn from; all of `shown` are among them.
    pub(super) fn new(
        expert_index: usize,
        config: &'a NeuralClassifierConfig,
        rows: &TrainingRows<'_>,
        training_rows: &[usize],
        shown: Vec<usize>,
    ) -> Result<Self> {
        let inputs = Inputs::fit(&rows.x.select(Axis(0), training_rows).view(), config.columns.as_ref())?;
        let encoded = inputs.encode(&rows.x);
        let mut weights = Weights::new(config.seed);
        let build = config.build(&inputs, CLASSES.len());
        let network = Network::new(&mut weights, &build, &config.architecture)?;
        Ok(Self { expert_index, config, inputs, weights, network, encoded, shown })
    }

    /// The output for some samples; `labels`, u32 (samples), are 1 for attacks.
    pub(super) fn forward(&self, samples: &[usize], labels: &Tensor, pass: &mut Pass) -> Result<JointOutput> {
        let rows: Vec<usize> = samples.iter().map(|&sample| self.shown[sample]).collect();
        let batch = self.encoded.batch(&rows, self.weights.place())?;
        let batch = mask_codes(batch, self.config.category_dropout, pass)?;
        let forward = self.network.forward(&batch, pass)?;
        let ones = Tensor::ones(rows.len(), candle_core::DType::F32, &Device::Cpu)?;
        let network_loss = self.network.loss(&forward, labels, &ones)?;
        Ok(JointOutput { log_odds: log_odds(&forward.logits)?.unsqueeze(1)?, network_loss })
    }

    /// The trained network as a detector.
    pub(crate) fn finish(self, training: &TrainingConfig, history: &History) -> Result<NeuralClassifier> {
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
