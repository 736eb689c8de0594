"""Network anomaly detection and QoS: telemetry in, calibrated verdicts and safe, expiring actions out.

>>> import qosguard as qg
>>> flows = qg.simulate(rows=2_000)
>>> guard = qg.Guard(qg.IsolationForest(), false_positive_rate=0.01).fit(flows)
>>> out = guard.assess(flows)
>>> most = out.top(1)[0]
>>> most.is_anomaly, most.dry_run
(True, True)
"""

from __future__ import annotations

import os as _os

from . import _core, errors
from ._core import (
    Collector,
    Column,
    Follower,
    Ledger,
    Policy,
    Probability,
    ReadReport,
    Rejection,
    Schema,
    Series,
    Table,
    TableReader,
    ThresholdRule,
    follow,
    open,
    read,
    read_csv,
    read_exports,
    read_ipc,
    read_jsonl,
    read_parquet,
    read_series,
    simulate,
)
from .assessment import Assessment
from .classifiers import BoostedTrees, LogisticRegression
from .context import DampedStatistics, DeviceWindows, HostContext
from .ensemble import Ensemble
from .explanation import Explanation, GuardExplanation, Reason
from .forest import IsolationForest
from .guard import Guard
from .networks import Autoencoder, EntityAutoencoders, Expert, MixtureOfExperts, NeuralClassifier
from .outliers import ContrastTrees, GaussianMixture, HalfSpaceTrees, Kitsune
from .plans import Plan, Rendered, plan
from .quality import calibration_error, combine_p_values, evaluate, event_metrics, vus_pr
from .results import (
    CalibrationError,
    Decision,
    Delay,
    Estimate,
    EventMetrics,
    Evidence,
    FamilyRecall,
    Finding,
    Findings,
    KindMetrics,
    Labelled,
    Member,
    Realised,
    ReliabilityBin,
    Report,
    SchemaFit,
    Threshold,
    Training,
)
from .simulation import AttackEvent, DeviceEvent, DeviceTelemetry, Traffic, simulate_devices, simulate_traffic
from .splits import Distinct, FeatureAuc, LeakAudit, Split
from .stream import Stream, StreamUpdate, export_incident, incident_table
from .training import Epoch, History, Progress
from .tree_model import TreeModel

__all__ = [
    "Assessment",
    "AttackEvent",
    "Autoencoder",
    "BoostedTrees",
    "CalibrationError",
    "Collector",
    "Column",
    "ContrastTrees",
    "DampedStatistics",
    "Decision",
    "Delay",
    "DeviceEvent",
    "DeviceTelemetry",
    "DeviceWindows",
    "Distinct",
    "Ensemble",
    "EntityAutoencoders",
    "Epoch",
    "Estimate",
    "EventMetrics",
    "Evidence",
    "Expert",
    "Explanation",
    "FamilyRecall",
    "FeatureAuc",
    "Finding",
    "Findings",
    "Follower",
    "GaussianMixture",
    "Guard",
    "GuardExplanation",
    "HalfSpaceTrees",
    "History",
    "HostContext",
    "IsolationForest",
    "KindMetrics",
    "Kitsune",
    "Labelled",
    "LeakAudit",
    "Ledger",
    "LogisticRegression",
    "Member",
    "MixtureOfExperts",
    "NeuralClassifier",
    "Plan",
    "Policy",
    "Probability",
    "Progress",
    "ReadReport",
    "Realised",
    "Reason",
    "Rejection",
    "ReliabilityBin",
    "Rendered",
    "Report",
    "Schema",
    "SchemaFit",
    "Series",
    "Split",
    "Stream",
    "StreamUpdate",
    "Table",
    "TableReader",
    "Threshold",
    "ThresholdRule",
    "Traffic",
    "Training",
    "TreeModel",
    "calibration_error",
    "combine_p_values",
    "errors",
    "evaluate",
    "event_metrics",
    "export_incident",
    "follow",
    "incident_table",
    "open",
    "plan",
    "read",
    "read_csv",
    "read_exports",
    "read_ipc",
    "read_jsonl",
    "read_parquet",
    "read_series",
    "simulate",
    "simulate_devices",
    "simulate_traffic",
    "vus_pr",
]

__version__ = _core.__version__


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


if hasattr(_os, "register_at_fork"):  # not on Windows
    _os.register_at_fork(after_in_child=_core._after_fork)
