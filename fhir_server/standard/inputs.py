"""Inputs of an operation by their type, from a query or from Parameters.

https://hl7.org/fhir/R4/operations.html#request. What cannot be read is refused with its name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final, NoReturn

from fhir_profiles import json_text
from fhir_profiles.json_text import Tree
from fhir_profiles.outcomes import FhirError, Kind
from fhir_profiles.terminology.reading import TermError
from fhir_server.answers import Answer
from fhir_server.operations import OperationCall

MAX_CODES: Final = 100  # codings of one CodeableConcept


class Inputs:
    """The inputs of one call, of which `names` are known and `never` are refused with a reason."""

    def __init__(
        self, call: OperationCall, names: Collection[str], never: dict[str, str] | None = None
    ) -> None:
        self.call = call
        refused = never or {}
        for name in dict.fromkeys(_given(call)):
            if name in refused:
                raise FhirError(
                    Kind.BAD_PARAMETER, f"{name} is not supported: {refused[name]}", expression=name
                )
            if name not in names:
                raise FhirError(
                    Kind.UNKNOWN_PARAMETER,
                    f"this operation has no input {name[:80]!r}; it has {', '.join(sorted(names))}",
                    expression=name[:80],
                )

    def text(self, name: str) -> str | None:
        """A string, code, uri or canonical; the empty one is none."""
        value = self._one(name)
        if value is not None and not isinstance(value, str):
            refuse(name, "is a text")
        return value or None

    def require_text(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise FhirError(Kind.MISSING_PARAMETER, f"the input {name} is missing", expression=name)
        return value

    def texts(self, name: str) -> list[str]:
        values = self.call.parameters(name)
        if not all(isinstance(value, str) and value for value in values):
            refuse(name, "is a text")
        return values

    def flag(self, name: str, default: bool = False) -> bool:
        value = self._one(name)
        if value is None:
            return default
        if value in ("true", "false"):
            return bool(value == "true")
        if not isinstance(value, bool):
            refuse(name, "is true or false")
        return value

    def number(self, name: str) -> int | None:
        """A whole number, not below zero."""
        value = self._one(name)
        if isinstance(value, str) and value.isdecimal() and value.isascii() and len(value) < 10:
            value = int(value)
        if value is not None and (
            not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**31
        ):
            refuse(name, "is a whole number, 0 or more")
        return value

    def tree(self, name: str) -> Tree | None:
        """A Coding, CodeableConcept or resource: only a body can have one."""
        value = self._one(name)
        if value is not None and not isinstance(value, dict):
            refuse(name, "is a complex value: send it in a Parameters body")
        return value

    def resource(self, name: str, type_: str) -> Tree | None:
        """A resource in Parameters, or as the whole body with the other inputs in the query."""
        document = self.call.document
        if document is not None and document.tree["resourceType"] == type_:
            return document.tree
        value = self.tree(name)
        if value is not None and value.get("resourceType") != type_:
            refuse(name, f"is a {type_}")
        return value

    def _one(self, name: str) -> Any:
        values = self.call.parameters(name)
        if len(values) > 1:
            raise FhirError(
                Kind.BAD_PARAMETER,
                f"the input {name} is there {len(values)} times",
                expression=name,
            )
        return values[0] if values else None


def _given(call: OperationCall) -> Iterable[str]:
    yield from (name for name, _ in call.query)
    if call.document is None or call.document.tree["resourceType"] != "Parameters":
        return
    listed = call.document.tree.get("parameter")
    for part in listed if isinstance(listed, list) else ():
        if not isinstance(part, dict) or not isinstance(part.get("name"), str):
            raise FhirError(
                Kind.INVALID_REQUEST, "each parameter has a name", expression="Parameters.parameter"
            )
        yield part["name"]


def refuse(name: str, what: str) -> NoReturn:
    raise FhirError(Kind.BAD_PARAMETER, f"the input {name} {what}", expression=name)


def coding(tree: Tree, name: str) -> tuple[str | None, str, str | None, str | None]:
    """System, code, display and version of a Coding. FhirError 400: it has no code."""
    system, code, display, version = (
        tree.get(part) if isinstance(tree.get(part), str) else None
        for part in ("system", "code", "display", "version")
    )
    if not code:
        raise FhirError(Kind.MISSING_PARAMETER, f"{name} has no code", expression=f"{name}.code")
    return system or None, code, display or None, version or None


def codings(tree: Tree, name: str) -> list[Tree]:
    """The codings of a CodeableConcept. FhirError 400: there is none."""
    listed = tree.get("coding")
    found = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    if not found:
        raise FhirError(Kind.MISSING_PARAMETER, f"{name} has no coding", expression=name)
    if len(found) > MAX_CODES:
        raise FhirError(
            Kind.TOO_COSTLY, f"{name} has {len(found)} codings; {MAX_CODES} are looked at"
        )
    return found


def stored(call: OperationCall) -> Tree:
    """The resource that an operation is called on. FhirError 404, 410: there is none."""
    version = call.store.read(call.type, call.id)
    if version is None:
        raise FhirError(Kind.NOT_FOUND, f"there is no {call.type}/{call.id}")
    if version.deleted:
        raise FhirError(Kind.DELETED, f"{call.type}/{call.id} was deleted")
    return json_text.parse(version.body)


_KINDS: Final = {
    "unknown": Kind.NOT_FOUND,
    "not-here": Kind.BUSINESS_RULE,
    "no-subsumption": Kind.BUSINESS_RULE,
    "too-costly": Kind.TOO_COSTLY,
    "invalid": Kind.INVALID_RESOURCE,
}


def error(trouble: TermError, expression: str = "") -> FhirError:
    """The answer to a question that has none."""
    return FhirError(_KINDS[trouble.reason], str(trouble), expression=expression)


def parameters(*parts: Tree | None) -> Answer:
    """An answer of outputs; those that are None are left out."""
    listed = [part for part in parts if part is not None]
    return Answer(tree={"resourceType": "Parameters", "parameter": listed})


def output(name: str, type_: str, value: Any) -> Tree | None:
    """One output, none if there is no value: `output("code", "valueCode", "A")`."""
    return None if value is None or value == "" else {"name": name, type_: value}
