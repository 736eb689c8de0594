//! `qosguard watch`: records in, incidents out, as they open, go on and close.

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use qosguard::qos::Policy;
use qosguard::stream::{IncidentChange, IncidentEvent, Stream, StreamConfig, StreamState};
use qosguard::{Error, Guard, Result};

use crate::arguments::{EventFormat, Watch};
use crate::exit::{ANOMALIES, Outcome};
use crate::message::print_message;
use crate::{input, output, train};

/// Time between two checkpoints.
const SAVE_EVERY: Duration = Duration::from_secs(30);

pub(crate) fn run(command: &Watch) -> Outcome {
    let mut guard = command.guard.as_deref().map(Guard::load).transpose()?;
    let policy = command.policy.as_deref().map(Policy::load).transpose()?;
    if let (Some(known), Some(policy)) = (&guard, &policy) {
        guard = Some(known.with_policy(policy.clone())?);
    }
    let settings = command.settings.as_deref().map(|path| path.to_string_lossy().into_owned());
    let config: StreamConfig = match settings {
        Some(path) => train::settings_file("--settings", &path)?.ok_or_else(|| {
            Error::invalid("--settings", "a .json file with the settings of a stream", path)
        })?,
        None => StreamConfig::default(),
    };
    let mut reader = if command.follow {
        input::follow(&command.input)?
    } else {
        input::open(&command.input, guard.as_ref().map(|guard| &**guard.schema()))?
    };
    let schema = (**reader.schema()).clone();
    let resumed = command.checkpoint.as_deref().filter(|path| path.exists());
    let mut stream = match (resumed, guard) {
        (Some(path), guard) => Stream::load_checkpoint(path, &schema, guard.as_ref())?,
        (None, Some(guard)) => Stream::with_guard(guard, &schema, &config)?,
        (None, None) => Stream::with_policy(&schema, &config, policy.clone().unwrap_or_default())?,
    };
    if resumed.is_some() {
        check_resumed(command, &stream, &config, policy.as_ref())?;
    }
    let text = match command.format {
        Some(format) => format == EventFormat::Text,
        None => io::stdout().is_terminal(),
    };
    let started = Instant::now();
    let report = |events: Vec<IncidentEvent>| -> Result<()> {
        for event in events {
            let line = if text {
                line(&event)
            } else {
                format!("{}\n", serde_json::to_string(&event).unwrap_or_default())
            };
            output::print(line.as_bytes())?;
        }
        Ok(())
    };
    let mut saved = Instant::now();
    while let Some(batch) = input::next(&mut reader)? {
        report(stream.push_from(0, &batch, started.elapsed().as_secs_f64())?.events)?;
        if let Some(path) = command.checkpoint.as_deref().filter(|_| saved.elapsed() >= SAVE_EVERY) {
            stream.save_checkpoint(path)?;
            saved = Instant::now();
        }
    }
    match &command.checkpoint {
        // The incidents go on when the stream continues.
        Some(path) => stream.save_checkpoint(path)?,
        None => report(stream.finish())?,
    }
    let counts = stream.counts();
    print_message(summary(&stream));
    input::print_left_out(reader.report());
    let read = input::outcome(counts.records, reader.report(), 0)?;
    Ok(if command.exit_code && counts.incidents > 0 { ExitCode::from(ANOMALIES) } else { read })
}

/// Rejects settings and a policy that differ from the ones of the checkpoint, which a stream continues with.
fn check_resumed(
    command: &Watch,
    stream: &Stream,
    config: &StreamConfig,
    policy: Option<&Policy>,
) -> Result<()> {
    if let Some(path) = command.settings.as_ref().filter(|_| stream.config() != config) {
        return Err(Error::invalid("--settings", "the settings of the checkpoint", path.display()));
    }
    let other = policy.filter(|policy| policy.digest() != stream.policy().digest());
    match (&command.policy, other) {
        (Some(path), Some(_)) => {
            Err(Error::invalid("--policy", "the policy of the checkpoint", path.display()))
        }
        _ => Ok(()),
    }
}

/// One line for an incident that opened, became more severe, or closed.
fn line(event: &IncidentEvent) -> String {
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
        IncidentChange::Closed => format!("{head}, {} flows\n", incident.flows),
        _ => format!("{head}{reason}; {}\n", action(incident)),
    }
}

fn action(incident: &qosguard::stream::Incident) -> String {
    let dry_run = if incident.dry_run { " (dry run)" } else { "" };
    format!("{}{dry_run}", incident.action)
}

/// The time of day in UTC.
fn clock(seconds: f64) -> String {
    let second = seconds.rem_euclid(86_400.0) as u32;
    format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}

fn summary(stream: &Stream) -> String {
    let counts = stream.counts();
    let guard = match stream.state() {
        StreamState::Ready => format!("{} anomalies", counts.anomalies),
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
    };
    let skipped = [
        ("late", counts.late),
        ("too far ahead", counts.future),
        ("without a valid time", counts.invalid_time),
    ];
    let skipped: Vec<String> =
        skipped.iter().filter(|(_, n)| *n > 0).map(|(what, n)| format!(", {n} {what}")).collect();
    let incidents =
        if counts.incidents == 1 { "1 incident".into() } else { format!("{} incidents", counts.incidents) };
    format!("{} records, {incidents}, {guard}{}", counts.records, skipped.concat())
}
