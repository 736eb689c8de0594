"""Simulated traffic and devices with their events, and metrics of detected events."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import qosguard as qg
from qosguard import errors


def test_traffic_has_events_that_describe_its_labelled_rows() -> None:
    traffic = qg.simulate_traffic(600, attacks=["port_scan", "syn_flood"], seed=np.int64(3), background={"iot": 0.0})
    assert traffic.table.labels is not None
    assert sum(event.flows for event in traffic.events) == traffic.table.labels.sum()
    assert {event.kind for event in traffic.events} == {"port_scan", "syn_flood"}
    scan = next(event for event in traffic.events if event.kind == "port_scan")
    assert len(scan.attackers) == len(scan.victims) == 1
    assert scan.port is None
    assert scan.start < scan.end
    again = qg.simulate_traffic(600, attacks=["port_scan", "syn_flood"], seed=3, background={"iot": 0.0})
    assert pa.table(again.table) == pa.table(traffic.table)
    assert again.events == traffic.events
    clean = qg.simulate_traffic(300, attacks=[])
    assert clean.events == []


def test_disturbed_records_are_counted() -> None:
    traffic = qg.simulate_traffic(300, attacks=[], late_fraction=0.1, duplicate_fraction=0.5, clock_skew_s=30)
    rows = len(traffic.table) - traffic.duplicates
    assert (traffic.late, traffic.duplicates) == (math.floor(rows * 0.1 + 0.5), math.floor(rows * 0.5 + 0.5))


def test_devices_have_the_share_of_anomalies_asked_for() -> None:
    telemetry = qg.simulate_devices(10, 100, anomaly_share=0.1, anomalies=["loss_burst"], seed=1)
    assert telemetry.table.labels is not None
    assert (len(telemetry.table), telemetry.table.labels.sum()) == (1_000, 100)
    assert sum(event.records for event in telemetry.events) == 100
    assert {event.kind for event in telemetry.events} == {"loss_burst"}


@pytest.mark.parametrize(
    "settings",
    [
        {"duration_s": 1},
        {"hosts": 0},
        {"hosts": -1},
        {"attacks": ["ddos"]},
        {"background": {"web": -1.0}},
        {"late_fraction": 1.5},
        {"seed": -1},
        {"start_time": 2**60},
    ],
)
def test_a_traffic_setting_outside_its_range_is_named(settings: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidArgumentError, match=next(iter(settings))):
        qg.simulate_traffic(**settings)


@pytest.mark.parametrize("settings", [{"devices": 0}, {"anomaly_share": 0.6}, {"anomalies": []}, {"interval_s": 0}])
def test_a_device_setting_outside_its_range_is_named(settings: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidArgumentError, match=next(iter(settings))):
        qg.simulate_devices(**settings)


def test_event_metrics_by_hand() -> None:
    events = [
        {"kind": "scan", "start": 100, "end": 120, "victims": ["10.0.0.5"]},
        {"kind": "flood", "start": 300, "end": 340},
    ]
    detections = [
        {"opened": 104, "closed": 120, "kind": "scan", "victims": ["10.0.0.0/24"], "id": "7f"},
        {"opened": 104, "closed": 120, "victims": ["10.0.1.0/24"]},
        {"opened": 400},
    ]
    metrics = qg.event_metrics(events, detections, 0, 86_400, tolerance_s=10)
    assert metrics.all is not None
    assert (metrics.all.recall.value, metrics.all.same_kind, metrics.false_per_day) == (0.5, 1, 2.0)
    assert metrics.kinds["scan"].delay_s == qg.Delay(4.0, 4.0, 4.0)
    assert metrics.kinds["flood"].delay_s is None
    assert (metrics.kinds["scan"].range_recall, metrics.range_precision) == (0.8, 1 / 3)
    assert "per day 2.00" in str(metrics)
    assert qg.event_metrics([], [], 0, 1).all is None


def test_events_of_the_simulators_are_true_events() -> None:
    truth = [*qg.simulate_traffic(300, flows_per_s=1).events, *qg.simulate_devices().events]
    found = [{"opened": e.start, "closed": e.end, "kind": e.kind} for e in truth]
    metrics = qg.event_metrics(truth, found, truth[0].start - 10_000, truth[0].start + 10_000)
    assert metrics.all is not None
    assert (metrics.all.events, metrics.all.detected, metrics.false_detections) == (len(truth), len(truth), 0)
    named = [{"opened": e.start, "attackers": [e.device]} for e in truth if isinstance(e, qg.DeviceEvent)]
    devices = [e for e in truth if isinstance(e, qg.DeviceEvent)]
    metrics = qg.event_metrics(devices, named, devices[0].start, devices[0].start + 600)
    assert metrics.false_detections == 0


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (([{"kind": "scan", "start": 2, "end": 1}], [], 0, 9), r"events\[0\]"),
        (([{"kind": "scan", "start": 2}], [], 0, 9), "end"),
        (([], [{"opened": 2, "closed": 1}], 0, 9), r"detections\[0\]"),
        (([], [], 9, 9), "end"),
    ],
)
def test_bad_events_are_named(arguments: tuple[Any, ...], name: str) -> None:
    with pytest.raises(errors.InvalidArgumentError, match=name):
        qg.event_metrics(*arguments)


def test_the_volume_under_the_surface_equals_the_reference_implementation() -> None:
    points = np.arange(400)
    labels = ((points >= 100) & (points < 120)) | ((points >= 300) & (points < 303))
    background = (np.sin(0.7 * points) + 1) / 20
    assert qg.vus_pr(np.full(400, 0.5), labels, 20) == pytest.approx(0.097577, abs=1e-6)
    assert qg.vus_pr(background + 0.8 * np.roll(labels, 10), labels, 20) == pytest.approx(0.407623, abs=1e-6)
    with pytest.raises(errors.InvalidArgumentError, match="window"):
        qg.vus_pr(background, labels, 20_000)
    with pytest.raises(errors.ShapeMismatchError):
        qg.vus_pr(background, labels[1:], 20)
