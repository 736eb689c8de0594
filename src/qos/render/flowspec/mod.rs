//! `FlowSpec` (RFC 8955, RFC 8956) as bytes: NLRI, extended communities and BGP UPDATE messages.

mod action;
mod component;
mod message;

use std::fmt::Write;

use super::bgp::{Then, WEAKENS, then, weakens};
use super::config::BgpConfig;
use super::output::Rendered;
use crate::qos::{Plan, PlanEntry};

pub use action::TrafficAction;
pub use component::{Component, Operator, Term};
pub use message::FlowRoute;

pub(super) fn render(plan: &Plan, config: &BgpConfig, announce: bool) -> Rendered {
    let mut weakens = weakens(plan).into_iter();
    Rendered::of_entries(plan, |entry| {
        if weakens.next().unwrap_or_default() {
            return Err(WEAKENS);
        }
        let route = route(entry, then(entry)?, config.local_as);
        let nlri = route.nlri().map_err(|_| "the NLRI has 240 bytes or more")?;
        let communities: Vec<String> = route.actions.iter().map(|action| hex(&action.bytes())).collect();
        let message = if announce { route.update() } else { route.withdraw() };
        let message = message.map_err(|_| "the NLRI has 240 bytes or more")?;
        let line = serde_json::json!({
            "event": if announce { "announce" } else { "withdraw" },
            "id": entry.id(),
            "source": entry.key.source,
            "afi": if route.is_v6 { 2 } else { 1 },
            "safi": 133,
            "nlri": hex(&nlri),
            "communities": communities,
            "update": hex(&message),
            "withdraw_after_s": entry.rest_s,
        });
        Ok(format!("{line}\n"))
    })
}

/// The route of an entry.
fn route(entry: &PlanEntry, then: Then, local_as: u16) -> FlowRoute {
    let key = &entry.key;
    let equal = |value: u64| vec![Term { operator: Operator::Equal, value, and: false }];
    let mut components = vec![Component::Source(key.source)];
    components.extend(key.protocol.map(|protocol| Component::Protocol(equal(protocol.into()))));
    components.extend(key.dst_port.map(|port| Component::DestinationPort(equal(port.into()))));
    let action = match then {
        Then::Discard => TrafficAction::RateBytes { local_as, bytes_per_second: 0 },
        Then::Limit(bytes_per_second) => TrafficAction::RateBytes { local_as, bytes_per_second },
        Then::Mark(dscp) => TrafficAction::Mark { dscp },
    };
    FlowRoute { is_v6: key.source.is_v6(), components, actions: vec![action] }
}

/// Bytes as hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
