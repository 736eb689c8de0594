//! `Decision`: a verdict, the action that the policy asks for, and the rule that chose it.

use napi_derive::napi;
use qosguard::{qos, verdict};

/// How serious a verdict is.
#[napi(string_enum = "snake_case")]
#[derive(Debug)]
pub enum Severity {
    /// Clean: the threshold was not passed.
    None,
    /// Every anomaly is at least this.
    Low,
    /// An anomaly as rare as the policy's `bands.medium`.
    Medium,
    /// An anomaly as rare as the policy's `bands.high`.
    High,
    /// An anomaly as rare as the policy's `bands.critical`.
    Critical,
}

impl From<verdict::Severity> for Severity {
    fn from(severity: verdict::Severity) -> Self {
        match severity {
            verdict::Severity::None => Self::None,
            verdict::Severity::Low => Self::Low,
            verdict::Severity::Medium => Self::Medium,
            verdict::Severity::High => Self::High,
            verdict::Severity::Critical => Self::Critical,
        }
    }
}

/// The contribution of one part of a detector to a verdict.
#[napi(object, object_from_js = false, use_nullable = true)]
#[derive(Debug)]
pub struct Evidence {
    /// What the part is: a member of an ensemble, or an expert of a mixture.
    #[napi(ts_type = "'member' | 'expert'")]
    pub kind: String,
    /// Name of the part.
    pub name: String,
    /// Fraction of clean traffic to which the part gives a score at least this high, in (0, 1]. `null` for an expert, and for
    /// a member that is switched off or cannot score the record.
    pub p_value: Option<f64>,
    /// Weight of the part in this record, in [0, 1]; the weights of the experts of a record sum to 1. `null` for a member,
    /// whose weight is the same for all records.
    pub weight: Option<f64>,
}

impl From<verdict::Evidence> for Evidence {
    fn from(verdict::Evidence { kind, name, p_value, weight }: verdict::Evidence) -> Self {
        Self { kind: kind.as_str().to_owned(), name, p_value, weight }
    }
}

/// A verdict, the action that the policy asks for, and the rule that chose it. `docs/VERDICT_COLUMNS.md` lists the fields; one
/// that a record has no value for is `null`.
#[napi(object, object_from_js = false, use_nullable = true)]
#[derive(Debug)]
pub struct Decision {
    /// Stable id, 16 hexadecimal digits, from the guard's model digest and the record. Another policy gives the same id.
    pub id: String,
    /// Row in the table, from 0.
    pub row: f64,
    /// Community ID of the flow, version 1 with seed 0; `null` where the record lacks an address, the protocol, the ports or
    /// the ICMP type.
    pub community_id: Option<String>,
    /// Raw output of the detector; higher is more anomalous.
    pub score: f64,
    /// Fraction of clean traffic with a score at least this high, in (0, 1].
    pub p_value: f64,
    /// Score above which a record is an anomaly.
    pub threshold: f64,
    /// Whether the score is above the threshold.
    pub is_anomaly: bool,
    /// How serious the anomaly is, by the bands of the policy.
    pub severity: Severity,
    /// Calibrated probability that the record is an attack, in [0, 1]; `null` for a detector that was fitted without labels.
    pub probability: Option<f64>,
    /// Attack class of an anomaly; `null` for a clean record, and for a guard without attack classes.
    pub family: Option<String>,
    /// Probability of that class among the attack classes, in (0, 1].
    pub family_probability: Option<f64>,
    /// What each member of an ensemble or each expert of a mixture contributed; empty for a single detector.
    pub evidence: Vec<Evidence>,
    /// The action that the policy asks for.
    #[napi(ts_type = "Action")]
    pub action: String,
    /// Seconds until the action expires; `null` for `allow`.
    pub ttl_s: Option<u32>,
    /// Rate of `rate_limit`, in bytes (not bits) per second.
    pub bytes_per_second: Option<f64>,
    /// Bytes that `rate_limit` lets pass at once.
    pub burst: Option<f64>,
    /// Service class (RFC 4594) that `prioritize` marks the traffic as.
    #[napi(ts_type = "ServiceClass | null")]
    pub service_class: Option<String>,
    /// How `inspect` brings the traffic to the inspector.
    #[napi(ts_type = "Inspection | null")]
    pub inspection: Option<String>,
    /// Name of the rule that chose the action.
    pub rule: String,
    /// First 16 hexadecimal digits of the policy's digest.
    pub policy: String,
    /// Whether the policy only reports: nothing may be changed in the network.
    pub dry_run: bool,
}

impl From<qos::Decision> for Decision {
    fn from(decision: qos::Decision) -> Self {
        let qos::Decision { id, row, community_id, verdict, action, rule, policy, dry_run } = decision;
        let (mut rate, mut class, mut way) = (None, None, None);
        match action {
            qos::Action::RateLimit { bytes_per_second, burst, .. } => rate = Some((bytes_per_second, burst)),
            qos::Action::Prioritize { service_class, .. } => class = Some(service_class.as_str().to_owned()),
            qos::Action::Inspect { inspection, .. } => way = Some(inspection.as_str().to_owned()),
            _ => {}
        }
        Self {
            id: format!("{id:016x}"),
            row: row as f64,
            community_id,
            score: verdict.score.into(),
            p_value: verdict.p_value,
            threshold: verdict.threshold.into(),
            is_anomaly: verdict.is_anomaly,
            severity: verdict.severity.into(),
            probability: verdict.probability,
            family: verdict.family,
            family_probability: verdict.family_probability,
            evidence: verdict.evidence.into_iter().map(Into::into).collect(),
            action: action.as_str().to_owned(),
            ttl_s: action.ttl_s(),
            bytes_per_second: rate.map(|(bytes_per_second, _)| bytes_per_second as f64),
            burst: rate.map(|(_, burst)| burst as f64),
            service_class: class,
            inspection: way,
            rule,
            policy: format!("{policy:016x}"),
            dry_run,
        }
    }
}
