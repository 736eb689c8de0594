"""Imported models predict what the objects and files that they come from predict."""

from __future__ import annotations

import json
import pickle
import warnings
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt
import onnxruntime
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn.dummy
import sklearn.ensemble
import sklearn.linear_model
import xgboost

import qosguard as qg
from qosguard import errors

ROWS = 900
PORTS = [22, 53, 80, 443]

Matrix = npt.NDArray[np.float32]


def equal(ours: qg.TreeModel, theirs: Any, X: Any, x: Any = None, atol: float = 2e-6) -> None:
    """Probabilities, labels and the sum of the scores are equal to the object's, class by class."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "X does not have valid feature names")
        expected, labels = np.asarray(theirs.predict_proba(X)), theirs.predict(X)
    order = [theirs.classes_.tolist().index(label) for label in ours.classes_.tolist()]
    got = ours.predict_proba(X if x is None else x)
    np.testing.assert_allclose(got, expected[:, order], rtol=0, atol=atol)
    clear = np.sort(expected, axis=1)[:, -1] - np.sort(expected, axis=1)[:, -2] > 1e-4
    assert (ours.predict(X if x is None else x) == labels)[clear].all()
    why = ours.explain((X if x is None else x)[:20])
    assert np.isfinite(why.contributions).all()


def onnx(model: qg.TreeModel | qg.BoostedTrees, x: Matrix) -> npt.NDArray[np.float64]:
    session = onnxruntime.InferenceSession(model.to_onnx(), providers=["CPUExecutionProvider"])
    margins: npt.NDArray[np.float64] = session.run(["margins"], {"x": x})[0]
    return margins


@pytest.fixture(scope="module")
def x() -> Matrix:
    return np.random.default_rng(1).normal(size=(ROWS, 4)).astype(np.float32)


@pytest.fixture(scope="module")
def kinds(x: Matrix) -> npt.NDArray[np.str_]:
    return np.select([x[:, 0] > 0.8, x[:, 1] * x[:, 2] > 0.7], ["scan", "flood"], "BENIGN")


# Losses and estimators of scikit-learn.

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
def test_what_scikit_learn_has_more_is_refused_by_name(x: Matrix, kinds: Any, theirs: Any, match: str) -> None:
    theirs.fit(x, kinds == "scan")
    with pytest.raises(errors.InvalidArgumentError, match=match):
        qg.TreeModel.from_sklearn(theirs)


def test_another_loss_is_refused_by_name(x: Matrix, kinds: Any) -> None:
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


def sklearn_text(model: Any) -> str:
    from qosguard.sklearn_json import sklearn_json

    return sklearn_json(model)


# Categories.


def frame(kind: str, seed: int = 0, rows: int = ROWS) -> tuple[pd.DataFrame, npt.NDArray[np.int_]]:
    """A frame whose middle column holds categories of some kind, and labels that follow them."""
    rng = np.random.default_rng(seed)
    port = rng.choice(PORTS, rows)
    names = {
        "integers": port,
        "int16": port.astype(np.int16),
        "floats": port / 2,
        "text": np.array([f"née {p}" for p in port]),
        "ascii": np.array([f"port {p}" for p in port]),
        "digits": port.astype(str),
        "truth": port > 60,
    }[kind]
    y = np.isin(port, [22, 443]).astype(int) ^ (rng.random(rows) < 0.05)
    columns = {"a": rng.normal(size=rows), "port": pd.Categorical(names), "z": rng.normal(size=rows)}
    return pd.DataFrame(columns).astype({"a": np.float32, "z": np.float32}), y


def changed(df: pd.DataFrame) -> list[pd.DataFrame]:
    """Frames with missing, unused, reordered and new categories."""
    port = df["port"]
    known = port.cat.categories.tolist()
    missing = df.assign(port=port.where(np.arange(len(df)) % 3 > 0))
    reversed_ = df.assign(port=port.cat.set_categories(port.cat.categories[::-1].to_numpy().copy()))
    fewer = df[port == known[1]].assign(port=lambda d: d["port"].cat.remove_unused_categories())
    frames = [df, missing, reversed_, fewer, df[::-1]]
    if not isinstance(known[0], bool):
        new = known[0] + type(known[0])("9" if isinstance(known[0], str) else 7)
        frames.append(df.assign(port=port.cat.rename_categories({known[0]: new})))
    return frames


@pytest.mark.parametrize("kind", ["integers", "int16", "floats", "text", "digits", "truth"])
def test_categories_of_lightgbm(kind: str, tmp_path: Path) -> None:
    df, y = frame(kind)
    theirs = lightgbm.LGBMClassifier(n_estimators=10, min_child_samples=5, verbose=-1).fit(df, y)
    path = tmp_path / "model.txt"
    theirs.booster_.save_model(path)
    for source in (theirs, theirs.booster_, path, path.read_text(), path.read_bytes()):
        ours = qg.TreeModel.from_lightgbm(source)
        for each in changed(df):
            equal(ours, theirs, each, atol=1e-14)
    equal(pickle.loads(pickle.dumps(ours)), theirs, df, atol=1e-14)
    codes = df.assign(port=df["port"].cat.codes)
    equal(ours, theirs, codes.to_numpy(np.float32), atol=1e-14)
    with pytest.raises(errors.SchemaMismatchError, match="1 columns of categories"):
        ours.predict(codes)
    with pytest.raises(errors.SchemaMismatchError, match="text"):
        ours.predict(df.assign(port=df["port"].astype(str)))
    if kind in ("text", "digits"):
        polars = pl.DataFrame({"a": df["a"].to_numpy(), "port": df["port"].tolist(), "z": df["z"].to_numpy()})
        for values in (
            polars.with_columns(pl.col("port").cast(pl.Categorical)),
            polars.with_columns(pl.col("port").cast(pl.Enum(polars["port"].unique(maintain_order=True)))),
            pa.Table.from_pandas(df),
        ):
            np.testing.assert_array_equal(ours.predict_proba(values), ours.predict_proba(df))
        with pytest.raises(errors.SchemaMismatchError, match=r"column `port`.*text"):
            ours.predict(polars)


def test_categories_that_a_lightgbm_model_does_not_name() -> None:
    df, y = frame("integers")
    codes = df.assign(port=df["port"].cat.codes)
    plain = qg.TreeModel.from_lightgbm(lightgbm.LGBMClassifier(n_estimators=3, verbose=-1).fit(codes, y))
    with pytest.raises(errors.SchemaMismatchError, match="0 columns of categories"):
        plain.predict(df)
    x = codes.to_numpy(np.float64)
    theirs = lightgbm.LGBMClassifier(n_estimators=5, min_child_samples=5, verbose=-1)
    theirs.fit(x, y, categorical_feature=[1])
    equal(qg.TreeModel.from_lightgbm(theirs), theirs, x, atol=1e-14)
    text = lightgbm.LGBMClassifier(n_estimators=2, verbose=-1).fit(df, y).booster_.model_to_string()
    with pytest.raises(errors.BadRecordError, match="pandas_categorical"):
        qg.TreeModel.from_lightgbm(text.replace("[[22", "[[22,,"))


def test_two_columns_of_categories() -> None:
    df, y = frame("text")
    df["flag"] = pd.Categorical(np.where(df["z"] > 0, "10", "9"))
    y = y ^ ((df["z"] > 0) & (df["a"] > 0)).to_numpy()
    theirs = lightgbm.LGBMClassifier(n_estimators=10, min_child_samples=5, verbose=-1).fit(df, y)
    equal(qg.TreeModel.from_lightgbm(theirs), theirs, df, atol=1e-14)
    boosted = xgboost.XGBClassifier(n_estimators=10, enable_categorical=True, max_cat_to_onehot=1).fit(df, y)
    equal(qg.TreeModel.from_xgboost(boosted), boosted, df)


@pytest.mark.parametrize("kind", ["integers", "int16", "ascii", "digits"])
@pytest.mark.parametrize("suffix", ["json", "ubj"])
def test_categories_of_xgboost(kind: str, suffix: str, tmp_path: Path) -> None:
    df, y = frame(kind)
    theirs = xgboost.XGBClassifier(n_estimators=10, enable_categorical=True, max_cat_to_onehot=2).fit(df, y)
    path = tmp_path / f"model.{suffix}"
    theirs.save_model(path)
    for source in (theirs, theirs.get_booster(), path, str(path), path.read_bytes()):
        ours = qg.TreeModel.from_xgboost(source)
        for each in changed(df):
            new = set(each["port"].cat.categories) - set(df["port"].cat.categories)
            if new and kind in ("integers", "int16"):
                # XGBoost takes 29 for 53, the next category, or rejects another width of integers.
                with pytest.raises(errors.SchemaMismatchError, match="category that training did not have"):
                    ours.predict(each)
            else:
                equal(ours, theirs, each)
    equal(pickle.loads(pickle.dumps(ours)), theirs, df)
    codes = df.assign(port=df["port"].cat.codes)
    equal(ours, theirs, codes.to_numpy(np.float32))
    with pytest.raises(errors.SchemaMismatchError, match="column `port` must hold categories"):
        ours.predict(codes)
    with pytest.raises(errors.SchemaMismatchError, match="column `z` must hold numbers"):
        ours.predict(df.assign(z=df["port"]))
    # A model without names of its categories, as XGBoost before 3.1 has written it.
    learner = json.loads(theirs.get_booster().save_raw("json"))
    del learner["learner"]["gradient_booster"]["model"]["cats"]
    old = qg.TreeModel.from_xgboost(json.dumps(learner))
    equal(old, theirs, df, codes.to_numpy(np.float32))
    with pytest.raises(errors.SchemaMismatchError, match=r"cat.codes"):
        old.predict(df)


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


# Rounds, forests and weights of trees.


@pytest.mark.parametrize(
    ("settings", "classes"),
    [
        ({}, 2),
        ({}, 3),
        ({"num_parallel_tree": 3, "subsample": 0.5}, 2),
        ({"num_parallel_tree": 3, "subsample": 0.5}, 3),
        ({"booster": "dart", "rate_drop": 0.4}, 2),
        ({"booster": "dart", "rate_drop": 0.4}, 3),
        ({"base_score": 0.2}, 2),
        ({"objective": "binary:logitraw"}, 2),
        ({"grow_policy": "lossguide", "max_leaves": 5, "tree_method": "hist"}, 3),
        ({"scale_pos_weight": 9.0, "max_delta_step": 1}, 2),
    ],
    ids=str,
)
def test_early_stopping_of_xgboost(
    x: Matrix, kinds: Any, settings: dict[str, Any], classes: int, tmp_path: Path
) -> None:
    rng = np.random.default_rng(3)
    names, y = np.unique(kinds, return_inverse=True)
    y = y if classes == 3 else (y == 2).astype(int)
    y = np.where(rng.random(ROWS) < 0.2, rng.integers(0, classes, ROWS), y)
    theirs = xgboost.XGBClassifier(n_estimators=60, learning_rate=0.5, early_stopping_rounds=4, **settings)
    theirs.fit(x[:600], y[:600], eval_set=[(x[600:], y[600:])], verbose=False)
    assert theirs.best_iteration + 1 < theirs.get_booster().num_boosted_rounds()
    if settings.get("objective") == "binary:logitraw":
        expected = theirs.get_booster().predict(
            xgboost.DMatrix(x), iteration_range=(0, theirs.best_iteration + 1), output_margin=True
        )
        np.testing.assert_allclose(qg.TreeModel.from_xgboost(theirs).anomaly_score(x), expected, atol=1e-5)
        return
    ours = qg.TreeModel.from_xgboost(theirs)
    equal(ours, theirs, x)
    assert len(names) == 3
    assert ours.n_trees_ == (theirs.best_iteration + 1) * (1 if classes == 2 else 3) * settings.get(
        "num_parallel_tree", 1
    )
    # The file of a classifier predicts as the classifier, the file of a booster with all trees.
    for suffix in ("json", "ubj"):
        path = tmp_path / f"classifier.{suffix}"
        theirs.save_model(path)
        equal(qg.TreeModel.from_xgboost(path), theirs, x)
        loaded = xgboost.XGBClassifier()
        loaded.load_model(path)
        equal(qg.TreeModel.from_xgboost(loaded), loaded, x)
        booster = xgboost.Booster(model_file=path)
        all_trees = qg.TreeModel.from_xgboost(booster)
        assert all_trees.n_trees_ > ours.n_trees_
        expected = booster.predict(xgboost.DMatrix(x)).reshape(ROWS, -1)
        np.testing.assert_allclose(all_trees.predict_proba(x)[:, -expected.shape[1] :], expected, atol=2e-6)
        booster.set_attr(scikit_learn=None)
        booster.save_model(path)
        assert qg.TreeModel.from_xgboost(path).n_trees_ == all_trees.n_trees_


def test_random_forests_and_plain_boosters_of_xgboost(x: Matrix, kinds: Any) -> None:
    theirs = xgboost.XGBRFClassifier(n_estimators=12, max_depth=4).fit(x, kinds == "scan")
    equal(qg.TreeModel.from_xgboost(theirs), theirs, x)
    y = np.unique(kinds, return_inverse=True)[1]
    theirs = xgboost.XGBRFClassifier(n_estimators=5, max_depth=4).fit(x, y)
    equal(qg.TreeModel.from_xgboost(theirs), theirs, x)
    linear = xgboost.XGBClassifier(booster="gblinear", n_estimators=2).fit(x, y)
    with pytest.raises(errors.InvalidArgumentError, match="gblinear"):
        qg.TreeModel.from_xgboost(linear)
    regressor = xgboost.XGBRegressor(n_estimators=2).fit(x, y)
    with pytest.raises(errors.InvalidArgumentError, match="reg:squarederror"):
        qg.TreeModel.from_xgboost(regressor)


@pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated")
@pytest.mark.parametrize("boosting", ["gbdt", "dart", "rf"])
@pytest.mark.parametrize("classes", [2, 3])
def test_early_stopping_of_lightgbm(x: Matrix, kinds: Any, boosting: str, classes: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    y = np.where(rng.random(ROWS) < 0.2, rng.choice(np.unique(kinds), ROWS), kinds)
    y = y if classes == 3 else np.where(y == "scan", "scan", "BENIGN")
    theirs = lightgbm.LGBMClassifier(
        n_estimators=80, learning_rate=0.5, boosting_type=boosting, subsample=0.6, subsample_freq=1, verbose=-1
    )
    callbacks = [] if boosting == "dart" else [lightgbm.early_stopping(3, verbose=False)]
    theirs.fit(x[:600], y[:600], eval_set=[(x[600:], y[600:])], callbacks=callbacks)
    path = tmp_path / "model.txt"
    theirs.booster_.save_model(path)
    for source in (theirs, theirs.booster_, path):
        equal(qg.TreeModel.from_lightgbm(source, classes=theirs.classes_), theirs, x, atol=1e-13)


# Missing values.


@pytest.mark.parametrize("missing", [0.0, -1.0, np.inf, 0.1, np.nan, None])
@pytest.mark.parametrize("classes", [2, 3])
def test_the_missing_value_of_xgboost(x: Matrix, kinds: Any, missing: Any, classes: int) -> None:
    value = np.float32(np.nan if missing is None else missing)
    holes = np.where(np.random.default_rng(2).random(x.shape) < 0.2, value, x)
    y = np.unique(kinds, return_inverse=True)[1] if classes == 3 else (kinds == "scan").astype(int)
    theirs = xgboost.XGBClassifier(n_estimators=10, missing=np.nan if missing is None else missing).fit(holes, y)
    theirs.missing = missing if missing is not None else theirs.missing
    ours = qg.TreeModel.from_xgboost(theirs)
    for rows in (holes, np.where(np.isnan(x), x, holes), np.where(x > 1, np.float32(np.nan), holes)):
        equal(ours, theirs, rows)
        np.testing.assert_allclose(ours.anomaly_score(rows[:1]), ours.anomaly_score(rows)[:1])
        assert not np.isnan(onnx(ours, rows)).any()
        np.testing.assert_allclose(onnx(ours, rows), margins(ours, rows), atol=1e-9)
    equal(pickle.loads(pickle.dumps(ours)), theirs, holes)
    clean = qg.TreeModel.from_xgboost(theirs, clean_class=classes - 1)
    equal(clean, theirs, holes)


def margins(model: qg.TreeModel, x: Matrix) -> npt.NDArray[np.float64]:
    """The margins by the explanation of every row, which sums to the score; of more classes up to a constant."""
    if len(model.classes_) == 2:
        return model.explain(x).scores[:, None]
    expected = onnx(model, x)
    p = np.exp(expected - expected.max(axis=1, keepdims=True))
    np.testing.assert_allclose(p / p.sum(axis=1, keepdims=True), in_core_order(model, x), atol=1e-9)
    return expected


def in_core_order(model: qg.TreeModel | qg.BoostedTrees, x: Matrix) -> npt.NDArray[np.float64]:
    """Probabilities in the order of the core's classes, as in an ONNX file."""
    names = [str(label) for label in model.classes_.tolist()]
    return model.predict_proba(x)[:, [names.index(name) for name in model._model.classes]]


def test_missing_categories_of_xgboost() -> None:
    df, y = frame("integers")
    theirs = xgboost.XGBClassifier(n_estimators=10, enable_categorical=True, missing=0).fit(df, y)
    ours = qg.TreeModel.from_xgboost(theirs)
    for each in changed(df):
        if each["port"].cat.categories.tolist() == PORTS:
            equal(ours, theirs, each)
        else:  # XGBoost reads the codes of the frame there, not the codes of the model
            with pytest.raises(errors.SchemaMismatchError, match=r"takes code 0.0 for missing"):
                ours.predict(each)
    equal(ours, theirs, df.assign(port=df["port"].cat.codes).to_numpy(np.float32))


def test_categories_of_xgboost_outside_ascii() -> None:
    df, y = frame("text")
    theirs = xgboost.XGBClassifier(n_estimators=10, enable_categorical=True, max_cat_to_onehot=2).fit(df, y)
    ours = qg.TreeModel.from_xgboost(theirs)
    for each in changed(df):
        if each["port"].cat.categories.tolist() == df["port"].cat.categories.tolist():
            equal(ours, theirs, each)
        else:
            with pytest.raises(errors.SchemaMismatchError, match="outside ASCII"):
                ours.predict(each)


@pytest.mark.parametrize("settings", [{"zero_as_missing": True}, {"use_missing": False}, {}], ids=str)
@pytest.mark.parametrize("classes", [2, 3])
def test_the_missing_value_of_lightgbm(x: Matrix, kinds: Any, settings: dict[str, bool], classes: int) -> None:
    rng = np.random.default_rng(2)
    holes = np.where(rng.random(x.shape) < 0.3, np.float32(0), x)
    holes[:, 3] = rng.integers(0, 6, ROWS)
    y = kinds if classes == 3 else np.where((kinds == "scan") ^ (holes[:, 3] == 0), "scan", "BENIGN")
    for train in (holes, np.where(rng.random(x.shape) < 0.1, np.float32(np.nan), holes)):
        theirs = lightgbm.LGBMClassifier(n_estimators=15, verbose=-1, min_child_samples=5, **settings)
        theirs.fit(train, y, categorical_feature=[3])
        ours = qg.TreeModel.from_lightgbm(theirs)
        rows = np.concatenate([holes, train, np.float32([[1e-36, -1e-36, 1e-35, 2], [-1e-35, 2e-35, -0.0, 0]])])
        equal(ours, theirs, rows, atol=1e-13)
        equal(qg.TreeModel.from_lightgbm(theirs.booster_.model_to_string(), classes=theirs.classes_), theirs, rows)
        probabilities = onnxruntime.InferenceSession(ours.to_onnx()).run(["probabilities"], {"x": rows})[0]
        np.testing.assert_allclose(probabilities, in_core_order(ours, rows), atol=1e-12)


# Names of features.


def test_names_with_blanks() -> None:
    x = np.random.default_rng(0).normal(size=(600, 4))
    names = [" Flow Duration", "Total Fwd  Packets", "größe ", "a=b"]
    df = pd.DataFrame(x, columns=names)
    theirs = lightgbm.LGBMClassifier(n_estimators=5, verbose=-1).fit(df, x[:, 0] > 0)
    for source in (theirs, theirs.booster_.model_to_string()):
        ours = qg.TreeModel.from_lightgbm(source, classes=theirs.classes_)
        equal(ours, theirs, df, atol=1e-7)
        written = df.set_axis([name.replace(" ", "_") for name in names], axis=1)
        np.testing.assert_array_equal(ours.predict_proba(written), ours.predict_proba(df))
        np.testing.assert_array_equal(ours.predict_proba(pl.DataFrame(x, schema=names)), ours.predict_proba(df))
        np.testing.assert_array_equal(ours.predict_proba(pa.Table.from_pandas(df)), ours.predict_proba(df))
        with pytest.raises(errors.SchemaMismatchError, match="Flow"):
            ours.predict(df.rename(columns={" Flow Duration": "Flow-Duration"}))


@pytest.mark.parametrize("suffix", ["json", "ubj"])
def test_names_with_special_characters(suffix: str, tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(600, 6))
    names = ["Flow Bytes/s", 'a"b\\c', "tab\tand", "größe 💥", "{x: 1}", "f0"]
    df = pd.DataFrame(x, columns=names)
    theirs = xgboost.XGBClassifier(n_estimators=3).fit(df, (x[:, 0] > 0).astype(int))
    path = tmp_path / f"model.{suffix}"
    theirs.save_model(path)
    for source in (theirs, path):
        ours = qg.TreeModel.from_xgboost(source)
        assert ours.feature_names_in_.tolist() == names
        equal(ours, theirs, df)
    with pytest.raises(errors.SchemaMismatchError):
        ours.predict(df[names[::-1]])


# Formats.


def test_ubjson_is_read(x: Matrix, kinds: Any, tmp_path: Path) -> None:
    for settings in ({}, {"booster": "dart", "rate_drop": 0.3}, {"num_parallel_tree": 2}):
        y = np.unique(kinds, return_inverse=True)[1]
        theirs = xgboost.XGBClassifier(n_estimators=4, **settings).fit(x, y)
        path = tmp_path / "m.ubj"
        theirs.save_model(path)
        raw = theirs.get_booster().save_raw()
        for source in (raw, bytes(raw), path, str(path)):
            equal(qg.TreeModel.from_xgboost(source), theirs, x)
    for cut in range(1, len(raw), 211):
        with pytest.raises(errors.BadRecordError):
            qg.TreeModel.from_xgboost(bytes(raw[:cut]))


def test_other_formats_are_named(x: Matrix, kinds: Any, tmp_path: Path) -> None:
    import joblib

    boosted = xgboost.XGBClassifier(n_estimators=2).fit(x, kinds == "scan")
    forest = sklearn.ensemble.RandomForestClassifier(2).fit(x, kinds)
    lgbm = lightgbm.LGBMClassifier(n_estimators=2, verbose=-1).fit(x, kinds)
    joblib.dump(forest, tmp_path / "forest.joblib")
    joblib.dump(forest, tmp_path / "forest.joblib.z", compress=3)
    joblib.dump(forest, tmp_path / "forest.gz", compress=("gzip", 3))
    readers = (qg.TreeModel.from_lightgbm, qg.TreeModel.from_xgboost, qg.TreeModel.from_sklearn)
    for read in readers:
        for name, match in [("forest.joblib", "pickled"), ("forest.joblib.z", "joblib"), ("forest.gz", "gzip")]:
            for source in (tmp_path / name, (tmp_path / name).read_bytes()):
                with pytest.raises(errors.BadRecordError, match=match):
                    read(source)
        for protocol in range(2, 6):
            with pytest.raises(errors.BadRecordError, match=r"pickled Python object.*load it in Python"):
                read(pickle.dumps(boosted, protocol=protocol))
        with pytest.raises(errors.BadRecordError, match="XGBoost's binary format"):
            read(b"binf\0\0\0?")
        with pytest.raises(errors.BadRecordError, match="UTF-8"):
            read(b"\0\0\0?\xff\xfe")
    for read in (qg.TreeModel.from_lightgbm, qg.TreeModel.from_sklearn):
        with pytest.raises(errors.BadRecordError, match=r"UBJSON.*import it as an XGBoost model"):
            read(boosted.get_booster().save_raw())
    with pytest.raises(errors.BadRecordError, match="line 1"):
        qg.TreeModel.from_xgboost(lgbm.booster_.model_to_string())
    for read in (qg.TreeModel.from_lightgbm, qg.TreeModel.from_xgboost):
        with pytest.raises(errors.InvalidArgumentError, match="RandomForestClassifier"):
            read(forest)


# ONNX.


def test_onnx_between_categories(x: Matrix) -> None:
    rng = np.random.default_rng(0)
    rows = np.c_[rng.integers(0, 40, ROWS), x, rng.integers(-2, 3, ROWS)].astype(np.float32)
    y = (np.isin(rows[:, 0], [0, 3, 7, 9, 33]) ^ (rows[:, 1] > 1) ^ (rows[:, 5] > 1)).astype(int)
    lgbm = lightgbm.LGBMClassifier(n_estimators=20, verbose=-1, max_cat_to_onehot=100, min_child_samples=5)
    lgbm.fit(np.abs(rows), y, categorical_feature=[0, 5])
    types = ["c", "q", "q", "q", "q", "c"]
    train = xgboost.DMatrix(np.abs(rows), y, feature_types=types, enable_categorical=True)
    models = [
        qg.BoostedTrees(30, categorical=[0, 5], min_child_samples=5).fit(np.abs(rows), y),
        qg.TreeModel.from_lightgbm(lgbm),
        qg.TreeModel.from_xgboost(xgboost.train({"objective": "binary:logistic"}, train, 10)),
    ]
    odd = np.float32(
        [-1e30, -2, -1, -0.99, -0.5, -0.0, 0.5, 3.999, 39.5, 40, 65535.5, 65536, 3e9, 1e30, 3.4e38, np.nan]
    )
    strange = np.repeat(rows, 2, axis=0)
    strange[:, 0] = np.resize(odd, len(strange))
    strange[::3, 5] = np.resize(odd[::-1], len(strange[::3]))
    strange[::5, 1] = np.resize(odd, len(strange[::5]))
    for model in models:
        assert isinstance(model, qg.TreeModel | qg.BoostedTrees)
        for tested in (rows, rows + np.float32(0.5), rows - np.float32(0.25), strange):
            probabilities = onnxruntime.InferenceSession(model.to_onnx()).run(["probabilities"], {"x": tested})[0]
            np.testing.assert_allclose(probabilities, in_core_order(model, tested), rtol=0, atol=1e-12)
        with pytest.raises(errors.NotFiniteError):
            model.predict_proba(np.full_like(rows, np.inf))
    equal(models[1], lgbm, strange, atol=1e-12)  # type: ignore[arg-type]


@pytest.mark.parametrize("classes", [2, 3])
def test_numbers_on_a_threshold_go_where_the_library_sends_them(classes: int) -> None:
    """Thresholds of histograms are values of the data, so 64-bit rows lie on them."""
    random = np.random.default_rng(5)
    x = random.normal(size=(1000, 3))
    y = np.digitize(x[:, 0] + x[:, 1], [0.0, 0.8][: classes - 1])
    histograms = sklearn.ensemble.HistGradientBoostingClassifier(max_iter=20).fit(x, y)
    trees = lightgbm.LGBMClassifier(n_estimators=20, verbose=-1).fit(x, y)
    for theirs, ours in [
        (histograms, qg.TreeModel.from_sklearn(histograms)),
        (trees, qg.TreeModel.from_lightgbm(trees)),
    ]:
        np.testing.assert_allclose(ours.predict_proba(x), theirs.predict_proba(x), rtol=0, atol=1e-12)
