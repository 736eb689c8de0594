from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

import qosguard as qg
from qosguard import errors

TOML = """
version = 1
dry_run = false
allow = ["192.0.2.53"]

[[rules]]
name = "cameras"
when = { src = "10.9.0.0/16", severity = "high" }
then = { action = "isolate", ttl_s = 1800 }
"""


def test_every_source_gives_the_same_policy(tmp_path: Path) -> None:
    policy = qg.Policy.from_toml(TOML)
    fields = policy.to_dict()
    assert fields["rules"][0]["then"] == {"action": "isolate", "ttl_s": 1800}
    assert not policy.dry_run
    path = tmp_path / "edge.toml"
    path.write_text(TOML)
    same = [
        qg.Policy.from_dict(fields),
        qg.Policy.from_json(json.dumps(fields)),
        qg.Policy.from_yaml(json.dumps(fields)),
        qg.Policy.load(path),
        pickle.loads(pickle.dumps(policy)),
    ]
    assert all(other == policy for other in same)
    assert policy != qg.Policy()


def test_the_default_is_a_dry_run() -> None:
    assert qg.Policy().dry_run
    assert qg.Policy().to_dict()["dry_run"] is True


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"version": 1, "actions": {"low": {"action": "drop"}}}, "ttl_s"),
        ({"version": 1, "allow": ["10.0.0.1/8"]}, "allow"),
        ({"version": 1, "bands": {"medium": 2.0, "high": 1e-4, "critical": 1e-5}}, "medium"),
        ({"version": 1, "colour": "red"}, "colour"),
        ({}, "version"),
    ],
)
def test_what_does_not_validate_names_its_field(fields: dict[str, object], match: str) -> None:
    with pytest.raises(errors.PolicyError, match=match):
        qg.Policy.from_dict(fields)


def test_values_that_json_cannot_hold_are_rejected() -> None:
    for value in (float("nan"), float("inf"), object(), {1, 2}):
        with pytest.raises(errors.InvalidArgumentError, match="JSON"):
            qg.Policy.from_dict({"version": value})


def test_a_missing_file_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        qg.Policy.load(tmp_path / "nowhere.toml")


def rules(guard: qg.Guard, flows: qg.Table, policy: str) -> list[str]:
    return [decision.rule for decision in guard.with_policy(qg.Policy.from_toml(policy)).assess(flows).decisions]


def test_a_rule_on_the_attack_class_decides() -> None:
    flows = qg.simulate(rows=2_000, attack_share=0.3, seed=3)
    guard = qg.Guard(qg.BoostedTrees(n_estimators=20)).fit(flows)
    policy = qg.Policy.load(Path(__file__).parents[2] / "examples" / "policy.toml")
    decisions = list(guard.with_policy(policy).assess(flows).decisions)
    scans = [decision for decision in decisions if decision.rule == "slow-scanners"]
    assert scans
    assert {decision.family for decision in scans} == {"port_scan"}
    # Ids depend on the model; the policy has its own digest.
    usual = guard.assess(flows).decisions
    assert [decision.id for decision in usual] == [decision.id for decision in decisions]
    assert policy.digest.startswith(decisions[0].policy)
    assert usual[0].policy != decisions[0].policy
    assert guard.with_policy(policy).model_digest == guard.model_digest


def test_an_address_that_cannot_be_read_is_never_acted_upon() -> None:
    schema = qg.Schema.preset("flow")
    record = {
        "dst_ip": "198.51.100.7",
        "dst_port": 443,
        "protocol": "tcp",
        "packet_count": 1,
        "byte_count": 1,
        "duration": 1,
    }
    train = [record | {"src_ip": "192.0.2.1", "packet_count": n, "byte_count": n, "duration": n} for n in range(200)]
    guard = qg.Guard(false_positive_rate=0.5).fit(qg.Table.from_records(train, schema))
    policy = 'version = 1\nallow = ["10.0.0.0/8", "2001:db8::/32"]\nrules = []'
    for address, rule in {
        "10.1.2.3/32": "allow-list",
        "10.1.2.3:443": "allow-list",
        "[2001:db8::1]": "allow-list",
        "[2001:db8::1]:443": "allow-list",
        "::ffff:10.1.2.3": "allow-list",
        "010.001.002.003": "unread-address",
        "0x0a010203": "unread-address",
        "64:ff9b::10.1.2.3": "allow-list",
        "2002:0a01:0203::1": "allow-list",
        "11.1.1.1": "band",
    }.items():
        odd = record | {"src_ip": address, "packet_count": 10**6, "byte_count": 10**6, "duration": 10**6}
        out = guard.with_policy(qg.Policy.from_toml(policy)).assess(qg.Table.from_records([odd], schema))
        assert out.decisions[0].rule.startswith(rule), address
        assert out.unread_addresses == (rule == "unread-address")
        assert (out.decisions[0].action == "allow") == (rule != "band"), address


def test_records_without_addresses_are_allowed_and_warned_of() -> None:
    schema = qg.Schema("rtt", [qg.Column("rtt_ms"), qg.Column("loss")])
    records = [{"rtt_ms": row * 7919 % 97, "loss": row * 31 % 11} for row in range(400)]
    table = qg.Table.from_records(records, schema)
    with pytest.warns(errors.GuardWarning, match="every action is `allow`: the records have no column of addresses"):
        guard = qg.Guard(false_positive_rate=0.2).fit(table)
    with pytest.warns(errors.GuardWarning, match="records allowed because they have no address"):
        out = guard.assess(table)
    assert {decision.action for decision in out} == {"allow"}
    anomalies = sum(decision.is_anomaly for decision in out)
    assert out.missing_addresses == anomalies > 0
    assert sum(decision.rule == "no-address" for decision in out) == anomalies
    never = (
        "rules `control-services`, `calls`, `call-setup`, `lookups` never apply: the records have no column of service"
    )
    assert never in out.warnings
    assert never in guard.warnings
    assert pickle.loads(pickle.dumps(out)).warnings == out.warnings


@pytest.mark.parametrize("prefix", ["010.0.0.0/8", "010.0.0.1", "10.0.0.0/08"])
def test_a_prefix_with_leading_zeros_is_rejected(prefix: str) -> None:
    sources = [
        lambda: qg.Policy.from_toml(f'version = 1\nallow = ["{prefix}"]'),
        lambda: qg.Policy.from_yaml(f"version: 1\nallow: ['{prefix}']"),
        lambda: qg.Policy.from_json(json.dumps({"version": 1, "allow": [prefix]})),
        lambda: qg.Policy.from_dict({"version": 1, "allow": [prefix]}),
    ]
    for source in sources:
        with pytest.raises(errors.PolicyError, match=r"`allow\[0\]` must be .* without leading zeros"):
            source()


def test_an_error_names_the_line() -> None:
    with pytest.raises(errors.PolicyError, match=r"^policy, line 3: `dryrun` is unknown here; the names are version"):
        qg.Policy.from_toml("version = 1\n\ndryrun = true\n")


def test_a_policy_is_written_in_every_format() -> None:
    policy = qg.Policy.from_toml(TOML).with_dry_run(True)
    assert policy.dry_run
    assert qg.Policy.from_toml(policy.to_toml()) == policy
    assert qg.Policy.from_yaml(policy.to_yaml()) == policy
    assert qg.Policy.from_json(policy.to_json()) == policy


def test_all_mistakes_are_listed_with_their_place() -> None:
    mistakes = qg.Policy.check("version = 1\ndry_run = 3\nallow = ['10.0.0.1/8']\n")
    places = [(mistake["line"], mistake["column"], mistake["path"]) for mistake in mistakes]
    assert places == [(2, 11, "dry_run"), (3, 10, "allow[0]")]
    assert mistakes[0]["message"] == "`dry_run` must be true or false, got 3"
    assert qg.Policy.check(qg.Policy().to_json(), "json") == []
    with pytest.raises(ValueError, match="toml, yaml or json"):
        qg.Policy.check("", "ini")


def test_policies_are_compared_and_tested() -> None:
    old = qg.Policy()
    new = old.with_dry_run(False)
    assert old.changes(new) == [{"path": "dry_run", "old": True, "new": False}]
    cases = "[[cases]]\nseverity = 'critical'\nsrc_ip = '198.51.100.7'\naction = 'drop'\ndry_run = false\n"
    assert new.test(cases)[0]["failures"] == []
    assert old.test(cases)[0]["failures"] == ["expected dry_run false, got true"]
    assert qg.Policy.json_schema()["additionalProperties"] is False


def test_scopes_and_floors_go_round() -> None:
    fields = {
        "version": 1,
        "tenants": {"acme": {"prefixes": ["10.1.0.0/16"]}},
        "scopes": [{"name": "acme", "tenant": "acme", "floors": {"min_severity": "high"}}],
        "never_act": ["192.0.2.1/32"],
    }
    policy = qg.Policy.from_dict(fields)
    written = policy.to_dict()
    assert {key: written[key] for key in fields} == fields
    assert qg.Policy.from_toml(policy.to_toml()) == policy
