"""What the engine says, as plain frozen records: decisions, thresholds, provenance, reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

__all__ = ["Decision", "Estimate", "FamilyRecall", "Realised", "Report", "SchemaFit", "Threshold", "Training"]


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict on one record, the action that the policy asks for, and the rule that chose it."""

    id: str
    """Stable id, 16 hexadecimal digits; the same record under the same guard has the same one."""
    row: int
    """Row in the table, from 0."""
    score: float
    """The detector's raw output; higher is more anomalous."""
    p_value: float
    """Share of clean traffic that scores at least this high, in (0, 1]."""
    threshold: float
    """The score above which a record is an anomaly."""
    is_anomaly: bool
    """Whether the score passed the threshold."""
    severity: str
    """`none`, `low`, `medium`, `high` or `critical`."""
    family: str | None
    """Attack class, where a classifier gave one."""
    action: str
    """`allow`, `prioritize`, `deprioritize`, `rate_limit`, `inspect`, `drop` or `isolate`."""
    settings: dict[str, Any]
    """The action's settings, such as `ttl_s`, `bytes_per_second` and `burst`."""
    rule: str
    """Name of the rule that chose the action."""
    dry_run: bool
    """Whether nothing may be changed."""
    text: str = field(repr=False, compare=False)
    """The decision in one line, as `str()` gives it."""

    @classmethod
    def _of(cls, record: dict[str, Any], text: str) -> Self:
        names = [name for name in cls.__slots__ if name not in ("settings", "text")]
        known = {name: record.pop(name, None) for name in names}
        return cls(**known, settings=record, text=text)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Realised:
    """What a threshold did on rows that were neither fitted nor calibrated on; intervals at 95 %."""

    clean_rows: int
    false_positive_rate: float
    """Share of the clean rows above the threshold."""
    false_positive_interval: tuple[float, float]
    attack_rows: int
    """Attack rows; 0 where no labels were given."""
    true_positive_rate: float | None
    """Share of the attack rows above the threshold, where there are any."""
    true_positive_interval: tuple[float, float] | None
    f1: float | None
    """F1 at these rows' shares of clean and attack, where there are attacks."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A fitted threshold: what was asked, the score that answers it, and what it realised."""

    rule: dict[str, Any]
    """The rule that chose it."""
    score: float
    """Rows that score strictly more are anomalies."""
    asked: float | None
    """The false-positive rate that the rule asks for, where it asks for one."""
    realised: Realised | None
    """What came out on held-out rows."""

    @classmethod
    def _of(cls, record: dict[str, Any]) -> Self:
        realised = record["realised"]
        if realised is not None:
            for name in ("false_positive_interval", "true_positive_interval"):
                ends = realised[name]
                realised[name] = None if ends is None else (ends["low"], ends["high"])
            record["realised"] = Realised(**realised)
        return cls(**record)


@dataclass(frozen=True, slots=True)
class SchemaFit:
    """How the columns of a schema are filled from the columns of another one."""

    schema: str
    """Name of the schema that is filled."""
    source: str
    """Name of the schema that it is filled from."""
    missing: list[str]
    """Features that the source has nothing for."""
    mapped: dict[str, str]
    """Columns that are filled from one of the source's, and which."""
    derived: dict[str, str]
    """Columns that are derived, and how, in the names of the source."""
    text: str = field(repr=False, compare=False)
    """The fit in words, as `str()` gives it."""

    @classmethod
    def _of(cls, record: dict[str, Any], text: str) -> Self:
        pairs: dict[str, Any] = {name: dict(record.pop(name)) for name in ("mapped", "derived")}
        return cls(**record, **pairs, text=text)

    @property
    def is_complete(self) -> bool:
        """Whether every feature can be filled."""
        return not self.missing

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Training:
    """Where a guard came from."""

    seed: int
    rows: int
    """Rows given."""
    fitted: int
    """Clean rows that the featurizer and the detector were fitted on."""
    calibrated: int
    """Clean rows that the p-values and the threshold were calibrated on."""
    held_out: int
    """Clean rows that neither saw; what the threshold realised is measured on them."""
    attacks: int
    """Attack rows, by their labels; half join the calibration, half the held-out rows."""
    data_hash: str
    """SHA-256 over the fingerprints of the rows given, in order."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured value and its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class FamilyRecall:
    """Recall of one attack family at the threshold."""

    rows: int
    recall: Estimate


@dataclass(frozen=True, slots=True)
class Report:
    """What `evaluate` measured; `str()` gives a table."""

    protocol: str
    seed: int
    level: float
    """Level of the intervals."""
    rows: int
    attacks: int
    threshold: float
    """Rows that score strictly more were flagged."""
    auc: Estimate
    """Area under the ROC curve."""
    average_precision: Estimate
    tpr_at_1_percent_fpr: Estimate
    """Largest recall at a false-positive rate of at most 1 %, at its best threshold on these rows."""
    tpr_at_0_1_percent_fpr: Estimate
    """The same at .1 %."""
    f1: Estimate
    """F1 at the threshold."""
    recall: Estimate
    """Recall at the threshold."""
    asked_fpr: float | None
    """False-positive rate that the threshold was asked for."""
    realised_fpr: Estimate
    """Share of the clean rows above the threshold."""
    families: dict[str, FamilyRecall]
    """Recall by attack family; empty where no families were given."""
    text: str = field(repr=False, compare=False)
    """The report as a table, as `str()` gives it."""

    @classmethod
    def _of(cls, record: dict[str, Any], text: str) -> Self:
        families = {
            name: FamilyRecall(family["rows"], Estimate(**family["recall"]))
            for name, family in record.pop("families").items()
        }
        values: dict[str, Any] = {name: Estimate(**v) if isinstance(v, dict) else v for name, v in record.items()}
        return cls(**values, families=families, text=text)

    def __str__(self) -> str:
        return self.text
