//! The numbers behind the reasons of an incident.

use serde::{Deserialize, Serialize};

/// One number that made an incident, with the limit that it passed.
///
/// | name | value | limit |
/// |---|---|---|
/// | `ports` | different ports of one host within 60 s | [`Floors::scan_ports`](crate::stream::Floors::scan_ports) |
/// | `hosts` | different hosts within 60 s | [`Floors::scan_hosts`](crate::stream::Floors::scan_hosts) or `ping_hosts` |
/// | `failed_fraction` | share of failed connections, 0 to 1 | |
/// | `unanswered_per_s` | connections per second without a reply | [`Floors::unanswered_per_s`](crate::stream::Floors::unanswered_per_s) |
/// | `unanswered_udp_per_s` | UDP flows per second without a reply | the limit of this name |
/// | `sources` | different sources of these connections or flows | |
/// | `packets_per_s`, `flows_per_s` | packets or flows per second to one host | the limit of this name |
/// | `logins_per_min` | connections to a login port within 60 s | [`Floors::logins_per_min`](crate::stream::Floors::logins_per_min) |
/// | `login_port` | this port | |
/// | `beacon_score` | regularity of the connections of a pair, 0 to 1 | [`Floors::beacon_score`](crate::stream::Floors::beacon_score) |
/// | `connections`, `interval_s` | number of these connections, and the median interval in seconds | |
/// | `bytes_sent` | bytes to one host within an hour | [`Floors::upload_bytes`](crate::stream::Floors::upload_bytes) |
/// | `bytes_received` | bytes from this host within the hour | |
/// | `anomalies` | records that the guard calls anomalies | |
/// | `p_value` | p-value that as many of them reach as open an incident, in (0, 1] | |
///
/// # Examples
///
/// ```
/// use qosguard::stream::Measurement;
///
/// let json = r#"{"name": "ports", "value": 971, "limit": 30}"#;
/// let measurement: Measurement = serde_json::from_str(json)?;
/// assert_eq!((measurement.value, measurement.limit), (971.0, Some(30.0)));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Measurement {
    /// What is measured.
    pub name: String,
    /// The value.
    pub value: f64,
    /// The limit that the value passed; `None` for a number that only describes the incident.
    pub limit: Option<f64>,
}

impl Measurement {
    /// A number with its limit.
    pub(super) fn passed(name: &str, value: f64, limit: f64) -> Self {
        Self { name: name.to_owned(), value, limit: Some(limit) }
    }

    /// A number that only describes the incident; `None` where it is unknown.
    pub(super) fn of(name: &str, value: f64) -> Option<Self> {
        value.is_finite().then(|| Self { name: name.to_owned(), value, limit: None })
    }
}
