//! Where records come from: files of any kind, standard input, or a UDP socket that exporters send to.

use std::path::Path;
use std::process::ExitCode;

use qosguard::arrow::array::RecordBatch;
use qosguard::telemetry::netflow::{Collector, CollectorConfig};
use qosguard::telemetry::packets::FlowMeterConfig;
use qosguard::telemetry::{self, BatchReader, Follow, FollowOptions, ReadOptions, ReadReport, Schema, Table};
use qosguard::{Error, Result};

use crate::arguments::{Input, Meter};
use crate::exit::{Failure, Outcome};
use crate::interrupt;
use crate::message::{few, print_message};
use crate::output;
use crate::pipe::{OnSignal, Pipe};
use crate::progress::Progress;

/// Opens the input with the reader of its format, and prints the columns of an inferred schema. Records that no preset fits are
/// read with the schema of the guard, where there is one. Ctrl-C ends live input.
pub(crate) fn open(input: &Input, guard: Option<&Schema>) -> Result<Box<dyn BatchReader>, Failure> {
    opened(input, guard, OnSignal::End)
}

fn opened(
    input: &Input,
    guard: Option<&Schema>,
    on_signal: OnSignal,
) -> Result<Box<dyn BatchReader>, Failure> {
    let reader = reader(input, guard, on_signal).map_err(Failure::of_reading)?;
    print_inferred(&*reader);
    Ok(reader)
}

/// Opens one of several inputs. Ctrl-C ends a pipe and a socket; it does nothing to a file.
pub(crate) fn open_one(
    input: &Input,
    path: &Path,
    fallback: Option<&Schema>,
) -> Result<Box<dyn BatchReader>, Failure> {
    let options = options(input, fallback)?;
    let reader = match live(path, options.clone(), OnSignal::End, true)? {
        Some(reader) => reader,
        None => telemetry::open(path, &options).map_err(Failure::of_reading)?,
    };
    print_inferred(&*reader);
    Ok(reader)
}

/// Opens files of exporters, whose templates may be in another file than their data, as one input.
pub(crate) fn open_set(input: &Input) -> Result<Box<dyn BatchReader>, Failure> {
    telemetry::open_all(&input.paths, &options(input, None)?).map_err(Failure::of_reading)
}

/// Prints the columns of an inferred schema.
fn print_inferred(reader: &dyn BatchReader) {
    if let Some((first, rest)) = reader.report().inferred.split_first() {
        print_message(format_args!("columns    {first}"));
        for line in rest {
            print_message(format_args!("           {line}"));
        }
    }
}

/// Prints the schema of the records as TOML.
pub(crate) fn print_schema(input: &Input) -> Outcome {
    let reader = reader(input, None, OnSignal::Cancel).map_err(Failure::of_reading)?;
    output::print(reader.schema().to_toml().as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// Settings of the conversion of records to another schema.
pub(crate) fn mapping(input: &Input) -> ReadOptions {
    ReadOptions { max_rejected_share: input.max_rejected_share, ..ReadOptions::default() }
}

/// The next batch of records; `None` at the end.
pub(crate) fn next(reader: &mut Box<dyn BatchReader>) -> Result<Option<RecordBatch>, Failure> {
    reader.next().transpose().map_err(Failure::of_reading)
}

fn options(input: &Input, guard: Option<&Schema>) -> Result<ReadOptions> {
    Ok(ReadOptions {
        schema: input.schema.as_deref().map(|name| schema("--schema", name)).transpose()?,
        fallback: guard.cloned(),
        max_rejected_share: input.max_rejected_share,
        delimiter: input.delimiter,
        meter: meter(&input.meter),
        ..ReadOptions::default()
    })
}

fn reader(input: &Input, guard: Option<&Schema>, on_signal: OnSignal) -> Result<Box<dyn BatchReader>> {
    let options = options(input, guard)?;
    if let [one] = input.paths.as_slice() {
        if let Some(reader) = live(one, options.clone(), on_signal, false)? {
            return Ok(reader);
        }
        interrupt::cancel()?;
        return telemetry::open(one, &options);
    }
    interrupt::cancel()?;
    if let Some(stream) = input.paths.iter().find(|path| is_stream(path)) {
        return Err(Error::invalid("IN", "files only, or one stream alone", stream.display()));
    }
    telemetry::open_all(&input.paths, &options)
}

/// Opens standard input, a pipe or a socket; `None` for a file. The reader of a flushed pipe returns the records of a text as
/// they come, in smaller batches.
fn live(
    path: &Path,
    mut options: ReadOptions,
    on_signal: OnSignal,
    is_flushed: bool,
) -> Result<Option<Box<dyn BatchReader>>> {
    // The name of a socket is not the name of a file.
    if let Some(address) = path.to_str().and_then(|path| path.strip_prefix("udp://")) {
        let collector = Collector::bind(address, &CollectorConfig::default())?;
        let stop = collector.stop_handle();
        interrupt::on_signal(move || stop.stop())?;
        return Ok(Some(Box::new(collector)));
    }
    let Some(pipe) = Pipe::open(path, on_signal)? else { return Ok(None) };
    let pipe = if is_flushed { pipe.flushed() } else { pipe };
    // What comes through a pipe may be live.
    options.meter.flush_s = Some(1.0);
    let name = if path == Path::new("-") { "standard input".into() } else { path.to_string_lossy() };
    telemetry::open_input(pipe, &name, &options).map(Some)
}

/// Whether an input may wait for records without end: standard input, a pipe, a device or a socket.
pub(crate) fn is_live(path: &Path) -> bool {
    is_stream(path) || path.metadata().is_ok_and(|target| !target.is_file() && !target.is_dir())
}

/// Whether an input is standard input or a socket.
fn is_stream(path: &Path) -> bool {
    path == Path::new("-") || path.to_str().is_some_and(|path| path.starts_with("udp://"))
}

/// Whether the input is a UDP socket.
pub(crate) fn is_socket(input: &Input) -> bool {
    matches!(input.paths.as_slice(), [one] if one != Path::new("-") && is_stream(one))
}

fn meter(meter: &Meter) -> FlowMeterConfig {
    let default = FlowMeterConfig::default();
    FlowMeterConfig {
        profile: meter.profile.into(),
        decode_tunnels: meter.inner,
        idle_timeout_s: meter.idle_timeout,
        active_timeout_s: meter.active_timeout,
        interim_s: meter.interim,
        max_flows: meter.max_flows.unwrap_or(default.max_flows),
        ..default
    }
}

/// Opens one text log that is read on as it grows, until a signal.
pub(crate) fn follow(input: &Input, path: &Path) -> Result<Box<dyn BatchReader>, Failure> {
    let file = Follow::open(path, FollowOptions::default())?;
    let stop = file.handle();
    interrupt::on_signal(move || stop.stop())?;
    let options = options(input, None)?;
    telemetry::open_input(file, &path.to_string_lossy(), &options).map_err(Failure::of_reading)
}

/// Reads the whole input into memory, as [`open`] does; fails if it has no record. Ctrl-C cancels it.
pub(crate) fn read(input: &Input, guard: Option<&Schema>) -> Result<Table, Failure> {
    let mut reader = opened(input, guard, OnSignal::Cancel)?;
    let progress = Progress::new("read", None);
    let mut batches = Vec::new();
    while let Some(batch) = next(&mut reader)? {
        progress.add(batch.num_rows());
        batches.push(batch);
    }
    outcome(reader.report().accepted, reader.report(), 0)?;
    Ok(Table::new(reader.schema().clone(), batches, reader.report().clone())?)
}

/// A built-in schema by name, or the one in a TOML file; errors name the option.
pub(crate) fn schema(option: &str, name: &str) -> Result<Schema> {
    let path = Path::new(name);
    if path.extension().is_none_or(|ending| !ending.eq_ignore_ascii_case("toml")) {
        return Schema::preset(name).map_err(|error| match error {
            Error::InvalidArgument { problem, .. } => {
                let (expected, got) =
                    (problem.expected().unwrap_or_default(), problem.got().unwrap_or_default());
                Error::invalid(option, format!("a .toml file or {expected}"), got)
            }
            other => other,
        });
    }
    let text = std::fs::read_to_string(path).map_err(|source| Error::Io { path: path.into(), source })?;
    Schema::from_toml(&text).map_err(|error| {
        error.with_path(|field| match field.as_str() {
            "schema" => format!("{option} {name}"),
            _ => format!("{option} {name}: {field}"),
        })
    })
}

/// The exit code of a command that made `records` records of its input; fails if there is none, unless a signal ended it.
pub(crate) fn outcome(records: u64, report: &ReadReport, unfit: u64) -> Outcome {
    if records == 0 && unfit > 0 {
        let reason =
            format!("{}: all {unfit} records are outside the ranges of the other schema", report.place);
        return Err(Failure::Nothing(reason));
    }
    match report.nothing_read() {
        Some(reason) => Err(Failure::Nothing(reason)),
        None if records == 0 && !interrupt::came() => {
            Err(Failure::Nothing(format!("{}: no records", report.place)))
        }
        None => Ok(ExitCode::SUCCESS),
    }
}

/// What was left out, and what the reader counted besides, in words; `unfit` records were read and do not fit another schema.
pub(crate) fn summary(report: &ReadReport, unfit: u64) -> String {
    let rejected = format!("{} records rejected", report.rejected);
    let unfit = (unfit > 0).then(|| format!(", {unfit} outside the ranges of the other schema"));
    let unlabelled =
        (report.unlabelled > 0).then(|| format!(", {} with an unknown label", report.unlabelled));
    let counted = counted(report).map(|counted| format!("; {counted}"));
    std::iter::once(rejected)
        .chain(unfit)
        .chain(unlabelled)
        .chain(counted)
        .chain(rejections(report))
        .collect()
}

/// Prints what the reader counted besides records, and the first rejections.
pub(crate) fn print_left_out(report: &ReadReport) {
    if report.unlabelled > 0 {
        print_message(format_args!("{} records with an unknown label", report.unlabelled));
    }
    if let Some(counted) = counted(report) {
        print_message(counted);
    }
    for rejection in rejections(report) {
        print_message(rejection.trim_start_matches('\n'));
    }
}

/// What the reader counted besides records; `None` for nothing.
fn counted(report: &ReadReport) -> Option<String> {
    let skipped = report.skipped.iter().map(|(what, count)| format!("{what}: {count}"));
    let absent =
        report.absent.iter().map(|(name, count)| format!("records without the key `{name}`: {count}"));
    let counted: Vec<String> = skipped.chain(absent).collect();
    (!counted.is_empty()).then(|| few(&counted))
}

/// The first rejections, each on a line of its own.
fn rejections(report: &ReadReport) -> impl Iterator<Item = String> {
    report.rejections.iter().take(3).map(|rejection| format!("\n  {rejection}"))
}
