//! The readers.

use std::path::PathBuf;

use pyo3::prelude::*;
use qosguard::telemetry::packets::FlowMeterConfig;
use qosguard::telemetry::{self, ReadOptions};

use crate::convert::{Whole, word};
use crate::error::interruptible;
use crate::schema::Schema;
use crate::table::Table;

/// What all readers have in common.
pub(crate) fn options(schema: Option<&Schema>, max_rejected_share: f64, delimiter: char) -> ReadOptions {
    let schema = schema.map(|schema| schema.0.clone());
    // 0 separates nothing and is refused.
    let delimiter = u8::try_from(delimiter).unwrap_or(0);
    ReadOptions { schema, max_rejected_share, delimiter, ..ReadOptions::default() }
}

/// How the packets of a capture become flows.
pub(crate) struct Meter<'a> {
    pub(crate) profile: &'a str,
    pub(crate) idle_timeout: Option<f64>,
    pub(crate) active_timeout: Option<f64>,
    pub(crate) interim: Option<f64>,
    pub(crate) max_flows: Whole,
    pub(crate) decode_tunnels: bool,
}

impl Meter<'_> {
    pub(crate) fn to_core(&self, py: Python<'_>) -> PyResult<FlowMeterConfig> {
        Ok(FlowMeterConfig {
            profile: word(py, "profile", self.profile)?,
            decode_tunnels: self.decode_tunnels,
            idle_timeout_s: self.idle_timeout,
            active_timeout_s: self.active_timeout,
            interim_s: self.interim,
            max_flows: self.max_flows.get(py, "max_flows")?,
            ..FlowMeterConfig::default()
        })
    }
}

/// Reads a file of flows, logs or packets into a `Table`: what it begins with tells captures (pcap, pcapng), Parquet,
/// Arrow IPC, Zeek's and Suricata's logs, JSON lines and CSV apart, and then its name; text may be gzipped. See
/// `read_csv`.
///
/// The packets of a capture become flows by the names and definitions of `profile`: `nfstream`, `cic` or
/// `cic_legacy`. A flow ends after `idle_timeout` seconds without a packet and after `active_timeout` seconds at all;
/// the profile says when where they are `None`. A flow that goes on gives a row every `interim` seconds, if that is
/// given. At most `max_flows` are held at a time. With `decode_tunnels` the flows are those inside tunnels.
#[pyfunction]
#[pyo3(signature = (path, schema = None, max_rejected_share = 0.05, *, delimiter = ',', profile = "nfstream", idle_timeout = None, active_timeout = None, interim = None, max_flows = Whole::new(500_000), decode_tunnels = false))]
#[expect(clippy::too_many_arguments, reason = "keyword arguments of a record")]
pub(crate) fn read(
    py: Python<'_>,
    path: PathBuf,
    schema: Option<&Schema>,
    max_rejected_share: f64,
    delimiter: char,
    profile: &str,
    idle_timeout: Option<f64>,
    active_timeout: Option<f64>,
    interim: Option<f64>,
    max_flows: Whole,
    decode_tunnels: bool,
) -> PyResult<Table> {
    let meter = Meter { profile, idle_timeout, active_timeout, interim, max_flows, decode_tunnels };
    let mut options = options(schema, max_rejected_share, delimiter);
    options.meter = meter.to_core(py)?;
    interruptible(py, || telemetry::read_with(path, &options)).map(Table)
}

/// Reads a CSV file, plain or gzip, into a `Table`.
///
/// Without a schema it is detected from the header, or from the number of columns where there is none.
/// A row that cannot be read is rejected and stands in `Table.report`; more than `max_rejected_share` of
/// them, in [0, 1], raise `BadRecordError`. A file of another source raises `SchemaMismatchError`, which
/// names the columns that are missing and those that are unknown.
#[pyfunction]
#[pyo3(signature = (path, schema = None, max_rejected_share = 0.05, *, delimiter = ','))]
pub(crate) fn read_csv(
    py: Python<'_>,
    path: PathBuf,
    schema: Option<&Schema>,
    max_rejected_share: f64,
    delimiter: char,
) -> PyResult<Table> {
    let options = options(schema, max_rejected_share, delimiter);
    interruptible(py, || telemetry::read_csv_with(path, &options)).map(Table)
}

/// Reads a file of JSON lines, plain or gzip, into a `Table`; see `read_csv`.
#[pyfunction]
#[pyo3(signature = (path, schema = None, max_rejected_share = 0.05))]
pub(crate) fn read_jsonl(
    py: Python<'_>,
    path: PathBuf,
    schema: Option<&Schema>,
    max_rejected_share: f64,
) -> PyResult<Table> {
    let options = options(schema, max_rejected_share, ',');
    interruptible(py, || telemetry::read_jsonl_with(path, &options)).map(Table)
}

/// Reads a Parquet file into a `Table`; with a schema it may hold other columns, which are not read. See `read_csv`.
#[pyfunction]
#[pyo3(signature = (path, schema = None, max_rejected_share = 0.05))]
pub(crate) fn read_parquet(
    py: Python<'_>,
    path: PathBuf,
    schema: Option<&Schema>,
    max_rejected_share: f64,
) -> PyResult<Table> {
    let options = options(schema, max_rejected_share, ',');
    interruptible(py, || telemetry::read_parquet_with(path, &options)).map(Table)
}

/// Reads an Arrow IPC file (Feather version 2) or stream into a `Table`; with a schema it may hold other columns,
/// which are not read. See `read_csv`.
#[pyfunction]
#[pyo3(signature = (path, schema = None, max_rejected_share = 0.05))]
pub(crate) fn read_ipc(
    py: Python<'_>,
    path: PathBuf,
    schema: Option<&Schema>,
    max_rejected_share: f64,
) -> PyResult<Table> {
    let options = options(schema, max_rejected_share, ',');
    interruptible(py, || telemetry::read_ipc_with(path, &options)).map(Table)
}
