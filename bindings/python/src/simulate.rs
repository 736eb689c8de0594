//! `simulate`, and the simulators of traffic and devices with their events.

use pyo3::prelude::*;
use qosguard::simulate::{
    DeviceSimulatorConfig, DeviceTelemetry, FlowSimulatorConfig, Traffic, TrafficSimulatorConfig, devices,
    table, traffic,
};
use serde_json::json;

use crate::convert::{Config, Record, Whole, word};
use crate::error::interruptible;
use crate::table::Table;

/// Makes flow records of an inside network, with ground truth.
///
/// The background is web, DNS, VoIP, video, bulk, mail and IoT traffic; attacks come in episodes. The same settings give
/// the same flows.
///
/// Parameters
/// ----------
/// rows
///     Number of flows, 1 to 10^9.
/// attack_share
///     Share of attack flows, in [0, 1), to the nearest flow.
/// seed
///     Seed of all randomness.
/// attacks
///     Some of `"flood"`, `"slow_dos"`, `"port_scan"`, `"brute_force"`, `"beaconing"` and `"exfiltration"`; default: all.
/// hosts
///     Number of hosts of the inside network; default: 250.
///
/// Returns
/// -------
/// Table
///     Flows of the schema `flow_detail`.
///
/// Raises
/// ------
/// InvalidArgumentError
///     For a setting outside its range.
///
/// Examples
/// --------
/// >>> import qosguard as qg
/// >>> flows = qg.simulate(rows=1_000, attack_share=0.1, seed=7)
/// >>> len(flows), int(flows.labels.sum())
/// (1000, 100)
#[pyfunction]
#[pyo3(signature = (rows = Whole::new(10_000), attack_share = 0.05, seed = Whole::new(0), *, attacks = None, hosts = None))]
pub(crate) fn simulate(
    py: Python<'_>,
    rows: Whole,
    attack_share: f64,
    seed: Whole,
    attacks: Option<Vec<String>>,
    hosts: Option<Whole>,
) -> PyResult<Table> {
    let mut config = FlowSimulatorConfig {
        rows: rows.get(py, "rows")?,
        attack_share,
        seed: seed.get(py, "seed")?,
        ..FlowSimulatorConfig::default()
    };
    if let Some(attacks) = attacks {
        config.attacks = attacks.iter().map(|name| word(py, "attacks", name)).collect::<PyResult<_>>()?;
    }
    if let Some(hosts) = hosts {
        config.hosts = hosts.get(py, "hosts")?;
    }
    interruptible(py, || table(&config)).map(Table)
}

/// Simulates hosts over time; returns the table, and the events with the numbers of late and duplicated records.
#[pyfunction]
pub(crate) fn simulate_traffic(py: Python<'_>, config: Config) -> PyResult<(Table, Record)> {
    let config: TrafficSimulatorConfig = config.read(py)?;
    let Traffic { table, events, late, duplicates, .. } = interruptible(py, || traffic(&config))?;
    Ok((Table(table), Record::new(&json!({"events": events, "late": late, "duplicates": duplicates}))))
}

/// Simulates the telemetry of devices; returns the table, and the events with the numbers of late and duplicated records.
#[pyfunction]
pub(crate) fn simulate_devices(py: Python<'_>, config: Config) -> PyResult<(Table, Record)> {
    let config: DeviceSimulatorConfig = config.read(py)?;
    let DeviceTelemetry { table, events, late, duplicates, .. } = interruptible(py, || devices(&config))?;
    Ok((Table(table), Record::new(&json!({"events": events, "late": late, "duplicates": duplicates}))))
}
