//! `Collector`: flow records that routers export, by UDP and from files.

use std::collections::BTreeMap;
use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use qosguard::telemetry::netflow::{self, CollectorConfig, ExportReader, NetflowConfig, StopHandle};
use qosguard::telemetry::{BatchReader, SharedReader};

use crate::convert::{Config, Whole};
use crate::error::{forward, interruptible};
use crate::stream::TableReader;
use crate::table::Table;

/// Receives NetFlow v5 and v9, IPFIX and sFlow v5 by UDP: an iterator of `Table`s of the schema `ipfix`.
///
/// Datagrams are received from the start, also while no table is read. `stop()`, or the end of a `with` block, ends the
/// iteration from any thread; datagrams that were received before are still returned. UDP senders are not authenticated:
/// bind to an address that only exporters reach.
///
/// Parameters
/// ----------
/// address
///     `host:port`; for port 0 the system chooses a port.
/// flush_interval
///     Maximum time in seconds that a row waits for its table to have `batch_rows` rows.
/// queue_bytes
///     Maximum size of datagrams that are received and not yet read; the others are dropped and counted.
/// **limits
///     Bounds of the memory for exporters: `max_domains`, `max_templates`, `max_fields`, `max_samplers`,
///     `max_kept_sets`, `max_kept_bytes`, `keep_s`, and `batch_rows`.
///
/// Raises
/// ------
/// InvalidArgumentError
///     For a setting outside its range.
/// IoError
///     If the address cannot be bound.
///
/// Examples
/// --------
/// >>> import qosguard as qg
/// >>> with qg.Collector("127.0.0.1:0") as collector:
/// ...     collector.stop()
/// ...     list(collector), collector.counts["datagrams"]
/// ([], 0)
#[pyclass(frozen, extends = TableReader, module = "qosguard")]
pub(crate) struct Collector {
    address: String,
    stop: StopHandle,
}

#[pymethods]
impl Collector {
    #[new]
    #[pyo3(signature = (address, *, flush_interval = 10.0, queue_bytes = Whole::new(1 << 25), **limits: "object"))]
    fn new(
        py: Python<'_>,
        address: &str,
        flush_interval: f64,
        queue_bytes: Whole,
        limits: Option<Config>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let config = CollectorConfig {
            netflow: export_limits(py, limits)?,
            queue_bytes: queue_bytes.get(py, "queue_bytes")?,
            flush_interval_s: flush_interval,
        };
        let collector = forward(py, || netflow::Collector::bind(address, &config))?;
        let this = Self { address: collector.local_addr().to_string(), stop: collector.stop_handle() };
        let reader = TableReader::new(SharedReader::of_collector(collector));
        Ok(PyClassInitializer::from(reader).add_subclass(this))
    }

    /// Where it receives, `host:port`.
    #[getter]
    fn address(&self) -> &str {
        &self.address
    }

    /// Counts of datagrams and records by their outcome, up to the last table.
    #[getter]
    fn counts(slf: PyRef<'_, Self>) -> BTreeMap<&'static str, u64> {
        slf.as_super().export_counts().named().collect()
    }

    /// Ends the receiving.
    fn stop(&self) {
        self.stop.stop();
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_exception: "object"))]
    fn __exit__(&self, _exception: &Bound<'_, PyTuple>) {
        self.stop.stop();
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

fn export_limits(py: Python<'_>, limits: Option<Config>) -> PyResult<NetflowConfig> {
    limits.map_or_else(|| Ok(NetflowConfig::default()), |limits| limits.read(py))
}

/// Reads files of NetFlow, IPFIX and sFlow datagrams, in the given order, into a `Table` of the schema `ipfix`.
///
/// A file holds one datagram, or several datagrams of NetFlow v5 or IPFIX one after the other. All count as sent by one
/// exporter. `Table.report.skipped` counts the records that gave no flow, by name.
///
/// Parameters
/// ----------
/// paths
///     The files.
/// **limits
///     As for `Collector`.
///
/// Raises
/// ------
/// InvalidArgumentError
///     For a setting outside its range.
/// IoError
///     If a file cannot be read.
#[pyfunction]
#[pyo3(signature = (paths, **limits: "object"))]
pub(crate) fn read_exports(py: Python<'_>, paths: Vec<PathBuf>, limits: Option<Config>) -> PyResult<Table> {
    let limits = export_limits(py, limits)?;
    interruptible(py, || ExportReader::open(paths, &limits)?.read()).map(Table)
}
