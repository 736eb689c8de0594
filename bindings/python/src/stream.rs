//! Streams of tables: files batch by batch, and growing files.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use qosguard::telemetry::netflow::ExportCounts;
use qosguard::telemetry::{self, Follow, FollowHandle, FollowOptions, SharedReader};
use qosguard::{Error, Monitor, Result};

use crate::convert::{Whole, refuse};
use crate::error::{forward, to_py};
use crate::read::{Meter, options};
use crate::schema::Schema;
use crate::table::{ReadReport, Table};

/// How often a waiting call checks whether Python was interrupted.
const LOOK: Duration = Duration::from_millis(100);

type Outcome<T> = thread::Result<Result<T>>;

/// Work on its own thread, and how to cancel it.
struct Running<T> {
    outcome: Receiver<Outcome<T>>,
    monitor: Monitor,
}

/// A call on its own thread, so that Python can be interrupted meanwhile. An interruption cancels the work; where the work
/// ends nevertheless, the next call takes its outcome.
struct Call<T>(Mutex<Option<Running<T>>>);

impl<T: Send + 'static> Call<T> {
    fn new() -> Self {
        Self(Mutex::new(None))
    }

    fn wait(
        &self,
        py: Python<'_>,
        work: impl Fn() -> Result<T> + Clone + Send + Sync + 'static,
    ) -> PyResult<T> {
        loop {
            let outcome = forward(py, || self.look(work.clone()))?;
            match outcome {
                // What is left of an interrupted call.
                Some((Ok(Err(Error::Cancelled)), true)) => {}
                Some((outcome, _)) => {
                    return forward(py, || outcome.unwrap_or_else(|panic| resume_unwind(panic)));
                }
                None => {
                    if let Err(interrupt) = py.check_signals() {
                        self.cancel();
                        return Err(interrupt);
                    }
                }
            }
        }
    }

    /// The outcome of the work, if it is there soon, and whether the work was cancelled.
    fn look(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<Option<(Outcome<T>, bool)>> {
        let mut slot = self.lock();
        let running = match slot.take() {
            Some(running) => running,
            None => start(work)?,
        };
        if let Ok(outcome) = running.outcome.recv_timeout(LOOK) {
            return Ok(Some((outcome, running.monitor.is_cancelled())));
        }
        *slot = Some(running);
        Ok(None)
    }

    fn cancel(&self) {
        if let Some(running) = &*self.lock() {
            running.monitor.cancel();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Running<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn start<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<Running<T>> {
    let (sender, outcome) = channel();
    let monitor = Monitor::default();
    let inner = monitor.clone();
    let work = move || {
        // Python may wait no longer.
        let _ = sender.send(catch_unwind(AssertUnwindSafe(|| inner.run(work))));
    };
    let thread = thread::Builder::new().name("qosguard-stream".into()).spawn(work);
    thread.map_err(|source| Error::Io { path: "thread".into(), source })?;
    Ok(Running { outcome, monitor })
}

/// An iterator of `Table`s, one per batch, of a file that may be larger than memory.
///
/// The GIL is released while a table is read. Ctrl-C ends the reading and raises `KeyboardInterrupt`; the next iteration
/// continues where it ended and loses no record, except that a capture raises `CancelledError` from then on. A thread
/// that waits for standard input or a pipe ends with the next bytes.
#[pyclass(frozen, subclass, module = "qosguard")]
pub(crate) struct TableReader {
    shared: Arc<SharedReader>,
    next: Call<Option<telemetry::Table>>,
    open: Call<()>,
}

impl TableReader {
    pub(crate) fn new(shared: SharedReader) -> Self {
        Self { shared: Arc::new(shared), next: Call::new(), open: Call::new() }
    }

    /// Opens what it reads.
    fn wait_open(&self, py: Python<'_>) -> PyResult<()> {
        let shared = Arc::clone(&self.shared);
        self.open.wait(py, move || shared.open())
    }

    /// What became of the datagrams of exporters, up to the last table.
    pub(crate) fn export_counts(&self) -> ExportCounts {
        self.shared.export_counts()
    }
}

#[pymethods]
impl TableReader {
    /// The roles and names of the columns of every table. For a followed file that is still empty, this waits for the
    /// first line, and raises `InsufficientDataError` if the following ends before.
    #[getter]
    fn schema(&self, py: Python<'_>) -> PyResult<Schema> {
        if self.shared.schema().is_none() {
            self.wait_open(py)?;
        }
        let schema = self.shared.schema().map(|schema| Schema((*schema).clone()));
        let none = || Error::InsufficientData { what: "a stream's records".into(), needed: 1, got: 0 };
        schema.ok_or_else(|| to_py(py, &none()))
    }

    /// What was read and what was rejected, up to the last table.
    #[getter]
    fn report(&self) -> ReadReport {
        ReadReport(self.shared.report())
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Table>> {
        let shared = Arc::clone(&self.shared);
        Ok(self.next.wait(py, move || shared.next_table())?.map(Table))
    }
}

/// An iterator of the `Table`s of a growing file; `qosguard.follow` makes one.
///
/// `stop()`, or the end of a `with` block, ends it from any thread; the lines that the file has by then are still returned.
#[pyclass(frozen, extends = TableReader, module = "qosguard")]
pub(crate) struct Follower(FollowHandle);

#[pymethods]
impl Follower {
    /// What happened to the file: how often it was `rotated`, `truncated`, and `vanished`.
    #[getter]
    fn counts(&self) -> BTreeMap<&'static str, u64> {
        let counts = self.0.counts();
        [("rotated", counts.rotated), ("truncated", counts.truncated), ("vanished", counts.vanished)].into()
    }

    /// Ends the iteration where the file ends now.
    fn stop(&self) {
        self.0.stop();
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_exception: "object"))]
    fn __exit__(&self, _exception: &Bound<'_, PyTuple>) {
        self.0.stop();
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Opens a file of flows as an iterator of `Table`s; `-` is standard input.
///
/// Parameters and errors are as for `read`, and in addition:
///
/// Parameters
/// ----------
/// batch_rows
///     Maximum number of rows of a table.
/// flush
///     Maximum time in seconds, by the clock of a live capture, that a row waits for its table to be full; default: no
///     limit.
///
/// Returns
/// -------
/// TableReader
///     The iterator.
#[pyfunction]
#[pyo3(signature = (path, schema = None, max_rejected_share = 0.05, *, delimiter = ',', batch_rows = Whole::new(65_536), profile = "nfstream", idle_timeout = None, active_timeout = None, interim = None, max_flows = Whole::new(500_000), decode_tunnels = false, flush = None))]
#[expect(clippy::too_many_arguments, reason = "keyword arguments of a record")]
pub(crate) fn open(
    py: Python<'_>,
    path: PathBuf,
    schema: Option<&Schema>,
    max_rejected_share: f64,
    delimiter: char,
    batch_rows: Whole,
    profile: &str,
    idle_timeout: Option<f64>,
    active_timeout: Option<f64>,
    interim: Option<f64>,
    max_flows: Whole,
    decode_tunnels: bool,
    flush: Option<f64>,
) -> PyResult<TableReader> {
    let meter = Meter { profile, idle_timeout, active_timeout, interim, max_flows, decode_tunnels };
    let mut options = options(schema, max_rejected_share, delimiter);
    options.batch_rows = batch_rows.get(py, "batch_rows")?;
    options.meter = meter.to_core(py)?;
    options.meter.batch_rows = options.batch_rows;
    options.meter.flush_s = flush;
    let reader = TableReader::new(SharedReader::of_file(path, options));
    reader.wait_open(py)?;
    Ok(reader)
}

/// Follows a growing log, such as Zeek's conn.log or Suricata's eve.json, across rotation: an iterator of `Table`s.
///
/// Parameters
/// ----------
/// path
///     The file.
/// schema, max_rejected_share, delimiter
///     As for `read`.
/// from_end
///     Whether to begin at the next line; default: at the start of the file.
/// poll
///     Seconds between two checks for new lines, 0.001 to 3,600.
/// give_up
///     Seconds to wait for a file that vanished before `IoError`; default: no limit.
/// batch_rows
///     Maximum number of rows of a table.
///
/// Returns
/// -------
/// Follower
///     The iterator.
///
/// Raises
/// ------
/// IoError
///     If there is no such file.
#[pyfunction]
#[pyo3(signature = (path, schema = None, max_rejected_share = 0.05, *, from_end = false, poll = 0.25, give_up = None, delimiter = ',', batch_rows = Whole::new(65_536)))]
#[expect(clippy::too_many_arguments, reason = "keyword arguments of a record")]
pub(crate) fn follow(
    py: Python<'_>,
    path: PathBuf,
    schema: Option<&Schema>,
    max_rejected_share: f64,
    from_end: bool,
    poll: f64,
    give_up: Option<f64>,
    delimiter: char,
    batch_rows: Whole,
) -> PyResult<Py<Follower>> {
    let mut options = options(schema, max_rejected_share, delimiter);
    options.batch_rows = batch_rows.get(py, "batch_rows")?;
    let give_up = give_up.map(|seconds| duration(py, "give_up", seconds)).transpose()?;
    let settings = FollowOptions { from_end, poll: duration(py, "poll", poll)?, give_up };
    let follow = forward(py, || Follow::open(&path, settings))?;
    let handle = follow.handle();
    let reader = TableReader::new(SharedReader::of_follow(follow, options));
    Py::new(py, PyClassInitializer::from(reader).add_subclass(Follower(handle)))
}

fn duration(py: Python<'_>, name: &str, seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|_| refuse(py, name, "seconds from 0", seconds))
}
