"""Writes shap.json: shap's values for forests that scikit-learn has grown.

Made with Python 3.11.7, shap 0.51.0, scikit-learn 1.9.1 and NumPy 2.4.6:

    python shap.py > shap.json

Each entry holds a model as `TreeEnsembleParts`, the rows, and shap's path-dependent values in f64: a boosted
classifier, explained in log-odds, and a forest whose leaves hold probabilities. scikit-learn compares f32
features with f64 thresholds; rounding a threshold to the next f32 at or below it leaves every such
comparison as it was, since no f32 lies in between.
"""

import json
import sys

sys.path.pop(0)  # this file has the name of the package

import numpy as np
import shap
from sklearn.ensemble import GradientBoostingClassifier, RandomForestRegressor


def below(threshold):
    rounded = threshold.astype(np.float32)
    return np.where(rounded > threshold, np.nextafter(rounded, np.float32(-np.inf)), rounded)


def parts(estimators, features, link, base, factor):
    result = {
        "n_features": features,
        "feature_names": None,
        "classes": ["clean", "attack"],
        "link": link,
        "averaged": link == "mean",
        "accepts_missing": False,
        "base": [base],
        "tree_counts": [len(estimators)],
        "set_counts": [0],
        "category_sets": [],
        "node_counts": [],
        "feature": [],
        "threshold": [],
        "category_set": [],
        "missing_left": [],
        "right": [],
        "value": [],
        "cover": [],
    }
    for estimator in estimators:
        tree = estimator.tree_
        leaf = tree.children_left < 0
        inner = np.flatnonzero(~leaf)
        assert (tree.children_left[inner] == inner + 1).all(), "preorder"
        n = int(tree.node_count)
        result["node_counts"].append(n)
        result["feature"] += np.where(leaf, -1, tree.feature).tolist()
        result["threshold"] += np.where(leaf, 0, below(tree.threshold)).tolist()
        result["category_set"] += [-1] * n
        result["missing_left"] += [False] * n
        result["right"] += np.where(leaf, 0, tree.children_right).tolist()
        result["value"] += np.where(leaf, factor * tree.value[:, 0, 0], 0).tolist()
        result["cover"] += tree.weighted_n_node_samples.tolist()
    return result


def data():
    rng = np.random.default_rng(11)
    x = rng.normal(size=(600, 7)).astype(np.float32)
    x[:, 2] = np.round(x[:, 2])  # ties
    y = x[:, 0] * x[:, 1] + np.sin(3 * x[:, 3]) + 0.5 * x[:, 2] + 0.3 * rng.normal(size=len(x)) > 0.4
    return x, y


def entry(model, parts, x):
    explainer = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")
    values = explainer.shap_values(x)
    base = float(np.ravel(explainer.expected_value)[0])
    return {
        "parts": parts,
        "x": x.tolist(),
        "base": base,
        "contributions": values.tolist(),
        "margins": (base + values.sum(axis=1)).tolist(),
    }


x, y = data()
rows = x[:25]
boosted = GradientBoostingClassifier(n_estimators=12, max_depth=4, random_state=1).fit(x, y)
share = y.mean()
boosted_parts = parts(
    boosted.estimators_[:, 0], x.shape[1], "logistic", float(np.log(share / (1 - share))), boosted.learning_rate
)
forest = RandomForestRegressor(n_estimators=5, max_depth=9, min_samples_leaf=4, random_state=2).fit(x, y.astype(float))
forest_parts = parts(forest.estimators_, x.shape[1], "mean", 0.0, 1.0)
json.dump([entry(boosted, boosted_parts, rows), entry(forest, forest_parts, rows)], sys.stdout)
sys.stdout.write("\n")
