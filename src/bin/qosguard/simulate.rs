//! `qosguard simulate`: labelled records with ground truth.

use std::path::Path;
use std::process::ExitCode;

use qosguard::arrow::datatypes::Fields;
use qosguard::simulate::{
    self, DeviceSimulatorConfig, FlowSimulatorConfig, TrafficSimulatorConfig, devices, flows, traffic,
};
use qosguard::telemetry::Table;
use qosguard::{Error, Result, settings};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::arguments::{Simulate, Simulation};
use crate::exit::Outcome;
use crate::progress::Progress;
use crate::{interrupt, output};

pub(crate) fn run(command: &Simulate) -> Outcome {
    check_options(command)?;
    interrupt::cancel()?;
    match command.kind {
        Simulation::Flows => write_flows(command)?,
        Simulation::Traffic => {
            let traffic = traffic(&traffic_config(command)?)?;
            write(&command.output, &traffic.table)?;
            write_events(command, &traffic.events)?;
        }
        Simulation::Devices => {
            let telemetry = devices(&device_config(command)?)?;
            write(&command.output, &telemetry.table)?;
            write_events(command, &telemetry.events)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Rejects options that the kind of simulation does not have.
fn check_options(command: &Simulate) -> Result<()> {
    let (is_flows, is_traffic, is_devices) = (
        command.kind == Simulation::Flows,
        command.kind == Simulation::Traffic,
        command.kind == Simulation::Devices,
    );
    let options = [
        ("--events", command.events.is_some(), !is_flows, "traffic or devices"),
        ("--rows", command.rows.is_some(), is_flows, "flows"),
        ("--attack-share", command.attack_share.is_some(), !is_traffic, "flows or devices"),
        ("--duration", command.duration.is_some(), !is_flows, "traffic or devices"),
        ("--flows-per-s", command.flows_per_s.is_some(), is_traffic, "traffic"),
        ("--events-per-attack", command.events_per_attack.is_some(), is_traffic, "traffic"),
        ("--clock-skew", command.clock_skew.is_some(), !is_flows, "traffic or devices"),
        ("--late", command.late.is_some(), !is_flows, "traffic or devices"),
        ("--duplicates", command.duplicates.is_some(), !is_flows, "traffic or devices"),
    ];
    match options.into_iter().find(|&(_, is_given, has_it, _)| is_given && !has_it) {
        Some((option, _, _, kinds)) => {
            let kind = if is_flows {
                "flows"
            } else if is_devices {
                "devices"
            } else {
                "traffic"
            };
            Err(Error::invalid(option, format!("used with --kind {kinds}"), format!("--kind {kind}")))
        }
        None if command.events.as_ref() == Some(&command.output) => {
            Err(Error::invalid("--events", "another file than --output", command.output.display()))
        }
        None => Ok(()),
    }
}

fn write_flows(command: &Simulate) -> Result<()> {
    let mut config = FlowSimulatorConfig { seed: command.seed, ..Default::default() };
    config.rows = command.rows.unwrap_or(config.rows);
    config.attack_share = command.attack_share.unwrap_or(config.attack_share);
    config.hosts = command.hosts.unwrap_or(config.hosts);
    if let Some(attacks) = kinds(command, "attacks")? {
        if attacks.is_empty() {
            config.attack_share = 0.0;
        }
        config.attacks = attacks;
    }
    let simulator = flows(&config)?;
    let mut output = output::create(&command.output, simulator.table_schema(), &Fields::empty())?;
    let progress = Progress::new("simulated", Some(config.rows));
    for batch in simulator {
        let batch = batch.map_err(simulate::not_a_batch)?;
        output.write(&batch)?;
        progress.add(batch.num_rows());
    }
    output.finish()?;
    Ok(())
}

fn traffic_config(command: &Simulate) -> Result<TrafficSimulatorConfig> {
    let mut config = TrafficSimulatorConfig { seed: command.seed, ..Default::default() };
    config.duration_s = command.duration.unwrap_or(config.duration_s);
    config.hosts = command.hosts.unwrap_or(config.hosts);
    config.flows_per_s = command.flows_per_s.unwrap_or(config.flows_per_s);
    config.attacks = kinds(command, "attacks")?.unwrap_or(config.attacks);
    config.events_per_attack = command.events_per_attack.unwrap_or(config.events_per_attack);
    config.clock_skew_s = command.clock_skew.unwrap_or(config.clock_skew_s);
    config.late_fraction = command.late.unwrap_or(config.late_fraction);
    config.duplicate_fraction = command.duplicates.unwrap_or(config.duplicate_fraction);
    Ok(config)
}

fn device_config(command: &Simulate) -> Result<DeviceSimulatorConfig> {
    let mut config = DeviceSimulatorConfig { seed: command.seed, ..Default::default() };
    config.duration_s = command.duration.unwrap_or(config.duration_s);
    config.devices = command.hosts.unwrap_or(config.devices);
    config.anomaly_share = command.attack_share.unwrap_or(config.anomaly_share);
    if let Some(anomalies) = kinds(command, "anomalies")? {
        if anomalies.is_empty() {
            config.anomaly_share = 0.0;
        }
        config.anomalies = anomalies;
    }
    config.clock_skew_s = command.clock_skew.unwrap_or(config.clock_skew_s);
    config.late_fraction = command.late.unwrap_or(config.late_fraction);
    config.duplicate_fraction = command.duplicates.unwrap_or(config.duplicate_fraction);
    Ok(config)
}

/// The kinds of attack or anomaly of `--attacks`; none for the word `none`.
fn kinds<T: DeserializeOwned + Serialize>(command: &Simulate, name: &str) -> Result<Option<Vec<T>>> {
    let Some(words) = &command.attacks else { return Ok(None) };
    if words.iter().map(String::as_str).eq(["none"]) {
        return Ok(Some(Vec::new()));
    }
    let kind = |word: &String| settings::from_value(word.as_str().into());
    let kinds: Result<_> = words.iter().map(kind).collect();
    kinds.map(Some).map_err(|error| error.with_path(|_| name.to_owned()))
}

fn write(path: &Path, table: &Table) -> Result<()> {
    let mut output = output::create(path, table.schema(), &Fields::empty())?;
    for batch in table.batches() {
        output.write(batch)?;
    }
    output.finish()?;
    Ok(())
}

/// Writes the events as a JSON array, one event per line.
fn write_events<T: Serialize>(command: &Simulate, events: &[T]) -> Result<()> {
    let Some(path) = &command.events else { return Ok(()) };
    let lines: serde_json::Result<Vec<String>> = events.iter().map(serde_json::to_string).collect();
    let text = lines.map(|lines| format!("[\n{}\n]\n", lines.join(",\n")));
    let written = text.map_err(std::io::Error::other).and_then(|text| std::fs::write(path, text));
    written.map_err(|source| Error::Io { path: path.clone(), source })
}
