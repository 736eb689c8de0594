"""Tables, assessments and guards as Python objects: frames in, pickles, notebooks."""

from __future__ import annotations

import copy
import datetime
import pickle
import subprocess
import sys
from typing import Any

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn.base
import sklearn.exceptions
from sklearn.model_selection import train_test_split

import qosguard as qg
from qosguard import errors

PROBE = qg.Schema("probe", [qg.Column("latency_ms"), qg.Column("link", "ignore", "text")])
RECORD = {"src_ip": "10.0.0.1", "dst_ip": "10.0.0.2", "src_port": 443, "dst_port": 51515}
RECORD |= {"protocol": "tcp", "packet_count": 12, "byte_count": 1024, "duration": 3.5}


def frames(flows: qg.Table) -> dict[str, Any]:
    frame = flows.to_pandas()
    return {"pandas": frame, "polars": pl.DataFrame(frame), "pyarrow": pa.table(flows)}


def test_a_guard_is_fitted_on_frames_and_assesses_frames(flows: qg.Table, guard: qg.Guard) -> None:
    want = guard.assess(flows)
    for name, frame in frames(flows).items():
        again = qg.Guard(qg.IsolationForest(), false_positive_rate=0.01, seed=3).fit(frame)
        assert again.digest == guard.digest, name
        for schema in (None, flows.schema):
            other = qg.Guard(qg.IsolationForest(), false_positive_rate=0.01, seed=3).fit(frame, schema=schema)
            assert other.digest == guard.digest
        columns = list(flows.columns[::-1])
        shuffled = frame.select(columns) if name != "pandas" else frame[columns]
        more = frame.with_columns(more=1) if name == "polars" else frame
        more = frame.assign(more="text", at=pd.Timestamp(0)) if name == "pandas" else more
        more = frame.append_column("more", pa.nulls(len(flows))) if name == "pyarrow" else more
        for given in (frame, shuffled, more):
            assert guard.assess(given).scores.tobytes() == want.scores.tobytes()
            assert guard.assess(given)[7] == want[7]
            assert (guard.explain(given).contributions == guard.explain(flows).contributions).all()
    unlabelled = flows.to_pandas().drop(columns=[c.name for c in flows.schema.columns if c.role in ("label", "family")])
    assert guard.assess(unlabelled).scores.tobytes() == want.scores.tobytes()
    with pytest.raises(errors.SchemaMismatchError, match="fwd_bytes"):
        guard.assess(unlabelled.drop(columns="fwd_bytes"))


@pytest.mark.parametrize("wrong", [{"a": [1]}, 3, None, "flows.csv", [RECORD], np.zeros((3, 3))])
def test_data_that_is_not_a_table_raises_a_type_error_that_names_the_remedy(guard: qg.Guard, wrong: Any) -> None:
    for method in (qg.Guard().fit, guard.assess, guard.explain):
        records = isinstance(wrong, dict | list) and method.__name__ != "fit"  # which lack the features
        expected = errors.SchemaMismatchError if records else errors.InvalidTypeError
        with pytest.raises(expected, match="missing" if records else r"Table\.from_arrow.*got"):
            method(wrong)
    with pytest.raises(errors.InvalidTypeError, match="`data` must be a table or data frame"):
        qg.Table.from_arrow(wrong, flow_schema())


@pytest.mark.parametrize("column", [pd.Series([1.0]), pl.Series([1.0]), pa.array([1.0]), pa.chunked_array([[1.0]])])
def test_a_single_column_is_rejected_as_a_table(column: Any) -> None:
    with pytest.raises(errors.InvalidTypeError, match="`data` must be a table or data frame"):
        qg.Table.from_arrow(column, PROBE)


def flow_schema() -> qg.Schema:
    return qg.Schema.preset("flow")


def test_frames_that_were_filtered_split_sampled_or_sorted_are_read(flows: qg.Table, tmp_path: Any) -> None:
    frame = flows.to_pandas()
    changed = {
        "filtered": frame[frame["fwd_bytes"] > frame["fwd_bytes"].median()],
        "split": train_test_split(frame, random_state=0)[0],
        "sampled": frame.sample(500, random_state=0),
        "sorted": frame.sort_values("fwd_bytes"),
        "text index": frame.set_axis([f"row {i}" for i in range(len(frame))]),
        "two levels": frame.set_axis(pd.MultiIndex.from_arrays([range(len(frame))] * 2)),
    }
    for name, part in changed.items():
        want = qg.Table.from_arrow(part.reset_index(drop=True), flows.schema)
        part.to_parquet(tmp_path / "part.parquet")
        for table in (
            qg.Table.from_arrow(part, flows.schema),
            qg.Table.from_arrow(part),
            qg.Table.from_arrow(pa.Table.from_pandas(part)),
            qg.read(tmp_path / "part.parquet"),
        ):
            assert pa.table(table).combine_chunks() == pa.table(want).combine_chunks(), name
    rows = [3, 8, 5]
    named = pd.DataFrame({"link": list("abc")}, index=pd.Index([1.5, 2.5, 3.5], name="latency_ms")).iloc[[2, 0, 1]]
    assert qg.Table.from_arrow(named, PROBE).to_pandas()["latency_ms"].tolist() == [3.5, 1.5, 2.5]
    level = qg.Schema("index", [qg.Column("__index_level_0__"), qg.Column("latency_ms")])
    asked = pd.DataFrame({"latency_ms": [1.0, 2.0, 3.0]}, index=rows)
    assert qg.Table.from_arrow(asked, level).to_pandas()["__index_level_0__"].tolist() == rows


def test_nullable_columns_of_a_frame_are_missing_or_a_category() -> None:
    schema = qg.Schema("mix", [qg.Column(n) for n in ("i", "f", "b", "none")] + [qg.Column("s", kind="text")])
    frame = pd.DataFrame(
        {
            "i": pd.array([1, None], dtype="Int64"),
            "f": pd.array([None, 2.5], dtype="Float64"),
            "b": pd.array([True, None], dtype="boolean"),
            "none": pd.array([None, None], dtype="Float64"),
            "s": pd.array([None, "tcp"], dtype="string"),
        }
    )
    want = [
        {"i": 1, "f": None, "b": 1, "none": None, "s": None},
        {"i": None, "f": 2.5, "b": None, "none": None, "s": "tcp"},
    ]
    polars = pl.DataFrame(want).with_columns(none=pl.lit(None, pl.Null), b=pl.col("b").cast(pl.Boolean))
    empty = pa.table(frame).set_column(3, "none", pa.nulls(2))
    for given in (frame, polars, pa.table(frame), empty):
        assert list(qg.Table.from_arrow(given, schema)) == want
    assert list(qg.Table.from_records(frame.to_dict("records"), schema)) == want


@pytest.mark.parametrize(
    ("value", "want"),
    [
        (np.int64(7), 7.0),
        (np.uint16(7), 7.0),
        (np.float32(0.5), 0.5),
        (np.bool_(True), 1.0),
        (None, None),
        (float("nan"), None),
        (np.float64("nan"), None),
        (pd.NA, None),
        (pd.NaT, None),
    ],
)
def test_records_hold_values_of_other_libraries(value: Any, want: Any) -> None:
    for records in (
        {**RECORD, "byte_count": value},
        [{**RECORD, "byte_count": value}],
        ({**RECORD, "byte_count": value},),
    ):
        table = qg.Table.from_records(records, flow_schema())
        assert table[0]["byte_count"] == want
    rows = pd.DataFrame([RECORD, {**RECORD, "byte_count": value}]).to_dict("records")
    assert [row["byte_count"] for row in qg.Table.from_records(rows, flow_schema())] == [1024.0, want]
    assert len(qg.Table.from_records((row for row in rows), flow_schema())) == 2


def test_records_that_cannot_be_read_are_named_by_place() -> None:
    with pytest.raises(errors.InvalidTypeError, match=r"record 0, column `duration`: .*got object"):
        qg.Table.from_records({**RECORD, "duration": object()}, flow_schema())
    with pytest.raises(errors.InvalidTypeError, match=r"`records\[0\]` must be a dictionary"):
        qg.Table.from_records([np.float32(3)], flow_schema())  # type: ignore[list-item]
    for wrong in (pd.DataFrame([RECORD]), np.float32(3)):
        with pytest.raises(errors.InvalidTypeError, match=r"Table\.from_arrow"):
            qg.Table.from_records(wrong, flow_schema())


def test_a_table_has_columns_rows_and_slices(flows: qg.Table) -> None:
    frame = flows.to_pandas()
    assert flows.columns == frame.columns.tolist()
    assert len(flows.head()) == 5
    assert pa.table(flows.head(7)) == pa.table(flows).slice(0, 7).combine_chunks()
    assert len(flows.head(10**9)) == len(flows)
    for row in (0, 41, -1, -3_000):
        cells = flows[row]
        assert list(cells) == flows.columns
        assert cells == pa.table(flows).slice(row % 3_000, 1).to_pylist()[0]
    for cut in (slice(2, 5), slice(None, None, -1), slice(-5, None), slice(10, 2), slice(0, 100, 7)):
        want = pa.table(flows).take(list(range(3_000))[cut]) if list(range(3_000))[cut] else pa.table(flows).slice(0, 0)
        assert pa.table(flows[cut]).to_pylist() == want.to_pylist()
    assert list(flows[:20]) == pa.table(flows).slice(0, 20).to_pylist()
    assert sum(1 for _ in flows) == 3_000
    for beyond in (3_000, -3_001):
        with pytest.raises(IndexError, match="3000 rows"):
            flows[beyond]
    for wrong in ("fwd_bytes", 1.5, None):
        with pytest.raises(TypeError, match="row number"):
            flows[wrong]


def test_notebooks_show_what_is_in_an_object(flows: qg.Table, guard: qg.Guard) -> None:
    text = flows._repr_html_()
    assert text.count("<tr>") == 11
    assert "<th>fwd_bytes</th>" in text
    table = qg.Table.from_records([{"latency_ms": 1.5, "link": "<b>&"}], PROBE)
    assert "<td>1.5</td><td>&lt;b&gt;&amp;</td>" in table._repr_html_()
    out = guard.assess(flows)
    anomalies = int(out.to_pandas()["is_anomaly"].sum())
    assert f"{anomalies} anomalies" in out._repr_html_()
    assert out._repr_html_().count("<tr>") == 11
    for words in ("0.01", guard.digest[:12], guard.schema.name):
        assert words in guard._repr_html_()
    assert "not fitted" in qg.Guard()._repr_html_()


def test_an_assessment_is_a_sequence_of_decisions(flows: qg.Table, guard: qg.Guard) -> None:
    out = guard.assess(flows)
    assert out.columns == out.to_pandas().columns.tolist()
    assert out.head(3) == out[:3] == [out.decisions[i] for i in range(3)]
    assert out[-1] == out.decisions[2_999]
    assert [decision.row for decision in out] == list(range(3_000))
    with pytest.raises(IndexError):
        out[3_000]


def travellers(flows: qg.Table, guard: qg.Guard) -> dict[str, Any]:
    """An object of every public class that holds a result."""
    out, why = guard.assess(flows), guard.explain(flows)
    x = np.random.default_rng(0).normal(size=(300, 2))
    y = (x[:, 0] > 0).astype(int)
    report = qg.Table.from_arrow(
        pd.DataFrame({"x": [0.5] * 99 + [7.0]}), qg.Schema("s", [qg.Column("x", maximum=1.0)])
    ).report
    schema = qg.Schema("s", [qg.Column("bps"), qg.Column("at", "time", "time")])
    steps = qg.Table.from_records([{"at": 60.0 * i, "bps": None if i == 2 else i} for i in range(5)], schema)
    return {
        "table": flows,
        "some rows": flows[5:9],
        "assessment": out,
        "guard explanation": why,
        "explanation": qg.BoostedTrees(5).fit(x, y).explain(x),
        "guard": guard,
        "decision": out[0],
        "reason": why.reasons(0, 1),
        "threshold": guard.threshold,
        "training": guard.training,
        "fits": guard.fits(flows),
        "policy": guard.policy,
        "schema": flows.schema,
        "column": flows.schema.columns[0],
        "read report": report,
        "rejection": report.rejections[0],
        "rule": qg.ThresholdRule.mad(3.0),
        "series": qg.Series.from_table(steps, start=None),
        "report": qg.evaluate(x[:, 0], y, 0.0),
        "calibration error": qg.calibration_error(np.linspace(0, 1, 300), y),
        "history": qg.Autoencoder((4,), 2, training={"epochs": 2}).fit(x).history_,
        "members": qg.Ensemble([("forest", qg.IsolationForest(5), 1.0)]).fit(x).members_,
    }


def seen(value: Any) -> Any:
    """What an object holds, comparable."""
    if isinstance(value, qg.Table):
        return pa.table(value).combine_chunks(), value.schema, value.report
    if isinstance(value, qg.Assessment):
        return pa.table(value), list(value), value.imputed, value.members, value.experts
    if isinstance(value, qg.GuardExplanation):
        return value.columns, value.contributions.tobytes(), value.scores.tobytes(), value.reasons(3, 5)
    if isinstance(value, qg.Explanation):
        return value.feature_names, value.contributions.tobytes(), value.data.tobytes(), value.base
    if isinstance(value, qg.Guard):
        return value.digest, value.get_params()["seed"]
    if isinstance(value, qg.Series):
        return repr(value), value.report, value.values("", "bps").tobytes(), value.times("").tobytes()
    return value


def test_every_result_travels(flows: qg.Table, guard: qg.Guard) -> None:
    for name, value in travellers(flows, guard).items():
        for way in (lambda v: pickle.loads(pickle.dumps(v)), copy.deepcopy, copy.copy):
            assert seen(way(value)) == seen(value), name


def test_an_assessment_of_members_experts_and_families_travels() -> None:
    flows = qg.simulate(rows=1_500, attack_share=0.2, seed=2)
    members = [("forest", qg.IsolationForest(10), 1.0), ("trees", qg.BoostedTrees(10), 1.0)]
    for detector in (qg.Ensemble(members), qg.BoostedTrees(10)):
        out = qg.Guard(detector, false_positive_rate=0.05).fit(flows).assess(flows)
        again = pickle.loads(pickle.dumps(out))
        assert seen(again) == seen(out)
        assert again.probabilities is not None
        assert out.probabilities is not None
        assert again.probabilities.tobytes() == out.probabilities.tobytes()
        assert again.member_p_values.tobytes() == out.member_p_values.tobytes()
        assert any(decision.family for decision in again)


def test_processes_pass_tables_and_guards(flows: qg.Table, guard: qg.Guard) -> None:
    work = [joblib.delayed(qg.Guard.assess)(guard, part) for part in (flows[:100], flows[100:300])]
    parts = joblib.Parallel(2)(work)
    assert [len(part) for part in parts] == [100, 200]
    assert parts[1].scores.tobytes() == guard.assess(flows).scores[100:300].tobytes()


def test_a_guard_clones_and_has_parameters(flows: qg.Table, guard: qg.Guard) -> None:
    rule = qg.ThresholdRule.percentile(99.0)
    guards = [
        qg.Guard(),
        qg.Guard("auto", seed=3),
        qg.Guard(qg.BoostedTrees(7, monotone=np.array([0, 1])), threshold=rule, policy=qg.Policy(), attack_share=0.1),
        guard,
    ]
    for one in guards:
        clone = sklearn.base.clone(one)
        assert clone.get_params(deep=False).keys() == one.get_params(deep=False).keys()
        assert repr(clone).endswith("not fitted)")
        assert (clone.get_params()["threshold"], clone.get_params()["seed"]) == (
            one.get_params()["threshold"],
            one.get_params()["seed"],
        )
    assert sklearn.base.clone(guard).fit(flows).digest == guard.digest
    changed = sklearn.base.clone(guard).set_params(detector__n_estimators=7, false_positive_rate=0.05)
    assert changed.get_params()["detector__n_estimators"] == 7
    assert changed.fit(flows).threshold.asked == 0.05
    with pytest.raises(errors.InvalidArgumentError, match="`depth` must be one of"):
        changed.set_params(depth=3)
    with pytest.raises(errors.InvalidArgumentError, match="read from a file"):
        qg.Guard.from_bytes(guard.to_bytes()).get_params()


def test_an_unfitted_object_raises_scikit_learns_error_too() -> None:
    x = np.zeros((3, 2), np.float32)
    for call in (
        lambda: qg.Guard().digest,
        lambda: qg.BoostedTrees().predict(x),
        lambda: qg.BoostedTrees().predict_proba(x),
        lambda: qg.Kitsune().predict(x),
        lambda: qg.IsolationForest().anomaly_score(x),
        lambda: qg.IsolationForest().explain(x),
    ):
        with pytest.raises(sklearn.exceptions.NotFittedError, match="not fitted") as caught:
            call()
        assert isinstance(caught.value, errors.NotFittedError)
        again = pickle.loads(pickle.dumps(caught.value))
        assert (type(again), str(again)) == (type(caught.value), str(caught.value))
    code = """
import sys, qosguard as qg
try: qg.Guard().digest
except qg.errors.NotFittedError as error: print(type(error).__name__, "sklearn" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=30)
    assert done.stdout.split() == ["NotFittedError", "False"]


def test_arrays_as_parameters_print_clone_and_compare() -> None:
    for model in (
        qg.BoostedTrees(monotone=np.array([1, 0, 0])),
        qg.IsolationForest(categorical=np.array([0])),  # type: ignore[arg-type]
        qg.Autoencoder(np.array([8, 4])),  # type: ignore[arg-type]
        qg.EntityAutoencoders(autoencoder=qg.Autoencoder(categorical=np.array([0, 1]))),  # type: ignore[arg-type]
    ):
        assert "array([" in repr(model)
        clone = sklearn.base.clone(model)
        assert repr(clone) == repr(model)
        assert (clone == model) is False
        assert (model == model) is True
        assert set(model.get_params(deep=False)) <= set(model.get_params())
    nested = qg.EntityAutoencoders(autoencoder=qg.Autoencoder()).set_params(autoencoder__latent=3)
    assert nested.get_params()["autoencoder__latent"] == 3


def test_completion_shows_public_names_only() -> None:
    assert dir(qg) == sorted([*qg.__all__, "__version__"])
    assert not any(name.startswith("_") for name in dir(qg) if name != "__version__")
    assert all(hasattr(qg, name) for name in dir(qg))


def test_a_guard_of_names_with_blanks_assesses_the_frame_it_was_fitted_on() -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({" rtt ": random.normal(size=300), "loss ": random.normal(size=300)})
    guard = qg.Guard().fit(frame)
    assert len(guard.assess(frame)) == 300
    assert len(guard.assess(pl.from_pandas(frame))) == 300


def test_a_guard_with_another_policy_keeps_its_parameters() -> None:
    flows = qg.simulate(rows=500)
    guard = qg.Guard(qg.IsolationForest(n_estimators=7), false_positive_rate=0.05).fit(flows)
    other = guard.with_policy(qg.Policy())
    assert other.digest == guard.digest
    again = other.fit(flows)
    assert again.threshold.asked == 0.05
    assert again.digest == guard.digest
    with pytest.raises(errors.InvalidArgumentError, match="read from a file"):
        qg.Guard.from_bytes(guard.to_bytes()).fit(flows)


def test_lengths_of_time_in_records_are_seconds() -> None:
    schema = qg.Schema("s", [qg.Column("duration")])
    for length in [datetime.timedelta(seconds=3.4), np.timedelta64(3_400_000_000, "ns"), pd.Timedelta(seconds=3.4)]:
        assert qg.Table.from_records({"duration": length}, schema).to_pandas()["duration"].tolist() == [3.4]


def test_representations_name_the_class_and_the_size() -> None:
    flows = qg.simulate(rows=500)
    guard = qg.Guard().fit(flows)
    out, why = guard.assess(flows), guard.explain(flows)
    assert repr(out.decisions) == "Decisions(500 rows)"
    assert repr(why) == f"GuardExplanation(500 rows, {len(why.columns)} columns)"
