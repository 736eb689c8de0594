"""The cases that Rust, Python and JavaScript share: equal bits, equal kinds of error.

`tests/golden.rs` and `tests/golden_detectors.rs` say what they hold.
"""

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
GUARDS = json.loads((FOLDER / "guard.v1.json").read_text(encoding="utf-8"))
SUITE = json.loads((FOLDER / "detectors.v1.json").read_text(encoding="utf-8"))
MODELS = json.loads((FOLDER / "models.v1.json").read_text(encoding="utf-8"))

Case = dict[str, Any]


def test_no_case_is_lost() -> None:
    assert len(GUARDS) == 12
    assert len(SUITE["cases"]) == 57


def bits(numbers: npt.NDArray[Any]) -> list[str]:
    """Bits as hexadecimal digits, as in the files."""
    width = numbers.dtype.itemsize
    return [f"{number:0{2 * width}x}" for number in numbers.view(f"u{width}").ravel().tolist()]


def rule(fields: Case) -> qg.ThresholdRule:
    make = getattr(qg.ThresholdRule, fields["kind"])
    return make(*(value for name, value in fields.items() if name != "kind"))


def assess(case: Case) -> Case:
    trees = case["forest"]
    forest = qg.IsolationForest(trees["trees"], trees["max_samples"], random_state=trees["seed"])
    guard = qg.Guard(forest, threshold=rule(case["threshold"]), context=case.get("context"), seed=case["seed"])
    guard.fit(qg.simulate(**case["train"]))
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


@pytest.mark.parametrize("case", GUARDS, ids=lambda case: case["name"])
def test_guards_give_the_results_of_rust(case: Case) -> None:
    if "error" in case:
        with pytest.raises(errors.QosguardError) as caught:
            assess(case)
        assert caught.value.kind == case["error"]
    else:
        assert assess(case) == case["expected"]


@pytest.mark.parametrize("file", MODELS["scores"])
def test_released_guards_give_the_scores_in_the_file(file: str) -> None:
    guard = qg.Guard.load(FOLDER.parent / "models" / file)
    assert "".join(bits(guard.assess(qg.simulate(**MODELS["flows"])).scores)) == MODELS["scores"][file]


DETECTORS: list[type[Any]] = [
    qg.Autoencoder,
    qg.BoostedTrees,
    qg.ContrastTrees,
    qg.GaussianMixture,
    qg.HalfSpaceTrees,
    qg.IsolationForest,
    qg.Kitsune,
    qg.LogisticRegression,
    qg.NeuralClassifier,
]
CLASSES = {cls._KIND: cls for cls in DETECTORS}


def detector(settings: Case) -> Any:
    """The estimator with these settings of the core."""
    given = {name: value for name, value in settings.items() if name not in ("kind", "name", "weight", "joint")}
    match settings["kind"]:
        case "entity_autoencoders":
            inner = detector({"kind": "autoencoder", **given.get("autoencoder", {})})
            return qg.EntityAutoencoders(given["entity"], given.get("min_rows", 500), inner)
        case "ensemble":
            members = [(one["name"], detector(one), one["weight"]) for one in given.pop("members")]
            return qg.Ensemble(members, random_state=given.pop("seed", 0), **given)
        case "mixture_of_experts":
            experts = [(one["name"], detector(one)) for one in given["experts"]]
            joint = [one["name"] for one in given.pop("experts") if one.get("joint")]
            return qg.MixtureOfExperts(experts, given.pop("seed", 0), joint=joint, **given)
        case "logistic_regression" if "l2" in given:
            given["l2"] = 1.0 / given["l2"]
    cls = CLASSES[settings["kind"]]
    if "columns" in given:
        given["categorical"] = given.pop("columns")["categorical"]
    names = {setting: name for name, setting in cls._SETTINGS.items()}
    words = {"diagonal": "diag"} if cls is qg.GaussianMixture else {}
    return cls(**{names.get(setting, setting): words.get(str(value), value) for setting, value in given.items()})


IMPORTS = {
    "lightgbm": qg.TreeModel.from_lightgbm,
    "xgboost": qg.TreeModel.from_xgboost,
    "sklearn": qg.TreeModel.from_sklearn,
}


def matrix(name: str, missing: bool) -> npt.NDArray[np.float32]:
    x = np.array(SUITE[name], dtype=np.float32)
    if missing:
        x[SUITE["missing"][name]] = np.nan
    return x.reshape(-1, SUITE["columns"])


def score(case: Case) -> Case:
    missing = case.get("missing", False)
    if "import" in case:
        model = IMPORTS[case["import"]["library"]](case["import"]["text"])
    else:
        x = matrix("train", missing)
        attacks = np.isin(np.arange(len(x)), SUITE["attacks"]) if case.get("labelled") else None
        model = detector(case["settings"]).fit(x, attacks)
    fresh = matrix("fresh", missing)
    out = {"scores": "".join(bits(model.anomaly_score(fresh)))}
    if hasattr(model, "predict_proba"):
        out["probabilities"] = "".join(bits(model.predict_proba(fresh)))
    return out


@pytest.mark.parametrize("case", SUITE["cases"], ids=lambda case: case["name"])
def test_detectors_give_the_results_of_rust(case: Case) -> None:
    if "error" in case:
        with pytest.raises(errors.QosguardError) as caught:
            score(case)
        assert caught.value.kind == case["error"]
    else:
        got = score(case)
        # Contrast trees are not a classifier here: only their scores are compared.
        assert got.get("probabilities") == (None if "contrast" in case["name"] else case.get("probabilities"))
        assert got["scores"] == case["scores"]
