"""Imported models of LightGBM predict what the objects and files that they come from predict."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import onnxruntime
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from imported import ROWS, Matrix, changed, equal, frame, in_core_order, two_columns

import qosguard as qg
from qosguard import errors


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
    df, y = two_columns()
    theirs = lightgbm.LGBMClassifier(n_estimators=10, min_child_samples=5, verbose=-1).fit(df, y)
    equal(qg.TreeModel.from_lightgbm(theirs), theirs, df, atol=1e-14)


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
