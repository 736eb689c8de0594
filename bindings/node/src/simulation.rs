//! `simulateTraffic` and `simulateDevices`: hosts and devices over time, with labelled events.

use std::collections::HashMap;

use napi::bindgen_prelude::{AsyncTask, Object};
use napi_derive::napi;
use qosguard::simulate::{self, DeviceSimulatorConfig, TrafficSimulatorConfig};
use serde_json::json;

use crate::convert::{Settings, parse, settings, whole_or};
use crate::error::Result;
use crate::job::{Job, spawn};
use crate::table::Table;

/// What hosts do in an attack of `simulateTraffic`.
#[napi(string_enum = "snake_case")]
#[derive(Debug)]
pub enum AttackKind {
    /// One source probes hundreds of TCP ports of one server.
    PortScan,
    /// One source probes one TCP port of hundreds of internal addresses.
    HorizontalScan,
    /// One source pings hundreds of internal addresses.
    IcmpSweep,
    /// Thousands of connections to one server that never complete.
    SynFlood,
    /// Thousands of flows of UDP packets to one server.
    UdpFlood,
    /// Repeated short connections to port 22, 3389 or 21 of one server.
    BruteForce,
    /// Small connections of one client to one external host at a nearly constant interval.
    Beaconing,
    /// Large uploads of one client to one external host.
    Exfiltration,
}

impl From<AttackKind> for simulate::AttackKind {
    fn from(kind: AttackKind) -> Self {
        match kind {
            AttackKind::PortScan => Self::PortScan,
            AttackKind::HorizontalScan => Self::HorizontalScan,
            AttackKind::IcmpSweep => Self::IcmpSweep,
            AttackKind::SynFlood => Self::SynFlood,
            AttackKind::UdpFlood => Self::UdpFlood,
            AttackKind::BruteForce => Self::BruteForce,
            AttackKind::Beaconing => Self::Beaconing,
            AttackKind::Exfiltration => Self::Exfiltration,
        }
    }
}

/// What is wrong with a device during an event of `simulateDevices`.
#[napi(string_enum = "snake_case")]
#[derive(Debug)]
pub enum DeviceAnomaly {
    /// High latency, with retries.
    LatencySpike,
    /// High packet loss, with retries.
    LossBurst,
    /// Server errors, with retries.
    ErrorStorm,
    /// Much traffic, with connection resets.
    TrafficSurge,
}

impl From<DeviceAnomaly> for simulate::DeviceAnomaly {
    fn from(kind: DeviceAnomaly) -> Self {
        match kind {
            DeviceAnomaly::LatencySpike => Self::LatencySpike,
            DeviceAnomaly::LossBurst => Self::LossBurst,
            DeviceAnomaly::ErrorStorm => Self::ErrorStorm,
            DeviceAnomaly::TrafficSurge => Self::TrafficSurge,
        }
    }
}

/// Settings of `simulateTraffic`.
#[napi(object, object_to_js = false)]
#[derive(Debug, Default)]
pub struct SimulateTrafficOptions {
    /// Seconds in which flows start, 300 to 2,678,400; default: 3,600.
    pub duration_s: Option<f64>,
    /// Number of clients in the internal network, 1 to 10^6; default: 250.
    pub hosts: Option<f64>,
    /// Mean number of clean flows that start per second, at most 5·10^6 flows in total; default: 5.
    pub flows_per_s: Option<f64>,
    /// The attacks, each once; an empty array gives clean traffic; default: all.
    pub attacks: Option<Vec<AttackKind>>,
    /// Number of events of each attack, at most 1,000 events in total; default: 1.
    pub events_per_attack: Option<f64>,
    /// Weights of the clean applications by name; the others keep their default.
    pub background: Option<HashMap<String, f64>>,
    /// Start of the simulation, seconds since the Unix epoch; default: 2026-01-05, 00:00 UTC.
    pub start_time: Option<f64>,
    /// A longer flow has several records, each of at most this many seconds; default: 1,800.
    pub active_timeout_s: Option<f64>,
    /// Seconds that the clock of one of the four exporters is ahead; default: 0.
    pub clock_skew_s: Option<f64>,
    /// Share of the records that arrive late, in [0, 1]; default: 0.
    pub late_fraction: Option<f64>,
    /// Maximum delay of a late record in seconds; default: 120.
    pub late_s: Option<f64>,
    /// Share of the records that occur twice, in [0, 1]; default: 0.
    pub duplicate_fraction: Option<f64>,
    /// Seed of all random draws, a whole number up to 2^53 − 1; default: 0.
    pub seed: Option<f64>,
}

impl Settings for SimulateTrafficOptions {
    const KEYS: &'static [&'static str] = &[
        "durationS",
        "hosts",
        "flowsPerS",
        "attacks",
        "eventsPerAttack",
        "background",
        "startTime",
        "activeTimeoutS",
        "clockSkewS",
        "lateFraction",
        "lateS",
        "duplicateFraction",
        "seed",
    ];
}

/// An attack with its attackers, victims and times.
#[napi(object, object_from_js = false)]
#[derive(Debug)]
pub struct AttackEvent {
    /// The kind of attack, as in the column `family`.
    #[napi(ts_type = "AttackKind")]
    pub kind: String,
    /// Addresses of the attackers; empty if the sources are forged.
    pub attackers: Vec<String>,
    /// Addresses of the victims; the external host of a beacon and of an exfiltration.
    pub victims: Vec<String>,
    /// The attacked port; absent for scans of many ports and for ICMP.
    pub port: Option<u32>,
    /// Start of the first record, seconds since the Unix epoch by a correct clock.
    pub start: f64,
    /// End of the last record, seconds since the Unix epoch by a correct clock.
    pub end: f64,
    /// Number of records without duplicates.
    pub flows: f64,
}

impl From<simulate::AttackEvent> for AttackEvent {
    fn from(event: simulate::AttackEvent) -> Self {
        let texts = |addresses: &[std::net::IpAddr]| addresses.iter().map(ToString::to_string).collect();
        Self {
            kind: event.kind.as_str().to_owned(),
            attackers: texts(&event.attackers),
            victims: texts(&event.victims),
            port: event.port.map(u32::from),
            start: event.start,
            end: event.end,
            flows: event.flows as f64,
        }
    }
}

/// Simulated traffic with its attack events.
#[napi(object, object_from_js = false)]
#[derive(Debug)]
pub struct Traffic {
    /// The records of the schema `flow_detail` in the order of their arrival.
    pub table: Table,
    /// The attack events in the order of their start.
    pub events: Vec<AttackEvent>,
    /// Number of records that arrive late.
    pub late: f64,
    /// Number of rows that repeat another row.
    pub duplicates: f64,
}

/// Simulates clean hosts and attack events on one clock.
///
/// Attacks are behaviour of hosts over time: each event has attackers, victims, a start and an end, and its flows come at the
/// rate of the attack. Rows have the order in which an exporter emits records. The same settings give the same rows.
///
/// Rejects with `invalid_argument` for a setting outside its range.
#[napi(catch_unwind, ts_return_type = "Promise<Traffic>")]
pub fn simulate_traffic(
    #[napi(ts_arg_type = "SimulateTrafficOptions")] options: Option<Object<'_>>,
) -> Result<AsyncTask<Job<Traffic>>> {
    let options: SimulateTrafficOptions = settings(options)?;
    let mut config = TrafficSimulatorConfig::default();
    config.duration_s = options.duration_s.unwrap_or(config.duration_s);
    config.hosts = whole_or("hosts", options.hosts, config.hosts)?;
    config.flows_per_s = options.flows_per_s.unwrap_or(config.flows_per_s);
    if let Some(attacks) = options.attacks {
        config.attacks = attacks.into_iter().map(Into::into).collect();
    }
    config.events_per_attack =
        whole_or("eventsPerAttack", options.events_per_attack, config.events_per_attack)?;
    if let Some(background) = options.background {
        config.background = parse("background", json!(background))?;
    }
    config.start_time = whole_or("startTime", options.start_time, config.start_time)?;
    config.active_timeout_s = options.active_timeout_s.unwrap_or(config.active_timeout_s);
    config.clock_skew_s = options.clock_skew_s.unwrap_or(config.clock_skew_s);
    config.late_fraction = options.late_fraction.unwrap_or(config.late_fraction);
    config.late_s = options.late_s.unwrap_or(config.late_s);
    config.duplicate_fraction = options.duplicate_fraction.unwrap_or(config.duplicate_fraction);
    config.seed = whole_or("seed", options.seed, config.seed)?;
    Ok(spawn(move || {
        let simulate::Traffic { table, events, late, duplicates, .. } = simulate::traffic(&config)?;
        let events = events.into_iter().map(Into::into).collect();
        Ok(Traffic { table: Table::from(table), events, late: late as f64, duplicates: duplicates as f64 })
    }))
}

/// Settings of `simulateDevices`.
#[napi(object, object_to_js = false)]
#[derive(Debug, Default)]
pub struct SimulateDevicesOptions {
    /// Number of devices; default: 20.
    pub devices: Option<f64>,
    /// Length in seconds; each device has `durationS / intervalS` records, at least 60; at most 5·10^6 records in total;
    /// default: 600.
    pub duration_s: Option<f64>,
    /// Seconds between two records of a device, 0.01 to 3,600; default: 1.
    pub interval_s: Option<f64>,
    /// Share of anomalous records, in [0, 0.5], to the nearest record; default: 0.05.
    pub anomaly_share: Option<f64>,
    /// The anomalies, each once; default: all.
    pub anomalies: Option<Vec<DeviceAnomaly>>,
    /// Start of the simulation, seconds since the Unix epoch; default: 2026-01-05, 00:00 UTC.
    pub start_time: Option<f64>,
    /// Seconds that the clock of the first device is ahead; default: 0.
    pub clock_skew_s: Option<f64>,
    /// Share of the records that arrive late, in [0, 1]; default: 0.
    pub late_fraction: Option<f64>,
    /// Maximum delay of a late record in seconds; default: 120.
    pub late_s: Option<f64>,
    /// Share of the records that occur twice, in [0, 1]; default: 0.
    pub duplicate_fraction: Option<f64>,
    /// Seed of all random draws, a whole number up to 2^53 − 1; default: 0.
    pub seed: Option<f64>,
}

impl Settings for SimulateDevicesOptions {
    const KEYS: &'static [&'static str] = &[
        "devices",
        "durationS",
        "intervalS",
        "anomalyShare",
        "anomalies",
        "startTime",
        "clockSkewS",
        "lateFraction",
        "lateS",
        "duplicateFraction",
        "seed",
    ];
}

/// A time in which a device is anomalous.
#[napi(object, object_from_js = false)]
#[derive(Debug)]
pub struct DeviceEvent {
    /// The kind of anomaly.
    #[napi(ts_type = "DeviceAnomaly")]
    pub kind: String,
    /// The device, as in the column `device_id`.
    pub device: String,
    /// Time of the first anomalous record, seconds since the Unix epoch by a correct clock.
    pub start: f64,
    /// Time of the last anomalous record, seconds since the Unix epoch by a correct clock.
    pub end: f64,
    /// Number of records without duplicates.
    pub records: f64,
}

impl From<simulate::DeviceEvent> for DeviceEvent {
    fn from(event: simulate::DeviceEvent) -> Self {
        Self {
            kind: event.kind.as_str().to_owned(),
            device: event.device,
            start: event.start,
            end: event.end,
            records: event.records as f64,
        }
    }
}

/// Simulated telemetry of devices with its events.
#[napi(object, object_from_js = false)]
#[derive(Debug)]
pub struct DeviceTelemetry {
    /// The records of the schema `device_log` in the order of their arrival.
    pub table: Table,
    /// The events in the order of their start.
    pub events: Vec<DeviceEvent>,
    /// Number of records that arrive late.
    pub late: f64,
    /// Number of rows that repeat another row.
    pub duplicates: f64,
}

/// Simulates the telemetry of modems and access points. Anomalies are bursts of 6 to 16 records of one device.
///
/// Rejects with `invalid_argument` for a setting outside its range.
#[napi(catch_unwind, ts_return_type = "Promise<DeviceTelemetry>")]
pub fn simulate_devices(
    #[napi(ts_arg_type = "SimulateDevicesOptions")] options: Option<Object<'_>>,
) -> Result<AsyncTask<Job<DeviceTelemetry>>> {
    let options: SimulateDevicesOptions = settings(options)?;
    let mut config = DeviceSimulatorConfig::default();
    config.devices = whole_or("devices", options.devices, config.devices)?;
    config.duration_s = options.duration_s.unwrap_or(config.duration_s);
    config.interval_s = options.interval_s.unwrap_or(config.interval_s);
    config.anomaly_share = options.anomaly_share.unwrap_or(config.anomaly_share);
    if let Some(anomalies) = options.anomalies {
        config.anomalies = anomalies.into_iter().map(Into::into).collect();
    }
    config.start_time = whole_or("startTime", options.start_time, config.start_time)?;
    config.clock_skew_s = options.clock_skew_s.unwrap_or(config.clock_skew_s);
    config.late_fraction = options.late_fraction.unwrap_or(config.late_fraction);
    config.late_s = options.late_s.unwrap_or(config.late_s);
    config.duplicate_fraction = options.duplicate_fraction.unwrap_or(config.duplicate_fraction);
    config.seed = whole_or("seed", options.seed, config.seed)?;
    Ok(spawn(move || {
        let simulate::DeviceTelemetry { table, events, late, duplicates, .. } = simulate::devices(&config)?;
        let events = events.into_iter().map(Into::into).collect();
        Ok(DeviceTelemetry {
            table: Table::from(table),
            events,
            late: late as f64,
            duplicates: duplicates as f64,
        })
    }))
}
