//! Streams of tables: what their classes share, and files batch by batch.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use napi::bindgen_prelude::Object;
use napi::{Env, JsError};
use napi_derive::napi;
use qosguard::telemetry::SharedReader;
use qosguard::telemetry::netflow::ExportCounts;

use crate::convert::settings;
use crate::error::{Failure, Result, into_js_err};
use crate::schema::Schema;
use crate::table::{ReadOptions, ReadReport, Table};

/// A reader whose tables come as promises.
pub(crate) struct Stream(Arc<SharedReader>);

impl Stream {
    pub(crate) fn new(reader: SharedReader) -> Self {
        Self(Arc::new(reader))
    }

    /// A promise of the next table, `null` at the end.
    ///
    /// It may be long in coming, so a thread of its own waits: a few of libuv's would soon all be taken, and Node joins
    /// them before it exits.
    pub(crate) fn promise<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        type Resolver = Box<dyn FnOnce(Env) -> napi::Result<Option<Table>>>;
        let failed = |error: napi::Error| Failure::new("internal", error.reason.clone());
        let (deferred, promise) = env.create_deferred::<Option<Table>, Resolver>().map_err(failed)?;
        let reader = Arc::clone(&self.0);
        let work = move || {
            let outcome = catch_unwind(AssertUnwindSafe(|| reader.next_table()));
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
        self.0.schema().map(|inner| Schema { inner })
    }

    pub(crate) fn report(&self) -> Result<ReadReport> {
        ReadReport::of(&self.0.report())
    }

    pub(crate) fn counts(&self) -> ExportCounts {
        self.0.export_counts()
    }
}

/// An asynchronous iterator of the tables of a file, which need not fit into memory: one per batch. It is opened with the
/// first of them.
#[napi]
#[allow(missing_debug_implementations, reason = "a reader has none")]
pub struct TableReader {
    stream: Stream,
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
    Ok(TableReader { stream: Stream::new(SharedReader::of_file(path, options)) })
}
