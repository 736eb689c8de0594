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


def test_what_json_cannot_say_is_refused() -> None:
    for value in (float("nan"), float("inf"), object(), {1, 2}):
        with pytest.raises(errors.InvalidArgumentError, match="JSON"):
            qg.Policy.from_dict({"version": value})


def test_a_missing_file_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        qg.Policy.load(tmp_path / "nowhere.toml")
