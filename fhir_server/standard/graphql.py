"""$graphql: several resources, and only what is wanted of them, in one request.

https://hl7.org/fhir/R4/graphql.html: on the system or on an instance; the query in the address, as
the body (application/graphql), in JSON with variables, or as Parameters. Answers are application/
json; an error says what FHIR says about it in `extensions.resource`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec
from graphql import GraphQLError

from fhir_profiles import json_text
from fhir_profiles.json_text import JsonTrouble, Tree
from fhir_profiles.outcomes import FhirError, Issue, Kind, outcome, unreadable
from fhir_server.answers import Answer
from fhir_server.negotiation import PLAIN_JSON, require_json
from fhir_server.operations import Level, Operation, OperationCall
from fhir_server.standard.graphql_queries.checking import check
from fhir_server.standard.graphql_queries.executing import carried_out
from fhir_server.standard.graphql_queries.reading import Refused, read
from fhir_server.standard.graphql_queries.shapes import SYSTEM
from fhir_server.standard.inputs import Inputs, stored
from fhir_server.store.port import Document

DEFINITION: Final = "http://hl7.org/fhir/OperationDefinition/Resource-graphql"
GRAPHQL: Final = "application/graphql"
_INPUTS: Final = ("query", "operationName", "variables")
Asked = tuple[str, str | None, Mapping[str, Any]]


def graphql() -> list[Operation]:
    """On the system and on every instance."""
    places: list[tuple[str, Level]] = [("", "system"), ("*", "instance")]
    methods = ("GET", "HEAD", "POST")
    return [
        Operation("$graphql", on, level, _answer, DEFINITION, methods=methods, reads_body=True)
        for on, level in places
    ]


async def _answer(call: OperationCall) -> Answer:
    # Before anything else: a body of another kind is refused like everywhere.
    content_type = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if call.method == "POST" and call.body and content_type != GRAPHQL:
        require_json(call.headers)
    return await call.in_pool(_answered, call, content_type)


def _answered(call: OperationCall, content_type: str) -> Answer:
    try:
        query = read(*_asked(call, content_type))
        check(query, call.type or SYSTEM)
        root = stored(call) if call.id else {}
        tree, status = carried_out(call, query, call.type, root), 200
    except Refused as err:
        listed = [_written(one, err.kind) for one in err.errors]
        tree, status = {"errors": listed}, err.kind.status
    except FhirError as err:
        said = GraphQLError(str(err), extensions={"resource": err.outcome()})
        tree, status = {"errors": [said.formatted]}, err.status
    return Answer(status, json_text.dump(tree), media=PLAIN_JSON)


def _written(err: GraphQLError, kind: Kind) -> Tree:
    tree: Tree = dict(err.formatted)
    if not err.extensions:
        issue = Issue("error", kind.code, err.message)
        tree["extensions"] = {"resource": outcome([issue])}
    return tree


# ---- what is asked -------------------------------------------------------------------------------


def _asked(call: OperationCall, content_type: str) -> Asked:
    """The query, the name of the operation in it, and values of its variables."""
    if not call.body or call.method != "POST":
        return _from_inputs(call)
    if content_type == GRAPHQL:
        _require_no_query(call)
        try:
            return call.body.decode(), None, {}
        except UnicodeDecodeError:
            raise FhirError(Kind.INVALID_REQUEST, "the body is not UTF-8") from None
    try:
        tree = json_text.parse(call.body)
    except JsonTrouble as err:
        raise unreadable(err) from None
    if "resourceType" in tree:
        if tree["resourceType"] != "Parameters":
            raise FhirError(Kind.INVALID_REQUEST, "the body is neither GraphQL nor Parameters")
        return _from_inputs(replace(call, document=Document(tree, call.body)))
    _require_no_query(call)
    query, name, variables = (tree.get(key) for key in _INPUTS)
    if not isinstance(query, str):
        raise FhirError(Kind.MISSING_PARAMETER, 'send {"query": "{ ... }"} with a text')
    if not isinstance(name, str | None) or not isinstance(variables, dict | None):
        raise FhirError(
            Kind.BAD_PARAMETER, "operationName is a text and variables is an object, or null"
        )
    return query, name, variables or {}


def _from_inputs(call: OperationCall) -> Asked:
    inputs = Inputs(call, _INPUTS)
    given = inputs.text("variables") or "{}"
    try:
        variables = msgspec.json.decode(given.encode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError):
        variables = None
    if not isinstance(variables, dict):
        raise FhirError(
            Kind.BAD_PARAMETER, "variables is an object of JSON", expression="variables"
        )
    return inputs.require_text("query"), inputs.text("operationName"), variables


def _require_no_query(call: OperationCall) -> None:
    if call.query:
        raise FhirError(
            Kind.BAD_PARAMETER,
            f"{call.query[0][0][:80]} stands in the address and the query in the body; "
            "send all in one of them",
        )
