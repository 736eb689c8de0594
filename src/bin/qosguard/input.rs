//! Where records come from: files of any kind, standard input, or a UDP socket that exporters send to.

use std::path::Path;
use std::process::ExitCode;

use qosguard::telemetry::netflow::{Collector, CollectorConfig};
use qosguard::telemetry::packets::FlowMeterConfig;
use qosguard::telemetry::{self, BatchReader, ReadOptions, ReadReport, Schema, Table};
use qosguard::{Error, Result};

use crate::arguments::{Input, Meter};
use crate::exit::{Failure, Outcome};
use crate::interrupt::{self, SIGINT, SIGTERM};
use crate::output;
use crate::progress::Progress;
use crate::tell::{few, tell};

/// Opens the input with the reader of its kind, and says what an inferred schema takes its columns for.
pub(crate) fn open(input: &Input) -> Result<Box<dyn BatchReader>> {
    open_for(input, None)
}

/// As [`open`], with the schema of a guard for records that no preset fits.
pub(crate) fn open_for(input: &Input, guard: Option<&Schema>) -> Result<Box<dyn BatchReader>> {
    let reader = reader(input, guard)?;
    if let Some((first, rest)) = reader.report().inferred.split_first() {
        tell(format_args!("columns    {first}"));
        for line in rest {
            tell(format_args!("           {line}"));
        }
    }
    Ok(reader)
}

/// Prints the schema of the records as TOML.
pub(crate) fn print_schema(input: &Input) -> Outcome {
    output::print(reader(input, None)?.schema().to_toml().as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// How records are taken to another schema.
pub(crate) fn mapping(input: &Input) -> ReadOptions {
    ReadOptions { max_rejected_share: input.max_rejected_share, ..ReadOptions::default() }
}

fn reader(input: &Input, guard: Option<&Schema>) -> Result<Box<dyn BatchReader>> {
    let mut options = ReadOptions {
        schema: input.schema.as_deref().map(schema).transpose()?,
        fallback: guard.cloned(),
        max_rejected_share: input.max_rejected_share,
        delimiter: input.delimiter,
        meter: meter(&input.meter),
        ..ReadOptions::default()
    };
    if let [one] = input.paths.as_slice() {
        if one == Path::new("-") {
            // What comes through a pipe may be live.
            options.meter.flush_s = Some(1.0);
            // Ctrl-C reaches the program before the pipe too; it ends its output, and so our input.
            interrupt::flag(&[SIGINT])?;
            return telemetry::open_input(std::io::stdin(), "standard input", &options);
        }
        if let Some(address) = one.to_str().and_then(|one| one.strip_prefix("udp://")) {
            let collector = Collector::bind(address, &CollectorConfig::default())?;
            let stop = collector.stop_handle();
            interrupt::once(interrupt::flag(&[SIGINT, SIGTERM])?, move || stop.stop());
            return Ok(Box::new(collector));
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

/// Whether an input is no file.
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

/// Reads the whole input into memory, as [`open_for`] does; fails if the input is not empty and gives no record.
pub(crate) fn read(input: &Input, guard: Option<&Schema>) -> Result<Table, Failure> {
    let mut reader = open_for(input, guard)?;
    let progress = Progress::new("read", None);
    let mut batches = Vec::new();
    while let Some(batch) = reader.next().transpose()? {
        progress.add(batch.num_rows());
        batches.push(batch);
    }
    outcome(reader.report().accepted, reader.report(), 0)?;
    Ok(Table::new(reader.schema().clone(), batches, reader.report().clone())?)
}

/// A built-in schema by name, or the one in a TOML file.
pub(crate) fn schema(name: &str) -> Result<Schema> {
    let path = Path::new(name);
    if path.extension().is_none_or(|ending| !ending.eq_ignore_ascii_case("toml")) {
        return Schema::preset(name);
    }
    let text = std::fs::read_to_string(path).map_err(|source| Error::Io { path: path.into(), source })?;
    Schema::from_toml(&text)
}

/// The exit code of a command that made `records` records of its input; fails if the input is not empty and gave none.
pub(crate) fn outcome(records: u64, report: &ReadReport, unfit: u64) -> Outcome {
    if records == 0 && unfit > 0 {
        let reason =
            format!("{}: all {unfit} records are outside the ranges of the other schema", report.place);
        return Err(Failure::Nothing(reason));
    }
    report.nothing_read().map_or(Ok(ExitCode::SUCCESS), |reason| Err(Failure::Nothing(reason)))
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
pub(crate) fn tell_left_out(report: &ReadReport) {
    if report.unlabelled > 0 {
        tell(format_args!("{} records with an unknown label", report.unlabelled));
    }
    if let Some(counted) = counted(report) {
        tell(counted);
    }
    for rejection in rejections(report) {
        tell(rejection.trim_start_matches('\n'));
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
