# Generated from bindings/python by `make stubs`; do not edit.
"""
The native half of `qosguard`; import from `qosguard` instead.
"""

from os import PathLike
from typing import Any, Final, SupportsFloat, SupportsIndex, final

from _typeshed import SupportsGetItem
from numpy import bool_, float32, float64, int64, uint32
from numpy.typing import ArrayLike, NDArray
from pandas import DataFrame
from typing_extensions import disjoint_base

__all__ = [
    "__version__",
    "Assessment",
    "Collector",
    "Column",
    "Detector",
    "Explanation",
    "Follower",
    "Guard",
    "GuardExplanation",
    "IncidentStream",
    "Ledger",
    "LedgerRecords",
    "NativePlan",
    "Policy",
    "Probability",
    "ReadReport",
    "Rejection",
    "Schema",
    "Series",
    "Table",
    "TableReader",
    "TableRows",
    "ThresholdRule",
    "_after_fork",
    "_error_kinds",
    "_plan",
    "_provoke_panic",
    "_settings",
    "calibration_error",
    "clean_labels",
    "combine_p_values",
    "distinct",
    "ensemble_recipe",
    "evaluate",
    "event_metrics",
    "export_incident",
    "follow",
    "incident_table",
    "is_clean_label",
    "leak_audit",
    "open",
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
    "split_by_time",
    "split_k_fold",
    "split_leave_one_family_out",
    "split_stratified",
    "vus_pr",
]

__version__: Final[str]

@final
class Assessment:
    """
    Scores, p-values and decisions of a table's rows.
    """
    def __arrow_c_stream__(self, /, requested_schema: object = None) -> object:
        """
        The Arrow C stream of the assessment.
        """
    def __len__(self, /) -> int: ...
    def __reduce__(self, /) -> tuple[Any, tuple[bytes]]: ...
    @staticmethod
    def _from_bytes(data: bytes) -> Assessment: ...
    @property
    def columns(self, /) -> list[str]:
        """
        Names of the columns of the Arrow form.
        """
    def decision(self, /, row: SupportsIndex) -> tuple[dict[str, Any], str]:
        """
        The decision for one row.
        """
    @property
    def experts(self, /) -> list[str]:
        """
        Names of the experts of a mixture.
        """
    @property
    def gate_weights(self, /) -> NDArray[float32]:
        """
        How much each expert counted in each row, shape (rows, experts).
        """
    @property
    def imputed(self, /) -> int:
        """
        Cells that were missing or infinite and were imputed.
        """
    @property
    def member_p_values(self, /) -> NDArray[float64]:
        """
        Each member's p-value of each row, shape (rows, members); NaN where a member had no part.
        """
    @property
    def members(self, /) -> list[str]:
        """
        Names of the members of an ensemble.
        """
    @property
    def missing_addresses(self, /) -> int:
        """
        Rows that are allowed because they have no address.
        """
    def notices(self, /) -> list[tuple[bool, str]]:
        """
        What the policy could not do with these rows: whether it is a warning, and its words.
        """
    @property
    def p_values(self, /) -> NDArray[float64]:
        """
        Share of clean traffic that scores at least this high, in (0, 1].
        """
    @property
    def probabilities(self, /) -> NDArray[float64] | None:
        """
        Probability that each row is an attack; `None` unless the detector learns from labels.
        """
    @property
    def scores(self, /) -> NDArray[float32]:
        """
        Scores; higher is more anomalous.
        """
    def to_pandas(self, /) -> DataFrame:
        """
        One row per record as a `pandas.DataFrame`; needs pandas and pyarrow.
        """
    def top(self, /, n: SupportsIndex) -> list[tuple[dict[str, Any], str]]:
        """
        The decisions for the `n` most anomalous rows.
        """
    @property
    def unread_addresses(self, /) -> int:
        """
        Rows with an address that cannot be read.
        """

@final
class Collector(TableReader):
    """
    Receives NetFlow v5 and v9, IPFIX and sFlow v5 by UDP: an iterator of `Table`s of the schema `ipfix`.

    Datagrams are received from the start, also while no table is read. `stop()`, or the end of a `with` block, ends the
    iteration from any thread; datagrams that were received before are still returned. UDP senders are not authenticated:
    bind to an address that only exporters reach.

    Parameters
    ----------
    address
        `host:port`; for port 0 the system chooses a port.
    flush_interval
        Maximum time in seconds that a row waits for its table to have `batch_rows` rows.
    queue_bytes
        Maximum size of datagrams that are received and not yet read; the others are dropped and counted.
    **limits
        Bounds of the memory for exporters: `max_domains`, `max_templates`, `max_fields`, `max_samplers`,
        `max_kept_sets`, `max_kept_bytes`, `keep_s`, and `batch_rows`.

    Raises
    ------
    InvalidArgumentError
        For a setting outside its range.
    IoError
        If the address cannot be bound.

    Examples
    --------
    >>> import qosguard as qg
    >>> with qg.Collector("127.0.0.1:0") as collector:
    ...     collector.stop()
    ...     list(collector), collector.counts["datagrams"]
    ([], 0)
    """
    def __enter__(self, /) -> Collector: ...
    def __exit__(self, /, *_exception: object) -> None: ...
    def __new__(
        cls,
        /,
        address: str,
        *,
        flush_interval: SupportsFloat | SupportsIndex = 10.0,
        queue_bytes: SupportsIndex = ...,
        **limits: object,
    ) -> Collector: ...
    @property
    def address(self, /) -> str:
        """
        Where it receives, `host:port`.
        """
    @property
    def counts(self, /) -> dict[str, int]:
        """
        Counts of datagrams and records by their outcome, up to the last table.
        """
    def stop(self, /) -> None:
        """
        Ends the receiving.
        """

@final
class Column:
    """
    One column of a `Schema`: its name, role and kind, and the limits of its legal values.

    Parameters
    ----------
    name
        The name in the header.
    role
        `"feature"`, `"label"`, `"family"`, `"time"`, `"entity"` or `"ignore"`.
    kind
        `"number"`, `"text"` or `"time"`, which becomes seconds since the epoch.
    field
        The property of a flow that the column holds, by the name of its column in the preset `canonical_flow`.
    scale
        Factor from the cells to the field's unit.
    minimum, maximum
        Legal range; a finite number outside it rejects its row.
    undefined
        A number that is read as missing.
    unit
        Unit of a time that is a number: `"s"`, `"ms"`, `"us"`, `"ns"`, `"excel"` for days of a spreadsheet, or `"auto"` by
        its size.
    format
        strptime format of a time that is text; default: ISO 8601 or RFC 2822.
    year
        Year of times whose format has none.
    time_of_day
        Name of the column whose times of day are added to the dates of this one.

    Raises
    ------
    InvalidArgumentError
        For another word.

    Examples
    --------
    >>> import qosguard as qg
    >>> qg.Column("latency_ms", minimum=0.0).role
    'feature'
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(
        cls,
        /,
        name: str,
        role: str = "feature",
        kind: str = "number",
        *,
        field: str | None = None,
        scale: SupportsFloat | SupportsIndex | None = None,
        minimum: SupportsFloat | SupportsIndex | None = None,
        maximum: SupportsFloat | SupportsIndex | None = None,
        undefined: SupportsFloat | SupportsIndex | None = None,
        unit: str | None = None,
        format: str | None = None,
        year: SupportsIndex | None = None,
        time_of_day: str | None = None,
    ) -> Column: ...
    def __reduce__(self, /) -> tuple[Any, tuple[str]]: ...
    def __repr__(self, /) -> str: ...
    @staticmethod
    def _from_json(text: str) -> Column: ...
    @property
    def field(self, /) -> str | None:
        """
        The property of a flow that the column holds.
        """
    @property
    def format(self, /) -> str | None:
        """
        strptime format of a time that is not ISO 8601.
        """
    @property
    def kind(self, /) -> str:
        """
        How the column's cells are stored.
        """
    @property
    def maximum(self, /) -> float | None:
        """
        Maximum legal value.
        """
    @property
    def minimum(self, /) -> float | None:
        """
        Minimum legal value.
        """
    @property
    def name(self, /) -> str:
        """
        Name in the header, without blanks around it.
        """
    @property
    def role(self, /) -> str:
        """
        What the column is used for.
        """
    @property
    def scale(self, /) -> float | None:
        """
        Factor from a cell to the field's unit; `None` is 1.
        """
    @property
    def time_of_day(self, /) -> str | None:
        """
        Name of the column with the time of day, which is added to the date in this column.
        """
    @property
    def undefined(self, /) -> float | None:
        """
        The number that means "undefined" in the source.
        """
    @property
    def unit(self, /) -> str | None:
        """
        Unit of a time that is a number; `None` is seconds.
        """
    @property
    def year(self, /) -> int | None:
        """
        Year of times whose format has none.
        """

@final
class Detector:
    """
    Any fitted detector.

    Scoring reads it; only half-space trees and `Kitsune` are ever written, when they learn.
    """
    def __reduce__(self, /) -> tuple[Any, tuple[bytes]]: ...
    @staticmethod
    def _from_bytes(data: bytes) -> Detector: ...
    @property
    def classes(self, /) -> list[str]:
        """
        Names of the classes; the class of clean traffic is first.
        """
    def explain(self, /, x: NDArray[float32] | NDArray[float64]) -> Explanation:
        """
        What each feature adds to each score.
        """
    @property
    def facts(self, /) -> dict[str, Any]:
        """
        What the fit found, by the kind of the detector.
        """
    @staticmethod
    def fit(
        config: Any,
        x: NDArray[float32],
        labels: NDArray[bool_] | None,
        watch: tuple[Any | None, str | PathLike[str] | None, str | PathLike[str] | None] | None,
    ) -> Detector:
        """
        Fits on a matrix of shape (rows, features); `labels` are true for attacks.
        """
    @staticmethod
    def fit_classes(
        config: Any,
        x: NDArray[float32],
        labels: NDArray[uint32],
        classes: SupportsGetItem[int, str],
        weights: NDArray[float32] | None,
        watch: tuple[Any | None, str | PathLike[str] | None, str | PathLike[str] | None] | None,
    ) -> Detector:
        """
        Fits a classifier; `labels` are numbers of `classes`, the first of which is clean.
        """
    def gate_weights(self, /, x: NDArray[float32]) -> NDArray[float32]:
        """
        How much each expert of a mixture counts in each row, shape (rows, experts).
        """
    def grow(self, /, x: NDArray[float32], trees: SupportsIndex) -> Detector:
        """
        An isolation forest with more trees, grown on a matrix of shape (rows, features).
        """
    @staticmethod
    def import_trees(library: str, data: bytes | None, path: str | PathLike[str] | None) -> Detector:
        """
        Reads trees that `lightgbm`, `xgboost` or `sklearn` has trained, from the bytes of a model or from a file.
        """
    def learn(self, /, x: NDArray[float32]) -> None:
        """
        Half-space trees, or a `Kitsune`, learn the rows of a matrix of shape (rows, features), in order.
        """
    @staticmethod
    def merge(forests: SupportsGetItem[int, Detector]) -> Detector:
        """
        One isolation forest of the trees of several.
        """
    @property
    def n_features(self, /) -> int:
        """
        Number of feature columns that it was fitted on.
        """
    def p_values(self, /, x: NDArray[float32]) -> NDArray[float64]:
        """
        Each member's p-value of each row, shape (rows, members).
        """
    def probabilities(self, /, x: NDArray[float32] | NDArray[float64]) -> NDArray[float64]:
        """
        Probability of each class, shape (rows, classes).
        """
    def score(self, /, x: NDArray[float32] | NDArray[float64]) -> NDArray[float32]:
        """
        One score per row; higher is more anomalous.
        """
    @staticmethod
    def stream(config: Any, n_features: SupportsIndex) -> Detector:
        """
        Half-space trees, or a `Kitsune`, that have seen no row yet.
        """
    def to_onnx(self, /) -> bytes:
        """
        The trees as a model of ONNX.
        """
    def with_classes(self, /, names: SupportsGetItem[int, str], clean: str) -> Detector:
        """
        The same trees with other names of the classes, and with the class of clean traffic first.
        """
    def with_missing_value(self, /, value: SupportsFloat | SupportsIndex) -> Detector:
        """
        The same trees, which take this value for a missing one, like NaN.
        """
    def without(self, /, name: str) -> Detector:
        """
        The same ensemble with a member switched off.
        """

@final
class Explanation:
    """
    Scores of some rows, split into contributions of the features.
    """
    def __new__(
        cls, /, base: SupportsFloat | SupportsIndex, contributions: NDArray[float64], scores: NDArray[float64]
    ) -> Explanation: ...
    def __reduce__(self, /) -> tuple[type, tuple[float, NDArray[float64], NDArray[float64]]]: ...
    @property
    def base(self, /) -> float:
        """
        The score when nothing is known about a row.
        """
    @property
    def contributions(self, /) -> NDArray[float64]:
        """
        What each feature adds to the base, shape (rows, features).
        """
    def importance(self, /) -> NDArray[float64]:
        """
        Mean size of each feature's contributions.
        """
    @property
    def scores(self, /) -> NDArray[float64]:
        """
        The scores.
        """
    def top(self, /, row: SupportsIndex, n: SupportsIndex) -> list[tuple[int, float]]:
        """
        The `n` features with the largest contributions to a row's score, and these.
        """

@final
class Follower(TableReader):
    """
    An iterator of the `Table`s of a growing file; `qosguard.follow` makes one.

    `stop()`, or the end of a `with` block, ends it from any thread; the lines that the file has by then are still returned.
    """
    def __enter__(self, /) -> Follower: ...
    def __exit__(self, /, *_exception: object) -> None: ...
    @property
    def counts(self, /) -> dict[str, int]:
        """
        What happened to the file: how often it was `rotated`, `truncated`, and `vanished`.
        """
    def stop(self, /) -> None:
        """
        Ends the iteration where the file ends now.
        """

@final
class Guard:
    """
    A fitted pipeline: schema, featurizer, detector, calibration and policy.
    """
    def __reduce__(self, /) -> tuple[Any, tuple[bytes]]: ...
    def append_contexts(self, /, table: Table) -> Table:
        """
        The table with the columns of the guard's contexts.
        """
    def assess(self, /, table: Table) -> Assessment:
        """
        Scores every record and recommends an action for it.
        """
    @property
    def context_columns(self, /) -> list[str]:
        """
        Names of the columns that its contexts append.
        """
    @property
    def digest(self, /) -> str:
        """
        SHA-256 of the guard's file, 64 hexadecimal digits.
        """
    def explain(self, /, table: Table) -> GuardExplanation:
        """
        Splits the score of every record into what each of its columns adds.
        """
    @property
    def families(self, /) -> list[str]:
        """
        The attack classes that a verdict may name.
        """
    @property
    def feature_names(self, /) -> list[str]:
        """
        Names of the features of the detector.
        """
    def findings(
        self, /, table: Table, assessment: Assessment, n: SupportsIndex
    ) -> tuple[dict[str, Any], list[tuple[str, str]], str]:
        """
        A summary of an assessment and its `n` worst findings, each with the texts of the finding and of its decision, and
        all of it as text.
        """
    @staticmethod
    def fit(
        table: Table,
        featurizer: Any,
        contexts: SupportsGetItem[int, Any] | None,
        detector: Any | None,
        threshold: ThresholdRule,
        policy: Policy,
        attack_share: SupportsFloat | SupportsIndex | None,
        seed: SupportsIndex,
        watch: tuple[Any | None, str | PathLike[str] | None, str | PathLike[str] | None] | None,
    ) -> Guard:
        """
        Fits every stage, each on rows that the stages before it did not use; without a detector it chooses one.
        """
    def fits(self, /, schema: Schema) -> tuple[dict[str, Any], str]:
        """
        How the columns that the guard reads can be filled from tables of another schema, as a record and as text.
        """
    @staticmethod
    def from_bytes(data: bytes) -> Guard:
        """
        Reads a guard from the bytes of a file.
        """
    @property
    def inputs(self, /) -> Schema:
        """
        The guard's schema, without features that hold no information.
        """
    @staticmethod
    def load(path: str | PathLike[str]) -> Guard:
        """
        Reads a guard's file.
        """
    @property
    def model_digest(self, /) -> str:
        """
        SHA-256 of everything that makes a verdict, so without the policy.
        """
    def notices(self, /) -> list[tuple[bool, str]]:
        """
        What to know before relying on the guard: whether it is a warning, and its text.
        """
    @property
    def policy(self, /) -> Policy:
        """
        The policy.
        """
    def proposals(self, /, table: Table, assessment: Assessment) -> list[dict[str, Any]]:
        """
        The decisions of an assessment with the addresses and times of their records.
        """
    def save(self, /, path: str | PathLike[str]) -> None:
        """
        Writes the guard to a file, atomically.
        """
    @property
    def schema(self, /) -> Schema:
        """
        The schema of the records that it was fitted on.
        """
    @property
    def threshold(self, /) -> dict[str, Any]:
        """
        The threshold, what was asked of it and what it realised on held-out rows.
        """
    def to_bytes(self, /) -> bytes:
        """
        The guard as the bytes of its file.
        """
    @property
    def training(self, /) -> dict[str, Any]:
        """
        The data and the seed that the guard was fitted with.
        """
    def with_policy(self, /, policy: Policy) -> Guard:
        """
        The same guard with another policy.
        """

@final
class GuardExplanation:
    """
    Why a guard scores the records of a table as it does.
    """
    def __reduce__(self, /) -> tuple[Any, ...]: ...
    @staticmethod
    def _from_parts(
        columns: SupportsGetItem[int, str], explanation: Explanation, table: Table, ranges: str
    ) -> GuardExplanation: ...
    @property
    def columns(self, /) -> list[str]:
        """
        The raw columns, in the order of the contributions.
        """
    @property
    def explanation(self, /) -> Explanation:
        """
        Base, contributions by column, and scores.
        """
    def reasons(self, /, row: SupportsIndex, n: SupportsIndex) -> list[tuple[dict[str, Any], str]]:
        """
        The columns that raise a record's score most, and each in words.
        """

@final
class IncidentStream:
    """
    A stream of records; `qosguard.Stream` converts its JSON.
    """
    def __new__(
        cls, /, schema: Schema, guard: Guard | None, policy: Policy | None, settings: Any
    ) -> IncidentStream: ...
    def checkpoint(self, /) -> bytes:
        """
        The whole state.
        """
    def false_positive(self, /, incident_id: str) -> str | None:
        """
        Records that an incident is false.
        """
    def finish(self, /) -> list[str]:
        """
        Closes all incidents.
        """
    def guard(self, /) -> Guard | None:
        """
        The guard that assesses.
        """
    def incidents(self, /) -> list[str]:
        """
        The incidents that are open, as JSON.
        """
    @staticmethod
    def load_checkpoint(path: str | PathLike[str], schema: Schema, guard: Guard | None) -> IncidentStream:
        """
        Continues from the file of a checkpoint.
        """
    def push(self, /, table: Table) -> tuple[Assessment | None, int, list[str]]:
        """
        Assesses the records of a table: the assessment, its first row, and the changes of incidents as JSON.
        """
    def record_action(self, /, incident_id: str, time: SupportsFloat | SupportsIndex) -> bool:
        """
        Records when an action was applied.
        """
    @staticmethod
    def restore(data: bytes, schema: Schema, guard: Guard | None) -> IncidentStream:
        """
        Continues from the bytes of a checkpoint.
        """
    def save_checkpoint(self, /, path: str | PathLike[str]) -> None:
        """
        Writes the state to a file.
        """
    def status(self, /) -> tuple[str, str, float | None, str]:
        """
        State, counts, watermark and latency; all but the watermark as JSON.
        """
    def swap(self, /, guard: Guard) -> None:
        """
        Replaces the guard.
        """

@final
class Ledger:
    """
    A file of JSON lines with one line for each outcome of each decision, which is only ever appended to.

    Each line contains the SHA-256 of the line before it, so an edited, removed or inserted line is found when the file is read. A
    line without an end, from a program that stopped while it wrote, is cut off and counted. Several programs may use one ledger.
    All times are seconds since the epoch.

    Parameters
    ----------
    path : str or os.PathLike
        The file; it is created where there is none, unless it is opened for reading only.
    read_only : bool
        Whether nothing is written.
    max_file_bytes : int
        Size at which a file is finished and a new one starts.
    max_live : int
        Maximum number of live decisions; one beyond it has the outcome `skipped`.
    sync : bool
        Whether each write waits until the disk has it.

    Raises
    ------
    CorruptArtifactError
        For a line that was edited, removed or inserted, and for a file of another program.

    Examples
    --------
    >>> import tempfile, qosguard as qg
    >>> folder = tempfile.TemporaryDirectory()
    >>> ledger = qg.Ledger(folder.name + "/ledger.jsonl")
    >>> entry = {"id": "9f2c", "entity": "203.0.113.7", "action": "drop", "ttl_s": 600, "outcome": "dry_run", "reason": "scan"}
    >>> ledger.record(entry, 1_764_583_200.0)
    1
    >>> [(live["entity"], live["action"], live["rest_s"]) for live in ledger.live()]
    [('203.0.113.7', 'drop', 600.0)]
    >>> ledger.revoke("203.0.113.0/24", "our own network", 1_764_583_260.0)
    ['9f2c']
    >>> ledger.explain("9f2c")[1]
    '2025-12-01T10:01:00Z: 203.0.113.7: drop for 600 s was revoked with 540 s left. Reason: our own network.'
    >>> [record["outcome"] for record in ledger]
    ['dry_run', 'revoked']
    >>> folder.cleanup()
    """
    def __iter__(self, /) -> LedgerRecords: ...
    def __new__(
        cls,
        /,
        path: str | PathLike[str],
        *,
        read_only: bool = False,
        max_file_bytes: SupportsIndex = 67108864,
        max_live: SupportsIndex = 100000,
        sync: bool = False,
    ) -> Ledger: ...
    def __repr__(self, /) -> str: ...
    @property
    def counts(self, /) -> dict[str, Any]:
        """
        What was counted since the ledger was opened: `torn_lines`, `torn_bytes` and `over_limit`.
        """
    @property
    def decisions(self, /) -> int:
        """
        Number of decisions: live ones, and ended ones.
        """
    def delete(self, /, decision: str, reason: str, time: SupportsFloat | SupportsIndex) -> int:
        """
        Ends the live decisions with an id, and returns their number.
        """
    @property
    def ended(self, /) -> dict[str, Any]:
        """
        How many decisions ended, by their outcome.
        """
    def entities(self, /) -> list[dict[str, Any]]:
        """
        The entities with live decisions: the strictest action and the longest rest of each.
        """
    def expire(self, /, now: SupportsFloat | SupportsIndex) -> int:
        """
        Ends the decisions whose time is over, and returns their number.
        """
    def explain(self, /, decision: str) -> list[str]:
        """
        All lines about one decision as sentences.
        """
    @property
    def head(self, /) -> tuple[int, str]:
        """
        The number of lines over all files, and the SHA-256 of the last one.
        """
    def live(self, /) -> list[dict[str, Any]]:
        """
        The live decisions, each with `rest_s`, by entity and id.
        """
    def record(self, /, entry: Any, time: SupportsFloat | SupportsIndex) -> int:
        """
        Writes one outcome, and returns the number of its line. The keys of `entry` are `id`, `entity`, `action` with its
        settings, `outcome`, `reason`, and optionally `rest_s`, `guard` and `policy`.
        """
    def records(self, /) -> LedgerRecords:
        """
        The records of all files of the ledger, from the oldest on.
        """
    def refresh(self, /) -> None:
        """
        Reads what other programs have written.
        """
    def revoke(self, /, prefix: str, reason: str, time: SupportsFloat | SupportsIndex) -> list[str]:
        """
        Ends the live decisions whose entity has an address in common with a prefix, and returns their ids.
        """
    def to_ocsf(self, /) -> list[str]:
        """
        Each record as a line of JSON: a Network Remediation Activity of OCSF.
        """

@final
class LedgerRecords:
    """
    The records of a ledger as dictionaries.
    """
    def __iter__(self, /) -> LedgerRecords: ...
    def __next__(self, /) -> dict[str, Any]: ...

@final
class NativePlan:
    """
    A plan; `qosguard.Plan` converts its JSON.
    """
    def __str__(self, /) -> str: ...
    @property
    def next_expiry_s(self, /) -> int | None:
        """
        Seconds until the first of the planned decisions expires.
        """
    def render(self, /, renderer: str, rollback: bool, settings: Any) -> str:
        """
        The configuration of a system, or what undoes it: JSON of the parts, the number of entries, and what is skipped.
        """
    def to_json(self, /) -> str:
        """
        The whole plan, as JSON.
        """

@final
class Policy:
    """
    A validated QoS policy: the action for each severity, rules for some traffic, and addresses that are never acted on.

    `Policy()` is a cautious default, in dry run. TOML, YAML, JSON and dictionaries have the same fields. An unknown field
    is an error, and a missing section has its default.

    Raises
    ------
    PolicyError
        For a policy that is not valid. The message names the field and, in text, its line.

    Examples
    --------
    >>> import qosguard as qg
    >>> policy = qg.Policy.from_dict({"version": 1, "dry_run": False, "allow": ["192.0.2.53"]})
    >>> policy.dry_run, policy.to_dict()["allow"]
    (False, ['192.0.2.53/32'])
    >>> qg.Policy().dry_run
    True
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, /) -> Policy: ...
    def __reduce__(self, /) -> tuple[Any, tuple[str]]: ...
    def __repr__(self, /) -> str: ...
    def allowed_by(self, /, entity: str) -> str | None:
        """
        The first prefix of the allow-list that has an address in common with an address or a prefix; `None` where there is none.
        """
    def changes(self, /, new: Policy) -> list[dict[str, Any]]:
        """
        The settings in which another policy differs: dictionaries with `path`, `old` and `new`.
        """
    @staticmethod
    def check(text: str, format: str = "toml") -> list[dict[str, Any]]:
        """
        All mistakes of a policy text: dictionaries with `line`, `column`, `path`, `problem`, `expected`, `got` and `message`; `format` is
        `"toml"`, `"yaml"` or `"json"`.
        """
    @property
    def digest(self, /) -> str:
        """
        SHA-256 of the policy's fields, 64 hexadecimal digits.
        """
    @property
    def dry_run(self, /) -> bool:
        """
        Whether decisions are made and reported, but nothing may be changed.
        """
    @staticmethod
    def from_dict(fields: dict[str, Any]) -> Policy:
        """
        Reads a policy from a dictionary with the fields of a policy file.
        """
    @staticmethod
    def from_json(text: str) -> Policy:
        """
        Reads a policy from JSON text.
        """
    @staticmethod
    def from_toml(text: str) -> Policy:
        """
        Reads a policy from TOML text.
        """
    @staticmethod
    def from_yaml(text: str) -> Policy:
        """
        Reads a policy from YAML text.
        """
    @staticmethod
    def json_schema() -> dict[str, Any]:
        """
        The JSON Schema of policy files, for editors.
        """
    @staticmethod
    def load(path: str | PathLike[str]) -> Policy:
        """
        Reads a policy file; its extension (`.toml`, `.yaml`, `.yml`, `.json`) determines the format.
        """
    def test(self, /, cases: str) -> list[dict[str, Any]]:
        """
        Runs cases in TOML: dictionaries with `name`, `answer` and the list `failures`, which is empty for a case that passes.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        The whole policy as a dictionary, defaults included.
        """
    def to_json(self, /) -> str:
        """
        The whole policy as JSON, defaults included.
        """
    def to_toml(self, /) -> str:
        """
        The whole policy as TOML, defaults included.
        """
    def to_yaml(self, /) -> str:
        """
        The whole policy as YAML, defaults included.
        """
    def with_dry_run(self, /, dry_run: bool) -> Policy:
        """
        The same policy with dry run switched on or off.
        """

@final
class Probability:
    """
    A fitted map from a score to the probability of an attack, in (0, 1); it never reverses the order of two scores.

    Examples
    --------
    >>> import numpy as np, qosguard as qg
    >>> scores = np.tile(np.float32([0, 0, 0, 0, 1, 1, 1, 1]), 1000)
    >>> labels = np.tile([True, False, False, False, True, True, True, False], 1000)
    >>> qg.Probability.fit(scores, labels, "platt").predict(np.float32([0, 1])).round(2).tolist()
    [0.25, 0.75]
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __reduce__(self, /) -> tuple[Any, tuple[str]]: ...
    def __repr__(self, /) -> str: ...
    @staticmethod
    def _from_json(text: str) -> Probability: ...
    @staticmethod
    def fit(
        scores: NDArray[float32],
        labels: NDArray[bool_],
        rule: str = "isotonic",
        attack_share: SupportsFloat | SupportsIndex | None = None,
    ) -> Probability:
        """
        Fit on rows that the detector was not fitted on.

        Parameters
        ----------
        scores
            float32 scores.
        labels
            bool labels, true for attacks.
        rule
            `"platt"` (two numbers; 100 rows are enough), `"isotonic"` (any curve that never falls; it needs about 1,000
            rows) or `"temperature"` (for scores that are log-odds).
        attack_share
            Share of attacks in the traffic that the map is used on, in (0, 1); default: the share of these rows.

        Returns
        -------
        Probability
            The fitted map.

        Raises
        ------
        InsufficientDataError
            Unless there are clean rows and attacks.
        ShapeMismatchError
            If the lengths differ.
        NotFiniteError
            For a score that is NaN or infinite.
        InvalidArgumentError
            For another rule, and for a share outside (0, 1).
        """
    def predict(self, /, scores: NDArray[float32]) -> NDArray[float64]:
        """
        Probability of an attack for each float32 score.
        """
    @property
    def rule(self, /) -> str:
        """
        The rule that fitted the map.
        """

@final
class ReadReport:
    """
    What a reader read and what it rejected.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __reduce__(self, /) -> tuple[Any, tuple[str]]: ...
    def __repr__(self, /) -> str: ...
    @staticmethod
    def _from_json(text: str) -> ReadReport: ...
    @property
    def absent(self, /) -> dict[str, int]:
        """
        Accepted JSON records that lack the key of a feature, by the name of its column: the value is missing.
        """
    @property
    def accepted(self, /) -> int:
        """
        Records accepted.
        """
    @property
    def blank(self, /) -> int:
        """
        Lines without a value; they do not count as records.
        """
    @property
    def inferred(self, /) -> list[str]:
        """
        The role of each column and the reason, if the schema was inferred.
        """
    @property
    def nothing_read(self, /) -> str | None:
        """
        Why an input that is not empty gave no record, in one sentence; `None` if records were accepted or the input is
        empty.
        """
    @property
    def place(self, /) -> str:
        """
        File or stream.
        """
    @property
    def rejected(self, /) -> int:
        """
        Records rejected.
        """
    @property
    def rejected_by_code(self, /) -> dict[str, int]:
        """
        Records rejected, by the code of the reason.
        """
    @property
    def rejections(self, /) -> list[Rejection]:
        """
        The first rejections, in file order; all are counted, at most 100 are kept.
        """
    @property
    def skipped(self, /) -> dict[str, int]:
        """
        Counts of records of another kind than the reader's, such as alerts among Suricata's events, and of records that
        give no flow, such as a truncated packet; by the name of the kind.
        """
    @property
    def unlabelled(self, /) -> int:
        """
        How many accepted records have a label such as `Unknown`, which is neither clean nor an attack.
        """

@final
class Rejection:
    """
    Why one record was left out.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __reduce__(self, /) -> tuple[Any, tuple[str]]: ...
    def __repr__(self, /) -> str: ...
    def __str__(self, /) -> str: ...
    @staticmethod
    def _from_json(text: str) -> Rejection: ...
    @property
    def code(self, /) -> str:
        """
        Stable code of the reason, such as `not_a_number`, `below_minimum` or `wrong_cell_count`.
        """
    @property
    def column(self, /) -> str:
        """
        Column name; empty when the whole line is meant.
        """
    @property
    def line(self, /) -> int:
        """
        Line in the file, from 1.
        """
    @property
    def reason(self, /) -> str:
        """
        Why the record is rejected, as a sentence.
        """
    @property
    def value(self, /) -> str:
        """
        The offending value, cut to 64 characters.
        """

@final
class Schema:
    """
    Names and roles of the columns of a source, in file order.

    Labels, families, identifiers and addresses can never become features.

    Parameters
    ----------
    name
        A name for messages.
    columns
        The columns.
    clean
        Labels of clean traffic; a leading `*` matches any prefix. A numeric label is clean if it is 0.

    Raises
    ------
    InvalidArgumentError
        For columns that contradict each other; the message names the column.

    Examples
    --------
    >>> import qosguard as qg
    >>> columns = [qg.Column("latency_ms"), qg.Column("state", "label", "text")]
    >>> schema = qg.Schema("probe", columns, clean=["ok"])
    >>> [column.name for column in schema.columns]
    ['latency_ms', 'state']
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(
        cls, /, name: str, columns: SupportsGetItem[int, Column], clean: SupportsGetItem[int, str] = ...
    ) -> Schema: ...
    def __reduce__(self, /) -> tuple[Any, tuple[str]]: ...
    def __repr__(self, /) -> str: ...
    @staticmethod
    def _from_json(text: str) -> Schema: ...
    @property
    def columns(self, /) -> list[Column]:
        """
        The columns, in file order.
        """
    def common_with(self, /, source: Schema) -> Schema:
        """
        This schema with only the columns that a table of another one can fill.
        """
    @staticmethod
    def from_toml(text: str) -> Schema:
        """
        Reads a schema from TOML text.
        """
    @staticmethod
    def infer(data: object) -> Schema:
        """
        A schema for data that no preset describes, from the names and the first 2,000 rows of its columns.

        The readers do the same if no schema is given and no preset fits; `Table.report.inferred` then explains the
        role of each column.

        Parameters
        ----------
        data
            A table or data frame that `Table.from_arrow` takes.

        Returns
        -------
        Schema
            The inferred schema; `to_toml` writes it for edits.

        Raises
        ------
        SchemaMismatchError
            If no column can be a feature.

        Examples
        --------
        >>> import polars, qosguard as qg
        >>> frame = polars.DataFrame({"rate": [0.5, 2.5], "class": ["Normal", "Flood"]})
        >>> [column.role for column in qg.Schema.infer(frame).columns]
        ['feature', 'label']
        """
    @property
    def name(self, /) -> str:
        """
        The schema's name, such as `unsw_nb15`.
        """
    @staticmethod
    def preset(name: str) -> Schema:
        """
        The schema of a public data set: one of `Schema.presets()`.
        """
    @staticmethod
    def presets() -> list[str]:
        """
        Names of the schemas that come with the package.
        """
    def to_toml(self, /) -> str:
        """
        The schema as TOML, one column per line. `Schema.from_toml` reads it, also after edits.
        """
    def with_role(self, /, column: str, role: str) -> Schema:
        """
        The same schema with another role for one column.
        """

@final
class Series:
    """
    Traffic series: numbers by entity and time, on a regular grid. A missing value is NaN and a gap of the report.

    `read_series` and `Series.from_table` have these settings.

    Parameters
    ----------
    time, entity, label
        Names of columns; default: by their roles or places.
    values
        Names of the value columns, a list.
    wide
        Whether each value column is a separate entity.
    start
        Time of the first step in seconds since the epoch, for a source without a time column.
    interval
        Distance of steps in seconds, `"infer"` (the default) or `"irregular"`.
    time_zone
        IANA name of the zone of times without an offset.
    time_format
        strptime format of the times.
    time_unit
        Unit of times that are numbers: `"s"`, `"ms"`, `"us"`, `"ns"` or `"auto"`.
    duplicates
        `"refuse"` (the default), `"first"`, `"last"`, `"sum"` or `"mean"` for several rows at one time.
    scale, unit
        Factor on every value, and the unit of the result.
    max_cells
        Bound of the memory.
    """
    def __reduce__(self, /) -> tuple[Any, tuple[bytes]]: ...
    def __repr__(self, /) -> str: ...
    @staticmethod
    def _from_bytes(data: bytes) -> Series: ...
    @property
    def columns(self, /) -> list[str]:
        """
        Names of the value columns.
        """
    @property
    def entities(self, /) -> list[str]:
        """
        Names of the entities, in order; one empty name if the source has none.
        """
    @staticmethod
    def from_table(table: Table, **config: object) -> Series:
        """
        Makes a series of a table; without names, the roles of its columns decide.
        """
    def labels(self, /, entity: str) -> NDArray[float64] | None:
        """
        Ground truth of each step of an entity: 0 for clean, 1 for not, NaN in gaps; `None` without a label column.
        """
    def present(self, /, entity: str) -> NDArray[bool_]:
        """
        Whether each step of an entity has a row.
        """
    @property
    def report(self, /) -> dict[str, Any]:
        """
        The source of the series, and what is missing, repeated or unusual in it.
        """
    def table(self, /) -> Table:
        """
        The series as a table: `time`, `entity` if there are names, the values, and the label if there is one.
        """
    def times(self, /, entity: str) -> NDArray[float64]:
        """
        Time of every step of an entity, in seconds since the epoch.
        """
    def values(self, /, entity: str, column: str) -> NDArray[float64]:
        """
        The values of one entity in one column; NaN if missing.
        """

@final
class Table:
    """
    Raw telemetry: Arrow batches with the columns of a `Schema`.

    Immutable. Every library with the Arrow C stream interface reads it: `pyarrow.table(flows)`,
    `polars.DataFrame(flows)`; `to_pandas()` makes a pandas frame. Such data is as in a file of the table: a time with a unit
    is a number in that unit, and a time with a format is a timestamp. All other columns share the table's memory.
    """
    def __arrow_c_stream__(self, /, requested_schema: object = None) -> object:
        """
        The Arrow C stream of the table, as the PyCapsule interface asks for it.
        """
    def __getitem__(self, index: Any, /) -> dict[str, Any] | Table:
        """
        `table[3]` is a row as a dictionary, with `None` for a missing cell, that `from_records` reads; `table[2:5]` is a
        table.
        """
    def __iter__(self, /) -> TableRows:
        """
        Iterates over the rows, each a dictionary that `from_records` reads.
        """
    def __len__(self, /) -> int: ...
    def __reduce__(self, /) -> tuple[Any, ...]: ...
    def __repr__(self, /) -> str: ...
    @staticmethod
    def _from_parts(schema: str, ipc: bytes, report: str) -> Table: ...
    def _repr_html_(self, /) -> str: ...
    @property
    def columns(self, /) -> list[str]:
        """
        Names of the columns, in order.
        """
    @property
    def families(self, /) -> list[str] | None:
        """
        Attack class per row, empty for clean rows; `None` without a family or text label column.
        """
    @staticmethod
    def from_arrow(
        data: object, schema: Schema | None = None, max_rejected_share: SupportsFloat | SupportsIndex = 0.05
    ) -> Table:
        """
        Makes a table of data with the Arrow C stream or array interface. Columns are found by name.

        Columns of 64-bit floats, and of plain strings in the spelling of the readers, are shared without a copy.
        All others are converted: other numbers and strings, dictionaries, and times, which become seconds since the
        epoch. The unnamed index of a pandas frame is not a column. An infinity is imputed and counted when a guard
        assesses its row.

        Parameters
        ----------
        data
            A table, batch or reader of pyarrow, a frame of Polars or pandas (2.2 or newer), or a DuckDB relation.
        schema
            Names and roles of the columns; default: a preset that fits, or an inferred schema.
        max_rejected_share
            Share of rows, in [0, 1], that may be outside the limits of their columns before it is an error.

        Returns
        -------
        Table
            The accepted rows; `Table.report` lists the rejected ones.

        Raises
        ------
        InvalidTypeError
            For anything that is not a table or data frame.
        InvalidArgumentError
            For a frame that its library cannot convert, such as one with duplicate names or a column of mixed
            objects; the message is the library's.
        SchemaMismatchError
            If the columns do not fit; the message names missing and unknown columns.
        BadRecordError
            If too many rows are rejected.
        """
    @staticmethod
    def from_records(records: dict[str, Any] | list[dict[str, Any]], schema: Schema) -> Table:
        """
        Make a table of records: one dictionary or many, whose keys are the schema's columns.

        Values may be of NumPy, pandas or pyarrow, and addresses of `ipaddress`. None, NaN, NA and NaT are missing; an
        infinity is imputed and counted when a guard assesses the record, as in a file. Numbers are checked against the
        limits of their columns as in a file.

        Parameters
        ----------
        records
            The records. A time becomes seconds since the epoch in a number column.
        schema
            The schema of the table.

        Raises
        ------
        BadRecordError
            For a value that the schema does not accept, by record and column.
        SchemaMismatchError
            For keys that the schema lacks, and for missing features.
        InvalidTypeError
            For a value that is not a number, a text, a time or `None`.

        Examples
        --------
        >>> import datetime, qosguard as qg
        >>> schema = qg.Schema("s", [qg.Column("at", "time"), qg.Column("bytes")])
        >>> at = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
        >>> qg.Table.from_records({"at": at, "bytes": 60}, schema)[0]
        {'at': 1767225600.0, 'bytes': 60.0}
        """
    def head(self, /, n: SupportsIndex = ...) -> Table:
        """
        The first `n` rows.
        """
    def labelled(self, /) -> Table:
        """
        The rows with a label that is clean or an attack: all but the rows with a label such as `Unknown`.
        """
    @property
    def labels(self, /) -> NDArray[bool_] | None:
        """
        Ground truth, `True` for attacks: one per row, or `None` without a label column.
        """
    def map_to(self, /, schema: Schema, *, max_rejected_share: SupportsFloat | SupportsIndex = 0.05) -> Table:
        """
        Converts the table to another schema: columns by name, by the property of a flow that they hold, or derived,
        each in the schema's unit. `Guard.inputs` is the schema that brings a table to a guard. A schema without a label or
        an attack class gets the column of this table.

        Parameters
        ----------
        schema
            The schema of the new table.
        max_rejected_share
            Share of rows, in [0, 1], that may be out of range before the conversion fails.

        Returns
        -------
        Table
            The new table.

        Raises
        ------
        SchemaMismatchError
            If a feature cannot be filled; the message names it.
        BadRecordError
            If more rows than `max_rejected_share` are out of range.
        """
    @property
    def report(self, /) -> ReadReport:
        """
        What was read and what was rejected on the way in.
        """
    @property
    def schema(self, /) -> Schema:
        """
        The roles and names of the columns.
        """
    def take(self, /, rows: ArrayLike) -> Table:
        """
        A new table with the given rows, in the given order; row numbers count from 0.
        """
    def to_pandas(self, /) -> DataFrame:
        """
        The table as a `pandas.DataFrame`; needs pandas and pyarrow.
        """
    def write(self, /, path: str | PathLike[str]) -> None:
        """
        Writes the table to a file; its extension determines the format: `.csv`, `.jsonl`, `.ndjson`, `.json`, `.arrow`, `.ipc`,
        `.feather` or `.parquet`. `read` with the table's schema returns the same values.
        """

@disjoint_base
class TableReader:
    """
    An iterator of `Table`s, one per batch, of a file that may be larger than memory.

    The GIL is released while a table is read. Ctrl-C ends the reading and raises `KeyboardInterrupt`; the next iteration
    continues where it ended and loses no record, except that a capture raises `CancelledError` from then on. A thread
    that waits for standard input or a pipe ends with the next bytes.
    """
    def __iter__(self, /) -> TableReader: ...
    def __next__(self, /) -> Table: ...
    @property
    def report(self, /) -> ReadReport:
        """
        What was read and what was rejected, up to the last table.
        """
    @property
    def schema(self, /) -> Schema:
        """
        The roles and names of the columns of every table. For a followed file that is still empty, this waits for the
        first line, and raises `InsufficientDataError` if the following ends before.
        """

@final
class TableRows:
    """
    Goes through the rows of a table, each as a dictionary.
    """
    def __iter__(self, /) -> TableRows: ...
    def __next__(self, /) -> dict[str, Any]: ...

@final
class ThresholdRule:
    """
    Rule that chooses the threshold between clean and anomalous from calibration scores.

    Examples
    --------
    >>> import qosguard as qg
    >>> qg.ThresholdRule.percentile(99.5)
    ThresholdRule({"kind":"percentile","percent":99.5})
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __reduce__(self, /) -> tuple[Any, tuple[str]]: ...
    def __repr__(self, /) -> str: ...
    @staticmethod
    def _from_json(text: str) -> ThresholdRule: ...
    @staticmethod
    def best_f1() -> ThresholdRule:
        """
        The best F1 on clean and attack rows; needs labels.
        """
    @staticmethod
    def contamination(share: SupportsFloat | SupportsIndex) -> ThresholdRule:
        """
        Flags this share of all calibration rows, clean and attacks together, in (0, 1).
        """
    @staticmethod
    def false_positive_rate(rate: SupportsFloat | SupportsIndex) -> ThresholdRule:
        """
        Flags clean traffic at this rate, in (0, 1).
        """
    @staticmethod
    def mad(k: SupportsFloat | SupportsIndex) -> ThresholdRule:
        """
        Median + `k` · 1.4826 · MAD of the clean scores; 3 is usual.
        """
    @staticmethod
    def percentile(percent: SupportsFloat | SupportsIndex) -> ThresholdRule:
        """
        The percentile of the clean scores, in (0, 100); 95, 99 and 99.5 are usual.
        """

def _after_fork() -> None:
    """
    Scores on the calling thread from now on: a forked child has none of its parent's worker threads.
    """

def _error_kinds() -> list[str]:
    """
    The kinds of all errors of the core, for a test of `qosguard.errors`.
    """

def _plan(
    text: str,
    files: SupportsGetItem[int, str | PathLike[str]],
    now: SupportsFloat | SupportsIndex,
    policy: Policy | None,
    settings: Any,
) -> NativePlan:
    """
    A plan of JSON lines and of files that `assess` and `watch` write.
    """

def _provoke_panic() -> None:
    """
    Panics inside the border, so that a test can see what becomes of it.
    """

def _settings(config: Any) -> dict[str, Any]:
    """
    The settings of a detector with every default, as the core has them; a test compares the face's own with them.
    """

def calibration_error(
    probabilities: NDArray[float64],
    labels: NDArray[bool_],
    bins: SupportsIndex,
    protocol: str,
    resamples: SupportsIndex,
    level: SupportsFloat | SupportsIndex,
    seed: SupportsIndex,
) -> tuple[dict[str, Any], str]:
    """
    Measures probabilities of an attack against labels; returns the result and its text.
    """

def clean_labels() -> list[str]:
    """
    The labels that usually mean clean traffic, in lower case.
    """

def combine_p_values(p: NDArray[float64], method: str, weights: NDArray[float64] | None) -> NDArray[float64]:
    """
    Combines the p-values of each row of a matrix of shape (rows, members).
    """

def distinct(table: Table) -> tuple[NDArray[int64], int, int]:
    """
    The first occurrence of each distinct feature row, how many rows repeat one, and how many of these have another label.
    """

def ensemble_recipe(
    attacks: SupportsGetItem[int, bool] | None, rows: SupportsIndex, seed: SupportsIndex
) -> dict[str, Any]:
    """
    The settings of the ensemble that suits the rows and their labels.
    """

def evaluate(
    scores: NDArray[float32],
    labels: NDArray[bool_],
    families: SupportsGetItem[int, str] | None,
    threshold: SupportsFloat | SupportsIndex,
    asked_fpr: SupportsFloat | SupportsIndex | None,
    protocol: str,
    resamples: SupportsIndex,
    level: SupportsFloat | SupportsIndex,
    seed: SupportsIndex,
) -> tuple[dict[str, Any], str]:
    """
    Measures scores and a fixed threshold against labels; returns the report and its text.
    """

def event_metrics(arguments: Any) -> tuple[dict[str, Any], str]:
    """
    Measures detected events against true events; returns the metrics and their text.
    """

def export_incident(event: Any, format: str) -> str:
    """
    The change of an incident as one line of another format.
    """

def follow(
    path: str | PathLike[str],
    schema: Schema | None = None,
    max_rejected_share: SupportsFloat | SupportsIndex = 0.05,
    *,
    from_end: bool = False,
    poll: SupportsFloat | SupportsIndex = 0.25,
    give_up: SupportsFloat | SupportsIndex | None = None,
    delimiter: str = ",",
    batch_rows: SupportsIndex = ...,
) -> Follower:
    """
    Follows a growing log, such as Zeek's conn.log or Suricata's eve.json, across rotation: an iterator of `Table`s.

    Parameters
    ----------
    path
        The file.
    schema, max_rejected_share, delimiter
        As for `read`.
    from_end
        Whether to begin at the next line; default: at the start of the file.
    poll
        Seconds between two checks for new lines, 0.001 to 3,600.
    give_up
        Seconds to wait for a file that vanished before `IoError`; default: no limit.
    batch_rows
        Maximum number of rows of a table.

    Returns
    -------
    Follower
        The iterator.

    Raises
    ------
    IoError
        If there is no such file.
    """

def incident_table(events: Any) -> str:
    """
    The incidents of some changes as a table for people.
    """

def is_clean_label(label: str) -> bool:
    """
    Whether a text label of an unknown source means clean traffic.
    """

def leak_audit(train: Table, test: Table, level: SupportsFloat | SupportsIndex) -> tuple[dict[str, Any], str]:
    """
    What a result on a train and a test table is worth; also how the audit prints.
    """

def open(
    path: str | PathLike[str],
    schema: Schema | None = None,
    max_rejected_share: SupportsFloat | SupportsIndex = 0.05,
    *,
    delimiter: str = ",",
    batch_rows: SupportsIndex = ...,
    profile: str = "nfstream",
    idle_timeout: SupportsFloat | SupportsIndex | None = None,
    active_timeout: SupportsFloat | SupportsIndex | None = None,
    interim: SupportsFloat | SupportsIndex | None = None,
    max_flows: SupportsIndex = ...,
    decode_tunnels: bool = False,
    flush: SupportsFloat | SupportsIndex | None = None,
) -> TableReader:
    """
    Opens a file of flows as an iterator of `Table`s; `-` is standard input.

    Parameters and errors are as for `read`, and in addition:

    Parameters
    ----------
    batch_rows
        Maximum number of rows of a table.
    flush
        Maximum time in seconds, by the clock of a live capture, that a row waits for its table to be full; default: no
        limit.

    Returns
    -------
    TableReader
        The iterator.
    """

def read(
    path: str | PathLike[str],
    schema: Schema | None = None,
    max_rejected_share: SupportsFloat | SupportsIndex = 0.05,
    *,
    delimiter: str = ",",
    profile: str = "nfstream",
    idle_timeout: SupportsFloat | SupportsIndex | None = None,
    active_timeout: SupportsFloat | SupportsIndex | None = None,
    interim: SupportsFloat | SupportsIndex | None = None,
    max_flows: SupportsIndex = ...,
    decode_tunnels: bool = False,
) -> Table:
    """
    Reads a file of flows, logs or packets into a `Table`.

    The first bytes, and then the name, determine the format: captures (pcap, pcapng), Parquet, Arrow IPC, logs of Zeek and
    Suricata, exports (NetFlow, IPFIX, sFlow), JSON lines or CSV. Text and captures may be gzipped.

    Parameters
    ----------
    path
        The file; `-` is standard input.
    schema
        Names and roles of the columns; default: a preset that fits, or an inferred schema.
    max_rejected_share
        Share of records, in [0, 1], that may be rejected before the reading fails.
    delimiter
        Separator of the cells of a CSV line.
    profile
        Names and definitions of the flows of a capture: `"nfstream"`, `"cic"` or `"cic_legacy"`.
    idle_timeout
        Seconds without a packet after which a flow ends; default: by the profile.
    active_timeout
        Maximum length of a flow in seconds; default: by the profile.
    interim
        Seconds after which a flow that continues gives a row; default: never.
    max_flows
        Maximum number of flows in memory.
    decode_tunnels
        Whether flows are built from the packets inside tunnels.

    Returns
    -------
    Table
        The records; `Table.report` counts and explains the rejected ones.

    Raises
    ------
    IoError
        If the file cannot be read.
    SchemaMismatchError
        If the columns do not fit; the message names missing and unknown columns.
    BadRecordError
        If too many records are rejected, or the file is damaged.
    InsufficientDataError
        For a file without a record.
    """

def read_csv(
    path: str | PathLike[str],
    schema: Schema | None = None,
    max_rejected_share: SupportsFloat | SupportsIndex = 0.05,
    *,
    delimiter: str = ",",
) -> Table:
    """
    Reads a CSV file, plain or gzip, into a `Table`.

    Without a schema it is detected from the header, or from the number of columns if there is no header. Parameters and
    errors are as for `read`.

    Examples
    --------
    >>> import os, tempfile, qosguard as qg
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "flows.csv")
    ...     qg.simulate(rows=100).write(path)
    ...     len(qg.read_csv(path))
    100
    """

def read_exports(paths: SupportsGetItem[int, str | PathLike[str]], **limits: object) -> Table:
    """
    Reads files of NetFlow, IPFIX and sFlow datagrams, in the given order, into a `Table` of the schema `ipfix`.

    A file holds one datagram, or several datagrams of NetFlow v5 or IPFIX one after the other. All count as sent by one
    exporter. `Table.report.skipped` counts the records that gave no flow, by name.

    Parameters
    ----------
    paths
        The files.
    **limits
        As for `Collector`.

    Raises
    ------
    InvalidArgumentError
        For a setting outside its range.
    IoError
        If a file cannot be read.
    """

def read_ipc(
    path: str | PathLike[str], schema: Schema | None = None, max_rejected_share: SupportsFloat | SupportsIndex = 0.05
) -> Table:
    """
    Reads an Arrow IPC file (Feather version 2) or stream into a `Table`; with a schema it may hold other columns,
    which are not read. See `read_csv`.
    """

def read_jsonl(
    path: str | PathLike[str], schema: Schema | None = None, max_rejected_share: SupportsFloat | SupportsIndex = 0.05
) -> Table:
    """
    Reads a file of JSON lines, plain or gzip, into a `Table`; see `read_csv`.
    """

def read_parquet(
    path: str | PathLike[str], schema: Schema | None = None, max_rejected_share: SupportsFloat | SupportsIndex = 0.05
) -> Table:
    """
    Reads a Parquet file into a `Table`; with a schema it may hold other columns, which are not read. See `read_csv`.
    """

def read_series(path: str | PathLike[str], **config: object) -> Series:
    """
    Reads a CSV or JSON lines file into a `Series`; it needs a header and no schema. `config` has the settings of `Series`.

    Without names, the first column is the time and all others are values.
    """

def simulate(
    rows: SupportsIndex = ...,
    attack_share: SupportsFloat | SupportsIndex = 0.05,
    seed: SupportsIndex = ...,
    *,
    attacks: SupportsGetItem[int, str] | None = None,
    hosts: SupportsIndex | None = None,
) -> Table:
    """
    Makes flow records of an inside network, with ground truth.

    The background is web, DNS, VoIP, video, bulk, mail and IoT traffic; attacks come in episodes. The same settings give
    the same flows.

    Parameters
    ----------
    rows
        Number of flows, 1 to 10^9.
    attack_share
        Share of attack flows, in [0, 1), to the nearest flow.
    seed
        Seed of all randomness.
    attacks
        Some of `"flood"`, `"slow_dos"`, `"port_scan"`, `"brute_force"`, `"beaconing"` and `"exfiltration"`; default: all.
    hosts
        Number of hosts of the inside network; default: 250.

    Returns
    -------
    Table
        Flows of the schema `flow_detail`.

    Raises
    ------
    InvalidArgumentError
        For a setting outside its range.

    Examples
    --------
    >>> import qosguard as qg
    >>> flows = qg.simulate(rows=1_000, attack_share=0.1, seed=7)
    >>> len(flows), int(flows.labels.sum())
    (1000, 100)
    """

def simulate_devices(config: Any) -> tuple[Table, dict[str, Any]]:
    """
    Simulates the telemetry of devices; returns the table, and the events with the numbers of late and duplicated records.
    """

def simulate_traffic(config: Any) -> tuple[Table, dict[str, Any]]:
    """
    Simulates hosts over time; returns the table, and the events with the numbers of late and duplicated records.
    """

def split_by_time(table: Table, cut: str) -> tuple[NDArray[int64], NDArray[int64]]:
    """
    Rows before a time, and rows from it on.
    """

def split_k_fold(
    labels: NDArray[bool_], k: SupportsIndex, seed: SupportsIndex
) -> list[tuple[NDArray[int64], NDArray[int64]]]:
    """
    `k` splits whose test parts are disjoint and together are all rows.
    """

def split_leave_one_family_out(
    labels: NDArray[bool_],
    families: SupportsGetItem[int, str],
    clean_test_share: SupportsFloat | SupportsIndex,
    seed: SupportsIndex,
) -> list[tuple[str, tuple[NDArray[int64], NDArray[int64]]]]:
    """
    For each attack family, a split whose training part has never seen it.
    """

def split_stratified(
    labels: NDArray[bool_], test_share: SupportsFloat | SupportsIndex, seed: SupportsIndex
) -> tuple[NDArray[int64], NDArray[int64]]:
    """
    A random split with the same share of each label in both parts.
    """

def vus_pr(scores: NDArray[float32], labels: NDArray[bool_], window: SupportsIndex) -> float:
    """
    The volume under the surface of precision and recall.
    """
