"""Scores against labels, with intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from . import _core
from .results import Report

__all__ = ["evaluate"]


def evaluate(
    scores: npt.ArrayLike,
    labels: npt.ArrayLike,
    threshold: float,
    *,
    families: Sequence[str] | None = None,
    asked_fpr: float | None = None,
    protocol: str = "",
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Report:
    """Measure scores, and a threshold that was fixed before, against labels.

    `labels[i]` is true for an attack and `families[i]` names its family (`Table.families`). A row is
    flagged when it scores strictly more than `threshold`; `asked_fpr` is printed beside what came out.
    Intervals at `level` come from `resamples` bootstrap draws, those of rates at the threshold are Wilson's.

    Raises `ShapeMismatchError` when lengths differ, `NotFiniteError` for a NaN score,
    `InsufficientDataError` unless there are clean rows and attacks, `InvalidArgumentError` for an option
    outside its range.

    >>> import numpy as np, qosguard as qg
    >>> report = qg.evaluate(np.arange(200), np.arange(200) >= 150, 149.0)
    >>> report.auc.value, report.f1.value, report.realised_fpr.value
    (1.0, 1.0, 0.0)
    """
    record, text = _core.evaluate(
        np.ascontiguousarray(scores, dtype=np.float32),
        np.ascontiguousarray(labels, dtype=np.bool_),
        None if families is None else list(families),
        threshold,
        asked_fpr,
        protocol,
        resamples,
        level,
        seed,
    )
    return Report._of(record, text)
