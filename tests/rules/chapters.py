"""Reads the tables that specify the rules (tables/*.txt): facts in, reasons out.

Each table names a case to start from; a row says what differs and which codes follow, the
deciding one first. The files are written for doctors and lawyers; `render.py` makes a page of
them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_type_hints

from coordinator.rules.consent import judge_consent
from coordinator.rules.decision import Decision, Verdict
from coordinator.rules.facts import (
    AnswerFacts,
    ConsentFacts,
    IdentityFacts,
    RecognitionFacts,
    RoutingFacts,
    ValidityFacts,
)
from coordinator.rules.identity import judge_identity
from coordinator.rules.reuse import judge_answer, judge_recognition, judge_validity
from coordinator.rules.routing import judge_routing

TABLES = Path(__file__).with_name("tables")
JUDGES: dict[str, tuple[type[Any], Callable[[Any], Decision]]] = {
    "identity": (IdentityFacts, judge_identity),
    "consent": (ConsentFacts, judge_consent),
    "routing": (RoutingFacts, judge_routing),
    "validity": (ValidityFacts, judge_validity),
    "recognition": (RecognitionFacts, judge_recognition),
    "answer": (AnswerFacts, judge_answer),
}


@dataclass(frozen=True)
class Row:
    """One line of a table: what differs as written, the facts, the codes that follow."""

    case: str
    differs: str
    facts: Any
    codes: tuple[Verdict, ...]


@dataclass(frozen=True)
class Chapter:
    name: str
    title: str
    intro: str
    judge: Callable[[Any], Decision]
    rows: tuple[Row, ...]


def read_chapter(name: str) -> Chapter:
    facts_class, judge = JUDGES[name]
    lines = (TABLES / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    comment = [line.removeprefix("#").strip() for line in lines if line.startswith("#")]
    body = [line for line in lines if line and not line.startswith("#")]
    first = body[0].removeprefix("start from:")
    start = facts_class(**_facts(facts_class, first))
    cells = [[cell.strip() for cell in line.split("|")] for line in body[2:]]
    rows = tuple(
        Row(
            case=case,
            differs=differs,
            facts=replace(start, **_facts(facts_class, differs)),
            codes=tuple(Verdict[code] for code in codes.split(", ")),
        )
        for case, differs, codes in cells
    )
    return Chapter(name, comment[0], " ".join(comment[2:]), judge, rows)


def _facts(facts_class: type[Any], text: str) -> dict[str, Any]:
    """'birth year, proofed yes' as fields of the facts class."""
    if text.strip() == "-":
        return {}
    hints = get_type_hints(facts_class)
    pairs = [part.split() for part in text.split(",")]
    return {field: _value(hints[field], word) for field, word in pairs}


def _value(kind: Any, word: str) -> Any:
    return {"yes": True, "no": False}[word] if kind is bool else kind[word.upper()]


CHAPTERS = tuple(read_chapter(name) for name in JUDGES)
