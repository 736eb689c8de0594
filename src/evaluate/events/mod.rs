//! Detected events against true events: recall, delay, false incidents per day, range-based precision and recall.

mod detected;
mod entity;
mod ranges;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::detected::DetectedEvent;
use self::entity::Hosts;
use self::ranges::{Range, reward};
use super::report::Estimate;
use crate::error::{Error, Result};
use crate::quantile::quantile;
use crate::simulate::{AttackEvent, DeviceEvent};

/// Level of the interval of a recall.
const LEVEL: f64 = 0.95;
/// Seconds of a day.
const DAY: f64 = 86_400.0;

/// What really happened: an attack or another anomaly.
///
/// Fields with other names are ignored in JSON, so that the events of a simulator can be read.
///
/// ```
/// let json = r#"{"kind": "port_scan", "start": 10, "end": 20, "attackers": ["198.18.0.1"], "flows": 300}"#;
/// let event: qosguard::evaluate::TrueEvent = serde_json::from_str(json)?;
/// assert_eq!((event.end, event.attackers.len(), event.victims.len()), (20.0, 1, 0));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrueEvent {
    /// The kind, such as `port_scan`.
    pub kind: String,
    /// Start in seconds.
    pub start: f64,
    /// End in seconds, at least `start`.
    pub end: f64,
    /// Addresses, prefixes or names of the attackers, if they are known.
    #[serde(default)]
    pub attackers: Vec<String>,
    /// Addresses, prefixes or names of the victims, if they are known.
    #[serde(default)]
    pub victims: Vec<String>,
}

impl From<&AttackEvent> for TrueEvent {
    fn from(event: &AttackEvent) -> Self {
        Self {
            kind: event.kind.as_str().to_owned(),
            start: event.start,
            end: event.end,
            attackers: event.attackers.iter().map(ToString::to_string).collect(),
            victims: event.victims.iter().map(ToString::to_string).collect(),
        }
    }
}

impl From<&DeviceEvent> for TrueEvent {
    /// The device is both attacker and victim, so that a detection may name it in either role.
    fn from(event: &DeviceEvent) -> Self {
        Self {
            kind: event.kind.as_str().to_owned(),
            start: event.start,
            end: event.end,
            attackers: vec![event.device.clone()],
            victims: vec![event.device.clone()],
        }
    }
}

/// How [`event_metrics`] compares.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventOptions {
    /// A detection matches an event up to this many seconds after the event's end, at least 0. Default: 60.
    pub tolerance_s: f64,
    /// Reward for any overlap in the range-based recall, in [0, 1]; the rest is for the covered share. Default: 0.
    pub existence_weight: f64,
}

impl Default for EventOptions {
    fn default() -> Self {
        Self { tolerance_s: 60.0, existence_weight: 0.0 }
    }
}

/// Seconds from the start of an event to its first matching detection, over the detected events.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Delay {
    /// Median.
    pub median: f64,
    /// 95 % quantile, interpolated linearly.
    pub p95: f64,
    /// Maximum.
    pub max: f64,
}

/// How the events of one kind, or all events, were detected.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct KindMetrics {
    /// Number of true events.
    pub events: usize,
    /// Number of events with a matching detection.
    pub detected: usize,
    /// Share of the events that were detected, with Wilson's 95 % interval.
    pub recall: Estimate,
    /// Number of events with a matching detection of the same kind.
    pub same_kind: usize,
    /// Delay of the detections; `None` if no event was detected.
    pub delay_s: Option<Delay>,
    /// Mean reward of the events by range-based recall, in [0, 1].
    pub range_recall: f64,
}

/// What [`event_metrics`] measured; `Display` is a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EventMetrics {
    /// By kind of event.
    pub kinds: BTreeMap<String, KindMetrics>,
    /// All events; `None` without true events.
    pub all: Option<KindMetrics>,
    /// Number of detections.
    pub detections: usize,
    /// Number of detections that match no event.
    pub false_detections: usize,
    /// False detections per day of the period.
    pub false_per_day: f64,
    /// Mean reward of the detections by range-based precision, in [0, 1]; `None` without detections.
    pub range_precision: Option<f64>,
}

/// Measures detected events against true events of the period from `start` to `end` in seconds.
///
/// A detection matches an event if their times overlap, where the event lasts `tolerance_s` longer, and if they agree on a
/// host: both name the same attacker or the same victim, or one of them names no host. An address agrees with a prefix that
/// contains it. The kinds need not be equal. Several detections may match one event, and one detection several events.
///
/// Detections may be [incidents](crate::stream::Incident) or their [changes](crate::stream::IncidentEvent). Of several
/// detections with one id, only the last counts: an incident is one detection, however often it changed.
///
/// - Recall is the share of the events with a matching detection.
/// - The delay is the time from the start of an event to the earliest opening of a matching detection, at least 0.
/// - A false detection matches no event.
/// - Range-based recall and precision (Tatbul et al., *Precision and Recall for Time Series*, `NeurIPS` 2018) have a flat bias
///   and the cardinality factor 1 / x. The reward of a range R that x separate parts of the ranges of the other side
///   overlap is `α·(x > 0) + (1 − α)` · covered share of R / x, with α = `existence_weight` for recall and 0 for precision.
///   Recall is the mean over events, precision the mean over detections. Only ranges that agree on a host count, without
///   tolerance. An open detection ends with the period.
///
/// Point-adjusted F1 is left out: a random detector can have a value near 1.
///
/// # Errors
///
/// [`Error::InvalidArgument`] for a period or an event that ends before it starts or is not finite, and for an option outside
/// its range.
///
/// # Examples
///
/// ```
/// use qosguard::evaluate::{DetectedEvent, EventOptions, TrueEvent, event_metrics};
///
/// let scan = TrueEvent { kind: "port_scan".into(), start: 100.0, end: 120.0, ..Default::default() };
/// let found = DetectedEvent { opened: 101.5, closed: Some(120.0), ..Default::default() };
/// let wrong = DetectedEvent { opened: 700.0, closed: Some(710.0), ..Default::default() };
/// let metrics = event_metrics(&[scan], &[found, wrong], 0.0, 86_400.0, &EventOptions::default())?;
/// let all = metrics.all.unwrap();
/// assert_eq!((all.recall.value, all.delay_s.unwrap().max), (1.0, 1.5));
/// assert_eq!((metrics.false_per_day, all.range_recall), (1.0, 18.5 / 20.0));
/// # Ok::<(), qosguard::Error>(())
/// ```
pub fn event_metrics<D>(
    events: &[TrueEvent],
    detections: &[D],
    start: f64,
    end: f64,
    options: &EventOptions,
) -> Result<EventMetrics>
where
    for<'a> DetectedEvent: From<&'a D>,
{
    let detections: Vec<DetectedEvent> = detections.iter().map(DetectedEvent::from).collect();
    check(events, &detections, start, end, options)?;
    Ok(measure(events, &detected::last_of_each(detections), start, end, options))
}

/// As [`event_metrics`], for checked arguments and one detection for each id.
fn measure(
    events: &[TrueEvent],
    detections: &[DetectedEvent],
    start: f64,
    end: f64,
    options: &EventOptions,
) -> EventMetrics {
    let detected: Vec<Detected> = detections.iter().map(|detection| Detected::of(detection, end)).collect();
    let mut is_false = vec![true; detections.len()];
    let mut precision = vec![Vec::new(); detections.len()];
    let mut by_kind: BTreeMap<&str, Vec<Outcome>> = BTreeMap::new();
    for event in events {
        let range = Range { start: event.start, end: event.end };
        let hosts = Hosts::of(&event.attackers, &event.victims);
        let last = event.end + options.tolerance_s;
        let mut outcome = Outcome::default();
        let mut covers = Vec::new();
        for (i, found) in detected.iter().enumerate() {
            if found.range.start > last || found.range.end < event.start || !found.hosts.agree(&hosts) {
                continue;
            }
            is_false[i] = false;
            precision[i].push(range);
            covers.push(found.range);
            outcome.is_same_kind |= found.kind == event.kind;
            let delay = (found.range.start - event.start).max(0.0);
            outcome.delay = Some(outcome.delay.map_or(delay, |best: f64| best.min(delay)));
        }
        outcome.reward = reward(range, covers.into_iter(), options.existence_weight);
        by_kind.entry(&event.kind).or_default().push(outcome);
    }
    let all: Vec<Outcome> = by_kind.values().flatten().copied().collect();
    let rewards =
        detected.iter().zip(precision).map(|(found, events)| reward(found.range, events.into_iter(), 0.0));
    let false_detections = is_false.iter().filter(|&&is_false| is_false).count();
    EventMetrics {
        kinds: by_kind.into_iter().map(|(kind, own)| (kind.to_owned(), KindMetrics::of(&own))).collect(),
        all: (!all.is_empty()).then(|| KindMetrics::of(&all)),
        detections: detections.len(),
        false_detections,
        false_per_day: false_detections as f64 / ((end - start) / DAY),
        range_precision: (!detections.is_empty()).then(|| rewards.sum::<f64>() / detections.len() as f64),
    }
}

/// A detection with parsed hosts.
struct Detected<'a> {
    kind: &'a str,
    range: Range,
    hosts: Hosts,
}

impl<'a> Detected<'a> {
    fn of(detection: &'a DetectedEvent, end: f64) -> Self {
        let closed = detection.closed.unwrap_or(end).max(detection.opened);
        Self {
            kind: &detection.kind,
            range: Range { start: detection.opened, end: closed },
            hosts: Hosts::of(&detection.attackers, &detection.victims),
        }
    }
}

/// How one event was detected.
#[derive(Clone, Copy, Debug, Default)]
struct Outcome {
    delay: Option<f64>,
    is_same_kind: bool,
    reward: f64,
}

impl KindMetrics {
    /// Metrics of at least one event.
    fn of(outcomes: &[Outcome]) -> Self {
        let mut delays: Vec<f64> = outcomes.iter().filter_map(|outcome| outcome.delay).collect();
        delays.sort_by(f64::total_cmp);
        let delay = |q: f64| quantile(&delays, q);
        Self {
            events: outcomes.len(),
            detected: delays.len(),
            recall: Estimate::share(delays.len(), outcomes.len(), LEVEL),
            same_kind: outcomes.iter().filter(|outcome| outcome.is_same_kind).count(),
            delay_s: (!delays.is_empty()).then(|| Delay {
                median: delay(0.5),
                p95: delay(0.95),
                max: delay(1.0),
            }),
            range_recall: outcomes.iter().map(|outcome| outcome.reward).sum::<f64>() / outcomes.len() as f64,
        }
    }
}

fn check(
    events: &[TrueEvent],
    detections: &[DetectedEvent],
    start: f64,
    end: f64,
    options: &EventOptions,
) -> Result<()> {
    let is_range = |start: f64, end: f64| start.is_finite() && end.is_finite() && start <= end;
    if !is_range(start, end) || start == end {
        return Err(Error::invalid("end", "finite and after `start`", format!("{start} to {end}")));
    }
    if !(options.tolerance_s >= 0.0 && options.tolerance_s.is_finite()) {
        return Err(Error::invalid("tolerance_s", "at least 0 and finite", options.tolerance_s));
    }
    if !(0.0..=1.0).contains(&options.existence_weight) {
        return Err(Error::invalid("existence_weight", "in [0, 1]", options.existence_weight));
    }
    let expected = "an event with finite times that ends at or after its start";
    if let Some((i, event)) = events.iter().enumerate().find(|(_, event)| !is_range(event.start, event.end)) {
        return Err(Error::invalid(
            format!("events[{i}]"),
            expected,
            format!("{} to {}", event.start, event.end),
        ));
    }
    let bad =
        |(_, found): &(usize, &DetectedEvent)| !is_range(found.opened, found.closed.unwrap_or(found.opened));
    if let Some((i, found)) = detections.iter().enumerate().find(bad) {
        let got = format!("{} to {:?}", found.opened, found.closed);
        return Err(Error::invalid(format!("detections[{i}]"), expected, got));
    }
    Ok(())
}

impl fmt::Display for EventMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { detections, false_detections, false_per_day, .. } = self;
        writeln!(
            f,
            "{} events, {detections} detections, {false_detections} false",
            self.all.map_or(0, |all| all.events)
        )?;
        writeln!(
            f,
            "{:<20}{:>8}{:>10}   95 % interval{:>12}{:>10}{:>10}{:>14}",
            "", "events", "recall", "delay s", "p95", "max", "range recall"
        )?;
        let kinds = self.kinds.iter().map(|(kind, metrics)| (kind.as_str(), *metrics));
        for (kind, metrics) in kinds.chain(self.all.map(|all| ("all", all))) {
            let Estimate { value, low, high } = metrics.recall;
            write!(f, "{kind:<20}{:>8}{value:>10.4}   [{low:.3}, {high:.3}]", metrics.events)?;
            match metrics.delay_s {
                Some(Delay { median, p95, max }) => write!(f, "{median:>11.2}{p95:>10.2}{max:>10.2}")?,
                None => write!(f, "{:>11}{:>10}{:>10}", "-", "-", "-")?,
            }
            writeln!(f, "{:>14.4}", metrics.range_recall)?;
        }
        writeln!(f, "false detections per day {false_per_day:.2}")?;
        match self.range_precision {
            Some(precision) => writeln!(f, "range precision {precision:.4}"),
            None => Ok(()),
        }
    }
}
