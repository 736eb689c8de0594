//! What a plan is made from: one action about one source.

use std::net::IpAddr;

use crate::qos::{Action, Prefix};
use crate::verdict::Severity;

/// One action of a decision or of an incident about one source.
///
/// An incident with several attackers is several proposals with the same id.
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
        let age = self.time.map_or(0.0, |time| now - time).max(0.0);
        // A time that is not a number gives an age that is not a number, which has expired.
        let rest = (f64::from(ttl_s) - age).ceil();
        (rest >= 1.0).then_some((rest as u32).min(ttl_s))
    }
}
