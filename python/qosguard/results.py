"""Results as plain frozen records: decisions, thresholds, provenance, reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

from .explanation import Reason

__all__ = [
    "CalibrationError",
    "Decision",
    "Delay",
    "Estimate",
    "EventMetrics",
    "Evidence",
    "FamilyRecall",
    "Finding",
    "Findings",
    "KindMetrics",
    "Labelled",
    "Member",
    "Realised",
    "ReliabilityBin",
    "Report",
    "SchemaFit",
    "Threshold",
    "Training",
]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The contribution of one part of a detector to a verdict."""

    kind: str
    """`member` of an ensemble or `expert` of a mixture."""
    name: str
    """Name of the part."""
    p_value: float | None
    """Fraction of clean traffic to which the part gives a score at least this high, in (0, 1]. `None` for an expert,
    and for a member that is switched off or cannot score the record."""
    weight: float | None
    """Weight of the part in this record, in [0, 1]; the weights of the experts of a record sum to 1. `None` for a
    member, whose weight is the same for all records."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict on one record, the action that the policy asks for, and the rule that chose it.

    The attributes are the columns of `pyarrow.table(assessment)` and of `Assessment.to_pandas`.
    """

    id: str
    """Stable id, 16 hexadecimal digits, from the model digest and the record. Another policy gives the same id."""
    row: int
    """Row in the table, from 0."""
    community_id: str | None
    """Community ID of the flow, version 1 with seed 0; `None` where the record lacks an address, the protocol, the
    ports or the ICMP type."""
    score: float
    """Raw output of the detector; higher is more anomalous."""
    p_value: float
    """Fraction of clean traffic with a score at least this high, in (0, 1]."""
    threshold: float
    """Score above which a record is an anomaly."""
    is_anomaly: bool
    """Whether the score is above the threshold."""
    severity: str
    """`none` for a clean record; `low`, `medium`, `high` or `critical` for an anomaly."""
    probability: float | None
    """Calibrated probability that the record is an attack, in [0, 1]; `None` for a detector fitted without labels."""
    family: str | None
    """Attack class of an anomaly; `None` for a clean record, and for a guard without attack classes."""
    family_probability: float | None
    """Probability of that class among the attack classes, in (0, 1]."""
    evidence: list[Evidence]
    """What each member of an ensemble or each expert of a mixture contributed; empty for a single detector."""
    action: str
    """`allow`, `prioritize`, `deprioritize`, `rate_limit`, `inspect`, `drop` or `isolate`."""
    ttl_s: int | None
    """Seconds until the action expires; `None` for `allow`."""
    bytes_per_second: int | None
    """Rate of `rate_limit`, in bytes (not bits) per second."""
    burst: int | None
    """Bytes that `rate_limit` lets pass at once."""
    service_class: str | None
    """Service class (RFC 4594) that `prioritize` marks the traffic as, such as `telephony`."""
    inspection: str | None
    """How `inspect` brings the traffic to the inspector: `mirror`, `queue` or `redirect`."""
    rule: str
    """Name of the rule that chose the action."""
    policy: str
    """First 16 hexadecimal digits of the policy's digest."""
    dry_run: bool
    """Whether the policy only reports: nothing may be changed in the network."""
    text: str = field(repr=False, compare=False)
    """The decision in one line, as `str()` gives it."""

    @classmethod
    def _of(cls, record: dict[str, Any], text: str) -> Self:
        evidence = [Evidence(**part) for part in record.pop("evidence")]
        return cls(**record, evidence=evidence, text=text)

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
class Labelled:
    """Anomalies counted against labels."""

    clean: int
    """Records labelled clean."""
    false_positives: int
    """Anomalies among them."""
    attacks: int
    """Records labelled attack."""
    caught: int
    """Anomalies among them."""

    @property
    def false_positive_rate(self) -> float | None:
        """Share of the clean records that are anomalies; `None` without clean records."""
        return self.false_positives / self.clean if self.clean else None

    @property
    def recall(self) -> float | None:
        """Share of the attacks that are anomalies; `None` without attacks."""
        return self.caught / self.attacks if self.attacks else None


@dataclass(frozen=True, slots=True)
class Finding:
    """One anomaly with what identifies the record, or the worst of several equal ones; `str()` gives one line."""

    decision: Decision
    """The decision on the record, or on the worst of them."""
    time: str | None
    """Time of the record, as ISO 8601 in UTC where it is known as a time."""
    src_ip: str | None
    """Source address; `None`, as the next ones, where the records do not contain it."""
    src_port: int | None
    dst_ip: str | None
    dst_port: int | None
    protocol: str | None
    """Transport protocol, by name or number."""
    entities: dict[str, str]
    """Other columns that name what the record is about: device, link, country."""
    count: int
    """Anomalies in the group: the same protocol, attack class and action between the same hosts, or from three sources
    or more to one port, or from one source to three destinations or more."""
    sources: int
    """Different sources among them."""
    destinations: int
    """Different destinations among them."""
    dst_ports: int
    """Different destination ports among them."""
    reasons: list[Reason]
    """What is rare about the record, largest contribution first."""
    text: str = field(repr=False, compare=False)
    """The finding in one line, as `str()` gives it."""

    @classmethod
    def _of(cls, record: dict[str, Any], text: str, decision: str) -> Self:
        reasons = [Reason(**reason) for reason in record.pop("reasons")]
        entities = dict(record.pop("entities", []))
        of_record = ("time", "src_ip", "src_port", "dst_ip", "dst_port", "protocol")
        of_group = ("count", "sources", "destinations", "dst_ports")
        known = {name: record.pop(name) for name in (*of_record, *of_group)}
        return cls(**known, decision=Decision._of(record, decision), entities=entities, reasons=reasons, text=text)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Findings:
    """A summary of an assessment and its worst findings; `Guard.findings` makes it and `str()` prints it."""

    records: int
    anomalies: int
    rejected: int
    """Records that could not be read."""
    threshold: Threshold
    """The guard's threshold: the rate that was asked for, and what it realised on held-out rows."""
    labelled: Labelled | None
    """Counts by the labels of the records, if they have labels."""
    groups: int
    """Groups of equal anomalies."""
    worst: list[Finding]
    """The worst groups, worst first."""
    text: str = field(repr=False, compare=False)
    """All of it in words, as `str()` gives it."""

    @classmethod
    def _of(cls, record: dict[str, Any], texts: list[tuple[str, str]], text: str) -> Self:
        worst = [Finding._of(finding, *words) for finding, words in zip(record.pop("worst"), texts, strict=True)]
        labelled = record.pop("labelled")
        return cls(
            worst=worst,
            threshold=Threshold._of(record.pop("threshold")),
            labelled=None if labelled is None else Labelled(**labelled),
            text=text,
            **record,
        )

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Member:
    """One detector of a fitted ensemble."""

    name: str
    weight: float
    """How much its evidence counts."""
    is_enabled: bool
    """Whether it takes part; see `Ensemble.without`."""


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
    """Attack rows, by their labels."""
    fitted_attacks: int
    """Attack rows that the featurizer and the detector were fitted on, in addition to the clean rows."""
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
    macro_recall: Estimate | None
    """Mean of the families' recalls, each of them counting alike."""
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


@dataclass(frozen=True, slots=True)
class Delay:
    """Seconds from the start of an event to its first matching detection, over the detected events."""

    median: float
    """Median."""
    p95: float
    """95 % quantile, interpolated linearly."""
    max: float
    """Maximum."""


@dataclass(frozen=True, slots=True)
class KindMetrics:
    """How the events of one kind, or all events, were detected."""

    events: int
    """Number of true events."""
    detected: int
    """Number of events with a matching detection."""
    recall: Estimate
    """Share of the events that were detected, with Wilson's 95 % interval."""
    same_kind: int
    """Number of events with a matching detection of the same kind."""
    delay_s: Delay | None
    """Delay of the detections; `None` if no event was detected."""
    range_recall: float
    """Mean reward of the events by range-based recall, in [0, 1]."""

    @classmethod
    def _of(cls, record: dict[str, Any]) -> Self:
        delay = record["delay_s"]
        parts = {"recall": Estimate(**record["recall"]), "delay_s": None if delay is None else Delay(**delay)}
        return cls(**{**record, **parts})


@dataclass(frozen=True, slots=True)
class EventMetrics:
    """What `event_metrics` measured; `str()` gives a table."""

    kinds: dict[str, KindMetrics]
    """By kind of event."""
    all: KindMetrics | None
    """All events; `None` without true events."""
    detections: int
    """Number of detections."""
    false_detections: int
    """Number of detections that match no event."""
    false_per_day: float
    """False detections per day of the period."""
    range_precision: float | None
    """Mean reward of the detections by range-based precision, in [0, 1]; `None` without detections."""
    text: str = field(repr=False, compare=False)
    """The metrics as a table, as `str()` gives it."""

    @classmethod
    def _of(cls, record: dict[str, Any], text: str) -> Self:
        kinds = {kind: KindMetrics._of(metrics) for kind, metrics in record["kinds"].items()}
        every = None if record["all"] is None else KindMetrics._of(record["all"])
        return cls(**{**record, "kinds": kinds, "all": every}, text=text)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Rows of about equal probability."""

    rows: int
    predicted: float
    """Mean of their probabilities."""
    observed: Estimate
    """Share of attacks among them."""


@dataclass(frozen=True, slots=True)
class CalibrationError:
    """What `calibration_error` measured; `str()` gives a table."""

    protocol: str
    seed: int
    level: float
    """Level of the intervals."""
    rows: int
    attacks: int
    expected: Estimate
    """Mean distance of a bin's mean probability from the share of attacks in it, weighted by its rows."""
    maximum: Estimate
    """The largest such distance."""
    brier: Estimate
    """Mean squared distance of a probability from its label."""
    bins: list[ReliabilityBin]
    """The reliability table, by rising probability; fewer than were asked for where probabilities tie."""
    text: str = field(repr=False, compare=False)
    """The table as `str()` gives it."""

    @classmethod
    def _of(cls, record: dict[str, Any], text: str) -> Self:
        bins = [ReliabilityBin(b["rows"], b["predicted"], Estimate(**b["observed"])) for b in record.pop("bins")]
        values: dict[str, Any] = {name: Estimate(**v) if isinstance(v, dict) else v for name, v in record.items()}
        return cls(**values, bins=bins, text=text)

    def __str__(self) -> str:
        return self.text
