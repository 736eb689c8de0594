from __future__ import annotations

import errno
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qosguard as qg
from qosguard import _core, errors

KINDS = {
    "invalid_argument": ValueError,
    "shape_mismatch": ValueError,
    "not_finite": ValueError,
    "schema_mismatch": ValueError,
    "bad_record": ValueError,
    "insufficient_data": ValueError,
    "incompatible_format": ValueError,
    "corrupt_artifact": ValueError,
    "policy": ValueError,
    "training": RuntimeError,
    "cancelled": RuntimeError,
    "unsupported": RuntimeError,
    "io": OSError,
}


@pytest.mark.parametrize(("kind", "base"), KINDS.items())
def test_every_kind_of_the_core_has_its_class(kind: str, base: type[Exception]) -> None:
    error = errors.from_kind(kind, "what happened")
    assert type(error) is not errors.QosguardError
    assert isinstance(error, errors.QosguardError)
    assert isinstance(error, base)
    assert error.kind == kind
    assert str(error) == "what happened"
    assert type(error).__name__ in errors.__all__


def test_every_kind_of_the_core_is_tested() -> None:
    assert set(_core._error_kinds()) == set(KINDS)


def test_a_kind_of_a_newer_core_is_still_a_qosguard_error() -> None:
    assert type(errors.from_kind("brand_new", "text")) is errors.QosguardError


def test_a_file_that_cannot_be_opened_raises_an_oserror_with_errno_and_name(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.csv"
    with pytest.raises(errors.IoError) as caught:
        qg.read_csv(path)
    assert caught.value.errno == errno.ENOENT
    assert caught.value.filename == str(path)
    assert "No such file" in str(caught.value)


def test_errors_have_the_values_of_their_message_by_name() -> None:
    # `bindings/node/test/errors.test.mjs` expects the same values in JavaScript.
    flows = qg.simulate(rows=200, seed=1)
    detector = qg.IsolationForest(n_estimators=5).fit(np.sin(np.arange(200, dtype=np.float32)).reshape(-1, 2))
    cases: list[tuple[Callable[[], object], dict[str, Any]]] = [
        (
            lambda: qg.Guard(false_positive_rate=5).fit(flows),
            {
                "path": "false_positive_rate",
                "problem": "out_of_domain",
                "expected": "above 0 and below 1",
                "got": "5",
            },
        ),
        (
            lambda: qg.IsolationForest().fit(np.zeros((1, 2), dtype=np.float32)),
            {"what": "training rows", "needed": 2, "got": 1},
        ),
        (lambda: qg.read_csv("/nowhere.csv"), {"file": "/nowhere.csv", "errno": 2}),
        (
            lambda: detector.score_samples(np.array([[1, 2], [np.nan, 4]], dtype=np.float32)),
            {"row": 1, "column": "0", "value": "NaN"},
        ),
    ]
    for call, details in cases:
        with pytest.raises(errors.QosguardError) as caught:
            call()
        assert caught.value.details == details


def test_a_panic_is_an_exception_that_except_exception_catches(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Exception, match="panicked") as caught:
        _core._provoke_panic()
    assert type(caught.value) is errors.InternalError
    assert "provoked" in capfd.readouterr().err


def test_errors_can_be_pickled(tmp_path: Path) -> None:
    for error in (errors.PolicyError("text"), errors.from_kind("io", "text", (errno.EACCES, "flows.csv"))):
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again)) == (type(error), str(error))
