"""What create, update, patch and delete have in common: what was done, and how it is answered.

https://hl7.org/fhir/R4/http.html#ops (`Prefer: return=`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fhir_profiles.json_text import Tree
from fhir_profiles.outcomes import Issue, outcome
from fhir_server.answers import Answer, told, version_headers
from fhir_server.call import Call, Fact
from fhir_server.store.port import Document, Version, Writer
from fhir_server.subjects import patient_of_body, patient_of_tree

REASONS = {200: "200 OK", 201: "201 Created", 204: "204 No Content"}


@dataclass(frozen=True, slots=True)
class Change:
    """The effect of one write. `written` is false where a conditional create found its resource."""

    interaction: str
    status: int
    version: Version | None  # None: a delete of what was not there
    type: str
    id: str
    patient: str = ""
    written: bool = True

    def fact(self, query: str = "") -> Fact:
        number = self.version.version if self.version else 0
        return Fact(self.interaction, self.status, self.type, self.id, number, self.patient, query)


def put(
    call: Call, writer: Writer, document: Document, id_: str, method: str, interaction: str
) -> Change:
    """Stores a document and tells whoever wants to know, in the same transaction."""
    document = _as_local(document, call.base)
    version = writer.put(document, id_=id_, method=method, at=call.engine.clock.now())
    tree = {**document.tree, "id": id_}
    call.changed(writer, version, tree)
    status = 201 if method == "POST" or version.version == 1 else 200
    return Change(
        interaction, status, version, version.type, id_, patient_of_tree(version.type, id_, tree)
    )


def _as_local(document: Document, base: str) -> Document:
    """For the index, an absolute reference to this very server is the relative one; the text stays.

    https://hl7.org/fhir/R4/search.html#reference
    """
    if f'"{base}/'.encode() not in document.body:
        return document
    return Document(_relative(document.tree, f"{base}/"), document.body)


def _relative(node: Any, start: str) -> Any:
    if isinstance(node, dict):
        return {
            key: value.removeprefix(start)
            if key == "reference" and isinstance(value, str)
            else _relative(value, start)
            for key, value in node.items()
        }
    return [_relative(one, start) for one in node] if isinstance(node, list) else node


def remove(call: Call, writer: Writer, type_: str, id_: str, current: Version | None) -> Change:
    """Deletes what is there; where nothing is, that is how it was wanted."""
    version = writer.delete(type_, id_, at=call.engine.clock.now())
    if version is not None:
        call.changed(writer, version, {})
    patient = patient_of_body(type_, id_, current.body) if current else ""
    return Change("delete", 204, version, type_, id_, patient, written=version is not None)


def found(version: Version) -> Change:
    """A conditional create whose resource is there already."""
    patient = patient_of_body(version.type, version.id, version.body)
    return Change("create", 200, version, version.type, version.id, patient, written=False)


def answer(call: Call, change: Change) -> Answer:
    """The answer to a single write."""
    call.id = change.id
    version = change.version
    headers = version_headers(version) if version is not None else {}
    returns = call.prefer.returns
    if version is not None and not version.deleted:
        where = f"{call.base}/{version.type}/{version.id}/_history/{version.version}"
        headers["Location"] = where
    if returns == "OperationOutcome":
        status = 200 if change.status == 204 else change.status
        said = told(status, [Issue("information", "informational", in_words(change))])
        said.headers, said.version = headers, version
        return said
    body = version.body if version is not None and returns != "minimal" else b""
    return Answer(change.status, body, headers=headers, version=version)


def in_words(change: Change) -> str:
    what = f"{change.type}/{change.id}"
    if change.version is None:
        return f"{what} was not there; nothing was deleted"
    if change.interaction == "delete":
        return f"{what} was deleted"
    if not change.written:
        return f"{what} was there already; nothing was written"
    verb = "created" if change.status == 201 else "updated"
    return f"{what} was {verb}; it is at version {change.version.version}"


def outcome_of(change: Change) -> Tree:
    """The same as one informational issue, for an entry of a bundle."""
    return informed(in_words(change))


def informed(words: str) -> Tree:
    """An OperationOutcome that says what was done."""
    return outcome([Issue("information", "informational", words)])
