//! A mixture of networks: a gate weighs what each expert makes of a row.

use candle_core::Tensor;
use serde::{Deserialize, Deserializer, Serialize};

use super::body::Body;
use super::head::Head;
use super::{Architecture, Build, Forward, FtTransformerConfig, TemporalCnnConfig, TimingLayout, check};
use crate::error::{Error, Result};
use crate::nn::gate::{Gate, GateConfig};
use crate::nn::inputs::Batch;
use crate::nn::layers::{self, LayerNorm, Linear};
use crate::nn::losses;
use crate::nn::ops;
use crate::nn::partial::over;
use crate::nn::pass::Pass;
use crate::nn::weights::Weights;

/// Most experts of a mixture of networks.
const MOST_EXPERTS: usize = 64;

/// One expert of a [`MixtureNetworkConfig`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpertNetworkConfig {
    /// Its name in what the gate tells; no other expert has it.
    pub name: String,
    /// Its network: any but a mixture. All experts have one width.
    pub network: Architecture,
    /// Whether it reads no column of [`Columns::timing`](crate::detect::Columns), which another expert reads.
    #[serde(default)]
    pub without_timing: bool,
    /// Hidden width of a head of its own, which [`MixtureNetworkConfig::own_loss`] trains; `None` builds none.
    #[serde(default)]
    pub head: Option<usize>,
}

/// Settings of a mixture of networks that are trained together.
///
/// Expert `i` makes a vector `z_i` of the row; the gate reads all of them and gives weights `w_i`, see
/// [`GateConfig`]. What goes on is `z = Σ w_i z_i`, and Linear–LayerNorm–ReLU–Dropout–Linear makes the logits.
///
/// The loss is that of the logits, plus the load balancing of the gate, plus `own_loss` times the loss of each
/// head that an expert has of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MixtureNetworkConfig {
    /// 2 to 64.
    pub experts: Vec<ExpertNetworkConfig>,
    /// What weighs them.
    #[serde(deserialize_with = "gate_over_default")]
    pub gate: GateConfig,
    /// Hidden width of the classifier, in 1..=4096.
    pub hidden: usize,
    /// Share of the hidden numbers of the classifier that training sets to 0, in [0, 1).
    pub dropout: f32,
    /// Weight of the experts' own losses, at least 0.
    pub own_loss: f64,
}

impl Default for MixtureNetworkConfig {
    /// A small feature-tokenizer transformer for all columns but those of time, a convolution for those of time.
    fn default() -> Self {
        let expert = |name: &str, network, without_timing| ExpertNetworkConfig {
            name: name.to_owned(),
            network,
            without_timing,
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
            own_loss: 0.0,
        }
    }
}

fn gate_over_default<'de, D: Deserializer<'de>>(deserializer: D) -> Result<GateConfig, D::Error> {
    over(&MixtureNetworkConfig::default().gate, deserializer)
}

impl MixtureNetworkConfig {
    /// The network to compare with: a transformer of width 128, 3 layers and 4 heads, a pooled convolution over
    /// one channel, a gate of 128 and 64.
    ///
    /// With 47 tabular and 25 temporal inputs, two classes and masked pretraining it has 733,237 parameters; the
    /// mask, the guesses behind it and the transformer's own head are 39,729 of them, which the training of the
    /// mixture leaves alone. It is big; [`MixtureNetworkConfig::default`] is for use.
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
                    without_timing: true,
                    head: Some(256),
                },
                ExpertNetworkConfig {
                    name: "temporal".into(),
                    network: Architecture::TemporalCnn(temporal),
                    without_timing: false,
                    head: None,
                },
            ],
            gate: GateConfig::default(),
            hidden: 128,
            dropout: 0.1,
            own_loss: 0.0,
        }
    }

    pub(super) fn validate(&self, at: &str) -> Result<()> {
        if !(2..=MOST_EXPERTS).contains(&self.experts.len()) {
            let expected = format!("2 to {MOST_EXPERTS}");
            return Err(Error::invalid(format!("{at}.experts"), expected, self.experts.len()));
        }
        for (i, expert) in self.experts.iter().enumerate() {
            let here = format!("{at}.experts[{i}]");
            if self.experts[..i].iter().any(|other| other.name == expert.name) {
                let expected = "a name that no other expert has";
                return Err(Error::invalid(format!("{here}.name"), expected, &expert.name));
            }
            expert.network.validate(&format!("{here}.network"))?;
            let (width, first) = (expert.network.width(), self.experts[0].network.width());
            if width.is_none() || width != first {
                let expected = format!("a network, no mixture, of width {}", first.unwrap_or_default());
                return Err(Error::invalid(format!("{here}.network"), expected, expert.network.describe()));
            }
            if let Some(head) = expert.head {
                check::width(&format!("{here}.head"), head)?;
            }
        }
        self.gate.validate(&format!("{at}.gate"), self.experts.len())?;
        check::width(&format!("{at}.hidden"), self.hidden)?;
        check::share(&format!("{at}.dropout"), self.dropout)?;
        if !(self.own_loss >= 0.0 && self.own_loss.is_finite()) {
            return Err(Error::invalid(format!("{at}.own_loss"), "at least 0 and finite", self.own_loss));
        }
        Ok(())
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Mixture {
    experts: Vec<(Body, Option<Head>)>,
    gate: Gate,
    linear1: Linear,
    norm: LayerNorm,
    linear2: Linear,
    dropout: f32,
    own_loss: f64,
}

impl Mixture {
    /// The weights stand under `experts.{i}`, `heads.{i}`, `gate` and `classifier`.
    pub(super) fn new(
        weights: &mut Weights,
        build: &Build<'_>,
        config: &MixtureNetworkConfig,
    ) -> Result<Self> {
        let (mut experts, mut width) = (Vec::new(), 0);
        for (i, expert) in config.experts.iter().enumerate() {
            let at = format!("experts.{i}");
            let body = Body::new(weights, &at, build, &expert.network, expert.without_timing)?;
            width = expert.network.width().unwrap_or_default();
            let dropout = config.dropout;
            let head = match expert.head {
                None => None,
                Some(hidden) => {
                    let hidden = Some((hidden, dropout));
                    Some(Head::new(weights, &format!("heads.{i}"), width, hidden, build.classes)?)
                }
            };
            experts.push((body, head));
        }
        let n = experts.len();
        Ok(Self {
            gate: Gate::new(weights, "gate", n * width, n, &config.gate)?,
            experts,
            linear1: Linear::new(weights, "classifier.linear1", width, config.hidden)?,
            norm: LayerNorm::new(weights, "classifier.norm", config.hidden)?,
            linear2: Linear::new(weights, "classifier.linear2", config.hidden, build.classes)?,
            dropout: config.dropout,
            own_loss: config.own_loss,
        })
    }

    pub(super) fn bodies(&self) -> impl Iterator<Item = &Body> {
        self.experts.iter().map(|(body, _)| body)
    }

    /// What all experts take in, side by side.
    pub(super) fn embed(&self, batch: &Batch) -> Result<Tensor> {
        let parts = self.bodies().map(|body| body.embed(batch)).collect::<Result<Vec<_>>>()?;
        Ok(Tensor::cat(&parts, 1)?)
    }

    pub(super) fn forward(&self, flat: &Tensor, pass: &mut Pass) -> Result<Forward> {
        let (mut at, mut vectors, mut own) = (0, Vec::new(), Vec::new());
        for (body, head) in &self.experts {
            let width = body.owners().len();
            let vector = body.forward(&flat.narrow(1, at, width)?.contiguous()?, pass)?;
            at += width;
            if let Some(head) = head.as_ref().filter(|_| self.own_loss > 0.0 && pass.is_training()) {
                own.push(head.forward(&vector, pass)?);
            }
            vectors.push(vector);
        }
        let weights = self.gate.forward(&Tensor::cat(&vectors, 1)?, pass)?;
        let z = Tensor::stack(&vectors, 1)?.broadcast_mul(&weights.unsqueeze(2)?)?.sum(1)?;
        let hidden = ops::relu(&self.norm.forward(&self.linear1.forward(&z)?)?)?;
        let logits = self.linear2.forward(&layers::dropout(&hidden, self.dropout, pass)?)?;
        Ok(Forward { logits, weights: Some(weights), own })
    }

    /// What the mixture adds to the loss of its logits.
    pub(super) fn further_loss(
        &self,
        forward: &Forward,
        labels: &Tensor,
        row_weights: &Tensor,
    ) -> Result<Option<Tensor>> {
        let Some(weights) = &forward.weights else { return Ok(None) };
        let mut loss = self.gate.loss(weights)?;
        for logits in &forward.own {
            loss = (loss + (losses::cross_entropy(logits, labels, row_weights)? * self.own_loss)?)?;
        }
        Ok(Some(loss))
    }
}
