"""Rows and classes of the tests of imported models."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from imported import ROWS, Matrix


@pytest.fixture(scope="module")
def x() -> Matrix:
    return np.random.default_rng(1).normal(size=(ROWS, 4)).astype(np.float32)


@pytest.fixture(scope="module")
def kinds(x: Matrix) -> npt.NDArray[np.str_]:
    return np.select([x[:, 0] > 0.8, x[:, 1] * x[:, 2] > 0.7], ["scan", "flood"], "BENIGN")
