//! A source that may wait for records without end, read on a thread of its own.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use qosguard::arrow::array::RecordBatch;
use qosguard::telemetry::{BatchReader, ReadReport, Schema};
use qosguard::{Error, Result};

use crate::arguments::Watch;
use crate::exit::Failure;
use crate::input;

/// Batches of one live source that may wait.
pub(super) const WAITING: usize = 4;

/// How one source is doing.
#[derive(Clone, Debug)]
pub(super) struct SourceState {
    pub(super) name: String,
    pub(super) records: u64,
    pub(super) is_running: bool,
    pub(super) is_failed: bool,
}

/// A source on a thread of its own.
pub(super) struct Live {
    pub(super) state: SourceState,
    pub(super) source: u32,
    pub(super) schema: Option<Arc<Schema>>,
    pub(super) permits: SyncSender<()>,
    pub(super) report: ReadReport,
    pub(super) rejected: u64,
    /// Records that do not fit the common schema.
    pub(super) unfit: u64,
}

/// What a thread sends.
pub(super) enum Arrival {
    Opened(usize, Arc<Schema>),
    Batch(usize, RecordBatch, u64),
    Ended(usize, Box<ReadReport>, Option<Failure>),
}

impl Live {
    /// Takes the schema, and lets the thread send its first batches.
    pub(super) fn open(&mut self, schema: Arc<Schema>) {
        self.schema = Some(schema);
        for _ in 0..WAITING {
            self.permit();
        }
    }

    /// Lets the thread send one more batch. It never waits: there are at most as many permits as there is room for.
    pub(super) fn permit(&self) {
        let _ = self.permits.try_send(());
    }

    /// Checks that its records can fill a schema.
    pub(super) fn check(&self, wanted: &Schema) -> Result<()> {
        let Some(schema) = self.schema.as_ref().filter(|schema| ***schema != *wanted) else { return Ok(()) };
        let missing = wanted.fits(schema).missing;
        if missing.is_empty() {
            return Ok(());
        }
        let (place, schema) = (self.state.name.clone(), wanted.name().to_owned());
        Err(Error::SchemaMismatch { place, schema, missing, unknown: Vec::new() })
    }
}

/// Starts the thread of a live source.
pub(super) fn start(
    command: &Watch,
    path: &Path,
    guard: Option<&Schema>,
    (at, source): (usize, u32),
    sender: &SyncSender<Arrival>,
) -> Result<Live> {
    let (permits, given) = sync_channel(WAITING);
    let name = if path == Path::new("-") { "standard input".into() } else { path.display().to_string() };
    let (input, path, guard) = (command.input.clone(), path.to_path_buf(), guard.cloned());
    let (is_followed, sender) = (command.follow, sender.clone());
    let work = move || {
        let open = || {
            if is_followed {
                input::follow(&input, &path)
            } else {
                input::open_one(&input, &path, guard.as_ref())
            }
        };
        let mut report = ReadReport::new(&path.display().to_string());
        let failure = read(open, &mut report, at, &sender, &given).err();
        let _ = sender.send(Arrival::Ended(at, Box::new(report), failure));
    };
    let thread = thread::Builder::new().name("qosguard-source".into()).spawn(work);
    thread.map_err(|source| Error::Io { path: "thread".into(), source })?;
    let state = SourceState { name: name.clone(), records: 0, is_running: true, is_failed: false };
    let report = ReadReport::new(&name);
    Ok(Live { state, source, schema: None, permits, report, rejected: 0, unfit: 0 })
}

/// Reads a live source to its end; a batch is sent when there is a permit for it.
fn read(
    open: impl FnOnce() -> Result<Box<dyn BatchReader>, Failure>,
    report: &mut ReadReport,
    at: usize,
    sender: &SyncSender<Arrival>,
    permits: &Receiver<()>,
) -> Result<(), Failure> {
    let mut reader = open()?;
    report.clone_from(reader.report());
    if sender.send(Arrival::Opened(at, Arc::clone(reader.schema()))).is_err() {
        return Ok(());
    }
    loop {
        let batch = input::next(&mut reader);
        report.clone_from(reader.report());
        let Some(batch) = batch? else { return Ok(()) };
        let is_wanted = permits.recv().is_ok();
        if !is_wanted || sender.send(Arrival::Batch(at, batch, report.rejected)).is_err() {
            return Ok(());
        }
    }
}
