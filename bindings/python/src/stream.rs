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
use qosguard::telemetry::netflow::{self, ExportCounts};
use qosguard::telemetry::{self, BatchReader, Follow, FollowHandle, FollowOptions, ReadOptions};
use qosguard::{Error, Result};

use crate::convert::{Whole, refuse};
use crate::error::{forward, to_py};
use crate::read::{Meter, options};
use crate::schema::Schema;
use crate::table::{ReadReport, Table};

/// How often a waiting call looks whether Python was interrupted.
const LOOK: Duration = Duration::from_millis(100);

/// What the tables come from.
pub(crate) enum Source {
    Reader(Box<dyn BatchReader>),
    /// Opened with the first line, which tells what the file holds.
    Follow(PathBuf, Box<Follow>, Box<ReadOptions>),
    Collector(Box<netflow::Collector>),
}

impl Source {
    fn opened(self) -> Result<Self> {
        match self {
            Self::Follow(path, follow, options) => {
                let place = path.display().to_string();
                telemetry::open_input(*follow, &place, &options).map(Self::Reader)
            }
            opened => Ok(opened),
        }
    }
}

/// What is known of a stream while a thread waits for its next table.
#[derive(Default)]
struct Seen {
    schema: Option<Arc<telemetry::Schema>>,
    report: telemetry::ReadReport,
    counts: ExportCounts,
}

struct Shared {
    /// `None` at the end, and after an error or a panic.
    source: Mutex<Option<Source>>,
    seen: Mutex<Seen>,
    follow: Option<FollowHandle>,
}

/// A lock; nothing behind one is left half changed by a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn open(&self) -> Result<()> {
        let mut slot = lock(&self.source);
        let Some(source) = slot.take() else { return Ok(()) };
        let mut source = source.opened()?;
        self.see(&mut source);
        *slot = Some(source);
        Ok(())
    }

    /// A followed file that was stopped before it had a record is no error.
    fn unless_stopped<T>(&self, result: Result<Option<T>>) -> Result<Option<T>> {
        match result {
            Err(Error::InsufficientData { .. })
                if self.follow.as_ref().is_some_and(FollowHandle::is_stopped) =>
            {
                Ok(None)
            }
            result => result,
        }
    }

    fn next(&self) -> Result<Option<telemetry::Table>> {
        let mut slot = lock(&self.source);
        let Some(source) = slot.take() else { return Ok(None) };
        let Some(mut source) = self.unless_stopped(source.opened().map(Some))? else { return Ok(None) };
        let table = match &mut source {
            Source::Reader(reader) => reader.next_table(),
            Source::Collector(collector) => collector.next_table(),
            Source::Follow(..) => None,
        };
        self.see(&mut source);
        let table = self.unless_stopped(table.transpose())?;
        if table.is_some() {
            *slot = Some(source);
        }
        Ok(table)
    }

    fn see(&self, source: &mut Source) {
        let (reader, counts): (&dyn BatchReader, _) = match source {
            Source::Reader(reader) => (&**reader, ExportCounts::default()),
            Source::Collector(collector) => (&**collector, *collector.counts()),
            Source::Follow(..) => return,
        };
        let (schema, report) = (Some(Arc::clone(reader.schema())), reader.report().clone());
        *lock(&self.seen) = Seen { schema, report, counts };
    }
}

type Outcome<T> = thread::Result<Result<T>>;

/// A call on a thread of its own, so that Python can be interrupted meanwhile; the next call takes up what an
/// interrupted one left.
struct Call<T>(Mutex<Option<Receiver<Outcome<T>>>>);

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
                Some(outcome) => {
                    return forward(py, || outcome.unwrap_or_else(|panic| resume_unwind(panic)));
                }
                None => py.check_signals()?,
            }
        }
    }

    /// What came of the work, if it is done soon.
    fn look(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<Option<Outcome<T>>> {
        let mut slot = lock(&self.0);
        let receiver = match slot.take() {
            Some(receiver) => receiver,
            None => start(work)?,
        };
        let outcome = receiver.recv_timeout(LOOK).ok();
        if outcome.is_none() {
            *slot = Some(receiver);
        }
        Ok(outcome)
    }
}

fn start<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<Receiver<Outcome<T>>> {
    let (sender, receiver) = channel();
    let work = move || {
        // Python may have given up waiting.
        let _ = sender.send(catch_unwind(AssertUnwindSafe(work)));
    };
    let thread = thread::Builder::new().name("qosguard-stream".into()).spawn(work);
    thread.map_err(|source| Error::Io { path: "thread".into(), source })?;
    Ok(receiver)
}

/// An iterator of `Table`s, one per batch, of a file that need not fit into memory.
///
/// The GIL is released while a table is read, and Ctrl-C interrupts it; nothing is lost by that.
#[pyclass(frozen, subclass, module = "qosguard")]
pub(crate) struct TableReader {
    shared: Arc<Shared>,
    next: Call<Option<telemetry::Table>>,
    open: Call<()>,
}

impl TableReader {
    pub(crate) fn new(mut source: Source) -> Self {
        let follow = match &source {
            Source::Follow(_, follow, _) => Some(follow.handle()),
            _ => None,
        };
        let shared = Shared { source: Mutex::new(None), seen: Mutex::default(), follow };
        shared.see(&mut source);
        *lock(&shared.source) = Some(source);
        Self { shared: Arc::new(shared), next: Call::new(), open: Call::new() }
    }

    /// What became of the datagrams of exporters, up to the last table.
    pub(crate) fn export_counts(&self) -> ExportCounts {
        lock(&self.shared.seen).counts
    }
}

#[pymethods]
impl TableReader {
    /// The roles and names of the columns of every table. Of a followed file that is still empty, this waits for
    /// the first line, and raises `InsufficientDataError` if it never came.
    #[getter]
    fn schema(&self, py: Python<'_>) -> PyResult<Schema> {
        if lock(&self.shared.seen).schema.is_none() {
            let shared = Arc::clone(&self.shared);
            self.open.wait(py, move || shared.open())?;
        }
        let seen = lock(&self.shared.seen);
        let schema = seen.schema.as_ref().map(|schema| Schema((**schema).clone()));
        let none = || Error::InsufficientData { what: "a stream's records".into(), needed: 1, got: 0 };
        schema.ok_or_else(|| to_py(py, &none()))
    }

    /// What was read and what was rejected, up to the last table.
    #[getter]
    fn report(&self) -> ReadReport {
        ReadReport(lock(&self.shared.seen).report.clone())
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Table>> {
        let shared = Arc::clone(&self.shared);
        Ok(self.next.wait(py, move || shared.next())?.map(Table))
    }
}

/// An iterator of the `Table`s of a growing file; `qosguard.follow` makes one.
///
/// `stop()`, or leaving a `with` block, ends it from any thread: what the file holds by then is still given.
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

/// Opens a file of flows as an iterator of `Table`s; the options are those of `read`, and `-` is standard input.
///
/// A table has at most `batch_rows` rows. Of a live capture, rows wait at most `flush` seconds of its time for a table to
/// fill up, if that is given.
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
    forward(py, || telemetry::open(path, &options)).map(|reader| TableReader::new(Source::Reader(reader)))
}

/// Follows a growing log, such as Zeek's conn.log or Suricata's eve.json, across rotation: an iterator of `Table`s.
///
/// It begins at the start of the file, or with `from_end` at the next line, and looks for more every `poll` seconds.
/// A file that vanished for more than `give_up` seconds raises `IoError`; without it that is waited for. The other
/// options are those of `read`.
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
    let reader = TableReader::new(Source::Follow(path, Box::new(follow), Box::new(options)));
    Py::new(py, PyClassInitializer::from(reader).add_subclass(Follower(handle)))
}

fn duration(py: Python<'_>, name: &str, seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|_| refuse(py, name, "seconds from 0", seconds))
}
