//! `Collector`: flow records that routers export, by UDP and from files.

use std::collections::HashMap;

use napi::Env;
use napi::bindgen_prelude::{AsyncTask, Object};
use napi_derive::napi;
use qosguard::telemetry::netflow::{self, CollectorConfig, NetflowConfig, StopHandle};
use qosguard::telemetry::{BatchReader, SharedReader};

use crate::convert::{Settings, settings, whole_or};
use crate::error::Result;
use crate::job::{Job, spawn};
use crate::schema::Schema;
use crate::stream::Stream;
use crate::table::{ReadReport, Table};

/// Bounds of the memory for exporters; every table has a cap, an eviction rule and a counter.
#[napi(object, object_to_js = false)]
#[derive(Debug, Default)]
pub struct ExportLimits {
    /// Observation domains; default: 1,024.
    pub max_domains: Option<f64>,
    /// Templates of a domain; default: 256.
    pub max_templates: Option<f64>,
    /// Fields of a template; default: 512.
    pub max_fields: Option<f64>,
    /// Samplers of a domain; default: 1,024.
    pub max_samplers: Option<f64>,
    /// Data sets that wait for their template; default: 1,024.
    pub max_kept_sets: Option<f64>,
    /// Bytes of the data sets that wait; default: 2^20.
    pub max_kept_bytes: Option<f64>,
    /// Seconds after which a data set that waits is dropped; default: 1,800.
    pub keep: Option<f64>,
    /// Rows of a batch; default: 65,536.
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
    /// Seconds that a row waits for its table to fill up; default: 10.
    pub flush_interval: Option<f64>,
    /// Bytes of datagrams received and not yet read; default: 2^25.
    pub queue_bytes: Option<f64>,
    /// Bounds of the memory for exporters.
    #[napi(ts_type = "ExportLimits")]
    pub limits: Option<Object<'a>>,
}

impl Settings for CollectorOptions<'_> {
    const KEYS: &'static [&'static str] = &["flushInterval", "queueBytes", "limits"];
}

/// Receives NetFlow v5 and v9, IPFIX and sFlow v5 by UDP: an asynchronous iterator of tables of the schema `ipfix`.
///
/// Datagrams are received also while no table is read; datagrams for which the queue has no room are dropped and counted. UDP
/// senders are not authenticated: bind to an address that only exporters reach.
#[napi]
#[allow(missing_debug_implementations, reason = "a reader has none")]
pub struct Collector {
    stream: Stream,
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
            Ok(Self { stream: Stream::new(SharedReader::of_collector(collector)), stop, address })
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

    /// Counts of datagrams and records by their outcome, up to the last table.
    #[napi(getter, catch_unwind)]
    pub fn counts(&self) -> HashMap<String, f64> {
        self.stream.counts().named().map(|(name, count)| (name.to_owned(), count as f64)).collect()
    }

    /// Ends the receiving; datagrams that were received before are still returned.
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
/// A file holds one datagram, or several of NetFlow v5 or IPFIX one after the other; all count as sent by one exporter.
/// `table.report.skipped` counts the records that gave no flow, by name. Rejects with `invalid_argument`, `io`.
#[napi(catch_unwind, ts_return_type = "Promise<Table>")]
pub fn read_exports(
    paths: Vec<String>,
    #[napi(ts_arg_type = "ExportLimits")] limits: Option<Object<'_>>,
) -> Result<AsyncTask<Job<Table>>> {
    let limits = settings::<ExportLimits>(limits)?.to_core()?;
    Ok(spawn(move || netflow::ExportReader::open(paths, &limits)?.read().map(Table::from)))
}
