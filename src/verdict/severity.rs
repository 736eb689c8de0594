//! How serious a verdict is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How serious a verdict is, from `None` to `Critical`.
///
/// The threshold decides between [`Severity::None`] and the rest; the policy's
/// [`Bands`](crate::qos::Bands) of p-values decide how serious an anomaly is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Clean: the threshold was not passed.
    #[default]
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

impl Severity {
    /// The severities of anomalies, from the mildest.
    pub(crate) const ANOMALIES: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The name in files and bindings, such as `"critical"`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
