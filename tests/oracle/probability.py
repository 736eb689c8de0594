"""Writes probability.json: scikit-learn's maps from scores to probabilities, and its measures of them.

Run it so:

    pip install numpy==2.4.6 scikit-learn==1.9.1
    python tests/oracle/probability.py

Platt: scikit-learn's own search stops at a gradient of 1e-6, so a few Newton steps are added to its answer.
Isotonic: the added attack and clean row are given to scikit-learn as rows. Temperature: it is given every row
twice, weighted with the smoothed labels. No quantile of the bins falls on a row: where one does, the rounding of
scikit-learn's quantile decides the row's bin.
"""

import json
from pathlib import Path

import numpy as np
import sklearn
from scipy.special import expit, softmax
from sklearn.calibration import _SigmoidCalibration, _TemperatureScaling, calibration_curve
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss

BINS = 12


def platt(scores, labels):
    fitted = _SigmoidCalibration().fit(scores, labels)
    slope, offset = -fitted.a_, -fitted.b_
    attacks, clean = labels.sum(), (~labels).sum()
    targets = np.where(labels, (attacks + 1) / (attacks + 2), 1 / (clean + 2))
    x = np.column_stack([scores, np.ones(len(scores))])
    theirs = np.array([slope, offset])
    ours = theirs.copy()
    for _ in range(5):
        p = expit(x @ ours)
        ours -= np.linalg.solve((x.T * (p * (1 - p))) @ x, x.T @ (p - targets))
    assert abs(expit(x @ ours) - expit(x @ theirs)).max() < 1e-4
    return ours


def isotonic(scores, labels, probes):
    added = np.append(scores, [scores.min(), scores.max()])
    regression = IsotonicRegression(out_of_bounds="clip").fit(added, np.append(labels, [True, False]))
    return regression.predict(probes)


def temperature(logits, classes):
    """Every row once for each class, with what it counts for it."""
    rows, width = logits.shape
    n = np.bincount(classes, minlength=width)[classes][:, None]
    weights = np.where(np.arange(width) == classes[:, None], (n + 1) / (n + 2), 1 / (n + 2) / (width - 1))
    repeated = np.repeat(logits, width, axis=0)
    labels = np.tile(np.arange(width), rows)
    fitted = _TemperatureScaling().fit(repeated, labels, sample_weight=weights.ravel())
    return float(fitted.beta_)


def case(name, rng, rows, slope, offset, steps):
    scores = rng.normal(size=rows) * 2
    if steps:
        scores = np.round(scores * steps) / steps
    scores = scores.astype(np.float32).astype(float)
    labels = rng.random(rows) < expit(slope * scores + offset)
    labels[:2] = [False, True]
    probes = np.concatenate([scores[:40], np.linspace(-9, 9, 37)]).astype(np.float32).astype(float)
    p_slope, p_offset = platt(scores, labels)
    inverse = temperature(np.column_stack([np.zeros(rows), scores]), labels.astype(int))
    predicted = expit(p_slope * scores + p_offset)
    assert np.gcd(rows - 1, BINS) == 1
    observed, mean = calibration_curve(labels, predicted, n_bins=BINS, strategy="quantile")
    return {
        "name": name,
        "scores": scores.tolist(),
        "labels": labels.tolist(),
        "probes": probes.tolist(),
        "platt": expit(p_slope * probes + p_offset).tolist(),
        "isotonic": isotonic(scores, labels, probes).tolist(),
        "temperature": expit(inverse * probes).tolist(),
        "probabilities": predicted.tolist(),
        "brier": brier_score_loss(labels, predicted),
        "observed": observed.tolist(),
        "predicted": mean.tolist(),
    }


def many_classes(rng, rows=300, width=4):
    logits = (rng.normal(size=(rows, width)) * 3).astype(np.float32).astype(float)
    chosen = [rng.choice(width, p=p) for p in softmax(logits / 2.5, axis=1)]
    classes = np.array(chosen)
    inverse = temperature(logits, classes)
    return {
        "width": width,
        "logits": logits.ravel().tolist(),
        "classes": classes.tolist(),
        "probabilities": softmax(inverse * logits[:20], axis=1).ravel().tolist(),
    }


rng = np.random.default_rng(20240612)
suite = {
    "written_with": f"scikit-learn {sklearn.__version__}, numpy {np.__version__}",
    "bins": BINS,
    "cases": [
        case("no ties", rng, 300, 1.0, -0.5, None),
        case("many ties", rng, 300, 0.6, 0.3, 2),
        case("few attacks", rng, 408, 1.2, -4.5, 20),
        case("nearly parted", rng, 200, 12.0, 3.0, None),
    ],
    "many_classes": many_classes(rng),
}
Path(__file__).with_suffix(".json").write_text(json.dumps(suite) + "\n")
