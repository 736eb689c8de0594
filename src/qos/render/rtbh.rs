//! Commands for the API of `ExaBGP`: routes that the routers of a network or of a provider discard (RFC 5635, RFC 7999).

use super::config::BgpConfig;
use super::output::Rendered;
use crate::qos::{Action, Plan};

/// BLACKHOLE (RFC 7999) and `NO_EXPORT`, which it recommends.
const COMMUNITIES: &str = "65535:666 65535:65281";

pub(super) fn render(plan: &Plan, config: &BgpConfig, announce: bool) -> Rendered {
    let verb = if announce { "announce" } else { "withdraw" };
    Rendered::of_entries(plan, |entry| {
        if !matches!(entry.action, Action::Drop { .. } | Action::Isolate { .. }) {
            return Err("RTBH can only discard");
        }
        if entry.key.has_service() {
            return Err("RTBH discards all traffic of a source and not one service");
        }
        let source = entry.key.source;
        let next_hop =
            if source.is_v6() { config.discard_v6.to_string() } else { config.discard_v4.to_string() };
        Ok(format!("{verb} route {source} next-hop {next_hop} community [{COMMUNITIES}]\n"))
    })
}
