//! A reader that several threads share.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::follow::{Follow, FollowHandle};
use super::read::{open, open_input};
use crate::error::{Error, Result};
#[cfg(feature = "netflow")]
use crate::telemetry::netflow::{Collector, ExportCounts};
use crate::telemetry::schema::Schema;
use crate::telemetry::table::Table;
use crate::telemetry::table::batches::BatchReader;
use crate::telemetry::table::options::ReadOptions;
use crate::telemetry::table::report::ReadReport;

/// Tables of a file, a growing file or a UDP port. One thread reads the tables; others get the schema, report and
/// counts.
///
/// [`SharedReader::next_table`] takes `&self` and serves one caller at a time. The schema, the report and the counts are
/// copies as of the last table, so reading them never waits for the next one. Opening happens with
/// [`SharedReader::open`] or with the first table: a followed file that is still empty has no columns before its first
/// line.
///
/// Inside [`Monitor::run`](crate::Monitor::run), [`Monitor::cancel`](crate::Monitor::cancel) ends a call with
/// [`Error::Cancelled`], also one that waits for a followed file or for a datagram; only a read of standard input or of a
/// pipe ends with its next bytes. The next call continues where the cancelled one ended, and loses no record. A capture
/// cannot be continued: each later call returns [`Error::Cancelled`] again. After any other error there are no more tables.
///
/// # Examples
///
/// ```
/// use std::io::Write;
/// use std::sync::Arc;
/// use qosguard::telemetry::{ReadOptions, SharedReader};
///
/// let mut file = tempfile::Builder::new().suffix(".csv").tempfile()?;
/// writeln!(file, "dst_port,protocol,packet_count,byte_count,duration\n443,tcp,12,1024,3.4")?;
/// let reader = Arc::new(SharedReader::of_file(file.path(), ReadOptions::default()));
/// assert!(reader.schema().is_none());
///
/// let worker = Arc::clone(&reader);
/// let table = std::thread::spawn(move || worker.next_table()).join().expect("no panic")?;
/// assert_eq!(table.ok_or("a table")?.n_rows(), 1);
/// assert_eq!(reader.report().accepted, 1);
/// assert!(reader.next_table()?.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SharedReader {
    /// `None` at the end, and after an error or a panic.
    source: Mutex<Option<Source>>,
    latest: Mutex<Latest>,
    follow: Option<FollowHandle>,
}

/// Where the tables come from.
enum Source {
    /// A file that is not open yet.
    File(PathBuf, Box<ReadOptions>),
    /// An input whose reader is not chosen yet, its place, and how it is read.
    Input(Recorder, String, Box<ReadOptions>),
    Reader(Box<dyn BatchReader>),
    #[cfg(feature = "netflow")]
    Collector(Box<Collector>),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").finish_non_exhaustive()
    }
}

/// What is known as of the last table.
#[derive(Debug, Default)]
struct Latest {
    schema: Option<Arc<Schema>>,
    report: ReadReport,
    #[cfg(feature = "netflow")]
    counts: ExportCounts,
}

/// Locks a mutex; a panic leaves nothing half changed behind one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SharedReader {
    /// Reads a file of any kind, or standard input for the path `-`; see [`open`](crate::telemetry::open).
    pub fn of_file(path: impl Into<PathBuf>, options: ReadOptions) -> Self {
        Self::new(Source::File(path.into(), Box::new(options)), None)
    }

    /// Reads a growing file.
    pub fn of_follow(follow: Follow, options: ReadOptions) -> Self {
        let (place, handle) = (follow.place(), follow.handle());
        Self::new(Source::Input(Recorder::new(follow), place, Box::new(options)), Some(handle))
    }

    /// Reads what exporters send to a UDP port.
    #[cfg(feature = "netflow")]
    pub fn of_collector(collector: Collector) -> Self {
        Self::new(Source::Collector(Box::new(collector)), None)
    }

    fn new(source: Source, follow: Option<FollowHandle>) -> Self {
        let shared = Self { source: Mutex::new(None), latest: Mutex::default(), follow };
        shared.remember(&source);
        *lock(&shared.source) = Some(source);
        shared
    }

    /// Opens the input, so that [`SharedReader::schema`] has a value; waits for the first line of a followed file.
    ///
    /// # Errors
    ///
    /// As [`open`](crate::telemetry::open); [`Error::Cancelled`].
    pub fn open(&self) -> Result<()> {
        let mut slot = lock(&self.source);
        if let Some(source) = take_open(&mut slot)? {
            self.remember(&source);
            *slot = Some(source);
        }
        Ok(())
    }

    /// Reads the next batch as a table; `None` at the end, after an error, and after the stop of a followed file or of a
    /// collector.
    ///
    /// # Errors
    ///
    /// As [`open`](crate::telemetry::open) and of the reader's batches; [`Error::Cancelled`].
    pub fn next_table(&self) -> Result<Option<Table>> {
        let mut slot = lock(&self.source);
        let opened = take_open(&mut slot);
        let Some(mut source) = self.unless_stopped(opened)? else { return Ok(None) };
        let table = source.next_table();
        self.remember(&source);
        if matches!(table, Some(Ok(_) | Err(Error::Cancelled))) {
            *slot = Some(source);
        }
        self.unless_stopped(table.transpose())
    }

    /// Names and roles of the columns of every table; `None` before the input is open.
    pub fn schema(&self) -> Option<Arc<Schema>> {
        lock(&self.latest).schema.clone()
    }

    /// What was read and what was rejected, up to the last table.
    pub fn report(&self) -> ReadReport {
        lock(&self.latest).report.clone()
    }

    /// What became of the datagrams of exporters, up to the last table; all 0 for a file.
    #[cfg(feature = "netflow")]
    pub fn export_counts(&self) -> ExportCounts {
        lock(&self.latest).counts
    }

    /// A followed file that was stopped before its first record ends without an error.
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

    fn remember(&self, source: &Source) {
        let reader: &dyn BatchReader = match source {
            Source::File(..) | Source::Input(..) => return,
            Source::Reader(reader) => &**reader,
            #[cfg(feature = "netflow")]
            Source::Collector(collector) => &**collector,
        };
        *lock(&self.latest) = Latest {
            schema: Some(Arc::clone(reader.schema())),
            report: reader.report().clone(),
            #[cfg(feature = "netflow")]
            counts: match source {
                Source::Collector(collector) => *collector.counts(),
                _ => ExportCounts::default(),
            },
        };
    }
}

impl Source {
    fn next_table(&mut self) -> Option<Result<Table>> {
        match self {
            Self::File(..) | Self::Input(..) => None,
            Self::Reader(reader) => reader.next_table(),
            #[cfg(feature = "netflow")]
            Self::Collector(collector) => collector.next_table(),
        }
    }
}

/// Takes a source out of its slot and opens it; one whose opening was cancelled stays there.
fn take_open(slot: &mut Option<Source>) -> Result<Option<Source>> {
    let Some(source) = slot.take() else { return Ok(None) };
    let (opened, again) = match source {
        Source::File(path, options) if path.is_file() => (open(&path, &options), Source::File(path, options)),
        Source::File(path, options) => {
            *slot = Some(Source::Input(Recorder::open(&path)?, place(&path), options));
            return take_open(slot);
        }
        Source::Input(recorder, place, options) => {
            let opened = open_input(recorder.replay(), &place, &options);
            if opened.is_ok() {
                recorder.stop();
            }
            (opened, Source::Input(recorder, place, options))
        }
        #[cfg(feature = "netflow")]
        collector @ Source::Collector(..) => return Ok(Some(collector)),
        reader @ Source::Reader(_) => return Ok(Some(reader)),
    };
    if matches!(opened, Err(Error::Cancelled)) {
        *slot = Some(again);
    }
    opened.map(|reader| Some(Source::Reader(reader)))
}

fn place(path: &Path) -> String {
    if path == Path::new("-") { "standard input".into() } else { path.display().to_string() }
}

/// An input that keeps what is read of it while its reader is chosen, so that a cancelled opening can start again.
#[derive(Clone)]
struct Recorder(Arc<Mutex<Recorded>>);

struct Recorded {
    input: Box<dyn Read + Send>,
    bytes: Vec<u8>,
    is_recording: bool,
}

impl Recorder {
    fn new(input: impl Read + Send + 'static) -> Self {
        let recorded = Recorded { input: Box::new(input), bytes: Vec::new(), is_recording: true };
        Self(Arc::new(Mutex::new(recorded)))
    }

    /// Opens what gives its bytes only once: standard input, a pipe or a device.
    fn open(path: &Path) -> Result<Self> {
        if path == Path::new("-") {
            return Ok(Self::new(io::stdin()));
        }
        File::open(path).map(Self::new).map_err(|e| Error::io(path, e))
    }

    /// The input from its start.
    fn replay(&self) -> Replay {
        Replay { recorder: self.clone(), at: 0 }
    }

    /// Ends the recording; what a replay has not read yet stays.
    fn stop(&self) {
        lock(&self.0).is_recording = false;
    }
}

struct Replay {
    recorder: Recorder,
    at: usize,
}

impl Read for Replay {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut recorded = lock(&self.recorder.0);
        let mut rest = recorded.bytes.get(self.at..).unwrap_or_default();
        if !rest.is_empty() {
            let length = rest.read(buffer)?;
            self.at += length;
            return Ok(length);
        }
        let length = recorded.input.read(buffer)?;
        if recorded.is_recording {
            recorded.bytes.extend_from_slice(buffer.get(..length).unwrap_or_default());
            self.at += length;
        } else if !recorded.bytes.is_empty() {
            recorded.bytes = Vec::new();
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::thread;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::Monitor;
    use crate::telemetry::FollowOptions;

    const HEADER: &str = "dst_port,protocol,packet_count,byte_count,duration\n";

    fn is_cancelled<T: std::fmt::Debug>(result: Result<T>) -> bool {
        matches!(result, Err(Error::Cancelled))
    }

    /// Cancels a call that waits, and checks that it ends soon.
    fn cancelled<T: Send + std::fmt::Debug>(work: impl FnOnce() -> Result<T> + Send) {
        let monitor = Monitor::default();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| monitor.run(work));
            thread::sleep(Duration::from_millis(100));
            let start = Instant::now();
            monitor.cancel();
            assert!(is_cancelled(waiting.join().unwrap()));
            assert!(start.elapsed() < Duration::from_secs(1));
        });
    }

    #[test]
    fn a_cancelled_wait_for_a_growing_file_ends_at_once_and_loses_nothing() {
        let mut log = tempfile::Builder::new().suffix(".csv").tempfile().unwrap();
        let options = FollowOptions { poll: Duration::from_mins(10), ..FollowOptions::default() };
        let reader = |options| {
            SharedReader::of_follow(Follow::open(log.path(), options).unwrap(), ReadOptions::default())
        };
        cancelled(|| reader(options).open());

        let short = FollowOptions { poll: Duration::from_millis(1), ..options };
        let reader = reader(short);
        cancelled(|| reader.open());
        log.write_all(&HEADER.as_bytes()[..9]).unwrap();
        cancelled(|| reader.next_table());
        log.write_all(&HEADER.as_bytes()[9..]).unwrap();
        log.write_all(b"443,tcp,12,1024,3.4\n80,t").unwrap();
        assert_eq!(reader.next_table().unwrap().unwrap().n_rows(), 1);
        cancelled(|| reader.next_table());
        log.write_all(b"cp,1,60,0\n").unwrap();
        assert_eq!(reader.next_table().unwrap().unwrap().n_rows(), 1);
        assert_eq!((reader.report().accepted, reader.report().rejected), (2, 0));
    }

    #[test]
    fn a_cancelled_file_continues() {
        let mut file = tempfile::Builder::new().suffix(".csv").tempfile().unwrap();
        file.write_all(HEADER.as_bytes()).unwrap();
        for _ in 0..100_000 {
            file.write_all(b"443,tcp,12,1024,3.4\n").unwrap();
        }
        let options = ReadOptions { batch_rows: 60_000, ..ReadOptions::default() };
        let reader = SharedReader::of_file(file.path(), options);
        let monitor = Monitor::default();
        monitor.cancel();
        assert!(is_cancelled(monitor.run(|| reader.open())));
        let mut rows = 0;
        for _ in 0..10 {
            let _ = monitor.run(|| reader.next_table());
            rows += reader.next_table().unwrap().map_or(0, |table| table.n_rows());
        }
        assert_eq!(rows, 100_000);
    }

    #[cfg(feature = "netflow")]
    #[test]
    fn a_cancelled_wait_for_datagrams_ends_at_once_and_continues() {
        use crate::telemetry::netflow::CollectorConfig;

        let collector = Collector::bind("127.0.0.1:0", &CollectorConfig::default()).unwrap();
        let stop = collector.stop_handle();
        let reader = SharedReader::of_collector(collector);
        cancelled(|| reader.next_table());
        stop.stop();
        assert!(reader.next_table().unwrap().is_none());
    }
}
