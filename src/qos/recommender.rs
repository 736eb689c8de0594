//! From a p-value and a flow to an action, at line rate.

use serde::{Deserialize, Serialize};

use super::action::Action;
use super::decision::{Decision, Verdict};
use super::ladder::Ladder;
use super::policy::{Effect, Policy};
use super::prefix::PrefixSet;
use super::rule::{PortRange, When};
use super::severity::Severity;
use super::subject::{Protocol, Subject};
use crate::telemetry::protocol_name;

/// Name of the reason that is no rule: an address in the allow-list.
pub(super) const ALLOW_LIST: &str = "allow-list";
/// Name of the reason that is not a rule: an address that cannot be read.
pub(super) const UNREAD_ADDRESS: &str = "unread-address";
/// Name of the reason that is no rule: clean traffic that no rule prioritizes.
pub(super) const CLEAN: &str = "clean";

/// Why an action was chosen; [`Recommender::rule_name`] names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleRef {
    /// One end of the flow is in the allow-list.
    AllowList,
    /// An address of the flow cannot be read, so it could be one of the allow-list.
    UnreadAddress,
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
/// use qosguard::qos::{Action, Policy, Recommender, Severity, Subject};
///
/// let recommender = Recommender::new(Policy::default());
/// let web = Subject { service: Some("http"), ..Subject::default() };
/// let answer = recommender.recommend(3.1e-6, true, &web);
/// assert_eq!((answer.severity, answer.action), (Severity::Critical, Action::Drop { ttl_s: 600 }));
/// assert_eq!(recommender.rule_name(answer.rule), "band critical");
/// assert!(answer.dry_run);
///
/// let dns = Subject { service: Some("dns"), ..Subject::default() };
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

    /// First 64 bits of the policy's digest, as decisions hold it.
    pub(crate) fn policy_id(&self) -> u64 {
        self.policy_id
    }

    /// How serious a p-value is, given what the threshold said.
    ///
    /// [`Severity::None`] for what is no anomaly; at least [`Severity::Low`] for what is. A p-value that is
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
        let severity = self.severity(p_value, is_anomaly);
        let (action, rule) = self.choose(severity, subject);
        Recommendation { severity, action, rule, dry_run: self.policy.dry_run() }
    }

    /// The decision about one record; its severity is what [`Recommender::severity`] says.
    pub fn decide(&self, id: u64, row: u64, mut verdict: Verdict, subject: &Subject<'_>) -> Decision {
        let Recommendation { severity, action, rule, dry_run } =
            self.recommend(verdict.p_value, verdict.is_anomaly, subject);
        verdict.severity = severity;
        Decision {
            id,
            row,
            verdict,
            action,
            rule: self.rule_name(rule).to_owned(),
            policy: self.policy_id,
            dry_run,
        }
    }

    /// The name of a reason: a rule's own, `band critical` and its like, `allow-list`, `unread-address` or `clean`.
    pub fn rule_name(&self, rule: RuleRef) -> &str {
        match rule {
            RuleRef::AllowList => ALLOW_LIST,
            RuleRef::UnreadAddress => UNREAD_ADDRESS,
            RuleRef::Clean | RuleRef::Band(Severity::None) => CLEAN,
            RuleRef::Band(Severity::Low) => "band low",
            RuleRef::Band(Severity::Medium) => "band medium",
            RuleRef::Band(Severity::High) => "band high",
            RuleRef::Band(Severity::Critical) => "band critical",
            RuleRef::Rule(index) => self.policy.config().rules.get(index).map_or("", |rule| &rule.name),
        }
    }

    fn choose(&self, severity: Severity, subject: &Subject<'_>) -> (Action, RuleRef) {
        if !self.allow.is_empty()
            && (self.allow.contains(subject.src_ip) || self.allow.contains(subject.dst_ip))
        {
            return (Action::Allow, RuleRef::AllowList);
        }
        if subject.unread_address {
            return (Action::Allow, RuleRef::UnreadAddress);
        }
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

/// The conditions of one rule, ready to match. Severity is no part of them: what matches cannot depend on the
/// p-value, which keeps every subject on one ladder.
#[derive(Clone, Debug)]
struct Matcher {
    src_port: Vec<PortRange>,
    dst_port: Vec<PortRange>,
    protocol: Vec<ProtocolPattern>,
    service: Vec<String>,
    family: Vec<String>,
    src: PrefixSet,
    dst: PrefixSet,
}

impl Matcher {
    fn new(when: &When) -> Self {
        Self {
            src_port: when.src_port.clone(),
            dst_port: when.dst_port.clone(),
            protocol: when.protocol.iter().map(|p| ProtocolPattern::new(p)).collect(),
            service: when.service.clone(),
            family: when.family.clone(),
            src: PrefixSet::new(&when.src),
            dst: PrefixSet::new(&when.dst),
        }
    }

    fn matches(&self, subject: &Subject<'_>) -> bool {
        any(&self.dst_port, subject.dst_port, PortRange::contains)
            && any(&self.src_port, subject.src_port, PortRange::contains)
            && any(&self.service, subject.service, |a, b| a.eq_ignore_ascii_case(b.trim()))
            && any(&self.protocol, subject.protocol, ProtocolPattern::matches)
            && any(&self.family, subject.family, |a, b| a.eq_ignore_ascii_case(b.trim()))
            && (self.src.is_empty() || self.src.contains(subject.src_ip))
            && (self.dst.is_empty() || self.dst.contains(subject.dst_ip))
    }
}

/// Whether a condition is not given, or one of its values matches.
fn any<P, V: Copy>(patterns: &[P], value: Option<V>, matches: impl Fn(&P, V) -> bool) -> bool {
    patterns.is_empty() || value.is_some_and(|value| patterns.iter().any(|p| matches(p, value)))
}

/// A protocol of a rule: as it is written, and by number and registered name where these are known.
#[derive(Clone, Debug)]
struct ProtocolPattern {
    text: String,
    number: Option<u8>,
    name: Option<&'static str>,
}

/// The other name of number 58, `ipv6-icmp`.
const ICMPV6: (&str, u8) = ("icmpv6", 58);

impl ProtocolPattern {
    fn new(text: &str) -> Self {
        let named = |number: &u8| protocol_name(*number).is_some_and(|name| name.eq_ignore_ascii_case(text));
        let number = match digits(text) {
            None if text.eq_ignore_ascii_case(ICMPV6.0) => Some(ICMPV6.1),
            None => (0..=u8::MAX).find(named),
            number => number,
        };
        Self { text: text.to_owned(), number, name: number.and_then(protocol_name) }
    }

    fn matches(&self, protocol: Protocol<'_>) -> bool {
        match protocol {
            Protocol::Number(number) => self.number == Some(number),
            Protocol::Name(name) => {
                let name = name.trim();
                self.text.eq_ignore_ascii_case(name)
                    || self.name.is_some_and(|known| known.eq_ignore_ascii_case(name))
                    || self.number.is_some_and(|number| {
                        digits(name) == Some(number)
                            || (number == ICMPV6.1 && name.eq_ignore_ascii_case(ICMPV6.0))
                    })
            }
        }
    }
}

/// A protocol number in digits; `u8::from_str` would accept a leading `+`.
fn digits(text: &str) -> Option<u8> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}
