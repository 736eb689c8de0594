//! `qosguard watch`: records in, incidents out, as they open, go on and close.

mod live;
mod printer;
mod screen;
mod sources;
mod table;
mod text;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use qosguard::qos::{Ledger, LedgerConfig, Policy};
use qosguard::stream::{IncidentEvent, IncidentRecorder, Stream, StreamConfig};
use qosguard::{Error, Guard, Result};

use self::printer::Printer;
use self::sources::{Sources, Step};
use crate::arguments::Watch;
use crate::exit::{ANOMALIES, Failure, Outcome};
use crate::message::print_message;
use crate::{decisions, train};

/// Time between two checkpoints.
const SAVE_EVERY: Duration = Duration::from_secs(30);
/// Time without a record after which the clock of this machine moves the watermark, and the table is drawn.
const QUIET: Duration = Duration::from_millis(200);

pub(crate) fn run(command: &Watch) -> Outcome {
    let mut guard = command.guard.as_deref().map(Guard::load).transpose()?;
    let policy = command.policy.as_deref().map(Policy::load).transpose()?;
    if let (Some(known), Some(policy)) = (&guard, &policy) {
        guard = Some(known.with_policy(policy.clone())?);
    }
    let config = settings(command)?;
    let mut sources = Sources::open(command, guard.as_ref().map(|guard| &**guard.schema()))?;
    let mut stream = start(command, guard, policy, &config, &sources)?;
    let mut recorder = recorder(command)?;
    let mut printer = Printer::new(command.format)?;
    follow(
        command,
        &mut stream,
        &mut sources,
        &mut Outputs { printer: &mut printer, recorder: &mut recorder },
    )?;
    if let Some(path) = &command.checkpoint {
        // The incidents go on when the stream continues.
        stream.save_checkpoint(path)?;
    } else {
        let events = stream.finish();
        record(&mut recorder, &stream, &events)?;
        printer.events(&events)?;
    }
    printer.notes(sources.take_notes());
    printer.finish(&stream, &sources)?;
    let counts = stream.counts();
    print_message(text::summary(&stream, sources.failed()));
    if printer.is_for_people() {
        print_message(text::counts(&stream, sources.rejected()));
    }
    let read = sources.outcome(counts.records)?;
    Ok(if command.exit_code && counts.incidents > 0 { ExitCode::from(ANOMALIES) } else { read })
}

/// Where changes of incidents go.
struct Outputs<'a> {
    printer: &'a mut Printer,
    recorder: &'a mut Option<IncidentRecorder>,
}

/// What writes to the ledger, where one is given.
fn recorder(command: &Watch) -> Result<Option<IncidentRecorder>> {
    let Some(path) = &command.ledger else { return Ok(None) };
    let ledger = Ledger::open(path, &LedgerConfig::default())?;
    decisions::print_torn(&ledger);
    Ok(Some(IncidentRecorder::new(ledger)))
}

/// Records changes of incidents before they are printed.
fn record(recorder: &mut Option<IncidentRecorder>, stream: &Stream, events: &[IncidentEvent]) -> Result<()> {
    recorder.as_mut().map_or(Ok(0), |recorder| recorder.record(stream, events)).map(|_| ())
}

/// Reads all sources to their end.
fn follow(
    command: &Watch,
    stream: &mut Stream,
    sources: &mut Sources,
    outputs: &mut Outputs<'_>,
) -> Result<(), Failure> {
    let Outputs { printer, recorder } = outputs;
    let (started, mut saved) = (Instant::now(), Instant::now());
    printer.draw(stream, sources);
    while let Some(step) = sources.next(QUIET)? {
        let clock = started.elapsed().as_secs_f64();
        let events = match step {
            Step::Batch { source, batch } => stream.push_from(source, &batch, clock)?.events,
            Step::Quiet => stream.advance(clock),
        };
        record(recorder, stream, &events)?;
        printer.events(&events)?;
        printer.notes(sources.take_notes());
        printer.draw(stream, sources);
        if let Some(path) = command.checkpoint.as_deref().filter(|_| saved.elapsed() >= SAVE_EVERY) {
            stream.save_checkpoint(path)?;
            saved = Instant::now();
        }
    }
    Ok(())
}

/// The settings of the stream.
fn settings(command: &Watch) -> Result<StreamConfig> {
    let Some(path) = command.settings.as_deref().map(|path| path.to_string_lossy().into_owned()) else {
        return Ok(StreamConfig::default());
    };
    train::settings_file("--settings", &path)?
        .ok_or_else(|| Error::invalid("--settings", "a .json file with the settings of a stream", path))
}

/// A new stream, or the one of the checkpoint.
fn start(
    command: &Watch,
    guard: Option<Guard>,
    policy: Option<Policy>,
    config: &StreamConfig,
    sources: &Sources,
) -> Result<Stream> {
    let schema = sources.schema();
    let resumed = command.checkpoint.as_deref().filter(|path| path.exists());
    let Some(path) = resumed else {
        return match guard {
            Some(guard) => Stream::with_guard(guard, schema, config),
            None => Stream::with_policy(schema, config, policy.unwrap_or_default()),
        };
    };
    let stream = Stream::load_checkpoint(path, schema, guard.as_ref())?;
    check_resumed(command, &stream, config, policy.as_ref())?;
    Ok(stream)
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
