//! The verdict on one record, and the evidence that it rests on.

mod severity;

use serde::{Deserialize, Serialize};

pub use severity::Severity;

/// The result of detector and calibration for one record.
///
/// # Examples
///
/// ```
/// use qosguard::verdict::{Evidence, Severity, Verdict};
///
/// let verdict = Verdict {
///     score: 0.71,
///     p_value: 3.1e-6,
///     threshold: 0.6,
///     is_anomaly: true,
///     severity: Severity::Critical,
///     evidence: vec![Evidence::member("forest", Some(1e-5)), Evidence::member("boosted", None)],
///     ..Verdict::default()
/// };
/// assert_eq!(verdict.evidence[0].p_value, Some(1e-5));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// Raw output of the detector; higher is more anomalous.
    pub score: f32,
    /// Fraction of clean traffic with a score at least this high, in (0, 1].
    pub p_value: f64,
    /// Score above which a record is an anomaly.
    pub threshold: f32,
    /// Whether the score is above the threshold.
    pub is_anomaly: bool,
    /// How serious the anomaly is, by the bands of the policy.
    pub severity: Severity,
    /// Calibrated probability that the record is an attack, in [0, 1]; `None` for a detector that was fitted without labels.
    pub probability: Option<f64>,
    /// Attack class of an anomaly; `None` for a clean record, and for a guard without attack classes.
    pub family: Option<String>,
    /// Probability of that class among the attack classes, in (0, 1].
    pub family_probability: Option<f64>,
    /// What each member of an ensemble or each expert of a mixture contributed; empty for a single detector.
    pub evidence: Vec<Evidence>,
}

/// The contribution of one part of a detector to a verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// What the part is.
    pub kind: EvidenceKind,
    /// Name of the part.
    pub name: String,
    /// Fraction of clean traffic to which the part gives a score at least this high, in (0, 1]. `None` for an expert, and for
    /// a member that is switched off or cannot score the record.
    pub p_value: Option<f64>,
    /// Weight of the part in this record, in [0, 1]; the weights of the experts of a record sum to 1. `None` for a member,
    /// whose weight is the same for all records.
    pub weight: Option<f64>,
}

impl Evidence {
    /// Evidence of a member of an ensemble.
    pub fn member(name: impl Into<String>, p_value: Option<f64>) -> Self {
        Self { kind: EvidenceKind::Member, name: name.into(), p_value, weight: None }
    }

    /// Evidence of an expert of a mixture.
    pub fn expert(name: impl Into<String>, weight: f64) -> Self {
        Self { kind: EvidenceKind::Expert, name: name.into(), p_value: None, weight: Some(weight) }
    }
}

/// The parts of a detector that give [`Evidence`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EvidenceKind {
    /// A member of an [`Ensemble`](crate::detect::Ensemble).
    Member,
    /// An expert of a mixture of experts.
    Expert,
}

impl EvidenceKind {
    /// The name in files and bindings, such as `"member"`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Expert => "expert",
        }
    }
}
