//! OCSF: a Network Remediation Activity, class 7004.
//!
//! Source: <https://schema.ocsf.io/1.5.0/classes/network_remediation_activity>; names of countermeasures:
//! <https://d3fend.mitre.org>.

use serde_json::{Value, json};

use super::outcome::Outcome;
use super::record::LedgerRecord;
use super::sentence;
use crate::export::{OCSF_SCHEMA, PRODUCT, VERSION, without_nulls};
use crate::qos::action::Action;

/// Category, class, and the first id of the types of the class.
const CATEGORY: u32 = 7;
const CLASS: u32 = 7004;
const TYPES: u32 = CLASS * 100;
/// Version of D3FEND.
const D3FEND: &str = "1.0.0";

impl LedgerRecord {
    /// The record as one line of JSON: a Network Remediation Activity (class 7004) of the Open Cybersecurity Schema Framework,
    /// version 1.5.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::qos::{Action, Ledger, LedgerConfig, LedgerEntry, Outcome};
    ///
    /// # let folder = std::env::temp_dir().join(format!("qosguard-doc-ocsf-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// # let path = folder.join("ledger.jsonl");
    /// let mut ledger = Ledger::open(&path, &LedgerConfig::default())?;
    /// let action = Action::Isolate { ttl_s: 1800 };
    /// let entry = LedgerEntry::new("9f2c", "10.9.0.7".parse()?, action, Outcome::Applied, "beacon");
    /// ledger.record(1_764_583_200.0, entry)?;
    /// let line = ledger.records()?.next().unwrap()?.to_ocsf();
    /// assert!(line.contains(r#""command_uid":"9f2c""#) && line.contains("D3-NI"));
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn to_ocsf(&self) -> String {
        without_nulls(activity(self)).to_string()
    }
}

/// The activity; fields without a value are null.
fn activity(record: &LedgerRecord) -> Value {
    let (activity, activity_name) = activity_of(record);
    let (status, status_name) = status(record.outcome);
    let host = record.entity.host();
    json!({
        "activity_id": activity,
        "activity_name": activity_name,
        "category_uid": CATEGORY,
        "category_name": "Remediation",
        "class_uid": CLASS,
        "class_name": "Network Remediation Activity",
        "type_uid": TYPES + activity,
        "type_name": format!("Network Remediation Activity: {activity_name}"),
        "time": record.time / 1000,
        "severity_id": 1,
        "severity": "Informational",
        "status_id": status,
        "status": status_name,
        "status_detail": record.outcome.as_str(),
        "message": sentence::of(record),
        "command_uid": record.id,
        "connection_info": {
            "direction_id": 0,
            "direction": "Unknown",
            "protocol_ver_id": if record.entity.is_v6() { 6 } else { 4 },
        },
        "countermeasures": countermeasures(record.action),
        "metadata": {
            "version": OCSF_SCHEMA,
            "product": {"name": PRODUCT, "vendor_name": PRODUCT, "version": VERSION},
            "correlation_uid": record.id,
            "sequence": record.seq,
        },
        "observables": [{
            "name": "unmapped.entity",
            "type_id": if host.is_some() { 2 } else { 12 },
            "type": if host.is_some() { "IP Address" } else { "Subnet" },
            "value": record.entity.short(),
        }],
        "unmapped": {
            "entity": record.entity.short(),
            "action": record.action,
            "rest_s": record.rest_s,
            "guard": record.guard,
            "policy": record.policy,
        },
    })
}

/// An end restores what the action changed.
fn activity_of(record: &LedgerRecord) -> (u32, &'static str) {
    match (record.outcome, record.action) {
        (Outcome::Revoked | Outcome::Expired, _) => (3, "Restore"),
        (_, Action::Drop { .. } | Action::Isolate { .. }) => (1, "Isolate"),
        (_, Action::Inspect { .. }) => (5, "Detect"),
        _ => (99, "Other"),
    }
}

const fn status(outcome: Outcome) -> (u32, &'static str) {
    match outcome {
        Outcome::Applied | Outcome::Revoked | Outcome::Expired => (1, "Success"),
        Outcome::Failed => (2, "Failure"),
        Outcome::DryRun => (99, "Dry run"),
        Outcome::Skipped => (99, "Skipped"),
    }
}

/// The technique of D3FEND, where one describes the action.
fn countermeasures(action: Action) -> Value {
    let (tactic, technique, name) = match action {
        Action::Allow | Action::Inspect { .. } => ("Detect", "D3-NTA", "Network Traffic Analysis"),
        Action::Drop { .. } => ("Isolate", "D3-NTF", "Network Traffic Filtering"),
        Action::Isolate { .. } => ("Isolate", "D3-NI", "Network Isolation"),
        Action::Prioritize { .. } | Action::Deprioritize { .. } | Action::RateLimit { .. } => {
            return Value::Null;
        }
    };
    json!([{
        "version": D3FEND,
        "d3f_tactic": {"name": tactic},
        "d3f_technique": {"uid": technique, "name": name},
    }])
}
