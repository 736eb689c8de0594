//! What a plan is made from: one action about one source.

use std::net::IpAddr;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::qos::{Action, Prefix};
use crate::verdict::Severity;

/// One action of a decision or of an incident about one source.
///
/// An incident with several attackers is several proposals with the same id. Its JSON has the keys of a finding, so that
/// [`Proposals::add_json`](super::Proposals::add_json) reads it.
///
/// ```
/// use qosguard::qos::{Action, Prefix, Proposal};
///
/// let proposal = Proposal {
///     id: 0x9f2c,
///     source: Some("203.0.113.7".parse::<Prefix>()?),
///     action: Action::Drop { ttl_s: 600 },
///     time: Some(1_700_000_000.0),
///     ..Proposal::default()
/// };
/// assert_eq!(proposal.rest_s(1_700_000_060.0), Some(540));
/// assert_eq!(proposal.rest_s(1_700_000_600.0), None);
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Proposal {
    /// Id of the decision or incident.
    pub id: u64,
    /// Host or prefix that the action is about; `None` where the record has no source address.
    pub source: Option<Prefix>,
    /// Whether the record has an address that cannot be read. Such a proposal is not planned.
    pub unread_address: bool,
    /// Destination address; a destination in the allow-list protects the flow, as it does in a decision.
    pub destination: Option<IpAddr>,
    /// IANA protocol number.
    pub protocol: Option<u8>,
    /// Destination port.
    pub dst_port: Option<u16>,
    /// What the policy asks for.
    pub action: Action,
    /// How serious it is. A plan that is over its budget keeps the more serious of two equal actions.
    pub severity: Severity,
    /// Time from which the TTL counts, in seconds since the epoch. `None`: the TTL counts from the time of the plan.
    pub time: Option<f64>,
    /// Whether the policy that decided only reports.
    pub dry_run: bool,
}

impl Default for Proposal {
    /// A proposal to allow, without a source.
    fn default() -> Self {
        Self {
            id: 0,
            source: None,
            unread_address: false,
            destination: None,
            protocol: None,
            dst_port: None,
            action: Action::Allow,
            severity: Severity::None,
            time: None,
            dry_run: false,
        }
    }
}

impl Proposal {
    /// Whole seconds until the action expires, rounded up; `None` for an action that has expired, and for `allow`.
    ///
    /// A time after `now` (seconds since the epoch) does not extend the TTL, so a wrong clock cannot prolong an action.
    pub fn rest_s(&self, now: f64) -> Option<u32> {
        let ttl_s = self.action.ttl_s()?;
        let age = self.time.map_or(0.0, |time| now - time);
        // A time that is not a number gives a rest that is not a number: the action has expired.
        let rest = (f64::from(ttl_s) - age).ceil();
        (rest >= 1.0).then_some((rest as u32).min(ttl_s))
    }
}

impl Serialize for Proposal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &format_args!("{:016x}", self.id))?;
        map.serialize_entry("time", &self.time)?;
        // An address that cannot be read stays one.
        let unread = self.unread_address.then(|| "unread".to_owned());
        map.serialize_entry("src_ip", &unread.or_else(|| self.source.map(|source| source.to_string())))?;
        map.serialize_entry("dst_ip", &self.destination)?;
        map.serialize_entry("dst_port", &self.dst_port)?;
        map.serialize_entry("protocol", &self.protocol)?;
        map.serialize_entry("severity", &self.severity)?;
        map.serialize_entry("dry_run", &self.dry_run)?;
        map.serialize_entry("action", self.action.as_str())?;
        match self.action {
            Action::RateLimit { bytes_per_second, burst, .. } => {
                map.serialize_entry("bytes_per_second", &bytes_per_second)?;
                map.serialize_entry("burst", &burst)?;
            }
            Action::Prioritize { service_class, .. } => {
                map.serialize_entry("service_class", &service_class)?;
            }
            Action::Inspect { inspection, .. } => map.serialize_entry("inspection", &inspection)?,
            _ => {}
        }
        map.serialize_entry("ttl_s", &self.action.ttl_s())?;
        map.end()
    }
}
