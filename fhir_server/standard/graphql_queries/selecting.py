"""Which of the values that stand there are wanted, and how much may be looked at for it.

https://hl7.org/fhir/R4/graphql.html#list: arguments of an element compare its parts as text, and
page through it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from graphql import GraphQLError
from graphql.language import FieldNode, print_ast

from fhir_profiles.outcomes import Kind
from fhir_server.standard.graphql_queries.reading import Refused, refused

MAX_FIELDS: Final = 100_000  # looked at, for all objects together
MAX_STORED: Final = 16 * 1024 * 1024  # of the resources that are read; ten times that in memory
MAX_RESOURCES: Final = 5_000
MAX_SEARCHES: Final = 200
MAX_BYTES: Final = 16 * 1024 * 1024  # of plain values; one Binary may hold megabytes


@dataclass(slots=True)
class Effort:
    fields: int = MAX_FIELDS
    resources: int = MAX_RESOURCES
    searches: int = MAX_SEARCHES
    bytes: int = MAX_BYTES
    stored_bytes: int = MAX_STORED

    def spend(self, what: str, amount: int = 1) -> None:
        """Refused: more than a query may."""
        left = getattr(self, what) - amount
        if left < 0:
            most = getattr(Effort(), what)
            raise refused(
                f"the query takes more than {most} {what.replace('_', ' ')}; ask for less: "
                "fewer resources (_count), fewer names for the same",
                kind=Kind.TOO_COSTLY,
            )
        setattr(self, what, left)


def require_same(nodes: list[FieldNode]) -> None:
    """https://spec.graphql.org/October2021/#sec-Field-Selection-Merging."""
    if len(nodes) == 1:
        return
    said = set()
    for one in nodes:
        parts = (*(one.arguments or ()), *(one.directives or ()))
        said.add((one.name.value, *sorted(print_ast(part) for part in parts)))
    if len(said) > 1:
        name = nodes[0].alias.value if nodes[0].alias else nodes[0].name.value
        raise Refused(
            Kind.INVALID_REQUEST,
            [GraphQLError(f"{name} is there twice and means different things: use aliases", nodes)],
        )


def selected_values(values: list[Any], arguments: Mapping[str, Any], node: FieldNode) -> list[Any]:
    """Values that the arguments let through: their parts, and which of them (a page)."""
    page = {}
    for name, wanted in arguments.items():
        if name in ("_count", "_offset", "first"):
            if not isinstance(wanted, int) or isinstance(wanted, bool) or wanted < 0:
                raise refused(f"{name} is a whole number, 0 or more", node)
            page[name] = wanted
        else:
            texts = {_text(one) for one in (wanted if isinstance(wanted, list) else [wanted])}
            values = [value for value in values if texts & set(_plain(value.get(name)))]
    values = values[page.get("_offset", 0) :]
    return values[: min(page.get("_count", len(values)), page.get("first", len(values)))]


def _plain(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [_text(one) for one in values if one is not None and not isinstance(one, dict | list)]


def _text(value: Any) -> str:
    return ("false", "true")[value] if isinstance(value, bool) else str(value)


def text_at(value: Any, path: str) -> str:
    """The text that stands at a path, for the name of a slice."""
    nodes = [value]
    for step in path.split("."):
        inner = [one.get(step) for one in nodes if isinstance(one, dict)]
        nodes = [x for one in inner for x in (one if isinstance(one, list) else [one])]
    return ",".join(text for one in nodes for text in _plain(one))[:200]
