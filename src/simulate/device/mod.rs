//! Telemetry of devices: modems and access points that report about once a second.

mod bursts;
mod config;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use config::{DeviceAnomaly, DeviceSimulatorConfig};

use self::bursts::bursts;
use super::disturbance::Arrival;
use super::flow::micro;
use super::{BATCH_ROWS, not_a_batch};
use crate::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use crate::error::Result;
use crate::progress::{self, Progress, Unit};
use crate::rng::Stream;
use crate::telemetry::{ReadReport, Schema, Table};

/// Indices of the random streams. [`flows`](super::flows) uses small indices, [`traffic`](super::traffic()) larger ones.
const BURSTS: u64 = 1 << 50;
const ARRIVAL: u64 = BURSTS + 1;
const DEVICES: u64 = BURSTS + 2;

/// A time in which a device is anomalous.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeviceEvent {
    /// The kind of anomaly.
    pub kind: DeviceAnomaly,
    /// The device, as in the column `device_id`.
    pub device: String,
    /// Time of the first anomalous record, seconds since the Unix epoch by a correct clock.
    pub start: f64,
    /// Time of the last anomalous record, seconds since the Unix epoch by a correct clock.
    pub end: f64,
    /// Number of records without duplicates.
    pub records: u64,
}

/// Simulated telemetry of devices with its events.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeviceTelemetry {
    /// The records of the schema `device_log` in the order of their arrival.
    pub table: Table,
    /// The events in the order of their start.
    pub events: Vec<DeviceEvent>,
    /// Number of records that arrive late.
    pub late: u64,
    /// Number of rows that repeat another row.
    pub duplicates: u64,
}

/// A record before its arrival.
#[derive(Clone, Copy, Debug)]
struct Record {
    device: usize,
    /// Seconds since the start of the simulation.
    time: f64,
    /// Latency, loss, retries, error code, traffic and resets, in the order of the schema.
    values: [f64; 6],
    is_anomaly: bool,
}

/// Simulates the telemetry of devices.
///
/// A normal record has a latency of max(10, N(50, 15)) ms, a loss of max(0, N(0.5, 0.3)) %, Poisson(0.2) retries, the code
/// 200, 404 or 500 with probability 0.95, 0.03 and 0.02, max(0.1, N(10, 3)) MB of traffic and Poisson(0.1) resets. N has the
/// mean and the standard deviation as arguments. [`DeviceAnomaly`] states what an anomaly changes. Events have 6 to 16
/// records of one device; the last one may have up to 21, and the kinds take turns.
///
/// # Errors
///
/// [`Error::InvalidArgument`](crate::Error::InvalidArgument) with the name of the first field outside its documented range.
///
/// # Examples
///
/// ```
/// use qosguard::simulate::{DeviceSimulatorConfig, devices};
///
/// let telemetry = devices(&DeviceSimulatorConfig { devices: 10, duration_s: 1_000.0, ..Default::default() })?;
/// let anomalous = telemetry.table.labels()?.unwrap().iter().filter(|&&is_anomaly| is_anomaly).count();
/// assert_eq!((telemetry.table.n_rows(), anomalous), (10_000, 500));
/// # Ok::<(), qosguard::Error>(())
/// ```
pub fn devices(config: &DeviceSimulatorConfig) -> Result<DeviceTelemetry> {
    config.validate()?;
    let (devices, per_device) = (config.devices as usize, config.records_per_device());
    let anomalous = ((devices * per_device) as f64 * config.anomaly_share).round() as usize;
    let mut rng = Stream::new(config.seed, BURSTS);
    let bursts = bursts(&mut rng, &config.anomalies, devices, per_device, anomalous);
    let mut kinds: Vec<Option<DeviceAnomaly>> = vec![None; devices * per_device];
    for burst in &bursts {
        let first = burst.device * per_device + burst.first;
        kinds.iter_mut().skip(first).take(burst.records).for_each(|kind| *kind = Some(burst.kind));
    }
    let mut all = Vec::with_capacity(kinds.len());
    for (device, kinds) in kinds.chunks(per_device).enumerate() {
        progress::report(&Progress::new("simulate", Unit::Rows, device * per_device, devices * per_device))?;
        let mut rng = Stream::new(config.seed, DEVICES + device as u64);
        let phase = rng.uniform() * config.interval_s;
        for (i, &kind) in kinds.iter().enumerate() {
            let time = phase + (i as f64 + rng.between(0.0, 0.2)) * config.interval_s;
            all.push(Record { device, time, values: values(&mut rng, kind), is_anomaly: kind.is_some() });
        }
    }
    let epoch = config.start_time as f64;
    let time = |record: usize| all.get(record).map_or(epoch, |record: &Record| micro(epoch + record.time));
    let mut events: Vec<DeviceEvent> = bursts
        .iter()
        .map(|burst| {
            let first = burst.device * per_device + burst.first;
            DeviceEvent {
                kind: burst.kind,
                device: name(burst.device),
                start: time(first),
                end: time(first + burst.records - 1),
                records: burst.records as u64,
            }
        })
        .collect();
    events.sort_by(|a, b| a.start.total_cmp(&b.start));
    let emitted = all.iter().map(|record| record.time).collect();
    let arrival = config.disturbance().arrival(&mut Stream::new(config.seed, ARRIVAL), emitted);
    let table = table(config, &all, &arrival)?;
    Ok(DeviceTelemetry { table, events, late: arrival.late, duplicates: arrival.duplicates })
}

/// The identifier of a device.
fn name(device: usize) -> String {
    format!("device-{:05}", device + 1)
}

/// Latency, loss, retries, error code, traffic and resets of one record.
fn values(rng: &mut Stream, kind: Option<DeviceAnomaly>) -> [f64; 6] {
    let normal = |rng: &mut Stream, mean: f64, deviation: f64| mean + deviation * rng.normal();
    let mut latency = normal(rng, 50.0, 15.0).max(10.0);
    let mut loss = normal(rng, 0.5, 0.3).max(0.0);
    let mut retries = rng.poisson(0.2);
    let mut code = match rng.uniform() {
        p if p < 0.95 => 200.0,
        p if p < 0.98 => 404.0,
        _ => 500.0,
    };
    let mut traffic = normal(rng, 10.0, 3.0).max(0.1);
    let mut resets = rng.poisson(0.1);
    match kind {
        None => {}
        Some(DeviceAnomaly::LatencySpike) => {
            latency = normal(rng, 300.0, 50.0).max(10.0);
            retries = rng.poisson(3.0);
        }
        Some(DeviceAnomaly::LossBurst) => {
            loss = normal(rng, 15.0, 5.0).clamp(0.0, 100.0);
            retries = rng.poisson(5.0);
        }
        Some(DeviceAnomaly::ErrorStorm) => {
            code = [500.0, 502.0, 503.0, 504.0][rng.below(4)];
            retries = rng.poisson(8.0);
        }
        Some(DeviceAnomaly::TrafficSurge) => {
            traffic = normal(rng, 100.0, 20.0).max(0.1);
            resets = rng.poisson(5.0);
        }
    }
    [micro(latency), micro(loss), retries, code, micro(traffic), resets]
}

fn table(config: &DeviceSimulatorConfig, all: &[Record], arrival: &Arrival) -> Result<Table> {
    let schema = Arc::new(Schema::preset("device_log")?);
    let arrow_schema = Arc::new(schema.to_arrow());
    let mut batches = Vec::new();
    for rows in arrival.order.chunks(BATCH_ROWS as usize) {
        progress::check()?;
        let rows: Vec<&Record> = rows.iter().filter_map(|&row| all.get(row)).collect();
        let numbers = |value: &dyn Fn(&Record) -> f64| -> ArrayRef {
            Arc::new(Float64Array::from_iter_values(rows.iter().map(|record| value(record))))
        };
        let mut columns = vec![
            numbers(&|record| {
                let skew = if record.device == 0 { config.clock_skew_s } else { 0.0 };
                micro(config.start_time as f64 + skew + record.time)
            }),
            Arc::new(StringArray::from_iter_values(rows.iter().map(|record| name(record.device)))),
        ];
        columns.extend((0..6).map(|i| numbers(&|record| record.values.get(i).copied().unwrap_or_default())));
        columns.push(numbers(&|record| f64::from(u8::from(record.is_anomaly))));
        batches.push(RecordBatch::try_new(Arc::clone(&arrow_schema), columns).map_err(not_a_batch)?);
    }
    let mut report = ReadReport::new("simulator");
    report.accepted = arrival.order.len() as u64;
    Table::new(schema, batches, report)
}
