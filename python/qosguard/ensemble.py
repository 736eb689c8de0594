"""Several detectors as one."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from . import _core
from .errors import InvalidArgumentError, ShapeMismatchError
from .estimator import Estimator, OutlierDetector, _plain, _seed
from .frames import matrix
from .labels import attacks_of
from .results import Member

__all__ = ["Ensemble"]


class Ensemble(OutlierDetector):
    """Detectors of different kinds, each on its own p-values, as one detector.

    The anomaly score is the weighted mean of `-ln p` of the members, in nats: a clean row scores 1 on average.
    Each member's p-values are calibrated on rows that it was not fitted on, by cross-fitting.

    Parameters
    ----------
    members
        `(name, estimator, weight)` of each, 1 to 16. At most one weight is `None`: it is learned from labels.
        `"auto"` chooses the members at `fit` by `y`: for 50 attacks or more a forest, a mixture, contrast trees and
        boosted trees; for fewer attacks the first three; for `None` forests that tolerate a few attacks among the
        rows.
    contamination
        Share of the training rows (of the clean rows, if `y` is given) that `predict` flags, in (0, 0.5].
    random_state
        Seed, from 0; `None` draws a new one at each `fit`. Members have seeds of their own.
    folds
        Number of parts of the rows in cross-fitting, 2 to 20.
    fusion
        `"fisher"` (weighted mean of -ln p), `"bonferroni"` (any member alone) or `"probability"` (weighted mean
        of calibrated probabilities; needs labels).
    clean_class
        The label of clean traffic in `y`.

    Examples
    --------
    >>> import numpy as np, qosguard as qg
    >>> X = np.random.default_rng(0).normal(size=(500, 3))
    >>> members = [("forest", qg.IsolationForest(50), 0.5), ("mixture", qg.GaussianMixture(2), 2.0)]
    >>> ensemble = qg.Ensemble(members).fit(X)
    >>> p = ensemble.p_values([[9.0, 9.0, 9.0]])
    >>> p.shape, bool((p < 0.01).all()), [member.name for member in ensemble.members_]
    ((1, 2), True, ['forest', 'mixture'])

    """

    _KIND = "ensemble"
    _SETTINGS: ClassVar = {"members": "members", "folds": "folds", "fusion": "fusion", "random_state": "seed"}

    def __init__(
        self,
        members: str | Sequence[tuple[str, Estimator, float | None]] = "auto",
        contamination: float = 0.01,
        random_state: int | None = 0,
        *,
        folds: int = 5,
        fusion: str = "fisher",
        clean_class: Any = None,
    ) -> None:
        self.members = members
        self.contamination = contamination
        self.random_state = random_state
        self.folds = folds
        self.fusion = fusion
        self.clean_class = clean_class

    def fit(self, X: npt.ArrayLike, y: Any = None) -> Self:
        """Fit every member: members that learn from labels on all rows, the others on the clean rows alone.

        The clean label in `y` is `clean_class`; otherwise 0, False, or a usual name such as `normal` or `benign`, in
        any case; otherwise, among numbers, the smallest one.

        Raises
        ------
        InsufficientDataError
            Without labels if a member learns from them, and as the members raise it.

        """
        rows = len(matrix(X))
        attacks = None if y is None else attacks_of(y, self.clean_class)
        if attacks is not None and len(attacks) != rows:
            counts = [rows, len(attacks)]
            raise ShapeMismatchError(f"Found input variables with inconsistent numbers of samples: {counts}")
        settings = self._recipe(rows, attacks) if self._is_automatic() else self._settings()
        return self._fit(X, settings, attacks)

    def p_values(self, X: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return each member's p-value of each row.

        Parameters
        ----------
        X
            Rows as a matrix of shape (rows, features) or a data frame.

        Returns
        -------
        numpy.ndarray
            Shape (rows, members); NaN for a member that is switched off or cannot score the row.

        """
        model, x = self._fitted(), self._checked(X)
        with self._naming(self._fit_names()):
            return model.p_values(x)

    def without(self, name: str) -> Self:
        """Return the same fitted ensemble with a member switched off."""
        other = copy.copy(self)
        other._model = self._fitted().without(name)
        return other

    @property
    def members_(self) -> list[Member]:
        """The members, in order, with the weights that they have."""
        return [Member(**member) for member in self._fitted().facts["members"]]

    def _is_automatic(self) -> bool:
        return isinstance(self.members, str) and self.members == "auto"

    def _recipe(self, rows: int, attacks: npt.NDArray[np.bool_] | None) -> dict[str, Any]:
        """The settings that `members="auto"` means."""
        labels = None if attacks is None else attacks.tolist()
        recipe = _core.ensemble_recipe(labels, rows, _seed(self.random_state))
        return recipe | {"folds": _plain("folds", self.folds), "fusion": _plain("fusion", self.fusion)}

    def _settings(self) -> dict[str, Any]:
        if isinstance(self.members, str):
            expected = '"auto" or a list of (name, estimator, weight)'
            raise InvalidArgumentError(f"`members` must be {expected}, got {self.members!r}")
        settings = []
        for i, member in enumerate(self.members):
            if len(member) != 3 or not isinstance(member[1], Estimator):
                raise InvalidArgumentError(f"`members[{i}]` must be (name, estimator, weight), got {member!r}")
            name, estimator, weight = member
            settings.append({"name": name, "weight": _plain("weight", weight), **estimator._settings()})
        return {
            "kind": self._KIND,
            "members": settings,
            "folds": _plain("folds", self.folds),
            "fusion": _plain("fusion", self.fusion),
            "seed": _seed(self.random_state),
        }
