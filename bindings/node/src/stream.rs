//! Streams of tables: files batch by batch, growing files, and exporters.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use napi::bindgen_prelude::{AsyncTask, ClassInstance, Object};
use napi::{Env, JsError};
use napi_derive::napi;
use qosguard::Error;
use qosguard::telemetry::netflow::{self, CollectorConfig, ExportCounts, NetflowConfig, StopHandle};
use qosguard::telemetry::{self, BatchReader, Follow, FollowHandle};

use crate::convert::{Settings, mirror, settings, whole_or};
use crate::error::{Failure, Result, into_js_err, invalid};
use crate::job::{Job, spawn};
use crate::schema::Schema;
use crate::table::{ReadOptions, ReadReport, Table};

/// What the tables come from.
enum Source {
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
struct Stream {
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
    fn new(mut source: Source) -> Arc<Self> {
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
    fn promise<'env>(self: &Arc<Self>, env: &'env Env) -> Result<Object<'env>> {
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

    fn schema(&self) -> Option<Schema> {
        lock(&self.seen).schema.as_ref().map(|schema| Schema { inner: Arc::clone(schema) })
    }

    fn report(&self) -> Result<ReadReport> {
        mirror(&lock(&self.seen).report)
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

/// How a growing file is followed.
#[napi(object, object_to_js = false)]
#[derive(Default)]
#[allow(missing_debug_implementations, reason = "a class instance has none")]
pub struct FollowOptions<'a> {
    /// Whether to start at the next line; at the start of the file unless said otherwise.
    pub from_end: Option<bool>,
    /// Seconds between two looks at a file that does not grow, 0.001 to 3,600; 0.25 unless said otherwise.
    pub poll: Option<f64>,
    /// Seconds to wait for a file that vanished before it is an error; for ever unless said otherwise.
    pub give_up: Option<f64>,
    /// The schema; without one it is detected among the built-in ones.
    pub schema: Option<ClassInstance<'a, Schema>>,
    /// Share of records, in [0, 1], that may be rejected before the reading fails; 0.05 unless said otherwise.
    pub max_rejected_share: Option<f64>,
    /// What separates the cells of a CSV line; `,` unless said otherwise.
    pub delimiter: Option<String>,
    /// Longest line in bytes, 1 to 2^28; a longer one is rejected. 2^20 unless said otherwise.
    pub max_line_bytes: Option<f64>,
    /// Rows of a batch, 1 to 2^20; 65,536 unless said otherwise.
    pub batch_rows: Option<f64>,
}

impl Settings for FollowOptions<'_> {
    const KEYS: &'static [&'static str] = &[
        "fromEnd",
        "poll",
        "giveUp",
        "schema",
        "maxRejectedShare",
        "delimiter",
        "maxLineBytes",
        "batchRows",
    ];
}

/// An asynchronous iterator of the tables of a growing file; `follow` makes one.
#[napi]
#[allow(missing_debug_implementations, reason = "a reader has none")]
pub struct Follower {
    stream: Arc<Stream>,
    handle: FollowHandle,
}

#[napi]
impl Follower {
    /// The next table, `null` after `stop`.
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

    /// What happened to the file: how often it was `rotated`, `truncated`, and `vanished`.
    #[napi(getter, catch_unwind)]
    pub fn counts(&self) -> HashMap<String, f64> {
        let counts = self.handle.counts();
        let named =
            [("rotated", counts.rotated), ("truncated", counts.truncated), ("vanished", counts.vanished)];
        named.into_iter().map(|(name, count)| (name.to_owned(), count as f64)).collect()
    }

    /// Ends the iteration where the file ends now; what it holds by then is still given.
    #[napi(catch_unwind)]
    pub fn stop(&self) {
        self.handle.stop();
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.handle.stop();
    }
}

/// Follows a growing log, such as Zeek's conn.log or Suricata's eve.json, across rotation: an asynchronous iterator of tables.
///
/// Throws `io` where there is no such file. Reading rejects as `read`, and with `io` for a file that vanished too long ago.
#[napi(catch_unwind)]
pub fn follow(
    path: String,
    #[napi(ts_arg_type = "FollowOptions")] options: Option<Object<'_>>,
) -> Result<Follower> {
    let options = settings::<FollowOptions<'_>>(options)?;
    let mut how = telemetry::FollowOptions::default();
    how.from_end = options.from_end.unwrap_or_default();
    if let Some(poll) = options.poll {
        how.poll = duration("poll", poll)?;
    }
    how.give_up = options.give_up.map(|seconds| duration("giveUp", seconds)).transpose()?;
    let read = ReadOptions {
        schema: options.schema,
        max_rejected_share: options.max_rejected_share,
        delimiter: options.delimiter,
        max_line_bytes: options.max_line_bytes,
        batch_rows: options.batch_rows,
        ..ReadOptions::default()
    };
    let read = read.to_core()?;
    let follow = Follow::open(&path, how).map_err(|e| into_js_err(&e))?;
    let handle = follow.handle();
    let source = Source::Follow(path.into(), Box::new(follow), Box::new(read));
    Ok(Follower { stream: Stream::new(source), handle })
}

fn duration(name: &str, seconds: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|_| invalid(name, "seconds from 0", seconds))
}

/// How much is remembered of exporters; every table has a cap, an eviction rule and a counter.
#[napi(object, object_to_js = false)]
#[derive(Debug, Default)]
pub struct ExportLimits {
    /// Observation domains; 1,024 unless said otherwise.
    pub max_domains: Option<f64>,
    /// Templates of a domain; 256 unless said otherwise.
    pub max_templates: Option<f64>,
    /// Fields of a template; 512 unless said otherwise.
    pub max_fields: Option<f64>,
    /// Samplers of a domain; 1,024 unless said otherwise.
    pub max_samplers: Option<f64>,
    /// Data sets that wait for their template; 1,024 unless said otherwise.
    pub max_kept_sets: Option<f64>,
    /// Bytes of the data sets that wait; 2^20 unless said otherwise.
    pub max_kept_bytes: Option<f64>,
    /// Seconds after which a data set that waits is dropped; 1,800 unless said otherwise.
    pub keep: Option<f64>,
    /// Rows of a batch; 65,536 unless said otherwise.
    pub batch_rows: Option<f64>,
}

impl Settings for ExportLimits {
    const KEYS: &'static [&'static str] = &[
        "maxDomains",
        "maxTemplates",
        "maxFields",
        "maxSamplers",
        "maxKeptSets",
        "maxKeptBytes",
        "keep",
        "batchRows",
    ];
}

impl ExportLimits {
    fn to_core(&self) -> Result<NetflowConfig> {
        let core = NetflowConfig::default();
        Ok(NetflowConfig {
            max_domains: whole_or("maxDomains", self.max_domains, core.max_domains)?,
            max_templates: whole_or("maxTemplates", self.max_templates, core.max_templates)?,
            max_fields: whole_or("maxFields", self.max_fields, core.max_fields)?,
            max_samplers: whole_or("maxSamplers", self.max_samplers, core.max_samplers)?,
            max_kept_sets: whole_or("maxKeptSets", self.max_kept_sets, core.max_kept_sets)?,
            max_kept_bytes: whole_or("maxKeptBytes", self.max_kept_bytes, core.max_kept_bytes)?,
            keep_s: self.keep.unwrap_or(core.keep_s),
            batch_rows: whole_or("batchRows", self.batch_rows, core.batch_rows)?,
        })
    }
}

/// How a collector receives.
#[napi(object, object_to_js = false)]
#[derive(Default)]
#[allow(missing_debug_implementations, reason = "an object of JavaScript has none")]
pub struct CollectorOptions<'a> {
    /// Seconds that a row waits for its table to fill up; 10 unless said otherwise.
    pub flush_interval: Option<f64>,
    /// Bytes of datagrams received and not yet read; 2^25 unless said otherwise.
    pub queue_bytes: Option<f64>,
    /// How much is remembered of exporters.
    #[napi(ts_type = "ExportLimits")]
    pub limits: Option<Object<'a>>,
}

impl Settings for CollectorOptions<'_> {
    const KEYS: &'static [&'static str] = &["flushInterval", "queueBytes", "limits"];
}

/// Receives NetFlow v5 and v9, IPFIX and sFlow v5 by UDP: an asynchronous iterator of tables of the schema `ipfix`.
///
/// Datagrams are received whether or not somebody reads; those for which the queue has no room are dropped and counted. UDP
/// senders are not authenticated: bind to an address that only exporters reach.
#[napi]
#[allow(missing_debug_implementations, reason = "a reader has none")]
pub struct Collector {
    stream: Arc<Stream>,
    stop: StopHandle,
    address: String,
}

#[napi]
impl Collector {
    /// Starts to receive at `host:port`; port 0 lets the system choose. Rejects with `invalid_argument`, `io`.
    #[napi(catch_unwind, ts_return_type = "Promise<Collector>")]
    pub fn bind(
        address: String,
        #[napi(ts_arg_type = "CollectorOptions")] options: Option<Object<'_>>,
    ) -> Result<AsyncTask<Job<Collector>>> {
        let options = settings::<CollectorOptions<'_>>(options)?;
        let core = CollectorConfig::default();
        let config = CollectorConfig {
            netflow: settings::<ExportLimits>(options.limits)?.to_core()?,
            queue_bytes: whole_or("queueBytes", options.queue_bytes, core.queue_bytes)?,
            flush_interval_s: options.flush_interval.unwrap_or(core.flush_interval_s),
        };
        Ok(spawn(move || {
            let collector = netflow::Collector::bind(address, &config)?;
            let (stop, address) = (collector.stop_handle(), collector.local_addr().to_string());
            Ok(Self { stream: Stream::new(Source::Collector(Box::new(collector))), stop, address })
        }))
    }

    /// The next table, `null` after `stop`.
    #[napi(catch_unwind, ts_return_type = "Promise<Table | null>")]
    pub fn read<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        self.stream.promise(env)
    }

    /// Names and roles of the columns of every table.
    #[napi(getter, catch_unwind, ts_return_type = "Schema")]
    pub fn schema(&self) -> Option<Schema> {
        self.stream.schema()
    }

    /// What was read and what was left out, up to the last table.
    #[napi(getter, catch_unwind)]
    pub fn report(&self) -> Result<ReadReport> {
        self.stream.report()
    }

    /// Where it receives, `host:port`.
    #[napi(getter, catch_unwind)]
    pub fn address(&self) -> String {
        self.address.clone()
    }

    /// What became of everything that was received, up to the last table, by name.
    #[napi(getter, catch_unwind)]
    pub fn counts(&self) -> HashMap<String, f64> {
        let counts = lock(&self.stream.seen).counts;
        counts.named().map(|(name, count)| (name.to_owned(), count as f64)).collect()
    }

    /// Ends the receiving; what came before is still given.
    #[napi(catch_unwind)]
    pub fn stop(&self) {
        self.stop.stop();
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

/// Reads files of NetFlow, IPFIX and sFlow datagrams, in the order given, into a table of the schema `ipfix`.
///
/// A file holds one datagram, or several of NetFlow v5 or IPFIX one after the other; all are taken as those of one exporter.
/// What was left out is in `table.report.skipped`, by name. Rejects with `invalid_argument`, `io`.
#[napi(catch_unwind, ts_return_type = "Promise<Table>")]
pub fn read_exports(
    paths: Vec<String>,
    #[napi(ts_arg_type = "ExportLimits")] limits: Option<Object<'_>>,
) -> Result<AsyncTask<Job<Table>>> {
    let limits = settings::<ExportLimits>(limits)?.to_core()?;
    Ok(spawn(move || netflow::ExportReader::open(paths, &limits)?.read().map(Table::from)))
}
