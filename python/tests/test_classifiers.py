from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
import sklearn.base
import sklearn.ensemble
import sklearn.exceptions
import sklearn.linear_model
from sklearn.calibration import CalibratedClassifierCV
from sklearn.metrics import accuracy_score, average_precision_score, brier_score_loss, make_scorer
from sklearn.model_selection import GridSearchCV, cross_val_score

import qosguard as qg
from qosguard import _core, errors

ROOT = Path(__file__).parents[2]
IMPORTS = json.loads((ROOT / "tests" / "oracle" / "tree_import.json").read_text())

Matrix = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def x() -> Matrix:
    return np.random.default_rng(1).normal(size=(900, 4)).astype(np.float32)


@pytest.fixture(scope="module")
def kinds(x: Matrix) -> npt.NDArray[np.str_]:
    """Three classes: what is far out along one axis or another is an attack."""
    return np.select([x[:, 0] > 0.8, x[:, 1] * x[:, 2] > 0.7], ["scan", "flood"], "BENIGN")


@pytest.mark.parametrize(
    ("labels", "clean_class", "clean"),
    [
        ([1, 0, 1, 0], None, 0),
        ([True, False], None, False),
        ([1.0, 0.0], None, 0.0),
        (["attack", "normal"], None, "normal"),
        (["dos", "Benign", "probe"], None, "Benign"),
        (["dos", "clean", "Probe"], None, "clean"),
        ([7, 3, 5], None, 3),
        (["a", "b", "c"], "b", "b"),
        ([0, 1, 2], 2, 2),
        (np.array(["x", "clean"], dtype=object), None, "clean"),
    ],
)
def test_classes_are_sorted_and_the_clean_one_is_named(labels: Any, clean_class: Any, clean: Any) -> None:
    y = np.asarray(labels)[np.arange(120) % len(labels)]
    x = (np.unique(y, return_inverse=True)[1][:, None] + np.zeros((120, 2))).astype(np.float32)
    reference = sklearn.linear_model.LogisticRegression(C=1e3, max_iter=1000).fit(x, y)
    for model in (
        qg.BoostedTrees(60, min_child_samples=1, clean_class=clean_class),
        qg.LogisticRegression(1e3, clean_class=clean_class),
        qg.NeuralClassifier(clean_class=clean_class, training={"epochs": 80, "learning_rate": 0.05, "batch_rows": 32}),
    ):
        model.fit(x, y)
        assert model.classes_.tolist() == reference.classes_.tolist()
        assert model.classes_.dtype == y.dtype
        assert model.clean_class_ == clean
        assert (model.predict(x) == y).all()
        assert (model.classes_[model.predict_proba(x).argmax(axis=1)] == y).all()
        is_clean = y == clean
        assert model.anomaly_score(x)[is_clean].max() < 0.0 < model.anomaly_score(x)[~is_clean].min()
        decision = model.decision_function(x)
        if len(model.classes_) == 2:
            assert ((decision > 0) == (y == model.classes_[1])).all()
        else:
            np.testing.assert_allclose(decision, np.log(model.predict_proba(x)))


TEXT_LABELS = [("normal", "DoS"), ("clean", "attack"), ("Benign", "Attack"), ("BENIGN", "DoS")]


@pytest.mark.parametrize("names", TEXT_LABELS)
@pytest.mark.parametrize(
    "model", [qg.BoostedTrees(20), qg.LogisticRegression(), qg.NeuralClassifier(training={"epochs": 5})], ids=str
)
def test_scikit_learns_scorers_give_the_values_of_numbers(x: Matrix, names: tuple[str, str], model: Any) -> None:
    attack = (x[:, 0] > 0.5).astype(int)
    text = np.array(names)[attack]
    order = np.argsort(np.unique(text) != names[0])  # the columns of 0 and 1
    for scorer in ("accuracy", "roc_auc", "neg_log_loss", "neg_brier_score", "average_precision"):
        if scorer in ("neg_brier_score", "average_precision"):  # of the label that is the largest
            numbers, labels = (text == np.unique(text)[1]).astype(int), text
        else:
            numbers, labels = attack, text
        clean = {"clean_class": int(numbers[text == names[0]][0])}
        got = cross_val_score(sklearn.base.clone(model), x, labels, cv=3, scoring=_positive(scorer, np.unique(text)[1]))
        want = cross_val_score(sklearn.base.clone(model).set_params(**clean), x, numbers, cv=3, scoring=scorer)
        np.testing.assert_allclose(got, want, err_msg=scorer)
    fitted = sklearn.base.clone(model).fit(x, text)
    numbers_ = sklearn.base.clone(model).fit(x, attack)
    np.testing.assert_array_equal(fitted.predict_proba(x)[:, order], numbers_.predict_proba(x))


def _positive(scorer: str, label: str) -> Any:
    """Scikit-learn's scorer, with the positive label if it needs one."""
    if scorer == "average_precision":
        return make_scorer(average_precision_score, response_method="predict_proba", pos_label=label)
    if scorer == "neg_brier_score":
        metric = lambda y, p, pos_label: -brier_score_loss(y, p, pos_label=pos_label)  # noqa: E731
        return make_scorer(metric, response_method="predict_proba", pos_label=label)
    return scorer


def test_several_text_classes_score_as_numbers_do(x: Matrix, kinds: Any) -> None:
    text = np.where(kinds == "BENIGN", "normal", np.where(kinds == "scan", "Scan", "DoS"))
    numbers = np.unique(text, return_inverse=True)[1]
    for model in (qg.BoostedTrees(20), qg.LogisticRegression()):
        for scorer in ("roc_auc_ovr", "roc_auc_ovo", "neg_log_loss", "accuracy", "f1_macro"):
            got = cross_val_score(model, x, text, cv=3, scoring=scorer)
            clean = sklearn.base.clone(model).set_params(clean_class=2)
            np.testing.assert_allclose(got, cross_val_score(clean, x, numbers, cv=3, scoring=scorer), err_msg=scorer)
            assert scorer == "neg_log_loss" or isinstance(model, qg.LogisticRegression) or got.min() > 0.8


def test_text_labels_in_a_search_and_a_calibration(x: Matrix) -> None:
    attack = (x[:, 0] * x[:, 1] > 0.3).astype(int)
    text = np.array(["normal", "DoS"])[attack]
    for labels in (attack, text):
        search = GridSearchCV(qg.BoostedTrees(), {"n_estimators": [1, 50]}, scoring="roc_auc", cv=3).fit(x, labels)
        assert search.best_params_ == {"n_estimators": 50}
        assert search.best_score_ > 0.9
        for method in ("sigmoid", "isotonic"):
            calibrated = CalibratedClassifierCV(qg.BoostedTrees(30), cv=3, method=method).fit(x, labels)
            assert calibrated.classes_.tolist() == np.unique(labels).tolist()
            assert calibrated.score(x, labels) > 0.95


def test_imported_models_of_text_labels_have_sorted_classes(x: Matrix) -> None:
    text = np.array(["normal", "DoS"])[(x[:, 0] > 0.5).astype(int)]
    theirs = lightgbm.LGBMClassifier(n_estimators=10, n_jobs=1, verbose=-1).fit(x, text)
    ours = qg.TreeModel.from_lightgbm(theirs)
    assert ours.classes_.tolist() == theirs.classes_.tolist() == ["DoS", "normal"]
    assert ours.clean_class_ == "normal"
    np.testing.assert_allclose(ours.predict_proba(x), theirs.predict_proba(x), atol=1e-6)
    assert (ours.predict(x) == theirs.predict(x)).all()
    again = pickle.loads(pickle.dumps(ours))
    assert again.clean_class_ == "normal"
    assert (again.predict_proba(x) == ours.predict_proba(x)).all()
    unsorted = qg.TreeModel.from_lightgbm(theirs, classes=["b", "a"], clean_class="a")
    assert unsorted.classes_.tolist() == ["a", "b"]
    np.testing.assert_allclose(unsorted.predict_proba(x), theirs.predict_proba(x)[:, ::-1], atol=1e-6)


def test_score_has_the_shapes_and_errors_of_scikit_learn(x: Matrix) -> None:
    text = np.array(["normal", "DoS"])[(x[:, 0] > 0.5).astype(int)]
    model = qg.LogisticRegression().fit(x, text)
    share = model.score(x, text)
    assert share == accuracy_score(text, model.predict(x)) > 0.95
    with pytest.warns(sklearn.exceptions.DataConversionWarning):
        assert model.score(x, text[:, None]) == share
    weights = np.linspace(0, 1, 900)
    assert model.score(x, text, weights) == pytest.approx(accuracy_score(text, model.predict(x), sample_weight=weights))
    for wrong, match in (
        (["normal"], r"inconsistent numbers of samples: \[900, 1\]"),
        ("normal", "valid collection"),
        (text[:-1], "inconsistent numbers of samples"),
        (np.column_stack([text, text]), "1d array"),
        ((text == "DoS").astype(int), "same type"),
        (np.where(np.arange(900) == 3, None, text), "row 3"),
    ):
        with pytest.raises((ValueError, TypeError), match=match):
            model.score(x, wrong)
    for wrong, match in ((weights[:-1], "expected"), (weights[:, None], "1D"), (0 * weights, "zero")):
        with pytest.raises(ValueError, match=match):
            model.score(x, text, wrong)


def test_weights_of_classes_are_weights_of_their_rows(x: Matrix, kinds: Any) -> None:
    by_row = np.where(kinds == "BENIGN", 3.0, np.where(kinds == "scan", 0.5, 1.0))
    for model in (qg.BoostedTrees(10), qg.LogisticRegression()):
        want = sklearn.base.clone(model).fit(x, kinds, by_row).predict_proba(x)
        weighted = sklearn.base.clone(model).set_params(class_weight={"BENIGN": 3.0, "scan": 0.5})
        assert (weighted.fit(x, kinds).predict_proba(x) == want).all()
        for wrong in ({"Scan": 1.0}, {"scan": -1.0}, {"scan": "much"}):
            with pytest.raises(errors.InvalidArgumentError, match="`class_weight"):
                sklearn.base.clone(model).set_params(class_weight=wrong).fit(x, kinds)
        with pytest.raises(errors.InvalidArgumentError, match="in a guard"):
            qg.Guard(weighted).fit(qg.simulate(rows=400))


def test_invalid_labels_are_rejected(x: Matrix) -> None:
    for wrong, match in (
        (None, "requires y"),
        (np.zeros(900), "1 class, 0.0; a classifier needs at least 2 classes"),
        ([], "needs at least"),
        (np.linspace(0, 1, 900), "Unknown label type"),
        (np.where(np.arange(900) == 4, np.nan, 0.0), "row 4"),
        (np.arange(10) % 2, "inconsistent numbers of samples: .900, 10."),
        (np.zeros((900, 2)), "1d array"),
        (np.array(["clean", "normal", "x"])[np.arange(900) % 3], "clean_class"),
    ):
        for model in (qg.BoostedTrees(3), qg.LogisticRegression()):
            with pytest.raises(ValueError, match=match):
                model.fit(x, wrong)  # type: ignore[arg-type]


def test_weights_count_rows(x: Matrix, kinds: Any) -> None:
    y = (kinds != "BENIGN").astype(int)
    weights = 1.0 + (np.arange(900) % 3)
    twice = np.repeat(np.arange(900), weights.astype(int))
    weighted = qg.LogisticRegression().fit(x, y, sample_weight=weights)
    repeated = qg.LogisticRegression().fit(x[twice], y[twice])
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, atol=1e-6)
    without = qg.BoostedTrees(10).fit(x, y, sample_weight=(y == 0) + 0.5)
    assert without.predict_proba(x)[:, 1].mean() < qg.BoostedTrees(10).fit(x, y).predict_proba(x)[:, 1].mean()
    with pytest.raises(errors.InvalidArgumentError, match=r"weights\[2\]"):
        qg.BoostedTrees().fit(x, y, sample_weight=np.where(np.arange(900) == 2, -1.0, 1.0))
    with pytest.raises(errors.ShapeMismatchError):
        qg.LogisticRegression().fit(x, y, sample_weight=np.ones((900, 2)))


def test_coefficients_equal_scikit_learns(x: Matrix, kinds: Any) -> None:
    ours = qg.LogisticRegression(0.5).fit(x, kinds == "scan")
    theirs = sklearn.linear_model.LogisticRegression(C=0.5, tol=1e-10, max_iter=1000).fit(x, kinds == "scan")
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-3)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-3)
    np.testing.assert_allclose(ours.decision_function(x), theirs.decision_function(x), atol=1e-2)
    assert ours.converged_
    assert ours.n_iter_ > 0
    several = qg.LogisticRegression().fit(x, kinds)
    reference = sklearn.linear_model.LogisticRegression(tol=1e-10, max_iter=1000).fit(x, kinds)
    assert several.coef_.shape == (3, 4)
    order = [reference.classes_.tolist().index(label) for label in several.classes_.tolist()]
    np.testing.assert_allclose(several.predict_proba(x), reference.predict_proba(x)[:, order], atol=1e-3)
    np.testing.assert_allclose(several.decision_function(x), np.log(several.predict_proba(x)))


def test_boosted_trees_learn_like_lightgbm(x: Matrix, kinds: Any) -> None:
    train, test = slice(0, 600), slice(600, 900)
    ours = qg.BoostedTrees(50).fit(x[train], kinds[train])
    theirs = lightgbm.LGBMClassifier(n_estimators=50, n_jobs=1, verbose=-1).fit(x[train], kinds[train])
    right = [(model.predict(x[test]) == kinds[test]).mean() for model in (ours, theirs)]
    assert right[0] > 0.93
    assert abs(right[0] - right[1]) < 0.02
    assert ours.n_trees_ == 150
    np.testing.assert_allclose(ours.predict_proba(x).sum(axis=1), 1.0)
    clean = ours.predict_proba(x)[:, 0]
    np.testing.assert_allclose(ours.anomaly_score(x), np.log((1 - clean) / clean), rtol=1e-4, atol=1e-4)


def test_settings_of_boosted_trees_take_effect(x: Matrix, kinds: Any) -> None:
    y = kinds != "BENIGN"
    early = qg.BoostedTrees(500, early_stopping={"share": 0.2, "patience": 5}).fit(x, y)
    assert early.n_trees_ < 500
    monotone = qg.BoostedTrees(30, monotone=np.array([1, 0, 0, 0])).fit(x, y)  # type: ignore[arg-type]
    row = np.repeat(x[:1], 50, axis=0)
    row[:, 0] = np.linspace(-3, 3, 50)
    assert (np.diff(monotone.anomaly_score(row)) >= 0).all()
    missing = x.copy()
    missing[::3, 0] = np.nan
    assert np.isfinite(qg.BoostedTrees(10).fit(missing, y).anomaly_score(missing)).all()


@pytest.mark.parametrize("labels", ["binary", "three"])
def test_lightgbm_models_score_alike(x: Matrix, kinds: Any, labels: str, tmp_path: Path) -> None:
    y = kinds if labels == "three" else kinds != "BENIGN"
    theirs = lightgbm.LGBMClassifier(n_estimators=20, n_jobs=1, verbose=-1).fit(x, y)
    ours = qg.TreeModel.from_lightgbm(theirs)
    order = [theirs.classes_.tolist().index(label) for label in ours.classes_.tolist()]
    np.testing.assert_allclose(ours.predict_proba(x), theirs.predict_proba(x)[:, order], rtol=1e-12)
    assert (ours.predict(x) == theirs.predict(x)).all()
    assert ours.classes_[0] == ("BENIGN" if labels == "three" else False)
    assert not hasattr(ours, "feature_names_in_")
    copy = pickle.loads(pickle.dumps(ours))
    assert (copy.predict(x) == ours.predict(x)).all()
    assert repr(copy) == f"TreeModel({ours.n_trees_} trees, 4 features, {len(ours.classes_)} classes)"
    path = tmp_path / "model.txt"
    theirs.booster_.save_model(path)
    for source in (theirs.booster_, theirs.booster_.model_to_string(), path, str(path)):
        model = qg.TreeModel.from_lightgbm(source, classes=theirs.classes_)
        assert model.anomaly_score(x).tobytes() == ours.anomaly_score(x).tobytes()
    assert qg.TreeModel.from_lightgbm(path).classes_.tolist() == list(range(len(theirs.classes_)))


@pytest.mark.parametrize(
    "theirs",
    [
        sklearn.ensemble.RandomForestClassifier(10, random_state=0),
        sklearn.ensemble.ExtraTreesClassifier(10, random_state=0),
        sklearn.ensemble.GradientBoostingClassifier(n_estimators=10, random_state=0),
        sklearn.ensemble.HistGradientBoostingClassifier(max_iter=10, random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_scikit_learns_models_score_alike(x: Matrix, kinds: Any, theirs: Any) -> None:
    for y in (kinds, kinds == "scan"):
        theirs.fit(x, y)
        ours = qg.TreeModel.from_sklearn(theirs)
        order = [theirs.classes_.tolist().index(label) for label in ours.classes_.tolist()]
        np.testing.assert_allclose(ours.predict_proba(x), theirs.predict_proba(x)[:, order], rtol=1e-12, atol=1e-15)
        assert ours.explain(x[:5]).contributions.shape == (5, 4)


@pytest.mark.parametrize("case", [c for c in IMPORTS if c["library"] == "xgboost"], ids=lambda c: c["name"])
def test_xgboosts_models_score_alike(case: dict[str, Any]) -> None:
    text = case["model"] if isinstance(case["model"], str) else json.dumps(case["model"])
    model = qg.TreeModel.from_xgboost(text, clean_class=0)
    p = model.predict_proba(np.array(case["x"], dtype=np.float32))
    expected = np.array(case["probabilities"])
    np.testing.assert_allclose(
        p if expected.shape == p.shape else p[:, 1],
        expected.reshape(p.shape if expected.shape == p.shape else -1),
        rtol=1e-5,
    )


def test_an_invalid_model_is_rejected(tmp_path: Path) -> None:
    for read in (qg.TreeModel.from_lightgbm, qg.TreeModel.from_xgboost, qg.TreeModel.from_sklearn):
        with pytest.raises(errors.BadRecordError):
            read("{\n}")
        with pytest.raises(errors.IoError):
            read(tmp_path / "none.txt")
    with pytest.raises(errors.InvalidArgumentError, match="IsolationForest"):
        qg.TreeModel.from_sklearn(sklearn.ensemble.IsolationForest())
    with pytest.raises(errors.NotFittedError):
        qg.TreeModel.from_sklearn(sklearn.ensemble.RandomForestClassifier())
    with pytest.raises(errors.NotFittedError):
        qg.TreeModel().anomaly_score([[1.0]])


def run_onnx(model: qg.BoostedTrees | qg.TreeModel, x: Matrix) -> tuple[Any, Any]:
    """Margins and probabilities by onnxruntime, on one thread, which sums in the order of the trees."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.to_onnx(), options, providers=["CPUExecutionProvider"])
    margins, probabilities = session.run(None, {"x": x})
    return margins, probabilities


def test_trees_become_onnx(x: Matrix, kinds: Any) -> None:
    model = qg.BoostedTrees(5).fit(x, kinds)
    _, probabilities = run_onnx(model, x)
    np.testing.assert_allclose(probabilities, model.predict_proba(x), rtol=0, atol=1e-12)
    assert b"BENIGN" in model.to_onnx()


def test_imported_trees_keep_their_margins_on_the_way_out(x: Matrix, kinds: Any) -> None:
    theirs = lightgbm.LGBMClassifier(n_estimators=20, verbose=-1).fit(x, kinds == "scan")
    model = qg.TreeModel.from_lightgbm(theirs)
    margins, _ = run_onnx(model, x)
    np.testing.assert_array_equal(margins.ravel(), theirs.predict(x, raw_score=True))
    np.testing.assert_array_equal(margins.ravel().astype(np.float32), model.anomaly_score(x))


def test_an_imported_model_is_cloned_and_frozen_as_it_is() -> None:
    from sklearn.base import clone
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.frozen import FrozenEstimator

    x = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    model = qg.TreeModel.from_sklearn(RandomForestClassifier(10, random_state=0).fit(x, y))
    expected = model.predict_proba(x)
    assert (clone(model).predict_proba(x) == expected).all()
    frozen = FrozenEstimator(model).fit(x, y)
    assert (frozen.predict_proba(x) == expected).all()
    assert (clone(frozen).predict_proba(x) == expected).all()
    calibrated = CalibratedClassifierCV(frozen).fit(x, y)
    assert calibrated.predict_proba(x).shape == (300, 2)
    with pytest.raises(errors.InvalidArgumentError, match="FrozenEstimator"):
        model.fit(x, y)


def test_usual_names_of_clean_traffic_are_the_core_s() -> None:
    names = _core.clean_labels()
    assert {"normal", "benign", "clean", "legitimate"} <= set(names)
    for name in names:
        for label in (name, f" {name.upper()} "):
            model = qg.LogisticRegression().fit([[0.0], [1.0]] * 20, [label, "zz attack"] * 20)
            assert model.clean_class_ == label
