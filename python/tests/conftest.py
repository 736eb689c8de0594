from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import qosguard as qg

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def flows() -> qg.Table:
    return qg.simulate(rows=3_000, attack_share=0.1, seed=1)


@pytest.fixture(scope="session")
def guard(flows: qg.Table) -> qg.Guard:
    return qg.Guard(qg.IsolationForest(), false_positive_rate=0.01, seed=3).fit(flows)


@pytest.fixture(scope="session")
def matrix() -> npt.NDArray[np.float32]:
    """600 ordinary rows and one far away, row 600."""
    x = np.random.default_rng(0).normal(size=(601, 5)).astype(np.float32)
    x[600] = 8.0
    return x


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of public data sets; tests that need it are skipped, loudly, where it is not there."""
    folder = Path(os.environ.get("QOSGUARD_DATA", ROOT / ".." / "shared" / "data"))
    if not folder.is_dir():
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.warn(f"SKIPPED: no data sets in {folder}; set QOSGUARD_DATA", stacklevel=1)
        pytest.skip(f"no data sets in {folder}; set QOSGUARD_DATA")
    return folder
