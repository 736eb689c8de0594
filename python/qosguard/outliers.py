"""Detectors that learn from rows without labels, except the isolation forest."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from . import _core
from .errors import not_fitted
from .estimator import OutlierDetector
from .frames import column_names

__all__ = ["ContrastTrees", "GaussianMixture", "HalfSpaceTrees", "Kitsune"]


class GaussianMixture(OutlierDetector):
    """Gaussian mixture: rows where the density of the training rows is low are anomalous.

    The anomaly score is the negative log-density, in nats. Fit on clean rows.

    Parameters
    ----------
    n_components
        Number of components, 1 to 64; fewer where there are fewer different rows.
    covariance_type
        `"full"` or `"diag"`.
    contamination
        Share of the training rows, in (0, 0.5], that `predict` flags.
    random_state
        Seed, from 0; `None` draws a new one at each `fit`.
    reg_covar
        Variance added to every feature of every component, above 0.
    max_iter, tol
        The search ends after so many steps, or when the mean log-likelihood changes by less in one.
    normalise
        `"quantile"`: each feature is replaced by the normal quantile of its rank; or `"none"`.
    max_samples
        Rows that it is fitted on, drawn at random; all rows where there are fewer.

    Examples
    --------
    >>> import numpy as np, qosguard as qg
    >>> X = np.random.default_rng(0).normal(size=(500, 2))
    >>> X[:, 1] += X[:, 0]
    >>> mixture = qg.GaussianMixture(n_components=2).fit(X)
    >>> ordinary, odd = mixture.anomaly_score([[1.0, 1.0], [1.0, -3.0]])
    >>> bool(odd > ordinary + 3)
    True

    """

    _KIND = "gaussian_mixture"
    _SETTINGS: ClassVar = {
        "n_components": "components",
        "covariance_type": "covariance",
        "random_state": "seed",
        "reg_covar": "regularisation",
        "max_iter": "max_iterations",
        "tol": "tolerance",
        "normalise": "normalise",
        "max_samples": "max_samples",
    }
    _WORDS: ClassVar = {"covariance_type": {"diag": "diagonal"}}

    def __init__(
        self,
        n_components: int = 32,
        covariance_type: str = "full",
        contamination: float = 0.01,
        random_state: int | None = 0,
        *,
        reg_covar: float = 0.03,
        max_iter: int = 100,
        tol: float = 1e-3,
        normalise: str = "quantile",
        max_samples: int = 20_000,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.contamination = contamination
        self.random_state = random_state
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.tol = tol
        self.normalise = normalise
        self.max_samples = max_samples

    @property
    def weights_(self) -> npt.NDArray[np.float64]:
        """Share of each component."""
        return np.array(self._fitted().facts["weights"])

    @property
    def means_(self) -> npt.NDArray[np.float64]:
        """Mean of each component, shape (components, features); on the normal scale if `normalise` is `"quantile"`."""
        return np.array(self._fitted().facts["means"])

    @property
    def n_iter_(self) -> int:
        """Steps that the search took."""
        return int(self._fitted().facts["iterations"])

    @property
    def converged_(self) -> bool:
        """Whether the search ended before `max_iter`."""
        return bool(self._fitted().facts["converged"])


class _Stream(OutlierDetector):
    """A detector that learns a stream row by row."""

    def learn(self, X: npt.ArrayLike) -> Self:
        """Learn the rows of `X` in order; the first call begins a stream, as `fit` begins a new one.

        Nothing is learned if a row is rejected. Rows can be scored once enough were learned; until then
        `anomaly_score` raises `InsufficientDataError`. Other threads may score meanwhile.
        """
        x = self._checked(X)
        if not hasattr(self, "_model"):
            self.offset_ = -self._of_stream()
            with self._naming(column_names(X), x.shape):
                model = _core.Detector.stream(self._settings(), x.shape[1])
                model.learn(x)
            self._remember(model, column_names(X))
        else:
            with self._naming(self._fit_names()):
                self._model.learn(x)
        return self

    def partial_fit(self, X: npt.ArrayLike, y: object = None) -> Self:
        """The same as `learn`, by scikit-learn's name; `y` is ignored."""
        return self.learn(X)

    @property
    def rows_learned_(self) -> int:
        """Rows learned so far."""
        return int(self._fitted().facts["rows_learned"])

    @property
    def ranges_(self) -> list[tuple[float, float]] | None:
        """Range of each feature, of half-space trees in the first window; `None` until it is known."""
        ranges = self._fitted().facts["ranges"]
        return None if ranges is None else [(low, high) for low, high in ranges]

    @property
    def out_of_range_(self) -> list[int]:
        """How many learned values of each feature lay beyond its range; many mean that a new stream should begin."""
        counts: list[int] = self._fitted().facts["out_of_range"]
        return counts

    def _of_stream(self) -> float:
        """The anomaly score that `predict` flags above where `learn` began."""
        return self._natural()


class HalfSpaceTrees(_Stream):
    """Half-space trees: a stream's rows where the last full window had few are anomalous.

    The anomaly score is 0 where rows are as dense as if they filled the space evenly, and 1 more for half the
    density. Memory does not grow with the stream.

    Parameters
    ----------
    n_estimators
        Number of trees, 1 to 1,000.
    depth
        Cuts between the root and a leaf, 1 to 16.
    window
        Rows of a window, 2 to 2^20; the first window also determines the range of each feature.
    contamination
        `"auto"` puts the threshold at a score of 0; a share in (0, 0.5] where that share of the rows of `fit` lies
        above.
    random_state
        Seed, from 0; `None` draws a new one at each `fit`.

    References
    ----------
    S. C. Tan, K. M. Ting, T. F. Liu, *Fast Anomaly Detection for Streaming Data*, IJCAI 2011.

    Examples
    --------
    >>> import numpy as np, qosguard as qg
    >>> rng = np.random.default_rng(0)
    >>> trees = qg.HalfSpaceTrees(window=100)
    >>> for _ in range(5):
    ...     trees = trees.learn(rng.normal(size=(100, 2)))
    >>> trees.rows_learned_, bool(np.diff(trees.anomaly_score([[0.0, 0.0], [6.0, -6.0]]))[0] > 1)
    (500, True)

    """

    _KIND = "half_space_trees"
    _SETTINGS: ClassVar = {"n_estimators": "trees", "depth": "depth", "window": "window", "random_state": "seed"}

    def __init__(
        self,
        n_estimators: int = 25,
        depth: int = 8,
        window: int = 250,
        contamination: float | str = "auto",
        random_state: int | None = 0,
    ) -> None:
        self.n_estimators = n_estimators
        self.depth = depth
        self.window = window
        self.contamination = contamination
        self.random_state = random_state

    def _natural(self) -> float:
        return 0.0


class Kitsune(_Stream):
    """Kitsune: many small autoencoders over groups of features that go together, learning a stream row by row.

    The first rows determine which features are grouped. The next rows train an autoencoder on each group and one more
    on their errors. Then rows can be scored, and rows that are learned still train. Learn mostly clean rows.

    Parameters
    ----------
    mapping_rows, training_rows
        Rows that determine how features are grouped, and rows to train on before the first score.
    contamination
        Share of the rows of `fit`, in (0, 0.5], that `predict` flags. A stream that begins with `learn` has no
        threshold until `offset_` is set.
    random_state
        Seed, from 0; `None` draws a new one at each `fit`.
    largest_group
        Maximum number of features of a group, 1 to 64.
    hidden_ratio
        Hidden units of an autoencoder for each of its inputs, in (0, 1].
    learning_rate
        Length of a training step, in (0, 1].

    References
    ----------
    Y. Mirsky et al., *Kitsune: An Ensemble of Autoencoders for Online Network Intrusion Detection*, NDSS 2018.

    Examples
    --------
    >>> import numpy as np, qosguard as qg
    >>> load = np.random.default_rng(0).normal(size=(3000, 1))
    >>> kitsune = qg.Kitsune(mapping_rows=200, training_rows=2000).learn(load * [1.0, 2.0, 3.0])
    >>> usual, odd = kitsune.anomaly_score([[1.0, 2.0, 3.0], [1.0, -2.0, 3.0]])
    >>> bool(odd > usual), len(kitsune.groups_)
    (True, 1)

    """

    _KIND = "kitsune"
    _SETTINGS: ClassVar = {
        "mapping_rows": "mapping_rows",
        "training_rows": "training_rows",
        "random_state": "seed",
        "largest_group": "largest_group",
        "hidden_ratio": "hidden_ratio",
        "learning_rate": "learning_rate",
    }

    def __init__(
        self,
        mapping_rows: int = 1000,
        training_rows: int = 10_000,
        contamination: float = 0.01,
        random_state: int | None = 0,
        *,
        largest_group: int = 10,
        hidden_ratio: float = 0.75,
        learning_rate: float = 0.1,
    ) -> None:
        self.mapping_rows = mapping_rows
        self.training_rows = training_rows
        self.contamination = contamination
        self.random_state = random_state
        self.largest_group = largest_group
        self.hidden_ratio = hidden_ratio
        self.learning_rate = learning_rate

    def decision_function(self, X: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """`score_samples` less `offset_`: negative for outliers."""
        if hasattr(self, "_model") and np.isnan(self.offset_):
            raise not_fitted("a stream that began with `learn` has no threshold; set `offset_`, or use `fit`")
        return super().decision_function(X)

    @property
    def groups_(self) -> list[list[int]] | None:
        """The features of each group; `None` until they are known."""
        groups: list[list[int]] | None = self._fitted().facts["groups"]
        return groups

    def _of_stream(self) -> float:
        return float("nan")


class ContrastTrees(OutlierDetector):
    """Contrast trees: rows whose features do not go together as they do in the training rows are anomalous.

    Boosted trees learn to separate the training rows from rows with features of several training rows; the anomaly
    score is the mean of their log-odds. Fit on clean rows. NaN is a missing value.

    Parameters
    ----------
    n_boosters
        Number of boosters, 1 to 64.
    n_estimators, num_leaves
        Rounds of each booster, 1 to 10,000, and maximum number of leaves of a tree, 2 to 65,536.
    contamination
        `"auto"` puts the threshold at even odds; a share in (0, 0.5] where that share of the training rows lies above.
    random_state
        Seed, from 0; `None` draws a new one at each `fit`.
    max_samples
        Rows that a booster sees, drawn at random; all rows where there are fewer.

    Examples
    --------
    >>> import numpy as np, qosguard as qg
    >>> X = np.random.default_rng(0).normal(size=(500, 4))
    >>> X[:, 1] = X[:, 0] + 0.1 * X[:, 1]
    >>> ordinary, odd = qg.ContrastTrees().fit(X).anomaly_score([[1.0, 1.0, 0.0, 0.0], [1.0, -1.0, 0.0, 0.0]])
    >>> bool(odd > ordinary + 1)
    True

    """

    _KIND = "contrast_trees"
    _SETTINGS: ClassVar = {
        "n_boosters": "boosters",
        "n_estimators": "trees",
        "num_leaves": "leaves",
        "random_state": "seed",
        "max_samples": "max_samples",
    }

    def __init__(
        self,
        n_boosters: int = 3,
        n_estimators: int = 100,
        num_leaves: int = 31,
        contamination: float | str = "auto",
        random_state: int | None = 0,
        *,
        max_samples: int = 20_000,
    ) -> None:
        self.n_boosters = n_boosters
        self.n_estimators = n_estimators
        self.num_leaves = num_leaves
        self.contamination = contamination
        self.random_state = random_state
        self.max_samples = max_samples

    def _natural(self) -> float:
        return 0.0

    def _takes_missing(self) -> bool:
        return True
