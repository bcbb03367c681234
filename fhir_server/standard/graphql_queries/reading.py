"""A GraphQL document: its text, its grammar, and how large it may be.

https://hl7.org/fhir/R4/graphql.html. Grammar and the rules that need no types are the library's
(https://spec.graphql.org/October2021/#sec-Validation); what FHIR has is checked in `checking.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    DirectiveLocation,
    GraphQLArgument,
    GraphQLDirective,
    GraphQLError,
    GraphQLField,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
    parse,
    specified_directives,
    validate,
)
from graphql import validation as rules
from graphql.language import (
    FragmentDefinitionNode,
    Lexer,
    ListTypeNode,
    NonNullTypeNode,
    OperationDefinitionNode,
    OperationType,
    Source,
    TokenKind,
    TypeNode,
    VariableDefinitionNode,
)
from graphql.utilities import value_from_ast_untyped

from fhir_profiles.outcomes import FhirError, Kind

MAX_TEXT: Final = 64 * 1024  # characters
MAX_TOKENS: Final = 4_000
MAX_BRACKETS: Final = 40  # within one another; a query of depth 15 has 20
MAX_DEFINITIONS: Final = 50  # operations and fragments
_OPENS: Final = (TokenKind.BRACE_L, TokenKind.PAREN_L, TokenKind.BRACKET_L)
_CLOSES: Final = (TokenKind.BRACE_R, TokenKind.PAREN_R, TokenKind.BRACKET_R)


def _directive(name: str, **arguments: GraphQLArgument) -> GraphQLDirective:
    return GraphQLDirective(name, [DirectiveLocation.FIELD], arguments)


# Types are FHIR's and looked up in its definitions; the library has to know the directives only.
_DIRECTIVES: Final = GraphQLSchema(
    GraphQLObjectType("Query", {"resourceType": GraphQLField(GraphQLString)}),
    directives=[
        *(one for one in specified_directives if one.name in ("include", "skip")),
        _directive("flatten"),
        _directive("first"),
        _directive("singleton"),
        _directive("slice", path=GraphQLArgument(GraphQLNonNull(GraphQLString))),
    ],
)
_RULES: Final = [
    rules.ExecutableDefinitionsRule,
    rules.UniqueOperationNamesRule,
    rules.LoneAnonymousOperationRule,
    rules.UniqueFragmentNamesRule,
    rules.KnownFragmentNamesRule,
    rules.NoFragmentCyclesRule,
    rules.UniqueVariableNamesRule,
    rules.NoUndefinedVariablesRule,
    rules.KnownDirectivesRule,
    rules.UniqueDirectivesPerLocationRule,
    rules.KnownArgumentNamesRule,
    rules.ProvidedRequiredArgumentsRule,
    rules.UniqueArgumentNamesRule,
    rules.UniqueInputFieldNamesRule,
]


class Refused(Exception):
    """A query that is not carried out, as the errors that say why."""

    def __init__(self, kind: Kind, errors: Sequence[GraphQLError]) -> None:
        super().__init__(kind)
        self.kind, self.errors = kind, list(errors)


def refused(text: str, node: Any = None, kind: Kind = Kind.INVALID_REQUEST) -> Refused:
    return Refused(kind, [GraphQLError(text, node)])


@dataclass(frozen=True, slots=True)
class Query:
    """The one operation that is to be carried out, and what it needs."""

    operation: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]


def read(text: str, operation_name: str | None, variables: Mapping[str, Any]) -> Query:
    """Refused: no GraphQL, too large, or what it asks for is no query."""
    if len(text) > MAX_TEXT:
        raise refused(f"the query has more than {MAX_TEXT} characters", kind=Kind.TOO_COSTLY)
    try:
        _require_flat(text)
        document = parse(text, max_tokens=MAX_TOKENS)
    except GraphQLError as err:
        raise Refused(Kind.INVALID_REQUEST, [err]) from None
    if len(document.definitions) > MAX_DEFINITIONS:
        raise refused(f"more than {MAX_DEFINITIONS} operations and fragments", kind=Kind.TOO_COSTLY)
    errors = validate(_DIRECTIVES, document, _RULES, max_errors=20)
    if errors:
        raise Refused(Kind.INVALID_REQUEST, errors)
    operations: list[OperationDefinitionNode] = []
    fragments: dict[str, FragmentDefinitionNode] = {}
    for one in document.definitions:
        if isinstance(one, OperationDefinitionNode):
            operations.append(one)
        elif isinstance(one, FragmentDefinitionNode):
            fragments[one.name.value] = one
    operation = _chosen(operations, operation_name)
    return Query(operation, fragments, _variables(operation, variables))


def _require_flat(text: str) -> None:
    """The parser calls itself for every bracket within another."""
    lexer, depth, tokens = Lexer(Source(text)), 0, 0
    while (token := lexer.advance()).kind is not TokenKind.EOF:
        tokens += 1
        depth += (token.kind in _OPENS) - (token.kind in _CLOSES)
        if depth > MAX_BRACKETS:
            raise refused(
                f"brackets are nested more than {MAX_BRACKETS} levels deep", kind=Kind.TOO_COSTLY
            )
        if tokens > MAX_TOKENS:
            raise refused(f"the query has more than {MAX_TOKENS} tokens", kind=Kind.TOO_COSTLY)


def _chosen(operations: Sequence[OperationDefinitionNode], name: str | None) -> Any:
    named = [one for one in operations if not name or (one.name and one.name.value == name)]
    if len(named) != 1:
        problem = "holds no operation" if not operations else "holds several operations"
        if name and operations:
            problem = f"has no operation named {name[:80]!r}"
        raise refused(f"the query {problem}; operationName says which one is meant")
    if named[0].operation is not OperationType.QUERY:
        raise refused(
            f"a {named[0].operation.value} is not supported: this server answers queries; "
            "write with the REST interactions",
            named[0],
            Kind.NOT_IMPLEMENTED,
        )
    return named[0]


# ---- variables -----------------------------------------------------------------------------------


def _variables(operation: OperationDefinitionNode, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Values of the variables that the operation has; one of another name is passed over."""
    found: dict[str, Any] = {}
    for one in operation.variable_definitions or ():
        name = one.variable.name.value
        if name in given:
            found[name] = given[name]
        elif one.default_value is not None:
            found[name] = value_from_ast_untyped(one.default_value)
        if found.get(name) is None:
            if isinstance(one.type, NonNullTypeNode):
                raise refused(f"the variable ${name} needs a value", one)
        else:
            _require_type(one, one.type, found[name])
    return found


_NUMBERS: Final = ("Int", "integer", "positiveInt", "unsignedInt")


def _require_type(definition: VariableDefinitionNode, type_: TypeNode, value: Any) -> None:
    if isinstance(type_, NonNullTypeNode):
        type_ = type_.type
    if isinstance(type_, ListTypeNode):
        for one in value if isinstance(value, list) else [value]:
            _require_type(definition, type_.type, one)
        return
    name: str = type_.name.value  # type: ignore[attr-defined]  # a named type is all that is left
    if name in ("Boolean", "boolean"):
        fits = isinstance(value, bool)
    elif name in _NUMBERS:
        fits = isinstance(value, int) and not isinstance(value, bool)
    else:
        fits = isinstance(value, str | int | float) and not isinstance(value, bool)
    if not fits:
        variable = definition.variable.name.value
        raise refused(f"the variable ${variable} is {name}, not what was given", definition)


def as_refusal(err: FhirError, node: Any = None) -> Refused:
    """What the server itself refuses, as an error at its place in the query."""
    said = GraphQLError(str(err), node, extensions={"resource": err.outcome()})
    return Refused(err.kind, [said])
