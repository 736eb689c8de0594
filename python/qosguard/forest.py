"""The isolation forest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy.typing as npt

from . import _core
from .errors import InvalidArgumentError, NotFiniteError, SchemaMismatchError
from .estimator import OutlierDetector

__all__ = ["IsolationForest"]


class IsolationForest(OutlierDetector):
    """Isolation forest: rows that few random cuts isolate are anomalous.

    It has the parameters, signs and attributes of `sklearn.ensemble.IsolationForest`, so it works in
    pipelines, cross-validation and grid searches; scikit-learn itself is not needed.

    Parameters
    ----------
    n_estimators
        Number of trees, 1 to 10,000.
    max_samples
        Rows that each tree is grown on, 2 to 2^20; all rows where there are fewer.
    contamination
        `"auto"` puts the threshold at an anomaly score of 0.5 (of 0 where `scoring` is `"density"`); a share in
        (0, 0.5] puts it where that share of the training rows lies above. It moves `predict` and
        `decision_function`, not the scores. For a threshold that keeps an asked false-positive rate on new
        data, use `qosguard.Guard`.
    random_state
        Seed, from 0. The same seed and data give the same bits on any number of threads. `None` draws a
        new one at each `fit`.
    max_depth
        Cuts between the root and a leaf, 1 to 32; `None` is 32 where splits are of pooled gain, else
        ⌈log2(rows per tree)⌉.
    splits
        How a node cuts its rows: `"random"` as published, `"fair_cut"` by pooled gain on planes of two features,
        or `{"kind": "extended", "features": 2}`, `{"kind": "pooled_gain", "features": 1, "tries": 1, "share": 1}`.
    scoring
        `"depth"`: scores in (0, 1), around 0.5 and less is ordinary; or `"density"`: any number, 0 is the mean
        density of the rows.
    missing
        `"refuse"` raises an error for NaN, and `"learn"` takes it for a missing value.
    categorical
        Columns that hold categories, ascending: whole numbers from 0 to 1023.

    References
    ----------
    F. T. Liu, K. M. Ting, Z.-H. Zhou, *Isolation Forest*, ICDM 2008; S. Hariri et al., *Extended
    Isolation Forest*, TKDE 2019; D. Cortes, arXiv:2110.13402 (pooled gain), arXiv:2111.11639 (density).

    Examples
    --------
    >>> import numpy as np, qosguard as qg
    >>> X = np.random.default_rng(0).normal(size=(500, 4))
    >>> X[0] = 9.0
    >>> forest = qg.IsolationForest().fit(X)
    >>> int(forest.anomaly_score(X).argmax()), int(forest.predict(X)[0])
    (0, -1)
    >>> int(qg.IsolationForest(splits="fair_cut").fit(X).anomaly_score(X).argmax())
    0

    """

    _KIND = "isolation_forest"
    _SETTINGS: ClassVar = {
        "n_estimators": "trees",
        "max_samples": "max_samples",
        "random_state": "seed",
        "max_depth": "max_depth",
        "splits": "splits",
        "scoring": "scoring",
        "missing": "missing",
        "categorical": "categorical",
    }
    _WORDS: ClassVar = {
        "splits": {"random": {"kind": "random"}, "fair_cut": {"kind": "pooled_gain", "features": 2}},
        "categorical": {None: []},
    }

    def __init__(
        self,
        n_estimators: int = 100,
        max_samples: int = 256,
        contamination: float | str = "auto",
        random_state: int | None = 0,
        *,
        max_depth: int | None = None,
        splits: str | dict[str, Any] = "random",
        scoring: str = "depth",
        missing: str = "refuse",
        categorical: Sequence[int] | None = None,
    ) -> None:
        self.n_estimators = n_estimators
        self.max_samples = max_samples
        self.contamination = contamination
        self.random_state = random_state
        self.max_depth = max_depth
        self.splits = splits
        self.scoring = scoring
        self.missing = missing
        self.categorical = categorical

    def grow(self, X: npt.ArrayLike, n: int) -> Self:
        """Grow `n` more trees on `X`, in place; the threshold stays where it is.

        On the rows of `fit` the result has the same bits as a forest that was fitted with all trees at once; other
        rows let a forest follow its traffic.
        """
        model, x = self._fitted(), self._checked(X)
        try:
            self._model = model.grow(x, n)
        except NotFiniteError as error:
            raise self._named(error, self._fit_names()) from None
        except InvalidArgumentError as error:
            raise InvalidArgumentError(str(error).replace("`trees`", "`n`")) from None
        return self

    @classmethod
    def merge(cls, forests: Sequence[IsolationForest]) -> Self:
        """One forest of the trees of several, in their order: how a forest is fitted in many places at once.

        It has the parameters of the first forest, with all trees. Forests need different seeds, and otherwise equal
        parameters and columns; each has `contamination="auto"`, since a share needs the rows.

        Examples
        --------
        >>> import numpy as np, qosguard as qg
        >>> X = np.random.default_rng(0).normal(size=(600, 4))
        >>> parts = [qg.IsolationForest(50, random_state=i).fit(part) for i, part in enumerate(np.split(X, 2))]
        >>> qg.IsolationForest.merge(parts).n_estimators_
        100

        """
        model = _core.Detector.merge([forest._fitted() for forest in forests])
        first = forests[0]
        names = first._fit_names()
        for i, forest in enumerate(forests):
            if forest.contamination != "auto":
                raise InvalidArgumentError(f'`forests[{i}].contamination` must be "auto", got {forest.contamination}')
            others = forest._fit_names()
            if names is not None and others is not None and others != names:
                raise SchemaMismatchError(f"`forests[{i}]` was fitted on {others}, the first on {names}")
        merged = cls(**first.get_params() | {"n_estimators": model.facts["trees"]})
        merged.offset_ = first.offset_
        merged._remember(model, names)
        return merged

    @property
    def n_estimators_(self) -> int:
        """Number of trees that it has."""
        return int(self._fitted().facts["trees"])

    def _natural(self) -> float:
        return 0.0 if self.scoring == "density" else 0.5

    def _takes_missing(self) -> bool:
        return self.missing != "refuse"
