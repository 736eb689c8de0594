"""Simulated traffic of hosts over time and telemetry of devices, with labelled events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import index
from typing import Any, SupportsIndex

from . import _core
from ._core import Table

__all__ = [
    "AttackEvent",
    "DeviceEvent",
    "DeviceTelemetry",
    "Traffic",
    "simulate_devices",
    "simulate_traffic",
]


@dataclass(frozen=True, slots=True)
class AttackEvent:
    """An attack with its attackers, victims and times."""

    kind: str
    """The kind of attack, as in the column `family`."""
    attackers: list[str]
    """Addresses of the attackers; empty if the sources are forged."""
    victims: list[str]
    """Addresses of the victims; the external host of a beacon and of an exfiltration."""
    port: int | None
    """The attacked port; `None` for scans of many ports and for ICMP."""
    start: float
    """Start of the first record, seconds since the Unix epoch by a correct clock."""
    end: float
    """End of the last record, seconds since the Unix epoch by a correct clock."""
    flows: int
    """Number of records without duplicates."""


@dataclass(frozen=True, slots=True)
class DeviceEvent:
    """A time in which a device is anomalous."""

    kind: str
    """`latency_spike`, `loss_burst`, `error_storm` or `traffic_surge`."""
    device: str
    """The device, as in the column `device_id`."""
    start: float
    """Time of the first anomalous record, seconds since the Unix epoch by a correct clock."""
    end: float
    """Time of the last anomalous record, seconds since the Unix epoch by a correct clock."""
    records: int
    """Number of records without duplicates."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Simulated traffic with its attack events."""

    table: Table
    """The records of the schema `flow_detail` in the order of their arrival."""
    events: list[AttackEvent]
    """The attack events in the order of their start."""
    late: int
    """Number of records that arrive late."""
    duplicates: int
    """Number of rows that repeat another row."""


@dataclass(frozen=True, slots=True)
class DeviceTelemetry:
    """Simulated telemetry of devices with its events."""

    table: Table
    """The records of the schema `device_log` in the order of their arrival."""
    events: list[DeviceEvent]
    """The events in the order of their start."""
    late: int
    """Number of records that arrive late."""
    duplicates: int
    """Number of rows that repeat another row."""


def simulate_traffic(
    duration_s: float = 3600.0,
    *,
    hosts: SupportsIndex = 250,
    flows_per_s: float = 5.0,
    attacks: Sequence[str] | None = None,
    events_per_attack: SupportsIndex = 1,
    background: Mapping[str, float] | None = None,
    start_time: SupportsIndex | None = None,
    active_timeout_s: float = 1800.0,
    clock_skew_s: float = 0.0,
    late_fraction: float = 0.0,
    late_s: float = 120.0,
    duplicate_fraction: float = 0.0,
    seed: SupportsIndex = 0,
) -> Traffic:
    """Simulate clean hosts and attack events on one clock.

    Attacks are behaviour of hosts over time: each event has attackers, victims, a start and an end, and its flows come
    at the rate of the attack. Rows have the order in which an exporter emits records. The same settings give the same
    rows.

    Parameters
    ----------
    duration_s
        Seconds in which flows start, 300 to 2,678,400.
    hosts
        Number of clients in the internal network, 1 to 10^6.
    flows_per_s
        Mean number of clean flows that start per second; at most 5·10^6 flows in total.
    attacks
        Some of `"port_scan"`, `"horizontal_scan"`, `"icmp_sweep"`, `"syn_flood"`, `"udp_flood"`, `"brute_force"`,
        `"beaconing"` and `"exfiltration"`; default: all. An empty list gives clean traffic.
    events_per_attack
        Number of events of each attack; at most 1,000 events in total.
    background
        Weights of the clean applications by name, such as `{"web": 1.0}`; the others keep their default.
    start_time
        Start of the simulation, seconds since the Unix epoch; default: 2026-01-05, 00:00 UTC.
    active_timeout_s
        A longer flow has several records, each of at most this many seconds.
    clock_skew_s
        Seconds that the clock of one of the four exporters is ahead.
    late_fraction
        Share of the records that arrive late, in [0, 1].
    late_s
        Maximum delay of a late record in seconds.
    duplicate_fraction
        Share of the records that occur twice, in [0, 1].
    seed
        Seed of all random draws.

    Returns
    -------
    Traffic
        The records and the attack events.

    Raises
    ------
    InvalidArgumentError
        For a setting outside its range.

    Examples
    --------
    >>> import qosguard as qg
    >>> traffic = qg.simulate_traffic(600, attacks=["port_scan", "syn_flood"], seed=1)
    >>> sorted(event.kind for event in traffic.events)
    ['port_scan', 'syn_flood']
    >>> int(traffic.table.labels.sum()) == sum(event.flows for event in traffic.events)
    True

    """
    config = _config(
        {
            "duration_s": float(duration_s),
            "hosts": index(hosts),
            "flows_per_s": float(flows_per_s),
            "attacks": None if attacks is None else list(attacks),
            "events_per_attack": index(events_per_attack),
            "background": None if background is None else dict(background),
            "start_time": None if start_time is None else index(start_time),
            "active_timeout_s": float(active_timeout_s),
            "clock_skew_s": float(clock_skew_s),
            "late_fraction": float(late_fraction),
            "late_s": float(late_s),
            "duplicate_fraction": float(duplicate_fraction),
            "seed": index(seed),
        }
    )
    table, found = _core.simulate_traffic(config)
    events = [AttackEvent(**event) for event in found["events"]]
    return Traffic(table, events, found["late"], found["duplicates"])


def simulate_devices(
    devices: SupportsIndex = 20,
    duration_s: float = 600.0,
    *,
    interval_s: float = 1.0,
    anomaly_share: float = 0.05,
    anomalies: Sequence[str] | None = None,
    start_time: SupportsIndex | None = None,
    clock_skew_s: float = 0.0,
    late_fraction: float = 0.0,
    late_s: float = 120.0,
    duplicate_fraction: float = 0.0,
    seed: SupportsIndex = 0,
) -> DeviceTelemetry:
    """Simulate the telemetry of modems and access points.

    Anomalies are bursts of 6 to 16 records of one device. The same settings give the same rows.

    Parameters
    ----------
    devices
        Number of devices.
    duration_s
        Length in seconds; each device has `duration_s / interval_s` records, at least 60; at most 5·10^6 records in
        total.
    interval_s
        Seconds between two records of a device, 0.01 to 3,600.
    anomaly_share
        Share of anomalous records, in [0, 0.5], to the nearest record.
    anomalies
        Some of `"latency_spike"`, `"loss_burst"`, `"error_storm"` and `"traffic_surge"`; default: all.
    start_time
        Start of the simulation, seconds since the Unix epoch; default: 2026-01-05, 00:00 UTC.
    clock_skew_s
        Seconds that the clock of the first device is ahead.
    late_fraction
        Share of the records that arrive late, in [0, 1].
    late_s
        Maximum delay of a late record in seconds.
    duplicate_fraction
        Share of the records that occur twice, in [0, 1].
    seed
        Seed of all random draws.

    Returns
    -------
    DeviceTelemetry
        The records and the events.

    Raises
    ------
    InvalidArgumentError
        For a setting outside its range.

    Examples
    --------
    >>> import qosguard as qg
    >>> telemetry = qg.simulate_devices(10, 1_000)
    >>> len(telemetry.table), int(telemetry.table.labels.sum())
    (10000, 500)

    """
    config = _config(
        {
            "devices": index(devices),
            "duration_s": float(duration_s),
            "interval_s": float(interval_s),
            "anomaly_share": float(anomaly_share),
            "anomalies": None if anomalies is None else list(anomalies),
            "start_time": None if start_time is None else index(start_time),
            "clock_skew_s": float(clock_skew_s),
            "late_fraction": float(late_fraction),
            "late_s": float(late_s),
            "duplicate_fraction": float(duplicate_fraction),
            "seed": index(seed),
        }
    )
    table, found = _core.simulate_devices(config)
    events = [DeviceEvent(**event) for event in found["events"]]
    return DeviceTelemetry(table, events, found["late"], found["duplicates"])


def _config(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings without those that keep their default."""
    return {name: value for name, value in settings.items() if value is not None}
