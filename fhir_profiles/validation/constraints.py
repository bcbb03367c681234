"""Invariants run on a value (https://hl7.org/fhir/R4/conformance-rules.html#constraints).

Each expression is compiled once. One that is true of an empty element is not run where none of the
elements that it names is there; which those are is read from the compiled definition once.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from fhir_profiles.definitions.element_rules import Constraint
from fhir_profiles.outcomes import Severity
from fhir_profiles.validation.fhirpath.compiler import holds
from fhir_profiles.validation.fhirpath.functions import FhirPathTrouble
from fhir_profiles.validation.fhirpath.nodes import Env, Node, steps
from fhir_profiles.validation.places import Place
from fhir_profiles.validation.session import Found, Scope

ELSEWHERE: Final = frozenset("ele-1 ext-1 dom-2 dom-3 dom-4 dom-5 dom-6 ref-1 txt-1 txt-2".split())
"""Invariants that `structure`, `narrative` and `full` check in plain Python."""

_LOOKS_AROUND: Final = re.compile(
    r"%(?:resource|rootResource|context)|\b(?:children|descendants|resolve|hasValue)\(|\$this\b"
)
_NAME: Final = re.compile(r"(?<![%'\w.])`?([a-z][A-Za-z0-9]*)`?(?![\w(])")
_SAID: Final = re.compile(r"'(?:[^'\\]|\\.)*'")


@cache
def needs(expression: str, type_: str) -> frozenset[str] | None:
    """JSON names without any of which the expression is true of a value of this type.

    None: it has to be run in any case.
    """
    plain = _SAID.sub("", expression).replace(f"{type_}.", "")
    known = steps(type_)
    if _LOOKS_AROUND.search(plain) or not known:
        return None
    names = {name for name in _NAME.findall(plain) if name in known}
    if not names:
        return None
    empty = Node({}, type_)
    try:
        if holds(expression, empty, Env(empty, empty)) is not True:
            return None
    except FhirPathTrouble:
        return None
    written = {json for name in names for json, _ in known[name]}
    return frozenset(written | {f"_{json}" for json in written})


def check_constraint(scope: Scope, constraint: Constraint, node: Node, place: Place) -> None:
    """Says that the value breaks the invariant, if it does, or that this could not be told."""
    if constraint.key in ELSEWHERE:
        return
    value = node.value
    if isinstance(value, dict):
        asked = needs(constraint.expression, node.type)
        if asked is not None and asked.isdisjoint(value):
            return
    session = scope.session
    try:
        answer = holds(constraint.expression, node, scope.env)
    except (FhirPathTrouble, RecursionError, TypeError, ValueError) as err:
        said = f"the invariant {constraint.key} was not checked: {err}"
        session.hint(
            f"invariant {constraint.key}", Found("information", "not-supported", said, place)
        )
        return
    if answer is False:
        severity: Severity = "error" if constraint.severity == "error" else "warning"
        session.add(severity, "invariant", f"{constraint.human.strip()} ({constraint.key})", place)
