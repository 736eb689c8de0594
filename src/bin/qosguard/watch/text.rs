//! Incidents as lines of text, and the summary at the end.

use std::fmt::Write as _;

use qosguard::stream::{Incident, IncidentChange, IncidentEvent, Stream, StreamState};

/// One line for an incident that opened, became more severe, or closed.
pub(super) fn line(event: &IncidentEvent) -> String {
    let incident = &event.incident;
    let time = match event.event {
        IncidentChange::Opened => incident.opened,
        _ => incident.closed.unwrap_or(incident.updated),
    };
    let change = event.event.as_str();
    let head = format!(
        "{}  {change:<7}  {:<8}  {:<11}  {} → {}",
        clock(time),
        incident.severity.as_str(),
        incident.kind,
        incident.attackers,
        incident.victims,
    );
    let reason = incident.reasons.first().map_or(String::new(), |reason| format!(": {reason}"));
    match event.event {
        IncidentChange::Closed => {
            let merged = incident.merged_into.as_ref();
            let end = merged.map_or(String::new(), |id| format!(", part of incident {id}"));
            format!("{head}, {} flows{end}", incident.flows)
        }
        _ => format!("{head}{reason}; {}", action(incident)),
    }
}

pub(super) fn action(incident: &Incident) -> String {
    let dry_run = if incident.dry_run { " (dry run)" } else { "" };
    format!("{}{dry_run}", incident.action)
}

/// The time of day in UTC.
pub(super) fn clock(seconds: f64) -> String {
    let second = seconds.rem_euclid(86_400.0) as u32;
    format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}

/// What the guard is doing, in words.
pub(super) fn state(stream: &Stream) -> String {
    match stream.state() {
        StreamState::Ready => format!("{} anomalies", stream.counts().anomalies),
        StreamState::Warming { missing } => {
            format!(
                "warming: {missing} more records are needed to fit a guard, incidents are from limits alone"
            )
        }
        StreamState::LimitsOnly { reason } if reason.is_empty() => "incidents are from limits alone".into(),
        StreamState::LimitsOnly { reason } => {
            format!("incidents are from limits alone, since no guard could be fitted: {reason}")
        }
        _ => String::new(),
    }
}

/// The line at the end.
pub(super) fn summary(stream: &Stream, (failed, sources): (usize, usize)) -> String {
    let counts = stream.counts();
    let skipped = [
        ("late", counts.late),
        ("too far ahead", counts.future),
        ("without a valid time", counts.invalid_time),
    ];
    let skipped: Vec<String> =
        skipped.iter().filter(|(_, n)| *n > 0).map(|(what, n)| format!(", {n} {what}")).collect();
    let incidents =
        if counts.incidents == 1 { "1 incident".into() } else { format!("{} incidents", counts.incidents) };
    let mut line = format!("{} records, {incidents}, {}{}", counts.records, state(stream), skipped.concat());
    if failed > 0 {
        let _ = write!(line, ", {failed} of {sources} sources failed");
    }
    line
}

/// The records that were left out, and how long the work on one record took.
pub(super) fn counts(stream: &Stream, rejected: u64) -> String {
    let (counts, latency) = (stream.counts(), stream.latency());
    format!(
        "{} late, {} too far ahead, {} without a valid time, {rejected} rejected\nlatency per record: p50 {}, p99 {}",
        counts.late,
        counts.future,
        counts.invalid_time,
        duration(latency.p50_s),
        duration(latency.p99_s),
    )
}

/// A short time in a unit that suits it.
fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 1e-3 => format!("{:.1} µs", s * 1e6),
        s if s < 1.0 => format!("{:.1} ms", s * 1e3),
        s => format!("{s:.1} s"),
    }
}
