"""Writes xgboost_classifier.ubj and xgboost_classifier.json: a classifier as XGBoost saves it, and what it predicts.

Made with Python 3.11.7, XGBoost 3.2.0, pandas 3.1.1 and NumPy 2.4.6:

    python xgboost_formats.py

The classifier has a column of text categories, takes 0 for a missing value and has stopped early. The JSON has rows of
codes (null is NaN), the probabilities of the classifier, and the probabilities of its booster, which counts every tree.
"""

import json
import pathlib

import numpy as np
import pandas as pd
import xgboost as xgb

here = pathlib.Path(__file__).parent
rng = np.random.default_rng(5)
codes = rng.integers(0, 4, 500)
names = ["dns", "http", "smtp", "ssh"]
frame = pd.DataFrame(
    {"a": rng.normal(size=500), "service": pd.Categorical.from_codes(codes, names), "b": rng.normal(size=500)}
)
frame = frame.astype({"a": np.float32, "b": np.float32})
frame.loc[rng.random(500) < 0.3, "b"] = 0
y = np.isin(codes, [1, 3]).astype(int) ^ (frame["b"] == 0) ^ (rng.random(500) < 0.3)
model = xgb.XGBClassifier(
    n_estimators=30, max_depth=3, learning_rate=0.6, early_stopping_rounds=3, enable_categorical=True, missing=0
)
model.fit(frame[:300], y[:300], eval_set=[(frame[300:], y[300:])], verbose=False)
assert model.best_iteration + 1 < model.get_booster().num_boosted_rounds()
model.save_model(here / "xgboost_classifier.ubj")

rows = frame[:40]
matrix = rows.assign(service=rows["service"].cat.codes).to_numpy(np.float32)
matrix[::7, 0] = np.nan
x = xgb.DMatrix(
    matrix, missing=0, feature_names=list(frame.columns), feature_types=["float", "c", "float"], enable_categorical=True
)
best = model.get_booster().predict(x, iteration_range=(0, model.best_iteration + 1))
expected = {
    "names": names,
    "rounds": model.best_iteration + 1,
    "x": [[None if np.isnan(v) else float(v) for v in row] for row in matrix],
    "probabilities": best.tolist(),
    "booster": model.get_booster().predict(x).tolist(),
}
(here / "xgboost_classifier.json").write_text(json.dumps(expected) + "\n")
