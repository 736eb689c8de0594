//! The model as plain data, for files.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{NeuralClassifier, NeuralClassifierConfig};
use crate::artifact::Tensors;
use crate::detect::check;
use crate::detect::stored::{Stored, put_weights, take_weights};
use crate::error::Result;
use crate::nn::History;
use crate::nn::inputs::Inputs;
use crate::nn::score::{Scorer, n_trained};

/// A [`NeuralClassifier`] as plain data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NeuralClassifierParts {
    /// The settings that the model was fitted with.
    pub config: NeuralClassifierConfig,
    /// Names of the classes, at least two; the first one is clean traffic.
    pub classes: Vec<String>,
    /// How columns become inputs.
    pub(crate) inputs: Inputs,
    /// The course of the pretraining, where there was one.
    pub pretraining_history: Option<History>,
    /// The course of the training with labels.
    pub history: History,
    /// Weights and running statistics by name; finite. A linear weight has PyTorch's shape, (outputs, inputs).
    pub weights: BTreeMap<String, Vec<f32>>,
}

impl NeuralClassifier {
    /// Checks the parts of a model, from a file or from another library, and assembles it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) that names the invalid field or weight, [`Error::InsufficientData`](crate::Error::InsufficientData) for fewer than two classes.
    pub fn from_parts(parts: &NeuralClassifierParts) -> Result<Self> {
        let parts = parts.clone();
        parts.config.validate()?;
        check::classes(&parts.classes)?;
        parts.inputs.check()?;
        parts.history.check()?;
        parts.pretraining_history.iter().try_for_each(History::check)?;
        let build = parts.config.build(&parts.inputs, parts.classes.len());
        let scorer = Scorer::new(&parts.weights, &build, &parts.config.architecture)?;
        Ok(Self {
            n_parameters: n_trained(&parts.weights),
            scorer,
            config: parts.config,
            classes: parts.classes,
            inputs: parts.inputs,
            weights: parts.weights,
            pretraining_history: parts.pretraining_history,
            history: parts.history,
        })
    }

    /// The model as plain data; [`NeuralClassifier::from_parts`] makes it again, bit for bit.
    pub fn to_parts(&self) -> NeuralClassifierParts {
        NeuralClassifierParts {
            config: self.config.clone(),
            classes: self.classes.clone(),
            inputs: self.inputs.clone(),
            pretraining_history: self.pretraining_history.clone(),
            history: self.history.clone(),
            weights: self.weights.clone(),
        }
    }
}

/// The part of a neural classifier in the header of a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NeuralClassifierHeader {
    config: NeuralClassifierConfig,
    classes: Vec<String>,
    inputs: Inputs,
    pretraining_history: Option<History>,
    history: History,
}

impl Stored for NeuralClassifierParts {
    type Header = NeuralClassifierHeader;

    fn store(self, at: &str, tensors: &mut Tensors) -> NeuralClassifierHeader {
        let Self { config, classes, inputs, pretraining_history, history, weights } = self;
        put_weights(&weights, at, tensors);
        NeuralClassifierHeader { config, classes, inputs, pretraining_history, history }
    }

    fn restore(header: NeuralClassifierHeader, at: &str, tensors: &mut Tensors) -> Result<Self, String> {
        let NeuralClassifierHeader { config, classes, inputs, pretraining_history, history } = header;
        let weights = take_weights(at, tensors)?;
        Ok(Self { config, classes, inputs, pretraining_history, history, weights })
    }
}
