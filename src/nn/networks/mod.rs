//! Classification networks: a body maps each row to a vector, and a head maps the vector to logits.

mod body;
mod embedder;
mod ft_transformer;
mod head;
mod masked;
mod mixture;
mod mlp;
mod temporal_cnn;

#[cfg(test)]
mod oracle;
#[cfg(test)]
pub(crate) mod tests;

use candle_core::Tensor;

use self::body::Body;
use self::head::Head;
use self::mixture::Mixture;
use super::batch::Batch;
use super::config::{Architecture, Build};
use super::losses;
use super::pass::Pass;
use super::weights::Weights;
use crate::error::{Error, Result};

/// The output of a network for a batch.
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

    /// Flat rows of numbers in which the network is differentiable: the scaled numbers, and a trained vector for each
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

    /// The training loss; labels u32 (rows), row weights (rows).
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

    /// Loss on a fraction `share` of masked features; the sum over the experts that have tokens.
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
