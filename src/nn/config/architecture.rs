//! The architecture of a network.

use serde::{Deserialize, Serialize};

use super::{FtTransformerConfig, MixtureNetworkConfig, MlpConfig, TemporalCnnConfig};
use crate::error::{Error, Result};
use crate::nn::columns::Columns;
use crate::nn::inputs::{Inputs, Seen};

/// The architecture of a network; as text, `kind` names it.
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
    /// Checks that every setting is valid; `at` is the path of the settings.
    pub(crate) fn validate(&self, at: &str) -> Result<()> {
        match self {
            Self::Mlp(config) => config.validate(at),
            Self::FtTransformer(config) => config.validate(at),
            Self::TemporalCnn(config) => config.validate(at),
            Self::Mixture(config) => config.validate(at),
        }
    }

    /// Width of the output of a body; `None` for a mixture.
    pub(in crate::nn) fn width(&self) -> Option<usize> {
        match self {
            Self::Mlp(config) => Some(config.width()),
            Self::FtTransformer(config) => Some(config.width),
            Self::TemporalCnn(config) => Some(config.width),
            Self::Mixture(_) => None,
        }
    }

    /// Kind and width, for messages.
    pub(in crate::nn) fn describe(&self) -> String {
        let kind = match self {
            Self::Mlp(_) => "mlp",
            Self::FtTransformer(_) => "ft_transformer",
            Self::TemporalCnn(_) => "temporal_cnn",
            Self::Mixture(_) => "mixture",
        };
        self.width().map_or_else(|| kind.to_owned(), |width| format!("{kind} of width {width}"))
    }

    /// Whether masked pretraining applies to the network.
    pub(crate) fn has_tokens(&self) -> bool {
        match self {
            Self::FtTransformer(_) => true,
            Self::Mixture(config) => config.experts.iter().any(|expert| expert.network.has_tokens()),
            Self::Mlp(_) | Self::TemporalCnn(_) => false,
        }
    }
}

/// The inputs and outputs of a network.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Build<'a> {
    pub(crate) inputs: &'a Inputs,
    pub(crate) columns: Option<&'a Columns>,
    pub(crate) classes: usize,
    /// Whether it has the weights of masked pretraining.
    pub(crate) masked: bool,
}

impl Build<'_> {
    /// The inputs of the body under `at`: all, or all but the columns of time.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] where all columns are columns of time and none is left.
    pub(in crate::nn) fn seen(
        &self,
        at: &str,
        architecture: &Architecture,
        exclude_timing: bool,
    ) -> Result<Seen> {
        let timing: Vec<usize> =
            self.columns.filter(|_| exclude_timing).into_iter().flat_map(Columns::timing_columns).collect();
        let seen = Seen::without(self.inputs, &timing);
        let is_empty = seen.numbers.is_empty() && seen.categories.is_empty();
        if is_empty && !matches!(architecture, Architecture::TemporalCnn(_)) {
            let expected = "false, as all columns are columns of time";
            return Err(Error::invalid(format!("{at}.exclude_timing"), expected, true));
        }
        Ok(seen)
    }
}
