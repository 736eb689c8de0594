//! `Ledger`: what was decided, what became of it, and what is live.

use std::sync::{Mutex, MutexGuard, PoisonError};

use napi::bindgen_prelude::Object;
use napi_derive::napi;
use qosguard::qos::{self, LedgerConfig, LedgerEntry, Prefix};
use serde::Serialize;
use serde_json::{Value, json};

use crate::convert::{Settings, camel, parse, rename, settings, snake};
use crate::error::{Result, into_js_err};

/// How a ledger is opened.
#[napi(object, object_to_js = false)]
#[derive(Debug, Default)]
pub struct LedgerOptions {
    /// Whether nothing is written; default: false.
    pub read_only: Option<bool>,
    /// Size in bytes at which a file is finished and a new one starts; default: 64 MiB.
    pub max_file_bytes: Option<f64>,
    /// Maximum number of live decisions; default: 100,000. One beyond it has the outcome `skipped`.
    pub max_live: Option<u32>,
    /// Whether each write waits until the disk has it; default: false.
    pub sync: Option<bool>,
}

impl Settings for LedgerOptions {
    const KEYS: &'static [&'static str] = &["readOnly", "maxFileBytes", "maxLive", "sync"];
}

/// A file of JSON lines with one line for each outcome of each decision, which is only ever appended to.
///
/// Each line contains the SHA-256 of the line before it, so an edited, removed or inserted line is found when the file is read. A
/// line without an end, from a program that stopped while it wrote, is cut off and counted. Several programs may use one ledger.
/// All times are seconds since the epoch.
#[napi]
#[derive(Debug)]
pub struct Ledger {
    inner: Mutex<qos::Ledger>,
}

#[napi]
impl Ledger {
    /// Opens a ledger, and creates it where there is none, unless it is opened for reading only. Throws `corrupt_artifact` for a
    /// line that was edited, removed or inserted and for a file of another program, and `io`.
    #[napi(constructor, catch_unwind)]
    pub fn new(
        path: String,
        #[napi(ts_arg_type = "LedgerOptions")] options: Option<Object<'_>>,
    ) -> Result<Self> {
        let options: LedgerOptions = settings(options)?;
        let mut config = LedgerConfig::default();
        config.max_file_bytes = options.max_file_bytes.map_or(config.max_file_bytes, |bytes| bytes as u64);
        config.max_live = options.max_live.map_or(config.max_live, |live| live as usize);
        config.sync = options.sync.unwrap_or(config.sync);
        let opened = if options.read_only == Some(true) {
            qos::Ledger::open_read_only(path)
        } else {
            qos::Ledger::open(path, &config)
        };
        opened.map(|inner| Self { inner: Mutex::new(inner) }).map_err(|error| into_js_err(&error))
    }

    /// The live decisions, by entity and id.
    #[napi(catch_unwind, ts_return_type = "Array<LiveDecision>")]
    pub fn live(&self) -> Value {
        let ledger = self.lock();
        let state = ledger.state();
        let live = state.live().map(|live| {
            let mut fields = json!(live);
            fields["rest_s"] = state.rest_s(live).into();
            object(&fields)
        });
        live.collect()
    }

    /// The entities with live decisions: the strictest action and the longest rest of each.
    #[napi(catch_unwind, ts_return_type = "Array<LiveEntity>")]
    pub fn entities(&self) -> Value {
        self.lock().state().entities().map(|entity| object(&entity)).collect()
    }

    /// All lines about one decision as sentences.
    #[napi(catch_unwind)]
    pub fn explain(&self, id: String) -> Result<Vec<String>> {
        self.lock().explain(&id).map_err(|error| into_js_err(&error))
    }

    /// Writes one outcome, and returns the number of its line.
    #[napi(catch_unwind)]
    pub fn record(&self, #[napi(ts_arg_type = "LedgerEntry")] entry: Value, time: f64) -> Result<f64> {
        let entry: LedgerEntry = parse("entry", rename(entry, snake))?;
        self.lock().record(time, entry).map(|seq| seq as f64).map_err(|error| into_js_err(&error))
    }

    /// Ends the decisions whose time is over, and returns their number.
    #[napi(catch_unwind)]
    pub fn expire(&self, now: f64) -> Result<u32> {
        self.lock().expire(now).map(|n| n as u32).map_err(|error| into_js_err(&error))
    }

    /// Ends the live decisions whose entity has an address in common with a prefix, and returns their ids.
    #[napi(catch_unwind)]
    pub fn revoke(&self, prefix: String, reason: String, time: f64) -> Result<Vec<String>> {
        let revoke = || self.lock().revoke(time, prefix.parse::<Prefix>()?, &reason);
        revoke().map_err(|error| into_js_err(&error))
    }

    /// Ends the live decisions with an id, and returns their number.
    #[napi(catch_unwind)]
    pub fn delete(&self, id: String, reason: String, time: f64) -> Result<u32> {
        self.lock().delete(time, &id, &reason).map(|n| n as u32).map_err(|error| into_js_err(&error))
    }

    /// Reads what other programs have written.
    #[napi(catch_unwind)]
    pub fn refresh(&self) -> Result<()> {
        self.lock().refresh().map_err(|error| into_js_err(&error))
    }

    /// The records of all files of the ledger, from the oldest on.
    #[napi(catch_unwind, ts_return_type = "Array<LedgerRecord>")]
    pub fn records(&self) -> Result<Value> {
        let read =
            || self.lock().records()?.map(|record| Ok(object(&record?))).collect::<qosguard::Result<Value>>();
        read().map_err(|error| into_js_err(&error))
    }

    /// Each record as a line of JSON: a Network Remediation Activity of OCSF.
    #[napi(catch_unwind)]
    pub fn to_ocsf(&self) -> Result<Vec<String>> {
        let read =
            || self.lock().records()?.map(|record| Ok(record?.to_ocsf())).collect::<qosguard::Result<_>>();
        read().map_err(|error| into_js_err(&error))
    }

    /// Number of decisions: live ones, and ended ones.
    #[napi(getter, catch_unwind)]
    pub fn decisions(&self) -> f64 {
        self.lock().state().decisions() as f64
    }

    /// How many decisions ended, by their outcome.
    #[napi(
        getter,
        catch_unwind,
        ts_return_type = "{ skipped: number, failed: number, revoked: number, expired: number }"
    )]
    pub fn ended(&self) -> Value {
        object(&self.lock().state().ended())
    }

    /// What was counted since the ledger was opened: lines without an end that were cut off, and decisions beyond `maxLive`.
    #[napi(
        getter,
        catch_unwind,
        ts_return_type = "{ tornLines: number, tornBytes: number, overLimit: number }"
    )]
    pub fn counts(&self) -> Value {
        object(&self.lock().counts())
    }

    /// The number of lines over all files, and the SHA-256 of the last one.
    #[napi(getter, catch_unwind, ts_return_type = "{ lines: number, hash: string }")]
    pub fn head(&self) -> Value {
        let ledger = self.lock();
        let (lines, hash) = ledger.head();
        json!({ "lines": lines, "hash": hash })
    }

    fn lock(&self) -> MutexGuard<'_, qos::Ledger> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A record with the names of JavaScript.
fn object(record: &impl Serialize) -> Value {
    rename(serde_json::to_value(record).unwrap_or_default(), camel)
}
