//! The model as plain data, for files.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::errors::{Errors, is_scale};
use super::{Autoencoder, AutoencoderConfig};
use crate::artifact::Tensors;
use crate::detect::stored::{Stored, put_weights, take_weights};
use crate::error::{Error, Result};
use crate::nn::History;
use crate::nn::inputs::Inputs;
use crate::nn::score::n_trained;

/// Minimum of the usual score, by which scores are divided.
pub(super) const MIN_USUAL: f64 = 1e-6;

/// An [`Autoencoder`] as plain data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AutoencoderParts {
    /// The settings that the model was fitted with.
    pub config: AutoencoderConfig,
    /// How columns become inputs.
    pub(crate) inputs: Inputs,
    /// Mean error of each number, then of each category, on the held-out rows; at least 1e-3.
    pub error_scales: Vec<f32>,
    /// The score that 5 % of the held-out rows exceed; at least 1e-6.
    pub usual_score: f64,
    /// The course of the training.
    pub history: History,
    /// Weights and running statistics by name; finite. A linear weight has PyTorch's shape, (outputs, inputs).
    pub weights: BTreeMap<String, Vec<f32>>,
}

impl Autoencoder {
    /// Checks the parts of a model, from a file or from another library, and assembles it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] that names the invalid field or weight.
    pub fn from_parts(parts: &AutoencoderParts) -> Result<Self> {
        let AutoencoderParts { config, inputs, error_scales, usual_score, history, weights } = parts;
        config.validate()?;
        inputs.check()?;
        config.check_inputs(inputs)?;
        let columns = inputs.numbers.len() + inputs.categories.len();
        if error_scales.len() != columns {
            let got = format!("{} entries", error_scales.len());
            return Err(Error::invalid("error_scales", format!("an array of {columns}"), got));
        }
        if let Some(i) = error_scales.iter().position(|&scale| !is_scale(scale)) {
            let name = format!("error_scales[{i}]");
            return Err(Error::invalid(name, "at least 0.001 and finite", error_scales[i]));
        }
        if !(*usual_score >= MIN_USUAL && usual_score.is_finite()) {
            return Err(Error::invalid("usual_score", "at least 0.000001 and finite", usual_score));
        }
        let n_parameters = n_trained(weights);
        let errors = Errors::new(config, inputs, error_scales.clone());
        let (config, inputs) = (config.clone(), inputs.clone());
        Self::assemble(config, inputs, n_parameters, weights.clone(), errors, *usual_score, history.clone())
    }

    /// The model as plain data; [`Autoencoder::from_parts`] makes it again, bit for bit.
    pub fn to_parts(&self) -> AutoencoderParts {
        AutoencoderParts {
            config: self.config().clone(),
            inputs: self.inputs().clone(),
            error_scales: self.error_scales().to_vec(),
            usual_score: self.usual_score(),
            history: self.history().clone(),
            weights: self.weights().clone(),
        }
    }
}

/// The part of an autoencoder in the header of a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AutoencoderHeader {
    config: AutoencoderConfig,
    inputs: Inputs,
    usual_score: f64,
    history: History,
}

impl Stored for AutoencoderParts {
    type Header = AutoencoderHeader;

    fn store(self, at: &str, tensors: &mut Tensors) -> AutoencoderHeader {
        let Self { config, inputs, error_scales, usual_score, history, weights } = self;
        tensors.put(&format!("{at}/error_scales"), &error_scales);
        put_weights(&weights, at, tensors);
        AutoencoderHeader { config, inputs, usual_score, history }
    }

    fn restore(header: AutoencoderHeader, at: &str, tensors: &mut Tensors) -> Result<Self, String> {
        let AutoencoderHeader { config, inputs, usual_score, history } = header;
        let error_scales = tensors.take(&format!("{at}/error_scales"))?;
        let weights = take_weights(at, tensors)?;
        Ok(Self { config, inputs, error_scales, usual_score, history, weights })
    }
}
