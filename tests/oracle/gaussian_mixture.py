"""Writes gaussian_mixture.json: what scikit-learn's GaussianMixture finds from the same responsibilities.

Made with Python 3.11.7, scikit-learn 1.9.1 and NumPy 2.4.6:

    python gaussian_mixture.py > gaussian_mixture.json

The rows of `cloud` are made again by the Rust test, so that no data have to be stored. Row i belongs to
component i mod 4 at the start. `auroc` is the area under the ROC curve of scikit-learn's mixture, started by its
own k-means, for ten seeds: it is fitted on the clean rows, and the first 100 rows of the second cloud, whose
columns do not depend on each other, are the attacks.
"""

import json
import sys
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture

K, STEPS, REGULARISATION = 4, 25, 1e-3


def cloud(rows, state, attacks=0):
    """Two groups with columns that depend on each other; in the first `attacks` rows they do not."""
    x = np.zeros((rows, 3), dtype=np.float32)
    for i in range(rows):
        z = []
        for _ in range(3):
            total = 0
            for _ in range(4):
                state = (1664525 * state + 1013904223) % 2**32
                total += state >> 16
            z.append((total - 131070) / 32768)
        if i < attacks:
            x[i] = [z[0] + 2 * (i % 2), 1.25 * z[1], z[2]]
        else:
            x[i] = [z[0] + 2 * (i % 2), z[0] - 2 * (i % 2) + 0.5 * z[1], z[2] - 0.75 * z[0]]
    return x


class Started(GaussianMixture):
    def _initialize_parameters(self, X, random_state, xp=None):
        shares = np.zeros((len(X), K))
        shares[np.arange(len(X)), np.arange(len(X)) % K] = 1
        self._initialize(X, shares)


def main():
    warnings.simplefilter("ignore", ConvergenceWarning)
    x, test = cloud(500, 7), cloud(500, 99, attacks=100)
    truth = np.arange(500) < 100
    out = {}
    for covariance, name in [("full", "full"), ("diag", "diagonal")]:
        model = Started(K, covariance_type=covariance, reg_covar=REGULARISATION, max_iter=STEPS, tol=0)
        model.fit(x.astype(float))
        assert model.n_iter_ == STEPS
        out[name] = {
            "weights": model.weights_.tolist(),
            "means": model.means_.tolist(),
            "log_likelihood": float(model.lower_bound_),
            "scores": (-model.score_samples(test[:100].astype(float))).tolist(),
        }
    out["auroc"] = [
        roc_auc_score(truth, -GaussianMixture(K, reg_covar=REGULARISATION, random_state=s).fit(x).score_samples(test))
        for s in range(10)
    ]
    json.dump(out, sys.stdout, indent=1)
    sys.stdout.write("\n")


main()
