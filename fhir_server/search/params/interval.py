"""Prefixes on intervals, for dates, numbers and quantities alike.

https://hl7.org/fhir/R4/search.html#prefix. A row is the closed interval [low, high] that a value
covers, a query value the closed interval [a, b]. Some comparisons follow from others; they are
there because the index begins with `high` and so finds its place.
"""

from __future__ import annotations

from typing import Final

from fhir_server.search.request import Alternative, Cell, Check

PREFIXES: Final = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")


def prefixed(text: str) -> tuple[str, str]:
    """Prefix (eq if there is none) and the rest."""
    return (text[:2], text[2:]) if text[:2] in PREFIXES else ("eq", text)


def meets(
    prefix: str,
    a: Cell,
    b: Cell,
    high: str = "high",
    low: str = "low",
    *,
    touching: bool = False,
) -> tuple[Alternative, ...]:
    """`high` and `low` are the columns that hold the ends of a row.

    `touching`: ge and le also find a row that has only its end in the query's interval, as HAPI,
    Blaze and others answer for dates; the letter of the specification leaves it out.
    """
    inside = (Check(high, ">=", a), Check(high, "<=", b), Check(low, ">=", a))
    above, below = (Check(high, ">", b),), (Check(low, "<", a),)
    match prefix:
        case "eq":
            return (inside,)
        case "ne":
            return (above, below)
        case "gt":
            return (above,)
        case "lt":
            return (below,)
        case "ge":
            return ((Check(high, ">=", a),),) if touching else (above, inside)
        case "le":
            return ((Check(low, "<=", b),),) if touching else (below, inside)
        case "sa":
            return ((Check(high, ">", b), Check(low, ">", b)),)
        case "eb":
            return ((Check(high, "<", a),),)
        case _:  # ap: the intervals, of which the caller has widened one, overlap
            return ((Check(high, ">=", a), Check(low, "<=", b)),)
