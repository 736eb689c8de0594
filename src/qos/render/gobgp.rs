//! Command lines of `gobgp`: `FlowSpec` routes.

use super::bgp::{Then, WEAKENS, then, weakens};
use super::output::Rendered;
use crate::qos::Plan;

pub(super) fn render(plan: &Plan, announce: bool) -> Rendered {
    let verb = if announce { "add" } else { "del" };
    let mut weakens = weakens(plan).into_iter();
    Rendered::of_entries(plan, |entry| {
        if weakens.next().unwrap_or_default() {
            return Err(WEAKENS);
        }
        let key = &entry.key;
        let family = if key.source.is_v6() { "ipv6-flowspec" } else { "ipv4-flowspec" };
        let mut line = format!("gobgp global rib {verb} -a {family} match source {}", key.source);
        if let Some(protocol) = key.protocol {
            line += &format!(" protocol =={protocol}");
        }
        if let Some(port) = key.dst_port {
            line += &format!(" destination-port =={port}");
        }
        line += &match then(entry)? {
            Then::Discard => " then discard".to_owned(),
            Then::Limit(rate) => format!(" then rate-limit {rate}"),
            Then::Mark(dscp) => format!(" then mark {dscp}"),
        };
        Ok(line + "\n")
    })
}
