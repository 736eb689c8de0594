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
    init, scale = None, 1.0
    if kind == "HistGradientBoostingClassifier":
        init = model._baseline_prediction.ravel().tolist()
        trees = [_histogram_tree(predictor.nodes) for step in model._predictors for predictor in step]
    else:
        if kind == "GradientBoostingClassifier":
            if model.init is not None:
                raise InvalidArgumentError(f"`model.init` must be the default, None, got {model.init!r}")
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
        "threshold": np.minimum(tree.threshold, 1e300).tolist(),
        "missing_left": tree.missing_go_to_left.astype(bool).tolist(),
        "value": tree.value[:, 0, :].tolist(),
        "samples": tree.n_node_samples.tolist(),
    }


def _histogram_tree(nodes: Any) -> dict[str, Any]:
    if nodes["is_categorical"].any():
        raise InvalidArgumentError("`model` must have no categorical features")
    leaf = nodes["is_leaf"].astype(bool)
    return {
        "left": np.where(leaf, -1, nodes["left"].astype(int)).tolist(),
        "right": np.where(leaf, -1, nodes["right"].astype(int)).tolist(),
        "feature": nodes["feature_idx"].tolist(),
        "threshold": np.where(leaf, 0, np.minimum(nodes["num_threshold"], 1e300)).tolist(),
        "missing_left": nodes["missing_go_to_left"].astype(bool).tolist(),
        "value": nodes["value"][:, None].tolist(),
        "samples": nodes["count"].tolist(),
    }
