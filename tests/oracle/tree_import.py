"""Writes tree_import.json: small models of other libraries, rows, and what the libraries make of them.

Made with qosguard (its exporter of scikit-learn trees), Python 3.11.7, LightGBM 4.7.0, XGBoost 3.2.0,
scikit-learn 1.9.1 and NumPy 2.4.6:

    python tree_import.py > tree_import.json

Each case has the model as text, the rows (null is a missing value) and

- `margins`: for LightGBM its raw scores, which are sums in f64 (their mean for a random forest); for XGBoost,
  which sums in f32, the sums in f64
  of the leaf values that `pred_leaf` points to, from the base score on, and next to them `f32_margins`, its own
  sums; for scikit-learn's boosted models the decision function,
- `probabilities`: what the library predicts.
"""

import json
import math
import sys

import lightgbm as lgb
import numpy as np
import xgboost as xgb
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)

from qosguard.sklearn_json import sklearn_json

rng = np.random.default_rng(11)
ROWS = 40


def data(missing, categories=False):
    """Training rows and labels 0, 1, 2; column 2 has ties, column 3 holds categories or zeros."""
    x = rng.normal(size=(600, 4)).astype(np.float32)
    x[:, 2] = np.round(x[:, 2])
    x[:, 3] = rng.choice([0, 1, 2, 5, 33, 70], 600) if categories else np.maximum(x[:, 3], 0)
    y = (x[:, 0] > 0).astype(int) + (x[:, 2] + (x[:, 3] == 2) > 0.5)
    if missing:
        x[rng.random(x.shape) < 0.15] = np.nan
    return x, y


def rows(x, missing):
    """Rows to predict: some of training, some new, with missing values and unknown categories."""
    new = np.concatenate([x[: ROWS // 2], x[-ROWS // 2 :] * np.float32(1.5)]).astype(np.float32)
    if missing:
        new[rng.random(new.shape) < 0.2] = np.nan
    else:
        new[np.isnan(new)] = 0
    return new


def case(library, name, model, x, margins, probabilities, **more):
    return {
        "library": library,
        "name": name,
        "model": model,
        "x": [[None if np.isnan(v) else float(v) for v in row] for row in x],
        "margins": None if margins is None else np.reshape(margins, (len(x), -1)).tolist(),
        "probabilities": np.asarray(probabilities, np.float64).reshape(len(x), -1).tolist(),
        **more,
    }


def lightgbm(name, missing, categories=False, train_missing=None, trees=6, **settings):
    x, y = data(missing if train_missing is None else train_missing, categories)
    multi = settings.get("objective") == "multiclass"
    settings = {"objective": "binary", "num_leaves": 7, "verbose": -1, "num_threads": 1, "seed": 1} | settings
    train = lgb.Dataset(x, y if multi else (y > 0).astype(int), categorical_feature=[3] if categories else [])
    booster = lgb.train(settings, train, trees)
    text = booster.model_to_string().split("feature_importances")[0]
    new = rows(x, missing)
    wide = new.astype(np.float64)
    # The raw score of a random forest is the sum, of which LightGBM takes the mean for the probability.
    divisor = trees if settings.get("boosting") == "rf" else 1
    margins = booster.predict(wide, raw_score=True) / divisor
    return case("lightgbm", name, text, new, margins, booster.predict(wide))


def xgboost(name, missing, categories=False, trees=6, **settings):
    x, y = data(missing, categories)
    multi = settings.get("objective", "").startswith("multi")
    y = y if multi else (y > 0).astype(int)
    types = ["q", "q", "q", "c" if categories else "q"]

    def frame(x, y=None):
        return xgb.DMatrix(x, y, feature_types=types, enable_categorical=True)

    settings = {"objective": "binary:logistic", "max_depth": 3, "nthread": 1, "seed": 1} | settings
    booster = xgb.train(settings, frame(x, y), trees)
    text = booster.save_raw("json").decode()
    learner = json.loads(text)["learner"]
    gradient_booster = learner["gradient_booster"]
    model = gradient_booster.get("model") or gradient_booster["gbtree"]["model"]
    weights = gradient_booster.get("weight_drop", [1.0] * len(model["trees"]))
    new = rows(x, missing)
    if categories:
        new[:, 3] = np.abs(new[:, 3])
    leaves = booster.predict(frame(new), pred_leaf=True).reshape(len(new), -1).astype(int)
    base = [float(np.float32(b)) for b in learner["learner_model_param"]["base_score"].strip("[]").split(",")]
    if not multi:
        base = [math.log(base[0] / (1 - base[0]))]
    margins = np.tile(np.array(base, np.float64), (len(new), 1))
    for t, (tree, output) in enumerate(zip(model["trees"], model["tree_info"], strict=False)):
        values = np.array(tree["split_conditions"], np.float32).astype(np.float64)
        margins[:, output] += values[leaves[:, t]] * float(np.float32(weights[t]))
    theirs = booster.predict(frame(new), output_margin=True).reshape(len(new), -1).astype(np.float64)
    return case("xgboost", name, text, new, margins, booster.predict(frame(new)), f32_margins=theirs.tolist())


def scikit(name, model, missing, classes):
    x, y = data(missing)
    model.fit(x, y if classes == 3 else (y > 0).astype(int))
    new = rows(x, missing)
    boosted = hasattr(model, "decision_function")
    margins = model.decision_function(new) if boosted else None
    return case("sklearn", name, sklearn_json(model), new, margins, model.predict_proba(new))


json.dump(
    [
        lightgbm("missing", True),
        lightgbm("none missing in training", True, train_missing=False),
        lightgbm("categories", True, categories=True, min_data_per_group=5, max_cat_to_onehot=1, cat_smooth=1),
        lightgbm("multiclass", True, objective="multiclass", num_class=3, trees=3),
        lightgbm("random forest", False, boosting="rf", bagging_freq=1, bagging_fraction=0.6),
        lightgbm("cross entropy", False, objective="cross_entropy"),
        xgboost("missing", True),
        xgboost("categories", True, categories=True, max_cat_to_onehot=2),
        xgboost("multiclass", True, objective="multi:softprob", num_class=3, trees=3),
        xgboost("dart", False, booster="dart", rate_drop=0.5),
        scikit("random forest", RandomForestClassifier(6, max_depth=3, random_state=1), True, 2),
        scikit("extra trees", ExtraTreesClassifier(4, max_depth=3, random_state=1), False, 3),
        scikit("gradient boosting", GradientBoostingClassifier(n_estimators=6, random_state=1), False, 2),
        scikit("three classes", GradientBoostingClassifier(n_estimators=3, max_depth=2, random_state=1), False, 3),
        scikit("histograms", HistGradientBoostingClassifier(max_iter=4, max_leaf_nodes=6), True, 2),
        scikit("histograms of three", HistGradientBoostingClassifier(max_iter=2, max_leaf_nodes=5), True, 3),
    ],
    sys.stdout,
)
sys.stdout.write("\n")
