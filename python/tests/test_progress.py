"""Progress of fits, and functions that end them."""

from __future__ import annotations

import pytest

import qosguard as qg
from qosguard import errors


def test_a_guard_reports_members_and_folds() -> None:
    flows = qg.simulate(rows=3_000)
    seen: list[qg.Progress] = []
    guard = qg.Guard("auto").fit(flows, progress=lambda p: seen.append(p))
    fits = [p for p in seen if p.stage == "ensemble"]
    assert [p.done for p in fits] == list(range(1, fits[0].total + 1))
    members = {p.member for p in fits}
    folds = {p.fold for p in fits}
    assert len(fits) == len(members) * len(folds)
    assert {None, 0} <= folds
    assert None not in members
    assert (guard.assess(flows).scores == qg.Guard("auto").fit(flows).assess(flows).scores).all()


def test_a_bar_shows_members_and_folds(capfd: pytest.CaptureFixture[str]) -> None:
    qg.Guard("auto", context=[]).fit(qg.simulate(rows=3_000), progress=True)
    shown = capfd.readouterr().err
    assert [part for part in ("ensemble", "fold 1", "100%") if part not in shown] == []


def test_false_ends_a_fit_and_an_exception_is_raised() -> None:
    flows = qg.simulate(rows=3_000)
    with pytest.raises(errors.CancelledError, match="cancelled") as raised:
        qg.Guard("auto").fit(flows, progress=lambda p: False)
    assert raised.value.kind == "cancelled"

    def fail(progress: qg.Progress) -> None:
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        qg.Guard("auto").fit(flows, progress=fail)
