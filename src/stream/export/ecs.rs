//! ECS: a document of the Elastic Common Schema.
//!
//! Source: <https://www.elastic.co/guide/en/ecs/8.17/index.html>.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::attack;
use super::{PRODUCT, VERSION, action, title};
use crate::stream::incident::{EvidenceRecord, Incident, IncidentEvent, Parties, rfc3339};
use crate::telemetry::protocol_name;
use crate::verdict::Severity;

/// Version of the schema.
const SCHEMA: &str = "8.17.0";

/// The document; fields without a value are null.
pub(super) fn document(event: &IncidentEvent) -> Value {
    let incident = &event.incident;
    let change = event.event.as_str();
    json!({
        "@timestamp": rfc3339(event.time()),
        "ecs": {"version": SCHEMA},
        "message": title(incident),
        "event": {
            "kind": "alert",
            "category": ["network", "intrusion_detection"],
            "type": ["info"],
            "action": format!("incident_{change}"),
            "id": incident.id,
            "module": PRODUCT,
            "provider": PRODUCT,
            "dataset": "qosguard.incident",
            "severity": severity(incident.severity),
            "reason": (!incident.reasons.is_empty()).then(|| incident.reasons.join("; ")),
            "start": rfc3339(incident.onset),
            "end": incident.closed.map(|_| rfc3339(incident.updated)),
            "duration": ((incident.updated - incident.onset) * 1e9).round() as i64,
        },
        "source": endpoint(&incident.attackers, None),
        "destination": endpoint(&incident.victims, port(incident)),
        "related": {"ip": related(incident)},
        "network": network(incident),
        "rule": {
            "id": incident.kind.as_str(),
            "name": incident.kind.as_str(),
            "category": incident.family,
        },
        "observer": {"vendor": PRODUCT, "product": PRODUCT, "type": "ids", "version": VERSION},
        "threat": threat(incident),
        "qosguard": {
            "incident": {
                "action": action(incident),
                "policy_rule": incident.rule,
                "dry_run": incident.dry_run,
                "family": incident.family,
                "flows": incident.flows,
                "severity": incident.severity.as_str(),
                "attackers": incident.attackers.len(),
                "victims": incident.victims.len(),
                "measurements": incident.measurements,
            },
        },
    })
}

/// The values that Elastic Security gives its own severities; 0 to 100.
const fn severity(severity: Severity) -> u32 {
    match severity {
        Severity::None => 0,
        Severity::Low => 21,
        Severity::Medium => 47,
        Severity::High => 73,
        Severity::Critical => 99,
    }
}

/// The lowest address of one side.
fn endpoint(hosts: &Parties, port: Option<u16>) -> Value {
    let host = hosts.hosts().next();
    json!({"ip": host, "address": host, "port": port.filter(|_| host.is_some())})
}

/// The destination port, where all kept records have the same one.
fn port(incident: &Incident) -> Option<u16> {
    let ports: BTreeSet<Option<u16>> = incident.evidence.iter().map(|record| record.dst_port).collect();
    let first = *ports.first()?;
    first.filter(|_| ports.len() == 1)
}

fn related(incident: &Incident) -> Vec<std::net::IpAddr> {
    let hosts: BTreeSet<_> = incident.attackers.hosts().chain(incident.victims.hosts()).collect();
    hosts.into_iter().collect()
}

fn network(incident: &Incident) -> Value {
    let numbers: BTreeSet<_> = incident.evidence.iter().filter_map(EvidenceRecord::protocol_number).collect();
    // One value each: a document of records of several protocols has none.
    let number = numbers.first().copied().filter(|_| numbers.len() == 1);
    let ids: BTreeSet<String> =
        incident.evidence.iter().filter_map(EvidenceRecord::community_id).map(|id| id.to_string()).collect();
    json!({
        "direction": incident.direction.as_str(),
        "transport": number.and_then(protocol_name),
        "iana_number": number.map(|number| number.to_string()),
        "community_id": ids,
    })
}

fn threat(incident: &Incident) -> Value {
    let Some(known) = attack::technique(incident.kind) else { return Value::Null };
    let reference = |(id, name): attack::Named| json!({"id": [id], "name": [name]});
    let mut technique = reference(known.technique);
    if let Some(sub_technique) = known.sub_technique {
        technique["subtechnique"] = reference(sub_technique);
    }
    json!({"framework": "MITRE ATT&CK", "tactic": reference(known.tactic), "technique": technique})
}
