//! Streams of tables: what their classes share, and files batch by batch.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use napi::bindgen_prelude::Object;
use napi::{Env, JsError};
use napi_derive::napi;
use qosguard::Error;
use qosguard::telemetry::netflow::{self, ExportCounts};
use qosguard::telemetry::{self, BatchReader, Follow, FollowHandle};

use crate::convert::settings;
use crate::error::{Failure, Result, into_js_err};
use crate::schema::Schema;
use crate::table::{ReadOptions, ReadReport, Table};

/// What the tables come from.
pub(crate) enum Source {
    File(PathBuf, Box<telemetry::ReadOptions>),
    Reader(Box<dyn BatchReader>),
    /// Opened with the first line, which tells what the file holds.
    Follow(PathBuf, Box<Follow>, Box<telemetry::ReadOptions>),
    Collector(Box<netflow::Collector>),
}

impl Source {
    fn opened(self) -> qosguard::Result<Self> {
        match self {
            Self::File(path, options) => telemetry::open(path, &options).map(Self::Reader),
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

/// A source that any thread may read from, one at a time.
pub(crate) struct Stream {
    /// `None` at the end, and after an error or a panic.
    source: Mutex<Option<Source>>,
    seen: Mutex<Seen>,
    follow: Option<FollowHandle>,
}

/// A lock; nothing behind one is left half changed by a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stream {
    pub(crate) fn new(mut source: Source) -> Arc<Self> {
        let follow = match &source {
            Source::Follow(_, follow, _) => Some(follow.handle()),
            _ => None,
        };
        let stream = Self { source: Mutex::new(None), seen: Mutex::default(), follow };
        stream.see(&mut source);
        *lock(&stream.source) = Some(source);
        Arc::new(stream)
    }

    fn next(&self) -> qosguard::Result<Option<telemetry::Table>> {
        let mut slot = lock(&self.source);
        let Some(source) = slot.take() else { return Ok(None) };
        let Some(mut source) = self.unless_stopped(source.opened().map(Some))? else { return Ok(None) };
        let table = match &mut source {
            Source::Reader(reader) => reader.next_table(),
            Source::Collector(collector) => collector.next_table(),
            Source::File(..) | Source::Follow(..) => None,
        };
        self.see(&mut source);
        let table = self.unless_stopped(table.transpose())?;
        if table.is_some() {
            *slot = Some(source);
        }
        Ok(table)
    }

    /// A followed file that was stopped before it had a record is no error.
    fn unless_stopped<T>(&self, result: qosguard::Result<Option<T>>) -> qosguard::Result<Option<T>> {
        match result {
            Err(Error::InsufficientData { .. })
                if self.follow.as_ref().is_some_and(FollowHandle::is_stopped) =>
            {
                Ok(None)
            }
            result => result,
        }
    }

    fn see(&self, source: &mut Source) {
        let (reader, counts): (&dyn BatchReader, _) = match source {
            Source::Reader(reader) => (&**reader, ExportCounts::default()),
            Source::Collector(collector) => (&**collector, *collector.counts()),
            Source::File(..) | Source::Follow(..) => return,
        };
        let (schema, report) = (Some(Arc::clone(reader.schema())), reader.report().clone());
        *lock(&self.seen) = Seen { schema, report, counts };
    }

    /// A promise of the next table, `null` at the end.
    ///
    /// It may be long in coming, so a thread of its own waits: a few of libuv's would soon all be taken, and Node joins
    /// them before it exits.
    pub(crate) fn promise<'env>(self: &Arc<Self>, env: &'env Env) -> Result<Object<'env>> {
        type Resolver = Box<dyn FnOnce(Env) -> napi::Result<Option<Table>>>;
        let failed = |error: napi::Error| Failure::new("internal", error.reason.clone());
        let (deferred, promise) = env.create_deferred::<Option<Table>, Resolver>().map_err(failed)?;
        let stream = Arc::clone(self);
        let work = move || {
            let outcome = catch_unwind(AssertUnwindSafe(|| stream.next()));
            deferred.resolve(Box::new(move |env| {
                let table = match outcome {
                    Ok(table) => table.map_err(|error| into_js_err(&error)),
                    Err(_) => Err(Failure::new("internal", "a panic inside qosguard; please report it")),
                };
                let table = table.map(|table| table.map(Table::from));
                table.map_err(|failure| napi::Error::from(JsError::from(failure).into_unknown(env)))
            }));
        };
        let thread = thread::Builder::new().name("qosguard-stream".into()).spawn(work);
        thread.map_err(|error| Failure::new("io", error.to_string()))?;
        Ok(promise)
    }

    pub(crate) fn schema(&self) -> Option<Schema> {
        lock(&self.seen).schema.as_ref().map(|schema| Schema { inner: Arc::clone(schema) })
    }

    pub(crate) fn report(&self) -> Result<ReadReport> {
        ReadReport::of(&lock(&self.seen).report)
    }

    pub(crate) fn counts(&self) -> ExportCounts {
        lock(&self.seen).counts
    }
}

/// An asynchronous iterator of the tables of a file, which need not fit into memory: one per batch. It is opened with the
/// first of them.
#[napi]
#[allow(missing_debug_implementations, reason = "a reader has none")]
pub struct TableReader {
    stream: Arc<Stream>,
}

#[napi]
impl TableReader {
    /// The next table, `null` at the end.
    #[napi(catch_unwind, ts_return_type = "Promise<Table | null>")]
    pub fn read<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        self.stream.promise(env)
    }

    /// Names and roles of the columns of every table; `null` before the first one.
    #[napi(getter, catch_unwind)]
    pub fn schema(&self) -> Option<Schema> {
        self.stream.schema()
    }

    /// What was read and what was rejected, up to the last table.
    #[napi(getter, catch_unwind)]
    pub fn report(&self) -> Result<ReadReport> {
        self.stream.report()
    }
}

/// Opens a file of flows, logs or packets, as `read` does, as an asynchronous iterator of tables; `-` is standard input.
///
/// Reading rejects as `read`.
#[napi(catch_unwind)]
pub fn open(
    path: String,
    #[napi(ts_arg_type = "ReadOptions")] options: Option<Object<'_>>,
) -> Result<TableReader> {
    let options = settings::<ReadOptions<'_>>(options)?.to_core()?;
    Ok(TableReader { stream: Stream::new(Source::File(path.into(), Box::new(options))) })
}
