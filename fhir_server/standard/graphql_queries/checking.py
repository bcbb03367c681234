"""A query looked at before anything is read: its fields, arguments and depth.

https://hl7.org/fhir/R4/graphql.html; what is wrong is said at once, whatever the data are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from graphql import GraphQLError
from graphql.language import (
    DirectiveNode,
    FieldNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    SelectionNode,
    SelectionSetNode,
    StringValueNode,
)

from fhir_profiles.definitions import tables
from fhir_profiles.outcomes import Kind
from fhir_server.standard.graphql_queries.reading import Query, Refused, refused
from fhir_server.standard.graphql_queries.shapes import ANY, SYSTEM, Shape, known, shapes, spread

MAX_DEPTH: Final = 15  # fields within one another
MAX_ERRORS: Final = 20
PAGED: Final = ("_count", "_offset", "first")
REFERENCE: Final = "_reference"
CURSOR: Final = "cursor"
INDEX: Final = "$index"
_PATH: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*(\.[A-Za-z][A-Za-z0-9]*){0,5}")
_LISTED: Final = 40  # names of a message


def check(query: Query, type_: str) -> None:
    """Refused: with all that is wrong, up to twenty complaints."""
    depth = _Depth(query).of(query.operation.selection_set)
    if depth > MAX_DEPTH:
        raise refused(
            f"fields are nested {depth} levels deep; {MAX_DEPTH} are possible", kind=Kind.TOO_COSTLY
        )
    checked = _Check(query)
    checked.selections(query.operation.selection_set, (type_,))
    if checked.errors:
        raise Refused(Kind.INVALID_REQUEST, checked.errors[:MAX_ERRORS])


class _Depth:
    """Levels of fields. Fragments, which are no circles, are measured once."""

    def __init__(self, query: Query) -> None:
        self.query = query
        self.measured: dict[str, int] = {}

    def of(self, selected: SelectionSetNode | None) -> int:
        return max((self._one(one) for one in selected.selections), default=0) if selected else 0

    def _one(self, one: SelectionNode) -> int:
        if isinstance(one, FragmentSpreadNode):
            name = one.name.value
            if name not in self.measured:
                self.measured[name] = self.of(self.query.fragments[name].selection_set)
            return self.measured[name]
        inner = self.of(one.selection_set)  # type: ignore[attr-defined]  # a field or a fragment
        return inner + isinstance(one, FieldNode)


class _Check:
    def __init__(self, query: Query) -> None:
        self.query = query
        self.errors: list[GraphQLError] = []
        self.seen: set[tuple[str, tuple[str, ...]]] = set()

    def _say(self, text: str, node: Any) -> None:
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(GraphQLError(text, node))

    def selections(self, selected: SelectionSetNode, types: tuple[str, ...]) -> None:
        for one in selected.selections:
            if isinstance(one, FieldNode):
                self._field(one, types)
            elif isinstance(one, InlineFragmentNode):
                condition = one.type_condition
                self._fragment(one, condition.name.value if condition else "", types)
            elif isinstance(one, FragmentSpreadNode):
                place = one.name.value, types
                if place not in self.seen:
                    self.seen.add(place)
                    fragment = self.query.fragments[one.name.value]
                    self._fragment(fragment, fragment.type_condition.name.value, types)

    def _fragment(self, node: Any, condition: str, types: tuple[str, ...]) -> None:
        if condition and condition not in ("Resource", "DomainResource"):
            named = known(condition)
            if named is None and not (condition == "Query" and types == (SYSTEM,)):
                self._say(f"there is no type {condition[:80]!r} in FHIR R4", node)
                return
            types = (named,) if named else types
        self.selections(node.selection_set, types)

    def _field(self, node: FieldNode, types: tuple[str, ...]) -> None:
        name = node.name.value
        found = shapes(types, name)
        if not found:
            self._say(_no_such_field(name, types), node)
            return
        inner = tuple(sorted({type_ for one in found for type_ in one.types}))
        self._arguments(node, found, types)
        self._directives(node, bool(inner))
        if found[0].kind == "follow":
            given = {one.name.value: one.value for one in node.arguments or ()}
            value = getattr(given.get("type"), "value", None)  # a text or a plain word
            if isinstance(value, str):
                if value not in tables.resource_types():
                    self._say(f"type: R4 has no resource type {value[:80]!r}", node)
                    return
                inner = (value,)
        if inner and node.selection_set is None:
            self._say(f"{name} has fields of its own: say which, like {name} {{ id }}", node)
        elif node.selection_set is not None and not inner:
            self._say(f"{name} is a plain value and has no fields", node)
        elif node.selection_set is not None:
            self.selections(node.selection_set, inner)

    # ---- arguments -------------------------------------------------------------------------------

    def _arguments(self, node: FieldNode, found: tuple[Shape, ...], types: tuple[str, ...]) -> None:
        given = {one.name.value for one in node.arguments or ()}
        kind = found[0].kind
        if kind in ("list", "connection"):
            self._search_arguments(node, given, kind, types == (SYSTEM,))
            return
        allowed = {name for one in found for name in _allowed(one)}
        for name in sorted(given - allowed):
            if name == "fhirpath":
                self._say("fhirpath: filters by FHIRPath are not supported; name elements", node)
                continue
            some = ", ".join(sorted(allowed)[:_LISTED]) or "none"
            self._say(f"{node.name.value} has no argument {name[:80]!r}; it has: {some}", node)
        if kind == "one" and "id" not in given:
            self._say(f"{node.name.value} needs the argument id; many are a List", node)

    def _search_arguments(self, node: FieldNode, given: set[str], kind: str, top: bool) -> None:
        name = node.name.value
        if top and REFERENCE in given:
            self._say(f"{REFERENCE} is for a {name} inside of a resource", node)
        if not top and REFERENCE not in given and CURSOR not in given:
            self._say(
                f"inside of a resource {name} needs {REFERENCE}: the search parameter that refers "
                "to it",
                node,
            )
        if CURSOR in given and (kind == "list" or len(given) > 1):
            self._say(f"{CURSOR} stands alone, and in a Connection only", node)

    # ---- directives ------------------------------------------------------------------------------

    def _directives(self, node: FieldNode, has_fields: bool) -> None:
        named = {one.name.value: one for one in node.directives or ()}
        if "flatten" in named and not has_fields:
            self._say(f"{node.name.value} is a plain value: there is nothing to @flatten", node)
        if "slice" in named:
            if "first" in named:
                self._say("@slice and @first cannot be combined", node)
            path = slice_path(named["slice"])
            if path is None or (path != INDEX and not _PATH.fullmatch(path)):
                self._say(f"@slice takes the path of an element (a.b.c) or {INDEX}", node)


def slice_path(directive: DirectiveNode) -> str | None:
    """Its path, as far as it is written out."""
    value = directive.arguments[0].value if directive.arguments else None
    return value.value if isinstance(value, StringValueNode) else None


def _allowed(found: Shape) -> Iterator[str]:
    if found.listed and found.kind in ("plain", "parts", "extras"):
        yield from PAGED
    if found.kind == "follow":
        yield from ("optional", "type")
    if found.kind == "one":
        yield "id"
    if found.kind == "parts":
        for type_ in found.types:
            if type_ == ANY or type_.startswith("("):
                continue
            for element in tables.structure(type_).elements.values():
                if element.types[0] in tables.primitive_types():
                    yield element.name


def _no_such_field(name: str, types: tuple[str, ...]) -> str:
    if name.startswith("__"):
        return f"{name[:80]} is not answered here: there is no introspection but __typename"
    if types == (SYSTEM,):
        return (
            f"a query begins with a resource like Patient(id: ...), PatientList(...) or "
            f"PatientConnection(...), not with {name[:80]!r}"
        )
    if len(types) > 1 or types[0].startswith("(") or ANY in types:
        return f"{' or '.join(types)[:200]} has no field {name[:80]!r}".replace("(", "").replace(
            ")", ""
        )
    elements = tables.structure(spread(types)[0]).elements
    some = ", ".join(list(elements)[:_LISTED])
    return f"{types[0]} has no element {name[:80]!r}; it has {some}"
