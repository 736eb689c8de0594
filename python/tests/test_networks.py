from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import qosguard as qg
from qosguard import errors

Matrix = npt.NDArray[np.float32]
SMALL: dict[str, Any] = {"epochs": 4, "batch_rows": 64}


@pytest.fixture(scope="module")
def x() -> Matrix:
    """Three columns that go together, and codes of three categories."""
    rng = np.random.default_rng(3)
    load = rng.normal(size=(600, 1))
    numbers = load * [1.0, 2.0, -1.0] + 0.1 * rng.normal(size=(600, 3))
    return np.hstack([numbers, rng.integers(0, 3, (600, 1))]).astype(np.float32)


@pytest.fixture(scope="module")
def y(x: Matrix) -> npt.NDArray[np.str_]:
    return np.where(x[:, 0] * x[:, 3] > 0.8, "attack", "normal")


def detectors() -> list[Any]:
    return [
        qg.Autoencoder((8,), 2, categorical=[3], training=SMALL),
        qg.Autoencoder((8,), 2, variational={"beta": 0.1}, skip=True, training=SMALL),
        qg.EntityAutoencoders(3, 100, qg.Autoencoder((8,), 2, training=SMALL)),
        qg.Kitsune(mapping_rows=100, training_rows=200),
    ]


def classifiers() -> list[Any]:
    transformer = {"kind": "ft_transformer", "width": 8, "layers": 1, "heads": 2, "feed_forward": 8}
    experts = [("boosted", qg.BoostedTrees(10)), ("forest", qg.IsolationForest(10)), ("network", detectors()[0])]
    return [
        qg.NeuralClassifier(training=SMALL),
        qg.NeuralClassifier(transformer, categorical=[3], pretraining={"training": SMALL}, training=SMALL),
        qg.MixtureOfExperts(experts, training={"epochs": 2}),
    ]


def test_a_guard_finds_the_entity_column_by_name(flows: qg.Table, x: Matrix) -> None:
    by_service = qg.EntityAutoencoders("service", 100, qg.Autoencoder((8,), 2, training=SMALL))
    assert qg.Guard(by_service).fit(flows).assess(flows).scores.shape == (len(flows),)
    for detector, message in [
        (qg.EntityAutoencoders("servise"), "one of the features"),
        (qg.EntityAutoencoders(-1), "index of a column"),
    ]:
        with pytest.raises(errors.InvalidArgumentError, match=message):
            qg.Guard(detector).fit(flows)
    with pytest.raises(errors.InvalidArgumentError, match="index of a column"):
        by_service.fit(x)


@pytest.mark.parametrize("detector", detectors(), ids=lambda d: type(d).__name__)
def test_networks_learn_clean_rows_and_keep_their_bits(detector: Any, x: Matrix) -> None:
    scores = detector.fit(x).anomaly_score(x)
    assert np.isfinite(scores).all()
    again = pickle.loads(pickle.dumps(detector))
    np.testing.assert_array_equal(again.anomaly_score(x), scores)
    why = detector.explain(x[:20])
    np.testing.assert_allclose(why.contributions.sum(axis=1) + why.base, scores[:20], rtol=1e-5, atol=1e-6)
    flagged = (detector.predict(x) == -1).mean()
    assert flagged <= 0.02
    np.testing.assert_array_equal(detector.fit(x).anomaly_score(x), scores)


@pytest.mark.parametrize("classifier", classifiers(), ids=lambda c: type(c).__name__)
def test_networks_learn_labels_and_keep_their_bits(classifier: Any, x: Matrix, y: Any) -> None:
    p = classifier.fit(x, y).predict_proba(x)
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    assert classifier.classes_.tolist() == ["attack", "normal"]
    assert classifier.clean_class_ == "normal"
    assert classifier.score(x, y) > 0.6
    again = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(again.predict_proba(x), p)
    why = classifier.explain(x[:10])
    np.testing.assert_allclose(
        why.contributions.sum(axis=1) + why.base, classifier.anomaly_score(x[:10]), rtol=1e-4, atol=1e-4
    )


def test_a_history_can_be_plotted(x: Matrix) -> None:
    network = qg.Autoencoder((8,), 2, training=SMALL).fit(x)
    history = network.history_
    assert [epoch.epoch for epoch in history.epochs] == [1, 2, 3, 4]
    assert (history.stopped, 1 <= history.best_epoch <= 4) == ("finished", True)
    assert all(epoch.validation_loss is not None for epoch in history.epochs)


def test_a_training_is_watched_and_stopped(x: Matrix) -> None:
    seen: list[qg.Progress] = []

    def stop_after_two(progress: qg.Progress) -> bool:
        seen.append(progress)
        return progress.epoch < 2

    network = qg.Autoencoder((8,), 2, training=SMALL).fit(x, progress=stop_after_two)
    assert [(p.stage, p.epoch, p.epochs) for p in seen] == [("autoencoder", 1, 4), ("autoencoder", 2, 4)]
    assert network.history_.stopped == "cancelled"
    assert np.isfinite(network.anomaly_score(x)).all()


def test_a_bar_shows_the_progress(x: Matrix, capsys: pytest.CaptureFixture[str]) -> None:
    qg.Autoencoder((8,), 2, training=SMALL).fit(x, progress=True)
    printed = capsys.readouterr().err
    assert "autoencoder: 100%" in printed
    assert "4/4" in printed
    assert "loss=" in printed


def test_what_a_watcher_raises_is_raised(x: Matrix) -> None:
    def fail(_: qg.Progress) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        qg.Autoencoder((8,), 2, training=SMALL).fit(x, progress=fail)
    with pytest.raises(errors.InvalidArgumentError, match="`progress` must be True, False or a function"):
        qg.Autoencoder((8,), 2).fit(x, progress=3)  # type: ignore[arg-type]


def test_a_training_goes_on_from_a_checkpoint_with_the_same_bits(x: Matrix, tmp_path: Path) -> None:
    whole = qg.Autoencoder((8,), 2, training=SMALL).fit(x)
    part = qg.Autoencoder((8,), 2, training=SMALL)
    part.fit(x, progress=lambda p: p.epoch < 2, checkpoint=tmp_path / "run.checkpoint")
    part.fit(x, resume=tmp_path / "run.checkpoint")
    np.testing.assert_array_equal(part.anomaly_score(x), whole.anomaly_score(x))
    with pytest.raises(errors.InvalidArgumentError, match="resume"):
        qg.Autoencoder((9,), 2, training=SMALL).fit(x, resume=tmp_path / "run.checkpoint")
    with pytest.raises(errors.IoError):
        part.fit(x, resume=tmp_path / "none.checkpoint")


def test_bad_input_is_rejected_by_name(x: Matrix) -> None:
    with pytest.raises(errors.TrainingError, match="autoencoder, step"):
        qg.Autoencoder((8,), 2, training=SMALL | {"learning_rate": 1e30, "clip_norm": None}).fit(x)
    with pytest.raises(errors.InvalidArgumentError, match="epochs"):
        qg.Autoencoder(training={"epochs": 0}).fit(x)
    with pytest.raises(errors.InvalidArgumentError, match=r"`training.epoch` is unknown here; the names are epochs"):
        qg.Autoencoder(training={"epoch": 1}).fit(x)
    with pytest.raises(errors.InvalidArgumentError, match=r"`training.epochs` must be a whole number from 0, got -1"):
        qg.Autoencoder(training={"epochs": -1}).fit(x)
    with pytest.raises(errors.InvalidArgumentError, match=r"`training.schedule.kind` must be one of constant"):
        qg.Autoencoder(training={"schedule": {"kind": "cosin"}}).fit(x)
    with pytest.raises(errors.InvalidArgumentError, match=r"`training.schedule.factor` must be a number"):
        qg.Autoencoder(training={"schedule": {"kind": "plateau", "factor": "half"}}).fit(x)
    with pytest.raises(errors.InvalidArgumentError, match="`architecture` must be one of mlp, ft_transformer"):
        qg.NeuralClassifier("transformer").fit(x, x[:, 3] > 1)
    with pytest.raises(errors.InvalidArgumentError, match="experts"):
        qg.MixtureOfExperts([("one", qg.IsolationForest())]).fit(x, x[:, 3] > 1)
    with pytest.raises(errors.InvalidArgumentError, match=r"`experts\[0\]` must be \(name, estimator\)"):
        qg.MixtureOfExperts([qg.IsolationForest()]).fit(x, x[:, 3] > 1)  # type: ignore[list-item]


def test_a_mixture_returns_the_weights_of_its_experts(x: Matrix, y: Any) -> None:
    mixture = classifiers()[2].fit(x, y)
    weights = mixture.gate_weights(x)
    assert weights.shape == (600, 3)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-5)
    assert [expert.name for expert in mixture.experts_] == ["boosted", "forest", "network"]
    assert mixture.chosen_ in ("mixture", "boosted", "forest", "network")


def test_a_mixture_has_the_defaults_of_the_core_where_some_settings_are_given(x: Matrix, y: Any) -> None:
    experts = [("forest", qg.IsolationForest(10)), ("boosted", qg.BoostedTrees(5))]
    rates = [epoch.learning_rate for epoch in qg.MixtureOfExperts(experts).fit(x, y).history_.epochs]
    assert len(rates) == 10
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 1e-4  # a cosine from 2e-3
    some = qg.MixtureOfExperts(experts, training={"epochs": 3}).fit(x, y).history_.epochs
    assert len(some) == 3
    assert 1e-3 < some[0].learning_rate < 2e-3
    with pytest.raises(errors.InvalidArgumentError, match=r"`gate.flor` is unknown here; the names are hidden"):
        qg.MixtureOfExperts(experts, gate={"flor": 0.1}).fit(x, y)


def test_networks_are_trained_with_the_gate_of_a_mixture(x: Matrix, y: Any) -> None:
    experts = [("forest", qg.IsolationForest(10)), ("network", qg.NeuralClassifier())]
    mixture = qg.MixtureOfExperts(experts, joint=["network"], training={"epochs": 2}).fit(x, y)
    assert [expert.name for expert in mixture.experts_] == ["forest", "network"]
    np.testing.assert_allclose(mixture.gate_weights(x).sum(axis=1), 1.0, rtol=1e-5)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(mixture)).predict_proba(x), mixture.predict_proba(x))
    wrong = [(["nobody"], "nobody"), (["forest"], r"experts\[0\].joint"), (["forest", "network"], "not joint")]
    for joint, expected in wrong:
        with pytest.raises(errors.InvalidArgumentError, match=expected):
            qg.MixtureOfExperts(experts, joint=joint).fit(x, y)


def test_a_guard_with_networks_reports_gate_weights() -> None:
    flows = qg.simulate(rows=2_000, attack_share=0.2)
    stages: set[str] = set()
    guard = qg.Guard(qg.Autoencoder((8,), 2, training=SMALL)).fit(flows, progress=lambda p: stages.add(p.stage))
    assert stages == {"autoencoder"}
    assert guard.assess(flows).experts == []
    experts = [("boosted", qg.BoostedTrees(10)), ("forest", qg.IsolationForest(10))]
    out = qg.Guard(qg.MixtureOfExperts(experts, training={"epochs": 2})).fit(flows).assess(flows)
    assert (out.experts, out.gate_weights.shape) == (["boosted", "forest"], (2_000, 2))
    top = out.top(1)[0]
    weights = zip(out.experts, out.gate_weights[top.row].tolist(), strict=True)
    assert top.evidence == [qg.Evidence("expert", name, None, weight) for name, weight in weights]


def test_a_stream_that_began_with_learn_has_no_threshold(x: Matrix) -> None:
    kitsune = qg.Kitsune(mapping_rows=100, training_rows=200).learn(x)
    assert kitsune.rows_learned_ == 600
    with pytest.raises(errors.NotFittedError, match="offset_"):
        kitsune.predict(x)
    kitsune.offset_ = -0.5
    assert set(kitsune.predict(x)) <= {-1, 1}


def test_a_released_guard_of_networks_gives_the_bits_that_rust_gives() -> None:
    path = Path(__file__).parents[2] / "tests" / "models" / "v3.qosguard"
    out = qg.Guard.load(path).assess(qg.simulate(rows=1_000, attack_share=0.2, seed=1))
    assert out.scores[:1].view(np.uint32)[0] == 0xBE80DEDB
    assert out.gate_weights.shape == (1_000, 6)
