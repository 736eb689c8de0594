"""`Ledger`: what was decided, what became of it, and what is live."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import qosguard as qg
from qosguard import errors

START = 1_764_583_200.0


def entry(name: str, entity: str, **more: Any) -> dict[str, Any]:
    known = {"action": "drop", "ttl_s": 600, "outcome": "dry_run", "reason": "scan"}
    return {"id": name, "entity": entity, **known, **more}


def test_a_ledger_records_expires_revokes_and_explains(tmp_path: Path) -> None:
    ledger = qg.Ledger(tmp_path / "a.jsonl", max_live=3)
    assert ledger.record(entry("a", "203.0.113.7"), START) == 1
    ledger.record(entry("b", "10.0.0.0/24", guard="ab12", rest_s=60), START)
    ten, host = ledger.live()
    assert (ten["entity"], ten["rest_s"], ten["guard"], host["rest_s"]) == ("10.0.0.0/24", 60.0, "ab12", 600.0)
    assert [live["ids"] for live in ledger.entities()] == [["b"], ["a"]]
    assert ledger.expire(START + 61) == 1
    assert ledger.revoke("203.0.113.0/24", "ours", START + 61) == ["a"]
    assert ledger.ended == {"skipped": 0, "failed": 0, "revoked": 1, "expired": 1}
    assert ledger.explain("a")[1].endswith("was revoked with 539 s left. Reason: ours.")
    assert [record["outcome"] for record in ledger] == ["dry_run", "dry_run", "expired", "revoked"]
    assert json.loads(ledger.to_ocsf()[3])["class_uid"] == 7004
    reader = qg.Ledger(tmp_path / "a.jsonl", read_only=True)
    assert (reader.head, reader.decisions) == (ledger.head, 2)
    with pytest.raises(errors.InvalidArgumentError):
        reader.delete("a", "x", START)
    ledger.record(entry("c", "203.0.113.8"), START + 61)
    reader.refresh()
    assert len(reader.live()) == 1
    assert ledger.delete("c", "x", START + 62) == 1
    assert repr(ledger) == "Ledger(0 live of 3 decisions)"
    assert ledger.counts == {"torn_lines": 0, "torn_bytes": 0, "over_limit": 0}


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    path = tmp_path / "b.jsonl"
    ledger = qg.Ledger(path)
    with pytest.raises(errors.InvalidArgumentError, match=r"entry\.entity"):
        ledger.record(entry("a", "203.0.113.7/8"), START)
    with pytest.raises(errors.InvalidArgumentError, match="time"):
        ledger.record(entry("a", "203.0.113.7"), float("nan"))
    ledger.record(entry("a", "203.0.113.7"), START)
    path.write_text(path.read_text().replace("203.0.113.7", "203.0.113.8"))
    with pytest.raises(errors.CorruptArtifactError, match="line 1 of the ledger") as caught:
        qg.Ledger(path)
    assert caught.value.details["seq"] == 1


def test_the_allow_list_of_a_policy_is_asked_in_every_form() -> None:
    policy = qg.Policy.from_dict({"version": 1, "allow": ["10.0.0.0/8"]})
    assert policy.allowed_by("::ffff:10.1.2.3") == "10.0.0.0/8"
    assert policy.allowed_by("192.0.2.1") is None
