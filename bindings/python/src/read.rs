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
    // 0 does not separate cells, so it is an error.
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

/// Reads a file of flows, logs or packets into a `Table`.
///
/// The first bytes, and then the name, determine the format: captures (pcap, pcapng), Parquet, Arrow IPC, logs of Zeek and
/// Suricata, exports (NetFlow, IPFIX, sFlow), JSON lines or CSV. Text and captures may be gzipped.
///
/// Parameters
/// ----------
/// path
///     The file; `-` is standard input.
/// schema
///     Names and roles of the columns; default: a preset that fits, or an inferred schema.
/// max_rejected_share
///     Share of records, in [0, 1], that may be rejected before the reading fails.
/// delimiter
///     Separator of the cells of a CSV line.
/// profile
///     Names and definitions of the flows of a capture: `"nfstream"`, `"cic"` or `"cic_legacy"`.
/// idle_timeout
///     Seconds without a packet after which a flow ends; default: by the profile.
/// active_timeout
///     Maximum length of a flow in seconds; default: by the profile.
/// interim
///     Seconds after which a flow that continues gives a row; default: never.
/// max_flows
///     Maximum number of flows in memory.
/// decode_tunnels
///     Whether flows are built from the packets inside tunnels.
///
/// Returns
/// -------
/// Table
///     The records; `Table.report` counts and explains the rejected ones.
///
/// Raises
/// ------
/// IoError
///     If the file cannot be read.
/// SchemaMismatchError
///     If the columns do not fit; the message names missing and unknown columns.
/// BadRecordError
///     If too many records are rejected, or the file is damaged.
/// InsufficientDataError
///     For a file without a record.
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
/// Without a schema it is detected from the header, or from the number of columns if there is no header. Parameters and
/// errors are as for `read`.
///
/// Examples
/// --------
/// >>> import os, tempfile, qosguard as qg
/// >>> with tempfile.TemporaryDirectory() as folder:
/// ...     path = os.path.join(folder, "flows.csv")
/// ...     qg.simulate(rows=100).write(path)
/// ...     len(qg.read_csv(path))
/// 100
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
