//! A network without its head: rows in, one vector for each row out.

use candle_core::Tensor;

use super::ft_transformer::FtTransformer;
use super::mlp::Mlp;
use super::temporal_cnn::TemporalCnn;
use crate::error::{Error, Result};
use crate::nn::batch::Batch;
use crate::nn::config::{Architecture, Build};
use crate::nn::pass::Pass;
use crate::nn::weights::Weights;

#[derive(Clone, Debug)]
pub(crate) enum Body {
    Mlp(Mlp),
    FtTransformer(FtTransformer),
    TemporalCnn(TemporalCnn),
}

impl Body {
    pub(super) fn new(
        weights: &mut Weights,
        at: &str,
        build: &Build<'_>,
        architecture: &Architecture,
        exclude_timing: bool,
    ) -> Result<Self> {
        let seen = build.seen(at, architecture, exclude_timing)?;
        Ok(match architecture {
            Architecture::Mlp(config) => Self::Mlp(Mlp::new(weights, at, build.inputs, &seen, config)?),
            Architecture::FtTransformer(config) => Self::FtTransformer(FtTransformer::new(
                weights,
                at,
                build.inputs,
                &seen,
                config,
                build.masked,
            )?),
            Architecture::TemporalCnn(config) => {
                Self::TemporalCnn(TemporalCnn::new(weights, at, build.inputs, build.columns, config)?)
            }
            Architecture::Mixture(_) => {
                return Err(Error::invalid(at, "a network that is not a mixture", architecture.describe()));
            }
        })
    }

    /// The column of the matrix that each entry of a flat row comes from.
    pub(super) fn owners(&self) -> &[usize] {
        match self {
            Self::Mlp(body) => body.embedder.owners(),
            Self::FtTransformer(body) => body.embedder.owners(),
            Self::TemporalCnn(body) => body.owners(),
        }
    }

    /// Flat rows of its inputs.
    pub(super) fn embed(&self, batch: &Batch) -> Result<Tensor> {
        match self {
            Self::Mlp(body) => body.embedder.forward(batch),
            Self::FtTransformer(body) => body.embedder.forward(batch),
            Self::TemporalCnn(body) => body.embed(batch),
        }
    }

    /// Flat rows → (rows, width).
    pub(super) fn forward(&self, flat: &Tensor, pass: &mut Pass) -> Result<Tensor> {
        match self {
            Self::Mlp(body) => body.forward(flat, pass),
            Self::FtTransformer(body) => body.forward(flat, pass),
            Self::TemporalCnn(body) => body.forward(flat, pass),
        }
    }

    /// Loss on features that are masked; `None` for a network that cannot be pretrained.
    pub(super) fn masked_loss(&self, batch: &Batch, share: f64, pass: &mut Pass) -> Result<Option<Tensor>> {
        match self {
            Self::FtTransformer(body) => body.masked_loss(batch, share, pass),
            Self::Mlp(_) | Self::TemporalCnn(_) => Ok(None),
        }
    }
}
