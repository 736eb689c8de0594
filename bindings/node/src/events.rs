//! `eventMetrics` and `vusPr`: detected events and anomaly scores of a series against the truth.

use std::collections::BTreeMap;

use napi::bindgen_prelude::{AsyncTask, Object};
use napi_derive::napi;
use qosguard::evaluate::{self, DetectedEvent, EventOptions};
use serde::Deserialize;
use serde_json::Value;

use crate::convert::{Labels, Settings, flags, mirror, parse, rename, settings, snake, whole_or};
use crate::error::{Result, into_js_err};
use crate::evaluate::Estimate;
use crate::job::{Job, spawn};

/// What really happened: an attack or another anomaly. An event of a simulator has the same form.
#[napi(object, object_to_js = false)]
#[derive(Debug)]
pub struct TrueEvent {
    /// The kind, such as `port_scan`.
    pub kind: String,
    /// Start in seconds.
    pub start: f64,
    /// End in seconds, at least `start`.
    pub end: f64,
    /// Addresses, prefixes or names of the attackers, if they are known.
    pub attackers: Option<Vec<String>>,
    /// Addresses, prefixes or names of the victims, if they are known.
    pub victims: Option<Vec<String>>,
    /// The anomalous device, as an event of `simulateDevices` has it; it is both attacker and victim.
    pub device: Option<String>,
}

impl From<TrueEvent> for evaluate::TrueEvent {
    fn from(event: TrueEvent) -> Self {
        let hosts = |hosts: Option<Vec<String>>| {
            hosts.unwrap_or_default().into_iter().chain(event.device.clone()).collect()
        };
        Self {
            attackers: hosts(event.attackers),
            victims: hosts(event.victims),
            kind: event.kind,
            start: event.start,
            end: event.end,
        }
    }
}

/// How `eventMetrics` compares.
#[napi(object, object_to_js = false)]
#[derive(Debug, Default)]
pub struct EventMetricsOptions {
    /// A detection matches an event up to this many seconds after the event's end, at least 0; default: 60.
    pub tolerance_s: Option<f64>,
    /// Reward for any overlap in the range-based recall, in [0, 1]; default: 0.
    pub existence_weight: Option<f64>,
}

impl Settings for EventMetricsOptions {
    const KEYS: &'static [&'static str] = &["toleranceS", "existenceWeight"];
}

/// Seconds from the start of an event to its first matching detection, over the detected events.
#[napi(object, object_from_js = false)]
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delay {
    /// Median.
    pub median: f64,
    /// 95 % quantile, interpolated linearly.
    pub p95: f64,
    /// Maximum.
    pub max: f64,
}

/// How the events of one kind, or all events, were detected.
#[napi(object, object_from_js = false)]
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KindMetrics {
    /// Number of true events.
    pub events: f64,
    /// Number of events with a matching detection.
    pub detected: f64,
    /// Share of the events that were detected, with Wilson's 95 % interval.
    pub recall: Estimate,
    /// Number of events with a matching detection of the same kind.
    pub same_kind: f64,
    /// Delay of the detections; absent if no event was detected.
    pub delay_s: Option<Delay>,
    /// Mean reward of the events by range-based recall, in [0, 1].
    pub range_recall: f64,
}

/// What `eventMetrics` measured.
#[napi(object, object_from_js = false)]
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventMetrics {
    /// By kind of event.
    pub kinds: BTreeMap<String, KindMetrics>,
    /// All events; absent without true events.
    pub all: Option<KindMetrics>,
    /// Number of detections.
    pub detections: f64,
    /// Number of detections that match no event.
    pub false_detections: f64,
    /// False detections per day of the period.
    pub false_per_day: f64,
    /// Mean reward of the detections by range-based precision, in [0, 1]; absent without detections.
    pub range_precision: Option<f64>,
}

/// Measures detected events against true events of the period from `start` to `end` in seconds.
///
/// A detection matches an event if their times overlap, where the event lasts `toleranceS` longer, and if they agree on a
/// host: both name the same attacker or the same victim, or one of them names no host. An address agrees with a prefix that
/// contains it. The kinds need not be equal. Changes of incidents are detections: of several with one id, only the last counts.
/// Range-based recall and precision follow Tatbul et al. (2018) with a flat
/// bias and the cardinality factor 1 / x.
///
/// Throws `invalid_argument` for an event or a period that ends before it starts, and for an option outside its range.
#[napi(catch_unwind)]
pub fn event_metrics(
    #[napi(ts_arg_type = "ReadonlyArray<TrueEvent>")] events: Vec<TrueEvent>,
    #[napi(ts_arg_type = "ReadonlyArray<DetectedEvent | Incident>")] detections: Value,
    start: f64,
    end: f64,
    #[napi(ts_arg_type = "EventMetricsOptions")] options: Option<Object<'_>>,
) -> Result<EventMetrics> {
    let given: EventMetricsOptions = settings(options)?;
    let mut options = EventOptions::default();
    options.tolerance_s = given.tolerance_s.unwrap_or(options.tolerance_s);
    options.existence_weight = given.existence_weight.unwrap_or(options.existence_weight);
    let events: Vec<evaluate::TrueEvent> = events.into_iter().map(Into::into).collect();
    let detections: Vec<DetectedEvent> = parse("detections", rename(detections, snake))?;
    let metrics = evaluate::event_metrics(&events, &detections, start, end, &options);
    mirror(&metrics.map_err(|error| into_js_err(&error))?)
}

/// The volume under the surface of precision and recall (VUS-PR) of scores of a series, in [0, 1].
///
/// A late or early detection of a labelled range counts in part, and a single point of a range does not count as the whole
/// range. Each labelled range has a buffer of up to `window / 2` points on both sides. Published by Paparrizos et al. (PVLDB
/// 2022); TSB-AD 1.5 has the same values. Copies what it reads.
///
/// Rejects with `shape_mismatch` when lengths differ, `not_finite`, `insufficient_data` unless there are normal and
/// anomalous points, and `invalid_argument` for a window above 10,000.
#[napi(catch_unwind, ts_return_type = "Promise<number>")]
pub fn vus_pr(
    scores: &[f32],
    #[napi(ts_arg_type = "ReadonlyArray<boolean> | Uint8Array")] labels: Labels,
    window: f64,
) -> Result<AsyncTask<Job<f64>>> {
    let (scores, labels, window) = (scores.to_vec(), flags(labels)?, whole_or("window", Some(window), 0)?);
    Ok(spawn(move || evaluate::vus_pr(&scores, &labels, window)))
}
