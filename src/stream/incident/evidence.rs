//! One record of an incident.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// One record of an incident, by what identifies it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct EvidenceRecord {
    /// Time of the record, in seconds since the epoch.
    #[serde(with = "super::time")]
    pub time: f64,
    /// Source address.
    pub src_ip: Option<IpAddr>,
    /// Source port.
    pub src_port: Option<u16>,
    /// Destination address.
    pub dst_ip: Option<IpAddr>,
    /// Destination port.
    pub dst_port: Option<u16>,
    /// Protocol, as the source gives it.
    pub protocol: Option<String>,
    /// Fraction of clean traffic with a score at least as high; `None` without a guard.
    pub p_value: Option<f64>,
}
