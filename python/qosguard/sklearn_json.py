"""Trees of scikit-learn as JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from .errors import InvalidArgumentError, not_fitted

__all__ = ["sklearn_json"]

_FORESTS = ("RandomForestClassifier", "ExtraTreesClassifier")
_BOOSTED = ("GradientBoostingClassifier", "HistGradientBoostingClassifier")


def sklearn_json(model: Any) -> str:
    """A fitted classifier of trees as the JSON that the core documents at `TreeEnsemble::from_sklearn_json`."""
    kind = type(model).__name__
    if kind not in _FORESTS + _BOOSTED:
        raise InvalidArgumentError(f"`model` must be one of {', '.join(_FORESTS + _BOOSTED)}, got {kind}")
    if not hasattr(model, "classes_"):
        raise not_fitted(f"this {kind} is not fitted yet")
    if getattr(model, "n_outputs_", 1) != 1:
        raise InvalidArgumentError(f"`model` must have one column of labels, got {model.n_outputs_}")
    loss = getattr(model, "loss", None)
    if loss not in (None, "log_loss", "exponential"):
        raise InvalidArgumentError(f"`model.loss` must be 'log_loss' or 'exponential', got {loss!r}")
    init, scale, categories = None, 1.0, None
    if kind == "HistGradientBoostingClassifier":
        init = model._baseline_prediction.ravel().tolist()
        order, categories = _categories(model)
        trees = [_histogram_tree(predictor, order, categories) for step in model._predictors for predictor in step]
    else:
        if kind == "GradientBoostingClassifier":
            _check_init(model)
            init = model._raw_predict_init(np.zeros((1, model.n_features_in_), np.float32))[0].tolist()
            scale = model.learning_rate
        trees = [_tree(estimator.tree_) for estimator in np.ravel(model.estimators_)]
    names = getattr(model, "feature_names_in_", None)
    record = {
        "model": kind,
        "n_features": model.n_features_in_,
        "feature_names": None if names is None else list(names),
        "classes": [str(label) for label in model.classes_],
        "accepts_missing": bool(model.__sklearn_tags__().input_tags.allow_nan),
        "loss": loss,
        "categories": categories,
        "init": init,
        "scale": scale,
        "trees": trees,
    }
    return json.dumps(record)


def _tree(tree: Any) -> dict[str, Any]:
    return {
        "left": tree.children_left.tolist(),
        "right": tree.children_right.tolist(),
        "feature": tree.feature.tolist(),
        "threshold": np.minimum(tree.threshold, np.finfo(float).max).tolist(),
        "missing_left": tree.missing_go_to_left.astype(bool).tolist(),
        "value": tree.value[:, 0, :].tolist(),
        "samples": tree.n_node_samples.tolist(),
    }


def _check_init(model: Any) -> None:
    """Refuse an `init` whose predictions differ from row to row."""
    if model.init is None or model.init == "zero":
        return
    if type(model.init).__name__ == "DummyClassifier" and model.init.strategy in ("prior", "most_frequent", "constant"):
        return
    expected = "None, 'zero' or a DummyClassifier that predicts the same for every row"
    raise InvalidArgumentError(f"`model.init` must be {expected}, got {model.init!r}")


def _categories(model: Any) -> tuple[Any, list[list[Any]] | None]:
    """The feature of each column that the trees see, and the names of the categories of each feature."""
    is_categorical = getattr(model, "is_categorical_", None)
    if is_categorical is None or not is_categorical.any():
        return np.arange(model.n_features_in_), None
    if getattr(model, "_preprocessor", None) is None:
        raise InvalidArgumentError("`model` must be of scikit-learn 1.4 or later where it has categorical features")
    features = np.flatnonzero(is_categorical)
    categories: list[list[Any]] = [[] for _ in range(model.n_features_in_)]
    for feature, names in zip(features, model._preprocessor.named_transformers_["encoder"].categories_, strict=True):
        names = names.tolist()
        # A missing value is the last category, and has no code.
        while names and (names[-1] is None or names[-1] != names[-1]):
            names.pop()
        if not all(isinstance(name, bool | int | float | str) for name in names):
            raise InvalidArgumentError(f"categories of feature {feature} must be numbers or text, got {names[:3]!r}")
        categories[feature] = names
    # The encoder puts categorical columns before the others.
    return np.concatenate([features, np.flatnonzero(~is_categorical)]), categories


def _histogram_tree(predictor: Any, order: Any, categories: list[list[Any]] | None) -> dict[str, Any]:
    nodes = predictor.nodes
    leaf = nodes["is_leaf"].astype(bool)
    left = np.where(leaf, -1, nodes["left"].astype(int))
    right = np.where(leaf, -1, nodes["right"].astype(int))
    features = order[nodes["feature_idx"]]
    missing_left = nodes["missing_go_to_left"].astype(bool)
    by_category = nodes["is_categorical"].astype(bool) & ~leaf
    sets: list[list[int] | None] = [None] * len(nodes)
    for i in np.flatnonzero(by_category):
        bits = np.unpackbits(predictor.raw_left_cat_bitsets[nodes["bitset_idx"][i]].view(np.uint8), bitorder="little")
        known = np.arange(len((categories or [])[features[i]]))
        if missing_left[i]:
            # An unknown category goes to the side of a missing value: the set holds the other side.
            left[i], right[i], missing_left[i] = right[i], left[i], False
            bits = 1 - bits
        sets[i] = known[bits[known] == 1].tolist()
    return {
        "left": left.tolist(),
        "right": right.tolist(),
        "feature": features.tolist(),
        "threshold": np.where(leaf | by_category, 0, np.minimum(nodes["num_threshold"], np.finfo(float).max)).tolist(),
        "missing_left": missing_left.tolist(),
        "value": nodes["value"][:, None].tolist(),
        "samples": nodes["count"].tolist(),
        "categories": None if categories is None else sets,
    }
