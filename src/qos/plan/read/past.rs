//! A decision or incident of the past, with what a policy compares.

use serde_json::Value;

use super::fields::Fields;
use crate::error::Result;
use crate::qos::{Proposal, Protocol, Subject};

/// A decision or incident that was written, as far as a policy can decide about it again.
#[derive(Clone, Debug)]
pub(in crate::qos) struct PastDecision {
    /// One for each source: several for an incident.
    pub(in crate::qos) proposals: Vec<Proposal>,
    /// The p-value, and whether the record is an anomaly; `None` for an incident.
    pub(in crate::qos) p_value: Option<(f64, bool)>,
    /// Whether it is an incident, of which the last change counts.
    pub(in crate::qos) is_incident: bool,
    src_port: Option<u16>,
    service: Option<String>,
    family: Option<String>,
}

impl PastDecision {
    /// Reads one object; `number` is its line or its place in a list, from 1.
    pub(in crate::qos) fn read(place: &str, number: u64, value: &Value) -> Result<Self> {
        let fields = Fields::new(place, number, value)?;
        let is_incident = fields.is_incident();
        let proposals = if is_incident { fields.incident()? } else { vec![fields.decision()?] };
        let p_value = fields.get("p_value").and_then(Value::as_f64).filter(|_| !is_incident);
        let is_anomaly = fields.get("is_anomaly").and_then(Value::as_bool);
        let text = |key| -> Result<Option<String>> { Ok(fields.text(key)?.map(str::to_owned)) };
        Ok(Self {
            proposals,
            p_value: p_value.zip(is_anomaly),
            is_incident,
            src_port: if is_incident { None } else { fields.port("src_port")? },
            service: text("service")?,
            family: text("family")?,
        })
    }

    /// The values that rules compare, for one of the proposals.
    pub(in crate::qos) fn subject(&self, proposal: &Proposal) -> Subject<'_> {
        Subject {
            src_ip: proposal.source.map(|source| source.address()),
            dst_ip: proposal.destination,
            src_port: self.src_port,
            dst_port: proposal.dst_port,
            protocol: proposal.protocol.map(Protocol::Number),
            service: self.service.as_deref(),
            family: self.family.as_deref(),
            unread_address: proposal.unread_address,
            time_s: proposal.time.filter(|time| time.abs() < 1e12).map(|time| time.floor() as i64),
            ..Subject::default()
        }
    }
}
