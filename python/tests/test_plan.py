"""Plans through the Python face: decisions and incidents to configuration."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import qosguard as qg

NOW = 1_700_000_000
DROP: dict[str, Any] = {"id": "00000000000000a1", "src_ip": "203.0.113.7", "action": "drop", "ttl_s": 600, "time": NOW}


def test_decisions_about_one_source_are_one_entry_and_the_allow_list_wins() -> None:
    slow = {**DROP, "id": "00000000000000a2", "action": "rate_limit", "bytes_per_second": 1000, "burst": 9, "ttl_s": 60}
    local = {**DROP, "id": "00000000000000a3", "src_ip": "127.0.0.1"}
    plan = qg.plan([slow, DROP, local], now=NOW + 10)
    assert len(plan) == 1
    (entry,) = plan.entries
    assert (entry["action"], entry["rest_s"], entry["first_rest_s"], entry["merged"]) == ("drop", 590, 50, 2)
    assert plan.skipped == [{"id": "00000000000000a3", "source": "127.0.0.1/32", "reason": "allow_listed"}]
    assert (plan.skip_counts, plan.hosts, plan.now, plan.next_expiry_s) == ({"allow_listed": 1}, 1, NOW + 10, 50)
    assert repr(plan) == "Plan(1 entries, 1 skipped)"
    assert str(plan).startswith("203.0.113.7/32: drop for 590 s")
    policy = qg.Policy.from_dict({"version": 1, "allow": ["203.0.113.0/24"]})
    assert qg.plan([DROP], now=NOW, policy=policy).entries == []
    assert qg.plan([DROP], now=NOW, settings={"never_act": ["203.0.113.7"]}).entries == []
    assert qg.plan(DROP, now=datetime.fromtimestamp(NOW, UTC)).entries[0]["rest_s"] == 600


def test_a_plan_is_rendered_and_rolled_back() -> None:
    plan = qg.plan([DROP], now=NOW)
    rendered = plan.render("nftables")
    assert '203.0.113.7 timeout 600s comment "qg:00000000000000a1"' in rendered.text
    assert (len(rendered.documents), rendered.entries, rendered.skipped) == (1, 1, [])
    assert plan.rollback("nftables").text == "add table inet qosguard\ndelete table inet qosguard\n"
    assert "dev eth1 " in str(plan.render("tc", settings={"tc": {"device": "eth1"}}))
    assert qg.plan([DROP], render="rtbh", now=NOW).text.startswith("announce route 203.0.113.7/32")
    with pytest.raises(qg.errors.InvalidArgumentError, match="renderer"):
        plan.render("pf")  # type: ignore[arg-type]
    with pytest.raises(qg.errors.InvalidArgumentError, match=r"settings\.tc\.device|tc\.device"):
        plan.render("tc", settings={"tc": {"device": "a b"}})
    with pytest.raises(qg.errors.BadRecordError, match=r'decisions, line 1, column `action`: "dorp"'):
        qg.plan([{**DROP, "action": "dorp"}])
    with pytest.raises(qg.errors.InvalidArgumentError, match="max_hosts"):
        qg.plan([DROP], settings={"max_host": 1})


def test_findings_proposals_and_files_become_entries(tmp_path: Path) -> None:
    flows = qg.simulate(rows=2_000, attack_share=0.1)
    guard = qg.Guard(qg.IsolationForest()).fit(flows)
    assessment = guard.assess(flows)
    proposals = guard.proposals(flows, assessment)
    # A time after the plan does not extend an action, so nothing has expired at the first time.
    now = min(proposal["time"] for proposal in proposals if proposal["time"])
    plan = qg.plan(proposals, now=now)
    assert len(plan) > 0
    assert len(plan.skipped) + sum(entry["merged"] for entry in plan.entries) == 2_000
    findings = guard.findings(flows, assessment, 5)
    assert qg.plan(findings, now=now).entries
    assert qg.plan(findings.worst[0], now=now).entries
    file = tmp_path / "incidents.jsonl"
    file.write_text(
        '{"event":"opened","id":"00000000000000b1","attackers":{"hosts":["203.0.113.9"],"count":1},'
        '"updated":"2023-11-14T22:13:20Z","action":"isolate","ttl_s":60}\n'
    )
    assert [entry["action"] for entry in qg.plan([DROP, file], now=NOW).entries] == ["drop", "isolate"]
