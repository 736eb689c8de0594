"""What can go wrong between Python and Rust: forks, threads, imports, the package itself."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import threading
import time
import tomllib
from pathlib import Path

import numpy as np
import pytest

import qosguard as qg

ROOT = Path(__file__).parents[2]


def python(code: str, *options: str) -> str:
    """Run code in a fresh interpreter; a hang fails after 30 s."""
    command = [sys.executable, *options, "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_a_forked_child_scores_instead_of_waiting_for_threads_it_does_not_have() -> None:
    code = """
import os, signal, numpy as np, qosguard as qg
x = np.random.default_rng(0).normal(size=(50_000, 8)).astype(np.float32)
forest = qg.IsolationForest().fit(x)          # starts the worker threads
expected = forest.anomaly_score(x).tobytes()
child = os.fork()
if child == 0:
    signal.alarm(20)                          # a deadlock ends the child
    os._exit(0 if forest.anomaly_score(x).tobytes() == expected else 1)
print(os.waitpid(child, 0)[1])
"""
    assert python(code, "-W", "ignore").strip() == "0"


def test_other_threads_run_while_the_core_works() -> None:
    x = np.random.default_rng(0).normal(size=(300_000, 20)).astype(np.float32)
    forest = qg.IsolationForest(n_estimators=300).fit(x)
    worker = threading.Thread(target=forest.anomaly_score, args=(x,))
    ticks = 0
    worker.start()
    while worker.is_alive():
        time.sleep(0.001)
        ticks += 1
    assert ticks > 5


def test_one_model_serves_many_threads() -> None:
    x = np.random.default_rng(0).normal(size=(5_000, 8)).astype(np.float32)
    forest = qg.IsolationForest().fit(x)
    expected = forest.anomaly_score(x).tobytes()
    results: list[bool] = []
    work = lambda: results.append(forest.anomaly_score(x).tobytes() == expected)  # noqa: E731
    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 8


def test_import_brings_numpy_and_nothing_heavy() -> None:
    loaded = python("import sys, qosguard; print(*sys.modules)").split()
    assert "numpy" in loaded
    assert not {"pandas", "polars", "pyarrow", "scipy", "sklearn"} & set(loaded)


def test_every_package_has_the_version_of_the_workspace() -> None:
    cargo = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    node = json.loads((ROOT / "bindings" / "node" / "package.json").read_text())["version"]
    assert qg.__version__ == cargo == node


def test_the_source_distribution_holds_what_it_takes_to_build(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "maturin", "sdist", "--out", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
    (path,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    python_files = {str(p.relative_to(ROOT)) for p in (ROOT / "python" / "qosguard").glob("*.py*")}
    assert len(python_files) >= 7
    wanted = python_files | {
        "pyproject.toml",
        "python/qosguard/py.typed",
        "bindings/python/Cargo.toml",
        "bindings/python/src/lib.rs",
        "src/lib.rs",
        "src/telemetry/schema/presets/flow.toml",
    }
    assert wanted <= names, wanted - names
    manifest = tomllib.loads((ROOT / "Cargo.toml").read_text())
    for bench in manifest.get("bench", []):
        assert f"benches/{bench['name']}.rs" in names
    assert not any(name.startswith("python/tests") for name in names)
