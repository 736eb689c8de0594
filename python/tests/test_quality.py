from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import sklearn.metrics

import qosguard as qg
from qosguard import errors


def test_metrics_are_those_of_scikit_learn() -> None:
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


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(errors.ShapeMismatchError):
        qg.evaluate([1.0, 2.0], [True], 0.0)
    with pytest.raises(errors.InsufficientDataError):
        qg.evaluate([1.0, 2.0], [True, True], 0.0)
    with pytest.raises(errors.NotFiniteError):
        qg.evaluate([1.0, float("nan")], [True, False], 0.0)
    for option in ({"resamples": -1}, {"resamples": 1}, {"level": 1.0}, {"seed": -1}):
        with pytest.raises(errors.InvalidArgumentError, match=next(iter(option))):
            qg.evaluate([1.0, 2.0], [True, False], 0.0, **option)  # type: ignore[arg-type]


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
