//! Reasons of incidents as sentences.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Measurement;

/// A number that passed its limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::stream) enum Reason {
    /// Ports of one host within 60 s, and the share of failed connections.
    Ports { ports: f64, failed: f64, limit: f64 },
    /// Hosts within 60 s, and the share of failed connections.
    Hosts { hosts: f64, failed: f64, limit: f64 },
    /// Connections without a reply per second, and how many sources.
    Unanswered { per_s: f64, sources: f64, limit: f64 },
    /// UDP flows without a reply per second, and how many sources.
    UnansweredUdp { per_s: f64, sources: f64, limit: f64 },
    /// Packets per second.
    Packets { per_s: f64, limit: f64 },
    /// Flows per second.
    Flows { per_s: f64, limit: f64 },
    /// Connections to a login port within 60 s.
    Logins { per_min: f64, port: u16, limit: f64 },
    /// Regular connections: their number, the median interval in seconds, and the score.
    Regular { connections: f64, interval_s: f64, score: f64, limit: f64 },
    /// Bytes to one outside host within an hour.
    Upload { sent: f64, received: f64, limit: f64 },
    /// Anomalies of one source, or to one host, and the p-value that as many of them reach as open an incident.
    Anomalies { anomalies: f64, p_value: f64 },
}

impl Reason {
    /// How often the number is its limit; higher is stronger.
    pub(in crate::stream) fn strength(&self) -> f64 {
        match *self {
            Self::Ports { ports, limit, .. } => ports / limit,
            Self::Hosts { hosts, limit, .. } => hosts / limit,
            Self::Unanswered { per_s, limit, .. }
            | Self::UnansweredUdp { per_s, limit, .. }
            | Self::Packets { per_s, limit }
            | Self::Flows { per_s, limit } => per_s / limit,
            Self::Logins { per_min, limit, .. } => per_min / limit,
            Self::Regular { score, limit, .. } => score / limit,
            Self::Upload { sent, limit, .. } => sent / limit,
            Self::Anomalies { .. } => 1.0,
        }
    }

    /// Its numbers, the one with the limit first.
    pub(super) fn measurements(&self) -> Vec<Measurement> {
        let passed = |name, value, limit| Some(Measurement::passed(name, value, limit));
        let of = Measurement::of;
        let numbers = match *self {
            Self::Ports { ports, failed, limit } => {
                [passed("ports", ports, limit), of("failed_fraction", failed), None]
            }
            Self::Hosts { hosts, failed, limit } => {
                [passed("hosts", hosts, limit), of("failed_fraction", failed), None]
            }
            Self::Unanswered { per_s, sources, limit } => {
                [passed("unanswered_per_s", per_s, limit), of("sources", sources), None]
            }
            Self::UnansweredUdp { per_s, sources, limit } => {
                [passed("unanswered_udp_per_s", per_s, limit), of("sources", sources), None]
            }
            Self::Packets { per_s, limit } => [passed("packets_per_s", per_s, limit), None, None],
            Self::Flows { per_s, limit } => [passed("flows_per_s", per_s, limit), None, None],
            Self::Logins { per_min, port, limit } => {
                [passed("logins_per_min", per_min, limit), of("login_port", port.into()), None]
            }
            Self::Regular { connections, interval_s, score, limit } => [
                passed("beacon_score", score, limit),
                of("connections", connections),
                of("interval_s", interval_s),
            ],
            Self::Upload { sent, received, limit } => {
                [passed("bytes_sent", sent, limit), of("bytes_received", received), None]
            }
            Self::Anomalies { anomalies, p_value } => {
                [of("anomalies", anomalies), of("p_value", p_value), None]
            }
        };
        numbers.into_iter().flatten().collect()
    }

    /// Whether two reasons are about the same number.
    pub(in crate::stream) fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: f64| (share * 100.0).round();
        match *self {
            Self::Ports { ports, failed, limit } => write!(
                f,
                "{ports:.0} ports of one host within 60 s (limit {limit}), {:.0} % of the connections failed",
                percent(failed)
            ),
            Self::Hosts { hosts, failed, limit } => write!(
                f,
                "{hosts:.0} hosts within 60 s (limit {limit}), {:.0} % of the connections failed",
                percent(failed)
            ),
            Self::Unanswered { per_s, sources, limit } => write!(
                f,
                "{per_s:.0} connections per second without a reply (limit {limit}), from {sources:.0} {}",
                if sources > 1.0 { "sources" } else { "source" }
            ),
            Self::UnansweredUdp { per_s, sources, limit } => write!(
                f,
                "{per_s:.0} UDP flows per second without a reply (limit {limit}), from {sources:.0} {}",
                if sources > 1.0 { "sources" } else { "source" }
            ),
            Self::Packets { per_s, limit } => write!(f, "{per_s:.0} packets per second (limit {limit})"),
            Self::Flows { per_s, limit } => write!(f, "{per_s:.0} flows per second (limit {limit})"),
            Self::Logins { per_min, port, limit } => {
                write!(f, "{per_min:.0} connections to port {port} within 60 s (limit {limit})")
            }
            Self::Regular { connections, interval_s, score, limit } => write!(
                f,
                "{connections:.0} connections, one each {interval_s:.1} s, with a regularity of {score:.2} (limit {limit})"
            ),
            Self::Upload { sent, received, limit } => write!(
                f,
                "{:.0} MB sent to one host within an hour (limit {:.0} MB), {:.1} MB received",
                sent / 1e6,
                limit / 1e6,
                received / 1e6
            ),
            Self::Anomalies { anomalies, p_value } => write!(
                f,
                "{anomalies:.0} records that clean traffic hardly has, some with a p-value of {p_value:.1e} or less"
            ),
        }
    }
}
