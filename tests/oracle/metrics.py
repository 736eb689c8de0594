"""Writes metrics.json: scikit-learn's values for scores with and without ties.

Run it so:

    pip install numpy==2.4.6 scikit-learn==1.9.1
    python tests/oracle/metrics.py
"""

import json
from pathlib import Path

import numpy as np
import sklearn
from sklearn import metrics

CAPS = [0.0, 0.001, 0.01, 0.1, 0.5]
BINS = 10


def tpr_at(labels, scores, cap):
    fpr, tpr, _ = metrics.roc_curve(labels, scores, drop_intermediate=False)
    return float(tpr[fpr <= cap].max())


def calibration_error(labels, probabilities):
    bins = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    gaps = [abs((probabilities - labels)[bins == b].mean()) * (bins == b).mean() for b in set(bins)]
    return float(sum(gaps))


def case(name, rng, rows, share, shift, steps):
    labels = rng.random(rows) < share
    labels[:2] = [False, True]
    scores = rng.normal(size=rows) + shift * labels
    if steps:
        scores = np.round(scores * steps) / steps
    scores = scores.astype(np.float32)
    threshold = np.float32(np.quantile(scores, 0.8))
    flagged = scores > threshold
    probabilities = 1 / (1 + np.exp(-scores.astype(float)))
    return {
        "name": name,
        "scores": [float(s) for s in scores],
        "labels": [bool(label) for label in labels],
        "threshold": float(threshold),
        "roc_auc": float(metrics.roc_auc_score(labels, scores)),
        "average_precision": float(metrics.average_precision_score(labels, scores)),
        "precision": float(metrics.precision_score(labels, flagged)),
        "recall": float(metrics.recall_score(labels, flagged)),
        "f1": float(metrics.f1_score(labels, flagged)),
        "tpr_at_fpr": [[cap, tpr_at(labels, scores, cap)] for cap in CAPS],
        "probabilities": [float(p) for p in probabilities],
        "calibration_error": calibration_error(labels, probabilities),
    }


rng = np.random.default_rng(20240611)
suite = {
    "written_with": f"scikit-learn {sklearn.__version__}, numpy {np.__version__}",
    "bins": BINS,
    "cases": [
        case("no ties", rng, 300, 0.3, 1.5, None),
        case("many ties", rng, 300, 0.3, 1.0, 2),
        case("few attacks", rng, 400, 0.01, 2.0, 50),
        case("scores that mislead", rng, 200, 0.5, -0.7, 5),
        case("two scores", rng, 100, 0.4, 1.0, 0.3),
    ],
}
Path(__file__).with_suffix(".json").write_text(json.dumps(suite) + "\n")
