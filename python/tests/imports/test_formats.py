"""Files of other formats are rejected by name, and ONNX files of imported models give the same probabilities."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import onnxruntime
import pytest
import sklearn.ensemble
import xgboost
from imported import ROWS, Matrix, equal, in_core_order

import qosguard as qg
from qosguard import errors


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
