//! From a p-value and a flow to an action, at line rate.

mod matcher;
mod subject;

use serde::{Deserialize, Serialize};

use self::matcher::Matcher;
use super::action::Action;
use super::decision::Decision;
use super::policy::ladder::Ladder;
use super::policy::prefix::PrefixSet;
use super::policy::{Effect, Policy};
use crate::telemetry::FlowTuple;
use crate::verdict::{Severity, Verdict};

pub use subject::{Protocol, Subject};

/// Name of the reason that is not a rule: an address in the allow-list.
pub(super) const ALLOW_LIST: &str = "allow-list";
/// Name of the reason that is not a rule: an address that cannot be read.
pub(super) const UNREAD_ADDRESS: &str = "unread-address";
/// Name of the reason that is not a rule: no address to compare with the allow-list.
pub(super) const NO_ADDRESS: &str = "no-address";
/// Name of the reason that is not a rule: clean traffic that no rule prioritizes.
pub(super) const CLEAN: &str = "clean";

/// Why an action was chosen; [`Recommender::rule_name`] names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleRef {
    /// One end of the flow is in the allow-list.
    AllowList,
    /// An address of the flow cannot be read, so it could be one of the allow-list.
    UnreadAddress,
    /// The flow has no address and would get another action than [`Action::Allow`], which the allow-list could forbid.
    NoAddress,
    /// The flow is clean and no rule prioritizes it.
    Clean,
    /// The policy's own action for this severity, also where a rule matches and changes nothing about it.
    Band(Severity),
    /// The rule with this index in [`PolicyConfig::rules`](super::PolicyConfig::rules).
    Rule(usize),
}

/// What the policy asks for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Recommendation {
    /// How serious it is.
    pub severity: Severity,
    /// What to do.
    pub action: Action,
    /// Why.
    pub rule: RuleRef,
    /// Whether nothing may be changed.
    pub dry_run: bool,
}

/// A [`Policy`] compiled for speed: matching allocates nothing, and the allow-list is a binary search.
///
/// ```
/// use qosguard::qos::{Action, Policy, Recommender, Subject};
/// use qosguard::verdict::Severity;
///
/// let recommender = Recommender::new(Policy::default());
/// let source = "198.51.100.7".parse().ok();
/// let web = Subject { src_ip: source, service: Some("http"), ..Subject::default() };
/// let answer = recommender.recommend(3.1e-6, true, &web);
/// assert_eq!((answer.severity, answer.action), (Severity::Critical, Action::Drop { ttl_s: 600 }));
/// assert_eq!(recommender.rule_name(answer.rule), "band critical");
/// assert!(answer.dry_run);
///
/// let dns = Subject { src_ip: source, service: Some("dns"), ..Subject::default() };
/// assert_eq!(recommender.recommend(3.1e-6, true, &dns).action.to_string(),
///            "rate-limit to 125000 B/s, burst 256000 B, for 60 s");
/// ```
#[derive(Clone, Debug)]
pub struct Recommender {
    policy: Policy,
    /// First 64 bits of the policy's digest.
    policy_id: u64,
    allow: PrefixSet,
    /// Index, conditions and action of each rule for clean traffic.
    clean: Vec<(usize, Matcher, Action)>,
    /// Index, conditions and ladder of each rule for anomalies.
    anomaly: Vec<(usize, Matcher, Ladder)>,
}

impl Recommender {
    /// Compiles a policy.
    pub fn new(policy: Policy) -> Self {
        let (mut clean, mut anomaly) = (Vec::new(), Vec::new());
        for (index, (rule, effect)) in policy.config().rules.iter().zip(policy.effects()).enumerate() {
            let matcher = Matcher::new(&rule.when);
            match *effect {
                Effect::Clean(priority) => clean.push((index, matcher, priority.into())),
                Effect::Anomaly(ladder) => anomaly.push((index, matcher, ladder)),
            }
        }
        let policy_id =
            policy.digest().get(..16).and_then(|d| u64::from_str_radix(d, 16).ok()).unwrap_or_default();
        Self { allow: PrefixSet::new(&policy.config().allow), clean, anomaly, policy_id, policy }
    }

    /// The policy that it follows.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// How serious a p-value is, given the result of the threshold.
    ///
    /// [`Severity::None`] for a clean record; at least [`Severity::Low`] for an anomaly. A p-value that is
    /// NaN reaches no band, so it never escalates.
    pub fn severity(&self, p_value: f64, is_anomaly: bool) -> Severity {
        let bands = &self.policy.config().bands;
        if !is_anomaly {
            Severity::None
        } else if p_value <= bands.critical {
            Severity::Critical
        } else if p_value <= bands.high {
            Severity::High
        } else if p_value <= bands.medium {
            Severity::Medium
        } else {
            Severity::Low
        }
    }

    /// What to do about a verdict on a flow.
    ///
    /// For one subject the action is monotone: a higher p-value, or clean instead of anomalous, never gets a
    /// harsher one ([`Action::no_harsher_than`]).
    pub fn recommend(&self, p_value: f64, is_anomaly: bool, subject: &Subject<'_>) -> Recommendation {
        self.recommend_for(self.severity(p_value, is_anomaly), subject)
    }

    /// What to do about something of a severity, such as an incident.
    pub fn recommend_for(&self, severity: Severity, subject: &Subject<'_>) -> Recommendation {
        let (action, rule) = self.choose(severity, subject);
        Recommendation { severity, action, rule, dry_run: self.policy.dry_run() }
    }

    /// The decision about one record. It replaces the verdict's severity by [`Recommender::severity`].
    pub fn decide(&self, id: u64, row: u64, verdict: Verdict, subject: &Subject<'_>) -> Decision {
        let recommendation = self.recommend(verdict.p_value, verdict.is_anomaly, subject);
        self.decision(id, row, subject.flow_tuple().as_ref(), verdict, recommendation)
    }

    /// The decision about one record, from what [`Recommender::recommend`] returned for it.
    pub(crate) fn decision(
        &self,
        id: u64,
        row: u64,
        flow: Option<&FlowTuple>,
        mut verdict: Verdict,
        recommendation: Recommendation,
    ) -> Decision {
        let Recommendation { severity, action, rule, dry_run } = recommendation;
        verdict.severity = severity;
        Decision {
            id,
            row,
            community_id: flow.and_then(|flow| flow.community_id(0)).map(|id| id.to_string()),
            verdict,
            action,
            rule: self.rule_name(rule).to_owned(),
            policy: self.policy_id,
            dry_run,
        }
    }

    /// The name of a reason: a rule's own, `band critical` and its like, `allow-list`, `unread-address`, `no-address` or
    /// `clean`.
    pub fn rule_name(&self, rule: RuleRef) -> &str {
        match rule {
            RuleRef::AllowList => ALLOW_LIST,
            RuleRef::UnreadAddress => UNREAD_ADDRESS,
            RuleRef::NoAddress => NO_ADDRESS,
            RuleRef::Clean | RuleRef::Band(Severity::None) => CLEAN,
            RuleRef::Band(Severity::Low) => "band low",
            RuleRef::Band(Severity::Medium) => "band medium",
            RuleRef::Band(Severity::High) => "band high",
            RuleRef::Band(Severity::Critical) => "band critical",
            RuleRef::Rule(index) => self.policy.config().rules.get(index).map_or("", |rule| &rule.name),
        }
    }

    fn choose(&self, severity: Severity, subject: &Subject<'_>) -> (Action, RuleRef) {
        let Subject { src_ip, dst_ip, unread_address, .. } = *subject;
        if !self.allow.is_empty()
            && (self.allow.contains_either_form(src_ip) || self.allow.contains_either_form(dst_ip))
        {
            return (Action::Allow, RuleRef::AllowList);
        }
        if unread_address {
            return (Action::Allow, RuleRef::UnreadAddress);
        }
        match self.by_rules(severity, subject) {
            (Action::Allow, rule) => (Action::Allow, rule),
            _ if !self.allow.is_empty() && src_ip.is_none() && dst_ip.is_none() => {
                (Action::Allow, RuleRef::NoAddress)
            }
            chosen => chosen,
        }
    }

    /// What the rules and the bands ask for, without the allow-list.
    fn by_rules(&self, severity: Severity, subject: &Subject<'_>) -> (Action, RuleRef) {
        if severity == Severity::None {
            return match self.clean.iter().find(|(_, when, _)| when.matches(subject)) {
                Some(&(index, _, action)) => (action, RuleRef::Rule(index)),
                None => (Action::Allow, RuleRef::Clean),
            };
        }
        let usual = self.policy.ladder().at(severity);
        match self.anomaly.iter().find(|(_, when, _)| when.matches(subject)) {
            Some((index, _, ladder)) if ladder.at(severity) != usual => {
                (ladder.at(severity), RuleRef::Rule(*index))
            }
            _ => (usual, RuleRef::Band(severity)),
        }
    }
}
