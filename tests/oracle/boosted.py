"""Writes boosted.json: how well LightGBM and scikit-learn do on the tables of tests/boosted_trees.rs.

Made with Python 3.11.7, LightGBM 4.7.0, scikit-learn 1.9.1 and NumPy 2.4.6:

    python boosted.py > boosted.json

The Rust test makes the same rows again with the same integer and f64 arithmetic, so that no data have to be
stored. Stored are the mean log losses on rows that were not trained on.
"""

import json
import math
import sys

import lightgbm
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss

EFFECT = [0.9, -0.7, 0.2, 1.1, -1.2, 0.0, 0.6, -0.4, 1.3, -0.9, 0.3, -0.1]
TRAIN, TEST, FEATURES = 6000, 4000, 6


def table(seed):
    """Four numbers, a code and a number that is missing in every fourth row; a label of three classes."""
    state = seed

    def draw():
        nonlocal state
        state = (state * 1_664_525 + 1_013_904_223) % 2**32
        return (state >> 8) / 2**24

    x = np.zeros((TRAIN + TEST, FEATURES), dtype=np.float32)
    labels = np.zeros(TRAIN + TEST, dtype=np.int64)
    for i in range(TRAIN + TEST):
        a, b, c, d, e, f = (draw() for _ in range(FEATURES))
        code = int(e * 12)
        missing = draw() < 0.25
        z = 2 * a - b + (2 if (c > 0.5) == (d > 0.3) else 0) + EFFECT[code] + (1.5 if missing else f)
        z += draw() + draw() + draw() - 1.5
        x[i] = [a, b, c, d, code, math.nan if missing else f]
        labels[i] = (z > 2.2) + (z > 3.4)
    return x, labels


def main():
    out = {}
    for seed in (1, 2, 3):
        x, labels = table(seed)
        train, test = slice(None, TRAIN), slice(TRAIN, None)
        for name, y, codes in (
            ("two", (labels > 0).astype(int), []),
            ("two_codes", (labels > 0).astype(int), [4]),
            ("three", labels, []),
        ):
            classes = y.max() + 1
            ours = {"num_leaves": 15, "learning_rate": 0.1, "min_data_in_leaf": 20, "lambda_l2": 1.0, "max_bin": 255}
            ours |= {"objective": "multiclass", "num_class": classes} if classes > 2 else {"objective": "binary"}
            data = lightgbm.Dataset(x[train], y[train], categorical_feature=codes)
            model = lightgbm.train(ours | {"num_threads": 1, "verbose": -1}, data, 60)
            # For K classes LightGBM scales hessians by K / (K - 1); here steps and l2 are as much smaller.
            factor = classes / (classes - 1) if classes > 2 else 1
            forest = HistGradientBoostingClassifier(
                learning_rate=0.1 / factor,
                max_iter=60,
                max_leaf_nodes=15,
                l2_regularization=1.0 / factor,
                categorical_features=codes,
                early_stopping=False,
            ).fit(x[train], y[train])
            losses = out.setdefault(name, {"lightgbm": [], "scikit_learn": []})
            losses["lightgbm"].append(log_loss(y[test], model.predict(x[test])))
            losses["scikit_learn"].append(log_loss(y[test], forest.predict_proba(x[test])))
    json.dump(out, sys.stdout, indent=1)
    print()


main()
