"""Reads tables/orders.txt: orders with earlier results, and what `decide` must answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from coordinator.rules.decision import Decision, Verdict
from coordinator.rules.facts import (
    Finding,
    LabLevel,
    MethodComparison,
    OrderContext,
    RecognitionFacts,
    ResultStatus,
    UnitComparison,
)
from coordinator.rules.reuse import Order, Prior
from tests.rules.chapters import TABLES

MINUTES = {"d": 1440, "h": 60}
AUTHORED = 1_000_000


def said(code: Verdict) -> Decision:
    return Decision(code, (code,), "test", "1")


RATED = RecognitionFacts(source_level=LabLevel.LEVEL_3, requester_level=LabLevel.LEVEL_2)
WORDS: dict[str, dict[str, Any]] = {
    "preliminary": {"status": ResultStatus.PRELIMINARY},
    "cancelled": {"status": ResultStatus.CANCELLED},
    "abnormal": {"finding": Finding.ABNORMAL},
    "critical": {"finding": Finding.CRITICAL},
    "absent": {"finding": Finding.ABSENT},
    "other_unit": {"unit": UnitComparison.NOT_COMPARABLE},
    "other_method": {"method": MethodComparison.DIFFERENT},
    "event": {"intervening_event": True},
    "never": {"never_reuse": True},
    "unlinked": {"identity": said(Verdict.REVIEW_NAME_AND_BIRTH_ONLY)},
    "denied": {"consent": said(Verdict.DENY_STATED)},
    "unrated": {"recognition": RecognitionFacts()},
}


@dataclass
class Story:
    """One block of the file; `lines` are the lines as written."""

    title: str
    lines: list[str] = field(default_factory=list)

    def values(self, word: str) -> list[str]:
        return [line.partition(" ")[2].strip() for line in self.lines if line.split()[0] == word]

    def order(self) -> Order:
        (text,) = self.values("order")
        members, _, rest = text.partition("  ")
        options = dict((*part.split(), "")[:2] for part in rest.split(","))
        context = next((c for c in OrderContext if c.name.lower() in options), None)
        return Order(
            key=self.title,
            members=tuple(members.split()),
            authored=AUTHORED,
            retest=minutes(options["retest"]),
            validity=minutes(options["validity"]),
            context=context or OrderContext.ORDINARY,
        )

    def priors(self) -> list[Prior]:
        return [_prior(*text.split()) for text in self.values("prior")]

    def codes(self) -> list[str]:
        return self.values("answer")[0].split(", ")

    def keys(self, word: str) -> list[str]:
        return [key for text in self.values(word) for key in text.split()]

    def log(self) -> list[tuple[str, list[str]]]:
        entries = [entry for text in self.values("log") for entry in text.split("; ")]
        return [(key, codes.split(", ")) for key, _, codes in (e.partition(" ") for e in entries)]


def minutes(text: str) -> int:
    """'3h' or '-2d' in minutes."""
    return int(text[:-1]) * MINUTES[text[-1]]


def _prior(key: str, member: str, age: str, *words: str) -> Prior:
    specimen = None if age == "unknown" else AUTHORED - minutes(age)
    given: dict[str, Any] = {
        "identity": said(Verdict.MATCH_CCCD),
        "consent": said(Verdict.PERMIT_POLICY),
        "recognition": RATED,
    }
    for word in words:
        given |= WORDS[word]
    reported = AUTHORED if specimen is None else specimen + 60
    return Prior(key=key, member=member, specimen=specimen, reported=reported, **given)


def read_stories() -> tuple[str, list[Story]]:
    """The introduction and the stories."""
    intro: list[str] = []
    stories: list[Story] = []
    for line in (TABLES / "orders.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            stories.append(Story(line.removeprefix("## ")))
        elif line.startswith("#"):
            intro.append(line.removeprefix("#").strip())
        elif line:
            stories[-1].lines.append(line)
    return " ".join(intro[2:]), stories


INTRO, STORIES = read_stories()
