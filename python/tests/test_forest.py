from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import sklearn.base
import sklearn.ensemble
import sklearn.model_selection
import sklearn.pipeline
import sklearn.preprocessing

import qosguard as qg
from qosguard import _core, errors

Matrix = npt.NDArray[np.float32]


def test_parameters_are_read_changed_and_cloned(matrix: Matrix) -> None:
    forest = qg.IsolationForest(n_estimators=10)
    expected = {"n_estimators": 10, "max_samples": 256, "contamination": "auto", "random_state": 0}
    assert expected.items() <= forest.get_params().items()
    assert repr(forest.set_params(max_samples=64)) == "IsolationForest(n_estimators=10, max_samples=64)"
    with pytest.raises(errors.InvalidArgumentError, match="n_trees"):
        forest.set_params(n_trees=3)
    assert sklearn.base.clone(forest.fit(matrix)).get_params() == forest.get_params()
    assert sklearn.base.is_outlier_detector(forest)


def test_signs_equal_scikit_learns(matrix: Matrix) -> None:
    ours = qg.IsolationForest(contamination=0.01).fit(matrix)
    theirs = sklearn.ensemble.IsolationForest(contamination=0.01, random_state=0).fit(matrix)
    for forest in (ours, theirs):
        assert forest.score_samples(matrix).argmin() == 600
        assert forest.decision_function(matrix)[600] < 0.0
        assert forest.predict(matrix)[600] == -1
        assert (forest.predict(matrix) == -1).sum() in (6, 7)  # the cut is the seventh score itself
    assert ours.anomaly_score(matrix).argmax() == 600
    correlation = np.corrcoef(ours.score_samples(matrix), theirs.score_samples(matrix))[0, 1]
    assert correlation > 0.9
    assert (ours.fit_predict(matrix) == ours.predict(matrix)).all()


def test_pipeline_and_cross_validation(matrix: Matrix) -> None:
    y = np.zeros(len(matrix))
    y[[3, 200, 400]] = 1
    x = matrix.copy()
    x[y == 1] += 7.0
    pipeline = sklearn.pipeline.make_pipeline(sklearn.preprocessing.StandardScaler(), qg.IsolationForest())

    def auc(estimator: Any, x: Matrix, y: npt.NDArray[np.float64]) -> float:
        return float(sklearn.metrics.roc_auc_score(y, -estimator.score_samples(x)))

    folds = sklearn.model_selection.StratifiedKFold(3)
    scores = sklearn.model_selection.cross_val_score(pipeline, x, y, scoring=auc, cv=folds)
    assert (scores > 0.95).all()
    grid = {"isolationforest__n_estimators": [5, 20]}
    search = sklearn.model_selection.GridSearchCV(pipeline, grid, scoring=auc, cv=folds).fit(x, y)
    assert search.best_params_["isolationforest__n_estimators"] in (5, 20)


def test_the_same_seed_gives_the_same_bits_also_after_a_pickle(matrix: Matrix) -> None:
    forest = qg.IsolationForest(random_state=5).fit(matrix)
    scores = forest.anomaly_score(matrix)
    for other in (qg.IsolationForest(random_state=5).fit(matrix), pickle.loads(pickle.dumps(forest))):
        assert other.anomaly_score(matrix).tobytes() == scores.tobytes()
    assert qg.IsolationForest(random_state=6).fit(matrix).anomaly_score(matrix).tobytes() != scores.tobytes()
    none = [qg.IsolationForest(random_state=None).fit(matrix).anomaly_score(matrix) for _ in range(2)]
    assert none[0].tobytes() != none[1].tobytes()


@pytest.mark.parametrize(
    "convert",
    [
        lambda x: np.asfortranarray(x),
        lambda x: np.repeat(x, 2, axis=1)[:, ::2],
        lambda x: np.repeat(x, 2, axis=0)[::2],
        lambda x: x[::-1][::-1],
        lambda x: x.astype(np.float64),
        lambda x: x.astype(">f4"),
        lambda x: x.tolist(),
        lambda x: pd.DataFrame(x),
        lambda x: np.asfortranarray(x.astype(np.float64)),
    ],
)
def test_every_memory_layout_and_type_gives_the_same_scores(matrix: Matrix, convert: Any) -> None:
    forest = qg.IsolationForest().fit(matrix)
    expected = forest.anomaly_score(matrix)
    assert forest.anomaly_score(convert(matrix)).tobytes() == expected.tobytes()
    assert qg.IsolationForest().fit(convert(matrix)).anomaly_score(matrix).tobytes() == expected.tobytes()


def test_the_native_module_rejects_a_column_major_matrix() -> None:
    x = np.array([[1, 2, 3], [4, 5, 6]], dtype=np.float32)
    config = {"kind": "isolation_forest", "trees": 1, "max_samples": 2}
    assert _core.Detector.fit(config, x, None, None).n_features == 3
    for wrong in (np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2]):
        with pytest.raises(errors.InvalidArgumentError, match="C-contiguous"):
            _core.Detector.fit(config, wrong, None, None)
    with pytest.raises(TypeError):
        _core.Detector.fit(config, x.astype(np.float64), None, None)


def test_float32_in_c_order_is_not_copied(matrix: Matrix, monkeypatch: pytest.MonkeyPatch) -> None:
    forest = qg.IsolationForest().fit(matrix)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("converted")

    monkeypatch.setattr(np, "ascontiguousarray", refuse)
    assert len(forest.anomaly_score(matrix)) == 601


def test_columns_are_compared_by_name() -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 2)), columns=["bytes", "packets"])
    forest = qg.IsolationForest().fit(frame)
    assert forest.feature_names_in_.tolist() == ["bytes", "packets"]
    assert len(forest.anomaly_score(frame)) == 50
    with pytest.raises(errors.SchemaMismatchError, match=r"packets.*bytes"):
        forest.anomaly_score(frame[["packets", "bytes"]])
    assert not hasattr(forest.fit(frame.to_numpy()), "feature_names_in_")


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"n_estimators": 0}, "n_estimators"),
        ({"n_estimators": -1}, "n_estimators"),
        ({"n_estimators": 2**70}, "n_estimators"),
        ({"n_estimators": "many"}, "n_estimators"),
        ({"n_estimators": 1.5}, "n_estimators"),
        ({"max_samples": 1}, "max_samples"),
        ({"random_state": -1}, "random_state"),
        ({"random_state": 0.5}, "random_state"),
        ({"max_depth": 33}, "max_depth"),
        ({"splits": "even"}, "splits"),
        ({"splits": {"kind": "extended", "features": 9}}, "splits.features"),
        ({"scoring": "width"}, "scoring"),
        ({"missing": "impute"}, "missing"),
        ({"categorical": [7]}, "categorical"),
        ({"contamination": 0.0}, "contamination"),
        ({"contamination": 0.6}, "contamination"),
        ({"contamination": float("nan")}, "contamination"),
        ({"contamination": "some"}, "contamination"),
    ],
)
def test_a_parameter_outside_its_domain_is_named(matrix: Matrix, parameters: Any, name: str) -> None:
    with pytest.raises(errors.InvalidArgumentError, match=f"`{name}`"):
        qg.IsolationForest(**parameters).fit(matrix)


@pytest.mark.parametrize(
    ("x", "error", "match"),
    [
        ([[1.0, float("nan")], [2.0, 3.0]], errors.NotFiniteError, "row 0, column `1`"),
        ([[1.0, 2.0], [2.0, 1e300]], errors.NotFiniteError, "row 1, column `1`"),
        ([1.0, 2.0], errors.ShapeMismatchError, "Reshape your data"),
        ([[[1.0]]], errors.ShapeMismatchError, "got 3D"),
        (np.zeros((10, 0)), errors.InsufficientDataError, r"0 feature\(s\)"),
        (np.zeros((0, 3)), errors.InsufficientDataError, "training rows"),
        (np.zeros((1, 3)), errors.InsufficientDataError, "training rows"),
        (np.zeros((3, 2), dtype=complex), errors.InvalidArgumentError, "Complex"),
        ([["tcp", "udp"], ["tcp", "udp"]], ValueError, "tcp"),
    ],
)
def test_an_invalid_matrix_is_rejected(x: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        qg.IsolationForest().fit(x)


def test_another_width_and_an_unfitted_forest_are_rejected(matrix: Matrix) -> None:
    forest = qg.IsolationForest().fit(matrix)
    with pytest.raises(errors.ShapeMismatchError, match="X has 4 features, but IsolationForest is expecting 5"):
        forest.anomaly_score(matrix[:, :4])
    assert forest.anomaly_score(np.zeros((0, 5), dtype=np.float32)).shape == (0,)
    with pytest.raises(errors.NotFittedError):
        qg.IsolationForest().anomaly_score(matrix)


VARIANTS: list[dict[str, Any]] = [
    {"splits": "fair_cut"},
    {"splits": {"kind": "extended", "features": 2}},
    {"splits": {"kind": "pooled_gain", "tries": 4, "share": 0.5}},
    {"scoring": "density"},
    {"max_depth": 4},
]


@pytest.mark.parametrize("parameters", VARIANTS)
def test_every_variant_finds_the_row_far_away(matrix: Matrix, parameters: dict[str, Any]) -> None:
    forest = qg.IsolationForest(**parameters).fit(matrix)
    scores = forest.anomaly_score(matrix)
    assert scores.argmax() == 600
    assert forest.predict(matrix)[600] == -1
    assert scores.tobytes() != qg.IsolationForest().fit(matrix).anomaly_score(matrix).tobytes()
    assert sklearn.base.clone(forest).get_params() == forest.get_params()


def test_missing_values_and_categories(matrix: Matrix) -> None:
    x = matrix.copy()
    x[5, 2] = np.nan
    with pytest.raises(errors.NotFiniteError, match="row 5, column `2`"):
        qg.IsolationForest().fit(x)
    x[:, 0] = np.arange(601) % 4
    forest = qg.IsolationForest(missing="learn", categorical=np.array([0])).fit(x)  # type: ignore[arg-type]
    assert np.isfinite(forest.anomaly_score(x)).all()
    assert forest.anomaly_score(x).argmax() == 600
    x[3, 0] = 0.5
    with pytest.raises(errors.InvalidArgumentError, match="row 3, column 0"):
        forest.fit(x)


def test_a_forest_grows_and_forests_merge(matrix: Matrix) -> None:
    grown = qg.IsolationForest(20).fit(matrix).grow(matrix, 30)
    at_once = qg.IsolationForest(50).fit(matrix)
    assert grown.n_estimators_ == at_once.n_estimators_ == 50
    assert grown.anomaly_score(matrix).tobytes() == at_once.anomaly_score(matrix).tobytes()
    with pytest.raises(errors.ShapeMismatchError):
        grown.grow(matrix[:, :3], 1)
    with pytest.raises(errors.InvalidArgumentError, match="`n` must be"):
        grown.grow(matrix, 0)

    parts = [qg.IsolationForest(30, random_state=seed).fit(matrix) for seed in (1, 2)]
    merged = qg.IsolationForest.merge(parts)
    assert (merged.n_estimators, merged.n_estimators_, merged.n_features_in_) == (60, 60, 5)
    assert merged.predict(matrix)[600] == -1
    for wrong in ([], [parts[0], parts[0]], [parts[0], qg.IsolationForest(contamination=0.1).fit(matrix)]):
        with pytest.raises(errors.QosguardError):
            qg.IsolationForest.merge(wrong)
    frame = pd.DataFrame(matrix, columns=list("abcde"))
    named = [
        qg.IsolationForest(5, random_state=seed).fit(frame[list(order)]) for seed, order in ((1, "abcde"), (2, "edcba"))
    ]
    with pytest.raises(errors.SchemaMismatchError, match=r"forests\[1\]"):
        qg.IsolationForest.merge(named)
