"""The guard: one fitted artefact from the raw record to the verdict and the action."""

from __future__ import annotations

import html
import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Self

from . import _core
from ._core import Policy, Schema, Table, ThresholdRule
from .assessment import Assessment
from .context import Context
from .context import settings as context_settings
from .display import html_table
from .ensemble import Ensemble
from .errors import GuardWarning, InvalidArgumentError, not_fitted
from .estimator import Estimator
from .explanation import GuardExplanation
from .forest import IsolationForest
from .inputs import to_assess, to_fit
from .results import Findings, SchemaFit, Threshold, Training
from .training import Watcher, watch

__all__ = ["Guard"]


class Guard:
    """A pipeline from the raw record to the verdict and the action.

    It holds schema, features, detector, calibration and policy, and is one file.

    Parameters
    ----------
    detector
        The detector that scores the features; default: `IsolationForest()`. Its `contamination` and `clean_class` are
        not used: the guard has its own threshold, and its schema defines which labels are clean. `"auto"`, or
        `Ensemble("auto")`, chooses an ensemble by the labels of the table (with 50 attacks or more, with fewer
        attacks, or without labels), and a context by its columns: `HostContext()` for records with times and
        addresses, `DeviceWindows()` for logs of devices.
    false_positive_rate
        Share of clean records that may become anomalies, in (0, 1); default: 0.01 without a `threshold`.
    threshold
        Another rule for the threshold, instead of `false_positive_rate`.
    policy
        The action for each verdict; default: `Policy()`.
    context
        Columns that describe the earlier records of the same hosts or devices: `HostContext()` for the last seconds and
        minutes of the source, the destination and the pair of both, `DeviceWindows()` for device logs,
        `DampedStatistics()`, the settings of one as a mapping, or a list of contexts. Default: with the detector
        `"auto"` the context that suits the columns, and none with others. `[]` is none: each record is scored by
        itself.
    featurizer
        How raw columns become features: `scaling` (`"none"`, `"standard"` or `"robust"`; default: `"standard"`),
        `categories` (`{"kind": "ordinal", "cap": 255}`, the default, or `{"kind": "one_hot", "cap": 10}`) and
        `auto_log`, whether skewed columns are taken to their logarithm (default: `True`).
    attack_share
        Share of attacks in the traffic that the guard will assess, in (0, 1), for the probabilities of a detector that
        learns from labels; default: the share of the training rows.
    seed
        Seed, from 0, of the draw of the parts that the stages are fitted on, and of a detector that the guard chooses.

    Notes
    -----
    A record that goes through any entry point, in any language, before or after `save`, gets the same bits.
    Guards can be pickled, and `sklearn.base.clone` makes an unfitted one of equal parameters.

    Examples
    --------
    >>> import qosguard as qg
    >>> flows = qg.simulate(rows=2_000, seed=1)
    >>> guard = qg.Guard(qg.IsolationForest(), false_positive_rate=0.01).fit(flows)
    >>> out = guard.assess(flows)
    >>> len(out), out.decisions[0].row
    (2000, 0)
    >>> guard.threshold.asked
    0.01

    """

    def __init__(
        self,
        detector: Estimator | str | None = None,
        *,
        false_positive_rate: float | None = None,
        threshold: ThresholdRule | None = None,
        policy: Policy | None = None,
        context: Context | Sequence[Context] | None = None,
        featurizer: Mapping[str, Any] | None = None,
        attack_share: float | None = None,
        seed: int = 0,
    ) -> None:
        self._params: dict[str, Any] | None = {
            "detector": detector,
            "false_positive_rate": false_positive_rate,
            "threshold": threshold,
            "policy": policy,
            "context": context,
            "featurizer": featurizer,
            "attack_share": attack_share,
            "seed": seed,
        }
        if threshold is None:
            threshold = _rule(0.01 if false_positive_rate is None else false_positive_rate)
        elif false_positive_rate is not None:
            raise InvalidArgumentError("give `false_positive_rate` or `threshold`, not both")
        if isinstance(detector, str):
            if detector != "auto":
                raise InvalidArgumentError(f'`detector` must be an estimator or "auto", got {detector!r}')
            detector = Ensemble("auto")
        elif not (detector is None or isinstance(detector, Estimator)):
            message = f'`detector` must be an estimator of qosguard or "auto", got {type(detector).__name__}'
            raise InvalidArgumentError(message)
        self._detector = IsolationForest() if detector is None else detector
        self._contexts = None if context is None else context_settings(context)
        self._featurizer = {} if featurizer is None else dict(featurizer)
        self._attack_share = attack_share
        self._rule = threshold
        self._policy = Policy() if policy is None else policy
        self._seed = seed
        self._native: _core.Guard | None = None

    def fit(
        self,
        flows: Table | Any,
        *,
        schema: Schema | None = None,
        progress: Watcher = False,
        checkpoint: str | os.PathLike[str] | None = None,
        resume: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Fit every stage, each on rows that were not used by the stages before it.

        The clean rows (all rows, if there are no labels) are split in three: 40 % fit the features and the detector,
        40 % calibrate p-values and threshold, and 20 % are held out to measure what the threshold realises. A detector
        that learns from labels gets the same parts of the attacks. An ensemble is cross-fitted instead: 90 % of the
        rows do both, and 10 % are held out.

        Parameters
        ----------
        flows
            A `Table`; a data frame of pandas, Polars, pyarrow or any other library that `Table.from_arrow` takes; or
            records, a list of dictionaries.
        schema
            The roles of the columns of a frame or of records; default for a frame: a preset that fits the columns, or
            an inferred schema.
        progress
            `True` draws a bar with tqdm, for an ensemble by member and fold. A function is called with a `Progress`
            for every step. If it returns False, the fit ends with `CancelledError`, or with the best weights so far of
            a network.
        checkpoint
            A file that is written after each epoch of a network.
        resume
            A checkpoint to continue from, with the same bits as a training without interruption.

        Returns
        -------
        Guard
            This guard, fitted.

        Raises
        ------
        InvalidArgumentError
            For a setting outside its domain.
        InsufficientDataError
            For fewer than 100 clean rows, no usable column, or a rule or a detector that needs attacks where there are
            none.
        BadRecordError
            For a row without a label.

        Warns
        -----
        GuardWarning
            For each of `warnings`.

        """
        self._parameters()  # a guard that was read from a file has none to fit with
        table = to_fit(flows, schema)
        settings = self._detector_settings()
        with self._detector._naming():
            self._native = _core.Guard.fit(
                table,
                self._featurizer,
                self._contexts,
                settings,
                self._rule,
                self._policy,
                self._attack_share,
                self._seed,
                watch(progress, checkpoint, resume),
            )
        for warning in self.warnings:
            warnings.warn(warning, GuardWarning, stacklevel=2)
        return self

    def assess(self, flows: Table | Any) -> Assessment:
        """Score every record and recommend an action for it; needs no labels.

        Parameters
        ----------
        flows
            A `Table`, a data frame, or records: one dictionary or a list of dictionaries with the columns of
            `schema`.

        Returns
        -------
        Assessment
            Scores, p-values and decisions, in the order of the records.

        Raises
        ------
        SchemaMismatchError
            If columns are missing; the message names them.
        BadRecordError
            For a row of a frame that is outside the limits of the guard's schema.

        Warns
        -----
        GuardWarning
            For each of `Assessment.warnings`.

        Examples
        --------
        >>> import qosguard as qg
        >>> flows = qg.simulate(rows=500)
        >>> guard = qg.Guard().fit(flows)
        >>> bool((guard.assess(flows.to_pandas()).scores == guard.assess(flows).scores).all())
        True

        """
        native = self._fitted()
        assessment = Assessment(native.assess(to_assess(flows, native.schema, native.inputs)))
        for warning in assessment.warnings:
            warnings.warn(warning, GuardWarning, stacklevel=2)
        return assessment

    def findings(self, flows: Table | Any, assessment: Assessment, n: int = 10) -> Findings:
        """Summarize an assessment of `flows` and describe its `n` worst findings.

        Equal findings are one, with a count.

        Parameters
        ----------
        flows
            The records that were assessed, as for `assess`.
        assessment
            The result of `assess`.
        n
            Number of findings, from 0.

        Returns
        -------
        Findings
            The summary and the findings. `str()` gives one line for each finding: time, addresses, ports, protocol,
            severity, action and what is rare about it.

        Raises
        ------
        ShapeMismatchError
            For an assessment of another number of rows.

        Examples
        --------
        >>> import qosguard as qg
        >>> flows = qg.simulate(rows=2_000)
        >>> guard = qg.Guard().fit(flows)
        >>> findings = guard.findings(flows, guard.assess(flows), n=3)
        >>> findings.records, len(findings.worst)
        (2000, 3)

        """
        native = self._fitted()
        return Findings._of(*native.findings(to_assess(flows, native.schema, native.inputs), assessment._native, n))

    def proposals(self, flows: Table | Any, assessment: Assessment) -> list[dict[str, Any]]:
        """Return every decision with the addresses and the time of its record, as `plan` takes them.

        Parameters
        ----------
        flows
            The records that were assessed, as for `assess`.
        assessment
            The result of `assess`.

        Raises
        ------
        ShapeMismatchError
            For an assessment of another number of rows.

        Examples
        --------
        >>> import qosguard as qg
        >>> flows = qg.simulate(rows=2_000)
        >>> guard = qg.Guard().fit(flows)
        >>> proposals = guard.proposals(flows, guard.assess(flows))
        >>> len(qg.plan(proposals, now=proposals[0]["time"] or 0)) >= 0
        True

        """
        native = self._fitted()
        return native.proposals(to_assess(flows, native.schema, native.inputs), assessment._native)

    def explain(self, flows: Table | Any) -> GuardExplanation:
        """Split the score of every record into the contributions of its columns, with the main reasons in words.

        Parameters
        ----------
        flows
            The records, as for `assess`.

        Returns
        -------
        GuardExplanation
            Contributions and reasons, in the order of the records.

        Raises
        ------
        SchemaMismatchError
            If columns are missing; the message names them.
        InvalidArgumentError
            For a detector whose score belongs to no single features.

        Examples
        --------
        >>> import qosguard as qg
        >>> flows = qg.simulate(rows=2_000)
        >>> guard = qg.Guard().fit(flows)
        >>> worst = guard.assess(flows).top(1)[0].row
        >>> why = guard.explain(flows)
        >>> print(why.reasons(worst, 1)[0])
        service = `ssh` is seen in 1.1 % of clean traffic

        """
        native = self._fitted()
        return GuardExplanation(native.explain(to_assess(flows, native.schema, native.inputs)))

    def fits(self, source: Schema | Table) -> SchemaFit:
        """Report how the columns that the guard reads can be filled from another source, and which are missing.

        `source.map_to(guard.inputs)` fills them; `assess` itself finds columns by name alone.

        Parameters
        ----------
        source
            A schema, or a table with one.

        Returns
        -------
        SchemaFit
            The columns that are mapped, derived and missing.

        Examples
        --------
        >>> import qosguard as qg
        >>> guard = qg.Guard().fit(qg.simulate(rows=500))
        >>> guard.fits(qg.Schema.preset("unsw_nb15_raw")).missing
        ['syn_count', 'fin_count', 'rst_count', 'iat_mean_ms', 'iat_std_ms']

        """
        schema = source.schema if isinstance(source, Table) else source
        return SchemaFit._of(*self._fitted().fits(schema))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the guard to a file, atomically."""
        self._fitted().save(path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a guard that `save` wrote, in this or any earlier release.

        Raises
        ------
        IoError
            If the file cannot be read.
        CorruptArtifactError
            If the file is not an intact guard.
        IncompatibleFormatError
            If a newer release wrote the file.

        """
        return cls._of(_core.Guard.load(path))

    def to_bytes(self) -> bytes:
        """The guard as the bytes of its file."""
        return self._fitted().to_bytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read a guard from the bytes of a file."""
        return cls._of(_core.Guard.from_bytes(data))

    def with_policy(self, policy: Policy) -> Self:
        """The same fitted guard with another policy."""
        native = self._fitted().with_policy(policy)
        if self._params is None:
            return self._of(native)
        other = type(self)(**(self._params | {"policy": policy}))
        other._native = native
        return other

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's parameters, for `sklearn.base.clone`; `deep` adds the parameters of the detector.

        Raises
        ------
        InvalidArgumentError
            For a guard that was read from a file, which holds no constructor's parameters.

        """
        params = self._parameters()
        if deep and isinstance(params["detector"], Estimator):
            params |= {f"detector__{name}": value for name, value in params["detector"].get_params().items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Change constructor parameters; they take effect at the next `fit`."""
        known, native = self.get_params(deep=False), self._native
        inner = {name.partition("__")[2]: value for name, value in params.items() if name.startswith("detector__")}
        given = {name: value for name, value in params.items() if not name.startswith("detector__")}
        for name in given:
            if name not in known:
                raise InvalidArgumentError(f"`{name}` must be one of {sorted(known)}")
        known |= given
        if inner:
            if not isinstance(known["detector"], Estimator):
                raise InvalidArgumentError(f"`detector` must be an estimator to set {sorted(inner)}")
            known["detector"].set_params(**inner)
        type(self).__init__(self, **known)
        self._native = native
        return self

    @property
    def schema(self) -> Schema:
        """The schema of the records that it was fitted on."""
        return self._fitted().schema

    @property
    def inputs(self) -> Schema:
        """The columns that the guard reads: its schema without features that hold no information, such as constants."""
        return self._fitted().inputs

    @property
    def context_columns(self) -> list[str]:
        """Names of the columns that its contexts append to the records; empty without contexts."""
        return self._fitted().context_columns

    def append_contexts(self, flows: Table | Any) -> Table:
        """The table with the columns of the guard's contexts, computed in event time from an empty state.

        `assess` and `explain` do this by themselves; a few rows of the result can be explained.

        Raises `SchemaMismatchError` naming the columns that are missing.

        >>> import qosguard as qg
        >>> flows = qg.simulate(rows=1_000)
        >>> guard = qg.Guard(context="host").fit(flows)
        >>> "src_flows_60s" in guard.append_contexts(flows).to_pandas().columns
        True
        """
        native = self._fitted()
        return native.append_contexts(to_assess(flows, native.schema, native.inputs))

    @property
    def feature_names(self) -> list[str]:
        """Names of the features of the detector."""
        return self._fitted().feature_names

    @property
    def families(self) -> list[str]:
        """The attack classes that a verdict may name; empty if the training rows have fewer than two."""
        return self._fitted().families

    @property
    def policy(self) -> Policy:
        """The action for each verdict."""
        return self._policy if self._native is None else self._native.policy

    @property
    def threshold(self) -> Threshold:
        """The threshold, what was asked of it and what it realised on held-out rows."""
        return Threshold._of(self._fitted().threshold)

    @property
    def training(self) -> Training:
        """The data and the seed that the guard was fitted with."""
        return Training(**self._fitted().training)

    @property
    def warnings(self) -> list[str]:
        """What to know before relying on the guard.

        A false-positive rate that was missed, rules that never apply, and columns without a value in the training rows.

        Examples
        --------
        >>> import qosguard as qg
        >>> guard = qg.Guard().fit(qg.simulate(rows=400, attack_share=0.1))
        >>> guard.warnings[-1]
        'only 144 calibration rows for a false-positive rate of 0.01; 1000 or more are needed'

        """
        return [text for is_warning, text in self._fitted().notices() if is_warning]

    @property
    def notes(self) -> list[str]:
        """Limits of the guard's method, such as attacks that single records cannot show."""
        return [text for is_warning, text in self._fitted().notices() if not is_warning]

    @property
    def digest(self) -> str:
        """SHA-256 of the guard's file, 64 hexadecimal digits."""
        return self._fitted().digest

    @property
    def model_digest(self) -> str:
        """SHA-256 of everything but the policy; decision ids depend on it."""
        return self._fitted().model_digest

    @classmethod
    def _of(cls, native: _core.Guard) -> Self:
        guard = cls(policy=native.policy)
        guard._params, guard._native = None, native
        return guard

    def _detector_settings(self) -> dict[str, Any] | None:
        """The settings of the detector; `None` where the guard chooses it."""
        if not (isinstance(self._detector, Ensemble) and self._detector._is_automatic()):
            return self._detector._settings()
        ignored = {name: getattr(self._detector, name) for name in ("contamination", "clean_class")}
        if self._detector.get_params() != Ensemble("auto").get_params() | ignored:
            raise InvalidArgumentError("an ensemble that the guard chooses takes no settings but the guard's `seed`")
        return None

    def _parameters(self) -> dict[str, Any]:
        """A copy of the constructor's parameters; raises for a guard that was read from a file."""
        if self._params is None:
            raise InvalidArgumentError("a guard that was read from a file has no parameters; build one with `Guard(…)`")
        return dict(self._params)

    def _fitted(self) -> _core.Guard:
        if self._native is None:
            raise not_fitted("this Guard is not fitted yet; call `fit` or `Guard.load` first")
        return self._native

    def __repr__(self) -> str:
        if self._native is None:
            return f"Guard({self._detector!r}, not fitted)"
        return f"Guard({self._native.schema.name}, {len(self.feature_names)} features, {self.digest[:12]})"

    def _repr_html_(self) -> str:
        if self._native is None:
            return f"<p>{html.escape(repr(self))}</p>"
        threshold, training = self.threshold, self.training
        rows: list[tuple[str, Any]] = [
            ("schema", self.schema.name),
            ("features", len(self.feature_names)),
            (
                "fitted on",
                f"{training.fitted} clean rows and {training.fitted_attacks} attacks of {training.rows} rows",
            ),
            ("threshold", f"{threshold.score:.6g}"),
        ]
        if threshold.asked is not None:
            rows.append(("false-positive rate asked", f"{threshold.asked:.4g}"))
        if threshold.realised is not None:
            low, high = threshold.realised.false_positive_interval
            rate = threshold.realised.false_positive_rate
            rows.append(("false-positive rate realised", f"{rate:.4g} [{low:.4g}, {high:.4g}]"))
        rows += [("policy", self.policy), ("digest", self.digest[:12])]
        return f"<p>{html.escape(repr(self))}</p>{html_table([], rows)}"


def _rule(false_positive_rate: float) -> ThresholdRule:
    """The rule of a rate, with errors that name the guard's parameter."""
    try:
        return ThresholdRule.false_positive_rate(false_positive_rate)
    except InvalidArgumentError as error:
        named = InvalidArgumentError(str(error).replace("`rate`", "`false_positive_rate`", 1))
        named.details = error.details | {"path": "false_positive_rate"}
        raise named from None
