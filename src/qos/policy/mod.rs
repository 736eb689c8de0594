//! The policy: what the file holds, and the checks that make a value of [`Policy`] safe.

mod allow;
mod allow_text;
mod defaults;
pub(super) mod hierarchy;
pub(super) mod ladder;
mod list;
mod locate;
mod mistakes;
pub(super) mod prefix;
pub(super) mod rule;
pub(super) mod schedule;
mod schema;
pub(super) mod text;
mod validate;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest, Sha256};

pub use self::mistakes::PolicyMistake;
pub use self::text::PolicyFormat;

use self::hierarchy::{Floors, Scope, Tenant, is_default};
use self::ladder::Ladder;
use self::list::one_or_many;
use self::prefix::Prefix;
use self::rule::{ClassRule, Priority, Rule};
use super::action::Action;
use crate::artifact::hex;
use crate::error::{Error, Result};
use crate::verdict::Severity;

/// Most prefixes in the allow-list.
const MAX_ALLOW: usize = 10_000;
/// Most rules.
const MAX_RULES: usize = 1_000;
/// Most scopes, and most tenants.
const MAX_SCOPES: usize = 1_000;

/// A validated QoS policy: what to do about each severity, the exceptions for some traffic, and the
/// addresses that are never touched.
///
/// A policy is read from a file with [`Policy::load`], from text, or built from a [`PolicyConfig`]. TOML,
/// YAML (cargo feature `yaml`) and JSON share one model; an unknown field is an error. A section that is left
/// out has the values of [`Policy::default`].
///
/// | field | meaning | range |
/// |---|---|---|
/// | `version` | version of this model; must be given | 1 |
/// | `dry_run` | decide and report, but change nothing | default: `true` |
/// | `bands` | `medium`, `high`, `critical`: greatest p-value of such an anomaly | in (0, 1), falling |
/// | `actions` | `low`, `medium`, `high`, `critical`: action for such an anomaly | never milder |
/// | `allow` | prefixes; a flow with either end in one is never touched | at most 10,000 |
/// | `rules` | exceptions, see [`Rule`] | at most 1,000 |
/// | `never_act` | prefixes; a flow with either end in one never gets an action; adds to `allow` | at most 10,000 |
/// | `never_alert` | prefixes; a flow with either end in one has severity `none` and never gets an action | at most 10,000 |
/// | `floors` | lowest severity with an action, lowest rate of a limit, see [`Floors`] | |
/// | `tenants` | named lists of prefixes, see [`Tenant`] | at most 1,000 |
/// | `scopes` | settings for a tenant, a prefix or a host, see [`Scope`] | at most 1,000 |
/// | `classes` | service classes of some traffic, see [`ClassRule`] | at most 1,000 |
///
/// **Severity.** What the threshold calls clean has severity `none`. What it calls an anomaly has at least
/// `low`, so `low` has no band: the threshold's own false-positive rate is its band.
///
/// **Allow-list.** It wins over everything. An IPv4 prefix also matches IPv6 addresses that contain an IPv4 address in it: mapped
/// (`::ffff:0:0/96`), NAT64 (`64:ff9b::/96`, RFC 6052) and 6to4 (`2002::/16`, RFC 3056). A record without any address could belong
/// to a host of the list, so it gets no other action than `allow` (rule `no-address`) unless the list is empty; a record with
/// an address that cannot be read gets `allow` (rule `unread-address`). Of a record with one address, that address decides.
///
/// **Order.** The allow-list comes first. Clean traffic gets the first `prioritize` rule that
/// matches it, or `allow`. An anomaly gets the first `then` or `cap` rule that matches it, or the action of
/// its severity.
///
/// **Harshness.** allow, prioritize < deprioritize < rate-limit < inspect < drop < isolate. Of two actions
/// of one kind, the longer, slower or more intrusive one is harsher. A more severe anomaly may never get a
/// milder action, neither from `actions` nor from a rule; such a policy is rejected, so for one flow a higher
/// p-value never gets a harsher action.
///
/// | action | its settings |
/// |---|---|
/// | `allow` | none |
/// | `prioritize` | only as a rule's own field: `service_class` ([`ServiceClass`](super::ServiceClass)), `ttl_s` |
/// | `deprioritize`, `drop`, `isolate` | `ttl_s` |
/// | `rate_limit` | `bytes_per_second` and `burst`, 1 to 10^12; `ttl_s` |
/// | `inspect` | `inspection`: `mirror`, `queue` or `redirect`; `ttl_s` |
///
/// `ttl_s` is 1 to 86,400 seconds.
///
/// # Examples
///
/// ```
/// use qosguard::qos::{Action, Policy, Recommender, Subject};
/// use qosguard::verdict::Severity;
///
/// let policy = Policy::from_toml(r#"
///     version = 1
///     dry_run = false
///     allow = ["192.0.2.53", "10.0.0.0/24"]
///
///     [bands]
///     medium = 1e-3
///     high = 1e-4
///     critical = 1e-5
///
///     [actions]
///     low = { action = "deprioritize", ttl_s = 300 }
///     medium = { action = "rate_limit", bytes_per_second = 125_000, burst = 256_000, ttl_s = 60 }
///     high = { action = "inspect", inspection = "mirror", ttl_s = 300 }
///     critical = { action = "drop", ttl_s = 600 }
///
///     [[rules]]
///     name = "cameras"
///     when = { src = "10.9.0.0/16", severity = "high" }
///     then = { action = "isolate", ttl_s = 1800 }
///
///     [[rules]]
///     name = "calls"
///     when = { service = ["sip", "rtp"] }
///     prioritize = { service_class = "telephony", ttl_s = 300 }
/// "#)?;
/// let recommender = Recommender::new(policy);
///
/// let camera = Subject { src_ip: "10.9.0.7".parse().ok(), ..Subject::default() };
/// let answer = recommender.recommend(2e-5, true, &camera);
/// assert_eq!(answer.severity, Severity::High);
/// assert_eq!(answer.action, Action::Isolate { ttl_s: 1800 });
/// assert_eq!(recommender.rule_name(answer.rule), "cameras");
///
/// let resolver = Subject { src_ip: "192.0.2.53".parse().ok(), ..Subject::default() };
/// assert_eq!(recommender.recommend(1e-9, true, &resolver).action, Action::Allow);
///
/// let error = Policy::from_toml("version = 1\nallow = ['10.0.0.1/8']").unwrap_err();
/// assert!(error.to_string().starts_with("policy, line 2: `allow[0]` must be an address"));
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "PolicyConfig", into = "PolicyConfig")]
pub struct Policy {
    config: PolicyConfig,
    ladder: Ladder,
    /// What each rule does, in the order of `config.rules`.
    effects: Vec<Effect>,
}

/// What a valid rule does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Effect {
    /// Prioritizes clean traffic.
    Clean(Priority),
    /// Answers anomalies.
    Anomaly {
        /// The actions where no scope applies.
        ladder: Ladder,
        /// How it changes the actions of scopes.
        change: Change,
    },
}

/// How a rule changes the actions of the policy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Change {
    /// One action from a severity on.
    From(Severity, Action),
    /// No action harsher than this one.
    Cap(Action),
}

impl Change {
    /// The changed actions of a scope. They stay in order: an action below the one that the rule gives is at most as harsh.
    pub(super) fn of(self, ladder: Ladder) -> Ladder {
        match self {
            Self::From(severity, action) => ladder.replaced_from(severity, action),
            Self::Cap(action) => ladder.capped(action).unwrap_or(ladder),
        }
    }
}

/// The fields of a [`Policy`], before they are validated; the table there has the range of each.
///
/// ```
/// use qosguard::qos::{Policy, PolicyConfig};
///
/// let policy = Policy::try_from(PolicyConfig { dry_run: false, rules: vec![], ..PolicyConfig::default() })?;
/// assert!(!policy.dry_run());
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyConfig {
    /// Version of the model, 1.
    pub version: u32,
    /// Whether to decide without changing anything.
    #[serde(default = "defaults::dry_run")]
    pub dry_run: bool,
    /// Prefixes that are never touched, whichever end of the flow lies in them.
    #[serde(default = "defaults::allow", deserialize_with = "allow_list")]
    pub allow: Vec<Prefix>,
    /// More prefixes that are never touched; unlike `allow`, it does not replace a default list.
    #[serde(default, deserialize_with = "allow_list", skip_serializing_if = "Vec::is_empty")]
    pub never_act: Vec<Prefix>,
    /// Prefixes whose flows have severity `none` and get no action, whichever end of the flow lies in them.
    #[serde(default, deserialize_with = "allow_list", skip_serializing_if = "Vec::is_empty")]
    pub never_alert: Vec<Prefix>,
    /// Greatest p-value of each severity above `low`.
    #[serde(default)]
    pub bands: Bands,
    /// Action for each severity.
    #[serde(default)]
    pub actions: Actions,
    /// Exceptions, in order.
    #[serde(default = "defaults::rules", deserialize_with = "rule_list")]
    pub rules: Vec<Rule>,
    /// Lower limits of what the policy does.
    #[serde(default, skip_serializing_if = "is_default")]
    pub floors: Floors,
    /// Named parts of the network; a name has 1 to 64 letters, digits, `_` and `-`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tenants: BTreeMap<String, Tenant>,
    /// Settings for parts of the network.
    #[serde(default, deserialize_with = "scope_list", skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<Scope>,
    /// Service classes of some traffic, in order.
    #[serde(default, deserialize_with = "class_list", skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<ClassRule>,
}

impl PolicyConfig {
    /// The prefixes of all lists that prevent an action: `allow`, `never_act` and `never_alert`.
    pub(in crate::qos) fn without_action(&self) -> impl Iterator<Item = &Prefix> {
        self.allow.iter().chain(&self.never_act).chain(&self.never_alert)
    }
}

/// Greatest p-value of an anomaly of each severity above `low`; strictly decreasing, in (0, 1).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bands {
    /// At or below it an anomaly is medium.
    pub medium: f64,
    /// At or below it an anomaly is high.
    pub high: f64,
    /// At or below it an anomaly is critical.
    pub critical: f64,
}

/// Action for an anomaly of each severity; none milder than the one before, none a prioritization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actions {
    /// For a low anomaly.
    pub low: Action,
    /// For a medium anomaly.
    pub medium: Action,
    /// For a high anomaly.
    pub high: Action,
    /// For a critical anomaly.
    pub critical: Action,
}

impl Policy {
    /// Whether decisions are made without changing anything, where no scope gives another value.
    pub fn dry_run(&self) -> bool {
        self.config.dry_run
    }

    /// The same policy with dry run switched on or off. Dry run that is switched on also holds in every scope; where it is switched off, a scope with
    /// `dry_run = true` stays in dry run.
    #[must_use]
    pub fn with_dry_run(mut self, dry_run: bool) -> Self {
        self.config.dry_run = dry_run;
        if dry_run {
            self.config.scopes.iter_mut().for_each(|scope| scope.dry_run = None);
        }
        self
    }

    /// The fields.
    pub fn config(&self) -> &PolicyConfig {
        &self.config
    }

    /// SHA-256 of the policy's fields, 64 hexadecimal digits; the same for every text that gives the same policy.
    ///
    /// ```
    /// use qosguard::qos::Policy;
    ///
    /// let policy = Policy::default();
    /// assert_eq!(Policy::from_json(&policy.to_json()?)?.digest(), policy.digest());
    /// assert_ne!(policy.clone().with_dry_run(false).digest(), policy.digest());
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn digest(&self) -> String {
        let text = serde_json::to_string(&self.config).unwrap_or_else(|e| unreachable!("{e}"));
        hex(&Sha256::digest(text))
    }

    pub(super) fn ladder(&self) -> &Ladder {
        &self.ladder
    }

    pub(super) fn effects(&self) -> &[Effect] {
        &self.effects
    }
}

impl TryFrom<PolicyConfig> for Policy {
    type Error = Error;

    /// # Errors
    ///
    /// [`Error::Policy`] with the path of the first field outside its documented range.
    fn try_from(config: PolicyConfig) -> Result<Self> {
        Self::validate(config, "policy")
    }
}

impl From<Policy> for PolicyConfig {
    fn from(policy: Policy) -> Self {
        policy.config
    }
}

fn allow_list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Prefix>, D::Error> {
    one_or_many::<_, _, MAX_ALLOW>(deserializer)
}

fn rule_list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Rule>, D::Error> {
    one_or_many::<_, _, MAX_RULES>(deserializer)
}

fn scope_list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Scope>, D::Error> {
    one_or_many::<_, _, MAX_SCOPES>(deserializer)
}

fn class_list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ClassRule>, D::Error> {
    one_or_many::<_, _, MAX_RULES>(deserializer)
}
