from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import sklearn.base

import qosguard as qg
from qosguard import errors

Matrix = npt.NDArray[np.float32]
MEMBERS = [("forest", qg.IsolationForest(20), 0.5), ("mixture", qg.GaussianMixture(2), 2.0)]


@pytest.fixture(scope="module")
def ensemble(matrix: Matrix) -> qg.Ensemble:
    return qg.Ensemble(MEMBERS).fit(matrix)


def test_the_score_is_the_weighted_mean_of_the_surprises(ensemble: qg.Ensemble, matrix: Matrix) -> None:
    p = ensemble.p_values(matrix)
    assert p.shape == (601, 2)
    assert p.min() > 0.0
    assert p.max() <= 1.0
    expected = (-np.log(p) * [0.5, 2.0]).sum(axis=1) / 2.5
    np.testing.assert_allclose(ensemble.anomaly_score(matrix), expected, rtol=1e-6)
    assert ensemble.anomaly_score(matrix).argmax() == 600
    assert ensemble.members_ == [qg.Member("forest", 0.5, True), qg.Member("mixture", 2.0, True)]


def test_a_member_that_is_switched_off_has_no_part(ensemble: qg.Ensemble, matrix: Matrix) -> None:
    alone = ensemble.without("mixture")
    assert [member.is_enabled for member in alone.members_] == [True, False]
    assert [member.is_enabled for member in ensemble.members_] == [True, True]
    p = alone.p_values(matrix)
    assert np.isnan(p[:, 1]).all()
    np.testing.assert_allclose(alone.anomaly_score(matrix), -np.log(p[:, 0]), rtol=1e-6)
    for name, of in (("mixture", alone), ("nobody", ensemble)):
        again = of if name == "nobody" else alone
        with pytest.raises(errors.InvalidArgumentError):
            (again.without("forest") if name == "mixture" else again.without(name))


def test_members_are_cloned_with_the_ensemble() -> None:
    clone = sklearn.base.clone(qg.Ensemble(MEMBERS))
    assert repr(clone) == repr(qg.Ensemble(MEMBERS))
    assert clone.members[0][1] is not MEMBERS[0][1]


def test_an_unlabelled_ensemble_ignores_rows_that_are_known_as_attacks(matrix: Matrix) -> None:
    y = np.zeros(601, dtype=int)
    y[500:] = 1
    known = qg.Ensemble(MEMBERS, random_state=4).fit(matrix, y)
    assert (
        known.anomaly_score(matrix).tobytes()
        != qg.Ensemble(MEMBERS, random_state=4).fit(matrix).anomaly_score(matrix).tobytes()
    )
    assert (known.predict(matrix[:500]) == -1).mean() == pytest.approx(0.01, abs=0.005)


def test_a_labelled_member_needs_labels_and_may_learn_its_weight(matrix: Matrix) -> None:
    y = np.where(matrix[:, 0] > 1.0, "attack", "normal")
    members = [*MEMBERS, ("boosted", qg.BoostedTrees(20), None)]
    with pytest.raises(errors.InsufficientDataError, match="labels"):
        qg.Ensemble(members).fit(matrix)
    ensemble = qg.Ensemble(members).fit(matrix, y)
    assert ensemble.members_[2].weight in (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
    attack = y == "attack"
    assert np.median(ensemble.anomaly_score(matrix)[attack]) > np.quantile(ensemble.anomaly_score(matrix)[~attack], 0.9)
    with pytest.raises(errors.InvalidArgumentError, match="`y`"):
        qg.Ensemble(members).fit(matrix, np.where(y == "attack", "bad", "worse"))


@pytest.mark.parametrize(
    ("y", "names"),
    [
        (None, ["gain", "deep_gain", "density"]),
        (np.zeros(200), ["forest", "mixture", "contrast"]),
        (np.arange(200) % 4 == 0, ["forest", "mixture", "contrast", "boosted"]),
    ],
)
def test_auto_chooses_by_the_labels(y: Any, names: list[str]) -> None:
    x = np.random.default_rng(2).normal(size=(200, 3)).astype(np.float32)
    if y is not None:
        x[np.asarray(y) != 0] += 4.0
    ensemble = qg.Ensemble("auto", folds=2).fit(x, y)
    assert [member.name for member in ensemble.members_] == names
    copy = pickle.loads(pickle.dumps(ensemble))
    assert copy.anomaly_score(x).tobytes() == ensemble.anomaly_score(x).tobytes()


def test_half_space_trees_learn_a_stream() -> None:
    rng = np.random.default_rng(0)
    trees = qg.HalfSpaceTrees(window=50, random_state=3)
    stream = rng.normal(size=(220, 3)).astype(np.float32)
    trees.partial_fit(stream[:30])
    assert trees.ranges_ is None
    with pytest.raises(errors.InsufficientDataError, match="learned rows"):
        trees.anomaly_score(stream)
    for row in stream[30:]:
        trees.learn(row[None])
    assert trees.rows_learned_ == 220
    assert sum(trees.out_of_range_) > 0
    assert trees.ranges_ is not None
    assert len(trees.ranges_) == 3
    at_once = qg.HalfSpaceTrees(window=50, random_state=3).fit(stream)
    assert at_once.anomaly_score(stream).tobytes() == trees.anomaly_score(stream).tobytes()
    with pytest.raises(errors.NotFiniteError):
        trees.learn([[np.nan, 0.0, 0.0]])
    with pytest.raises(errors.ShapeMismatchError):
        trees.learn([[0.0, 0.0]])
    assert trees.rows_learned_ == 220
    copy = pickle.loads(pickle.dumps(trees))
    assert copy.learn(stream).anomaly_score(stream).tobytes() == trees.learn(stream).anomaly_score(stream).tobytes()


def test_a_mixture_reports_its_fit(matrix: Matrix) -> None:
    mixture = qg.GaussianMixture(3, "diag", tol=1e-2).fit(matrix)
    assert mixture.weights_.sum() == pytest.approx(1.0)
    assert mixture.means_.shape == (len(mixture.weights_), 5)
    assert mixture.n_iter_ >= 1
    assert mixture.converged_
