//! Networks that tell classes apart: a body makes one vector of each row, a head makes logits of it.

mod body;
mod check;
mod embedder;
mod ft_transformer;
mod head;
mod masked;
mod mixture;
mod mlp;
mod scoring;
mod temporal_cnn;

#[cfg(test)]
mod oracle;
#[cfg(test)]
pub(super) mod tests;

pub use ft_transformer::FtTransformerConfig;
pub use mixture::{ExpertNetworkConfig, MixtureNetworkConfig};
pub use mlp::MlpConfig;
pub use temporal_cnn::{TemporalCnnConfig, TimingLayout};

pub(crate) use scoring::Scorer;

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use self::body::Body;
use self::head::Head;
use self::mixture::Mixture;
use super::columns::Columns;
use super::inputs::{Batch, Inputs};
use super::losses;
use super::pass::Pass;
use super::weights::Weights;
use crate::error::{Error, Result};

/// What a network looks like; as text, `kind` names it.
///
/// # Examples
///
/// ```
/// use qosguard::detect::{Architecture, MlpConfig};
///
/// let text = r#"{"kind": "mlp", "hidden": [16]}"#;
/// let architecture: Architecture = serde_json::from_str(text)?;
/// assert_eq!(architecture, Architecture::Mlp(MlpConfig { hidden: vec![16], ..Default::default() }));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Architecture {
    /// See [`MlpConfig`].
    Mlp(MlpConfig),
    /// See [`FtTransformerConfig`].
    FtTransformer(FtTransformerConfig),
    /// See [`TemporalCnnConfig`].
    TemporalCnn(TemporalCnnConfig),
    /// See [`MixtureNetworkConfig`].
    Mixture(MixtureNetworkConfig),
}

impl Default for Architecture {
    fn default() -> Self {
        Self::Mlp(MlpConfig::default())
    }
}

impl Architecture {
    /// Checks that every setting is in its domain; `at` says where the settings stand.
    pub(crate) fn validate(&self, at: &str) -> Result<()> {
        match self {
            Self::Mlp(config) => config.validate(at),
            Self::FtTransformer(config) => config.validate(at),
            Self::TemporalCnn(config) => config.validate(at),
            Self::Mixture(config) => config.validate(at),
        }
    }

    /// Width of what a body makes of a row; `None` for a mixture.
    fn width(&self) -> Option<usize> {
        match self {
            Self::Mlp(config) => Some(config.width()),
            Self::FtTransformer(config) => Some(config.width),
            Self::TemporalCnn(config) => Some(config.width),
            Self::Mixture(_) => None,
        }
    }

    /// Kind and width, for messages.
    fn describe(&self) -> String {
        let kind = match self {
            Self::Mlp(_) => "mlp",
            Self::FtTransformer(_) => "ft_transformer",
            Self::TemporalCnn(_) => "temporal_cnn",
            Self::Mixture(_) => "mixture",
        };
        self.width().map_or_else(|| kind.to_owned(), |width| format!("{kind} of width {width}"))
    }

    /// Whether masked pretraining has something to train.
    pub(crate) fn has_tokens(&self) -> bool {
        match self {
            Self::FtTransformer(_) => true,
            Self::Mixture(config) => config.experts.iter().any(|expert| expert.network.has_tokens()),
            Self::Mlp(_) | Self::TemporalCnn(_) => false,
        }
    }
}

/// What a network is built for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Build<'a> {
    pub(crate) inputs: &'a Inputs,
    pub(crate) columns: Option<&'a Columns>,
    pub(crate) classes: usize,
    /// Whether it gets what masked pretraining needs.
    pub(crate) masked: bool,
}

/// What a network makes of a batch.
#[derive(Clone, Debug)]
pub(crate) struct Forward {
    /// (rows, classes)
    pub(crate) logits: Tensor,
    /// The gate's weights, (rows, experts), of a mixture.
    pub(crate) weights: Option<Tensor>,
    /// Logits of the experts' own heads, in training.
    own: Vec<Tensor>,
}

/// A network with its weights.
#[derive(Clone, Debug)]
pub(crate) enum Network {
    /// A body and a head, under `body` and `head`.
    Single(Body, Head),
    /// Several bodies under a gate.
    Mixture(Mixture),
}

impl Network {
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a setting out of its domain, timing columns that the network needs and
    /// that are not there, or stored weights that do not fit.
    pub(crate) fn new(weights: &mut Weights, build: &Build<'_>, architecture: &Architecture) -> Result<Self> {
        architecture.validate("architecture")?;
        if let Architecture::Mixture(config) = architecture {
            return Ok(Self::Mixture(Mixture::new(weights, build, config)?));
        }
        let body = Body::new(weights, "body", build, architecture, false)?;
        let width = architecture.width().unwrap_or_default();
        Ok(Self::Single(body, Head::new(weights, "head", width, None, build.classes)?))
    }

    /// Flat rows of numbers that the network is smooth in: scaled numbers as they are, a learnt vector for each
    /// category; (rows, entries of [`Network::owners`]).
    pub(crate) fn embed(&self, batch: &Batch) -> Result<Tensor> {
        match self {
            Self::Single(body, _) => body.embed(batch),
            Self::Mixture(mixture) => mixture.embed(batch),
        }
    }

    /// The column of the matrix that each entry of a flat row comes from.
    pub(crate) fn owners(&self) -> Vec<usize> {
        match self {
            Self::Single(body, _) => body.owners().to_vec(),
            Self::Mixture(mixture) => mixture.bodies().flat_map(Body::owners).copied().collect(),
        }
    }

    /// From flat rows on.
    pub(crate) fn forward_embedded(&self, flat: &Tensor, pass: &mut Pass) -> Result<Forward> {
        match self {
            Self::Single(body, head) => {
                let logits = head.forward(&body.forward(flat, pass)?, pass)?;
                Ok(Forward { logits, weights: None, own: Vec::new() })
            }
            Self::Mixture(mixture) => mixture.forward(flat, pass),
        }
    }

    /// From a batch on.
    pub(crate) fn forward(&self, batch: &Batch, pass: &mut Pass) -> Result<Forward> {
        self.forward_embedded(&self.embed(batch)?, pass)
    }

    /// What training makes small; labels u32 (rows), row weights (rows).
    pub(crate) fn loss(&self, forward: &Forward, labels: &Tensor, row_weights: &Tensor) -> Result<Tensor> {
        let loss = losses::cross_entropy(&forward.logits, labels, row_weights)?;
        let further = match self {
            Self::Single(..) => None,
            Self::Mixture(mixture) => mixture.further_loss(forward, labels, row_weights)?,
        };
        Ok(match further {
            None => loss,
            Some(further) => (loss + further)?,
        })
    }

    /// Loss on features that are masked, a share of all; the sum over the experts that have tokens.
    pub(crate) fn masked_loss(&self, batch: &Batch, share: f64, pass: &mut Pass) -> Result<Tensor> {
        let mut sum: Option<Tensor> = None;
        let mut add = |body: &Body| -> Result<()> {
            if let Some(loss) = body.masked_loss(batch, share, pass)? {
                sum = Some(match sum.take() {
                    None => loss,
                    Some(sum) => (sum + loss)?,
                });
            }
            Ok(())
        };
        match self {
            Self::Single(body, _) => add(body)?,
            Self::Mixture(mixture) => mixture.bodies().try_for_each(add)?,
        }
        sum.ok_or_else(|| Error::invalid("pretraining", "none for a network without tokens", "some"))
    }
}
