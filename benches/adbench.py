"""The unsupervised default next to scikit-learn's isolation forest on ADBench's classical tables.

    python benches/adbench.py FOLDER_WITH_NPZ

Each table is split 70/30, stratified, with three seeds, and scaled to [0, 1] by its training part; tables of
more than 40,000 rows are cut to as many at random. Both detectors are fitted on the training part without
labels and score the test part once.
"""

import argparse
import json
import pathlib

import numpy as np
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import train_test_split

import qosguard as qg

SEEDS = range(3)
MAX_ROWS = 40_000


def tables(folder: pathlib.Path):
    """Name, rows and truth of each table."""
    for path in sorted(folder.glob("*.npz")):
        data = np.load(path, allow_pickle=True)
        yield path.stem, data["X"].astype(np.float64), data["y"].astype(int).ravel()


def split(X, y, seed):
    """Scaled training part, scaled test part and its truth."""
    if len(y) > MAX_ROWS:
        rows = np.random.default_rng(seed).choice(len(y), MAX_ROWS, replace=False)
        X, y = X[rows], y[rows]
    train, test, _, truth = train_test_split(X, y, test_size=0.3, stratify=y, random_state=seed)
    low, high = train.min(axis=0), train.max(axis=0)
    span = np.where(high > low, high - low, 1.0)
    return ((train - low) / span).astype(np.float32), ((test - low) / span).astype(np.float32), truth


def main() -> None:
    """Measure every table and print the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    rows = []
    for name, X, y in tables(options.folder):
        for seed in SEEDS:
            train, test, truth = split(X, y, seed)
            ours = qg.Ensemble("auto", random_state=seed).fit(train).anomaly_score(test)
            forest = IsolationForest(random_state=seed, n_jobs=1).fit(train)
            theirs = -forest.score_samples(test)
            measured = [f(truth, s) for s in (ours, theirs) for f in (roc_auc_score, average_precision_score)]
            rows.append((name, seed, *map(float, measured)))
        mean = np.mean([row[2:] for row in rows[-len(SEEDS) :]], axis=0)
        print(f"{name:<20} qosguard {mean[0]:.3f} / {mean[1]:.3f}   scikit-learn {mean[2]:.3f} / {mean[3]:.3f}")
    values = np.array([row[2:] for row in rows])
    by_seed = values.reshape(-1, len(SEEDS), 4).mean(axis=0)
    mean, spread = by_seed.mean(axis=0), by_seed.std(axis=0, ddof=1)
    for at, who in ((0, "qosguard"), (2, "scikit-learn")):
        print(f"{who:<13} AUROC {mean[at]:.4f} ± {spread[at]:.4f}   AUPRC {mean[at + 1]:.4f} ± {spread[at + 1]:.4f}")
    if options.json:
        options.json.write_text(json.dumps(rows))


if __name__ == "__main__":
    main()
