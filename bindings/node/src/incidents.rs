//! `Stream`: records in event time, verdicts and incidents out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use napi::bindgen_prelude::{AsyncTask, Buffer, ClassInstance, Object, Uint8Array};
use napi_derive::napi;
use qosguard::stream::{self, IncidentEvent, IncidentFormat, IncidentTable, StreamConfig};
use serde::Serialize;
use serde_json::Value;

use crate::assessment::Assessment;
use crate::convert::{Settings, camel, parse, rename, settings, snake};
use crate::error::{Result, into_js_err};
use crate::guard::Guard;
use crate::job::{Job, spawn};
use crate::policy::Policy;
use crate::schema::Schema;
use crate::table::Table;

/// How records become incidents.
#[napi(object, object_to_js = false)]
#[derive(Default)]
#[allow(missing_debug_implementations, reason = "a class instance has none")]
pub struct StreamOptions<'a> {
    /// The guard that assesses the records; without one, the stream fits one on the first records.
    pub guard: Option<ClassInstance<'a, Guard>>,
    /// The action for each severity; default: the guard's, or `new Policy()`.
    pub policy: Option<ClassInstance<'a, Policy>>,
    /// Limits, incidents and event time.
    #[napi(ts_type = "StreamSettings")]
    pub settings: Option<Value>,
}

impl Settings for StreamOptions<'_> {
    const KEYS: &'static [&'static str] = &["guard", "policy", "settings"];
}

/// What one table of records changed.
#[napi]
#[derive(Debug)]
pub struct StreamUpdate {
    inner: stream::Update,
}

#[napi]
impl StreamUpdate {
    /// The verdicts of the guard, from row `first` on; `null` while the stream has none.
    #[napi(getter, catch_unwind)]
    pub fn assessment(&self) -> Option<Assessment> {
        self.inner.assessment.clone().map(|inner| Assessment { inner })
    }

    /// The first row of the table that was assessed.
    #[napi(getter, catch_unwind)]
    pub fn first(&self) -> f64 {
        self.inner.first as f64
    }

    /// Changes of incidents, in the order in which they happened.
    #[napi(getter, catch_unwind, ts_return_type = "Array<IncidentEvent>")]
    pub fn events(&self) -> Value {
        object(&self.inner.events)
    }
}

/// Assesses records one table after the other, and follows incidents over time.
///
/// A stream works from its first record: limits that need no learning find scans, floods, password guesses and beacons in
/// what each host did lately. Without a guard, one is fitted on the first 5,000 records that are not part of an incident.
/// Results do not depend on how the records are cut into tables.
#[napi]
#[derive(Debug)]
pub struct Stream {
    inner: Arc<Mutex<qosguard::Stream>>,
}

#[napi]
impl Stream {
    /// A stream of records of a schema. Throws `invalid_argument` for a setting outside its range and for a schema without a
    /// time, and `schema_mismatch` for a schema without a column that the guard needs.
    #[napi(constructor, catch_unwind)]
    pub fn new(
        schema: ClassInstance<'_, Schema>,
        #[napi(ts_arg_type = "StreamOptions")] options: Option<Object<'_>>,
    ) -> Result<Self> {
        let options: StreamOptions<'_> = settings(options)?;
        let config: StreamConfig = match options.settings {
            Some(value) => parse("settings", rename(value, snake))?,
            None => StreamConfig::default(),
        };
        let policy = options.policy.map(|policy| policy.inner.clone());
        let start = || match options.guard {
            Some(guard) => {
                let guard = match policy {
                    Some(policy) => guard.inner.with_policy(policy)?,
                    None => (*guard.inner).clone(),
                };
                qosguard::Stream::with_guard(guard, &schema.inner, &config)
            }
            None => qosguard::Stream::with_policy(&schema.inner, &config, policy.unwrap_or_default()),
        };
        let stream = start().map_err(|error| into_js_err(&error))?;
        Ok(Self { inner: Arc::new(Mutex::new(stream)) })
    }

    /// Continues from the bytes of a checkpoint, with the same bits as a stream that never stopped. A guard that is given must be
    /// the one of the checkpoint.
    #[napi(catch_unwind, factory)]
    pub fn restore(
        checkpoint: Uint8Array,
        schema: ClassInstance<'_, Schema>,
        guard: Option<ClassInstance<'_, Guard>>,
    ) -> Result<Self> {
        let guard = guard.as_ref().map(|guard| &*guard.inner);
        let stream = qosguard::Stream::restore(&checkpoint, &schema.inner, guard);
        Ok(Self { inner: Arc::new(Mutex::new(stream.map_err(|error| into_js_err(&error))?)) })
    }

    /// Continues from a file that `saveCheckpoint` wrote; from the one before it where it is not intact.
    #[napi(catch_unwind, factory)]
    pub fn load_checkpoint(
        path: String,
        schema: ClassInstance<'_, Schema>,
        guard: Option<ClassInstance<'_, Guard>>,
    ) -> Result<Self> {
        let guard = guard.as_ref().map(|guard| &*guard.inner);
        let stream = qosguard::Stream::load_checkpoint(path, &schema.inner, guard);
        Ok(Self { inner: Arc::new(Mutex::new(stream.map_err(|error| into_js_err(&error))?)) })
    }

    /// The whole state: windows, incidents, watermarks, counts and the guard.
    #[napi(catch_unwind)]
    pub fn checkpoint(&self) -> Result<Buffer> {
        self.lock().checkpoint().map(Into::into).map_err(|error| into_js_err(&error))
    }

    /// Writes a checkpoint to a file, atomically; the one before it stays, with `.previous` after its name.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn save_checkpoint(&self, path: String) -> AsyncTask<Job<()>> {
        let stream = Arc::clone(&self.inner);
        spawn(move || stream.lock().unwrap_or_else(PoisonError::into_inner).save_checkpoint(path))
    }

    /// Assesses the records of a table, off the event loop. Wait for one call before the next, so that tables keep their order.
    #[napi(catch_unwind, ts_return_type = "Promise<StreamUpdate>")]
    pub fn push(&self, table: ClassInstance<'_, Table>) -> AsyncTask<Job<StreamUpdate>> {
        let (stream, table) = (Arc::clone(&self.inner), Arc::clone(&table.inner));
        spawn(move || {
            let inner = stream.lock().unwrap_or_else(PoisonError::into_inner).push_table(&table)?;
            Ok(StreamUpdate { inner })
        })
    }

    /// Closes all incidents at the end of the records.
    #[napi(catch_unwind, ts_return_type = "Array<IncidentEvent>")]
    pub fn finish(&self) -> Value {
        object(&self.lock().finish())
    }

    /// The incidents that are open.
    #[napi(getter, catch_unwind, ts_return_type = "Array<Incident>")]
    pub fn incidents(&self) -> Value {
        object(&self.lock().incidents().collect::<Vec<_>>())
    }

    /// Whether verdicts mean something yet.
    #[napi(getter, catch_unwind, ts_return_type = "StreamState")]
    pub fn state(&self) -> Value {
        object(&self.lock().state())
    }

    /// Records, anomalies, incidents, and records that were late or had a wrong time.
    #[napi(getter, catch_unwind, ts_return_type = "StreamCounts")]
    pub fn counts(&self) -> Value {
        object(&self.lock().counts())
    }

    /// How long its work on one record took.
    #[napi(getter, catch_unwind, ts_return_type = "Latency")]
    pub fn latency(&self) -> Value {
        object(&self.lock().latency())
    }

    /// The watermark, in seconds since the epoch; `null` before the first record.
    #[napi(getter, catch_unwind)]
    pub fn watermark(&self) -> Option<f64> {
        self.lock().watermark()
    }

    /// The guard that assesses; `null` while there is none.
    #[napi(getter, catch_unwind)]
    pub fn guard(&self) -> Option<Guard> {
        self.lock().guard().map(|guard| Guard { inner: Arc::new(guard.clone()) })
    }

    /// Replaces the guard between two tables: no record is lost or assessed twice, and incidents go on.
    #[napi(catch_unwind)]
    pub fn swap(&self, guard: ClassInstance<'_, Guard>) -> Result<()> {
        self.lock().swap((*guard.inner).clone()).map_err(|error| into_js_err(&error))
    }

    /// Records that an incident is false: it closes, and no other incident of its kind about its host opens for a day. Returns
    /// its last change; `null` for an unknown id.
    #[napi(catch_unwind, ts_return_type = "IncidentEvent | null")]
    pub fn false_positive(&self, id: String) -> Option<Value> {
        self.lock().false_positive(&id).as_ref().map(object)
    }

    /// Records when an action against an incident was applied, in seconds since the epoch. Returns whether the incident is known.
    #[napi(catch_unwind)]
    pub fn record_action(&self, id: String, time: f64) -> bool {
        self.lock().record_action(&id, time)
    }
}

impl Stream {
    fn lock(&self) -> MutexGuard<'_, qosguard::Stream> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes a change of an incident in the format of another system, as one line without a line break at its end: a Detection
/// Finding of OCSF 1.5, a document of the Elastic Common Schema, a line of the Common Event Format, or the keys of the event in
/// snake case.
///
/// Throws `invalid_argument` for an event that lacks keys, and for an unknown format.
#[napi(catch_unwind)]
pub fn export_incident(
    #[napi(ts_arg_type = "IncidentEvent")] event: Value,
    #[napi(ts_arg_type = "'json' | 'ocsf' | 'ecs' | 'cef'")] format: String,
) -> Result<String> {
    let event: IncidentEvent = parse("event", rename(event, snake))?;
    let format: IncidentFormat = parse("format", format.into())?;
    Ok(event.export(format))
}

/// The last state of each incident as a table for people, the most severe first: two lines for each, with the time of its
/// onset, attackers and victims, the action and the strongest reason.
///
/// Throws `invalid_argument` for an event that lacks keys.
#[napi(catch_unwind)]
pub fn incident_table(#[napi(ts_arg_type = "ReadonlyArray<IncidentEvent>")] events: Value) -> Result<String> {
    let events: Vec<IncidentEvent> = parse("events", rename(events, snake))?;
    Ok(IncidentTable::of(&events).to_string())
}

/// A record of the core as JavaScript has it.
fn object(record: &impl Serialize) -> Value {
    rename(serde_json::to_value(record).unwrap_or_default(), camel)
}
