"""Writes isolation_forest.json: forests that scikit-learn has grown, and their scores.

Made with Python 3.11.7, scikit-learn 1.9.1 and NumPy 2.4.6:

    python isolation_forest.py > isolation_forest.json

Two things are stored.

`exported`: a small forest as `IsolationForestParts`, the rows to score, and scikit-learn's own mean path
lengths and scores in f64. scikit-learn compares f32 features with f64 thresholds; rounding a threshold to
the next f32 at or below it leaves every such comparison as it was, since no f32 lies in between.

`auroc`: the area under the ROC curve of scikit-learn's forest for ten seeds on the data of `clouds`, which
the Rust test makes again with the same integer arithmetic, so that no data have to be stored.
"""

import json
import sys

import numpy as np
from sklearn.ensemble import IsolationForest
from sklearn.ensemble._iforest import _average_path_length
from sklearn.metrics import roc_auc_score


def below(threshold):
    rounded = threshold.astype(np.float32)
    return np.where(rounded > threshold, np.nextafter(rounded, np.float32(-np.inf)), rounded)


def exported():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(400, 4)).astype(np.float32)
    x[:, 2] = np.round(x[:, 2])  # ties
    x[:, 3] = 1.5  # a constant column
    x[:40] = x[0]  # equal rows, which share a leaf
    forest = IsolationForest(n_estimators=20, max_samples=64, random_state=3).fit(x)
    parts = {
        "config": {"trees": 20, "max_samples": 64, "max_depth": None, "seed": 3},
        "n_features": 4,
        "sample_size": 64,
        "node_counts": [],
        "feature": [],
        "threshold": [],
        "right": [],
        "samples": [],
    }
    for estimator in forest.estimators_:
        tree = estimator.tree_
        leaf = tree.children_left < 0
        inner = np.flatnonzero(~leaf)
        assert (tree.children_left[inner] == inner + 1).all(), "preorder"
        parts["node_counts"].append(int(tree.node_count))
        parts["feature"] += np.where(leaf, -1, tree.feature).tolist()
        parts["threshold"] += np.where(leaf, 0, below(tree.threshold)).tolist()
        parts["right"] += np.where(leaf, 0, tree.children_right).tolist()
        parts["samples"] += tree.n_node_samples.tolist()
    rows = np.vstack([x[:60], 3 * rng.normal(size=(60, 4))]).astype(np.float32)
    paths = np.zeros(len(rows))
    for estimator in forest.estimators_:
        cuts = estimator.decision_path(rows).sum(axis=1).A1 - 1
        paths += cuts + _average_path_length(estimator.tree_.n_node_samples[estimator.apply(rows)])
    return {
        "parts": parts,
        "x": rows.tolist(),
        "path_lengths": (paths / len(forest.estimators_)).tolist(),
        "scores": (-forest.score_samples(rows)).tolist(),
    }


def clouds(n=4000, features=6, attacks=200):
    """A cloud of rows, and attacks spread twice as wide; from a 32-bit congruential generator."""
    state = 12345
    x = np.empty((n, features), np.float32)
    y = np.zeros(n, bool)
    y[:attacks] = True
    for i in range(n):
        for j in range(features):
            total = 0
            for _ in range(4):
                state = (1664525 * state + 1013904223) % 2**32
                total += state >> 16
            x[i, j] = (total - 131070) / 32768 * (2.0 if y[i] else 1.0)
    return x, y


def auroc():
    x, y = clouds()
    return [
        roc_auc_score(y, -IsolationForest(n_estimators=100, max_samples=256, random_state=s).fit(x).score_samples(x))
        for s in range(10)
    ]


json.dump({"exported": exported(), "auroc": auroc()}, sys.stdout)
sys.stdout.write("\n")
