"""Classifiers: detectors that learn from labels."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from . import _core
from .errors import InvalidArgumentError, ShapeMismatchError
from .estimator import Estimator
from .frames import column_names, matrix
from .labels import classes_of, label_vector, weight_vector
from .training import Watch

if TYPE_CHECKING:
    from sklearn.utils import Tags

__all__ = ["BoostedTrees", "Classifier", "LogisticRegression"]


class Classifier(Estimator):
    """A fitted detector that returns the probability of each class.

    `classes_` holds the labels in ascending order, as in scikit-learn, and `clean_class_` is the label of clean
    traffic: the given `clean_class`; otherwise 0, False, or a usual name such as `normal` or `benign`, in
    any case; otherwise the smallest label.
    """

    classes_: npt.NDArray[Any]
    clean_class_: Any
    _columns: npt.NDArray[np.intp]
    """For each class of `classes_` its column in the core, where the clean class is first."""

    def predict(self, X: npt.ArrayLike) -> npt.NDArray[Any]:
        """Return the most probable label of each row; the first of equal ones."""
        places = self.predict_proba(X).argmax(axis=1)
        labels: npt.NDArray[Any] = self.classes_[places]
        return labels

    def predict_proba(self, X: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the probability of each class, shape (rows, classes), in the order of `classes_`."""
        model, x = self._fitted(), self._checked(X)
        with self._naming(self._fit_names()):
            return model.probabilities(x)[:, self._columns]

    def score(self, X: npt.ArrayLike, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> float:
        """Return the accuracy: the share of the rows, or of their weight, with the right label.

        Parameters
        ----------
        X
            Rows as a matrix of shape (rows, features) or a data frame.
        y
            The label of each row.
        sample_weight
            A weight from 0 for each row; default: 1.

        Returns
        -------
        float
            The accuracy, in [0, 1].

        Raises
        ------
        ShapeMismatchError
            Unless there is one label, and one weight, for each row.
        InvalidArgumentError
            For labels of another type than in `fit`.

        """
        predicted, labels = self.predict(X), label_vector(y)
        if len(labels) != len(predicted):
            counts = [len(predicted), len(labels)]
            raise ShapeMismatchError(f"Found input variables with inconsistent numbers of samples: {counts}")
        if _is_text(labels) != _is_text(self.classes_):
            kinds = [self.classes_.dtype, labels.dtype]
            raise InvalidArgumentError(f"Labels in y and in `fit` should be of the same type, got {kinds}")
        weights = weight_vector(sample_weight, len(labels))
        return float(np.average(predicted == labels, weights=weights))

    def _set_classes(self, classes: npt.NDArray[Any], columns: npt.NDArray[np.intp]) -> None:
        self.classes_ = classes
        self.clean_class_ = classes[columns.argmin()]
        self._columns = columns

    def __sklearn_tags__(self) -> Tags:
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(),
            input_tags=InputTags(allow_nan=self._takes_missing()),
        )


class _Trained(Classifier):
    """A classifier that is trained here."""

    clean_class: Any

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Fit on labelled rows.

        Parameters
        ----------
        X
            Rows as a matrix of shape (rows, features) or a data frame.
        y
            The label of each row.
        sample_weight
            A weight from 0 for each row; default: 1.

        Returns
        -------
        Classifier
            This classifier, fitted.

        Raises
        ------
        InvalidArgumentError
            For a parameter outside its domain.
        InsufficientDataError
            For no features or labels of one class.
        ShapeMismatchError
            For labels or weights of another number.
        NotFiniteError
            For an infinity (and for NaN, unless it is a missing value), by row and column.

        """
        return self._fit(X, y, sample_weight, None)

    def _fit(self, X: npt.ArrayLike, y: npt.ArrayLike, sample_weight: Any, watch: Watch | None) -> Self:
        if y is None:
            raise InvalidArgumentError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        names, x = column_names(X), matrix(X)
        classes, numbers, columns = classes_of(y, self.clean_class)
        if len(numbers) != len(x):
            counts = [len(x), len(numbers)]
            raise ShapeMismatchError(f"Found input variables with inconsistent numbers of samples: {counts}")
        weights = self._weights(weight_vector(sample_weight, len(x)), classes[np.argsort(columns)], numbers)
        core = [str(label) for label in classes[np.argsort(columns)]]
        with self._naming(names, x.shape):
            model = _core.Detector.fit_classes(self._core_settings(), x, numbers, core, weights, watch)
        self._set_classes(classes, columns)
        self._remember(model, names)
        return self

    def _weights(
        self, weights: npt.NDArray[np.float32] | None, classes: npt.NDArray[Any], numbers: npt.NDArray[np.uint32]
    ) -> npt.NDArray[np.float32] | None:
        """The weights of the rows, times the weights of their classes if `class_weight` has weights."""
        given = getattr(self, "class_weight", None)
        if not isinstance(given, Mapping):
            return weights
        labels = classes.tolist()
        for label, weight in given.items():
            if label not in labels:
                raise InvalidArgumentError(f"`class_weight` must name labels of {labels}, got {label!r}")
            if isinstance(weight, str) or not 0.0 <= weight < float("inf"):
                raise InvalidArgumentError(f"`class_weight[{label!r}]` must be a finite number from 0, got {weight!r}")
        by_class = np.array([given.get(label, 1.0) for label in labels], dtype=np.float32)[numbers]
        return by_class if weights is None else weights * by_class

    def _core_settings(self) -> dict[str, Any]:
        """The settings of the core for `fit`, which turns weights of single classes into weights of rows."""
        if not isinstance(getattr(self, "class_weight", None), Mapping):
            return self._settings()
        other = copy.copy(self)
        other.class_weight = None  # type: ignore[attr-defined]
        return other._settings()

    def _settings(self) -> dict[str, Any]:
        given = getattr(self, "class_weight", None)
        if isinstance(given, Mapping):
            expected = 'None or "balanced" in a guard or an ensemble'
            raise InvalidArgumentError(f"`class_weight` must be {expected}, got {given!r}")
        if given is not None and given != "balanced":
            raise InvalidArgumentError(f'`class_weight` must be None, "balanced" or weights of labels, got {given!r}')
        return super()._settings()

    def decision_function(self, X: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the log-odds of `classes_[1]` for two classes, else the log-probability of each class."""
        if len(self._fitted().classes) == 2:
            return self._sign() * self.anomaly_score(X).astype(np.float64)
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def _sign(self) -> float:
        """1 where `classes_[1]` is the attack of two classes, -1 where it is clean."""
        return 1.0 if self._columns[0] == 0 else -1.0


class _Trees(Classifier):
    """A classifier made of trees."""

    def to_onnx(self) -> bytes:
        """Return the model as ONNX, with float32 rows `x` as input and equal `margins` and `probabilities` as outputs.

        The outputs are in the order of the core. The operator is `TreeEnsemble` of `ai.onnx.ml` 5; the metadata entry
        `classes` names the columns of `probabilities`, the clean class first. Columns of categories hold codes.
        """
        return self._fitted().to_onnx()

    @property
    def n_trees_(self) -> int:
        """Number of trees, of all classes together."""
        return int(self._fitted().facts["trees"])

    def _takes_missing(self) -> bool:
        return bool(self._model.facts["accepts_missing"]) if hasattr(self, "_model") else True


class BoostedTrees(_Trained, _Trees):
    """Gradient-boosted trees for labelled rows, by histograms; parameters are called as LightGBM calls them.

    NaN is a missing value. The anomaly score is the log-odds of an attack; `Classifier` defines which class is clean.

    Parameters
    ----------
    n_estimators
        Rounds of boosting, 1 to 10,000.
    num_leaves, max_depth
        Maximum number of leaves of a tree, 2 to 65,536, and of splits between its root and a leaf, 1 to 512.
    learning_rate
        Factor on every leaf value, in (0, 1].
    random_state
        Seed, from 0; `None` draws a new one at each `fit`. The same seed and data give the same bits on any
        number of threads.
    clean_class
        The label of clean traffic.
    min_child_samples, min_child_weight
        Minimum number of rows, and minimum sum of hessians, in a leaf.
    reg_lambda, min_split_gain
        λ of leaf values and gains; the gain that a split must exceed.
    max_bin
        Maximum number of bins for the values of one feature, 2 to 255.
    subsample, colsample_bytree
        Shares, in (0, 1], of the rows that each round draws and of the features that each tree draws.
    class_weight
        `None`; `"balanced"`: all classes weigh the same; or a weight from 0 for labels, such as `{"normal": 0.5}`
        (1 for the others).
    categorical
        Columns that hold codes of categories, whole numbers below 65,536.
    monotone
        For each feature 1 where the score must not fall as it grows, -1 where it must not rise, else 0.
    early_stopping
        `{"share": 0.1, "patience": 10}` stops after so many rounds without a lower log loss on that share of the
        rows, which is held out.

    Examples
    --------
    >>> import numpy as np, qosguard as qg
    >>> X = np.random.default_rng(0).normal(size=(600, 3))
    >>> y = np.where(X[:, 0] * X[:, 1] > 0.3, "attack", "normal")
    >>> trees = qg.BoostedTrees(n_estimators=30).fit(X, y)
    >>> trees.classes_.tolist(), float((trees.predict(X) == y).mean()) > 0.95
    (['attack', 'normal'], True)

    """

    _KIND = "boosted_trees"
    _SETTINGS: ClassVar = {
        "n_estimators": "trees",
        "num_leaves": "leaves",
        "learning_rate": "learning_rate",
        "random_state": "seed",
        "max_depth": "max_depth",
        "min_child_samples": "min_rows_per_leaf",
        "min_child_weight": "min_hessian",
        "reg_lambda": "l2",
        "min_split_gain": "min_gain",
        "max_bin": "bins",
        "subsample": "subsample",
        "colsample_bytree": "feature_fraction",
        "class_weight": "class_weight",
        "categorical": "categorical",
        "monotone": "monotone",
        "early_stopping": "early_stopping",
    }
    _WORDS: ClassVar = {"class_weight": {None: "none"}, "categorical": {None: []}, "monotone": {None: []}}

    def __init__(
        self,
        n_estimators: int = 100,
        num_leaves: int = 31,
        learning_rate: float = 0.1,
        random_state: int | None = 0,
        *,
        clean_class: Any = None,
        max_depth: int | None = None,
        min_child_samples: int = 20,
        min_child_weight: float = 1e-3,
        reg_lambda: float = 1.0,
        min_split_gain: float = 0.0,
        max_bin: int = 255,
        subsample: float = 1.0,
        colsample_bytree: float = 1.0,
        class_weight: str | Mapping[Any, float] | None = None,
        categorical: Sequence[int] | None = None,
        monotone: Sequence[int] | None = None,
        early_stopping: dict[str, Any] | None = None,
    ) -> None:
        self.n_estimators = n_estimators
        self.num_leaves = num_leaves
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.clean_class = clean_class
        self.max_depth = max_depth
        self.min_child_samples = min_child_samples
        self.min_child_weight = min_child_weight
        self.reg_lambda = reg_lambda
        self.min_split_gain = min_split_gain
        self.max_bin = max_bin
        self.subsample = subsample
        self.colsample_bytree = colsample_bytree
        self.class_weight = class_weight
        self.categorical = categorical
        self.monotone = monotone
        self.early_stopping = early_stopping


class LogisticRegression(_Trained):
    """Logistic regression with a squared penalty; it has the parameters of scikit-learn.

    The anomaly score is the log-odds of an attack; `Classifier` defines which class is clean.

    Parameters
    ----------
    C
        Inverse strength of the penalty, above 0.
    clean_class
        The label of clean traffic.
    class_weight
        `None`; `"balanced"`: all classes weigh the same; or a weight from 0 for labels, such as `{"normal": 0.5}`
        (1 for the others).
    max_iter, tol
        The search ends after so many steps, or when no entry of the gradient of the mean loss is larger.

    Examples
    --------
    >>> import qosguard as qg
    >>> model = qg.LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
    >>> model.predict([[0.2], [2.8]]).tolist(), model.coef_.shape
    ([0, 1], (1, 1))

    """

    _KIND = "logistic_regression"
    _SETTINGS: ClassVar = {
        "C": "l2",
        "class_weight": "class_weight",
        "max_iter": "max_iterations",
        "tol": "tolerance",
    }
    _WORDS: ClassVar = {"class_weight": {None: "none"}}

    def __init__(
        self,
        C: float = 1.0,
        *,
        clean_class: Any = None,
        class_weight: str | Mapping[Any, float] | None = None,
        max_iter: int = 1000,
        tol: float = 1e-8,
    ) -> None:
        self.C = C
        self.clean_class = clean_class
        self.class_weight = class_weight
        self.max_iter = max_iter
        self.tol = tol

    @property
    def coef_(self) -> npt.NDArray[np.float64]:
        """Coefficients, shape (1, features) for two classes (of `classes_[1]`), else (classes, features)."""
        return self._by_class(self._fitted().facts["coefficients"])

    @property
    def intercept_(self) -> npt.NDArray[np.float64]:
        """Intercepts, one for two classes (of `classes_[1]`), else one per class."""
        return self._by_class(self._fitted().facts["intercepts"])

    def _by_class(self, values: list[Any]) -> npt.NDArray[np.float64]:
        array = np.array(values)
        return self._sign() * array if len(self.classes_) == 2 else array[self._columns]

    @property
    def n_iter_(self) -> int:
        """Steps that the search took."""
        return int(self._fitted().facts["iterations"])

    @property
    def converged_(self) -> bool:
        """Whether the search reached `tol`; if not, the coefficients are not the best ones yet."""
        return bool(self._fitted().facts["converged"])

    def _settings(self) -> dict[str, Any]:
        if isinstance(self.C, str) or not 0.0 < self.C < float("inf"):
            raise InvalidArgumentError(f"`C` must be above 0 and finite, got {self.C!r}")
        return super()._settings() | {"l2": 1.0 / float(self.C)}


def _is_text(labels: npt.NDArray[Any]) -> bool:
    return labels.dtype.kind in "OU"
