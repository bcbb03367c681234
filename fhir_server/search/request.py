"""A search as data, ready for any store (https://hl7.org/fhir/R4/search.html).

`parse` makes it from a query string. What a parameter means has been worked out by then: a
condition speaks of index rows only, so the stores that evaluate it know no parameter type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeAlias

Table = Literal[
    "token",
    "string",
    "date",
    "reference",
    "number",
    "quantity",
    "uri",
    "composite",
    "position",
    "resource",
]
Operator = Literal["=", "in", "<", "<=", ">", ">=", "starts", "contains", "within"]
Total = Literal["none", "estimate", "accurate"]
Summary = Literal["true", "text", "data", "count", "false"]
Cell: TypeAlias = str | int | float

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "token": ("code", "system"),
        "string": ("value", "exact"),
        "date": ("high", "low"),
        "reference": ("target", "type"),
        "number": ("high", "low"),
        "quantity": (
            "high",
            "low",
            "code",
            "system",
            "unit",
            "canonical",
            "canonical_high",
            "canonical_low",
        ),
        "uri": ("value",),
        "composite": (
            "code",
            "high",
            "code2",
            "system",
            "system2",
            "low",
            "unit",
            "canonical",
            "high2",
            "low2",
        ),
        "position": ("latitude", "longitude", "x", "y", "z"),
    }
)
"""What an index row holds beside its parameter and its resource. Dates are microseconds of UTC.

`canonical` is the unit that stands for all that measure the same; what belongs to it is converted.
"""

CURSOR: Final = "_cursor"  # the parameter in which a `next` link carries `Found.next`
DEFAULT_COUNT: Final = 20
MAX_COUNT: Final = 1000


class IndexRow(NamedTuple):
    """One value under which a resource is found: `cells` in the order of `COLUMNS[table]`."""

    table: str
    parameter: str
    cells: tuple[Cell, ...]


class Check(NamedTuple):
    """One comparison with a column of an index row.

    `within` is about a point in the columns x, y and z: its distance from the point of the first
    three values has a square not above the fourth.
    """

    column: str
    op: Operator
    value: Cell | tuple[Cell, ...]


Alternative: TypeAlias = tuple[Check, ...]  # all of them hold for one row; () holds for every row


@dataclass(frozen=True, slots=True)
class Match:
    """The resource has a row of this parameter for which any alternative holds; or, negated, none.

    `parameter` is ``Type.code``. Table "resource" is the resource itself with the columns `id` and
    `updated` (microseconds); there is one such row and `parameter` is "".
    """

    table: Table
    parameter: str
    any_of: tuple[Alternative, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Chain:
    """The resource refers to a resource that meets a condition, which differs by target type.

    `logical` is for references that are no more than an identifier: conditions on rows that the
    referring resource has itself, and all of them hold.
    """

    parameter: str
    targets: tuple[tuple[str, Condition], ...]
    logical: tuple[Match, ...] = ()


@dataclass(frozen=True, slots=True)
class Reverse:
    """A resource of type `source` that meets a condition refers to this one under a parameter."""

    source: str
    parameter: str
    condition: Condition


@dataclass(frozen=True, slots=True)
class AnyOf:
    """All conditions of at least one alternative; AnyOf(()) is never met, AnyOf(((),)) always."""

    alternatives: tuple[tuple[Condition, ...], ...]


Condition: TypeAlias = Match | Chain | Reverse | AnyOf


@dataclass(frozen=True, slots=True)
class Sort:
    """One sort key: the smallest value of `column`, or the largest if descending; none: last."""

    table: Table
    parameter: str
    column: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Include:
    """`Type:code[:target]`: what resources of type `source` refer to under these parameters.

    No `source` is any type, no `parameters` are all of it; `iterate` follows what was included.
    """

    source: str
    parameters: tuple[str, ...]
    target: str | None = None
    iterate: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """What a search over several types is within one of them."""

    type: str
    conditions: tuple[Condition, ...] = ()
    sort: tuple[Sort, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A search within one type, or, with `parts` and no `type`, within several.

    `used` are the parameters that were understood, for the self link; `ignored` says in words
    which ones were not (lenient handling only). `elements` and `summary` are for whoever renders.
    `zone` is set if the search depends on it: the store has to read dates in the same one. `base`
    is this server's address: absolute references that begin with it are followed by includes.
    """

    type: str
    conditions: tuple[Condition, ...] = ()
    sort: tuple[Sort, ...] = ()
    count: int = DEFAULT_COUNT
    cursor: str | None = None
    include: tuple[Include, ...] = ()
    revinclude: tuple[Include, ...] = ()
    total: Total | None = None
    elements: tuple[str, ...] = ()
    summary: Summary | None = None
    used: tuple[tuple[str, str], ...] = ()
    ignored: tuple[str, ...] = ()
    zone: tzinfo | None = None
    parts: tuple[Part, ...] = ()
    base: str | None = None

    def by_type(self) -> tuple[Part, ...]:
        """The search as one part for each type, at least one."""
        return self.parts or (Part(self.type, self.conditions, self.sort),)
