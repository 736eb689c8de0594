//! What another policy would have decided about decisions of the past.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::Path;

use serde::Serialize;

use super::changes::PolicyChange;
use crate::error::{Error, Result};
use crate::qos::plan::read::{PastDecision, source};
use crate::qos::{Policy, Proposal, Recommendation, Recommender};
use crate::verdict::Severity;

/// Examples that each change of actions keeps.
const EXAMPLES: usize = 3;
/// Most incidents that are kept until the end.
const MAX_INCIDENTS: usize = 1_000_000;

/// Compares an old and a new policy: their settings, and what both decide about decisions and incidents of the past.
///
/// Both policies decide again about what the files hold: addresses, ports, protocol, service, attack class, time, p-value and severity. What a file does
/// not hold meets no condition of a rule, under both policies.
///
/// ```
/// use qosguard::qos::{Policy, PolicyComparison};
///
/// let old = Policy::default();
/// let new = Policy::from_toml("version = 1\nnever_act = ['203.0.113.0/24']")?;
/// let mut comparison = PolicyComparison::new(&old, &new);
/// comparison.add_json("findings", r#"
///     {"id": "00000000000000a1", "src_ip": "203.0.113.7", "p_value": 1e-6, "is_anomaly": true, "severity": "critical", "action": "drop", "ttl_s": 600}
///     {"id": "00000000000000a2", "src_ip": "198.51.100.7", "p_value": 1e-6, "is_anomaly": true, "severity": "critical", "action": "drop", "ttl_s": 600}
/// "#)?;
/// let difference = comparison.finish();
/// assert_eq!((difference.decisions, difference.actions.len()), (2, 1));
/// let change = &difference.actions[0];
/// assert_eq!((change.old.as_str(), change.new.as_str(), change.count), ("drop", "allow", 1));
/// assert_eq!(change.examples[0].new_rule, "list never_act");
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct PolicyComparison {
    old: Recommender,
    new: Recommender,
    incidents: HashMap<u64, PastDecision>,
    difference: PolicyDifference,
    changes: BTreeMap<(String, String), ActionChange>,
}

/// In what two policies differ.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PolicyDifference {
    /// Settings that differ.
    pub settings: Vec<PolicyChange>,
    /// Decisions and sources of incidents that both policies decided about.
    pub decisions: u64,
    /// Decisions whose recorded action is not what the old policy gives now: they come from another policy, or the record has values that the
    /// file does not hold.
    pub not_reproduced: u64,
    /// Decisions that change, by old and new action, the most frequent first.
    pub actions: Vec<ActionChange>,
}

/// Decisions that get another action.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ActionChange {
    /// Name of the old action.
    pub old: String,
    /// Name of the new action. Equal to `old` where only settings, such as a TTL, or dry run change.
    pub new: String,
    /// Number of decisions.
    pub count: u64,
    /// The first of them, at most 3.
    pub examples: Vec<ActionExample>,
}

/// One decision that gets another action.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ActionExample {
    /// Id of the decision or incident, 16 hexadecimal digits.
    pub id: String,
    /// Source address or prefix.
    pub source: Option<String>,
    /// Destination address.
    pub destination: Option<String>,
    /// Severity under the new policy.
    pub severity: Severity,
    /// The old action with its settings.
    pub old_action: String,
    /// The rule that chose it.
    pub old_rule: String,
    /// The new action with its settings.
    pub new_action: String,
    /// The rule that chose it.
    pub new_rule: String,
}

impl PolicyComparison {
    /// A comparison of two policies, without decisions.
    pub fn new(old: &Policy, new: &Policy) -> Self {
        Self {
            difference: PolicyDifference { settings: old.changes(new), ..PolicyDifference::default() },
            old: Recommender::new(old.clone()),
            new: Recommender::new(new.clone()),
            incidents: HashMap::new(),
            changes: BTreeMap::new(),
        }
    }

    /// Adds JSON lines, or one JSON array, of findings and changes of incidents; `place` is the name for errors.
    ///
    /// # Errors
    ///
    /// [`Error::BadRecord`] with the line, the key and the value that cannot be read.
    pub fn add_json(&mut self, place: &str, text: &str) -> Result<()> {
        source::each_of_text(place, text, &mut |place, number, value| {
            self.add(PastDecision::read(place, number, value)?)
        })
    }

    /// Adds a file of `qosguard assess --json`, `assess -o` or `watch`; `-` is standard input with JSON lines.
    ///
    /// # Errors
    ///
    /// As [`Proposals::load`](crate::qos::Proposals::load).
    pub fn load(&mut self, path: impl AsRef<Path>) -> Result<()> {
        source::each_of_file(path.as_ref(), &mut |place, number, value| {
            self.add(PastDecision::read(place, number, value)?)
        })
    }

    /// In what the policies differ.
    pub fn finish(mut self) -> PolicyDifference {
        let mut incidents: Vec<_> = std::mem::take(&mut self.incidents).into_iter().collect();
        incidents.sort_unstable_by_key(|(id, _)| *id);
        for (_, incident) in incidents {
            self.decide(&incident);
        }
        let mut difference = self.difference;
        difference.actions = self.changes.into_values().collect();
        difference.actions.sort_by_key(|change| std::cmp::Reverse(change.count));
        difference
    }

    fn add(&mut self, past: PastDecision) -> Result<()> {
        let id = past.proposals.first().map(|proposal| proposal.id).filter(|_| past.is_incident);
        let Some(id) = id else {
            self.decide(&past);
            return Ok(());
        };
        if self.incidents.len() >= MAX_INCIDENTS && !self.incidents.contains_key(&id) {
            let expected = format!("at most {MAX_INCIDENTS} incidents");
            return Err(Error::invalid("decisions", expected, "more"));
        }
        self.incidents.insert(id, past);
        Ok(())
    }

    fn decide(&mut self, past: &PastDecision) {
        for proposal in &past.proposals {
            let subject = past.subject(proposal);
            let decide = |recommender: &Recommender| match past.p_value {
                Some((p_value, is_anomaly)) => recommender.recommend(p_value, is_anomaly, &subject),
                None => recommender.recommend_for(proposal.severity, &subject),
            };
            let (old, new) = (decide(&self.old), decide(&self.new));
            self.difference.decisions += 1;
            if old.action.as_str() != proposal.action.as_str() {
                self.difference.not_reproduced += 1;
            }
            if old.action != new.action || old.dry_run != new.dry_run {
                self.record(proposal, old, new);
            }
        }
    }

    fn record(&mut self, proposal: &Proposal, old: Recommendation, new: Recommendation) {
        let key = (old.action.as_str().to_owned(), new.action.as_str().to_owned());
        let change = self.changes.entry(key).or_insert_with_key(|(old, new)| ActionChange {
            old: old.clone(),
            new: new.clone(),
            count: 0,
            examples: Vec::new(),
        });
        change.count += 1;
        if change.examples.len() < EXAMPLES {
            let text = |answer: &Recommendation| {
                format!("{}{}", answer.action, if answer.dry_run { " (dry run)" } else { "" })
            };
            change.examples.push(ActionExample {
                id: format!("{:016x}", proposal.id),
                source: proposal.source.map(|source| source.to_string()),
                destination: proposal.destination.map(|address| address.to_string()),
                severity: new.severity,
                old_action: text(&old),
                old_rule: self.old.rule_name(old.rule).to_owned(),
                new_action: text(&new),
                new_rule: self.new.rule_name(new.rule).to_owned(),
            });
        }
    }
}

impl fmt::Display for PolicyDifference {
    /// The settings, then the actions with examples.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} settings differ", self.settings.len())?;
        for change in &self.settings {
            writeln!(f, "  {change}")?;
        }
        if self.decisions == 0 {
            return Ok(());
        }
        let changed: u64 = self.actions.iter().map(|change| change.count).sum();
        writeln!(f, "{changed} of {} decisions change", self.decisions)?;
        for ActionChange { old, new, count, examples } in &self.actions {
            writeln!(f, "  {count} {old} → {new}")?;
            for example in examples {
                let end = |address: &Option<String>| address.clone().unwrap_or_else(|| "no address".into());
                writeln!(
                    f,
                    "    {} {} {} → {}: {} (rule: {}) → {} (rule: {})",
                    example.id,
                    example.severity,
                    end(&example.source),
                    end(&example.destination),
                    example.old_action,
                    example.old_rule,
                    example.new_action,
                    example.new_rule
                )?;
            }
        }
        if self.not_reproduced > 0 {
            writeln!(
                f,
                "{} recorded actions are not what the old policy gives: another policy decided, or the record has values that the file does not hold",
                self.not_reproduced
            )?;
        }
        Ok(())
    }
}
