"""Which of several versions is the newest (https://hl7.org/fhir/R4/resource.html#versions)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fhir_profiles.terminology.code_system import CodeSystem
from fhir_profiles.terminology.concept_map import ConceptMap
from fhir_profiles.terminology.value_set import ValueSet

Resource = CodeSystem | ValueSet | ConceptMap
_PIECE = re.compile(r"\d+|[A-Za-z]+")
_STANDING = {"active": 2, "draft": 1}


def newest(listed: Iterable[Resource]) -> Resource:
    """The highest version of those in use; numbers in it count as numbers, 10 after 9."""
    return max(listed, key=_order)


def _order(one: Resource) -> tuple[int, list[tuple[bool, int, str]]]:
    pieces = [
        (piece.isdigit(), int(piece[:18]) if piece.isdigit() else 0, piece)
        for piece in _PIECE.findall(one.version or "")
    ]
    return _STANDING.get(str(one.tree.get("status")), 0), pieces
