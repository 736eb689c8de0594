"""Every setting that a guard accepts changes what it assesses, or is in `EXCEPT` with a reason."""

from __future__ import annotations

import copy
import inspect
import re
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import qosguard as qg
from qosguard import _core, errors

Path = tuple[str | int, ...]

# Small enough to be fitted for every setting in turn.
NET = {"training": {"epochs": 2, "batch_rows": 64}}
FOREST = {"kind": "isolation_forest", "trees": 5, "seed": 1}
TREES = {"kind": "boosted_trees", "trees": 5, "seed": 1, "subsample": 0.5}
BASES: dict[str, list[dict[str, Any]]] = {
    "isolation_forest": [
        {"trees": 5},
        {"trees": 5, "splits": {"kind": "extended", "features": 2}},
        {"trees": 5, "splits": {"kind": "pooled_gain", "features": 1, "tries": 2, "share": 0.5}},
    ],
    "gaussian_mixture": [{}],
    "half_space_trees": [{"trees": 5}],
    "contrast_trees": [{"trees": 5}],
    "boosted_trees": [{"trees": 8, "subsample": 0.5}],
    "logistic_regression": [{}],
    "autoencoder": [NET],
    "entity_autoencoders": [{"entity": "service", "autoencoder": NET}],
    "kitsune": [{}],
    "neural_classifier": [NET],
    "ensemble": [{"members": [{"name": "a", "weight": 1.0, **FOREST}, {"name": "b", "weight": 1.0, **TREES}]}],
    "mixture_of_experts": [{"experts": [{"name": "a", **FOREST}, {"name": "b", **TREES}]}],
}

# Values that no rule below finds, by the end of the setting's name.
VALUES: dict[str, list[Any]] = {
    "splits": [{"kind": "extended", "features": 2}],
    "early_stopping": [{"share": 0.3, "patience": 1}],
    "min_hessian": [5.0, 20.0],
    "monotone": [[1] * 13],
    "categorical": [[1]],
    "variational": [{}, {"beta": 1.0}],
    "columns": [{"categorical": [1]}, {"categorical": []}],
    "pretraining": [{}, {"epochs": 2}],
    "entity": ["protocol"],
    "training_rows": [50, 100],
}

# Settings that do not change what a guard assesses here, and why.
EXCEPT: dict[str, str] = {
    r".*\.(members|experts)\.\d\.name": "a name; `Assessment.members` and `experts` have it",
    r"kitsune\.training_rows": "the rows that a stream learns from before it scores; `fit` takes all of its rows",
    r"neural_classifier\.pretraining": "only FT-Transformers have it; tests/neural_pretraining.rs covers it",
    r".*\.training\.(patience|schedule\.(patience|factor))": "read once the loss stops falling, not in two epochs",
    r"mixture_of_experts\.learn_classes": "guards hand labels over, not classes; `fit_classes` reads it",
    r"mixture_of_experts\.(gate\.(load_balance_weight|min_load)|training\.(clip_norm|validation_share))": "limits that "
    "a gate of two small experts does not reach; the tests in src/detect/mixture_of_experts cover them",
    r"isolation_forest:(extended|pooled_gain)\.missing": "guards impute missing cells; oblique forests reject them",
    r"isolation_forest:extended\.categorical": "oblique forests reject categories",
}


def fields(settings: dict[str, Any], path: Path) -> list[str]:
    """The names that serde reads at a path, so that a new setting without a test fails."""
    probe = copy.deepcopy(settings)
    inner = at(probe, path)
    inner["?"] = None
    with pytest.raises(errors.InvalidArgumentError) as caught:
        _core._settings(probe)
    return [name for name in caught.value.details["known"] if name != "kind"]


def at(settings: Any, path: Path) -> Any:
    for step in path:
        settings = settings[step]
    return settings


def leaves(settings: dict[str, Any], whole: dict[str, Any], path: Path = ()) -> Iterator[Path]:
    here = at(whole, path)
    if isinstance(here, dict):
        names = [name for name in here if name != "kind"]
        for name in names:
            yield from leaves(settings, whole, (*path, name))
    elif isinstance(here, list) and here and isinstance(here[0], dict):
        for index in range(len(here)):
            yield from leaves(settings, whole, (*path, index))
    else:
        yield path


def candidates(settings: dict[str, Any], path: Path, value: Any) -> Iterator[Any]:
    """Other values of a setting, those that are listed and those that serde names first."""
    yield from VALUES.get(str(path[-1]), [])
    probe = copy.deepcopy(settings)
    at(probe, path[:-1])[path[-1]] = "?"
    try:
        _core._settings(probe)
    except errors.InvalidArgumentError as error:
        yield from (word for word in re.findall(r"\w+", error.details.get("expected", "")) if word != value)
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield from (value * 2, value / 2, value + 1, value - 1, 0.1, 0.9, 1, 2, 3, 0)
        if isinstance(value, int):
            yield from (value // 2, value // 10, value * 10)
    elif value is None:
        yield from (True, 1, 2, 3, 0.1, 0.5, 2.5, [0.1, 0.9])
    elif isinstance(value, list):
        yield from (value[:-1], [*value, *value], *([feature] for feature in range(12)))
    elif isinstance(value, str):
        yield value + "x"


@pytest.fixture(scope="module")
def tables() -> tuple[qg.Table, qg.Table]:
    return qg.simulate(rows=500, attack_share=0.3, seed=1), qg.simulate(rows=200, attack_share=0.3, seed=2)


def assess(
    settings: dict[str, Any], tables: tuple[qg.Table, qg.Table], featurizer: dict[str, Any]
) -> npt.NDArray[np.float64]:
    rule = qg.ThresholdRule.false_positive_rate(0.05)
    guard = _core.Guard.fit(tables[0], featurizer, [], settings, rule, qg.Policy(), None, 0, None)
    out = guard.assess(tables[1])
    probabilities = out.probabilities
    return np.concatenate([out.scores, out.p_values, np.zeros(0) if probabilities is None else probabilities])


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("kind", "base"), [(kind, base) for kind, bases in BASES.items() for base in bases])
def test_every_setting_of_a_detector_changes_what_a_guard_assesses(
    kind: str, base: dict[str, Any], tables: tuple[qg.Table, qg.Table]
) -> None:
    settings = {"kind": kind, **copy.deepcopy(base)}
    whole = _core._settings(settings)
    usual = assess(settings, tables, {})
    silent = []
    named = set(fields(settings, ()))
    assert named, kind
    paths = [*leaves(settings, whole), *((name,) for name in sorted(named - set(whole)))]
    for path in paths:
        splits = base.get("splits", {"kind": "random"})["kind"]
        name = ".".join(str(step) for step in (kind, *path)).replace("forest.", f"forest:{splits}.", 1)
        if any(re.fullmatch(pattern, name) for pattern in EXCEPT):
            continue
        value = at(whole, path) if len(path) > 1 or path[0] in whole else None
        for other in candidates(whole, path, value):
            changed = copy.deepcopy(whole)
            at(changed, path[:-1])[path[-1]] = other
            try:
                result = assess(changed, tables, {})
            except errors.QosguardError:
                continue
            if result.shape != usual.shape or (result != usual).any():
                break
        else:
            silent.append(name)
    assert silent == [], f"SILENT {silent}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("scaling", "none"),
        ("scaling", "robust"),
        ("categories", {"kind": "one_hot", "cap": 10}),
        ("categories", {"kind": "ordinal", "cap": 2}),
        ("auto_log", False),
    ],
)
def test_every_setting_of_the_featurizer_changes_what_a_guard_assesses(
    name: str, value: Any, tables: tuple[qg.Table, qg.Table]
) -> None:
    settings = {"kind": "gaussian_mixture"}
    assert (assess(settings, tables, {name: value})[:200] != assess(settings, tables, {})[:200]).any()


def test_no_setting_of_the_featurizer_is_left_out(flows: qg.Table) -> None:
    with pytest.raises(errors.InvalidArgumentError) as caught:
        qg.Guard(featurizer={"?": 1}).fit(flows)
    assert set(caught.value.details["known"]) == {"scaling", "categories", "auto_log"}


def test_every_setting_of_the_guard_changes_its_file(flows: qg.Table) -> None:
    changes: dict[str, Any] = {
        "detector": "auto",
        "false_positive_rate": 0.05,
        "threshold": qg.ThresholdRule.mad(2.0),
        "policy": qg.Policy().with_dry_run(False),
        "featurizer": {"auto_log": False},
        "context": qg.HostContext(windows=(5.0,)),
        "attack_share": 0.01,
        "seed": 1,
    }
    assert set(changes) == set(inspect.signature(qg.Guard).parameters)
    trees = qg.BoostedTrees(n_estimators=5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", errors.GuardWarning)
        usual = qg.Guard(trees).fit(flows).digest
        for name, value in changes.items():
            settings = {"detector": trees, name: value}
            assert qg.Guard(**settings).fit(flows).digest != usual, name
