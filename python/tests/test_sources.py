"""Captures, logs that grow, exporters and series: what the tests make, the package reads."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import qosguard as qg
from qosguard import errors

FLOW = "src_ip,dst_ip,src_port,dst_port,protocol,packet_count,byte_count,duration\n"
ROW = "192.168.1.100,192.168.1.1,443,51515,TCP,12,1024,3.4\n"


def udp(source: int, target: int, payload: int) -> bytes:
    """A raw IPv4 packet from 10.0.0.1 to 10.0.0.2."""
    length = 28 + payload
    header = struct.pack(">BBHHHBBH", 0x45, 0, length, 0, 0, 64, 17, 0) + bytes([10, 0, 0, 1, 10, 0, 0, 2])
    return header + struct.pack(">HHHH", source, target, 8 + payload, 0) + bytes(payload)


def pcap(packets: list[tuple[float, bytes]]) -> bytes:
    """A capture of raw IP packets."""
    capture = struct.pack(">IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 101)
    for at, packet in packets:
        seconds, micros = int(at), round(at % 1 * 1e6)
        capture += struct.pack(">IIII", seconds, micros, len(packet), len(packet)) + packet
    return capture


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """Two flows, one of them silent for half a minute, and a packet of no version of IP."""
    start = 1_700_000_000
    packets = [(start + 0.0, udp(1_000, 53, 20)), (start + 0.25, udp(1_000, 53, 30))]
    packets += [(start + 1.0, udp(2_000, 53, 10)), (start + 2.0, b"\xf0" * 20)]
    packets += [(start + 31.0, udp(1_000, 53, 40))]
    path = tmp_path / "capture.pcap"
    path.write_bytes(pcap(packets))
    return path


def netflow5(packets: int) -> bytes:
    """A NetFlow v5 datagram of one record, from 10.0.0.1 to 10.0.0.2."""
    record = bytes([10, 0, 0, 1, 10, 0, 0, 2, 0, 0, 0, 0])
    record += struct.pack(">HHIIIIHH", 3, 4, packets, 100 * packets, 3_598_000, 3_599_500, 4_242, 443)
    record += struct.pack(">BBBBHHBBH", 0, 0x18, 6, 0, 65_001, 65_002, 24, 24, 0)
    header = struct.pack(">HHIIIIBBH", 5, 1, 3_600_000, 1_700_000_000, 0, 0, 1, 2, 0)
    return header + record


def event(packets: int) -> str:
    return json.dumps({"event_type": "flow", "flow": {"pkts_toserver": packets}}) + "\n"


def packets_of(table: qg.Table) -> list[float]:
    values: list[float] = pa.table(table)["flow.pkts_toserver"].to_pylist()
    return values


def test_a_capture_becomes_flows_of_the_profile(capture: Path) -> None:
    flows = qg.read(capture)
    assert (flows.schema.name, len(flows)) == ("nfstream", 2)
    assert flows.report.accepted == 2
    assert flows.report.skipped == {"malformed": 1}
    assert sorted(pa.table(flows)["bidirectional_packets"].to_pylist()) == [1, 3]
    cic = qg.read(capture, profile="cic")
    assert cic.schema.name == "cic"
    assert qg.read(capture, profile="cic_legacy").schema.name == "cic_legacy"
    assert len(qg.read(capture, idle_timeout=10.0)) == 3
    assert len(qg.read(capture, active_timeout=0.2)) == 4
    with pytest.raises(errors.InvalidArgumentError, match="profile"):
        qg.read(capture, profile="argus")
    with pytest.raises(errors.InvalidArgumentError, match="max_flows"):
        qg.read(capture, max_flows=-1)
    with pytest.raises(errors.InvalidArgumentError, match="idle_timeout"):
        qg.read(capture, idle_timeout=0.0)
    with pytest.raises(TypeError):
        qg.read(capture, profil="cic")  # type: ignore[call-arg]


def test_a_file_is_read_batch_by_batch(tmp_path: Path, capture: Path) -> None:
    path = tmp_path / "flows.csv"
    path.write_text(FLOW + 24 * ROW + ROW.replace("443", "70000") + ROW)
    reader = qg.open(path, batch_rows=10)
    assert reader.schema.name == "flow"
    assert iter(reader) is reader
    tables = list(reader)
    assert [len(table) for table in tables] == [10, 10, 5]
    assert [table.report.accepted for table in tables] == [10, 10, 5]
    assert (reader.report.accepted, reader.report.rejected) == (25, 1)
    assert list(reader) == []
    flows = qg.open(capture, profile="cic", batch_rows=1)
    assert [len(table) for table in flows] == [1, 1]
    live = [len(table) for table in qg.open(capture, idle_timeout=5.0, active_timeout=0.2, flush=1.0)]
    assert len(live) > 1
    assert sum(live) == 4
    with pytest.raises(errors.IoError):
        qg.open(tmp_path / "absent.csv")


def test_standard_input_is_a_dash(capture: Path) -> None:
    script = "import qosguard as qg; print(sum(len(table) for table in qg.open('-')))"
    with capture.open("rb") as stdin:
        done = subprocess.run([sys.executable, "-c", script], stdin=stdin, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "2"


def test_skipped_records_are_counted_by_kind(tmp_path: Path) -> None:
    path = tmp_path / "eve.json"
    path.write_text(event(1) + 2 * '{"event_type":"alert"}\n' + '{"event_type":"stats"}\n')
    assert qg.read(path).report.skipped == {"alert": 2, "stats": 1}


def test_a_growing_file_is_followed_until_it_is_stopped(tmp_path: Path) -> None:
    path = tmp_path / "eve.json"
    path.touch()
    follower = qg.follow(path, poll=0.01)
    with path.open("a") as log:
        log.write(event(1))
    assert packets_of(next(follower)) == [1.0]
    assert follower.schema.name == "eve_flow"
    path.rename(tmp_path / "eve.json.1")
    path.write_text(event(2))
    assert packets_of(next(follower)) == [2.0]
    assert follower.counts == {"rotated": 1, "truncated": 0, "vanished": 0} | {"vanished": follower.counts["vanished"]}
    # Another thread ends an iteration that waits.
    threading.Timer(0.2, follower.stop).start()
    assert list(follower) == []
    assert follower.report.accepted == 2


def test_a_file_without_a_line_can_be_stopped(tmp_path: Path) -> None:
    path = tmp_path / "conn.log"
    path.touch()
    with qg.follow(path, poll=0.01) as follower:
        threading.Timer(0.1, follower.stop).start()
        assert list(follower) == []
        with pytest.raises(errors.InsufficientDataError):
            _ = follower.schema
    with pytest.raises(errors.InvalidArgumentError, match="poll"):
        qg.follow(path, poll=-1.0)
    with pytest.raises(errors.IoError):
        qg.follow(tmp_path / "absent.log")


def test_only_what_comes_later_is_followed_from_the_end(tmp_path: Path) -> None:
    path = tmp_path / "eve.json"
    path.write_text(event(1))
    follower = qg.follow(path, from_end=True, poll=0.01)
    with path.open("a") as log:
        log.write(event(2))
    assert packets_of(next(follower)) == [2.0]


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to one process")
def test_ctrl_c_interrupts_a_stream_that_waits(tmp_path: Path) -> None:
    path = tmp_path / "eve.json"
    path.touch()
    script = (
        "import signal, sys, qosguard as qg\n"
        # A parent that runs in the background may leave the signal ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "follower = qg.follow(sys.argv[1], poll=0.01)\n"
        "print('waiting', flush=True)\n"
        "try:\n    next(follower)\nexcept KeyboardInterrupt:\n    pass\n"
        # The thread that reads ends; the next call continues where it ended.
        "import time\n"
        "from pathlib import Path\n"
        "names = lambda: [path.read_text().strip() for path in Path('/proc/self/task').glob('*/comm')]\n"
        "end = time.monotonic() + 1.0\n"
        "while 'qosguard-stream' in names() and time.monotonic() < end:\n    time.sleep(0.01)\n"
        "assert 'qosguard-stream' not in names(), names()\n"
        "print(len(next(follower)), flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, path], stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "waiting\n"
            time.sleep(0.3)
            child.send_signal(2)
            time.sleep(0.3)
            path.write_text(event(1) + event(2))
            out, _ = child.communicate(timeout=20)
        finally:
            child.kill()
    assert (out, child.returncode) == ("2\n", 0)


def test_exports_come_by_udp() -> None:
    with qg.Collector("127.0.0.1:0", flush_interval=0.05, max_templates=16) as collector:
        host, port = collector.address.rsplit(":", 1)
        assert collector.schema.name == "ipfix"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as exporter:
            exporter.sendto(netflow5(7), (host, int(port)))
            exporter.sendto(b"not an export", (host, int(port)))
        table = next(collector)
        assert len(table) == 1
        threading.Timer(0.2, collector.stop).start()
        rest = list(collector)
    assert sum(len(table) for table in rest) == 0
    assert (collector.counts["datagrams"], collector.counts["flows"]) == (2, 1)
    assert collector.report.accepted == 1
    with pytest.raises(errors.InvalidArgumentError, match="max_template`"):
        qg.Collector("127.0.0.1:0", max_template=1)
    with pytest.raises(errors.IoError):
        qg.Collector("192.0.2.1:2055")


def test_export_files_become_a_table(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.dat", tmp_path / "bad.dat"
    good.write_bytes(netflow5(7))
    bad.write_bytes(b"\x00\x07 another version")
    flows = qg.read_exports([good, bad])
    assert (len(flows), flows.schema.name) == (1, "ipfix")
    assert flows.report.skipped == {"unsupported_datagrams": 1}


def test_the_report_of_an_export_without_its_template_explains_why_nothing_was_read(tmp_path: Path) -> None:
    data = tmp_path / "data.dat"
    header = struct.pack(">HHIII", 10, 24, 1_700_000_000, 0, 1)
    data.write_bytes(header + bytes([1, 0, 0, 8, 10, 0, 0, 1]))
    for flows in (qg.read_exports([data]), qg.read(data)):
        assert len(flows) == 0
        assert flows.report.skipped["dropped_sets"] == 1
        assert flows.report.nothing_read is not None
        assert "no flow could be decoded" in flows.report.nothing_read
        assert "dropped_sets 1 (data without its template)" in repr(flows.report)
    data.write_bytes(netflow5(7))
    assert qg.read(data).report.nothing_read is None


def test_a_field_that_cannot_be_used_is_counted_by_element(tmp_path: Path) -> None:
    data = tmp_path / "wide.dat"
    template = struct.pack(">HHHHHHHH", 256, 3, 8, 4, 7, 4, 1, 9)
    record = bytes([10, 0, 0, 1]) + struct.pack(">I", 70_000) + bytes(9)
    sets = struct.pack(">HH", 2, 4 + len(template)) + template + struct.pack(">HH", 256, 4 + len(record)) + record
    data.write_bytes(struct.pack(">HHIII", 10, 16 + len(sets), 1_700_000_000, 0, 1) + sets)
    skipped = qg.read(data).report.skipped
    assert (skipped["unusable_element_7"], skipped["unusable_element_1"], skipped["unusable_fields"]) == (1, 1, 2)


def write_series(folder: Path) -> Path:
    path = folder / "links.csv"
    path.write_text(
        "at,link,kbps\n2024-01-01T00:00:00Z,a,1\n2024-01-01T00:05:00Z,a,2\n2024-01-01T00:15:00Z,a,4\n"
        "2024-01-01T00:00:00Z,b,10\n2024-01-01T00:05:00Z,b,\n"
    )
    return path


def test_a_series_reports_missing_steps(tmp_path: Path) -> None:
    series = qg.read_series(write_series(tmp_path), entity="link", interval=300, scale=1000.0, unit="bit/s")
    assert (series.entities, series.columns) == (["a", "b"], ["kbps"])
    values = series.values("a", "kbps")
    assert values.dtype == np.float64
    np.testing.assert_array_equal(values, [1000.0, 2000.0, np.nan, 4000.0])
    start = 1_704_067_200.0
    np.testing.assert_array_equal(series.times("a"), start + 300.0 * np.arange(4))
    assert series.present("a").tolist() == [True, True, False, True]
    assert series.labels("a") is None
    report = series.report
    assert report["interval_s"] == 300.0
    assert report["gaps"] == [{"entity": "a", "start": start + 600.0, "steps": 1}]
    assert report["columns"] == [{"name": "kbps", "scale": 1000.0, "empty": 1}]
    assert (report["unit"], report["read"]["accepted"]) == ("bit/s", 5)
    table = series.table()
    assert len(table) == 5
    again = qg.Series.from_table(table, interval=300)
    np.testing.assert_array_equal(again.values("a", "kbps"), values)
    assert repr(series) == 'Series(2 entities, columns ["kbps"])'
    for bad in ({"interval": -1}, {"duplicates": "least"}, {"time_zones": "UTC"}, {"scale": float("nan")}):
        with pytest.raises(errors.InvalidArgumentError):
            qg.read_series(tmp_path / "links.csv", entity="link", **bad)
    with pytest.raises(errors.InvalidArgumentError, match="entity"):
        series.values("c", "kbps")
    with pytest.raises(errors.InvalidArgumentError, match="column"):
        series.values("a", "mbps")


def test_a_schema_of_ones_own_times_makes_a_series(tmp_path: Path) -> None:
    at = qg.Column("at", "time", "time", format="%d/%m/%Y %H:%M")
    assert (at.kind, at.unit, at.format) == ("time", None, "%d/%m/%Y %H:%M")
    assert qg.Column("at", "time", "time", unit="ms").unit == "ms"
    with pytest.raises(errors.InvalidArgumentError, match="unit"):
        qg.Column("at", "time", "time", unit="weeks")
    path = tmp_path / "own.csv"
    path.write_text("at,load\n01/02/2024 00:00,1\n01/02/2024 01:00,2\n")
    table = qg.read_csv(path, qg.Schema("own", [at, qg.Column("load")]))
    series = qg.Series.from_table(table)
    np.testing.assert_array_equal(series.times(""), [1_706_745_600.0, 1_706_749_200.0])


@pytest.mark.parametrize("ending", ["csv", "jsonl", "arrow", "parquet"])
def test_a_table_is_written_and_read_back(tmp_path: Path, ending: str) -> None:
    flows = qg.simulate(rows=100, seed=1)
    path = tmp_path / f"flows.{ending}"
    flows.write(path)
    assert pa.table(qg.read(path, flows.schema)).equals(pa.table(flows))
    with pytest.raises(errors.InvalidArgumentError, match=r"\.parquet"):
        flows.write(tmp_path / "flows.xls")


def test_many_threads_share_one_stream(tmp_path: Path) -> None:
    path = tmp_path / "flows.csv"
    path.write_text(FLOW + 200 * ROW)
    reader = qg.open(path, batch_rows=10)
    lengths: list[int] = []

    def drain(tables: Iterator[qg.Table]) -> None:
        lengths.extend(len(table) for table in tables)

    threads = [threading.Thread(target=drain, args=(reader,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lengths == [10] * 20
