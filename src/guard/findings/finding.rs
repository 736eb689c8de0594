//! One finding: a decision, and what identifies the record that it is about.

use std::fmt;

use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};

use crate::error::Result;
use crate::explain::TopReasons;
use crate::qos::Decision;
use crate::verdict::Severity;

/// One record with its decision and what identifies it, or the worst of several equal ones.
///
/// `Display` is one line. In JSON it is one flat object: the fields of the [`Decision`], then those below; what the
/// records do not contain is `null`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// The decision on the record, or on the worst of them.
    #[serde(flatten)]
    pub decision: Decision,
    /// Time of the record, as ISO 8601 in UTC where it is known as a time.
    pub time: Option<String>,
    /// Source address.
    pub src_ip: Option<String>,
    /// Source port.
    pub src_port: Option<u16>,
    /// Destination address.
    pub dst_ip: Option<String>,
    /// Destination port.
    pub dst_port: Option<u16>,
    /// Transport protocol, by name or number.
    pub protocol: Option<String>,
    /// Other columns that name what the record is about: device, link, country.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entities: Vec<(String, String)>,
    /// Anomalies in the group; 1 for a single one. They have the same protocol, attack class and action, and the same source
    /// and destination, or the same destination and port from three sources or more (as in a flood), or the same source to
    /// three destinations or more (as in a scan).
    pub count: u64,
    /// Different sources among them.
    pub sources: usize,
    /// Different destinations among them.
    pub destinations: usize,
    /// Different destination ports among them.
    pub dst_ports: usize,
    /// What is rare about the record, largest contribution first.
    #[serde(serialize_with = "with_text")]
    pub reasons: TopReasons,
}

/// Reasons as objects that hold their sentence too.
fn with_text<S: Serializer>(reasons: &TopReasons, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct WithText<'a> {
        #[serde(flatten)]
        reason: &'a crate::explain::Reason,
        text: String,
    }
    let mut list = serializer.serialize_seq(Some(reasons.0.len()))?;
    for reason in &reasons.0 {
        list.serialize_element(&WithText { reason, text: reason.to_string() })?;
    }
    list.end()
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Decision { verdict, action, row, .. } = &self.decision;
        if let Some(time) = &self.time {
            write!(f, "{time}  ")?;
        }
        let end = |ip: &Option<String>, port: Option<u16>| {
            let ip = ip.as_deref().unwrap_or("?");
            match port {
                Some(port) if ip.contains(':') => format!("[{ip}]:{port}"),
                Some(port) => format!("{ip}:{port}"),
                None => ip.to_owned(),
            }
        };
        if self.src_ip.is_some() || self.dst_ip.is_some() {
            write!(f, "{} -> {}", end(&self.src_ip, self.src_port), end(&self.dst_ip, self.dst_port))?;
        } else {
            write!(f, "row {row}")?;
            if let Some(port) = self.dst_port {
                write!(f, " port {port}")?;
            }
        }
        if let Some(protocol) = &self.protocol {
            write!(f, " {protocol}")?;
        }
        for (column, value) in &self.entities {
            write!(f, " {column}={value}")?;
        }
        match verdict.severity {
            Severity::None => f.write_str("  clean")?,
            severity => write!(f, "  {severity}")?,
        }
        if let Some(family) = &verdict.family {
            write!(f, " {family}")?;
        }
        match verdict.p_value {
            p if p < 1e-3 => write!(f, " p={p:.0e}")?,
            p => write!(f, " p={p:.3}")?,
        }
        write!(f, "  {action}")?;
        if self.count > 1 {
            write!(f, "  {} times", self.count)?;
            let counts =
                [(self.sources, "sources"), (self.destinations, "destinations"), (self.dst_ports, "ports")];
            for (count, what) in counts.into_iter().filter(|(count, _)| *count > 1) {
                write!(f, ", {count} {what}")?;
            }
        }
        if self.reasons.0.is_empty() { Ok(()) } else { write!(f, "  {}", self.reasons) }
    }
}
