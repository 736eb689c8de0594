"""Scores, probabilities and detected events against the truth; combinations of p-values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core
from .errors import ShapeMismatchError
from .labels import attack_flags
from .results import CalibrationError, EventMetrics, Report
from .simulation import AttackEvent, DeviceEvent

__all__ = ["calibration_error", "combine_p_values", "evaluate", "event_metrics", "vus_pr"]


def evaluate(
    scores: npt.ArrayLike,
    labels: npt.ArrayLike,
    threshold: float,
    *,
    families: Sequence[str] | None = None,
    asked_fpr: float | None = None,
    protocol: str = "",
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Report:
    """Measure scores and a fixed threshold against labels.

    Intervals come from bootstrap draws; rates at the threshold have Wilson intervals.

    Parameters
    ----------
    scores
        One per row; higher is more anomalous.
    labels
        True for attacks, one per row.
    threshold
        Rows that score strictly more are flagged.
    families
        Attack family of each row, empty for clean rows, as in `Table.families`.
    asked_fpr
        The false-positive rate that the threshold was asked for; the report prints it next to the realised rate.
    protocol
        A name for the report.
    resamples
        Number of bootstrap draws for the intervals.
    level
        Level of the intervals, in (0, 1).
    seed
        Seed of the draws.

    Returns
    -------
    Report
        The measures with intervals; `str()` gives a table.

    Raises
    ------
    ShapeMismatchError
        If lengths differ.
    NotFiniteError
        For a NaN score.
    InsufficientDataError
        Unless there are clean rows and attacks.
    InvalidArgumentError
        For an option outside its range.

    Examples
    --------
    >>> import numpy as np, qosguard as qg
    >>> report = qg.evaluate(np.arange(200), np.arange(200) >= 150, 149.0)
    >>> report.auc.value, report.f1.value, report.realised_fpr.value
    (1.0, 1.0, 0.0)

    """
    record, text = _core.evaluate(
        _vector("scores", scores, np.float32),
        attack_flags(labels),
        None if families is None else list(families),
        threshold,
        asked_fpr,
        protocol,
        resamples,
        level,
        seed,
    )
    return Report._of(record, text)


def event_metrics(
    events: Iterable[AttackEvent | DeviceEvent | Mapping[str, Any]],
    detections: Iterable[Mapping[str, Any]],
    start: float,
    end: float,
    *,
    tolerance_s: float = 60.0,
    existence_weight: float = 0.0,
) -> EventMetrics:
    """Measure detected events, such as incidents, against true events.

    A detection matches an event if their times overlap, where the event lasts `tolerance_s` longer, and if they agree
    on a host: both name the same attacker or the same victim, or one of them names no host. An address agrees with a
    prefix that contains it. The kinds need not be equal. Range-based recall and precision follow Tatbul et al. (2018)
    with a flat bias and the cardinality factor 1 / x.

    Parameters
    ----------
    events
        The true events: events of a simulator, or mappings with `kind`, `start` and `end` in seconds, and optionally
        `attackers` and `victims`.
    detections
        Changes of incidents, incidents, or mappings with `opened` in seconds, and optionally `closed`, `kind`,
        `attackers` and `victims`; other keys are ignored. A detection without `closed` is still open. Of several with
        one `id`, only the last counts.
    start
        Start of the period in seconds.
    end
        End of the period in seconds.
    tolerance_s
        A detection matches an event up to this many seconds after the event's end.
    existence_weight
        Reward for any overlap in the range-based recall, in [0, 1]; the rest is for the covered share.

    Returns
    -------
    EventMetrics
        Recall, delay and false detections per day; `str()` gives a table.

    Raises
    ------
    InvalidArgumentError
        For an event or a period that ends before it starts, a time that is not finite, and an option outside its range.

    Examples
    --------
    >>> import qosguard as qg
    >>> events = [{"kind": "port_scan", "start": 100.0, "end": 120.0}]
    >>> detections = [{"opened": 101.5, "closed": 120.0}, {"opened": 700.0, "closed": 710.0}]
    >>> metrics = qg.event_metrics(events, detections, 0.0, 86_400.0)
    >>> metrics.all.recall.value, metrics.all.delay_s.max, metrics.false_per_day
    (1.0, 1.5, 1.0)

    """
    options = {"tolerance_s": float(tolerance_s), "existence_weight": float(existence_weight)}
    arguments = {
        "events": [_event(event) for event in events],
        "detections": [dict(detection) for detection in detections],
        "start": float(start),
        "end": float(end),
        "options": options,
    }
    record, text = _core.event_metrics(arguments)
    return EventMetrics._of(record, text)


def _event(event: AttackEvent | DeviceEvent | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(event, DeviceEvent):
        device = [event.device]
        return {**asdict(event), "attackers": device, "victims": device}
    return asdict(event) if isinstance(event, AttackEvent) else dict(event)


def vus_pr(scores: npt.ArrayLike, labels: npt.ArrayLike, window: int) -> float:
    """Return the volume under the surface of precision and recall (VUS-PR) of scores of a series, in [0, 1].

    A late or early detection of a labelled range counts in part, and a single point of a range does not count as the
    whole range. Published by Paparrizos et al. (PVLDB 2022); TSB-AD 1.5 has the same values.

    Parameters
    ----------
    scores
        One per point in time; higher is more anomalous.
    labels
        True for anomalous points, one per point.
    window
        Each labelled range has a buffer of up to half of this many points on both sides, 0 to 10,000.

    Returns
    -------
    float
        The volume.

    Raises
    ------
    ShapeMismatchError
        If lengths differ.
    NotFiniteError
        For a NaN score.
    InsufficientDataError
        Unless there are normal and anomalous points.
    InvalidArgumentError
        For a window outside its range.

    Examples
    --------
    >>> import numpy as np, qosguard as qg
    >>> labels = np.arange(200) // 10 == 10
    >>> qg.vus_pr(labels, labels, 20)
    1.0
    >>> 0.4 < qg.vus_pr(np.roll(labels, 5), labels, 20) < 0.8
    True

    """
    return _core.vus_pr(_vector("scores", scores, np.float32), attack_flags(labels), window)


def calibration_error(
    probabilities: npt.ArrayLike,
    labels: npt.ArrayLike,
    bins: int = 15,
    *,
    protocol: str = "",
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> CalibrationError:
    """Measure probabilities of an attack against labels, in bins of equally many rows.

    Chance alone makes the expected and the maximum error positive; their intervals are reflected at the value, which
    removes this bias.

    Parameters
    ----------
    probabilities
        Probability of an attack of each row, in [0, 1].
    labels
        True for attacks, one per row.
    bins
        Number of bins, 1 to 1,000.
    protocol
        A name for the report.
    resamples
        Number of bootstrap draws for the intervals.
    level
        Level of the intervals, in (0, 1).
    seed
        Seed of the draws.

    Returns
    -------
    CalibrationError
        The errors with intervals; `str()` gives a table.

    Raises
    ------
    ShapeMismatchError
        If lengths differ.
    InsufficientDataError
        Without rows.
    InvalidArgumentError
        For a probability outside [0, 1] or an option outside its range.

    Examples
    --------
    >>> import qosguard as qg
    >>> labels = [True, False, False, False, True, True, True, False]
    >>> error = qg.calibration_error([0.2] * 4 + [0.8] * 4, labels, bins=2)
    >>> round(error.expected.value, 12), [b.observed.value for b in error.bins]
    (0.05, [0.25, 0.75])

    """
    record, text = _core.calibration_error(
        _vector("probabilities", probabilities, np.float64),
        attack_flags(labels),
        bins,
        protocol,
        resamples,
        level,
        seed,
    )
    return CalibrationError._of(record, text)


def combine_p_values(
    p: npt.ArrayLike, method: str = "fisher", weights: npt.ArrayLike | None = None
) -> npt.NDArray[np.float64]:
    """Combine the p-values of several detectors into one per row.

    Parameters
    ----------
    p
        p-values, shape (rows, members); NaN gives NaN.
    method
        `"fisher"` (for ranking; it adds weak evidence), `"bonferroni"` (for decisions; it keeps the rate for any
        dependence of the members), `"harmonic_mean"` or `"cauchy"` (between the two).
    weights
        One per member, for all methods but Fisher's; only their ratios count.

    Returns
    -------
    numpy.ndarray
        One p-value per row.

    Raises
    ------
    ShapeMismatchError
        Unless `p` has two dimensions and there is one weight for each member.
    InvalidArgumentError
        For a p-value outside [0, 1], another method, and weights for Fisher's.

    Examples
    --------
    >>> import qosguard as qg
    >>> qg.combine_p_values([[0.25, 0.125, 1.0], [0.5, 0.5, 0.5]], "bonferroni").tolist()
    [0.375, 1.0]

    """
    rows = np.ascontiguousarray(p, dtype=np.float64)
    if rows.ndim != 2:
        raise ShapeMismatchError(f"p-values: expected the shape (rows, members), got {rows.ndim} dimensions")
    w = None if weights is None else np.ascontiguousarray(weights, dtype=np.float64)
    return _core.combine_p_values(rows, method, w)


def _vector(name: str, values: npt.ArrayLike, dtype: type[Any]) -> npt.NDArray[Any]:
    vector = np.ascontiguousarray(values, dtype=dtype)
    if vector.ndim != 1:
        raise ShapeMismatchError(f"{name}: expected 1 dimension, got the shape {vector.shape}")
    return vector
