"""The one error table: class <-> HTTP status <-> issue code (https://hl7.org/fhir/R4/http.html).

Every refusal of a server here is a `FhirError`, and every `FhirError` can be sent as an
OperationOutcome (https://hl7.org/fhir/R4/operationoutcome.html) and read back by a client.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, unique
from typing import Any, Final, Literal

from fhir_profiles.json_text import JsonTrouble, Tree

Severity = Literal["fatal", "error", "warning", "information"]
SEVERITIES: Final[tuple[Severity, ...]] = ("fatal", "error", "warning", "information")
_LONGEST: Final = 4000  # characters of a message; the longest lists of what is supported fit in
_LOCATION = re.compile(r"line (\d+), column (\d+)")


@unique
class Kind(Enum):
    """Error classes: (HTTP status, https://hl7.org/fhir/R4/valueset-issue-type.html)."""

    # what was asked
    INVALID_JSON = 400, "structure"
    INVALID_REQUEST = 400, "invalid"
    UNKNOWN_PARAMETER = 400, "not-supported"
    BAD_PARAMETER = 400, "value"
    MISSING_PARAMETER = 400, "required"
    TOO_COSTLY = 400, "too-costly"
    LOGIN = 401, "login"
    FORBIDDEN = 403, "forbidden"
    NOT_FOUND = 404, "not-found"
    UNKNOWN_TYPE = 404, "not-supported"
    METHOD_NOT_ALLOWED = 405, "not-supported"
    NOT_ACCEPTABLE = 406, "not-supported"
    CONFLICT = 409, "conflict"
    DELETED = 410, "deleted"
    PRECONDITION = 412, "conflict"
    MULTIPLE_MATCHES = 412, "multiple-matches"
    TOO_LARGE = 413, "too-long"
    WRONG_MEDIA_TYPE = 415, "not-supported"
    INVALID_RESOURCE = 422, "invalid"
    BUSINESS_RULE = 422, "business-rule"
    THROTTLED = 429, "throttled"
    # what happened here
    INTERNAL = 500, "exception"
    NOT_IMPLEMENTED = 501, "not-supported"
    BAD_GATEWAY = 502, "transient"
    UNAVAILABLE = 503, "transient"
    TIME_OUT = 503, "timeout"
    GATEWAY_TIME_OUT = 504, "timeout"

    @property
    def status(self) -> int:
        return self.value[0]

    @property
    def code(self) -> str:
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Issue:
    """One complaint: `expression` is FHIRPath, `line` and `column` count from 1 in the body."""

    severity: Severity
    code: str
    diagnostics: str
    expression: str = ""
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        place = f" (line {self.line}, column {self.column})" if self.line else ""
        return f"{self.expression or 'the resource'}: {self.diagnostics}{place}"


class FhirError(Exception):
    """A request that is refused or failed; `outcome()` is what the caller gets to read.

    With `issues` those are the answer and `diagnostics` is the one-line summary for logs.
    """

    def __init__(
        self,
        kind: Kind,
        diagnostics: str,
        *,
        expression: str = "",
        issues: Sequence[Issue] = (),
    ) -> None:
        self.kind, self.diagnostics, self.expression = kind, diagnostics, expression
        self.issues: tuple[Issue, ...] = tuple(issues) or (
            Issue("error", kind.code, diagnostics, expression),
        )
        super().__init__(kind, diagnostics)

    def __str__(self) -> str:
        return self.diagnostics

    @property
    def status(self) -> int:
        return self.kind.status

    def outcome(self) -> Tree:
        return outcome(self.issues)


def unreadable(trouble: JsonTrouble) -> FhirError:
    """A body that is not the JSON of a resource, as the error that says so."""
    issue = Issue(
        "fatal",
        Kind.INVALID_JSON.code,
        trouble.problem,
        trouble.path,
        trouble.line,
        trouble.column,
    )
    return FhirError(Kind.INVALID_JSON, str(trouble), issues=[issue])


def outcome(issues: Iterable[Issue]) -> Tree:
    """An OperationOutcome; of no issue at all it says that all is well, as FHIR demands one."""
    found = list(issues) or [Issue("information", "informational", "No issues found")]
    return {"resourceType": "OperationOutcome", "issue": [_written(issue) for issue in found]}


def _written(issue: Issue) -> Tree:
    tree: Tree = {
        "severity": issue.severity,
        "code": issue.code,
        "diagnostics": _bounded(issue.diagnostics),
    }
    if issue.line is not None:
        tree["location"] = [f"line {issue.line}, column {issue.column or 1}"]
    if issue.expression:
        tree["expression"] = [_bounded(issue.expression)]
    return tree


def _bounded(text: str) -> str:
    """A message names what came, and that may be a million letters: its beginning and its end."""
    if len(text) <= _LONGEST:
        return text
    half = _LONGEST // 2
    return f"{text[:half]} ... {text[-half:]}"


# ---- read back, by a client --------------------------------------------------------------------


def kind_of(status: int, code: str = "") -> Kind:
    """The class of an answer: status and code, else the status alone, else its hundred."""
    same = [kind for kind in Kind if kind.status == status]
    for kind in same:
        if kind.code == code:
            return kind
    if same:
        return same[0]
    return Kind.INTERNAL if status >= 500 else Kind.INVALID_REQUEST


def read_outcome(tree: Any) -> tuple[Issue, ...]:
    """The issues of whatever a server sent; nothing if it is no OperationOutcome."""
    if not isinstance(tree, dict) or tree.get("resourceType") != "OperationOutcome":
        return ()
    listed = tree.get("issue")
    found = listed if isinstance(listed, list) else []
    return tuple(_read(issue) for issue in found if isinstance(issue, dict))


def _read(issue: Tree) -> Issue:
    said_so = [severity for severity in SEVERITIES if severity == issue.get("severity")]
    details = issue.get("details")
    said = issue.get("diagnostics") or (details.get("text") if isinstance(details, dict) else None)
    place = _LOCATION.search(_first(issue.get("location")))
    return Issue(
        said_so[0] if said_so else "error",
        str(issue.get("code") or "processing"),
        str(said or "the server gave no reason"),
        _first(issue.get("expression")),
        int(place[1]) if place else None,
        int(place[2]) if place else None,
    )


def _first(listed: Any) -> str:
    return str(listed[0]) if isinstance(listed, list) and listed else ""
