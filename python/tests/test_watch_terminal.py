"""`qosguard watch` on a pseudo terminal: the live table is drawn, and the terminal is as it was at the end."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "qosguard"
OPEN, CLOSE = b"\x1b[?1049h", b"\x1b[?25h\x1b[?1049l"

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo terminals"),
    pytest.mark.skipif(not COMMAND.is_file(), reason="the command line is not built"),
]


def scan(first: int, last: int) -> str:
    """Lines of `flow_detail` of a source that tries ports of a host."""
    lines = []
    for port in range(first, last):
        record = {
            "time": 1_700_000_000.0 + port * 0.01, "src_ip": "10.0.0.66", "dst_ip": "10.0.0.7", "src_port": 40_000,
            "dst_port": port, "protocol": "tcp", "service": "", "duration": 0.0, "fwd_packets": 1, "bwd_packets": 0,
            "fwd_bytes": 60, "bwd_bytes": 0, "syn_count": 1, "fin_count": 0, "rst_count": 0, "iat_mean_ms": 0,
            "iat_std_ms": 0,
        }  # fmt: skip
        lines.append(json.dumps(record) + "\n")
    return "".join(lines)


class Terminal:
    """The command on a pseudo terminal of 100 columns and 30 lines."""

    def __init__(self, *arguments: str, stdin: int = subprocess.DEVNULL) -> None:
        import fcntl
        import pty
        import struct
        import termios

        self.leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color"}
        self.process = subprocess.Popen(
            [COMMAND, "watch", *arguments],
            stdin=stdin, stdout=follower, stderr=subprocess.PIPE, env=environment,
        )  # fmt: skip
        os.close(follower)
        self.shown = b""

    def read_until(self, text: bytes | None, seconds: float = 20.0) -> None:
        """Read what the command shows until some text is there, or to its end."""
        end = time.monotonic() + seconds
        while (text is None or text not in self.shown) and time.monotonic() < end:
            if not select.select([self.leader], [], [], 0.1)[0]:
                continue
            try:
                block = os.read(self.leader, 65_536)
            except OSError:  # Linux: the other end is closed
                break
            if not block:
                break
            self.shown += block
        assert text is None or text in self.shown, self.shown[-2_000:]

    def end(self) -> str:
        """Wait for the command, and return what it wrote to standard error."""
        self.read_until(None)
        assert self.process.stderr is not None
        with self.process.stderr:
            messages = self.process.stderr.read().decode()
        self.process.wait(timeout=20)
        os.close(self.leader)
        return messages


def test_a_file_leaves_the_last_table(tmp_path: Path) -> None:
    hostile = tmp_path / "scan\x1b[31m.jsonl"
    hostile.write_text(scan(1, 500))
    (tmp_path / "more.jsonl").write_text(scan(500, 600))
    terminal = Terminal(str(hostile), str(tmp_path / "more.jsonl"))
    messages = terminal.end()
    assert terminal.shown.startswith(OPEN)
    assert b"\x1b[31m" not in terminal.shown
    assert "599 records, 1 incident" in messages
    assert "0 late, 0 too far ahead, 0 without a valid time, 0 rejected" in messages
    assert "latency per record: p50 " in messages
    last = terminal.shown.split(CLOSE)[-1].decode()
    assert "high      port_scan    10.0.0.66 → 10.0.0.7" in last or "critical  port_scan" in last


def test_ctrl_c_restores_the_terminal() -> None:
    reader, writer = os.pipe()
    terminal = Terminal("-", stdin=reader)
    os.close(reader)
    os.write(writer, scan(1, 300).encode())
    terminal.read_until(b"open incidents: 1")
    terminal.read_until(b"port_scan")
    terminal.process.send_signal(signal.SIGINT)
    messages = terminal.end()
    os.close(writer)
    assert terminal.process.returncode == 0
    assert " records, 1 incident" in messages
    assert terminal.shown.count(OPEN) == terminal.shown.count(CLOSE) == 1


def test_text_is_text_on_a_terminal_too(tmp_path: Path) -> None:
    (tmp_path / "scan.jsonl").write_text(scan(1, 500))
    terminal = Terminal(str(tmp_path / "scan.jsonl"), "--format", "text")
    terminal.end()
    assert b"\x1b" not in terminal.shown
    assert terminal.shown.startswith(b"22:13:20  opened   medium    port_scan    10.0.0.66")
