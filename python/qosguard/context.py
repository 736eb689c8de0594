"""Contexts: columns that tell each record about the records before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import InvalidArgumentError

__all__ = ["Context", "DampedStatistics", "DeviceWindows", "HostContext"]


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
        Sources, destinations, pairs and prefixes that are kept, of each kind, 16 to 10,000,000. The one seen longest
        ago makes room for a new one.
    prefixes
        Whether also prefixes of sources and of destinations are counted, /24 of IPv4 and /64 of IPv6.

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
    prefixes: bool = False

    def _settings(self) -> dict[str, Any]:
        sizes = {"windows": list(self.windows), "max_entities": self.max_entities}
        return {"kind": "host", **sizes, "prefixes": self.prefixes}


@dataclass(frozen=True)
class DeviceWindows:
    """What each device reported in its current window of event time, as columns of each log.

    Windows are [start, end) and follow each other. Each log gets 19 values of the logs of the same device from the
    window's start up to and including it: latency, packet loss, retries, error codes, traffic, connection resets, logs
    per second and the devices with a log in the window. They are null for the first four logs of a window. The schema
    needs a time, an entity and the columns of numbers of the preset `device_log`, or some of them.

    Parameters
    ----------
    window
        Length of a window in seconds, 1 to 86,400.
    min_logs
        Logs of a window from which on it has values, 2 to 1,000,000.
    max_devices
        Devices that are kept, 16 to 10,000,000. The one seen longest ago makes room for a new one.

    Examples
    --------
    >>> import qosguard as qg
    >>> time = qg.Column("at", role="time", kind="time", unit="s")
    >>> columns = [time, qg.Column("device_id", role="entity", kind="text")]
    >>> schema = qg.Schema("modems", [*columns, qg.Column("latency_ms")])
    >>> records = [{"at": i, "device_id": "modem-1", "latency_ms": 40 + i % 7} for i in range(100)]
    >>> logs = qg.Table.from_records(records, schema)
    >>> guard = qg.Guard(context=qg.DeviceWindows()).fit(logs)
    >>> guard.context_columns[:4]
    ['avg_latency', 'latency_variance', 'max_latency', 'latency_95th']

    """

    window: int = 30
    min_logs: int = 5
    max_devices: int = 16_384

    def _settings(self) -> dict[str, Any]:
        sizes = {"window": self.window, "min_logs": self.min_logs, "max_devices": self.max_devices}
        return {"kind": "device_windows", **sizes}


@dataclass(frozen=True)
class DampedStatistics:
    """What sources, channels and sockets sent, where what is older counts less, as 100 columns of each record.

    A record that is `t` seconds old has the weight `2 ** (-decay * t)`, for decays of 5, 3, 1, 0.1 and 0.01 per second
    (Kitsune's AfterImage). The schema needs a time, both addresses and bytes; without ports there are 65 columns.

    Parameters
    ----------
    max_entities
        Sources, channels and sockets that are kept, of each kind, 16 to 10,000,000. The one seen longest ago makes room
        for a new one.

    Examples
    --------
    >>> import qosguard as qg
    >>> guard = qg.Guard(context=qg.DampedStatistics()).fit(qg.simulate(rows=1_000))
    >>> len(guard.context_columns), guard.context_columns[0]
    (100, 'damped_src_weight_5')

    """

    max_entities: int = 16_384

    def _settings(self) -> dict[str, Any]:
        return {"kind": "damped_statistics", "max_entities": self.max_entities}


Context = HostContext | DeviceWindows | DampedStatistics | Mapping[str, Any] | str
"""A context: an instance, its settings as a mapping that names its `kind`, or a kind with its defaults."""


def settings(context: Context | Sequence[Context]) -> list[dict[str, Any]]:
    """The settings of the contexts of a guard."""
    if isinstance(context, HostContext | DeviceWindows | DampedStatistics):
        return [context._settings()]
    if isinstance(context, str):
        return [{"kind": context}]
    if isinstance(context, Mapping):
        return [dict(context)]
    if isinstance(context, Sequence):
        return [one for each in context for one in settings(each)]
    expected = "a `HostContext`, `DeviceWindows`, `DampedStatistics`, a mapping, a kind or a list of these"
    raise InvalidArgumentError(f"`context` must be {expected}, got {type(context).__name__}")
