from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import qosguard as qg
from qosguard import errors

FLOW = "src_ip,dst_ip,src_port,dst_port,protocol,packet_count,byte_count,duration\n"
ROW = "192.168.1.100,192.168.1.1,443,51515,TCP,12,1024,3.4\n"


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "flows.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_csv_becomes_a_table_that_arrow_libraries_take(tmp_path: Path) -> None:
    flows = qg.read_csv(write(tmp_path, FLOW + 3 * ROW))
    assert len(flows) == 3
    assert flows.schema.name == "flow"
    assert flows.report.accepted == 3
    assert pa.table(flows)["byte_count"].to_pylist() == [1024.0] * 3
    assert pl.DataFrame(flows)["protocol"].to_list() == ["tcp"] * 3
    frame = flows.to_pandas()
    assert isinstance(frame, pd.DataFrame)
    assert frame["duration"].tolist() == [3.4] * 3
    assert flows.labels is None
    assert flows.families is None
    assert repr(flows) == "Table(3 rows, 8 columns of flow)"


def test_json_lines_become_the_same_table(tmp_path: Path) -> None:
    path = tmp_path / "flows.jsonl"
    path.write_text(
        '{"src_ip":"192.168.1.100","dst_ip":"192.168.1.1","src_port":443,"dst_port":51515,'
        '"protocol":"TCP","packet_count":12,"byte_count":1024,"duration":3.4}\n'
    )
    csv = qg.read_csv(write(tmp_path, FLOW + ROW))
    assert pa.table(qg.read_jsonl(path)) == pa.table(csv)
    assert pa.table(qg.read(path)) == pa.table(qg.read(tmp_path / "flows.csv")) == pa.table(csv)


def test_a_row_that_cannot_be_read_is_counted_and_listed(tmp_path: Path) -> None:
    path = write(tmp_path, FLOW + 30 * ROW + ROW.replace("443", "70000"))
    report = qg.read_csv(path).report
    assert (report.accepted, report.rejected, report.place) == (30, 1, str(path))
    (rejection,) = report.rejections
    assert (rejection.line, rejection.column, rejection.value) == (32, "src_port", "70000")
    assert (rejection.code, rejection.reason) == ("above_maximum", "expected at most 65535")
    assert report.rejected_by_code == {"above_maximum": 1}
    assert rejection.reason in str(rejection)
    with pytest.raises(errors.BadRecordError, match="1 of 31"):
        qg.read_csv(path, max_rejected_share=0.0)
    with pytest.raises(errors.InvalidArgumentError, match="max_rejected_share"):
        qg.read_csv(path, max_rejected_share=1.5)


def test_a_foreign_file_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(errors.SchemaMismatchError, match="byte_count"):
        qg.read_csv(write(tmp_path, FLOW.replace("byte_count", "octets") + ROW), qg.Schema.preset("flow"))


def test_other_delimiters_and_schemas_of_ones_own(tmp_path: Path) -> None:
    schema = qg.Schema.from_toml(
        """
        name = "probe"
        columns = [
            { name = "latency_ms", role = "feature", kind = "number", minimum = 0.0 },
            { name = "state", role = "label", kind = "text" },
        ]
        clean = ["ok"]
        """
    )
    same = qg.Schema("probe", [qg.Column("latency_ms", minimum=0.0), qg.Column("state", "label", "text")], clean=["ok"])
    assert schema == same
    path = write(tmp_path, "latency_ms;state\n12.5;ok\n900;jammed\n")
    probe = qg.read_csv(path, schema, delimiter=";")
    assert probe.labels is not None
    assert probe.labels.dtype == np.bool_
    assert probe.labels.tolist() == [False, True]
    assert probe.families == ["", "jammed"]
    with pytest.raises(errors.InvalidArgumentError, match="delimiter"):
        qg.read_csv(path, schema, delimiter="→")


def test_a_schema_lists_the_role_of_each_column() -> None:
    assert {"flow", "nsl_kdd", "unsw_nb15"} <= set(qg.Schema.presets())
    schema = qg.Schema.preset("flow")
    roles = {column.name: column.role for column in schema.columns}
    assert roles["byte_count"] == "feature"
    assert roles["src_ip"] != "feature"
    changed = schema.with_role("duration", "ignore")
    assert next(c for c in changed.columns if c.name == "duration").role == "ignore"
    assert schema != changed
    assert pickle.loads(pickle.dumps(changed)) == changed
    with pytest.raises(errors.InvalidArgumentError):
        schema.with_role("src_ip", "feature")
    with pytest.raises(errors.InvalidArgumentError, match="`role` must be one of"):
        schema.with_role("duration", "target")
    with pytest.raises(errors.InvalidArgumentError):
        qg.Schema.preset("no_such_source")
    column = qg.Column("p", "ignore", field="dst_port", minimum=0, maximum=65535, undefined=-1)
    assert (column.kind, column.field, column.maximum, column.undefined) == (
        "number",
        "dst_port",
        65535.0,
        -1.0,
    )


def test_arrow_tables_come_in_by_name_whatever_made_them(flows: qg.Table) -> None:
    expected = pa.table(flows)
    shuffled = expected.select(sorted(expected.column_names))
    for source in (
        expected,
        shuffled,
        expected.to_batches()[0],
        pl.DataFrame(expected),
        expected.to_pandas(),
        flows,
    ):
        table = qg.Table.from_arrow(source, schema=flows.schema)
        assert pl.DataFrame(table).equals(pl.DataFrame(expected))
    detected = qg.Table.from_arrow(expected)
    assert detected.schema == qg.Schema.preset("flow_detail")
    with pytest.raises(errors.SchemaMismatchError, match="fwd_bytes"):
        qg.Table.from_arrow(expected.drop_columns(["fwd_bytes"]), schema=flows.schema)
    for wrong in ({"a": [1]}, 3, None):
        with pytest.raises((TypeError, ValueError)):
            qg.Table.from_arrow(wrong, schema=flows.schema)


def test_records_are_tables_too() -> None:
    record = {"src_ip": "10.0.0.1", "dst_ip": "10.0.0.2", "src_port": 443, "dst_port": 51515}
    record |= {"protocol": "TCP", "packet_count": 12, "byte_count": 1024, "duration": 3.4}
    schema = qg.Schema.preset("flow")
    one, many = qg.Table.from_records(record, schema), qg.Table.from_records([record] * 3, schema)
    assert (len(one), len(many)) == (1, 3)
    assert pa.table(many).slice(2) == pa.table(one)
    with pytest.raises(errors.SchemaMismatchError, match="duration"):
        qg.Table.from_records({**record, "duration_s": 1.0, "duration": None} | {"x": 1}, schema)
    assert qg.Table.from_records({**record, "duration": float("nan")}, schema)[0]["duration"] is None
    assert qg.Table.from_records({**record, "duration": float("inf")}, schema)[0]["duration"] == float("inf")
    with pytest.raises(errors.InsufficientDataError):
        qg.Table.from_records([], schema)
    with pytest.raises(errors.BadRecordError, match="src_port"):
        qg.Table.from_records({**record, "src_port": -1}, schema)


def test_integers_of_another_library_become_numbers() -> None:
    frame = pl.DataFrame({"latency_ms": [1, 2, None], "state": ["ok", "ok", "down"]})
    schema = qg.Schema("probe", [qg.Column("latency_ms"), qg.Column("state", "label", "text")], ["ok"])
    table = qg.Table.from_arrow(frame, schema=schema)
    assert pa.table(table)["latency_ms"].to_pylist() == [1.0, 2.0, None]
    assert table.labels is not None
    assert table.labels.tolist() == [False, False, True]


def test_take_keeps_the_order_asked_for(flows: qg.Table) -> None:
    rows = np.array([5, 0, 5])
    expected = pa.table(flows).take(rows)
    assert pa.table(flows.take(rows)) == expected
    assert pa.table(flows.take([5, 0, 5])) == expected
    assert pa.table(flows.take(rows.astype(np.uint16)[::-1])) == expected
    assert len(flows.take(np.flatnonzero(flows.labels))) == 300
    assert len(flows.take([])) == 0
    with pytest.raises(errors.ShapeMismatchError, match="3000"):
        flows.take([3000])
    with pytest.raises(errors.InvalidArgumentError, match="-1"):
        flows.take([-1])


@pytest.mark.parametrize("rows", [np.array([True, False]), [True, False], [0.5], np.array([0.0]), [[0]], ["0"], 0])
def test_masks_and_fractions_are_rejected_as_row_numbers(flows: qg.Table, rows: object) -> None:
    with pytest.raises(TypeError):
        flows.take(rows)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        FLOW.encode(),
        b"\xff\xfe" + (FLOW + ROW).encode("utf-16-le"),
        b"\x00" * 100,
        (FLOW + 3 * ROW).replace(",", "|").encode(),
        b"a" * 1_100_000,
        b"\x1f\x8b not gzip",
    ],
)
def test_an_invalid_file_is_a_typed_error(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path, content)
    with pytest.raises(errors.QosguardError) as caught:
        qg.read_csv(path)
    assert str(path) in str(caught.value)


def test_real_files_are_read(data: Path) -> None:
    flows = qg.read_csv(data / "flows" / "unsw-nb15" / "raw49_headerless_20000.csv")
    assert flows.labels is not None
    assert (len(flows), int(flows.labels.sum())) == (20_000, 1_572)
