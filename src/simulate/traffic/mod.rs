//! Hosts over time: clean traffic and attack events on one clock, as an exporter reports them.

mod behaviour;
mod config;
mod records;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use config::{AttackKind, TrafficSimulatorConfig};

use self::behaviour::Behaviour;
use self::records::records;
use super::background::Background;
use super::batch::BatchBuilder;
use super::disturbance::Arrival;
use super::flow::{Flow, micro};
use super::network::Network;
use super::{BATCH_ROWS, not_a_batch};
use crate::error::Result;
use crate::progress::{self, Progress, Unit};
use crate::rng::Stream;
use crate::telemetry::{ReadReport, Schema, Table};

/// Rows between two reports of progress.
const PROGRESS_ROWS: usize = 4_096;
/// Indices of the random streams. Events follow from `EVENTS` on. [`flows`](super::flows) uses small indices.
const CLEAN: u64 = 1 << 40;
const ARRIVAL: u64 = CLEAN + 1;
const PLAN: u64 = CLEAN + 2;
const EVENTS: u64 = CLEAN + 3;

/// An attack with its attackers, victims and times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AttackEvent {
    /// The kind of attack. Its name is in the column `family` of the records.
    pub kind: AttackKind,
    /// Addresses of the attackers; empty if the sources are forged.
    pub attackers: Vec<IpAddr>,
    /// Addresses of the victims; the external host of a beacon and of an exfiltration.
    pub victims: Vec<IpAddr>,
    /// The attacked port; `None` for scans of many ports and for ICMP.
    pub port: Option<u16>,
    /// Start of the first record, seconds since the Unix epoch by a correct clock.
    pub start: f64,
    /// End of the last record, seconds since the Unix epoch by a correct clock.
    pub end: f64,
    /// Number of records without duplicates.
    pub flows: u64,
}

/// Simulated traffic with its attack events.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Traffic {
    /// The records of the schema `flow_detail` in the order of their arrival.
    pub table: Table,
    /// The attack events in the order of their start.
    pub events: Vec<AttackEvent>,
    /// Number of records that arrive late.
    pub late: u64,
    /// Number of rows that repeat another row.
    pub duplicates: u64,
}

/// A record before its arrival.
#[derive(Clone, Copy, Debug)]
struct Record {
    /// Seconds since the start of the simulation.
    start: f64,
    flow: Flow,
}

/// Simulates clean hosts and attack events on one clock.
///
/// Clean flows start at a constant mean rate and have the applications of [`flows`](super::flows). Attack events start in
/// the last nine tenths of `duration_s`, spread over this time in random order. An event consists of flows at the rate of
/// the attack, so that windows per host show it. The records of an event have the label 1 and the kind as `family`.
///
/// An exporter writes a record when a flow ends or reaches `active_timeout_s`. Rows have the order in which the records
/// arrive: by their end, plus the delay of late records; a duplicate arrives up to 2 s after its record. `time` is the start
/// of the record by the exporter's clock. The exporter of the internal addresses that are multiples of four has the skewed
/// clock. Late records and duplicates keep their label.
///
/// # Errors
///
/// [`Error::InvalidArgument`](crate::Error::InvalidArgument) with the name of the first field outside its documented range.
///
/// # Examples
///
/// ```
/// use qosguard::simulate::{AttackKind, TrafficSimulatorConfig, traffic};
///
/// let attacks = vec![AttackKind::PortScan, AttackKind::SynFlood];
/// let traffic = traffic(&TrafficSimulatorConfig { duration_s: 600.0, attacks, ..Default::default() })?;
/// let attack_rows = traffic.table.labels()?.unwrap().iter().filter(|&&is_attack| is_attack).count();
/// assert_eq!(traffic.events.iter().map(|event| event.flows).sum::<u64>(), attack_rows as u64);
/// assert!(traffic.events.iter().all(|event| event.start < event.end && event.victims.len() == 1));
/// # Ok::<(), qosguard::Error>(())
/// ```
pub fn traffic(config: &TrafficSimulatorConfig) -> Result<Traffic> {
    config.validate()?;
    let network = Network { hosts: config.hosts };
    let mut all = clean(config, network)?;
    let mut events = Vec::new();
    for (start, kind, index) in plan(config) {
        let mut rng = Stream::new(config.seed, EVENTS + index);
        let behaviour = Behaviour::draw(&mut rng, kind, network, 0.8 * config.duration_s);
        events.push(schedule(config, kind, start, behaviour, &mut all));
        progress::check()?;
    }
    events.sort_by(|a, b| a.start.total_cmp(&b.start));
    let emitted = all.iter().map(|record| record.start + record.flow.duration).collect();
    let arrival = config.disturbance().arrival(&mut Stream::new(config.seed, ARRIVAL), emitted);
    let table = table(config, &all, &arrival)?;
    Ok(Traffic { table, events, late: arrival.late, duplicates: arrival.duplicates })
}

/// The records of the clean flows.
fn clean(config: &TrafficSimulatorConfig, network: Network) -> Result<Vec<Record>> {
    let mut rng = Stream::new(config.seed, CLEAN);
    let background = Background::new(&config.background, network);
    let flows = (config.flows_per_s * config.duration_s).round() as usize;
    let mut all = Vec::with_capacity(flows);
    for i in 0..flows {
        if i.is_multiple_of(PROGRESS_ROWS) {
            progress::report(&Progress::new("simulate", Unit::Rows, i, flows))?;
        }
        let start = rng.between(0.0, config.duration_s);
        push(&mut all, start, &background.flow(&mut rng), config.active_timeout_s);
    }
    Ok(all)
}

/// Adds the records of a flow.
fn push(all: &mut Vec<Record>, start: f64, flow: &Flow, timeout: f64) {
    all.extend(records(flow, timeout).map(|(offset, flow)| Record { start: start + offset, flow }));
}

/// Earliest start, kind and index of each event. The starts are spread over the last nine tenths of the simulation.
fn plan(config: &TrafficSimulatorConfig) -> Vec<(f64, AttackKind, u64)> {
    let mut rng = Stream::new(config.seed, PLAN);
    let kinds = (0..config.events_per_attack).flat_map(|_| config.attacks.iter().copied());
    let mut events: Vec<(AttackKind, u64)> = kinds.zip(0..).collect();
    rng.shuffle(&mut events);
    let slot = 0.9 * config.duration_s / events.len().max(1) as f64;
    let start = |i: usize, rng: &mut Stream| 0.1 * config.duration_s + slot * (i as f64 + rng.uniform());
    events.into_iter().enumerate().map(|(i, (kind, index))| (start(i, &mut rng), kind, index)).collect()
}

/// Adds the records of an event. It starts earlier than `start` if it is too long for the rest of the simulation.
fn schedule(
    config: &TrafficSimulatorConfig,
    kind: AttackKind,
    start: f64,
    behaviour: Behaviour,
    all: &mut Vec<Record>,
) -> AttackEvent {
    let length = behaviour.flows.last().map_or(0.0, |&(offset, _)| offset);
    let start = start.min(0.99 * config.duration_s - length).max(0.1 * config.duration_s);
    let first = all.len();
    for (offset, flow) in &behaviour.flows {
        push(all, start + offset, flow, config.active_timeout_s);
    }
    let own = all.get(first..).unwrap_or_default();
    let end = own.iter().map(|record| record.start + record.flow.duration).fold(start, f64::max);
    let epoch = config.start_time as f64;
    let public = |addresses: Vec<Ipv4Addr>| addresses.into_iter().map(IpAddr::V4).collect();
    AttackEvent {
        kind,
        attackers: public(behaviour.attackers),
        victims: public(behaviour.victims),
        port: behaviour.port,
        start: micro(epoch + start),
        end: micro(epoch + end),
        flows: own.len() as u64,
    }
}

/// Whether the exporter with the skewed clock reports the flow.
fn is_skewed(flow: &Flow) -> bool {
    let internal = if Network::is_internal(flow.ends.src) { flow.ends.src } else { flow.ends.dst };
    u32::from(internal).is_multiple_of(4)
}

fn table(config: &TrafficSimulatorConfig, all: &[Record], arrival: &Arrival) -> Result<Table> {
    let schema = Arc::new(Schema::preset("flow_detail")?);
    let arrow_schema = Arc::new(schema.to_arrow());
    let mut batches = Vec::new();
    for rows in arrival.order.chunks(BATCH_ROWS as usize) {
        progress::check()?;
        let mut batch = BatchBuilder::new(rows.len());
        for record in rows.iter().filter_map(|&row| all.get(row)) {
            let skew = if is_skewed(&record.flow) { config.clock_skew_s } else { 0.0 };
            batch.push(micro(config.start_time as f64 + skew + record.start), &record.flow);
        }
        batches.push(batch.finish(&arrow_schema).map_err(not_a_batch)?);
    }
    let mut report = ReadReport::new("simulator");
    report.accepted = arrival.order.len() as u64;
    Table::new(schema, batches, report)
}
