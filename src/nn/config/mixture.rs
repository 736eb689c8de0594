//! Settings of a mixture of networks.

use serde::{Deserialize, Deserializer, Serialize};

use super::partial::over;
use super::{
    Architecture, FtTransformerConfig, GATE_ALIASES, GateConfig, TemporalCnnConfig, TimingLayout, check,
};
use crate::error::{Error, Result};

/// Maximum number of experts of a mixture of networks.
const MAX_EXPERTS: usize = 64;

/// One expert of a [`MixtureNetworkConfig`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpertNetworkConfig {
    /// Its name, unique among the experts; weights of the gate are reported under it.
    pub name: String,
    /// Its network, of any kind but a mixture. All experts have the same width.
    pub network: Architecture,
    /// Whether it excludes the columns of [`Columns::timing`](crate::detect::Columns), which another expert reads.
    #[serde(default, alias = "without_timing")]
    pub exclude_timing: bool,
    /// Hidden width of its own head, which [`MixtureNetworkConfig::auxiliary_loss_weight`] trains; `None`: no head.
    #[serde(default)]
    pub head: Option<usize>,
}

/// Settings of a mixture of networks that are trained together.
///
/// Expert `i` maps a row to a vector `z_i`; the gate reads all of them and returns weights `w_i`, see [`GateConfig`].
/// Linear–LayerNorm–ReLU–Dropout–Linear maps `z = Σ w_i z_i` to the logits.
///
/// The loss is the sum of the loss of the logits, the load balancing and the entropy term of the gate, and
/// `auxiliary_loss_weight` times the loss of each expert's own head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MixtureNetworkConfig {
    /// The experts, 2 to 64.
    pub experts: Vec<ExpertNetworkConfig>,
    /// The gate that weighs the experts.
    #[serde(deserialize_with = "gate_over_default")]
    pub gate: GateConfig,
    /// Hidden width of the classifier, in 1..=4096.
    pub hidden: usize,
    /// Dropout rate of the classifier in training, in [0, 1).
    pub dropout: f32,
    /// Weight of the losses of the experts' own heads, at least 0.
    #[serde(alias = "own_loss")]
    pub auxiliary_loss_weight: f64,
}

impl Default for MixtureNetworkConfig {
    /// A small feature-tokenizer transformer for all columns but the columns of time, and a convolution for these.
    fn default() -> Self {
        let expert = |name: &str, network, exclude_timing| ExpertNetworkConfig {
            name: name.to_owned(),
            network,
            exclude_timing,
            head: None,
        };
        Self {
            experts: vec![
                expert("tabular", Architecture::FtTransformer(FtTransformerConfig::default()), true),
                expert("temporal", Architecture::TemporalCnn(TemporalCnnConfig::default()), false),
            ],
            gate: GateConfig { hidden: vec![32], ..GateConfig::default() },
            hidden: 32,
            dropout: 0.1,
            auxiliary_loss_weight: 0.0,
        }
    }
}

fn gate_over_default<'de, D: Deserializer<'de>>(deserializer: D) -> Result<GateConfig, D::Error> {
    over(&MixtureNetworkConfig::default().gate, GATE_ALIASES, deserializer)
}

impl MixtureNetworkConfig {
    /// A reference network for comparisons: a transformer of width 128 with 3 layers and 4 heads, a pooled convolution
    /// over one channel, and a gate of 128 and 64.
    ///
    /// With 47 tabular and 25 temporal inputs, two classes and masked pretraining it has 733,237 parameters. 39,729 of
    /// them, the mask, the predictions of masked features and the head of the transformer, are not trained with the
    /// mixture. It is large; [`MixtureNetworkConfig::default`] is the network for use.
    pub fn reference() -> Self {
        let tabular =
            FtTransformerConfig { width: 128, layers: 3, heads: 4, feed_forward: 512, dropout: 0.1 };
        let temporal = TemporalCnnConfig {
            layout: TimingLayout::OneChannel,
            channels: vec![32, 64, 64],
            kernel: 3,
            pool: true,
            width: 128,
            dropout: 0.1,
        };
        Self {
            experts: vec![
                ExpertNetworkConfig {
                    name: "tabular".into(),
                    network: Architecture::FtTransformer(tabular),
                    exclude_timing: true,
                    head: Some(256),
                },
                ExpertNetworkConfig {
                    name: "temporal".into(),
                    network: Architecture::TemporalCnn(temporal),
                    exclude_timing: false,
                    head: None,
                },
            ],
            gate: GateConfig::default(),
            hidden: 128,
            dropout: 0.1,
            auxiliary_loss_weight: 0.0,
        }
    }

    pub(super) fn validate(&self, at: &str) -> Result<()> {
        if !(2..=MAX_EXPERTS).contains(&self.experts.len()) {
            let expected = format!("2 to {MAX_EXPERTS}");
            return Err(Error::invalid(format!("{at}.experts"), expected, self.experts.len()));
        }
        for (i, expert) in self.experts.iter().enumerate() {
            let here = format!("{at}.experts[{i}]");
            if self.experts[..i].iter().any(|other| other.name == expert.name) {
                let expected = "a unique name";
                return Err(Error::invalid(format!("{here}.name"), expected, &expert.name));
            }
            expert.network.validate(&format!("{here}.network"))?;
            let (width, first) = (expert.network.width(), self.experts[0].network.width());
            if width.is_none() || width != first {
                let expected = format!("a network of width {}, not a mixture", first.unwrap_or_default());
                return Err(Error::invalid(format!("{here}.network"), expected, expert.network.describe()));
            }
            if let Some(head) = expert.head {
                check::width(&format!("{here}.head"), head)?;
            }
        }
        self.gate.validate(&format!("{at}.gate"), self.experts.len())?;
        check::width(&format!("{at}.hidden"), self.hidden)?;
        check::dropout(&format!("{at}.dropout"), self.dropout)?;
        if !(self.auxiliary_loss_weight >= 0.0 && self.auxiliary_loss_weight.is_finite()) {
            return Err(Error::invalid(
                format!("{at}.auxiliary_loss_weight"),
                "at least 0 and finite",
                self.auxiliary_loss_weight,
            ));
        }
        Ok(())
    }
}
