"""Search expressions brought into the normal form of `tables.py`, and followed to their elements.

https://hl7.org/fhir/R4/searchparameter.html; https://hl7.org/fhirpath/N1/.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from fhir_profiles.definitions.tables import DECEASED

STEP: Final = re.compile(
    r"\.(?:(?P<name>[a-z][A-Za-z0-9]*)(?![A-Za-z0-9(])"
    r"|ofType\((?P<type>[A-Za-z0-9]+)\)"
    r"|where\((?P<element>[a-z][A-Za-z]*)='(?P<word>[^']+)'\)"
    r"|where\(resolve\(\) is (?P<target>[A-Za-z]+)\))"
    r"|\[(?P<first>0)\]"
)
# ofType in brackets, as the package writes what the specification writes with `as`.
_BRACKETED = re.compile(r"^\(([^()]+\.ofType\([A-Za-z0-9]+\))\)")
_MISWRITTEN = {"ofType(DateTime)": "ofType(dateTime)"}  # there is no type DateTime


class NotResolved(ValueError):
    """An expression that is not in normal form, or names what the definitions do not have."""


def branches(expression: str) -> list[str]:
    """The parts of a union in normal form; brackets hold no `|` in R4."""
    found = []
    for part in expression.split("|"):
        branch = _BRACKETED.sub(r"\1", part.strip())
        for wrong, right in _MISWRITTEN.items():
            branch = branch.replace(wrong, right)
        found.append(branch)
    return found


def for_type(expression: str, type_: str) -> str:
    """The branches of one resource type. NotResolved if none of them is for it."""
    parts = branches(expression)
    if not any(part[:1].isupper() for part in parts):
        parts = [f"{type_}.{part}" for part in parts]  # InsurancePlan-name alone
    own = [part for part in parts if re.match(rf"{type_}\b", part)]
    if not own:
        raise NotResolved(f"{expression}: no part is for {type_}")
    return " | ".join(dict.fromkeys(own))


def follow(expression: str, start: str, structures: Mapping[str, Any]) -> set[str]:
    """Types that an expression in normal form ends in.

    It begins at the structure `start`: a resource type, whose name each branch repeats, or what a
    composite found, for its components.
    """
    if expression == DECEASED:
        return {"boolean"}
    ends: set[str] = set()
    for branch in expression.split(" | "):
        ends |= _follow_branch(branch, start, structures)
    return ends


def _follow_branch(branch: str, start: str, structures: Mapping[str, Any]) -> set[str]:
    root = branch.split(".")[0]
    if root == "%resource":
        start = start.split(".")[0]
    path = branch if root in (start, "%resource") else f"{start}.{branch}"
    position = len(path.split(".")[0]) if root in (start, "%resource") else len(start)
    here, ends, choice = [start], {start}, False
    while position < len(path):
        step = STEP.match(path, position)
        if step is None:
            raise NotResolved(f"{branch}: {path[position:]!r} is no step in normal form")
        position = step.end()
        if step["name"]:
            here, ends, choice = _enter(step["name"], here, structures, branch)
        elif step["type"]:
            if not choice or step["type"] not in ends:
                raise NotResolved(f"{branch}: {step['type']} is no type of the choice before it")
            here, ends, choice = [step["type"]], {step["type"]}, False
        elif step["element"]:
            _enter(step["element"], here, structures, branch)
        elif step["target"] and not ends & {"Reference", "canonical", "uri"}:
            raise NotResolved(f"{branch}: {sorted(ends)} cannot be resolved")
    return ends


def _enter(
    name: str, here: list[str], structures: Mapping[str, Any], branch: str
) -> tuple[list[str], set[str], bool]:
    for place in here:
        elements = structures[place]["elements"] if place in structures else {}
        for written in (name, f"{name}[x]"):
            if (facts := elements.get(written)) is None:
                continue
            types = facts["types"].split()
            content = facts.get("content")
            return [content] if content else types, set(types), written != name
    raise NotResolved(f"{branch}: {' or '.join(here)} has no element {name}")
