//! Settings for a part of the network: tenants, scopes, and floors.

mod effective;
mod index;

use serde::{Deserialize, Serialize};

use super::allow_list;
use super::prefix::Prefix;
use crate::qos::action::Action;
use crate::verdict::Severity;

pub(in crate::qos) use effective::Effective;
pub(in crate::qos) use index::ScopeIndex;

/// A customer, site or other named part of the network.
///
/// ```
/// use qosguard::qos::Policy;
///
/// let policy = Policy::from_toml(r#"
///     version = 1
///     tenants.acme.prefixes = ["10.1.0.0/16", "2001:db8:a::/48"]
/// "#)?;
/// assert_eq!(policy.config().tenants["acme"].prefixes.len(), 2);
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tenant {
    /// The addresses of the tenant, 1 to 10,000 prefixes.
    #[serde(deserialize_with = "allow_list")]
    pub prefixes: Vec<Prefix>,
}

/// Which end of a flow lies in a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeDirection {
    /// The destination lies in the scope.
    Inbound,
    /// The source lies in the scope.
    Outbound,
}

impl ScopeDirection {
    /// The word that files use: `"inbound"` or `"outbound"`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }
}

/// Settings for the flows of one tenant or one prefix; a setting that is left out has the value of the next wider scope.
///
/// A scope applies to a flow when the source or the destination lies in its tenant or prefix; with `direction`, when that end does.
/// Where several scopes apply, the most specific one that gives a setting decides this setting: a prefix before a tenant, a longer prefix before
/// a shorter one, a scope with a direction before one without, and else the first in the file. The policy itself is the widest scope.
///
/// ```
/// use qosguard::qos::{Action, Policy, Recommender, Subject};
///
/// let recommender = Recommender::new(Policy::from_toml(r#"
///     version = 1
///     tenants.acme.prefixes = "10.1.0.0/16"
///
///     [[scopes]]
///     name = "acme"
///     tenant = "acme"
///     actions.critical = { action = "isolate", ttl_s = 600 }
///
///     [[scopes]]
///     name = "acme-database"
///     prefix = "10.1.2.3"
///     actions.critical = { action = "inspect", inspection = "queue", ttl_s = 600 }
/// "#)?);
/// let from = |address: &str| Subject { src_ip: address.parse().ok(), ..Subject::default() };
/// let answer = recommender.recommend(1e-9, true, &from("10.1.9.9"));
/// assert_eq!(answer.action, Action::Isolate { ttl_s: 600 });
/// let answer = recommender.recommend(1e-9, true, &from("10.1.2.3"));
/// assert_eq!(answer.action.as_str(), "inspect");
/// assert_eq!(recommender.rule_name(answer.rule), "scope acme-database");
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Unique name among the scopes: letters, digits, `.`, `_` and `-`, at most 64.
    pub name: String,
    /// Name of a tenant; either this or `prefix` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// A prefix, or one host; either this or `tenant` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<Prefix>,
    /// The end of the flow that lies in the scope; either end when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<ScopeDirection>,
    /// Whether to decide without changing anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
    /// Greatest p-values of severities.
    #[serde(default, skip_serializing_if = "is_default")]
    pub bands: ScopeBands,
    /// Actions of severities.
    #[serde(default, skip_serializing_if = "is_default")]
    pub actions: ScopeActions,
    /// Floors.
    #[serde(default, skip_serializing_if = "is_default")]
    pub floors: Floors,
}

/// The bands that a scope gives; each in (0, 1), and falling together with the bands of the wider scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScopeBands {
    /// At or below it an anomaly is medium.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub medium: Option<f64>,
    /// At or below it an anomaly is high.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// At or below it an anomaly is critical.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub critical: Option<f64>,
}

/// The actions that a scope gives; together with the actions of the wider scopes, none is milder than the one before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScopeActions {
    /// For a low anomaly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<Action>,
    /// For a medium anomaly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub medium: Option<Action>,
    /// For a high anomaly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<Action>,
    /// For a critical anomaly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub critical: Option<Action>,
}

impl ScopeActions {
    /// The actions in the order of the severities.
    pub(in crate::qos) const fn all(&self) -> [Option<Action>; 4] {
        [self.low, self.medium, self.high, self.critical]
    }
}

/// Lower limits of what a policy does. They win over bands, actions and rules.
///
/// ```
/// use qosguard::qos::{Action, Policy, Recommender, Subject};
///
/// let recommender = Recommender::new(Policy::from_toml(
///     "version = 1\nallow = []\n[floors]\nmin_severity = 'high'\n",
/// )?);
/// let answer = recommender.recommend(5e-4, true, &Subject::default());
/// assert_eq!(answer.action, Action::Allow);
/// assert_eq!(recommender.rule_name(answer.rule), "floor min_severity");
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Floors {
    /// Lowest severity that gets an action; anomalies below it are allowed. Default: `low`, every anomaly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_severity: Option<Severity>,
    /// Lowest rate of a rate limit in bytes per second, 1 to 10^12; a lower limit is raised to it. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_bytes_per_second: Option<u64>,
}

/// Whether a section gives nothing, so that it is not written.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
