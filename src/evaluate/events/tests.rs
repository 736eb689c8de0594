//! Event metrics against values by hand.

#![allow(clippy::float_cmp, reason = "the values are exact in binary")]

use super::*;
use crate::simulate::{DeviceSimulatorConfig, TrafficSimulatorConfig, devices, traffic};

fn event(kind: &str, start: f64, end: f64) -> TrueEvent {
    TrueEvent { kind: kind.into(), start, end, ..Default::default() }
}

fn found(opened: f64, closed: f64) -> DetectedEvent {
    DetectedEvent { opened, closed: Some(closed), ..Default::default() }
}

fn options(tolerance_s: f64) -> EventOptions {
    EventOptions { tolerance_s, ..Default::default() }
}

#[test]
fn recall_delay_and_false_detections_by_hand() {
    let events = [
        event("scan", 100.0, 120.0),
        event("scan", 200.0, 210.0),
        event("flood", 300.0, 340.0),
        event("flood", 400.0, 440.0),
    ];
    let detections = [
        found(104.0, 120.0),
        found(102.0, 103.0), // the first one of the event
        found(215.0, 216.0), // within the tolerance of 10 s
        found(290.0, 320.0), // before the start: no delay
        DetectedEvent { kind: "flood".into(), ..found(310.0, 330.0) },
        found(451.0, 460.0), // after the tolerance
        found(20.0, 30.0),
    ];
    let metrics = event_metrics(&events, &detections, 0.0, 43_200.0, &options(10.0)).unwrap();
    assert_eq!((metrics.detections, metrics.false_detections, metrics.false_per_day), (7, 2, 4.0));
    let (all, scan, flood) = (metrics.all.unwrap(), metrics.kinds["scan"], metrics.kinds["flood"]);
    assert_eq!((all.events, all.detected, all.recall.value, all.same_kind), (4, 3, 0.75, 1));
    assert_eq!((scan.detected, scan.recall.value, flood.detected, flood.same_kind), (2, 1.0, 1, 1));
    // Delays: 2, 15 and 0 s.
    let Delay { median, p95, max } = all.delay_s.unwrap();
    assert_eq!((median, max), (2.0, 15.0));
    assert!((p95 - 13.7).abs() < 1e-9, "{p95}");
    assert_eq!(flood.delay_s.unwrap().max, 0.0);
    // Rewards of the events: 1 + 16 of 20 s in two parts, 0 (only in the tolerance), 30 of 40 s in one part, 0.
    assert_eq!(scan.range_recall, f64::midpoint(17.0 / 20.0 / 2.0, 0.0));
    assert_eq!(flood.range_recall, f64::midpoint(30.0 / 40.0, 0.0));
    // Rewards of the detections: 1, 1, 0, 20 of 30 s, 1, 0, 0.
    assert!((metrics.range_precision.unwrap() - (3.0 + 20.0 / 30.0) / 7.0).abs() < 1e-12);
    let text = metrics.to_string();
    assert!(text.contains("4 events, 7 detections, 2 false") && text.contains("per day 4.00"), "{text}");
}

#[test]
fn hosts_decide_between_detections_of_the_same_time() {
    let hosts = |attackers: &[&str], victims: &[&str]| {
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        (texts(attackers), texts(victims))
    };
    let (attackers, victims) = hosts(&["198.18.0.9"], &["10.0.0.4"]);
    let events = [TrueEvent { attackers, victims, ..event("scan", 0.0, 10.0) }];
    let measure = |attackers: &[&str], victims: &[&str]| {
        let (attackers, victims) = hosts(attackers, victims);
        let detection = DetectedEvent { attackers, victims, ..found(1.0, 9.0) };
        event_metrics(&events, &[detection], 0.0, 100.0, &options(0.0)).unwrap()
    };
    for (attackers, victims, detected) in [
        (&["198.18.0.9"][..], &[][..], 1),
        (&[], &["10.0.0.0/24"], 1),
        (&["198.18.0.1"], &["10.0.0.4"], 1),
        (&[], &[], 1),
        (&["198.18.0.1"], &["10.0.0.5"], 0),
        (&["10.0.0.4"], &["198.18.0.9"], 0),
    ] {
        let metrics = measure(attackers, victims);
        let reward = if detected == 1 { 0.8 } else { 0.0 };
        let all = metrics.all.unwrap();
        assert_eq!((all.detected, metrics.false_detections), (detected, 1 - detected), "{attackers:?}");
        assert_eq!((all.range_recall, metrics.range_precision), (reward, Some(detected as f64)));
    }
}

#[test]
fn many_single_points_do_not_look_good() {
    // A detector that reports a second in every hour: point-adjusted F1 would call it perfect.
    let events: Vec<TrueEvent> =
        (0..10).map(|i| event("slow", 8_640.0 * f64::from(i), 8_640.0 * f64::from(i) + 7_200.0)).collect();
    let detections: Vec<DetectedEvent> =
        (0..24).map(|i| found(3_600.0 * f64::from(i), 3_600.0 * f64::from(i) + 1.0)).collect();
    let metrics = event_metrics(&events, &detections, 0.0, 86_400.0, &options(0.0)).unwrap();
    let all = metrics.all.unwrap();
    assert_eq!(all.recall.value, 1.0);
    assert!(all.range_recall < 0.001, "{}", all.range_recall);
    assert_eq!(metrics.false_per_day, 2.0);
    let existence = EventOptions { tolerance_s: 0.0, existence_weight: 1.0 };
    let all = event_metrics(&events, &detections, 0.0, 86_400.0, &existence).unwrap().all.unwrap();
    assert_eq!(all.range_recall, 1.0);
}

#[test]
fn without_events_or_detections() {
    let clean =
        event_metrics(&[], &[found(1.0, 2.0), found(3.0, 4.0)], 0.0, 43_200.0, &options(0.0)).unwrap();
    assert_eq!((clean.all, clean.false_detections, clean.false_per_day), (None, 2, 4.0));
    let missed =
        event_metrics::<DetectedEvent>(&[event("scan", 0.0, 1.0)], &[], 0.0, 10.0, &options(0.0)).unwrap();
    let all = missed.all.unwrap();
    assert_eq!((all.recall.value, all.delay_s, missed.range_precision), (0.0, None, None));
    // An open detection lasts to the end of the period.
    let open = DetectedEvent { opened: 4.0, ..Default::default() };
    let late = event_metrics(&[event("flood", 8.0, 10.0)], &[open], 0.0, 12.0, &options(0.0)).unwrap();
    assert_eq!((late.all.unwrap().range_recall, late.range_precision), (1.0, Some(0.25)));
}

#[test]
fn simulated_events_match_themselves() {
    let config = TrafficSimulatorConfig { duration_s: 600.0, flows_per_s: 1.0, ..Default::default() };
    let truth: Vec<TrueEvent> = traffic(&config).unwrap().events.iter().map(TrueEvent::from).collect();
    let telemetry = devices(&DeviceSimulatorConfig::default()).unwrap();
    let device: Vec<TrueEvent> = telemetry.events.iter().map(TrueEvent::from).collect();
    for truth in [truth, device] {
        let copy = |event: &TrueEvent| DetectedEvent {
            kind: event.kind.clone(),
            opened: event.start,
            closed: Some(event.end),
            attackers: event.attackers.clone(),
            victims: event.victims.clone(),
            ..DetectedEvent::default()
        };
        let detections: Vec<DetectedEvent> = truth.iter().map(copy).collect();
        let begin = truth[0].start;
        let metrics = event_metrics(&truth, &detections, begin, begin + 1e4, &options(0.0)).unwrap();
        let all = metrics.all.unwrap();
        assert_eq!((all.recall.value, all.same_kind, metrics.false_detections), (1.0, truth.len(), 0));
        assert_eq!(all.delay_s.unwrap().max, 0.0);
    }
}

#[test]
fn bad_times_and_options_are_rejected_by_name() {
    let good = [event("scan", 0.0, 1.0)];
    let error = |events: &[TrueEvent], detections: &[DetectedEvent], end: f64, options: &EventOptions| {
        event_metrics(events, detections, 0.0, end, options).unwrap_err().to_string()
    };
    let default = EventOptions::default();
    for (message, name) in [
        (error(&good, &[], 0.0, &default), "`end`"),
        (error(&good, &[], f64::NAN, &default), "`end`"),
        (error(&[event("scan", 2.0, 1.0)], &[], 9.0, &default), "`events[0]`"),
        (error(&good, &[found(0.0, 1.0), found(3.0, 2.0)], 9.0, &default), "`detections[1]`"),
        (error(&good, &[found(f64::NAN, 2.0)], 9.0, &default), "`detections[0]`"),
        (error(&good, &[], 9.0, &options(-1.0)), "`tolerance_s`"),
        (
            error(&good, &[], 9.0, &EventOptions { existence_weight: 2.0, ..default.clone() }),
            "`existence_weight`",
        ),
    ] {
        assert!(message.starts_with(name), "{message}");
    }
}
