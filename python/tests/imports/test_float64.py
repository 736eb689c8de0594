"""Models that compare 64-bit numbers get the leaves that their library picks, also where 32 bits are not enough."""

from __future__ import annotations

import pickle
import re
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt
import onnxruntime
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn.ensemble
from imported import in_core_order

import qosguard as qg
from qosguard import errors

NAMES = ["start", "counter", "rate"]

Doubles = npt.NDArray[np.float64]


def rows(seed: int, missing: bool) -> Doubles:
    """Epoch seconds, counters above 2^24 and rates of 64 bits."""
    rng = np.random.default_rng(seed)
    start = 1.7e9 + rng.integers(0, 600, 2000) + rng.choice([0, 0.25, 1e-6], 2000)
    counter = 2.0**40 + rng.integers(0, 3000, 2000)
    x = np.stack([start, counter, rng.normal(size=2000) * 1e-3], axis=1)
    return np.where(rng.random(x.shape) < 0.05, np.nan, x) if missing else x


def labels(x: Doubles, classes: int) -> npt.NDArray[np.int_]:
    odd = np.nan_to_num(x[:, 0]) % 7 + np.nan_to_num(x[:, 1]) % 3 + 1e3 * np.nan_to_num(x[:, 2])
    return np.digitize(odd, [4.0, 6.0][: classes - 1])


def lightgbm_model(x: Doubles, y: npt.NDArray[np.int_], **settings: Any) -> tuple[Any, qg.TreeModel, Doubles]:
    theirs = lightgbm.LGBMClassifier(n_estimators=30, min_child_samples=2, verbose=-1, **settings).fit(x, y)
    lines = re.findall(r"^threshold=(.*)$", theirs.booster_.model_to_string(), re.MULTILINE)
    thresholds = np.array([float(number) for line in lines for number in line.split()])
    return theirs, qg.TreeModel.from_lightgbm(theirs), thresholds


def histograms(x: Doubles, y: npt.NDArray[np.int_]) -> tuple[Any, qg.TreeModel, Doubles]:
    theirs = sklearn.ensemble.HistGradientBoostingClassifier(max_iter=30, min_samples_leaf=2).fit(x, y)
    nodes = [predictor.nodes for step in theirs._predictors for predictor in step]
    thresholds = np.concatenate([each["num_threshold"][each["is_leaf"] == 0] for each in nodes])
    return theirs, qg.TreeModel.from_sklearn(theirs), thresholds


def probes(x: Doubles, thresholds: Doubles) -> Doubles:
    """Rows on every threshold, next to it in 64 and in 32 bits, and far from all."""
    finite = thresholds[np.isfinite(thresholds)]
    narrow = finite.astype(np.float32)
    values = [finite, np.nextafter(finite, np.inf), np.nextafter(finite, -np.inf), narrow, np.nextafter(narrow, np.inf)]
    far = [0.0, -0.0, 5e-324, 1e-35, 1e39, -1e39, 1.7e308, -1.7e308, np.nan]
    values = np.concatenate([np.unique(np.concatenate(values).astype(np.float64)), far])
    values = values[~np.isinf(values)]
    rng = np.random.default_rng(1)
    return np.stack([rng.permutation(values) for _ in NAMES], axis=1)


def check(ours: qg.TreeModel, theirs: Any, x: Any) -> None:
    expected = theirs.predict_proba(x)
    np.testing.assert_allclose(ours.predict_proba(x), expected, rtol=0, atol=1e-14)
    if expected.shape[1] == 2:
        raw = theirs.predict(x, raw_score=True) if hasattr(theirs, "booster_") else theirs.decision_function(x)
        np.testing.assert_array_equal(ours.explain(x).scores, raw)
        np.testing.assert_array_equal(ours.anomaly_score(x), raw.astype(np.float32))


MODELS = [lightgbm_model, histograms]


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("missing", [False, True])
def test_numbers_between_thresholds_that_32_bits_cannot_separate(model: Any, classes: int, missing: bool) -> None:
    x = rows(0, missing)
    theirs, ours, thresholds = model(x, labels(x, classes))
    narrow = np.unique(thresholds.astype(np.float32))
    assert len(narrow) < 0.5 * len(np.unique(thresholds)), "thresholds collide in 32 bits"
    for tested in (x, rows(1, missing), probes(x, thresholds)):
        check(ours, theirs, tested)
        check(pickle.loads(pickle.dumps(ours)), theirs, tested)
        single = np.concatenate([ours.anomaly_score(tested[i : i + 1]) for i in range(50)])
        np.testing.assert_array_equal(single, ours.anomaly_score(tested)[:50])
    # Rows of 32 bits get the leaves of the library too.
    with np.errstate(over="ignore"):
        float32 = probes(x, thresholds).astype(np.float32)
    float32 = float32[~np.isinf(float32).any(axis=1)]
    check(ours, theirs, float32)
    probabilities = onnxruntime.InferenceSession(ours.to_onnx()).run(["probabilities"], {"x": float32})[0]
    np.testing.assert_allclose(probabilities, in_core_order(ours, float32), rtol=0, atol=1e-12)


@pytest.mark.parametrize("model", MODELS)
def test_frames_of_64_bit_numbers(model: Any) -> None:
    x = rows(0, False)
    df = pd.DataFrame(x, columns=NAMES)
    theirs, ours, thresholds = model(df, labels(x, 2))
    tested = pd.DataFrame(probes(x, thresholds), columns=NAMES)
    check(ours, theirs, tested)
    expected = ours.predict_proba(tested)
    for frame in (pl.from_pandas(tested), pa.Table.from_pandas(tested), tested.astype(object)):
        np.testing.assert_array_equal(ours.predict_proba(frame), expected)
    whole = df.assign(start=df["start"].astype(np.int64), counter=df["counter"].astype(np.uint64))
    check(ours, theirs, whole)
    check(ours, theirs, whole[::-1])


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinities_are_rejected_by_row_and_column(model: Any, value: float) -> None:
    x = rows(0, True)
    df = pd.DataFrame(x, columns=NAMES)
    _, ours, _ = model(df, labels(x, 2))
    df.loc[7, "counter"] = value
    for predict in (ours.predict_proba, ours.anomaly_score, ours.explain):
        with pytest.raises(errors.NotFiniteError, match="row 7, column `counter`"):
            predict(df)


def test_zero_as_missing_in_64_bits() -> None:
    """LightGBM takes values of at most 1e-35 for 0."""
    rng = np.random.default_rng(3)
    x = np.where(rng.random((2000, 3)) < 0.3, 0.0, rows(0, False) - [1.7e9, 2.0**40, 0.0])
    theirs, ours, thresholds = lightgbm_model(x, labels(x, 2), zero_as_missing=True)
    zero = float(np.float32(1e-35))
    near = [zero, np.nextafter(zero, 1), np.nextafter(zero, 0), -zero, np.nextafter(-zero, -1), 1e-40, -1e-300]
    check(ours, theirs, np.concatenate([x, probes(x, np.concatenate([thresholds, near]))]))


def test_arrays_of_whole_numbers_are_read_as_the_library_reads_them() -> None:
    """LightGBM rounds an array of whole numbers to 32 bits, in training too; scikit-learn does not."""
    x = rows(0, False)[:, :2].astype(np.int64)
    y = (x.sum(axis=1) % 7 > 3).astype(int)
    for theirs, read in [
        (lightgbm.LGBMClassifier(n_estimators=10, verbose=-1).fit(x, y), qg.TreeModel.from_lightgbm),
        (sklearn.ensemble.HistGradientBoostingClassifier(max_iter=10).fit(x, y), qg.TreeModel.from_sklearn),
    ]:
        np.testing.assert_allclose(read(theirs).predict_proba(x), theirs.predict_proba(x), rtol=0, atol=1e-14)
