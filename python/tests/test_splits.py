from __future__ import annotations

import numpy as np
import pytest

import qosguard as qg
from qosguard import errors


def test_splits_are_disjoint_and_keep_the_share_of_each_label(flows: qg.Table) -> None:
    labels = flows.labels
    assert labels is not None
    split = qg.Split.stratified(labels, 0.25, seed=7)
    assert sorted([*split.train, *split.test]) == list(range(len(flows)))
    assert np.asarray(labels)[split.test].mean() == pytest.approx(np.mean(labels), abs=1e-3)
    again = qg.Split.stratified(labels, 0.25, seed=7)
    assert (again.test == split.test).all()
    assert not np.array_equal(qg.Split.stratified(labels, 0.25, seed=8).test, split.test)
    train, test = split.tables(flows)
    assert (len(train), len(test)) == (len(split.train), len(split.test))

    folds = qg.Split.k_fold(labels, 4)
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(len(flows)))

    families = flows.families
    assert families is not None
    without = qg.Split.leave_one_family_out(labels, families, 0.3)
    assert set(without) == set(families) - {""}
    for family, split in without.items():
        assert family not in {families[row] for row in split.train}

    times = qg.Split.by_time(flows, 1767571400)
    assert len(times.train)
    assert len(times.test)
    assert max(times.train) < min(times.test)
    with pytest.raises(errors.InvalidArgumentError):
        qg.Split.stratified(labels, 1.5)


def test_repeated_rows_and_leaks_are_found(flows: qg.Table) -> None:
    doubled = flows.take([*range(1_000), *range(500)])
    found = qg.Distinct.of(doubled)
    assert found.removed >= 500
    assert found.rows.tolist() == sorted(set(found.rows.tolist()))
    train, test = flows.take(range(2_000)), flows.take([*range(1_000, 3_000)])
    audit = qg.LeakAudit.of(train, test, level=0.85)
    assert audit.shared >= 1_000
    assert [f.by_value for f in audit.features] == sorted((f.by_value for f in audit.features), reverse=True)
    assert "shared" in str(audit)
    with pytest.raises(errors.InvalidArgumentError, match="level"):
        qg.LeakAudit.of(train, test, level=0.1)
