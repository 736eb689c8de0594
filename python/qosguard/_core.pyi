# Generated from bindings/python by python/tools/stubs.py; do not edit.
"""
The native half of `qosguard`; import from `qosguard` instead.
"""

from typing import SupportsFloat, SupportsIndex, final

from _typeshed import SupportsGetItem
from numpy import bool_
from numpy.typing import ArrayLike, NDArray
from pandas import DataFrame

__all__ = ["Column", "ReadReport", "Rejection", "Schema", "Table", "_provoke_panic"]

@final
class Column:
    """
    One column of a `Schema`: its name, role and kind, and the limits of its legal values.

    `role` is `feature`, `label`, `family`, `time`, `entity` or `ignore`; `kind` is `number` or `text`;
    `field` is what the column tells about a flow, where a QoS rule may ask for it (`src_ip`, `dst_ip`,
    `src_port`, `dst_port`, `protocol`, `service`). A finite number outside `minimum` and `maximum`
    rejects its row; the number `undefined` is read as missing.

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
        minimum: SupportsFloat | SupportsIndex | None = None,
        maximum: SupportsFloat | SupportsIndex | None = None,
        undefined: SupportsFloat | SupportsIndex | None = None,
    ) -> Column: ...
    def __repr__(self, /) -> str: ...
    @property
    def field(self, /) -> str | None:
        """
        What the column tells about a flow.
        """
    @property
    def kind(self, /) -> str:
        """
        How the column's cells are stored.
        """
    @property
    def maximum(self, /) -> float | None:
        """
        Greatest legal value.
        """
    @property
    def minimum(self, /) -> float | None:
        """
        Least legal value.
        """
    @property
    def name(self, /) -> str:
        """
        Name as it stands in the header, trimmed.
        """
    @property
    def role(self, /) -> str:
        """
        What the column is used for.
        """
    @property
    def undefined(self, /) -> float | None:
        """
        The number that the source writes for "undefined".
        """

@final
class ReadReport:
    """
    What a reader read and what it rejected.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def accepted(self, /) -> int:
        """
        Records accepted.
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
    def rejections(self, /) -> list[Rejection]:
        """
        The first rejections, in file order; all are counted, at most 100 are kept.
        """

@final
class Rejection:
    """
    Why one record was left out.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    def __str__(self, /) -> str: ...
    @property
    def column(self, /) -> str:
        """
        Column name; empty when the whole line is meant.
        """
    @property
    def expected(self, /) -> str:
        """
        What was expected there.
        """
    @property
    def line(self, /) -> int:
        """
        Line in the file, from 1.
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

    `clean` lists the label values that mean clean traffic; a leading `*` matches any prefix. Numeric
    labels are clean when they are 0. Labels, families, identifiers and addresses can never become
    features.

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
    def __repr__(self, /) -> str: ...
    @property
    def columns(self, /) -> list[Column]:
        """
        The columns, in file order.
        """
    @property
    def name(self, /) -> str:
        """
        The schema's name, such as `unsw_nb15`.
        """

@final
class Table:
    """
    Raw telemetry: Arrow batches whose columns are those of a `Schema`.

    Immutable. Every library that speaks the Arrow C stream interface takes it without copying:
    `pyarrow.table(flows)`, `polars.DataFrame(flows)`; `to_pandas()` makes a pandas frame.
    """
    def __arrow_c_stream__(self, /, requested_schema: object = None) -> object:
        """
        The Arrow C stream of the table, as the PyCapsule interface asks for it.
        """
    def __len__(self, /) -> int: ...
    def __repr__(self, /) -> str: ...
    @property
    def families(self, /) -> list[str] | None:
        """
        Attack class per row, empty for clean rows; `None` without a family or text label column.
        """
    @property
    def labels(self, /) -> NDArray[bool_] | None:
        """
        Ground truth, `True` for attacks: one per row, or `None` without a label column.
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

def _provoke_panic() -> None:
    """
    Panics inside the border, so that a test can see what becomes of it.
    """
