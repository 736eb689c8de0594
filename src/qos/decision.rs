//! The decision about one record, in a form that can be stored.

use std::fmt;

use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::action::{Action, Inspection, RawAction, Word};
use super::columns::DecisionColumn;
use super::service_class::ServiceClass;
use crate::verdict::{Evidence, Severity, Verdict};

/// A verdict, the action that the policy asks for, and the rule that chose it.
///
/// Its JSON is one flat object with a key for each of [`DecisionColumn::ALL`]: `id` and `policy` as 16 hexadecimal digits,
/// the fields of the verdict, the name of the action and its settings, and `null` where a record has no value.
///
/// # Examples
///
/// ```
/// use qosguard::qos::{Decision, Policy, Recommender, Subject};
/// use qosguard::Verdict;
///
/// let recommender = Recommender::new(Policy::default());
/// let verdict =
///     Verdict { score: 0.71, p_value: 3.1e-6, threshold: 0.6, is_anomaly: true, ..Verdict::default() };
/// let subject = Subject { src_ip: Some("198.51.100.7".parse()?), ..Subject::default() };
/// let decision = recommender.decide(0x9f2c, 7, verdict, &subject);
/// assert_eq!(
///     decision.to_string(),
///     "0000000000009f2c critical p=3.1e-6 score=0.71 → drop for 600 s (rule: band critical, dry run)",
/// );
///
/// let json = serde_json::to_value(&decision)?;
/// assert_eq!((&json["action"], &json["ttl_s"]), (&"drop".into(), &600.into()));
/// assert!(json["burst"].is_null());
/// assert_eq!(serde_json::from_value::<Decision>(json)?, decision);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Stable id, from the guard's model digest and the record. Another policy gives the same id.
    pub id: u64,
    /// Row in the table, from 0.
    pub row: u64,
    /// Community ID of the flow, version 1 with seed 0 ([`FlowTuple::community_id`](crate::telemetry::FlowTuple::community_id));
    /// `None` where the record lacks a value that it contains.
    pub community_id: Option<String>,
    /// The verdict on the record.
    pub verdict: Verdict,
    /// The action that the policy asks for.
    pub action: Action,
    /// Name of the rule that chose the action.
    pub rule: String,
    /// First 64 bits of [`Policy::digest`](super::Policy::digest).
    pub policy: u64,
    /// Whether the policy only reports: nothing may be changed in the network.
    pub dry_run: bool,
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verdict { score, p_value, severity, family, .. } = &self.verdict;
        write!(f, "{:016x} {severity}", self.id)?;
        if let Some(family) = family {
            write!(f, " {family}")?;
        }
        match p_value {
            p if *p < 1e-3 => write!(f, " p={p:.1e}")?,
            p => write!(f, " p={p:.3}")?,
        }
        write!(f, " score={score:.2} → {} (rule: {}", self.action, self.rule)?;
        f.write_str(if self.dry_run { ", dry run)" } else { ")" })
    }
}

impl Serialize for Decision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(DecisionColumn::ALL.len()))?;
        for column in DecisionColumn::ALL {
            map.serialize_entry(column.name(), &column.cell(self))?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Decision {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let flat = Flat::deserialize(deserializer)?;
        let action = RawAction {
            action: flat.action,
            service_class: flat.service_class,
            inspection: flat.inspection,
            bytes_per_second: flat.bytes_per_second,
            burst: flat.burst,
            ttl_s: flat.ttl_s,
        };
        let verdict = Verdict {
            score: flat.score,
            p_value: flat.p_value,
            threshold: flat.threshold,
            is_anomaly: flat.is_anomaly,
            severity: flat.severity,
            probability: flat.probability,
            family: flat.family,
            family_probability: flat.family_probability,
            evidence: flat.evidence,
        };
        let Flat { id, row, community_id, rule, policy, dry_run, .. } = flat;
        Ok(Self { id, row, community_id, verdict, action: action.action()?, rule, policy, dry_run })
    }
}

/// The keys of a decision in JSON.
#[derive(Deserialize)]
struct Flat {
    #[serde(deserialize_with = "hex")]
    id: u64,
    row: u64,
    community_id: Option<String>,
    score: f32,
    p_value: f64,
    threshold: f32,
    is_anomaly: bool,
    severity: Severity,
    probability: Option<f64>,
    family: Option<String>,
    family_probability: Option<f64>,
    evidence: Vec<Evidence>,
    action: Word,
    ttl_s: Option<u32>,
    bytes_per_second: Option<u64>,
    burst: Option<u64>,
    service_class: Option<ServiceClass>,
    inspection: Option<Inspection>,
    rule: String,
    #[serde(deserialize_with = "hex")]
    policy: u64,
    dry_run: bool,
}

/// Reads 16 hexadecimal digits: numbers in JavaScript have fewer than 64 bits.
fn hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    use serde::de::{Error, Unexpected};

    let text = String::deserialize(deserializer)?;
    let digits = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let id = if digits { u64::from_str_radix(&text, 16).ok() } else { None };
    id.ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&text), &"16 hexadecimal digits"))
}
