//! One record of an incident.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::telemetry::{CommunityId, FlowTuple, protocol_number};

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

impl EvidenceRecord {
    /// The number of its protocol (IANA); `None` for an unknown name.
    pub(in crate::stream) fn protocol_number(&self) -> Option<u8> {
        protocol_number(self.protocol.as_deref()?)
    }

    /// The Community ID of its flow with seed 0; `None` where an address, a port or the protocol is missing.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::stream::EvidenceRecord;
    ///
    /// let record: EvidenceRecord = serde_json::from_str(
    ///     r#"{"time": "2023-11-14T22:13:20Z", "src_ip": "128.232.110.120", "src_port": 34855,
    ///         "dst_ip": "66.35.250.204", "dst_port": 80, "protocol": "tcp"}"#,
    /// )?;
    /// let id = record.community_id().map(|id| id.to_string());
    /// assert_eq!(id.as_deref(), Some("1:LQU9qZlK+B5F3KDmev6m5PMibrg="));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn community_id(&self) -> Option<CommunityId> {
        let protocol = self.protocol_number()?;
        let (src_ip, dst_ip) = (self.src_ip?, self.dst_ip?);
        FlowTuple { src_ip, dst_ip, protocol, src_port: self.src_port, dst_port: self.dst_port }
            .community_id(0)
    }
}
