"""Imported models of XGBoost predict what the objects and files that they come from predict."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost
from imported import PORTS, ROWS, Matrix, changed, equal, frame, margins, onnx, two_columns

import qosguard as qg
from qosguard import errors


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
                # XGBoost reads 29 as 53, the next category, or rejects another width of integers.
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


def test_two_columns_of_categories() -> None:
    df, y = two_columns()
    theirs = xgboost.XGBClassifier(n_estimators=10, enable_categorical=True, max_cat_to_onehot=1).fit(df, y)
    equal(qg.TreeModel.from_xgboost(theirs), theirs, df)


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
    # The file of a classifier predicts as the classifier. The file of a booster predicts with all trees.
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


def test_missing_categories_of_xgboost() -> None:
    df, y = frame("integers")
    theirs = xgboost.XGBClassifier(n_estimators=10, enable_categorical=True, missing=0).fit(df, y)
    ours = qg.TreeModel.from_xgboost(theirs)
    for each in changed(df):
        if each["port"].cat.categories.tolist() == PORTS:
            equal(ours, theirs, each)
        else:  # XGBoost uses the codes of the frame here; the model uses its own codes
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
