//! OCSF: a Detection Finding, class 2004.
//!
//! Source: <https://schema.ocsf.io/1.5.0/classes/detection_finding>.

use serde_json::{Value, json};

use super::attack::{self, Named};
use super::{PRODUCT, VERSION, action, millis, name, title};
use crate::export::OCSF_SCHEMA;
use crate::stream::Direction;
use crate::stream::incident::{EvidenceRecord, Incident, IncidentChange, IncidentEvent, Measurement};
use crate::verdict::Severity;

/// Category, class, and the first id of the types of the class.
const CATEGORY: u32 = 2;
const CLASS: u32 = 2004;
const TYPES: u32 = CLASS * 100;
/// Types of analytics: rules, and statistics on behaviour.
const RULE: (u32, &str) = (1, "Rule");
const BEHAVIORAL: (u32, &str) = (2, "Behavioral");

/// The finding; fields without a value are null.
pub(super) fn finding(event: &IncidentEvent) -> Value {
    let incident = &event.incident;
    let (activity, activity_name) = activity(event.event);
    let (severity, severity_name) = severity(incident.severity);
    let (status, status_name) = status(event.event);
    let p_value = incident.measurements.iter().find(|measurement| measurement.name == "p_value");
    let confidence = p_value.map(|p_value| ((1.0 - p_value.value) * 100.0).clamp(0.0, 100.0).floor() as u32);
    let evidences: Vec<Value> =
        incident.evidence.iter().map(|record| evidence(record, incident.direction)).collect();
    json!({
        "activity_id": activity,
        "activity_name": activity_name,
        "category_uid": CATEGORY,
        "category_name": "Findings",
        "class_uid": CLASS,
        "class_name": "Detection Finding",
        "type_uid": TYPES + activity,
        "type_name": format!("Detection Finding: {activity_name}"),
        "time": millis(event.time()),
        "start_time": millis(incident.onset),
        "end_time": millis(incident.updated),
        "duration": millis(incident.updated) - millis(incident.onset),
        "count": incident.flows,
        "severity_id": severity,
        "severity": severity_name,
        "status_id": status,
        "status": status_name,
        "is_alert": event.event != IncidentChange::Closed,
        "message": incident.reasons.first().map_or_else(|| title(incident), |reason| format!("{}: {reason}", title(incident))),
        "confidence_score": confidence,
        "metadata": {
            "version": OCSF_SCHEMA,
            "product": {"name": PRODUCT, "vendor_name": PRODUCT, "version": VERSION},
            "correlation_uid": incident.id,
        },
        "finding_info": info(event),
        "remediation": {"desc": action(incident)},
        "evidences": evidences,
        "anomaly_analyses": analyses(incident),
        "observables": observables(incident),
        "unmapped": {
            "direction": incident.direction.as_str(),
            "family": incident.family,
            "rule": incident.rule,
            "dry_run": incident.dry_run,
            "attackers": incident.attackers.len(),
            "victims": incident.victims.len(),
        },
    })
}

const fn activity(change: IncidentChange) -> (u32, &'static str) {
    match change {
        IncidentChange::Opened => (1, "Create"),
        IncidentChange::Updated => (2, "Update"),
        IncidentChange::Closed => (3, "Close"),
    }
}

const fn severity(severity: Severity) -> (u32, &'static str) {
    match severity {
        Severity::None => (1, "Informational"),
        Severity::Low => (2, "Low"),
        Severity::Medium => (3, "Medium"),
        Severity::High => (4, "High"),
        Severity::Critical => (5, "Critical"),
    }
}

const fn status(change: IncidentChange) -> (u32, &'static str) {
    match change {
        IncidentChange::Opened => (1, "New"),
        IncidentChange::Updated => (2, "In Progress"),
        IncidentChange::Closed => (4, "Resolved"),
    }
}

fn info(event: &IncidentEvent) -> Value {
    let incident = &event.incident;
    let (type_id, type_name) = if incident.kind.is_of_verdicts() { BEHAVIORAL } else { RULE };
    let named = |(uid, name): Named| json!({"uid": uid, "name": name});
    let attacks = attack::technique(incident.kind).map(|known| {
        json!([{
            "version": attack::VERSION,
            "tactic": named(known.tactic),
            "technique": named(known.technique),
            "sub_technique": known.sub_technique.map(named),
        }])
    });
    json!({
        "uid": incident.id,
        "title": title(incident),
        "desc": incident.reasons.join("; "),
        "types": [incident.kind.as_str()],
        "analytic": {
            "uid": incident.kind.as_str(),
            "name": name(incident.kind),
            "type_id": type_id,
            "type": type_name,
            "version": VERSION,
        },
        "attacks": attacks,
        "created_time": millis(incident.opened),
        "modified_time": millis(event.time()),
        "first_seen_time": millis(incident.onset),
        "last_seen_time": millis(incident.updated),
    })
}

/// One record as an artifact.
fn evidence(record: &EvidenceRecord, direction: Direction) -> Value {
    let (direction_id, direction) = match direction {
        Direction::Inbound => (1, "Inbound"),
        Direction::Outbound => (2, "Outbound"),
        Direction::Internal => (3, "Lateral"),
        Direction::External => (99, "external"),
    };
    let ip_version = record.src_ip.or(record.dst_ip).map(|ip| if ip.is_ipv4() { 4 } else { 6 });
    json!({
        "src_endpoint": {"ip": record.src_ip, "port": record.src_port},
        "dst_endpoint": {"ip": record.dst_ip, "port": record.dst_port},
        "connection_info": {
            "direction_id": direction_id,
            "direction": direction,
            "protocol_name": record.protocol,
            "protocol_num": record.protocol_number(),
            "protocol_ver_id": ip_version,
            "community_uid": record.community_id().map(|id| id.to_string()),
        },
        "data": {"time": millis(record.time), "p_value": record.p_value},
    })
}

/// The measured numbers as observations, and their limits as baselines.
fn analyses(incident: &Incident) -> Value {
    if incident.measurements.is_empty() {
        return Value::Null;
    }
    let side = if incident.kind.is_about_victim() { &incident.victims } else { &incident.attackers };
    let targets: Vec<Value> = side.hosts().map(|host| json!({"name": host, "type": "IP Address"})).collect();
    let observation = |measurement: &Measurement, value: f64| {
        json!({
            "observation_parameter": measurement.name,
            "observation_type": "Volume Analysis",
            "observations": [{"value": value.to_string()}],
        })
    };
    let anomalies: Vec<Value> =
        incident.measurements.iter().map(|known| observation(known, known.value)).collect();
    let limits = incident.measurements.iter().filter_map(|known| Some(observation(known, known.limit?)));
    json!([{"analysis_targets": targets, "anomalies": anomalies, "baselines": limits.collect::<Vec<_>>()}])
}

/// The addresses of both sides.
fn observables(incident: &Incident) -> Vec<Value> {
    let side = |hosts: &crate::stream::Parties, name: &str| {
        let hosts = hosts
            .hosts()
            .map(|host| json!({"name": name, "type_id": 2, "type": "IP Address", "value": host}));
        hosts.collect::<Vec<_>>()
    };
    let mut all = side(&incident.attackers, "evidences.src_endpoint.ip");
    all.extend(side(&incident.victims, "evidences.dst_endpoint.ip"));
    all
}
