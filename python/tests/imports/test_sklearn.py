"""Imported models of scikit-learn predict what the objects that they come from predict."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.dummy
import sklearn.ensemble
import sklearn.linear_model
from imported import ROWS, Matrix, changed, equal, frame, onnx, sklearn_text

import qosguard as qg
from qosguard import errors

FORESTS: list[Any] = [
    sklearn.ensemble.RandomForestClassifier(8, random_state=0),
    sklearn.ensemble.RandomForestClassifier(8, criterion="entropy", class_weight="balanced", random_state=0),
    sklearn.ensemble.RandomForestClassifier(8, max_samples=0.3, max_leaf_nodes=7, random_state=0),
    sklearn.ensemble.ExtraTreesClassifier(8, bootstrap=True, random_state=0),
]
BOOSTED: list[Any] = [
    sklearn.ensemble.GradientBoostingClassifier(n_estimators=8, random_state=0),
    sklearn.ensemble.GradientBoostingClassifier(n_estimators=8, init="zero", subsample=0.5, random_state=0),
    sklearn.ensemble.GradientBoostingClassifier(n_estimators=8, init=sklearn.dummy.DummyClassifier(strategy="prior")),
    sklearn.ensemble.GradientBoostingClassifier(n_estimators=80, n_iter_no_change=2, random_state=0),
    sklearn.ensemble.HistGradientBoostingClassifier(max_iter=8),
    sklearn.ensemble.HistGradientBoostingClassifier(max_iter=60, early_stopping=True, n_iter_no_change=2),
]


@pytest.mark.parametrize("theirs", FORESTS + BOOSTED, ids=lambda model: repr(model)[:60])
@pytest.mark.parametrize("weighted", [False, True])
def test_scikit_learns_estimators(x: Matrix, kinds: Any, theirs: Any, weighted: bool) -> None:
    weights = np.random.default_rng(0).integers(0, 4, ROWS) if weighted else None
    for y in (kinds, kinds == "scan"):
        theirs.fit(x, y, sample_weight=weights)
        equal(qg.TreeModel.from_sklearn(theirs), theirs, x, atol=1e-12)


@pytest.mark.parametrize("init", [None, "zero"])
def test_the_exponential_loss(x: Matrix, kinds: Any, init: Any) -> None:
    theirs = sklearn.ensemble.GradientBoostingClassifier(loss="exponential", n_estimators=20, init=init, random_state=0)
    theirs.fit(x, kinds == "scan")
    ours = qg.TreeModel.from_sklearn(theirs)
    equal(ours, theirs, x, atol=1e-14)
    # The score is the log-odds, which are twice the decision function of this loss.
    np.testing.assert_allclose(ours.anomaly_score(x), 2.0 * theirs.decision_function(x), rtol=1e-6)
    np.testing.assert_allclose(onnx(ours, x).ravel(), 2.0 * theirs.decision_function(x), rtol=1e-12)


@pytest.mark.parametrize(
    ("theirs", "match"),
    [
        (sklearn.ensemble.GradientBoostingRegressor(loss="huber", n_estimators=2), "GradientBoostingRegressor"),
        (sklearn.ensemble.HistGradientBoostingRegressor(max_iter=2), "HistGradientBoostingRegressor"),
        (sklearn.ensemble.AdaBoostClassifier(n_estimators=2), "AdaBoostClassifier"),
        (sklearn.ensemble.IsolationForest(n_estimators=2), "IsolationForest"),
        (
            sklearn.ensemble.GradientBoostingClassifier(n_estimators=2, init=sklearn.linear_model.LogisticRegression()),
            "init.*LogisticRegression",
        ),
        (
            sklearn.ensemble.GradientBoostingClassifier(
                n_estimators=2, init=sklearn.dummy.DummyClassifier(strategy="uniform", random_state=0)
            ),
            "init.*uniform",
        ),
    ],
)
def test_unsupported_scikit_learn_models_are_rejected_by_name(x: Matrix, kinds: Any, theirs: Any, match: str) -> None:
    theirs.fit(x, kinds == "scan")
    with pytest.raises(errors.InvalidArgumentError, match=match):
        qg.TreeModel.from_sklearn(theirs)


def test_another_loss_is_rejected_by_name(x: Matrix, kinds: Any) -> None:
    theirs = sklearn.ensemble.GradientBoostingClassifier(n_estimators=2).fit(x, kinds == "scan")
    text = json.dumps(json.loads(sklearn_text(theirs)) | {"loss": "hinge"})
    with pytest.raises(errors.InvalidArgumentError, match=r"loss.*hinge"):
        qg.TreeModel.from_sklearn(text)
    theirs.loss = "deviance"
    with pytest.raises(errors.InvalidArgumentError, match=r"loss.*deviance"):
        qg.TreeModel.from_sklearn(theirs)
    both = np.stack([kinds == "scan", kinds == "flood"], axis=1)
    forest = sklearn.ensemble.RandomForestClassifier(2).fit(x, both)
    with pytest.raises(errors.InvalidArgumentError, match="one column of labels, got 2"):
        qg.TreeModel.from_sklearn(forest)


@pytest.mark.parametrize("kind", ["integers", "floats", "text", "digits", "truth"])
def test_categories_of_histogram_boosting(kind: str, tmp_path: Path) -> None:
    df, y = frame(kind)
    gap = df.assign(port=df["port"].where(np.arange(len(df)) % 5 > 0))
    for train in (df, gap):
        theirs = sklearn.ensemble.HistGradientBoostingClassifier(max_iter=10, categorical_features="from_dtype")
        theirs.fit(train, y)
        path = tmp_path / "model.json"
        path.write_text(sklearn_text(theirs))
        for source in (theirs, path):
            ours = qg.TreeModel.from_sklearn(source, classes=theirs.classes_)
            for each in changed(df):
                equal(ours, theirs, each, atol=1e-12)
        if kind in ("integers", "floats"):
            values = df.to_numpy(np.float32)
            values[::4, 1] = 7.5  # no category
            values[1::4, 1] = np.nan
            indices = sklearn.ensemble.HistGradientBoostingClassifier(max_iter=10, categorical_features=[1])
            indices.fit(train.to_numpy(np.float64), y)
            ours = qg.TreeModel.from_sklearn(indices)
            equal(ours, indices, values, atol=1e-12)
            probabilities = 1 / (1 + np.exp(-ours.anomaly_score(values).astype(np.float64)))
            np.testing.assert_allclose(probabilities, indices.predict_proba(values)[:, 1], atol=1e-6)
            equal(pickle.loads(pickle.dumps(ours)), indices, values, atol=1e-12)
