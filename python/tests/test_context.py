"""Contexts: their columns, and the same scores in a batch, from a file and in another order of the rows."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

import qosguard as qg


@pytest.fixture(scope="module")
def flows() -> tuple[qg.Table, qg.Table]:
    return qg.simulate(rows=2_000, seed=1), qg.simulate(rows=1_000, seed=2)


@pytest.mark.parametrize(
    "context",
    [qg.HostContext(windows=(10, 60)), {"kind": "host", "windows": [10, 60]}, [qg.HostContext(windows=[10.0, 60.0])]],
)
def test_a_context_is_an_instance_or_its_settings(context: qg.HostContext, flows: tuple[qg.Table, qg.Table]) -> None:
    train, test = flows
    guard = qg.Guard(context=context).fit(train)
    assert len(guard.context_columns) == 2 * (7 + 7 + 6)
    assert "src_ports_60s" in guard.feature_names
    prefixes = qg.Guard(context=qg.HostContext(windows=(10,), prefixes=True)).fit(train)
    assert prefixes.context_columns[-1] == "dst_net_up_share_10s"
    expected = qg.Guard(context=qg.HostContext(windows=(10, 60))).fit(train).assess(test)
    assert (guard.assess(test).scores == expected.scores).all()


def test_scores_do_not_depend_on_the_way_that_records_come(flows: tuple[qg.Table, qg.Table], tmp_path: Path) -> None:
    train, test = flows
    guard = qg.Guard(context="host").fit(train)
    scores = guard.assess(test).scores
    guard.save(tmp_path / "a.qosguard")
    loaded = qg.Guard.load(tmp_path / "a.qosguard")
    assert loaded.context_columns == guard.context_columns
    assert (loaded.assess(test).scores == scores).all()
    assert (pickle.loads(pickle.dumps(guard)).assess(test).scores == scores).all()
    order = np.random.default_rng(0).permutation(len(test))
    assert (guard.assess(test.take(order)).scores == scores[order]).all()
    assert (guard.assess(test.to_pandas()).scores == scores).all()
    extended = guard.append_contexts(test)
    assert (guard.assess(extended).scores == scores).all()
    assert guard.explain(extended.take([5])).columns == guard.explain(test).columns
    assert guard.notes == []


def test_damped_statistics(flows: tuple[qg.Table, qg.Table]) -> None:
    train, test = flows
    guard = qg.Guard(context=qg.DampedStatistics(max_entities=100)).fit(train)
    assert len(guard.context_columns) == 100
    same = qg.Guard(context={"kind": "damped_statistics", "max_entities": 100}).fit(train)
    assert (guard.assess(test).scores == same.assess(test).scores).all()
    default = qg.Guard(context="damped_statistics").fit(train)
    assert default.digest == qg.Guard(context=qg.DampedStatistics()).fit(train).digest


def test_device_windows_equal_numpy() -> None:
    rng = np.random.default_rng(5)
    latency, loss = rng.normal(50, 15, 100).clip(10), rng.normal(0.5, 0.3, 100).clip(0)
    codes = rng.choice([200, 500], 100)
    records = [
        {
            "timestamp": 1_700_000_010.0 + i,
            "device_id": f"modem-{i % 2}",
            "latency_ms": latency[i],
            "packet_loss_pct": loss[i],
            "retry_count": i % 3,
            "error_code": int(codes[i]),
            "traffic_volume_mb": 10 + i % 5,
            "connection_resets": i % 2,
        }
        for i in range(100)
    ]
    logs = qg.Table.from_records(records, qg.Schema.preset("device_log"))
    guard = qg.Guard(context=qg.DeviceWindows(min_logs=3)).fit(logs)
    assert len(guard.context_columns) == 19
    columns = guard.append_contexts(logs).to_pandas()
    # The last log of modem 1 in the window from 30 to 60 s.
    own = np.arange(31, 60, 2)
    row = columns.iloc[59]
    assert row["avg_latency"] == pytest.approx(latency[own].mean(), rel=1e-12)
    assert row["latency_variance"] == pytest.approx(latency[own].var(ddof=1), rel=1e-9)
    assert row["latency_95th"] == pytest.approx(np.quantile(latency[own], 0.95), rel=1e-12)
    assert row["max_packet_loss"] == loss[own].max()
    assert row["server_error_rate"] == pytest.approx((codes[own] >= 500).mean())
    assert row["total_connection_resets"] == len(own)
    assert row["log_frequency"] == pytest.approx(len(own) / 30)
    assert row["unique_devices"] == 2
    assert columns["avg_latency"][:4].isna().all()
    assert columns["avg_latency"][30:34].isna().all()


def test_errors_name_the_setting(flows: tuple[qg.Table, qg.Table]) -> None:
    train, _ = flows
    cases = [
        ({"kind": "hosts"}, "`context.kind` must be one of host, device_windows, damped_statistics"),
        ({"kind": "host", "window": 1}, "`context.window` is unknown here; the names are windows"),
        ({"kind": "host", "prefixes": 1}, "`context.prefixes`"),
        ({"kind": "host", "max_entities": "many"}, "`context.max_entities`"),
        (qg.HostContext(windows=()), "`windows` must be 1 to 8 lengths, ascending"),
        (3, "`context` must be a `HostContext`"),
        (qg.DeviceWindows(window=0), "`window` must be 1 to 86400 seconds"),
        (qg.DeviceWindows(), "used with a schema that has one of the columns latency_ms"),
        (qg.DampedStatistics(max_entities=1), "`max_entities` must be 16 to 10000000"),
    ]
    for context, message in cases:
        with pytest.raises(qg.errors.InvalidArgumentError, match=message):
            qg.Guard(context=context).fit(train)  # type: ignore[arg-type]
    guard = qg.Guard(context="host").fit(train)
    with pytest.raises(qg.errors.SchemaMismatchError, match="missing"):
        guard.assess(qg.Table.from_records([{"duration": 1.0}], qg.Schema("plain", [qg.Column("duration")])))


def test_auto_gives_logs_of_devices_their_windows() -> None:
    guard = qg.Guard("auto").fit(qg.simulate_devices(duration_s=120.0).table)
    assert "unique_devices" in guard.context_columns
