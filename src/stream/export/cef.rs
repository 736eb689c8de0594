//! CEF: the Common Event Format, one line of text.
//!
//! Source: Micro Focus Security `ArcSight` Common Event Format, version 26.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::{PRODUCT, VERSION, action, millis, title};
use crate::stream::Direction;
use crate::stream::incident::{EvidenceRecord, IncidentEvent, Parties};
use crate::verdict::Severity;

/// The line, without a line break at its end.
pub(super) fn line(event: &IncidentEvent) -> String {
    let incident = &event.incident;
    let kind = incident.kind.as_str();
    let mut line = String::from("CEF:0");
    for part in [PRODUCT, PRODUCT, VERSION, kind, &title(incident)] {
        let _ = write!(line, "|{}", header(part));
    }
    let _ = write!(line, "|{}|", severity(incident.severity));
    let mut extension = Extension(line, true);
    extension.add("rt", millis(event.time()));
    extension.add("start", millis(incident.onset));
    extension.add("end", millis(incident.updated));
    extension.add("externalId", &incident.id);
    extension.add("cat", format_args!("incident_{}", event.event.as_str()));
    extension.host("src", "c6a2", "Source IPv6 Address", &incident.attackers);
    extension.host("dst", "c6a3", "Destination IPv6 Address", &incident.victims);
    if let Some(record) = incident.evidence.first() {
        if let Some(port) =
            record.dst_port.filter(|port| incident.evidence.iter().all(|other| other.dst_port == Some(*port)))
        {
            extension.add("dpt", port);
        }
        if let Some(protocol) = &record.protocol {
            extension.add("proto", protocol);
        }
    }
    match incident.direction {
        Direction::Inbound => extension.add("deviceDirection", 0),
        Direction::Outbound => extension.add("deviceDirection", 1),
        Direction::Internal | Direction::External => {}
    }
    extension.add("cnt", incident.flows);
    extension.add("act", action(incident));
    extension.add("msg", incident.reasons.join("; "));
    extension.labelled("cs1", "direction", incident.direction.as_str());
    extension.labelled("cs2", "rule", &incident.rule);
    extension.labelled("cs3", "family", incident.family.as_deref().unwrap_or_default());
    extension.labelled("cs4", "attackers", &incident.attackers.to_string());
    extension.labelled("cs5", "victims", &incident.victims.to_string());
    let id = incident.evidence.first().and_then(EvidenceRecord::community_id);
    extension.labelled("cs6", "communityId", &id.map(|id| id.to_string()).unwrap_or_default());
    extension.0
}

/// 0 to 10; 4 to 6 is medium, 7 and 8 high, 9 and 10 very high.
const fn severity(severity: Severity) -> u32 {
    match severity {
        Severity::None => 0,
        Severity::Low => 3,
        Severity::Medium => 5,
        Severity::High => 8,
        Severity::Critical => 10,
    }
}

/// The part of a line that is pairs of keys and values, and whether the next pair is the first.
struct Extension(String, bool);

impl Extension {
    /// Adds a pair; a value without a character is left out.
    fn add(&mut self, key: &str, value: impl ToString) {
        let value = value.to_string();
        if value.is_empty() {
            return;
        }
        if !std::mem::take(&mut self.1) {
            self.0.push(' ');
        }
        let _ = write!(self.0, "{key}={}", escape(&value));
    }

    /// Adds a custom value with its label.
    fn labelled(&mut self, key: &str, label: &str, value: &str) {
        if !value.is_empty() {
            self.add(&format!("{key}Label"), label);
            self.add(key, value);
        }
    }

    /// Adds the lowest address of one side. `src` and `dst` are for IPv4 only.
    fn host(&mut self, key: &str, custom: &str, label: &str, hosts: &Parties) {
        match hosts.hosts().next() {
            Some(host @ IpAddr::V4(_)) => self.add(key, host),
            Some(host @ IpAddr::V6(_)) => self.labelled(custom, label, &host.to_string()),
            None => {}
        }
    }
}

/// Text of the header: `\` and `|` are escaped, and line breaks are not allowed.
fn header(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '\\' | '|' => escaped.extend(['\\', c]),
            c if is_control(c) => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A value of the extension: `\`, `=` and line breaks are escaped.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '\\' | '=' => escaped.extend(['\\', c]),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            c if is_control(c) => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Characters that end a line or control a terminal.
fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}
