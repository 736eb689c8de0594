"""Network anomaly detection and QoS: telemetry in, calibrated verdicts and safe, expiring actions out."""

from __future__ import annotations

from . import errors
from ._core import Column, ReadReport, Rejection, Schema, Table

__all__ = ["Column", "ReadReport", "Rejection", "Schema", "Table", "errors"]
