"""Plans: what decisions and incidents ask for, merged by source, as configuration of network systems."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, overload

from . import _core
from ._core import Policy
from .results import Decision, Finding, Findings

__all__ = ["Plan", "Rendered", "Renderer", "plan"]

Renderer = Literal["nftables", "tc", "exabgp", "gobgp", "flowspec", "rtbh", "openc2", "webhook"]
"""The systems that a plan is written for."""

Item = Mapping[str, Any] | Finding | Decision | str | os.PathLike[str]
"""A change of an incident or a finding, or a file of `qosguard assess` or `qosguard watch`."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """Configuration text, and the entries that are not in it; `str()` gives the text."""

    documents: list[str]
    """The text in parts, which are applied one after the other. Only nftables has more than one."""
    entries: int
    """Number of entries in the configuration."""
    skipped: list[dict[str, Any]]
    """The entries that the system cannot express: `key`, `id` and `reason`."""

    @property
    def text(self) -> str:
        """All parts as one text."""
        return "".join(self.documents)

    def __str__(self) -> str:
        return self.text


class Plan:
    """What is to be done about which traffic, until when, and which decisions are left out for which reason.

    `plan` makes it. Nothing is changed in the network. `str()` gives one line for each entry.
    """

    def __init__(self, native: _core.NativePlan) -> None:
        self._native = native
        self._record: dict[str, Any] = json.loads(native.to_json())

    @property
    def entries(self) -> list[dict[str, Any]]:
        """What is to be done, in the order of the addresses; `docs/QOS.md` lists the keys."""
        return list(self._record["entries"])

    @property
    def skipped(self) -> list[dict[str, Any]]:
        """The decisions that are not planned: `id`, `source` and `reason`."""
        return list(self._record["skipped"])

    @property
    def skip_counts(self) -> dict[str, int]:
        """How many decisions are left out for each reason that occurs."""
        counts: dict[str, int] = {}
        for decision in self._record["skipped"]:
            counts[decision["reason"]] = counts.get(decision["reason"], 0) + 1
        return counts

    @property
    def hosts(self) -> int:
        """Number of hosts that the plan acts on: addresses of IPv4, networks of /64 of IPv6."""
        return int(self._record["hosts"])

    @property
    def now(self) -> float:
        """Time of the plan, in seconds since the epoch."""
        return float(self._record["now"])

    @property
    def next_expiry_s(self) -> int | None:
        """Seconds until the first of the planned decisions expires, when a new plan may be milder."""
        return self._native.next_expiry_s

    def render(self, renderer: Renderer, *, settings: Mapping[str, Any] | None = None) -> Rendered:
        """Return the plan as configuration of one system.

        Parameters
        ----------
        renderer
            The system.
        settings
            Settings of the renderers, such as `{"tc": {"device": "eth1"}}`; `docs/QOS.md` lists them.

        Raises
        ------
        InvalidArgumentError
            For an unknown system, and for a setting outside its range.

        """
        return Rendered(**json.loads(self._native.render(renderer, False, dict(settings or {}))))

    def rollback(self, renderer: Renderer, *, settings: Mapping[str, Any] | None = None) -> Rendered:
        """Return the configuration that undoes what `render` returns, and nothing else."""
        return Rendered(**json.loads(self._native.render(renderer, True, dict(settings or {}))))

    def __len__(self) -> int:
        return len(self._record["entries"])

    def __str__(self) -> str:
        return str(self._native)

    def __repr__(self) -> str:
        return f"Plan({len(self)} entries, {len(self._record['skipped'])} skipped)"


@overload
def plan(
    decisions: Item | Findings | Iterable[Item],
    *,
    render: None = None,
    now: float | datetime | None = None,
    policy: Policy | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Plan: ...
@overload
def plan(
    decisions: Item | Findings | Iterable[Item],
    *,
    render: Renderer,
    now: float | datetime | None = None,
    policy: Policy | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Rendered: ...
def plan(
    decisions: Item | Findings | Iterable[Item],
    *,
    render: Renderer | None = None,
    now: float | datetime | None = None,
    policy: Policy | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Plan | Rendered:
    """Merge decisions and incidents into one entry for each source. Nothing is changed in the network.

    The allow-list of the policy wins over every decision. Decisions about one source become one entry with the
    strictest action and the longest rest of their TTLs.

    Parameters
    ----------
    decisions
        Changes of incidents (`Stream.push(...).events`), findings, what `Guard.proposals` returns, or paths of files
        that `qosguard assess` and `qosguard watch` write. Of an incident, the last change counts.
    render
        The system whose configuration is returned instead of the plan.
    now
        Time of the plan, in seconds since the epoch or as a `datetime`; default: now.
    policy
        The policy whose allow-list is never touched; default: `Policy()`.
    settings
        Limits of the plan, such as `{"max_hosts": 100}`; `docs/QOS.md` lists them.

    Returns
    -------
    Plan or Rendered
        The plan, or its configuration for the system that `render` names.

    Raises
    ------
    BadRecordError
        For a decision that cannot be read. The message names its place, the key and the value.
    InvalidArgumentError
        For a setting outside its range.

    Examples
    --------
    >>> import qosguard as qg
    >>> drop = {"id": "00000000000000a1", "src_ip": "203.0.113.7", "action": "drop", "ttl_s": 600}
    >>> plan = qg.plan([drop])
    >>> print(plan, end="")
    203.0.113.7/32: drop for 600 s (qg:00000000000000a1)
    >>> print(qg.plan([drop], render="gobgp"), end="")
    gobgp global rib add -a ipv4-flowspec match source 203.0.113.7/32 then discard

    """
    items: Iterable[Item]
    if isinstance(decisions, Findings):
        items = decisions.worst
    elif isinstance(decisions, (Mapping, Finding, Decision, str, os.PathLike)):
        items = [decisions]
    else:
        items = decisions
    records, files = [], []
    for item in items:
        if isinstance(item, (str, os.PathLike)):
            files.append(os.fspath(item))
        else:
            records.append(_record(item))
    if isinstance(now, datetime):
        now = now.timestamp()
    seconds = time.time() if now is None else float(now)
    text = json.dumps(records, allow_nan=False)
    made = Plan(_core._plan(text, files, seconds, policy, dict(settings or {})))
    return made if render is None else made.render(render)


def _record(item: Mapping[str, Any] | Finding | Decision) -> dict[str, Any]:
    """Return the keys of a finding or of an incident."""
    if isinstance(item, Mapping):
        return dict(item)
    record = dataclasses.asdict(item)
    return {**record, **record.pop("decision", {})}
