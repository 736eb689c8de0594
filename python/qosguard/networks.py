"""Networks: autoencoders that are trained on clean rows, classifiers, and the mixture of experts."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from .classifiers import BoostedTrees, _Trained
from .errors import InvalidArgumentError
from .estimator import Estimator, OutlierDetector, _plain
from .forest import IsolationForest
from .training import History, Watcher, watch

__all__ = ["Autoencoder", "EntityAutoencoders", "Expert", "MixtureOfExperts", "NeuralClassifier"]


class _Network(Estimator):
    """A detector that is trained epoch by epoch."""

    training: Mapping[str, Any] | None

    @property
    def history_(self) -> History:
        """The course of the training; for a mixture, of its gate."""
        return History._from_core(self._fitted().facts["history"])


class _Columns(_Network):
    """A network with a parameter for the columns that hold codes of categories."""

    categorical: Sequence[int] | None

    def _settings(self) -> dict[str, Any]:
        settings = super()._settings()
        if self.categorical is not None:
            settings["columns"] = {"categorical": _plain("categorical", self.categorical)}
        return settings


class _Unsupervised(_Network, OutlierDetector):
    def fit(
        self,
        X: npt.ArrayLike,
        y: Any = None,
        *,
        progress: Watcher = False,
        checkpoint: str | os.PathLike[str] | None = None,
        resume: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Train on a matrix of shape (rows, features) of clean rows; `y` is ignored.

        `progress=True` draws a bar with tqdm; a function is called with a `Progress` after each epoch, and ends the
        training by returning `False`: the best weights so far are kept. `checkpoint` is a file that is written after
        each epoch, and `resume` a checkpoint to continue from, with the same bits as a training without interruption.

        Raises
        ------
        TrainingError
            If the loss or a weight is no longer finite.
        InvalidArgumentError
            For a parameter outside its domain.
        InsufficientDataError
            For too few rows.
        NotFiniteError
            For NaN or an infinity, by row and column.

        """
        return self._fit(X, self._settings(), None, watch(progress, checkpoint, resume))


class Autoencoder(_Columns, _Unsupervised):
    """Autoencoder: rows with a high reconstruction error are anomalous. Train it on clean rows.

    Parameters
    ----------
    hidden_layer_sizes, latent
        Widths of the encoder's layers, which the decoder mirrors, and of the narrow layer.
    contamination
        Share of the training rows, in (0, 0.5], that `predict` flags.
    random_state
        Seed, from 0; `None` draws a new one at each `fit`. The same seed and data give the same bits on any number of
        threads.
    categorical
        Columns that hold codes of categories, whole numbers below 65,536.
    activation
        `"relu"`, `"gelu"` or `"tanh"`.
    batch_norm, dropout, noise, category_dropout, skip
        Whether layers are normalised over a batch; dropout rate; standard deviation of the noise that training adds to
        numbers; fraction of codes that training replaces by the code of unknown categories; whether the narrow layer
        also gets a linear map of its input.
    category_weight
        Weight of all categorical columns together; the numbers together have the weight 1.
    variational
        `{"beta": 0.01, "warmup_steps": 1000, "samples": 0}` draws the narrow layer from a distribution.
    score_transform
        How the error `e` of a column enters the score, with `s` its mean on held-out rows: `"plain"` (e),
        `"relative"` (e / s) or `"logarithmic"` (ln(1 + e / s)).
    training
        Settings of the training: `epochs`, `batch_rows`, `rows_per_epoch`, `learning_rate`, `weight_decay`, `schedule`
        (such as `{"kind": "cosine"}`), `warmup_steps`, `clip_norm`, `patience`, `validation_share`,
        `device` (`"cpu"`, or `"cuda:0"` in a build with the feature `cuda`).

    Examples
    --------
    >>> import numpy as np, qosguard as qg
    >>> x = np.random.default_rng(0).normal(size=(600, 1)) * [1.0, 2.0]  # the second column is twice the first
    >>> network = qg.Autoencoder((8,), 1, training={"epochs": 40, "learning_rate": 0.01}).fit(x)
    >>> usual, odd = network.anomaly_score([[1.0, 2.0], [1.0, -2.0]])
    >>> bool(odd > usual)
    True

    """

    _KIND = "autoencoder"
    _SETTINGS: ClassVar = {
        "hidden_layer_sizes": "widths",
        "latent": "latent",
        "random_state": "seed",
        "activation": "activation",
        "batch_norm": "batch_norm",
        "dropout": "dropout",
        "noise": "noise",
        "category_dropout": "category_dropout",
        "skip": "skip",
        "category_weight": "category_weight",
        "variational": "variational",
        "score_transform": "score_transform",
        "training": "training",
    }
    _WORDS: ClassVar = {"training": {None: {}}}

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] = (128, 64),
        latent: int = 16,
        contamination: float = 0.01,
        random_state: int | None = 0,
        *,
        categorical: Sequence[int] | None = None,
        activation: str = "relu",
        batch_norm: bool = True,
        dropout: float = 0.0,
        noise: float = 0.1,
        category_dropout: float = 0.02,
        skip: bool = False,
        category_weight: float = 1.0,
        variational: Mapping[str, Any] | None = None,
        score_transform: str = "plain",
        training: Mapping[str, Any] | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.latent = latent
        self.contamination = contamination
        self.random_state = random_state
        self.categorical = categorical
        self.activation = activation
        self.batch_norm = batch_norm
        self.dropout = dropout
        self.noise = noise
        self.category_dropout = category_dropout
        self.skip = skip
        self.category_weight = category_weight
        self.variational = variational
        self.score_transform = score_transform
        self.training = training

    @property
    def n_parameters_(self) -> int:
        """Number of trained weights."""
        return int(self._fitted().facts["parameters"])


class EntityAutoencoders(_Unsupervised):
    """One autoencoder for each entity (a country, a link, a device class), trained in one call.

    Entities with few rows, and unknown ones, share one more that is trained on all rows.

    Parameters
    ----------
    entity
        The column with the entity of each row, a whole number below 65,536: its index, or in a guard the name of the
        feature, such as `"service"`.
    min_rows
        Minimum number of training rows for an entity to get its own network.
    autoencoder
        The settings of every network; its columns are counted with the entity's.
    contamination
        Share of the training rows, in (0, 0.5], that `predict` flags.

    """

    _KIND = "entity_autoencoders"
    _SETTINGS: ClassVar = {"entity": "entity", "min_rows": "min_rows"}

    def __init__(
        self,
        entity: int | str = 0,
        min_rows: int = 500,
        autoencoder: Autoencoder | None = None,
        contamination: float = 0.01,
    ) -> None:
        self.entity = entity
        self.min_rows = min_rows
        self.autoencoder = autoencoder
        self.contamination = contamination

    @property
    def entities_(self) -> list[int]:
        """The entities with a separate network."""
        entities: list[int] = self._fitted().facts["entities"]
        return entities

    def _settings(self) -> dict[str, Any]:
        settings = (self.autoencoder or Autoencoder())._settings()
        del settings["kind"]
        return super()._settings() | {"autoencoder": settings}


class _Supervised(_Network, _Trained):
    def fit(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
        *,
        progress: Watcher = False,
        checkpoint: str | os.PathLike[str] | None = None,
        resume: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Train on a matrix of shape (rows, features) with a label, and perhaps a weight from 0, for each row.

        `progress=True` draws a bar with tqdm; a function is called with a `Progress` after each epoch, and ends the
        training by returning `False`: the best weights so far are kept. `checkpoint` is a file that is written after
        each epoch, and `resume` a checkpoint to continue from, with the same bits as a training without interruption.

        Raises
        ------
        TrainingError
            If the loss or a weight is no longer finite.

        """
        return self._fit(X, y, sample_weight, watch(progress, checkpoint, resume))


_ARCHITECTURES = ("mlp", "ft_transformer", "temporal_cnn", "mixture")


class NeuralClassifier(_Columns, _Supervised):
    """A network that learns from labels: a perceptron, a transformer over features, or one of several experts.

    The anomaly score is the log-odds of an attack; see `Classifier` for which class is clean.

    Parameters
    ----------
    architecture
        `"mlp"`, `"ft_transformer"`, `"temporal_cnn"` or `"mixture"`, or an object with its settings, such as
        `{"kind": "ft_transformer", "width": 32, "layers": 2, "heads": 4}`.
    random_state
        Seed, from 0; `None` draws a new one at each `fit`.
    clean_class
        The label of clean traffic.
    categorical
        Columns that hold codes of categories, whole numbers below 65,536.
    class_weight
        `None`; `"balanced"`: all classes weigh the same; or a weight from 0 for labels, such as `{"normal": 0.5}`
        (1 for the others).
    category_dropout
        Fraction of codes that training replaces by the code of unknown categories, so that the network learns to
        classify rows with such categories.
    pretraining
        `{"mask_share": 0.15}` first trains a transformer to predict masked features, without labels.
    training
        Settings of the training, as in `Autoencoder`.

    Examples
    --------
    >>> import numpy as np, qosguard as qg
    >>> X = np.random.default_rng(0).normal(size=(600, 3))
    >>> y = np.where(X[:, 0] * X[:, 1] > 0.3, "attack", "normal")
    >>> network = qg.NeuralClassifier(training={"epochs": 60, "learning_rate": 0.01}).fit(X, y)
    >>> float((network.predict(X) == y).mean()) > 0.9
    True

    """

    _KIND = "neural_classifier"
    _SETTINGS: ClassVar = {
        "architecture": "architecture",
        "random_state": "seed",
        "class_weight": "class_weight",
        "category_dropout": "category_dropout",
        "pretraining": "pretraining",
        "training": "training",
    }
    _WORDS: ClassVar = {
        "architecture": {kind: {"kind": kind} for kind in _ARCHITECTURES},
        "class_weight": {None: "none"},
        "training": {None: {}},
    }

    def __init__(
        self,
        architecture: str | Mapping[str, Any] = "mlp",
        random_state: int | None = 0,
        *,
        clean_class: Any = None,
        categorical: Sequence[int] | None = None,
        class_weight: str | Mapping[Any, float] | None = None,
        category_dropout: float = 0.02,
        pretraining: Mapping[str, Any] | None = None,
        training: Mapping[str, Any] | None = None,
    ) -> None:
        self.architecture = architecture
        self.random_state = random_state
        self.clean_class = clean_class
        self.categorical = categorical
        self.class_weight = class_weight
        self.category_dropout = category_dropout
        self.pretraining = pretraining
        self.training = training

    def _settings(self) -> dict[str, Any]:
        if isinstance(self.architecture, str) and self.architecture not in _ARCHITECTURES:
            expected = f"one of {', '.join(_ARCHITECTURES)}, or an object with its settings"
            raise InvalidArgumentError(f"`architecture` must be {expected}, got {self.architecture!r}")
        return super()._settings()

    @property
    def n_parameters_(self) -> int:
        """Number of trained weights."""
        return int(self._fitted().facts["parameters"])


def _automatic_experts() -> list[tuple[str, Estimator]]:
    """The experts that `experts="auto"` means."""
    return [("boosted", BoostedTrees()), ("forest", IsolationForest())]


@dataclass(frozen=True)
class Expert:
    """Validation of one expert of a mixture, on rows that it was not fitted on."""

    name: str
    roc_auc: float
    """Area under the ROC curve, where attacks of new kinds have the weight `held_out_fraction`."""
    tpr_at_1_percent: float
    """True-positive rate at a false-positive rate of 1 %."""
    mean_weight: float
    """Its mean weight."""


class MixtureOfExperts(_Supervised):
    """Mixture of experts: a gate weighs several detectors in each row.

    The score of every expert becomes log-odds of an attack by rows that it was not fitted on. The gate is trained on
    clean rows and attacks of kinds that the experts were not fitted on. The anomaly score is the weighted sum of the
    log-odds. If the mixture is not better than its best expert in validation, the score is the log-odds of that expert;
    see `chosen_`.

    Parameters
    ----------
    experts
        `(name, estimator)` of each, 2 to 8; `"auto"` is boosted trees (`"boosted"`), which learn the attacks, and an
        isolation forest (`"forest"`), which is fitted on clean rows.
    joint
        Names of the experts that are trained together with the gate, each a `NeuralClassifier` without pretraining,
        class weights or `training`. At least one expert must not be joint.
    random_state
        Seed, from 0; `None` draws a new one at each `fit`. Experts have their own seeds.
    clean_class
        The label of clean traffic.
    gate
        Settings of the gate: `hidden`, `temperature`, `top_k`, `load_balance_weight`, `min_load`, `entropy_weight`,
        `dropout`. Settings that are not given have their defaults.
    uniform_weight, log_odds_weight
        Weight that is distributed evenly over all experts; how much higher log-odds of an expert raise its weight.
    held_out_fraction, masked_fraction
        Fraction of kinds that the experts were not fitted on, among the clean rows and the attacks that train the gate;
        fraction of attacks for which supervised experts score a clean row instead.
    learn_classes
        Whether experts that can learn classes learn them. If not, they learn attacks and clean rows only; the classes
        are the kinds of attacks in both cases.
    attack_clusters, clean_clusters
        Clusters of attacks that serve as kinds without classes, and clusters of clean rows.
    folds
        Folds; each expert is fitted `folds + 1` times.
    training
        Settings of the training of the gate, and of joint experts with it, as in `Autoencoder`.

    Examples
    --------
    >>> import numpy as np, qosguard as qg
    >>> X = np.random.default_rng(0).normal(size=(900, 3))
    >>> y = X[:, 0] * X[:, 1] > 0.5
    >>> experts = [("boosted", qg.BoostedTrees(20)), ("forest", qg.IsolationForest(20))]
    >>> mixture = qg.MixtureOfExperts(experts).fit(X, y)
    >>> mixture.gate_weights(X).shape
    (900, 2)

    """

    _KIND = "mixture_of_experts"
    _SETTINGS: ClassVar = {
        "random_state": "seed",
        "gate": "gate",
        "uniform_weight": "uniform_weight",
        "log_odds_weight": "log_odds_weight",
        "held_out_fraction": "held_out_fraction",
        "masked_fraction": "masked_fraction",
        "learn_classes": "learn_classes",
        "attack_clusters": "attack_clusters",
        "clean_clusters": "clean_clusters",
        "folds": "folds",
        "training": "training",
    }
    _WORDS: ClassVar = {"gate": {None: {}}, "training": {None: {}}}

    def __init__(
        self,
        experts: str | Sequence[tuple[str, Estimator]] = "auto",
        random_state: int | None = 0,
        *,
        clean_class: Any = None,
        joint: Sequence[str] = (),
        gate: Mapping[str, Any] | None = None,
        uniform_weight: float = 0.0,
        log_odds_weight: float = 0.0,
        held_out_fraction: float = 0.5,
        masked_fraction: float = 0.33,
        learn_classes: bool = True,
        attack_clusters: int = 3,
        clean_clusters: int = 6,
        folds: int = 3,
        training: Mapping[str, Any] | None = None,
    ) -> None:
        self.experts = experts
        self.random_state = random_state
        self.clean_class = clean_class
        self.joint = joint
        self.gate = gate
        self.uniform_weight = uniform_weight
        self.log_odds_weight = log_odds_weight
        self.held_out_fraction = held_out_fraction
        self.masked_fraction = masked_fraction
        self.learn_classes = learn_classes
        self.attack_clusters = attack_clusters
        self.clean_clusters = clean_clusters
        self.folds = folds
        self.training = training

    def fit(  # type: ignore[override]
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        progress: Watcher = False,
        checkpoint: str | os.PathLike[str] | None = None,
        resume: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Train on a matrix of shape (rows, features) with a label for each row; a mixture takes no weights of rows.

        `progress`, `checkpoint`, `resume` and the errors are as in `NeuralClassifier.fit`.
        """
        return self._fit(X, y, None, watch(progress, checkpoint, resume))

    def gate_weights(self, X: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Weight of each expert in each row, shape (rows, experts); each row sums to 1."""
        model, x = self._fitted(), self._checked(X)
        with self._naming(self._fit_names()):
            return model.gate_weights(x)

    @property
    def experts_(self) -> list[Expert]:
        """Validation of each expert, in order."""
        report = self._fitted().facts["report"]
        return [
            Expert(name=expert["name"], **expert["quality"], mean_weight=expert["mean_weight"])
            for expert in report["experts"]
        ]

    @property
    def chosen_(self) -> str:
        """`"mixture"`, or the name of the expert whose log-odds are the score because the mixture was not better."""
        chosen = self._fitted().facts["report"]["chosen"]
        return str(chosen["expert"]) if isinstance(chosen, dict) else str(chosen)

    def _settings(self) -> dict[str, Any]:
        if isinstance(self.experts, str) and self.experts != "auto":
            expected = '"auto" or a list of (name, estimator)'
            raise InvalidArgumentError(f"`experts` must be {expected}, got {self.experts!r}")
        given = _automatic_experts() if isinstance(self.experts, str) else self.experts
        experts = []
        for i, expert in enumerate(given):
            pair = isinstance(expert, tuple | list) and len(expert) == 2
            if not pair or not isinstance(expert[1], Estimator):
                raise InvalidArgumentError(f"`experts[{i}]` must be (name, estimator), got {expert!r}")
            joint = {"joint": True} if expert[0] in self.joint else {}
            experts.append({"name": expert[0], **joint, **expert[1]._settings()})
        names = [expert["name"] for expert in experts]
        for name in self.joint:
            if name not in names:
                raise InvalidArgumentError(f"`joint` must hold names of {names}, got {name!r}")
        return super()._settings() | {"experts": experts}
