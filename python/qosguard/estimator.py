"""What all detectors share as scikit-learn estimators, without importing scikit-learn."""

from __future__ import annotations

import inspect
import math
import operator
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from . import _core
from .errors import (
    InsufficientDataError,
    InvalidArgumentError,
    NotFiniteError,
    NotFittedError,
    SchemaMismatchError,
    ShapeMismatchError,
    not_fitted,
)
from .explanation import Explanation
from .frames import Float, column_names, matrix
from .training import Watch

if TYPE_CHECKING:
    from sklearn.utils import Tags

__all__ = ["Estimator", "OutlierDetector"]

_FLOAT32 = np.dtype(np.float32)


class Estimator:
    """A detector with scikit-learn's parameters; the base of all of them.

    Rows are a matrix of shape (rows, features) or a data frame of pandas, Polars, pyarrow or any other library. A
    float32 matrix in C order is read in place; anything else is converted first. None, NaN, NA and NaT are missing
    values; text and times are rejected by column. A frame must have the columns of `fit`, in that order. Do not write
    to a matrix from another thread while it is read.
    """

    _KIND: ClassVar[str]
    """The detector's name in the core."""
    _SETTINGS: ClassVar[dict[str, str]]
    """The parameters that are settings of the core, and their names there."""
    _WORDS: ClassVar[dict[str, dict[str | None, Any]]] = {}
    """What words of a parameter are called there, where that differs."""

    _model: _core.Detector
    n_features_in_: int
    feature_names_in_: npt.NDArray[np.object_]

    def anomaly_score(self, X: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Score every row.

        Parameters
        ----------
        X
            Rows as a matrix of shape (rows, features) or a data frame.

        Returns
        -------
        numpy.ndarray
            One float32 score per row; higher is more anomalous.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ShapeMismatchError
            For another number of features.
        SchemaMismatchError
            For other column names than in `fit`.
        NotFiniteError
            For NaN or an infinity, by row and column.

        """
        try:
            model = self._model
        except AttributeError:
            raise self._unfitted() from None
        # The common case first: nothing to convert and no names to compare.
        if type(X) is np.ndarray and X.dtype is _FLOAT32 and X.flags.c_contiguous and X.ndim == 2:
            x = X if X.shape[1] == self.n_features_in_ else self._checked(X)
        else:
            x = self._checked(X)
        try:
            return model.score(x)
        except NotFiniteError as error:
            raise self._named(error, self._fit_names()) from None

    def explain(self, X: npt.ArrayLike) -> Explanation:
        """Split every score exactly into a base and the contributions of the features.

        Parameters
        ----------
        X
            Rows as a matrix of shape (rows, features) or a data frame.

        Returns
        -------
        Explanation
            Base, contributions and scores.

        Raises
        ------
        InvalidArgumentError
            For a detector whose score belongs to no single features.

        """
        model, x = self._fitted(), self._checked(X)
        with self._naming(self._fit_names()):
            return Explanation(model.explain(x), x, self._fit_names())

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's parameters; `deep` adds the parameters of an estimator among them, as `name__parameter`."""
        params = {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}
        if deep:
            for name, value in list(params.items()):
                if isinstance(value, Estimator):
                    params |= {f"{name}__{inner}": one for inner, one in value.get_params().items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Change constructor parameters; they take effect at the next `fit`."""
        known = self.get_params(deep=False)
        for path, value in params.items():
            name, _, inner = path.partition("__")
            if name not in known or (inner and not isinstance(known[name], Estimator)):
                raise InvalidArgumentError(f"`{path}` must be one of {sorted(known)}")
            if inner:
                getattr(self, name).set_params(**{inner: value})
            else:
                setattr(self, name, value)
                known[name] = value
        return self

    def _settings(self) -> dict[str, Any]:
        """The settings as the core reads them."""
        settings: dict[str, Any] = {"kind": self._KIND}
        for name, setting in self._SETTINGS.items():
            value = getattr(self, name)
            if value is None or isinstance(value, str):
                value = self._WORDS.get(name, {}).get(value, value)
            settings[setting] = _seed(value) if name == "random_state" else _plain(name, value)
        return settings

    @contextmanager
    def _naming(self, names: list[str] | None = None, shape: tuple[int, ...] | None = None) -> Iterator[None]:
        """Let errors of the core name the parameters and the columns as they are called here, and the shape of `X`."""
        try:
            yield
        except InvalidArgumentError as error:
            raise self._renamed(error, names) from None
        except NotFiniteError as error:
            raise self._named(error, names) from None
        except InsufficientDataError as error:
            if shape is None:
                raise
            named = InsufficientDataError(f"{error} (n_samples={shape[0]}, n_features={shape[1]})")
            named.details = error.details
            raise named from None

    def _renamed(self, error: InvalidArgumentError, names: list[str] | None) -> InvalidArgumentError:
        """The error with the parameter's or the column's name in Python instead of the path in the core."""
        path = error.details.get("path", "")
        cell = re.fullmatch(r"x\[(\d+), (\d+)\]", path)
        if cell is not None:
            column = cell[2] if names is None else names[int(cell[2])]
            renamed = f"row {cell[1]}, column `{column}`"
        else:
            # `random_state` is checked before, and a guard has a `seed` of its own.
            here = {setting: name for name, setting in self._SETTINGS.items() if name != "random_state"}
            head = re.split(r"[.\[]", path, maxsplit=1)[0]
            renamed = f"`{here.get(head, head)}{path[len(head) :]}`"
        other = type(error)(str(error).replace(f"`{path}`", renamed, 1))
        other.details = error.details | {"path": renamed.strip("`")}
        return other

    @staticmethod
    def _named(error: NotFiniteError, names: list[str] | None) -> NotFiniteError:
        """The error with the name of the column instead of its number."""
        column = error.details.get("column", "")
        if names is None or not column.isdecimal() or int(column) >= len(names):
            return error
        name = names[int(column)]
        named = NotFiniteError(str(error).replace(f"`{column}`", f"`{name}`", 1))
        named.details = error.details | {"column": name}
        return named

    def _remember(self, model: _core.Detector, names: list[str] | None) -> None:
        """Become fitted."""
        self._model = model
        self.n_features_in_ = model.n_features
        if names is not None:
            self.feature_names_in_ = np.array(names, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def _fitted(self) -> _core.Detector:
        if not hasattr(self, "_model"):
            raise self._unfitted()
        return self._model

    def _unfitted(self) -> NotFittedError:
        return not_fitted(f"This {type(self).__name__} instance is not fitted yet. Call `fit` first")

    @property
    def _dtype(self) -> Float:
        """The type of the numbers that the core scores."""
        return np.float32

    def _checked(self, X: npt.ArrayLike) -> npt.NDArray[Any]:
        """The matrix in the core's form, after a check that names and number of the columns are as in `fit`."""
        names, expected = column_names(X), self._fit_names()
        if names is not None and expected is not None and names != expected:
            raise SchemaMismatchError(
                f"The feature names should match those that were passed during fit: expected {expected}, got {names}"
            )
        x = matrix(X, self._dtype)
        width = getattr(self, "n_features_in_", x.shape[1])
        if x.shape[1] != width:
            name = type(self).__name__
            raise ShapeMismatchError(f"X has {x.shape[1]} features, but {name} is expecting {width} features as input")
        return x

    def _fit_names(self) -> list[str] | None:
        """The column names of `fit`, if it was given any."""
        return self.feature_names_in_.tolist() if hasattr(self, "feature_names_in_") else None

    def _takes_missing(self) -> bool:
        """Whether NaN is taken for a missing value."""
        return False

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self)).parameters
        changed = [
            f"{name}={value!r}"
            for name, value in self.get_params(deep=False).items()
            if not _is_same(value, defaults[name].default)
        ]
        return f"{type(self).__name__}({', '.join(changed)})"


class OutlierDetector(Estimator):
    """A detector that learns from rows without labels; signs are as in scikit-learn's outlier detectors."""

    contamination: float | str
    offset_: float

    def fit(self, X: npt.ArrayLike, y: Any = None) -> Self:
        """Fit on rows without labels.

        Parameters
        ----------
        X
            Rows as a matrix of shape (rows, features) or a data frame.
        y
            Ignored.

        Returns
        -------
        OutlierDetector
            This detector, fitted.

        Raises
        ------
        InvalidArgumentError
            For a parameter outside its domain.
        InsufficientDataError
            For too few rows or no features.
        NotFiniteError
            For NaN or an infinity, by row and column.

        """
        return self._fit(X, self._settings(), None)

    def score_samples(self, X: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the opposite of `anomaly_score`: **lower** is more abnormal, as in scikit-learn."""
        return -self.anomaly_score(X).astype(np.float64)

    def decision_function(self, X: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return `score_samples` minus `offset_`: negative for outliers."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Return -1 for outliers and 1 for inliers."""
        return np.where(self.decision_function(X) < 0.0, -1, 1)

    def fit_predict(self, X: npt.ArrayLike, y: Any = None) -> npt.NDArray[np.int64]:
        """Fit, then `predict` the same rows."""
        return self.fit(X, y).predict(X)

    def _fit(
        self,
        X: npt.ArrayLike,
        settings: dict[str, Any],
        attacks: npt.NDArray[np.bool_] | None,
        watch: Watch | None = None,
    ) -> Self:
        share = self._share()
        names, x = column_names(X), matrix(X)
        with self._naming(names, x.shape):
            model = _core.Detector.fit(settings, x, attacks, watch)
        clean = x if attacks is None else x[~attacks]
        self.offset_ = -self._natural() if share is None else -float(np.quantile(model.score(clean), 1.0 - share))
        self._remember(model, names)
        return self

    def _natural(self) -> float:
        """The anomaly score that `contamination="auto"` flags above."""
        raise InvalidArgumentError(f"`contamination` must be in (0, 0.5], got {self.contamination!r}")

    def _share(self) -> float | None:
        """The share that `contamination` asks for, `None` for "auto"."""
        share = self.contamination
        if isinstance(share, str) and share == "auto":
            self._natural()
            return None
        if isinstance(share, str) or not 0.0 < share <= 0.5:
            raise InvalidArgumentError(f'`contamination` must be "auto" or in (0, 0.5], got {share!r}')
        return float(share)

    def __sklearn_tags__(self) -> Tags:
        from sklearn.utils import InputTags, Tags, TargetTags

        return Tags(
            estimator_type="outlier_detector",
            target_tags=TargetTags(required=False),
            input_tags=InputTags(allow_nan=self._takes_missing()),
        )


def _is_same(value: Any, default: Any) -> bool:
    """Whether a parameter has its default; an array never does, since no default is one."""
    try:
        return value is default or bool(value == default)
    except (TypeError, ValueError):
        return False


def _plain(name: str, value: Any) -> Any:
    """A parameter without NumPy's types, as JSON has it."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(name, one) for one in value]
    if isinstance(value, Mapping):
        return {key: _plain(f"{name}.{key}", one) for key, one in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidArgumentError(f"`{name}` must be finite, got {value}")
    return value


def _seed(random_state: Any) -> int:
    """The seed that a scikit-learn `random_state` means."""
    if random_state is None:
        return int(np.random.default_rng().integers(2**63))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**63))
    seed = random_state if hasattr(random_state, "__index__") else -1
    if not 0 <= operator.index(seed) < 2**64:
        raise InvalidArgumentError(f"`random_state` must be a seed from 0 or None, got {random_state!r}")
    return operator.index(seed)
