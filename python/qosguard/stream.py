"""A stream of records in event time: verdicts, and incidents that open, go on and close."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple, Self

from . import _core
from ._core import Policy, Schema, Table
from .assessment import Assessment
from .guard import Guard

__all__ = ["Stream", "StreamUpdate", "export_incident", "incident_table"]


def export_incident(event: Mapping[str, Any], format: Literal["json", "ocsf", "ecs", "cef"]) -> str:
    """Write a change of an incident in the format of another system.

    Parameters
    ----------
    event
        A change of an incident, such as one of `StreamUpdate.events`.
    format
        `"ocsf"` for a Detection Finding of OCSF 1.5, `"ecs"` for a document of the Elastic Common Schema, `"cef"` for a
        line of the Common Event Format, `"json"` for the keys of the event itself.

    Returns
    -------
    str
        One line without a line break at its end.

    Raises
    ------
    InvalidArgumentError
        For an event that lacks keys, and for an unknown format.

    Examples
    --------
    >>> import json
    >>> import qosguard as qg
    >>> traffic = qg.simulate_traffic(duration_s=600.0, attacks=["port_scan"])
    >>> stream = qg.Stream(traffic.table.schema, settings={"warm_up": 0})
    >>> event = stream.push(traffic.table).events[0]
    >>> finding = json.loads(qg.export_incident(event, "ocsf"))
    >>> finding["type_uid"], finding["finding_info"]["uid"] == event["id"]
    (200401, True)
    >>> qg.export_incident(event, "cef").split("|")[4]
    'port_scan'

    """
    return _core.export_incident(dict(event), format)


def incident_table(events: Iterable[Mapping[str, Any]]) -> str:
    """Write the last state of each incident as a table for people, the most severe first.

    Each incident has two lines: the time of its onset, attackers, victims and the action, and then the number of
    records and the strongest reason. An incident that became part of another one is left out.

    Parameters
    ----------
    events
        Changes of incidents in the order in which a stream reported them.

    Raises
    ------
    InvalidArgumentError
        For an event that lacks keys.

    Examples
    --------
    >>> import qosguard as qg
    >>> traffic = qg.simulate_traffic(600.0, attacks=["port_scan"])
    >>> stream = qg.Stream(traffic.table.schema, settings={"warm_up": 0})
    >>> table = qg.incident_table(stream.events([traffic.table]))
    >>> table.splitlines()[0].split()[:3], "port_scan" in table
    (['since', 'severity', 'kind'], True)

    """
    return _core.incident_table([dict(event) for event in events])


class StreamUpdate(NamedTuple):
    """What one table of records changed.

    Attributes
    ----------
    assessment
        The verdicts of the guard, from row `first` on; `None` while the stream has none.
    first
        The first row of the table that was assessed.
    events
        Changes of incidents, in the order in which they happened; `docs/INCIDENTS.md` lists their keys.

    """

    assessment: Assessment | None
    first: int
    events: list[dict[str, Any]]


class Stream:
    """Assesses records one table after the other, and follows incidents over time.

    A stream works from its first record: limits that need no learning find scans, floods, password guesses and beacons
    in what each host did lately. Without a guard, one is fitted on the first 5,000 records that are not part of an
    incident. Results do not depend on how the records are cut into tables.

    Parameters
    ----------
    schema
        The schema of the records.
    guard
        The guard that assesses the records; without one, the stream fits one.
    policy
        The action for each severity; default: the guard's, or `Policy()`.
    settings
        Limits, incidents and event time, by the names of `StreamConfig`, such as
        `{"floors": {"scan_ports": 100}, "warm_up": 0}`.

    Raises
    ------
    InvalidArgumentError
        For a setting outside its range, and for a schema without a time.
    SchemaMismatchError
        For a schema without a column that the guard needs.

    Examples
    --------
    >>> import qosguard as qg
    >>> flows = qg.simulate(rows=2_000)
    >>> stream = qg.Stream(flows.schema, settings={"warm_up": 500})
    >>> update = stream.push(flows)
    >>> len(update.assessment) == 2_000 - update.first
    True
    >>> stream.state
    {'state': 'ready'}
    >>> stream.counts["records"]
    2000

    """

    def __init__(
        self,
        schema: Schema,
        *,
        guard: Guard | None = None,
        policy: Policy | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        native = None if guard is None else guard._fitted()
        self._native = _core.IncidentStream(schema, native, policy, dict(settings or {}))

    @classmethod
    def restore(cls, data: bytes, schema: Schema, *, guard: Guard | None = None) -> Self:
        """Continue from the bytes of a checkpoint, with the same bits as a stream that never stopped.

        A guard that is given must be the one of the checkpoint.
        """
        return cls._of(_core.IncidentStream.restore(data, schema, None if guard is None else guard._fitted()))

    @classmethod
    def load_checkpoint(cls, path: str | os.PathLike[str], schema: Schema, *, guard: Guard | None = None) -> Self:
        """Continue from a file that `save_checkpoint` wrote; from the one before it where it is not intact."""
        native = None if guard is None else guard._fitted()
        return cls._of(_core.IncidentStream.load_checkpoint(path, schema, native))

    @classmethod
    def _of(cls, native: _core.IncidentStream) -> Self:
        stream = cls.__new__(cls)
        stream._native = native
        return stream

    def checkpoint(self) -> bytes:
        """Return the whole state: windows, incidents, watermarks, counts and the guard."""
        return self._native.checkpoint()

    def save_checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Write a checkpoint to a file, atomically; the one before it stays, with `.previous` after its name."""
        self._native.save_checkpoint(path)

    def push(self, table: Table) -> StreamUpdate:
        """Assess the records of a table."""
        assessment, first, events = self._native.push(table)
        verdicts = None if assessment is None else Assessment(assessment)
        return StreamUpdate(verdicts, first, [json.loads(event) for event in events])

    def events(self, tables: Iterable[Table]) -> Iterator[dict[str, Any]]:
        """Push tables, such as the tables of a reader or a `Collector`, and yield the changes of incidents.

        At the end of the tables, all incidents close.
        """
        for table in tables:
            yield from self.push(table).events
        yield from self.finish()

    async def events_async(self, tables: Iterable[Table]) -> AsyncIterator[dict[str, Any]]:
        """As `events`, for `async for`. Tables are read and assessed on a thread, one at a time."""
        iterator, end = iter(tables), object()
        while (table := await asyncio.to_thread(next, iterator, end)) is not end:
            for event in (await asyncio.to_thread(self.push, table)).events:  # type: ignore[arg-type]
                yield event
        for event in self.finish():
            yield event

    def finish(self) -> list[dict[str, Any]]:
        """Close all incidents at the end of the records."""
        return [json.loads(event) for event in self._native.finish()]

    @property
    def incidents(self) -> list[dict[str, Any]]:
        """The incidents that are open."""
        return [json.loads(incident) for incident in self._native.incidents()]

    @property
    def state(self) -> dict[str, Any]:
        """Whether verdicts mean something yet: `state` is `warming`, `ready` or `limits_only`."""
        state: dict[str, Any] = json.loads(self._native.status()[0])
        return state

    @property
    def counts(self) -> dict[str, int]:
        """Records, anomalies, incidents, and records that were late or had a wrong time."""
        counts: dict[str, int] = json.loads(self._native.status()[1])
        return counts

    @property
    def latency(self) -> dict[str, float]:
        """How long its work on one record took: `records`, `p50_s`, `p99_s` and `max_s` in seconds."""
        latency: dict[str, float] = json.loads(self._native.status()[3])
        return latency

    @property
    def watermark(self) -> float | None:
        """The watermark, in seconds since the epoch; `None` before the first record."""
        return self._native.status()[2]

    @property
    def guard(self) -> Guard | None:
        """The guard that assesses; `None` while there is none."""
        native = self._native.guard()
        return None if native is None else Guard._of(native)

    def swap(self, guard: Guard) -> None:
        """Replace the guard between two tables: no record is lost or assessed twice, and incidents go on."""
        self._native.swap(guard._fitted())

    def false_positive(self, incident_id: str) -> dict[str, Any] | None:
        """Record that an incident is false.

        It closes, and no other incident of its kind about its host opens for a day. Returns its last change; `None` for
        an unknown id.
        """
        event = self._native.false_positive(incident_id)
        return None if event is None else json.loads(event)

    def record_action(self, incident_id: str, time: float) -> bool:
        """Record when an action against an incident was applied, in seconds since the epoch.

        Returns whether the incident is known.
        """
        return self._native.record_action(incident_id, time)
