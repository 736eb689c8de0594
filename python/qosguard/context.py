"""Contexts: columns that tell each record about the records before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import InvalidArgumentError

__all__ = ["Context", "HostContext"]


@dataclass(frozen=True)
class HostContext:
    """What sources, destinations and pairs of both did in sliding windows, as columns of each record.

    For each window, each record gets the flows of its source, its destination and its pair, their distinct peers and
    destination ports, the share of failed connections, bytes and packets per second, and the share of bytes that went
    up, as far as the schema has the inputs. The schema needs a time and an address.

    Parameters
    ----------
    windows
        Lengths of the windows in seconds, ascending, 1 to 8 of them, each 0.1 to 86,400.
    max_entities
        Sources, destinations and pairs that are kept, of each kind, 16 to 10,000,000. The one seen longest ago makes
        room for a new one.

    Examples
    --------
    >>> import qosguard as qg
    >>> flows = qg.simulate(rows=1_000)
    >>> guard = qg.Guard(context=qg.HostContext(windows=(10, 60))).fit(flows)
    >>> guard.context_columns[:3]
    ['src_flows_10s', 'src_peers_10s', 'src_ports_10s']
    >>> len(guard.assess(flows))
    1000

    """

    windows: Sequence[float] = (2.0, 10.0, 60.0, 300.0)
    max_entities: int = 16_384

    def _settings(self) -> dict[str, Any]:
        return {"kind": "host", "windows": list(self.windows), "max_entities": self.max_entities}


Context = HostContext | Mapping[str, Any] | str
"""A context: an instance, its settings as a mapping that names its `kind`, or a kind with its defaults."""


def settings(context: Context | Sequence[Context] | None) -> list[dict[str, Any]]:
    """The settings of the contexts of a guard."""
    if context is None:
        return []
    if isinstance(context, HostContext):
        return [context._settings()]
    if isinstance(context, str):
        return [{"kind": context}]
    if isinstance(context, Mapping):
        return [dict(context)]
    if isinstance(context, Sequence):
        return [one for each in context for one in settings(each)]
    message = f'`context` must be a `HostContext`, a mapping, "host" or a list of these, got {type(context).__name__}'
    raise InvalidArgumentError(message)
