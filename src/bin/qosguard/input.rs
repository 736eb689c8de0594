//! Where records come from: files of any kind, standard input, or a UDP socket that exporters send to.

use std::path::Path;

use qosguard::telemetry::netflow::{Collector, CollectorConfig};
use qosguard::telemetry::packets::FlowMeterConfig;
use qosguard::telemetry::{self, BatchReader, ReadOptions, ReadReport, Schema, Table};
use qosguard::{Error, Result};

use crate::arguments::{Input, Meter};
use crate::exit::Failure;
use crate::interrupt::{self, SIGINT, SIGTERM};
use crate::progress::Progress;

/// Opens the input with the reader of its kind.
pub(crate) fn open(input: &Input) -> Result<Box<dyn BatchReader>> {
    let mut options = ReadOptions {
        schema: input.schema.as_deref().map(schema).transpose()?,
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
        return telemetry::open(one, &options);
    }
    if let Some(stream) = input.paths.iter().find(|path| is_stream(path)) {
        return Err(Error::InvalidArgument {
            name: "IN".into(),
            expected: "files only, or one stream alone".into(),
            got: stream.display().to_string(),
        });
    }
    telemetry::open_all(&input.paths, &options)
}

/// Whether an input is no file.
fn is_stream(path: &Path) -> bool {
    path == Path::new("-") || path.to_str().is_some_and(|path| path.starts_with("udp://"))
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

/// Reads the whole input into memory; fails where it holds something and no flow.
pub(crate) fn read(input: &Input) -> Result<Table, Failure> {
    let mut reader = open(input)?;
    let progress = Progress::new("read", None);
    let mut batches = Vec::new();
    while let Some(batch) = reader.next().transpose()? {
        progress.add(batch.num_rows());
        batches.push(batch);
    }
    something(reader.report())?;
    Ok(Table::new(reader.schema().clone(), batches, reader.report().clone())?)
}

/// Fails where an input held something and not a single flow.
pub(crate) fn something(report: &ReadReport) -> Result<(), Failure> {
    report.nothing_read().map_or(Ok(()), |reason| Err(Failure::Nothing(reason)))
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

/// What was left out, and what the reader counted besides, in words; `unfit` records were read and do not fit another schema.
pub(crate) fn summary(report: &ReadReport, unfit: u64) -> String {
    let rejected = format!("{} records rejected", report.rejected);
    let unfit = (unfit > 0).then(|| format!(", {unfit} outside the ranges of the other schema"));
    let counted = report.skipped.iter().map(|(what, count)| format!("; {what}: {count}"));
    let reasons = report.rejections.iter().take(3).map(|rejection| format!("\n  {rejection}"));
    std::iter::once(rejected).chain(unfit).chain(counted).chain(reasons).collect()
}
