from __future__ import annotations

import pickle
import warnings
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

import qosguard as qg
from qosguard import _core, errors

Matrix = npt.NDArray[np.float32]

DETECTORS: list[Any] = [
    qg.IsolationForest(20),
    qg.GaussianMixture(3),
    qg.ContrastTrees(n_estimators=10),
    qg.Ensemble([("forest", qg.IsolationForest(10), 1.0), ("mixture", qg.GaussianMixture(2), 2.0)]),
    qg.BoostedTrees(20),
    qg.LogisticRegression(),
]


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: type(detector).__name__)
def test_contributions_sum_to_the_score(detector: Any, matrix: Matrix) -> None:
    y = (matrix[:, 0] > 0.5).astype(int) if hasattr(detector, "clean_class") else None
    why = detector.fit(matrix, y).explain(matrix[-50:])
    assert isinstance(why, qg.Explanation)
    assert why.contributions.shape == (50, 5)
    np.testing.assert_allclose(why.base + why.contributions.sum(axis=1), why.scores, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(why.scores, detector.anomaly_score(matrix[-50:]), rtol=1e-4, atol=1e-4)
    assert why.feature_names == ["x0", "x1", "x2", "x3", "x4"]


def test_contributions_equal_lightgbms(matrix: Matrix) -> None:
    y = matrix[:, 0] * matrix[:, 1] > 0.2
    theirs = lightgbm.LGBMClassifier(n_estimators=20, n_jobs=1, verbose=-1).fit(matrix, y)
    expected = np.asarray(theirs.predict(matrix, pred_contrib=True))
    why = qg.TreeModel.from_lightgbm(theirs).explain(matrix)
    np.testing.assert_allclose(why.contributions, expected[:, :-1], atol=1e-9)
    assert why.base == pytest.approx(expected[0, -1], abs=1e-9)


def test_the_largest_come_first() -> None:
    native = _core.Explanation(0.5, np.array([[0.1, -0.4, 0.0], [0.2, 0.0, 0.1]]), np.array([0.2, 0.8]))
    why = qg.Explanation(native, np.zeros((2, 3), dtype=np.float32), ["bytes", "packets", "duration"])
    assert why.top(0, 2) == [("packets", -0.4), ("bytes", 0.1)]
    assert why.top(-1, 9) == [("bytes", 0.2), ("duration", 0.1)]
    np.testing.assert_allclose(why.importance(), [0.15, 0.2, 0.05])
    with pytest.raises(IndexError):
        why.top(2, 1)
    copy = pickle.loads(pickle.dumps(why))
    assert copy.top(0, 2) == why.top(0, 2)
    assert repr(copy) == "Explanation(2 rows, 3 features)"


def test_names_come_from_the_columns_of_the_frame(matrix: Matrix) -> None:
    frame = pd.DataFrame(matrix, columns=list("abcde"))
    frame.loc[600] = [0.0, 0.0, 0.0, 60.0, 0.0]
    why = qg.IsolationForest().fit(frame).explain(frame)
    assert why.top(600, 1)[0][0] == "d"


def test_half_space_trees_belong_to_no_single_features(matrix: Matrix) -> None:
    with pytest.raises(errors.InvalidArgumentError, match="half-space trees"):
        qg.HalfSpaceTrees().fit(matrix).explain(matrix)


def test_shaps_plots_accept_an_explanation(matrix: Matrix) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import matplotlib as mpl
            import shap
    except ImportError:
        pytest.skip("SKIPPED: shap is not installed, so no plot of an explanation was drawn")
    mpl.use("agg")
    frame = pd.DataFrame(matrix, columns=list("abcde"))
    why = qg.IsolationForest(20).fit(frame).explain(frame)
    theirs = why.to_shap()
    assert isinstance(theirs, shap.Explanation)
    assert theirs.shape == (601, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shap.plots.beeswarm(theirs, show=False)
        shap.plots.bar(theirs, show=False)
        axes = shap.plots.waterfall(theirs[600], show=False)
    assert any("d" in label.get_text() for label in axes.get_yticklabels())


def test_a_guard_explains_by_raw_column():
    flows = qg.simulate(rows=2_000, seed=3)
    guard = qg.Guard(qg.IsolationForest(n_estimators=20)).fit(flows)
    why = guard.explain(flows)
    assert why.contributions.shape == (2_000, len(why.columns))
    np.testing.assert_allclose(why.base + why.contributions.sum(axis=1), why.scores, atol=1e-9)
    worst = guard.assess(flows).top(1)[0].row
    reasons = why.reasons(worst, 3)
    assert [r.contribution for r in reasons] == sorted((r.contribution for r in reasons), reverse=True)
    assert all(r.feature in r.text and r.feature in why.columns for r in reasons)
    again = qg.Guard.from_bytes(guard.to_bytes())
    assert again.explain(flows).reasons(worst, 3) == reasons
    with pytest.raises(IndexError):
        why.reasons(2_000, 1)
