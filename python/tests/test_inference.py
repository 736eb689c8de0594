"""Frames that no preset describes: an inferred schema."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

import qosguard as qg


def own(rows: int = 600) -> pd.DataFrame:
    """Records as no preset has them."""
    row = np.arange(rows)
    attack = row % 20 == 0
    return pd.DataFrame(
        {
            "rtt": (row * 7919 % 997) / 10.0 + np.where(attack, 900.0, 0.0),
            "link": np.where(row % 2 == 0, "a", "b"),
            "seen at": pd.to_datetime("2024-01-01") + pd.to_timedelta(row, unit="s"),
            "src_ip": [f"10.0.0.{i % 200}" for i in row],
            "Label": np.where(attack, "flood", "BENIGN"),
        }
    )


@pytest.mark.parametrize("convert", [lambda frame: frame, pl.from_pandas], ids=["pandas", "polars"])
def test_a_guard_is_fitted_on_a_frame(convert) -> None:
    frame = convert(own())
    guard = qg.Guard().fit(frame)
    roles = {column.name: column.role for column in guard.schema.columns}
    assert roles == {"rtt": "feature", "link": "entity", "seen at": "time", "src_ip": "entity", "Label": "label"}
    assert len(guard.assess(frame[:3])) == 3


def test_the_same_rows_are_scored_alike_from_every_source(tmp_path: Path) -> None:
    frame = own()
    frame["port"] = np.where(np.arange(len(frame)) % 3 == 0, 443, 80)
    columns = [qg.Column("rtt"), qg.Column("port", kind="text"), qg.Column("Label", "label", "text")]
    schema = qg.Schema("s", columns, clean=["BENIGN"])
    frame = frame[["rtt", "port", "Label"]]
    guard = qg.Guard().fit(qg.Table.from_arrow(frame, schema))
    want = guard.assess(qg.Table.from_arrow(frame, schema)).scores
    floats = frame.assign(port=frame["port"].astype(float))
    floats.to_csv(tmp_path / "floats.csv", index=False)
    floats.to_parquet(tmp_path / "floats.parquet")
    for table in [
        qg.Table.from_arrow(floats, schema),
        qg.Table.from_arrow(pl.from_pandas(floats), schema),
        qg.read(tmp_path / "floats.csv", schema=schema),
        qg.read(tmp_path / "floats.parquet", schema=schema),
    ]:
        assert np.array_equal(guard.assess(table).scores, want)


def test_durations_of_frames_are_seconds(tmp_path: Path) -> None:
    schema = qg.Schema("s", [qg.Column("duration")])
    lengths = [timedelta(seconds=3.4), timedelta(seconds=0.5)]
    pandas, polars = pd.DataFrame({"duration": lengths}), pl.DataFrame({"duration": lengths})
    pandas.to_parquet(tmp_path / "pandas.parquet")
    polars.write_parquet(tmp_path / "polars.parquet")
    polars.write_ipc(tmp_path / "polars.arrow")
    tables = [qg.Table.from_arrow(frame, schema) for frame in (pandas, polars)]
    tables += [qg.read(path, schema=schema) for path in sorted(tmp_path.iterdir())]
    for table in tables:
        assert table.to_pandas()["duration"].tolist() == [3.4, 0.5]


def test_a_schema_is_written_down_and_its_labels_counted() -> None:
    frame = own(100)
    schema = qg.Schema.infer(frame)
    assert qg.Schema.from_toml(schema.to_toml()) == schema
    frame.loc[0, "Label"] = "Unknown"
    table = qg.Table.from_arrow(frame, schema)
    assert table.report.unlabelled == 1
    assert len(table.labelled()) == 99
    assert any("Label" in line for line in qg.Table.from_arrow(frame).report.inferred)
