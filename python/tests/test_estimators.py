"""What holds for every detector as an estimator."""

from __future__ import annotations

import pickle
from typing import Any
from unittest import SkipTest

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import sklearn.base
import sklearn.pipeline
import sklearn.preprocessing
from sklearn.metrics import roc_auc_score
from sklearn.utils.estimator_checks import estimator_checks_generator

import qosguard as qg
from qosguard import _core, errors
from qosguard.estimator import Estimator
from qosguard.frames import matrix as _matrix
from qosguard.labels import label_vector

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


@pytest.fixture(scope="module")
def y(matrix: Matrix) -> npt.NDArray[np.int64]:
    return ((matrix[:, 0] + matrix[:, 1]) > 1.0).astype(np.int64)


def name(estimator: Any) -> str:
    return type(estimator).__name__


@pytest.mark.parametrize("estimator", ALL, ids=name)
def test_defaults_equal_the_defaults_of_the_core(estimator: Estimator) -> None:
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
def test_a_tampered_pickle_is_rejected(estimator: Any, matrix: Matrix, y: Any) -> None:
    rebuild, (data,) = (
        sklearn.base.clone(estimator).fit(matrix, y if estimator in CLASSIFIERS else None)._model.__reduce__()
    )
    assert rebuild(data).n_features == 5
    middle = len(data) // 2
    for bad in (data[:-1], b"", data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]):
        with pytest.raises(errors.CorruptArtifactError):
            rebuild(bad)


@pytest.mark.parametrize("estimator", ALL, ids=name)
def test_a_wrong_matrix_is_rejected_by_its_place(estimator: Any, matrix: Matrix, y: Any) -> None:
    labels = y if estimator in CLASSIFIERS else None
    fitted = sklearn.base.clone(estimator).fit(matrix, labels)
    with pytest.raises(errors.ShapeMismatchError, match=f"X has 4 features, but {name(estimator)} is expecting 5"):
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
        (qg.BoostedTrees(early_stopping={"share": 0.1}), "early_stopping.patience"),
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


FOREST = ("forest", qg.IsolationForest(5))
TRAINING = {"epochs": 30, "learning_rate": 0.01, "batch_rows": 32}
SMALL_ENSEMBLE = qg.Ensemble([(*FOREST, 1.0), ("mixture", qg.GaussianMixture(2), 2.0)], folds=2)
SMALL_MIXTURE = qg.MixtureOfExperts([("boosted", qg.BoostedTrees(5)), FOREST], training={"epochs": 2})

# Checks whose data an estimator cannot take: their names, each once for every time that it is run.
FITS = [
    "check_fit_score_takes_y",
    "check_estimators_overwrite_params",
    "check_dont_overwrite_parameters",
    "check_estimators_fit_returns_self",
    "check_readonly_memmap_input",
    "check_n_features_in_after_fitting",
    "check_estimators_dtypes",
    "check_dtype_object",
    "check_pipeline_consistency",
    "check_estimators_nan_inf",
    "check_estimators_pickle",
    "check_estimators_pickle",
    "check_f_contiguous_array_estimator",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_dict_unchanged",
    "check_fit2d_predict1d",
]
ALL_FITS = [
    *FITS,
    "check_fit_idempotent",
    "check_fit_check_is_fitted",
    "check_n_features_in",
    "check_positive_only_tag_during_fit",
]
# (estimator, checks that scikit-learn collects, what the error of an expected failure contains, expected failures)
CHECKED: list[tuple[Any, int, str, list[str]]] = [
    (qg.IsolationForest(20), 47, "", []),
    (qg.GaussianMixture(3), 47, "", []),
    (qg.HalfSpaceTrees(), 47, "", []),
    (qg.ContrastTrees(n_estimators=10), 46, "", []),
    (qg.Autoencoder((4,), 2, training={"epochs": 2}), 47, "", []),
    (qg.Kitsune(mapping_rows=10, training_rows=20), 47, "", []),
    (qg.BoostedTrees(20), 62, "", []),
    (qg.LogisticRegression(), 63, "", []),
    # A network holds rows out by their number, so a row of weight 2 is not the same as two rows.
    (
        qg.NeuralClassifier(training=TRAINING),
        63,
        "fitting with `sample_weight` is not equivalent",
        ["check_sample_weight_equivalence_on_dense_data"],
    ),
    # The checks have 10 to 30 rows of several classes, and calibration needs 20 clean ones.
    (
        SMALL_ENSEMBLE,
        47,
        "clean scores for a calibration: needs at least 20",
        [*FITS, "check_classifier_data_not_an_array"],
    ),
    (
        SMALL_MIXTURE,
        55,
        "clean scores for a calibration: needs at least 20",
        [
            *ALL_FITS,
            *["check_classifiers_train"] * 3,
            "check_classifier_data_not_an_array",
            "check_classifiers_classes",
            "check_supervised_y_2d",
            "check_decision_proba_consistency",
        ],
    ),
    # The column of the entity must hold codes, and the checks' columns hold fractions.
    (
        qg.EntityAutoencoders(autoencoder=qg.Autoencoder((4,), 2, training={"epochs": 2})),
        47,
        "column `0` must be a whole number",
        [
            *ALL_FITS,
            *["check_outliers_train"] * 2,
            "check_outliers_fit_predict",
            "check_fit2d_1sample",
            "check_fit2d_1feature",
        ],
    ),
]


def run_checks(estimator: Any) -> tuple[int, dict[str, list[str]]]:
    """How many of scikit-learn's checks there are for an estimator, and the errors of those that fail, by name."""
    collected, failed = 0, {}
    for candidate, check in estimator_checks_generator(estimator, legacy=True):
        collected += 1
        try:
            check(candidate)
        except pytest.skip.Exception:
            raise
        except SkipTest:
            assert check.func.__name__ == "check_array_api_input"  # needs SCIPY_ARRAY_API in the environment
        except Exception as error:
            text = f"{error} {error.__cause__} {error.__context__}"
            failed.setdefault(check.func.__name__, []).append(text)
    return collected, failed


@pytest.mark.parametrize(
    ("estimator", "collected", "reason", "expected"), CHECKED, ids=lambda v: name(v) if hasattr(v, "fit") else ""
)
@pytest.mark.filterwarnings("ignore:Estimator .* does not inherit:UserWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learns_own_checks(estimator: Any, collected: int, reason: str, expected: list[str]) -> None:
    found, failed = run_checks(sklearn.base.clone(estimator))
    assert found == collected
    assert sorted(check for check, texts in failed.items() for _ in texts) == sorted(expected), failed
    for check, texts in failed.items():
        assert all(reason in text for text in texts), (check, texts)


def test_all_estimators_are_checked() -> None:
    public = {kind for kind in vars(qg).values() if isinstance(kind, type) and issubclass(kind, Estimator)}
    assert {type(estimator) for estimator, *_ in CHECKED} == public - {qg.TreeModel}  # which is not fitted here


class ManyRows:
    """An estimator that is fitted on the same rows 40 times over, so that it has as many as it needs."""

    def fit(self, X: Any, y: Any = None) -> Any:
        x = _matrix(X)
        if len(x) > 5 and x.shape[1] > 1:
            labels = None if y is None else np.tile(np.ravel(label_vector(y)), 40)
            return super().fit(np.tile(x, (40, 1)), labels)  # type: ignore[misc]
        return super().fit(X, y)  # type: ignore[misc]


class LargeEnsemble(ManyRows, qg.Ensemble):
    pass


class LargeMixture(ManyRows, qg.MixtureOfExperts):
    pass


@pytest.mark.parametrize(
    "estimator",
    [LargeEnsemble(SMALL_ENSEMBLE.members, folds=2), LargeMixture(SMALL_MIXTURE.experts, training={"epochs": 2})],
    ids=name,
)
@pytest.mark.filterwarnings("ignore:Estimator .* does not inherit:UserWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_checks_pass_where_there_are_enough_rows(estimator: Any) -> None:
    collected, failed = run_checks(estimator)
    assert collected >= 47
    assert not failed, failed


def test_ensembles_and_mixtures_have_usable_defaults() -> None:
    x = np.random.default_rng(0).normal(size=(400, 4)).astype(np.float32)
    text = np.where(x[:, 0] + x[:, 1] > 1.5, "DoS", "normal")
    x[text == "DoS"] += 3.0
    ensemble = qg.Ensemble().fit(x, text)
    assert roc_auc_score(text == "DoS", ensemble.anomaly_score(x)) > 0.95
    mixture = qg.MixtureOfExperts().fit(x, text)
    assert [expert.name for expert in mixture.experts_] == ["boosted", "forest"]
    assert mixture.classes_.tolist() == ["DoS", "normal"]
    assert mixture.score(x, text) > 0.95
    assert roc_auc_score(text, mixture.predict_proba(x)[:, 1]) > 0.95
    with pytest.raises(errors.InvalidArgumentError, match="`experts`"):
        qg.MixtureOfExperts("many").fit(x, text)


def test_a_classifier_in_a_pipeline(matrix: Matrix, y: Any) -> None:
    pipeline = sklearn.pipeline.make_pipeline(sklearn.preprocessing.StandardScaler(), qg.LogisticRegression())
    assert pipeline.fit(matrix, y).score(matrix, y) > 0.98
    assert sklearn.base.is_classifier(pipeline)
