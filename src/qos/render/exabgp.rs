//! Commands for the API of `ExaBGP`, one a line: `FlowSpec` routes.

use super::bgp::{Then, WEAKENS, then, weakens};
use super::output::Rendered;
use crate::qos::{Plan, PlanEntry};

pub(super) fn render(plan: &Plan, announce: bool) -> Rendered {
    let verb = if announce { "announce" } else { "withdraw" };
    let mut weakens = weakens(plan).into_iter();
    Rendered::of_entries(plan, |entry| {
        if weakens.next().unwrap_or_default() {
            return Err(WEAKENS);
        }
        Ok(format!("{verb} flow {}\n", route(entry, then(entry)?)))
    })
}

/// A route in the syntax of the configuration file.
fn route(entry: &PlanEntry, then: Then) -> String {
    let key = &entry.key;
    let mut matches = format!("source {}; ", key.source);
    if let Some(protocol) = key.protocol {
        let name = if key.source.is_v6() { "next-header" } else { "protocol" };
        matches += &format!("{name} ={protocol}; ");
    }
    if let Some(port) = key.dst_port {
        matches += &format!("destination-port ={port}; ");
    }
    let then = match then {
        Then::Discard => "discard".to_owned(),
        Then::Limit(rate) => format!("rate-limit {rate}"),
        Then::Mark(dscp) => format!("mark {dscp}"),
    };
    format!("route {{ match {{ {matches}}} then {{ {then}; }} }}")
}
