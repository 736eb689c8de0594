//! `Decision`: a verdict, the action that the policy asks for, and the rule that chose it.

use napi_derive::napi;
use qosguard::qos;

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

impl From<qos::Severity> for Severity {
    fn from(severity: qos::Severity) -> Self {
        match severity {
            qos::Severity::None => Self::None,
            qos::Severity::Low => Self::Low,
            qos::Severity::Medium => Self::Medium,
            qos::Severity::High => Self::High,
            qos::Severity::Critical => Self::Critical,
        }
    }
}

/// What to do with the traffic of a flow's source. All but `allow` expire after `ttlS` seconds.
#[napi(object_from_js = false, discriminant = "kind", discriminant_case = "snake_case")]
#[derive(Debug)]
pub enum Action {
    /// Leave it alone.
    Allow,
    /// Forward it early; for clean, delay-sensitive traffic only.
    Prioritize {
        /// Service class of RFC 4594 to mark it as.
        #[napi(ts_type = "ServiceClass")]
        class: String,
        /// Seconds until it expires.
        ttl_s: u32,
    },
    /// Forward it after everything else.
    Deprioritize {
        /// Seconds until it expires.
        ttl_s: u32,
    },
    /// Drop what goes beyond a rate.
    RateLimit {
        /// Bytes (not bits) per second.
        bytes_per_second: f64,
        /// Bytes that may pass at once.
        burst: f64,
        /// Seconds until it expires.
        ttl_s: u32,
    },
    /// Show it to an inspector.
    Inspect {
        /// By which way.
        #[napi(ts_type = "Inspection")]
        how: String,
        /// Seconds until it expires.
        ttl_s: u32,
    },
    /// Drop it.
    Drop {
        /// Seconds until it expires.
        ttl_s: u32,
    },
    /// Cut the host off from the network.
    Isolate {
        /// Seconds until it expires.
        ttl_s: u32,
    },
}

impl From<qos::Action> for Action {
    fn from(action: qos::Action) -> Self {
        match action {
            qos::Action::Allow => Self::Allow,
            qos::Action::Prioritize { class, ttl_s } => {
                Self::Prioritize { class: class.as_str().to_owned(), ttl_s }
            }
            qos::Action::Deprioritize { ttl_s } => Self::Deprioritize { ttl_s },
            qos::Action::RateLimit { bytes_per_second, burst, ttl_s } => {
                Self::RateLimit { bytes_per_second: bytes_per_second as f64, burst: burst as f64, ttl_s }
            }
            qos::Action::Inspect { how, ttl_s } => Self::Inspect { how: how.as_str().to_owned(), ttl_s },
            qos::Action::Drop { ttl_s } => Self::Drop { ttl_s },
            qos::Action::Isolate { ttl_s } => Self::Isolate { ttl_s },
        }
    }
}

/// The p-value of one member of an ensemble for one record.
#[napi(object, object_from_js = false, use_nullable = true)]
#[derive(Debug)]
pub struct MemberVerdict {
    /// The member's name.
    pub name: String,
    /// Share of clean traffic that scores at least this high with it, in (0, 1]; `null` for a member that was switched off
    /// or could not score the record, and so had no part in the verdict.
    pub p_value: Option<f64>,
}

impl From<qos::MemberVerdict> for MemberVerdict {
    fn from(qos::MemberVerdict { name, p_value }: qos::MemberVerdict) -> Self {
        Self { name, p_value }
    }
}

/// How much one expert of a mixture counted in one record.
#[napi(object, object_from_js = false)]
#[derive(Debug)]
pub struct ExpertWeight {
    /// The expert's name.
    pub name: String,
    /// Its weight, in [0, 1]; the weights of a record sum to 1.
    pub weight: f64,
}

impl From<qos::ExpertWeight> for ExpertWeight {
    fn from(qos::ExpertWeight { name, weight }: qos::ExpertWeight) -> Self {
        Self { name, weight: weight.into() }
    }
}

/// A verdict, the action that the policy asks for, and the rule that chose it.
#[napi(object, object_from_js = false)]
#[derive(Debug)]
pub struct Decision {
    /// Stable id, 16 hexadecimal digits; the same record under the same model has the same one, whichever the policy.
    pub id: String,
    /// Row in the table, from 0.
    pub row: f64,
    /// The detector's raw output; higher is more anomalous.
    pub score: f64,
    /// Share of clean traffic that scores at least this high, in (0, 1].
    pub p_value: f64,
    /// Records that score strictly more are anomalies.
    pub threshold: f64,
    /// Whether the score passed the threshold.
    pub is_anomaly: bool,
    /// How serious it is.
    pub severity: Severity,
    /// Calibrated probability that the record is an attack, where labels were given.
    pub probability: Option<f64>,
    /// Attack class, where a classifier gave one.
    pub family: Option<String>,
    /// Probability of that class among the attack classes, in (0, 1].
    pub family_probability: Option<f64>,
    /// The p-value of each member of an ensemble; empty for a single detector.
    pub members: Vec<MemberVerdict>,
    /// How much each expert of a mixture counted; empty for any other detector.
    pub experts: Vec<ExpertWeight>,
    /// What to do about it.
    pub action: Action,
    /// Name of the rule that chose it.
    pub rule: String,
    /// First 16 hexadecimal digits of the digest of the policy that holds the rule.
    pub policy: String,
    /// Whether nothing may be changed.
    pub dry_run: bool,
}

impl From<qos::Decision> for Decision {
    fn from(decision: qos::Decision) -> Self {
        let qos::Decision { id, row, verdict, action, rule, policy, dry_run } = decision;
        Self {
            id: format!("{id:016x}"),
            row: row as f64,
            score: verdict.score.into(),
            p_value: verdict.p_value,
            threshold: verdict.threshold.into(),
            is_anomaly: verdict.is_anomaly,
            severity: verdict.severity.into(),
            probability: verdict.probability,
            family: verdict.family,
            family_probability: verdict.family_probability,
            members: verdict.members.into_iter().map(Into::into).collect(),
            experts: verdict.experts.into_iter().map(Into::into).collect(),
            action: action.into(),
            rule,
            policy: format!("{policy:016x}"),
            dry_run,
        }
    }
}
