from __future__ import annotations

import pickle

import numpy as np
import pyarrow as pa
import pytest
import sklearn.calibration
import sklearn.metrics

import qosguard as qg
from qosguard import errors


def test_metrics_equal_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    labels = rng.random(500) < 0.2
    scores = (rng.normal(size=500) + labels).astype(np.float32)
    report = qg.evaluate(scores, labels, 0.8, asked_fpr=0.05, protocol="toy", resamples=100, seed=4)
    flagged = scores > 0.8
    assert report.auc.value == pytest.approx(sklearn.metrics.roc_auc_score(labels, scores), abs=1e-12)
    expected = sklearn.metrics.average_precision_score(labels, scores)
    assert report.average_precision.value == pytest.approx(expected, abs=1e-12)
    assert report.f1.value == pytest.approx(sklearn.metrics.f1_score(labels, flagged), abs=1e-12)
    assert report.recall.value == pytest.approx(flagged[labels].mean(), abs=1e-12)
    assert report.realised_fpr.value == pytest.approx(flagged[~labels].mean(), abs=1e-12)
    assert report.auc.low < report.auc.value < report.auc.high
    assert (report.asked_fpr, report.protocol, report.seed, report.level) == (0.05, "toy", 4, 0.95)
    assert (report.rows, report.attacks) == (500, labels.sum())
    assert str(report).startswith("toy: 500 rows")
    assert report == qg.evaluate(scores, labels, 0.8, asked_fpr=0.05, protocol="toy", resamples=100, seed=4)


def test_recall_by_family() -> None:
    families = [""] * 4 + ["scan"] * 2 + ["flood"] * 2
    report = qg.evaluate([0, 0, 0, 5, 9, 1, 9, 9], [0, 0, 0, 0, 1, 1, 1, 1], 4.0, families=families)
    assert {name: (f.rows, f.recall.value) for name, f in report.families.items()} == {
        "flood": (2, 1.0),
        "scan": (2, 0.5),
    }
    assert report.macro_recall is not None
    assert report.macro_recall.value == 0.75
    assert qg.evaluate([0, 9], [0, 1], 4.0).macro_recall is None


def test_scores_and_labels_that_cannot_be_measured_are_rejected() -> None:
    with pytest.raises(errors.ShapeMismatchError):
        qg.evaluate([1.0, 2.0], [True], 0.0)
    with pytest.raises(errors.InsufficientDataError):
        qg.evaluate([1.0, 2.0], [True, True], 0.0)
    with pytest.raises(errors.NotFiniteError):
        qg.evaluate([1.0, float("nan")], [True, False], 0.0)
    for option in ({"resamples": -1}, {"resamples": 1}, {"level": 1.0}, {"seed": -1}):
        with pytest.raises(errors.InvalidArgumentError, match=next(iter(option))):
            qg.evaluate([1.0, 2.0], [True, False], 0.0, **option)  # type: ignore[arg-type]


def test_calibration_error_bins_like_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(600)
    labels = rng.random(600) < p**1.5
    error = qg.calibration_error(p, labels, bins=10, protocol="toy", resamples=100, seed=4)
    observed, predicted = sklearn.calibration.calibration_curve(labels, p, n_bins=10, strategy="quantile")
    assert [b.predicted for b in error.bins] == pytest.approx(predicted.tolist())
    assert [b.observed.value for b in error.bins] == pytest.approx(observed.tolist())
    rows = np.array([b.rows for b in error.bins])
    assert error.expected.value == pytest.approx((rows * abs(observed - predicted)).sum() / 600)
    assert error.maximum.value == pytest.approx(abs(observed - predicted).max())
    assert error.brier.value == pytest.approx(sklearn.metrics.brier_score_loss(labels, p))
    assert error.brier.low < error.brier.value < error.brier.high
    assert (error.rows, error.attacks, error.protocol, error.seed) == (600, labels.sum(), "toy", 4)
    assert str(error).startswith("toy: 600 rows")
    for wrong in ({"bins": 0}, {"bins": 2**70}, {"level": 0.0}):
        with pytest.raises(errors.InvalidArgumentError, match=next(iter(wrong))):
            qg.calibration_error(p, labels, **wrong)  # type: ignore[arg-type]
    with pytest.raises(errors.InvalidArgumentError):
        qg.calibration_error([0.5, 1.5], [True, False])
    with pytest.raises(errors.ShapeMismatchError):
        qg.calibration_error([0.5], [True, False])


def test_p_values_are_combined_row_by_row() -> None:
    p = np.array([[0.1, 0.1], [0.2, 0.8], [np.nan, 0.5]])
    assert qg.combine_p_values(p)[0] == pytest.approx(0.05605170185988091)
    assert qg.combine_p_values(p, "bonferroni")[:2].tolist() == pytest.approx([0.2, 0.4])
    assert qg.combine_p_values(p, "cauchy")[1] == pytest.approx(0.5)
    assert qg.combine_p_values(p, "harmonic_mean")[1] == pytest.approx(0.32)
    assert np.isnan(qg.combine_p_values(p)[2])
    assert qg.combine_p_values(p, "bonferroni", weights=[3, 1])[1] == pytest.approx(0.2 / 0.75)
    with pytest.raises(errors.InvalidArgumentError, match="method"):
        qg.combine_p_values(p, "mean")
    with pytest.raises(errors.InvalidArgumentError, match="weights"):
        qg.combine_p_values(p, "fisher", weights=[1, 1])
    with pytest.raises(errors.ShapeMismatchError):
        qg.combine_p_values(p, "cauchy", weights=[1, 1, 1])
    with pytest.raises(errors.ShapeMismatchError):
        qg.combine_p_values([0.1, 0.2])


@pytest.mark.parametrize("rule", ["platt", "isotonic", "temperature"])
def test_scores_become_probabilities(rule: str) -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=4000).astype(np.float32)
    labels = rng.random(4000) < 1 / (1 + np.exp(-2 * scores))
    probability = qg.Probability.fit(scores, labels, rule)
    assert (probability.rule, repr(probability)) == (rule, f"Probability({rule})")
    grid = np.linspace(-2, 2, 9, dtype=np.float32)
    np.testing.assert_allclose(probability.predict(grid), 1 / (1 + np.exp(-2 * grid)), atol=0.08)
    assert pickle.loads(pickle.dumps(probability)) == probability
    rare = qg.Probability.fit(scores, labels, rule, attack_share=0.01)
    assert (rare.predict(grid) < probability.predict(grid)).all()


def test_scores_that_give_no_probability_are_rejected() -> None:
    scores, labels = np.zeros(4, dtype=np.float32), np.array([True, False, True, False])
    with pytest.raises(errors.InvalidArgumentError, match="rule"):
        qg.Probability.fit(scores, labels, "beta")
    with pytest.raises(errors.InsufficientDataError):
        qg.Probability.fit(scores, labels & False)
    with pytest.raises(errors.InvalidArgumentError, match="prior"):
        qg.Probability.fit(scores, labels, attack_share=1.0)
    with pytest.raises(errors.NotFiniteError):
        qg.Probability.fit(scores, labels).predict(scores * np.float32("nan"))


def test_simulated_flows_repeat_and_hold_the_share_asked_for() -> None:
    flows = qg.simulate(rows=2_000, attack_share=0.1, seed=7)
    assert flows.labels is not None
    assert flows.labels.sum() == 200
    assert flows.families is not None
    assert len(set(flows.families)) == 7
    assert pa.table(qg.simulate(rows=2_000, attack_share=0.1, seed=7)) == pa.table(flows)
    assert pa.table(qg.simulate(rows=2_000, attack_share=0.1, seed=8)) != pa.table(flows)
    floods = qg.simulate(rows=500, attacks=["flood"], hosts=10)
    assert set(floods.families or []) == {"", "flood"}


@pytest.mark.parametrize(
    "settings",
    [
        {"rows": 0},
        {"rows": -1},
        {"rows": 2**64},
        {"attack_share": 1.0},
        {"seed": -1},
        {"hosts": 2**40},
        {"attacks": ["flood", "flood"]},
        {"attacks": ["ddos"]},
    ],
)
def test_a_setting_outside_its_range_is_named(settings: dict[str, object]) -> None:
    with pytest.raises(errors.InvalidArgumentError, match=next(iter(settings))):
        qg.simulate(**settings)  # type: ignore[arg-type]
