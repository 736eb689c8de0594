"""The guard: one fitted artefact from the raw record to the verdict and the action."""

from __future__ import annotations

import html
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, overload

import numpy as np
import numpy.typing as npt

from . import _core
from ._core import Policy, Schema, Table, ThresholdRule
from .ensemble import Ensemble
from .errors import GuardWarning, InvalidArgumentError, InvalidTypeError, not_fitted
from .estimator import Estimator
from .explanation import GuardExplanation
from .forest import IsolationForest
from .frames import select
from .results import Decision, Findings, SchemaFit, Threshold, Training
from .training import Watcher, watch

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Assessment", "Decisions", "Guard"]


class Guard:
    """A pipeline from the raw record to the verdict and the action.

    It holds schema, features, detector, calibration and policy, and is one file.

    detector
        What scores the features; `IsolationForest()` unless said otherwise. Its `contamination` and `clean_class`
        are not used: the guard has a threshold of its own, and its schema says which labels are clean. `"auto"`, or
        `Ensemble("auto")`, chooses an ensemble by what the table knows: labels with 50 attacks or more, labels with
        fewer (the other rows are known to be clean), or no labels.
    false_positive_rate
        Share of clean records that may be called anomalies, in (0, 1); 0.01 unless a `threshold` is given.
    threshold
        Another rule for the threshold, instead of `false_positive_rate`.
    policy
        What to do about which verdict; `Policy()` unless said otherwise.
    featurizer
        How raw columns become features: `scaling` (`"none"`, `"standard"` or `"robust"`; default: `"standard"`),
        `categories` (`{"kind": "ordinal", "cap": 255}`, the default, or `{"kind": "one_hot", "cap": 10}`) and
        `auto_log`, whether skewed columns are taken to their logarithm (default: `True`).
    attack_share
        Share of attacks in the traffic that the guard will see, in (0, 1), for the probabilities of a detector that
        learns from labels; that of the training rows unless said otherwise.
    seed
        Seed, from 0, of the draw of the parts that the stages are fitted on, and of a detector that is chosen.

    A record that goes through any entry point, in any language, before or after `save`, gets the same bits.
    Guards can be pickled, and `sklearn.base.clone` makes an unfitted one of equal parameters.

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
        featurizer: Mapping[str, Any] | None = None,
        attack_share: float | None = None,
        seed: int = 0,
    ) -> None:
        self._params: dict[str, Any] | None = {
            "detector": detector,
            "false_positive_rate": false_positive_rate,
            "threshold": threshold,
            "policy": policy,
            "featurizer": featurizer,
            "attack_share": attack_share,
            "seed": seed,
        }
        if threshold is None:
            rate = 0.01 if false_positive_rate is None else false_positive_rate
            threshold = ThresholdRule.false_positive_rate(rate)
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
        """Fit every stage, each on rows that the stages before it did not see.

        `flows` is a `Table`, or a data frame of pandas, Polars, pyarrow or any other library that `Table.from_arrow`
        takes, with the roles of its columns in `schema`. Default: a preset that fits the columns, or an inferred
        schema.

        The rows labelled clean (all rows, where there are no labels) are cut in three: 40 % fit the
        features and the detector, 40 % calibrate p-values and threshold, 20 % are held out to state what
        the threshold realised. Attacks are cut alike for a detector that learns from labels. An ensemble is
        cross-fitted instead: 90 % of the rows do both, and 10 % are held out.

        `progress=True` draws a bar with tqdm, for an ensemble by member and fold; a function is called with a
        `Progress` for every step, and ends the fit by returning False, with `CancelledError` unless the training of
        a network can keep its best weights. `checkpoint` and `resume` are those of `Autoencoder.fit`.

        Raises `InvalidArgumentError` for a setting outside its domain, `InsufficientDataError` for fewer
        than 100 clean rows, no usable column, or a rule or a detector that needs attacks where there are none,
        and `BadRecordError` for a row without a label. Warns with `GuardWarning` of what `warnings` lists.
        """
        self._parameters()  # a guard that was read from a file has none to fit with
        table = _table(flows, schema)
        settings = self._detector_settings()
        with self._detector._naming():
            self._native = _core.Guard.fit(
                table,
                self._featurizer,
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
        """Score every record of a table or data frame and recommend an action for it; needs no labels.

        Raises `SchemaMismatchError` naming the columns that are missing, and `BadRecordError` for a row of a frame that
        is outside the limits of the guard's schema. Warns with `GuardWarning` of what `Assessment.warnings` lists.

        >>> import qosguard as qg
        >>> flows = qg.simulate(rows=500)
        >>> guard = qg.Guard().fit(flows)
        >>> bool((guard.assess(flows.to_pandas()).scores == guard.assess(flows).scores).all())
        True
        """
        native = self._fitted()
        assessment = Assessment(native.assess(_records(flows, native.inputs)))
        for warning in assessment.warnings:
            warnings.warn(warning, GuardWarning, stacklevel=2)
        return assessment

    def findings(self, flows: Table | Any, assessment: Assessment, n: int = 10) -> Findings:
        """Summarize an assessment of `flows` and describe its `n` worst findings.

        Equal findings are one, with a count. `str()` is the summary and one line for each finding: time, addresses,
        ports, protocol, severity, action and what is rare about it.

        Raises `ShapeMismatchError` for an assessment of another number of rows.

        >>> import qosguard as qg
        >>> flows = qg.simulate(rows=2_000)
        >>> guard = qg.Guard().fit(flows)
        >>> findings = guard.findings(flows, guard.assess(flows), n=3)
        >>> findings.records, len(findings.worst)
        (2000, 3)
        """
        native = self._fitted()
        return Findings._of(*native.findings(_records(flows, native.inputs), assessment._native, n))

    def explain(self, flows: Table | Any) -> GuardExplanation:
        """Split the score of every record into what each of its columns adds, with the main reasons in words.

        Raises `SchemaMismatchError` naming the columns that are missing, and `InvalidArgumentError` for a
        detector whose score belongs to no single features.

        >>> import qosguard as qg
        >>> flows = qg.simulate(rows=2_000)
        >>> guard = qg.Guard().fit(flows)
        >>> worst = guard.assess(flows).top(1)[0].row
        >>> why = guard.explain(flows)
        >>> print(why.reasons(worst, 1)[0])
        service = `ssh` is seen in 1.1 % of clean traffic
        """
        native = self._fitted()
        return GuardExplanation(native.explain(_records(flows, native.inputs)))

    def fits(self, source: Schema | Table) -> SchemaFit:
        """Say how the columns that the guard reads can be filled from another source, and what is missing.

        `source.map_to(guard.inputs)` fills them; `assess` itself goes by names alone.

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

        Raises `IoError`, `CorruptArtifactError` for a file that is not an intact guard, and
        `IncompatibleFormatError` for one of a newer release.
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
        """The constructor's parameters, for `sklearn.base.clone`; `deep` adds those of the detector.

        Raises `InvalidArgumentError` for a guard that was read from a file, which holds no constructor's parameters.
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
        """Its schema, without the features that it was fitted without because they told nothing."""
        return self._fitted().inputs

    @property
    def feature_names(self) -> list[str]:
        """Names of the features that the detector sees."""
        return self._fitted().feature_names

    @property
    def families(self) -> list[str]:
        """The attack classes that a verdict may name; empty where the training rows named fewer than two."""
        return self._fitted().families

    @property
    def policy(self) -> Policy:
        """What to do about which verdict."""
        return self._policy if self._native is None else self._native.policy

    @property
    def threshold(self) -> Threshold:
        """The threshold, what was asked of it and what it realised on held-out rows."""
        return Threshold._of(self._fitted().threshold)

    @property
    def training(self) -> Training:
        """Where the guard came from."""
        return Training(**self._fitted().training)

    @property
    def warnings(self) -> list[str]:
        """Promises that the guard does not keep, such as the asked false-positive rate, and rules that never apply.

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
        """SHA-256 of everything that makes a verdict, so without the policy; decision ids depend on it."""
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
        return f"<p>{html.escape(repr(self))}</p>{_html_table([], rows)}"


def _table(flows: Any, schema: Schema | None) -> Table:
    """Records to fit on as a table: a table as it is, a frame by `schema`."""
    return flows if isinstance(flows, Table) else Table.from_arrow(_frame(flows), schema)


def _records(flows: Any, inputs: Schema) -> Table:
    """Records to assess as a table, one row for each; other columns of a frame than a guard's own are left out."""
    if isinstance(flows, Table):
        return flows
    return Table.from_arrow(select(_frame(flows), [column.name for column in inputs.columns]), inputs, 0.0)


def _frame(flows: Any) -> Any:
    """Refuses what is not a data frame."""
    if any(hasattr(flows, name) for name in ("__arrow_c_stream__", "__arrow_c_array__", "__dataframe__")):
        return flows
    expected = "a Table, which qosguard.read makes of a file, or a data frame that Table.from_arrow takes"
    raise InvalidTypeError(f"`flows` must be {expected}, got {type(flows).__name__}")


def _html_table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    def line(tag: str, cells: Iterable[Any]) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in cells) + "</tr>"

    return f"<table>{line('th', head) if head else ''}{''.join(line('td', row) for row in rows)}</table>"


class Assessment:
    """What a guard says of a table: scores, p-values and decisions, in row order.

    Every library that speaks the Arrow C stream interface takes it: `pyarrow.table(out)`,
    `polars.DataFrame(out)`; `to_pandas()` makes a pandas frame.
    """

    def __init__(self, native: _core.Assessment) -> None:
        self._native = native

    @cached_property
    def scores(self) -> npt.NDArray[np.float32]:
        """Scores; higher is more anomalous."""
        return self._native.scores

    @cached_property
    def p_values(self) -> npt.NDArray[np.float64]:
        """Share of clean traffic that scores at least this high, in (0, 1]."""
        return self._native.p_values

    @cached_property
    def probabilities(self) -> npt.NDArray[np.float64] | None:
        """Calibrated probability that each row is an attack; `None` unless the detector learnt from labels."""
        return self._native.probabilities

    @property
    def members(self) -> list[str]:
        """Names of the members of an ensemble, in order; empty for a single detector."""
        return self._native.members

    @cached_property
    def member_p_values(self) -> npt.NDArray[np.float64]:
        """Each member's p-value of each row, shape (rows, members).

        NaN for a member that was switched off or could not score the row, and so had no part in its verdict.
        """
        return self._native.member_p_values

    @property
    def experts(self) -> list[str]:
        """Names of the experts of a mixture, in order; empty for any other detector."""
        return self._native.experts

    @cached_property
    def gate_weights(self) -> npt.NDArray[np.float32]:
        """How much each expert counted in each row, shape (rows, experts); the weights of a row sum to 1."""
        return self._native.gate_weights

    @property
    def imputed(self) -> int:
        """Cells that were missing or infinite and were imputed."""
        return self._native.imputed

    @property
    def unread_addresses(self) -> int:
        """Rows with an address that cannot be read; their action is `allow`, by the rule `unread-address`."""
        return self._native.unread_addresses

    @property
    def missing_addresses(self) -> int:
        """Rows without an address that are allowed, by the rule `no-address`, because it could be in the allow-list."""
        return self._native.missing_addresses

    @property
    def warnings(self) -> list[str]:
        """What the policy could not do with these records, such as rules that never apply for lack of a column."""
        return [text for is_warning, text in self._native.notices() if is_warning]

    @property
    def decisions(self) -> Decisions:
        """The decisions of all rows, made as they are asked for."""
        return Decisions(self._native)

    def top(self, n: int) -> list[Decision]:
        """The decisions for the `n` most anomalous rows, highest score first."""
        return [Decision._of(*decision) for decision in self._native.top(n)]

    def to_pandas(self) -> pd.DataFrame:
        """One row per record as a `pandas.DataFrame`; needs pandas and pyarrow."""
        return self._native.to_pandas()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The Arrow C stream, as the PyCapsule interface asks for it."""
        return self._native.__arrow_c_stream__(requested_schema)

    @cached_property
    def columns(self) -> list[str]:
        """Names of the columns of the Arrow and pandas forms."""
        return self._native.columns

    def head(self, n: int = 5) -> list[Decision]:
        """The decisions for the first `n` rows."""
        return self.decisions[: max(n, 0)]

    def __len__(self) -> int:
        return len(self._native)

    @overload
    def __getitem__(self, row: int) -> Decision: ...
    @overload
    def __getitem__(self, row: slice) -> list[Decision]: ...
    def __getitem__(self, row: int | slice) -> Decision | list[Decision]:
        """The decision for a row, or a list of those for some rows."""
        return self.decisions[row]

    def __iter__(self) -> Iterator[Decision]:
        return iter(self.decisions)

    def __repr__(self) -> str:
        return f"Assessment({len(self)} rows)"

    def _repr_html_(self) -> str:
        worst = self.top(10)
        anomalies = 0 if not worst else int((self.scores > worst[0].threshold).sum())
        names = ["row", "score", "p_value", "severity", "family", "action", "rule"]
        rows = [["" if (cell := getattr(decision, name)) is None else cell for name in names] for decision in worst]
        caption = f"{self!r}, {anomalies} anomalies; the highest scores:"
        return f"<p>{html.escape(caption)}</p>{_html_table(names, rows)}"


class Decisions(Sequence[Decision]):
    """A sequence of decisions that makes each one when it is asked for."""

    def __init__(self, native: _core.Assessment) -> None:
        self._native = native

    def __len__(self) -> int:
        return len(self._native)

    @overload
    def __getitem__(self, row: int) -> Decision: ...
    @overload
    def __getitem__(self, row: slice) -> list[Decision]: ...
    def __getitem__(self, row: int | slice) -> Decision | list[Decision]:
        if isinstance(row, slice):
            return [self[i] for i in range(*row.indices(len(self)))]
        return Decision._of(*self._native.decision(range(len(self))[row]))
