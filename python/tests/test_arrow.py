from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

import qosguard as qg
from qosguard import errors

PROBE = qg.Schema(
    "probe",
    [
        qg.Column("latency_ms"),
        qg.Column("loss", minimum=0.0, maximum=1.0),
        qg.Column("link", "ignore", "text"),
    ],
)


def probe(rows: int = 1_000) -> pa.Table:
    return pa.table(
        {
            "latency_ms": np.arange(rows) * 0.5,
            "loss": np.linspace(0.0, 1.0, rows),
            "link": [f"link {row % 7}" for row in range(rows)],
        }
    )


def address(data: Any, column: str, chunk: int = 0) -> int:
    """Address of the values of a column."""
    array = pa.table(data)[column].chunk(chunk)
    return int(array.buffers()[-1].address + array.offset * 8 * (array.type == pa.float64()))


def test_columns_that_fit_are_the_very_same_memory() -> None:
    given = probe()
    table = qg.Table.from_arrow(given, PROBE)
    for column in given.column_names:
        assert address(table, column) == address(given, column), column
    assert table.report.accepted == 1_000


def test_numpy_pandas_and_polars_hand_their_memory_over() -> None:
    values = np.arange(1_000) * 0.5
    loss = np.full(1_000, 0.25)
    schema = qg.Schema("probe", [qg.Column("latency_ms"), qg.Column("loss", maximum=1.0)])
    frame = pd.DataFrame({"latency_ms": values, "loss": loss}, copy=False)
    for given in (pa.table({"latency_ms": values, "loss": loss}), pl.DataFrame(pa.table(frame))):
        table = qg.Table.from_arrow(given, schema)
        assert address(table, "latency_ms") == address(given, "latency_ms")
        assert address(table, "loss") == address(given, "loss")
    # A frame of one block of 64-bit floats is arrays one behind the other.
    table = qg.Table.from_arrow(frame, schema)
    given = frame["latency_ms"].to_numpy().__array_interface__["data"][0]
    assert address(table, "latency_ms") == given == values.__array_interface__["data"][0]


def test_chunks_stay_chunks() -> None:
    one = probe(10)
    given = pa.concat_tables([one, one.slice(4)])
    table = qg.Table.from_arrow(given, PROBE)
    assert [len(batch) for batch in pa.table(table).to_batches()] == [10, 6]
    for chunk in range(2):
        assert address(table, "latency_ms", chunk) == address(given, "latency_ms", chunk)


def test_duckdb_relations_and_readers_come_in() -> None:
    given = probe()
    connection = duckdb.connect()
    connection.register("given", given)
    query = "SELECT link, loss, latency_ms FROM given WHERE latency_ms >= 10"
    want = given.filter(pa.compute.greater_equal(given["latency_ms"], 10.0))
    tables = [
        qg.Table.from_arrow(connection.sql(query), PROBE),
        qg.Table.from_arrow(connection.sql(query).to_arrow_table(), PROBE),
        qg.Table.from_arrow(given.filter(pa.compute.field("latency_ms") >= 10).to_reader(max_chunksize=100), PROBE),
        qg.Table.from_arrow(pl.DataFrame(given).lazy().filter(pl.col("latency_ms") >= 10).collect(), PROBE),
    ]
    for table in tables:
        assert pa.table(table).combine_chunks() == want.combine_chunks()


def test_every_kind_of_text_and_number_is_converted() -> None:
    given = probe(6)
    kinds: list[pa.DataType] = [pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())]
    for kind in kinds:
        table = qg.Table.from_arrow(given.set_column(2, "link", given["link"].cast(kind)), PROBE)
        assert pa.table(table) == given
    whole = given.set_column(0, "latency_ms", pa.array([0, 1, 2, 3, None, 2**53]))
    assert pa.table(qg.Table.from_arrow(whole, PROBE))["latency_ms"].to_pylist() == [0.0, 1.0, 2.0, 3.0, None, 2.0**53]
    categories = given.to_pandas().astype({"link": "category", "latency_ms": "float32"})
    assert pa.table(qg.Table.from_arrow(categories, PROBE)) == given


def test_a_row_outside_the_limits_is_rejected_and_reported() -> None:
    given = probe(100).to_pandas()
    given.loc[41, "loss"] = 1.5
    table = qg.Table.from_arrow(given, PROBE)
    assert (len(table), table.report.rejected) == (99, 1)
    assert str(table.report.rejections[0]) == 'line 42, column `loss`: expected at most 1, got "1.5"'
    with pytest.raises(errors.BadRecordError, match="1 of 100"):
        qg.Table.from_arrow(given, PROBE, max_rejected_share=0.0)


def test_a_time_that_does_not_fit_is_rejected_and_not_null() -> None:
    schema = qg.Schema("times", [qg.Column("at", "time"), qg.Column("x")])
    times = pa.array([1_700_000_000, 2**62] + 58 * [1], pa.timestamp("s", "UTC"))
    table = qg.Table.from_arrow(pa.table({"at": times, "x": np.zeros(60)}), schema)
    assert pa.table(table)["at"].to_pylist()[:2] == [1.7e9, 1.0]
    assert table.report.rejected == 1


def test_a_stream_that_fails_raises() -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield from probe(10).to_batches()
        raise RuntimeError("the source went away")

    reader = pa.RecordBatchReader.from_batches(probe(1).schema, batches())
    with pytest.raises(errors.QosguardError, match="the source went away"):
        qg.Table.from_arrow(reader, PROBE)


@pytest.mark.parametrize("packing", ["none", "snappy", "gzip", "lz4", "zstd"])
def test_parquet_of_others_is_read(tmp_path: Path, packing: str) -> None:
    path = tmp_path / "flows.parquet"
    given = probe().append_column("other", pa.array([[1, 2]] * 1_000))
    pq.write_table(given, path, compression=packing, row_group_size=300)
    for table in (qg.read(path, PROBE), qg.read_parquet(path, PROBE)):
        assert pa.table(table).combine_chunks() == probe().combine_chunks()
    # Without a schema, one is inferred; a list cannot be a feature.
    inferred = qg.read_parquet(path)
    assert inferred.schema.columns[-1].role == "ignore"
    assert "ignored: `other` (nested values)" in inferred.report.inferred


@pytest.mark.parametrize("packing", ["uncompressed", "lz4", "zstd"])
def test_feather_of_others_is_read(tmp_path: Path, packing: str) -> None:
    writers: list[Callable[[Path], None]] = [
        lambda path: feather.write_feather(probe(), path, compression=packing, chunksize=300),
        lambda path: pl.DataFrame(probe()).write_ipc(path, compression=packing),  # type: ignore[arg-type]
        lambda path: pl.DataFrame(probe()).write_ipc_stream(path, compression=packing),  # type: ignore[arg-type]
        lambda path: probe().to_pandas().to_feather(path, compression=packing),
    ]
    for number, write in enumerate(writers):
        path = tmp_path / str(number)
        write(path)
        for table in (qg.read(path, PROBE), qg.read_ipc(path, PROBE)):
            assert pa.table(table).combine_chunks() == probe().combine_chunks()


def test_broken_files_raise(tmp_path: Path) -> None:
    path = tmp_path / "flows.parquet"
    pq.write_table(probe(), path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(errors.BadRecordError, match="an intact Parquet file"):
        qg.read(path, PROBE)
    path = tmp_path / "flows.arrow"
    feather.write_feather(probe(), path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(errors.BadRecordError, match="intact Arrow IPC data"):
        qg.read(path, PROBE)


def test_a_pipe_may_hold_a_stream(tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("no named pipes")
    import os

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    code = "import sys, qosguard as qg; qg_table = qg.read(sys.argv[1]); print(len(qg_table))"
    flows = pa.table(qg.simulate(rows=500))
    with subprocess.Popen([sys.executable, "-c", code, str(pipe)], stdout=subprocess.PIPE, text=True) as reader:
        try:
            with pipe.open("wb") as out, pa.ipc.new_stream(out, flows.schema) as stream:
                stream.write_table(flows)
            assert reader.communicate(timeout=60)[0].strip() == "500"
        finally:
            reader.kill()
