"""Writes logistic.json: coefficients that scikit-learn finds.

Made with Python 3.11.7, scikit-learn 1.9.1 and NumPy 2.4.6:

    python logistic.py > logistic.json

The rows come from `rows`, which the Rust test makes again with the same integer arithmetic, so that no data
have to be stored. The `magnitudes` cases, where scikit-learn's default solver does not converge on the raw
columns, are solved by Newton's method on standardised ones with the penalty of the raw coefficients; the same
method must agree with scikit-learn on the other cases of two classes, which is asserted.
"""

import json
import sys

import numpy as np
from sklearn.linear_model import LogisticRegression

N, D = 600, 6
MAGNITUDES = np.array([1, 1, 1, 1e-3, 1, 1e4])
OFFSETS = np.array([0, 0, 5, 1e-2, 0, 3e4])


def draws(count):
    state = 2024
    out = np.zeros(count)
    for i in range(count):
        total = 0
        for _ in range(4):
            state = (1664525 * state + 1013904223) % 2**32
            total += state >> 16
        out[i] = (total - 131070) / 32768
    return out


def rows():
    """Bell-shaped columns; the fourth and the sixth are of another magnitude, the fifth is constant."""
    z = draws(N * (D + 1)).reshape(N, D + 1)
    x = (z[:, :D] * MAGNITUDES + OFFSETS).astype(np.float32)
    x[:, 4] = 7
    noise = z[:, D]
    margin = 1.5 * z[:, 0] - z[:, 1] + 0.5 * z[:, 3] - 0.8 * z[:, 5] + noise
    binary = (margin > 0.9).astype(int)
    three = np.where(margin > 0.9, 2, np.where(z[:, 2] + noise > 0.3, 1, 0))
    weights = (np.arange(N) % 5).astype(np.float32) / 2
    return x, binary, three, weights


def newton(x, y, weights, l2):
    """Newton's method for two classes on centred columns of unit spread; `coefficients, intercept` are raw."""
    x = x.astype(float)
    mean = x.mean(axis=0)
    spread = np.where(x.std(axis=0) > 0, x.std(axis=0), 1)
    z = np.column_stack([(x - mean) / spread, np.ones(len(x))])
    penalty = np.append(l2 / spread**2, 0)
    u = np.zeros(z.shape[1])
    for _ in range(100):
        p = 1 / (1 + np.exp(-z @ u))
        gradient = z.T @ (weights * (p - y)) + penalty * u
        hessian = (z * (weights * p * (1 - p))[:, None]).T @ z + np.diag(penalty)
        u -= np.linalg.solve(hessian, gradient)
    w = u[:-1] / spread
    return w, u[-1] - w @ mean


def main():
    x, binary, three, weights = rows()
    ones = np.ones(N)

    def balanced(y, w):
        return w * (w.sum() / (2 * np.array([w[y == 0].sum(), w[y == 1].sum()])))[y]

    cases = []
    small = x[:, :3]
    for name, columns, y, l2, class_weight, sample_weight in [
        ("plain", 3, binary, 1.0, None, None),
        ("strong penalty", 3, binary, 50.0, None, None),
        ("balanced", 3, binary, 1.0, "balanced", None),
        ("sample weights", 3, binary, 0.5, None, weights),
        ("balanced with sample weights", 3, binary, 0.5, "balanced", weights),
        ("three classes", 3, three, 1.0, None, weights),
        ("three classes, balanced", 3, three, 1.0, "balanced", None),
    ]:
        model = LogisticRegression(C=1 / l2, class_weight=class_weight, solver="lbfgs", tol=1e-12, max_iter=100_000)
        model.fit(small.astype(float), y, sample_weight)
        coefficients, intercepts = model.coef_, model.intercept_
        if y is binary:
            w = ones if sample_weight is None else weights.astype(float)
            ours, b = newton(small, y, balanced(y, w) if class_weight else w, l2)
            assert np.abs(ours - coefficients[0]).max() < 1e-6, name
            assert abs(b - intercepts[0]) < 1e-6, name
        cases.append((name, columns, y, l2, class_weight, sample_weight is not None, coefficients, intercepts))
    for name, class_weight in [("magnitudes", None), ("magnitudes, balanced", "balanced")]:
        ours, b = newton(x, binary, balanced(binary, ones) if class_weight else ones, 1e-3)
        cases.append((name, D, binary, 1e-3, class_weight, False, ours[None], np.array([b])))
    json.dump(
        [
            {
                "name": name,
                "columns": columns,
                "classes": int(y.max()) + 1,
                "l2": l2,
                "balanced": class_weight == "balanced",
                "weighted": weighted,
                "coefficients": coefficients.tolist(),
                "intercepts": intercepts.tolist(),
            }
            for name, columns, y, l2, class_weight, weighted, coefficients, intercepts in cases
        ],
        sys.stdout,
        indent=1,
    )
    sys.stdout.write("\n")


main()
