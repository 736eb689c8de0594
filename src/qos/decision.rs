//! What is decided about one record, in a form that can be kept.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::action::Action;
use super::severity::Severity;

/// What the detector and the calibration say about one record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The detector's raw output; higher is more anomalous.
    pub score: f32,
    /// Share of clean traffic that scores at least this high, in (0, 1].
    pub p_value: f64,
    /// The score at which a record becomes an anomaly.
    pub threshold: f32,
    /// Whether the score passed the threshold.
    pub is_anomaly: bool,
    /// How serious it is.
    pub severity: Severity,
    /// Attack class, where a classifier gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// Probability of that class among the attack classes, in (0, 1].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family_probability: Option<f64>,
    /// Calibrated probability that the record is an attack, where labels were given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// What each member of an ensemble says; empty for a single detector.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<MemberVerdict>,
    /// How much each expert of a mixture counted; empty for any other detector.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub experts: Vec<ExpertWeight>,
}

/// What one member of an ensemble says about one record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemberVerdict {
    /// The member's name.
    pub name: String,
    /// Share of clean traffic that scores at least this high with it, in (0, 1]; `None` for a member that
    /// was switched off or could not score the record, and so had no part in the verdict.
    pub p_value: Option<f64>,
}

/// How much one expert of a mixture counted in one record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExpertWeight {
    /// The expert's name.
    pub name: String,
    /// Its weight, in [0, 1]; those of a record sum to 1.
    pub weight: f32,
}

/// A verdict, the action that the policy asks for, and the rule that chose it.
///
/// In JSON it is one flat object: `id` and `policy` as 16 hexadecimal digits, the fields of the verdict, the action's
/// word in `action` beside its settings, `rule` and `dry_run`.
///
/// ```
/// use qosguard::qos::{Decision, Policy, Recommender, Subject, Verdict};
///
/// let recommender = Recommender::new(Policy::default());
/// let severity = recommender.severity(3.1e-6, true);
/// let verdict = Verdict {
///     score: 0.71,
///     p_value: 3.1e-6,
///     threshold: 0.6,
///     is_anomaly: true,
///     severity,
///     ..Default::default()
/// };
/// let decision = recommender.decide(0x9f2c, 7, verdict, &Subject::default());
/// assert_eq!(
///     decision.to_string(),
///     "0000000000009f2c critical p=3.1e-6 score=0.71 → drop for 600 s (rule: band critical, dry run)",
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Stable id; the same record under the same model has the same one, whichever the policy.
    #[serde(with = "hex")]
    pub id: u64,
    /// Row in the table, from 0.
    pub row: u64,
    /// What was seen.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// What to do about it.
    #[serde(flatten)]
    pub action: Action,
    /// Name of the rule that chose it.
    pub rule: String,
    /// First 64 bits of [`Policy::digest`](super::Policy::digest).
    #[serde(default, with = "hex")]
    pub policy: u64,
    /// Whether nothing may be changed.
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

/// An id as 16 hexadecimal digits: JavaScript's numbers cannot hold 64 bits.
mod hex {
    use serde::de::{Error, Unexpected};
    use serde::{Deserialize, Deserializer, Serializer};

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub(super) fn serialize<S: Serializer>(id: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{id:016x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let id = if digits { u64::from_str_radix(&text, 16).ok() } else { None };
        id.ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&text), &"16 hexadecimal digits"))
    }
}
