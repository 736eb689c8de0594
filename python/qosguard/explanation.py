"""Why a score is what it is: exact shares of the features in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from . import _core

if TYPE_CHECKING:
    import shap

__all__ = ["Explanation", "GuardExplanation", "Reason"]


class Explanation:
    """Scores of some rows, split into what each feature added; `explain` of every estimator makes one.

    The contributions are exact Shapley values: `base` and the contributions of a row sum to its score.

    Examples
    --------
    >>> import numpy as np, qosguard as qg
    >>> X = np.random.default_rng(0).normal(size=(500, 3))
    >>> X[0, 1] = 9.0
    >>> why = qg.IsolationForest().fit(X).explain(X)
    >>> why.top(0, 1)[0][0]
    'x1'
    >>> bool(np.allclose(why.base + why.contributions.sum(axis=1), why.scores))
    True

    """

    data: npt.NDArray[np.float32]
    """The rows, shape (rows, features)."""
    feature_names: list[str]
    """Names of the features; `x0`, `x1` … where the model was fitted without."""

    def __init__(
        self, native: _core.Explanation, data: npt.NDArray[np.float32], feature_names: list[str] | None = None
    ) -> None:
        self._native = native
        self.data = data
        self.feature_names = feature_names or [f"x{i}" for i in range(data.shape[1])]

    @property
    def base(self) -> float:
        """The score when nothing is known about a row."""
        return self._native.base

    @cached_property
    def contributions(self) -> npt.NDArray[np.float64]:
        """What each feature adds to the base, shape (rows, features)."""
        return self._native.contributions

    @cached_property
    def scores(self) -> npt.NDArray[np.float64]:
        """The scores, one per row; `anomaly_score` returns them as float32."""
        return self._native.scores

    def top(self, row: int, n: int) -> list[tuple[str, float]]:
        """The `n` features with the largest contributions to a row's score, of either sign, largest first."""
        return [(self.feature_names[i], part) for i, part in self._native.top(range(len(self))[row], n)]

    def importance(self) -> npt.NDArray[np.float64]:
        """Mean size of each feature's contributions: its importance for the model as a whole."""
        return self._native.importance()

    def to_shap(self) -> shap.Explanation:
        """The same as a `shap.Explanation`, which shap's plots accept; needs shap."""
        import shap

        base_values = np.full(len(self), self.base)
        return shap.Explanation(
            self.contributions, base_values=base_values, data=self.data, feature_names=self.feature_names
        )

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        return f"Explanation({len(self)} rows, {len(self.feature_names)} features)"


@dataclass(frozen=True, slots=True)
class Reason:
    """One column that raised a score, and how its value compares with clean traffic."""

    feature: str
    """The column."""
    contribution: float
    """What it added to the score."""
    observed: dict[str, Any]
    """Its value, and the range (`low`, `high`) or `share` of clean traffic."""
    text: str
    """The reason as a sentence."""

    def __str__(self) -> str:
        return self.text


class GuardExplanation:
    """Why a guard scores the records of a table as it does; `Guard.explain` makes one."""

    def __init__(self, native: _core.GuardExplanation) -> None:
        self._native = native
        self._explanation = native.explanation

    @cached_property
    def columns(self) -> list[str]:
        """The raw columns, in the order of the contributions."""
        return self._native.columns

    @property
    def base(self) -> float:
        """The score when nothing is known about a record."""
        return self._explanation.base

    @cached_property
    def contributions(self) -> npt.NDArray[np.float64]:
        """What each column adds to the base, shape (records, columns)."""
        return self._explanation.contributions

    @cached_property
    def scores(self) -> npt.NDArray[np.float64]:
        """The scores, one per record."""
        return self._explanation.scores

    def importance(self) -> npt.NDArray[np.float64]:
        """Mean size of each column's contributions."""
        return self._explanation.importance()

    def reasons(self, row: int, n: int) -> list[Reason]:
        """The columns that raise a record's score most and hold a rare value, at most `n`, largest first."""
        return [Reason(**record, text=text) for record, text in self._native.reasons(range(len(self))[row], n)]

    def __len__(self) -> int:
        return len(self.scores)

    def __repr__(self) -> str:
        return f"GuardExplanation({len(self)} rows, {len(self.columns)} columns)"
