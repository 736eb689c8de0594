"""The cases that Rust, Python and Node must answer alike, bit for bit; `tests/golden.rs` writes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import qosguard as qg
from qosguard import errors

FOLDER = Path(__file__).parents[2] / "tests" / "golden"
Case = dict[str, Any]


def bits(value: float) -> str:
    return np.float32(value).tobytes()[::-1].hex()


def bits64(value: float) -> str:
    return np.float64(value).tobytes()[::-1].hex()


def matrix(values: Case) -> npt.NDArray[np.float32]:
    return np.array(values["values"], dtype=np.float32).reshape(-1, values["columns"])


def forest_of(case: Case) -> qg.IsolationForest:
    return qg.IsolationForest(case["trees"], case["max_samples"], random_state=case["seed"])


def run_forest(case: Case, _: Path) -> object:
    forest = forest_of(case).fit(matrix(case["fit"]))
    return [bits(score) for score in forest.anomaly_score(matrix(case["score"]))]


def run_guard(case: Case, _: Path) -> object:
    flows = qg.simulate(case["rows"], case["attack_share"], case["seed"])
    rate = case["false_positive_rate"]
    guard = qg.Guard(forest_of(case), false_positive_rate=rate, seed=case["seed"]).fit(flows)
    out = guard.assess(flows)
    rows = [
        {
            "row": row,
            "score": bits(out.scores[row]),
            "p_value": bits64(out.p_values[row]),
            "decision": str(out.decisions[row]),
        }
        for row in range(0, len(out), len(out) // 10)
    ]
    return {
        "digest": guard.digest,
        "features": guard.feature_names,
        "threshold": bits(guard.threshold.score),
        "rows": rows,
        "top": [decision.row for decision in out.top(3)],
    }


def run_read_csv(case: Case, folder: Path) -> object:
    path = folder / "flows.csv"
    path.write_text(case["text"], encoding="utf-8", newline="")
    schema = None if case["schema"] is None else qg.Schema.preset(case["schema"])
    table = qg.read_csv(path, schema, max_rejected_share=case["max_rejected_share"])
    report = table.report
    return {
        "schema": table.schema.name,
        "accepted": report.accepted,
        "rejected": report.rejected,
        "rejections": [[r.line, r.column, r.value] for r in report.rejections],
    }


def run_policy(case: Case, _: Path) -> object:
    return qg.Policy.from_toml(case["toml"]).to_dict()


def run_evaluate(case: Case, _: Path) -> object:
    options = {name: case[name] for name in ("asked_fpr", "resamples", "seed")}
    report = qg.evaluate(case["scores"], case["labels"], case["threshold"], **options)

    def of(estimate: qg.Estimate) -> list[str]:
        return [bits64(estimate.value), bits64(estimate.low), bits64(estimate.high)]

    names = ["auc", "average_precision", "f1", "recall", "realised_fpr", "tpr_at_1_percent_fpr"]
    return {name: of(getattr(report, name)) for name in names}


SUITES: dict[str, tuple[Callable[[Case, Path], object], int]] = {
    "forest": (run_forest, 7),
    "guard": (run_guard, 4),
    "read_csv": (run_read_csv, 8),
    "policy": (run_policy, 6),
    "evaluate": (run_evaluate, 4),
}


def test_every_suite_is_read() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == SUITES.keys()


@pytest.mark.parametrize("suite", SUITES)
def test_python_answers_like_rust(suite: str, tmp_path: Path) -> None:
    run, least = SUITES[suite]
    cases = json.loads((FOLDER / f"{suite}.json").read_text(encoding="utf-8"))["cases"]
    assert len(cases) >= least
    for case in cases:
        if "error" in case:
            with pytest.raises(errors.QosguardError) as caught:
                run(case, tmp_path)
            assert caught.value.kind == case["error"], case["name"]
        else:
            assert run(case, tmp_path) == case["expected"], case["name"]
