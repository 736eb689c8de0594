"""Classifiers of trees that other libraries have trained."""

from __future__ import annotations

import copy
import os
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from . import _core
from .classifiers import _Trees
from .errors import InvalidArgumentError
from .frames import Float
from .imports import Columns, lightgbm_model, pandas_categories, source_of, xgboost_model
from .labels import clean_of
from .sklearn_json import sklearn_json

__all__ = ["TreeModel"]


class TreeModel(_Trees):
    """Trees that another library has trained; they score, explain and export here, with equal sums.

    Make one by `from_lightgbm`, `from_xgboost` or `from_sklearn`. `classes` names the classes in the model's order,
    if the model does not hold them, and `clean_class` is the class of clean traffic; see `Classifier`.

    LightGBM and `HistGradientBoostingClassifier` compare 64-bit numbers, so float64 arrays and frames are not rounded.
    A float32 matrix is compared as it is. Infinities are rejected by row and column.

    A model that was trained on a data frame with columns of categories takes such frames: categories are found by
    name, and a new one is what the library makes of it. A matrix holds the codes of categories instead, as in LightGBM
    and XGBoost; for a model of scikit-learn it holds their values.
    """

    _columns_of: Columns | None = None
    _compares_f64: bool = False

    @classmethod
    def from_lightgbm(cls, model: Any, *, classes: npt.ArrayLike | None = None, clean_class: Any = None) -> Self:
        """Import a model of LightGBM.

        Parameters
        ----------
        model
            A `Booster` or `LGBMClassifier`, its text, or the path of its file.
        classes
            Names of the classes, in the model's order; default: the model's own.
        clean_class
            The label of clean traffic; default: see `Classifier`.

        Returns
        -------
        TreeModel
            The model, with equal sums of leaf values.

        Raises
        ------
        BadRecordError
            For text that is not such a model, by line.
        InvalidArgumentError
            For a model that cannot be imported, by tree, node and field.

        """
        data, path = source_of(lightgbm_model(model))
        native = _core.Detector.import_trees("lightgbm", data, path)
        # An object has the categories themselves, its text has what JSON makes of them.
        booster = getattr(model, "booster_", model)
        frame_names = (
            booster.pandas_categorical if hasattr(booster, "pandas_categorical") else pandas_categories(data, path)
        )
        columns = Columns("lightgbm", None, frame_names)
        return cls._import(native, columns, _known(model, classes), clean_class)

    @classmethod
    def from_xgboost(cls, model: Any, *, classes: npt.ArrayLike | None = None, clean_class: Any = None) -> Self:
        """Import a model of XGBoost.

        A classifier counts the trees up to its best iteration, also one that was saved to a file, and its `missing`
        is a missing value. A booster counts all trees.

        Parameters
        ----------
        model
            A `Booster` or `XGBClassifier`, its JSON or UBJSON, or the path of such a file.
        classes, clean_class
            As for `from_lightgbm`.

        Returns
        -------
        TreeModel
            The model, with equal sums of leaf values.

        """
        source, missing = xgboost_model(model)
        native = _core.Detector.import_trees("xgboost", *source_of(source)).with_missing_value(missing)
        columns = Columns("xgboost", native.facts["category_names"], missing=missing)
        return cls._import(native, columns, _known(model, classes), clean_class)

    @classmethod
    def from_sklearn(cls, model: Any, *, classes: npt.ArrayLike | None = None, clean_class: Any = None) -> Self:
        """Import a fitted classifier of scikit-learn.

        A forest's anomaly score is the probability of an attack.

        Parameters
        ----------
        model
            A `RandomForestClassifier`, `ExtraTreesClassifier`, `GradientBoostingClassifier` or
            `HistGradientBoostingClassifier`, its JSON, or the path of its JSON file.
        classes, clean_class
            As for `from_lightgbm`.

        Returns
        -------
        TreeModel
            The model, with equal sums of leaf values.

        """
        source = model if isinstance(model, str | bytes | bytearray | os.PathLike) else sklearn_json(model)
        native = _core.Detector.import_trees("sklearn", *source_of(source))
        columns = Columns("sklearn", native.facts["category_names"])
        return cls._import(native, columns, _known(model, classes), clean_class)

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike | None = None) -> Self:
        """Raise: an imported model is fitted already.

        `sklearn.frozen.FrozenEstimator` makes an estimator of it whose `fit` changes nothing.

        Raises
        ------
        InvalidArgumentError
            Always.

        """
        raise InvalidArgumentError(
            "an imported model cannot be fitted; `sklearn.frozen.FrozenEstimator` keeps it as it is"
        )

    def __sklearn_clone__(self) -> Self:
        """Return the same model: a clone without its trees could not be fitted."""
        return copy.copy(self)

    def anomaly_score(self, X: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """One score per row; higher is more anomalous."""
        if self._columns_of is not None and self._columns_of.reads_values():
            return self._fitted().score(self._checked(X))
        return super().anomaly_score(X)

    @property
    def _dtype(self) -> Float:
        """LightGBM and scikit-learn's histograms compare 64-bit numbers."""
        return np.float64 if self._compares_f64 else np.float32

    def _checked(self, X: npt.ArrayLike) -> npt.NDArray[Any]:
        return super()._checked(X if self._columns_of is None else self._columns_of(X))

    def _settings(self) -> dict[str, Any]:
        raise InvalidArgumentError("an imported model cannot be fitted, so it has no settings")

    @classmethod
    def _import(
        cls, native: _core.Detector, columns: Columns, classes: npt.NDArray[Any] | None, clean_class: Any
    ) -> Self:
        if classes is None:
            classes = np.array([int(name) if name.isdecimal() else name for name in native.classes])
        ordered = np.unique(classes)
        if len(ordered) != len(classes):
            raise InvalidArgumentError(f"`classes` must be different labels, got {classes.tolist()}")
        clean = clean_of(ordered, clean_class)
        native = native.with_classes([str(label) for label in classes], str(ordered[clean]))
        model = cls()
        places = {name: column for column, name in enumerate(native.classes)}
        model._set_classes(ordered, np.array([places[str(label)] for label in ordered]))
        facts = native.facts
        model._compares_f64 = facts["compares_f64"]
        names = facts["feature_names"]
        made_up = names == [f"Column_{i}" for i in range(native.n_features)]  # by LightGBM, for columns without names
        model._columns_of = columns
        model._remember(native, None if made_up else names)
        return model

    def __repr__(self) -> str:
        if not hasattr(self, "_model"):
            return "TreeModel()"
        return f"TreeModel({self.n_trees_} trees, {self.n_features_in_} features, {len(self.classes_)} classes)"


def _known(model: Any, classes: npt.ArrayLike | None) -> npt.NDArray[Any] | None:
    """The classes that are given, or the classes of the model."""
    known = getattr(model, "classes_", None) if classes is None else classes
    return None if known is None else np.asarray(known)
