"""Records of any library's values, and times that come back as they went out."""

from __future__ import annotations

import datetime
import decimal
import ipaddress
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import qosguard as qg
from qosguard import errors

AT = datetime.datetime(2026, 1, 1, 0, 0, 0, 500_000, tzinfo=datetime.UTC)
SECONDS = AT.timestamp()
TIMES = qg.Schema(
    "times",
    [
        qg.Column("number", "time"),
        qg.Column("ms", "ignore", "time", unit="ms"),
        qg.Column("auto", "ignore", "time", unit="auto"),
        qg.Column("text", "ignore", "time", format="%d/%m/%Y %H:%M:%S%.f"),
        qg.Column("duration_us", field="duration", scale=1e-6),
    ],
)


@pytest.mark.parametrize(
    "at",
    [
        AT,
        AT.replace(tzinfo=None),
        AT.astimezone(datetime.timezone(datetime.timedelta(hours=2))),
        pd.Timestamp(AT),
        np.datetime64("2026-01-01T00:00:00.500"),
        pa.scalar(AT),
        pa.scalar(AT, pa.timestamp("ms", "UTC")),
    ],
    ids=lambda at: type(at).__name__,
)
def test_a_time_is_seconds_in_a_number_column_as_in_a_frame(at: object) -> None:
    schema = qg.Schema("s", [qg.Column("at", "time"), qg.Column("x")])
    table = qg.Table.from_records([{"at": at, "x": 1}], schema)
    assert table[0]["at"] == SECONDS
    frame = qg.Table.from_arrow(pd.DataFrame({"at": [pd.Timestamp(AT)], "x": [1]}), schema)
    assert pa.table(table) == pa.table(frame)


def test_dates_and_lengths_of_time_are_as_in_a_frame() -> None:
    schema = qg.Schema("s", [qg.Column(name) for name in ("date", "time", "length")] + TIMES.columns[-1:])
    values = {
        "date": datetime.date(2026, 1, 1),
        "time": datetime.time(1, 2, 3),
        "length": datetime.timedelta(minutes=1),
        "duration_us": datetime.timedelta(milliseconds=3),
    }
    table = qg.Table.from_records(values, schema)
    assert table[0] == {"date": SECONDS - 0.5, "time": 3723.0, "length": 60.0, "duration_us": 3000.0}
    frame = pa.table({name: [value] for name, value in values.items()})
    assert pa.table(qg.Table.from_arrow(frame, schema)) == pa.table(table)


def test_values_of_other_libraries() -> None:
    schema = qg.Schema("s", [qg.Column("host", "entity", "text"), qg.Column("kind", kind="text"), qg.Column("x")])
    for address in ("10.0.0.1", "2001:db8::1"):
        records = [
            {"host": ipaddress.ip_address(address), "kind": pa.scalar("a"), "x": pa.scalar(1)},
            {"host": pa.scalar(address), "kind": np.str_("a"), "x": decimal.Decimal(2)},
            {"host": None, "kind": pa.scalar(None, pa.string()), "x": pa.scalar(None, pa.int64())},
        ]
        assert list(qg.Table.from_records(records, schema)) == [
            {"host": address, "kind": "a", "x": 1.0},
            {"host": address, "kind": "a", "x": 2.0},
            {"host": None, "kind": None, "x": None},
        ]
    with pytest.raises(errors.InvalidTypeError, match=r"record 0, column `x`: expected a number.*got object"):
        qg.Table.from_records([{"host": None, "kind": None, "x": object()}], schema)


def test_an_infinity_is_imputed_and_counted_wherever_it_comes_from() -> None:
    flows = qg.simulate(rows=1000, seed=3)
    guard = qg.Guard(seed=1).fit(flows)
    frame = flows.head(3).to_pandas()
    frame["duration"] = [np.inf, -np.inf, 1.0]
    records = frame.to_dict("records")
    by_frame, by_records = guard.assess(frame), guard.assess(records)
    assert (by_frame.imputed, by_records.imputed) == (2, 2)
    assert by_frame.scores.tolist() == by_records.scores.tolist()
    assert guard.assess({**records[0], "duration": float("inf")}).imputed == 1


def test_times_come_back_as_they_went_out() -> None:
    records = [dict.fromkeys(("number", "ms", "auto", "text"), AT) | {"duration_us": 1.0}]
    records.append(dict.fromkeys(records[0], None))
    table = qg.Table.from_records(records, TIMES)
    assert table[0]["ms"] == SECONDS * 1e3
    for again in (
        qg.Table.from_arrow(table, TIMES),
        qg.Table.from_arrow(pa.table(table), TIMES),
        qg.Table.from_arrow(pl.DataFrame(table), TIMES),
        qg.Table.from_arrow(table.to_pandas(), TIMES),
        qg.Table.from_records(list(table), TIMES),
        qg.Table.from_records([table[0], table[1]], TIMES),
        pickle.loads(pickle.dumps(table)),
    ):
        assert pa.table(again) == pa.table(table)
        assert list(again) == list(table)
    assert pickle.loads(pickle.dumps(table.take([]))).schema == TIMES
