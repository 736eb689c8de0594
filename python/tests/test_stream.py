"""A stream through the Python face: incidents as dictionaries, verdicts equal to the guard's."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qosguard as qg

START = 1_700_000_000.0


def flow(second: float, src: str, dst: str, port: int, *, answered: bool = True) -> dict[str, Any]:
    packets = (6, 5) if answered else (1, 0)
    return {
        "time": START + second,
        "src_ip": src,
        "dst_ip": dst,
        "src_port": 40_000,
        "dst_port": port,
        "protocol": "tcp",
        "service": "",
        "duration": 0.2,
        "fwd_packets": packets[0],
        "bwd_packets": packets[1],
        "fwd_bytes": 60 * packets[0],
        "bwd_bytes": 60 * packets[1],
        "syn_count": 1,
        "fin_count": 0,
        "rst_count": 0,
        "iat_mean_ms": 1,
        "iat_std_ms": 1,
    }


def scan() -> qg.Table:
    records = [flow(i * 0.01, "10.0.0.66", "10.0.0.7", 1 + i, answered=False) for i in range(500)]
    return qg.Table.from_records(records, qg.Schema.preset("flow_detail"))


def stream(**settings: Any) -> qg.Stream:
    return qg.Stream(qg.Schema.preset("flow_detail"), settings={"warm_up": 0, **settings})


def test_a_scan_is_one_incident() -> None:
    one = stream()
    update = one.push(scan())
    assert update.assessment is None
    opened = update.events[0]
    assert (opened["event"], opened["kind"], opened["direction"]) == ("opened", "port_scan", "internal")
    assert opened["attackers"] == {"hosts": ["10.0.0.66"], "count": 1}
    assert [incident["id"] for incident in one.incidents] == [opened["id"]]
    assert one.state == {"state": "limits_only", "reason": ""}
    assert one.counts["incidents"] == 1
    assert one.record_action(opened["id"], START + 1)
    closed = one.false_positive(opened["id"])
    assert closed is not None
    assert (closed["event"], closed["acted"]) == ("closed", "2023-11-14T22:13:21Z")
    assert one.push(scan()).events == []
    assert one.false_positive("unknown") is None
    assert not one.record_action("unknown", START)


def test_iterators_yield_the_same_events() -> None:
    table = scan()
    parts = [table.take(np.arange(start, start + 100)) for start in range(0, 500, 100)]
    expected = list(stream().events([table]))
    assert expected[-1]["event"] == "closed"
    assert list(stream().events(parts)) == expected

    async def collect() -> list[dict[str, Any]]:
        return [event async for event in stream().events_async(parts)]

    assert asyncio.run(collect()) == expected


def test_verdicts_equal_the_verdicts_of_the_guard() -> None:
    flows = qg.simulate(rows=2_000)
    guard = qg.Guard(context=qg.HostContext(windows=(10, 60))).fit(flows)
    one = qg.Stream(flows.schema, guard=guard)
    update = one.push(flows)
    assert update.assessment is not None
    np.testing.assert_array_equal(update.assessment.scores, guard.assess(flows).scores)
    assert one.guard is not None
    assert one.guard.digest == guard.digest
    assert one.watermark is not None
    one.swap(qg.Guard(seed=1).fit(flows))
    assert one.guard.digest != guard.digest


def test_a_guard_is_fitted_on_the_first_records() -> None:
    flows = qg.simulate(rows=2_000, attack_share=0)
    one = qg.Stream(flows.schema, settings={"warm_up": 500})
    assert one.state == {"state": "warming", "missing": 500}
    update = one.push(flows)
    assert update.assessment is not None
    assert len(update.assessment) == 2_000 - update.first
    assert one.state == {"state": "ready"}


@pytest.mark.parametrize(
    ("settings", "path"),
    [({"floors": {"scan_ports": 1}}, "floors.scan_ports"), ({"incidents": {"off": 6}}, "settings.incidents.off")],
)
def test_wrong_settings_are_named(settings: dict[str, Any], path: str) -> None:
    with pytest.raises(qg.errors.InvalidArgumentError, match=f"`{path}`"):
        stream(**settings)


def test_a_schema_without_a_time_is_an_error() -> None:
    with pytest.raises(qg.errors.InvalidArgumentError, match="time column"):
        qg.Stream(qg.Schema.preset("nsl_kdd"))


def test_a_policy_decides_about_incidents() -> None:
    policy = qg.Policy.from_dict({"version": 1, "allow": ["10.0.0.66"]})
    one = qg.Stream(qg.Schema.preset("flow_detail"), policy=policy, settings={"warm_up": 0})
    events = one.push(scan()).events
    assert {(event["action"], event["rule"]) for event in events} == {("allow", "allow-list")}
    json.dumps(events)


def test_a_restored_stream_goes_on(tmp_path: Path) -> None:
    table = scan()
    head, tail = table.take(np.arange(200)), table.take(np.arange(200, 500))
    one = stream()
    one.push(head)
    path = tmp_path / "stream.checkpoint"
    one.save_checkpoint(path)
    again = qg.Stream.restore(one.checkpoint(), table.schema)
    loaded = qg.Stream.load_checkpoint(path, table.schema)
    expected = one.push(tail).events + one.finish()
    assert again.push(tail).events + again.finish() == expected
    assert loaded.push(tail).events + loaded.finish() == expected
    with pytest.raises(qg.errors.CorruptArtifactError):
        qg.Stream.restore(b"torn", table.schema)
