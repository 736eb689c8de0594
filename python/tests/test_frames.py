"""Rows, columns and labels in whatever container they come."""

from __future__ import annotations

import datetime
import decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import qosguard as qg
from qosguard import errors

X = (np.random.default_rng(0).normal(size=(300, 3)) * [1, 100, 10_000]).astype(np.float32)
ORDER = ["b", "a", "c"]


class Interchange:
    """A frame of a library that only has the data frame interchange protocol."""

    def __init__(self, frame: pa.Table) -> None:
        self.frame = frame

    def __dataframe__(self, **options: Any) -> Any:
        return self.frame.__dataframe__(**options)


class Stream:
    """A frame of a library that only has the Arrow C stream interface."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)


PANDAS = pd.DataFrame(X, columns=list("abc"))
FRAMES = {
    "pandas": lambda names: PANDAS[names],
    "polars": lambda names: pl.DataFrame(PANDAS[names]),
    "pyarrow": lambda names: pa.table(PANDAS[names]),
    "batch": lambda names: pa.table(PANDAS[names]).to_batches()[0],
    "interchange": lambda names: Interchange(pa.table(PANDAS[names])),
    "stream": lambda names: Stream(pa.table(PANDAS[names])),
}


@pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES)
def test_columns_of_every_frame_have_names(make: Any) -> None:
    fitted = qg.IsolationForest(20).fit(make(list("abc")))
    assert fitted.feature_names_in_.tolist() == ["a", "b", "c"]
    assert fitted.n_features_in_ == 3
    plain = qg.IsolationForest(20).fit(X)
    assert not hasattr(plain, "feature_names_in_")
    for other in FRAMES.values():
        assert (fitted.anomaly_score(other(list("abc"))) == plain.anomaly_score(X)).all()
        for method in (fitted.anomaly_score, fitted.predict, fitted.explain, fitted.grow):
            with pytest.raises(errors.SchemaMismatchError, match=r"expected \['a', 'b', 'c'\], got \['b', 'a', 'c'\]"):
                method(other(ORDER), *([1] if method == fitted.grow else []))  # type: ignore[operator]
        with pytest.raises(errors.SchemaMismatchError, match="names"):
            fitted.anomaly_score(other(["a", "b"]))
    assert fitted.explain(make(list("abc"))).feature_names == ["a", "b", "c"]


def test_names_that_are_partly_text_are_rejected() -> None:
    with pytest.raises(errors.InvalidArgumentError, match="column names"):
        qg.IsolationForest(5).fit(pd.DataFrame(X, columns=["a", 1, 2]))
    assert not hasattr(qg.IsolationForest(5).fit(pd.DataFrame(X)), "feature_names_in_")


def test_a_lazy_frame_is_rejected_until_it_is_collected() -> None:
    with pytest.raises(errors.InvalidTypeError, match="LazyFrame; call its `collect` first"):
        qg.IsolationForest(5).fit(pl.DataFrame(PANDAS).lazy())


GAPS = {
    "Int64": pd.array([1, None, 3, 0], dtype="Int64"),
    "Float64": pd.array([1.0, None, 3.0, 0.0], dtype="Float64"),
    "boolean": pd.array([True, None, True, False], dtype="boolean"),
    "arrow int": pd.array([1, None, 3, 0], dtype="int64[pyarrow]"),
    "category": pd.Categorical([1, None, 3, 0]),
    "string": pd.array(["1", None, "3", "0"], dtype="string"),
    "object NA": np.array([1, pd.NA, 3, 0], dtype=object),
    "object None": np.array([1, None, 3, 0], dtype=object),
    "NaT": np.array([1, pd.NaT, 3, 0], dtype=object),
    "decimal": [decimal.Decimal(1), None, decimal.Decimal(3), decimal.Decimal(0)],
}


def gaps(values: Any, name: str) -> npt.NDArray[np.float32]:
    return np.array([1, np.nan, 1 if name == "boolean" else 3, 0], dtype=np.float32)


@pytest.mark.parametrize("name", [*GAPS, "mixed"])
def test_what_is_missing_is_nan_in_every_type(name: str) -> None:
    columns = {key: GAPS[key] for key in (GAPS if name == "mixed" else [name])}
    frame = pd.DataFrame(columns | {"x": [0.5, 1.5, 2.5, 3.5]}).loc[np.arange(80) % 4]
    want = np.column_stack([gaps(v, key) for key, v in columns.items()] + [[0.5, 1.5, 2.5, 3.5]])[np.arange(80) % 4]
    y = np.arange(80) % 2
    got = qg.BoostedTrees(5, min_child_samples=2).fit(frame, y).predict_proba(frame)
    assert (got == qg.BoostedTrees(5, min_child_samples=2).fit(want.astype(np.float32), y).predict_proba(want)).all()
    with pytest.raises(errors.NotFiniteError, match=f"row 1, column `{next(iter(columns))}`"):
        qg.IsolationForest(5).fit(frame)


@pytest.mark.parametrize("kind", ["polars", "pyarrow"])
def test_what_is_missing_in_other_frames_is_nan(kind: str) -> None:
    columns = {
        "whole": pa.array([1, None, 3, 0] * 20),
        "flag": pa.array([True, None, True, False] * 20),
        "float": pa.array([1.0, None, 3.0, 0.0] * 20),
        "nothing": pa.nulls(80),
    }
    table = pa.table(columns)
    frame: Any = pl.from_arrow(table) if kind == "polars" else table
    want = np.array([[1, 1, 1, np.nan], [np.nan] * 4, [3, 1, 3, np.nan], [0, 0, 0, np.nan]] * 20, dtype=np.float32)
    y = np.arange(80) % 2
    trees = qg.BoostedTrees(5, min_child_samples=2).fit(frame, y)
    assert (trees.predict_proba(frame) == trees.predict_proba(want)).all()
    with pytest.raises(errors.NotFiniteError, match="row 0, column `nothing`"):
        qg.GaussianMixture(2).fit(frame[["nothing"]] if kind == "polars" else table.select(["nothing"]))


TIMES = pd.date_range("2024-01-01", periods=300)


@pytest.mark.parametrize(
    ("frame", "match"),
    [
        (PANDAS.assign(at=TIMES), "column `at` is datetime64"),
        (PANDAS.assign(at=TIMES.tz_localize("UTC")), "column `at`"),
        (PANDAS.assign(at=TIMES - TIMES[0]), "column `at` is timedelta64"),
        (PANDAS.assign(at=TIMES.astype(object)), "column `at` is Timestamp"),
        (PANDAS.assign(at=[datetime.date(2024, 1, 1)] * 300), "column `at` is date"),
        (pd.DataFrame({"at": TIMES}), "column `at`"),
        (pl.DataFrame(PANDAS).with_columns(at=pl.Series(TIMES.to_numpy())), "column `at` is datetime64"),
        (pa.table(PANDAS.assign(at=TIMES)), "column `at` is datetime64"),
        (np.array(TIMES).reshape(-1, 1), "column `0` is datetime64"),
        (PANDAS.assign(proto="tcp"), "row 0, column `proto`: expected a number, got the text 'tcp'"),
        (PANDAS.assign(proto=pd.Categorical(["tcp"] * 300)), "row 0, column `proto`"),
        (pl.DataFrame(PANDAS).with_columns(proto=pl.lit("tcp")), "row 0, column `proto`"),
        (np.full((300, 2), "tcp"), "row 0, column `0`"),
        (PANDAS.assign(z=1j), "Complex data not supported"),
        (PANDAS.assign(z=[[1]] * 300), "row 0, column `z`: the argument must be"),
    ],
)
def test_a_value_that_is_not_a_number_is_rejected_with_its_column(frame: Any, match: str) -> None:
    for model in (qg.BoostedTrees(3), qg.IsolationForest(3)):
        with pytest.raises(errors.InvalidArgumentError, match=match):
            model.fit(frame, np.arange(300) % 2)


def test_an_infinity_is_named_by_row_and_column() -> None:
    fitted = qg.BoostedTrees(3).fit(PANDAS, np.arange(300) % 2)
    for frame in (PANDAS.copy(), PANDAS.astype(np.float64)):
        frame.loc[7, "b"] = np.inf if frame["a"].dtype == np.float32 else 1e300
        for method in (fitted.predict, fitted.anomaly_score, fitted.explain, qg.IsolationForest(3).fit):
            for make in (lambda f: f, pl.DataFrame, pa.table):
                with pytest.raises(errors.NotFiniteError, match="row 7, column `b`"):
                    method(make(frame))


@pytest.mark.parametrize(
    ("labels", "row"),
    [
        ([None, "DoS"], 0),
        (["DoS", float("nan")], 1),
        ([0, 1, None], 2),
        ([0, 1, pd.NA], 2),
        (np.array(["DoS", None], dtype=object), 1),
        (np.array([0.0, np.nan]), 1),
        (pd.Series(["DoS", None]), 1),
        (pd.Series(["DoS", pd.NaT], dtype=object), 1),
        (pd.Series(["DoS", None], dtype="string"), 1),
        (pd.Series(["DoS", None], dtype="category"), 1),
        (pd.array([0, None], dtype="Int64"), 1),
        (pd.array([True, None], dtype="boolean"), 1),
        (pd.DataFrame({"y": ["DoS", None]}), 1),
        (pl.Series(["DoS", None]), 1),
        (pl.Series([0, None]), 1),
        (pl.Series([True, None]), 1),
        (pa.array(["DoS", None]), 1),
        (pa.array([0, None]), 1),
        (pa.chunked_array([["DoS"], [None]]), 1),
    ],
)
@pytest.mark.filterwarnings("ignore:A column-vector")
def test_a_row_without_a_label_is_named(labels: Any, row: int) -> None:
    x = np.zeros((len(labels), 2), np.float32)
    with pytest.raises(errors.InvalidArgumentError, match=rf"`y` needs a label for every row; row {row} has none"):
        qg.BoostedTrees(3).fit(x, labels)
    with pytest.raises(errors.InvalidArgumentError, match=rf"row {row} has none"):
        qg.Ensemble([("forest", qg.IsolationForest(3), 1.0)]).fit(x, labels)
    with pytest.raises(errors.InvalidArgumentError, match=rf"row {row} has none"):
        qg.BoostedTrees(3).fit(X, X[:, 0] > 0).score(x if len(x[0]) == 3 else np.zeros((len(labels), 3)), labels)


def test_labels_of_every_container_give_the_same_model() -> None:
    text = np.array(["normal", "DoS"])[(X[:, 0] > 0).astype(int)]
    want = qg.BoostedTrees(5).fit(X, text)
    for labels in (
        text.tolist(),
        tuple(text.tolist()),
        text.astype(object),
        pd.Series(text),
        pd.Series(text, dtype="string"),
        pd.Series(text, dtype="category"),
        pl.Series(text),
        pa.array(text),
        pa.chunked_array([text[:100], text[100:]]),
    ):
        model = qg.BoostedTrees(5).fit(X, labels)
        assert model.classes_.tolist() == ["DoS", "normal"]
        assert model.clean_class_ == "normal"
        assert (model.predict_proba(X) == want.predict_proba(X)).all()
        assert model.score(X, labels) == want.score(X, text)
    flags = X[:, 0] > 0
    for labels in (
        pd.array(flags, dtype="boolean"),
        pl.Series(flags),
        pa.array(flags),
        pd.array(flags * 1, dtype="Int64"),
    ):
        assert qg.BoostedTrees(5).fit(X, labels).classes_.tolist() == [0, 1]
    with pytest.raises(errors.InvalidArgumentError, match="row 1 is 'DoS', expected a number"):
        qg.BoostedTrees(5).fit(X[:2], np.array([1, "DoS"], dtype=object))


def test_measures_reject_labels_that_are_not_flags() -> None:
    scores = np.arange(4.0)
    assert qg.evaluate(scores, [0, 0, 1, 1], 1.5).auc.value == 1.0
    for labels in (["normal", "normal", "DoS", "DoS"], [0, 0, 1, 2], [0, 0, 1, None], [0.0, 0.0, 1.0, np.nan]):
        with pytest.raises(errors.InvalidArgumentError, match="row"):
            qg.evaluate(scores, labels, 1.5)
        with pytest.raises(errors.InvalidArgumentError, match="row"):
            qg.calibration_error(scores / 4, labels)
    with pytest.raises(errors.ShapeMismatchError):
        qg.evaluate(scores[:, None], [0, 0, 1, 1], 1.5)


def test_a_stream_of_batches_is_read_whole() -> None:
    frame = pd.DataFrame({"a": np.arange(50.0), "b": np.arange(50.0) % 7})
    model = qg.IsolationForest(n_estimators=5).fit(frame)
    table = pa.Table.from_pandas(frame)
    assert (model.score_samples(table.to_reader()) == model.score_samples(frame)).all()
    with pytest.raises(errors.SchemaMismatchError, match="feature names"):
        model.score_samples(table.select(["b", "a"]).to_reader())


def test_masked_labels_are_missing() -> None:
    y = np.ma.masked_array(["clean", "ghost", "bad", "clean"], mask=[False, True, False, False])
    with pytest.raises(errors.InvalidArgumentError, match="row 1 has none"):
        qg.BoostedTrees().fit(np.arange(4.0).reshape(-1, 1), y)


@pytest.mark.parametrize(
    ("frame", "column"),
    [
        (pd.DataFrame([[1.0, 2.0]], columns=["fwd_bytes", "fwd_bytes"]), "fwd_bytes"),
        (pd.DataFrame({"protocol": ["tcp", 6, {"a": 1}]}), "protocol"),
    ],
)
def test_a_frame_that_its_library_cannot_convert_names_the_column(frame: pd.DataFrame, column: str) -> None:
    for read in (qg.Table.from_arrow, qg.Schema.infer, qg.Guard().fit):
        with pytest.raises(errors.InvalidArgumentError, match=column) as caught:
            read(frame)
        assert caught.value.__cause__ is not None
