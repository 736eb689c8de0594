//! A summary of an assessment and its worst findings, as plain objects.

use napi_derive::napi;
use qosguard::guard;

use crate::decision::Decision;
use crate::explanation::Reason;

/// One anomaly with what identifies the record, or the worst of several equal ones.
#[napi(object, object_from_js = false)]
#[derive(Debug)]
pub struct Finding {
    /// The decision on the record, or on the worst of them.
    pub decision: Decision,
    /// Time of the record, as ISO 8601 in UTC where it is known as a time. It is absent, as the next ones, where the
    /// records do not contain it.
    pub time: Option<String>,
    /// Source address.
    pub src_ip: Option<String>,
    /// Source port.
    pub src_port: Option<u32>,
    /// Destination address.
    pub dst_ip: Option<String>,
    /// Destination port.
    pub dst_port: Option<u32>,
    /// Transport protocol, by name or number.
    pub protocol: Option<String>,
    /// Other columns that name what the record is about: device, link, country.
    pub entities: Vec<Entity>,
    /// Anomalies in the group: the same protocol, attack class and action between the same hosts, or from three sources or
    /// more to one port, or from one source to three destinations or more.
    pub count: f64,
    /// Different sources among them.
    pub sources: f64,
    /// Different destinations among them.
    pub destinations: f64,
    /// Different destination ports among them.
    pub dst_ports: f64,
    /// What is rare about the record, largest contribution first.
    pub reasons: Vec<Reason>,
    /// The finding in one line.
    pub text: String,
}

/// A column that names what a record is about, and its value.
#[napi(object, object_from_js = false)]
#[derive(Debug)]
pub struct Entity {
    /// Name of the column.
    pub column: String,
    /// Its value.
    pub value: String,
}

impl From<guard::Finding> for Finding {
    fn from(finding: guard::Finding) -> Self {
        let text = finding.to_string();
        let entity = |(column, value)| Entity { column, value };
        Self {
            decision: finding.decision.into(),
            time: finding.time,
            src_ip: finding.src_ip,
            src_port: finding.src_port.map(Into::into),
            dst_ip: finding.dst_ip,
            dst_port: finding.dst_port.map(Into::into),
            protocol: finding.protocol,
            entities: finding.entities.into_iter().map(entity).collect(),
            count: finding.count as f64,
            sources: finding.sources as f64,
            destinations: finding.destinations as f64,
            dst_ports: finding.dst_ports as f64,
            reasons: finding.reasons.0.into_iter().map(Into::into).collect(),
            text,
        }
    }
}

/// Anomalies counted against labels.
#[napi(object, object_from_js = false)]
#[derive(Debug)]
pub struct Labelled {
    /// Records labelled clean.
    pub clean: f64,
    /// Anomalies among them.
    pub false_positives: f64,
    /// Records labelled attack.
    pub attacks: f64,
    /// Anomalies among them.
    pub caught: f64,
    /// Share of the clean records that are anomalies; absent without clean records.
    pub false_positive_rate: Option<f64>,
    /// Share of the attacks that are anomalies; absent without attacks.
    pub recall: Option<f64>,
}

/// A summary of an assessment and its worst findings; `guard.findings` makes it.
#[napi(object, object_from_js = false)]
#[derive(Debug)]
pub struct Findings {
    /// Records assessed.
    pub records: f64,
    /// Anomalies among them.
    pub anomalies: f64,
    /// Records that could not be read.
    pub rejected: f64,
    /// What the records' labels say, where they have labels.
    pub labelled: Option<Labelled>,
    /// Groups of equal anomalies.
    pub groups: f64,
    /// The worst groups, worst first.
    pub worst: Vec<Finding>,
    /// All of it in words: the summary and one line for each finding.
    pub text: String,
}

impl From<guard::Findings> for Findings {
    fn from(findings: guard::Findings) -> Self {
        let text = findings.to_string();
        let labelled = findings.labelled.map(|labelled| Labelled {
            clean: labelled.clean as f64,
            false_positives: labelled.false_positives as f64,
            attacks: labelled.attacks as f64,
            caught: labelled.caught as f64,
            false_positive_rate: labelled.false_positive_rate(),
            recall: labelled.recall(),
        });
        Self {
            records: findings.records as f64,
            anomalies: findings.anomalies as f64,
            rejected: findings.rejected as f64,
            labelled,
            groups: findings.groups as f64,
            worst: findings.worst.into_iter().map(Into::into).collect(),
            text,
        }
    }
}
