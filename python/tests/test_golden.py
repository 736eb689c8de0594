"""The cases that Rust, Python and JavaScript share; `tests/golden.rs` says what they hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import qosguard as qg
from qosguard import errors

FOLDER = Path(__file__).parents[2] / "tests" / "golden"
CASES = [case for path in sorted(FOLDER.glob("*.json")) for case in json.loads(path.read_text(encoding="utf-8"))]
# An emptied folder must not pass.
LEAST_CASES = 11

Case = dict[str, Any]


def bits(numbers: npt.NDArray[Any]) -> list[str]:
    """Bits as hexadecimal digits, as they stand in the files."""
    width = numbers.dtype.itemsize
    return [f"{number:0{2 * width}x}" for number in numbers.view(f"u{width}").tolist()]


def rule(fields: Case) -> qg.ThresholdRule:
    make = getattr(qg.ThresholdRule, fields["kind"])
    return make(*(value for name, value in fields.items() if name != "kind"))


def run(case: Case) -> Case:
    trees = case["forest"]
    forest = qg.IsolationForest(trees["trees"], trees["max_samples"], random_state=trees["seed"])
    guard = qg.Guard(forest, threshold=rule(case["threshold"]), seed=case["seed"]).fit(qg.simulate(**case["train"]))
    simulated = "flows" in case
    table = qg.simulate(**case["flows"]) if simulated else qg.Table.from_records(case["records"], guard.schema)
    out = guard.assess(table)
    return {
        "digest": guard.digest,
        "threshold": bits(np.array([guard.threshold.score], dtype=np.float32))[0],
        "scores": bits(out.scores),
        "p_values": bits(out.p_values),
        "ids": [decision.id for decision in out.decisions],
        "rules": [decision.rule for decision in out.decisions],
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_python_answers_like_rust(case: Case) -> None:
    if "error" in case:
        with pytest.raises(errors.QosguardError) as caught:
            run(case)
        assert caught.value.kind == case["error"]
    else:
        assert run(case) == case["expected"]


def test_there_are_at_least_the_known_cases() -> None:
    assert len(CASES) >= LEAST_CASES
