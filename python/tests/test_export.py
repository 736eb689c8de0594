"""Incidents in the formats of other systems: the shared cases, and the oracle of OCSF."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import qosguard as qg

CASES = json.loads((Path(__file__).parents[2] / "tests" / "golden" / "incidents.v1.json").read_text(encoding="utf-8"))
EVENTS = [case for case in CASES if "error" not in case]


def test_no_case_is_lost() -> None:
    assert (len(CASES), len(EVENTS)) == (5, 4)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_golden(case: dict[str, Any]) -> None:
    if "error" in case:
        with pytest.raises(qg.errors.QosguardError) as caught:
            qg.export_incident(case["event"], "ocsf")
        assert caught.value.kind == case["error"]
        return
    assert qg.export_incident(case["event"], "ocsf") == case["ocsf"]
    assert qg.export_incident(case["event"], "ecs") == case["ecs"]
    assert qg.export_incident(case["event"], "cef") == case["cef"]
    own = json.loads(qg.export_incident(case["event"], "json"))
    assert own["evidence"] == case["event"]["evidence"]
    assert own["id"] == case["event"]["id"]


def test_an_unknown_format_is_rejected() -> None:
    with pytest.raises(qg.errors.InvalidArgumentError, match="format"):
        qg.export_incident(EVENTS[0]["event"], "stix")  # type: ignore[arg-type]


def test_findings_of_a_stream_are_valid_ocsf() -> None:
    models = pytest.importorskip("py_ocsf_models.events.findings.detection_finding", reason="py-ocsf-models is missing")
    traffic = qg.simulate_traffic(duration_s=900.0, attacks=["port_scan", "syn_flood", "brute_force"])
    stream = qg.Stream(traffic.table.schema, settings={"warm_up": 0})
    events = [*stream.push(traffic.table).events, *stream.finish(), *(case["event"] for case in EVENTS)]
    changes = set()
    for event in events:
        finding = models.DetectionFinding.model_validate_json(qg.export_incident(event, "ocsf"), strict=False)
        changes.add(finding.activity_id.value)
        assert finding.type_uid.value == 200_400 + finding.activity_id.value
        assert finding.severity_id.value in range(1, 7)
        assert finding.finding_info.uid == event["id"]
        assert finding.metadata.product.name == "qosguard"
    assert changes == {1, 2, 3}


def test_changes_of_incidents_are_detections() -> None:
    traffic = qg.simulate_traffic(duration_s=900.0, attacks=["port_scan"])
    stream = qg.Stream(traffic.table.schema, settings={"warm_up": 0})
    events = [*stream.push(traffic.table).events]
    latency = stream.latency
    assert latency["records"] == len(traffic.table)
    assert 0 < latency["p50_s"] <= latency["p99_s"] <= latency["max_s"] * 1.07
    start = traffic.events[0].start - 60
    events += stream.finish()
    metrics = qg.event_metrics(traffic.events, events, start, start + 3_600)
    assert metrics.all is not None
    assert metrics.all.recall.value == 1.0
    assert metrics.detections == len({event["id"] for event in events}) < len(events)
    incidents = [{key: value for key, value in event.items() if key != "event"} for event in events]
    assert qg.event_metrics(traffic.events, incidents, start, start + 3_600) == metrics
    with pytest.raises(qg.errors.InvalidArgumentError, match="detections"):
        qg.event_metrics([], [{"opened": "yesterday"}], 0.0, 1.0)
