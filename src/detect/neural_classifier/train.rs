//! Training a neural classifier.

use ndarray::{ArrayView2, Axis};

use super::rows::Rows;
use super::tasks::{Classify, PredictMasked};
use super::{NeuralClassifier, NeuralClassifierConfig, NeuralClassifierParts, PretrainingConfig};
use crate::detect::check;
use crate::error::Result;
use crate::nn::batch::Encoded;
use crate::nn::config::Precision;
use crate::nn::inputs::Inputs;
use crate::nn::networks::Network;
use crate::nn::train::{of_stage, split, train};
use crate::nn::weights::Weights;
use crate::nn::{Checkpoint, History};

impl NeuralClassifierConfig {
    pub(super) fn fit_rows(
        &self,
        x: ArrayView2<'_, f32>,
        labels: &[Option<u32>],
        classes: &[String],
        weights: Option<&[f32]>,
        resume: Option<&Checkpoint>,
    ) -> Result<NeuralClassifier> {
        self.validate()?;
        let place = self.training.device.open("training.device", Precision::Single)?;
        // Where the pretraining is, if elsewhere.
        let first = match self.pretraining.as_ref().map(|pretraining| pretraining.training.device) {
            Some(device) if device != self.training.device => {
                Some(device.open("pretraining.training.device", Precision::Single)?)
            }
            _ => None,
        };
        check::finite(&x, 0)?;
        let dealing = (self.training.validation_share, self.class_weight, self.seed);
        let rows = Rows::new(x.nrows(), labels, classes, weights, dealing)?;
        let known = without(x.nrows(), &rows.validation);
        let inputs = Inputs::fit(&x.select(Axis(0), &known).view(), self.columns.as_ref())?;
        let encoded = inputs.encode(&x);
        let build = self.build(&inputs, classes.len());
        let mut weights = Weights::new(self.seed).on(first.as_ref().unwrap_or(&place).clone());
        let mut network = Network::new(&mut weights, &build, &self.architecture)?;
        let pretraining_history = match &self.pretraining {
            None => None,
            Some(config) => Some(self.pretrain(config, &weights, &network, &encoded, &known, resume)?),
        };
        if first.is_some() {
            weights = Weights::stored(weights.values()?).on(place);
            network = Network::new(&mut weights, &build, &self.architecture)?;
        }
        let task = Classify {
            weights: &weights,
            network: &network,
            encoded: &encoded,
            rows: &rows,
            category_dropout: self.category_dropout,
        };
        let resume = of_stage(resume, "classifier");
        let history = train(&self.training, &task, rows.training.len(), self.seed, "classifier", resume)?;
        NeuralClassifier::from_parts(&NeuralClassifierParts {
            config: self.clone(),
            classes: classes.to_vec(),
            inputs,
            pretraining_history,
            history,
            weights: weights.values()?,
        })
    }

    fn pretrain(
        &self,
        config: &PretrainingConfig,
        weights: &Weights,
        network: &Network,
        encoded: &Encoded,
        rows: &[usize],
        resume: Option<&Checkpoint>,
    ) -> Result<History> {
        let share = config.training.validation_share;
        let (training, validation) = split(None, rows.len(), share, self.seed);
        let [training, validation] = [training, validation]
            .map(|of: Vec<usize>| -> Vec<usize> { of.iter().map(|&i| rows[i]).collect() });
        let task =
            PredictMasked { weights, network, encoded, training, validation, mask_share: config.mask_share };
        let resume = of_stage(resume, "pretraining");
        train(&config.training, &task, task.training.len(), self.seed, "pretraining", resume)
    }
}

/// `0..n` without some rows, which rise.
fn without(n: usize, rows: &[usize]) -> Vec<usize> {
    (0..n).filter(|row| rows.binary_search(row).is_err()).collect()
}
