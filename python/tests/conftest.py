from __future__ import annotations

import os
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


def _data() -> Path:
    """The folder `QOSGUARD_DATA`, by default the first `shared/data` next to or above the repository."""
    if "QOSGUARD_DATA" in os.environ:
        return Path(os.environ["QOSGUARD_DATA"])
    folders = [above / "shared" / "data" for above in (ROOT, *ROOT.parents)]
    return next((folder for folder in folders if folder.is_dir()), folders[1])


@pytest.fixture
def data(request: pytest.FixtureRequest) -> Path:
    """The folder of public data sets.

    Without it a test is skipped, and its name is written to the file `QOSGUARD_SKIPPED`, which `make test` counts; with
    `QOSGUARD_REQUIRE_DATA=1` it fails.
    """
    folder = _data()
    if not folder.is_dir():
        if os.environ.get("QOSGUARD_REQUIRE_DATA") == "1":
            pytest.fail(f"no data sets in {folder}, which QOSGUARD_REQUIRE_DATA asks for")
        if "QOSGUARD_SKIPPED" in os.environ:
            with Path(os.environ["QOSGUARD_SKIPPED"]).open("a") as skipped:
                skipped.write(f"python {request.node.nodeid}\n")
        pytest.skip(f"no data sets in {folder}; set QOSGUARD_DATA")
    return folder
