//! `OpenC2` commands (language 1.0, profile of stateless packet filters 1.0) as JSON lines.

use serde_json::{Value, json};

use super::output::Rendered;
use crate::qos::{Action, Inspection, Plan, PlanEntry};

pub(super) fn render(plan: &Plan, apply: bool) -> Rendered {
    Rendered::of_entries(plan, |entry| Ok(format!("{}\n", command(entry, apply)?)))
}

/// The command of an entry, or the one that undoes it.
fn command(entry: &PlanEntry, apply: bool) -> Result<Value, &'static str> {
    let (action, mut target) = match entry.action {
        Action::Allow => return Err("allow changes nothing"),
        Action::Drop { .. } => ("deny", target(entry)?),
        Action::Isolate { .. } => ("contain", target(entry)?),
        Action::Inspect { inspection: Inspection::Redirect, .. } => ("redirect", target(entry)?),
        Action::Inspect { .. } => ("investigate", target(entry)?),
        // The language has no action for rates and classes; `set` with a target of our own is what it provides for this.
        Action::RateLimit { bytes_per_second, burst, .. } => {
            let limit = json!({ "bytes_per_second": bytes_per_second, "burst": burst });
            ("set", own_target(entry, "x-qosguard:rate_limit", limit))
        }
        Action::Prioritize { service_class, .. } => (
            "set",
            own_target(entry, "x-qosguard:priority", json!({ "service_class": service_class.as_str() })),
        ),
        Action::Deprioritize { .. } => {
            ("set", own_target(entry, "x-qosguard:priority", json!({ "service_class": "lower_effort" })))
        }
    };
    let id = entry.id();
    if !apply {
        return Ok(json!({
            "action": "restore",
            "target": target.take(),
            "args": { "response_requested": "complete" },
            "command_id": format!("qg-{id}-restore"),
        }));
    }
    let mut args = json!({ "duration": u64::from(entry.rest_s) * 1000, "response_requested": "complete" });
    if action == "deny" {
        args["slpf"] = json!({ "drop_process": "none", "direction": "ingress" });
    }
    Ok(json!({ "action": action, "target": target.take(), "args": args, "command_id": format!("qg-{id}") }))
}

/// The traffic as a target of the language.
fn target(entry: &PlanEntry) -> Result<Value, &'static str> {
    let source = address(entry);
    let version = if entry.key.source.is_v6() { "ipv6" } else { "ipv4" };
    if !entry.key.has_service() {
        return Ok(json!({ format!("{version}_net"): source }));
    }
    let mut connection = json!({ "src_addr": source });
    if let Some(protocol) = entry.key.protocol {
        connection["protocol"] = match protocol {
            1 | 58 => "icmp",
            6 => "tcp",
            17 => "udp",
            132 => "sctp",
            _ => return Err("OpenC2 connections are of icmp, tcp, udp or sctp"),
        }
        .into();
    }
    if let Some(port) = entry.key.dst_port {
        connection["dst_port"] = port.into();
    }
    Ok(json!({ format!("{version}_connection"): connection }))
}

fn own_target(entry: &PlanEntry, name: &str, mut settings: Value) -> Value {
    settings["source"] = address(entry).into();
    if let Some(protocol) = entry.key.protocol {
        settings["protocol"] = protocol.into();
    }
    if let Some(port) = entry.key.dst_port {
        settings["dst_port"] = port.into();
    }
    json!({ name: settings })
}

/// A prefix, or an address without its length: the published schema has no length 32.
fn address(entry: &PlanEntry) -> String {
    let source = entry.key.source;
    if source.is_host() { source.address().to_string() } else { source.to_string() }
}
