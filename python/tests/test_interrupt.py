"""Ctrl-C ends every long call."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

# Work that takes minutes unless it is interrupted.
SETUP = """
import numpy as np, qosguard as qg, signal
# A parent that runs in the background may leave the signal ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
rng = np.random.default_rng(0)
x = rng.random((150_000, 16), dtype=np.float32)
y = (x[:, 0] * x[:, 1] > 0.25).astype(int)
def forever(call):
    while True:
        call()
"""
JOBS = {
    "boosted": "qg.BoostedTrees(10_000, num_leaves=255).fit(x, y)",
    "mixture": "qg.GaussianMixture(64, max_samples=1 << 20, max_iter=10_000, tol=0.0).fit(x)",
    "contrast": "qg.ContrastTrees(64, 10_000).fit(x)",
    "forest": "qg.IsolationForest(10_000, max_samples=1 << 17, max_depth=32).fit(x)",
    "half-space trees": "qg.HalfSpaceTrees(1000, depth=12).fit(x)",
    "logistic": "z = rng.integers(0, 60, 600_000)\n"
    "    qg.LogisticRegression(max_iter=100_000, tol=1e-300).fit(np.concatenate([x] * 4), z)",
    "autoencoder": "qg.Autoencoder(training={'epochs': 10_000}).fit(x)",
    "one epoch": "qg.Autoencoder((512, 512), 64, training={'epochs': 1, 'batch_rows': 64}).fit(x)",
    "ensemble": "qg.Ensemble('auto').fit(np.concatenate([x] * 4), np.concatenate([y] * 4))",
    "simulate": "qg.simulate(rows=500_000_000)",
    "guard": "qg.Guard('auto').fit(qg.simulate(rows=400_000))",
    "assess": "f = qg.simulate(rows=2_000); g = qg.Guard().fit(f); forever(lambda: g.assess(f))",
}


@pytest.mark.parametrize("name", JOBS)
def test_ctrl_c_ends_a_long_call(name: str) -> None:
    code = f"""{SETUP}
print('ready', flush=True)
try:
    {JOBS[name]}
except KeyboardInterrupt:
    print('interrupted', flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(1.0)
            assert process.poll() is None
            process.send_signal(signal.SIGINT)
            sent = time.perf_counter()
            output, _ = process.communicate(timeout=30)
            taken = time.perf_counter() - sent
        finally:
            process.kill()
    assert (output, process.returncode) == ("interrupted\n", 0)
    assert taken < 5.0, f"{name} went on for {taken:.1f} s"
