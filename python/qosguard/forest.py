"""The isolation forest as a scikit-learn estimator, without importing scikit-learn."""

from __future__ import annotations

import inspect
import operator
from typing import TYPE_CHECKING, Any, Self, SupportsIndex

import numpy as np
import numpy.typing as npt

from . import _core
from .errors import InvalidArgumentError, NotFittedError, SchemaMismatchError, ShapeMismatchError

if TYPE_CHECKING:
    from sklearn.utils import Tags

__all__ = ["IsolationForest"]

_FLOAT32 = np.dtype(np.float32)


class IsolationForest:
    """Isolation forest: rows that few random cuts set apart are anomalous.

    Parameters, signs and attributes are those of `sklearn.ensemble.IsolationForest`, so it works in
    pipelines, cross-validation and grid searches; scikit-learn itself is not needed. Matrices have the
    shape (rows, features) and may hold no NaN and no infinity. A float32 matrix in C order is read where it
    lies; anything else is converted first. Do not write to a matrix from another thread while it is read.

    n_estimators
        Number of trees, 1 to 10,000.
    max_samples
        Rows that each tree is grown on, 2 to 2^20; all rows where there are fewer.
    contamination
        `"auto"` puts the threshold at an anomaly score of 0.5; a share in (0, 0.5] puts it where that share
        of the training rows lies above. It moves `predict` and `decision_function`, not the scores. For a
        threshold that keeps an asked false-positive rate on new data, use `qosguard.Guard`.
    random_state
        Seed, from 0. The same seed and data give the same bits on any number of threads. `None` draws a
        new one at each `fit`.

    Source: F. T. Liu, K. M. Ting, Z.-H. Zhou, *Isolation Forest*, ICDM 2008.

    >>> import numpy as np, qosguard as qg
    >>> X = np.random.default_rng(0).normal(size=(500, 4))
    >>> X[0] = 9.0
    >>> forest = qg.IsolationForest().fit(X)
    >>> int(forest.anomaly_score(X).argmax()), int(forest.predict(X)[0])
    (0, -1)
    """

    def __init__(
        self,
        n_estimators: int = 100,
        max_samples: int = 256,
        contamination: float | str = "auto",
        random_state: int | None = 0,
    ) -> None:
        self.n_estimators = n_estimators
        self.max_samples = max_samples
        self.contamination = contamination
        self.random_state = random_state

    def fit(self, X: npt.ArrayLike, y: object = None) -> Self:
        """Fit on a matrix of shape (rows, features); `y` is ignored.

        Raises `InvalidArgumentError` for a parameter outside its domain, `InsufficientDataError` for fewer
        than two rows or no features, `NotFiniteError` for NaN or an infinity, by row and column.
        """
        share = self._share()
        names = _names(X)
        x = _matrix(X)
        self._model = _core.Forest.fit(self._config(), x)
        self.n_features_in_ = self._model.n_features
        if names is not None:
            self.feature_names_in_ = np.array(names, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        self.offset_ = -0.5 if share is None else -float(np.quantile(self._model.score(x), 1.0 - share))
        return self

    def anomaly_score(self, X: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """One score per row, in (0, 1); higher is more anomalous, around 0.5 and less is ordinary."""
        try:
            model = self._model
        except AttributeError:
            raise NotFittedError(f"this {type(self).__name__} is not fitted yet; call `fit` first") from None
        # The common case first: nothing to convert and no names to compare.
        if type(X) is not np.ndarray or X.dtype is not _FLOAT32 or not X.flags.c_contiguous or X.ndim != 2:
            X = self._checked(X)
        return model.score(X)

    def score_samples(self, X: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """The opposite of `anomaly_score`: **lower** is more abnormal, as in scikit-learn."""
        return -self.anomaly_score(X).astype(np.float64)

    def decision_function(self, X: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """`score_samples` less `offset_`: negative for outliers."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """-1 for outliers, 1 for inliers."""
        return np.where(self.decision_function(X) < 0.0, -1, 1)

    def fit_predict(self, X: npt.ArrayLike, y: object = None) -> npt.NDArray[np.int64]:
        """Fit, then `predict` the same rows."""
        return self.fit(X, y).predict(X)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's parameters; `deep` is there for scikit-learn."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **params: Any) -> Self:
        """Change constructor parameters; they take effect at the next `fit`."""
        known = self.get_params()
        for name, value in params.items():
            if name not in known:
                raise InvalidArgumentError(f"`{name}` must be one of {sorted(known)}")
            setattr(self, name, value)
        return self

    def _config(self) -> _core.ForestConfig:
        return _core.ForestConfig(self.n_estimators, self.max_samples, _seed(self.random_state))

    def _share(self) -> float | None:
        """The share that `contamination` asks for, `None` for "auto"."""
        share = self.contamination
        if isinstance(share, str) and share == "auto":
            return None
        if isinstance(share, str) or not 0.0 < share <= 0.5:
            raise InvalidArgumentError(f'`contamination` must be "auto" or in (0, 0.5], got {share!r}')
        return float(share)

    def _checked(self, X: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """The matrix in the core's form, after comparing column names with those of `fit`."""
        names = _names(X)
        expected = getattr(self, "feature_names_in_", None)
        if names is not None and expected is not None and names != expected.tolist():
            raise SchemaMismatchError(
                "The feature names should match those that were passed during fit: "
                f"expected {expected.tolist()}, got {names}"
            )
        return _matrix(X)

    def __sklearn_tags__(self) -> Tags:
        from sklearn.utils import InputTags, Tags, TargetTags

        return Tags(
            estimator_type="outlier_detector",
            target_tags=TargetTags(required=False),
            input_tags=InputTags(),
        )

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self)).parameters
        changed = [
            f"{name}={value!r}"
            for name, value in self.get_params().items()
            if not (value is defaults[name].default or value == defaults[name].default)
        ]
        return f"{type(self).__name__}({', '.join(changed)})"


def _names(X: object) -> list[str] | None:
    """The column names of a data frame, if they are all text."""
    columns = getattr(X, "columns", None)
    names = list(columns) if columns is not None else []
    return names if names and all(isinstance(name, str) for name in names) else None


def _matrix(X: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """`X` as a float32 matrix in C order; a copy only where it is not one already."""
    if hasattr(X, "toarray"):
        raise InvalidArgumentError("sparse input is not supported; pass X.toarray()")
    x = np.asarray(X)
    if np.iscomplexobj(x):
        raise InvalidArgumentError("Complex data not supported")
    if x.ndim != 2:
        raise ShapeMismatchError(
            f"Expected 2D array, got {x.ndim}D array instead. Reshape your data: array.reshape(-1, 1) makes "
            "it one feature, array.reshape(1, -1) one row"
        )
    # What is too large for 32 bits becomes infinite, and the core names its row and column.
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(x, dtype=np.float32)


def _seed(random_state: Any) -> SupportsIndex:
    """The seed that a scikit-learn `random_state` means."""
    if random_state is None:
        return int(np.random.default_rng().integers(2**63))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**63))
    try:
        return operator.index(random_state)
    except TypeError:
        raise InvalidArgumentError(f"`random_state` must be a seed from 0 or None, got {random_state!r}") from None
