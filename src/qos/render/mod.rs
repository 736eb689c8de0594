//! From a plan to the configuration of network devices: pure functions, which change nothing.

mod bgp;
mod config;
mod dscp;
mod exabgp;
pub mod flowspec;
mod gobgp;
mod nftables;
mod openc2;
mod output;
mod rtbh;
mod tc;
mod webhook;

use serde::{Deserialize, Serialize};

use super::Plan;
use crate::error::Result;

pub use config::{BgpConfig, NftablesConfig, RenderConfig, TcConfig};
pub use output::{Rendered, Unrendered};

/// The systems that a plan is written for.
///
/// ```
/// use qosguard::qos::{Action, Plan, PlanConfig, Policy, Proposal, RenderConfig, Renderer};
///
/// let drop = Proposal {
///     id: 0xa1,
///     source: Some("203.0.113.7".parse()?),
///     action: Action::Drop { ttl_s: 600 },
///     ..Proposal::default()
/// };
/// let plan = Plan::new(&[drop], 0.0, &Policy::default(), &PlanConfig::default())?;
/// let text = plan.render(Renderer::GoBgp, &RenderConfig::default())?.text();
/// assert_eq!(text, "gobgp global rib add -a ipv4-flowspec match source 203.0.113.7/32 then discard\n");
/// let undone = plan.rollback(Renderer::GoBgp, &RenderConfig::default())?.text();
/// assert_eq!(undone, "gobgp global rib del -a ipv4-flowspec match source 203.0.113.7/32 then discard\n");
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Renderer {
    /// Commands for `nft -f`.
    Nftables,
    /// Commands for `tc -batch`.
    Tc,
    /// Commands for the API of `ExaBGP`: `FlowSpec` routes.
    ExaBgp,
    /// Command lines of `gobgp`: `FlowSpec` routes.
    GoBgp,
    /// `FlowSpec` NLRI, extended communities and BGP UPDATE messages in hexadecimal digits, as JSON lines.
    FlowSpec,
    /// Commands for the API of `ExaBGP`: routes with the BLACKHOLE community (RFC 7999).
    Rtbh,
    /// `OpenC2` commands as JSON lines.
    OpenC2,
    /// One JSON object for each entry.
    Webhook,
}

impl Renderer {
    /// Every renderer.
    pub const ALL: [Self; 8] = [
        Self::Nftables,
        Self::Tc,
        Self::ExaBgp,
        Self::GoBgp,
        Self::FlowSpec,
        Self::Rtbh,
        Self::OpenC2,
        Self::Webhook,
    ];

    /// The name in files and bindings, such as `"nftables"`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nftables => "nftables",
            Self::Tc => "tc",
            Self::ExaBgp => "exabgp",
            Self::GoBgp => "gobgp",
            Self::FlowSpec => "flowspec",
            Self::Rtbh => "rtbh",
            Self::OpenC2 => "openc2",
            Self::Webhook => "webhook",
        }
    }
}

impl Plan {
    /// The plan as configuration of one system. Entries that it cannot express are skipped, with their reasons.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) for a setting outside its range.
    pub fn render(&self, renderer: Renderer, config: &RenderConfig) -> Result<Rendered> {
        config.check()?;
        Ok(match renderer {
            Renderer::Nftables => nftables::render(self, &config.nftables),
            Renderer::Tc => tc::render(self, &config.tc),
            Renderer::ExaBgp => exabgp::render(self, true),
            Renderer::GoBgp => gobgp::render(self, true),
            Renderer::FlowSpec => flowspec::render(self, &config.bgp, true),
            Renderer::Rtbh => rtbh::render(self, &config.bgp, true),
            Renderer::OpenC2 => openc2::render(self, true),
            Renderer::Webhook => webhook::render(self, true),
        })
    }

    /// The configuration that undoes what [`Plan::render`] returns for the same plan and settings, and nothing else.
    ///
    /// # Errors
    ///
    /// As [`Plan::render`].
    pub fn rollback(&self, renderer: Renderer, config: &RenderConfig) -> Result<Rendered> {
        config.check()?;
        Ok(match renderer {
            Renderer::Nftables => nftables::rollback(self, &config.nftables),
            Renderer::Tc => tc::rollback(self, &config.tc),
            Renderer::ExaBgp => exabgp::render(self, false),
            Renderer::GoBgp => gobgp::render(self, false),
            Renderer::FlowSpec => flowspec::render(self, &config.bgp, false),
            Renderer::Rtbh => rtbh::render(self, &config.bgp, false),
            Renderer::OpenC2 => openc2::render(self, false),
            Renderer::Webhook => webhook::render(self, false),
        })
    }
}
