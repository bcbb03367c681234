"""Carries a query out over a store (https://hl7.org/fhir/R4/graphql.html).

How much work that is, is counted: fields looked at, resources and searches, bytes given; a short
query can ask for a lot by asking for the same under many names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from graphql import GraphQLError
from graphql.language import (
    FieldNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
)
from graphql.utilities import value_from_ast_untyped

from fhir_profiles import json_text
from fhir_profiles.json_text import Tree
from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.operations import OperationCall
from fhir_server.standard.graph import current, key_of
from fhir_server.standard.graphql_queries import searches
from fhir_server.standard.graphql_queries.checking import CURSOR, INDEX, REFERENCE, slice_path
from fhir_server.standard.graphql_queries.output import Fields, SeveralValues
from fhir_server.standard.graphql_queries.reading import Query, as_refusal, refused
from fhir_server.standard.graphql_queries.selecting import (
    Effort,
    require_same,
    selected_values,
    text_at,
)
from fhir_server.standard.graphql_queries.shapes import (
    ANY,
    SYSTEM,
    Shape,
    applies,
    graph_name,
    is_resource,
    shape,
    type_of,
    values_of,
)
from fhir_server.store.port import Found, Version

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the walk is: a node and its type, in a resource, and how its fields are written."""

    node: Any
    type: str
    resource: Tree
    path: Path = ()
    inherited: bool = False  # inside of a flattened list
    suffix: str = ""  # of a slice


@dataclass(slots=True)
class Run:
    """One query on its way. `errors` are those that leave the rest of the answer as it is."""

    call: OperationCall
    query: Query
    effort: Effort = field(default_factory=Effort)
    errors: list[GraphQLError] = field(default_factory=list)
    _collected: dict[tuple[Any, ...], dict[str, list[FieldNode]]] = field(default_factory=dict)
    _trees: dict[tuple[str, str], Tree | None] = field(default_factory=dict)

    def answer(self, type_: str, root: Tree) -> Tree:
        """The data. Refused: it is not to be carried out, or too much."""
        out = Fields()
        selected = [self.query.operation.selection_set]
        self._object(Place(root, type_, root), selected, out)
        try:
            return out.tree()
        except SeveralValues as err:
            raise refused(
                f"{str(err)[:80]} has several values here; leave out @singleton, or take the @first"
            ) from None

    # ---- which fields ----------------------------------------------------------------------------

    def _object(self, place: Place, selected: Sequence[SelectionSetNode], out: Fields) -> None:
        for key, nodes in self._fields(selected, place.type).items():
            found = shape(place.type, nodes[0].name.value)
            self.effort.spend("fields", len(nodes))
            if found is None:  # another type of resource than that which has it
                continue
            if self._quickly(place, found, key, nodes[0], out):
                continue
            at = replace(place, path=(*place.path, key))
            _HANDLERS[found.kind](self, at, found, key, nodes, out)

    def _quickly(self, place: Place, found: Shape, key: str, node: FieldNode, out: Fields) -> bool:
        """One plain value with nothing said about it: most fields of most queries are that."""
        if found.kind != "plain" or node.selection_set or node.arguments or node.directives:
            return False
        value = place.node.get(found.name)
        if isinstance(value, dict | list | None) or place.inherited or place.suffix:
            return False
        self.effort.spend("bytes", len(value) if isinstance(value, str) else 8)
        out.slot(key, found.listed).values.append(value)
        return True

    def _fields(
        self, selected: Sequence[SelectionSetNode], type_: str
    ) -> dict[str, list[FieldNode]]:
        """Fields by the name that they have in the answer; those of one name are one field."""
        memo = (type_, *map(id, selected))
        found = self._collected.get(memo)
        if found is None:
            found = {}
            seen: set[str] = set()
            for one in selected:
                self._collect(one, type_, seen, found)
            for nodes in found.values():
                require_same(nodes)
            self._collected[memo] = found
        return found

    def _collect(
        self,
        selected: SelectionSetNode,
        type_: str,
        seen: set[str],
        found: dict[str, list[FieldNode]],
    ) -> None:
        for one in selected.selections:
            self.effort.spend("fields")
            if not self._included(one):
                continue
            if isinstance(one, FieldNode):
                key = one.alias.value if one.alias else one.name.value
                found.setdefault(key, []).append(one)
                continue
            fragment: Any = one
            if isinstance(one, FragmentSpreadNode):
                if one.name.value in seen:
                    continue
                seen.add(one.name.value)
                fragment = self.query.fragments[one.name.value]
            condition = fragment.type_condition
            if condition is None or applies(condition.name.value, type_):
                self._collect(fragment.selection_set, type_, seen, found)

    def _included(self, node: FieldNode | FragmentSpreadNode | InlineFragmentNode | Any) -> bool:
        for directive in node.directives or ():
            if directive.name.value in ("include", "skip"):
                arguments = directive.arguments or ()
                condition = self._value(arguments[0].value)  # there is one: that was checked
                if not isinstance(condition, bool):
                    raise refused("if of @include and @skip is true or false", directive)
                if condition is (directive.name.value == "skip"):
                    return False
        return True

    # ---- arguments -------------------------------------------------------------------------------

    def _value(self, node: ValueNode) -> Any:
        if isinstance(node, VariableNode):
            return self.query.variables.get(node.name.value)
        return value_from_ast_untyped(node, dict(self.query.variables))

    def _arguments(self, node: FieldNode) -> dict[str, Any]:
        """By name; one without a value (null, an absent variable) is not there."""
        given = ((one.name.value, self._value(one.value)) for one in node.arguments or ())
        return {name: value for name, value in given if value is not None}

    # ---- elements --------------------------------------------------------------------------------

    def _type(
        self, place: Place, found: Shape, key: str, nodes: list[FieldNode], out: Fields
    ) -> None:
        name = place.type if found.name == "resourceType" else graph_name(place.type)
        self._put(place, found, key, nodes, out, [name])

    def _element(
        self, place: Place, found: Shape, key: str, nodes: list[FieldNode], out: Fields
    ) -> None:
        values = values_of(place.node, found)
        if (found.kind == "plain") is (nodes[0].selection_set is not None):
            values = []  # of another type of resource than that which is meant
        arguments = self._arguments(nodes[0])
        self.effort.spend("fields", len(values) // 4)  # that may all be passed over
        if arguments:
            values = selected_values(values, arguments, nodes[0])
        self._put(place, found, key, nodes, out, values)

    def _put(
        self,
        place: Place,
        found: Shape,
        key: str,
        nodes: list[FieldNode],
        out: Fields,
        values: list[Any],
        enter: Callable[[Place, Any], Place] | None = None,
    ) -> None:
        """Values into the answer as the directives want them there."""
        said = {one.name.value: one for one in nodes[0].directives or ()}
        if "first" in said:
            values = values[:1]
        many = found.listed and "first" not in said
        listed = "singleton" not in said and (many or place.inherited)
        flat, path = "flatten" in said, slice_path(said["slice"]) if "slice" in said else None
        if not values:
            # Of what is merged into others nothing says that it is not there.
            if not (flat or path or place.inherited):
                out.slot(key + place.suffix, False)
            return
        inside = [node.selection_set for node in nodes if node.selection_set is not None]
        for number, value in enumerate(values):
            suffix = place.suffix
            if path is not None:
                suffix += f".{number if path == INDEX else text_at(value, path)}"
            if not inside:
                self.effort.spend("bytes", len(value) if isinstance(value, str) else 8)
                out.slot(key + suffix, listed).values.append(value)
                continue
            at = replace(place, path=(*place.path, number)) if found.listed else place
            at = enter(at, value) if enter else _entered(at, value, found)
            if flat:
                at = replace(at, inherited=place.inherited or many, suffix=suffix)
                self._object(at, inside, out)
            else:
                inner = Fields()
                out.slot(key + suffix, listed).values.append(inner)
                self._object(replace(at, inherited=False, suffix=""), inside, inner)

    # ---- resources -------------------------------------------------------------------------------

    def _follow(
        self, place: Place, found: Shape, key: str, nodes: list[FieldNode], out: Fields
    ) -> None:
        """The target of a reference; it is missing only if the query says that it may be."""
        arguments = self._arguments(nodes[0])
        reference = place.node.get("reference")
        tree = self._target(reference, place.resource) if isinstance(reference, str) else None
        if tree is None:
            self._none(place, key, out)
            if arguments.get("optional") is not True:
                text = f"the reference {str(reference)[:200]!r} leads to nothing that is here"
                self._note(FhirError(Kind.NOT_FOUND, text), nodes[0], place)
            return
        if arguments.get("type") not in (None, tree.get("resourceType")):
            self._none(place, key, out)
            return
        inside = place.resource if str(reference).startswith("#") else tree

        def enter(at: Place, value: Any) -> Place:
            return replace(at, node=value, type=type_of(value, (ANY,)), resource=inside)

        self._put(place, found, key, nodes, out, [tree], enter)

    def _none(self, place: Place, key: str, out: Fields) -> None:
        if not place.inherited:
            out.slot(key + place.suffix, False)

    def _note(self, err: FhirError, node: FieldNode, place: Place) -> None:
        extensions = {"resource": err.outcome()}
        self.errors.append(GraphQLError(str(err), node, path=place.path, extensions=extensions))

    def _target(self, reference: str, resource: Tree) -> Tree | None:
        if reference.startswith("#"):
            listed = resource.get("contained")
            inside = listed if isinstance(listed, list) else []
            own = (
                one for one in inside if isinstance(one, dict) and one.get("id") == reference[1:]
            )
            return resource if reference == "#" else next(own, None)
        key = key_of(reference, self.call.base)
        if key is None:
            return None
        if key not in self._trees:
            version = current(self.call.store, key)
            self._trees[key] = self._tree(version) if version else None
        return self._trees[key]

    def _tree(self, version: Version) -> Tree:
        self.effort.spend("resources")
        self.effort.spend("stored_bytes", len(version.body))
        return json_text.parse(version.body)

    def _one(
        self, place: Place, found: Shape, key: str, nodes: list[FieldNode], out: Fields
    ) -> None:
        id_ = self._arguments(nodes[0]).get("id")
        tree = self._target(f"{found.target}/{id_}", {})
        if tree is None:
            self._none(place, key, out)
            err = FhirError(Kind.NOT_FOUND, f"there is no {found.target}/{str(id_)[:80]}")
            self._note(err, nodes[0], place)
            return
        self._put(place, found, key, nodes, out, [tree], _into_resource)

    # ---- searches --------------------------------------------------------------------------------

    def _list(
        self, place: Place, found: Shape, key: str, nodes: list[FieldNode], out: Fields
    ) -> None:
        asked = self._asked(place, found, nodes[0])
        listed = self._search(asked, nodes[0], counted=False).matches
        trees = [self._tree(version) for version in listed]
        if not trees and not (nodes[0].directives or place.inherited):
            out.slot(key + place.suffix, True)  # an empty list: it was looked for
        self._put(place, found, key, nodes, out, trees, _into_resource)

    def _connection(
        self, place: Place, found: Shape, key: str, nodes: list[FieldNode], out: Fields
    ) -> None:
        asked = self._asked(place, found, nodes[0])
        page = self._search(asked, nodes[0], counted=True)
        following, previous = asked.following(page), asked.previous()
        tree: Tree = {
            "count": page.total,
            "offset": asked.offset,
            "pagesize": len(page.matches),
            "first": asked.first().cursor(),
            "previous": previous.cursor() if previous else None,
            "next": following.cursor() if following else None,
            "edges": [
                {"mode": "match", "resource": self._tree(version)} for version in page.matches
            ],
        }
        self._put(place, found, key, nodes, out, [tree])

    def _asked(self, place: Place, found: Shape, node: FieldNode) -> searches.Asked:
        arguments = self._arguments(node)
        try:
            if CURSOR in arguments:
                return searches.of_cursor(found.target, arguments[CURSOR])
            reference = None
            if is_resource(place.type):
                here = f"{place.type}/{place.node.get('id', '')}"
                reference = (str(arguments.pop(REFERENCE, "")), here)
            return searches.asked(found.target, arguments, reference)
        except FhirError as err:
            raise as_refusal(err, node) from None

    def _search(self, asked: searches.Asked, node: FieldNode, *, counted: bool) -> Found:
        self.effort.spend("searches")
        try:
            request = searches.request_of(self.call, asked, counted=counted)
            if request.count == 0:
                request = replace(request, count=1, total="accurate")
                return Found([], total=self.call.store.search(request).total)
            return self.call.store.search(request)
        except FhirError as err:
            raise as_refusal(err, node) from None


_Handler = Callable[[Run, Place, Shape, str, list[FieldNode], Fields], None]
_HANDLERS: Final[Mapping[str, _Handler]] = {
    "plain": Run._element,
    "parts": Run._element,
    "extras": Run._element,
    "type": Run._type,
    "follow": Run._follow,
    "one": Run._one,
    "list": Run._list,
    "connection": Run._connection,
}


def _into_resource(at: Place, value: Any) -> Place:
    return replace(at, node=value, type=type_of(value, (ANY,)), resource=value)


def _entered(at: Place, value: Any, found: Shape) -> Place:
    type_ = type_of(value, found.types)
    # What is contained refers to its neighbours.
    own = is_resource(type_) and found.name != "contained"
    return replace(at, node=value, type=type_, resource=value if own else at.resource)


def carried_out(call: OperationCall, query: Query, type_: str, root: Tree) -> Tree:
    """The answer of GraphQL: `data`, and `errors` where a part of it could not be given."""
    run = Run(call, query)
    answer: Tree = {"data": run.answer(type_ or SYSTEM, root)}
    if run.errors:
        answer["errors"] = [err.formatted for err in run.errors[:100]]
    return answer
