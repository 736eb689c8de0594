"""What the documentation shows is run: docstrings, the README, the example."""

from __future__ import annotations

import contextlib
import doctest
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_docstring_examples() -> None:
    attempted = 0
    modules = [f".{path.stem}" for path in (ROOT / "python" / "qosguard").glob("[!_]*.py")]
    for name in ("", "._core", *modules):
        module = importlib.import_module("qosguard" + name)
        failed, tried = doctest.testmod(module)
        assert failed == 0, name
        attempted += tried
    for native in ("Column", "Schema", "Policy", "Probability", "ThresholdRule", "simulate", "Collector"):
        tests = doctest.DocTestFinder().find(getattr(importlib.import_module("qosguard"), native), native)
        assert any(test.examples for test in tests), native
        runner = doctest.DocTestRunner()
        for test in tests:
            assert runner.run(test).failed == 0
        attempted += runner.tries
    assert attempted >= 20


def test_every_public_name_has_a_docstring() -> None:
    package = importlib.import_module("qosguard")
    for name in package.__all__:
        item = getattr(package, name)
        assert item.__doc__, name
        if isinstance(item, type):
            for member, value in vars(item).items():
                if not member.startswith("_") and (callable(value) or hasattr(value, "__get__")):
                    assert getattr(value, "__doc__", None) or hasattr(item, "__slots__"), f"{name}.{member}"


def test_the_readmes_python_runs(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert blocks
    with contextlib.chdir(tmp_path):
        for block in blocks:
            exec(compile(block, "README.md", "exec"), {})
    assert (tmp_path / "edge.qosguard").is_file()


def test_the_quickstart_finds_the_simulated_attacks(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", str(ROOT / "examples" / "quickstart.py")]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True, timeout=60)
    assert "equal bit for bit: True" in done.stdout
    assert len(done.stdout.splitlines()) <= 40
    found = r"found 8 of 8 attacks, the median [\d.]+ s after their first record; 0 false incidents"
    assert re.search(found, done.stdout)
    shown = re.findall(r"^20\S+Z +(?:medium|high|critical) +(\w+) ", done.stdout, re.MULTILINE)
    assert 8 <= len(shown) <= 12
    assert {"port_scan", "host_scan", "syn_flood", "brute_force"} <= set(shown)


def test_the_quickstart_runs_on_a_file(tmp_path: Path, data: Path) -> None:
    lines = (data / "flows" / "unsw-nb15" / "raw49_headerless_20000.csv").read_text().splitlines(keepends=True)
    path = tmp_path / "flows.csv"
    path.write_text("".join(lines[:3_000]))
    command = [sys.executable, str(ROOT / "examples" / "quickstart.py"), os.fspath(path)]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True, timeout=60)
    assert "2100 records of schema `unsw_nb15_raw`" in done.stdout
    assert "watching 900 other records" in done.stdout
    assert "900 scores, equal bit for bit: True" in done.stdout


def test_the_quickstart_lists_findings_of_records_without_times(tmp_path: Path, data: Path) -> None:
    lines = (data / "flows" / "nsl-kdd" / "KDDTrain+.txt").read_text().splitlines(keepends=True)
    path = tmp_path / "flows.txt"
    path.write_text("".join(lines[:3_000]))
    command = [sys.executable, str(ROOT / "examples" / "quickstart.py"), os.fspath(path)]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True, timeout=60)
    assert "900 records, " in done.stdout
