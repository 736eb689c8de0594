"""What the tests of imported models share."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pandas as pd

import qosguard as qg
from qosguard.sklearn_json import sklearn_json as sklearn_text

__all__ = [
    "PORTS",
    "ROWS",
    "Matrix",
    "changed",
    "equal",
    "frame",
    "in_core_order",
    "margins",
    "onnx",
    "sklearn_text",
    "two_columns",
]


ROWS = 900
PORTS = [22, 53, 80, 443]

Matrix = npt.NDArray[np.float32]


def equal(ours: qg.TreeModel, theirs: Any, X: Any, x: Any = None, atol: float = 2e-6) -> None:
    """Check that the probabilities of each class, the labels and the sum of the scores equal the object's."""
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


def two_columns() -> tuple[pd.DataFrame, npt.NDArray[np.int_]]:
    """A frame with two columns of categories, and labels that follow both."""
    df, y = frame("text")
    df["flag"] = pd.Categorical(np.where(df["z"] > 0, "10", "9"))
    return df, y ^ ((df["z"] > 0) & (df["a"] > 0)).to_numpy()
