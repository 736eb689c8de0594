//! From a p-value and a flow to an action, at line rate.

mod matcher;
mod subject;

use serde::{Deserialize, Serialize};

use self::matcher::Matcher;
use super::action::Action;
use super::decision::Decision;
use super::policy::hierarchy::{Effective, ScopeIndex};
use super::policy::ladder::Ladder;
use super::policy::prefix::PrefixSet;
use super::policy::rule::ClassRule;
use super::policy::{Bands, Change, Effect, Policy};
use super::service_class::{Classified, ServiceClass};
use crate::telemetry::FlowTuple;
use crate::verdict::{Severity, Verdict};

pub use subject::{Protocol, Subject};

/// Name of the reason that is not a rule: an address in the allow-list.
pub(super) const ALLOW_LIST: &str = "allow-list";
/// Name of the reason that is not a rule: an address that cannot be read.
pub(super) const UNREAD_ADDRESS: &str = "unread-address";
/// Name of the reason that is not a rule: no address to compare with the allow-list.
pub(super) const NO_ADDRESS: &str = "no-address";
/// Name of the reason that is not a rule: an address in `never_act`. A blank keeps it apart from every rule.
const NEVER_ACT: &str = "list never_act";
/// Name of the reason that is not a rule: an address in `never_alert`.
const NEVER_ALERT: &str = "list never_alert";
/// Name of the reason that is not a rule: an anomaly below the floor.
const FLOOR: &str = "floor min_severity";
/// Name of the reason that is not a rule: clean traffic that no rule prioritizes.
pub(super) const CLEAN: &str = "clean";

/// Why an action was chosen; [`Recommender::rule_name`] names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleRef {
    /// One end of the flow is in the allow-list.
    AllowList,
    /// One end of the flow is in `never_act`.
    NeverAct,
    /// One end of the flow is in `never_alert`.
    NeverAlert,
    /// The anomaly is less severe than `floors.min_severity`.
    Floor,
    /// The scope with this index in [`PolicyConfig::scopes`](super::PolicyConfig::scopes) gives the action of the severity.
    Scope(usize),
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
    never_act: PrefixSet,
    never_alert: PrefixSet,
    scopes: ScopeIndex,
    /// The reason of each scope: `scope` and its name.
    scope_names: Vec<String>,
    /// Conditions and class of each class rule.
    classes: Vec<(Matcher, ServiceClass)>,
    /// Index, conditions and action of each rule for clean traffic.
    clean: Vec<(usize, Matcher, Action)>,
    /// Index, conditions and effect of each rule for anomalies.
    anomaly: Vec<(usize, Matcher, Ladder, Change)>,
}

impl Recommender {
    /// Compiles a policy.
    pub fn new(policy: Policy) -> Self {
        let (mut clean, mut anomaly) = (Vec::new(), Vec::new());
        for (index, (rule, effect)) in policy.config().rules.iter().zip(policy.effects()).enumerate() {
            let matcher = Matcher::new(&rule.when, policy.config());
            match *effect {
                Effect::Clean(priority) => clean.push((index, matcher, priority.into())),
                Effect::Anomaly { ladder, change } => anomaly.push((index, matcher, ladder, change)),
            }
        }
        let policy_id =
            policy.digest().get(..16).and_then(|d| u64::from_str_radix(d, 16).ok()).unwrap_or_default();
        let config = policy.config();
        let class = |rule: &ClassRule| (Matcher::new(&rule.when, config), rule.service_class);
        Self {
            allow: PrefixSet::new(&config.allow),
            never_act: PrefixSet::new(&config.never_act),
            never_alert: PrefixSet::new(&config.never_alert),
            scopes: ScopeIndex::new(config),
            scope_names: config.scopes.iter().map(|scope| format!("scope {}", scope.name)).collect(),
            classes: config.classes.iter().map(class).collect(),
            clean,
            anomaly,
            policy_id,
            policy,
        }
    }

    /// The policy that it follows.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What a flow needs from the network: the class of the first rule of `classes` that matches it, or else [`ServiceClass::of`].
    pub fn service_class(&self, subject: &Subject<'_>) -> Classified {
        match self.class_rule(subject) {
            Some((index, class)) => {
                Classified { class, reason: format!("classes[{index}] of the policy matches") }
            }
            None => ServiceClass::of(subject),
        }
    }

    fn class_rule(&self, subject: &Subject<'_>) -> Option<(usize, ServiceClass)> {
        // A class rule compares no class, so the class of its own condition is never asked for.
        let mut rules = self.classes.iter().enumerate();
        rules.find_map(|(index, (when, class))| {
            when.matches(subject, || ServiceClass::Standard).then_some((index, *class))
        })
    }

    /// The service class alone; allocates nothing.
    fn class_of(&self, subject: &Subject<'_>) -> ServiceClass {
        self.class_rule(subject).map_or_else(|| ServiceClass::class_of(subject), |(_, class)| class)
    }

    /// How serious a p-value is by the bands of the policy itself, given the result of the threshold.
    ///
    /// [`Severity::None`] for a clean record; at least [`Severity::Low`] for an anomaly. A p-value that is
    /// NaN reaches no band, so it never escalates.
    pub fn severity(&self, p_value: f64, is_anomaly: bool) -> Severity {
        severity(&self.policy.config().bands, p_value, is_anomaly)
    }

    /// How serious a p-value is for one flow, by the bands of the scopes that apply to it.
    ///
    /// ```
    /// use qosguard::qos::{Policy, Recommender, Subject};
    /// use qosguard::verdict::Severity;
    ///
    /// let recommender = Recommender::new(Policy::from_toml(
    ///     "version = 1\n[[scopes]]\nname = 'lab'\nprefix = '10.9.0.0/16'\nbands.medium = 2e-4\n",
    /// )?);
    /// let lab = Subject { dst_ip: "10.9.0.1".parse().ok(), ..Subject::default() };
    /// assert_eq!(recommender.severity(5e-4, true), Severity::Medium);
    /// assert_eq!(recommender.severity_for(5e-4, true, &lab), Severity::Low);
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn severity_for(&self, p_value: f64, is_anomaly: bool, subject: &Subject<'_>) -> Severity {
        if self.scopes.is_empty() {
            return self.severity(p_value, is_anomaly);
        }
        severity(&self.effective(subject).bands, p_value, is_anomaly)
    }

    /// The settings for one flow: the policy's own, overlaid by the scopes that apply.
    fn effective(&self, subject: &Subject<'_>) -> Effective {
        let config = self.policy.config();
        let mut effective = Effective::of(config);
        if !self.scopes.is_empty() {
            for at in self.scopes.find(subject.src_ip, subject.dst_ip) {
                if let Some(scope) = config.scopes.get(at) {
                    effective.overlay(at, scope);
                }
            }
        }
        effective
    }

    /// What to do about a verdict on a flow.
    ///
    /// For one subject the action is monotone: a higher p-value, or clean instead of anomalous, never gets a
    /// harsher one ([`Action::no_harsher_than`]).
    pub fn recommend(&self, p_value: f64, is_anomaly: bool, subject: &Subject<'_>) -> Recommendation {
        let effective = self.effective(subject);
        self.answer(severity(&effective.bands, p_value, is_anomaly), subject, &effective)
    }

    /// What to do about something of a severity, such as an incident.
    pub fn recommend_for(&self, severity: Severity, subject: &Subject<'_>) -> Recommendation {
        self.answer(severity, subject, &self.effective(subject))
    }

    fn answer(&self, severity: Severity, subject: &Subject<'_>, effective: &Effective) -> Recommendation {
        let (action, rule) = self.choose(severity, subject, effective);
        let severity = if rule == RuleRef::NeverAlert { Severity::None } else { severity };
        Recommendation { severity, action, rule, dry_run: effective.dry_run }
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

    /// The name of a reason: a rule's own, `band critical` and its like, `scope NAME`, `allow-list`, `list never_act`,
    /// `list never_alert`, `floor min_severity`, `unread-address`, `no-address` or `clean`.
    pub fn rule_name(&self, rule: RuleRef) -> &str {
        match rule {
            RuleRef::AllowList => ALLOW_LIST,
            RuleRef::NeverAct => NEVER_ACT,
            RuleRef::NeverAlert => NEVER_ALERT,
            RuleRef::Floor => FLOOR,
            RuleRef::Scope(index) => self.scope_names.get(index).map_or("", String::as_str),
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

    fn choose(&self, severity: Severity, subject: &Subject<'_>, effective: &Effective) -> (Action, RuleRef) {
        let Subject { src_ip, dst_ip, unread_address, .. } = *subject;
        let lists = [
            (&self.never_alert, RuleRef::NeverAlert),
            (&self.allow, RuleRef::AllowList),
            (&self.never_act, RuleRef::NeverAct),
        ];
        for (list, rule) in lists {
            if !list.is_empty() && (list.contains_either_form(src_ip) || list.contains_either_form(dst_ip)) {
                return (Action::Allow, rule);
            }
        }
        if unread_address {
            return (Action::Allow, RuleRef::UnreadAddress);
        }
        let may_be_listed = || lists.iter().any(|(list, _)| !list.is_empty());
        match self.by_rules(severity, subject, effective) {
            (Action::Allow, rule) => (Action::Allow, rule),
            _ if src_ip.is_none() && dst_ip.is_none() && may_be_listed() => {
                (Action::Allow, RuleRef::NoAddress)
            }
            chosen => chosen,
        }
    }

    /// What the rules, the scopes and the bands ask for, without the lists.
    fn by_rules(
        &self,
        severity: Severity,
        subject: &Subject<'_>,
        effective: &Effective,
    ) -> (Action, RuleRef) {
        let matches = |when: &Matcher| when.matches(subject, || self.class_of(subject));
        if severity == Severity::None {
            return match self.clean.iter().find(|(_, when, _)| matches(when)) {
                Some(&(index, _, action)) => (action, RuleRef::Rule(index)),
                None => (Action::Allow, RuleRef::Clean),
            };
        }
        if effective.floors.min_severity.is_some_and(|least| severity < least) {
            return (Action::Allow, RuleRef::Floor);
        }
        let by_scope = effective.scope_of(severity);
        // The policy was checked without scopes; with them, its actions are put in order.
        let own = if self.scopes.is_empty() { *self.policy.ladder() } else { effective.ladder() };
        let usual = own.at(severity);
        let (action, rule) = match self.anomaly.iter().find(|(_, when, ..)| matches(when)) {
            Some((index, _, ladder, change)) => {
                let ladder = if self.scopes.is_empty() { *ladder } else { change.of(own) };
                let action = ladder.at(severity);
                (action, (action != usual).then_some(RuleRef::Rule(*index)))
            }
            None => (usual, None),
        };
        let band = || by_scope.map_or(RuleRef::Band(severity), RuleRef::Scope);
        (with_floor(action, effective.floors.min_bytes_per_second), rule.unwrap_or_else(band))
    }
}

/// How serious a p-value is.
fn severity(bands: &Bands, p_value: f64, is_anomaly: bool) -> Severity {
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

/// A rate limit at least as high as the floor. Of two limits in order, the raised ones are in order, too.
fn with_floor(action: Action, floor: Option<u64>) -> Action {
    match (action, floor) {
        (Action::RateLimit { bytes_per_second, burst, ttl_s }, Some(floor)) => {
            Action::RateLimit { bytes_per_second: bytes_per_second.max(floor), burst, ttl_s }
        }
        (action, _) => action,
    }
}
