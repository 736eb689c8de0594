"""What holds for every detector as an estimator."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import sklearn.base
import sklearn.pipeline
import sklearn.preprocessing
from sklearn.utils.estimator_checks import estimator_checks_generator

import qosguard as qg
from qosguard import _core, errors
from qosguard.estimator import Estimator

Matrix = npt.NDArray[np.float32]

OUTLIER_DETECTORS: list[Any] = [
    qg.IsolationForest(20),
    qg.GaussianMixture(3),
    qg.HalfSpaceTrees(),
    qg.ContrastTrees(n_estimators=10),
    qg.Autoencoder((4,), 2, training={"epochs": 2}),
    qg.Kitsune(mapping_rows=10, training_rows=20),
    qg.Ensemble([("forest", qg.IsolationForest(10), 1.0), ("mixture", qg.GaussianMixture(2), 2.0)]),
]
CLASSIFIERS: list[Any] = [
    qg.BoostedTrees(20),
    qg.LogisticRegression(),
    qg.NeuralClassifier(training={"epochs": 30, "learning_rate": 0.01, "batch_rows": 32}),
]
ALL = OUTLIER_DETECTORS + CLASSIFIERS


# What scikit-learn asks of its own estimators and we answer in our own words.
OWN_WORDS = {
    "check_estimators_unfitted": "our NotFittedError is not scikit-learn's, which is not imported",
    "check_n_features_in_after_fitting": "says `feature columns: expected 4, got 1`",
    "check_estimators_empty_data_messages": "says `feature columns: needs at least 1, got 0`",
    "check_fit2d_1sample": "says `training rows: needs at least 2, got 1`, or the same of classes",
}
OF_CONTRAST_TREES = {"check_fit2d_1feature": "says `feature columns: needs at least 2, got 1`"}
OF_NETWORKS = {"check_sample_weight_equivalence_on_dense_data": "holds rows out by their number, not by their weight"}
OF_CLASSIFIERS = {
    "check_all_zero_sample_weights_error": "says `training rows of class `0`: needs at least 1, got 0`",
    "check_supervised_y_2d": "takes a column of labels, and scikit-learn's warning is not imported",
    "check_class_weight_classifiers": "takes weights of single classes as sample weights",
}


@pytest.fixture(scope="module")
def y(matrix: Matrix) -> npt.NDArray[np.int64]:
    return ((matrix[:, 0] + matrix[:, 1]) > 1.0).astype(np.int64)


def name(estimator: Any) -> str:
    return type(estimator).__name__


@pytest.mark.parametrize("estimator", ALL, ids=name)
def test_defaults_are_those_of_the_core(estimator: Estimator) -> None:
    settings = (qg.Ensemble([]) if isinstance(estimator, qg.Ensemble) else type(estimator)())._settings()
    assert _core._settings(settings) == _core._settings({"kind": settings["kind"]})


@pytest.mark.parametrize("estimator", ALL, ids=name)
def test_clones_pickles_and_refits_give_the_same_bits(estimator: Any, matrix: Matrix, y: Any) -> None:
    fitted = sklearn.base.clone(estimator).fit(matrix, y if estimator in CLASSIFIERS else None)
    assert fitted.get_params(deep=False).keys() == estimator.get_params(deep=False).keys()
    again = sklearn.base.clone(fitted).fit(matrix, y if estimator in CLASSIFIERS else None)
    copy = pickle.loads(pickle.dumps(fitted))
    for other in (again, copy):
        assert other.anomaly_score(matrix).tobytes() == fitted.anomaly_score(matrix).tobytes()
        assert (other.predict(matrix) == fitted.predict(matrix)).all()
    with pytest.raises(errors.NotFittedError, match=name(estimator)):
        sklearn.base.clone(fitted).anomaly_score(matrix)


@pytest.mark.parametrize("estimator", ALL, ids=name)
def test_a_tampered_pickle_is_refused(estimator: Any, matrix: Matrix, y: Any) -> None:
    rebuild, (data,) = (
        sklearn.base.clone(estimator).fit(matrix, y if estimator in CLASSIFIERS else None)._model.__reduce__()
    )
    assert rebuild(data).n_features == 5
    middle = len(data) // 2
    for bad in (data[:-1], b"", data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]):
        with pytest.raises(errors.CorruptArtifactError):
            rebuild(bad)


@pytest.mark.parametrize("estimator", ALL, ids=name)
def test_a_wrong_matrix_is_refused_by_its_place(estimator: Any, matrix: Matrix, y: Any) -> None:
    labels = y if estimator in CLASSIFIERS else None
    fitted = sklearn.base.clone(estimator).fit(matrix, labels)
    with pytest.raises(errors.ShapeMismatchError, match="expected 5, got 4"):
        fitted.anomaly_score(matrix[:, :4])
    infinite = matrix.copy()
    infinite[7, 3] = np.inf
    with pytest.raises(errors.NotFiniteError, match="row 7, column `3`"):
        fitted.anomaly_score(infinite)
    with pytest.raises(errors.NotFiniteError, match="row 7, column `3`"):
        sklearn.base.clone(estimator).fit(infinite, labels)
    missing = matrix.copy()
    missing[7, 3] = np.nan
    if fitted.__sklearn_tags__().input_tags.allow_nan:
        assert np.isfinite(fitted.anomaly_score(missing)).all()
    else:
        with pytest.raises(errors.NotFiniteError, match="row 7, column `3`"):
            fitted.anomaly_score(missing)


@pytest.mark.parametrize("estimator", ALL, ids=name)
def test_columns_are_compared_by_name(estimator: Any, matrix: Matrix, y: Any) -> None:
    frame = pd.DataFrame(matrix, columns=list("abcde"))
    fitted = sklearn.base.clone(estimator).fit(frame, y if estimator in CLASSIFIERS else None)
    assert fitted.feature_names_in_.tolist() == list("abcde")
    methods = [fitted.anomaly_score, fitted.predict, fitted.explain]
    if estimator in CLASSIFIERS:
        methods.append(fitted.predict_proba)
    for method in methods:
        with pytest.raises(errors.SchemaMismatchError, match="'e', 'd'"):
            method(frame[list("edcba")])


@pytest.mark.parametrize("estimator", OUTLIER_DETECTORS, ids=name)
def test_signs_of_an_outlier_detector(estimator: Any, matrix: Matrix) -> None:
    fitted = sklearn.base.clone(estimator)
    predicted = fitted.fit_predict(matrix)
    assert sklearn.base.is_outlier_detector(fitted)
    assert fitted.anomaly_score(matrix).dtype == np.float32
    np.testing.assert_array_equal(fitted.score_samples(matrix), -fitted.anomaly_score(matrix).astype(np.float64))
    np.testing.assert_array_equal(predicted == -1, fitted.decision_function(matrix) < 0.0)
    share = sklearn.base.clone(estimator).set_params(contamination=0.1).fit(matrix)
    assert (share.predict(matrix) == -1).mean() == pytest.approx(0.1, abs=0.03)
    with pytest.raises(errors.InvalidArgumentError, match="`contamination`"):
        share.set_params(contamination=0.7).fit(matrix)


@pytest.mark.parametrize("kind", [qg.GaussianMixture, qg.Ensemble])
def test_a_score_without_a_natural_threshold_needs_a_share(kind: Any, matrix: Matrix) -> None:
    with pytest.raises(errors.InvalidArgumentError, match="`contamination`"):
        kind(contamination="auto").fit(matrix)


@pytest.mark.parametrize(
    ("estimator", "parameter"),
    [
        (qg.GaussianMixture(0), "n_components"),
        (qg.GaussianMixture(covariance_type="tied"), "covariance_type"),
        (qg.GaussianMixture(reg_covar=float("nan")), "reg_covar"),
        (qg.GaussianMixture(max_iter=1.5), "max_iter"),  # type: ignore[arg-type]
        (qg.GaussianMixture(tol="small"), "tol"),  # type: ignore[arg-type]
        (qg.HalfSpaceTrees(depth=30), "depth"),
        (qg.HalfSpaceTrees(n_estimators=0), "n_estimators"),
        (qg.ContrastTrees(n_boosters=0), "n_boosters"),
        (qg.ContrastTrees(num_leaves=1), "num_leaves"),
        (qg.Ensemble("many"), "members"),
        (qg.Ensemble([("forest", "forest", 1.0)]), r"members\[0\]"),  # type: ignore[list-item]
        (qg.Ensemble([("forest", qg.IsolationForest(), -1.0)]), r"members\[0\].weight"),
        (qg.Ensemble([]), "members"),
        (qg.Ensemble([("forest", qg.IsolationForest(5), 1.0)], folds=1), "folds"),
        (qg.BoostedTrees(0), "n_estimators"),
        (qg.BoostedTrees(num_leaves=-3), "num_leaves"),
        (qg.BoostedTrees(learning_rate=2.0), "learning_rate"),
        (qg.BoostedTrees(class_weight="even"), "class_weight"),
        (qg.BoostedTrees(early_stopping={"share": 2.0, "patience": 5}), "early_stopping.share"),
        (qg.BoostedTrees(early_stopping={"share": 0.1}), "early_stopping"),
        (qg.BoostedTrees(monotone=[3, 0, 0, 0, 0]), r"monotone\[0\]"),
        (qg.BoostedTrees(clean_class="x"), "clean_class"),
        (qg.LogisticRegression(C=0.0), "C"),
        (qg.LogisticRegression(C="x"), "C"),  # type: ignore[arg-type]
        (qg.LogisticRegression(max_iter=0), "max_iter"),
    ],
)
def test_a_parameter_outside_its_domain_is_named_as_it_is_called(
    estimator: Any, parameter: str, matrix: Matrix, y: Any
) -> None:
    with pytest.raises(errors.InvalidArgumentError, match=f"`{parameter}`"):
        estimator.fit(matrix, y)


@pytest.mark.parametrize("estimator", [*OUTLIER_DETECTORS[:4], *CLASSIFIERS], ids=name)
@pytest.mark.filterwarnings("ignore:Estimator .* does not inherit:UserWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learns_own_checks(estimator: Any) -> None:
    failed = {}
    passed = 0
    for candidate, check in estimator_checks_generator(sklearn.base.clone(estimator), legacy=True):
        try:
            check(candidate)
            passed += 1
        except pytest.skip.Exception:
            raise
        except Exception as error:
            if type(error).__name__ not in ("SkipTest", "SkipTestWarning"):
                failed[check.func.__name__] = error
    own_words = OWN_WORDS.copy()
    if isinstance(estimator, qg.ContrastTrees):
        own_words |= OF_CONTRAST_TREES
    if estimator in CLASSIFIERS:
        own_words |= OF_CLASSIFIERS
    if isinstance(estimator, qg.NeuralClassifier):
        own_words |= OF_NETWORKS
    assert failed.keys() == own_words.keys(), failed
    assert passed >= 40


def test_a_classifier_in_a_pipeline(matrix: Matrix, y: Any) -> None:
    pipeline = sklearn.pipeline.make_pipeline(sklearn.preprocessing.StandardScaler(), qg.LogisticRegression())
    assert pipeline.fit(matrix, y).score(matrix, y) > 0.98
    assert sklearn.base.is_classifier(pipeline)
