from __future__ import annotations

import dataclasses
import pickle
import re
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import qosguard as qg
from qosguard import errors


def test_the_main_job_once(flows: qg.Table, guard: qg.Guard) -> None:
    out = guard.assess(flows)
    assert len(out) == len(out.decisions) == 3_000
    assert (out.scores.dtype, out.p_values.dtype) == (np.float32, np.float64)
    assert out.p_values.min() > 0.0
    assert out.p_values.max() <= 1.0
    assert (np.diff(out.p_values[np.argsort(out.scores)]) <= 0.0).all()
    assert out.imputed == 0
    report = qg.evaluate(out.scores, flows.labels, guard.threshold.score, families=flows.families)
    assert report.auc.value > 0.7


def test_missing_numbers_are_imputed_and_counted(flows: qg.Table, guard: qg.Guard) -> None:
    table = pa.table(flows)
    holes = pa.array([None if row < 7 else value for row, value in enumerate(table["fwd_bytes"].to_pylist())])
    table = table.set_column(table.schema.get_field_index("fwd_bytes"), "fwd_bytes", holes)
    assert guard.assess(table).imputed == 7


def test_a_guard_has_attributes_that_describe_it(flows: qg.Table, guard: qg.Guard) -> None:
    assert guard.schema == flows.schema
    assert not {"label", "family", "time", "src_ip", "dst_ip"} & set(guard.feature_names)
    threshold = guard.threshold
    assert threshold.asked == 0.01
    assert threshold.rule == {"kind": "false_positive_rate", "rate": 0.01}
    assert threshold.realised is not None
    low, high = threshold.realised.false_positive_interval
    assert low <= threshold.realised.false_positive_rate <= high
    assert threshold.realised.true_positive_rate is not None
    training = guard.training
    assert (training.seed, training.rows, training.attacks) == (3, 3_000, 300)
    assert training.fitted + training.calibrated + training.held_out == 2_700
    assert len(guard.digest) == 64
    assert guard.digest.startswith(repr(guard)[-13:-1])


def test_decisions_come_one_by_one_and_agree_with_the_vectors(flows: qg.Table, guard: qg.Guard) -> None:
    out = guard.assess(flows)
    decisions = out.decisions
    for row in (0, 17, 2_999):
        decision = decisions[row]
        assert decision.row == row
        assert decision.score == float(out.scores[row])
        assert decision.p_value == out.p_values[row]
        assert decision.threshold == guard.threshold.score
        assert decision.is_anomaly == (decision.score > decision.threshold)
    assert decisions[-1] == decisions[2_999]
    assert [d.row for d in decisions[3:6]] == [3, 4, 5]
    assert sum(d.is_anomaly for d in decisions) == (out.scores > guard.threshold.score).sum()
    with pytest.raises(IndexError):
        decisions[3_000]
    with pytest.raises(dataclasses.FrozenInstanceError):
        decisions[0].row = 1  # type: ignore[misc]


def test_top_is_sorted_by_anomaly_and_has_action_and_reason(flows: qg.Table, guard: qg.Guard) -> None:
    out = guard.assess(flows)
    top = out.top(10)
    assert len(top) == 10
    assert [d.score for d in top] == sorted((float(s) for s in out.scores), reverse=True)[:10]
    assert all(d.is_anomaly and d.severity != "none" and d.rule and d.dry_run for d in top)
    assert all(len(d.id) == 16 for d in top)
    harsh = [d for d in top if d.action != "allow"]
    assert harsh
    assert all(d.ttl_s is not None and d.ttl_s >= 1 for d in harsh)
    assert str(top[0]) == top[0].text
    assert top[0].id in str(top[0])
    assert pickle.loads(pickle.dumps(top)) == top
    assert out.top(0) == []
    assert len(out.top(10_000)) == 3_000
    with pytest.raises(errors.InvalidArgumentError):
        out.top(-1)


def test_an_assessment_is_an_arrow_table(flows: qg.Table, guard: qg.Guard) -> None:
    out = guard.assess(flows)
    table = pa.table(out)
    assert table.num_rows == 3_000
    page = (Path(__file__).parents[2] / "docs" / "VERDICT_COLUMNS.md").read_text("utf-8")
    listed = re.findall(r"^\| `(\w+)` \|", page.split("`evidence` is a list")[0], re.MULTILINE)
    attributes = [field.name for field in dataclasses.fields(qg.Decision) if field.name != "text"]
    assert table.column_names == out.columns == list(out.to_pandas().columns) == attributes == listed
    for row, values in enumerate(table.slice(0, 200).to_pylist()):
        assert values == {
            name: value for name, value in dataclasses.asdict(out.decisions[row]).items() if name != "text"
        }
    assert table["score"].to_numpy().tobytes() == out.scores.tobytes()
    assert pl.DataFrame(out)["id"][5] == out.decisions[5].id
    frame = out.to_pandas()
    assert isinstance(frame, pd.DataFrame)
    assert frame["p_value"].to_numpy().tobytes() == out.p_values.tobytes()


def test_saved_loaded_pickled_and_refitted_guards_give_the_same_bits(
    flows: qg.Table, guard: qg.Guard, tmp_path: Path
) -> None:
    path = tmp_path / "edge.qosguard"
    guard.save(path)
    scores = guard.assess(flows).scores.tobytes()
    same = [
        qg.Guard.load(path),
        qg.Guard.load(str(path)),
        qg.Guard.from_bytes(guard.to_bytes()),
        pickle.loads(pickle.dumps(guard)),
        qg.Guard(qg.IsolationForest(), false_positive_rate=0.01, seed=3).fit(flows),
    ]
    for other in same:
        assert other.digest == guard.digest
        assert other.assess(flows).scores.tobytes() == scores
        assert other.assess(flows).decisions[7] == guard.assess(flows).decisions[7]
    assert path.read_bytes() == guard.to_bytes()
    assert qg.Guard(seed=4).fit(flows).digest != guard.digest


def test_records_in_any_order_and_without_truth_get_the_same_scores(flows: qg.Table, guard: qg.Guard) -> None:
    scores = guard.assess(flows).scores
    rows = np.random.default_rng(0).permutation(3_000)
    assert guard.assess(flows.take(rows)).scores.tobytes() == scores[rows].tobytes()
    one = guard.assess(flows.take([42]))
    assert one.scores.tobytes() == scores[[42]].tobytes()
    assert one.decisions[0].id == guard.assess(flows).decisions[42].id


def test_a_table_without_the_columns_is_rejected(guard: qg.Guard) -> None:
    schema = qg.Schema("probe", [qg.Column("latency_ms")])
    probe = qg.Table.from_arrow(pa.table({"latency_ms": [1.0]}), schema=schema)
    with pytest.raises(errors.SchemaMismatchError, match="duration"):
        guard.assess(probe)


def test_other_thresholds(flows: qg.Table) -> None:
    rules = {
        "percentile": qg.ThresholdRule.percentile(95.0),
        "mad": qg.ThresholdRule.mad(3.0),
        "contamination": qg.ThresholdRule.contamination(0.1),
        "best_f1": qg.ThresholdRule.best_f1(),
        "false_positive_rate": qg.ThresholdRule.false_positive_rate(0.05),
    }
    fitted = {kind: qg.Guard(threshold=rule).fit(flows).threshold for kind, rule in rules.items()}
    assert {kind: threshold.rule["kind"] for kind, threshold in fitted.items()} == {k: k for k in rules}
    assert fitted["percentile"].asked == pytest.approx(0.05)
    assert fitted["best_f1"].asked is None
    assert len({threshold.score for threshold in fitted.values()}) >= 4
    rule = rules["percentile"]
    assert pickle.loads(pickle.dumps(rule)) == rule
    assert rule != qg.ThresholdRule.percentile(99.0)


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, float("nan")])
def test_a_rate_outside_its_range_is_rejected(rate: float) -> None:
    with pytest.raises(errors.InvalidArgumentError, match="rate"):
        qg.Guard(false_positive_rate=rate)


def test_wrong_settings_are_rejected(flows: qg.Table) -> None:
    with pytest.raises(errors.InvalidArgumentError, match="not both"):
        qg.Guard(false_positive_rate=0.1, threshold=qg.ThresholdRule.mad(3.0))
    with pytest.raises(errors.InvalidArgumentError, match="seed"):
        qg.Guard(seed=-1).fit(flows)
    with pytest.raises(errors.InvalidArgumentError, match="n_estimators"):
        qg.Guard(qg.IsolationForest(n_estimators=0)).fit(flows)
    with pytest.raises(errors.InvalidArgumentError, match="`detector`"):
        qg.Guard("best")
    with pytest.raises(errors.InvalidArgumentError, match="seed"):
        qg.Guard(qg.Ensemble("auto", folds=3)).fit(flows)
    with pytest.raises(errors.InvalidArgumentError, match="imported"):
        qg.Guard(qg.TreeModel()).fit(flows)
    with pytest.raises(errors.InvalidArgumentError, match="attack_share"):
        qg.Guard(qg.BoostedTrees(5), attack_share=2.0).fit(flows)
    with pytest.raises(errors.InsufficientDataError):
        qg.Guard().fit(flows.take(range(50)))
    for use in (lambda g: g.assess(flows), lambda g: g.to_bytes(), lambda g: g.threshold, lambda g: g.digest):
        with pytest.raises(errors.NotFittedError):
            use(qg.Guard())


def test_a_broken_file_and_a_missing_file_raise_different_errors(guard: qg.Guard, tmp_path: Path) -> None:
    with pytest.raises(errors.IoError):
        qg.Guard.load(tmp_path / "nowhere.qosguard")
    data = bytearray(guard.to_bytes())
    data[len(data) // 2] ^= 1
    path = tmp_path / "broken.qosguard"
    path.write_bytes(data)
    with pytest.raises(errors.CorruptArtifactError, match="broken"):
        qg.Guard.load(path)
    for bad in (b"", b"PK\x03\x04", bytes(data[:-1])):
        with pytest.raises(errors.CorruptArtifactError):
            qg.Guard.from_bytes(bad)


def test_another_policy_changes_the_actions_and_not_the_scores(flows: qg.Table, guard: qg.Guard) -> None:
    drop = {"action": "drop", "ttl_s": 60}
    policy = qg.Policy.from_dict(
        {
            "version": 1,
            "dry_run": False,
            "rules": [],
            "actions": dict.fromkeys(["low", "medium", "high", "critical"], drop),
        }
    )
    strict = guard.with_policy(policy)
    before, after = guard.assess(flows), strict.assess(flows)
    assert strict.policy == policy
    assert strict.digest != guard.digest
    assert after.scores.tobytes() == before.scores.tobytes()
    worst = after.top(1)[0]
    assert (worst.action, worst.ttl_s, worst.burst, worst.dry_run) == ("drop", 60, None, False)
    assert qg.Guard(policy=policy, seed=3).fit(flows).policy == policy


def test_fits_lists_the_columns_that_another_source_lacks(flows: qg.Table, guard: qg.Guard) -> None:
    fit = guard.fits(qg.Schema.preset("unsw_nb15_raw"))
    assert not fit.is_complete
    assert fit.missing == ["syn_count", "fin_count", "rst_count", "iat_mean_ms", "iat_std_ms"]
    assert (fit.mapped["fwd_bytes"], fit.schema, fit.source) == ("sbytes", "flow_detail", "unsw_nb15_raw")
    assert str(fit).startswith("`unsw_nb15_raw` lacks 5 of the features of `flow_detail`: syn_count, ")
    assert guard.fits(flows).is_complete
    assert pickle.loads(pickle.dumps(fit)) == fit


def test_a_table_is_brought_to_another_source(flows: qg.Table, guard: qg.Guard) -> None:
    canonical = qg.Schema.preset("canonical_flow").common_with(flows.schema)
    mapped = flows.map_to(canonical)
    assert mapped.schema == canonical
    before, after = pa.table(flows), pa.table(mapped)
    assert after["iat_mean"].to_numpy() == pytest.approx(before["iat_mean_ms"].to_numpy() / 1000.0)
    assert (after["packets"].to_numpy() == before["fwd_packets"].to_numpy() + before["bwd_packets"].to_numpy()).all()
    scores = guard.assess(mapped.map_to(guard.inputs)).scores
    assert scores == pytest.approx(guard.assess(flows).scores)
    with pytest.raises(errors.SchemaMismatchError, match="syn_count"):
        flows.map_to(canonical.common_with(qg.Schema.preset("kdd99"))).map_to(guard.inputs)
    column = qg.Column("us", field="duration", scale=1e-6)
    assert (column.scale, column.field) == (1e-6, "duration")


@pytest.fixture(scope="module")
def automatic() -> tuple[qg.Guard, qg.Assessment]:
    flows = qg.simulate(rows=600, attack_share=0.2, seed=5)
    guard = qg.Guard("auto", seed=2, attack_share=0.01).fit(flows)
    return guard, guard.assess(flows)


def test_an_automatic_guard_reports_the_result_of_each_member(
    automatic: tuple[qg.Guard, qg.Assessment],
) -> None:
    guard, out = automatic
    assert out.members == ["forest", "boosted"]
    assert out.member_p_values.shape == (600, 2)
    assert out.probabilities is not None
    assert 0.0 < out.probabilities.min() <= out.probabilities.max() < 1.0
    assert len(guard.families) >= 2
    top = out.top(1)[0]
    p_values = zip(out.members, out.member_p_values[top.row].tolist(), strict=True)
    assert top.evidence == [qg.Evidence("member", name, p_value, None) for name, p_value in p_values]
    assert top.probability == out.probabilities[top.row]
    assert top.family in guard.families
    assert top.family_probability is not None
    assert 0.0 < top.family_probability <= 1.0
    calm = out.decisions[int(out.scores.argmin())]
    assert (calm.is_anomaly, calm.family, calm.family_probability) == (False, None, None)
    assert guard.training.fitted_attacks == 108
    copy = pickle.loads(pickle.dumps(guard))
    assert copy.digest == guard.digest


def test_the_share_of_attacks_moves_probabilities_alone(flows: qg.Table) -> None:
    rare, common = (qg.Guard(qg.LogisticRegression(), attack_share=share).fit(flows) for share in (0.001, 0.5))
    a, b = rare.assess(flows), common.assess(flows)
    assert a.scores.tobytes() == b.scores.tobytes()
    assert a.probabilities is not None
    assert b.probabilities is not None
    assert (a.probabilities <= b.probabilities).all()
    assert a.probabilities.mean() < b.probabilities.mean()


@pytest.mark.parametrize("detector", [qg.GaussianMixture(4), qg.HalfSpaceTrees(), qg.BoostedTrees(10)])
def test_a_guard_takes_every_detector(flows: qg.Table, detector: qg.GaussianMixture) -> None:
    guard = qg.Guard(detector).fit(flows)
    out = guard.assess(flows)
    learns = isinstance(detector, qg.BoostedTrees)
    assert (out.probabilities is not None) == learns
    assert (out.members, out.member_p_values.shape) == ([], (3_000, 0))
    assert bool(guard.families) == learns
    assert out.decisions[0].evidence == []


def test_a_small_calibration_gives_a_warning() -> None:
    flows = qg.simulate(rows=360, attack_share=0.0, seed=1)
    with pytest.warns(errors.GuardWarning, match="only 144 calibration rows for a false-positive rate of 0.01"):
        guard = qg.Guard().fit(flows)
    assert "only 144 calibration rows for a false-positive rate of 0.01; 1000 or more are needed" in guard.warnings
    assert "floods and scans" in guard.notes[0]
    again = qg.Guard.from_bytes(guard.to_bytes())
    assert (again.warnings, again.notes) == (guard.warnings, guard.notes)


def test_a_guard_warns_of_columns_without_values() -> None:
    columns = [f'{{ name = "{name}", role = "feature", kind = "number" }}' for name in ("rtt_ms", "loss", "jitter")]
    schema = qg.Schema.from_toml(f'name = "rtt"\ncolumns = [{", ".join(columns)}]')
    records = [{"rtt_ms": row * 7919 % 97, "loss": None, "jitter": float("inf")} for row in range(400)]
    expected = "columns `loss`, `jitter` give no feature: every value in the training rows is missing or infinite"
    with pytest.warns(errors.GuardWarning, match="give no feature"):
        guard = qg.Guard().fit(qg.Table.from_records(records, schema))
    assert expected in guard.warnings


def test_the_featurizer_has_settings(flows: qg.Table) -> None:
    usual = qg.Guard(qg.GaussianMixture()).fit(flows)
    one_hot = {"scaling": "robust", "categories": {"kind": "one_hot", "cap": 2}, "auto_log": False}
    other = qg.Guard(qg.GaussianMixture(), featurizer=one_hot).fit(flows)
    assert len(other.feature_names) > len(usual.feature_names)
    assert (other.assess(flows).scores != usual.assess(flows).scores).any()
    for bad, message in [
        ({"scalling": "robust"}, "`featurizer.scalling` is unknown here; .*scaling"),
        ({"scaling": "huge"}, r"`featurizer.scaling` must be one of .*robust"),
        ({"categories": {"kind": "one_hot", "cap": 0}}, "cap"),
    ]:
        with pytest.raises(errors.InvalidArgumentError, match=message):
            qg.Guard(featurizer=bad).fit(flows)


def test_findings_are_a_summary_and_usable_lines() -> None:
    flows = qg.simulate(rows=3_000, seed=1)
    fresh = qg.simulate(rows=3_000, seed=2)
    guard = qg.Guard(qg.BoostedTrees(n_estimators=50)).fit(flows)
    out = guard.assess(fresh)
    findings = guard.findings(fresh, out, n=5)
    flagged = [decision for decision in out.decisions if decision.is_anomaly]
    assert (findings.records, findings.anomalies, len(findings.worst)) == (3_000, len(flagged), 5)
    assert findings.labelled is not None
    assert findings.labelled.caught + findings.labelled.false_positives == len(flagged)
    assert findings.threshold == guard.threshold
    everything = guard.findings(fresh, out, n=10_000)
    assert sum(finding.count for finding in everything.worst) == len(flagged)
    assert everything.worst[:5] == findings.worst
    for finding in findings.worst:
        assert finding.decision == out.decisions[finding.decision.row]
        assert finding.time is not None
        assert finding.time.endswith("Z")
        line = f"{finding.time}  {finding.src_ip}:{finding.src_port} -> {finding.dst_ip}:{finding.dst_port} "
        assert str(finding).startswith(line + str(finding.protocol))
        assert str(finding) in str(findings)
        assert all(str(reason) in str(finding) for reason in finding.reasons)
    with pytest.raises(errors.ShapeMismatchError, match="assessed rows"):
        guard.findings(fresh.take([0]), out)


def test_a_detector_of_another_library_is_rejected_by_name() -> None:
    with pytest.raises(errors.InvalidArgumentError, match=r"`detector` must be an estimator of qosguard .*, got dict"):
        qg.Guard({"kind": "isolation_forest"})  # type: ignore[arg-type]


def test_messages_name_the_setting_and_the_value() -> None:
    flows = qg.simulate(rows=500)
    network = qg.Autoencoder(training={"device": "gpu"})
    with pytest.raises(errors.InvalidArgumentError) as error:
        qg.Guard(network).fit(flows)
    assert str(error.value) == '`training.device` must be `cpu` or `cuda:` and a number, got "gpu"'
    trees = qg.BoostedTrees(class_weight={0: 1})  # type: ignore[arg-type]
    with pytest.raises(errors.InvalidArgumentError) as error:
        qg.Guard(trees).fit(flows)
    assert str(error.value) == '`class_weight` must be None or "balanced" in a guard or an ensemble, got {0: 1}'


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "flows.csv"
    flows = qg.simulate(rows=200)
    flows.write(path)
    old = path.read_bytes()
    flows.take([0, 1]).write(path)
    assert path.read_bytes() != old
    with pytest.raises(errors.QosguardError):
        flows.write(tmp_path / "nowhere" / "flows.csv")
    assert [entry.name for entry in tmp_path.iterdir()] == ["flows.csv"]


def test_records_are_assessed_as_tables_are(flows: qg.Table) -> None:
    guard = qg.Guard(seed=1).fit(flows)
    records, table = list(flows.head(20)), flows.head(20)
    by_records, by_table = guard.assess(records), guard.assess(table)
    assert by_records.scores.tolist() == by_table.scores.tolist()
    assert [decision.id for decision in by_records] == [decision.id for decision in by_table]
    assert guard.assess(records[0]).scores.tolist() == by_table.scores[:1].tolist()
    assert guard.findings(records, by_records, 3).text == guard.findings(table, by_table, 3).text
    assert guard.explain(records[:2]).scores.tolist() == guard.explain(flows.head(2)).scores.tolist()
    assert qg.Guard(seed=1).fit(list(flows), schema=flows.schema).digest == guard.digest
    with pytest.raises(errors.InvalidTypeError, match="`schema`"):
        qg.Guard().fit(records)
    with pytest.raises(errors.SchemaMismatchError, match="fwd_bytes"):
        guard.assess({"src_ip": "10.0.0.1"})
    for wrong in (3, "flows.csv", [[1.0, 2.0]], None):
        with pytest.raises(errors.InvalidTypeError, match=r"`flows` must be a Table.*data frame.*dictionaries, got"):
            guard.assess(wrong)


def test_a_rate_outside_its_range_names_the_parameter() -> None:
    with pytest.raises(errors.InvalidArgumentError, match=r"^`false_positive_rate` must be .*, got 5$"):
        qg.Guard(false_positive_rate=5)
