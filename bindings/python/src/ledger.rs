//! `Ledger`.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use qosguard::qos::{self, LedgerConfig, LedgerEntry, Prefix};
use qosguard::settings::{from_value, within};
use serde_json::json;

use crate::convert::{Config, Record};
use crate::error::{forward, to_py};

/// A file of JSON lines with one line for each outcome of each decision, which is only ever appended to.
///
/// Each line contains the SHA-256 of the line before it, so an edited, removed or inserted line is found when the file is read. A
/// line without an end, from a program that stopped while it wrote, is cut off and counted. Several programs may use one ledger.
/// All times are seconds since the epoch.
///
/// Parameters
/// ----------
/// path : str or os.PathLike
///     The file; it is created where there is none, unless it is opened for reading only.
/// read_only : bool
///     Whether nothing is written.
/// max_file_bytes : int
///     Size at which a file is finished and a new one starts.
/// max_live : int
///     Maximum number of live decisions; one beyond it has the outcome `skipped`.
/// sync : bool
///     Whether each write waits until the disk has it.
///
/// Raises
/// ------
/// CorruptArtifactError
///     For a line that was edited, removed or inserted, and for a file of another program.
///
/// Examples
/// --------
/// >>> import tempfile, qosguard as qg
/// >>> folder = tempfile.TemporaryDirectory()
/// >>> ledger = qg.Ledger(folder.name + "/ledger.jsonl")
/// >>> entry = {"id": "9f2c", "entity": "203.0.113.7", "action": "drop", "ttl_s": 600, "outcome": "dry_run", "reason": "scan"}
/// >>> ledger.record(entry, 1_764_583_200.0)
/// 1
/// >>> [(live["entity"], live["action"], live["rest_s"]) for live in ledger.live()]
/// [('203.0.113.7', 'drop', 600.0)]
/// >>> ledger.revoke("203.0.113.0/24", "our own network", 1_764_583_260.0)
/// ['9f2c']
/// >>> ledger.explain("9f2c")[1]
/// '2025-12-01T10:01:00Z: 203.0.113.7: drop for 600 s was revoked with 540 s left. Reason: our own network.'
/// >>> [record["outcome"] for record in ledger]
/// ['dry_run', 'revoked']
/// >>> folder.cleanup()
#[pyclass(frozen, module = "qosguard")]
#[derive(Debug)]
pub(crate) struct Ledger(Mutex<qos::Ledger>);

impl Ledger {
    fn lock(&self) -> MutexGuard<'_, qos::Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Ledger {
    #[new]
    #[pyo3(signature = (path, *, read_only=false, max_file_bytes=67_108_864, max_live=100_000, sync=false))]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        read_only: bool,
        max_file_bytes: u64,
        max_live: usize,
        sync: bool,
    ) -> PyResult<Self> {
        let config = LedgerConfig { max_file_bytes, max_live, sync };
        let open =
            || if read_only { qos::Ledger::open_read_only(path) } else { qos::Ledger::open(path, &config) };
        forward(py, open).map(|ledger| Self(Mutex::new(ledger)))
    }

    /// The live decisions, each with `rest_s`, by entity and id.
    fn live(&self, py: Python<'_>) -> PyResult<Vec<Record>> {
        forward(py, || {
            let ledger = self.lock();
            let state = ledger.state();
            let live = state.live().map(|live| {
                let mut fields = json!(live);
                fields["rest_s"] = state.rest_s(live).into();
                Record::new(&fields)
            });
            Ok(live.collect())
        })
    }

    /// The entities with live decisions: the strictest action and the longest rest of each.
    fn entities(&self, py: Python<'_>) -> PyResult<Vec<Record>> {
        forward(py, || Ok(self.lock().state().entities().map(|entity| Record::new(&entity)).collect()))
    }

    /// All lines about one decision as sentences.
    fn explain(&self, py: Python<'_>, decision: &str) -> PyResult<Vec<String>> {
        forward(py, || self.lock().explain(decision))
    }

    /// Writes one outcome, and returns the number of its line. The keys of `entry` are `id`, `entity`, `action` with its
    /// settings, `outcome`, `reason`, and optionally `rest_s`, `guard` and `policy`.
    fn record(&self, py: Python<'_>, entry: Config, time: f64) -> PyResult<u64> {
        let entry: LedgerEntry = from_value(entry.0)
            .map_err(|error| to_py(py, &error.with_path(|path| within("entry", &path))))?;
        forward(py, || self.lock().record(time, entry))
    }

    /// Ends the decisions whose time is over, and returns their number.
    fn expire(&self, py: Python<'_>, now: f64) -> PyResult<usize> {
        forward(py, || self.lock().expire(now))
    }

    /// Ends the live decisions whose entity has an address in common with a prefix, and returns their ids.
    fn revoke(&self, py: Python<'_>, prefix: &str, reason: &str, time: f64) -> PyResult<Vec<String>> {
        forward(py, || self.lock().revoke(time, prefix.parse::<Prefix>()?, reason))
    }

    /// Ends the live decisions with an id, and returns their number.
    fn delete(&self, py: Python<'_>, decision: &str, reason: &str, time: f64) -> PyResult<usize> {
        forward(py, || self.lock().delete(time, decision, reason))
    }

    /// Reads what other programs have written.
    fn refresh(&self, py: Python<'_>) -> PyResult<()> {
        forward(py, || self.lock().refresh())
    }

    /// The records of all files of the ledger, from the oldest on.
    fn records(&self, py: Python<'_>) -> PyResult<LedgerRecords> {
        forward(py, || self.lock().records()).map(|records| LedgerRecords(Mutex::new(records)))
    }

    /// Each record as a line of JSON: a Network Remediation Activity of OCSF.
    fn to_ocsf(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        forward(py, || self.lock().records()?.map(|record| Ok(record?.to_ocsf())).collect())
    }

    /// Number of decisions: live ones, and ended ones.
    #[getter]
    fn decisions(&self) -> u64 {
        self.lock().state().decisions()
    }

    /// How many decisions ended, by their outcome.
    #[getter]
    fn ended(&self) -> Record {
        Record::new(&self.lock().state().ended())
    }

    /// What was counted since the ledger was opened: `torn_lines`, `torn_bytes` and `over_limit`.
    #[getter]
    fn counts(&self) -> Record {
        Record::new(&self.lock().counts())
    }

    /// The number of lines over all files, and the SHA-256 of the last one.
    #[getter]
    fn head(&self) -> (u64, String) {
        let ledger = self.lock();
        let (lines, hash) = ledger.head();
        (lines, hash.to_owned())
    }

    fn __iter__(&self, py: Python<'_>) -> PyResult<LedgerRecords> {
        self.records(py)
    }

    fn __repr__(&self) -> String {
        let ledger = self.lock();
        format!("Ledger({} live of {} decisions)", ledger.state().n_live(), ledger.state().decisions())
    }
}

/// The records of a ledger as dictionaries.
#[pyclass(frozen, module = "qosguard._core")]
#[derive(Debug)]
pub(crate) struct LedgerRecords(Mutex<qos::LedgerRecords>);

#[pymethods]
impl LedgerRecords {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Record>> {
        forward(py, || {
            let next = self.0.lock().unwrap_or_else(PoisonError::into_inner).next().transpose()?;
            Ok(next.map(|record| Record::new(&record)))
        })
    }
}
