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


def test_errors_name_the_setting(flows: tuple[qg.Table, qg.Table]) -> None:
    train, _ = flows
    cases = [
        ({"kind": "hosts"}, "`context.kind` must be host"),
        ({"kind": "host", "window": 1}, "`context.window` is unknown here; the names are windows"),
        ({"kind": "host", "max_entities": "many"}, "`context.max_entities`"),
        (qg.HostContext(windows=()), "`windows` must be 1 to 8 lengths, ascending"),
        (3, "`context` must be a `HostContext`"),
    ]
    for context, message in cases:
        with pytest.raises(qg.errors.InvalidArgumentError, match=message):
            qg.Guard(context=context).fit(train)  # type: ignore[arg-type]
    guard = qg.Guard(context="host").fit(train)
    with pytest.raises(qg.errors.SchemaMismatchError, match="missing"):
        guard.assess(qg.Table.from_records([{"duration": 1.0}], qg.Schema("plain", [qg.Column("duration")])))
